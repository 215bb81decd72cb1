//! One worker's timers: the shared shell around the levels.
//!
//! Every operation on the levels takes the owner word, does pointer work, gives it back, and only then wakes or drops
//! wakers. The one operation that may not wait for a word that belongs to another worker is giving an entry back on a
//! foreign thread: it steps the entry out of ARMED by one compare and leaves it on the *garbage* stack, which the next
//! holder of the owner word sweeps. The whole protocol is in `docs/design/timers.md`.
//!
//! Here is what handles do on the wheel's own worker; `garbage` is what they do elsewhere, `due` what the worker does.

mod due;
mod entry;
mod garbage;
mod levels;
mod nursery;
mod owner;
mod pages;
mod row;
#[cfg(all(test, not(heist_loom)))]
mod tests;

use std::sync::Arc;
use std::task::Waker;

use crossbeam_utils::CachePadded;
use heist_core::Clock;
use heist_core::clock::NEVER;
use heist_core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use heist_core::sync::cell::UnsafeCell;
use heist_core::sync::mutant;

use self::entry::NURSERY;
pub(crate) use self::entry::{ARMED, CLOSED, Entry, EntryRef, FIRED};
use self::garbage::Garbage;
use self::levels::Levels;
use self::nursery::Nursery;
use self::pages::Pages;

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
    /// Whether there may be timers at all: without it nobody need look for the next. Set by who arms, and cleared where
    /// the next is looked for and there is none. Written with the owner word held.
    used: AtomicBool,
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
    fn arm_youngest(&mut self, delay: u64, waker: Waker) -> Result<EntryRef, Waker> {
        let Some(entry) = self.nursery.arm_spare() else { return Err(waker) };
        entry.set_deadline(delay);
        entry.arm_again(waker);
        Ok(entry)
    }

    #[inline(always)]
    fn release_youngest(&mut self, entry: EntryRef) -> Option<Waker> {
        if !self.nursery.is_youngest(entry) && !mutant("timer-release-as-youngest") {
            return None;
        }
        self.nursery.spare_youngest(entry);
        Some(entry.disarm_armed())
    }
}

// SAFETY: `core` is reached only with the owner word held; entries are Send + Sync.
unsafe impl Send for Wheel {}
// SAFETY: as for Send.
unsafe impl Sync for Wheel {}

impl Wheel {
    pub fn new(clock: Arc<Clock>) -> Self {
        Self {
            held: AtomicBool::new(false),
            stale: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            young: AtomicBool::new(false),
            used: AtomicBool::new(false),
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
            garbage: Garbage::new(),
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
            let entry = core.nursery.take_spare().unwrap_or_else(|| self.take(core, delay));
            entry.set_deadline(delay);
            entry.arm(waker.take()?);
            // Relaxed: read on this thread, or by others who come again.
            if !self.young.load(Ordering::Relaxed) {
                self.young.store(true, Ordering::Relaxed);
                self.use_it();
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
        self.core.with_mut(|core| unsafe { &mut *core }.arm_youngest(delay, waker))
    }

    /// A fresh entry, with `deadline` in it.
    #[inline(always)]
    fn take(&self, core: &mut Core, deadline: u64) -> EntryRef {
        self.sweep(core);
        let entry = core.pages.take();
        entry.set_deadline(deadline);
        entry
    }

    /// Notes that there is a timer. Called with the owner word held.
    #[inline]
    fn use_it(&self) {
        if !self.used.load(Ordering::Relaxed) {
            // Release pairs with the Acquire of `next_deadline`.
            self.used.store(true, Ordering::Release);
        }
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
            // What is not the first is not the only one.
            self.use_it();
        }
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
}
