//! The Event in the models.

use std::pin::pin;

use heist_core::sync::model::side;

use super::{Woken, explore, poll};
use crate::Event;

/// The event is set and cleared again while somebody goes to wait: who was in line is ready, who was not waits on.
#[test]
fn event_wait_x_set_clear() {
    explore("event_wait_x_set_clear", None, || {
        let event = heist_core::sync::Arc::new(Event::new());
        let setter = event.clone();
        let other = side(move || {
            setter.set();
            setter.clear();
        });
        let (woken, waker) = Woken::new();
        let mut wait = pin!(event.wait());
        let first = poll(wait.as_mut(), &waker);
        other.join().unwrap();
        if first.is_pending() {
            let second = poll(wait.as_mut(), &waker);
            assert_eq!(woken.is(), second.is_ready());
            event.set();
            assert!(second.is_ready() || woken.is(), "the wake is lost");
        }
    });
}
