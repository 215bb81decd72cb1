//! The lock, and what else is a lock. Behaviours LOCK.
#![cfg(not(heist_loom))]

mod support;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heist::sync::{Notify, OnceCell, RwLock};
use heist::{Lock, LockGuard, NotAcquiredError, Task, create_task, sleep, yield_now};
use support::{in_order, on_each_flavour};

type Log = Arc<Mutex<Vec<usize>>>;

fn seen(log: &Log) -> Vec<usize> {
    log.lock().unwrap().clone()
}

/// Time enough for all that can go on.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// A task that notes its number once it has the lock, and gives it back at once.
async fn waiter(lock: &Arc<Lock<()>>, log: &Log, number: usize) -> Task<()> {
    let (lock, log) = (lock.clone(), log.clone());
    let task = create_task(async move {
        let _guard = lock.lock().await;
        log.lock().unwrap().push(number);
    });
    settle().await;
    task
}

#[test]
fn b321_waiters_get_the_lock_in_their_order_and_nobody_overtakes() {
    on_each_flavour(|| async {
        let (lock, log) = (Arc::new(Lock::new(())), Log::default());
        let guard = lock.lock().await;
        let mut tasks = Vec::new();
        for number in 0..20 {
            tasks.push(waiter(&lock, &log, number).await);
        }
        drop(guard);
        let last = waiter(&lock, &log, 20).await;
        for task in tasks {
            task.await.unwrap();
        }
        last.await.unwrap();
        assert_eq!(seen(&log), (0..=20).collect::<Vec<_>>());
    });
}

#[test]
fn b321_who_comes_between_release_and_wake_up_is_behind() {
    in_order(async {
        let (lock, log) = (Arc::new(Lock::new(())), Log::default());
        let guard = lock.lock().await;
        let task = waiter(&lock, &log, 1).await;
        drop(guard);
        assert!(lock.try_lock().is_none(), "it is the waiter's");
        let _mine = lock.lock().await;
        assert_eq!(seen(&log), [1]);
        task.await.unwrap();
    });
}

#[test]
fn b322_releasing_wakes_one() {
    on_each_flavour(|| async {
        let (lock, log) = (Arc::new(Lock::new(())), Log::default());
        lock.acquire().await;
        let tasks: Vec<_> = (0..3)
            .map(|number| {
                let (lock, log) = (lock.clone(), log.clone());
                create_task(async move {
                    lock.acquire().await;
                    log.lock().unwrap().push(number);
                })
            })
            .collect();
        for turns in 1..=3 {
            settle().await;
            lock.release().unwrap();
            settle().await;
            assert_eq!(seen(&log).len(), turns, "one more, and only one");
        }
        for task in tasks {
            task.await.unwrap();
        }
        lock.release().unwrap();
        assert!(!lock.locked());
    });
}

#[test]
fn b323_a_cancelled_waiter_is_gone_from_the_line() {
    on_each_flavour(|| async {
        let (lock, log) = (Arc::new(Lock::new(())), Log::default());
        let guard = lock.lock().await;
        let first = waiter(&lock, &log, 1).await;
        let second = waiter(&lock, &log, 2).await;
        first.cancel();
        assert!(first.await.unwrap_err().is_cancelled());
        drop(guard);
        second.await.unwrap();
        assert_eq!(seen(&log), [2]);
        assert!(!lock.locked());
    });
}

#[test]
fn b324_b326_who_is_cancelled_after_it_was_chosen_passes_the_lock_on() {
    in_order(async {
        let (lock, log) = (Arc::new(Lock::new(())), Log::default());
        let guard = lock.lock().await;
        let first = waiter(&lock, &log, 1).await;
        let second = waiter(&lock, &log, 2).await;
        drop(guard);
        first.cancel();
        assert!(first.await.unwrap_err().is_cancelled());
        second.await.unwrap();
        assert_eq!(seen(&log), [2]);
        assert!(!lock.locked());
    });
}

#[test]
fn b325_cancel_then_release_lets_exactly_one_of_the_others_have_it() {
    in_order(async {
        let lock = Arc::new(Lock::new(()));
        let log = Log::default();
        lock.acquire().await;
        let task = |number| {
            let (lock, log) = (lock.clone(), log.clone());
            create_task(async move {
                lock.acquire().await;
                log.lock().unwrap().push(number);
            })
        };
        let (first, _second, _third) = (task(1), task(2), task(3));
        settle().await;
        first.cancel();
        lock.release().unwrap();
        settle().await;
        assert_eq!(seen(&log), [2], "the second keeps it; the third waits");
        lock.release().unwrap();
        settle().await;
        assert_eq!(seen(&log), [2, 3]);
    });
}

#[test]
fn b327_the_guard_unlocks_at_the_end_of_its_scope_also_after_an_error_or_a_panic() {
    on_each_flavour(|| async {
        let lock = Arc::new(Lock::new(1));
        {
            let mut value = lock.lock().await;
            assert!(lock.locked());
            *value += 1;
        }
        assert!(!lock.locked());
        let failing = |lock: Arc<Lock<i32>>| async move {
            let _guard = lock.lock().await;
            Err::<(), _>("an error")
        };
        assert_eq!(failing(lock.clone()).await, Err("an error"));
        assert!(!lock.locked());
        let panicking = lock.clone();
        let task = create_task(async move {
            let _guard = panicking.lock().await;
            panic!("a panic");
        });
        assert!(task.await.unwrap_err().panic_message().is_some());
        assert_eq!(*lock.lock().await, 2, "no poison");
    });
}

#[test]
fn a087_releasing_a_lock_that_is_not_acquired_is_an_error() {
    on_each_flavour(|| async {
        let lock = Lock::new(());
        assert_eq!(lock.release(), Err(NotAcquiredError));
        lock.acquire().await;
        assert_eq!(lock.release(), Ok(()));
        assert_eq!(lock.release(), Err(NotAcquiredError));
        let guard = lock.lock().await;
        assert_eq!(lock.release(), Err(NotAcquiredError), "a guard unlocks by itself");
        drop(guard);
        assert!(NotAcquiredError.to_string().contains("not acquired"));
    });
}

#[test]
fn a_lock_is_held_across_awaits_by_one_task_at_a_time() {
    on_each_flavour(|| async {
        let lock = Arc::new(Lock::new(0));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let lock = lock.clone();
                create_task(async move {
                    for _ in 0..100 {
                        let mut value = lock.lock().await;
                        let before = *value;
                        yield_now().await;
                        *value = before + 1;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*lock.lock().await, 800);
    });
}

#[test]
fn an_owned_guard_outlives_its_task() {
    on_each_flavour(|| async {
        let lock = Arc::new(Lock::new(1));
        let guard = create_task(lock.clone().lock_owned()).await.unwrap();
        assert!(lock.try_lock_owned().is_none());
        drop(guard);
        assert_eq!(*lock.try_lock_owned().unwrap(), 1);
    });
}

#[test]
fn a_plain_thread_waits_in_the_same_line() {
    on_each_flavour(|| async {
        let lock = Arc::new(Lock::new(0));
        let guard = lock.lock().await;
        let blocking = lock.clone();
        let thread = std::thread::spawn(move || *blocking.lock_blocking() += 1);
        drop(guard);
        thread.join().unwrap();
        assert_eq!(*lock.lock().await, 1);
    });
}

#[test]
fn a_lock_that_is_always_free_lets_the_others_have_their_turn() {
    in_order(async {
        let log = Log::default();
        let other = log.clone();
        let task = create_task(async move { other.lock().unwrap().push(1) });
        let lock = Lock::new(());
        for _ in 0..1000 {
            let _guard = lock.lock().await;
        }
        assert_eq!(seen(&log), [1], "the budget was spent");
        task.await.unwrap();
    });
}

#[test]
fn a_writer_that_waits_holds_back_the_readers_behind_it() {
    in_order(async {
        let (lock, log) = (Arc::new(RwLock::new(())), Log::default());
        let reading = lock.read().await;
        assert!(lock.try_read().is_some());
        let (writer, its_log) = (lock.clone(), log.clone());
        let writer = create_task(async move {
            let _guard = writer.write().await;
            its_log.lock().unwrap().push(1);
        });
        settle().await;
        assert!(lock.try_read().is_none(), "the writer came before");
        let (reader, its_log) = (lock.clone(), log.clone());
        let reader = create_task(async move {
            let _guard = reader.read().await;
            its_log.lock().unwrap().push(2);
        });
        settle().await;
        assert!(seen(&log).is_empty());
        drop(reading);
        writer.await.unwrap();
        reader.await.unwrap();
        assert_eq!(seen(&log), [1, 2]);
    });
}

#[test]
fn a_cancelled_writer_lets_the_readers_behind_it_go_on() {
    on_each_flavour(|| async {
        let lock = Arc::new(RwLock::new(7));
        let _reading = lock.read().await;
        let writer = create_task(lock.clone().write_owned());
        settle().await;
        let reader = create_task(lock.clone().read_owned());
        settle().await;
        assert!(!reader.done());
        writer.cancel();
        assert_eq!(*reader.await.unwrap(), 7);
    });
}

#[test]
fn a_notification_is_kept_for_one_and_passed_on_by_who_is_cancelled() {
    in_order(async {
        let notify = Arc::new(Notify::new());
        notify.notify_one();
        notify.notify_one();
        notify.notified().await;
        let wait = |notify: &Arc<Notify>| {
            let notify = notify.clone();
            create_task(async move { notify.notified().await })
        };
        let (first, second, third) = (wait(&notify), wait(&notify), wait(&notify));
        settle().await;
        assert!(!first.done(), "only one was kept");
        notify.notify_one();
        first.cancel();
        assert!(first.await.unwrap_err().is_cancelled());
        second.await.unwrap();
        assert!(!third.done());
        notify.notify_all();
        third.await.unwrap();
    });
}

#[test]
fn a_value_is_made_once_and_by_the_next_where_the_first_is_cancelled() {
    on_each_flavour(|| async {
        let cell = Arc::new(OnceCell::new());
        let make = |cell: &Arc<OnceCell<usize>>, value: usize| {
            let cell = cell.clone();
            create_task(async move {
                *cell
                    .get_or_init(|| async move {
                        sleep(Duration::from_secs(1)).await;
                        value
                    })
                    .await
            })
        };
        let first = make(&cell, 1);
        settle().await;
        let second = make(&cell, 2);
        settle().await;
        let third = make(&cell, 3);
        settle().await;
        first.cancel();
        assert_eq!((second.await.unwrap(), third.await.unwrap()), (2, 2));
        assert_eq!(cell.get(), Some(&2));
        let failing = OnceCell::<usize>::new();
        assert_eq!(failing.get_or_try_init(|| async { Err("no") }).await, Err("no"));
        assert_eq!(failing.get_or_try_init(|| async { Ok::<_, &str>(5) }).await, Ok(&5));
    });
}

#[test]
fn guards_go_between_threads_and_a_panic_leaves_the_lock_usable() {
    fn is_send<T: Send>(_: &T) {}
    let lock = Lock::new(1);
    let guard = lock.try_lock().unwrap();
    is_send(&guard);
    assert!(std::ptr::eq(LockGuard::lock(&guard), &lock));
    drop(guard);
    let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let _guard = lock.try_lock();
        panic!("with the lock");
    }));
    assert!(panicked.is_err());
    assert!(!lock.locked());
}

#[test]
fn statistics_name_the_task_that_has_the_lock() {
    on_each_flavour(|| async {
        let (lock, wanted) = (Arc::new(Lock::new(())), Log::default());
        assert_eq!(lock.statistics().holder, None);
        let holding = lock.clone();
        let holder = create_task(async move {
            let _guard = holding.lock().await;
            sleep(Duration::from_secs(1)).await;
        });
        settle().await;
        let waiter = waiter(&lock, &wanted, 1).await;
        let statistics = lock.statistics();
        assert!(statistics.locked);
        assert_eq!(statistics.waiting, 1);
        let identity = statistics.holder.expect("a task has it");
        assert_eq!((identity.id, identity.location.line()), (holder.id(), holder.location().line()));
        holder.await.unwrap();
        waiter.await.unwrap();
        assert_eq!(lock.statistics().holder, None);
        let lock = RwLock::new(());
        let _writing = lock.write().await;
        assert!(lock.statistics().holder.is_some(), "the main task is one, too");
    });
}
