//! The future of a task group: runs the body, then waits for the tasks, then decides what it all comes to.

use std::any::Any;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use heist_core::CancelledError;
use heist_core::scope::{Scope, Watch, ask_later, raise};
use heist_scheduler::{Handle, TaskError};
use pin_project_lite::pin_project;

use super::state::Group;
use crate::group_error::{GroupError, GroupFailure};

/// How the body ended.
enum Ended<T, E> {
    Value(T),
    Error(E),
    Cancelled,
    Panicked(Box<dyn Any + Send>),
}

/// Waits for the tasks.
struct Empty<E> {
    group: Arc<Group<E>>,
    /// Says so in the graph of who awaits whom.
    watch: Watch,
}

impl<E> Empty<E> {
    fn of(group: &Arc<Group<E>>) -> Scope<Self> {
        Scope::new(Self { group: group.clone(), watch: Watch::new() })
    }
}

impl<E: Send + 'static> Future for Empty<E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let ended = this.group.poll_empty(cx.waker());
        match ended {
            Poll::Pending => this.watch.pending(|| this.group.clone()),
            Poll::Ready(()) => this.watch.done(),
        }
        ended
    }
}

pin_project! {
    /// The future of a task group.
    pub(super) struct Run<B, T, E> {
        // Until it has ended.
        #[pin]
        body: Option<Scope<B>>,
        // From then on.
        #[pin]
        empty: Option<Scope<Empty<E>>>,
        ended: Option<Ended<T, E>>,
        // The cancellation that came from outside of the group.
        outside: Option<CancelledError>,
        // It was passed on: this never ends.
        raised: bool,
        entered: bool,
        group: Arc<Group<E>>,
    }

    impl<B, T, E> PinnedDrop for Run<B, T, E> {
        fn drop(this: Pin<&mut Self>) {
            this.group.abandon();
        }
    }
}

impl<B, T, E> Run<B, T, E> {
    pub(super) fn new(body: B, group: Arc<Group<E>>) -> Self {
        let body = Some(Scope::new(body));
        Self { body, empty: None, ended: None, outside: None, raised: false, entered: false, group }
    }
}

impl<B, T, E> Future for Run<B, T, E>
where
    B: Future<Output = Result<T, E>>,
    E: Send + 'static,
{
    type Output = Result<T, GroupError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if *this.raised {
            return Poll::Pending;
        }
        if !std::mem::replace(this.entered, true) {
            let Some(handle) = Handle::current() else {
                panic!(
                    "task_group was awaited outside of a running event loop: await it in a future that \
                     `heist::run` runs"
                );
            };
            this.group.enter(handle);
        }
        if let Some(body) = this.body.as_mut().as_pin_mut() {
            let ended = ready!(poll_body(body, this.group, this.outside, cx));
            // What has panicked may panic again when it is dropped: the first panic is the one to go on with.
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| this.body.set(None))) {
                discard(payload);
            }
            this.group.exit(!matches!(ended, Ended::Value(_)));
            *this.ended = Some(ended);
            this.empty.set(Some(Empty::of(this.group)));
        }
        while let Some(empty) = this.empty.as_mut().as_pin_mut() {
            let waited = ready!(empty.poll(cx));
            this.empty.set(None);
            if let Err(error) = waited {
                // The first one counts; a further one finds the tasks cancelled already, and they are waited for all the same.
                this.outside.get_or_insert(error);
                this.group.abort();
                this.empty.set(Some(Empty::of(this.group)));
            }
        }
        let Some(ended) = this.ended.take() else {
            panic!("a task group was polled after it had ended");
        };
        let outcome = decide(ended, this.group, this.outside.take());
        match outcome {
            Outcome::Ended(result) => Poll::Ready(result),
            Outcome::Cancelled(error) => {
                *this.raised = raise(error);
                Poll::Pending
            }
        }
    }
}

/// Polls the body, and cancels it when the early end has begun.
fn poll_body<B, T, E>(
    mut body: Pin<&mut Scope<B>>,
    group: &Arc<Group<E>>,
    outside: &mut Option<CancelledError>,
    cx: &mut Context<'_>,
) -> Poll<Ended<T, E>>
where
    B: Future<Output = Result<T, E>>,
{
    if group.look(cx.waker()) && !body.is_cancelled() {
        body.as_mut().cancel(&CancelledError::default());
    }
    Poll::Ready(match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(cx))) {
        Ok(Poll::Pending) => return Poll::Pending,
        Ok(Poll::Ready(Ok(Ok(value)))) => Ended::Value(value),
        Ok(Poll::Ready(Ok(Err(error)))) => Ended::Error(error),
        Ok(Poll::Ready(Err(error))) => {
            // The group's own request ends here; any other goes on.
            if !body.is_cancelled() || body.asked_from_outside() {
                *outside = Some(error);
            }
            Ended::Cancelled
        }
        Err(payload) => Ended::Panicked(payload),
    })
}

/// What a group comes to.
enum Outcome<T, E> {
    Ended(Result<T, GroupError<E>>),
    Cancelled(CancelledError),
}

/// All is over. In order of precedence: a panic of the body, errors, a cancellation from outside, the body's value, the
/// group's own early end.
fn decide<T, E: 'static>(
    ended: Ended<T, E>,
    group: &Group<E>,
    outside: Option<CancelledError>,
) -> Outcome<T, E> {
    let mut failures = group.take_failures();
    let value = match ended {
        Ended::Value(value) => Some(value),
        Ended::Cancelled => None,
        Ended::Error(error) => {
            if failures.is_empty() || !is_of_a_task(&error) {
                failures.push(GroupFailure::Error(error));
            }
            None
        }
        Ended::Panicked(payload) => {
            failures.iter().for_each(|failure| group.report(failure));
            resume_unwind(payload);
        }
    };
    if !failures.is_empty() {
        // asyncio: the errors first; the cancellation is not lost, and comes at the next suspension.
        if let Some(error) = outside {
            ask_later(error);
        }
        return Outcome::Ended(Err(GroupError::new(failures)));
    }
    match (outside, value) {
        (Some(error), _) => Outcome::Cancelled(error),
        (None, Some(value)) => Outcome::Ended(Ok(value)),
        (None, None) => Outcome::Ended(Err(GroupError::new(Vec::new()))),
    }
}

/// Whether a body's error is that of a task whose own error the group has: a body that awaits a task in the very moment in
/// which it fails may see it before it is interrupted.
fn is_of_a_task<E: 'static>(error: &E) -> bool {
    let error: &dyn Any = error;
    // What `?` makes of it.
    let boxed =
        || error.downcast_ref::<Box<dyn std::error::Error + Send + Sync>>()?.downcast_ref::<TaskError>();
    let in_io = || error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<TaskError>();
    error.downcast_ref::<TaskError>().or_else(boxed).or_else(in_io).is_some_and(TaskError::is_reported)
}

/// Drops the payload of a panic that another one comes before; one that panics in its turn is leaked.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(again);
    }
}
