//! The Future in the models.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use heist_core::sync::model::side;

use super::{Woken, explore, poll};
use crate::create_future;

/// A result is set and the future cancelled at the same time, while somebody goes to wait: one of them wins, for all.
#[test]
fn future_set_x_cancel_x_wait() {
    explore("future_set_x_cancel_x_wait", Some(2), || {
        let future = create_future();
        let (setter, canceller) = (future.clone(), future.clone());
        let set = side(move || setter.set_result(7).is_ok());
        let cancel = side(move || canceller.cancel());
        let (woken, waker) = Woken::new();
        let mut wait = pin!(future.wait());
        let first = poll(wait.as_mut(), &waker);
        let (set, cancelled) = (set.join().unwrap(), cancel.join().unwrap());
        assert!(set != cancelled, "exactly one completes it");
        let outcome = match first {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                assert!(woken.is(), "the wake is lost");
                let Poll::Ready(outcome) = poll(wait, &waker) else { panic!("woken too early") };
                outcome
            }
        };
        assert_eq!(outcome.is_ok(), set);
    });
}

/// A callback comes while the future is completed: each is called once, in the order of registration.
#[test]
fn future_add_callback_x_complete() {
    explore("future_add_callback_x_complete", None, || {
        let future = create_future::<u32>();
        // loom's lock, so that the order of its holders is explored.
        let called = Arc::new(heist_core::sync::Mutex::new(Vec::new()));
        let note = |number: u32| {
            let called = called.clone();
            move |future: &crate::future::Future<u32>| {
                assert_eq!(future.result().unwrap(), 7, "called before there is a result");
                called.lock().push(number);
            }
        };
        future.add_done_callback(note(0));
        let setter = future.clone();
        let other = side(move || setter.set_result(7).unwrap());
        future.add_done_callback(note(1));
        other.join().unwrap();
        assert_eq!(*called.lock(), [0, 1], "lost, or out of order");
    });
}
