//! Passing a cancellation of the task that waits on to the future that it waits for.
//!
//! asyncio's rule: cancelling a blocked task cancels the future it is blocked on, for everybody, and the task ends
//! cancelled because its future did. Here the wait is a forwarder in the task's tree (`heist_core::scope`). What the tree
//! asks is a [`Link`], which knows nothing of the future's type: it notes the request and wakes the wait, and the wait
//! cancels the future in its next poll, the one that the request brings about; or when it is dropped before that. A future
//! that is done already refuses ([`Ended`]), and the request stays with the task.
//!
//! Outside of a heist task there is no tree, and nothing of this is made.

use std::sync::Arc;
use std::task::{Context, Waker};

use heist_core::scope::{Awaited, CancelTarget, Forwarder, raise};
use heist_core::sync::Mutex;
use heist_core::sync::atomic::{AtomicBool, Ordering};
use heist_core::{CancelledError, context};

use super::Outcome;

/// What one wait has for its task's tree: nothing, until it is pending in a task.
pub(super) struct Forward(Option<Box<Standing>>);

struct Standing {
    forwarder: Forwarder,
    link: Arc<Link>,
    /// The cancellation was passed on to the task: the wait never ends.
    raised: bool,
}

/// Whether a future is done, for those who do not know its type.
#[derive(Default)]
pub(super) struct Ended(AtomicBool);

impl Ended {
    /// What the future is in the graph of who waits for whom.
    pub(super) fn awaited(self: &Arc<Self>) -> Awaited {
        Awaited::Future(Arc::as_ptr(self).addr())
    }

    /// Release pairs with the Acquire load in `Link::cancel`: a request that is refused comes after the outcome.
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// What the tree asks in the future's stead.
struct Link {
    ended: Arc<Ended>,
    state: Mutex<State>,
}

struct State {
    asked: Option<CancelledError>,
    waker: Waker,
}

impl CancelTarget for Link {
    fn cancel(&self, error: &CancelledError) -> bool {
        // One that ends just after this look answers with its outcome.
        if self.ended.0.load(Ordering::Acquire) {
            return false;
        }
        let waker = {
            let mut state = self.state.lock();
            state.asked = Some(error.clone());
            state.waker.clone()
        };
        waker.wake();
        true
    }

    fn each_awaited(&self, visit: &mut dyn FnMut(Awaited)) {
        visit(self.ended.awaited());
    }
}

impl Forward {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// Whether there is anything to look at: a wait that has been pending in a task.
    #[inline(always)]
    pub(super) fn is_standing(&self) -> bool {
        self.0.is_some()
    }

    /// Whether [`stand`](Self::stand) must be given the future's end: the first time in a task.
    pub(super) fn asks_for_end(&self) -> bool {
        self.0.is_none()
            && context::with(|context| context.is_some_and(|context| !context.current().is_null()))
    }

    /// The wait is about to return Pending.
    #[inline(never)]
    pub(super) fn stand(&mut self, cx: &Context<'_>, ended: Option<Arc<Ended>>) {
        if let Some(ended) = ended {
            let state = State { asked: None, waker: cx.waker().clone() };
            let link = Arc::new(Link { ended, state: Mutex::new(state) });
            self.0 = Some(Box::new(Standing { forwarder: Forwarder::new(), link, raised: false }));
        }
        let Some(standing) = &mut self.0 else { return };
        let before = {
            let mut state = standing.link.state.lock();
            let same = state.waker.will_wake(cx.waker());
            (!same).then(|| std::mem::replace(&mut state.waker, cx.waker().clone()))
        };
        drop(before);
        let link = &standing.link;
        standing.forwarder.pending(cx, || link.clone());
    }

    /// What the tree has asked since the last look.
    #[inline(never)]
    pub(super) fn take_asked(&mut self) -> Option<CancelledError> {
        self.0.as_ref()?.link.state.lock().asked.take()
    }

    /// The future has ended. One that ended cancelled by a request that came through here passes that on to the task, and then
    /// the wait never ends: `true`.
    #[inline(never)]
    pub(super) fn ends<T>(&mut self, outcome: &Outcome<T>) -> bool {
        let Some(standing) = &mut self.0 else { return false };
        let forwarded = standing.forwarder.done();
        if let (true, Outcome::Cancelled(error)) = (forwarded, outcome) {
            standing.raised = raise(error.clone());
        }
        standing.raised
    }

    pub(super) fn is_raised(&self) -> bool {
        self.0.as_ref().is_some_and(|standing| standing.raised)
    }
}
