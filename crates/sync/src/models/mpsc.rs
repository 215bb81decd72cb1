//! mpsc: a wait against what ends it; see `docs/design/channels.md`.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Count, Ordering};
use std::task::{Poll, Waker};

use heist_core::sync::model::side;

use super::{Woken, explore, poll, race};
use crate::mpsc::{self, TryRecvError};

/// Counts how often it is dropped.
struct Item(Arc<Count>);

impl Drop for Item {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A value is sent while the receiver goes to wait.
#[test]
fn mpsc_send_x_recv() {
    explore("mpsc_send_x_recv", None, || {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let (received, _open) = race(receiver.recv(), move || {
            sender.send(7).unwrap();
            sender
        });
        assert_eq!(received, Some(7));
    });
}

/// The last sender goes while the receiver goes to wait.
#[test]
fn mpsc_last_sender_drop_x_recv() {
    explore("mpsc_last_sender_drop_x_recv", None, || {
        let (sender, mut receiver) = mpsc::channel::<i32>(1);
        let (received, ()) = race(receiver.recv(), move || drop(sender));
        assert_eq!(received, None);
    });
}

/// Two senders go at once, one of them after a last value: the value comes, then the end.
#[test]
fn mpsc_send_drop_x_drop_x_recv() {
    explore("mpsc_send_drop_x_drop_x_recv", Some(2), || {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let second = sender.clone();
        let first = side(move || sender.send(7).unwrap());
        let second = side(move || drop(second));
        let (woken, waker) = Woken::new();
        let early = poll(pin!(receiver.recv()), &waker);
        first.join().unwrap();
        second.join().unwrap();
        match early {
            Poll::Ready(value) => assert_eq!(value, Some(7), "the end came before the value"),
            Poll::Pending => assert_eq!(receiver.try_recv(), Ok(7)),
        }
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
        drop(woken);
    });
}

/// A sender goes to wait for a slot while the receiver releases it, without the lock.
#[test]
fn mpsc_send_waits_x_recv() {
    explore("mpsc_send_waits_x_recv", None, || {
        let (sender, mut receiver) = mpsc::channel(2);
        // A slot that is claimed: nothing goes through the hand.
        let permit = sender.try_reserve().unwrap();
        sender.try_send(1).unwrap();
        permit.send(2);
        // Both are fetched; the second is released, later, with no lock at all.
        assert_eq!(receiver.try_recv(), Ok(1));
        sender.try_send(3).unwrap();
        let (sent, mut receiver) = race(sender.send(4), move || {
            assert_eq!(receiver.try_recv(), Ok(2));
            receiver
        });
        assert_eq!(sent, Ok(()));
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(3), Ok(4)));
    });
}

/// A sender goes to wait for a slot while the receiver takes the value out of the hand, without the lock.
#[test]
fn mpsc_send_waits_x_recv_from_hand() {
    explore("mpsc_send_waits_x_recv_from_hand", None, || {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.try_send(1).unwrap();
        let (sent, mut receiver) = race(sender.send(2), move || {
            assert_eq!(receiver.try_recv(), Ok(1));
            receiver
        });
        assert_eq!(sent, Ok(()));
        assert_eq!(receiver.try_recv(), Ok(2));
    });
}

/// A value goes through the hand to a receiver that waits, and is polled at any time, woken or not.
#[test]
fn mpsc_hand_x_recv() {
    explore("mpsc_hand_x_recv", None, || {
        let (sender, mut receiver) = mpsc::channel(1);
        let (woken, waker) = Woken::new();
        let mut receiving = Box::pin(receiver.recv());
        assert!(poll(receiving.as_mut(), &waker).is_pending());
        let other = side(move || {
            sender.try_send(Box::new(7)).unwrap();
            sender
        });
        let early = poll(receiving.as_mut(), &waker);
        let sender = other.join().unwrap();
        let value = match early {
            Poll::Ready(value) => value,
            Poll::Pending => {
                assert!(woken.is(), "the wake is lost");
                let Poll::Ready(value) = poll(receiving.as_mut(), &waker) else { panic!("woken too early") };
                value
            }
        };
        assert_eq!(value, Some(Box::new(7)));
        drop(receiving);
        // The place is free again, and the slot.
        sender.try_send(Box::new(8)).unwrap();
        assert_eq!(receiver.try_recv(), Ok(Box::new(8)));
    });
}

/// The receiver that waits is polled by another task while a value comes: that one is woken, or has it.
#[test]
fn mpsc_hand_x_change_waker() {
    explore("mpsc_hand_x_change_waker", None, || {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let (_old, old_waker) = Woken::new();
        let (new, new_waker) = Woken::new();
        let mut receiving = pin!(receiver.recv());
        assert!(poll(receiving.as_mut(), &old_waker).is_pending());
        let other = side(move || {
            sender.send(Box::new(7)).unwrap();
            sender
        });
        let second = poll(receiving.as_mut(), &new_waker);
        let _sender = other.join().unwrap();
        if second.is_pending() {
            assert!(new.is(), "the wake is lost");
            assert_eq!(poll(receiving, &new_waker), Poll::Ready(Some(Box::new(7))));
        }
    });
}

/// A receive that waits is dropped while a value comes: its waker is dropped once, and the value stays.
#[test]
fn mpsc_hand_x_recv_drop() {
    explore("mpsc_hand_x_recv_drop", None, || {
        let (sender, mut receiver) = mpsc::channel(1);
        let (woken, waker) = Woken::new();
        let mut receiving = Box::pin(receiver.recv());
        assert!(poll(receiving.as_mut(), &waker).is_pending());
        drop(waker);
        let other = side(move || {
            sender.try_send(7).unwrap();
            sender
        });
        drop(receiving);
        let _sender = other.join().unwrap();
        assert_eq!(Arc::strong_count(&woken), 1, "a waker was left behind, or dropped twice");
        assert_eq!(receiver.try_recv(), Ok(7));
    });
}

/// Two send to a receiver that waits, one through the hand, the other by the lock: it is woken, both values come, and the
/// second of one sender behind its first.
#[test]
fn mpsc_hand_x_send_x_recv() {
    explore("mpsc_hand_x_send_x_recv", Some(2), || {
        let (sender, mut receiver) = mpsc::channel(3);
        let second = sender.clone();
        let (woken, waker) = Woken::new();
        let mut receiving = Box::pin(receiver.recv());
        assert!(poll(receiving.as_mut(), &waker).is_pending());
        let first = side(move || {
            sender.try_send(1).unwrap();
            sender.try_send(2).unwrap();
            sender
        });
        let second = side(move || {
            second.try_send(3).unwrap();
            second
        });
        let early = poll(receiving.as_mut(), &waker);
        let _senders = (first.join().unwrap(), second.join().unwrap());
        assert!(early.is_ready() || woken.is(), "the wake is lost");
        drop(receiving);
        let early = if let Poll::Ready(value) = early { value } else { None };
        let mut all: Vec<i32> = early.into_iter().collect();
        all.extend(std::iter::from_fn(|| receiver.try_recv().ok()));
        let of_first: Vec<i32> = all.iter().copied().filter(|&value| value < 3).collect();
        assert_eq!((all.len(), of_first), (3, vec![1, 2]));
    });
}

/// One sends through the hand, another claims a slot: a channel of one place is promised to one of them.
#[test]
fn mpsc_hand_x_reserve() {
    explore("mpsc_hand_x_reserve", None, || {
        let (sender, mut receiver) = mpsc::channel(1);
        let (_woken, waker) = Woken::new();
        let mut receiving = Box::pin(receiver.recv());
        assert!(poll(receiving.as_mut(), &waker).is_pending());
        let second = sender.clone();
        let other = side(move || second.try_reserve_owned().ok());
        let sent = sender.try_send(7).is_ok();
        let permit = other.join().unwrap();
        assert!(sent != permit.is_some(), "the one slot was given twice, or to nobody");
        drop((receiving, permit));
        assert_eq!(receiver.try_recv().is_ok(), sent);
    });
}

/// A value is sent by the lock, with a permit, while the receiver goes to wait.
#[test]
fn mpsc_permit_send_x_recv() {
    explore("mpsc_permit_send_x_recv", None, || {
        let (sender, mut receiver) = mpsc::channel(1);
        let permit = sender.clone().try_reserve_owned().unwrap();
        let (received, _sender) = race(receiver.recv(), move || permit.send(7));
        assert_eq!(received, Some(7));
        // All is quiet: by hand again.
        let (received, ()) = race(receiver.recv(), move || sender.try_send(8).unwrap());
        assert_eq!(received, Some(8));
    });
}

/// The last sender goes right after a value for a receiver that waits: the value comes, then the end.
#[test]
fn mpsc_hand_drop_x_recv() {
    explore("mpsc_hand_drop_x_recv", None, || {
        let (sender, mut receiver) = mpsc::channel(1);
        let (received, ()) = race(receiver.recv(), move || {
            sender.try_send(7).unwrap();
            drop(sender);
        });
        assert_eq!(received, Some(7));
        let (_woken, waker) = Woken::new();
        assert_eq!(poll(pin!(receiver.recv()), &waker), Poll::Ready(None));
    });
}

/// A receiver that waits is dropped while a value comes: value and waker are dropped once.
#[test]
fn mpsc_hand_x_receiver_drop() {
    explore("mpsc_hand_x_receiver_drop", None, || {
        let drops = Arc::new(Count::new(0));
        let (sender, mut receiver) = mpsc::channel(1);
        let (woken, waker) = Woken::new();
        assert!(receiver.poll_recv(&mut std::task::Context::from_waker(&waker)).is_pending());
        drop(waker);
        let item = Item(drops.clone());
        let other = side(move || {
            drop(sender.try_send(item));
            sender
        });
        drop(receiver);
        let _sender = other.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        assert_eq!(Arc::strong_count(&woken), 1, "a waker was left behind, or dropped twice");
    });
}

/// A sender that waits is dropped while its slot is released; another one waits: it is woken.
#[test]
fn mpsc_recv_x_send_drop() {
    explore("mpsc_recv_x_send_drop", None, || {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.try_send(0).unwrap();
        let (woken, waker) = Woken::new();
        let mut first = Box::pin(sender.send(1));
        let mut second = pin!(sender.send(2));
        assert!(poll(first.as_mut(), Waker::noop()).is_pending());
        assert!(poll(second.as_mut(), &waker).is_pending());
        let other = side(move || {
            assert_eq!(receiver.try_recv(), Ok(0));
            receiver
        });
        drop(first);
        let mut receiver = other.join().unwrap();
        assert!(woken.is(), "the turn is lost");
        assert_eq!(poll(second, &waker), Poll::Ready(Ok(())));
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(2), Err(TryRecvError::Empty)));
    });
}

/// The receiver is closed while a sender goes to wait and another value is sent: each is told, and nothing is lost.
#[test]
fn mpsc_send_x_close_x_recv() {
    explore("mpsc_send_x_close_x_recv", Some(2), || {
        let (sender, mut receiver) = mpsc::channel(1);
        let second = sender.clone();
        let other = side(move || second.try_send(1).is_ok());
        let (sent, mut receiver) = race(sender.send(2), move || {
            receiver.close();
            receiver
        });
        let first = other.join().unwrap();
        let received = std::iter::from_fn(|| receiver.try_recv().ok()).count();
        assert_eq!(received, usize::from(first) + usize::from(sent.is_ok()));
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// A permit is given back while the receiver of a closed channel waits for it.
#[test]
fn mpsc_permit_drop_x_closed_recv() {
    explore("mpsc_permit_drop_x_closed_recv", None, || {
        let (sender, mut receiver) = mpsc::channel::<i32>(1);
        let permit = sender.try_reserve_owned().unwrap();
        receiver.close();
        let (received, ()) = race(receiver.recv(), move || drop(permit));
        assert_eq!(received, None);
    });
}

/// A value is sent while the receiver is dropped: it is dropped once.
#[test]
fn mpsc_send_x_receiver_drop() {
    explore("mpsc_send_x_receiver_drop", None, || {
        let drops = Arc::new(Count::new(0));
        let (sender, receiver) = mpsc::unbounded_channel();
        let item = Item(drops.clone());
        let other = side(move || drop(sender.send(item)));
        drop(receiver);
        other.join().unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

/// A weak sender is upgraded while the last sender goes: a channel that has ended stays so.
#[test]
fn mpsc_upgrade_x_last_drop() {
    explore("mpsc_upgrade_x_last_drop", None, || {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let weak = sender.downgrade();
        let other = side(move || drop(sender));
        let upgraded = weak.upgrade();
        other.join().unwrap();
        let ended = receiver.try_recv();
        assert_eq!(ended == Err(TryRecvError::Disconnected), upgraded.is_none());
        if let Some(sender) = upgraded {
            sender.send(7).unwrap();
            assert_eq!(receiver.try_recv(), Ok(7));
        }
    });
}
