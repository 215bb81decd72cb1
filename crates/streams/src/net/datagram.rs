//! What UDP and Unix datagram sockets have in common: [`datagram_socket!`].

/// Gives a datagram socket with a field `source: IoSource<$std>` what all of them can do. `$pair` are the lines of an
/// example that make two sockets connected to each other, `near` and `far`.
macro_rules! datagram_socket {
    ($socket:ident, $std:ty, $address:ty, $pair:literal) => {
        impl $socket {
            /// Takes over a socket of the standard library and makes it non-blocking.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            #[doc = concat!("let far = ", stringify!($socket), "::from_std(far.into_std())?;")]
            /// near.send(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.recv(&mut [0; 10]).await?, 5);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The system's, if it refuses.
            pub fn from_std(socket: $std) -> io::Result<Self> {
                socket.set_nonblocking(true)?;
                Ok(Self { source: IoSource::new(socket) })
            }

            /// Gives the socket back to the standard library, still non-blocking.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// let blocked = far.into_std().recv(&mut [0; 10]).unwrap_err();
            /// assert_eq!(blocked.kind(), std::io::ErrorKind::WouldBlock);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            pub fn into_std(self) -> $std {
                self.source.into_inner()
            }

            /// Receives a datagram, from whomever; what does not fit into `buf` is lost.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// near.send(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let mut buf = [0; 3];
            /// assert_eq!(far.recv(&mut buf).await?, 3);
            /// assert_eq!(&buf, b"hel");
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The socket's: on a connected one, for one, that nobody listens where the last datagram went.
            ///
            /// # Cancel safety
            ///
            /// No datagram is lost.
            pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.source.io(Direction::Read, |socket| socket.recv(buf)).await
            }

            /// As [`recv`](Self::recv), and tells who sent it.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// near.send(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let (n, from) = far.recv_from(&mut [0; 10]).await?;
            /// assert_eq!((n, format!("{from:?}")), (5, format!("{:?}", near.local_addr()?)));
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// As [`recv`](Self::recv).
            ///
            /// # Cancel safety
            ///
            /// No datagram is lost.
            pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $address)> {
                self.source.io(Direction::Read, |socket| socket.recv_from(buf)).await
            }

            /// Sends a datagram to the address that the socket is connected to, waiting while there is no room.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// assert_eq!(near.send(b"hello").await?, 5);
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.recv(&mut [0; 10]).await?, 5);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// The socket's: not connected, too long a datagram, nobody listening where the last one went.
            ///
            /// # Cancel safety
            ///
            /// If the future is dropped before it is ready, nothing was sent.
            pub async fn send(&self, buf: &[u8]) -> io::Result<usize> {
                self.source.io(Direction::Write, |socket| socket.send(buf)).await
            }

            /// Receives a datagram that is there at once.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// assert_eq!(far.try_recv(&mut [0; 10]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
            /// near.send(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.try_recv(&mut [0; 10])?, 5);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) where none is: await [`readable`](Self::readable). As
            /// [`recv`](Self::recv).
            pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.source.try_io(Direction::Read, |socket| socket.recv(buf))
            }

            /// As [`try_recv`](Self::try_recv), and tells who sent it.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// near.send(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let (n, from) = far.try_recv_from(&mut [0; 10])?;
            /// assert_eq!((n, format!("{from:?}")), (5, format!("{:?}", near.local_addr()?)));
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// As [`try_recv`](Self::try_recv).
            pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $address)> {
                self.source.try_io(Direction::Read, |socket| socket.recv_from(buf))
            }

            /// Sends a datagram to the address that the socket is connected to, if there is room at once.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// assert_eq!(near.try_send(b"hello")?, 5);
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.recv(&mut [0; 10]).await?, 5);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none: await [`writable`](Self::writable). As
            /// [`send`](Self::send).
            pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
                self.source.try_io(Direction::Write, |socket| socket.send(buf))
            }

            /// [`recv`](Self::recv) for hand-written futures.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// near.send(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let mut buf = [0; 10];
            /// let n = std::future::poll_fn(|cx| far.poll_recv(cx, &mut buf)).await?;
            /// assert_eq!(&buf[..n], b"hello");
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            pub fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                self.source.poll_io(cx, Direction::Read, |socket| socket.recv(buf))
            }

            /// [`recv_from`](Self::recv_from) for hand-written futures.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// near.send(b"hello").await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// let mut buf = [0; 10];
            /// let (n, from) = std::future::poll_fn(|cx| far.poll_recv_from(cx, &mut buf)).await?;
            /// assert_eq!((n, format!("{from:?}")), (5, format!("{:?}", near.local_addr()?)));
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            pub fn poll_recv_from(
                &mut self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<(usize, $address)>> {
                self.source.poll_io(cx, Direction::Read, |socket| socket.recv_from(buf))
            }

            /// [`send`](Self::send) for hand-written futures.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// let n = std::future::poll_fn(|cx| near.poll_send(cx, b"hello")).await?;
            /// # rustix::event::poll(&mut [rustix::event::PollFd::new(&far, rustix::event::PollFlags::IN)], None)?;
            /// assert_eq!(far.recv(&mut [0; 10]).await?, n);
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            pub fn poll_send(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.source.poll_io(cx, Direction::Write, |socket| socket.send(buf))
            }

            /// The address that the socket is connected to.
            ///
            /// ```
            /// # use heist_scheduler::{Config, LocalScheduler};
            /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
            /// # scheduler.block_on(async {
            #[doc = $pair]
            /// assert_eq!(format!("{:?}", far.peer_addr()?), format!("{:?}", near.local_addr()?));
            /// # std::io::Result::Ok(())
            /// # }).unwrap().unwrap();
            /// ```
            ///
            /// # Errors
            ///
            /// [`NotConnected`](io::ErrorKind::NotConnected) where it is to none.
            pub fn peer_addr(&self) -> io::Result<$address> {
                self.source.get_ref().peer_addr()
            }
        }
    };
}

pub(super) use datagram_socket;
