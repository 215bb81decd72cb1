//! An event loop as hickory wants it: [`Provider`], and the types that it names.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures_io::{AsyncRead, AsyncWrite};
use hickory_resolver::net::runtime::{DnsTcpStream, DnsUdpSocket, RuntimeProvider, Spawn, Time};

use crate::Handle;
use crate::net::{Direction, TcpSocket, TcpStream, UdpSocket};
use crate::polled_udp::PolledUdp;

/// How long connecting to a name server may take, where hickory does not say; as with hickory's own runtime.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

type Connecting<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// An event loop as hickory wants it, for those who build hickory's resolver themselves. Cheap to clone.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # heist::run(async {
/// use heist::hickory::{Provider, Resolver};
/// use hickory_resolver::config::ResolverConfig;
///
/// let builder = hickory_resolver::Resolver::builder_with_config(ResolverConfig::default(), Provider::current()?);
/// let resolver = Resolver::from(builder.build()?);
/// # drop(resolver);
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone)]
pub struct Provider {
    handle: Handle,
}

impl Provider {
    /// The event loop that runs here.
    ///
    /// ```
    /// use heist::hickory::Provider;
    ///
    /// assert!(Provider::current().is_err(), "no loop runs here");
    /// assert!(heist::run(async { Provider::current() }).is_ok());
    /// ```
    ///
    /// # Errors
    ///
    /// When none does.
    pub fn current() -> io::Result<Self> {
        Handle::current().map(Self::new).ok_or_else(|| {
            io::Error::other(
                "no event loop runs on this thread: make the resolver inside heist::run, or use Provider::new",
            )
        })
    }

    /// That event loop: the resolver's futures are to be awaited on it.
    ///
    /// ```
    /// let event_loop = heist::EventLoop::new()?;
    /// let provider = heist::hickory::Provider::new(event_loop.handle());
    /// # drop(provider);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn new(handle: Handle) -> Self {
        Self { handle }
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("is_closed", &self.handle.is_closed()).finish()
    }
}

impl RuntimeProvider for Provider {
    type Handle = Spawner;
    type Timer = Timer;
    type Udp = Udp;
    type Tcp = Tcp;

    fn create_handle(&self) -> Spawner {
        Spawner(self.clone())
    }

    fn connect_tcp(
        &self,
        server_addr: SocketAddr,
        bind_addr: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Connecting<Tcp> {
        Box::pin(async move {
            let connecting = connect(server_addr, bind_addr);
            crate::timeout(timeout.unwrap_or(CONNECT_LIMIT), connecting).await?
        })
    }

    fn bind_udp(&self, local_addr: SocketAddr, _server_addr: SocketAddr) -> Connecting<Udp> {
        Box::pin(async move { Ok(Udp(PolledUdp::new(UdpSocket::bind(local_addr).await?))) })
    }
}

async fn connect(server: SocketAddr, local: Option<SocketAddr>) -> io::Result<Tcp> {
    let socket = if server.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(local) = local {
        socket.bind(local)?;
    }
    let stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    Ok(Tcp(stream))
}

/// Starts hickory's tasks on a loop: those that keep a connection to a name server.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # heist::run(async {
/// use hickory_resolver::net::runtime::{RuntimeProvider, Spawn};
///
/// let (done, wait) = heist::sync::oneshot::channel();
/// let mut spawner = heist::hickory::Provider::current()?.create_handle();
/// spawner.spawn_bg(async move { done.send(6 * 7).unwrap() });
/// assert_eq!(wait.await, Ok(42));
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Spawner(Provider);

impl Spawn for Spawner {
    fn spawn_bg(&mut self, future: impl Future<Output = ()> + Send + 'static) {
        // A dropped handle lets its task run on. hickory's end when nobody asks them any more.
        drop(self.0.handle.create_task(future));
    }
}

/// The loop's timers: limits and delays, on the clock of the loop that polls them.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # heist::run(async {
/// use std::io::ErrorKind;
/// use std::time::Duration;
/// use hickory_resolver::net::runtime::Time;
///
/// type Timer = heist::hickory::Timer;
/// Timer::delay_for(Duration::from_millis(1)).await;
/// let late = Timer::timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
/// assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Timer;

#[async_trait]
impl Time for Timer {
    async fn delay_for(duration: Duration) {
        crate::sleep(duration).await;
    }

    async fn timeout<F: 'static + Future + Send>(duration: Duration, future: F) -> io::Result<F::Output> {
        Ok(crate::timeout(duration, future).await?)
    }
}

/// A UDP socket, for one task at a time in each direction.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # heist::run(async {
/// use hickory_resolver::net::runtime::{DnsUdpSocket, RuntimeProvider};
///
/// let server = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// let provider = heist::hickory::Provider::current()?;
/// let socket = provider.bind_udp("127.0.0.1:0".parse().unwrap(), server.local_addr()?).await?;
/// assert_eq!(socket.send_to(b"?", server.local_addr()?).await?, 1);
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Debug)]
pub struct Udp(PolledUdp);

#[async_trait]
impl DnsUdpSocket for Udp {
    type Time = Timer;

    fn poll_recv_from(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.0.poll_io(cx, Direction::Read, |socket| socket.recv_from(buf))
    }

    fn poll_send_to(&self, cx: &mut Context<'_>, buf: &[u8], target: SocketAddr) -> Poll<io::Result<usize>> {
        self.0.poll_io(cx, Direction::Write, |socket| socket.send_to(buf, target))
    }
}

/// A TCP stream, for long answers.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// # heist::run(async {
/// use hickory_resolver::net::runtime::RuntimeProvider;
///
/// let server = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let provider = heist::hickory::Provider::current()?;
/// assert!(provider.connect_tcp(server.local_addr()?, None, None).await.is_ok());
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Debug)]
pub struct Tcp(TcpStream);

impl DnsTcpStream for Tcp {
    type Time = Timer;
}

impl AsyncRead for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read_vectored(cx, bufs)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(cx)
    }
}
