//! Polling by hand, and a counter behind a waker.
#![allow(dead_code)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A future polled by hand, and how often it was woken.
pub struct Hand<'a, T> {
    future: Option<Pin<Box<dyn Future<Output = T> + 'a>>>,
    wakes: Arc<Wakes>,
}

#[derive(Default)]
pub struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl<'a, T> Hand<'a, T> {
    pub fn new(future: impl Future<Output = T> + 'a) -> Self {
        Self { future: Some(Box::pin(future)), wakes: Arc::default() }
    }

    /// Made, and pending at its first poll.
    pub fn waiting(future: impl Future<Output = T> + 'a) -> Self {
        let mut hand = Self::new(future);
        assert!(hand.poll().is_pending(), "it should have to wait");
        hand
    }

    pub fn poll(&mut self) -> Poll<T> {
        let waker = Waker::from(self.wakes.clone());
        let future = self.future.as_mut().expect("still there");
        future.as_mut().poll(&mut Context::from_waker(&waker))
    }

    pub fn wakes(&self) -> usize {
        self.wakes.0.load(Ordering::SeqCst)
    }

    /// How many wakers of this future somebody keeps.
    pub fn wakers_kept(&self) -> usize {
        Arc::strong_count(&self.wakes) - 1
    }

    pub fn waker(&self) -> Waker {
        self.wakes.clone().into()
    }

    pub fn cancel(&mut self) {
        self.future = None;
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return value;
        }
        std::thread::park();
    }
}

/// Threads of a stress test.
pub const THREADS: u64 = 4;

/// Runs `work` on all threads; each gets random numbers of its own.
pub fn on_threads(work: impl Fn(&mut Random) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let work = &work;
            scope.spawn(move || work(&mut Random::new(thread + 1)));
        }
    });
}

/// Random numbers that are the same in each run.
pub struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) % bound
    }
}

/// Waits for the future, or, one time in three, gives up where it is not ready at once.
pub fn perhaps<T>(random: &mut Random, future: impl Future<Output = T>) -> Option<T> {
    if random.below(3) > 0 {
        return Some(block_on(future));
    }
    let mut future = std::pin::pin!(future);
    let mut look = || future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    if let Poll::Ready(value) = look() {
        return Some(value);
    }
    std::thread::yield_now();
    match look() {
        Poll::Ready(value) if random.below(2) > 0 => Some(value),
        _ => None,
    }
}
