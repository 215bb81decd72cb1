//! The tasks of a gather: all of one type, or a tuple.

use heist_core::CancelledError;
use heist_scheduler::{Countdown, Start, Task, TaskError, TaskRef};

/// The tasks of a [`Gather`](crate::Gather): a vector, or a tuple of up to twelve.
///
/// ```
/// use heist::{Children, Gather};
///
/// fn is_over<C: Children>(gather: &Gather<C>) -> bool {
///     gather.done()
/// }
/// heist::run(async {
///     assert!(!is_over(&heist::gather!(std::future::pending::<u32>(), async { "two" })));
/// });
/// ```
pub trait Children: sealed::Sealed {
    /// What they give, in order.
    type Values;
    /// How each of them ended, in order.
    type Outcomes;
    /// What they are made of.
    type Starts: Starts<Children = Self>;

    #[doc(hidden)]
    fn count(&self) -> usize;
    #[doc(hidden)]
    fn watch(&self, countdown: &mut Countdown);
    #[doc(hidden)]
    fn refs(&self) -> Vec<TaskRef>;
    #[doc(hidden)]
    fn cancel(&self, countdown: &Countdown, error: &CancelledError);
    /// Waits no more for the cancelled closures among them.
    #[doc(hidden)]
    fn give_up(&self, countdown: &Countdown);
    /// The error of one that has failed; nobody is told of later failures of the others.
    #[doc(hidden)]
    fn failure(self, index: usize) -> TaskError;
    /// The first that has panicked.
    #[doc(hidden)]
    fn panicked(&self) -> Option<usize>;
    #[doc(hidden)]
    fn values(self) -> Result<Self::Values, TaskError>;
    #[doc(hidden)]
    fn outcomes(self) -> Self::Outcomes;
}

/// Tasks that run, or are to be made when a loop runs.
///
/// ```
/// use heist::{Children, Starts, Task};
///
/// fn is_of<S: Starts<Children = C>, C: Children<Starts = S>>() -> &'static str {
///     std::any::type_name::<C>()
/// }
/// assert_eq!(is_of::<_, Vec<Task<u32>>>(), std::any::type_name::<Vec<Task<u32>>>());
/// ```
pub trait Starts: sealed::Sealed {
    /// The tasks.
    type Children: Children<Starts = Self>;

    #[doc(hidden)]
    fn count(&self) -> usize;
    #[doc(hidden)]
    fn all_run(&self) -> bool;
    /// Makes those that are yet to be made.
    #[doc(hidden)]
    fn begin(self) -> Self::Children;
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for Vec<super::Task<T>> {}
    impl<T> Sealed for Vec<super::Start<T>> {}
}

impl<T> Starts for Vec<Start<T>> {
    type Children = Vec<Task<T>>;

    fn count(&self) -> usize {
        self.len()
    }

    fn all_run(&self) -> bool {
        self.iter().all(Start::is_task)
    }

    fn begin(self) -> Vec<Task<T>> {
        self.into_iter().map(Start::into_task).collect()
    }
}

/// How a task ended that has.
pub(super) fn outcome<T>(task: Task<T>) -> Result<T, TaskError> {
    task.into_outcome().unwrap_or_else(|_| Err(TaskError::refused("the task has not ended")))
}

fn has_panicked<T>(task: &Task<T>) -> bool {
    task.exception().is_ok_and(|error| error.is_some_and(|error| !error.is_cancelled()))
}

fn error<T>(task: Task<T>) -> TaskError {
    match outcome(task) {
        Err(error) => error,
        Ok(_) => TaskError::refused("the task has not failed"),
    }
}

impl<T> Children for Vec<Task<T>> {
    type Values = Vec<T>;
    type Outcomes = Vec<Result<T, TaskError>>;
    type Starts = Vec<Start<T>>;

    fn count(&self) -> usize {
        self.len()
    }

    fn watch(&self, countdown: &mut Countdown) {
        for task in self {
            countdown.add(task);
        }
    }

    fn refs(&self) -> Vec<TaskRef> {
        self.iter().map(Task::task_ref).collect()
    }

    fn cancel(&self, countdown: &Countdown, error: &CancelledError) {
        for task in self {
            countdown.cancel(task, error);
        }
    }

    fn give_up(&self, countdown: &Countdown) {
        for task in self {
            countdown.give_up(task);
        }
    }

    fn failure(mut self, index: usize) -> TaskError {
        let failed = self.swap_remove(index);
        self.iter().for_each(Task::ignore_failure);
        error(failed)
    }

    fn panicked(&self) -> Option<usize> {
        self.iter().position(has_panicked)
    }

    fn values(self) -> Result<Vec<T>, TaskError> {
        self.into_iter().map(outcome).collect()
    }

    fn outcomes(self) -> Vec<Result<T, TaskError>> {
        self.into_iter().map(outcome).collect()
    }
}

macro_rules! tuple {
    ($count:literal: $($name:ident $index:tt),+) => {
        impl<$($name),+> sealed::Sealed for ($(Task<$name>,)+) {}
        impl<$($name),+> sealed::Sealed for ($(Start<$name>,)+) {}

        impl<$($name),+> Starts for ($(Start<$name>,)+) {
            type Children = ($(Task<$name>,)+);

            fn count(&self) -> usize {
                $count
            }

            fn all_run(&self) -> bool {
                $(self.$index.is_task())&&+
            }

            fn begin(self) -> Self::Children {
                ($(self.$index.into_task(),)+)
            }
        }

        impl<$($name),+> Children for ($(Task<$name>,)+) {
            type Values = ($($name,)+);
            type Outcomes = ($(Result<$name, TaskError>,)+);
            type Starts = ($(Start<$name>,)+);

            fn count(&self) -> usize {
                $count
            }

            fn watch(&self, countdown: &mut Countdown) {
                $(countdown.add(&self.$index);)+
            }

            fn refs(&self) -> Vec<TaskRef> {
                vec![$(self.$index.task_ref()),+]
            }

            fn cancel(&self, countdown: &Countdown, error: &CancelledError) {
                $(countdown.cancel(&self.$index, error);)+
            }

            fn give_up(&self, countdown: &Countdown) {
                $(countdown.give_up(&self.$index);)+
            }

            fn failure(self, index: usize) -> TaskError {
                $(if index != $index {
                    self.$index.ignore_failure();
                })+
                match index {
                    $($index => error(self.$index),)+
                    _ => TaskError::refused("there is no such task"),
                }
            }

            fn panicked(&self) -> Option<usize> {
                $(if has_panicked(&self.$index) {
                    return Some($index);
                })+
                None
            }

            fn values(self) -> Result<Self::Values, TaskError> {
                Ok(($(outcome(self.$index)?,)+))
            }

            fn outcomes(self) -> Self::Outcomes {
                ($(outcome(self.$index),)+)
            }
        }
    };
}

tuple!(1: A 0);
tuple!(2: A 0, B 1);
tuple!(3: A 0, B 1, C 2);
tuple!(4: A 0, B 1, C 2, D 3);
tuple!(5: A 0, B 1, C 2, D 3, E 4);
tuple!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple!(12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
