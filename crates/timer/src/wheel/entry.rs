//! The entries of a wheel.
//!
//! An entry has three parts with three rules of access:
//!
//! * `state` is the word on which firing and cancelling meet; any thread, atomically;
//! * `waker` is written by the handle with the owner word held, and read by whoever wins the step out of ARMED;
//! * `node` and `place` are touched only with the owner word held.

use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::task::{RawWakerVTable, Waker};

use heist_core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use heist_core::sync::cell::UnsafeCell;
use heist_core::sync::mutant;

/// In the free list; nobody's.
pub(crate) const FREE: u32 = 0;
/// Linked into the wheel; the entry holds a waker.
pub(crate) const ARMED: u32 = 1;
/// The deadline has passed and the firer has taken the waker. The handle still owns the entry.
pub(crate) const FIRED: u32 = 2;
/// The handle has taken the waker back on a foreign thread. Perhaps still linked; soon on the garbage stack.
pub(crate) const CANCELLED: u32 = 3;
/// The loop was closed before the deadline. The handle still owns the entry.
pub(crate) const CLOSED: u32 = 4;

/// `place` of an entry that is in no slot.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// `place` of an entry that has no deadline yet.
pub(crate) const NURSERY: u32 = u32::MAX - 1;

/// A waker taken apart: one word that the holder of the entry may compare while another thread copies it.
#[derive(Clone, Copy)]
pub(crate) struct WakerParts {
    data: *const (),
    vtable: Option<&'static RawWakerVTable>,
}

impl WakerParts {
    const NONE: Self = Self { data: ptr::null(), vtable: None };

    /// Takes `waker` apart. What it counts goes with the parts, until [`join`](Self::join).
    fn split(waker: Waker) -> Self {
        let waker = std::mem::ManuallyDrop::new(waker);
        Self { data: waker.data(), vtable: Some(waker.vtable()) }
    }

    /// # Safety
    ///
    /// The parts come from `split`, and this is the only `join` of that `split`.
    unsafe fn join(self) -> Option<Waker> {
        // SAFETY: `data` and the table come from one waker whose ownership the caller passes on.
        self.vtable.map(|vtable| unsafe { Waker::new(self.data, vtable) })
    }

    /// Whether the parts are those of `waker`: waking either has the same effect while the parts' own waker lives.
    fn same(self, waker: &Waker) -> bool {
        ptr::eq(self.data, waker.data()) && self.vtable.is_some_and(|vtable| ptr::eq(vtable, waker.vtable()))
    }
}

/// What the wheel keeps of a timer. Guarded by the owner word.
pub(crate) struct Node {
    /// Nanoseconds on the loop's clock; in the nursery, the delay in nanoseconds.
    pub deadline: u64,
    /// How many timers this wheel had armed before: decides between equal deadlines.
    pub order: u64,
    /// In a row: where in it.
    pub index: usize,
}

/// One timer: a cache line.
#[repr(align(64))]
pub(crate) struct Entry {
    state: AtomicU32,
    place: UnsafeCell<u32>,
    waker: UnsafeCell<WakerParts>,
    /// The next entry of the garbage stack; written by the handle that pushes, read by the sweeper that took the stack.
    pub garbage: AtomicPtr<Entry>,
    node: UnsafeCell<Node>,
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
            state: AtomicU32::new(FREE),
            place: UnsafeCell::new(NOWHERE),
            waker: UnsafeCell::new(WakerParts::NONE),
            garbage: AtomicPtr::new(ptr::null_mut()),
            node: UnsafeCell::new(Node { deadline: 0, order: 0, index: 0 }),
            #[cfg(heist_loom)]
            taken: std::sync::atomic::AtomicBool::new(true),
        }
    }

    /// The state, for the handle: Acquire pairs with the Release of [`fire`](Self::fire), so that a task that finds its
    /// timer fired sees what the firer did before.
    #[inline]
    pub fn state(&self) -> u32 {
        self.state.load(Ordering::Acquire)
    }

    /// Steps out of ARMED as the firer, or as the closing loop (`end` says which), and takes the waker. `None` when a
    /// handle on another thread has cancelled. Called with the owner word held.
    #[must_use]
    pub fn fire(&self, end: u32) -> Option<Waker> {
        // Release pairs with `state`. The compare decides against `cancel`.
        if mutant("timer-fire-without-compare") {
            self.state.store(end, Ordering::Release);
        } else {
            self.state.compare_exchange(ARMED, end, Ordering::Release, Ordering::Relaxed).ok()?;
        }
        self.take_waker()
    }

    /// Steps out of ARMED as the handle, on any thread, without the owner word, and takes the waker back. `None` when
    /// the timer has fired, or the loop is closed.
    #[must_use]
    pub fn cancel(&self) -> Option<Waker> {
        // Relaxed: the only thing that hangs on it is who may take the waker, which the handle itself wrote, or had
        // written before it came to this thread.
        if mutant("timer-cancel-without-compare") {
            self.state.store(CANCELLED, Ordering::Relaxed);
        } else {
            self.state.compare_exchange(ARMED, CANCELLED, Ordering::Relaxed, Ordering::Relaxed).ok()?;
        }
        self.take_waker()
    }

    /// Whether a handle has cancelled without the owner word. Called with the owner word held.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.state.load(Ordering::Relaxed) == CANCELLED
    }

    /// Makes a fresh entry ARMED, with `waker` in it. Called with the owner word held.
    #[inline]
    pub fn arm(&self, waker: Waker) {
        self.waker.with_mut(|parts| {
            // SAFETY: the entry is fresh: no handle compares it and nobody can win a step out of ARMED yet.
            unsafe { *parts = WakerParts::split(waker) };
        });
        #[cfg(heist_loom)]
        self.taken.store(false, Ordering::Relaxed);
        // Relaxed: firers come through the owner word, and the handle is this thread.
        self.state.store(ARMED, Ordering::Relaxed);
    }

    /// Frees the state: steps to FREE and takes the waker if there is one. Called by the handle, with the owner word held.
    #[inline]
    #[must_use]
    pub fn disarm(&self) -> Option<Waker> {
        // Under the owner word nobody fires, and the handle is here: no compare is needed.
        let was = self.state.load(Ordering::Relaxed);
        self.state.store(FREE, Ordering::Relaxed);
        if was == ARMED { self.take_waker() } else { None }
    }

    /// Puts `waker` in the place of the one that is there, which comes back. Called by the handle while the entry is
    /// ARMED, with the owner word held.
    #[must_use]
    pub fn replace_waker(&self, waker: Waker) -> Option<Waker> {
        // SAFETY: the owner word keeps firers out, and the handle, who alone compares and cancels, is the caller.
        let old =
            self.waker.with_mut(|parts| unsafe { std::mem::replace(&mut *parts, WakerParts::split(waker)) });
        // SAFETY: the entry was ARMED, so its waker was still in it, and has just been taken out.
        unsafe { old.join() }
    }

    /// Whether the waker in the entry is `waker`. Called by the handle while it owns the entry.
    #[inline]
    pub fn holds(&self, waker: &Waker) -> bool {
        // SAFETY: only the handle writes the parts, and the handle is the caller; a firer only copies them.
        self.waker.with(|parts| unsafe { *parts }).same(waker)
    }

    /// Has the entry itself fetched.
    #[inline]
    pub fn prefetch(&self) {
        heist_core::prefetch(ptr::from_ref(self).cast(), 1);
    }

    /// Has what the waker stands for fetched: its task will soon be woken and polled. Called with the owner word held.
    #[inline]
    pub fn prefetch_task(&self) {
        // SAFETY: the parts are written with the owner word held. What they point to is not touched.
        let task = self.waker.with(|parts| unsafe { (*parts).data });
        // The front of a task of ours, and the beginning of its future.
        heist_core::prefetch(task, 3);
    }

    /// Called once per step out of ARMED, by who made it.
    fn take_waker(&self) -> Option<Waker> {
        #[cfg(heist_loom)]
        assert!(!self.taken.swap(true, Ordering::Relaxed), "a waker was taken twice");
        // SAFETY: writes to the parts happen before the step out of ARMED: by the owner word, or on the handle's path.
        let parts = self.waker.with(|parts| unsafe { *parts });
        // SAFETY: each `arm` or `replace_waker` puts one waker in, and only one step out of ARMED follows.
        unsafe { parts.join() }
    }

    /// Where the entry is linked. Called with the owner word held.
    #[inline]
    pub fn place(&self) -> u32 {
        // SAFETY: guarded by the owner word.
        self.place.with(|place| unsafe { *place })
    }

    /// Called with the owner word held.
    #[inline]
    pub fn set_place(&self, value: u32) {
        // SAFETY: guarded by the owner word.
        self.place.with_mut(|place| unsafe { *place = value });
    }

    /// Reads or writes the node. Called with the owner word held; `f` gets no way to the same node.
    #[inline(always)]
    pub fn node<R>(&self, f: impl FnOnce(&mut Node) -> R) -> R {
        // SAFETY: guarded by the owner word, and `f` is one of this module's few closures over the fields.
        self.node.with_mut(|node| f(unsafe { &mut *node }))
    }
}
