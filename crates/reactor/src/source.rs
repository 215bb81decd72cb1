//! Sources: what the streams are built on.
//!
//! An operation on a source is tried first. Where the system answers "would block", the source is registered, if it has
//! not been, and the task waits for the next edge in the direction of the operation; see the `word` module.
//!
//! | module | what it is |
//! |---|---|
//! | `io_safe` | what may be a source |
//! | `registration` | where a source is bound |
//! | `shared` | a source without its lanes: trying, and waiting |
//! | `bytes` | reading and writing bytes |
//! | `transfer` | the system calls of that |
//! | `done` | what an operation came to |
//! | `half` | one direction with an owner of its own |
//! | `joint` | what the two halves share, and what lies beside it |
//! | `companion` | that, for users |

mod bytes;
mod companion;
mod done;
mod half;
mod io_safe;
mod joint;
mod registration;
mod shared;
mod transfer;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::Direction;
use crate::lane::{Beside, Lane};
use crate::reactor::Reactor;
pub use companion::{Companion, WeakCompanion};
use done::Done;
pub use io_safe::IoSafe;
use joint::{Hold, Joint};
use shared::Shared;

/// Something with a descriptor or socket, whose operations can be awaited.
///
/// The value must be in non-blocking mode. It belongs to no loop until something first waits for it; then it is bound, for
/// life, to the loop whose task waits. A task of another loop may wait for it, too: the first loop wakes it.
///
/// Mutable borrows wait without a lock and without allocation: [`poll_io`](Self::poll_io) and its kin. Shared borrows
/// wait in a list: [`io`](Self::io), [`readable`](Self::readable), [`writable`](Self::writable). Both may wait at the
/// same time. [`into_split`](Self::into_split) gives one mutable owner to each direction.
///
/// ```
/// # #[cfg(not(heist_loom))] {
/// use std::io::ErrorKind;
/// use std::net::UdpSocket;
/// use heist_reactor::{Direction, IoSource};
///
/// let socket = UdpSocket::bind("127.0.0.1:0")?;
/// socket.set_nonblocking(true)?;
/// let source = IoSource::new(socket);
/// let nothing = source.try_io(Direction::Read, |socket| socket.recv(&mut [0; 16]));
/// assert_eq!(nothing.unwrap_err().kind(), ErrorKind::WouldBlock);
/// // In a task: `source.io(Direction::Read, |socket| socket.recv(&mut buf)).await?`
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Beside those of the operation, every wait fails with a message that says what to do where no event loop runs on the
/// thread that waits first, where the loop was made without I/O, and where the loop is closed.
pub struct IoSource<T: IoSafe> {
    read: Lane,
    write: Lane,
    shared: Shared<T>,
}

/// One direction of a source, with the other owned elsewhere; made by [`IoSource::into_split`]. The source is closed when both
/// are gone.
///
/// ```
/// # use std::os::unix::net::UnixStream;
/// use heist_reactor::IoSource;
///
/// let (near, _far) = UnixStream::pair()?;
/// near.set_nonblocking(true)?;
/// let (reads, writes) = IoSource::new(near).into_split();
/// assert!(reads.is_pair_of(&writes));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Half<T: IoSafe, C = ()> {
    lane: Lane,
    shared: Hold<Shared<T>, C>,
}

impl<T: IoSafe> IoSource<T> {
    /// Takes ownership of something that is in non-blocking mode. No system call: registration comes with the first wait.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// use heist_reactor::IoSource;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// near.set_nonblocking(true)?;
    /// let source = IoSource::new(near);
    /// assert!(source.get_ref().peer_addr().is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new(io: T) -> Self {
        Self {
            // SAFETY: the only place that makes lanes, one per direction, kept with their source from here on.
            read: unsafe { Lane::new(Direction::Read) },
            // SAFETY: as above.
            write: unsafe { Lane::new(Direction::Write) },
            shared: Shared::new(io),
        }
    }

    /// The value inside.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// use heist_reactor::IoSource;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// near.set_nonblocking(true)?;
    /// assert!(IoSource::new(near).get_ref().take_error()?.is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn get_ref(&self) -> &T {
        &self.shared.io
    }

    /// Takes the value out of its loop and returns it, still in non-blocking mode. One system call if it was registered.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// use heist_reactor::IoSource;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// near.set_nonblocking(true)?;
    /// let near: UnixStream = IoSource::new(near).into_inner();
    /// assert!(near.take_error()?.is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn into_inner(self) -> T {
        let Shared { registration, io, .. } = self.shared;
        if let Some(home) = registration.home() {
            // The descriptor lives on, so it must not stay in the queue. It fails only where it is not there any more.
            home.record.beyond().set_leaves(None);
            let _ = home.record.arming.remove(&home.shard().selector, &io);
        }
        io
    }

    /// Gives each direction an owner of its own: first the one that reads, then the one that writes. One allocation.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// use heist_reactor::IoSource;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// near.set_nonblocking(true)?;
    /// use heist_reactor::Direction;
    ///
    /// let (reads, writes) = IoSource::new(near).into_split();
    /// assert_eq!((reads.direction(), writes.direction()), (Direction::Read, Direction::Write));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn into_split(self) -> (Half<T>, Half<T>) {
        let (read, write) = Joint::hold(self.shared, ());
        (Half { lane: self.read, shared: read }, Half { lane: self.write, shared: write })
    }

    /// Binds the source to a loop, whatever thread this is, instead of at the first wait.
    #[cfg(unix)]
    pub(crate) fn register_with(&self, reactor: &Arc<Reactor>, direction: Direction) -> io::Result<()> {
        let home = || Ok((reactor.clone(), 0));
        self.shared.registration.bind_to(&self.shared.io, direction, home).map(drop)
    }

    fn lane(&mut self, direction: Direction) -> (&Shared<T>, &mut Lane) {
        match direction {
            Direction::Read => (&self.shared, &mut self.read),
            Direction::Write => (&self.shared, &mut self.write),
        }
    }

    /// Tries `op`; where it would block, arranges for `cx` to be woken when it may not, and is Pending.
    ///
    /// Cancel safety: nothing is lost that `op` did not lose. Not waiting any more after Pending is fine.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    /// use std::io::{Read, Write};
    /// use std::task::Poll;
    /// use heist_reactor::{Direction, IoSource};
    ///
    /// far.write_all(b"hello")?;
    /// let mut source = IoSource::new(near);
    /// let mut buf = [0; 16];
    /// let read = source.poll_io(&mut cx, Direction::Read, |mut stream| stream.read(&mut buf));
    /// assert!(matches!(read, Poll::Ready(Ok(5))), "what is there is read at once");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll_io<R>(
        &mut self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let (shared, lane) = self.lane(direction);
        shared.poll(direction, lane, cx, |io| Ok(Done::with(op(io)?)))
    }

    /// Ready when the source may be ready for an operation in `direction`; the operation then may still block.
    ///
    /// The readiness stays until an operation through this source finds that it would block.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// use std::future::poll_fn;
    /// use heist_reactor::{Direction, IoSource};
    ///
    /// /// For a library that makes its system calls itself, and asks when to.
    /// async fn until_readable(source: &mut IoSource<UnixStream>) -> std::io::Result<()> {
    ///     poll_fn(|cx| source.poll_ready(cx, Direction::Read)).await
    /// }
    /// ```
    pub fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        let (shared, lane) = self.lane(direction);
        shared.poll_ready(direction, lane, cx)
    }

    /// Awaits an operation through a shared borrow: any number of tasks may.
    ///
    /// Waiting takes the lock of a list; an edge wakes all who wait in it.
    ///
    /// Cancel safety: dropping the future leaves the list; nothing is lost that `op` did not lose.
    ///
    /// ```
    /// # use std::net::UdpSocket;
    /// use heist_reactor::{Direction, IoSource};
    ///
    /// /// Any number of tasks may wait for datagrams of one socket.
    /// async fn datagram(source: &IoSource<UdpSocket>, buf: &mut [u8]) -> std::io::Result<usize> {
    ///     source.io(Direction::Read, |socket| socket.recv(buf)).await
    /// }
    /// ```
    pub async fn io<R>(
        &self,
        direction: Direction,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.shared
            .beside(direction, |shared, direction, place, cx| {
                shared.poll(direction, place, cx, |io| Ok(Done::with(op(io)?)))
            })
            .await
    }

    /// Waits until the source may be readable. The readiness stays until [`try_io`](Self::try_io) or another operation
    /// through this source finds that it would block. Cancel safe.
    ///
    /// ```
    /// # use std::net::UdpSocket;
    /// use std::io::ErrorKind;
    /// use heist_reactor::{Direction, IoSource};
    ///
    /// async fn datagram(source: &IoSource<UdpSocket>, buf: &mut [u8]) -> std::io::Result<usize> {
    ///     loop {
    ///         source.readable().await?;
    ///         match source.try_io(Direction::Read, |socket| socket.recv(buf)) {
    ///             Err(error) if error.kind() == ErrorKind::WouldBlock => {}
    ///             received => return received,
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn readable(&self) -> io::Result<()> {
        self.shared.beside(Direction::Read, Shared::poll_ready).await
    }

    /// Waits until the source may be writable, or its connection attempt has ended; otherwise as
    /// [`readable`](Self::readable).
    ///
    /// ```
    /// use std::net::TcpStream;
    /// use heist_reactor::IoSource;
    ///
    /// /// The end of a connection attempt that was begun without waiting.
    /// async fn connected(source: &IoSource<TcpStream>) -> std::io::Result<()> {
    ///     source.writable().await?;
    ///     source.get_ref().take_error()?.map_or(Ok(()), Err)
    /// }
    /// ```
    pub async fn writable(&self) -> io::Result<()> {
        self.shared.beside(Direction::Write, Shared::poll_ready).await
    }

    /// Tries `op` without waiting.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// use std::io::{ErrorKind, Read};
    /// use heist_reactor::{Direction, IoSource};
    ///
    /// # far.set_nonblocking(true)?;
    /// let source = IoSource::new(near);
    /// let nothing = source.try_io(Direction::Read, |mut stream| stream.read(&mut [0; 16]));
    /// assert_eq!(nothing.unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), without a system call, where the source is known not to be ready.
    pub fn try_io<R>(&self, direction: Direction, op: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        let mut beside = Beside::new(direction);
        self.shared.try_io(direction, &mut beside, |io| Ok(Done::with(op(io)?)))
    }
}

impl<T: IoSafe + fmt::Debug> fmt::Debug for IoSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IoSource").field(&self.shared).finish()
    }
}

impl<T: IoSafe + fmt::Debug, C> fmt::Debug for Half<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Half").field("direction", &self.direction()).field("source", &*self.shared).finish()
    }
}
