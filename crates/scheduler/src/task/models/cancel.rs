//! The lone forwarder: the slot `awaits` of a task's header never names a cell that may be freed, and a request reaches the
//! task that is awaited, once.

use std::future::{Future, IntoFuture};
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering as StdOrdering;
use std::task::{Context, Poll};

use heist_core::sync::Mutex;

use super::{Output, Watch};
use crate::models::{Loop, check, side};
use crate::task::{Task, TaskFuture, TaskRef};

/// A handle that the waiting task polls in place, and that another thread can take away from it.
type Place = Arc<Mutex<Option<TaskFuture<Output>>>>;

/// Awaits the handle that lies in `place`, for as long as it does.
struct Waits(Place);

impl Future for Waits {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut place = self.0.lock();
        let Some(handle) = place.as_mut() else { return Poll::Pending };
        let polled = Pin::new(handle).poll(cx).map(drop);
        if polled.is_ready() {
            *place = None;
        }
        polled
    }
}

/// A loop with a task that awaits another, both at rest.
struct Scene {
    loop_: Loop,
    watch: Arc<Watch>,
    place: Place,
    waiter: Task<()>,
    target: TaskRef,
}

fn scene() -> Scene {
    let loop_ = Loop::new(false);
    let watch = Watch::new();
    let task = loop_.enter(|worker| worker.spawn(watch.future(), Location::caller()));
    let target = task.task_ref();
    let place: Place = Arc::new(Mutex::new(Some(task.into_future())));
    let waits = Waits(place.clone());
    let waiter = loop_.enter(|worker| worker.spawn(waits, Location::caller()));
    loop_.drain();
    assert_eq!(waiter.raw().awaited().as_ref(), Some(&target), "the header says whom it awaits");
    Scene { loop_, watch, place, waiter, target }
}

impl Scene {
    fn over(self) {
        let Scene { loop_, watch, place, waiter, target } = self;
        drop((place, waiter, target));
        loop_.drain();
        watch.assert_over();
        assert_eq!(loop_.held(), 0, "a reference leaked");
        loop_.close();
    }
}

/// A request to the waiting task, which its worker delivers, while another thread takes the handle away and drops it.
#[test]
fn deliver_and_drop_of_the_handle_elsewhere() {
    check("deliver_and_drop_of_the_handle_elsewhere", Some(2), || {
        let scene = scene();
        let place = scene.place.clone();
        let other = side(move || {
            let handle = place.lock().take();
            drop(handle);
        });
        scene.waiter.cancel();
        scene.loop_.drain();
        other.join().unwrap();
        scene.loop_.drain();
        // Either the target was asked in time, and the waiter waits for a handle that is gone; or the waiter was dropped.
        assert!(scene.target.cancelling() > 0 || scene.waiter.cancelled(), "the request got lost");
        scene.target.cancel();
        scene.waiter.cancel();
        scene.loop_.drain();
        scene.over();
    });
}

/// A look at who awaits whom by another thread, while the worker completes the awaited task.
#[test]
fn look_and_completion() {
    check("look_and_completion", Some(3), || {
        let scene = scene();
        let waiter = scene.waiter.task_ref();
        let other = side(move || {
            let found = waiter.awaited();
            found.map(|task| task.id())
        });
        scene.watch.finish.store(true, StdOrdering::Relaxed);
        let waker = scene.watch.waker();
        scene.loop_.enter(|_| waker.wake());
        scene.loop_.drain();
        let found = other.join().unwrap();
        assert!(found.is_none_or(|id| id == scene.target.id()), "the slot named another task");
        assert!(scene.waiter.done());
        scene.over();
    });
}

/// A look at who awaits whom, while another thread takes the handle away and drops the last reference to a task that has
/// ended.
#[test]
fn look_and_drop_of_the_handle_elsewhere() {
    check("look_and_drop_of_the_handle_elsewhere", Some(3), || {
        let scene = scene();
        let waiter = scene.waiter.task_ref();
        let place = scene.place.clone();
        let other = side(move || drop(place.lock().take()));
        drop(waiter.awaited());
        other.join().unwrap();
        assert!(waiter.awaited().is_none(), "a handle that is gone is not awaited");
        scene.target.cancel();
        scene.waiter.cancel();
        drop(waiter);
        scene.loop_.drain();
        scene.over();
    });
}

/// A request by another thread, while the worker completes the task.
#[test]
fn cancel_and_last_poll() {
    check("cancel_and_last_poll", None, || {
        let loop_ = Loop::new(false);
        let watch = Watch::new();
        watch.finish.store(true, StdOrdering::Relaxed);
        let mut task = loop_.enter(|worker| worker.spawn(watch.future(), Location::caller()));
        let target = task.task_ref();
        let other = side(move || target.cancel());
        loop_.drain();
        let asked = other.join().unwrap();
        loop_.drain();
        assert!(task.poll_done(&mut Context::from_waker(std::task::Waker::noop())).is_ready());
        assert_eq!(task.cancelled(), asked, "a request that was taken counts, and none other");
        drop(task);
        watch.assert_over();
        assert_eq!(loop_.held(), 0, "a reference leaked");
        loop_.close();
    });
}
