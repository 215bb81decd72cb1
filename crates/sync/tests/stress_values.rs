//! Futures and oneshots on four threads, with waiters that give up at any time.
#![cfg(not(heist_loom))]

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, mpsc};
use std::task::{Context, Poll, Waker};

use heist_sync::future::FutureError;
use heist_sync::{create_future, oneshot};
use support::{Random, THREADS, block_on, on_threads, perhaps};

/// Of all who complete a future one succeeds, and whoever waits learns what that one did.
#[test]
fn a_future_is_completed_once_and_tells_all_alike() {
    const ROUNDS: usize = 20_000;
    const CANCELLED: u64 = u64::MAX;
    let futures: Vec<_> = (0..ROUNDS).map(|_| create_future::<u64>()).collect();
    let winners: Vec<_> = (0..ROUNDS).map(|_| AtomicU64::new(0)).collect();
    let seen: Vec<_> = (0..ROUNDS).map(|_| Mutex::new(Vec::new())).collect();
    on_threads(|random| {
        for (round, future) in futures.iter().enumerate() {
            // Each completes it in the end, so nobody waits for ever; some wait for another one first, and give up.
            let waited = (random.below(2) > 0).then(|| perhaps_briefly(random, future.wait())).flatten();
            let value = random.below(1000) + 1;
            let won = match random.below(4) {
                0 => future.cancel().then_some(CANCELLED),
                _ => future.set_result(value).is_ok().then_some(value),
            };
            if let Some(won) = won {
                assert_eq!(winners[round].swap(won, Relaxed), 0, "completed twice");
            }
            let learnt = [waited, Some(block_on(future.wait()))];
            let learnt = learnt.into_iter().flatten().map(|outcome| match outcome {
                Ok(value) => value,
                Err(FutureError::Cancelled(_)) => CANCELLED,
                Err(other) => panic!("{other}"),
            });
            seen[round].lock().unwrap().extend(learnt);
        }
    });
    for ((winner, seen), future) in winners.into_iter().zip(seen).zip(&futures) {
        let winner = winner.into_inner();
        let seen = seen.into_inner().unwrap();
        assert!(
            seen.len() >= THREADS as usize && seen.iter().all(|value| *value == winner),
            "{winner} {seen:?}"
        );
        assert_eq!(future.statistics().waiting, 0);
    }
}

/// Polls a future that others may never complete before this thread does.
fn perhaps_briefly<T>(random: &mut Random, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..random.below(3) {
        if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
            return Some(value);
        }
        std::thread::yield_now();
    }
    None
}

/// A value that counts its end.
struct Counted<'a>(&'a AtomicU64);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Two threads wait and sometimes give up, two send and sometimes drop the sender. Nobody waits for ever, every value is
/// dropped once, and one that did not arrive came back or went with a receiver that gave up.
#[test]
fn a_oneshot_loses_no_value() {
    const ROUNDS: u64 = 20_000;
    let ended = AtomicU64::new(0);
    let (asking, asked) = mpsc::sync_channel(8);
    let asked = Mutex::new(asked);
    let asking = Mutex::new(vec![asking.clone(), asking]);
    let [sent, returned, received, refused, given_up] = [const { AtomicU64::new(0) }; 5];
    let count = |counter: &AtomicU64| {
        counter.fetch_add(1, Relaxed);
    };
    on_threads(|random| {
        let asking = asking.lock().unwrap().pop();
        let Some(asking) = asking else {
            // Until both others have ended.
            while let Ok(sender) = { asked.lock().unwrap().recv() } {
                if random.below(8) > 0 {
                    count(&sent);
                    oneshot::Sender::send(sender, Counted(&ended)).unwrap_or_else(|_| count(&returned));
                }
            }
            return;
        };
        for _ in 0..ROUNDS {
            let (sender, receiver) = oneshot::channel();
            asking.send(sender).unwrap();
            match perhaps(random, receiver) {
                Some(Ok(_)) => count(&received),
                Some(Err(_)) => count(&refused),
                None => count(&given_up),
            }
        }
    });
    let [sent, returned, received, refused, given_up] =
        [sent, returned, received, refused, given_up].map(AtomicU64::into_inner);
    assert_eq!(sent, ended.load(Relaxed), "a value was lost or dropped twice");
    assert_eq!(received + refused + given_up, 2 * ROUNDS);
    assert!(received + returned <= sent && sent <= received + returned + given_up);
}
