//! A node as a future holds it, and the chain of scopes that are being polled.

use std::cell::UnsafeCell;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Waker};

use super::tree::{Delivered, Kind, NodeId, Tree};
use crate::{CancelledError, context};

/// A node of a task's tree, or one that has not entered any.
///
/// It lives in a pinned future. It is touched by `&mut`, and, while that future's body is polled, through the frame on
/// that thread's stack; never by two threads at once.
#[derive(Debug)]
pub(super) struct Node {
    /// Dropped by hand: most nodes are quiet then, and have nothing to drop.
    place: UnsafeCell<ManuallyDrop<Place>>,
}

// SAFETY: nothing is reachable through a shared `Node` outside of this module, which follows the rule above.
unsafe impl Sync for Node {}

#[derive(Debug)]
struct Place {
    /// The tree that the node stands in.
    tree: Option<Arc<Tree>>,
    /// Where in it. Meaningless without one; not in the same `Option`, so that a new node is plain zeroes.
    id: NodeId,
    /// The header of the task, to compare with the one that is being polled.
    task: usize,
    /// What has come up from the body. Most nodes never have any, and a limit is to be small: it is made, moved and
    /// dropped for each operation that it limits.
    up: Option<Box<Up>>,
    /// Requests of this scope's own that are under way.
    own: u32,
    /// [`CATCHES`], [`STANDS`] and [`HEARD`]: what a poll asks, in one look. As wide as its neighbour: with padding behind it
    /// a new place would be written in overlapping pieces, and a look at it right after would have to wait for them.
    flags: u32,
}

/// The node answers the requests of others. Without it, it passes them on to what is around it.
const CATCHES: u32 = 1;
/// There is a `tree`.
const STANDS: u32 = 1 << 1;
/// There is an `up`.
const HEARD: u32 = 1 << 2;

/// Requests that have come up to a node.
#[derive(Debug, Default)]
struct Up {
    /// Raised by something in the body.
    raised: Option<CancelledError>,
    /// Answered with another error, and to interrupt the body's next suspension.
    later: Option<CancelledError>,
}

impl Place {
    fn entered(&self) -> Option<(&Arc<Tree>, NodeId)> {
        Some((self.tree.as_ref()?, self.id))
    }

    fn enter(&mut self, tree: Arc<Tree>, id: NodeId, task: usize) {
        self.tree = Some(tree);
        self.id = id;
        self.task = task;
        self.flags |= STANDS;
    }

    fn take_tree(&mut self) -> Option<Arc<Tree>> {
        self.flags &= !STANDS;
        self.tree.take()
    }

    fn up(&mut self) -> &mut Up {
        self.flags |= HEARD;
        self.up.get_or_insert_default()
    }
}

/// One scope whose body is being polled, on the stack of that poll.
pub(super) struct Frame {
    parent: *const Frame,
    node: *const Node,
    waker: *const Waker,
}

impl Node {
    pub(super) const fn new(catches: bool) -> Self {
        Self {
            place: UnsafeCell::new(ManuallyDrop::new(Place {
                tree: None,
                id: NodeId::NONE,
                task: 0,
                up: None,
                own: 0,
                flags: if catches { CATCHES } else { 0 },
            })),
        }
    }

    #[inline(always)]
    #[allow(clippy::mut_from_ref, reason = "the cell's own rule, see the type")]
    fn place(&self) -> &mut Place {
        // SAFETY: see the type; no reference to the place is kept across a call that could come back here.
        unsafe { &mut *self.place.get() }
    }

    /// The id, if the node stands in the tree of the task that is being polled.
    fn here(&self, current: *const ()) -> Option<NodeId> {
        let place = self.place();
        let (tree, id) = place.entered()?;
        (place.task == current.addr() && !tree.is_over()).then_some(id)
    }

    /// Whether the scope answers requests of others, or only passes them on.
    #[inline]
    pub(super) fn catches(&self) -> bool {
        self.place().flags & CATCHES != 0
    }

    /// What the node of a scope is.
    pub(super) fn scope(&self) -> Kind {
        if self.catches() { Kind::Scope } else { Kind::Limit }
    }

    /// Whether the node stands in some tree.
    #[inline]
    pub(super) fn is_entered(&self) -> bool {
        self.place().flags & STANDS != 0
    }

    /// Enters the tree of the task that is being polled, or moves to where the node stands now. The scopes around it
    /// enter first. Outside of a task it stays outside of any tree.
    pub(super) fn stand(&self, waker: &Waker, kind: impl FnOnce() -> Kind) -> Option<NodeId> {
        context::with(|context| {
            let context = context?;
            let current = context.current();
            if current.is_null() {
                return None;
            }
            let around = context.frame().cast::<Frame>();
            // SAFETY: a frame is taken out of the context before it goes.
            let parent = unsafe { around.as_ref() }.and_then(Frame::enter);
            self.stand_below(context, parent, waker, kind)
        })
    }

    fn stand_below(
        &self,
        context: &crate::Context,
        parent: Option<NodeId>,
        waker: &Waker,
        kind: impl FnOnce() -> Kind,
    ) -> Option<NodeId> {
        let current = context.current();
        let foreign = (!context.is_current(waker)).then_some(waker);
        if let Some(id) = self.here(current) {
            let (tree, _) = self.place().entered()?;
            tree.moved(id, parent, foreign);
            return Some(id);
        }
        self.leave();
        let tree = context.tree()?;
        let id = tree.enter(parent, kind(), foreign.cloned());
        self.place().enter(tree, id, current.addr());
        Some(id)
    }

    /// Leaves the tree; says whether a request went through the node to its target. A request that it has not answered
    /// goes on to what is around it.
    #[inline]
    pub(super) fn leave(&self) -> bool {
        self.is_entered() && self.leave_tree()
    }

    #[cold]
    #[inline(never)]
    fn leave_tree(&self) -> bool {
        let place = self.place();
        let Some(tree) = place.take_tree() else { return false };
        let forwarded = tree.leave(place.id);
        // If this has handed a request on, whoever polls the task is to see what becomes of it. (A part that another thread
        // drops can hand one on only while the task's own side is about to look anyway.)
        context::with(|context| {
            if let Some(context) =
                context.filter(|context| tree.has_requests() && !context.current().is_null())
            {
                context.settle_after();
            }
        });
        forwarded
    }

    /// Whether the node stands in no tree and nothing has come up to it: then no request is before it.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        let place = self.place();
        debug_assert_eq!(place.flags & STANDS != 0, place.tree.is_some());
        debug_assert_eq!(place.flags & HEARD != 0, place.up.is_some());
        place.flags & (STANDS | HEARD) == 0
    }

    /// Whether the node is quiet and only passes requests on: then it has nothing to do when its body waits.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.place().flags == 0
    }

    /// The request that the node is to answer.
    #[inline]
    pub(super) fn take_request(&self) -> Option<CancelledError> {
        if self.is_quiet() { None } else { self.look_for_request() }
    }

    #[cold]
    #[inline(never)]
    fn look_for_request(&self) -> Option<CancelledError> {
        let place = self.place();
        let raised = place.up.as_mut().and_then(|up| up.raised.take());
        let Some((tree, id)) = place.entered() else { return raised };
        // Both are answered by one end; the one that comes from farther out is the one to tell of.
        let found = tree.take_mark(id);
        if found.is_some() {
            context::with(|context| {
                if let Some(context) = context {
                    context.settle_after();
                }
            });
        }
        found.or(raised)
    }

    /// Says that the node answers: nothing below it has a request to hand on.
    #[cold]
    pub(super) fn answer_below(&self) {
        if let Some((tree, id)) = self.place().entered() {
            tree.answer_below(id);
        }
    }

    /// The request that is to interrupt the body's next suspension.
    pub(super) fn take_later(&self) -> Option<CancelledError> {
        self.place().up.as_mut()?.later.take()
    }

    /// Whether a request of the scope's own is under way.
    pub(super) fn has_own(&self) -> bool {
        self.place().own > 0
    }

    /// Asks the parts of the body to end, for this scope's own reasons.
    pub(super) fn ask_below(&self, error: &CancelledError) -> Delivered {
        let place = self.place();
        let Some((tree, id)) = place.entered() else { return Delivered::Nobody };
        let (tree, id) = (tree.clone(), id);
        let (delivered, _) = tree.deliver_below(Some(id), error, None);
        context::with(|context| {
            if let Some(context) = context {
                context.settle_after();
            }
        });
        delivered
    }

    /// The request from farther out that has gone to what the body awaits, and ends it.
    pub(super) fn forwarded_below(&self) -> Option<CancelledError> {
        let (tree, id) = self.place().entered()?;
        tree.forwarded_below(id)
    }

    /// Counts a request of the scope's own for those inside it, until it ends.
    pub(super) fn set_own(&self) {
        self.place().own = 1;
    }

    /// Has the next [`take_request`](Self::take_request) find this error.
    pub(super) fn note(&self, error: CancelledError) {
        self.place().up().raised = Some(error);
    }

    /// Polls a body with this node around it, on the worker that is inside a task.
    #[inline]
    pub(super) fn around<R>(
        &self,
        worker: Option<&crate::Context>,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> R,
    ) -> R {
        struct Restore<'a>(&'a crate::Context, *const ());
        impl Drop for Restore<'_> {
            #[inline]
            fn drop(&mut self) {
                self.0.set_frame(self.1);
            }
        }
        let Some(worker) = worker else { return poll(cx) };
        let before = worker.frame();
        let frame = Frame { parent: before.cast(), node: self, waker: cx.waker() };
        let _restore = Restore(worker, before);
        worker.set_frame(ptr::from_ref(&frame).cast());
        poll(cx)
    }
}

impl Node {
    #[cold]
    #[inline(never)]
    fn drop_place(&mut self) {
        self.leave();
        // SAFETY: called once, by `drop`, after which nobody uses the place. (A quiet node has nothing in it to be dropped.)
        unsafe { ManuallyDrop::drop(self.place.get_mut()) };
    }
}

impl Drop for Node {
    #[inline]
    fn drop(&mut self) {
        if !self.is_quiet() {
            self.drop_place();
        }
    }
}

impl Frame {
    fn node(&self) -> &Node {
        // SAFETY: the node is in the future whose poll this frame stands for, pinned and borrowed by it.
        unsafe { &*self.node }
    }

    fn parent(&self) -> Option<&Self> {
        // SAFETY: the parent's poll is under way around this one.
        unsafe { self.parent.as_ref() }
    }

    fn waker(&self) -> &Waker {
        // SAFETY: the waker outlives the poll that this frame stands for.
        unsafe { &*self.waker }
    }

    /// The node of this frame, entered.
    fn enter(&self) -> Option<NodeId> {
        context::with(|context| {
            let context = context?;
            if let Some(id) = self.node().here(context.current()) {
                return Some(id);
            }
            let parent = self.parent().and_then(Frame::enter);
            self.node().stand_below(context, parent, self.waker(), || self.node().scope())
        })
    }
}

/// Sends a request to the nearest scope around what is being polled, or to the root of the task; `false` outside of a task.
pub(super) fn raise(error: CancelledError) -> bool {
    context::with(|context| {
        let Some(context) = context else { return false };
        if context.current().is_null() {
            return false;
        }
        // SAFETY: a frame is taken out of the context before it goes.
        match unsafe { context.frame().cast::<Frame>().as_ref() } {
            Some(frame) => frame.node().place().up().raised = Some(error),
            None => context.raise(error),
        }
        true
    })
}

/// Has a request interrupt what is being polled at its next suspension; see [`ask_later`](super::ask_later).
pub(super) fn ask_later(error: CancelledError) -> bool {
    context::with(|context| {
        let Some(context) = context else { return false };
        if context.current().is_null() {
            return false;
        }
        // SAFETY: as in `raise`.
        match unsafe { context.frame().cast::<Frame>().as_ref() } {
            Some(frame) => frame.node().place().up().later = Some(error),
            None => context.ask_later(error),
        }
        true
    })
}

/// How many requests stand around what is being polled: those to the task, and those of the scopes around.
#[inline]
pub(super) fn requests_around() -> u32 {
    context::with(|context| context.map_or(0, requests_around_on))
}

/// As [`requests_around`], on the worker that has this context.
#[inline]
pub(super) fn requests_around_on(context: &crate::Context) -> u32 {
    let requests = context.requests();
    let frame = context.frame().cast::<Frame>();
    if frame.is_null() { requests } else { requests + requests_of_frames(frame) }
}

/// The own requests of this scope and of those around it.
#[inline(never)]
fn requests_of_frames(frame: *const Frame) -> u32 {
    let mut requests = 0;
    // SAFETY: as in `raise`.
    let mut at = unsafe { frame.as_ref() };
    while let Some(frame) = at {
        requests += frame.node().place().own;
        at = frame.parent();
    }
    requests
}
