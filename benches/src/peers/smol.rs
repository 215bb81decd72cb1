//! smol: one executor, N threads that run it, each of them in async-io's `block_on`.

mod primitives;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use smol::channel::{Receiver, Sender};
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};
use smol::{Executor, Task, Timer, future};

use crate::net::Hyper;
use crate::peer::{Flavour, Peer};

/// smol 2.
#[derive(Debug)]
pub(crate) struct Smol;

/// The one executor of this process.
static EXECUTOR: Executor<'static> = Executor::new();

impl Peer for Smol {
    type Join = Task<u64>;
    type Remote = ();
    type RemoteJoin = Task<u64>;
    type Thread = Task<u64>;
    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;
    type Listener = TcpListener;
    type Stream = TcpStream;

    fn run<F>(flavour: Flavour, main: F) -> u64
    where
        F: Future<Output = u64> + Send + 'static,
    {
        let Flavour::Workers(workers) = flavour else {
            return smol::block_on(EXECUTOR.run(main));
        };
        let (stop, stopped) = smol::channel::bounded::<()>(1);
        let start = |_| {
            let stopped = stopped.clone();
            // The error of `recv` is what is waited for: it says that `stop` has been dropped.
            thread::spawn(move || assert!(smol::block_on(EXECUTOR.run(stopped.recv())).is_err()))
        };
        let threads: Vec<_> = (0..workers).map(start).collect();
        let output = smol::block_on(main);
        drop(stop);
        for thread in threads {
            thread.join().expect("no worker panics");
        }
        output
    }

    fn spawn<F>(future: F) -> Self::Join
    where
        F: Future<Output = u64> + Send + 'static,
    {
        EXECUTOR.spawn(future)
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = u64> + Send + 'static,
    {
        EXECUTOR.spawn(future).detach();
    }

    fn join(handle: Self::Join) -> impl Future<Output = u64> + Send {
        handle
    }

    fn to_thread<F>(call: F) -> Self::Thread
    where
        F: FnOnce() -> u64 + Send + 'static,
    {
        smol::unblock(call)
    }

    fn join_thread(handle: Self::Thread) -> impl Future<Output = u64> + Send {
        handle
    }

    fn remote() -> Self::Remote {}

    fn spawn_remote<F>((): &Self::Remote, future: F) -> Self::RemoteJoin
    where
        F: Future<Output = u64> + Send + 'static,
    {
        EXECUTOR.spawn(future)
    }

    fn join_remote(handle: Self::RemoteJoin) -> u64 {
        future::block_on(handle)
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        future::yield_now()
    }

    async fn sleep(duration: Duration) {
        Timer::after(duration).await;
    }

    fn timeout<F>(duration: Duration, body: F) -> impl Future<Output = Option<u64>> + Send
    where
        F: Future<Output = u64> + Send,
    {
        future::or(async { Some(body.await) }, async move {
            Timer::after(duration).await;
            None
        })
    }

    fn oneshot() -> (Self::Sender, Self::Receiver) {
        smol::channel::bounded(1)
    }

    fn send(sender: Self::Sender, value: u64) {
        sender.try_send(value).expect("the receiver waits, and there is room for one");
    }

    async fn receive(receiver: Self::Receiver) -> u64 {
        receiver.recv().await.expect("the sender sends")
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

impl Hyper for Smol {
    fn connection(stream: TcpStream) -> impl hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static {
        smol_hyper::rt::FuturesIo::new(stream)
    }
}
