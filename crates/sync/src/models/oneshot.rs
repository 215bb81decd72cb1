//! The oneshot in the models.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Count, Ordering};
use std::task::Poll;

use heist_core::sync::model::side;

use super::{Woken, explore, poll};
use crate::oneshot;

/// Counts how often it is dropped without being taken apart.
struct Item(Arc<Count>);

impl Drop for Item {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A value is sent while the receiver is polled: it is there at once, or the receiver is woken for it.
#[test]
fn oneshot_poll_x_send() {
    explore("oneshot_poll_x_send", None, || {
        let (sender, receiver) = oneshot::channel();
        let other = side(move || sender.send(Box::new(7)).unwrap());
        let (woken, waker) = Woken::new();
        let mut receiver = pin!(receiver);
        let first = poll(receiver.as_mut(), &waker);
        other.join().unwrap();
        match first {
            Poll::Ready(value) => assert_eq!(*value.unwrap(), 7),
            Poll::Pending => {
                assert!(woken.is(), "the wake is lost");
                let Poll::Ready(value) = poll(receiver, &waker) else { panic!("woken too early") };
                assert_eq!(*value.unwrap(), 7);
            }
        }
    });
}

/// As above, polled until ready by a task that spins on its flag: the value is read and the cell freed while the sender
/// may still be in its last steps.
#[test]
fn oneshot_wait_x_send() {
    explore("oneshot_wait_x_send", None, || {
        let (sender, receiver) = oneshot::channel();
        let (woken, waker) = Woken::new();
        let mut receiver = pin!(receiver);
        assert!(poll(receiver.as_mut(), &waker).is_pending());
        let other = side(move || sender.send(Box::new(7)).unwrap());
        // Polled at any time, woken or not.
        let early = poll(receiver.as_mut(), &waker);
        if let Poll::Ready(value) = early {
            assert_eq!(*value.unwrap(), 7);
        } else {
            other.join().unwrap();
            assert!(woken.is());
            let Poll::Ready(value) = poll(receiver, &waker) else { panic!("woken too early") };
            assert_eq!(*value.unwrap(), 7);
            return;
        }
        other.join().unwrap();
    });
}

/// The receiver is dropped while a value is sent: the value is dropped once or comes back.
#[test]
fn oneshot_send_x_receiver_drop() {
    explore("oneshot_send_x_receiver_drop", None, || {
        for waits in [false, true] {
            let drops = Arc::new(Count::new(0));
            let item = Item(drops.clone());
            let (sender, receiver) = oneshot::channel();
            let (_woken, waker) = Woken::new();
            let mut receiver = Box::pin(receiver);
            if waits {
                assert!(poll(receiver.as_mut(), &waker).is_pending());
            }
            let other = side(move || drop(sender.send(item)));
            drop(receiver);
            other.join().unwrap();
            assert_eq!(drops.load(Ordering::Relaxed), 1);
        }
    });
}

/// The sender is dropped while the receiver is polled: the receiver learns of it.
#[test]
fn oneshot_sender_drop_x_poll() {
    explore("oneshot_sender_drop_x_poll", None, || {
        let (sender, receiver) = oneshot::channel::<Box<i32>>();
        let other = side(move || drop(sender));
        let (woken, waker) = Woken::new();
        let mut receiver = pin!(receiver);
        let first = poll(receiver.as_mut(), &waker);
        other.join().unwrap();
        if first.is_pending() {
            assert!(woken.is(), "the wake is lost");
            assert!(matches!(poll(receiver, &waker), Poll::Ready(Err(_))));
        }
    });
}

/// Both halves are dropped: one of them frees the cell.
#[test]
fn oneshot_drop_x_drop() {
    explore("oneshot_drop_x_drop", None, || {
        let (sender, receiver) = oneshot::channel::<Box<i32>>();
        let other = side(move || drop(sender));
        drop(receiver);
        other.join().unwrap();
    });
}

/// The receiver changes its waker while a value is sent: the last waker, or the value, is there.
#[test]
fn oneshot_change_waker_x_send() {
    explore("oneshot_change_waker_x_send", None, || {
        let (sender, receiver) = oneshot::channel();
        let (_old, old_waker) = Woken::new();
        let (new, new_waker) = Woken::new();
        let mut receiver = pin!(receiver);
        assert!(poll(receiver.as_mut(), &old_waker).is_pending());
        let other = side(move || sender.send(Box::new(7)).unwrap());
        let second = poll(receiver.as_mut(), &new_waker);
        other.join().unwrap();
        if second.is_pending() {
            assert!(new.is(), "the wake is lost");
            assert!(poll(receiver, &new_waker).is_ready());
        }
    });
}
