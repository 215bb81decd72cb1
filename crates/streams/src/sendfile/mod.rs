//! Sending files: [`sendfile`] over a stream, [`sock_sendfile`] over a socket of the caller's.
//!
//! The kernel copies from the file to the socket, where it can: one system call for as much as the socket takes, and no
//! copy through this process. Where it cannot (the file is a pipe, the stream runs over TLS), the file is read on the
//! loop's blocking pool and written from there, unless that is forbidden.
//!
//! | module | what it is |
//! |---|---|
//! | `transfer` | the part of the file, the position, the two ways |
//! | `destination` | where it goes: a writer, a transport, or a socket |
//! | `lent` | a transport's output, while a file is sent over it |

mod destination;
mod lent;
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
use crate::transports::Transport;

/// Sends a file over a stream, after what was written before; gives how many bytes. asyncio's `loop.sendfile`. Await it,
/// perhaps after setting options.
///
/// The file is sent from its beginning, or from [`offset`](SendFile::offset). Its position is then, also after an error
/// and when the future is dropped, at the end of what was sent. The writer is borrowed meanwhile, so nothing can be written
/// in between:
///
/// ```compile_fail
/// # use heist_streams as heist;
/// # async fn example(mut writer: heist_streams::StreamWriter, file: std::fs::File) -> std::io::Result<()> {
/// let sending = heist::sendfile(&mut writer, &file);
/// writer.write(b"in between");
/// sending.await?;
/// # Ok(())
/// # }
/// ```
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example(mut writer: heist_streams::StreamWriter) -> std::io::Result<()> {
/// use std::fs::File;
///
/// let file = File::open("page.html")?;
/// writer.write(b"HTTP/1.0 200 OK\r\n\r\n");
/// let sent = heist::sendfile(&mut writer, &file).await?;
/// println!("{sent} bytes");
/// # Ok(())
/// # }
/// ```
///
/// A page of the file that is not in memory is read from the disk inside the system call, on the worker's thread.
pub fn sendfile<'a>(writer: &'a mut StreamWriter, file: &'a File) -> SendFile<'a> {
    SendFile { to: Destination::Writer(writer), part: Part::new(file) }
}

/// As [`sendfile`], over a connected stream socket of the caller's, which must not block. asyncio's
/// `loop.sock_sendfile`.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example(socket: std::net::TcpStream) -> std::io::Result<()> {
/// let file = std::fs::File::open("page.html")?;
/// socket.set_nonblocking(true)?;
/// let sent = heist::sock_sendfile(&socket, &file).offset(100).count(1000).await?;
/// # Ok(())
/// # }
/// ```
pub fn sock_sendfile<'a>(socket: &'a impl AsFd, file: &'a File) -> SockSendFile<'a> {
    SockSendFile { socket: socket.as_fd(), part: Part::new(file) }
}

/// A file about to be sent over a stream; see [`sendfile`].
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let (mut far, _) = listener.accept()?;
/// # let (_reader, mut writer) = heist_streams::open_connection_on(near).await?;
/// # let path = std::env::temp_dir().join(format!("heist-sendfile-{}", std::process::id()));
/// # std::fs::write(&path, b"a page of text")?;
/// # let file = std::fs::File::open(&path)?;
/// # std::fs::remove_file(&path)?;
/// use std::io::Read;
/// use heist::{SendFile, sendfile};
///
/// let sending: SendFile<'_> = sendfile(&mut writer, &file);
/// assert_eq!(sending.await?, 14);
/// let mut received = [0; 14];
/// far.read_exact(&mut received)?;
/// assert_eq!(&received, b"a page of text");
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
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
    to: Destination<'a>,
    part: Part<'a>,
}

impl Transport {
    /// Sends a file, after what was written before; gives how many bytes. asyncio's `loop.sendfile(transport, file)`. Await it,
    /// perhaps after setting options; those, the errors and the file's position are as for [`sendfile`].
    ///
    /// What is written meanwhile, by callbacks or elsewhere, is kept and sent after the file. (asyncio refuses it.) Reading goes
    /// on. Given up, the file's position tells how much was sent, and the transport goes on behind that.
    ///
    /// ```no_run
    /// # async fn example(transport: heist_streams::transports::Transport) -> std::io::Result<()> {
    /// let file = std::fs::File::open("page.html")?;
    /// transport.write(b"HTTP/1.0 200 OK\r\n\r\n");
    /// let sent = transport.sendfile(&file).await?;
    /// transport.close();
    /// println!("{sent} bytes");
    /// # Ok(())
    /// # }
    /// ```
    pub fn sendfile<'a>(&'a self, file: &'a File) -> SendFile<'a> {
        SendFile { to: Destination::transport(self), part: Part::new(file) }
    }
}

/// A file about to be sent over a socket; see [`sock_sendfile`].
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let (mut far, _) = listener.accept()?;
/// # near.set_nonblocking(true)?;
/// # let path = std::env::temp_dir().join(format!("heist-sock-sendfile-{}", std::process::id()));
/// # std::fs::write(&path, b"a page of text")?;
/// # let file = std::fs::File::open(&path)?;
/// # std::fs::remove_file(&path)?;
/// use std::io::Read;
/// use heist::{SockSendFile, sock_sendfile};
///
/// let sending: SockSendFile<'_> = sock_sendfile(&near, &file);
/// assert_eq!(sending.offset(2).count(4).await?, 4);
/// let mut received = [0; 4];
/// far.read_exact(&mut received)?;
/// assert_eq!(&received, b"page");
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
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
            ///
            /// ```
            /// # use heist_streams as heist;
            /// # #[cfg(not(heist_loom))]
            /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
            /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
            /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
            /// # let (mut far, _) = listener.accept()?;
            /// # near.set_nonblocking(true)?;
            /// # let path = std::env::temp_dir().join(format!("heist-offset-{}", std::process::id()));
            /// # std::fs::write(&path, b"a page of text")?;
            /// # let file = std::fs::File::open(&path)?;
            /// # std::fs::remove_file(&path)?;
            /// use heist::sock_sendfile;
            ///
            /// // The file has 14 bytes.
            /// assert_eq!(sock_sendfile(&near, &file).offset(10).await?, 4);
            /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
            /// # }
            /// # #[cfg(heist_loom)] fn main() {}
            /// ```
            pub fn offset(mut self, offset: u64) -> Self {
                self.part.offset = offset;
                self
            }

            /// How many bytes to send at most; up to the end of the file when not set.
            ///
            /// ```
            /// # use heist_streams as heist;
            /// # #[cfg(not(heist_loom))]
            /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
            /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
            /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
            /// # let (mut far, _) = listener.accept()?;
            /// # near.set_nonblocking(true)?;
            /// # let path = std::env::temp_dir().join(format!("heist-count-{}", std::process::id()));
            /// # std::fs::write(&path, b"a page of text")?;
            /// # let file = std::fs::File::open(&path)?;
            /// # std::fs::remove_file(&path)?;
            /// use heist::sock_sendfile;
            ///
            /// assert_eq!(sock_sendfile(&near, &file).count(6).await?, 6);
            /// assert!(sock_sendfile(&near, &file).count(0).await.is_err());
            /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
            /// # }
            /// # #[cfg(heist_loom)] fn main() {}
            /// ```
            pub fn count(mut self, bytes: u64) -> Self {
                self.part.count = Some(bytes);
                self
            }

            /// Whether to read and write where the kernel cannot send the file itself; yes when not set.
            ///
            /// ```
            /// # use heist_streams as heist;
            /// # #[cfg(not(heist_loom))]
            /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
            /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
            /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
            /// # let (mut far, _) = listener.accept()?;
            /// # near.set_nonblocking(true)?;
            /// # let path = std::env::temp_dir().join(format!("heist-fallback-{}", std::process::id()));
            /// # std::fs::write(&path, b"a page of text")?;
            /// # let file = std::fs::File::open(&path)?;
            /// # std::fs::remove_file(&path)?;
            /// use heist::sock_sendfile;
            ///
            /// // A regular file over TCP needs none.
            /// assert_eq!(sock_sendfile(&near, &file).fallback(false).await?, 14);
            /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
            /// # }
            /// # #[cfg(heist_loom)] fn main() {}
            /// ```
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
options!(SendFile, |this| this.to);
options!(SockSendFile, |this| Destination::Socket(this.socket));

/// The kernel cannot send this file over this connection, and [`SendFile::fallback`] is off; asyncio's
/// `SendfileNotAvailableError`. The payload of an [`io::Error`] of the kind [`Unsupported`](io::ErrorKind::Unsupported).
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example(mut writer: heist_streams::StreamWriter, file: std::fs::File) -> std::io::Result<()> {
/// use heist::{SendfileNotAvailableError, sendfile};
///
/// if let Err(error) = sendfile(&mut writer, &file).fallback(false).await {
///     let unavailable = error.get_ref().is_some_and(|error| error.is::<SendfileNotAvailableError>());
///     println!("{error}; the kernel cannot: {unavailable}");
/// }
/// # Ok(())
/// # }
/// ```
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
