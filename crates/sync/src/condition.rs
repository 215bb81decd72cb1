//! asyncio's [`Condition`]: waiting, with a lock, for what others do to the guarded value.
//!
//! A condition is a line and nothing else. Who waits enters it before the lock is free, so whoever takes the lock to
//! change the value finds them there. To notify is to move waiters, in their order, from this line to that of the lock:
//! nobody is woken for a lock that the notifier still holds. A waiter is woken once, when the lock is its own. One that is
//! dropped in between passes its notification on. Protocol page: `docs/design/sync.md`.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::{Mutex, mutant};
use pin_project_lite::pin_project;

use crate::lock::{HoldsLock, Lock, LockGuard};
use crate::permits::{Permits, Source};
use crate::statistics::WaitStatistics;
use crate::waitlist::{End, WaitList, Waiter, WakeBatch};

/// What a waiter wants in the line of the condition; in that of the lock it wants a permit.
const NOTIFICATION: u32 = 0;

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
    ///
    /// ```
    /// # use heist_sync::Condition;
    /// assert_eq!(Condition::new().statistics().waiting, 0);
    /// ```
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
    ///
    /// ```
    /// # use heist_sync::{Condition, Lock};
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let (stock, changed) = (Lock::new(0), Condition::new());
    /// let mut waits = pin!(changed.wait(stock.lock_blocking()));
    /// assert!(waits.as_mut().poll(&mut cx).is_pending());
    /// // The lock is free meanwhile:
    /// *stock.lock_blocking() += 1;
    /// changed.notify_all(&stock.lock_blocking())?;
    /// assert!(waits.as_mut().poll(&mut cx).is_ready());
    /// # Ok::<(), heist_sync::MixedLocksError>(())
    /// ```
    #[track_caller]
    pub fn wait<'a, T: ?Sized>(&self, guard: LockGuard<'a, T>) -> ConditionWait<'_, 'a, T> {
        let lock = LockGuard::lock(&guard);
        ConditionWait { condition: self, lock, guard: Some(guard), waiter: Waiter::for_user() }
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
    ///
    /// ```
    /// # use heist_sync::{Condition, Lock};
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = pin!(future);
    /// #     loop {
    /// #         if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
    /// #             return output;
    /// #         }
    /// #     }
    /// # }
    /// # block_on(async {
    /// let (stock, changed) = (Lock::new(3), Condition::new());
    /// let mut stocked = changed.wait_for(stock.lock().await, |stock| *stock > 0).await.unwrap();
    /// *stocked -= 1;
    /// assert_eq!(*stocked, 2);
    /// # });
    /// ```
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
    ///
    /// ```
    /// # use heist_sync::{Condition, Lock};
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let (stock, changed) = (Lock::new(0), Condition::new());
    /// let mut waits = pin!(changed.wait(stock.lock_blocking()));
    /// assert!(waits.as_mut().poll(&mut cx).is_pending());
    /// changed.notify(&stock.lock_blocking(), 1)?;
    /// assert_eq!(changed.statistics().waiting, 0);
    /// # Ok::<(), heist_sync::MixedLocksError>(())
    /// ```
    pub fn notify(&self, guard: &impl HoldsLock, n: usize) -> Result<(), MixedLocksError> {
        let mut batch = WakeBatch::new();
        {
            let mut state = self.state.lock();
            let permits = guard.permits();
            state.accepts(permits.address())?;
            permits.take_in(&mut state.line, n, &mut batch);
        }
        batch.wake();
        Ok(())
    }

    /// Wakes all who wait, in their order. asyncio: `notify_all`.
    ///
    /// # Errors
    ///
    /// As for [`notify`](Self::notify).
    ///
    /// ```
    /// # use heist_sync::{Condition, Lock};
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let (stock, changed) = (Lock::new(0), Condition::new());
    /// let mut one = pin!(changed.wait(stock.lock_blocking()));
    /// assert!(one.as_mut().poll(&mut cx).is_pending());
    /// let mut other = pin!(changed.wait(stock.lock_blocking()));
    /// assert!(other.as_mut().poll(&mut cx).is_pending());
    /// changed.notify_all(&stock.lock_blocking())?;
    /// assert_eq!(changed.statistics().waiting, 0);
    /// # Ok::<(), heist_sync::MixedLocksError>(())
    /// ```
    pub fn notify_all(&self, guard: &impl HoldsLock) -> Result<(), MixedLocksError> {
        self.notify(guard, usize::MAX)
    }

    /// How many wait and have not been notified.
    ///
    /// ```
    /// # use heist_sync::{Condition, Lock};
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let (stock, changed) = (Lock::new(0), Condition::new());
    /// let mut waits = pin!(changed.wait(stock.lock_blocking()));
    /// assert!(waits.as_mut().poll(&mut cx).is_pending());
    /// assert_eq!(changed.statistics().waiting, 1);
    /// ```
    pub fn statistics(&self) -> WaitStatistics {
        WaitStatistics { waiting: self.state.lock().line.waiting() }
    }

    /// Passes on a notification that came to a waiter that is gone, to one who waits with the same lock.
    fn pass_on(&self, permits: &Permits) {
        let mut batch = WakeBatch::new();
        {
            let mut state = self.state.lock();
            if state.lock == permits.address() {
                permits.take_in(&mut state.line, 1, &mut batch);
            }
        }
        batch.wake();
    }
}

impl Default for Condition {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").field("waiting", &self.statistics().waiting).finish()
    }
}

/// A condition was used with two locks at a time. asyncio makes each condition with its lock, so there it cannot happen.
///
/// ```
/// # use heist_sync::{Condition, Lock, MixedLocksError};
/// # use std::{future::Future, pin::pin, task::{Context, Waker}};
/// # let mut cx = Context::from_waker(Waker::noop());
/// let (stock, other, changed) = (Lock::new(0), Lock::new(0), Condition::new());
/// let mut waits = pin!(changed.wait(stock.lock_blocking()));
/// assert!(waits.as_mut().poll(&mut cx).is_pending());
/// assert_eq!(changed.notify_all(&other.lock_blocking()), Err(MixedLocksError));
/// ```
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
    ///
    /// ```
    /// # use heist_sync::{Condition, ConditionWait, Lock};
    /// # let (lock, condition) = (Lock::new(0), Condition::new());
    /// let waits: ConditionWait<'_, '_, i32> = condition.wait(lock.lock_blocking());
    /// # drop(waits);
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct ConditionWait<'c, 'a, T: ?Sized> {
        condition: &'c Condition,
        lock: &'a Lock<T>,
        // Until the first poll.
        guard: Option<LockGuard<'a, T>>,
        // In the line of the condition, then in that of the lock.
        #[pin]
        waiter: Waiter,
    }

    impl<T: ?Sized> PinnedDrop for ConditionWait<'_, '_, T> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !this.waiter.as_mut().must_leave() {
                return;
            }
            let (condition, lock) = (*this.condition, *this.lock);
            if let Some(waker) = condition.leave(this.waiter.as_mut()) {
                drop(waker);
                return;
            }
            // Notified: it is in the line of the lock, or has the lock.
            // SAFETY: the waiter was moved to this line.
            unsafe { lock.permits().leave(this.waiter) };
            if !mutant("sync-condition-keeps-the-notification") {
                condition.pass_on(lock.permits());
            }
        }
    }
}

impl Condition {
    /// Takes a waiter out of the line; none where it was notified.
    fn leave(&self, mut waiter: Pin<&mut Waiter>) -> Option<Waker> {
        let mut state = self.state.lock();
        // SAFETY: the waiter entered this line; the lock is held, and a waiter is moved under this lock.
        if unsafe { state.line.want(waiter.as_mut()) } != NOTIFICATION {
            return None;
        }
        // SAFETY: the waiter is in this line; the lock is held.
        unsafe { state.line.leave(waiter) }.waker
    }

    /// Whether a waiter was notified; one that was not goes on with `waker`.
    fn has_notified(&self, mut waiter: Pin<&mut Waiter>, waker: &Waker) -> bool {
        // What `turn` hands out is dropped after the lock.
        let (_waits, _old);
        let mut state = self.state.lock();
        // SAFETY: the waiter entered this line; the lock is held, and a waiter is moved under this lock.
        let notified = unsafe { state.line.want(waiter.as_mut()) } != NOTIFICATION;
        if !notified {
            // SAFETY: the waiter is in this line; the lock is held.
            (_waits, _old) = unsafe { state.line.turn(waiter, waker) };
        }
        notified
    }
}

impl<T: ?Sized> ConditionWait<'_, '_, T> {
    /// Enters the line, then unlocks: who has the lock next finds this waiter there.
    fn begin(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Result<(), MixedLocksError> {
        let mut this = self.project();
        let Some(guard) = this.guard.take() else { return Ok(()) };
        this.waiter.as_mut().polled();
        let guard = if mutant("sync-condition-unlocks-first") {
            drop(guard);
            None
        } else {
            Some(guard)
        };
        let waker = cx.waker().clone();
        {
            let mut state = this.condition.state.lock();
            let lock = this.lock.permits().address();
            state.accepts(lock)?;
            state.lock = lock;
            // SAFETY: the waiter is idle, and leaves in `drop`; the lock is held.
            unsafe { state.line.enter_for(this.waiter, waker, End::Back, NOTIFICATION) };
        }
        drop(guard);
        Ok(())
    }

    /// Whether the lock is held again.
    fn has_lock(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let mut this = self.project();
        let permits = this.lock.permits();
        if permits.received(this.waiter.as_mut()) {
            return true;
        }
        if !this.condition.has_notified(this.waiter.as_mut(), cx.waker()) {
            return false;
        }
        // SAFETY: a notified waiter was moved to this line.
        unsafe { permits.look_again(this.waiter, cx.waker()) }
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
        if !self.as_mut().has_lock(cx) {
            return Poll::Pending;
        }
        proceed.made_progress();
        // SAFETY: the lock was given to this waiter, for this guard.
        Poll::Ready(Ok(unsafe { LockGuard::new(self.lock) }))
    }
}

impl<T: ?Sized> fmt::Debug for ConditionWait<'_, '_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConditionWait").field("condition", &self.condition).finish_non_exhaustive()
    }
}
