//! Receiving and sending.

use std::io;
use std::os::fd::AsFd;

use heist_reactor::Direction;
use rustix::net::{RecvFlags, SendFlags, recv, recvfrom, send};

use super::address::{SystemAddr, stream_addr};
use super::waiting::waiting;
use crate::StreamAddr;

/// A peer that is gone is an error, not a signal.
#[cfg(not(target_vendor = "apple"))]
pub(super) const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
pub(super) const NO_SIGNAL: SendFlags = SendFlags::empty();

/// Receives up to `n` bytes, waiting until some are there; none is the end of the stream. asyncio's `loop.sock_recv`.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # async fn example() -> std::io::Result<()> {
/// use std::os::unix::net::UnixStream;
/// use heist::{sock_recv, sock_sendall};
///
/// let (near, far) = UnixStream::pair()?;
/// near.set_nonblocking(true)?;
/// far.set_nonblocking(true)?;
/// sock_sendall(&near, b"hello").await?;
/// assert_eq!(sock_recv(&far, 100).await?, b"hello");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The socket's; [`InvalidInput`](io::ErrorKind::InvalidInput) for one in blocking mode.
///
/// # Cancel safety
///
/// No byte is lost.
pub async fn sock_recv(socket: &impl AsFd, n: usize) -> io::Result<Vec<u8>> {
    let mut buf = room(n)?;
    let n = sock_recv_into(socket, &mut buf).await?;
    buf.truncate(n);
    Ok(buf)
}

/// As [`sock_recv`], into a buffer; says how many bytes. asyncio's `loop.sock_recv_into`.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # use std::os::unix::net::UnixStream;
/// # let (near, far) = UnixStream::pair()?;
/// # near.set_nonblocking(true)?;
/// # far.set_nonblocking(true)?;
/// use heist::{sock_recv_into, sock_sendall};
///
/// sock_sendall(&near, b"hello").await?;
/// let mut buffer = [0; 16];
/// let n = sock_recv_into(&far, &mut buffer).await?;
/// assert_eq!(&buffer[..n], b"hello");
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// As [`sock_recv`].
///
/// # Cancel safety
///
/// No byte is lost.
pub async fn sock_recv_into(socket: &impl AsFd, buf: &mut [u8]) -> io::Result<usize> {
    waiting(socket, Direction::Read, || Ok(recv(socket, &mut *buf, RecvFlags::empty())?.1)).await
}

/// Receives a datagram of up to `n` bytes, and who sent it; what is more than that is lost. asyncio's
/// `loop.sock_recvfrom`.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # use std::net::UdpSocket;
/// # let (near, far) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
/// # near.set_nonblocking(true)?;
/// # far.set_nonblocking(true)?;
/// use heist::{sock_recvfrom, sock_sendto};
///
/// sock_sendto(&near, b"hello", far.local_addr()?).await?;
/// let (data, sender) = sock_recvfrom(&far, 100).await?;
/// assert_eq!(data, b"hello");
/// assert_eq!(sender.as_socket(), Some(near.local_addr()?));
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// As [`sock_recv`].
///
/// # Cancel safety
///
/// No datagram is lost.
pub async fn sock_recvfrom(socket: &impl AsFd, n: usize) -> io::Result<(Vec<u8>, StreamAddr)> {
    let mut buf = room(n)?;
    let (n, sender) = sock_recvfrom_into(socket, &mut buf, n).await?;
    buf.truncate(n);
    Ok((buf, sender))
}

/// As [`sock_recvfrom`], into the first `n` bytes of a buffer. asyncio's `loop.sock_recvfrom_into`.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # use std::net::UdpSocket;
/// # let (near, far) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
/// # near.set_nonblocking(true)?;
/// # far.set_nonblocking(true)?;
/// use heist::{sock_recvfrom_into, sock_sendto};
///
/// sock_sendto(&near, b"hello", far.local_addr()?).await?;
/// let mut buffer = [0; 16];
/// let (n, _sender) = sock_recvfrom_into(&far, &mut buffer, 16).await?;
/// assert_eq!(&buffer[..n], b"hello");
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// As [`sock_recv`]; [`InvalidInput`](io::ErrorKind::InvalidInput) where the buffer has less than `n` bytes.
///
/// # Cancel safety
///
/// No datagram is lost.
pub async fn sock_recvfrom_into(
    socket: &impl AsFd,
    buf: &mut [u8],
    n: usize,
) -> io::Result<(usize, StreamAddr)> {
    let room = buf.len();
    let Some(buf) = buf.get_mut(..n) else {
        let message = format!("{n} bytes are asked for and the buffer has {room}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    };
    let receive = || Ok(recvfrom(socket, &mut *buf, RecvFlags::empty())?);
    let (n, _, sender) = waiting(socket, Direction::Read, receive).await?;
    Ok((n, stream_addr(sender)))
}

/// Sends all of `data`, waiting while there is no room. asyncio's `loop.sock_sendall`.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # use std::os::unix::net::UnixStream;
/// # let (near, far) = UnixStream::pair()?;
/// # near.set_nonblocking(true)?;
/// # far.set_nonblocking(true)?;
/// use heist::{sock_recv, sock_sendall};
///
/// sock_sendall(&near, b"hello").await?;
/// assert_eq!(sock_recv(&far, 100).await?, b"hello");
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// As [`sock_recv`]. Nobody knows then how much was sent.
///
/// # Cancel safety
///
/// Not cancel safe: nobody knows how much was sent by then.
pub async fn sock_sendall(socket: &impl AsFd, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        let n = waiting(socket, Direction::Write, || Ok(send(socket, data, NO_SIGNAL)?)).await?;
        if n == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        data = &data[n..];
    }
    Ok(())
}

/// Sends a datagram to `address`, waiting while there is no room, and says how many bytes went. asyncio's
/// `loop.sock_sendto`.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # use std::net::UdpSocket;
/// # let (near, far) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
/// # near.set_nonblocking(true)?;
/// # far.set_nonblocking(true)?;
/// use heist::{sock_recvfrom, sock_sendto};
///
/// assert_eq!(sock_sendto(&near, b"hello", far.local_addr()?).await?, 5);
/// assert_eq!(sock_recvfrom(&far, 100).await?.0, b"hello");
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// As [`sock_recv`]; too long a datagram, an address of another family.
///
/// # Cancel safety
///
/// If the future is dropped before it is ready, nothing was sent.
pub async fn sock_sendto(
    socket: &impl AsFd,
    data: &[u8],
    address: impl Into<StreamAddr>,
) -> io::Result<usize> {
    let address = SystemAddr::new(&address.into())?;
    waiting(socket, Direction::Write, || address.send(socket.as_fd(), data)).await
}

/// A buffer of `n` bytes.
fn room(n: usize) -> io::Result<Vec<u8>> {
    let mut buf = Vec::new();
    buf.try_reserve_exact(n).map_err(|_| {
        io::Error::new(
            io::ErrorKind::OutOfMemory,
            format!("no memory for a buffer of {n} bytes: ask for less"),
        )
    })?;
    buf.resize(n, 0);
    Ok(buf)
}
