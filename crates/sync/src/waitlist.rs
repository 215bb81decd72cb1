//! The one wait list that all primitives of this crate wait in.
//!
//! Vocabulary: a [`Waiter`] is a place in a line, inside the future that waits. It is *idle*, then *waiting* (linked into
//! the list, with a waker), then *granted* (out of the list, with a turn that it has not yet used). Who grants takes the
//! waker out with the primitive's lock held and wakes after unlocking. The waiter uses its turn at its next poll, or gives
//! it back when it is dropped, and then the primitive grants it to the next: a turn is never lost and never used twice.
//!
//! The list knows only the line; what a turn means, and when one is free, is the primitive's business. All of it happens
//! under the primitive's lock, which is the premise of every `unsafe` here.

use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::Waker;

use heist_core::list::{Linked, Links, List};
use heist_core::sync::cell::UnsafeCell;

/// A waiter as the list sees it. Guarded by the primitive's lock.
struct Node {
    links: Links<Node>,
    waker: Option<Waker>,
    granted: bool,
}

// SAFETY: the field's address, taken without a reference to the node.
unsafe impl Linked for Node {
    unsafe fn links(node: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: `node` is valid, so the field's address is in bounds.
        let links = unsafe { &raw mut (*node.as_ptr()).links };
        NonNull::new(links).expect("a field of a valid node has an address")
    }
}

/// A place in a line; pinned inside the future that waits.
pub(crate) struct Waiter {
    node: UnsafeCell<Node>,
    /// Whether the node has been in the list, so that a future that never waited needs no lock when it goes.
    entered: bool,
    _pinned: PhantomPinned,
}

// SAFETY: the node is touched under the primitive's lock only, and a Waker is Send + Sync.
unsafe impl Send for Waiter {}
// SAFETY: as for Send; nothing is done through a shared reference.
unsafe impl Sync for Waiter {}

impl Waiter {
    #[inline]
    pub fn new() -> Self {
        Self {
            node: UnsafeCell::new(Node { links: Links::new(), waker: None, granted: false }),
            entered: false,
            _pinned: PhantomPinned,
        }
    }

    /// Whether the waiter is waiting or granted: then it must [`leave`](WaitList::leave) before it goes.
    #[inline]
    pub fn entered(self: Pin<&mut Self>) -> bool {
        self.entered
    }

    fn set_entered(self: Pin<&mut Self>, entered: bool) {
        // SAFETY: the flag is not what is pinned.
        unsafe { self.get_unchecked_mut() }.entered = entered;
    }

    fn node(self: Pin<&mut Self>) -> NonNull<Node> {
        // The pointer leaves the closure: the primitive's lock, which the models see, orders all uses.
        let node = self.node.with_mut(|node| node);
        NonNull::new(node).expect("a field has an address")
    }
}

/// What a waiter had when it left.
pub(crate) struct Left {
    /// It had a turn that it did not use: grant it to the next.
    pub granted: bool,
    /// To be dropped with no lock held.
    pub waker: Option<Waker>,
}

/// A line of waiters. Lives behind the primitive's lock.
pub(crate) struct WaitList {
    waiting: List<Node>,
    granted: usize,
}

// SAFETY: nodes are touched under the lock of the primitive, by whatever thread holds it; wakers are Send.
unsafe impl Send for WaitList {}

/// Where in the line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Front,
    Back,
}

/// What became of a waiter since it was last looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Turn {
    /// It is in no line.
    Idle,
    /// It is still waiting.
    Waiting,
    /// It had a turn, which is hereby used.
    Used,
}

impl WaitList {
    pub const fn new() -> Self {
        Self { waiting: List::new(), granted: 0 }
    }

    /// How many wait without a turn.
    #[inline]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many have a turn that they have not used yet.
    #[inline]
    pub fn granted(&self) -> usize {
        self.granted
    }

    /// Grants a turn to the first in line; its waker is to be woken with no lock held.
    pub fn grant(&mut self) -> Option<Waker> {
        // SAFETY: the lock is held; nodes in the list are alive, because waiters leave before they go.
        let mut node = unsafe { self.waiting.pop_front() }?;
        self.granted += 1;
        // SAFETY: as above.
        let node = unsafe { node.as_mut() };
        node.granted = true;
        node.waker.take()
    }

    /// Enters the line at `end`.
    ///
    /// # Safety
    ///
    /// The waiter is idle; it leaves this list, by [`turn`](Self::turn) or [`leave`](Self::leave), before it is dropped.
    pub unsafe fn enter(&mut self, mut waiter: Pin<&mut Waiter>, waker: &Waker, end: End) {
        // The clone may panic, so it comes first.
        let waker = waker.clone();
        waiter.as_mut().set_entered(true);
        let mut pointer = waiter.node();
        // SAFETY: the lock is held, and the waiter is idle.
        let node = unsafe { pointer.as_mut() };
        node.waker = Some(waker);
        node.granted = false;
        match end {
            // SAFETY: pinned, and it leaves before it goes (the caller's word); the lock is held.
            End::Back => unsafe { self.waiting.push_back(pointer) },
            // SAFETY: as above.
            End::Front => unsafe { self.waiting.push_front(pointer) },
        }
    }

    /// Looks what became of a waiter. One that waits goes on with `waker`; what it had before comes back, to be dropped
    /// with no lock held.
    ///
    /// # Safety
    ///
    /// The waiter is idle, or entered this list.
    pub unsafe fn turn(&mut self, mut waiter: Pin<&mut Waiter>, waker: &Waker) -> (Turn, Option<Waker>) {
        if !waiter.as_mut().entered() {
            return (Turn::Idle, None);
        }
        // SAFETY: the lock is held.
        let node = unsafe { waiter.as_mut().node().as_mut() };
        if node.granted {
            node.granted = false;
            self.granted -= 1;
            waiter.set_entered(false);
            return (Turn::Used, None);
        }
        let same = node.waker.as_ref().is_some_and(|current| current.will_wake(waker));
        let old = if same { None } else { node.waker.replace(waker.clone()) };
        (Turn::Waiting, old)
    }

    /// Takes a waiter out of the line, or its turn from it.
    ///
    /// # Safety
    ///
    /// The waiter is idle, or entered this list.
    pub unsafe fn leave(&mut self, mut waiter: Pin<&mut Waiter>) -> Left {
        let mut pointer = waiter.as_mut().node();
        waiter.set_entered(false);
        // SAFETY: the lock is held, and the waiter is in this list or in none.
        unsafe { self.waiting.remove(pointer) };
        // SAFETY: the lock is held.
        let node = unsafe { pointer.as_mut() };
        let granted = std::mem::take(&mut node.granted);
        self.granted -= usize::from(granted);
        Left { granted, waker: node.waker.take() }
    }
}

/// Wakers that fit into a batch without an allocation.
const BATCH: usize = 32;

/// Wakers taken under a lock, woken when it has been given back. Making an empty one costs nothing.
pub(crate) struct WakeBatch {
    /// Those from `next` to `len` are there.
    wakers: [MaybeUninit<Waker>; BATCH],
    next: usize,
    len: usize,
    /// What does not fit. All of them must be granted under one lock: whoever enters later has missed the occasion.
    rest: Vec<Waker>,
}

impl WakeBatch {
    pub fn new() -> Self {
        Self { wakers: [const { MaybeUninit::uninit() }; BATCH], next: 0, len: 0, rest: Vec::new() }
    }

    /// Grants a turn to everybody in line.
    #[inline]
    pub fn grant_all(&mut self, list: &mut WaitList) {
        while list.waiting() > 0 {
            let Some(waker) = list.grant() else { continue };
            match self.wakers.get_mut(self.len) {
                Some(slot) => {
                    slot.write(waker);
                    self.len += 1;
                }
                None => self.rest.push(waker),
            }
        }
    }

    /// Wakes them in order. Call with no lock held. (By reference: moving the array would cost more than an empty batch.)
    #[inline]
    pub fn wake(&mut self) {
        while let Some(waker) = self.pop() {
            waker.wake();
        }
        for waker in std::mem::take(&mut self.rest) {
            waker.wake();
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<Waker> {
        if self.next == self.len {
            return None;
        }
        let slot = &self.wakers[self.next];
        self.next += 1;
        // SAFETY: written by `grant_all`, and `next` has just left it behind, so it is read once.
        Some(unsafe { slot.assume_init_read() })
    }
}

impl Drop for WakeBatch {
    #[inline]
    fn drop(&mut self) {
        // Only after a waker that panicked is there anything left.
        while self.pop().is_some() {}
    }
}
