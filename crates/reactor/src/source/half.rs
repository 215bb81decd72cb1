//! What a [`Half`] can do: the operations of its direction.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::task::{Context, Poll};

use super::{Done, Half, IoSafe, IoSource, transfer};
use crate::Direction;

impl<T: IoSafe, C> Half<T, C> {
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
        self.shared.is_pair_of(&other.shared)
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
        self.shared.is_last()
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
        let (mine, others) = (self.lane, other.lane);
        match self.shared.join(other.shared) {
            Ok(shared) => {
                let (read, write) = match mine.direction() {
                    Direction::Read => (mine, others),
                    Direction::Write => (others, mine),
                };
                Ok(IoSource { read, write, shared })
            }
            Err((shared, other)) => Err((Self { lane: mine, shared }, Self { lane: others, shared: other })),
        }
    }

    /// As [`IoSource::poll_io`], in this half's direction.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    /// use std::io::{Read, Write};
    /// use std::task::Poll;
    /// use heist_reactor::IoSource;
    ///
    /// far.write_all(b"hello")?;
    /// let (mut reads, _writes) = IoSource::new(near).into_split();
    /// let mut buf = [0; 16];
    /// assert!(matches!(reads.poll_io(&mut cx, |mut stream| stream.read(&mut buf)), Poll::Ready(Ok(5))));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll_io<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.shared.poll(self.direction(), &mut self.lane, cx, |io| Ok(Done::with(op(io)?)))
    }

    /// As [`IoSource::poll_ready`], in this half's direction.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// use std::future::poll_fn;
    /// use heist_reactor::Half;
    ///
    /// async fn until_readable(reads: &mut Half<UnixStream>) -> std::io::Result<()> {
    ///     poll_fn(|cx| reads.poll_ready(cx)).await
    /// }
    /// ```
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.poll_ready(self.direction(), &mut self.lane, cx)
    }

    /// As [`IoSource::try_io`], in this half's direction.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// use std::io::{ErrorKind, Read};
    /// use heist_reactor::IoSource;
    ///
    /// # far.set_nonblocking(true)?;
    /// let (mut reads, _writes) = IoSource::new(near).into_split();
    /// let nothing = reads.try_io(|mut stream| stream.read(&mut [0; 16]));
    /// assert_eq!(nothing.unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), without a system call, where the source is known not to be ready.
    #[inline]
    pub fn try_io<R>(&mut self, op: impl FnOnce(&T) -> io::Result<R>) -> io::Result<R> {
        self.shared.try_io(self.direction(), &mut self.lane, |io| Ok(Done::with(op(io)?)))
    }

    /// Writes some of `buf` without waiting, and says how much. After a short write the next one makes no system call.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// use std::io::Read;
    /// use heist_reactor::IoSource;
    ///
    /// let (_reads, mut writes) = IoSource::new(near).into_split();
    /// assert_eq!(writes.try_write(b"hello")?, 5);
    /// let mut received = [0; 5];
    /// far.read_exact(&mut received)?;
    /// assert_eq!(&received, b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), without a system call where the source is known not to be ready.
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) on the half that reads.
    #[inline]
    pub fn try_write(&mut self, buf: &[u8]) -> io::Result<usize>
    where
        for<'a> &'a T: Write,
    {
        self.expect(Direction::Write)?;
        self.shared.try_write(&mut self.lane, buf)
    }

    /// As [`try_write`](Self::try_write), from several buffers, one after the other.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// use std::io::{IoSlice, Read};
    /// use heist_reactor::IoSource;
    ///
    /// let (_reads, mut writes) = IoSource::new(near).into_split();
    /// assert_eq!(writes.try_write_vectored(&[IoSlice::new(b"hel"), IoSlice::new(b"lo")])?, 5);
    /// let mut received = [0; 5];
    /// far.read_exact(&mut received)?;
    /// assert_eq!(&received, b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`try_write`](Self::try_write).
    pub fn try_write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize>
    where
        for<'a> &'a T: Write,
    {
        self.expect(Direction::Write)?;
        self.shared.try_write_vectored(&mut self.lane, bufs)
    }

    /// As [`IoSource::poll_read`].
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    /// use std::io::{ErrorKind, Write};
    /// use std::task::Poll;
    /// use heist_reactor::IoSource;
    ///
    /// far.write_all(b"hello")?;
    /// let (mut reads, mut writes) = IoSource::new(near).into_split();
    /// let mut buf = [0; 16];
    /// assert!(matches!(reads.poll_read(&mut cx, &mut buf), Poll::Ready(Ok(5))));
    /// let Poll::Ready(Err(error)) = writes.poll_read(&mut cx, &mut buf) else { panic!("it writes") };
    /// assert_eq!(error.kind(), ErrorKind::InvalidInput);
    /// # Ok::<(), std::io::Error>(())
    /// ```
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
        self.shared.poll_read(&mut self.lane, cx, buf)
    }

    /// Reads behind what is in `buf`, into the capacity that it has left, of which there must be some; 0 is the end. The
    /// capacity need not be initialised before, where the system's call is made directly.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    /// use std::io::Write;
    /// use std::task::Poll;
    /// use heist_reactor::IoSource;
    ///
    /// far.write_all(b" world")?;
    /// let (mut reads, _writes) = IoSource::new(near).into_split();
    /// let mut text = Vec::with_capacity(64);
    /// text.extend_from_slice(b"hello");
    /// assert!(matches!(reads.poll_read_behind(&mut cx, &mut text), Poll::Ready(Ok(6))));
    /// assert_eq!(text, b"hello world");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) on the half that writes.
    pub fn poll_read_behind(&mut self, cx: &mut Context<'_>, buf: &mut Vec<u8>) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Read,
    {
        self.expect(Direction::Read)?;
        self.shared.poll(Direction::Read, &mut self.lane, cx, |io| transfer::read_behind(io, buf))
    }

    /// As [`IoSource::poll_read_vectored`].
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    /// use std::io::{IoSliceMut, Write};
    /// use std::task::Poll;
    /// use heist_reactor::IoSource;
    ///
    /// far.write_all(b"\x05hello")?;
    /// let (mut reads, _writes) = IoSource::new(near).into_split();
    /// let (mut length, mut body) = ([0; 1], [0; 16]);
    /// let read = reads.poll_read_vectored(&mut cx, &mut [IoSliceMut::new(&mut length), IoSliceMut::new(&mut body)]);
    /// assert!(matches!(read, Poll::Ready(Ok(6))));
    /// # Ok::<(), std::io::Error>(())
    /// ```
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
        self.shared.poll_read_vectored(&mut self.lane, cx, bufs)
    }

    /// As [`IoSource::poll_write`].
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    /// use std::task::Poll;
    /// use heist_reactor::IoSource;
    ///
    /// # far.set_nonblocking(true)?;
    /// let (_reads, mut writes) = IoSource::new(near).into_split();
    /// assert!(matches!(writes.poll_write(&mut cx, b"hello"), Poll::Ready(Ok(5))));
    /// # Ok::<(), std::io::Error>(())
    /// ```
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
        self.shared.poll_write(&mut self.lane, cx, buf)
    }

    /// As [`IoSource::poll_write_vectored`].
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    /// use std::io::IoSlice;
    /// use std::task::Poll;
    /// use heist_reactor::IoSource;
    ///
    /// # far.set_nonblocking(true)?;
    /// let (_reads, mut writes) = IoSource::new(near).into_split();
    /// let written = writes.poll_write_vectored(&mut cx, &[IoSlice::new(b"\x05"), IoSlice::new(b"hello")]);
    /// assert!(matches!(written, Poll::Ready(Ok(6))));
    /// # Ok::<(), std::io::Error>(())
    /// ```
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
        self.shared.poll_write_vectored(&mut self.lane, cx, bufs)
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
