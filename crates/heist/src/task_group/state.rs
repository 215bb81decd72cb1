//! What a group knows of its tasks, under one lock. Nothing is called back while it is held: wakers and tasks that an
//! operation has to call are collected, and called after it.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};

use heist_core::CancelledError;
use heist_core::scope::{Awaited, Awaits};
use heist_core::services::ExceptionContext;
use heist_core::sync::{Mutex, mutant};
use heist_scheduler::task::Watching;
use heist_scheduler::{Handle, TaskRef};

use crate::group_error::GroupFailure;

/// Why a group takes no task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// Its tasks are being cancelled.
    ShuttingDown,
    /// All have ended, and the body too.
    Finished,
}

/// A group's task, as the group has it.
pub(super) trait Child: Clone + Send {
    fn cancel(self);
    fn id(&self) -> u64;
}

impl Child for TaskRef {
    fn cancel(self) {
        self.cancel_because(CancelledError::default());
    }

    fn id(&self) -> u64 {
        TaskRef::id(self)
    }
}

/// What a group's future, its handles and its tasks share. Protocol page: `docs/design/task-group.md`.
pub(super) struct Group<E, R = TaskRef> {
    state: Mutex<State<E, R>>,
    /// The loop, once the group's future has been polled.
    handle: OnceLock<Handle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The body runs.
    Open,
    /// The body has ended; tasks run.
    Exiting,
    /// All is over, or the group's future was dropped.
    Finished,
}

struct State<E, R> {
    phase: Phase,
    /// Whether the group is on its way to an early end: no more may be added.
    aborting: bool,
    /// Whether its tasks were cancelled for it.
    cancelled: bool,
    children: Vec<Entry<R>>,
    /// Places in `children` that are free.
    free: Vec<usize>,
    /// How many tasks have not ended.
    alive: usize,
    failures: Vec<GroupFailure<E>>,
    /// Who polls the group's future.
    waker: Option<Waker>,
    limit: usize,
    /// How many of the tasks that are subject to the limit have begun and not ended.
    running: usize,
    /// Those that wait for their turn, by place and ticket; some have ended meanwhile.
    line: VecDeque<(usize, u64)>,
    next_ticket: u64,
}

struct Entry<R> {
    place: Place<R>,
    turn: Turn,
}

enum Place<R> {
    Free,
    /// The task is being made.
    Reserved,
    Alive(R),
    /// The task has ended before its reference was noted here.
    Gone,
}

enum Turn {
    /// Begins at once, and does not count.
    Unlimited,
    /// Waits in line with that ticket; its waker, once it was polled.
    Waiting(u64, Option<Waker>),
    /// Counts as running.
    Begun,
}

impl<E, R: Child> State<E, R> {
    /// Carries out the early end, if that has not been done: the tasks to cancel.
    fn abort(&mut self) -> Vec<R> {
        self.aborting = true;
        if std::mem::replace(&mut self.cancelled, true) {
            return Vec::new();
        }
        let alive = self.children.iter().filter_map(|child| match &child.place {
            Place::Alive(task) => Some(task.clone()),
            _ => None,
        });
        alive.collect()
    }

    /// As [`abort`](Self::abort), where the early end has begun.
    fn abort_if_due(&mut self) -> Vec<R> {
        if self.aborting { self.abort() } else { Vec::new() }
    }

    /// Lets those who wait begin, as many as may; none once the early end has begun, which cancels them.
    fn let_begin(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while self.running < self.limit && !self.aborting {
            let Some((key, ticket)) = self.line.pop_front() else { break };
            let turn = &mut self.children[key].turn;
            if let Turn::Waiting(own, waker) = turn {
                if *own == ticket {
                    wakers.extend(waker.take());
                    *turn = Turn::Begun;
                    self.running += 1;
                }
            }
        }
        wakers
    }

    fn is_finished(&self) -> bool {
        self.phase == Phase::Finished || (self.phase == Phase::Exiting && self.alive == 0)
    }
}

fn cancel<R: Child>(tasks: Vec<R>) {
    tasks.into_iter().for_each(R::cancel);
}

impl<E, R: Child> Group<E, R> {
    pub(super) fn new() -> Self {
        let state = State {
            phase: Phase::Open,
            aborting: false,
            cancelled: false,
            children: Vec::new(),
            free: Vec::new(),
            alive: 0,
            failures: Vec::new(),
            waker: None,
            limit: usize::MAX,
            running: 0,
            line: VecDeque::new(),
            next_ticket: 0,
        };
        Self { state: Mutex::new(state), handle: OnceLock::new() }
    }

    // ---- the group's future --------------------------------------------------------------------------------------

    /// The future is polled for the first time, on this loop.
    pub(super) fn enter(&self, handle: Handle) {
        // Set once: a group has one future, which comes here once.
        let _ = self.handle.set(handle);
    }

    /// The loop, once the group has been entered.
    pub(super) fn handle(&self) -> Option<&Handle> {
        self.handle.get()
    }

    /// Notes who polls the future, and says whether the early end has begun; cancels the tasks if a failure began it.
    pub(super) fn look(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        let old = state.set_waker(waker);
        let aborting = state.aborting;
        let tasks = state.abort_if_due();
        drop(state);
        drop(old);
        cancel(tasks);
        aborting
    }

    /// The body has ended; `early` has the tasks cancelled.
    pub(super) fn exit(&self, early: bool) {
        let mut state = self.state.lock();
        state.phase = Phase::Exiting;
        let tasks = if early { state.abort() } else { Vec::new() };
        drop(state);
        cancel(tasks);
    }

    /// Begins the early end, if it has not begun.
    pub(super) fn abort(&self) {
        let tasks = self.state.lock().abort();
        cancel(tasks);
    }

    /// Ready once all tasks have ended, after which the group takes no more.
    pub(super) fn poll_empty(&self, waker: &Waker) -> Poll<()> {
        let mut state = self.state.lock();
        if state.alive == 0 {
            state.phase = Phase::Finished;
            return Poll::Ready(());
        }
        if mutant("group-empty-in-one-step") {
            drop(state);
            state = self.state.lock();
        }
        let old = state.set_waker(waker);
        let tasks = state.abort_if_due();
        drop(state);
        drop(old);
        cancel(tasks);
        Poll::Pending
    }

    /// What went wrong.
    pub(super) fn take_failures(&self) -> Vec<GroupFailure<E>> {
        std::mem::take(&mut self.state.lock().failures)
    }

    /// The future goes, perhaps before its time: what is left is cancelled, and ends by itself.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.phase = Phase::Finished;
        let tasks = state.abort();
        let failures = std::mem::take(&mut state.failures);
        let waker = state.waker.take();
        drop(state);
        drop(waker);
        cancel(tasks);
        failures.iter().for_each(|failure| self.report(failure));
    }

    // ---- handles -------------------------------------------------------------------------------------------------

    /// Begins the early end, unless the group is over or on its way to it.
    pub(super) fn cancel(&self) {
        let mut state = self.state.lock();
        if state.is_finished() || state.aborting {
            return;
        }
        let tasks = state.abort();
        let waker = state.waker.clone();
        drop(state);
        cancel(tasks);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn set_limit(&self, limit: usize) {
        let mut state = self.state.lock();
        state.limit = limit;
        let wakers = state.let_begin();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// How many tasks have not ended, how many failures there are, and a word for the state.
    pub(super) fn describe(&self) -> (usize, usize, &'static str) {
        let state = self.state.lock();
        let word = match state.phase {
            _ if state.is_finished() => "finished",
            _ if state.aborting => "shutting down",
            Phase::Open => "open",
            _ => "exiting",
        };
        (state.alive, state.failures.len(), word)
    }

    // ---- tasks ---------------------------------------------------------------------------------------------------

    /// A place for a task that is about to be made, and whether it has to wait for its turn. [`put`](Self::put) must follow.
    pub(super) fn reserve(&self) -> Result<(usize, bool), Closed> {
        let mut state = self.state.lock();
        if state.is_finished() {
            return Err(Closed::Finished);
        }
        if state.aborting {
            return Err(Closed::ShuttingDown);
        }
        state.alive += 1;
        let turn = if state.limit == usize::MAX {
            Turn::Unlimited
        } else if state.running < state.limit && state.line.is_empty() {
            state.running += 1;
            Turn::Begun
        } else {
            state.next_ticket += 1;
            Turn::Waiting(state.next_ticket, None)
        };
        let ticket = match turn {
            Turn::Waiting(ticket, _) => Some(ticket),
            _ => None,
        };
        let child = Entry { place: Place::Reserved, turn };
        let key = match state.free.pop() {
            Some(key) => {
                state.children[key] = child;
                key
            }
            None => {
                state.children.push(child);
                state.children.len() - 1
            }
        };
        state.line.extend(ticket.map(|ticket| (key, ticket)));
        Ok((key, ticket.is_some()))
    }

    /// The task of that place. It may have run, or ended, by now; and if the early end has begun meanwhile, it is cancelled
    /// like those that were there.
    pub(super) fn put(&self, key: usize, task: R) {
        let mut state = self.state.lock();
        let cancelled = match state.children[key].place {
            Place::Gone => {
                state.children[key].place = Place::Free;
                state.free.push(key);
                false
            }
            _ => {
                state.children[key].place = Place::Alive(task.clone());
                state.cancelled && !mutant("group-put-cancels")
            }
        };
        drop(state);
        if cancelled {
            cancel(vec![task]);
        }
    }

    /// Whether the task may begin; if not, it is woken when it may.
    pub(super) fn may_begin(&self, key: usize, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        let mut old = None;
        let may = match &mut state.children[key].turn {
            Turn::Waiting(_, slot) => {
                if !slot.as_ref().is_some_and(|before| before.will_wake(waker)) {
                    old = slot.replace(waker.clone());
                }
                false
            }
            _ => true,
        };
        drop(state);
        drop(old);
        may
    }

    /// A task has failed. The group's future cancels the others when it is polled: as in asyncio, those that are ready by now
    /// have their turn before.
    pub(super) fn failed(&self, failure: GroupFailure<E>) {
        let mut state = self.state.lock();
        if state.phase == Phase::Finished {
            drop(state);
            self.report(&failure);
            return;
        }
        state.failures.push(failure);
        let first = !std::mem::replace(&mut state.aborting, true);
        let waker = state.waker.clone().filter(|_| first && !mutant("group-failure-wakes"));
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Tells the exception handler of a failure that the group's own error cannot have.
    pub(super) fn report(&self, failure: &GroupFailure<E>) {
        let Some(handle) = self.handle() else { return };
        let what = match failure {
            GroupFailure::Error(_) => std::any::type_name::<E>(),
            GroupFailure::Panicked(panic) => panic.panic_message().unwrap_or("a panic"),
        };
        let message = format!("a task of a task group that nobody waits for failed: {what}");
        handle.call_exception_handler(&ExceptionContext::new(message));
    }
}

impl<E, R: Child> State<E, R> {
    fn set_waker(&mut self, waker: &Waker) -> Option<Waker> {
        if self.waker.as_ref().is_some_and(|before| before.will_wake(waker)) {
            return None;
        }
        self.waker.replace(waker.clone())
    }
}

impl<E: Send + 'static, R: Child> Watching for Group<E, R> {
    fn ended(&self, key: usize) {
        let mut state = self.state.lock();
        let child = &mut state.children[key];
        let turn = std::mem::replace(&mut child.turn, Turn::Unlimited);
        let task = match std::mem::replace(&mut child.place, Place::Gone) {
            Place::Alive(task) => Some(task),
            _ => None,
        };
        if task.is_some() {
            state.children[key].place = Place::Free;
            state.free.push(key);
        }
        state.alive -= 1;
        let wakers = if let Turn::Begun = turn {
            state.running -= 1;
            state.let_begin()
        } else {
            Vec::new()
        };
        let empty = state.alive == 0 && state.phase == Phase::Exiting;
        let waker = if empty { state.waker.take() } else { None };
        drop(state);
        drop((task, turn));
        wakers.into_iter().for_each(Waker::wake);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<E: Send, R: Child> Awaits for Group<E, R> {
    fn each_awaited(&self, visit: &mut dyn FnMut(Awaited)) {
        let tasks: Vec<Awaited> = {
            let state = self.state.lock();
            let alive = state.children.iter().filter_map(|child| match &child.place {
                Place::Alive(task) => Some(Awaited::Task(task.id())),
                _ => None,
            });
            alive.collect()
        };
        tasks.into_iter().for_each(visit);
    }
}

/// The group as its tasks' [`Watcher`](heist_scheduler::task::Watcher)s have it.
pub(super) fn watching<E: Send + 'static>(group: &Arc<Group<E>>) -> Arc<dyn Watching> {
    group.clone()
}

#[cfg(all(test, heist_loom))]
mod models;
