//! The two ways of running a worker: on a thread of its own until the loop is closed, and turn by turn, as worker 0, on
//! the thread of a run.

use std::ptr;
use std::sync::Arc;

use heist_core::clock::NEVER;
use heist_core::sync::atomic::Ordering;
use heist_core::sync::thread;

use super::deliver::{self, Polled, Turn};
use super::{Next, Worker};
use crate::shared::{CLOSED, PAUSED, Shared, task_at};
use crate::task::state::{self, Access, End, LOCAL};
use crate::task::{Header, Raw};
use crate::trace;

impl Worker {
    /// Runs this worker on the current thread until the loop is closed; for all workers but 0.
    pub(crate) fn run_thread(self: Box<Self>, shared: &Arc<Shared>) {
        self.gone.set(false);
        {
            // SAFETY: the guard ends with this block, before the worker moves.
            let _entered = unsafe { self.enter() };
            self.set_active(true);
            trace::worker(self.index, true);
            loop {
                match shared.phase() {
                    CLOSED => break,
                    PAUSED => {
                        self.hand_over();
                        self.set_active(false);
                        shared.pause();
                        self.set_active(true);
                        continue;
                    }
                    _ => {}
                }
                self.turns_until(|_| unreachable!("only worker 0 has a main future"), || false);
                if self.gone.get() {
                    self.leave_driver();
                    break;
                }
            }
            self.hand_over();
            self.set_active(false);
            trace::worker(self.index, false);
        }
        if shared.phase() == CLOSED {
            self.retire();
        } else {
            let index = self.index;
            *shared.resting[index].lock() = Some(self);
        }
    }

    /// Whether this is a spare that is no longer needed: nobody is stuck, and it has nothing of its own.
    pub(super) fn is_surplus(&self) -> bool {
        self.index >= self.shared.workers
            && self.shared.stuck.load(Ordering::Relaxed) == 0
            && self.shared.driver.next_deadline(self.index) == NEVER
    }

    /// A spare goes for good. Whoever found the driver claimed by it sleeps on a parker, and no one would claim it
    /// again: so the sleepers are woken, and one of them waits in the driver next. All of them, because a driver with
    /// several shards has a claim for each, and only a worker of this one's shard takes this one's.
    pub(super) fn leave_driver(&self) {
        // The fence in `poke` pairs with the one in `prepare_to_sleep`: a worker whose idle bit is not seen there has yet to
        // try the claim, which this one has given back.
        if self.shared.driver.io_waiting() {
            for _ in 0..self.shared.slots.len() {
                if !self.shared.poke() {
                    break;
                }
            }
        }
    }

    pub(super) fn set_active(&self, active: bool) {
        if active && !self.local {
            self.stamp();
            self.slot().thread.store(crate::watchdog::current_thread(), Ordering::Relaxed);
        }
        self.slot().tally.set_busy(active, self.shared.stopwatch.read(&self.shared.clock));
        self.slot().active.store(active, Ordering::Release);
        self.shared.idle.set_active(self.index, active);
        if active {
            self.shared.watchdog.worker_awake();
        } else {
            self.slack.give_back();
        }
    }

    pub(crate) fn begin_run(&self, main: *mut Header) {
        self.set_active(true);
        self.main.set(main);
        self.set_interrupted(false);
        self.leave.begin();
        self.main_turn.set(0);
        self.restart_look(self.shared.clock.now());
    }

    /// The run leaves before its future has ended: the cell that stands for it is in no queue any more.
    pub(crate) fn forget_main(&self) {
        let main = self.main.get();
        // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
        unsafe { (*self.fifo.get()).retain(|task| task.0.as_ptr() != main) };
        // A wake that is still on its way finds a run that has another future, or none, and costs it a poll.
        self.shared.main_woken().store(false, Ordering::Relaxed);
    }

    pub(crate) fn end_run(&self) {
        self.main.set(ptr::null_mut());
        self.leave.go_on();
        self.hand_over();
        self.set_active(false);
    }

    /// Leaves nothing behind that only this worker could run: slot and queues go to the injector.
    pub(crate) fn hand_over(&self) {
        if self.searching.replace(false) {
            self.shared.idle.stop_searching();
        }
        if self.local {
            return;
        }
        // Once the loop is closed, what goes to the injector ends on the spot, and may wake more: until nothing is left.
        loop {
            let first = task_at(self.slot().lifo.swap(ptr::null_mut(), Ordering::AcqRel));
            let left: Vec<_> = first.into_iter().chain(std::iter::from_fn(|| self.queue.pop())).collect();
            if left.is_empty() {
                break;
            }
            left.into_iter().for_each(|task| self.shared.inject_quietly(task));
        }
    }

    /// Closes a current-thread loop: ends all its tasks, here, for their futures need not be Send, and hands the cells
    /// that others still hold over to them.
    pub(crate) fn close_local(&self) {
        loop {
            self.merge_injected();
            let mut held = Vec::new();
            self.shared.each_task(|task| held.push(task));
            for &task in &held {
                let word = task.header().word.load();
                if word & LOCAL != 0 && word & state::COMPLETE == 0 {
                    // SAFETY: this thread owns the loop and is inside no poll; the walk's reference keeps the cell.
                    unsafe { task.end(Access::Owner, "the event loop is closed") };
                }
            }
            // What was queued has ended.
            // SAFETY: only this worker's thread uses the queue, and no reference to it is kept.
            unsafe { (*self.fifo.get()).clear() };
            // What a drop has just created has ended too, as refused; what others create comes by the injector.
            let (local, others): (Vec<_>, Vec<_>) =
                held.into_iter().partition(|task| task.header().word.load() & LOCAL != 0);
            others.into_iter().for_each(Raw::release);
            if local.is_empty() && self.shared.injector_close_if_empty() {
                return;
            }
            for task in local {
                task.begin_sharing();
                while !task.finish_sharing() {
                    // A note is on its way: it is in the inbox, or the thread that wrote it is about to push it.
                    self.merge_injected();
                    thread::yield_now();
                }
            }
        }
    }

    /// One turn: look if it is time, then one poll, or search, or sleep.
    #[inline]
    pub(crate) fn turn(&self, main: impl FnOnce(&Self)) {
        self.turn_until(main, || false);
    }

    /// As [`turn`](Self::turn), without sleeping once `last` is true.
    #[inline]
    pub(crate) fn turn_until(&self, main: impl FnOnce(&Self), last: impl FnMut() -> bool) {
        if self.slot().is_look_due() && self.look() {
            return;
        }
        self.go_on(self.next(), main, last);
    }

    /// As [`turn_until`](Self::turn_until), or as many turns as there are tasks until something else is due. (The turns of a
    /// run's last pass are counted, so they are made one by one.)
    #[inline]
    pub(crate) fn turns_until(&self, main: impl FnOnce(&Self), last: impl FnMut() -> bool) {
        if self.leave.is_last() || self.searching.get() || self.shared.debug.is_on() {
            return self.turn_until(main, last);
        }
        // Compiled twice: what kind of loop this is need not be asked again and again.
        let next = if self.local { self.poll_tasks::<true>() } else { self.poll_tasks::<false>() };
        self.go_on(next, main, last);
    }

    /// Polls task after task, until there is something else to do; says what. Whoever turns debug mode on asks for a look.
    #[inline(never)]
    fn poll_tasks<const LOCAL: bool>(&self) -> Option<Next> {
        let access = if LOCAL { Access::Owner } else { Access::Shared };
        let mut again = None;
        while !self.slot().is_look_due() {
            let task = match again.take() {
                Some(task) => task,
                None => match if LOCAL { self.next_in_order() } else { self.next_of_all() } {
                    Some(Next::Task(task)) => task,
                    other => return other,
                },
            };
            if self.poll_here(task, access) {
                again = if LOCAL { self.put_back_in_order(task) } else { self.put_back(task) };
            }
        }
        if let Some(task) = again {
            self.requeue(task);
        }
        Some(Next::Look)
    }

    #[inline]
    fn go_on(&self, next: Option<Next>, main: impl FnOnce(&Self), last: impl FnMut() -> bool) {
        match next {
            Some(Next::Task(task)) => {
                self.found_work();
                self.poll(task);
            }
            Some(Next::Main) => {
                self.found_work();
                self.count_poll(0);
                main(self);
            }
            Some(Next::Look) => {
                self.look();
            }
            None if self.lingers() => {}
            None if self.local => self.rest(last),
            None => match self.search() {
                Some(task) => {
                    self.found_work();
                    self.poll(task);
                }
                None => self.rest(last),
            },
        }
    }

    /// There is nothing to do: waits awake if that pays, or else sleeps.
    fn rest(&self, mut last: impl FnMut() -> bool) {
        if !self.waits_awake(&mut last) {
            self.sleep(last);
        }
    }

    /// Polls `block_on`'s future once; `true` when it has ended.
    pub(crate) fn poll_main(&self, main: Raw, polled: &mut impl Polled) -> bool {
        let access = self.access();
        let watched = self.shared.debug.begin();
        let start = main.header().word.start();
        let turn = deliver::poll(&self.context, main, access, start, polled);
        self.shared.debug.end_poll(watched, main);
        let again = match turn {
            Turn::Ready(_) => return true,
            Turn::Again => true,
            Turn::Pending => main.header().word.end(access, start) == End::Again,
        };
        if again && self.local {
            self.requeue(main);
        } else if again {
            self.put_main_in_order();
        }
        false
    }

    /// Has `block_on`'s future polled once those who are ready now have been.
    pub(crate) fn put_main_in_order(&self) {
        if self.main_turn.get() == 0 {
            // One for each poll to come, and one because zero says that it has no turn.
            self.main_turn.set(self.queue.len() + 2);
            // Whoever looks for what goes first looks here alone.
            self.shared.main_woken().store(true, Ordering::Relaxed);
        }
    }

    /// The loop is closed and nothing is queued here: the heap closes, and the worker is gone.
    pub(crate) fn retire(self: Box<Self>) {
        self.heap.close(&self.shared);
    }
}
