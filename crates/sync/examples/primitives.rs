//! Counts what the primitives cost on one thread: `primitives [rounds]` prints nanoseconds; under `valgrind --tool=callgrind`
//! it gives instructions. Each part is a function of its own that is never inlined, so that a profile names it.

use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

use heist_sync::{Lock, Queue, Semaphore, create_future, oneshot};

mod support;
use support::{ready, report};

fn main() {
    let rounds = support::rounds();
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
    for round in 0..rounds {
        assert!(ready(black_box(&queue).put(round)).is_ok());
        assert!(black_box(ready(black_box(&queue).get())).is_ok());
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
    for round in 0..rounds {
        let future = create_future();
        assert!(black_box(&future).set_result(round).is_ok());
        assert!(black_box(ready(future.wait())).is_ok());
    }
}

#[inline(never)]
fn lock_free(rounds: u32) {
    let lock = Lock::new(0);
    for round in 0..rounds {
        *ready(black_box(&lock).lock()) = round;
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
    for _ in 0..rounds {
        drop(black_box(ready(black_box(&semaphore).acquire())));
    }
}
