//! [`Machine`]: rustls over an input and an output.
//!
//! Whoever uses it holds it alone. What comes is decrypted when somebody reads; what is written is encrypted at once, and the
//! machine is *behind* while the output has not taken all of that.

use std::fmt;
use std::io::{self, BufRead, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::task::{Context, Poll, Waker, ready};

use rustls::{Connection, Reader};

use super::TlsError;
use crate::reader::Buffer;
use crate::wire::{Input, Output};

pub(super) struct Machine {
    tls: Connection,
    input: Input,
    output: Output,
    /// What has come and is not decrypted yet.
    incoming: Buffer,
    /// The writer was closed and waits for the peer's notice: the reader may not take bytes any more.
    lingering: bool,
    /// This end has closed both directions.
    ended: bool,
    /// The reader, while it waits for `ended`.
    reader: Option<Waker>,
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine")
            .field("input", &self.input)
            .field("output", &self.output)
            .field("lingering", &self.lingering)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// The output as rustls writes to it. With a context it waits for room: `WouldBlock` means then that it will be woken.
struct Sink<'a, 'b, 'c> {
    output: &'a mut Output,
    cx: Option<&'b mut Context<'c>>,
}

impl Write for Sink<'_, '_, '_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(data)])
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self.output.try_write_vectored(pieces), &mut self.cx) {
            (Err(error), Some(cx)) if error.kind() == ErrorKind::WouldBlock => {
                let first = pieces.iter().find(|piece| !piece.is_empty());
                match self.output.poll_write(cx, first.map_or(&[], |piece| piece)) {
                    Poll::Ready(written) => written,
                    Poll::Pending => Err(error),
                }
            }
            (written, _) => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Machine {
    /// `unread` is what has come from the input already.
    pub(super) fn new(tls: Connection, input: Input, output: Output, unread: Vec<u8>) -> Self {
        let incoming = Buffer::of(unread);
        Self { tls, input, output, incoming, lingering: false, ended: false, reader: None }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.tls
    }

    pub(super) fn output(&self) -> &Output {
        &self.output
    }

    /// Whether the output has not taken all that it was to have.
    pub(super) fn is_behind(&self) -> bool {
        self.tls.wants_write() || self.output.is_behind()
    }

    /// Passes on what is encrypted, as far as there is room.
    fn try_send(&mut self) -> io::Result<()> {
        match self.send(None) {
            Poll::Ready(sent) => sent,
            Poll::Pending => Ok(()),
        }
    }

    /// Passes on all that is encrypted.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.send(Some(cx)))?;
        self.output.poll_flush(cx)
    }

    fn send(&mut self, mut cx: Option<&mut Context<'_>>) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            let mut sink = Sink { output: &mut self.output, cx: cx.as_deref_mut() };
            match self.tls.write_tls(&mut sink) {
                Ok(0) => return Poll::Ready(Err(ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Encrypts as much of `pieces` as may be kept, and passes on what there is room for. `WouldBlock` while it is behind.
    pub(super) fn try_write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_send()?;
        if self.is_behind() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.encrypt(pieces)
    }

    /// As `try_write`, once it is not behind.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        Poll::Ready(self.encrypt(&[IoSlice::new(data)]))
    }

    fn encrypt(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let taken = self.tls.writer().write_vectored(pieces)?;
        self.try_send()?;
        Ok(taken)
    }

    /// Takes the handshake to its end. What this end still has to say then may be behind.
    pub(super) fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        loop {
            if let Poll::Ready(Err(error)) = self.poll_send(cx) {
                return Poll::Ready(Err(error.into()));
            }
            if !self.tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_receive(cx))? == 0 {
                return Poll::Ready(Err(Failure::Stream(ErrorKind::ConnectionReset.into())));
            }
        }
    }

    /// Hands what comes to `take`, which is told how much that is by rustls: 0 is the end.
    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        mut take: impl FnMut(&mut Reader<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match take(&mut self.tls.reader()) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Poll::Ready(Err(cut_off())),
                taken => return Poll::Ready(taken),
            }
            if let Err(failure) = ready!(self.poll_receive(cx)) {
                return Poll::Ready(Err(failure.into_io("the TLS connection failed")));
            }
        }
    }

    /// Takes in what the input gives, and decrypts it until there is something to read; how much it gave, where it was asked.
    /// What rustls has to say about it is passed on as far as there is room.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Failure>> {
        let mut came = self.incoming.len();
        if came == 0 {
            came = ready!(self.incoming.poll_fill(cx, &mut self.input, usize::MAX))?;
        }
        let decrypted = self.decrypt();
        // Also where that failed: the peer is told why.
        let sent = self.try_send();
        decrypted?;
        sent?;
        Poll::Ready(Ok(came))
    }

    fn decrypt(&mut self) -> Result<(), Failure> {
        loop {
            // Nothing at all is how rustls hears of the end.
            let taken = self.tls.read_tls(&mut self.incoming.get())?;
            let state = self.tls.process_new_packets().map_err(Failure::Tls)?;
            if taken == 0 {
                // Nothing is read behind the peer's notice.
                self.incoming.consume(self.incoming.len());
            } else {
                self.incoming.consume(taken);
            }
            if self.incoming.is_empty() || state.plaintext_bytes_to_read() > 0 {
                return Ok(());
            }
        }
    }

    /// Reads what the peer has written; 0 is its end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_open(cx, |machine, cx| machine.poll_take(cx, |reader| reader.read(buf)))
    }

    /// As `poll_read`, behind what is in `buf`, into the capacity that it has left.
    pub(super) fn poll_read_behind(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let room = buf.capacity() - buf.len();
        self.poll_open(cx, |machine, cx| {
            machine.poll_take(cx, |reader| {
                let chunk = reader.fill_buf()?;
                let taken = chunk.len().min(room);
                buf.extend_from_slice(&chunk[..taken]);
                reader.consume(taken);
                Ok(taken)
            })
        })
    }

    /// Reads for the reader, as long as what comes is for it.
    fn poll_open(
        &mut self,
        cx: &mut Context<'_>,
        read: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        if self.lingering {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let read = read(self, cx);
        if read.is_pending() && !self.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            // If the writer is closed meanwhile, it takes the input over, and with it the waker there.
            self.reader = Some(cx.waker().clone());
        }
        read
    }

    /// Has `close_notify` sent, as far as there is room.
    pub(super) fn say_farewell(&mut self) {
        self.tls.send_close_notify();
        // What goes wrong here goes wrong again when it is waited for.
        let _ = self.try_send();
    }

    /// Sends `close_notify`. With `both`, waits for the peer's, and throws away what comes before: a socket that is closed
    /// with something unread would take back what the peer has not read.
    pub(super) fn poll_farewell(&mut self, cx: &mut Context<'_>, both: bool) -> Poll<io::Result<()>> {
        self.say_farewell();
        ready!(self.poll_send(cx))?;
        if !both {
            return Poll::Ready(Ok(()));
        }
        if !self.lingering {
            self.lingering = true;
            // Peers that do not listen for the notice see the end of the stream.
            let _ = self.output.shutdown(Shutdown::Write);
        }
        let mut page = [0; 4 << 10];
        // However it ends, it has ended.
        while let Ok(1..) = ready!(self.poll_take(cx, |reader| reader.read(&mut page))) {}
        Poll::Ready(Ok(()))
    }

    /// Gives both directions up.
    pub(super) fn abort(&mut self) {
        self.lingering = true;
        self.shutdown(Shutdown::Both);
    }

    /// As [`WriteSide::abort`](crate::wire::WriteSide::abort).
    pub(super) fn cut(&mut self) {
        self.output.abort();
    }

    /// Ends directions at once.
    pub(super) fn shutdown(&mut self, how: Shutdown) {
        self.ended |= how == Shutdown::Both || self.lingering;
        // A connection that is gone has no end to announce.
        let _ = self.output.shutdown(if self.ended { Shutdown::Both } else { how });
    }

    /// The reader, if it waits for an end that has come; to be woken outside the lock.
    #[must_use = "wake it outside the lock"]
    pub(super) fn take_reader(&mut self) -> Option<Waker> {
        if self.ended { self.reader.take() } else { None }
    }

    /// There is no reader any more.
    #[must_use = "drop it outside the lock"]
    pub(super) fn forget_reader(&mut self) -> Option<Waker> {
        self.reader.take()
    }
}

/// What ends a handshake, or a connection.
#[derive(Debug)]
pub(super) enum Failure {
    Stream(io::Error),
    Tls(rustls::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Stream(error)
    }
}

impl Failure {
    pub(super) fn into_io(self, subject: &str) -> io::Error {
        match self {
            Self::Stream(error) => error,
            Self::Tls(cause) => TlsError::into_io(subject, &cause),
        }
    }
}

fn cut_off() -> io::Error {
    let message =
        "the peer closed the connection without TLS's notice of its end: what came may have been cut short";
    io::Error::new(ErrorKind::UnexpectedEof, message)
}
