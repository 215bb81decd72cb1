//! How many system calls a turn of the reactor makes.
//!
//! An echo server on a hand-driven reactor answers so many requests over so many connections; the clients are another
//! process. Run it under `strace -c` without `-f`, so that only the server is counted:
//!
//! ```text
//! cargo build --release -p heist-reactor --example turns
//! strace -c target/release/examples/turns 16 20000
//! ```
//!
//! It prints the requests and the turns; the table is strace's. The figures are in docs/design/reactor.md.

use std::any::Any;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use heist_core::clock::NEVER;
use heist_core::{Clock, Driver, WorkerState, context};
use heist_reactor::{IoSource, Reactor};

const REQUEST: usize = 64;

struct IoOnly(Arc<Reactor>);

impl Driver for IoOnly {
    fn worker_state(&self, _worker: usize) -> WorkerState {
        WorkerState::none()
    }
    fn io(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(self.0.clone())
    }
    fn turn(&self, _worker: usize, _now: u64, _io: bool) {}
    fn next_deadline(&self, _worker: usize) -> u64 {
        NEVER
    }
    fn claim(&self, worker: usize) -> bool {
        self.0.claim(worker)
    }
    fn park(&self, worker: usize, deadline: u64) {
        self.0.park(worker, deadline);
    }
    fn release(&self, worker: usize) {
        self.0.release(worker);
    }
    fn unpark(&self, worker: usize) {
        self.0.unpark(worker);
    }
    fn rescue(&self, _worker: usize, _now: u64) {}
    fn io_waiting(&self) -> bool {
        self.0.io_waiting()
    }
    fn close(&self) {
        self.0.close();
    }
}

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// One connection of the server: reads a request, writes it back.
struct Connection {
    source: IoSource<TcpStream>,
    flag: Arc<Flag>,
    waker: Waker,
    buf: [u8; 1024],
    /// How much of `buf` is still to be written back.
    filled: usize,
}

impl Connection {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(flag.clone());
        Ok(Self { source: IoSource::new(stream), flag, waker, buf: [0; 1024], filled: 0 })
    }

    /// Echoes until it would block. The count is that of requests answered; `None` at the end of the stream.
    fn run(&mut self) -> io::Result<Option<usize>> {
        let mut cx = Context::from_waker(&self.waker);
        let mut answered = 0;
        loop {
            if self.filled == 0 {
                match self.source.poll_read(&mut cx, &mut self.buf) {
                    Poll::Pending => return Ok(Some(answered)),
                    Poll::Ready(n) => self.filled = n?,
                }
                if self.filled == 0 {
                    return Ok(None);
                }
            }
            match self.source.poll_write(&mut cx, &self.buf[..self.filled]) {
                Poll::Pending => return Ok(Some(answered)),
                Poll::Ready(n) => {
                    let n = n?;
                    answered += n.div_ceil(REQUEST);
                    self.buf.copy_within(n..self.filled, 0);
                    self.filled -= n;
                }
            }
        }
    }
}

fn serve(connections: usize, requests: usize) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let mut clients = Command::new(std::env::current_exe()?)
        .args(["client", &address, &connections.to_string(), &requests.to_string()])
        .spawn()?;
    let clock = Clock::real();
    let reactor = Reactor::new(clock.clone(), 1)?;
    let worker = heist_core::Context::new(0, 1, clock, Arc::new(IoOnly(reactor.clone())));
    // SAFETY: `worker` outlives the guard, which drops on this thread.
    let _entered = unsafe { context::enter(&worker) };
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::new(listener.accept()?.0)?);
    }
    let (mut answered, mut turns) = (0, 0);
    while !open.is_empty() {
        let mut error = None;
        open.retain_mut(|connection| {
            if !connection.flag.0.swap(false, Ordering::Acquire) {
                return true;
            }
            worker.set_current(std::ptr::null());
            match connection.run() {
                Ok(Some(count)) => {
                    answered += count;
                    true
                }
                Ok(None) => false,
                Err(failed) => {
                    error = Some(failed);
                    false
                }
            }
        });
        if let Some(error) = error {
            return Err(error);
        }
        if reactor.claim(0) {
            reactor.park(0, NEVER);
            reactor.release(0);
            turns += 1;
        }
    }
    clients.wait()?;
    println!("{answered} requests over {connections} connections in {turns} turns");
    Ok(())
}

/// Sends a request over each connection, then reads each answer, and so on.
fn client(address: SocketAddr, connections: usize, requests: usize) -> io::Result<()> {
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        streams.push(stream);
    }
    let mut buf = [1; REQUEST];
    for _ in 0..requests.div_ceil(connections) {
        for stream in &mut streams {
            stream.write_all(&buf)?;
        }
        for stream in &mut streams {
            stream.read_exact(&mut buf)?;
        }
    }
    Ok(())
}

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: usize| args.get(i).and_then(|arg| arg.parse().ok()).unwrap_or(default);
    match args.first().map(String::as_str) {
        Some("client") => {
            let address = args.get(1).and_then(|arg| arg.parse().ok());
            let address = address
                .ok_or_else(|| io::Error::other("usage: turns client ADDRESS CONNECTIONS REQUESTS"))?;
            client(address, number(2, 1).max(1), number(3, 1))
        }
        _ => serve(number(0, 16).max(1), number(1, 20_000)),
    }
}
