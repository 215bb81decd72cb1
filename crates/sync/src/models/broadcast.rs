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

/// A value is sent, without a wait, while a receiver looks for it that knows its slot already.
#[test]
fn broadcast_send_x_try_recv() {
    explore("broadcast_send_x_try_recv", None, || {
        let (sender, mut receiver) = broadcast::channel(2);
        sender.send(Arc::new(1)).unwrap();
        assert_eq!(receiver.try_recv().as_deref(), Ok(&1));
        let other = side(move || {
            sender.send(Arc::new(2)).unwrap();
            sender
        });
        let early = receiver.try_recv();
        let _open = other.join().unwrap();
        let received = if early.is_ok() { early } else { receiver.try_recv() };
        assert_eq!(received.as_deref(), Ok(&2));
    });
}

/// Two receivers come past a value, each as the first or the last: who is last takes it out when the other one has cloned it.
#[test]
fn broadcast_recv_x_recv() {
    explore("broadcast_recv_x_recv", None, || {
        let value = Arc::new(());
        let (sender, mut first) = broadcast::channel(1);
        let mut second = first.resubscribe();
        sender.send(value.clone()).unwrap();
        let other = side(move || {
            assert!(second.try_recv().is_ok());
            second
        });
        assert!(first.try_recv().is_ok());
        let _second = other.join().unwrap();
        assert_eq!((sender.len(), Arc::strong_count(&value)), (0, 1), "a value is kept that all have seen");
    });
}

/// A value is evicted while a receiver is at it, and another one has fallen behind before: each sees or misses each value, in order,
/// and nothing is kept.
#[test]
fn broadcast_recv_x_evict() {
    explore("broadcast_recv_x_evict", None, || {
        let kept = Arc::new(());
        let (sender, mut receiver) = broadcast::channel(1);
        let mut slow = receiver.resubscribe();
        let value = |number| (number, kept.clone());
        sender.send(value(0)).unwrap();
        assert_eq!(receiver.try_recv().unwrap().0, 0);
        // The slow one stays at 0, which goes.
        sender.send(value(1)).unwrap();
        let values = [value(2), value(3)];
        let other = side(move || {
            for value in values {
                sender.send(value).unwrap();
            }
            sender
        });
        let mut seen = 1 + passed(&mut receiver, 1);
        // Again, because the sender may rely on what has become of the first time.
        seen += early(&mut receiver, seen);
        let sender = other.join().unwrap();
        while seen < 4 {
            seen += passed(&mut receiver, seen);
        }
        assert_eq!(receiver.try_recv().err(), Some(TryRecvError::Empty));
        assert_eq!(passed(&mut slow, 0), 3, "all but the last are gone");
        assert_eq!(Arc::strong_count(&kept), 2, "an evicted value is kept");
        assert_eq!(passed(&mut slow, 3), 1);
        assert_eq!((sender.len(), Arc::strong_count(&kept)), (0, 1), "a value is kept that all have seen");
    });
}

/// By how many values a receiver comes on that has come to `next`: it sees that one, or misses some.
fn passed(receiver: &mut broadcast::Receiver<(u64, Arc<()>)>, next: u64) -> u64 {
    match receiver.try_recv() {
        Ok((number, _)) => {
            assert_eq!(number, next, "a value was missed or seen twice");
            1
        }
        Err(TryRecvError::Lagged(missed)) => missed,
        Err(error) => panic!("{error}"),
    }
}

/// As [`passed`], where the next value may not have been sent yet.
fn early(receiver: &mut broadcast::Receiver<(u64, Arc<()>)>, next: u64) -> u64 {
    if receiver.is_empty() { 0 } else { passed(receiver, next) }
}

/// A receiver that is at a value goes while that is evicted.
#[test]
fn broadcast_receiver_drop_x_evict() {
    explore("broadcast_receiver_drop_x_evict", None, || {
        let value = Arc::new(());
        let (sender, mut first) = broadcast::channel(1);
        let second = first.resubscribe();
        sender.send(value.clone()).unwrap();
        let dropper = side(move || drop(second));
        sender.send(value.clone()).unwrap();
        dropper.join().unwrap();
        assert_eq!(first.try_recv(), Err(TryRecvError::Lagged(1)));
        assert!(first.try_recv().is_ok());
        assert_eq!((sender.len(), Arc::strong_count(&value)), (0, 1), "a value is kept");
    });
}
