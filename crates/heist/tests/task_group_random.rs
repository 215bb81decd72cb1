//! Task groups whose members do anything at any time: none ends before its tasks.
#![cfg(not(heist_loom))]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use heist::{TaskGroup, catch_cancelled, create_task, sleep, task_group, timeout, yield_now};
use support::groups::{BoxFuture, LONG, SECOND, Text};

/// Counts as alive until it is dropped.
struct Alive(Arc<AtomicU32>);

impl Alive {
    fn new(count: &Arc<AtomicU32>) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// One of the many: yields a few times, and then ends well, fails, panics, adds another one, or cancels its group.
fn random_member(group: TaskGroup<Text>, seed: u32, alive: Alive) -> BoxFuture {
    Box::pin(async move {
        let _alive = alive;
        for _ in 0..seed % 5 {
            if let Err(error) = catch_cancelled(yield_now()).await {
                // Some take their time, and some fail in the end.
                yield_now().await;
                if seed % 7 == 0 {
                    return Err("in clean-up");
                }
                error.resume().await
            }
        }
        match seed % 11 {
            0 => Err("broken"),
            1 => std::panic::resume_unwind(Box::new("panicked")),
            2 => {
                group.cancel();
                sleep(LONG).await;
                Ok(())
            }
            3..=5 => {
                let more = Alive::new(&_alive.0);
                let _refused_or_not = group.try_create_task(random_member(group.clone(), seed / 11, more));
                Ok(())
            }
            _ => Ok(()),
        }
    })
}

#[test]
fn no_group_ends_before_its_tasks_whatever_happens_on_four_workers() {
    let mut runner = heist::Runner::builder().workers(4).virtual_time().build().unwrap();
    let mut random = 0x2545_F491_u32;
    for round in 0..400 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let seed = random >> 4;
        runner
            .run(async move {
                let alive = Arc::new(AtomicU32::new(0));
                let count = alive.clone();
                let after = Arc::new(AtomicU32::new(u32::MAX));
                let seen = after.clone();
                let parent = create_task(async move {
                    let group = task_group(async |group: TaskGroup<Text>| {
                        let group = if seed % 3 == 0 { group.limit(2) } else { group };
                        for n in 0..8_u32 {
                            let seed = seed.rotate_left(n * 3);
                            let member = random_member(group.clone(), seed, Alive::new(&count));
                            drop(group.task(member).eager(seed % 13 == 0).spawn());
                            if seed % 4 == 0 {
                                yield_now().await;
                            }
                        }
                        Ok(())
                    });
                    let ended = catch_cancelled(timeout(SECOND * 3600 * 2, group)).await;
                    seen.store(count.load(SeqCst), SeqCst);
                    ended.is_ok()
                });
                for _ in 0..seed % 6 {
                    yield_now().await;
                }
                if seed % 2 == 0 {
                    parent.cancel();
                }
                // Cancelled before it began, it has seen nothing; else it has seen all of them gone.
                let _ = parent.await;
                assert!([0, u32::MAX].contains(&after.load(SeqCst)), "round {round}: {after:?} alive");
                assert_eq!(alive.load(SeqCst), 0, "round {round}");
            })
            .unwrap();
    }
    assert!(runner.get_loop().unwrap().all_tasks().is_empty());
}
