//! Sending files: [`sendfile`] over a stream, [`sock_sendfile`] over a socket of the caller's.
//!
//! The kernel copies from the file to the socket, where it can: one system call for as much as the socket takes, and no
//! copy through this process. Where it cannot (the file is a pipe, the stream runs over TLS), the file is read on the
//! loop's blocking pool and written from there, unless that is forbidden.
//!
//! | module | what it is |
//! |---|---|
//! | `transfer` | the part of the file, the position, the two ways |
//! | `destination` | where it goes: a writer, or a socket |

mod destination;
mod transfer;

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::future::{Future, IntoFuture};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;

use destination::Destination;
use transfer::Part;

use crate::StreamWriter;

/// Sends a file over a stream, after what was written before; gives how many bytes. asyncio's `loop.sendfile`. Await it,
/// perhaps after setting options.
///
/// The file is sent from its beginning, or from [`offset`](SendFile::offset). Its position is then, also after an error
/// and when the future is dropped, at the end of what was sent. The writer is borrowed meanwhile, so nothing can be written
/// in between:
///
/// ```compile_fail
/// # async fn example(mut writer: heist_streams::StreamWriter, file: std::fs::File) -> std::io::Result<()> {
/// let sending = heist_streams::sendfile(&mut writer, &file);
/// writer.write(b"in between");
/// sending.await?;
/// # Ok(())
/// # }
/// ```
///
/// ```no_run
/// # async fn example(mut writer: heist_streams::StreamWriter) -> std::io::Result<()> {
/// use std::fs::File;
///
/// let file = File::open("page.html")?;
/// writer.write(b"HTTP/1.0 200 OK\r\n\r\n");
/// let sent = heist_streams::sendfile(&mut writer, &file).await?;
/// println!("{sent} bytes");
/// # Ok(())
/// # }
/// ```
///
/// A page of the file that is not in memory is read from the disk inside the system call, on the worker's thread.
pub fn sendfile<'a>(writer: &'a mut StreamWriter, file: &'a File) -> SendFile<'a> {
    SendFile { writer, part: Part::new(file) }
}

/// As [`sendfile`], over a connected stream socket of the caller's, which must not block. asyncio's
/// `loop.sock_sendfile`.
///
/// ```no_run
/// # async fn example(socket: std::net::TcpStream) -> std::io::Result<()> {
/// let file = std::fs::File::open("page.html")?;
/// socket.set_nonblocking(true)?;
/// let sent = heist_streams::sock_sendfile(&socket, &file).offset(100).count(1000).await?;
/// # Ok(())
/// # }
/// ```
pub fn sock_sendfile<'a>(socket: &'a impl AsFd, file: &'a File) -> SockSendFile<'a> {
    SockSendFile { socket: socket.as_fd(), part: Part::new(file) }
}

/// A file about to be sent over a stream; see [`sendfile`].
///
/// # Errors
///
/// The connection's; the file's. [`InvalidInput`](io::ErrorKind::InvalidInput) for a writer that is closing and for a count
/// of 0. A [`SendfileNotAvailableError`] inside where the kernel cannot and [`fallback`](Self::fallback) is off.
///
/// # Cancel safety
///
/// What was sent is sent: the file's position tells how much.
#[derive(Debug)]
#[must_use = "await it to send the file"]
pub struct SendFile<'a> {
    writer: &'a mut StreamWriter,
    part: Part<'a>,
}

/// A file about to be sent over a socket; see [`sock_sendfile`].
///
/// # Errors
///
/// As [`SendFile`]; [`InvalidInput`](io::ErrorKind::InvalidInput) for a socket in blocking mode, or one for datagrams.
///
/// # Cancel safety
///
/// What was sent is sent: the file's position tells how much.
#[derive(Debug)]
#[must_use = "await it to send the file"]
pub struct SockSendFile<'a> {
    socket: BorrowedFd<'a>,
    part: Part<'a>,
}

/// The options, and awaiting.
macro_rules! options {
    ($type:ident, |$this:ident| $destination:expr) => {
        impl $type<'_> {
            /// Where in the file to begin, in bytes; its beginning when not set.
            pub fn offset(mut self, offset: u64) -> Self {
                self.part.offset = offset;
                self
            }

            /// How many bytes to send at most; up to the end of the file when not set.
            pub fn count(mut self, bytes: u64) -> Self {
                self.part.count = Some(bytes);
                self
            }

            /// Whether to read and write where the kernel cannot send the file itself; yes when not set.
            pub fn fallback(mut self, allow: bool) -> Self {
                self.part.fallback = allow;
                self
            }
        }

        impl<'a> IntoFuture for $type<'a> {
            type Output = io::Result<u64>;
            type IntoFuture = Pin<Box<dyn Future<Output = io::Result<u64>> + Send + 'a>>;

            fn into_future(self) -> Self::IntoFuture {
                let $this = self;
                Box::pin(transfer::send($destination, $this.part))
            }
        }
    };
}
options!(SendFile, |this| Destination::Writer(this.writer));
options!(SockSendFile, |this| Destination::Socket(this.socket));

/// The kernel cannot send this file over this connection, and [`SendFile::fallback`] is off; asyncio's
/// `SendfileNotAvailableError`. The payload of an [`io::Error`] of the kind [`Unsupported`](io::ErrorKind::Unsupported).
#[derive(Debug)]
pub struct SendfileNotAvailableError {
    cause: io::Error,
}

impl SendfileNotAvailableError {
    fn into_io(cause: io::Error) -> io::Error {
        io::Error::new(io::ErrorKind::Unsupported, Self { cause })
    }
}

impl fmt::Display for SendfileNotAvailableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the system cannot send this file over this connection by itself ({}): allow the fallback",
            self.cause
        )
    }
}

impl Error for SendfileNotAvailableError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}
