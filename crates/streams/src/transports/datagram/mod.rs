//! Protocols of datagrams: UDP and Unix datagram sockets.
//!
//! | module | what it is |
//! |---|---|
//! | `socket` | the kinds of sockets |
//! | `outbox` | what is to be sent, behind a lock |
//! | `transport` | [`DatagramTransport`] |
//! | `driver` | the task that receives, sends what is kept, and calls the protocol |
//! | `endpoint` | [`create_datagram_endpoint`] |

mod driver;
mod endpoint;
mod outbox;
mod socket;
mod transport;

use std::io;

pub use endpoint::{CreateDatagramEndpoint, create_datagram_endpoint, create_datagram_endpoint_on};
pub use socket::DatagramSocket;
pub use transport::DatagramTransport;

use crate::net::UdpSocket;

/// What happens to a socket of datagrams, as callbacks; asyncio's `DatagramProtocol`. All but
/// [`datagram_received`](Self::datagram_received) may be left out.
///
/// `S` is the kind of the socket: UDP, or [`UnixDatagram`](crate::net::UnixDatagram). The callbacks are called one after the
/// other, as those of [`Protocol`](super::Protocol).
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::yield_now;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// use std::net::SocketAddr;
/// use heist::transports::{DatagramProtocol, create_datagram_endpoint};
///
/// struct Log(Vec<Vec<u8>>);
///
/// impl DatagramProtocol for Log {
///     fn datagram_received(&mut self, data: &[u8], _addr: SocketAddr) {
///         self.0.push(data.to_vec());
///     }
/// }
///
/// let (transport, log) = create_datagram_endpoint(|| Log(Vec::new())).local_addr("127.0.0.1:0").await?;
/// transport.sendto(b"to myself", transport.sock_name())?;
/// while log.lock().await.0.is_empty() {
///     yield_now().await;
/// }
/// assert_eq!(log.lock().await.0, [b"to myself"]);
/// # transport.abort();
/// # Ok(())
/// # }) }
/// ```
pub trait DatagramProtocol<S: DatagramSocket = UdpSocket>: Send + 'static {
    /// The socket is there. Keep `transport` to send through it.
    fn connection_made(&mut self, transport: DatagramTransport<S>) {
        drop(transport);
    }

    /// A datagram has come, whole; it may be empty.
    fn datagram_received(&mut self, data: &[u8], addr: S::Addr);

    /// Sending or receiving has failed: nobody listens where an earlier datagram went, one is too long. The socket goes on.
    fn error_received(&mut self, error: io::Error) {
        drop(error);
    }

    /// The transport was closed or aborted (`None`), or ended by that error.
    fn connection_lost(&mut self, error: Option<io::Error>) {
        drop(error);
    }

    /// More is kept in the transport than its high-water mark: send no more for now.
    fn pause_writing(&mut self) {}

    /// No more is kept than the low-water mark: send on.
    fn resume_writing(&mut self) {}
}
