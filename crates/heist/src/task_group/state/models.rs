//! loom models of a group's state; see `docs/design/task-group.md`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Wake, Waker};

use heist_core::sync::atomic::AtomicBool;
use heist_core::sync::model::{check as explore, side};
use heist_scheduler::task::Watching;

use super::{Child, Closed, Group};
use crate::group_error::GroupFailure;

/// A flag that a wake or a cancel sets.
struct Flag(AtomicBool);

impl Flag {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(false)))
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Child for Arc<Flag> {
    fn cancel(self) {
        self.wake();
    }

    fn id(&self) -> u64 {
        0
    }
}

type Modelled = Group<u32, Arc<Flag>>;

fn flag() -> (Arc<Flag>, Waker) {
    let flag = Flag::new();
    (flag.clone(), flag.into())
}

fn add(group: &Modelled, task: &Arc<Flag>) -> usize {
    let (key, _) = group.reserve().expect("the group is open");
    group.put(key, task.clone());
    key
}

/// A task that is being made while the group begins its early end is cancelled by one side or the other, or refused.
#[test]
fn make_x_early_end() {
    explore("make_x_early_end", None, || {
        let group = Arc::new(Modelled::new());
        let task = Flag::new();
        let maker = {
            let (group, task) = (group.clone(), task.clone());
            side(move || match group.reserve() {
                Ok((key, _)) => {
                    group.put(key, task);
                    true
                }
                Err(closed) => {
                    assert_eq!(closed, Closed::ShuttingDown);
                    false
                }
            })
        };
        group.cancel();
        let made = maker.join().unwrap();
        assert_eq!(made, task.is_set(), "a task of a group that ends early was not cancelled");
    });
}

/// A task that ends while its reference is noted, and while the group begins to wait: the wait ends, and the place is free.
#[test]
fn end_x_put_x_exit() {
    explore("end_x_put_x_exit", None, || {
        let group = Arc::new(Modelled::new());
        let (key, _) = group.reserve().expect("the group is open");
        let task = {
            let group = group.clone();
            side(move || group.ended(key))
        };
        group.put(key, Flag::new());
        group.exit(false);
        let (woken, waker) = flag();
        let waited = group.poll_empty(&waker);
        task.join().unwrap();
        if waited.is_pending() {
            assert!(woken.is_set(), "the last end woke nobody");
            assert!(group.poll_empty(&waker).is_ready());
        }
        let state = group.state.lock();
        assert_eq!((state.free.len(), state.children.len()), (1, 1), "the place is lost");
    });
}

/// A task adds another one in its last step, while the group waits: the group ends after both, or refuses the second, but only
/// when it has ended.
#[test]
fn grandchild_x_exit() {
    explore("grandchild_x_exit", None, || {
        let group = Arc::new(Modelled::new());
        let first = add(&group, &Flag::new());
        let alive = Arc::new(AtomicBool::new(true));
        let tasks = {
            let (group, alive) = (group.clone(), alive.clone());
            side(move || {
                let second = add(&group, &Flag::new());
                group.ended(first);
                alive.store(false, Ordering::Release);
                group.ended(second);
            })
        };
        group.exit(false);
        let (woken, waker) = flag();
        if group.poll_empty(&waker).is_ready() {
            assert!(!alive.load(Ordering::Acquire), "the group ended before a task of it");
        }
        tasks.join().unwrap();
        let again = group.poll_empty(&waker);
        assert!(again.is_ready());
        assert_eq!(group.reserve().unwrap_err(), Closed::Finished);
        drop(woken);
    });
}

/// A failure while the group's future is polled: that poll sees it, or another one comes and does; then the others are
/// cancelled.
#[test]
fn failure_x_poll() {
    explore("failure_x_poll", None, || {
        let group = Arc::new(Modelled::new());
        let other = Flag::new();
        add(&group, &other);
        let key = add(&group, &Flag::new());
        let failing = {
            let group = group.clone();
            side(move || {
                group.failed(GroupFailure::Error(7));
                group.ended(key);
            })
        };
        let (woken, waker) = flag();
        let seen = group.look(&waker);
        failing.join().unwrap();
        assert!(seen || woken.is_set(), "the group's future sleeps through a failure");
        assert!(seen || group.look(&waker));
        assert!(other.is_set(), "the other task was not cancelled");
        assert_eq!(group.take_failures().len(), 1);
    });
}

/// A task that waits for its turn asks while the one before it ends: it may begin, or is woken.
#[test]
fn turn_x_end() {
    explore("turn_x_end", None, || {
        let group = Arc::new(Modelled::new());
        group.set_limit(1);
        let first = add(&group, &Flag::new());
        let (second, waits) = group.reserve().expect("the group is open");
        assert!(waits);
        group.put(second, Flag::new());
        let before = {
            let group = group.clone();
            side(move || group.ended(first))
        };
        let (woken, waker) = flag();
        let may = group.may_begin(second, &waker);
        before.join().unwrap();
        assert!(may || woken.is_set(), "nobody tells the next in line");
        assert!(group.may_begin(second, &waker));
        group.ended(second);
        group.exit(false);
        assert_eq!(group.poll_empty(&waker), Poll::Ready(()));
    });
}

/// Two tasks end at once while the group waits: one of them is the last.
#[test]
fn two_ends_x_exit() {
    explore("two_ends_x_exit", Some(2), || {
        let group = Arc::new(Modelled::new());
        let keys = [add(&group, &Flag::new()), add(&group, &Flag::new())];
        let tasks = keys.map(|key| {
            let group = group.clone();
            side(move || group.ended(key))
        });
        group.exit(false);
        let (woken, waker) = flag();
        let waited = group.poll_empty(&waker);
        for task in tasks {
            task.join().unwrap();
        }
        assert!(waited.is_ready() || woken.is_set(), "the last end woke nobody");
        assert!(group.poll_empty(&waker).is_ready());
    });
}
