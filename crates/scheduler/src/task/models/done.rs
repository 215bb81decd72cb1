//! Done callbacks: each that is registered is called once, or taken back, whatever the registration falls beside.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering as StdOrdering};

use heist_core::callback_id::CallbackId;

use super::Watch;
use crate::models::{Loop, check, side};
use crate::task::TaskRef;

/// A loop with a task that the next drain polls for the last time, and a counter for its callbacks.
struct Scene {
    loop_: Loop,
    watch: Arc<Watch>,
    task: TaskRef,
    called: Arc<AtomicUsize>,
}

fn scene() -> Scene {
    let loop_ = Loop::new(false);
    let watch = Watch::new();
    watch.finish.store(true, StdOrdering::Relaxed);
    let task = loop_.enter(|worker| worker.spawn(watch.future(), Location::caller()));
    Scene { loop_, watch, task: task.task_ref(), called: Arc::default() }
}

fn register(task: &TaskRef, called: &Arc<AtomicUsize>, id: CallbackId) {
    let called = called.clone();
    let callback = Box::new(move |_: TaskRef| {
        called.fetch_add(1, StdOrdering::Relaxed);
    });
    task.raw().add_done_callback(id, callback, Location::caller());
}

impl Scene {
    fn called(&self) -> usize {
        self.called.load(StdOrdering::Relaxed)
    }

    fn over(self) {
        let Scene { loop_, watch, task, .. } = self;
        drop(task);
        loop_.drain();
        watch.assert_over();
        assert_eq!(loop_.held(), 0, "a reference leaked");
        loop_.close();
    }
}

/// A registration by another thread, while the worker completes the task and hands out the callback that it finds there.
/// Bounded, for all its orders take minutes.
#[test]
fn registration_and_completion() {
    check("registration_and_completion", Some(2), || {
        let scene = scene();
        register(&scene.task, &scene.called, CallbackId::new());
        let (task, called) = (scene.task.clone(), scene.called.clone());
        let other = side(move || register(&task, &called, CallbackId::new()));
        scene.loop_.drain();
        other.join().unwrap();
        scene.loop_.drain();
        assert_eq!(scene.called(), 2, "each callback is called once");
        scene.over();
    });
}

/// A callback is taken back by another thread, while the worker completes the task: it is called, or it was taken back.
#[test]
fn removal_and_completion() {
    check("removal_and_completion", None, || {
        let scene = scene();
        let id = CallbackId::new();
        register(&scene.task, &scene.called, id);
        let task = scene.task.clone();
        let other = side(move || task.raw().remove_done_callback(id));
        scene.loop_.drain();
        let removed = other.join().unwrap();
        scene.loop_.drain();
        assert_eq!(scene.called() + removed, 1, "called, or taken back");
        scene.over();
    });
}

/// Registered by one thread and taken back by another, while the worker completes the task.
#[test]
fn registration_and_removal_and_completion() {
    check("registration_and_removal_and_completion", Some(2), || {
        let scene = scene();
        let id = CallbackId::new();
        let (task, called) = (scene.task.clone(), scene.called.clone());
        let first = side(move || register(&task, &called, id));
        let task = scene.task.clone();
        let second = side(move || task.raw().remove_done_callback(id));
        scene.loop_.drain();
        first.join().unwrap();
        let removed = second.join().unwrap();
        scene.loop_.drain();
        assert_eq!(scene.called() + removed, 1, "called, or taken back");
        scene.over();
    });
}
