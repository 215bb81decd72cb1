//! [`Notify`]: a wake-up that is kept for one who comes later.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::{Mutex, mutant};
use pin_project_lite::pin_project;

use crate::statistics::NotifyStatistics;
use crate::waitlist::{End, Turn, WaitList, Waiter, WakeBatch};

/// What those in line wait for: one notification, which goes to the next where it is not used.
const ONE: u32 = 0;
/// What they got when all were notified: their own.
const ALL: u32 = 1;

/// Wakes one task, or all that wait; a notification that finds nobody is kept for the next who comes.
///
/// At most one is kept, so it says that something is to be done, not how much. asyncio has no such thing; its nearest is an
/// [`Event`](crate::Event) that is cleared by who waited.
///
/// ```
/// # use heist_sync::Notify;
/// # async fn example(work: &Notify) {
/// work.notify_one();
/// // Does not wait: the notification was kept.
/// work.notified().await;
/// # }
/// ```
pub struct Notify {
    state: Mutex<State>,
}

struct State {
    /// A notification is kept. Never while somebody waits.
    kept: bool,
    line: WaitList,
}

impl Notify {
    /// Nobody waits, and nothing is kept.
    pub fn new() -> Self {
        Self { state: Mutex::new(State { kept: false, line: WaitList::new() }) }
    }

    /// Wakes the first who waits, or is kept for the next who comes.
    pub fn notify_one(&self) {
        let waker = {
            let mut state = self.state.lock();
            state.kept |= state.line.waiting() == 0;
            state.line.give()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes all who wait; nothing is kept.
    pub fn notify_all(&self) {
        let mut batch = WakeBatch::new();
        {
            let mut state = self.state.lock();
            while state.line.waiting() > 0 {
                state.line.set_first_want(ALL);
                batch.push(state.line.give());
            }
        }
        batch.wake();
    }

    /// Waits for a notification; takes the one that was kept, if any.
    ///
    /// # Cancel safety
    ///
    /// Who is dropped after it was woken by [`notify_one`](Self::notify_one), and has not been polled, hands the
    /// notification on.
    pub fn notified(&self) -> Notified<'_> {
        Notified { notify: self, waiter: Waiter::new() }
    }

    /// Whether a notification is kept, and how many wait for one.
    pub fn statistics(&self) -> NotifyStatistics {
        let state = self.state.lock();
        NotifyStatistics { kept: state.kept, waiting: state.line.waiting() }
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.statistics();
        f.debug_struct("Notify").field("kept", &now.kept).field("waiting", &now.waiting).finish()
    }
}

pin_project! {
    /// The future of [`Notify::notified`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Notified<'a> {
        notify: &'a Notify,
        #[pin]
        waiter: Waiter,
    }

    impl PinnedDrop for Notified<'_> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if !this.waiter.as_mut().entered() {
                return;
            }
            // SAFETY: the waiter entered this line; the lock is held.
            let left = unsafe { this.notify.state.lock().line.leave(this.waiter) };
            if left.granted && left.want == ONE && !mutant("sync-notified-keeps-it") {
                this.notify.notify_one();
            }
            drop(left.waker);
        }
    }
}

impl Notified<'_> {
    fn is_notified(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let mut this = self.project();
        if this.waiter.as_mut().received() {
            return true;
        }
        // What `turn` hands out is dropped after the lock.
        let (turn, _old);
        let mut state = this.notify.state.lock();
        // SAFETY: the waiter entered this line, if any; the lock is held.
        (turn, _old) = unsafe { state.line.turn(this.waiter.as_mut(), cx.waker()) };
        match turn {
            Turn::Used => true,
            Turn::Waiting => false,
            Turn::Idle if std::mem::take(&mut state.kept) => true,
            Turn::Idle => {
                let waker = cx.waker().clone();
                // SAFETY: the waiter is idle, and leaves in `drop`; the lock is held.
                unsafe { state.line.enter_for(this.waiter, waker, End::Back, ONE) };
                false
            }
        }
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let proceed = ready!(poll_proceed(cx));
        if !self.is_notified(cx) {
            return Poll::Pending;
        }
        proceed.made_progress();
        Poll::Ready(())
    }
}

impl fmt::Debug for Notified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified").field("notify", &self.notify).finish_non_exhaustive()
    }
}
