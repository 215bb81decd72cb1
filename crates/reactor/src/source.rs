//! Sources: what the streams are built on.
//!
//! An operation on a source is tried first. Where the system answers "would block", the source is registered, if it has
//! not been, and the task waits for the next edge in the direction of the operation; see the `word` module.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::atomic::{AtomicPtr, Ordering};
use polling::AsSource;

use crate::Direction;
use crate::lane::{Beside, Lane, Place};
use crate::platform::HANGUP;
use crate::reactor::{Reactor, Shard};
use crate::record::Record;
use crate::word::{Armed, Seen, Word};

/// Types whose descriptor or socket stays the same as long as the value lives.
///
/// # Safety
///
/// `as_fd` (`as_socket` on Windows) must return the same open descriptor at each call until the value is dropped, and no
/// shared borrow may close or exchange it: where the system needs a source taken out of its queue before it is closed,
/// the reactor does that with the descriptor it saw first.
pub unsafe trait IoSafe: AsSource {
    /// Whether the source is a stream of bytes: then a read that fills less than its buffer found the source drained.
    /// Not so for datagrams.
    const IS_BYTE_STREAM: bool = false;

    /// Whether the source is a connected socket that is read and written by plain system calls: then the calls are made
    /// without going through its `Read` and `Write`.
    const IS_PLAIN_SOCKET: bool = false;

    /// Whether other descriptors of the same open file are to be expected, in this process or a child: then the source is
    /// taken out of its queue by a system call of its own before it is closed.
    const MAY_HAVE_DUPLICATES: bool = false;
}

// SAFETY, for all of these: the standard library's owners keep their descriptor for life.
// SAFETY: as said above.
unsafe impl IoSafe for std::net::TcpStream {
    const IS_BYTE_STREAM: bool = true;
    const IS_PLAIN_SOCKET: bool = true;
}
// SAFETY: as said above.
unsafe impl IoSafe for std::net::TcpListener {}
// SAFETY: as said above.
unsafe impl IoSafe for std::net::UdpSocket {}

#[cfg(unix)]
mod unix {
    use super::IoSafe;

    // SAFETY: the standard library's owners keep their descriptor for life.
    unsafe impl IoSafe for std::os::unix::net::UnixStream {
        const IS_BYTE_STREAM: bool = true;
        const IS_PLAIN_SOCKET: bool = true;
    }
    // SAFETY: as above.
    unsafe impl IoSafe for std::os::unix::net::UnixListener {}
    // SAFETY: as above.
    unsafe impl IoSafe for std::os::unix::net::UnixDatagram {}
    // SAFETY: as above.
    unsafe impl IoSafe for std::os::fd::OwnedFd {
        const MAY_HAVE_DUPLICATES: bool = true;
    }
    // SAFETY: as above.
    unsafe impl IoSafe for std::fs::File {
        const MAY_HAVE_DUPLICATES: bool = true;
    }
    // SAFETY: as above.
    unsafe impl IoSafe for std::process::ChildStdin {}
    // SAFETY: as above.
    unsafe impl IoSafe for std::process::ChildStdout {}
    // SAFETY: as above.
    unsafe impl IoSafe for std::process::ChildStderr {}
}

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

/// One direction of a source, with the other owned elsewhere; made by [`IoSource::into_split`].
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
pub struct Half<T: IoSafe> {
    lane: Lane,
    shared: Arc<Shared<T>>,
}

/// A source without its lanes.
struct Shared<T: IoSafe> {
    /// Dropped first: the source leaves the queue before it is closed.
    registration: Registration,
    io: T,
}

/// Where a source is registered, once it is.
struct Registration {
    /// Null until the first wait, then the record for good. Valid as long as the shard lives, of which this then counts a
    /// reference.
    record: AtomicPtr<Record>,
}

/// The record of a source that is bound to a loop.
#[derive(Clone, Copy)]
struct Home<'a> {
    record: &'a Record,
}

impl<'a> Home<'a> {
    #[inline]
    fn word(self, direction: Direction) -> Word<'a> {
        self.record.word(direction)
    }

    /// The shard there. Beside the record's cache line, so not to be asked for without need.
    #[inline]
    fn shard(self) -> &'a Shard {
        // SAFETY: a record in use knows its shard, of which the source counts a reference.
        unsafe { &*self.record.beyond().shard() }
    }
}

impl Registration {
    fn new() -> Self {
        Self { record: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Where the source is bound, once it is.
    #[inline]
    fn home(&self) -> Option<Home<'_>> {
        // Acquire pairs with the Release in `bind_to`: who sees the record sees its shard.
        let record = self.record.load(Ordering::Acquire);
        // SAFETY: it is null, or lies in a page of a shard of which this counts a reference, and which never frees one
        // while it lives.
        let record = unsafe { record.as_ref() }?;
        Some(Home { record })
    }

    /// Registers `io` with the loop of this thread, for a first wait in `direction`. `Some` is the word as it was before
    /// the system was asked: an edge of what is ready already changes it. `None`: somebody else was faster.
    #[cold]
    fn bind(&self, io: &impl IoSafe, direction: Direction) -> io::Result<Option<Seen>> {
        self.bind_to(io, direction, Reactor::current)
    }

    /// As [`bind`](Self::bind), with the loop that `reactor` gives, and one of its shards.
    fn bind_to<T: IoSafe>(
        &self,
        io: &T,
        direction: Direction,
        reactor: impl FnOnce() -> io::Result<(Arc<Reactor>, usize)>,
    ) -> io::Result<Option<Seen>> {
        let (reactor, index) = reactor()?;
        let shard = reactor.shard(index);
        // So that two directions that wait for the first time register once.
        let _binding = shard.binding.lock();
        if self.home().is_some() {
            return Ok(None);
        }
        let (key, record) =
            shard.slab.insert(Arc::as_ptr(shard)).map_err(|refused| Reactor::refused(&refused))?;
        let seen = record.word(direction).observe();
        let duplicates = T::MAY_HAVE_DUPLICATES;
        let registered = record.arming.register(&shard.selector, io, key, direction, duplicates);
        if let Ok(leaves) = registered {
            record.beyond().set_leaves(leaves);
            let new = ptr::from_ref(record).cast_mut();
            // Release pairs with the Acquire in `home`.
            let set =
                self.record.compare_exchange(ptr::null_mut(), new, Ordering::Release, Ordering::Relaxed);
            if set.is_ok() {
                // Counted until this is dropped.
                let _ = Arc::into_raw(shard.clone());
                return Ok(Some(seen));
            }
            // The other direction was bound in another loop or shard meanwhile.
            record.beyond().set_leaves(None);
            let _ = record.arming.remove(&shard.selector, io);
        }
        // SAFETY: the key was just handed out, and nobody has waited yet.
        unsafe { shard.slab.remove(key) };
        registered.map(|_| None)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some(home) = self.home() else { return };
        let (record, shard) = (home.record, home.shard());
        record.arming.forget(&shard.selector, record.beyond().take_leaves());
        let counted = record.beyond().shard();
        // SAFETY: the key came from this slab and goes back once; whoever drops the source owns both lanes.
        unsafe { shard.slab.remove(record.key()) };
        // SAFETY: this is the reference that was counted when the record was set; neither is used any more.
        drop(unsafe { Arc::from_raw(counted) });
    }
}

impl<T: IoSafe> Shared<T> {
    /// Tries `op` until it says something else than "would block", waiting at `place` in between. The flag that `op`
    /// returns tells that the source is drained now.
    #[inline]
    fn poll<R>(
        &self,
        place: &mut impl Place,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<(R, bool)>,
    ) -> Poll<io::Result<R>> {
        let proceed = ready!(poll_proceed(cx));
        let result = loop {
            let (home, seen) = match self.registration.home() {
                Some(home) => {
                    let seen = home.word(place.direction()).observe();
                    if seen.is_ready() && !place.is_drained(seen) {
                        match op(&self.io) {
                            Ok((value, drained)) => {
                                // A closed peer's edge is spent: only the system knows when the bytes before it end.
                                if drained && !seen.is_hung() && home.record.arming.has(place.direction()) {
                                    place.set_drained(seen);
                                }
                                break Ok(value);
                            }
                            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                            Err(error) => break Err(error),
                        }
                    }
                    (home, seen)
                }
                None => match op(&self.io) {
                    Ok((value, _)) => break Ok(value),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        match self.registration.bind(&self.io, place.direction()) {
                            Ok(Some(seen)) => match self.registration.home() {
                                Some(home) => (home, seen),
                                None => continue,
                            },
                            Ok(None) => continue,
                            Err(error) => break Err(error),
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => break Err(error),
                },
            };
            match self.wait(home, place, seen, cx) {
                Ok(Armed::Waiting) => return Poll::Pending,
                Ok(Armed::Changed) => {}
                Ok(Armed::Closed) => break Err(Reactor::closed()),
                Err(error) => break Err(error),
            }
        };
        proceed.made_progress();
        Poll::Ready(result)
    }

    /// Ready when the source may be ready; never calls an operation.
    fn poll_ready(&self, place: &mut impl Place, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let proceed = ready!(poll_proceed(cx));
        let direction = place.direction();
        let result = loop {
            let (home, seen) = match self.registration.home() {
                Some(home) => {
                    let seen = home.word(direction).observe();
                    // A word of a direction that nobody has asked about is only optimistic.
                    let known = home.record.arming.has(direction);
                    if seen.is_ready() && known && !place.is_drained(seen) && !seen.is_closed() {
                        break Ok(());
                    }
                    (home, seen)
                }
                None => match self.registration.bind(&self.io, direction) {
                    Ok(Some(seen)) => match self.registration.home() {
                        Some(home) => (home, seen),
                        None => continue,
                    },
                    Ok(None) => continue,
                    Err(error) => break Err(error),
                },
            };
            match self.wait(home, place, seen, cx) {
                Ok(Armed::Waiting) => return Poll::Pending,
                Ok(Armed::Changed) => {}
                Ok(Armed::Closed) => break Err(Reactor::closed()),
                Err(error) => break Err(error),
            }
        };
        proceed.made_progress();
        Poll::Ready(result)
    }

    /// Waits at `place` for the edge after `seen`.
    #[inline]
    fn wait(
        &self,
        home: Home<'_>,
        place: &mut impl Place,
        seen: Seen,
        cx: &mut Context<'_>,
    ) -> io::Result<Armed> {
        let direction = place.direction();
        if seen.is_closed() {
            return Ok(Armed::Closed);
        }
        let arming = &home.record.arming;
        let selector = || &home.shard().selector;
        arming.want(selector, &self.io, home.record.key(), direction)?;
        let armed = place.wait(home.word(direction), seen, cx.waker());
        if armed == Armed::Waiting {
            arming.armed(selector, &self.io, home.record.key(), direction)?;
        }
        Ok(armed)
    }

    /// Tries `op` once, without waiting. Where the source is known not to be ready, "would block" without calling `op`.
    fn try_io<R>(
        &self,
        direction: Direction,
        is_drained: impl FnOnce(Seen) -> bool,
        op: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let Some(home) = self.registration.home() else {
            return op(&self.io);
        };
        let word = home.word(direction);
        let seen = word.observe();
        if !seen.is_ready() || is_drained(seen) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = op(&self.io);
        if matches!(&result, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            word.drain(seen);
        }
        result
    }

    /// Waits beside the lane until `poll` is ready, and leaves the list when dropped.
    async fn beside<R>(
        &self,
        direction: Direction,
        mut poll: impl FnMut(&Self, &mut Beside, &mut Context<'_>) -> Poll<R>,
    ) -> R {
        struct Leave<'a, T: IoSafe>(&'a Shared<T>, Beside);
        impl<T: IoSafe> Drop for Leave<'_, T> {
            fn drop(&mut self) {
                if let (Some(ticket), Some(home)) = (self.1.ticket, self.0.registration.home()) {
                    home.word(self.1.direction).leave(ticket);
                }
            }
        }

        let mut waiter = Leave(self, Beside { direction, ticket: None });
        poll_fn(|cx| poll(self, &mut waiter.1, cx)).await
    }
}

/// Whether a transfer of `moved` bytes, with room for `room`, shows that the source is drained (or full, when writing).
#[inline]
fn fell_short<T: IoSafe>(moved: usize, room: usize) -> bool {
    HANGUP && T::IS_BYTE_STREAM && 0 < moved && moved < room
}

/// The system calls of plain reads and writes. On Linux they are made directly: the C library's `recv` and `send` are
/// cancellation points, which cost some 75 instructions each.
mod transfer {
    use std::io::{self, Read, Write};

    use super::IoSafe;

    #[inline]
    pub(super) fn read<T: IoSafe>(io: &T, buf: &mut [u8]) -> io::Result<usize>
    where
        for<'a> &'a T: Read,
    {
        #[cfg(target_os = "linux")]
        if T::IS_PLAIN_SOCKET {
            return Ok(rustix::io::read(io, buf)?);
        }
        let mut io = io;
        io.read(buf)
    }

    /// Reads behind what is in `buf`, into the capacity that it has left; where that is none, 0.
    pub(super) fn read_behind<T: IoSafe>(io: &T, buf: &mut Vec<u8>) -> io::Result<usize>
    where
        for<'a> &'a T: Read,
    {
        #[cfg(target_os = "linux")]
        if T::IS_PLAIN_SOCKET {
            return Ok(rustix::io::read(io, rustix::buffer::spare_capacity(buf))?);
        }
        let len = buf.len();
        buf.resize(buf.capacity(), 0);
        let mut io = io;
        let read = io.read(&mut buf[len..]);
        buf.truncate(len + *read.as_ref().unwrap_or(&0));
        read
    }

    #[inline]
    pub(super) fn write<T: IoSafe>(io: &T, buf: &[u8]) -> io::Result<usize>
    where
        for<'a> &'a T: Write,
    {
        #[cfg(target_os = "linux")]
        if T::IS_PLAIN_SOCKET {
            // A peer that is gone is an error, not a signal.
            return Ok(rustix::net::send(io, buf, rustix::net::SendFlags::NOSIGNAL)?);
        }
        let mut io = io;
        io.write(buf)
    }
}

fn total(lengths: impl Iterator<Item = usize>) -> usize {
    lengths.fold(0, usize::saturating_add)
}

#[inline]
fn poll_read<T: IoSafe>(
    shared: &Shared<T>,
    lane: &mut Lane,
    cx: &mut Context<'_>,
    buf: &mut [u8],
) -> Poll<io::Result<usize>>
where
    for<'a> &'a T: Read,
{
    shared.poll(lane, cx, |io| {
        let moved = transfer::read(io, buf)?;
        Ok((moved, fell_short::<T>(moved, buf.len())))
    })
}

fn poll_read_vectored<T: IoSafe>(
    shared: &Shared<T>,
    lane: &mut Lane,
    cx: &mut Context<'_>,
    bufs: &mut [IoSliceMut<'_>],
) -> Poll<io::Result<usize>>
where
    for<'a> &'a T: Read,
{
    shared.poll(lane, cx, |mut io| {
        let moved = io.read_vectored(bufs)?;
        Ok((moved, fell_short::<T>(moved, total(bufs.iter().map(|buf| buf.len())))))
    })
}

#[inline]
fn poll_write<T: IoSafe>(
    shared: &Shared<T>,
    lane: &mut Lane,
    cx: &mut Context<'_>,
    buf: &[u8],
) -> Poll<io::Result<usize>>
where
    for<'a> &'a T: Write,
{
    shared.poll(lane, cx, |io| {
        let moved = transfer::write(io, buf)?;
        Ok((moved, fell_short::<T>(moved, buf.len())))
    })
}

fn poll_write_vectored<T: IoSafe>(
    shared: &Shared<T>,
    lane: &mut Lane,
    cx: &mut Context<'_>,
    bufs: &[IoSlice<'_>],
) -> Poll<io::Result<usize>>
where
    for<'a> &'a T: Write,
{
    shared.poll(lane, cx, |mut io| {
        let moved = io.write_vectored(bufs)?;
        Ok((moved, fell_short::<T>(moved, total(bufs.iter().map(|buf| buf.len())))))
    })
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
            shared: Shared { registration: Registration::new(), io },
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
        let Shared { registration, io } = self.shared;
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
        let shared = Arc::new(self.shared);
        (Half { lane: self.read, shared: shared.clone() }, Half { lane: self.write, shared })
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
    pub fn poll_io<R>(
        &mut self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let (shared, lane) = self.lane(direction);
        shared.poll(lane, cx, |io| Ok((op(io)?, false)))
    }

    /// Ready when the source may be ready for an operation in `direction`; the operation then may still block.
    ///
    /// The readiness stays until an operation through this source finds that it would block.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        let (shared, lane) = self.lane(direction);
        shared.poll_ready(lane, cx)
    }

    /// Reads into `buf`; 0 is the end. One system call, and none where the last read found the source drained.
    #[inline]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Read,
    {
        poll_read(&self.shared, &mut self.read, cx, buf)
    }

    /// Reads into several buffers, one after the other; 0 is the end.
    pub fn poll_read_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Read,
    {
        poll_read_vectored(&self.shared, &mut self.read, cx, bufs)
    }

    /// Writes some of `buf` and says how much.
    #[inline]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Write,
    {
        poll_write(&self.shared, &mut self.write, cx, buf)
    }

    /// Writes some of several buffers, one after the other, and says how much.
    pub fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Write,
    {
        poll_write_vectored(&self.shared, &mut self.write, cx, bufs)
    }

    /// Awaits an operation through a shared borrow: any number of tasks may.
    ///
    /// Waiting takes the lock of a list; an edge wakes all who wait in it.
    ///
    /// Cancel safety: dropping the future leaves the list; nothing is lost that `op` did not lose.
    pub async fn io<R>(
        &self,
        direction: Direction,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        self.shared
            .beside(direction, |shared, place, cx| shared.poll(place, cx, |io| Ok((op(io)?, false))))
            .await
    }

    /// Waits until the source may be readable. The readiness stays until [`try_io`](Self::try_io) or another operation
    /// through this source finds that it would block. Cancel safe.
    pub async fn readable(&self) -> io::Result<()> {
        self.shared.beside(Direction::Read, Shared::poll_ready).await
    }

    /// Waits until the source may be writable, or its connection attempt has ended; otherwise as
    /// [`readable`](Self::readable).
    pub async fn writable(&self) -> io::Result<()> {
        self.shared.beside(Direction::Write, Shared::poll_ready).await
    }

    /// Tries `op` without waiting.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), without a system call, where the source is known not to be ready.
    pub fn try_io<R>(&self, direction: Direction, op: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        self.shared.try_io(direction, |_| false, op)
    }
}

impl<T: IoSafe> Half<T> {
    /// The value inside.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// use heist_reactor::IoSource;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// near.set_nonblocking(true)?;
    /// let (reads, writes) = IoSource::new(near).into_split();
    /// assert!(std::ptr::eq(reads.get_ref(), writes.get_ref()));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn get_ref(&self) -> &T {
        &self.shared.io
    }

    /// Which direction this half owns.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// use heist_reactor::IoSource;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// near.set_nonblocking(true)?;
    /// let (reads, writes) = IoSource::new(near).into_split();
    /// assert_eq!(reads.direction(), heist_reactor::Direction::Read);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn direction(&self) -> Direction {
        self.lane.direction()
    }

    /// Whether the two are halves of one source.
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
    pub fn is_pair_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Whether the other half is gone: dropping this one then closes the source. May be out of date when it says no.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// use heist_reactor::IoSource;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// near.set_nonblocking(true)?;
    /// let (reads, writes) = IoSource::new(near).into_split();
    /// assert!(!reads.is_last());
    /// drop(writes);
    /// assert!(reads.is_last());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn is_last(&self) -> bool {
        Arc::strong_count(&self.shared) == 1
    }

    /// Makes the source whole again.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// use heist_reactor::IoSource;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// near.set_nonblocking(true)?;
    /// let (reads, writes) = IoSource::new(near).into_split();
    /// assert!(reads.reunite(writes).is_ok());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Both halves, where they are not of one source.
    pub fn reunite(self, other: Self) -> Result<IoSource<T>, (Self, Self)> {
        if !self.is_pair_of(&other) {
            return Err((self, other));
        }
        let (read, write) = match self.direction() {
            Direction::Read => (self.lane, other.lane),
            Direction::Write => (other.lane, self.lane),
        };
        drop(other.shared);
        match Arc::into_inner(self.shared) {
            Some(shared) => Ok(IoSource { read, write, shared }),
            None => unreachable!("only the two halves share it"),
        }
    }

    /// As [`IoSource::poll_io`], in this half's direction.
    pub fn poll_io<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.shared.poll(&mut self.lane, cx, |io| Ok((op(io)?, false)))
    }

    /// As [`IoSource::poll_ready`], in this half's direction.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.poll_ready(&mut self.lane, cx)
    }

    /// As [`IoSource::try_io`], in this half's direction.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), without a system call, where the source is known not to be ready.
    #[inline]
    pub fn try_io<R>(&mut self, op: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        self.shared.try_io(self.lane.direction(), |seen| self.lane.is_drained(seen), op)
    }

    /// Writes some of `buf` without waiting, and says how much.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), without a system call where the source is known not to be ready.
    #[inline]
    pub fn try_write(&mut self, buf: &[u8]) -> io::Result<usize>
    where
        for<'a> &'a T: Write,
    {
        self.try_io(|io| transfer::write(io, buf))
    }

    /// As [`IoSource::poll_read`].
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) on the half that writes.
    #[inline]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Read,
    {
        self.expect(Direction::Read)?;
        poll_read(&self.shared, &mut self.lane, cx, buf)
    }

    /// Reads behind what is in `buf`, into the capacity that it has left, of which there must be some; 0 is the end. The
    /// capacity need not be initialised before, where the system's call is made directly.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) on the half that writes.
    pub fn poll_read_behind(&mut self, cx: &mut Context<'_>, buf: &mut Vec<u8>) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Read,
    {
        self.expect(Direction::Read)?;
        let room = buf.capacity() - buf.len();
        self.shared.poll(&mut self.lane, cx, |io| {
            let moved = transfer::read_behind(io, buf)?;
            Ok((moved, fell_short::<T>(moved, room)))
        })
    }

    /// As [`IoSource::poll_read_vectored`].
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) on the half that writes.
    pub fn poll_read_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Read,
    {
        self.expect(Direction::Read)?;
        poll_read_vectored(&self.shared, &mut self.lane, cx, bufs)
    }

    /// As [`IoSource::poll_write`].
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) on the half that reads.
    #[inline]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Write,
    {
        self.expect(Direction::Write)?;
        poll_write(&self.shared, &mut self.lane, cx, buf)
    }

    /// As [`IoSource::poll_write_vectored`].
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) on the half that reads.
    pub fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Write,
    {
        self.expect(Direction::Write)?;
        poll_write_vectored(&self.shared, &mut self.lane, cx, bufs)
    }

    #[inline]
    fn expect(&self, direction: Direction) -> io::Result<()> {
        if self.direction() == direction {
            return Ok(());
        }
        let message = match direction {
            Direction::Read => "this half writes; read from the other one",
            Direction::Write => "this half reads; write to the other one",
        };
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }
}

impl<T: IoSafe + fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Source");
        f.field("io", &self.io);
        if let Some(home) = self.registration.home() {
            f.field("read", &home.word(Direction::Read)).field("write", &home.word(Direction::Write));
        }
        f.finish_non_exhaustive()
    }
}

impl<T: IoSafe + fmt::Debug> fmt::Debug for IoSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IoSource").field(&self.shared).finish()
    }
}

impl<T: IoSafe + fmt::Debug> fmt::Debug for Half<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Half").field("direction", &self.direction()).field("source", &self.shared).finish()
    }
}
