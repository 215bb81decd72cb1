//! tokio, as its own documentation would have it used.

mod primitives;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::net::Hyper;
use crate::peer::{Flavour, Peer};

/// tokio 1.54.1.
#[derive(Debug)]
pub(crate) struct Tokio;

impl Peer for Tokio {
    type Join = JoinHandle<u64>;
    type Remote = Handle;
    type RemoteJoin = JoinHandle<u64>;
    type Thread = JoinHandle<u64>;
    type Sender = oneshot::Sender<u64>;
    type Receiver = oneshot::Receiver<u64>;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn run<F>(flavour: Flavour, main: F) -> u64
    where
        F: Future<Output = u64> + Send + 'static,
    {
        let mut builder = match flavour {
            Flavour::Workers(workers) => {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(workers);
                builder
            }
            Flavour::Current => Builder::new_current_thread(),
        };
        if crate::os::slowdown() > 1 {
            // tokio looks at its global queue the more often, the longer polls take; this is what it comes to without an
            // instrument.
            builder.global_queue_interval(61);
        }
        builder.enable_all().build().expect("tokio starts").block_on(main)
    }

    fn spawn<F>(future: F) -> Self::Join
    where
        F: Future<Output = u64> + Send + 'static,
    {
        tokio::spawn(future)
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = u64> + Send + 'static,
    {
        drop(tokio::spawn(future));
    }

    async fn join(handle: Self::Join) -> u64 {
        handle.await.expect("no workload panics")
    }

    fn to_thread<F>(call: F) -> Self::Thread
    where
        F: FnOnce() -> u64 + Send + 'static,
    {
        tokio::task::spawn_blocking(call)
    }

    async fn join_thread(handle: Self::Thread) -> u64 {
        handle.await.expect("no call panics")
    }

    fn remote() -> Self::Remote {
        Handle::current()
    }

    fn spawn_remote<F>(remote: &Self::Remote, future: F) -> Self::RemoteJoin
    where
        F: Future<Output = u64> + Send + 'static,
    {
        remote.spawn(future)
    }

    fn join_remote(handle: Self::RemoteJoin) -> u64 {
        smol::future::block_on(handle).expect("no workload panics")
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
    }

    async fn timeout<F>(duration: Duration, future: F) -> Option<u64>
    where
        F: Future<Output = u64> + Send,
    {
        tokio::time::timeout(duration, future).await.ok()
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

impl Hyper for Tokio {
    fn connection(stream: TcpStream) -> impl hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static {
        hyper_util::rt::TokioIo::new(stream)
    }
}
