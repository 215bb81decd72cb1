//! The Barrier in the models.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use heist_core::sync::model::side;

use super::{Woken, explore, poll};
use crate::Barrier;

/// The last one comes while another, inside, is aborted: all see the same round.
#[test]
fn barrier_wait_x_abort() {
    explore("barrier_wait_x_abort", Some(2), || {
        let barrier = Arc::new(Barrier::new(2).unwrap());
        let (woken, waker) = Woken::new();
        let mut first = pin!(barrier.wait());
        assert!(poll(first.as_mut(), &waker).is_pending());
        let (last, aborter) = (barrier.clone(), barrier.clone());
        let last = side(move || poll(pin!(last.wait()), Waker::noop()));
        let abort = side(move || aborter.abort());
        let Poll::Ready(last) = last.join().unwrap() else { panic!("the last one never waits") };
        abort.join().unwrap();
        assert!(woken.is(), "the wake is lost");
        let Poll::Ready(first) = poll(first, &waker) else { panic!("woken too early") };
        // An abort after the last one came still fails those who have not gone on.
        assert!(first.is_err());
        assert!(last.is_err() || last == Ok(1));
        assert!(barrier.broken());
    });
}

/// One inside is dropped while the last one comes: the round is complete, or it lacks one.
#[test]
fn barrier_drop_x_wait() {
    explore("barrier_drop_x_wait", None, || {
        let barrier = Arc::new(Barrier::new(2).unwrap());
        let mut first = Box::pin(barrier.wait());
        assert!(poll(first.as_mut(), Waker::noop()).is_pending());
        let other = barrier.clone();
        let other = side(move || {
            let (woken, waker) = Woken::new();
            let mut second = pin!(other.wait());
            match poll(second.as_mut(), &waker) {
                Poll::Ready(index) => assert_eq!(index, Ok(1)),
                Poll::Pending => {
                    assert_eq!(poll(pin!(other.wait()), Waker::noop()), Poll::Ready(Ok(1)));
                    assert!(woken.is(), "the wake is lost");
                    assert_eq!(poll(second, &waker), Poll::Ready(Ok(0)));
                }
            }
        });
        drop(first);
        other.join().unwrap();
        assert!(poll(pin!(barrier.wait()), Waker::noop()).is_pending(), "a new round");
        let mut third = pin!(barrier.wait());
        assert!(poll(third.as_mut(), Waker::noop()).is_pending());
        assert_eq!(barrier.n_waiting(), 1, "the last round is over");
    });
}
