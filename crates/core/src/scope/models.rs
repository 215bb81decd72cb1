//! loom models of the tree: what other threads do to it, beside the turn of the task. See `docs/design/cancellation.md`.

#![allow(clippy::arc_with_non_send_sync)] // loom's threads share one thread of the system

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Poll, RawWaker, RawWakerVTable, Waker};

use super::{Delivered, Scope, Settled, Tree};
use crate::context::{self, SETTLE, YIELDED};
use crate::driver::NoDriver;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, Ordering as LoomOrdering};
use crate::sync::model::{check, side};
use crate::{CancelledError, Clock, Context};

/// A waker that wakes nobody, and leads to the header of a task.
static QUIET: RawWakerVTable =
    RawWakerVTable::new(|header| RawWaker::new(header, &QUIET), |_| {}, |_| {}, |_| {});

/// A task and its worker: what `heist_scheduler::worker::deliver` does, without queues and cells.
struct Desk {
    /// What stands for the header of the task is the address of this.
    tree: Arc<Tree>,
    context: Context,
}

/// How a turn ended.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Idle,
    /// To be polled again.
    Queued,
    Value,
    /// The request came to the root.
    Dropped,
}

impl Desk {
    fn new() -> Self {
        let context = Context::new(0, 1, Clock::virtual_time(), Arc::new(NoDriver));
        let context = context.with_trees(
            |header, _| Some(Self::tree_of(header).clone()),
            |header| Self::tree_of(header).requests(),
        );
        Self { tree: Arc::default(), context }
    }

    fn tree_of<'a>(header: *const ()) -> &'a Arc<Tree> {
        // SAFETY: what is current in this context is the address of a desk's tree, which outlives the poll; see `poll`.
        unsafe { &*header.cast::<Arc<Tree>>() }
    }

    fn poll(&self, mut root: Pin<&mut impl Future<Output = ()>>) -> Poll<()> {
        let header: *const () = ptr::from_ref(&self.tree).cast();
        self.tree.poll_begins();
        // SAFETY: the context outlives the guard, which ends with this function.
        let _entered = unsafe { context::enter(&self.context) };
        self.context.set_current(header);
        // SAFETY: the table does nothing with the pointer.
        let waker = unsafe { Waker::new(header, &QUIET) };
        let polled = root.as_mut().poll(&mut TaskContext::from_waker(&waker));
        self.context.set_current(ptr::null());
        polled
    }

    fn turn(&self, mut root: Pin<&mut impl Future<Output = ()>>) -> Turn {
        if let Some(error) = self.tree.take_fresh() {
            if let (Delivered::Nobody, _) = self.tree.deliver(&error, None) {
                return Turn::Dropped;
            }
        }
        let mut after = SETTLE;
        loop {
            let polled = self.poll(root.as_mut());
            after |= self.context.take_after();
            if self.context.take_raised().is_some() {
                return Turn::Dropped;
            }
            if polled.is_ready() {
                return if self.tree.take_raised().is_some() { Turn::Dropped } else { Turn::Value };
            }
            let yielded = after & YIELDED != 0;
            match self.tree.settle(yielded) {
                Settled::Again => {}
                Settled::Drop(_) => return Turn::Dropped,
                Settled::Waiting => return Turn::Queued,
                Settled::Done if yielded => return Turn::Queued,
                Settled::Done => return Turn::Idle,
            }
        }
    }
}

/// A scope that the task polls in place, and that another thread can take away from it.
type Place = Arc<Mutex<Option<Pin<Box<Scope<std::future::Pending<()>>>>>>>;

/// Polls the scope that lies in `place`, for as long as it does: ready when it has answered.
fn poll_place(place: &Place, cx: &mut TaskContext<'_>) -> Poll<()> {
    let mut place = place.lock();
    let polled = place.as_mut().map_or(Poll::Pending, |scope| scope.as_mut().poll(cx).map(drop));
    if polled.is_ready() {
        *place = None;
    }
    polled
}

fn place() -> Place {
    Arc::new(Mutex::new(Some(Box::pin(Scope::new(pending())))))
}

/// The innermost scope is dropped by another thread while the request is on its way: the scope around it is asked, and not
/// passed over, whenever it has last looked.
#[test]
fn leave_elsewhere_and_delivery() {
    check("leave_elsewhere_and_delivery", None, || {
        let (desk, place) = (Desk::new(), place());
        let inside = place.clone();
        let mut outer = pin!(Scope::new(poll_fn(move |cx| poll_place(&inside, cx))));
        let answered = Arc::new(AtomicUsize::new(0));
        let counted = answered.clone();
        let mut root = pin!(poll_fn(|cx| {
            outer.as_mut().poll(cx).map(|ended| {
                counted.fetch_add(1 + usize::from(ended.is_err()), Ordering::Relaxed);
            })
        }));
        assert_eq!(desk.turn(root.as_mut()), Turn::Idle);
        let other = side(move || {
            let scope = place.lock().take();
            drop(scope);
        });
        desk.tree.request(CancelledError::new(None));
        let turn = desk.turn(root.as_mut());
        other.join().unwrap();
        assert_eq!(turn, Turn::Value, "the scope around has the last word");
        assert_ne!(answered.load(Ordering::Relaxed), 0);
        desk.tree.end();
    });
}

/// A scope that cannot be polled this time, for the task waits for another thread first, is polled the next time: nobody
/// else is asked until then.
#[test]
fn settle_and_a_scope_that_is_polled_later() {
    check("settle_and_a_scope_that_is_polled_later", None, || {
        let desk = Desk::new();
        let busy = crate::sync::Arc::new(AtomicBool::new(false));
        let (looks, clears) = (busy.clone(), busy.clone());
        let mut scope = Box::pin(Scope::new(pending::<()>()));
        let mut root = pin!(poll_fn(move |cx| {
            if looks.load(LoomOrdering::Acquire) {
                context::with(|context| context.map(|context| context.yield_now(cx.waker())));
                return Poll::Pending;
            }
            scope.as_mut().poll(cx).map(drop)
        }));
        assert_eq!(desk.turn(root.as_mut()), Turn::Idle);
        busy.store(true, LoomOrdering::Release);
        let other = side(move || clears.store(false, LoomOrdering::Release));
        desk.tree.request(CancelledError::new(None));
        let mut turn = desk.turn(root.as_mut());
        other.join().unwrap();
        if turn == Turn::Queued {
            turn = desk.turn(root.as_mut());
        }
        assert_eq!(turn, Turn::Value, "the scope answers");
        desk.tree.end();
    });
}

/// A request, its delivery and its withdrawal, each on a thread of its own: what is taken back before its delivery is not
/// delivered, and what is not, is, once.
#[test]
fn request_and_delivery_and_uncancel() {
    check("request_and_delivery_and_uncancel", Some(2), || {
        let tree: Arc<Tree> = Arc::default();
        let (asks, takes_back) = (tree.clone(), tree.clone());
        let first = side(move || asks.request(CancelledError::new(None)));
        let second = side(move || takes_back.uncancel());
        let mut delivered = usize::from(tree.take_fresh().is_some());
        first.join().unwrap();
        let left = second.join().unwrap();
        assert_eq!(left, 0, "one request, taken back or yet to come");
        let before = delivered;
        delivered += usize::from(tree.take_fresh().is_some());
        if tree.requests() == 0 {
            assert_eq!(delivered, before, "what was taken back is delivered no more");
        } else {
            assert_eq!(delivered, 1, "a request that stands is delivered once");
        }
    });
}
