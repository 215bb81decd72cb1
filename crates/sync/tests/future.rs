//! asyncio's Future behaviours, by their numbers.
#![cfg(not(heist_loom))]

mod support;

use std::future::IntoFuture;
use std::task::Poll;

use heist_sync::future::{Future, FutureError};
use heist_sync::{CancelledError, InvalidStateError, create_future};
use support::{Hand, block_on};

#[test]
fn b060_new_is_neither_done_nor_cancelled_and_cancels_once() {
    let future = create_future::<i32>();
    assert_eq!((future.done(), future.cancelled()), (false, false));
    assert_eq!((future.cancel(), future.cancel()), (true, false));
    assert_eq!((future.done(), future.cancelled()), (true, true));
}

#[test]
fn b061_reading_a_pending_future_is_an_invalid_state() {
    let future = create_future::<i32>();
    assert!(matches!(future.result(), Err(FutureError::InvalidState(InvalidStateError::NotDone))));
    assert!(matches!(future.exception(), Err(FutureError::InvalidState(InvalidStateError::NotDone))));
}

#[test]
fn b062_it_is_completed_once() {
    let future = create_future();
    future.set_result(1).unwrap();
    assert_eq!(future.set_result(2), Err(InvalidStateError::AlreadyDone));
    assert_eq!(future.set_exception("late"), Err(InvalidStateError::AlreadyDone));
    assert!(!future.cancel());
    assert_eq!(future.result().unwrap(), 1);
}

#[test]
fn b063_result_and_exception_of_a_cancelled_future() {
    let future = create_future::<i32>();
    future.cancel_with("no time");
    let cancelled = CancelledError::new(Some("no time"));
    assert!(matches!(future.result(), Err(FutureError::Cancelled(error)) if error == cancelled));
    assert!(matches!(future.exception(), Err(FutureError::Cancelled(error)) if error == cancelled));
    assert_eq!(block_on(future.into_future()).unwrap_err().to_string(), "cancelled: no time");
}

#[test]
fn b064_an_error_comes_from_result_and_is_the_same_object_from_exception() {
    let future = create_future::<i32>();
    future.set_exception(std::io::Error::other("broken")).unwrap();
    let Err(FutureError::Exception(raised)) = future.result() else { panic!("no error") };
    let kept = future.exception().unwrap().unwrap();
    assert!(std::sync::Arc::ptr_eq(&raised, &kept));
    assert!(kept.downcast_ref::<std::io::Error>().is_some());
}

#[test]
fn b065_awaiting_a_done_future_does_not_suspend_and_can_be_repeated() {
    let future = create_future();
    future.set_result(7).unwrap();
    for _ in 0..2 {
        assert!(matches!(Hand::new((&future).into_future()).poll(), Poll::Ready(Ok(7))));
    }
    assert!(future.exception().unwrap().is_none());
}

#[test]
fn many_wait_and_each_gets_the_value_in_the_order_of_waiting() {
    let future = create_future();
    let mut waiting: Vec<_> = (0..100).map(|_| Hand::waiting(future.wait())).collect();
    waiting[50].cancel();
    assert_eq!(waiting[50].wakers_kept(), 0, "who gave up leaves nothing behind");
    future.set_result("v".to_owned()).unwrap();
    for (index, hand) in waiting.iter_mut().enumerate().filter(|&(index, _)| index != 50) {
        assert_eq!(hand.wakes(), 1, "waiter {index}");
        assert!(matches!(hand.poll(), Poll::Ready(Ok(value)) if value == "v"));
    }
}

#[test]
fn who_waits_learns_of_an_error_and_of_a_cancellation() {
    let (failed, cancelled) = (create_future::<i32>(), create_future::<i32>());
    let (mut first, mut second) = (Hand::waiting(failed.wait()), Hand::waiting(cancelled.wait()));
    failed.set_exception("broken").unwrap();
    cancelled.cancel();
    assert!(
        matches!(first.poll(), Poll::Ready(Err(FutureError::Exception(error))) if error.to_string() == "broken")
    );
    assert!(matches!(second.poll(), Poll::Ready(Err(FutureError::Cancelled(_)))));
}

/// The seed's program 000-5, with a thread for the other task.
#[test]
fn a_promise_filled_by_another_task() {
    async fn after(future: Future<&'static str>) {
        future.set_result("1").unwrap();
    }
    let future = create_future();
    let filler = future.clone();
    let thread = std::thread::spawn(move || block_on(after(filler)));
    assert_eq!(block_on(async { future.await }).unwrap(), "1");
    thread.join().unwrap();
}

#[test]
fn it_is_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Future<String>>();
    shared::<FutureError>();
}

#[test]
fn outside_of_a_loop_callbacks_are_called_by_who_completes_it() {
    let future = create_future();
    let (sender, receiver) = std::sync::mpsc::channel();
    for number in 0..3 {
        let sender = sender.clone();
        future.add_done_callback(move |future| {
            let late = sender.clone();
            // Not ahead of those that were registered before.
            future.add_done_callback(move |_| late.send((number + 10, 0)).unwrap());
            sender.send((number, future.result().unwrap())).unwrap();
        });
    }
    future.set_result(7).unwrap();
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [(0, 7), (1, 7), (2, 7), (10, 0), (11, 0), (12, 0)]);
    future.add_done_callback(move |_| sender.send((20, 0)).unwrap());
    assert_eq!(receiver.try_recv(), Ok((20, 0)));
}

#[test]
fn a_callback_that_panics_outside_of_a_loop_stops_nobody() {
    let future = create_future();
    let (sender, receiver) = std::sync::mpsc::channel();
    future.add_done_callback(|_| panic!("for the panic hook"));
    future.add_done_callback(move |_| sender.send(()).unwrap());
    future.set_result(()).unwrap();
    assert_eq!(receiver.try_recv(), Ok(()));
}
