//! What both programs that count costs have.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

/// How many rounds are asked for.
pub fn rounds() -> u32 {
    std::env::args().nth(1).and_then(|rounds| rounds.parse().ok()).unwrap_or(1_000_000)
}

/// Prints what a round of `part` takes.
pub fn report(name: &str, rounds: u32, part: fn(u32)) {
    let started = Instant::now();
    part(rounds);
    println!("  {name:42} {:8.1}", started.elapsed().as_nanos() as f64 / f64::from(rounds));
}

/// What a future gives that has not to wait.
pub fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it should be ready"),
    }
}
