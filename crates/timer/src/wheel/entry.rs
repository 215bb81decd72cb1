//! The entries of a wheel.
//!
//! An entry has three parts with three rules of access:
//!
//! * `state` is the word on which firing and cancelling meet; any thread, atomically;
//! * the waker is written by the handle with the owner word held, and read by a firer *before* its step out of ARMED. After
//!   that step nobody else reads it, and a handle that gives the entry back elsewhere has the garbage stack's link in its place;
//! * `place`, `index` and `deadline` are touched only with the owner word held.

use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::task::{RawWakerVTable, Waker};

use heist_core::sync::atomic::{AtomicPtr, AtomicU8, Ordering};
use heist_core::sync::cell::UnsafeCell;
use heist_core::sync::mutant;

/// In the free list; nobody's.
pub(crate) const FREE: u8 = 0;
/// Linked into the wheel; the entry holds a waker.
pub(crate) const ARMED: u8 = 1;
/// The deadline has passed and the firer has taken the waker. The handle still owns the entry.
pub(crate) const FIRED: u8 = 2;
/// The handle has taken the waker back on a foreign thread. Perhaps still linked; soon on the garbage stack.
pub(crate) const CANCELLED: u8 = 3;
/// The loop was closed before the deadline. The handle still owns the entry.
pub(crate) const CLOSED: u8 = 4;

/// `place` of an entry that is in no slot.
pub(crate) const NOWHERE: u16 = u16::MAX;

/// `place` of an entry that has no deadline yet.
pub(crate) const NURSERY: u16 = u16::MAX - 1;

/// A waker taken apart.
#[derive(Clone, Copy)]
struct WakerParts {
    data: *const (),
    vtable: &'static RawWakerVTable,
}

impl PartialEq for WakerParts {
    fn eq(&self, other: &Self) -> bool {
        self.data == other.data && ptr::eq(self.vtable, other.vtable)
    }
}

impl WakerParts {
    /// Takes `waker` apart. What it counts goes with the parts, until [`join`](Self::join).
    #[inline]
    fn split(waker: Waker) -> Self {
        let waker = std::mem::ManuallyDrop::new(waker);
        Self::of(&waker)
    }

    #[inline]
    fn of(waker: &Waker) -> Self {
        Self { data: waker.data(), vtable: waker.vtable() }
    }

    /// # Safety
    ///
    /// The parts come from `split`, and this is the only `join` of that `split`.
    #[inline]
    unsafe fn join(self) -> Waker {
        // SAFETY: `data` and the table come from one waker whose ownership the caller passes on.
        unsafe { Waker::new(self.data, self.vtable) }
    }
}

/// One timer: half of a cache line.
#[repr(align(32))]
pub(crate) struct Entry {
    state: AtomicU8,
    place: UnsafeCell<u16>,
    /// In a row: where in it.
    index: UnsafeCell<u32>,
    /// Nanoseconds on the loop's clock; in the nursery, the delay in nanoseconds.
    deadline: UnsafeCell<u64>,
    /// The waker's data. On the garbage stack, the next entry: written by the handle that pushes, read by the sweeper that
    /// took the stack. A firer may read that instead, and then fails its compare.
    data: AtomicPtr<()>,
    /// The waker's table; at first, that of one that does nothing.
    vtable: UnsafeCell<&'static RawWakerVTable>,
    /// Whether the waker is out, so that a model reports one taken twice instead of running into undefined behaviour.
    #[cfg(heist_loom)]
    taken: std::sync::atomic::AtomicBool,
}

// SAFETY: the module's rules of access: atomics, or the owner word, or a won step out of ARMED. Wakers are Send + Sync.
unsafe impl Send for Entry {}
// SAFETY: as for Send.
unsafe impl Sync for Entry {}

/// An entry of a page. Copies are handed about freely; who may do what is decided by the entry's rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct EntryRef(NonNull<Entry>);

// SAFETY: as a shared reference to an Entry, which is Sync.
unsafe impl Send for EntryRef {}
// SAFETY: as for Send.
unsafe impl Sync for EntryRef {}

impl Deref for EntryRef {
    type Target = Entry;
    #[inline(always)]
    fn deref(&self) -> &Entry {
        // SAFETY: pages are freed with their wheel, and a wheel is freed only when no handle owns an entry of it, so
        // whoever holds an EntryRef by the rules (the wheel itself, a handle) finds it alive.
        unsafe { self.0.as_ref() }
    }
}

impl From<NonNull<Entry>> for EntryRef {
    fn from(entry: NonNull<Entry>) -> Self {
        Self(entry)
    }
}

impl EntryRef {
    #[inline]
    pub fn as_ptr(self) -> *mut Entry {
        self.0.as_ptr()
    }

    /// # Safety
    ///
    /// `entry` is null, or was an [`EntryRef`] whose wheel is alive.
    pub unsafe fn from_ptr(entry: *mut Entry) -> Option<Self> {
        NonNull::new(entry).map(Self)
    }
}

impl Entry {
    pub(super) fn new() -> Self {
        Self {
            state: AtomicU8::new(FREE),
            place: UnsafeCell::new(NOWHERE),
            index: UnsafeCell::new(0),
            deadline: UnsafeCell::new(0),
            data: AtomicPtr::new(ptr::null_mut()),
            vtable: UnsafeCell::new(Waker::noop().vtable()),
            #[cfg(heist_loom)]
            taken: std::sync::atomic::AtomicBool::new(true),
        }
    }

    /// The state, for the handle: Acquire pairs with the Release of [`fire`](Self::fire), so that a task that finds its
    /// timer fired sees what the firer did before.
    #[inline]
    pub fn state(&self) -> u8 {
        self.state.load(Ordering::Acquire)
    }

    /// Steps out of ARMED as the firer, or as the closing loop (`end` says which), and takes the waker. `None` when a
    /// handle on another thread has cancelled. Called with the owner word held.
    #[must_use]
    #[inline]
    pub fn fire(&self, end: u8) -> Option<Waker> {
        // Before the step: after it the handle may write the stack's link here. What is read of one that has been cancelled
        // may be such a link, and is thrown away.
        let parts = self.parts();
        // Release pairs with `state`, and with `cancel`. The compare decides against `cancel`.
        if mutant("timer-fire-without-compare") {
            self.state.store(end, Ordering::Release);
        } else {
            self.state.compare_exchange(ARMED, end, Ordering::Release, Ordering::Relaxed).ok()?;
        }
        if mutant("timer-fire-reads-late") {
            assert!(self.parts() == parts, "the waker's words were another's already");
        }
        Some(self.take_waker(parts))
    }

    /// Steps out of ARMED as the handle, on any thread, without the owner word, and takes the waker back. `None` when
    /// the timer has fired, or the loop is closed.
    #[must_use]
    pub fn cancel(&self) -> Option<Waker> {
        let parts = self.parts();
        // Relaxed where it succeeds: the only thing that hangs on it is who may take the waker, which the handle itself wrote,
        // or had written before it came to this thread. Acquire where it fails pairs with `fire`: the firer has read the
        // waker, and its first word is the handle's.
        if mutant("timer-cancel-without-compare") {
            self.state.store(CANCELLED, Ordering::Relaxed);
        } else {
            self.state.compare_exchange(ARMED, CANCELLED, Ordering::Relaxed, Ordering::Acquire).ok()?;
        }
        Some(self.take_waker(parts))
    }

    /// Whether a handle has cancelled without the owner word. Called with the owner word held.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.state.load(Ordering::Relaxed) == CANCELLED
    }

    /// Makes a fresh entry ARMED, with `waker` in it. Called with the owner word held.
    #[inline]
    pub fn arm(&self, waker: Waker) {
        self.set_parts(WakerParts::split(waker));
        #[cfg(heist_loom)]
        self.taken.store(false, Ordering::Relaxed);
        // Relaxed: firers come through the owner word, and the handle is this thread.
        self.state.store(ARMED, Ordering::Relaxed);
    }

    /// As [`arm`](Self::arm), where the state says so already.
    #[inline(always)]
    pub fn arm_again(&self, waker: Waker) {
        debug_assert_eq!(self.state.load(Ordering::Relaxed), ARMED, "a spare entry is as it was");
        self.set_parts(WakerParts::split(waker));
        #[cfg(heist_loom)]
        self.taken.store(false, Ordering::Relaxed);
    }

    /// Says that a disarmed entry is nobody's. Called with the owner word held.
    pub fn set_free(&self) {
        self.state.store(FREE, Ordering::Relaxed);
    }

    /// Frees the state: steps to FREE and takes the waker if there is one. Called by the handle, with the owner word held.
    #[inline]
    #[must_use]
    pub fn disarm(&self) -> Option<Waker> {
        // Under the owner word nobody fires, and the handle is here: no compare is needed.
        let was = self.state.load(Ordering::Relaxed);
        self.state.store(FREE, Ordering::Relaxed);
        (was == ARMED).then(|| self.take_waker(self.parts()))
    }

    /// As [`disarm`](Self::disarm), where the entry is known to be ARMED, and its state stays so: its next use is the same.
    #[inline(always)]
    pub fn disarm_armed(&self) -> Waker {
        self.take_waker(self.parts())
    }

    /// Puts `waker` in the place of the one that is there, which comes back. Called by the handle while the entry is
    /// ARMED, with the owner word held.
    #[must_use]
    pub fn replace_waker(&self, waker: Waker) -> Waker {
        let old = self.parts();
        self.set_parts(WakerParts::split(waker));
        // SAFETY: the entry was ARMED, so its waker was still in it, and has just been taken out.
        unsafe { old.join() }
    }

    /// Whether the waker in the entry is `waker`: then waking either has the same effect. Called by the handle while it owns
    /// the entry.
    #[inline]
    pub fn holds(&self, waker: &Waker) -> bool {
        self.parts() == WakerParts::of(waker)
    }

    /// The words of the waker. Called by the handle, or with the owner word held.
    #[inline]
    fn parts(&self) -> WakerParts {
        // SAFETY: the table is written by the handle with the owner word held, so no reader meets a write.
        let vtable = self.vtable.with(|vtable| unsafe { *vtable });
        // Relaxed: as for the table; and what may be a link instead is thrown away.
        WakerParts { data: self.data.load(Ordering::Relaxed), vtable }
    }

    /// Called by the handle with the owner word held.
    #[inline]
    fn set_parts(&self, parts: WakerParts) {
        self.data.store(parts.data.cast_mut(), Ordering::Relaxed);
        // SAFETY: the owner word keeps firers out, and the handle, who alone compares and cancels, is the caller.
        self.vtable.with_mut(|vtable| unsafe { *vtable = parts.vtable });
    }

    /// The next entry of the garbage stack. Called by who has taken the stack.
    pub fn link(&self) -> *mut Self {
        self.data.load(Ordering::Relaxed).cast()
    }

    /// Called by the handle that pushes, which has taken the waker, or knows that somebody else has.
    pub fn set_link(&self, next: *mut Self) {
        // Relaxed: published by the push.
        self.data.store(next.cast(), Ordering::Relaxed);
    }

    /// Has the entry itself fetched.
    #[inline]
    pub fn prefetch(&self) {
        heist_core::prefetch(ptr::from_ref(self).cast(), 1);
    }

    /// Has what the waker stands for fetched: its task will soon be woken and polled. Called with the owner word held.
    #[inline]
    pub fn prefetch_task(&self) {
        // What it points to is not touched. The front of a task of ours, and the beginning of its future.
        heist_core::prefetch(self.parts().data, 3);
    }

    /// Called once per step out of ARMED, by who made it, with the words that were in the entry before.
    #[inline]
    fn take_waker(&self, parts: WakerParts) -> Waker {
        #[cfg(heist_loom)]
        assert!(!self.taken.swap(true, Ordering::Relaxed), "a waker was taken twice");
        // SAFETY: each `arm` or `replace_waker` puts one waker in, before the step out of ARMED: by the owner word, or on the
        // handle's path. Only one step follows.
        unsafe { parts.join() }
    }

    /// Where the entry is linked. Called with the owner word held.
    #[inline]
    pub fn place(&self) -> u16 {
        // SAFETY: guarded by the owner word.
        self.place.with(|place| unsafe { *place })
    }

    /// Called with the owner word held.
    #[inline]
    pub fn set_place(&self, value: u16) {
        // SAFETY: guarded by the owner word.
        self.place.with_mut(|place| unsafe { *place = value });
    }

    /// Where in its row it is; in the order of the row. Called with the owner word held.
    #[inline]
    pub fn index(&self) -> usize {
        // SAFETY: guarded by the owner word.
        self.index.with(|index| unsafe { *index }) as usize
    }

    /// Called with the owner word held. More than 2^32 timers in one row have no room in memory.
    #[inline]
    pub fn set_index(&self, value: usize) {
        // SAFETY: guarded by the owner word.
        self.index.with_mut(|index| unsafe { *index = value as u32 });
    }

    /// The deadline, or in the nursery the delay. Called with the owner word held.
    #[inline]
    pub fn deadline(&self) -> u64 {
        // SAFETY: guarded by the owner word.
        self.deadline.with(|deadline| unsafe { *deadline })
    }

    /// Called with the owner word held.
    #[inline]
    pub fn set_deadline(&self, value: u64) {
        // SAFETY: guarded by the owner word.
        self.deadline.with_mut(|deadline| unsafe { *deadline = value });
    }
}
