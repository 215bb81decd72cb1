//! Signals as something to wait for.
//!
//! A signal handler may do next to nothing. Ours writes one byte into a socket pair, whose other end is an ordinary
//! source: a signal is then a readable socket, and reaches the loop as any other readiness does.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::task::{Context, Poll};

use signal_hook_registry::SigId;

use crate::{Direction, IoSource};

/// The deliveries of one signal to this process, from the making of the value on.
///
/// While any such value of a signal lives, and also afterwards, the signal's default action is off: the process decides
/// itself what to do. Deliveries that come while nobody waits are kept; several may count as one, as in the kernel.
#[derive(Debug)]
pub struct SignalSource {
    deliveries: IoSource<UnixStream>,
    id: SigId,
}

impl SignalSource {
    /// Begins to take deliveries of `signal`, such as `SIGINT` (2).
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a signal that cannot be taken (`SIGKILL`, `SIGSTOP`) or must not be (`SIGSEGV`, `SIGFPE`,
    /// `SIGILL`); the system's error when it has no descriptors left.
    pub fn new(signal: i32) -> io::Result<Self> {
        if signal_hook_registry::FORBIDDEN.contains(&signal) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("signal {signal} cannot be handled by a program: choose another, such as SIGINT (2)"),
            ));
        }
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        let write = OwnedFd::from(write);
        let deliver = move || {
            // A full pair already tells that there was a delivery.
            let _ = rustix::io::write(&write, &[1]);
        };
        // SAFETY: the action is async-signal-safe: it makes one write system call on a descriptor that it owns, and
        // neither allocates nor locks nor panics.
        let id = unsafe { signal_hook_registry::register(signal, deliver) }?;
        Ok(Self { deliveries: IoSource::new(read), id })
    }

    /// Ready when the signal was delivered since the last ready poll.
    ///
    /// # Errors
    ///
    /// When the loop is closed, or there is none.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.deliveries.poll_io(cx, Direction::Read, |stream| {
            let mut stream: &UnixStream = stream;
            let mut deliveries = [0; 64];
            stream.read(&mut deliveries).map(drop)
        })
    }
}

impl Drop for SignalSource {
    fn drop(&mut self) {
        signal_hook_registry::unregister(self.id);
    }
}
