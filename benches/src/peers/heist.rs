//! heist, through its facade alone.

mod primitives;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use heist::net::{TcpListener, TcpStream};
use heist::sync::oneshot;

use crate::net::Hyper;
use crate::peer::{Flavour, Peer};

/// The default of heist's builder.
const LOOK_INTERVAL: Duration = Duration::from_micros(200);

/// heist, from this workspace.
#[derive(Debug)]
pub(crate) struct Heist;

impl Peer for Heist {
    type Join = heist::Task<u64>;
    type Remote = heist::Handle;
    type RemoteJoin = heist::Task<u64>;
    type Thread = heist::Task<u64>;
    type Sender = oneshot::Sender<u64>;
    type Receiver = oneshot::Receiver<u64>;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn run<F>(flavour: Flavour, main: F) -> u64
    where
        F: Future<Output = u64> + Send + 'static,
    {
        let builder = match flavour {
            Flavour::Workers(workers) => heist::Runner::builder().workers(workers),
            Flavour::Current => heist::Runner::builder().current_thread(),
        };
        // Under an instrument: as many polls between two looks as without it.
        let builder = match crate::os::slowdown() {
            1 => builder,
            times => builder.look_interval(LOOK_INTERVAL * times),
        };
        builder.build().expect("heist starts").run(main).expect("no workload is cancelled")
    }

    fn spawn<F>(future: F) -> Self::Join
    where
        F: Future<Output = u64> + Send + 'static,
    {
        heist::create_task(future)
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = u64> + Send + 'static,
    {
        drop(heist::create_task(future));
    }

    async fn join(handle: Self::Join) -> u64 {
        handle.await.expect("no workload panics")
    }

    fn to_thread<F>(call: F) -> Self::Thread
    where
        F: FnOnce() -> u64 + Send + 'static,
    {
        heist::to_thread(call)
    }

    async fn join_thread(handle: Self::Thread) -> u64 {
        handle.await.expect("no call panics")
    }

    fn remote() -> Self::Remote {
        heist::Handle::current().expect("inside a run")
    }

    fn spawn_remote<F>(remote: &Self::Remote, future: F) -> Self::RemoteJoin
    where
        F: Future<Output = u64> + Send + 'static,
    {
        remote.create_task(future)
    }

    fn join_remote(handle: Self::RemoteJoin) -> u64 {
        smol::future::block_on(std::future::IntoFuture::into_future(handle)).expect("no workload panics")
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        heist::yield_now()
    }

    async fn sleep(duration: Duration) {
        heist::sleep(duration).await;
    }

    async fn timeout<F>(duration: Duration, future: F) -> Option<u64>
    where
        F: Future<Output = u64> + Send,
    {
        heist::timeout(duration, future).await.ok()
    }

    fn oneshot() -> (Self::Sender, Self::Receiver) {
        oneshot::channel()
    }

    fn send(sender: Self::Sender, value: u64) {
        sender.send(value).expect("the receiver waits");
    }

    async fn receive(receiver: Self::Receiver) -> u64 {
        receiver.await.expect("the sender sends")
    }

    async fn bind(address: SocketAddr) -> io::Result<(Self::Listener, SocketAddr)> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    }

    async fn accept(listener: &Self::Listener) -> io::Result<Self::Stream> {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    fn read<'a>(
        stream: &'a mut Self::Stream,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send {
        stream.read(buffer)
    }

    fn write_all<'a>(
        stream: &'a mut Self::Stream,
        bytes: &'a [u8],
    ) -> impl Future<Output = io::Result<()>> + Send {
        stream.write_all(bytes)
    }
}

impl Hyper for Heist {
    fn connection(stream: TcpStream) -> impl hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static {
        stream
    }
}
