//! The tasks of a gather whose futures give a `Result`: what their `Ok`s are together, and which of them has failed.

use heist_scheduler::{Task, TaskError};

use super::TryGatherError;
use super::children::{Children, outcome};

/// The tasks of a [`TryGather`](crate::TryGather): a vector, or a tuple of up to twelve, all with one type of error.
///
/// ```
/// use heist::{TryChildren, TryGather};
///
/// fn is_over<C: TryChildren>(gather: &TryGather<C>) -> bool {
///     gather.done()
/// }
/// heist::run(async {
///     let waits = std::future::pending::<Result<u32, String>>();
///     assert!(!is_over(&heist::try_gather!(waits, async { Ok("two") })));
/// });
/// ```
pub trait TryChildren: Children {
    /// The values of their `Ok`s, in order.
    type Oks;
    /// Of their `Err`s.
    type Error;

    /// Whether this task has failed: by an `Err` or a panic, or, `or_cancelled`, because it was cancelled.
    #[doc(hidden)]
    fn has_failed(&self, index: usize, or_cancelled: bool) -> bool;
    /// The error of one that has failed; nobody is told of later failures of the others.
    #[doc(hidden)]
    fn try_failure(self, index: usize) -> TryGatherError<Self::Error>;
    #[doc(hidden)]
    fn oks(self) -> Result<Self::Oks, TryGatherError<Self::Error>>;
}

/// Whether a task has failed by an `Err` or a panic, or, `or_cancelled`, was cancelled.
fn has_failed<T, E>(task: &Task<Result<T, E>>, or_cancelled: bool) -> bool {
    match task.exception() {
        Ok(Some(error)) => or_cancelled || !error.is_cancelled(),
        Ok(None) => task.result().is_ok_and(Result::is_err),
        Err(_) => false,
    }
}

fn ok<T, E>(task: Task<Result<T, E>>) -> Result<T, TryGatherError<E>> {
    outcome(task).map_err(TryGatherError::Task)?.map_err(TryGatherError::Err)
}

fn failure<T, E>(task: Task<Result<T, E>>) -> TryGatherError<E> {
    match ok(task) {
        Err(error) => error,
        Ok(_) => TryGatherError::Task(TaskError::refused("the task has not failed")),
    }
}

impl<T, E> TryChildren for Vec<Task<Result<T, E>>> {
    type Oks = Vec<T>;
    type Error = E;

    fn has_failed(&self, index: usize, or_cancelled: bool) -> bool {
        has_failed(&self[index], or_cancelled)
    }

    fn try_failure(mut self, index: usize) -> TryGatherError<E> {
        let failed = self.swap_remove(index);
        self.iter().for_each(Task::ignore_failure);
        failure(failed)
    }

    fn oks(self) -> Result<Vec<T>, TryGatherError<E>> {
        self.into_iter().map(ok).collect()
    }
}

macro_rules! tuple {
    ($($name:ident $index:tt),+) => {
        impl<$($name,)+ Err> TryChildren for ($(Task<Result<$name, Err>>,)+) {
            type Oks = ($($name,)+);
            type Error = Err;

            fn has_failed(&self, index: usize, or_cancelled: bool) -> bool {
                match index {
                    $($index => has_failed(&self.$index, or_cancelled),)+
                    _ => false,
                }
            }

            fn try_failure(self, index: usize) -> TryGatherError<Err> {
                $(if index != $index {
                    self.$index.ignore_failure();
                })+
                match index {
                    $($index => failure(self.$index),)+
                    _ => TryGatherError::Task(TaskError::refused("there is no such task")),
                }
            }

            fn oks(self) -> Result<Self::Oks, TryGatherError<Err>> {
                Ok(($(ok(self.$index)?,)+))
            }
        }
    };
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
