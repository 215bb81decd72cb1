//! The two halves of a TLS stream, which share a [`Machine`] behind a lock.
//!
//! Reading may have rustls say something (an alert). The reader sends that if there is room; if not,
//! it has the writer start its flusher, outside the lock: only the writer's side ever waits for room.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use heist_core::sync::Mutex;
use heist_timer::Sleep;

use super::machine::Machine;
use crate::wire::{Input, Output, ReadSide, StreamAddr, WriteSide};
use crate::writer::WeakWriter;

type Session = Arc<Mutex<Machine>>;

/// The sides of a TLS connection whose handshake is done, for `writer` and its reader.
pub(super) fn sides(machine: Machine, writer: WeakWriter, patience: Duration) -> (Input, Output) {
    let session = Arc::new(Mutex::new(machine));
    let read = TlsRead { session: session.clone(), writer };
    let write = TlsWrite { session, patience, overdue: None };
    (Input::other(read), Output::other(write))
}

struct TlsRead {
    session: Session,
    writer: WeakWriter,
}

impl fmt::Debug for TlsRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsRead").finish_non_exhaustive()
    }
}

impl TlsRead {
    fn read(
        &mut self,
        read: impl FnOnce(&mut Machine) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let mut machine = self.session.lock();
        let read = read(&mut machine);
        let behind = machine.is_behind();
        drop(machine);
        if behind {
            self.writer.flush_output();
        }
        read
    }
}

/// What is left of the reader's wait must not keep its task.
impl Drop for TlsRead {
    fn drop(&mut self) {
        let waker = self.session.lock().forget_reader();
        drop(waker);
    }
}

impl ReadSide for TlsRead {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.read(|machine| machine.poll_read(cx, buf))
    }

    fn poll_read_behind(&mut self, cx: &mut Context<'_>, buf: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        self.read(|machine| machine.poll_read_behind(cx, buf))
    }
}

struct TlsWrite {
    session: Session,
    /// How long closing may take.
    patience: Duration,
    /// Runs from the close on.
    overdue: Option<Pin<Box<Sleep>>>,
}

impl fmt::Debug for TlsWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsWrite").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl WriteSide for TlsWrite {
    fn try_write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.session.lock().try_write(&[IoSlice::new(data)])
    }

    fn try_write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.session.lock().try_write(pieces)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.session.lock().poll_write(cx, data)
    }

    fn is_behind(&self) -> bool {
        self.session.lock().is_behind()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.session.lock().poll_send(cx)
    }

    fn has_farewell(&self) -> bool {
        true
    }

    fn begin_farewell(&mut self) {
        self.session.lock().say_farewell();
    }

    fn poll_farewell(&mut self, cx: &mut Context<'_>, how: Shutdown) -> Poll<io::Result<()>> {
        // Without a reader nobody else wants what comes.
        let both = how == Shutdown::Both || self.is_last();
        self.session.lock().poll_farewell(cx, both)
    }

    fn poll_overdue(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let overdue = self.overdue.get_or_insert_with(|| Box::pin(Sleep::of(self.patience)));
        ready!(overdue.as_mut().poll(cx));
        self.session.lock().abort();
        let message = format!(
            "the peer did not let the TLS connection end within {:?}: the connection was cut",
            self.patience
        );
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, message))
    }

    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        self.session.lock().shutdown(how);
        Ok(())
    }

    fn abort(&mut self) {
        self.session.lock().cut();
    }

    /// As asyncio has it. The peer could be told by TLS 1.3, but not every peer listens to that.
    fn can_write_eof(&self) -> bool {
        false
    }

    fn is_last(&self) -> bool {
        Arc::strong_count(&self.session) == 1
    }

    fn local_name(&self) -> io::Result<StreamAddr> {
        self.session.lock().output().local_name()
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }
}

/// The output is dropped outside the writer's lock, so here the reader can be woken.
impl Drop for TlsWrite {
    fn drop(&mut self) {
        let reader = self.session.lock().take_reader();
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}
