//! broadcast: a wait against what ends it; see `docs/design/channels.md`.

use std::sync::Arc;

use heist_core::sync::model::side;

use super::{explore, race};
use crate::broadcast::{self, RecvError, TryRecvError};

/// A value is sent while a receiver goes to wait.
#[test]
fn broadcast_send_x_recv() {
    explore("broadcast_send_x_recv", None, || {
        let (sender, mut receiver) = broadcast::channel(1);
        let (received, _open) = race(receiver.recv(), move || {
            sender.send(7).unwrap();
            sender
        });
        assert_eq!(received, Ok(7));
    });
}

/// The last sender goes while a receiver goes to wait.
#[test]
fn broadcast_last_sender_drop_x_recv() {
    explore("broadcast_last_sender_drop_x_recv", None, || {
        let (sender, mut receiver) = broadcast::channel::<i32>(1);
        let (received, ()) = race(receiver.recv(), move || drop(sender));
        assert_eq!(received, Err(RecvError::Closed));
    });
}

/// A receiver goes while another one takes a value that both had yet to see, and a third thread sends: nothing is lost or kept.
#[test]
fn broadcast_recv_x_receiver_drop_x_send() {
    explore("broadcast_recv_x_receiver_drop_x_send", Some(2), || {
        let value = Arc::new(());
        let (sender, mut first) = broadcast::channel(2);
        let second = first.resubscribe();
        sender.send(value.clone()).unwrap();
        let dropper = side(move || drop(second));
        let sent = value.clone();
        let other = side(move || {
            sender.send(sent).unwrap();
            sender
        });
        assert!(first.try_recv().is_ok());
        dropper.join().unwrap();
        let sender = other.join().unwrap();
        assert!(first.try_recv().is_ok());
        assert_eq!(first.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(
            (sender.len(), Arc::strong_count(&value)),
            (0, 1),
            "a value is kept that nobody waits for"
        );
    });
}
