//! The reactor as the scheduler sees it: claims, parking, unparking, deadlines, closing, and what goes wrong.
#![cfg(not(heist_loom))]

mod support;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use heist_core::clock::NEVER;
use heist_core::driver::NoDriver;
use heist_core::{Clock, context};
use heist_reactor::{IoSource, Reactor};
use support::{Counter, Loop, pair, write_all};

/// A loop with one registered source that is never ready, so that there is something to claim.
fn idle_loop(workers: usize) -> (Arc<Loop>, Vec<IoSource<std::net::TcpStream>>, Vec<std::net::TcpStream>) {
    let looop = Arc::new(Loop::with_workers(workers));
    let (mut sources, mut peers) = (Vec::new(), Vec::new());
    for worker in 0..workers {
        let (near, far) = pair();
        let source = IoSource::new(near);
        looop.block_on_as(worker, async {
            let (_, waker) = Counter::new();
            assert!(pin!(source.readable()).poll(&mut Context::from_waker(&waker)).is_pending());
        });
        sources.push(source);
        peers.push(far);
    }
    (looop, sources, peers)
}

#[test]
fn nobody_claims_where_nothing_waits() {
    let looop = Loop::new();
    assert!(!looop.reactor.io_waiting());
    assert!(!looop.reactor.claim(0));
}

#[test]
fn one_worker_of_a_shard_holds_the_claim() {
    let (looop, sources, _peers) = idle_loop(16);
    let reactor = &looop.reactor;
    assert!(reactor.io_waiting());
    // Two shards: even and odd workers.
    assert!(reactor.claim(0));
    assert!(!reactor.claim(2));
    assert!(reactor.claim(3));
    reactor.release(0);
    assert!(reactor.claim(2));
    reactor.release(2);
    reactor.release(3);
    drop(sources);
    assert!(!reactor.io_waiting());
    assert!(!reactor.claim(0));
}

#[test]
fn park_waits_for_its_deadline_and_not_less() {
    let (looop, _sources, _peers) = idle_loop(1);
    assert!(looop.reactor.claim(0));
    for nanos in [0, 300_000, 2_500_000] {
        let deadline = looop.clock.now() + nanos;
        looop.reactor.park(0, deadline);
        assert!(looop.clock.now() >= deadline);
    }
    looop.reactor.park(0, 0);
    looop.reactor.release(0);
}

#[test]
fn unpark_before_the_park_ends_it() {
    let (looop, _sources, _peers) = idle_loop(1);
    assert!(looop.reactor.claim(0));
    looop.reactor.unpark(0);
    looop.reactor.unpark(0);
    looop.reactor.park(0, NEVER);
    // Taken once: the next park waits for its deadline.
    let deadline = looop.clock.now() + 1_000_000;
    looop.reactor.park(0, deadline);
    assert!(looop.clock.now() >= deadline);
    looop.reactor.release(0);
}

#[test]
fn unpark_ends_each_park_of_a_thread() {
    let (looop, _sources, _peers) = idle_loop(1);
    let (parked, wait_parked) = mpsc::channel();
    let worker = thread::spawn({
        let looop = looop.clone();
        move || {
            assert!(looop.reactor.claim(0));
            for _ in 0..1000 {
                parked.send(()).unwrap();
                looop.reactor.park(0, NEVER);
            }
            looop.reactor.release(0);
        }
    });
    // A park may also end by a late wake-up of the one before, so some of these find the worker awake: each park still
    // needs no more than its own.
    for () in wait_parked {
        looop.reactor.unpark(0);
    }
    worker.join().unwrap();
}

#[test]
fn unpark_of_a_worker_leaves_the_others_parked() {
    let (looop, _sources, _peers) = idle_loop(1);
    assert!(looop.reactor.claim(0));
    looop.reactor.unpark(7);
    let deadline = looop.clock.now() + 1_000_000;
    looop.reactor.park(0, deadline);
    assert!(looop.clock.now() >= deadline);
    looop.reactor.release(0);
}

#[test]
fn poll_takes_in_readiness_unless_the_claim_is_held() {
    let (looop, sources, peers) = idle_loop(1);
    let (counter, waker) = Counter::new();
    let mut waiting = pin!(sources[0].readable());
    assert!(looop.block_on(async { waiting.as_mut().poll(&mut Context::from_waker(&waker)) }).is_pending());
    write_all(&peers[0], b"x");
    assert!(looop.reactor.claim(0));
    looop.reactor.poll(0);
    assert_eq!(counter.count(), 0, "another worker is about to look");
    looop.reactor.release(0);
    let begun = Instant::now();
    while counter.count() == 0 {
        looop.reactor.poll(0);
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(counter.count(), 1);
}

#[test]
fn close_wakes_who_waits_and_refuses_who_comes() {
    let (looop, mut sources, _peers) = idle_loop(1);
    let (lane, lane_waker) = Counter::new();
    let (beside, beside_waker) = Counter::new();
    let mut buf = [0; 4];
    looop.block_on(async {
        assert!(sources[0].poll_read(&mut Context::from_waker(&lane_waker), &mut buf).is_pending());
        let mut waiting = pin!(sources[0].readable());
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&beside_waker)).is_pending());
        looop.reactor.close();
        assert_eq!((lane.count(), beside.count()), (1, 1));
        let error = waiting.await.unwrap_err();
        assert!(error.to_string().contains("the event loop is closed"), "{error}");
    });
    let Poll::Ready(Err(error)) = sources[0].poll_read(&mut Context::from_waker(&lane_waker), &mut buf)
    else {
        panic!("a closed loop must not keep anybody waiting")
    };
    assert!(error.to_string().contains("the event loop is closed"), "{error}");
    // A new source is refused at its first wait.
    let (near, _far) = pair();
    let error = looop.block_on(async { IoSource::new(near).readable().await.unwrap_err() });
    assert!(error.to_string().contains("the event loop is closed"), "{error}");
    looop.reactor.close();
    drop(sources);
    assert!(!looop.reactor.claim(0));
}

#[test]
fn close_ends_a_park() {
    let (looop, _sources, _peers) = idle_loop(1);
    let worker = thread::spawn({
        let looop = looop.clone();
        move || {
            assert!(looop.reactor.claim(0));
            looop.reactor.park(0, NEVER);
            looop.reactor.release(0);
        }
    });
    looop.reactor.close();
    worker.join().unwrap();
}

#[test]
fn wait_outside_a_loop_says_what_to_do() {
    let (near, _far) = pair();
    let source = IoSource::new(near);
    let Poll::Ready(Err(error)) = pin!(source.readable()).poll(&mut Context::from_waker(Waker::noop()))
    else {
        panic!("nobody would ever wake this wait")
    };
    assert!(error.to_string().contains("inside heist::run"), "{error}");
    // It is not bound to anything yet, so a loop may still take it.
    let looop = Loop::new();
    let (counter, waker) = Counter::new();
    let pending = looop.block_on(async { pin!(source.readable()).poll(&mut Context::from_waker(&waker)) });
    assert!(pending.is_pending() && counter.count() == 0);
}

#[test]
fn wait_in_a_loop_without_io_says_so() {
    let worker = heist_core::Context::new(0, 1, Clock::real(), Arc::new(NoDriver));
    // SAFETY: `worker` outlives the guard.
    let _entered = unsafe { context::enter(&worker) };
    let (near, _far) = pair();
    let source = IoSource::new(near);
    let Poll::Ready(Err(error)) = pin!(source.readable()).poll(&mut Context::from_waker(Waker::noop()))
    else {
        panic!("nobody would ever wake this wait")
    };
    assert!(error.to_string().contains("without I/O"), "{error}");
}

#[test]
fn what_cannot_be_polled_is_an_error_and_leaks_no_record() {
    let looop = Loop::new();
    let file = std::fs::File::open("Cargo.toml").unwrap();
    let source = IoSource::new(file);
    let error = looop.block_on(async {
        let wait = source.readable();
        match pin!(wait).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result.err(),
            Poll::Pending => None,
        }
    });
    if cfg!(all(target_os = "linux", not(polling_test_poll_backend))) {
        assert_eq!(error.unwrap().kind(), io::ErrorKind::PermissionDenied);
        assert!(!looop.reactor.io_waiting());
    }
}

/// A waker that panics must not cost other waiters their edges, nor the loop its claim.
#[test]
fn panicking_waker_loses_nothing() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("bomb");
        }
    }

    let (looop, mut sources, mut peers) = idle_loop(1);
    for _ in 0..2 {
        let (near, far) = pair();
        sources.push(IoSource::new(near));
        peers.push(far);
    }
    let (counter, waker) = Counter::new();
    let bomb = Waker::from(Arc::new(Bomb));
    let mut buf = [0; 4];
    looop.block_on(async {
        for (i, waker) in [&waker, &bomb, &waker].into_iter().enumerate() {
            assert!(sources[i].poll_read(&mut Context::from_waker(waker), &mut buf).is_pending());
        }
    });
    for peer in &peers {
        write_all(peer, b"x");
    }
    let mut bombs = 0;
    let begun = Instant::now();
    while counter.count() < 2 || bombs == 0 {
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| looop.reactor.poll(0)));
        bombs += usize::from(polled.is_err());
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    assert_eq!((counter.count(), bombs), (2, 1));
    assert!(looop.reactor.claim(0), "the claim was given back");
    looop.reactor.release(0);
}

/// Two workers of one shard hand the claim to each other while their tasks play ping-pong.
#[test]
fn two_workers_share_a_shard() {
    const ROUNDS: u32 = 2000;
    let looop = Arc::new(Loop::with_workers(2));
    let (near, far) = pair();
    let first = thread::spawn({
        let looop = looop.clone();
        move || {
            looop.block_on_as(0, async {
                let mut source = IoSource::new(near);
                let mut ball = [0; 4];
                for round in 0..ROUNDS {
                    let sent = std::future::poll_fn(|cx| source.poll_write(cx, &round.to_ne_bytes())).await;
                    assert_eq!(sent.unwrap(), 4);
                    let got = std::future::poll_fn(|cx| source.poll_read(cx, &mut ball)).await;
                    assert_eq!((got.unwrap(), u32::from_ne_bytes(ball)), (4, round));
                }
            });
        }
    });
    let second = thread::spawn({
        let looop = looop.clone();
        move || {
            looop.block_on_as(1, async {
                let mut source = IoSource::new(far);
                let mut ball = [0; 4];
                for _ in 0..ROUNDS {
                    let got = std::future::poll_fn(|cx| source.poll_read(cx, &mut ball)).await;
                    assert_eq!(got.unwrap(), 4);
                    let sent = std::future::poll_fn(|cx| source.poll_write(cx, &ball)).await;
                    assert_eq!(sent.unwrap(), 4);
                }
            });
        }
    });
    first.join().unwrap();
    second.join().unwrap();
}

#[test]
fn descriptors_of_a_reactor_go_with_it() {
    let count = || std::fs::read_dir("/proc/self/fd").map(Iterator::count);
    let Ok(_) = count() else { return };
    // Other tests of this process open and close descriptors, so count only what grows without bound.
    let before = count().unwrap();
    for _ in 0..200 {
        drop(Reactor::new(Clock::real(), 16).unwrap());
    }
    assert!(count().unwrap() < before + 200);
}
