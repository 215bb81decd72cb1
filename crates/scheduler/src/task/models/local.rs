//! The remote word of a local task: what foreign threads do against the owner, who merges, ends, frees and closes.

use std::sync::Arc;
use std::sync::atomic::Ordering as StdOrdering;
use std::task::{Context, Poll, Waker};

use heist_core::sync::atomic::Ordering;

use super::{Output, Watch};
use crate::models::{Counter, Loop, check, side};
use crate::task::{Task, TaskRef};

/// For models with so many steps on each side that all their orders take minutes.
const MANY_STEPS: Option<usize> = Some(3);

/// A loop with one idle task, its handle, and a waker.
fn idle_task() -> (Loop, Arc<Watch>, Task<Output>, Waker) {
    let loop_ = Loop::new(true);
    let watch = Watch::new();
    let task = loop_.enter(|worker| worker.spawn(watch.future(), std::panic::Location::caller()));
    loop_.drain();
    let waker = watch.waker();
    (loop_, watch, task, waker)
}

/// As worker 0: wakes the task for its last poll, and polls.
fn complete(loop_: &Loop, watch: &Watch, waker: Waker) {
    loop_.enter(|_| {
        watch.finish.store(true, StdOrdering::Relaxed);
        waker.wake();
    });
    loop_.drain();
}

fn drop_here<T>(loop_: &Loop, value: T) {
    loop_.enter(|_| drop(value));
}

/// Nothing is left of the task once the inbox is merged.
fn assert_over(loop_: Loop, watch: &Watch) {
    loop_.drain();
    loop_.enter(|_| watch.assert_over());
    loop_.drain();
    assert_eq!(loop_.held(), 0, "a reference leaked");
    loop_.close();
}

#[test]
fn foreign_wake_and_owner_run() {
    check("foreign_wake_and_owner_run", None, || {
        let (loop_, watch, task, waker) = idle_task();
        let (foreign, written) = (waker.clone(), watch.clone());
        loop_.enter(|_| waker.wake_by_ref());
        let other = side(move || {
            written.wrote.store(1, Ordering::Relaxed);
            foreign.wake();
        });
        loop_.drain();
        other.join().unwrap();
        loop_.drain();
        assert_eq!(watch.seen(), 1, "a wake was lost");
        complete(&loop_, &watch, waker);
        drop_here(&loop_, task);
        assert_over(loop_, &watch);
    });
}

#[test]
fn foreign_wake_by_ref_and_owner_end() {
    check("foreign_wake_by_ref_and_owner_end", MANY_STEPS, || {
        let (loop_, watch, task, waker) = idle_task();
        let foreign = waker.clone();
        drop_here(&loop_, task);
        let other = side(move || {
            foreign.wake_by_ref();
            drop(foreign);
        });
        complete(&loop_, &watch, waker);
        other.join().unwrap();
        assert_over(loop_, &watch);
    });
}

#[test]
fn foreign_drop_and_owner_free() {
    check("foreign_drop_and_owner_free", None, || {
        let (loop_, watch, task, waker) = idle_task();
        let foreign = waker.clone();
        let other = side(move || drop(foreign));
        complete(&loop_, &watch, waker);
        drop_here(&loop_, task);
        loop_.drain();
        other.join().unwrap();
        assert_over(loop_, &watch);
    });
}

/// The owner drops references that a foreign thread counted in the remote word.
#[test]
fn foreign_clone_and_owner_drop() {
    check("foreign_clone_and_owner_drop", MANY_STEPS, || {
        let (loop_, watch, task, waker) = idle_task();
        let foreign = waker.clone();
        drop_here(&loop_, task);
        let handed = Arc::new(heist_core::sync::Mutex::new(Vec::new()));
        let hands = handed.clone();
        let other = side(move || {
            for _ in 0..2 {
                let clone = foreign.clone();
                hands.lock().push(clone);
            }
            drop(foreign);
        });
        let taken = std::mem::take(&mut *handed.lock());
        drop_here(&loop_, taken);
        complete(&loop_, &watch, waker);
        let taken = std::mem::take(&mut *handed.lock());
        drop_here(&loop_, taken);
        loop_.drain();
        other.join().unwrap();
        drop_here(&loop_, handed);
        assert_over(loop_, &watch);
    });
}

#[test]
fn foreign_cancel_and_owner_run() {
    check("foreign_cancel_and_owner_run", Some(3), || {
        let (loop_, watch, task, waker) = idle_task();
        let foreign: TaskRef = loop_.enter(|_| task.task_ref());
        loop_.enter(|_| waker.wake());
        let other = side(move || foreign.cancel());
        loop_.drain();
        other.join().unwrap();
        loop_.drain();
        assert!(task.done(), "the cancellation was lost");
        drop_here(&loop_, task);
        assert_over(loop_, &watch);
    });
}

#[test]
fn foreign_drop_of_the_handle_and_owner_end() {
    check("foreign_drop_of_the_handle_and_owner_end", None, || {
        let (loop_, watch, task, waker) = idle_task();
        let other = side(move || drop(task));
        complete(&loop_, &watch, waker);
        other.join().unwrap();
        assert_over(loop_, &watch);
    });
}

/// Polls a handle on a foreign thread, once.
fn join(task: &mut Task<Output>, woken: &Arc<Counter>) -> Poll<bool> {
    let waker = Waker::from(woken.clone());
    task.poll_done(&mut Context::from_waker(&waker)).map(|()| task.result().is_ok())
}

#[test]
fn foreign_join_and_owner_end() {
    check("foreign_join_and_owner_end", None, || {
        let (loop_, watch, mut task, waker) = idle_task();
        let woken = Arc::new(Counter::default());
        let counter = woken.clone();
        let other = side(move || {
            let first = join(&mut task, &counter);
            (task, first)
        });
        complete(&loop_, &watch, waker);
        let (mut task, first) = other.join().unwrap();
        loop_.drain();
        match first {
            Poll::Ready(ok) => assert!(ok),
            Poll::Pending => {
                assert!(woken.wakes() > 0, "who awaits the task was not woken");
                assert_eq!(join(&mut task, &woken), Poll::Ready(true));
            }
        }
        drop_here(&loop_, task);
        assert_over(loop_, &watch);
    });
}

/// After the end the owner changes counts only; the foreign thread sees the output all the same.
#[test]
fn foreign_look_and_owner_counts() {
    check("foreign_look_and_owner_counts", None, || {
        let (loop_, watch, mut task, waker) = idle_task();
        let clone = waker.clone();
        let seen = watch.clone();
        let other = side(move || {
            if task.done() {
                // What the last poll wrote, and the output.
                seen.seen();
                assert_eq!(join(&mut task, &Arc::default()), Poll::Ready(true));
            }
            task
        });
        complete(&loop_, &watch, waker);
        drop_here(&loop_, clone);
        drop_here(&loop_, other.join().unwrap());
        assert_over(loop_, &watch);
    });
}
