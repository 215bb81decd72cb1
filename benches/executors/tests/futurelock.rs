//! A task that keeps a future which waits for a lock, without polling it, and awaits something else: Oxide's RFD 609.

#![cfg(not(heist_loom))]

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use heist::{Lock, Semaphore};
use heist_executors::{Executor, on_each_executor};

/// Lets others run: any executor polls a future again that has woken itself.
async fn pause() {
    smol::future::yield_now().await;
}

/// Polls the first of two; gives up on it, but leaves it where it is, as soon as the other is ready.
async fn first_or_else<A: Future>(
    mut kept: Pin<&mut A>,
    other: impl Future<Output = ()>,
) -> Option<A::Output> {
    let mut other = pin!(other);
    poll_fn(|cx| match kept.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => other.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// The program: a task holds the lock for a while; another one waits for it, loses patience, keeps the future, and waits for
/// the lock by another one.
async fn rfd_609(executor: Executor) {
    let (lock, patience) = (Arc::new(Lock::new(0)), Arc::new(Semaphore::new(0)));
    let held = lock.lock().await;
    let impatient = {
        let (lock, patience) = (lock.clone(), patience.clone());
        executor.spawn(async move {
            let mut kept = pin!(lock.lock());
            let gave_up = async { patience.acquire().await.forget() };
            assert!(first_or_else(kept.as_mut(), gave_up).await.is_none(), "the lock is held");
            // `kept` stands in line before this one, and is not polled.
            *lock.lock().await += 1;
            *kept.await += 1;
        })
    };
    while lock.statistics().waiting < 1 {
        pause().await;
    }
    patience.release();
    while lock.statistics().waiting < 2 {
        pause().await;
    }
    let bystander = {
        let lock = lock.clone();
        executor.spawn(async move { *lock.lock().await += 1 })
    };
    while lock.statistics().waiting < 3 {
        pause().await;
    }
    drop(held);
    impatient.await.expect("the impatient task ends");
    bystander.await.expect("the bystander ends");
    assert_eq!(*lock.lock().await, 3);
}

#[test]
fn a_task_does_not_wait_for_a_lock_that_was_given_to_a_future_it_keeps() {
    on_each_executor(|executor| async move {
        // Elsewhere nothing says which futures are of one task.
        if matches!(executor, Executor::Heist | Executor::HeistCurrent) {
            rfd_609(executor).await;
        }
    });
}

/// What remains: the task awaits something else, so nobody asks in its name. The lock waits for it, as its statistics tell, and
/// goes on when the future is polled or dropped.
#[test]
fn a_lock_given_to_a_future_that_is_never_polled_waits_for_it() {
    let lock = Lock::new(());
    let mut cx = Context::from_waker(Waker::noop());
    let held = lock.lock_blocking();
    let mut kept = Box::pin(lock.lock());
    let mut bystander = pin!(lock.lock());
    assert!(kept.as_mut().poll(&mut cx).is_pending());
    assert!(bystander.as_mut().poll(&mut cx).is_pending());
    drop(held);
    for _ in 0..3 {
        assert!(bystander.as_mut().poll(&mut cx).is_pending(), "it is not its turn");
    }
    assert_eq!((lock.statistics().locked, lock.statistics().waiting), (true, 1));
    drop(kept);
    assert!(bystander.as_mut().poll(&mut cx).is_ready());
}
