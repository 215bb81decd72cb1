//! A randomised mix of cancels, timeouts, panics, clean-ups and drops on 4 workers: every task ends exactly once, every
//! clean-up runs exactly once, nothing is left.
//!
//! `HEIST_STRESS_SECONDS` says how long (2 unless given), `HEIST_STRESS_SEED` where it begins; a failure names its seed.
#![cfg(not(heist_loom))]

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::Poll;
use std::time::{Duration, Instant};

use heist::{
    Handle, TaskRef, catch_cancelled, create_task, current_task, sleep, timeout, try_finally, yield_now,
};

/// xorshift: enough to mix.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn fork(&mut self) -> Self {
        Self(self.below(u64::MAX >> 11) * 2 + 1)
    }
}

#[derive(Default)]
struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
    resources: AtomicU64,
    closed: AtomicU64,
    panics: AtomicU64,
    caught: AtomicU64,
    expired: AtomicU64,
    groups: AtomicU64,
}

/// One piece of work in progress.
struct Live(Arc<Counts>);

impl Live {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.begun.fetch_add(1, SeqCst);
        Self(counts.clone())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, SeqCst);
    }
}

type Work = Pin<Box<dyn Future<Output = u64> + Send>>;

fn short(random: &mut Random) -> Duration {
    Duration::from_micros(random.below(1500))
}

/// Polls a future once and drops it.
async fn poll_once(mut work: Work) {
    poll_fn(|cx| {
        let _ = work.as_mut().poll(cx);
        Poll::Ready(())
    })
    .await;
}

/// Polls two futures until one has ended, and drops the other.
async fn first(mut one: Work, mut other: Work) -> u64 {
    poll_fn(|cx| match one.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(value),
        Poll::Pending => other.as_mut().poll(cx),
    })
    .await
}

fn work(mut random: Random, depth: u32, counts: Arc<Counts>) -> Work {
    Box::pin(async move {
        let _live = Live::new(&counts);
        let child = |random: &mut Random| work(random.fork(), depth.saturating_sub(1), counts.clone());
        let choice = if depth == 0 { random.below(3) } else { random.below(20) };
        match choice {
            0 => yield_now().await,
            1 => sleep(short(&mut random)).await,
            2 => {
                for _ in 0..random.below(4) {
                    yield_now().await;
                }
            }
            3 | 4 => {
                let _ = create_task(child(&mut random)).await;
            }
            5 => {
                // A child that somebody else cancels.
                let task = create_task(child(&mut random));
                let target = task.task_ref();
                let delay = short(&mut random);
                drop(create_task(async move {
                    sleep(delay).await;
                    target.cancel();
                }));
                let _ = task.await;
            }
            6 | 7 => {
                let limit = short(&mut random);
                if timeout(limit, child(&mut random)).await.is_err() {
                    counts.expired.fetch_add(1, SeqCst);
                }
            }
            8 | 9 => {
                if let Err(error) = catch_cancelled(child(&mut random)).await {
                    counts.caught.fetch_add(1, SeqCst);
                    match random.below(4) {
                        0 => error.resume().await,
                        1 => sleep(short(&mut random)).await,
                        2 => {
                            current_task().unwrap().uncancel();
                            yield_now().await;
                        }
                        _ => {}
                    }
                }
            }
            10 | 11 => {
                let body = child(&mut random);
                let (begun, closed) = (counts.clone(), counts.clone());
                let pause = short(&mut random);
                try_finally(
                    (),
                    async move |_| {
                        begun.resources.fetch_add(1, SeqCst);
                        body.await;
                    },
                    move |()| async move {
                        sleep(pause).await;
                        closed.closed.fetch_add(1, SeqCst);
                    },
                )
                .await;
            }
            12 => {
                let children: Vec<Work> = (0..3).map(|_| child(&mut random)).collect();
                let _ = heist::gather(children).await;
            }
            13 => {
                drop(create_task(child(&mut random)));
                poll_once(child(&mut random)).await;
            }
            14 => {
                let (one, other) = (child(&mut random), child(&mut random));
                first(one, other).await;
            }
            15 => {
                let fails = random.below(3) == 0;
                let children: Vec<Work> = (0..3).map(|_| child(&mut random)).collect();
                let body = child(&mut random);
                let ended = heist::task_group(async |group: heist::TaskGroup<String>| {
                    for (n, work) in children.into_iter().enumerate() {
                        drop(group.create_task(async move {
                            work.await;
                            if fails && n == 1 { Err("a child fails".to_owned()) } else { Ok(()) }
                        }));
                    }
                    Ok(body.await)
                });
                if ended.await.is_err() {
                    counts.groups.fetch_add(1, SeqCst);
                }
            }
            16 => {
                let _ =
                    heist::wait_for(heist::shield(create_task(child(&mut random))), short(&mut random)).await;
            }
            17 => {
                let tasks: Vec<_> = (0..3).map(|_| create_task(child(&mut random))).collect();
                let (_done, pending) = heist::wait(tasks).return_when(heist::FIRST_COMPLETED).await;
                for task in pending {
                    task.cancel();
                }
            }
            18 => {
                let _ = heist::wait_for(create_task(child(&mut random)), short(&mut random)).await;
            }
            _ if random.below(3) == 0 => {
                counts.panics.fetch_add(1, SeqCst);
                std::panic::resume_unwind(Box::new("a panic of the stress test"));
            }
            _ => {
                current_task().unwrap().cancel();
                child(&mut random).await;
            }
        }
        random.below(100)
    })
}

async fn round(random: &mut Random, counts: &Arc<Counts>) {
    let handle = Handle::current().unwrap();
    let tasks: Vec<_> = (0..64).map(|_| create_task(work(random.fork(), 5, counts.clone()))).collect();
    // A thread that is no worker cancels some of them, and reads the state of all.
    let targets: Vec<TaskRef> = tasks.iter().map(heist::Task::task_ref).collect();
    let mut chooser = random.fork();
    let canceller = std::thread::spawn(move || {
        for _ in 0..40 {
            let target = &targets[chooser.below(targets.len() as u64) as usize];
            match chooser.below(4) {
                0 => drop(format!("{target:?}")),
                1 => drop(target.uncancel()),
                _ => drop(target.cancel_with("by a thread")),
            }
            std::thread::sleep(Duration::from_micros(chooser.below(100)));
        }
    });
    for task in tasks {
        let ended = heist::timeout(Duration::from_secs(60), task.into_future()).await;
        assert!(ended.is_ok(), "a task did not end: {:#?}", handle.all_tasks());
    }
    canceller.join().unwrap();
    // What was detached ends too.
    let me = current_task().unwrap();
    let patience = Instant::now() + Duration::from_secs(60);
    while handle.all_tasks().iter().any(|task| *task != me) {
        assert!(Instant::now() < patience, "tasks are left: {:#?}", handle.all_tasks());
        sleep(Duration::from_millis(1)).await;
    }
    let get = |count: &AtomicU64| count.load(SeqCst);
    assert_eq!(get(&counts.begun), get(&counts.ended), "a piece of work was dropped twice, or never");
    assert_eq!(get(&counts.resources), get(&counts.closed), "a clean-up ran twice, or never");
}

#[test]
fn cancels_timeouts_panics_and_drops_leave_nothing_behind() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = number("HEIST_STRESS_SECONDS").unwrap_or(2);
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = number("HEIST_STRESS_SEED").unwrap_or(clock.as_nanos() as u64) | 1;
    println!("HEIST_STRESS_SEED={seed}");
    let counts = Arc::new(Counts::default());
    let mut runner = heist::Runner::builder().workers(4).build().unwrap();
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut random = Random(seed);
    let mut rounds = 0;
    while Instant::now() < end {
        let quiet = |_: &Handle, _: &heist::ExceptionContext| {};
        runner
            .run(async {
                // Panics that nobody reads are part of the mix.
                Handle::current().unwrap().set_exception_handler(Some(Arc::new(quiet)));
                round(&mut random, &counts).await;
            })
            .unwrap();
        rounds += 1;
    }
    runner.close();
    let get = |count: &AtomicU64| count.load(SeqCst);
    println!(
        "{rounds} rounds: {} pieces of work, {} caught, {} expired, {} failed groups, {} panics, {} clean-ups",
        get(&counts.begun),
        get(&counts.caught),
        get(&counts.expired),
        get(&counts.groups),
        get(&counts.panics),
        get(&counts.closed)
    );
    for count in [&counts.caught, &counts.expired, &counts.groups, &counts.panics, &counts.closed] {
        assert!(get(count) > 0, "the mix has everything in it");
    }
}
