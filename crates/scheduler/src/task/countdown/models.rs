//! The countdown: notes against the one who waits, against one another, and against the end of either side.

use std::cell::RefCell;
use std::collections::HashSet;
use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering as StdOrdering;
use std::task::{Context, Poll, Waker};

use super::node::Block;
use super::{Countdown, Wanted};
use crate::models::{Counter, Loop, check, side};
use crate::task::Task;
use crate::task::models::{Output, Watch};

thread_local! {
    /// The blocks that exist: they are counted by the standard library's `Arc`, which loom does not see.
    static ALIVE: RefCell<HashSet<usize>> = RefCell::default();
}

fn address(block: &Block) -> usize {
    ptr::from_ref(block).addr()
}

pub(super) fn note_made(block: &Block) {
    ALIVE.with_borrow_mut(|alive| alive.insert(address(block)));
}

pub(super) fn note_gone(block: &Block) {
    ALIVE.with_borrow_mut(|alive| alive.remove(&address(block)));
}

/// A step on a block must find it there.
pub(super) fn assert_alive(block: &Block) {
    assert!(ALIVE.with_borrow(|alive| alive.contains(&address(block))), "a block was used after its end");
}

fn assert_none_alive() {
    assert!(ALIVE.with_borrow(HashSet::is_empty), "a block was leaked");
}

/// Begins an iteration: one that a mutant ended early may have left something.
fn countdown(tasks: usize, wanted: Wanted) -> (Countdown, Vec<Waker>) {
    ALIVE.with_borrow_mut(HashSet::clear);
    let mut countdown = Countdown::new(tasks, wanted);
    let wakers = (0..tasks).map(|index| Block::arm(&countdown.block, index, ptr::null_mut(), 1)).collect();
    countdown.added = tasks;
    (countdown, wakers)
}

/// Polls until it is ready; each Pending must be followed by a wake, which has come once `other` has ended.
fn wait(countdown: &mut Countdown, woken: &Arc<Counter>) -> Poll<()> {
    let waker = Waker::from(woken.clone());
    countdown.poll(&mut Context::from_waker(&waker))
}

#[test]
fn two_notes_and_poll() {
    check("two_notes_and_poll", None, || {
        let (mut countdown, wakers) = countdown(2, Wanted::All);
        let other = side(move || wakers.into_iter().for_each(Waker::wake));
        let woken = Arc::new(Counter::default());
        let first = wait(&mut countdown, &woken);
        other.join().unwrap();
        if first.is_pending() {
            assert_eq!(woken.wakes(), 1, "who waits was not woken");
            assert!(wait(&mut countdown, &woken).is_ready());
        }
        drop(countdown);
        assert_none_alive();
    });
}

#[test]
fn note_and_note_and_poll() {
    check("note_and_note_and_poll", Some(2), || {
        let (mut countdown, mut wakers) = countdown(2, Wanted::All);
        let sides = [wakers.pop(), wakers.pop()].map(|waker| side(move || waker.unwrap().wake()));
        let woken = Arc::new(Counter::default());
        let first = wait(&mut countdown, &woken);
        sides.into_iter().for_each(|side| side.join().unwrap());
        if first.is_pending() {
            assert_eq!(woken.wakes(), 1, "who waits was not woken");
            assert!(wait(&mut countdown, &woken).is_ready());
        }
        drop(countdown);
        assert_none_alive();
    });
}

/// Each end is told of once, in order, and never without a wake.
#[test]
fn two_notes_and_pops() {
    check("two_notes_and_pops", None, || {
        let (mut countdown, wakers) = countdown(2, Wanted::Any);
        let other = side(move || wakers.into_iter().for_each(Waker::wake));
        let woken = Arc::new(Counter::default());
        let mut seen = Vec::new();
        let _ = wait(&mut countdown, &Arc::default());
        while let Some(ended) = countdown.pop() {
            seen.push(ended.index);
        }
        let second = wait(&mut countdown, &woken);
        other.join().unwrap();
        if second.is_pending() {
            assert!(woken.wakes() > 0, "who waits was not woken");
        }
        while let Some(ended) = countdown.pop() {
            seen.push(ended.index);
        }
        assert_eq!(seen, [0, 1]);
        assert!(wait(&mut countdown, &woken).is_ready());
        drop(countdown);
        assert_none_alive();
    });
}

/// Two that end at once, both noted before the list is taken: the links are right.
#[test]
fn note_and_note_and_pop() {
    check("note_and_note_and_pop", Some(2), || {
        let (mut countdown, mut wakers) = countdown(2, Wanted::Any);
        let sides = [wakers.pop(), wakers.pop()].map(|waker| side(move || waker.unwrap().wake()));
        let mut seen = Vec::new();
        while let Some(ended) = countdown.pop() {
            seen.push(ended.index);
        }
        sides.into_iter().for_each(|side| side.join().unwrap());
        while let Some(ended) = countdown.pop() {
            seen.push(ended.index);
        }
        seen.sort_unstable();
        assert_eq!(seen, [0, 1]);
        drop(countdown);
        assert_none_alive();
    });
}

/// A note that wakes, while the last node and the one who waits let the block go.
#[test]
fn note_and_end_of_the_block() {
    check("note_and_end_of_the_block", None, || {
        let (mut countdown, mut wakers) = countdown(2, Wanted::Any);
        let woken = Arc::new(Counter::default());
        assert!(wait(&mut countdown, &woken).is_pending());
        let waker = wakers.pop().unwrap();
        let other = side(move || waker.wake());
        drop(wakers);
        drop(countdown);
        other.join().unwrap();
        assert_none_alive();
    });
}

#[test]
fn note_and_skip() {
    check("note_and_skip", None, || {
        let (mut countdown, mut wakers) = countdown(2, Wanted::All);
        countdown.added = 1;
        // The second is never made.
        wakers.pop().map(std::mem::forget);
        let waker = wakers.pop().unwrap();
        let other = side(move || waker.wake());
        drop(countdown);
        other.join().unwrap();
        assert_none_alive();
    });
}

/// A clone outlives the node, and wakes.
#[test]
fn clone_and_note() {
    check("clone_and_note", None, || {
        let (mut countdown, wakers) = countdown(1, Wanted::All);
        let clone = wakers[0].clone();
        let woken = Arc::new(Counter::default());
        let first = wait(&mut countdown, &woken);
        let other = side(move || wakers.into_iter().for_each(Waker::wake));
        clone.wake();
        other.join().unwrap();
        assert!(first.is_pending());
        assert_eq!(woken.wakes(), 1);
        assert!(wait(&mut countdown, &woken).is_ready());
        drop(countdown);
        assert_none_alive();
    });
}

#[test]
fn request_and_note() {
    check("request_and_note", None, || {
        let (mut countdown, wakers) = countdown(1, Wanted::All);
        let woken = Arc::new(Counter::default());
        let first = wait(&mut countdown, &woken);
        assert!(first.is_pending());
        let requests = countdown.requests();
        let other = side(move || requests.target().cancel(&heist_core::CancelledError::default()));
        wakers.into_iter().for_each(Waker::wake);
        let taken = other.join().unwrap();
        assert_eq!(woken.wakes(), 1, "who waits was not woken");
        assert_eq!(countdown.take_request().is_some(), taken);
        drop(countdown);
        assert_none_alive();
    });
}

/// A loop with a real task that ends at its next poll, for which it has been woken.
fn about_to_end(local: bool) -> (Loop, Arc<Watch>, Task<Output>) {
    ALIVE.with_borrow_mut(HashSet::clear);
    let loop_ = Loop::new(local);
    let watch = Watch::new();
    let task = loop_.enter(|worker| worker.spawn(watch.future(), Location::caller()));
    loop_.drain();
    let waker = watch.waker();
    loop_.enter(|_| {
        watch.finish.store(true, StdOrdering::Relaxed);
        waker.wake();
    });
    (loop_, watch, task)
}

/// A real task that ends while it is added, on this loop or (`local`) on another's thread.
fn add_and_complete(name: &str, bound: Option<usize>, local: bool) {
    check(name, bound, move || {
        let (loop_, watch, task) = about_to_end(local);
        let woken = Arc::new(Counter::default());
        let counter = woken.clone();
        let other = side(move || {
            let mut countdown = Countdown::new(1, Wanted::All);
            countdown.add(&task);
            let first = wait(&mut countdown, &counter);
            (task, countdown, first)
        });
        loop_.drain();
        let (task, mut countdown, first) = other.join().unwrap();
        loop_.drain();
        if first.is_pending() {
            assert_eq!(woken.wakes(), 1, "who waits was not woken");
            assert!(wait(&mut countdown, &woken).is_ready());
        }
        drop(countdown);
        assert!(loop_.enter(|_| task.into_outcome()).is_ok());
        loop_.drain();
        loop_.enter(|_| watch.assert_over());
        assert_eq!(loop_.held(), 0, "a reference leaked");
        loop_.close();
        assert_none_alive();
    });
}

#[test]
fn add_and_complete_shared() {
    add_and_complete("add_and_complete_shared", None, false);
}

#[test]
fn add_and_complete_foreign() {
    add_and_complete("add_and_complete_foreign", Some(3), true);
}

/// The one who waits takes its waker back while the task ends.
#[test]
fn disarm_and_complete() {
    check("disarm_and_complete", None, || {
        let (loop_, watch, task) = about_to_end(false);
        let mut countdown = Countdown::new(1, Wanted::All);
        countdown.add(&task);
        let other = side(move || {
            task.disarm();
            task
        });
        loop_.drain();
        let task = other.join().unwrap();
        assert_eq!(countdown.left(), 0, "used or dropped");
        drop(countdown);
        drop(task);
        watch.assert_over();
        assert_eq!(loop_.held(), 0, "a reference leaked");
        loop_.close();
        assert_none_alive();
    });
}
