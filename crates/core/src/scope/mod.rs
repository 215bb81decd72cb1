//! Cancellation inside a task: requests that are delivered to parts of it, can be answered, and are counted.
//!
//! * A **scope** is a part of a task that ends with a [`CancelledError`] when it is cancelled, and leaves the rest alone.
//! * A **forwarder** is an await whose target is cancelled instead: another task, a future, a gather.
//! * Both are **nodes** of the task's [`Tree`], which exists once the first node has entered it. A node enters when its
//!   future is first Pending, and leaves when it is done or dropped.
//! * A **request** to a task is counted at once and **delivered** to the leaves of the tree by whoever is about to poll
//!   the task, never by the thread that asks. Where there is no node, the task's future is dropped.
//! * To **answer** is to end with the error; a leaf that goes without an answer hands the request to what is around it.
//!
//! A scope that is no more than a limit (a timeout) need not be in the tree while nothing inside it is: the chain of the
//! scopes whose bodies are being polled lies on the stack, and the first node that enters brings those around it along.
//!
//! Protocol page: `docs/design/cancellation.md`.

#[cfg(all(test, heist_loom))]
mod models;
mod node;
mod tree;
mod watch;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::CancelledError;
use crate::context;
use node::Node;
use tree::Kind;
pub use tree::{CancelTarget, Delivered, Settled, Tree};
pub use watch::{Awaited, Awaits, Watch};

/// A future in a scope of its own: [`Err`] when it was cancelled, by a request to the task, by [`raise`] inside it, or by
/// [`cancel`](Self::cancel).
///
/// Only the leaves of a task's tree are asked: a scope that has others inside hears of a request when one of those passes
/// it on. When it is asked it drops its body before anything in it runs on.
///
/// Outside of a heist task nobody asks it, and it is no more than its body.
// In this order: a limit is made anew for each operation, and with the body's padding before the rest, both would be moved in
// one unaligned piece that the processor cannot take from its store buffer (a fifth of the whole cost).
#[must_use = "futures do nothing unless you `.await` or poll them"]
#[repr(C)]
pub struct Scope<F> {
    node: Node,
    /// How many requests stood around the scope when it began; `u32::MAX` before.
    around: u32,
    cancelled: bool,
    body: Option<F>,
}

impl<F> fmt::Debug for Scope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("ended", &self.body.is_none()).finish_non_exhaustive()
    }
}

impl<F> Scope<F> {
    /// A scope that answers requests to the task.
    pub const fn new(body: F) -> Self {
        Self { body: Some(body), node: Node::new(true), around: u32::MAX, cancelled: false }
    }

    /// A scope that only passes requests to the task on, for those who want to [`cancel`](Self::cancel) the body. It costs
    /// nothing as long as no other node is inside. What it passes on is its caller's to [`raise`].
    pub const fn passing(body: F) -> Self {
        Self { body: Some(body), node: Node::new(false), around: u32::MAX, cancelled: false }
    }

    /// Whether the body has ended or was dropped.
    pub fn is_over(&self) -> bool {
        self.body.is_none()
    }

    /// Whether [`cancel`](Self::cancel) was called.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    fn project(self: Pin<&mut Self>) -> Parts<'_, F> {
        // SAFETY: of what is borrowed here only the body is structurally pinned.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: the body is handed out pinned here alone, never moved, and dropped in place.
        let body = unsafe { Pin::new_unchecked(&mut this.body) };
        Parts { body, node: &this.node, around: &mut this.around, cancelled: &mut this.cancelled }
    }

    /// Cancels the body, for the owner's own reasons: asks the nodes inside, or, if there is none, drops it at once. Poll
    /// the scope next, in this same poll.
    ///
    /// Inside the scope the request counts among those that stand around; see [`asked_from_outside`](Self::asked_from_outside).
    pub fn cancel(self: Pin<&mut Self>, error: &CancelledError) {
        let this = self.project();
        *this.cancelled = true;
        if this.body.is_none() {
            return;
        }
        this.node.set_own();
        if let Delivered::Nobody = this.node.ask_below(error) {
            // What has ended by another request tells of that one.
            this.node.note(this.node.forwarded_below().unwrap_or_else(|| error.clone()));
        }
    }

    /// Whether more requests stand around the scope than when it began: then an error that it gives is not its owner's
    /// alone, and is to be [`raise`]d further.
    pub fn asked_from_outside(&self) -> bool {
        self.around != u32::MAX && node::requests_around() > self.around
    }
}

struct Parts<'a, F> {
    body: Pin<&'a mut Option<F>>,
    node: &'a Node,
    around: &'a mut u32,
    cancelled: &'a mut bool,
}

impl<F: Future> Future for Scope<F> {
    type Output = Result<F::Output, CancelledError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_here(cx)
    }
}

impl<F: Future> Scope<F> {
    /// As [`poll`](Future::poll), compiled into its caller: for those who poll a scope at one place that is hot.
    #[inline(always)]
    pub fn poll_here(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<F::Output, CancelledError>> {
        // SAFETY: what is this thread's context now is so until this poll has returned; see `context::with`. (Inside of that the
        // poll would be a function of its own.)
        match unsafe { context::current().as_ref() } {
            Some(worker) if !worker.current().is_null() => self.project().poll(Some(worker), cx),
            _ => self.poll_outside(cx),
        }
    }

    /// As [`poll_here`](Self::poll_here), outside of a task, where nobody asks.
    #[cold]
    #[inline(never)]
    fn poll_outside(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<F::Output, CancelledError>> {
        self.project().poll(None, cx)
    }
}

impl<F: Future> Parts<'_, F> {
    #[inline(always)]
    fn poll(
        mut self,
        worker: Option<&crate::Context>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<F::Output, CancelledError>> {
        if *self.around == u32::MAX {
            *self.around = worker.map_or(0, node::requests_around_on);
        }
        if let Some(error) = self.node.take_request() {
            return answer(&mut self, error);
        }
        loop {
            let Some(body) = self.body.as_mut().as_pin_mut() else {
                panic!("a scope was polled after it had ended");
            };
            match self.node.around(worker, cx, |cx| body.poll(cx)) {
                Poll::Ready(value) if self.node.is_quiet() => {
                    self.body.set(None);
                    return Poll::Ready(Ok(value));
                }
                Poll::Pending if self.node.is_idle() => return Poll::Pending,
                Poll::Ready(value) => {
                    // A request that has come up to here is answered, also where another part of the body has ended it.
                    if let Some(error) = self.node.take_request() {
                        return answer(&mut self, error);
                    }
                    self.body.set(None);
                    self.node.leave();
                    if let Some(error) = self.node.take_later() {
                        hand_on(&self, error);
                    }
                    return Poll::Ready(Ok(value));
                }
                Poll::Pending => {
                    // Something inside may have passed a request on to here.
                    if let Some(error) = self.node.take_request() {
                        return answer(&mut self, error);
                    }
                    if self.node.catches() || self.node.is_entered() {
                        self.node.stand(cx.waker(), || self.node.scope());
                    }
                    let Some(error) = self.node.take_later() else { return Poll::Pending };
                    if let Delivered::Nobody = self.node.ask_below(&error) {
                        return answer(&mut self, error);
                    }
                }
            }
        }
    }
}

/// A request that was to interrupt the body's next suspension, where none came, interrupts what is around the scope; unless
/// it was the scope's own alone, and ends with it.
#[cold]
fn hand_on<F>(this: &Parts<'_, F>, error: CancelledError) {
    if !this.node.has_own() || node::requests_around() > *this.around {
        ask_later(error);
    }
}

/// Drops the body and gives the error. What is in the body leaves the tree first, and has nothing to hand on where the scope
/// answers.
fn answer<F: Future>(
    this: &mut Parts<'_, F>,
    error: CancelledError,
) -> Poll<Result<F::Output, CancelledError>> {
    if this.node.catches() {
        this.node.answer_below();
    }
    context::quietly(|| this.body.set(None));
    this.node.leave();
    Poll::Ready(Err(error))
}

/// An await whose target is cancelled in its stead. Its owner calls [`pending`](Self::pending) each time it returns
/// Pending, and [`done`](Self::done) when its target has ended.
#[derive(Debug)]
pub struct Forwarder {
    node: Node,
}

impl Default for Forwarder {
    fn default() -> Self {
        Self::new()
    }
}

impl Forwarder {
    /// A forwarder that stands in no tree.
    pub const fn new() -> Self {
        Self { node: Node::new(false) }
    }

    /// The owner is about to return Pending.
    pub fn pending(&mut self, cx: &Context<'_>, target: impl FnOnce() -> Arc<dyn CancelTarget>) {
        self.node.stand(cx.waker(), || Kind::Forward(target()));
    }

    /// The target has ended: whether a request went to it through here. If so, and it ended cancelled, the owner
    /// [`raise`]s that error and stays Pending; any other end answers the request.
    pub fn done(&mut self) -> bool {
        self.node.leave()
    }
}

/// Sends a cancellation to the nearest scope around what is being polled, or else to the root of the task, which then
/// ends cancelled. The caller stays Pending, and is dropped. `false` outside of a heist task: nothing happens.
pub fn raise(error: CancelledError) -> bool {
    node::raise(error)
}

/// Has a request that was answered, but not with its error, interrupt the caller's next suspension: for those who have
/// another error to tell of first. It comes to what then stands in the nearest scope, or the task; where that ends before,
/// to what is around. A request of a scope's own goes no farther than that scope; a task that ends before keeps its value.
/// `false` outside of a heist task: nothing happens.
pub fn ask_later(error: CancelledError) -> bool {
    node::ask_later(error)
}

/// A future that [`raise`]s when it is first polled, and never ends.
#[must_use = "futures do nothing unless you `.await` or poll them"]
#[derive(Debug)]
pub struct Raise {
    error: Option<CancelledError>,
}

impl Raise {
    /// Raises this error.
    pub fn new(error: CancelledError) -> Self {
        Self { error: Some(error) }
    }
}

impl Future for Raise {
    type Output = std::convert::Infallible;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(error) = self.error.take() {
            raise(error);
        }
        Poll::Pending
    }
}
