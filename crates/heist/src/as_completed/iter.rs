//! A thing to await for each task, as a plain `for` loop gives them.
//!
//! They may be awaited in any order, and several at a time: those who wait stand in a line, in the order of their first
//! polls, and the first in line gets the first end.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker, ready};

use heist_core::budget;
use heist_core::sync::Mutex;
use heist_scheduler::{Task, TaskError};

use super::AsCompleted;
use super::ends::{Ends, outcome};

impl<T> IntoIterator for AsCompleted<T> {
    type Item = Completion<T>;
    type IntoIter = Completions<T>;

    /// One thing to await for each task; the one that is awaited first gets the end that comes first.
    fn into_iter(self) -> Completions<T> {
        let left = self.ends.len();
        let state = State { ends: self.ends, ended: VecDeque::new(), line: Vec::new(), next_key: 0 };
        Completions { shared: Arc::new(Mutex::new(state)), left }
    }
}

struct State<T> {
    ends: Ends<T>,
    /// Those that have ended and were not given.
    ended: VecDeque<Task<T>>,
    /// Those who wait, the first in front.
    line: Vec<(u64, Arc<Slot>)>,
    next_key: u64,
}

/// The waker of one who waits.
type Slot = Mutex<Option<Waker>>;

/// Wakes all who stand in line: each finds out for itself whether it is its turn.
struct WakeLine(Vec<Arc<Slot>>);

impl Wake for WakeLine {
    fn wake(self: Arc<Self>) {
        for slot in &self.0 {
            let waker = slot.lock().take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

impl<T> State<T> {
    /// The line, as something to wake.
    fn waker(&self) -> Waker {
        Waker::from(Arc::new(WakeLine(self.line.iter().map(|(_, slot)| slot.clone()).collect())))
    }

    /// Those in line whose turn has come, to be woken after the lock. Each is woken once.
    fn due(&self) -> Vec<Waker> {
        self.line.iter().take(self.ended.len()).filter_map(|(_, slot)| slot.lock().take()).collect()
    }

    /// Takes what has ended; leaves the line's waker where something has not.
    fn advance(&mut self) {
        let waker = self.waker();
        let mut cx = Context::from_waker(&waker);
        while let Poll::Ready(Some(task)) = self.ends.poll(&mut cx) {
            self.ended.push_back(task);
        }
    }
}

/// Goes through the tasks of an [`AsCompleted`]: one [`Completion`] for each.
///
/// ```
/// heist::run(async {
///     let results: heist::Completions<u32> = heist::as_completed([async { 1 }]).into_iter();
///     assert_eq!(results.len(), 1);
///     for result in results {
///         assert_eq!(result.await.unwrap(), 1);
///     }
/// });
/// ```
pub struct Completions<T> {
    shared: Arc<Mutex<State<T>>>,
    left: usize,
}

impl<T> fmt::Debug for Completions<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completions").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<T> Iterator for Completions<T> {
    type Item = Completion<T>;

    fn next(&mut self) -> Option<Completion<T>> {
        self.left = self.left.checked_sub(1)?;
        Some(Completion { shared: self.shared.clone(), key: None, taken: false })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for Completions<T> {}

/// Gives the outcome of a task that ends, the next for which nobody waits before it.
///
/// # Cancel safety
///
/// Dropping it leaves its place in line to the next; no outcome is lost.
///
/// ```
/// heist::run(async {
///     let mut results = heist::as_completed([async { 1 }]).into_iter();
///     let first: heist::Completion<u32> = results.next().unwrap();
///     assert_eq!(first.await.unwrap(), 1);
/// });
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Completion<T> {
    shared: Arc<Mutex<State<T>>>,
    /// The place in line.
    key: Option<(u64, Arc<Slot>)>,
    taken: bool,
}

impl<T> fmt::Debug for Completion<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completion").field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl<T> Future for Completion<T> {
    type Output = Result<T, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.taken {
            panic!("a completion was awaited after it had given its outcome");
        }
        let proceed = ready!(budget::poll_proceed(cx));
        let mut state = this.shared.lock();
        let key = match &this.key {
            Some((key, slot)) => {
                let before = slot.lock().replace(cx.waker().clone());
                drop(before);
                *key
            }
            None => {
                let key = state.next_key;
                state.next_key += 1;
                let slot = Arc::new(Mutex::new(Some(cx.waker().clone())));
                state.line.push((key, slot.clone()));
                this.key = Some((key, slot));
                key
            }
        };
        state.advance();
        let place = state.line.iter().position(|(other, _)| *other == key);
        let task = place.and_then(|place| state.ended.remove(place));
        if let (Some(place), true) = (place, task.is_some()) {
            state.line.remove(place);
        }
        // What was found here may be others' who stand before, or who have moved up.
        let due = state.due();
        drop(state);
        due.into_iter().for_each(Waker::wake);
        let Some(task) = task else { return Poll::Pending };
        this.leave();
        this.taken = true;
        proceed.made_progress();
        Poll::Ready(outcome(task))
    }
}

impl<T> Completion<T> {
    /// Gives up the place in line, if it stands there.
    fn leave(&mut self) {
        let Some((key, slot)) = self.key.take() else { return };
        let mut state = self.shared.lock();
        state.line.retain(|(other, _)| *other != key);
        // Those behind it move up.
        let due = state.due();
        drop(state);
        let own = slot.lock().take();
        drop(own);
        due.into_iter().for_each(Waker::wake);
    }
}

impl<T> Drop for Completion<T> {
    fn drop(&mut self) {
        self.leave();
    }
}
