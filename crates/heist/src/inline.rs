//! Several futures in one task: the first of them, or all. They may borrow, and run on one worker.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// Awaits several futures of one output in the current task, and gives that of the first that ends; the others are dropped.
/// They are polled in the order in which they stand, so of those that end together the first wins. Up to eight.
///
/// Nothing is spawned: the futures may borrow. What is dropped is what Rust drops: a task's handle lets its task run on.
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let slow = async { heist::sleep(Duration::from_secs(60)).await; "slow" };
///     let fast = async { heist::sleep(Duration::from_millis(1)).await; "fast" };
///     assert_eq!(heist::race!(slow, fast).await, "fast");
/// });
/// ```
#[macro_export]
macro_rules! race {
    ($($future:expr),+ $(,)?) => {
        $crate::__private::Race::race(($($future,)+))
    };
}

/// Awaits several futures in the current task, and gives all of their values as a tuple. Up to eight.
///
/// Nothing is spawned: the futures may borrow, and run one at a time. For tasks, which run side by side, see
/// [`gather!`](macro@crate::gather).
///
/// ```
/// heist::run(async {
///     let text = String::from("borrowed");
///     let (length, upper) = heist::join!(async { text.len() }, async { text.to_uppercase() }).await;
///     assert_eq!((length, &*upper), (8, "BORROWED"));
/// });
/// ```
#[macro_export]
macro_rules! join {
    ($($future:expr),+ $(,)?) => {
        $crate::__private::Join::join(($($future,)+))
    };
}

/// A tuple of futures with one output.
pub trait Race {
    /// What each of them gives.
    type Output;

    /// See [`race!`](macro@crate::race).
    fn race(self) -> impl Future<Output = Self::Output>;
}

/// A tuple of futures.
pub trait Join {
    /// What they give.
    type Output;

    /// See [`join!`](macro@crate::join).
    fn join(self) -> impl Future<Output = Self::Output>;
}

macro_rules! tuple {
    ($($name:ident $index:tt),+) => {
        impl<Out, $($name: IntoFuture<Output = Out>),+> Race for ($($name,)+) {
            type Output = Out;

            async fn race(self) -> Out {
                let mut futures = ($(pin!(self.$index.into_future()),)+);
                poll_fn(|cx| {
                    $(if let Poll::Ready(output) = futures.$index.as_mut().poll(cx) {
                        return Poll::Ready(output);
                    })+
                    Poll::Pending
                })
                .await
            }
        }

        impl<$($name: IntoFuture),+> Join for ($($name,)+) {
            type Output = ($($name::Output,)+);

            #[allow(non_snake_case, reason = "the types' names are at hand for the values")]
            async fn join(self) -> Self::Output {
                let mut futures = ($(pin!(self.$index.into_future()),)+);
                let mut outputs = ($(None::<$name::Output>,)+);
                poll_fn(|cx| {
                    let mut left = false;
                    $(if outputs.$index.is_none() {
                        match futures.$index.as_mut().poll(cx) {
                            Poll::Ready(output) => outputs.$index = Some(output),
                            Poll::Pending => left = true,
                        }
                    })+
                    if left {
                        return Poll::Pending;
                    }
                    match ($(outputs.$index.take(),)+) {
                        ($(Some($name),)+) => Poll::Ready(($($name,)+)),
                        _ => Poll::Pending,
                    }
                })
                .await
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
