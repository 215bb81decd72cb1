//! The injector: where tasks lie that no worker has in its own queue.
//!
//! Into it go tasks from threads that are no worker, and what a worker leaves behind: nobody's, so they wake a sleeper.
//!
//! A thread that is no worker does two things to create a task: it takes a cell from the heap that such threads share, and
//! puts the task in line. Both are behind one lock, the *entrance*, so that a task costs two atomic read-modify-writes, and no
//! fence (below). Workers take out behind another lock, the *exit*, and the two sides meet in one word: `pushed`, which counts
//! what ever went in. Who takes reads it when all is taken that it *told* of the last time, takes up to [`BATCH`] tasks at once,
//! and asks the cache for all their cells ahead of their polls: each was written on another core, and one after the other
//! they cost more than everything else.
//!
//! | entrance | exit |
//! |---|---|
//! | E1 lock; write the slot ([`blocks`]) | X1 lock; all taken that was told of: read `pushed` (Acquire), note it in `told` |
//! | E2 `pushed` += 1 (Release); unlock | X2 read up to as many slots; `taken` += them (Release); unlock |
//!
//! A *sleeper's look* ([`Injector::may_have_any`]) passes through the entrance. Either it comes after a push, and sees it;
//! or before, and then whoever pushes sees, behind the entrance, that the worker sleeps. So a push needs no fence; see the
//! page.
//!
//! Protocol page: `docs/design/sleep-wake.md`.

mod blocks;
#[cfg(all(test, heist_loom))]
mod models;

use crossbeam_utils::CachePadded;
use heist_core::sync::atomic::{AtomicUsize, Ordering};
use heist_core::sync::{Mutex, MutexGuard, mutant};

use crate::heap::Heap;
use crate::task::Raw;

/// The most tasks that are taken at a time.
pub(crate) const BATCH: usize = 32;

/// What threads that are no worker share, behind the lock of the entrance.
struct Foreign {
    /// Cells for the tasks that they create.
    heap: Heap,
    writer: blocks::Writer<Raw>,
    /// How many tasks they have created.
    created: u64,
    closed: bool,
}

/// What those who take write to.
struct Exit {
    reader: Mutex<blocks::Reader<Raw>>,
    /// How many tasks ever came out. Written behind the lock.
    taken: AtomicUsize,
    /// What `pushed` was when it was last read. Written behind the lock.
    told: AtomicUsize,
}

/// See the module's text.
pub(crate) struct Injector {
    entrance: CachePadded<Mutex<Foreign>>,
    /// How many tasks ever went in. Written inside the entrance.
    pushed: CachePadded<AtomicUsize>,
    exit: CachePadded<Exit>,
    spares: blocks::Spares<Raw>,
}

impl std::fmt::Debug for Injector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Injector").field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Injector {
    /// An empty one, with the heap of those who are no worker.
    pub(crate) fn new(heap: Heap) -> Self {
        let (writer, reader) = blocks::line();
        let foreign = Foreign { heap, writer, created: 0, closed: false };
        let (taken, told) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self {
            entrance: CachePadded::new(Mutex::new(foreign)),
            pushed: CachePadded::new(AtomicUsize::new(0)),
            exit: CachePadded::new(Exit { reader: Mutex::new(reader), taken, told }),
            spares: blocks::Spares::new(),
        }
    }

    /// How many tasks there are. For decisions that a later look corrects.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // In this order, and Acquire with the Release in `take`: what is counted as taken is then counted as pushed.
        let taken = self.exit.taken.load(Ordering::Acquire);
        self.pushed.load(Ordering::Relaxed).wrapping_sub(taken)
    }

    /// How many there are to be taken now: those that a taker knows of, which is a look that costs those who push nothing;
    /// only where there is none, all of them.
    #[inline]
    pub(crate) fn to_take(&self) -> usize {
        // Acquire as in `len`: `told` is never behind.
        let taken = self.exit.taken.load(Ordering::Acquire);
        match self.exit.told.load(Ordering::Relaxed).wrapping_sub(taken) {
            0 => self.pushed.load(Ordering::Relaxed).wrapping_sub(taken),
            told => told,
        }
    }

    /// Whether a taker knows of none.
    #[inline]
    pub(crate) fn is_drained(&self) -> bool {
        let taken = self.exit.taken.load(Ordering::Acquire);
        self.exit.told.load(Ordering::Relaxed) == taken
    }

    /// The look of a worker that others can see sleeping: whether anything is there, or about to be.
    ///
    /// Partner: [`enter`](Self::enter). Who is inside the entrance now has something to push, or will let others in.
    pub(crate) fn may_have_any(&self) -> bool {
        if mutant("injector-look-enters") {
            return self.len() > 0;
        }
        match self.entrance.try_lock() {
            Some(_inside) => self.len() > 0,
            None => true,
        }
    }

    /// Enters, to create a task or to push one.
    #[inline]
    pub(crate) fn enter(&self) -> Inside<'_> {
        Inside { foreign: self.entrance.lock(), injector: self }
    }

    /// Takes up to `count` tasks, and no more than [`BATCH`]; none when there are none, or when another thread is at it and
    /// `patient` is not set.
    #[inline]
    pub(crate) fn take(&self, count: usize, patient: bool) -> Batch {
        let mut batch = Batch { tasks: [None; BATCH], next: 0 };
        let reader = if patient { Some(self.exit.reader.lock()) } else { self.exit.reader.try_lock() };
        let Some(mut reader) = reader else { return batch };
        let taken = self.exit.taken.load(Ordering::Relaxed);
        let mut there = self.exit.told.load(Ordering::Relaxed).wrapping_sub(taken);
        if there == 0 {
            // Acquire pairs with the Release in `push`: the slots that it counts are filled.
            let pushed = self.pushed.load(Ordering::Acquire);
            self.exit.told.store(pushed, Ordering::Relaxed);
            there = pushed.wrapping_sub(taken);
        }
        let count = count.min(there).min(BATCH);
        for slot in &mut batch.tasks[..count] {
            // SAFETY: `pushed` tells of `there` tasks that no one has taken.
            *slot = Some(unsafe { reader.read(&self.spares) });
        }
        self.exit.taken.store(taken.wrapping_add(count), Ordering::Release);
        batch
    }

    /// Closes if nothing is left; `false` when something is.
    pub(crate) fn close_if_empty(&self) -> bool {
        let mut inside = self.enter();
        let empty = self.len() == 0;
        inside.foreign.closed |= empty;
        empty
    }

    /// Takes what is left; from now on nothing comes in.
    pub(crate) fn close(&self) -> Vec<Raw> {
        self.enter().foreign.closed = true;
        let mut left = Vec::new();
        loop {
            let before = left.len();
            left.extend(self.take(BATCH, true));
            if left.len() == before {
                return left;
            }
        }
    }
}

/// Who has the entrance: may take cells, and push.
pub(crate) struct Inside<'a> {
    foreign: MutexGuard<'a, Foreign>,
    injector: &'a Injector,
}

impl Inside<'_> {
    #[inline]
    pub(crate) fn heap(&self) -> &Heap {
        &self.foreign.heap
    }

    /// Counts a task that was created by no worker.
    #[inline]
    pub(crate) fn count_created(&mut self) {
        self.foreign.created += 1;
    }

    pub(crate) fn created(&self) -> u64 {
        self.foreign.created
    }

    /// Puts a task at the end; `false` when the loop is closed, and the task is the caller's.
    #[inline]
    #[must_use]
    pub(crate) fn push(&mut self, task: Raw) -> bool {
        if self.foreign.closed {
            return false;
        }
        // SAFETY: the reader lives as long as the injector.
        unsafe { self.foreign.writer.write(task, &self.injector.spares) };
        let pushed = &self.injector.pushed;
        // A load and a store: only who is inside writes it. Release pairs with the Acquire in `take`.
        let order = if mutant("injector-push-releases") { Ordering::Relaxed } else { Ordering::Release };
        pushed.store(pushed.load(Ordering::Relaxed).wrapping_add(1), order);
        true
    }
}

/// Tasks that were taken out.
pub(crate) struct Batch {
    /// Filled from the front.
    tasks: [Option<Raw>; BATCH],
    next: usize,
}

impl Batch {
    /// Has the cache fetch the cells, all at once, to be written.
    #[inline]
    pub(crate) fn prefetch(&self) {
        self.tasks.iter().map_while(|task| *task).for_each(Raw::prefetch);
    }
}

impl Iterator for Batch {
    type Item = Raw;

    #[inline]
    fn next(&mut self) -> Option<Raw> {
        let task = (*self.tasks.get(self.next)?)?;
        self.next += 1;
        Some(task)
    }
}
