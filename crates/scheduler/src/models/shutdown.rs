//! A loop that is closed while other threads create tasks and wake the last of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use super::{Counter, Loop, check, side};
use crate::task::{Kind, Task};
use crate::worker::create_foreign;

/// Closing takes so many steps that all their orders take minutes.
const MANY_STEPS: Option<usize> = Some(3);

/// Counts the futures that are alive.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A task that leaves its waker and waits for ever; its waker.
fn waiting(loop_: &Loop, count: &Arc<AtomicUsize>) -> (Task<()>, Waker) {
    let alive = Alive::new(count);
    let left = Arc::new(std::sync::Mutex::new(None));
    let leave = left.clone();
    let task = loop_.enter(|worker| {
        let future = std::future::poll_fn(move |cx| {
            let _alive = &alive;
            *leave.lock().unwrap() = Some(cx.waker().clone());
            Poll::Pending
        });
        worker.spawn(future, std::panic::Location::caller())
    });
    loop_.drain();
    let waker = left.lock().unwrap().take().expect("the task was polled");
    (task, waker)
}

fn wake_and_close(name: &str, local: bool, wake: fn(Waker)) {
    check(name, MANY_STEPS, move || {
        let loop_ = Loop::new(local);
        let count = Arc::new(AtomicUsize::new(0));
        let (task, waker) = waiting(&loop_, &count);
        loop_.enter(|_| drop(task));
        let other = side(move || wake(waker));
        loop_.close();
        other.join().unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 0, "a future was not dropped");
        super::assert_none_alive();
    });
}

#[test]
fn last_foreign_wake_and_close() {
    wake_and_close("last_foreign_wake_and_close", false, Waker::wake);
}

#[test]
fn last_foreign_wake_by_ref_and_close() {
    wake_and_close("last_foreign_wake_by_ref_and_close", false, |waker| waker.wake_by_ref());
}

#[test]
fn last_foreign_wake_and_close_of_a_local_loop() {
    wake_and_close("last_foreign_wake_and_close_of_a_local_loop", true, Waker::wake);
}

#[test]
fn foreign_drops_and_close_of_a_local_loop() {
    wake_and_close("foreign_drops_and_close_of_a_local_loop", true, |waker| {
        let clone = waker.clone();
        drop(waker);
        drop(clone);
    });
}

fn spawn_and_close(name: &str, local: bool) {
    check(name, MANY_STEPS, move || {
        let loop_ = Loop::new(local);
        let count = Arc::new(AtomicUsize::new(0));
        let (shared, alive) = (loop_.shared.clone(), Alive::new(&count));
        let other = side(move || {
            let future = async move { drop(alive) };
            create_foreign(&shared, Kind::Task, future, std::panic::Location::caller())
        });
        loop_.close();
        let mut task = other.join().unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 0, "a future was neither run nor dropped");
        // Run before the close, or ended by it: there is a result.
        let joined = task.poll_done(&mut Context::from_waker(Waker::noop()));
        assert!(joined.is_ready(), "a task of a closed loop has no result");
        drop(task);
        super::assert_none_alive();
    });
}

#[test]
fn foreign_spawn_and_close() {
    spawn_and_close("foreign_spawn_and_close", false);
}

#[test]
fn foreign_spawn_and_close_of_a_local_loop() {
    spawn_and_close("foreign_spawn_and_close_of_a_local_loop", true);
}

/// The handle of a task that has not ended goes, or is awaited, on another thread while the loop closes.
fn handle_and_close(name: &str, local: bool, join: bool) {
    check(name, MANY_STEPS, move || {
        let loop_ = Loop::new(local);
        let count = Arc::new(AtomicUsize::new(0));
        let (mut task, waker) = waiting(&loop_, &count);
        loop_.enter(|_| drop(waker));
        let woken = Arc::new(Counter::default());
        let counter = woken.clone();
        let other = side(move || {
            if !join {
                drop(task);
                return None;
            }
            let joiner = Waker::from(counter);
            let joined = task.poll_done(&mut Context::from_waker(&joiner));
            Some((task, joined.is_ready()))
        });
        loop_.close();
        if let Some((mut task, ready)) = other.join().unwrap() {
            if !ready {
                assert!(woken.wakes() > 0, "who awaits the task was not woken");
                let joined = task.poll_done(&mut Context::from_waker(Waker::noop()));
                assert!(joined.is_ready(), "a task of a closed loop has no result");
            }
        }
        assert_eq!(count.load(Ordering::Relaxed), 0, "a future was not dropped");
        super::assert_none_alive();
    });
}

#[test]
fn drop_of_the_handle_and_close() {
    handle_and_close("drop_of_the_handle_and_close", false, false);
}

#[test]
fn join_and_close() {
    handle_and_close("join_and_close", false, true);
}

#[test]
fn foreign_drop_of_the_handle_and_close_of_a_local_loop() {
    handle_and_close("foreign_drop_of_the_handle_and_close_of_a_local_loop", true, false);
}

#[test]
fn foreign_join_and_close_of_a_local_loop() {
    handle_and_close("foreign_join_and_close_of_a_local_loop", true, true);
}
