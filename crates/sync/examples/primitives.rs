//! Counts what the primitives cost on one thread: `primitives [rounds]` prints nanoseconds; under `valgrind --tool=callgrind`
//! it gives instructions. Each part is a function of its own that is never inlined, so that a profile names it.

use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use heist_sync::{Lock, Queue, Semaphore, create_future, oneshot};

fn main() {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(1_000_000);
    println!("ns a round:");
    report("oneshot, value first", rounds, oneshot_ready);
    report("oneshot, receiver waits", rounds, oneshot_waiting);
    report("queue, put_nowait + get_nowait", rounds, queue_nowait);
    report("queue, put + get, ready", rounds, queue_ready);
    report("queue, getter waits", rounds, queue_waiting);
    report("future, set + await", rounds, future_ready);
    report("lock, free", rounds, lock_free);
    report("lock, handed over", rounds, lock_handed_over);
    report("semaphore, free", rounds, semaphore_free);
}

fn report(name: &str, rounds: u32, part: fn(u32)) {
    let started = Instant::now();
    part(rounds);
    println!("  {name:32} {:8.1}", started.elapsed().as_nanos() as f64 / f64::from(rounds));
}

#[inline(never)]
fn oneshot_ready(rounds: u32) {
    let mut cx = Context::from_waker(Waker::noop());
    for round in 0..rounds {
        let (sender, mut receiver) = oneshot::channel();
        assert!(black_box(sender).send(round).is_ok());
        assert!(black_box(Pin::new(&mut receiver).poll(&mut cx)).is_ready());
    }
}

#[inline(never)]
fn oneshot_waiting(rounds: u32) {
    let mut cx = Context::from_waker(Waker::noop());
    for round in 0..rounds {
        let (sender, mut receiver) = oneshot::channel();
        assert!(black_box(Pin::new(&mut receiver).poll(&mut cx)).is_pending());
        assert!(black_box(sender).send(round).is_ok());
        assert!(black_box(Pin::new(&mut receiver).poll(&mut cx)).is_ready());
    }
}

#[inline(never)]
fn queue_nowait(rounds: u32) {
    let queue = Queue::new();
    for round in 0..rounds {
        assert!(black_box(&queue).put_nowait(round).is_ok());
        assert!(black_box(black_box(&queue).get_nowait()).is_ok());
    }
}

#[inline(never)]
fn queue_ready(rounds: u32) {
    let queue = Queue::bounded(8);
    let mut cx = Context::from_waker(Waker::noop());
    for round in 0..rounds {
        assert!(pin!(black_box(&queue).put(round)).poll(&mut cx).is_ready());
        assert!(black_box(pin!(black_box(&queue).get()).poll(&mut cx)).is_ready());
    }
}

#[inline(never)]
fn queue_waiting(rounds: u32) {
    let queue = Queue::bounded(8);
    let mut cx = Context::from_waker(Waker::noop());
    for round in 0..rounds {
        let mut get = pin!(queue.get());
        assert!(get.as_mut().poll(&mut cx).is_pending());
        assert!(black_box(&queue).put_nowait(round).is_ok());
        assert!(black_box(get.poll(&mut cx)).is_ready());
    }
}

#[inline(never)]
fn future_ready(rounds: u32) {
    let mut cx = Context::from_waker(Waker::noop());
    for round in 0..rounds {
        let future = create_future();
        assert!(black_box(&future).set_result(round).is_ok());
        assert!(black_box(pin!(future.wait()).poll(&mut cx)).is_ready());
    }
}

#[inline(never)]
fn lock_free(rounds: u32) {
    let lock = Lock::new(0);
    let mut cx = Context::from_waker(Waker::noop());
    for round in 0..rounds {
        let Poll::Ready(mut guard) = pin!(black_box(&lock).lock()).poll(&mut cx) else {
            panic!("it is free")
        };
        *guard = round;
    }
}

#[inline(never)]
fn lock_handed_over(rounds: u32) {
    let lock = Lock::new(0);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..rounds {
        let guard = black_box(&lock).try_lock();
        let mut wait = pin!(lock.lock());
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        drop(guard);
        assert!(black_box(wait.poll(&mut cx)).is_ready());
    }
}

#[inline(never)]
fn semaphore_free(rounds: u32) {
    let semaphore = Semaphore::new(10);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..rounds {
        assert!(black_box(pin!(black_box(&semaphore).acquire()).poll(&mut cx)).is_ready());
    }
}
