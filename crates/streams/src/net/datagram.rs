//! What UDP and Unix datagram sockets have in common: [`datagram_socket!`].

/// Gives a datagram socket with a field `source: IoSource<$std>` what all of them can do.
macro_rules! datagram_socket {
    ($socket:ident, $std:ty, $address:ty) => {
        impl $socket {
            /// Takes over a socket of the standard library and makes it non-blocking.
            ///
            /// # Errors
            ///
            /// The system's, if it refuses.
            pub fn from_std(socket: $std) -> io::Result<Self> {
                socket.set_nonblocking(true)?;
                Ok(Self { source: IoSource::new(socket) })
            }

            /// Gives the socket back to the standard library, still non-blocking.
            pub fn into_std(self) -> $std {
                self.source.into_inner()
            }

            /// Receives a datagram, from whomever; what does not fit into `buf` is lost.
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
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) where none is: await [`readable`](Self::readable). As
            /// [`recv`](Self::recv).
            pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.source.try_io(Direction::Read, |socket| socket.recv(buf))
            }

            /// As [`try_recv`](Self::try_recv), and tells who sent it.
            ///
            /// # Errors
            ///
            /// As [`try_recv`](Self::try_recv).
            pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, $address)> {
                self.source.try_io(Direction::Read, |socket| socket.recv_from(buf))
            }

            /// Sends a datagram to the address that the socket is connected to, if there is room at once.
            ///
            /// # Errors
            ///
            /// [`WouldBlock`](io::ErrorKind::WouldBlock) where there is none: await [`writable`](Self::writable). As
            /// [`send`](Self::send).
            pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
                self.source.try_io(Direction::Write, |socket| socket.send(buf))
            }

            /// [`recv`](Self::recv) for hand-written futures.
            pub fn poll_recv(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                self.source.poll_io(cx, Direction::Read, |socket| socket.recv(buf))
            }

            /// [`recv_from`](Self::recv_from) for hand-written futures.
            pub fn poll_recv_from(
                &mut self,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<(usize, $address)>> {
                self.source.poll_io(cx, Direction::Read, |socket| socket.recv_from(buf))
            }

            /// [`send`](Self::send) for hand-written futures.
            pub fn poll_send(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.source.poll_io(cx, Direction::Write, |socket| socket.send(buf))
            }

            /// The address that the socket is connected to.
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
