//! Counts what channels cost on one thread: `channels [rounds]` prints nanoseconds; under `valgrind --tool=callgrind` it
//! gives instructions. Each part is a function of its own that is never inlined, so that a profile names it.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use heist_sync::{broadcast, mpmc, mpsc, watch};

/// Values sent before they are received, as where tasks take turns.
const BURST: u32 = 100;

fn main() {
    let rounds = std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(1_000_000);
    println!("ns a value:");
    report("mpsc unbounded, bursts", rounds, unbounded_bursts);
    report("mpsc bounded, bursts", rounds, bounded_bursts);
    report("mpsc bounded, one by one, receiver waits", rounds, bounded_waiting);
    report("mpmc bounded, bursts", rounds, mpmc_bursts);
    report("broadcast to two", rounds, broadcast_to_two);
    report("watch, send and look", rounds, watch_send);
}

fn report(name: &str, rounds: u32, part: fn(u32)) {
    let started = Instant::now();
    part(rounds);
    println!("  {name:42} {:8.1}", started.elapsed().as_nanos() as f64 / f64::from(rounds));
}

fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it should be ready"),
    }
}

#[inline(never)]
fn unbounded_bursts(rounds: u32) {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    for _ in 0..rounds / BURST {
        (0..BURST).for_each(|value| assert!(black_box(&sender).send(value).is_ok()));
        (0..BURST).for_each(|value| assert_eq!(ready(black_box(&mut receiver).recv()), Some(value)));
    }
}

#[inline(never)]
fn bounded_bursts(rounds: u32) {
    let (sender, mut receiver) = mpsc::channel(1000);
    for _ in 0..rounds / BURST {
        (0..BURST).for_each(|value| assert!(ready(black_box(&sender).send(value)).is_ok()));
        (0..BURST).for_each(|value| assert_eq!(ready(black_box(&mut receiver).recv()), Some(value)));
    }
}

#[inline(never)]
fn bounded_waiting(rounds: u32) {
    let (sender, mut receiver) = mpsc::channel(1);
    let mut cx = Context::from_waker(Waker::noop());
    for round in 0..rounds {
        let mut recv = pin!(receiver.recv());
        assert!(recv.as_mut().poll(&mut cx).is_pending());
        assert!(ready(black_box(&sender).send(round)).is_ok());
        assert_eq!(black_box(recv.poll(&mut cx)), Poll::Ready(Some(round)));
    }
}

#[inline(never)]
fn mpmc_bursts(rounds: u32) {
    let (sender, receiver) = mpmc::bounded(1000);
    for _ in 0..rounds / BURST {
        (0..BURST).for_each(|value| assert!(ready(black_box(&sender).send(value)).is_ok()));
        (0..BURST).for_each(|value| assert_eq!(ready(black_box(&receiver).recv()), Ok(value)));
    }
}

#[inline(never)]
fn broadcast_to_two(rounds: u32) {
    let (sender, mut first) = broadcast::channel(16);
    let mut second = sender.subscribe();
    for round in 0..rounds {
        assert_eq!(black_box(&sender).send(round), Ok(2));
        assert_eq!(ready(black_box(&mut first).recv()), Ok(round));
        assert_eq!(ready(black_box(&mut second).recv()), Ok(round));
    }
}

#[inline(never)]
fn watch_send(rounds: u32) {
    let (sender, mut receiver) = watch::channel(0);
    for round in 0..rounds {
        black_box(&sender).send_replace(round);
        assert_eq!(*black_box(&mut receiver).borrow_and_update(), round);
    }
}
