//! Accepting without a call in vain.
//!
//! An edge tells that connections wait, not how many, so a listener that is emptied has to be asked once more than it has
//! connections. The system makes the new socket before it looks whether there is a connection for it, and throws it away
//! again: an `accept4` in vain costs 8 us in a loop of nothing else, where a `poll` that does not wait costs 0.5. So after a
//! connection the line is looked at first; that saves a connection that comes alone and goes 1.7 us of its 25.

use std::io;

use heist_core::sync::atomic::{AtomicBool, Ordering};
use socket2::{SockAddr, Socket};

/// What a listener remembers between its accepts.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// The last accept gave a connection, so the line may be empty now. A hint, and bookkeeping: a wrong one costs a system
    /// call.
    served: AtomicBool,
}

impl Line {
    /// Accepts a connection, as a non-blocking socket. One system call, where the system has `accept4`, for the first in a
    /// line, two for each that follows.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none.
    pub(crate) fn accept(&self, listener: &Socket) -> io::Result<(Socket, SockAddr)> {
        if self.served.load(Ordering::Relaxed) && is_empty(listener) {
            self.served.store(false, Ordering::Relaxed);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let accepted = accept(listener);
        self.served.store(accepted.is_ok(), Ordering::Relaxed);
        accepted
    }
}

/// Whether the listener has no connection, and no error either, as far as the system tells.
#[cfg(unix)]
fn is_empty(listener: &Socket) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&NOW)) == Ok(0)
}

#[cfg(not(unix))]
fn is_empty(_listener: &Socket) -> bool {
    false
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "netbsd"))]
fn accept(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    listener.accept4(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_os = "netbsd")))]
fn accept(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    let (socket, peer) = listener.accept()?;
    socket.set_nonblocking(true)?;
    Ok((socket, peer))
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn line_is_served_to_its_end_and_again() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (listener, line) = (Socket::from(listener), Line::default());
        for _ in 0..3 {
            let clients: Vec<_> = (0..3).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
            for client in &clients {
                let (accepted, peer) = line.accept(&listener).unwrap();
                assert_eq!(peer.as_socket(), Some(client.local_addr().unwrap()));
                assert!(accepted.nonblocking().unwrap());
            }
            for _ in 0..2 {
                assert_eq!(line.accept(&listener).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            }
        }
    }
}
