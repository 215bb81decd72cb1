//! One worker's timers: the shared shell around the levels.
//!
//! Every operation on the levels takes the owner word, does pointer work, gives it back, and only then wakes or drops
//! wakers. The one operation that may not wait for a word that belongs to another worker is giving an entry back on a
//! foreign thread: it steps the entry out of ARMED by one compare and leaves it on the *garbage* stack, which the next
//! holder of the owner word sweeps. The whole protocol is in `docs/design/timers.md`.

mod entry;
mod levels;
mod nursery;
mod pages;
mod row;
#[cfg(all(test, not(heist_loom)))]
mod tests;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::task::Waker;

use crossbeam_utils::CachePadded;
use heist_core::Clock;
use heist_core::clock::NEVER;
use heist_core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use heist_core::sync::cell::UnsafeCell;
use heist_core::sync::{hint, mutant};

use self::entry::NURSERY;
pub(crate) use self::entry::{ARMED, CLOSED, Entry, EntryRef, FIRED};
use self::levels::Levels;
use self::nursery::Nursery;
use self::pages::Pages;

/// How many timers come out of the wheel each time the owner word is taken: some microseconds of pointer work.
const BATCH: usize = 256;

/// How much garbage is left to the next holder of the owner word. Who finds more sweeps it, so that a wheel whose worker
/// sleeps does not fill up; one try-lock in so many cancels is little beside the cancels.
const GARBAGE_LEFT: usize = 64;

/// The top of the garbage stack of a wheel whose service is gone: an address that no entry has.
const ORPHANED: *mut Entry = ptr::without_provenance_mut(1);

/// The timers of one worker.
pub(crate) struct Wheel {
    /// The owner word: whether somebody works on `core`.
    held: AtomicBool,
    /// Whether the timer of `earliest` has been disarmed, so that the word is only a lower bound.
    stale: AtomicBool,
    /// Whether the loop is closed: then nothing is linked, and nothing that was has fired for that.
    closed: AtomicBool,
    /// Whether the nursery may have entries: then `earliest` does not know of all timers. Cleared when it is settled, and not
    /// when the last of them is disarmed: the next is armed soon.
    young: AtomicBool,
    /// The earliest deadline, or one before it; [`NEVER`] when nothing is armed. Written with the owner word held.
    earliest: AtomicU64,
    /// The first timers are a crowd, for which a sleeper is woken then, and not before; 0 when they are none. Written with
    /// the owner word held.
    crowd: AtomicU64,
    /// Whether time is virtual: then every deadline is exact.
    exact: bool,
    clock: Arc<Clock>,
    core: UnsafeCell<Core>,
    /// On a line of its own: foreign threads write here.
    garbage: CachePadded<Garbage>,
}

/// Entries that handles gave back without the owner word.
struct Garbage {
    /// The top of the stack, null when it is empty, [`ORPHANED`] for good when the service is gone.
    top: AtomicPtr<Entry>,
    /// How many entries are on the stack, or about to be.
    count: AtomicUsize,
}

/// What the owner word guards.
struct Core {
    levels: Levels,
    nursery: Nursery,
    pages: Pages,
    closed: bool,
    /// Room for the wakers of a batch, kept so that firing allocates nothing.
    due: Vec<Waker>,
}

impl Core {
    #[inline(always)]
    fn arm_youngest(&mut self, young: &AtomicBool, delay: u64, waker: Waker) -> Result<EntryRef, Waker> {
        // `young` also says that the loop is not closed, and that time is real: else the nursery would have been settled.
        if self.nursery.has_youngest() || !young.load(Ordering::Relaxed) {
            return Err(waker);
        }
        let Some(entry) = self.pages.take_spare() else { return Err(waker) };
        entry.set_deadline(delay);
        entry.arm(waker);
        self.nursery.push_only(entry);
        Ok(entry)
    }

    #[inline(always)]
    fn release_youngest(&mut self, entry: EntryRef) -> Option<Waker> {
        let known = self.nursery.is_youngest(entry) || mutant("timer-release-as-youngest");
        if !known || self.pages.has_spare() {
            return None;
        }
        self.nursery.remove_youngest();
        self.pages.give_back_spare(entry);
        Some(entry.disarm_armed())
    }
}

// SAFETY: `core` is reached only with the owner word held; entries are Send + Sync.
unsafe impl Send for Wheel {}
// SAFETY: as for Send.
unsafe impl Sync for Wheel {}

/// Gives the owner word back on drop.
struct Held<'a>(&'a Wheel);

impl Drop for Held<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // Release pairs with the Acquire of `hold`.
        self.0.held.store(false, Ordering::Release);
    }
}

impl Wheel {
    pub fn new(clock: Arc<Clock>) -> Self {
        Self {
            held: AtomicBool::new(false),
            stale: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            young: AtomicBool::new(false),
            earliest: AtomicU64::new(NEVER),
            crowd: AtomicU64::new(0),
            exact: clock.is_virtual(),
            clock,
            core: UnsafeCell::new(Core {
                levels: Levels::new(),
                nursery: Nursery::new(),
                pages: Pages::new(),
                closed: false,
                due: Vec::new(),
            }),
            garbage: CachePadded::new(Garbage {
                top: AtomicPtr::new(ptr::null_mut()),
                count: AtomicUsize::new(0),
            }),
        }
    }

    /// Treats a virtual clock as a real one.
    #[cfg(all(test, heist_loom))]
    pub fn use_nursery(&mut self) {
        self.exact = false;
    }

    /// The clock that the deadlines in this wheel are on.
    #[inline]
    pub fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// Arms a timer; `None` once the loop is closed. Called on the worker whose wheel this is, so that nobody needs to
    /// be told of an earlier deadline. One read-modify-write.
    #[inline]
    pub fn arm(&self, deadline: u64, waker: Waker) -> Option<EntryRef> {
        let mut waker = Some(waker);
        // A refused waker is dropped here, when the owner word has been given back.
        self.with(|core| {
            if core.closed {
                return None;
            }
            let entry = self.take(core, deadline);
            entry.arm(waker.take()?);
            self.file(&mut core.levels, entry, deadline);
            Some(entry)
        })
    }

    /// As [`arm`](Self::arm), for a `delay` from the next look at what is due: nobody reads the clock here. In virtual time
    /// the delay is from now.
    #[inline]
    pub fn arm_young(&self, delay: u64, waker: Waker) -> Option<EntryRef> {
        let mut waker = Some(waker);
        self.with(|core| {
            if core.closed {
                return None;
            }
            let entry = self.take(core, delay);
            entry.arm(waker.take()?);
            // Relaxed: read on this thread, or by others who come again.
            if !self.young.load(Ordering::Relaxed) {
                self.young.store(true, Ordering::Relaxed);
            }
            core.nursery.push(entry);
            if self.exact {
                self.settle(core);
            }
            Some(entry)
        })
    }

    /// As [`arm_young`](Self::arm_young), the usual way: the last limit was disarmed as the youngest, and nobody has looked at
    /// what is due since. In any other case the waker comes back.
    #[inline(always)]
    pub fn arm_youngest(&self, delay: u64, waker: Waker) -> Result<EntryRef, Waker> {
        let Some(_held) = self.try_hold() else { return Err(waker) };
        // SAFETY: the owner word is held, and the closure does not reach the core in another way.
        self.core.with_mut(|core| unsafe { &mut *core }.arm_youngest(&self.young, delay, waker))
    }

    /// A fresh entry, with `deadline` in it.
    #[inline(always)]
    fn take(&self, core: &mut Core, deadline: u64) -> EntryRef {
        self.sweep(core);
        let entry = core.pages.take();
        entry.set_deadline(deadline);
        entry
    }

    /// Files an armed entry that is in no list.
    #[inline(always)]
    fn file(&self, levels: &mut Levels, entry: EntryRef, deadline: u64) {
        levels.insert(entry);
        // With `has_fired`, this says that an entry is linked.
        let first = deadline <= self.earliest.load(Ordering::Relaxed);
        if first && !mutant("timer-arm-without-publishing") {
            // Nothing that has a deadline is due before this one: the word is exact again.
            self.publish(deadline, false);
            self.crowd.store(0, Ordering::Relaxed);
        }
    }

    /// Gives those in the nursery their deadlines and files them. Called with the owner word held.
    #[inline]
    fn settle(&self, core: &mut Core) {
        if self.young.load(Ordering::Relaxed) {
            self.settle_all(core, None);
        }
    }

    /// As [`settle`](Self::settle); `told` is what the time was before the owner word was taken, for the model that shows
    /// why it must not be used.
    #[cold]
    fn settle_all(&self, core: &mut Core, told: Option<u64>) {
        self.young.store(false, Ordering::Relaxed);
        if core.nursery.count() == 0 {
            return;
        }
        // Read with the owner word held: it comes after the arming of all that are there, on whatever thread this is.
        let now = told.unwrap_or_else(|| self.clock.now());
        let Core { nursery, levels, .. } = core;
        nursery.drain(|entry| {
            // What a handle has cancelled is on its way to the garbage stack.
            if !entry.is_cancelled() {
                let deadline = now.saturating_add(entry.deadline()).min(NEVER - 1);
                entry.set_deadline(deadline);
                self.file(levels, entry, deadline);
            }
        });
    }

    /// The deadline of an entry, which from now on has one. Called by the handle, on any thread.
    pub fn deadline_of(&self, entry: EntryRef) -> u64 {
        self.with(|core| {
            if entry.place() == NURSERY {
                self.settle(core);
            }
            entry.deadline()
        })
    }

    /// Ends the ownership of an entry on the worker whose wheel this is: constant time, one read-modify-write. What the
    /// entry still held comes back, to be dropped.
    #[inline]
    #[must_use]
    pub fn release_local(&self, entry: EntryRef) -> Option<Waker> {
        self.with(|core| {
            let waker = entry.disarm();
            if waker.is_some() {
                self.unlink(core, entry);
            }
            core.pages.give_back(entry);
            waker
        })
    }

    /// As [`release_local`](Self::release_local), the usual way for a limit: it is the youngest in the nursery, so it is armed.
    /// `None` leaves it as it is.
    #[inline(always)]
    pub fn release_youngest(&self, entry: EntryRef) -> Option<Waker> {
        let _held = self.try_hold()?;
        // SAFETY: the owner word is held, and the closure does not reach the core in another way.
        self.core.with_mut(|core| unsafe { &mut *core }.release_youngest(entry))
    }

    /// Whether a timer that was armed here with this deadline has fired: what is linked is due at `earliest` or later. `false`
    /// also where it is not known. It reads nothing of the entry, which was perhaps last touched long ago. Called by the handle.
    #[inline]
    pub fn has_fired(&self, deadline: u64) -> bool {
        // Acquire pairs with `publish`. A value from before the arming is not seen: the handle comes from there.
        deadline < self.earliest.load(Ordering::Acquire) && !self.closed.load(Ordering::Relaxed)
    }

    /// Ends the ownership of an entry that [`has_fired`](Self::has_fired) and has not been touched since, on the worker whose
    /// wheel this is. One read-modify-write, and nothing of the entry.
    #[inline]
    pub fn release_fired(&self, entry: EntryRef) {
        self.with(|core| core.pages.give_back(entry));
    }

    /// Puts another waker into an armed entry; what was there comes back, or `waker` itself where the timer is no longer
    /// armed. Called by the handle, on any thread.
    pub fn replace_waker(&self, entry: EntryRef, waker: Waker) -> Result<Waker, Waker> {
        // With the owner word held nobody fires, so the answer stays true.
        self.with(|_| if entry.state() == ARMED { Ok(entry.replace_waker(waker)) } else { Err(waker) })
    }

    /// Moves an armed timer to another deadline, waker and all, as if it had been armed now; `false` where it is no
    /// longer armed. Called by the handle on the worker whose wheel this is.
    pub fn move_local(&self, entry: EntryRef, deadline: u64) -> bool {
        self.with(|core| {
            if entry.state() != ARMED {
                return false;
            }
            self.unlink(core, entry);
            entry.set_deadline(deadline);
            self.file(&mut core.levels, entry, deadline);
            true
        })
    }

    /// Ends the ownership of an entry on any thread, without waiting for the owner. An armed timer's waker comes back.
    ///
    /// # Safety
    ///
    /// `wheel` is that of `entry`; the caller owns the entry and does not touch it, or the wheel, afterwards.
    #[must_use]
    pub unsafe fn release_remote(wheel: NonNull<Self>, entry: EntryRef) -> Option<Waker> {
        let waker = entry.cancel();
        // SAFETY: a wheel lives at least until all its entries are given back, and this one has not been.
        let this = unsafe { wheel.as_ref() };
        let count = this.garbage.count.fetch_add(1, Ordering::Relaxed);
        // What others left behind is swept before the own entry joins it: afterwards the wheel may be gone.
        if count >= GARBAGE_LEFT {
            if let Some(_held) = this.try_hold() {
                // SAFETY: `_held` keeps the owner word.
                this.core.with_mut(|core| this.sweep(unsafe { &mut *core }));
            }
        }
        // A first guess; the exchange brings the truth. (loom overlooks interleavings where a load comes just before an
        // exchange, so in a model the guess is a constant.) Acquire, here and below: who sees ORPHANED sees what the
        // service did before it left.
        let mut top =
            if cfg!(heist_loom) { ptr::null_mut() } else { this.garbage.top.load(Ordering::Acquire) };
        loop {
            if top == ORPHANED {
                // SAFETY: the caller's premises, and the service is gone.
                unsafe { Self::release_orphaned(wheel, entry) };
                return waker;
            }
            entry.set_link(top);
            // Release pairs with the Acquire of `sweep` and `orphan`.
            match this.garbage.top.compare_exchange_weak(
                top,
                entry.as_ptr(),
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return waker,
                Err(now) => top = now,
            }
        }
    }

    /// Fires what is due: takes it out with the owner word held, then wakes. Called between polls: when nothing is due it
    /// is a load and a compare. Any thread may fire for a worker that is stuck.
    ///
    /// # Panics
    ///
    /// Goes on with the panic of a waker, after all have been woken.
    #[inline]
    pub fn fire(&self, now: u64) {
        // Relaxed: on the owner's thread the word is its own; elsewhere a stale one only puts the work off.
        if self.earliest.load(Ordering::Relaxed) <= now || self.young.load(Ordering::Relaxed) {
            self.fire_due(now);
        }
    }

    #[cold]
    fn fire_due(&self, now: u64) {
        let mut panic = None;
        loop {
            let (mut due, more) = self.with(|core| {
                self.sweep(core);
                if mutant("timer-settle-with-earlier-time") {
                    self.settle_all(core, Some(now));
                }
                self.settle(core);
                if self.earliest.load(Ordering::Relaxed) > now {
                    return (Vec::new(), false);
                }
                let mut due = std::mem::take(&mut core.due);
                let more = core.levels.advance(now, &mut due, BATCH);
                let earliest = core.levels.earliest(self.exact);
                self.publish(earliest, false);
                if !self.exact {
                    self.crowd.store(core.levels.crowd(), Ordering::Relaxed);
                }
                (due, more)
            });
            for waker in due.drain(..) {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| waker.wake())) {
                    panic.get_or_insert(payload);
                }
            }
            if due.capacity() > 0 {
                // The room goes back unless another thread has fired meanwhile and brought its own.
                let _other = self.with(|core| std::mem::replace(&mut core.due, due));
            }
            if !more {
                break;
            }
        }
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }

    /// When to wake for the earliest timer, [`NEVER`] when nothing is armed. Any thread. In virtual time that is its deadline;
    /// in real time a crowd of timers is waited for, [`SPREAD`](levels::SPREAD) at most.
    ///
    /// After the earliest timer was disarmed this looks for the next one. Where the first slot is crowded it does so only
    /// in virtual time; in real time an earlier moment may come back, at which the worker then wakes once for nothing.
    pub fn next_deadline(&self) -> u64 {
        // Acquire pairs with `publish`. The garbage may be the earliest timer, so it counts as staleness.
        let stale = self.stale.load(Ordering::Acquire)
            || self.young.load(Ordering::Relaxed)
            || !self.garbage.top.load(Ordering::Relaxed).is_null() && !self.is_empty();
        if stale {
            self.with(|core| {
                self.sweep(core);
                self.settle(core);
                if self.stale.load(Ordering::Relaxed) {
                    let earliest = core.levels.earliest(self.exact);
                    // In a crowded slot the bound that stands may be the better one; it is never too late.
                    self.publish(earliest.max(self.earliest.load(Ordering::Relaxed)), false);
                }
            });
        }
        // Not later than SPREAD after any deadline: no timer that is left was due before the first of the crowd. One that
        // is not the first any more is a crowd of the past, and stands for nothing.
        self.earliest.load(Ordering::Acquire).max(self.crowd.load(Ordering::Relaxed))
    }

    /// How many timers are armed. Any thread.
    pub fn armed(&self) -> usize {
        self.with(|core| {
            self.sweep(core);
            core.levels.linked() + core.nursery.count()
        })
    }

    /// Disarms all timers for good without waking anybody, and drops their wakers. Any thread.
    pub fn close(&self) {
        let wakers = self.with(|core| {
            core.closed = true;
            // Before the Release of `publish` below, which pairs with the Acquire of `has_fired`.
            self.closed.store(true, Ordering::Relaxed);
            self.settle(core);
            let mut wakers = Vec::new();
            while let Some(entry) = core.levels.pop_any() {
                wakers.extend(entry.fire(CLOSED));
            }
            self.publish(NEVER, false);
            wakers
        });
        drop(wakers);
    }

    /// Ends the service's ownership of a wheel. It goes now, or with the last entry that a handle still owns.
    ///
    /// # Safety
    ///
    /// `wheel` came from a box. Nobody but handles that own entries uses it during the call or afterwards, and they use
    /// it by [`release_remote`](Self::release_remote), [`replace_waker`](Self::replace_waker),
    /// [`deadline_of`](Self::deadline_of) and the entry's state only.
    pub unsafe fn orphan(wheel: NonNull<Self>) {
        // SAFETY: the service owns the wheel until here.
        let this = unsafe { wheel.as_ref() };
        this.close();
        let empty = this.with(|core| {
            let top = if mutant("timer-orphan-unmarked") {
                this.garbage.top.swap(ptr::null_mut(), Ordering::AcqRel)
            } else {
                // Acquire for the entries on the stack; Release pairs with the Acquire of `release_remote`.
                this.garbage.top.swap(ORPHANED, Ordering::AcqRel)
            };
            this.free_chain(core, top);
            core.pages.count_held()
        });
        if empty {
            // SAFETY: no handle owns an entry, so nobody is left who knows the wheel.
            drop(unsafe { Box::from_raw(wheel.as_ptr()) });
        }
    }

    /// # Safety
    ///
    /// As for `release_remote`, with the stack found ORPHANED.
    #[cold]
    unsafe fn release_orphaned(wheel: NonNull<Self>, entry: EntryRef) {
        // SAFETY: the caller's entry keeps the wheel alive until it is given back.
        let this = unsafe { wheel.as_ref() };
        let last = this.with(|core| {
            core.levels.remove(entry);
            core.pages.give_back_counted(entry)
        });
        if last {
            // SAFETY: the service is gone and no handle owns an entry. Others that gave theirs back touched the wheel
            // last when they gave the owner word back, which came before this thread took it.
            drop(unsafe { Box::from_raw(wheel.as_ptr()) });
        }
    }

    /// Takes the garbage off the stack and frees it. Called with the owner word held.
    #[inline]
    fn sweep(&self, core: &mut Core) {
        let top = self.garbage.top.load(Ordering::Relaxed);
        // Only the holder of the owner word empties or orphans the stack, so what is seen here stays.
        if top.is_null() || top == ORPHANED {
            return;
        }
        // Acquire pairs with the Release of the pushes.
        let top = self.garbage.top.swap(ptr::null_mut(), Ordering::Acquire);
        self.free_chain(core, top);
    }

    #[cold]
    fn free_chain(&self, core: &mut Core, mut top: *mut Entry) {
        let mut freed = 0;
        // SAFETY: the stack holds entries of this wheel, or null.
        while let Some(entry) = unsafe { EntryRef::from_ptr(top) } {
            top = entry.link();
            let waker = entry.disarm();
            debug_assert!(waker.is_none(), "an entry on the garbage stack is not armed");
            if !mutant("timer-sweep-linked") {
                self.unlink(core, entry);
            }
            core.pages.give_back(entry);
            freed += 1;
        }
        self.garbage.count.fetch_sub(freed, Ordering::Relaxed);
    }

    /// Takes an entry out of its slot, if it is in one, and keeps the published words true.
    #[inline]
    fn unlink(&self, core: &mut Core, entry: EntryRef) {
        if entry.place() == NURSERY {
            return core.nursery.remove(entry);
        }
        if !core.levels.remove(entry) {
            return;
        }
        if core.levels.linked() == 0 {
            self.publish(NEVER, false);
        } else if entry.deadline() <= self.earliest.load(Ordering::Relaxed) {
            // Looking for the next one is left until somebody asks: most are disarmed before they matter.
            self.stale.store(true, Ordering::Release);
        }
    }

    #[inline]
    fn publish(&self, earliest: u64, stale: bool) {
        self.stale.store(stale, Ordering::Relaxed);
        // Release pairs with the Acquire of `next_deadline`.
        self.earliest.store(earliest, Ordering::Release);
    }

    fn is_empty(&self) -> bool {
        self.earliest.load(Ordering::Relaxed) == NEVER
    }

    #[inline(always)]
    fn with<R>(&self, f: impl FnOnce(&mut Core) -> R) -> R {
        let _held = self.hold();
        // SAFETY: the owner word is held, and no `f` reaches the core in another way.
        self.core.with_mut(|core| f(unsafe { &mut *core }))
    }

    #[inline(always)]
    fn hold(&self) -> Held<'_> {
        match self.try_hold() {
            Some(held) => held,
            None => self.hold_slowly(),
        }
    }

    /// Waits for the owner word: its holders do only pointer work, but one may have lost its processor.
    #[cold]
    fn hold_slowly(&self) -> Held<'_> {
        let mut rounds = 0u32;
        loop {
            rounds += 1;
            if cfg!(heist_loom) || rounds % 64 != 0 {
                hint::spin_loop();
            } else {
                heist_core::sync::thread::yield_now();
            }
            if let Some(held) = self.try_hold() {
                return held;
            }
        }
    }

    #[inline(always)]
    fn try_hold(&self) -> Option<Held<'_>> {
        // Acquire pairs with the Release of `Held::drop`.
        let ordering = if mutant("timer-owner-word-relaxed") { Ordering::Relaxed } else { Ordering::Acquire };
        self.held.compare_exchange(false, true, ordering, Ordering::Relaxed).ok().map(|_| Held(self))
    }
}
