//! What the tasks of a server share, behind one lock.
//!
//! A connection takes the lock three times: when it is accepted, when its task has been made, and when handler and writer
//! have ended (once each). Nothing foreign runs under it: wakers, tasks, handlers and writers are used and dropped after its
//! release.

use std::future::poll_fn;
use std::panic::Location;
use std::sync::Arc;
use std::task::{Poll, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::{Mutex, MutexGuard};
use heist_scheduler::{Handle, Task, TaskRef};

use super::listener::Listener;
use super::registry::{Parts, Registry, Slot};
use crate::waiters::{Ticket, Waiters, Woken};
use crate::writer::PeerOf;

/// Makes the task that accepts on a listener.
pub(super) type Begin = Box<dyn Fn(&Arc<Shared>, Arc<Listener>) -> Task<()> + Send>;

pub(super) struct Shared {
    pub(super) handle: Handle,
    /// Where it was started.
    pub(super) made_at: &'static Location<'static>,
    pub(super) backlog: u32,
    pub(super) max_connections: Option<usize>,
    pub(super) state: Mutex<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Phase {
    /// Bound, and not listening yet.
    #[default]
    Bound,
    Serving,
    Closed,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// What makes the tasks that accept; used up when serving begins.
    pub(super) begin: Option<Begin>,
    /// None once it is closed.
    pub(super) listeners: Vec<Arc<Listener>>,
    /// Whether somebody is in `serve_forever`.
    pub(super) forever: bool,
    /// The tasks that accept.
    pub(super) tasks: Vec<Task<()>>,
    /// How many of them have not ended.
    pub(super) accepting: usize,
    pub(super) connections: Registry,
    /// How many writers have not given their sockets back.
    pub(super) open: usize,
    /// How many attempts to accept are being made, where the number of connections is limited.
    admitted: usize,
    /// Handlers that are only now becoming known are to be cancelled.
    pub(super) cancelling: bool,
    /// Who waits for any of this to change.
    waiters: Waiters,
}

impl State {
    pub(super) fn new(begin: Begin, listeners: Vec<Arc<Listener>>) -> Self {
        Self { begin: Some(begin), listeners, ..Self::default() }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whether nothing of the server is left but handlers without a connection.
    pub(super) fn is_over(&self) -> bool {
        self.is_closed() && self.accepting == 0 && self.open == 0
    }

    fn has_room(&self, max: usize) -> bool {
        self.connections.len() + self.admitted < max
    }
}

impl Shared {
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state);
        let woken = state.waiters.take();
        drop(state);
        woken.wake();
        result
    }

    /// Waits until it is so. Cancel safe.
    pub(super) async fn wait(&self, is_so: impl Fn(&State) -> bool) {
        struct Leave<'a>(&'a Shared, Option<Ticket>);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                if let Some(ticket) = self.1 {
                    let left = self.0.state.lock().waiters.leave(ticket);
                    drop(left);
                }
            }
        }

        let mut waiter = Leave(self, None);
        poll_fn(|cx| {
            let proceed = ready!(poll_proceed(cx));
            let mut state = self.state.lock();
            if is_so(&state) {
                drop(state);
                proceed.made_progress();
                return Poll::Ready(());
            }
            let replaced = state.waiters.wait(&mut waiter.1, cx);
            drop(state);
            drop(replaced);
            Poll::Pending
        })
        .await;
    }

    /// Whether one more connection may be accepted; if so, its place is kept until [`enter`](Self::enter) or
    /// [`refuse`](Self::refuse). Without a limit no lock is taken.
    pub(super) fn admit(&self) -> bool {
        let Some(max) = self.max_connections else { return true };
        let mut state = self.state.lock();
        let room = state.has_room(max);
        state.admitted += usize::from(room);
        room
    }

    /// Gives back the place that [`admit`](Self::admit) kept.
    pub(super) fn refuse(&self) {
        if self.max_connections.is_some() {
            let mut state = self.state.lock();
            state.admitted -= 1;
            let woken = self.woken_by_room(&mut state);
            drop(state);
            woken.wake();
        }
    }

    /// The wakers, where somebody may wait for the end of a connection. While a server serves without a limit nobody does,
    /// and those who wait for its close sleep on.
    fn woken_by_room(&self, state: &mut State) -> Woken {
        if state.is_closed() || self.max_connections.is_some() {
            state.waiters.take()
        } else {
            Woken::default()
        }
    }

    /// Waits until there is room for another connection, or the server is closed.
    pub(super) async fn wait_for_room(&self) {
        let Some(max) = self.max_connections else { return };
        self.wait(|state| state.is_closed() || state.has_room(max)).await;
    }

    /// Counts a connection that was accepted.
    pub(super) fn enter(&self, connection: &PeerOf) {
        let mut state = self.state.lock();
        if self.max_connections.is_some() {
            state.admitted -= 1;
        }
        state.open += 1;
        let slot = state.connections.insert(connection.downgrade());
        // Under the server's lock: whoever finds the writer by its entry, and closes it, finds the slot.
        connection.set_slot(slot);
    }

    /// Makes a connection's task known. It may have ended by now, and another one may stand in its place.
    pub(super) fn introduce(&self, connection: &PeerOf, task: TaskRef) {
        let Some((_, slot)) = connection.place() else { return };
        let mut state = self.state.lock();
        let cancelling = state.cancelling;
        let Some((entry, parts)) = state.connections.get(slot) else { return };
        if !parts.running || !entry.writer.is_of(connection) {
            return;
        }
        if cancelling {
            drop(state);
            task.cancel_with(super::shutdown::REASON);
        } else {
            entry.task = Some(task);
        }
    }

    /// A connection's writer has given the socket back.
    pub(super) fn connection_closed(&self, slot: Slot) {
        let mut state = self.state.lock();
        state.open -= 1;
        self.part_ended(state, slot, |parts| parts.open = false);
    }

    /// A connection's handler has ended. `close`: it failed, and its connection goes with it.
    pub(super) fn handler_ended(&self, slot: Slot, close: bool) {
        let mut state = self.state.lock();
        let mut writer = None;
        // A task that has ended needs not be kept.
        let task = state.connections.get(slot).and_then(|(entry, parts)| {
            writer = (close && parts.open).then(|| entry.writer.clone());
            entry.task.take()
        });
        self.part_ended(state, slot, |parts| parts.running = false);
        drop(task);
        if let Some(writer) = writer {
            writer.close();
        }
    }

    fn part_ended(&self, mut state: MutexGuard<'_, State>, slot: Slot, ended: impl FnOnce(&mut Parts)) {
        let over = state.connections.end(slot, ended);
        let woken = self.woken_by_room(&mut state);
        drop(state);
        drop(over);
        woken.wake();
    }

    /// Stops listening. What is removed here is dropped after the lock.
    pub(super) fn close(&self) {
        let (begin, listeners) = self.change(|state| {
            state.phase = Phase::Closed;
            (state.begin.take(), std::mem::take(&mut state.listeners))
        });
        for listener in listeners {
            listener.close();
        }
        drop(begin);
        self.cancel_accepting();
    }

    /// Ends the accepting tasks, whose listeners are closed.
    pub(super) fn cancel_accepting(&self) {
        let tasks = std::mem::take(&mut self.state.lock().tasks);
        for task in tasks {
            task.cancel();
        }
    }
}
