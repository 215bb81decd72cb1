//! watch: a wait against the change that ends it; see `docs/design/channels.md`.

use std::pin::pin;
use std::task::Poll;

use heist_core::sync::model::side;

use super::{Woken, explore, poll, race};
use crate::watch::{self, RecvError};

/// The value changes while a receiver goes to wait.
#[test]
fn watch_send_x_changed() {
    explore("watch_send_x_changed", None, || {
        let (sender, mut receiver) = watch::channel(0);
        let (changed, _open) = race(receiver.changed(), move || {
            sender.send(7).unwrap();
            sender
        });
        assert_eq!(changed, Ok(()));
        assert_eq!(*receiver.borrow(), 7);
    });
}

/// The last sender goes, after a last value, while a receiver goes to wait: the value comes before the end.
#[test]
fn watch_send_last_drop_x_changed() {
    explore("watch_send_last_drop_x_changed", None, || {
        let (sender, mut receiver) = watch::channel(0);
        let other = side(move || sender.send_replace(7));
        let (woken, waker) = Woken::new();
        let mut seen = poll(pin!(receiver.changed()), &waker);
        other.join().unwrap();
        if seen.is_pending() {
            seen = poll(pin!(receiver.changed()), &waker);
        }
        assert_eq!(seen, Poll::Ready(Ok(())));
        assert_eq!(*receiver.borrow(), 7);
        assert_eq!(poll(pin!(receiver.changed()), &waker), Poll::Ready(Err(RecvError)));
        drop(woken);
    });
}

/// The last sender goes while a receiver goes to wait.
#[test]
fn watch_last_drop_x_changed() {
    explore("watch_last_drop_x_changed", None, || {
        let (sender, mut receiver) = watch::channel(0);
        let (changed, ()) = race(receiver.changed(), move || drop(sender));
        assert_eq!(changed, Err(RecvError));
    });
}

/// Two senders change the value while a receiver looks: what it has seen is what the version says.
#[test]
fn watch_send_x_send_x_update() {
    explore("watch_send_x_send_x_update", Some(2), || {
        let (sender, mut receiver) = watch::channel(0);
        let senders =
            [sender.clone(), sender].map(|sender| side(move || sender.send_modify(|value| *value += 1)));
        let seen = *receiver.borrow_and_update();
        for sender in senders {
            sender.join().unwrap();
        }
        let changed = receiver.has_changed();
        assert_eq!(changed == Ok(true), seen < 2, "the version does not fit the value");
        assert_eq!(*receiver.borrow_and_update(), 2);
    });
}

/// The last receiver goes while a sender goes to wait for that.
#[test]
fn watch_receiver_drop_x_closed() {
    explore("watch_receiver_drop_x_closed", None, || {
        let (sender, receiver) = watch::channel(0);
        let ((), ()) = race(sender.closed(), move || drop(receiver));
        assert!(sender.is_closed());
    });
}
