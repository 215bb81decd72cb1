//! Locks, semaphores, events, conditions, barriers and cells under every executor.

#![cfg(not(heist_loom))]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use heist::sync::{Notify, OnceCell, RwLock};
use heist::{Barrier, BoundedSemaphore, Condition, Event, Lock, Semaphore};
use heist_executors::{Executor, on_each_executor};

const TASKS: usize = 8;
const TURNS: usize = 200;

/// Starts so many futures and awaits them all; returns what they yield.
async fn all<T, F>(executor: Executor, count: usize, future: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let started: Vec<_> = (0..count).map(|i| executor.spawn(future(i))).collect();
    let mut yielded = Vec::new();
    for receiver in started {
        yielded.push(receiver.await.expect("the future ends"));
    }
    yielded
}

/// Lets others run: any executor polls a future again that has woken itself.
async fn pause() {
    smol::future::yield_now().await;
}

#[test]
fn a_lock_has_one_holder_at_a_time() {
    on_each_executor(|executor| async move {
        let lock = Arc::new(Lock::new(0));
        all(executor, TASKS, |_| {
            let lock = Arc::clone(&lock);
            async move {
                for _ in 0..TURNS {
                    let mut number = lock.lock().await;
                    let seen = *number;
                    pause().await;
                    *number = seen + 1;
                }
            }
        })
        .await;
        assert_eq!(*lock.lock().await, TASKS * TURNS);
    });
}

#[test]
fn a_semaphore_lets_in_as_many_as_it_has_permits() {
    on_each_executor(|executor| async move {
        let (semaphore, inside) = (Arc::new(Semaphore::new(3)), Arc::new(AtomicUsize::new(0)));
        let most = all(executor, TASKS, |_| {
            let (semaphore, inside) = (Arc::clone(&semaphore), Arc::clone(&inside));
            async move {
                let mut most = 0;
                for _ in 0..TURNS {
                    let permit = semaphore.acquire().await;
                    most = most.max(inside.fetch_add(1, Ordering::AcqRel) + 1);
                    pause().await;
                    inside.fetch_sub(1, Ordering::AcqRel);
                    drop(permit);
                }
                most
            }
        })
        .await;
        assert!(most.iter().all(|most| (1..=3).contains(most)), "{most:?} were inside at once");
        assert_eq!(semaphore.available_permits(), 3);
    });
}

#[test]
fn a_bounded_semaphore_refuses_a_release_too_many() {
    on_each_executor(|executor| async move {
        let semaphore = Arc::new(BoundedSemaphore::new(1));
        all(executor, TASKS, |_| {
            let semaphore = Arc::clone(&semaphore);
            async move { drop(semaphore.acquire().await) }
        })
        .await;
        assert!(semaphore.release().is_err());
    });
}

#[test]
fn a_writer_is_alone_and_readers_see_whole_values() {
    on_each_executor(|executor| async move {
        let lock = Arc::new(RwLock::new((0, 0)));
        all(executor, TASKS, |i| {
            let lock = Arc::clone(&lock);
            async move {
                for _ in 0..TURNS {
                    if i % 2 == 0 {
                        let mut pair = lock.write().await;
                        pair.0 += 1;
                        pause().await;
                        pair.1 += 1;
                    } else {
                        let pair = lock.read().await;
                        assert_eq!(pair.0, pair.1, "a reader saw half of a write");
                    }
                }
            }
        })
        .await;
        assert_eq!(*lock.read().await, (TASKS / 2 * TURNS, TASKS / 2 * TURNS));
    });
}

#[test]
fn a_lock_for_writing_names_who_has_it() {
    on_each_executor(|executor| async move {
        let lock = Arc::new(RwLock::new(0));
        assert_eq!(lock.statistics().holder, None);
        let taken = lock.clone();
        let holder = executor.spawn(async move { taken.write_owned().await });
        let held = holder.await.expect("it gets the lock");
        let now = lock.statistics();
        assert!(now.locked);
        // Tasks of other executors are not known.
        let is_known = matches!(executor, Executor::Heist | Executor::HeistCurrent);
        assert_eq!(now.holder.is_some(), is_known);
        // `Executor::spawn` is where they are created.
        assert!(now.holder.is_none_or(|holder| holder.id != 0 && holder.location.file().ends_with("lib.rs")));
        drop(held);
        assert_eq!(lock.statistics().holder, None, "a free lock has no holder");
    });
}

#[test]
fn an_event_wakes_all_who_wait() {
    on_each_executor(|executor| async move {
        let event = Arc::new(Event::new());
        let waiting: Vec<_> = (0..TASKS)
            .map(|i| {
                let event = Arc::clone(&event);
                executor.spawn(async move {
                    event.wait().await;
                    i
                })
            })
            .collect();
        pause().await;
        event.set();
        for (i, waiter) in waiting.into_iter().enumerate() {
            assert_eq!(waiter.await, Ok(i));
        }
    });
}

#[test]
fn a_condition_passes_values_through_one_place() {
    on_each_executor(|executor| async move {
        let (place, changed) = (Arc::new(Lock::new(None)), Arc::new(Condition::new()));
        let (taken, notified) = (Arc::clone(&place), Arc::clone(&changed));
        let consumer = executor.spawn(async move {
            let mut sum = 0;
            for _ in 0..TURNS {
                let filled = notified.wait_for(taken.lock().await, |place| place.is_some());
                let mut filled = filled.await.expect("one lock");
                sum += filled.take().expect("it is filled");
                notified.notify_all(&filled).expect("one lock");
            }
            sum
        });
        for i in 0..TURNS {
            let empty = changed.wait_for(place.lock().await, |place| place.is_none());
            let mut empty = empty.await.expect("one lock");
            *empty = Some(i);
            changed.notify_all(&empty).expect("one lock");
        }
        assert_eq!(consumer.await, Ok(TURNS * (TURNS - 1) / 2));
    });
}

#[test]
fn nobody_passes_a_barrier_before_all_have_come() {
    on_each_executor(|executor| async move {
        let barrier = Arc::new(Barrier::new(TASKS).expect("there are parties"));
        let come = Arc::new(AtomicUsize::new(0));
        all(executor, TASKS, |_| {
            let (barrier, come) = (Arc::clone(&barrier), Arc::clone(&come));
            async move {
                for round in 1..=20 {
                    come.fetch_add(1, Ordering::AcqRel);
                    barrier.wait().await.expect("nobody breaks it");
                    assert!(come.load(Ordering::Acquire) >= round * TASKS, "one passed too early");
                    barrier.wait().await.expect("nobody breaks it");
                }
            }
        })
        .await;
        assert_eq!(come.load(Ordering::Acquire), 20 * TASKS);
    });
}

#[test]
fn a_cell_is_made_once() {
    on_each_executor(|executor| async move {
        let (cell, made) = (Arc::new(OnceCell::new()), Arc::new(AtomicUsize::new(0)));
        let seen = all(executor, TASKS, |i| {
            let (cell, made) = (Arc::clone(&cell), Arc::clone(&made));
            async move {
                *cell
                    .get_or_init(|| async {
                        made.fetch_add(1, Ordering::AcqRel);
                        pause().await;
                        i
                    })
                    .await
            }
        })
        .await;
        assert_eq!(made.load(Ordering::Acquire), 1);
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    });
}

#[test]
fn a_notification_wakes_one_waiter_and_is_kept_for_the_next() {
    on_each_executor(|executor| async move {
        let (ping, pong) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (pinged, answered) = (Arc::clone(&ping), Arc::clone(&pong));
        let answering = executor.spawn(async move {
            for _ in 0..TURNS {
                pinged.notified().await;
                answered.notify_one();
            }
        });
        for _ in 0..TURNS {
            ping.notify_one();
            pong.notified().await;
        }
        assert_eq!(answering.await, Ok(()));
    });
}
