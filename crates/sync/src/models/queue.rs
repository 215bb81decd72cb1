//! The queue in the models.

use std::pin::pin;
use std::task::{Poll, Waker};

use heist_core::sync::model::side;

use super::{Woken, explore, poll, race};
use crate::Queue;

/// An item is put while a getter goes to wait.
#[test]
fn queue_get_x_put() {
    explore("queue_get_x_put", None, || {
        let queue = Queue::new();
        let putter = queue.clone();
        let (got, ()) = race(queue.get(), move || putter.put_nowait(7).unwrap());
        assert!(matches!(got, Ok(7)));
    });
}

/// A getter is dropped while an item is put for it; another one waits: it is woken.
#[test]
fn queue_put_x_get_drop() {
    explore("queue_put_x_get_drop", None, || {
        let queue = Queue::new();
        let (woken, waker) = Woken::new();
        let mut first = Box::pin(queue.get());
        let mut second = pin!(queue.get());
        assert!(poll(first.as_mut(), Waker::noop()).is_pending());
        assert!(poll(second.as_mut(), &waker).is_pending());
        let putter = queue.clone();
        let other = side(move || putter.put_nowait(7).unwrap());
        drop(first);
        other.join().unwrap();
        assert!(woken.is(), "the turn is lost");
        assert!(matches!(poll(second, &waker), Poll::Ready(Ok(7))));
    });
}

/// A putter is dropped while a slot becomes free for it; another one waits: it is woken.
#[test]
fn queue_get_x_put_drop() {
    explore("queue_get_x_put_drop", None, || {
        let queue = Queue::bounded(1);
        queue.put_nowait(0).unwrap();
        let (woken, waker) = Woken::new();
        let mut first = Box::pin(queue.put(1));
        let mut second = pin!(queue.put(2));
        assert!(poll(first.as_mut(), Waker::noop()).is_pending());
        assert!(poll(second.as_mut(), &waker).is_pending());
        let getter = queue.clone();
        let other = side(move || assert_eq!(getter.get_nowait(), Ok(0)));
        drop(first);
        other.join().unwrap();
        assert!(woken.is(), "the turn is lost");
        assert!(poll(second, &waker).is_ready());
        assert_eq!(queue.get_nowait(), Ok(2));
    });
}

/// Two items are put on two threads for two getters of which the first is dropped: nothing is lost.
#[test]
fn queue_put_x_put_x_get_drop() {
    explore("queue_put_x_put_x_get_drop", Some(2), || {
        let queue = Queue::new();
        let (woken, waker) = Woken::new();
        let mut first = Box::pin(queue.get());
        let mut second = pin!(queue.get());
        assert!(poll(first.as_mut(), Waker::noop()).is_pending());
        assert!(poll(second.as_mut(), &waker).is_pending());
        let putters = [1, 2].map(|item| {
            let queue = queue.clone();
            side(move || queue.put_nowait(item).unwrap())
        });
        drop(first);
        for putter in putters {
            putter.join().unwrap();
        }
        assert!(woken.is());
        let Poll::Ready(Ok(item)) = poll(second, &waker) else { panic!("an item is lost") };
        assert_eq!(item + queue.get_nowait().unwrap(), 3);
    });
}

/// The queue is shut down while a getter goes to wait.
#[test]
fn queue_shutdown_x_get() {
    explore("queue_shutdown_x_get", None, || {
        let queue = Queue::<i32>::new();
        let closer = queue.clone();
        let (got, ()) = race(queue.get(), move || closer.shutdown(false));
        assert!(got.is_err());
    });
}

/// The last task is done while somebody goes to join.
#[test]
fn queue_task_done_x_join() {
    explore("queue_task_done_x_join", None, || {
        let queue = Queue::new();
        queue.put_nowait(1).unwrap();
        let worker = queue.clone();
        let ((), ()) = race(queue.join(), move || worker.task_done().unwrap());
        assert_eq!(queue.statistics().unfinished, 0);
    });
}
