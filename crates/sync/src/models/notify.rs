//! Notify, the read-write lock and the cell in the models.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use heist_core::sync::atomic::{AtomicBool, Ordering};
use heist_core::sync::model::side;

use super::{Woken, explore, poll};
use crate::{Notify, OnceCell, RwLock};

/// One is dropped while it is notified: the other has the notification.
#[test]
fn notify_one_x_drop() {
    explore("notify_one_x_drop", None, || {
        let notify = Arc::new(Notify::new());
        let (woken, waker) = Woken::new();
        let mut first = Box::pin(notify.notified());
        let mut second = pin!(notify.notified());
        assert!(poll(first.as_mut(), Waker::noop()).is_pending());
        assert!(poll(second.as_mut(), &waker).is_pending());
        let other = notify.clone();
        let other = side(move || other.notify_one());
        drop(first);
        other.join().unwrap();
        assert!(woken.is(), "the notification is lost");
        assert!(poll(second, &waker).is_ready());
    });
}

/// Somebody goes to wait while another notifies: the notification is kept, or wakes them.
#[test]
fn notified_x_notify_one() {
    explore("notified_x_notify_one", None, || {
        let notify = Arc::new(Notify::new());
        let other = notify.clone();
        let other = side(move || other.notify_one());
        let (woken, waker) = Woken::new();
        let mut wait = pin!(notify.notified());
        let first = poll(wait.as_mut(), &waker);
        other.join().unwrap();
        if first.is_pending() {
            assert!(woken.is(), "the wake is lost");
            assert!(poll(wait, &waker).is_ready());
        }
        assert!(poll(pin!(notify.notified()), Waker::noop()).is_pending(), "used once");
    });
}

/// Who finds its notification sees what was done before it.
#[test]
fn notified_sees_what_came_before() {
    explore("notified_sees_what_came_before", None, || {
        let (notify, done) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let mut wait = pin!(notify.notified());
        assert!(poll(wait.as_mut(), Waker::noop()).is_pending());
        let (other, doing) = (notify.clone(), done.clone());
        let other = side(move || {
            doing.store(true, Ordering::Relaxed);
            other.notify_one();
        });
        if poll(wait.as_mut(), Waker::noop()).is_ready() {
            assert!(done.load(Ordering::Relaxed), "notified before it was done");
        }
        other.join().unwrap();
    });
}

/// A writer that waits is dropped while the reader unlocks: the reader behind it reads, and sees what was written.
#[test]
fn rwlock_unlock_x_writer_drop() {
    explore("rwlock_unlock_x_writer_drop", None, || {
        let lock = Arc::new(RwLock::new(0));
        let mut guard = lock.try_write_owned().unwrap();
        *guard = 7;
        let (woken, waker) = Woken::new();
        let mut writer = Box::pin(lock.write());
        let mut reader = pin!(lock.read());
        assert!(poll(writer.as_mut(), Waker::noop()).is_pending());
        assert!(poll(reader.as_mut(), &waker).is_pending());
        let other = side(move || drop(guard));
        drop(writer);
        let early = poll(reader.as_mut(), &waker);
        other.join().unwrap();
        let guard = match early {
            Poll::Ready(guard) => guard,
            Poll::Pending => {
                assert!(woken.is(), "the wake is lost");
                let Poll::Ready(guard) = poll(reader, &waker) else { panic!("woken too early") };
                guard
            }
        };
        assert_eq!(*guard, 7);
    });
}

/// Who makes the value is dropped while another waits for it: the other makes it.
#[test]
fn once_cell_wait_x_maker_drop() {
    explore("once_cell_wait_x_maker_drop", None, || {
        let cell = Arc::new(OnceCell::new());
        let making = cell.clone();
        let mut maker = Box::pin(async move {
            making.get_or_init(std::future::pending::<u32>).await;
        });
        assert!(poll(maker.as_mut(), Waker::noop()).is_pending());
        let other = side(move || drop(maker));
        let (woken, waker) = Woken::new();
        let mut wait = pin!(cell.get_or_init(|| std::future::ready(7)));
        let first = poll(wait.as_mut(), &waker);
        other.join().unwrap();
        if first.is_pending() {
            assert!(woken.is(), "the turn is lost");
            assert!(poll(wait, &waker).is_ready());
        }
        assert_eq!(cell.get(), Some(&7));
    });
}
