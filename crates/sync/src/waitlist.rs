//! The one wait list that all primitives of this crate wait in.
//!
//! Vocabulary: a [`Waiter`] is a place in a line, inside the future that waits. It is *idle*, then *waiting* (linked into
//! the list, with a waker), then *granted* (out of the list). What it is granted is one of two things:
//!
//! * a *turn*: the right to try again, which it uses under the lock at its next poll ([`WaitList::turn`]);
//! * a *gift*: what it waited for itself. It finds it by one load, without the lock ([`Waiter::received`]). A gift may be
//!   *on offer* ([`Offer`]): until its waiter finds it, another waiter of the same task may have it instead.
//!
//! Who grants takes the waker out with the primitive's lock held and wakes after unlocking. A waiter that is dropped gives
//! back what it was granted, and then the primitive grants it to the next: nothing is lost and nothing is used twice.
//!
//! The list knows only the line; what a grant means, and when one is due, is the primitive's business. All but the look
//! for a gift happens under the primitive's lock, which is the premise of every `unsafe` here. Marking a waiter granted is
//! the last that the granting side does with it: from then on its future may be ready, and gone.

use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::Waker;

use heist_core::list::{Linked, Links, List};
use heist_core::sync::atomic::{AtomicPtr, AtomicU8, Ordering};
use heist_core::sync::cell::UnsafeCell;
use heist_core::sync::mutant;
use heist_core::{context, never_awaited};

/// Nothing is granted.
const NONE: u8 = 0;
/// A turn is granted.
const TURN: u8 = 1;
/// A gift is granted.
const GIFT: u8 = 2;
/// A gift is granted that is on offer: it is who exchanges the [`Offer`].
const OFFER: u8 = 3;

/// A waiter as the list sees it. Only shared references are made to it, because its owner looks at `granted` while the
/// list works on the rest.
struct Node {
    /// Guarded by the primitive's lock.
    links: UnsafeCell<Links<Node>>,
    /// Guarded by the primitive's lock.
    waker: UnsafeCell<Option<Waker>>,
    /// Guarded by the primitive's lock; see [`WaitList::enter_for`].
    want: UnsafeCell<u32>,
    /// The data of the waker that was taken for a gift on offer: whose it is. Guarded by the primitive's lock.
    task: UnsafeCell<*const ()>,
    /// Written under the lock, with Release; a gift is looked for without it, with Acquire.
    granted: AtomicU8,
}

// SAFETY: the field's address, taken without a reference to the links.
unsafe impl Linked for Node {
    unsafe fn links(node: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: `node` is valid, and nobody makes an exclusive reference to it.
        let node = unsafe { node.as_ref() };
        NonNull::new(node.links.with_mut(|links| links)).expect("a field of a valid node has an address")
    }
}

impl Node {
    /// # Safety
    ///
    /// The primitive's lock is held.
    unsafe fn take_waker(&self) -> Option<Waker> {
        // SAFETY: under the lock the cell is ours.
        self.waker.with_mut(|waker| unsafe { (*waker).take() })
    }

    /// # Safety
    ///
    /// The primitive's lock is held.
    unsafe fn replace_waker(&self, new: Waker) -> Option<Waker> {
        // SAFETY: under the lock the cell is ours.
        self.waker.with_mut(|waker| unsafe { (*waker).replace(new) })
    }

    /// # Safety
    ///
    /// The primitive's lock is held.
    unsafe fn keeps(&self, other: &Waker) -> bool {
        // SAFETY: under the lock nobody writes the cell.
        let waker = self.waker.with(|waker| unsafe { &*waker });
        waker.as_ref().is_some_and(|waker| waker.will_wake(other))
    }

    /// # Safety
    ///
    /// The primitive's lock is held.
    unsafe fn want(&self) -> u32 {
        // SAFETY: under the lock nobody writes the cell.
        self.want.with(|want| unsafe { *want })
    }

    /// # Safety
    ///
    /// The primitive's lock is held.
    unsafe fn set_want(&self, new: u32) {
        // SAFETY: under the lock the cell is ours.
        self.want.with_mut(|want| unsafe { *want = new });
    }
}

/// The gift of a primitive that its waiter has not found yet; one at a time.
///
/// Who exchanges it for nothing has the gift: the waiter that it was given to, or, with the primitive's lock held, one that
/// [takes it over](WaitList::take_over_offer). The first has not left as long as the exchange is open, because leaving needs
/// the lock; so whoever takes over finds it alive.
pub(crate) struct Offer(AtomicPtr<Node>);

impl Offer {
    pub fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Whether nothing is on offer. Once the lock is held only the waiter that it was given to may still end an offer.
    #[inline]
    fn is_free(&self) -> bool {
        self.0.load(Ordering::Relaxed).is_null()
    }

    /// Acquire pairs with the Release of [`make`](Self::make).
    #[inline]
    fn accept(&self, node: *mut Node) -> bool {
        self.0.compare_exchange(node, ptr::null_mut(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    fn make(&self, node: *mut Node) {
        self.0.store(node, Ordering::Release);
    }
}

/// A place in a line; pinned inside the future that waits.
///
/// Most futures never wait. Theirs has no node yet: making one and moving it with its future, before the first poll, would
/// cost more than taking a free lock.
pub(crate) struct Waiter {
    /// By the stage: the node, which has a waker only while it is in a line, so it is never dropped; or where the future was
    /// made ([`heist_core::Unawaited`], without a word of its own).
    node: MaybeUninit<Node>,
    stage: Stage,
    _pinned: PhantomPinned,
}

/// What is in a waiter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing. A future that never waited needs no lock when it goes.
    Idle,
    /// The node, waiting or granted.
    Entered,
    /// The place where a user made the future, which nobody has polled.
    Made,
}

// SAFETY: the cells of the node are touched under the primitive's lock only, and a Waker is Send + Sync.
unsafe impl Send for Waiter {}
// SAFETY: as for Send; nothing is done through a shared reference.
unsafe impl Sync for Waiter {}

impl Waiter {
    #[inline]
    pub fn new() -> Self {
        Self { node: MaybeUninit::uninit(), stage: Stage::Idle, _pinned: PhantomPinned }
    }

    /// As [`new`](Self::new), in a future that a user is to await: debug mode tells where it never was
    /// [`polled`](Self::polled).
    #[inline]
    #[track_caller]
    pub fn for_user() -> Self {
        // Not from `new`, which is a constant of which one byte is given: the compiler would copy all of it, with zeroes for
        // the rest, and that takes longer than taking a free lock.
        let mut node = MaybeUninit::uninit();
        Self::place_in(&mut node).write(Location::caller());
        Self { node, stage: Stage::Made, _pinned: PhantomPinned }
    }

    /// The memory of the node, for the place.
    #[inline]
    fn place_in(node: &mut MaybeUninit<Node>) -> &mut MaybeUninit<&'static Location<'static>> {
        const { assert!(size_of::<Node>() >= size_of::<&Location<'_>>()) };
        const { assert!(align_of::<Node>() >= align_of::<&Location<'_>>()) };
        // SAFETY: the memory is large enough, and aligned, and may be uninitialised.
        unsafe { &mut *node.as_mut_ptr().cast() }
    }

    /// The future is polled.
    #[inline(always)]
    pub fn polled(self: Pin<&mut Self>) {
        if self.stage == Stage::Made {
            self.end();
        }
    }

    #[inline]
    fn node(&self) -> Option<&Node> {
        // SAFETY: `enter` wrote it.
        (self.stage == Stage::Entered).then(|| unsafe { self.node.assume_init_ref() })
    }

    /// Makes the node for a line.
    fn enter(self: Pin<&mut Self>, waker: Waker, want: u32) -> NonNull<Node> {
        let node = Node {
            links: UnsafeCell::new(Links::new()),
            waker: UnsafeCell::new(Some(waker)),
            want: UnsafeCell::new(want),
            task: UnsafeCell::new(ptr::null()),
            granted: AtomicU8::new(NONE),
        };
        // SAFETY: nothing is moved out of the waiter.
        let this = unsafe { self.get_unchecked_mut() };
        this.stage = Stage::Entered;
        NonNull::from(&*this.node.write(node))
    }

    /// From now on the waiter is in no line.
    #[inline(always)]
    pub fn end(self: Pin<&mut Self>) {
        // SAFETY: the stage is not what is pinned.
        unsafe { self.get_unchecked_mut() }.stage = Stage::Idle;
    }

    /// Whether the waiter is waiting or granted: then it must [`leave`](WaitList::leave) before it goes, unless it
    /// [`received`](Self::received) its gift.
    #[inline]
    pub fn entered(self: Pin<&mut Self>) -> bool {
        self.stage == Stage::Entered
    }

    /// The future goes: whether the waiter must [`leave`](WaitList::leave). One look where it waited for nothing.
    #[inline]
    pub fn must_leave(self: Pin<&mut Self>) -> bool {
        self.stage != Stage::Idle && self.must_leave_or_tell()
    }

    #[cold]
    #[inline(never)]
    fn must_leave_or_tell(mut self: Pin<&mut Self>) -> bool {
        if self.stage == Stage::Made {
            // SAFETY: nothing is moved out of the waiter.
            let waiter = unsafe { self.as_mut().get_unchecked_mut() };
            let place = Self::place_in(&mut waiter.node);
            // SAFETY: `for_user` wrote it, and nothing else has been written since.
            never_awaited(unsafe { place.assume_init() });
            self.end();
            return false;
        }
        true
    }

    /// Takes the gift if there is one: one load, no lock.
    #[inline]
    pub fn received(mut self: Pin<&mut Self>) -> bool {
        // Acquire pairs with the Release of `grant`: who receives sees what the giver did before.
        let received = self.node().is_some_and(|node| node.granted.load(Ordering::Acquire) == GIFT);
        if received {
            self.as_mut().end();
        }
        received
    }
}

/// The waiter's side of an [`Offer`].
impl Waiter {
    /// As [`received`](Self::received), where the gift may be on offer: one exchange more if it is.
    #[inline]
    pub fn received_or_accepted(mut self: Pin<&mut Self>, offer: &Offer) -> bool {
        // Acquire as in `received`.
        let received = self.node().is_some_and(|node| match node.granted.load(Ordering::Acquire) {
            GIFT => true,
            OFFER if mutant("sync-offer-without-exchange") => true,
            OFFER => offer.accept(ptr::from_ref(node).cast_mut()),
            _ => false,
        });
        if received {
            self.as_mut().end();
        }
        received
    }

    /// Ends the offer of this waiter's own gift, if it has one: before it uses, or gives back, what it was granted. Call with
    /// the primitive's lock held.
    pub fn withdraw(self: Pin<&mut Self>, offer: &Offer) {
        if let Some(node) = self.node() {
            offer.accept(ptr::from_ref(node).cast_mut());
        }
    }
}

/// What a waiter had when it left.
pub(crate) struct Left {
    /// It had been granted what it did not use: grant it to the next.
    pub granted: bool,
    /// What it waited for, in the primitive's own measure.
    pub want: u32,
    /// To be dropped with no lock held.
    pub waker: Option<Waker>,
}

impl Left {
    const NOTHING: Self = Self { granted: false, want: 0, waker: None };
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

    /// How many wait without a grant.
    #[inline]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many have a turn that they have not used yet.
    #[inline]
    pub fn granted(&self) -> usize {
        self.granted
    }

    /// What the first in line waits for.
    pub fn first_want(&self) -> Option<u32> {
        // SAFETY: the lock is held; nodes in the list are alive, because waiters leave before they go.
        self.waiting.front().map(|node| unsafe { node.as_ref() }).map(|node| {
            // SAFETY: the lock is held.
            unsafe { node.want() }
        })
    }

    /// Changes what the first in line waits for.
    pub fn set_first_want(&mut self, want: u32) {
        if let Some(node) = self.waiting.front() {
            // SAFETY: the lock is held; nodes in the list are alive, because waiters leave before they go.
            let node = unsafe { node.as_ref() };
            // SAFETY: the lock is held.
            unsafe { node.set_want(want) };
        }
    }

    /// Has the first in line wait in another one, at its end, for something else; whether there was anybody. Both locks
    /// are held, and the waiter leaves the other line from now on.
    pub fn move_first_to(&mut self, other: &mut WaitList, want: u32) -> bool {
        // SAFETY: the lock is held; nodes in the list are alive, because waiters leave before they go.
        let Some(node) = (unsafe { self.waiting.pop_front() }) else { return false };
        // SAFETY: as above.
        let moved = unsafe { node.as_ref() };
        // SAFETY: both locks are held.
        unsafe { moved.set_want(want) };
        // SAFETY: the node is alive and in no list, and both locks are held.
        unsafe { other.waiting.push_back(node) };
        true
    }

    /// What a waiter waits for; 0 where it is in no line.
    ///
    /// # Safety
    ///
    /// The waiter is idle, or entered this list; where it was moved, `want` is changed under this list's lock alone.
    pub unsafe fn want(&self, waiter: Pin<&mut Waiter>) -> u32 {
        // SAFETY: the caller's word; the lock is held.
        waiter.node().map_or(0, |node| unsafe { node.want() })
    }

    /// Grants a turn to the first in line; its waker is to be woken with no lock held.
    pub fn grant(&mut self) -> Option<Waker> {
        let waker = self.grant_first(TURN);
        self.granted += usize::from(waker.is_some());
        waker
    }

    /// Gives the first in line what it waits for; its waker is to be woken with no lock held.
    pub fn give(&mut self) -> Option<Waker> {
        self.grant_first(GIFT)
    }

    /// As [`give`](Self::give), and puts the gift on offer, if no other one is.
    pub fn give_on_offer(&mut self, offer: &Offer) -> Option<Waker> {
        if !offer.is_free() {
            return self.give();
        }
        let node = self.waiting.front()?;
        // SAFETY: the lock is held; nodes in the list are alive, because waiters leave before they go.
        let first = unsafe { node.as_ref() };
        // SAFETY: the lock is held.
        let task = first.waker.with(|waker| unsafe { &*waker }.as_ref().map_or(ptr::null(), Waker::data));
        // SAFETY: the lock is held.
        first.task.with_mut(|room| unsafe { *room = task });
        offer.make(node.as_ptr());
        self.grant_first(OFFER)
    }

    /// Takes the gift on offer for a waiter that waits by `waker`, if it was given to one of the same task that wanted as
    /// much; that one waits on, first in line, by a clone of `waker`. Whether it was taken.
    pub fn take_over_offer(&mut self, offer: &Offer, want: u32, waker: &Waker) -> bool {
        let Some(node) = NonNull::new(offer.0.load(Ordering::Acquire)) else { return false };
        if !offer.accept(node.as_ptr()) {
            return false;
        }
        // SAFETY: its waiter can neither find the gift any more, nor leave without the lock: it is alive.
        let first = unsafe { node.as_ref() };
        // SAFETY: the lock is held.
        let same_task = first.task.with(|task| unsafe { *task }) == waker.data();
        // SAFETY: the lock is held.
        if !same_task || unsafe { first.want() } != want {
            offer.make(node.as_ptr());
            return false;
        }
        // Relaxed: its waiter finds the offer closed, and looks again under the lock.
        first.granted.store(NONE, Ordering::Relaxed);
        // SAFETY: the lock is held. Its own waker was taken when the gift was granted.
        drop(unsafe { first.replace_waker(waker.clone()) });
        // SAFETY: the node is alive and in no list, and its waiter leaves before it goes.
        unsafe { self.waiting.push_front(node) };
        true
    }

    fn grant_first(&mut self, what: u8) -> Option<Waker> {
        // SAFETY: the lock is held; nodes in the list are alive, because waiters leave before they go.
        let node = unsafe { self.waiting.pop_front() }?;
        // SAFETY: as above.
        let node = unsafe { node.as_ref() };
        // SAFETY: the lock is held.
        let waker = unsafe { node.take_waker() };
        // The last access: Release pairs with the Acquire of `received`, after which the node may go.
        let order = if mutant("sync-gift-relaxed") { Ordering::Relaxed } else { Ordering::Release };
        node.granted.store(what, order);
        waker
    }

    /// Enters the line at `end`.
    ///
    /// # Safety
    ///
    /// The waiter is idle; it leaves this list, by [`turn`](Self::turn), [`received`](Waiter::received) or
    /// [`leave`](Self::leave), before it is dropped.
    pub unsafe fn enter(&mut self, waiter: Pin<&mut Waiter>, waker: &Waker, end: End) {
        // SAFETY: passed on from the caller.
        unsafe { self.enter_for(waiter, waker.clone(), end, 0) };
    }

    /// As [`enter`](Self::enter), for something that the primitive measures: so many permits.
    ///
    /// # Safety
    ///
    /// As for [`enter`](Self::enter).
    pub unsafe fn enter_for(&mut self, waiter: Pin<&mut Waiter>, waker: Waker, end: End, want: u32) {
        let node = waiter.enter(waker, want);
        match end {
            // SAFETY: pinned, and it leaves before it goes (the caller's word); the lock is held.
            End::Back => unsafe { self.waiting.push_back(node) },
            // SAFETY: as above.
            End::Front => unsafe { self.waiting.push_front(node) },
        }
    }

    /// Looks what became of a waiter. One that waits goes on with `waker`; what it had before comes back, to be dropped
    /// with no lock held.
    ///
    /// # Safety
    ///
    /// The waiter is idle, or entered this list.
    pub unsafe fn turn(&mut self, waiter: Pin<&mut Waiter>, waker: &Waker) -> (Turn, Option<Waker>) {
        let Some(node) = waiter.node() else { return (Turn::Idle, None) };
        // Under the lock it is what the last holder of the lock left.
        let granted = node.granted.load(Ordering::Relaxed);
        if granted != NONE {
            self.granted -= usize::from(granted == TURN);
            waiter.end();
            return (Turn::Used, None);
        }
        // SAFETY: the lock is held.
        if unsafe { node.keeps(waker) } {
            return (Turn::Waiting, None);
        }
        // SAFETY: the lock is held.
        let old = unsafe { node.replace_waker(waker.clone()) };
        (Turn::Waiting, old)
    }

    /// Takes a waiter out of the line, or from it what it was granted.
    ///
    /// # Safety
    ///
    /// The waiter is idle, or entered this list.
    pub unsafe fn leave(&mut self, waiter: Pin<&mut Waiter>) -> Left {
        let Some(node) = waiter.node() else { return Left::NOTHING };
        // SAFETY: the lock is held, and the waiter is in this list or in none.
        unsafe { self.waiting.remove(NonNull::from(node)) };
        let granted = node.granted.load(Ordering::Relaxed);
        self.granted -= usize::from(granted == TURN);
        // SAFETY: the lock is held.
        let waker = unsafe { node.take_waker() };
        // SAFETY: the lock is held.
        let want = unsafe { node.want() };
        waiter.end();
        Left { granted: granted != NONE, want, waker }
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
            self.push(list.grant());
        }
    }

    /// Adds a waker.
    #[inline]
    pub fn push(&mut self, waker: Option<Waker>) {
        let Some(waker) = waker else { return };
        match self.wakers.get_mut(self.len) {
            Some(slot) => {
                slot.write(waker);
                self.len += 1;
            }
            None => self.rest.push(waker),
        }
    }

    /// Wakes them in order. Call with no lock held. (By reference: moving the array would cost more than an empty batch.)
    #[inline]
    pub fn wake(&mut self) {
        match self.len - self.next {
            0 => {}
            // A task that is woken alone goes on next, with what its waker has in the cache.
            1 => self.wake_each(),
            _ => context::with(|context| match context {
                Some(context) => context.in_order(|| self.wake_each()),
                None => self.wake_each(),
            }),
        }
    }

    #[inline]
    fn wake_each(&mut self) {
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
        // SAFETY: written by `push`, and `next` has just left it behind, so it is read once.
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
