//! The smallest loop there is: one future, polled on the calling thread, which parks in the reactor by hand.
#![allow(dead_code, reason = "each test file uses its part")]

use std::any::Any;
use std::future::Future;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use heist_core::clock::NEVER;
use heist_core::{Clock, Driver, WorkerState, context};
use heist_reactor::Reactor;

/// A driver with I/O and without time.
pub struct IoOnly(pub Arc<Reactor>);

impl Driver for IoOnly {
    fn worker_state(&self, _worker: usize) -> WorkerState {
        WorkerState::none()
    }
    fn io(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        Some(self.0.clone())
    }
    fn turn(&self, worker: usize, _now: u64, io: bool) {
        if io {
            self.0.poll(worker);
        }
    }
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
    fn rescue(&self, worker: usize, _now: u64) {
        self.0.poll(worker);
    }
    fn io_waiting(&self) -> bool {
        self.0.io_waiting()
    }
    fn close(&self) {
        self.0.close();
    }
}

/// A loop with so many workers, each a thread that calls [`Loop::block_on_as`].
pub struct Loop {
    pub clock: Arc<Clock>,
    pub reactor: Arc<Reactor>,
    /// Threads that wait without the claim.
    idle: Mutex<Vec<Thread>>,
}

impl Loop {
    pub fn new() -> Self {
        Self::with_workers(1)
    }

    pub fn with_workers(workers: usize) -> Self {
        let clock = Clock::real();
        Self { reactor: Reactor::new(clock.clone(), workers).unwrap(), clock, idle: Mutex::default() }
    }

    /// Makes this thread worker 0 and runs `future` to its end.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.block_on_as(0, future)
    }

    /// Makes this thread `worker` and runs `future` to its end.
    pub fn block_on_as<F: Future>(&self, worker: usize, future: F) -> F::Output {
        let driver = Arc::new(IoOnly(self.reactor.clone()));
        let context = heist_core::Context::new(worker, 1, self.clock.clone(), driver);
        // SAFETY: `context` outlives the guard, which drops on this thread.
        let _entered = unsafe { context::enter(&context) };
        let parker = Arc::new(Parker {
            woken: AtomicBool::new(true),
            thread: std::thread::current(),
            reactor: self.reactor.clone(),
            worker,
        });
        let waker = Waker::from(parker.clone());
        let mut future = pin!(future);
        loop {
            if parker.woken.swap(false, Ordering::AcqRel) {
                context.set_current(std::ptr::null());
                if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return output;
                }
            } else if self.reactor.claim(worker) {
                self.reactor.park(worker, NEVER);
                self.reactor.release(worker);
                // The claim is free: whoever waits without it looks again.
                self.idle.lock().unwrap().drain(..).for_each(|thread| thread.unpark());
            } else {
                let mut idle = self.idle.lock().unwrap();
                idle.push(std::thread::current());
                // Looked at under the lock: the claim may have become free since.
                let free = self.reactor.claim(worker);
                drop(idle);
                if free {
                    self.reactor.release(worker);
                } else {
                    std::thread::park();
                }
            }
        }
    }
}

struct Parker {
    woken: AtomicBool,
    thread: Thread,
    reactor: Arc<Reactor>,
    worker: usize,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
        self.reactor.unpark(self.worker);
    }
}

/// A waker that counts.
#[derive(Default)]
pub struct Counter(pub AtomicUsize);

impl Counter {
    pub fn new() -> (Arc<Self>, Waker) {
        let counter = Arc::new(Self::default());
        (counter.clone(), Waker::from(counter))
    }

    pub fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Two ends of one TCP connection, both non-blocking.
pub fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    for stream in [&near, &far] {
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
    }
    (near, far)
}

/// Writes all of `bytes` to a non-blocking socket whose peer reads on another thread.
pub fn write_all(mut stream: &TcpStream, mut bytes: &[u8]) {
    use std::io::Write;
    while !bytes.is_empty() {
        match stream.write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}
