//! What is ready on a worker: its LIFO slot, its queue, and its share of what was injected.

use std::collections::VecDeque;
use std::ptr;

use heist_core::sync::atomic::Ordering;

use super::{Next, Worker};
use crate::inject::BATCH;
use crate::shared::task_at;
use crate::task::Raw;

/// How often the LIFO slot goes before the queue.
const LIFO_STREAK: u8 = 3;

/// Has room for more in the queue of a current-thread loop: out of the way of who wakes.
#[cold]
#[inline(never)]
fn make_room(fifo: &mut VecDeque<Raw>) {
    fifo.reserve(fifo.len().max(16));
}

impl Worker {
    /// Queues an internal task that was just created here: in order, behind what is there.
    pub(crate) fn put_internal(&self, task: Raw) {
        if self.local {
            self.merge_if_any();
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            unsafe { (*self.fifo.get()).push_back(task) };
        } else {
            self.push_back(task);
        }
    }

    /// Queues a task that was woken on this thread.
    #[inline]
    pub(crate) fn schedule(&self, task: Raw) {
        if self.local {
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            let fifo = unsafe { &mut *self.fifo.get() };
            if fifo.len() == fifo.capacity() {
                make_room(fifo);
            }
            fifo.push_back(task);
            return;
        }
        if self.context.wakes_in_order() {
            self.push_back(task);
            return;
        }
        let slot = &self.slot().lifo;
        // Only this thread puts something in, so a plain look tells an empty slot. Release and AcqRel pair with the
        // watchdog's swap, which hands the task on.
        // (Under loom always by the swap: it keeps no one order of stores and swaps, and would lose the store.)
        if slot.load(Ordering::Relaxed).is_null() && !cfg!(heist_loom) {
            slot.store(task.0.as_ptr(), Ordering::Release);
        } else if let Some(before) = task_at(slot.swap(task.0.as_ptr(), Ordering::AcqRel)) {
            self.push_back(before);
        }
    }

    /// Puts a task at the back of this worker's queue.
    #[inline]
    pub(super) fn push_back(&self, task: Raw) {
        self.queue.push(task);
    }

    /// Queues a task again that ran and wants to run again: behind all others.
    #[inline(never)]
    pub(super) fn requeue(&self, task: Raw) {
        if self.local {
            // What other threads brought before goes before.
            self.merge_if_any();
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            unsafe { (*self.fifo.get()).push_back(task) };
            return;
        }
        self.push_back(task);
    }

    /// As [`requeue`](Self::requeue); a task that is alone in line takes no way through the queue, and comes back.
    #[inline(always)]
    pub(super) fn put_back(&self, task: Raw) -> Option<Raw> {
        let back = self.queue.back();
        // In this order, so that a task that is not alone pays two comparisons.
        if back.has_room() && back.is_front() && !self.goes_before_the_queue() {
            return Some(task);
        }
        self.queue.push_at(back, task);
        None
    }

    /// As [`put_back`](Self::put_back), on a current-thread loop.
    #[inline(always)]
    pub(super) fn put_back_in_order(&self, task: Raw) -> Option<Raw> {
        let shared = &*self.shared;
        if self.fifo_is_empty() && shared.injector.len() == 0 && !shared.callbacks.timed.is_asked() {
            return Some(task);
        }
        self.requeue(task);
        None
    }

    /// What to do next, of what is at hand.
    #[inline]
    pub(crate) fn next(&self) -> Option<Next> {
        if self.local { self.next_in_order() } else { self.next_of_all() }
    }

    /// As [`next`](Self::next), where there are several workers.
    #[inline(always)]
    pub(super) fn next_of_all(&self) -> Option<Next> {
        if self.main_may_be_due() && self.main_goes_now() {
            return Some(Next::Main);
        }
        let lifo = &self.slot().lifo;
        if !lifo.load(Ordering::Relaxed).is_null() {
            // AcqRel pairs with the watchdog's swap: one of us gets the task.
            if let Some(task) = task_at(lifo.swap(ptr::null_mut(), Ordering::AcqRel)) {
                if self.lifo_streak.get() < LIFO_STREAK {
                    self.lifo_streak.set(self.lifo_streak.get() + 1);
                    return Some(Next::Task(task));
                }
                self.push_back(task);
            }
        }
        self.lifo_streak.set(0);
        if let Some(task) = self.queue.pop() {
            return Some(Next::Task(task));
        }
        self.next_injected().map(Next::Task)
    }

    /// What to do next where the queue is empty.
    #[inline(never)]
    fn next_injected(&self) -> Option<Raw> {
        if self.drained_at.get().is_some() { self.next_of_drained() } else { self.take_injected(false) }
    }

    /// As [`next_injected`](Self::next_injected), where all that was injected has been taken.
    #[inline(never)]
    fn next_of_drained(&self) -> Option<Raw> {
        // What was emptied a moment ago gets a moment to fill: see `lingers`.
        if self.has_just_drained() { None } else { self.take_injected(false) }
    }

    /// Whether something may go before the tasks in the queue.
    #[inline]
    pub(super) fn goes_before_the_queue(&self) -> bool {
        !self.slot().lifo.load(Ordering::Relaxed).is_null() || self.main_may_be_due()
    }

    /// Whether `block_on`'s future was woken, or has a turn; on worker 0, never on another.
    #[inline]
    pub(super) fn main_may_be_due(&self) -> bool {
        self.slot().main_woken.load(Ordering::Relaxed)
    }

    /// Whether `block_on`'s future, which may be due, is what goes now; takes the wake.
    #[inline(never)]
    fn main_goes_now(&self) -> bool {
        let goes = self.main_may_go_first() && self.main_is_due();
        if goes {
            self.lifo_streak.set(self.lifo_streak.get().saturating_add(1));
        }
        goes
    }

    /// As [`next`](Self::next), on a current-thread loop: one queue, first in, first out, `block_on`'s future in it.
    #[inline(always)]
    pub(super) fn next_in_order(&self) -> Option<Next> {
        if self.shared.injector.len() > 0 || self.leave.is_between_passes() {
            self.take_in();
        }
        // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
        let fifo = unsafe { &mut *self.fifo.get() };
        let task = fifo.pop_front();
        self.leave.took_one_of(fifo.len());
        match task {
            Some(task) if task.0.as_ptr() == self.main.get() => Some(Next::Main),
            task => task.map(Next::Task),
        }
    }

    /// On a current-thread loop, before the next entry of its queue: what others brought, if it is time for it, and the callbacks
    /// that are due, before the first entry of a pass.
    #[inline(never)]
    fn take_in(&self) {
        if self.shared.injector.len() > 0
            && (self.fifo_is_empty() || self.slot().polls.load(Ordering::Relaxed) % 8 == 0)
        {
            self.merge_injected();
        }
        if self.leave.is_between_passes() && self.shared.callbacks.timed.is_asked() {
            self.shared.fire_due(self.shared.clock.now());
        }
    }

    /// How many polls this worker has before it.
    pub(crate) fn ready(&self) -> usize {
        if self.local {
            self.merge_if_any();
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            return unsafe { (*self.fifo.get()).len() };
        }
        self.queue.len()
            + self.shared.injector.len()
            + usize::from(!self.slot().lifo.load(Ordering::Relaxed).is_null())
    }

    pub(super) fn fifo_is_empty(&self) -> bool {
        // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
        unsafe { (*self.fifo.get()).is_empty() }
    }

    /// As [`merge_injected`](Self::merge_injected), for the price of a load where there is nothing.
    #[inline]
    pub(super) fn merge_if_any(&self) {
        if self.shared.injector.len() > 0 {
            self.merge_injected();
        }
    }

    /// Merges, on a current-thread loop, what other threads noted about its tasks, and queues what they created.
    pub(crate) fn merge_injected(&self) {
        self.fed.set(true);
        // What comes meanwhile waits for the next time.
        let mut left = self.shared.injector.len();
        while left > 0 {
            let mut batch = self.shared.injector.take(left, true).peekable();
            if batch.peek().is_none() {
                break;
            }
            for task in batch {
                task.merge();
                left -= 1;
            }
        }
    }

    /// Whether `block_on`'s future may go before the queue again: like the LIFO slot, a few times in a row.
    #[inline]
    fn main_may_go_first(&self) -> bool {
        self.lifo_streak.get() < LIFO_STREAK || !self.has_own_work()
    }

    /// Whether `block_on`'s future is to be polled now; takes the wake.
    #[inline]
    pub(super) fn main_is_due(&self) -> bool {
        let turn = self.main_turn.get();
        if turn > 0 {
            // It yielded: those who were ready then come first, unless all of them are done.
            if turn > 1 && self.has_own_work() {
                self.main_turn.set(turn - 1);
                return false;
            }
            self.main_turn.set(0);
        }
        // Acquire pairs with the Release store in `wake_main`: a wake that came during its turn is answered by this poll.
        self.shared.main_woken().swap(false, Ordering::AcqRel)
    }

    pub(super) fn has_own_work(&self) -> bool {
        !self.queue.is_empty() || !self.slot().lifo.load(Ordering::Relaxed).is_null()
    }

    /// Takes a share of what was injected: returns one task and queues the rest.
    #[inline]
    pub(super) fn take_injected(&self, patient: bool) -> Option<Raw> {
        match self.shared.injector.to_take() {
            0 => None,
            len => self.take_some_injected(len, patient),
        }
    }

    #[inline(never)]
    fn take_some_injected(&self, len: usize, patient: bool) -> Option<Raw> {
        self.fed.set(true);
        let mut batch = self.shared.injector.take(self.share_of(len), patient);
        batch.prefetch();
        // (A model has no time.)
        if !cfg!(heist_loom) && self.shared.injector.is_drained() {
            self.drained_at.set(Some(self.shared.stopwatch.read(&self.shared.clock)));
        }
        let first = batch.next();
        batch.for_each(|task| self.queue.push(task));
        first
    }

    /// How many injected tasks this worker takes, of so many: its share, and a batch at most.
    fn share_of(&self, len: usize) -> usize {
        (len / self.shared.workers + 1).min(BATCH)
    }
}
