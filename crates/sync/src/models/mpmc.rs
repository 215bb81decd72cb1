//! mpmc: the ends of the channel; its queue has models of its own. See `docs/design/channels.md`.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use heist_core::sync::thread;

use super::{Woken, explore, poll};
use crate::mpmc::{self, RecvError, SendError};

/// The last sender goes while a receiver goes to wait.
#[test]
fn mpmc_last_sender_drop_x_recv() {
    explore("mpmc_last_sender_drop_x_recv", None, || {
        let (sender, receiver) = mpmc::unbounded::<i32>();
        let other = thread::spawn(move || drop(sender));
        let (woken, waker) = Woken::new();
        let mut recv = pin!(receiver.recv());
        let first = poll(recv.as_mut(), &waker);
        other.join().unwrap();
        if first.is_pending() {
            assert!(woken.is(), "the wake is lost");
            assert_eq!(poll(recv, &waker), Poll::Ready(Err(RecvError)));
        }
    });
}

/// The last receivers go while a sender waits for a slot: it is told, and what was in the channel is dropped.
#[test]
fn mpmc_receiver_drop_x_receiver_drop_x_send() {
    explore("mpmc_receiver_drop_x_receiver_drop_x_send", Some(2), || {
        let value = Arc::new(());
        let (sender, receiver) = mpmc::bounded(1);
        sender.try_send(value.clone()).unwrap();
        let droppers = [receiver.clone(), receiver].map(|receiver| thread::spawn(move || drop(receiver)));
        let (woken, waker) = Woken::new();
        let mut send = pin!(sender.send(value.clone()));
        let mut sent = poll(send.as_mut(), &waker);
        for dropper in droppers {
            dropper.join().unwrap();
        }
        if sent.is_pending() {
            assert!(woken.is(), "the wake is lost");
            sent = poll(send, &waker);
        }
        assert_eq!(sent, Poll::Ready(Err(SendError(value.clone()))));
        drop(sent);
        assert_eq!(Arc::strong_count(&value), 1, "a value is kept that nobody can receive");
    });
}
