//! Semaphores. Behaviours SEM.
#![cfg(not(heist_loom))]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use heist::{BoundedSemaphore, Semaphore, Task, create_task, sleep, yield_now};
use support::{in_order, on_each_flavour};

type Log = Arc<Mutex<Vec<usize>>>;

fn seen(log: &Log) -> Vec<usize> {
    log.lock().unwrap().clone()
}

async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// A task that takes a permit for good, and notes its number.
async fn taker(semaphore: &Arc<Semaphore>, log: &Log, number: usize) -> Task<()> {
    let (semaphore, log) = (semaphore.clone(), log.clone());
    let task = create_task(async move {
        semaphore.acquire().await.forget();
        log.lock().unwrap().push(number);
    });
    settle().await;
    task
}

#[test]
fn b340_released_permits_go_to_those_who_wait_not_to_newcomers() {
    in_order(async {
        let (semaphore, log) = (Arc::new(Semaphore::new(0)), Log::default());
        let first = taker(&semaphore, &log, 1).await;
        let second = taker(&semaphore, &log, 2).await;
        semaphore.release();
        assert!(semaphore.try_acquire().is_none(), "the permit is the first's");
        semaphore.release();
        let newcomer = taker(&semaphore, &log, 3).await;
        first.await.unwrap();
        second.await.unwrap();
        assert_eq!(seen(&log), [1, 2]);
        semaphore.release();
        newcomer.await.unwrap();
    });
}

#[test]
fn b341_who_releases_and_acquires_again_stands_behind_those_who_wait() {
    in_order(async {
        let (semaphore, log) = (Arc::new(Semaphore::new(1)), Log::default());
        let tasks: Vec<_> = (0..3)
            .map(|number| {
                let (semaphore, log) = (semaphore.clone(), log.clone());
                create_task(async move {
                    for _ in 0..3 {
                        let _permit = semaphore.acquire().await;
                        yield_now().await;
                        log.lock().unwrap().push(number);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(seen(&log), [0, 1, 2, 0, 1, 2, 0, 1, 2]);
    });
}

#[test]
fn b342_b346_several_releases_wake_several_and_locked_says_that_they_are_due() {
    in_order(async {
        let (semaphore, log) = (Arc::new(Semaphore::new(0)), Log::default());
        let first = taker(&semaphore, &log, 1).await;
        let (releasing, its_log) = (semaphore.clone(), log.clone());
        let second = create_task(async move {
            releasing.add_permits(3);
            assert_eq!(releasing.available_permits(), 2);
            assert!(releasing.locked(), "the first has not gone on yet");
            assert!(releasing.try_acquire().is_none());
            releasing.acquire().await.forget();
            its_log.lock().unwrap().push(2);
        });
        let third = taker(&semaphore, &log, 3).await;
        for task in [first, second, third] {
            task.await.unwrap();
        }
        assert_eq!(seen(&log), [1, 2, 3]);
        assert_eq!(semaphore.available_permits(), 0);
    });
}

#[test]
fn b343_cancelled_waiters_are_passed_over_and_one_release_wakes_one() {
    on_each_flavour(|| async {
        let (semaphore, log) = (Arc::new(Semaphore::new(0)), Log::default());
        let mut tasks = Vec::new();
        for number in 0..4 {
            tasks.push(taker(&semaphore, &log, number).await);
        }
        tasks[0].cancel();
        tasks[2].cancel();
        settle().await;
        semaphore.release();
        settle().await;
        assert_eq!(seen(&log), [1], "the first that lives, and only that");
        semaphore.release();
        settle().await;
        assert_eq!(seen(&log), [1, 3]);
    });
}

#[test]
fn b344_a_waiter_cancelled_at_the_time_of_a_release_does_not_swallow_the_permit() {
    in_order(async {
        let (semaphore, log) = (Arc::new(Semaphore::new(0)), Log::default());
        let first = taker(&semaphore, &log, 1).await;
        let second = taker(&semaphore, &log, 2).await;
        first.cancel();
        semaphore.release();
        second.await.unwrap();
        assert_eq!(seen(&log), [2]);
    });
}

#[test]
fn b345_a_waiter_cancelled_after_it_was_handed_a_permit_gives_it_back() {
    in_order(async {
        let (semaphore, log) = (Arc::new(Semaphore::new(0)), Log::default());
        let only = taker(&semaphore, &log, 1).await;
        semaphore.release();
        only.cancel();
        assert!(only.await.unwrap_err().is_cancelled());
        assert_eq!((semaphore.available_permits(), semaphore.locked()), (1, false));
        semaphore.acquire().await.forget();
    });
}

#[test]
fn b347_the_bounded_one_refuses_a_release_too_many() {
    on_each_flavour(|| async {
        let semaphore = Arc::new(BoundedSemaphore::new(2));
        assert!(semaphore.release().is_err(), "none was taken");
        semaphore.acquire().await.forget();
        let permit = semaphore.clone().acquire_owned().await;
        assert!(semaphore.locked());
        assert_eq!(semaphore.release(), Ok(()));
        drop(permit);
        let error = semaphore.release().unwrap_err();
        assert!(error.to_string().contains("released too many times"));
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn a090_a_semaphore_without_permits_is_locked() {
    on_each_flavour(|| async {
        let semaphore = Semaphore::new(0);
        assert!(semaphore.locked());
        assert!(semaphore.try_acquire().is_none());
        semaphore.release();
        assert!(!semaphore.locked());
    });
}

#[test]
fn at_most_so_many_are_in_at_a_time() {
    on_each_flavour(|| async {
        let semaphore = Arc::new(Semaphore::new(3));
        let inside = Arc::new(Mutex::new((0, 0)));
        let tasks: Vec<_> = (0..30)
            .map(|_| {
                let (semaphore, inside) = (semaphore.clone(), inside.clone());
                create_task(async move {
                    let _permit = semaphore.acquire().await;
                    {
                        let mut inside = inside.lock().unwrap();
                        inside.0 += 1;
                        inside.1 = inside.1.max(inside.0);
                    }
                    sleep(Duration::from_secs(1)).await;
                    inside.lock().unwrap().0 -= 1;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*inside.lock().unwrap(), (0, 3));
    });
}

#[test]
fn who_wants_many_is_not_starved_by_those_who_want_few() {
    in_order(async {
        let (semaphore, log) = (Arc::new(Semaphore::new(2)), Log::default());
        let held = semaphore.acquire().await;
        let many = {
            let (semaphore, log) = (semaphore.clone(), log.clone());
            create_task(async move {
                let _two = semaphore.acquire_many(2).await;
                log.lock().unwrap().push(2);
            })
        };
        settle().await;
        assert!(semaphore.locked(), "one is free, and somebody waits");
        let few = taker(&semaphore, &log, 1).await;
        assert!(seen(&log).is_empty());
        drop(held);
        many.await.unwrap();
        few.await.unwrap();
        assert_eq!(seen(&log), [2, 1]);
    });
}

#[test]
fn a_plain_thread_waits_for_a_permit() {
    on_each_flavour(|| async {
        let semaphore = Arc::new(Semaphore::new(0));
        let blocking = semaphore.clone();
        let thread = std::thread::spawn(move || blocking.acquire_blocking().count());
        semaphore.release();
        assert_eq!(thread.join().unwrap(), 1);
    });
}
