//! [`DatagramSocket`]: the kinds of sockets that datagrams go through.

use std::fmt;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::unix::net as unix;

use heist_reactor::IoSafe;

use crate::net::UdpSocket;
#[cfg(unix)]
use crate::{StreamAddr, net::UnixDatagram};

/// A kind of sockets: [`UdpSocket`], whose addresses are `SocketAddr`, or [`UnixDatagram`], whose are [`StreamAddr`].
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::yield_now;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// use heist::net::UdpSocket;
/// use heist::transports::{DatagramProtocol, DatagramSocket, create_datagram_endpoint_on};
///
/// struct Count(usize);
///
/// impl<S: DatagramSocket> DatagramProtocol<S> for Count {
///     fn datagram_received(&mut self, _data: &[u8], _addr: S::Addr) {
///         self.0 += 1;
///     }
/// }
///
/// let socket = UdpSocket::bind("127.0.0.1:0").await?;
/// let at = socket.local_addr()?;
/// let (transport, counts) = create_datagram_endpoint_on(|| Count(0), socket).await?;
/// transport.sendto(b"to myself", at)?;
/// while counts.lock().await.0 == 0 {
///     yield_now().await;
/// }
/// # transport.abort();
/// # Ok(())
/// # }) }
/// ```
pub trait DatagramSocket: sealed::Kind {
    /// Where datagrams come from and go to.
    type Addr: Clone + fmt::Debug + Send + Sync + 'static;
    /// The standard library's type.
    #[doc(hidden)]
    type Inner: IoSafe + Send + Sync + 'static;

    #[doc(hidden)]
    fn into_inner(self) -> Self::Inner;

    #[doc(hidden)]
    fn send(inner: &Self::Inner, data: &[u8], to: Option<&Self::Addr>) -> io::Result<usize>;

    #[doc(hidden)]
    fn receive(inner: &Self::Inner, buf: &mut [u8]) -> io::Result<(usize, Self::Addr)>;

    #[doc(hidden)]
    fn local(inner: &Self::Inner) -> io::Result<Self::Addr>;

    /// The one that it is connected to.
    #[doc(hidden)]
    fn peer(inner: &Self::Inner) -> Option<Self::Addr>;

    #[doc(hidden)]
    fn is_same(one: &Self::Addr, other: &Self::Addr) -> bool;
}

mod sealed {
    pub trait Kind: std::fmt::Debug + Sized + 'static {}
    impl Kind for super::UdpSocket {}
    #[cfg(unix)]
    impl Kind for super::UnixDatagram {}
}

impl DatagramSocket for UdpSocket {
    type Addr = SocketAddr;
    type Inner = std::net::UdpSocket;

    fn into_inner(self) -> Self::Inner {
        self.into_std()
    }

    fn send(inner: &Self::Inner, data: &[u8], to: Option<&SocketAddr>) -> io::Result<usize> {
        match to {
            Some(to) => inner.send_to(data, to),
            None => inner.send(data),
        }
    }

    fn receive(inner: &Self::Inner, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        inner.recv_from(buf)
    }

    fn local(inner: &Self::Inner) -> io::Result<SocketAddr> {
        inner.local_addr()
    }

    fn peer(inner: &Self::Inner) -> Option<SocketAddr> {
        inner.peer_addr().ok()
    }

    fn is_same(one: &SocketAddr, other: &SocketAddr) -> bool {
        one == other
    }
}

#[cfg(unix)]
impl DatagramSocket for UnixDatagram {
    type Addr = StreamAddr;
    type Inner = unix::UnixDatagram;

    fn into_inner(self) -> Self::Inner {
        self.into_std()
    }

    fn send(inner: &Self::Inner, data: &[u8], to: Option<&StreamAddr>) -> io::Result<usize> {
        match to {
            Some(StreamAddr::Unix(name)) => inner.send_to_addr(data, name),
            Some(_) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a Unix socket sends to the names of Unix sockets alone",
            )),
            None => inner.send(data),
        }
    }

    fn receive(inner: &Self::Inner, buf: &mut [u8]) -> io::Result<(usize, StreamAddr)> {
        inner.recv_from(buf).map(|(n, from)| (n, from.into()))
    }

    fn local(inner: &Self::Inner) -> io::Result<StreamAddr> {
        Ok(inner.local_addr()?.into())
    }

    fn peer(inner: &Self::Inner) -> Option<StreamAddr> {
        inner.peer_addr().ok().map(StreamAddr::from)
    }

    fn is_same(one: &StreamAddr, other: &StreamAddr) -> bool {
        // Abstract names have no path, and their Debug form only.
        !one.is_unnamed() && one.to_string() == other.to_string()
    }
}
