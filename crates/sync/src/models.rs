//! loom models of the primitives; see `docs/design/sync.md`.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Count, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use heist_core::sync::atomic::AtomicBool;
use heist_core::sync::thread;

use crate::{Event, Queue, create_future, oneshot};

/// Runs `model` in all interleavings (within `bound` preemptions) and prints how many there were.
fn explore(name: &str, bound: Option<usize>, model: impl Fn() + Send + Sync + 'static) {
    let iterations = Arc::new(Count::new(0));
    let counted = iterations.clone();
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = bound;
    let started = std::time::Instant::now();
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let bound = bound.map_or("none".to_owned(), |bound| bound.to_string());
    let (n, ms) = (iterations.load(Ordering::Relaxed), started.elapsed().as_millis());
    println!("model {name}: bound {bound}, {n} iterations, {ms} ms");
}

/// A flag that a wake sets, as loom sees it.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Woken {
    fn new() -> (Arc<Self>, Waker) {
        let woken = Arc::new(Self(AtomicBool::new(false)));
        (woken.clone(), woken.into())
    }
    fn is(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

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
        let other = thread::spawn(move || sender.send(Box::new(7)).unwrap());
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
        let other = thread::spawn(move || sender.send(Box::new(7)).unwrap());
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
            let other = thread::spawn(move || drop(sender.send(item)));
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
        let other = thread::spawn(move || drop(sender));
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
        let other = thread::spawn(move || drop(sender));
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
        let other = thread::spawn(move || sender.send(Box::new(7)).unwrap());
        let second = poll(receiver.as_mut(), &new_waker);
        other.join().unwrap();
        if second.is_pending() {
            assert!(new.is(), "the wake is lost");
            assert!(poll(receiver, &new_waker).is_ready());
        }
    });
}

/// An item is put while a getter goes to wait.
#[test]
fn queue_get_x_put() {
    explore("queue_get_x_put", None, || {
        let queue = Queue::new();
        let putter = queue.clone();
        let other = thread::spawn(move || putter.put_nowait(7).unwrap());
        let (woken, waker) = Woken::new();
        let mut get = pin!(queue.get());
        let first = poll(get.as_mut(), &waker);
        other.join().unwrap();
        if first.is_pending() {
            assert!(woken.is(), "the wake is lost");
            assert!(matches!(poll(get, &waker), Poll::Ready(Ok(7))));
        }
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
        let other = thread::spawn(move || putter.put_nowait(7).unwrap());
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
        let other = thread::spawn(move || assert_eq!(getter.get_nowait(), Ok(0)));
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
            thread::spawn(move || queue.put_nowait(item).unwrap())
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
        let other = thread::spawn(move || closer.shutdown(false));
        let (woken, waker) = Woken::new();
        let mut get = pin!(queue.get());
        let first = poll(get.as_mut(), &waker);
        other.join().unwrap();
        if first.is_pending() {
            assert!(woken.is(), "the wake is lost");
            assert!(matches!(poll(get, &waker), Poll::Ready(Err(_))));
        }
    });
}

/// The last task is done while somebody goes to join.
#[test]
fn queue_task_done_x_join() {
    explore("queue_task_done_x_join", None, || {
        let queue = Queue::new();
        queue.put_nowait(1).unwrap();
        let worker = queue.clone();
        let other = thread::spawn(move || worker.task_done().unwrap());
        let (woken, waker) = Woken::new();
        let mut join = pin!(queue.join());
        let first = poll(join.as_mut(), &waker);
        other.join().unwrap();
        if first.is_pending() {
            assert!(woken.is(), "the wake is lost");
            assert!(poll(join, &waker).is_ready());
        }
    });
}

/// A result is set and the future cancelled at the same time, while somebody goes to wait: one of them wins, for all.
#[test]
fn future_set_x_cancel_x_wait() {
    explore("future_set_x_cancel_x_wait", Some(2), || {
        let future = create_future();
        let (setter, canceller) = (future.clone(), future.clone());
        let set = thread::spawn(move || setter.set_result(7).is_ok());
        let cancel = thread::spawn(move || canceller.cancel());
        let (woken, waker) = Woken::new();
        let mut wait = pin!(future.wait());
        let first = poll(wait.as_mut(), &waker);
        let (set, cancelled) = (set.join().unwrap(), cancel.join().unwrap());
        assert!(set != cancelled, "exactly one completes it");
        let outcome = match first {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                assert!(woken.is(), "the wake is lost");
                let Poll::Ready(outcome) = poll(wait, &waker) else { panic!("woken too early") };
                outcome
            }
        };
        assert_eq!(outcome.is_ok(), set);
    });
}

/// The event is set and cleared again while somebody goes to wait: who was in line is ready, who was not waits on.
#[test]
fn event_wait_x_set_clear() {
    explore("event_wait_x_set_clear", None, || {
        let event = heist_core::sync::Arc::new(Event::new());
        let setter = event.clone();
        let other = thread::spawn(move || {
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

/// A callback comes while the future is completed: each is called once, in the order of registration.
#[test]
fn future_add_callback_x_complete() {
    explore("future_add_callback_x_complete", None, || {
        let future = create_future::<u32>();
        // loom's lock, so that the order of its holders is explored.
        let called = Arc::new(heist_core::sync::Mutex::new(Vec::new()));
        let note = |number: u32| {
            let called = called.clone();
            move |future: &crate::future::Future<u32>| {
                assert_eq!(future.result().unwrap(), 7, "called before there is a result");
                called.lock().push(number);
            }
        };
        future.add_done_callback(note(0));
        let setter = future.clone();
        let other = thread::spawn(move || setter.set_result(7).unwrap());
        future.add_done_callback(note(1));
        other.join().unwrap();
        assert_eq!(*called.lock(), [0, 1], "lost, or out of order");
    });
}
