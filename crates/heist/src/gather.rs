//! Waiting for several tasks and taking their values in order; asyncio's `gather`.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use heist_scheduler::{Task, TaskError, TaskFuture, spawn};

/// Starts a task for each future and gives their values in order; asyncio's `gather`.
///
/// The tasks start at the call, in parallel. The first one that fails (panics or is cancelled) ends the wait with its
/// error at once; the others go on, as in asyncio. With [`return_exceptions`](Gather::return_exceptions) every task is
/// waited for.
///
/// ```
/// heist::run(async {
///     let squares = heist::gather((1..=3).map(|n: u32| async move { n * n })).await.unwrap();
///     assert_eq!(squares, [1, 4, 9]);
/// });
/// ```
///
/// # Panics
///
/// Outside of a running loop.
///
/// # Cancel safety
///
/// Dropping the wait leaves the tasks running.
#[track_caller]
pub fn gather<I>(futures: I) -> Gather<<I::Item as Future>::Output>
where
    I: IntoIterator,
    I::Item: Future + Send + 'static,
    <I::Item as Future>::Output: Send + 'static,
{
    let slots: Vec<_> =
        futures.into_iter().map(|future| Slot::Running(spawn(future).into_future())).collect();
    Gather { left: slots.len(), slots }
}

/// One task of a gather, then its output.
enum Slot<T> {
    Running(TaskFuture<T>),
    Ended(Result<T, TaskError>),
    Taken,
}

impl<T> Slot<T> {
    /// Polls the task, if it has not ended; `true` when it ends now.
    fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let Slot::Running(task) = self else { return false };
        match Pin::new(task).poll(cx) {
            Poll::Pending => false,
            Poll::Ready(output) => {
                *self = Slot::Ended(output);
                true
            }
        }
    }

    fn take(&mut self) -> Result<T, TaskError> {
        match std::mem::replace(self, Slot::Taken) {
            Slot::Ended(output) => output,
            _ => unreachable!("a gather takes each output once, after its task has ended"),
        }
    }
}

/// The future of [`gather`].
#[must_use = "futures do nothing unless awaited, but the gathered tasks run"]
pub struct Gather<T> {
    slots: Vec<Slot<T>>,
    left: usize,
}

impl<T> Unpin for Gather<T> {}

impl<T> fmt::Debug for Gather<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("tasks", &self.slots.len()).field("running", &self.left).finish()
    }
}

impl<T> Gather<T> {
    /// Waits for every task and gives each one's value or error; asyncio's `gather(..., return_exceptions=True)`.
    pub fn return_exceptions(self) -> GatherAll<T> {
        GatherAll(self)
    }

    /// Polls those that run; the index of one that ended with an error.
    fn advance(&mut self, cx: &mut Context<'_>) -> Option<usize> {
        let mut failed = None;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.poll(cx) {
                self.left -= 1;
                if failed.is_none() && matches!(slot, Slot::Ended(Err(_))) {
                    failed = Some(index);
                }
            }
        }
        failed
    }
}

impl<T> Future for Gather<T> {
    type Output = Result<Vec<T>, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(failed) = self.advance(cx) {
            let Err(error) = self.slots[failed].take() else { unreachable!("this slot failed") };
            return Poll::Ready(Err(error));
        }
        if self.left > 0 {
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut self.slots).iter_mut().map(Slot::take).collect())
    }
}

/// The future of [`Gather::return_exceptions`].
#[must_use = "futures do nothing unless awaited, but the gathered tasks run"]
#[derive(Debug)]
pub struct GatherAll<T>(Gather<T>);

impl<T> Future for GatherAll<T> {
    type Output = Vec<Result<T, TaskError>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let gather = &mut self.0;
        let _ = gather.advance(cx);
        if gather.left > 0 {
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut gather.slots).iter_mut().map(Slot::take).collect())
    }
}

/// Starts a task for each future and gives their values as a tuple, in order: asyncio's `gather` for futures of
/// different types.
///
/// ```
/// heist::run(async {
///     let (n, text) = heist::gather!(async { 7 }, async { "seven" }).await.unwrap();
///     assert_eq!((n, text), (7, "seven"));
/// });
/// ```
///
/// The tasks start when the macro is evaluated. The first one that fails ends the wait with its error; the others go on.
#[macro_export]
macro_rules! gather {
    ($($future:expr),+ $(,)?) => {
        $crate::__private::gather_tuple(($($crate::__private::Branch::new($crate::create_task($future)),)+))
    };
}

/// One future of [`gather!`](macro@crate::gather): a task, then its value.
#[derive(Debug)]
pub struct Branch<T> {
    task: Option<TaskFuture<T>>,
    value: Option<T>,
}

impl<T> Branch<T> {
    /// Wraps a task.
    pub fn new(task: Task<T>) -> Self {
        Self { task: Some(task.into_future()), value: None }
    }

    /// Polls the task if it has not ended.
    fn poll(&mut self, cx: &mut Context<'_>) -> Result<(), TaskError> {
        if let Some(task) = &mut self.task {
            if let Poll::Ready(output) = Pin::new(task).poll(cx) {
                self.task = None;
                self.value = Some(output?);
            }
        }
        Ok(())
    }
}

/// A tuple of [`Branch`]es.
pub trait Branches {
    /// The tuple of their values.
    type Output;

    /// Polls those that run.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Self::Output, TaskError>>;
}

macro_rules! branches {
    ($($name:ident $index:tt),+) => {
        impl<$($name),+> Branches for ($(Branch<$name>,)+) {
            type Output = ($($name,)+);

            fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Self::Output, TaskError>> {
                $(if let Err(error) = self.$index.poll(cx) { return Poll::Ready(Err(error)); })+
                if $(self.$index.value.is_none())||+ {
                    return Poll::Pending;
                }
                Poll::Ready(Ok(($(self.$index.value.take().expect("looked at above"),)+)))
            }
        }
    };
}

branches!(A 0);
branches!(A 0, B 1);
branches!(A 0, B 1, C 2);
branches!(A 0, B 1, C 2, D 3);
branches!(A 0, B 1, C 2, D 3, E 4);
branches!(A 0, B 1, C 2, D 3, E 4, F 5);
branches!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
branches!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
branches!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
branches!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
branches!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
branches!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);

/// The future of [`gather!`](macro@crate::gather).
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited, but the gathered tasks run"]
pub struct GatherTuple<B>(B);

/// Waits for a tuple of branches.
pub fn gather_tuple<B: Branches>(branches: B) -> GatherTuple<B> {
    GatherTuple(branches)
}

impl<B> Unpin for GatherTuple<B> {}

impl<B: Branches> Future for GatherTuple<B> {
    type Output = Result<B::Output, TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx)
    }
}
