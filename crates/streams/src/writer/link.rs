//! What a writer shares: with its flusher, with the server that may close it, and with the task of its handler, which is named
//! after its peer.
//!
//! Where the writer runs over a socket, this lies in the allocation of the socket's source, as its
//! [`Companion`]; the state's output is then one of the source's halves. So an open writer keeps
//! itself, and dropping a [`StreamWriter`](super::StreamWriter) has to close it: that gives the output up.

use std::fmt;
use std::future::Future;
use std::net::Shutdown;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::Mutex;
use heist_reactor::{Companion, IoSource, WeakCompanion};
use heist_scheduler::Handle;

use super::flusher;
use super::state::{Afterwards, State};
use crate::server::{OpenConnection, Owner, Slot};
use crate::waiters::Ticket;
use crate::wire::{Output, ShortName, SocketHalf, StreamAddr, StreamSocket};

/// Who is told that a connection has ended, by the drop of this.
pub(crate) enum Ending {
    Server(OpenConnection),
    Other(Box<dyn Send>),
}

/// What a writer shares. Each idle connection has one.
pub(crate) struct Shared {
    peer: ShortName,
    /// The server that the connection is one of.
    owner: Option<Owner>,
    pub(super) state: Mutex<State>,
}

/// Keeps what a writer shares.
#[derive(Debug, Clone)]
pub(super) struct Link(Companion<StreamSocket, Shared>);

/// A writer, for somebody who does not keep it: as long as it sends, it can be closed.
#[derive(Debug, Clone, Default)]
pub(crate) struct WeakWriter(WeakCompanion<StreamSocket, Shared>);

/// Keeps who is at the other end of a connection, where the writer has it already, and where its server has it.
#[derive(Debug, Clone)]
pub(crate) struct PeerOf(pub(super) Link);

/// See [`Shared::wait`]. Written by hand, since it is in the future of most handlers, which then is a hundred bytes smaller.
pub(super) struct Wait<'a, L> {
    shared: &'a Shared,
    ticket: Option<Ticket>,
    look: L,
}

impl<R, L: FnMut(&State) -> Option<R> + Unpin> Future for Wait<'_, L> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let Self { shared, ticket, look } = self.get_mut();
        shared.poll_wait(cx, ticket, look)
    }
}

impl<L> Drop for Wait<'_, L> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let left = self.shared.state.lock().leave(ticket);
            drop(left);
        }
    }
}

impl PeerOf {
    pub(crate) fn get(&self) -> StreamAddr {
        self.0.peer()
    }

    /// The server that the connection is one of, and where it has it.
    pub(crate) fn place(&self) -> Option<(&Owner, Slot)> {
        let owner = self.0.owner.as_ref()?;
        Some((owner, self.0.state.lock().slot))
    }

    /// Notes where the server has the connection.
    pub(crate) fn set_slot(&self, slot: Slot) {
        self.0.state.lock().slot = slot;
    }

    pub(crate) fn downgrade(&self) -> WeakWriter {
        self.0.downgrade()
    }
}

impl WeakWriter {
    /// Whether it is the writer that `peer` is of.
    pub(crate) fn is_of(&self, peer: &PeerOf) -> bool {
        self.0.points_to(&peer.0.0)
    }

    pub(super) fn upgrade(&self) -> Option<Link> {
        self.0.upgrade().map(Link)
    }

    /// Who is at the other end, while that is kept by the writer or a [`PeerOf`].
    pub(crate) fn peer(&self) -> StreamAddr {
        self.upgrade().map_or(StreamAddr::Unnamed, |link| link.peer())
    }

    /// As [`StreamWriter::close`](super::StreamWriter::close).
    pub(crate) fn close(&self) {
        if let Some(link) = self.upgrade() {
            link.change(|state| state.close(Shutdown::Both));
        }
    }

    /// As [`StreamWriter::abort`](super::StreamWriter::abort).
    pub(crate) fn abort(&self) {
        if let Some(link) = self.upgrade() {
            link.change(State::abort);
        }
    }

    /// Nobody will read any more: the writer is closed, and failed if something is kept.
    #[cfg(unix)]
    pub(crate) fn hang_up(&self) {
        if let Some(link) = self.upgrade() {
            link.change(State::hang_up);
        }
    }
}

impl Link {
    pub(super) fn over(output: Output, peer: StreamAddr, ending: Option<Ending>) -> Self {
        Self(Companion::alone(Shared::new(output, peer, ending)))
    }

    pub(super) fn over_socket(
        source: IoSource<StreamSocket>,
        peer: StreamAddr,
        ending: Option<Ending>,
    ) -> (SocketHalf, Self) {
        let (read, write, shared) = source.into_split_beside(Shared::new(Output::GONE, peer, ending));
        shared.state.lock().output = Output::Socket(write);
        (read, Self(shared))
    }

    pub(super) fn downgrade(&self) -> WeakWriter {
        WeakWriter(self.0.downgrade())
    }

    #[inline]
    pub(super) fn change(&self, change: impl FnOnce(&mut State) -> Option<Afterwards>) {
        let afterwards = change(&mut self.state.lock());
        if let Some(afterwards) = afterwards {
            self.follow(afterwards);
        }
    }

    pub(super) fn follow(&self, afterwards: Afterwards) {
        self.follow_on(None, afterwards);
    }

    /// As `follow`; what is kept is sent by that loop.
    pub(super) fn follow_on(&self, home: Option<&Handle>, afterwards: Afterwards) {
        let flush = afterwards.flush;
        afterwards.run(|slot| {
            if let Some(owner) = &self.owner {
                owner.connection_closed(slot);
            }
        });
        if flush {
            flusher::start(self, home.cloned());
        }
    }

    /// Gives the output away as it is, and whoever is to be told of the end.
    pub(super) fn hand_over(&self) -> Option<(Output, Option<Ending>)> {
        let mut state = self.state.lock();
        let output = state.hand_over()?;
        let ending = match &self.owner {
            Some(owner) => Some(Ending::Server(OpenConnection::of(owner.clone(), state.slot))),
            None => state.take_ending().map(Ending::Other),
        };
        Some((output, ending))
    }
}

impl Deref for Link {
    type Target = Shared;

    #[inline(always)]
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Shared {
    fn new(output: Output, peer: StreamAddr, ending: Option<Ending>) -> Self {
        let mut state = State::new(output);
        let (peer, name) = ShortName::of(peer);
        if let Some(name) = name {
            state.set_name(name);
        }
        let owner = match ending {
            Some(Ending::Server(open)) => open.into_parts().map(|(owner, slot)| {
                state.slot = slot;
                owner
            }),
            Some(Ending::Other(ending)) => {
                state.set_ending(ending);
                None
            }
            None => None,
        };
        Self { peer, owner, state: Mutex::new(state) }
    }

    /// Who is at the other end.
    pub(super) fn peer(&self) -> StreamAddr {
        match self.peer {
            ShortName::V4(address) => StreamAddr::Inet(address.into()),
            ShortName::Elsewhere => self.state.lock().name(),
        }
    }

    /// Whether the connection is one of a server.
    pub(super) fn is_servers(&self) -> bool {
        self.owner.is_some()
    }

    /// Waits until `look` has something to say, which it is asked again after each change.
    pub(super) fn wait<R, L: FnMut(&State) -> Option<R> + Unpin>(&self, look: L) -> Wait<'_, L> {
        Wait { shared: self, ticket: None, look }
    }

    /// As `wait`, at `ticket`.
    pub(super) fn poll_wait<R>(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        look: impl FnOnce(&State) -> Option<R>,
    ) -> Poll<R> {
        let proceed = ready!(poll_proceed(cx));
        let mut state = self.state.lock();
        let looked = look(&state);
        let replaced = if looked.is_none() { state.wait(ticket, cx) } else { None };
        drop(state);
        drop(replaced);
        match looked {
            Some(result) => {
                proceed.made_progress();
                Poll::Ready(result)
            }
            None => Poll::Pending,
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Shared");
        f.field("peer", &format_args!("{}", self.peer())).field("state", &self.state).finish()
    }
}

#[cfg(all(test, not(heist_loom), target_os = "linux", target_pointer_width = "64"))]
mod tests {
    use super::*;

    /// Each idle connection has one.
    #[test]
    fn what_a_writer_shares_is_seven_words() {
        assert_eq!(size_of::<Shared>(), 56);
        assert_eq!(size_of::<SocketHalf>(), 16);
    }
}
