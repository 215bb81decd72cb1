//! Conditions. Behaviours COND.
#![cfg(not(heist_loom))]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use heist::{
    Condition, Lock, MixedLocksError, Task, catch_cancelled, create_task, sleep, timeout, yield_now,
};
use support::{in_order, on_each_flavour};

type Log = Arc<Mutex<Vec<usize>>>;

fn seen(log: &Log) -> Vec<usize> {
    log.lock().unwrap().clone()
}

async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

/// A lock, a condition, and what those who waited have noted.
#[derive(Default, Clone)]
struct Scene {
    lock: Arc<Lock<u32>>,
    condition: Arc<Condition>,
    log: Log,
}

impl Scene {
    /// A task that waits once and notes its number.
    async fn waiter(&self, number: usize) -> Task<()> {
        let scene = self.clone();
        let task = create_task(async move {
            let guard = scene.lock.lock().await;
            let _guard = scene.condition.wait(guard).await.unwrap();
            scene.log.lock().unwrap().push(number);
        });
        settle().await;
        task
    }

    async fn notify(&self, n: usize) {
        self.condition.notify(&self.lock.lock().await, n).unwrap();
    }

    fn seen(&self) -> Vec<usize> {
        seen(&self.log)
    }
}

#[test]
fn b331_notify_wakes_at_most_so_many_in_order_and_none_before_the_lock_is_free() {
    on_each_flavour(|| async {
        let scene = Scene::default();
        let mut tasks = Vec::new();
        for number in 0..5 {
            tasks.push(scene.waiter(number).await);
        }
        let guard = scene.lock.lock().await;
        scene.condition.notify(&guard, 2).unwrap();
        settle().await;
        assert!(scene.seen().is_empty(), "the lock is held");
        drop(guard);
        settle().await;
        assert_eq!(scene.seen(), [0, 1]);
        scene.notify(1).await;
        settle().await;
        assert_eq!(scene.seen(), [0, 1, 2]);
        scene.condition.notify_all(&scene.lock.lock().await).unwrap();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(scene.seen(), [0, 1, 2, 3, 4]);
        assert!(!scene.lock.locked());
    });
}

#[test]
fn b332_a_waiter_that_is_cancelled_leaves_the_lock_free() {
    on_each_flavour(|| async {
        let scene = Scene::default();
        let waiter = scene.waiter(1).await;
        waiter.cancel();
        assert!(waiter.await.unwrap_err().is_cancelled());
        assert!(!scene.lock.locked());
        // A notification finds nobody, and is nobody's later.
        scene.notify(1).await;
        let later = scene.waiter(2).await;
        settle().await;
        assert!(!later.done());
    });
}

#[test]
fn b333_where_others_want_the_lock_at_that_moment_they_get_it() {
    on_each_flavour(|| async {
        let scene = Scene::default();
        let waiter = scene.waiter(1).await;
        let guard = scene.lock.lock().await;
        let wants = create_task(scene.lock.clone().lock_owned());
        settle().await;
        waiter.cancel();
        assert!(waiter.await.unwrap_err().is_cancelled());
        assert!(!wants.done());
        drop(guard);
        drop(wants.await.unwrap());
        assert!(!scene.lock.locked());
    });
}

#[test]
fn b334_a_waiter_cancelled_while_it_waits_for_the_lock_leaves_the_lock_free() {
    on_each_flavour(|| async {
        let scene = Scene::default();
        let waiter = scene.waiter(1).await;
        let guard = scene.lock.lock().await;
        scene.condition.notify(&guard, 1).unwrap();
        settle().await;
        waiter.cancel();
        assert!(waiter.await.unwrap_err().is_cancelled());
        drop(guard);
        assert!(!scene.lock.locked());
        assert!(scene.seen().is_empty());
    });
}

#[test]
fn b335_a_waiter_cancelled_before_it_noticed_its_notification_passes_it_on() {
    in_order(async {
        let scene = Scene::default();
        let first = scene.waiter(1).await;
        let second = scene.waiter(2).await;
        scene.notify(1).await;
        first.cancel();
        assert!(first.await.unwrap_err().is_cancelled());
        second.await.unwrap();
        assert_eq!(scene.seen(), [2]);
    });
}

#[test]
fn b336_the_same_while_it_waits_for_the_lock_again() {
    on_each_flavour(|| async {
        let scene = Scene::default();
        let first = scene.waiter(1).await;
        let second = scene.waiter(2).await;
        let guard = scene.lock.lock().await;
        scene.condition.notify(&guard, 1).unwrap();
        settle().await;
        first.cancel();
        assert!(first.await.unwrap_err().is_cancelled());
        drop(guard);
        second.await.unwrap();
        assert_eq!(scene.seen(), [2]);
    });
}

#[test]
fn b337_the_cancel_that_ends_a_waiter_is_the_one_that_was_asked_for() {
    on_each_flavour(|| async {
        let scene = Scene::default();
        let (inner, caught) = (scene.clone(), Arc::new(Mutex::new(None)));
        let said = caught.clone();
        let task = create_task(async move {
            let guard = inner.lock.lock().await;
            let error = catch_cancelled(inner.condition.wait(guard)).await.unwrap_err();
            *said.lock().unwrap() = error.message().map(str::to_owned);
        });
        settle().await;
        let guard = scene.lock.lock().await;
        scene.condition.notify(&guard, 1).unwrap();
        settle().await;
        task.cancel_with("enough");
        drop(guard);
        task.await.unwrap();
        assert_eq!(caught.lock().unwrap().as_deref(), Some("enough"));
    });
}

#[test]
fn b338_wait_for_looks_after_each_wake_up_and_keeps_the_lock_where_it_is_true() {
    on_each_flavour(|| async {
        let scene = Scene::default();
        let (inner, looks) = (scene.clone(), Arc::new(Mutex::new(0)));
        let counted = looks.clone();
        let task = create_task(async move {
            let guard = inner.lock.lock().await;
            let look = |value: &mut u32| {
                *counted.lock().unwrap() += 1;
                *value >= 3
            };
            let guard = inner.condition.wait_for(guard, look).await.unwrap();
            *guard
        });
        for value in 1..=3 {
            settle().await;
            let mut guard = scene.lock.lock().await;
            *guard = value;
            scene.condition.notify(&guard, 1).unwrap();
        }
        assert_eq!(task.await.unwrap(), 3);
        assert_eq!(*looks.lock().unwrap(), 4);
        // True from the start: who waits for the lock does not get it in between.
        let guard = scene.lock.lock().await;
        let other = create_task(scene.lock.clone().lock_owned());
        settle().await;
        let guard = scene.condition.wait_for(guard, |value| *value == 3).await.unwrap();
        assert!(!other.done());
        drop(guard);
        drop(other.await.unwrap());
    });
}

#[test]
fn b339_a_wait_given_up_at_a_timeout_leaves_the_lock_free() {
    on_each_flavour(|| async {
        let scene = Scene::default();
        let guard = scene.lock.lock().await;
        let waited = timeout(Duration::from_secs(1), scene.condition.wait(guard)).await;
        assert!(waited.is_err());
        assert!(!scene.lock.locked());
        let _again = scene.lock.lock().await;
    });
}

#[test]
fn a088_wait_and_notify_need_the_guard_and_another_lock_is_an_error() {
    on_each_flavour(|| async {
        // Without a guard they cannot be called at all. With that of another lock:
        let scene = Scene::default();
        let waiter = scene.waiter(1).await;
        let other = Lock::new(0);
        let guard = other.lock().await;
        assert_eq!(scene.condition.notify(&guard, 1), Err(MixedLocksError));
        assert_eq!(scene.condition.notify_all(&guard), Err(MixedLocksError));
        assert!(matches!(scene.condition.wait(guard).await, Err(MixedLocksError)));
        assert!(!other.locked());
        settle().await;
        assert!(!waiter.done());
        scene.notify(1).await;
        waiter.await.unwrap();
        // When nobody waits, another lock is as good.
        scene.condition.notify(&other.lock().await, 1).unwrap();
    });
}

#[test]
fn a089_several_conditions_belong_to_one_lock() {
    on_each_flavour(|| async {
        let scene = Scene::default();
        let other = Scene { condition: Arc::default(), ..scene.clone() };
        let (first, second) = (scene.waiter(1).await, other.waiter(2).await);
        other.notify(1).await;
        second.await.unwrap();
        assert!(!first.done());
        scene.notify(1).await;
        first.await.unwrap();
        assert_eq!(scene.seen(), [2, 1]);
    });
}

#[test]
fn a_producer_and_consumers_lose_nothing() {
    on_each_flavour(|| async {
        let scene = Scene::default();
        let consumers: Vec<_> = (0..4)
            .map(|_| {
                let scene = scene.clone();
                create_task(async move {
                    for _ in 0..50 {
                        let guard = scene.lock.lock().await;
                        let mut guard = scene.condition.wait_for(guard, |value| *value > 0).await.unwrap();
                        *guard -= 1;
                    }
                })
            })
            .collect();
        for _ in 0..200 {
            let mut guard = scene.lock.lock().await;
            *guard += 1;
            scene.condition.notify(&guard, 1).unwrap();
            drop(guard);
            yield_now().await;
        }
        for consumer in consumers {
            consumer.await.unwrap();
        }
        assert_eq!(*scene.lock.lock().await, 0);
    });
}
