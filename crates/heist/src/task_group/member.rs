//! What a task of a group runs: the future, whose failure is the group's.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use heist_scheduler::TaskError;
use heist_scheduler::task::{Body, Watcher};
use pin_project_lite::pin_project;

use super::state::{Group, watching};
use crate::group_error::GroupFailure;

/// What one who asks a task that came too late for its value is told.
const REFUSED: &str = "the task was not begun: its task group was shutting down or had finished";

pin_project! {
    /// A future in the cell of a group's task.
    pub(super) struct Member<F, E> {
        // `None` while this is being dropped.
        #[pin]
        future: Option<F>,
        waits: bool,
        group: Arc<Group<E>>,
        key: usize,
    }

    impl<F, E> PinnedDrop for Member<F, E> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // A task that is cancelled may panic in the drop of its future, which is its clean-up.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| this.future.set(None))) {
                this.group.failed(GroupFailure::Panicked(TaskError::panicked(payload)));
            }
        }
    }
}

impl<F, E: Send + 'static> Member<F, E> {
    pub(super) fn new(future: F, waits: bool, group: Arc<Group<E>>, key: usize) -> Self {
        Self { future: Some(future), waits, group, key }
    }
}

impl<F, T, E> Body for Member<F, E>
where
    F: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    type Output = T;
    type Watch = Watcher;

    fn poll_body(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, TaskError>> {
        let mut this = self.project();
        if *this.waits {
            if !this.group.may_begin(*this.key, cx.waker()) {
                return Poll::Pending;
            }
            *this.waits = false;
        }
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            unreachable!("a task's future goes with the task");
        };
        let polled = catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
        let (failure, error) = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(value))) => return Poll::Ready(Ok(value)),
            Ok(Poll::Ready(Err(error))) => (GroupFailure::Error(error), TaskError::reported()),
            Err(payload) => {
                let panic = TaskError::panicked(payload);
                let error = TaskError::reported_panic(panic.panic_message());
                (GroupFailure::Panicked(panic), error)
            }
        };
        this.group.failed(failure);
        Poll::Ready(Err(error))
    }

    fn watch(&mut self) -> Watcher {
        Watcher::new(watching(&self.group), self.key)
    }

    fn type_name() -> &'static str {
        std::any::type_name::<F>()
    }
}

/// What a task runs that came too late for its group: it says so, and ends.
pub(super) struct Refused<T>(std::marker::PhantomData<fn() -> T>);

impl<T> Refused<T> {
    pub(super) fn new() -> Self {
        Self(std::marker::PhantomData)
    }
}

impl<T> Body for Refused<T> {
    type Output = T;
    type Watch = ();

    fn poll_body(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<T, TaskError>> {
        Poll::Ready(Err(TaskError::refused(REFUSED)))
    }

    fn watch(&mut self) {}
}
