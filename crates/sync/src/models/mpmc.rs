//! mpmc: the ends of the channel; its queue has models of its own. See `docs/design/channels.md`.

use std::sync::Arc;

use heist_core::sync::model::side;

use super::{explore, race};
use crate::mpmc::{self, RecvError, SendError};

/// The last sender goes while a receiver goes to wait.
#[test]
fn mpmc_last_sender_drop_x_recv() {
    explore("mpmc_last_sender_drop_x_recv", None, || {
        let (sender, receiver) = mpmc::unbounded::<i32>();
        let (received, ()) = race(receiver.recv(), move || drop(sender));
        assert_eq!(received, Err(RecvError));
    });
}

/// The last receivers go while a sender waits for a slot: it is told, and what was in the channel is dropped.
#[test]
fn mpmc_receiver_drop_x_receiver_drop_x_send() {
    explore("mpmc_receiver_drop_x_receiver_drop_x_send", Some(2), || {
        let value = Arc::new(());
        let (sender, receiver) = mpmc::bounded(1);
        sender.try_send(value.clone()).unwrap();
        let second = receiver.clone();
        let other = side(move || drop(second));
        let (sent, ()) = race(sender.send(value.clone()), move || {
            drop(receiver);
            other.join().unwrap();
        });
        assert_eq!(sent, Err(SendError(value.clone())));
        drop(sent);
        assert_eq!(Arc::strong_count(&value), 1, "a value is kept that nobody can receive");
    });
}
