//! The state word of a shared task: every pair of what can happen to it.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering as StdOrdering;
use std::task::{Context, Poll, Waker};

use heist_core::sync::atomic::Ordering;

use super::{Output, Watch};
use crate::models::{Counter, Loop, check, side};
use crate::task::{Task, TaskFuture, TaskRef};

/// What one side does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    WakeByValue,
    WakeByRef,
    Cancel,
    /// Clones the waker, and drops the clone.
    CloneWaker,
    /// Polls the handle once.
    Join,
    /// Polls the handle twice, with the same waker.
    JoinAgain,
    DropHandle,
    /// A poll that returns Pending.
    Run,
    /// A poll that returns Ready.
    Complete,
}

use Event::{Cancel, CloneWaker, Complete, DropHandle, Join, JoinAgain, Run, WakeByRef, WakeByValue};

/// What a foreign side needs, and what is left of it.
struct Side {
    watch: Arc<Watch>,
    waker: Option<Waker>,
    task_ref: TaskRef,
    handle: Option<TaskFuture<Output>>,
    joined: Arc<Counter>,
    /// The handle gave the result.
    result: Option<bool>,
    waits: bool,
}

impl Side {
    fn new(watch: &Arc<Watch>, waker: &Waker, task: &Task<Output>) -> Self {
        Self {
            watch: watch.clone(),
            waker: Some(waker.clone()),
            task_ref: task.task_ref(),
            handle: None,
            joined: Arc::default(),
            result: None,
            waits: false,
        }
    }

    fn act(&mut self, event: Event) {
        match event {
            WakeByValue => {
                self.watch.wrote.store(1, Ordering::Relaxed);
                self.waker.take().unwrap().wake();
            }
            WakeByRef => {
                self.watch.wrote.store(1, Ordering::Relaxed);
                self.waker.as_ref().unwrap().wake_by_ref();
            }
            Cancel => {
                self.task_ref.cancel();
            }
            CloneWaker => drop(self.waker.clone()),
            Join => self.poll_handle(),
            JoinAgain => {
                self.poll_handle();
                self.poll_handle();
            }
            DropHandle => drop(self.handle.take()),
            Run | Complete => unreachable!("only the worker polls"),
        }
    }

    fn poll_handle(&mut self) {
        if self.result.is_some() {
            return;
        }
        let waker = Waker::from(self.joined.clone());
        let Some(handle) = self.handle.as_mut() else { return };
        match Pin::new(handle).poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => self.result = Some(result.is_ok()),
            Poll::Pending => self.waits = true,
        }
    }
}

/// `worker` on the thread that is worker 0 (or, for two foreign events, has not become it yet), `foreign` on another.
fn pair(name: &str, worker: Event, foreign: Event) {
    check(name, None, move || {
        let loop_ = Loop::new(false);
        let watch = Watch::new();
        let task = loop_.enter(|worker| worker.spawn(watch.future(), std::panic::Location::caller()));
        loop_.drain();
        let waker = watch.waker();
        let mut here = Side::new(&watch, &waker, &task);
        let mut there = Side::new(&watch, &waker, &task);
        if matches!(worker, Join | JoinAgain | DropHandle) {
            here.handle = Some(task.into_future());
        } else {
            there.handle = Some(task.into_future());
        }
        if matches!(worker, Run | Complete) {
            // Queued, so that there is something to poll.
            loop_.enter(|_| waker.wake_by_ref());
            watch.finish.store(worker == Complete, StdOrdering::Relaxed);
        }

        let other = side(move || {
            there.act(foreign);
            there
        });
        match worker {
            Run | Complete => loop_.drain(),
            event => here.act(event),
        }
        let mut there = other.join().unwrap();
        loop_.drain();

        let cancelled = worker == Cancel || foreign == Cancel;
        let woken = [WakeByValue, WakeByRef].iter().any(|&event| event == worker || event == foreign);
        let done = here.task_ref.done();
        assert_eq!(done, cancelled || worker == Complete, "ended exactly when it had to");
        if woken && !done {
            assert_eq!(watch.seen(), 1, "a wake was lost");
        }
        if !done {
            watch.finish.store(true, StdOrdering::Relaxed);
            waker.wake_by_ref();
            loop_.drain();
            assert!(here.task_ref.done(), "the last wake was lost");
        }
        for side in [&mut here, &mut there] {
            if side.waits && side.result.is_none() {
                assert_eq!(side.joined.wakes(), 1, "who awaits the task was not woken");
            }
            side.poll_handle();
            if side.handle.is_some() {
                assert!(side.result.is_some(), "a complete task gives its result");
            }
            if !cancelled {
                assert_ne!(side.result, Some(false), "nobody cancelled it");
            }
        }
        drop((here, there, waker));
        watch.assert_over();
        assert_eq!(loop_.held(), 0, "a reference leaked");
        loop_.close();
    });
}

macro_rules! pairs {
    ($($name:ident: $worker:ident, $foreign:ident;)*) => {
        $(
            #[test]
            fn $name() {
                pair(stringify!($name), $worker, $foreign);
            }
        )*
    };
}

pairs! {
    run_and_wake_by_value: Run, WakeByValue;
    run_and_wake_by_ref: Run, WakeByRef;
    run_and_cancel: Run, Cancel;
    run_and_clone: Run, CloneWaker;
    run_and_join: Run, Join;
    run_and_drop_handle: Run, DropHandle;
    complete_and_wake_by_value: Complete, WakeByValue;
    complete_and_wake_by_ref: Complete, WakeByRef;
    complete_and_cancel: Complete, Cancel;
    complete_and_clone: Complete, CloneWaker;
    complete_and_join: Complete, Join;
    complete_and_join_again: Complete, JoinAgain;
    complete_and_drop_handle: Complete, DropHandle;
    wake_by_value_and_wake_by_value: WakeByValue, WakeByValue;
    wake_by_value_and_wake_by_ref: WakeByValue, WakeByRef;
    wake_by_value_and_cancel: WakeByValue, Cancel;
    wake_by_value_and_join: WakeByValue, Join;
    wake_by_value_and_drop_handle: WakeByValue, DropHandle;
    wake_by_ref_and_wake_by_ref: WakeByRef, WakeByRef;
    wake_by_ref_and_cancel: WakeByRef, Cancel;
    wake_by_ref_and_join: WakeByRef, Join;
    wake_by_ref_and_drop_handle: WakeByRef, DropHandle;
    cancel_and_cancel: Cancel, Cancel;
    cancel_and_join: Cancel, Join;
    cancel_and_drop_handle: Cancel, DropHandle;
}

/// A walker of the registry, while a task ends and the handle that took its value goes, which is no read-modify-write: either the
/// walker's reference keeps the cell, or there is none.
#[test]
fn walk_and_last_release() {
    check("walk_and_last_release", None, || {
        let loop_ = Loop::new(false);
        let watch = Watch::new();
        let task = loop_.enter(|worker| worker.spawn(watch.future(), std::panic::Location::caller()));
        watch.finish.store(true, StdOrdering::Relaxed);
        let shared = loop_.shared.clone();
        let walker = side(move || {
            let mut held = Vec::new();
            // SAFETY: `each_task` hands over a counted reference.
            shared.each_task(|task| held.push(unsafe { TaskRef::from_raw(task) }));
        });
        loop_.drain();
        let mut handle = task.into_future();
        assert!(Pin::new(&mut handle).poll(&mut Context::from_waker(Waker::noop())).is_ready());
        drop(handle);
        walker.join().unwrap();
        watch.assert_over();
        assert_eq!(loop_.held(), 0, "a reference leaked, or was given back twice");
        loop_.close();
    });
}
