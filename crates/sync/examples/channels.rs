//! Counts what channels cost on one thread: `channels [rounds]` prints nanoseconds; under `valgrind --tool=callgrind` it
//! gives instructions. Each part is a function of its own that is never inlined, so that a profile names it.

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use heist_sync::{broadcast, mpmc, mpsc, watch};

mod support;
use support::{ready, report};

/// Values sent before they are received, as where tasks take turns.
const BURST: u32 = 100;

fn main() {
    let rounds = support::rounds();
    println!("ns a value:");
    report("mpsc unbounded, bursts", rounds, unbounded_bursts);
    report("mpsc bounded, bursts", rounds, bounded_bursts);
    report("mpsc bounded, one by one, receiver waits", rounds, bounded_waiting);
    report("mpmc bounded, bursts", rounds, mpmc_bursts);
    report("broadcast to two", rounds, broadcast_to_two);
    report("watch, send and look", rounds, watch_send);
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
