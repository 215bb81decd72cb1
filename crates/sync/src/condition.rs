//! asyncio's [`Condition`]: waiting, with a lock, for what others do to the guarded value.
//!
//! A condition is a line and nothing else. Who waits enters it before the lock is free, so whoever takes the lock to
//! change the value finds them there; a notified waiter goes from this line to that of the lock. One that is dropped on
//! the way passes its notification on. Protocol page: `docs/design/sync.md`.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::{Mutex, mutant};
use pin_project_lite::pin_project;

use crate::lock::{Lock, LockFuture, LockGuard};
use crate::waitlist::{End, Turn, WaitList, Waiter, WakeBatch};

/// Lets tasks wait until others have changed what a [`Lock`] guards. asyncio: `Condition`.
///
/// The lock is the caller's: [`wait`](Self::wait) takes its guard and gives it back. Several conditions may be used with
/// one lock; those who wait on one condition at a time all have the same lock.
///
/// ```
/// # use heist_sync::{Condition, Lock, MixedLocksError};
/// # async fn example(stock: &Lock<u32>, changed: &Condition) -> Result<(), MixedLocksError> {
/// // Here it is waited for:
/// let stocked = changed.wait_for(stock.lock().await, |stock| *stock > 0).await?;
/// drop(stocked);
/// // And elsewhere:
/// let mut guard = stock.lock().await;
/// *guard += 1;
/// changed.notify(&guard, 1)?;
/// # Ok(())
/// # }
/// ```
pub struct Condition {
    state: Mutex<State>,
}

struct State {
    line: WaitList,
    /// The lock of those in line; of no meaning where there are none.
    lock: usize,
}

impl State {
    fn accepts(&self, lock: usize) -> Result<(), MixedLocksError> {
        if self.line.waiting() == 0 || self.lock == lock { Ok(()) } else { Err(MixedLocksError) }
    }
}

impl Condition {
    /// A condition that nobody waits for. asyncio: `Condition()`, and `Condition(lock)`.
    pub fn new() -> Self {
        Self { state: Mutex::new(State { line: WaitList::new(), lock: 0 }) }
    }

    /// Unlocks, waits for a notification, and locks again. asyncio: `wait`.
    ///
    /// Look at the value again after it: others may have had the lock in between. [`wait_for`](Self::wait_for) does.
    ///
    /// # Errors
    ///
    /// [`MixedLocksError`] where others wait on this condition with another lock. The guard is gone then.
    ///
    /// # Cancel safety
    ///
    /// With the future the guard is gone, and the lock is free for others. A notification that it had got goes to the
    /// next in line.
    pub fn wait<'a, T: ?Sized>(&self, guard: LockGuard<'a, T>) -> ConditionWait<'_, 'a, T> {
        let lock = LockGuard::lock(&guard);
        ConditionWait { condition: self, lock, guard: Some(guard), waiter: Waiter::new(), again: None }
    }

    /// Waits until `predicate` says true of the value; it is asked now, and after each notification. asyncio: `wait_for`.
    ///
    /// Where it is true from the start, the lock is not let go.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    ///
    /// # Cancel safety
    ///
    /// As for [`wait`](Self::wait).
    pub async fn wait_for<'a, T: ?Sized>(
        &self,
        mut guard: LockGuard<'a, T>,
        mut predicate: impl FnMut(&mut T) -> bool,
    ) -> Result<LockGuard<'a, T>, MixedLocksError> {
        while !predicate(&mut guard) {
            guard = self.wait(guard).await?;
        }
        Ok(guard)
    }

    /// Wakes up to `n` of those who wait, in their order; each goes on when it has the lock. asyncio: `notify`.
    ///
    /// # Errors
    ///
    /// [`MixedLocksError`] where those who wait have another lock than that of `guard`; nobody is woken.
    pub fn notify<T: ?Sized>(&self, guard: &LockGuard<'_, T>, n: usize) -> Result<(), MixedLocksError> {
        let mut batch = WakeBatch::new();
        {
            let mut state = self.state.lock();
            state.accepts(LockGuard::lock(guard).address())?;
            for _ in 0..n.min(state.line.waiting()) {
                batch.push(state.line.give());
            }
        }
        batch.wake();
        Ok(())
    }

    /// Wakes all who wait, in their order. asyncio: `notify_all`.
    ///
    /// # Errors
    ///
    /// As for [`notify`](Self::notify).
    pub fn notify_all<T: ?Sized>(&self, guard: &LockGuard<'_, T>) -> Result<(), MixedLocksError> {
        self.notify(guard, usize::MAX)
    }

    /// How many wait and have not been notified.
    pub(crate) fn waiting(&self) -> usize {
        self.state.lock().line.waiting()
    }

    /// Passes on a notification that came to a waiter that is gone.
    fn pass_on(&self) {
        let waker = self.state.lock().line.give();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Default for Condition {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").field("waiting", &self.waiting()).finish()
    }
}

/// A condition was used with two locks at a time. asyncio makes each condition with its lock, so there it cannot happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MixedLocksError;

impl fmt::Display for MixedLocksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "others wait on this condition with another lock: use one lock for all who wait on a condition",
        )
    }
}

impl Error for MixedLocksError {}

pin_project! {
    /// The future of [`Condition::wait`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ConditionWait<'c, 'a, T: ?Sized> {
        condition: &'c Condition,
        lock: &'a Lock<T>,
        // Until the first poll.
        guard: Option<LockGuard<'a, T>>,
        // In the line of the condition.
        #[pin]
        waiter: Waiter,
        // From the notification on: the way back to the lock.
        #[pin]
        again: Option<LockFuture<'a, T>>,
    }

    impl<T: ?Sized> PinnedDrop for ConditionWait<'_, '_, T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let condition = *this.condition;
            let mut notified = this.again.is_some();
            // The lock first, so that whoever is notified finds it free, or in better hands.
            this.again.set(None);
            if this.waiter.as_mut().entered() {
                // SAFETY: the waiter entered this line; the lock is held.
                let left = unsafe { condition.state.lock().line.leave(this.waiter) };
                notified = left.granted;
                drop(left.waker);
            }
            if notified && !mutant("sync-condition-keeps-the-notification") {
                condition.pass_on();
            }
        }
    }
}

impl<T: ?Sized> ConditionWait<'_, '_, T> {
    /// Enters the line, then unlocks: who has the lock next finds this waiter there.
    fn begin(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Result<(), MixedLocksError> {
        let this = self.project();
        let Some(guard) = this.guard.take() else { return Ok(()) };
        let guard = if mutant("sync-condition-unlocks-first") {
            drop(guard);
            None
        } else {
            Some(guard)
        };
        let waker = cx.waker().clone();
        {
            let mut state = this.condition.state.lock();
            state.accepts(this.lock.address())?;
            state.lock = this.lock.address();
            // SAFETY: the waiter is idle, and leaves in `drop`; the lock is held.
            unsafe { state.line.enter_for(this.waiter, waker, End::Back, 0) };
        }
        drop(guard);
        Ok(())
    }

    /// Whether the notification has come, now or before.
    fn notified(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let mut this = self.project();
        if !this.waiter.as_mut().entered() || this.waiter.as_mut().received() {
            return true;
        }
        // What `turn` hands out is dropped after the lock.
        let (turn, _old);
        let mut state = this.condition.state.lock();
        // SAFETY: the waiter entered this line; the lock is held.
        (turn, _old) = unsafe { state.line.turn(this.waiter, cx.waker()) };
        turn == Turn::Used
    }
}

impl<'a, T: ?Sized> Future for ConditionWait<'_, 'a, T> {
    type Output = Result<LockGuard<'a, T>, MixedLocksError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let proceed = ready!(poll_proceed(cx));
        if self.guard.is_some() {
            self.as_mut().begin(cx)?;
            return Poll::Pending;
        }
        if !self.as_mut().notified(cx) {
            return Poll::Pending;
        }
        let mut this = self.project();
        if this.again.is_none() {
            this.again.set(Some(this.lock.lock()));
        }
        let again = this.again.as_mut().as_pin_mut().expect("it has just been put there");
        let guard = ready!(again.poll_unbudgeted(cx));
        this.again.set(None);
        proceed.made_progress();
        Poll::Ready(Ok(guard))
    }
}

impl<T: ?Sized> fmt::Debug for ConditionWait<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConditionWait").field("condition", &self.condition).finish_non_exhaustive()
    }
}
