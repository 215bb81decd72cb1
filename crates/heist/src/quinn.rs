//! QUIC by the crate `quinn`, on the event loop. The feature `quinn`.
//!
//! quinn brings the protocol and asks for a runtime that has UDP sockets, timers and tasks: [`Runtime`] is that. Sockets send
//! and receive many datagrams a system call (GSO, GRO, `recvmmsg`) where the system can, through quinn's own crate for that.
//! Timers are the loop's, so what QUIC does by time follows the loop's clock; each of quinn's tasks is a task of the loop, seen
//! by [`all_tasks`](crate::all_tasks) and ended with it.
//!
//! Which cryptography is used is chosen by features of `quinn`: depend on it with `default-features = false, features =
//! ["rustls-ring"]`, which leaves tokio's runtime out.
//!
//! ```no_run
//! # async fn example(config: quinn::EndpointConfig) -> Result<(), Box<dyn std::error::Error>> {
//! // With one of quinn's features for cryptography, `config` may be `EndpointConfig::default()`.
//! let endpoint = heist::quinn::endpoint(config, None, "0.0.0.0:0").await?;
//! let connection = endpoint.connect("127.0.0.1:4433".parse()?, "localhost")?.await?;
//! let (mut send, mut receive) = connection.open_bi().await?;
//! send.write_all(b"hello").await?;
//! send.finish()?;
//! println!("{:?}", receive.read_to_end(1024).await?);
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use ::quinn::udp::{RecvMeta, Transmit, UdpSocketState};
use ::quinn::{AsyncTimer, AsyncUdpSocket, Endpoint, EndpointConfig, ServerConfig, UdpPoller};
use heist_core::clock::Clock;
use heist_timer::{Sleep, sleep_until};

use crate::net::{Direction, UdpSocket};
use crate::polled_udp::{PolledUdp, Readiness, Waiting};
use crate::{Handle, ToAddress};

/// An endpoint that is bound to the first of the addresses that can be bound: a client's without a server's configuration, and
/// else both.
///
/// ```no_run
/// # async fn example(config: quinn::EndpointConfig, tls: quinn::ServerConfig) -> std::io::Result<()> {
/// let endpoint = heist::quinn::endpoint(config, Some(tls), "127.0.0.1:4433").await?;
/// while let Some(incoming) = endpoint.accept().await {
///     drop(heist::create_task(async move { println!("{:?}", incoming.await) }));
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`UdpSocket::bind`]; when no event loop runs here.
pub async fn endpoint(
    config: EndpointConfig,
    server: Option<ServerConfig>,
    address: impl ToAddress,
) -> io::Result<Endpoint> {
    let runtime = Runtime::current()?;
    let socket = UdpSocket::bind(address).await?.into_std();
    Endpoint::new(config, server, socket, Arc::new(runtime))
}

/// An event loop as quinn wants it: for [`Endpoint::new`] and its like. Cheap to clone.
///
/// ```no_run
/// # use std::sync::Arc;
/// # async fn example(config: quinn::EndpointConfig) -> std::io::Result<()> {
/// let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// let endpoint = quinn::Endpoint::new(config, None, socket, Arc::new(heist::quinn::Runtime::current()?))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Runtime {
    handle: Handle,
}

impl Runtime {
    /// The event loop that runs here.
    ///
    /// ```
    /// assert!(heist::quinn::Runtime::current().is_err(), "no loop runs here");
    /// assert!(heist::run(async { heist::quinn::Runtime::current() }).is_ok());
    /// ```
    ///
    /// # Errors
    ///
    /// When none does.
    pub fn current() -> io::Result<Self> {
        Handle::current().map(Self::new).ok_or_else(|| {
            io::Error::other(
                "no event loop runs on this thread: call this inside heist::run, or use Runtime::new",
            )
        })
    }

    /// That event loop; the endpoint may be made on any thread.
    ///
    /// ```
    /// let event_loop = heist::EventLoop::new()?;
    /// let runtime = heist::quinn::Runtime::new(event_loop.handle());
    /// # drop(runtime);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn new(handle: Handle) -> Self {
        Self { handle }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("is_closed", &self.handle.is_closed()).finish()
    }
}

impl ::quinn::Runtime for Runtime {
    fn new_timer(&self, when: Instant) -> Pin<Box<dyn AsyncTimer>> {
        let clock = self.handle.clock().clone();
        Box::pin(Timer { sleep: sleep_until(clock.deadline_at(when)), clock })
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        // A dropped handle lets its task run on.
        drop(self.handle.create_task(future));
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Ok(Arc::new(Socket::new(socket)?))
    }

    fn now(&self) -> Instant {
        let clock = self.handle.clock();
        clock.instant(clock.now()).unwrap_or_else(Instant::now)
    }
}

/// A deadline on the loop's clock.
struct Timer {
    sleep: Sleep,
    clock: Arc<Clock>,
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("deadline", &self.sleep.deadline()).finish()
    }
}

impl AsyncTimer for Timer {
    fn reset(mut self: Pin<&mut Self>, when: Instant) {
        let deadline = self.clock.deadline_at(when);
        self.sleep.reset(deadline);
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.sleep).poll(cx)
    }
}

/// A UDP socket that moves many datagrams a call.
struct Socket {
    /// Only quinn's endpoint receives, in its one task.
    socket: PolledUdp,
    /// What the system can do, and the calls.
    state: UdpSocketState,
}

impl Socket {
    fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self { socket: PolledUdp::new(UdpSocket::from_std(socket)?), state })
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        let udp = self.socket.udp().clone();
        Box::pin(Waiting::new(move || {
            let udp = udp.clone();
            async move { udp.writable().await }
        }))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.udp().try_io(Direction::Write, |socket| self.state.send(socket.into(), transmit))
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_io(cx, Direction::Read, |socket| self.state.recv(socket.into(), bufs, meta))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.udp().local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.state.gro_segments()
    }

    fn may_fragment(&self) -> bool {
        self.state.may_fragment()
    }
}

impl<M, F> UdpPoller for Waiting<M, F>
where
    M: Fn() -> F + Send + Sync + 'static,
    F: Future<Output = io::Result<()>> + Send + Sync + 'static,
{
    fn poll_writable(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_ready(cx)
    }
}
