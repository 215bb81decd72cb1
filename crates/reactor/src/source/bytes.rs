//! Reading and writing bytes: the operations of a whole source. Those of a half are in `half`.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::task::{Context, Poll};

use super::shared::Shared;
use super::{IoSafe, IoSource, transfer};
use crate::Direction;
use crate::lane::{Beside, Lane, Place};

impl<T: IoSafe> Shared<T> {
    #[inline(always)]
    pub(super) fn poll_read(
        &self,
        lane: &mut Lane,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Read,
    {
        self.poll(Direction::Read, lane, cx, |io| transfer::read(io, buf))
    }

    pub(super) fn poll_read_vectored(
        &self,
        lane: &mut Lane,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Read,
    {
        self.poll(Direction::Read, lane, cx, |io| transfer::read_vectored(io, bufs))
    }

    #[inline(always)]
    pub(super) fn poll_write(
        &self,
        lane: &mut Lane,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Write,
    {
        self.poll(Direction::Write, lane, cx, |io| transfer::write(io, buf))
    }

    pub(super) fn poll_write_vectored(
        &self,
        lane: &mut Lane,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Write,
    {
        self.poll(Direction::Write, lane, cx, |io| transfer::write_vectored(io, bufs))
    }

    #[inline]
    pub(super) fn try_read(&self, place: &mut impl Place, buf: &mut [u8]) -> io::Result<usize>
    where
        for<'a> &'a T: Read,
    {
        self.try_io(Direction::Read, place, |io| transfer::read(io, buf))
    }

    pub(super) fn try_read_vectored(
        &self,
        place: &mut impl Place,
        bufs: &mut [IoSliceMut<'_>],
    ) -> io::Result<usize>
    where
        for<'a> &'a T: Read,
    {
        self.try_io(Direction::Read, place, |io| transfer::read_vectored(io, bufs))
    }

    #[inline]
    pub(super) fn try_write(&self, place: &mut impl Place, buf: &[u8]) -> io::Result<usize>
    where
        for<'a> &'a T: Write,
    {
        self.try_io(Direction::Write, place, |io| transfer::write(io, buf))
    }

    pub(super) fn try_write_vectored(&self, place: &mut impl Place, bufs: &[IoSlice<'_>]) -> io::Result<usize>
    where
        for<'a> &'a T: Write,
    {
        self.try_io(Direction::Write, place, |io| transfer::write_vectored(io, bufs))
    }
}

impl<T: IoSafe> IoSource<T> {
    /// Reads into `buf`; 0 is the end. One system call, and none where the last read found the source drained.
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
    /// far.write_all(b"hello")?;
    /// let (mut source, mut buf) = (IoSource::new(near), [0; 16]);
    /// assert!(matches!(source.poll_read(&mut cx, &mut buf), Poll::Ready(Ok(5))));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline(always)]
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Read,
    {
        self.shared.poll_read(&mut self.read, cx, buf)
    }

    /// Reads into several buffers, one after the other; 0 is the end.
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
    /// let mut source = IoSource::new(near);
    /// let (mut length, mut body) = ([0; 1], [0; 16]);
    /// let read = source.poll_read_vectored(&mut cx, &mut [IoSliceMut::new(&mut length), IoSliceMut::new(&mut body)]);
    /// assert!(matches!(read, Poll::Ready(Ok(6))));
    /// assert_eq!((length[0], &body[..5]), (5, &b"hello"[..]));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll_read_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Read,
    {
        self.shared.poll_read_vectored(&mut self.read, cx, bufs)
    }

    /// Writes some of `buf` and says how much.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    /// use std::io::Read;
    /// use std::task::Poll;
    /// use heist_reactor::IoSource;
    ///
    /// let mut source = IoSource::new(near);
    /// assert!(matches!(source.poll_write(&mut cx, b"hello"), Poll::Ready(Ok(5))));
    /// let mut received = [0; 5];
    /// far.read_exact(&mut received)?;
    /// assert_eq!(&received, b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[inline(always)]
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Write,
    {
        self.shared.poll_write(&mut self.write, cx, buf)
    }

    /// Writes some of several buffers, one after the other, and says how much.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    /// use std::io::{IoSlice, Read};
    /// use std::task::Poll;
    /// use heist_reactor::IoSource;
    ///
    /// let mut source = IoSource::new(near);
    /// let written = source.poll_write_vectored(&mut cx, &[IoSlice::new(b"\x05"), IoSlice::new(b"hello")]);
    /// assert!(matches!(written, Poll::Ready(Ok(6))));
    /// let mut received = [0; 6];
    /// far.read_exact(&mut received)?;
    /// assert_eq!(&received, b"\x05hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>
    where
        for<'a> &'a T: Write,
    {
        self.shared.poll_write_vectored(&mut self.write, cx, bufs)
    }

    /// Reads into `buf` what is there, without waiting and through a shared borrow; 0 is the end.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// use std::io::{ErrorKind, Write};
    /// use heist_reactor::IoSource;
    ///
    /// let (source, mut buf) = (IoSource::new(near), [0; 16]);
    /// assert_eq!(source.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// far.write_all(b"hello")?;
    /// assert_eq!(source.try_read(&mut buf)?, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), without a system call where the source is known not to be ready.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize>
    where
        for<'a> &'a T: Read,
    {
        self.shared.try_read(&mut Beside::new(Direction::Read), buf)
    }

    /// As [`try_read`](Self::try_read), into several buffers, one after the other.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// use std::io::{IoSliceMut, Write};
    /// use heist_reactor::IoSource;
    ///
    /// far.write_all(b"\x05hello")?;
    /// let (mut length, mut body) = ([0; 1], [0; 16]);
    /// let source = IoSource::new(near);
    /// assert_eq!(source.try_read_vectored(&mut [IoSliceMut::new(&mut length), IoSliceMut::new(&mut body)])?, 6);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`try_read`](Self::try_read).
    pub fn try_read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize>
    where
        for<'a> &'a T: Read,
    {
        self.shared.try_read_vectored(&mut Beside::new(Direction::Read), bufs)
    }

    /// Writes some of `buf`, without waiting and through a shared borrow, and says how much.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// # let (near, mut far) = UnixStream::pair()?;
    /// # near.set_nonblocking(true)?;
    /// use std::io::Read;
    /// use heist_reactor::IoSource;
    ///
    /// assert_eq!(IoSource::new(near).try_write(b"hello")?, 5);
    /// let mut received = [0; 5];
    /// far.read_exact(&mut received)?;
    /// assert_eq!(&received, b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock), without a system call where the source is known not to be ready.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize>
    where
        for<'a> &'a T: Write,
    {
        self.shared.try_write(&mut Beside::new(Direction::Write), buf)
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
    /// assert_eq!(IoSource::new(near).try_write_vectored(&[IoSlice::new(b"hel"), IoSlice::new(b"lo")])?, 5);
    /// let mut received = [0; 5];
    /// far.read_exact(&mut received)?;
    /// assert_eq!(&received, b"hello");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`try_write`](Self::try_write).
    pub fn try_write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>
    where
        for<'a> &'a T: Write,
    {
        self.shared.try_write_vectored(&mut Beside::new(Direction::Write), bufs)
    }
}
