//! Futures of threads, and their wrapping for the loop.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use heist::{InvalidStateError, ThreadFuture, ThreadFutureError, ThreadPoolExecutor, wrap_future};

use crate::common::{gate, pass};
use crate::support::in_real_time;

#[test]
fn a_thread_future_goes_through_its_states() {
    let future = ThreadFuture::new();
    assert_eq!((future.done(), future.running(), future.cancelled()), (false, false, false));
    assert!(matches!(future.result_timeout(Duration::ZERO), Err(ThreadFutureError::Timeout)));
    assert!(future.set_running_or_notify_cancel());
    assert!(future.running() && !future.cancel(), "what runs cannot be cancelled");
    future.set_result(7).unwrap();
    assert_eq!(future.set_result(8), Err(InvalidStateError::AlreadyDone));
    assert!(future.done() && !future.running() && future.exception().is_none());
    assert_eq!(future.result().unwrap(), 7);
    assert!(future.result().unwrap_err().to_string().contains("taken"));

    let future = ThreadFuture::<i32>::new();
    assert!(future.cancel() && future.cancel() && future.cancelled());
    assert!(!future.set_running_or_notify_cancel());
    assert!(future.result().unwrap_err().is_cancelled());
}

#[test]
fn callbacks_of_a_thread_future_run_in_order_and_panics_stop_nobody() {
    let future = ThreadFuture::new();
    let (sender, receiver) = channel();
    for number in 0..3 {
        let sender = sender.clone();
        future.add_done_callback(move |future: &ThreadFuture<i32>| {
            sender.send((number, future.done())).unwrap();
            assert_ne!(number, 1, "for the report");
        });
    }
    assert!(receiver.try_recv().is_err());
    future.set_result(7).unwrap();
    future.add_done_callback(move |_| sender.send((3, true)).unwrap());
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [(0, true), (1, true), (2, true), (3, true)]);
}

#[test]
fn a_thread_waits_for_another() {
    let future = ThreadFuture::new();
    let setter = future.clone();
    let thread = thread::spawn(move || future.result_timeout(Duration::from_secs(60)).unwrap());
    setter.set_result("there").unwrap();
    assert_eq!(thread.join().unwrap(), "there");
}

#[test]
fn b074_a_wrapped_future_gives_in_the_loop_what_a_thread_computed() {
    in_real_time(|| async {
        let pool = ThreadPoolExecutor::new(1);
        let future = pool.submit(|| thread::current().id()).unwrap();
        let wrapped = wrap_future(&future);
        assert_ne!(wrapped.await.unwrap(), thread::current().id());
        let failed = pool.submit(|| -> i32 { panic!("there") }).unwrap();
        assert_eq!(wrap_future(&failed).await.unwrap_err().panic_message(), Some("there"));
    });
}

#[test]
fn b075_cancelling_the_wrapper_cancels_the_thread_s_future_that_has_not_begun() {
    in_real_time(|| async {
        let future = ThreadFuture::<i32>::new();
        let wrapped = wrap_future(&future);
        assert!(wrapped.cancel() && !wrapped.cancel());
        assert!(wrapped.cancelled() && wrapped.done() && future.cancelled());
        assert!(wrapped.await.unwrap_err().is_cancelled());

        // And so does cancelling the task that waits for it.
        let future = ThreadFuture::<i32>::new();
        let task = heist::create_task(wrap_future(&future));
        heist::yield_now().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(future.cancelled());
    });
}

#[test]
fn b075_cancelling_the_thread_s_future_cancels_the_wrapper() {
    in_real_time(|| async {
        let future = ThreadFuture::<i32>::new();
        let task = heist::create_task(wrap_future(&future));
        heist::yield_now().await;
        assert!(future.cancel());
        assert!(task.await.unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn b076_what_the_thread_has_finished_stays_when_the_wrapper_is_cancelled() {
    in_real_time(|| async {
        let future = ThreadFuture::new();
        let wrapped = wrap_future(&future);
        future.set_result(42).unwrap();
        assert!(wrapped.cancel() && wrapped.cancelled());
        assert!(wrapped.await.unwrap_err().is_cancelled());
        assert!(!future.cancelled());
        assert_eq!(future.result().unwrap(), 42);
    });
}

#[test]
fn a_task_that_waits_for_a_running_closure_is_cancelled_at_once() {
    in_real_time(|| async {
        let pool = ThreadPoolExecutor::new(1);
        let (open, wait) = gate();
        let (began, begin) = channel();
        let future = pool
            .submit(move || {
                began.send(()).unwrap();
                pass(&wait);
                7
            })
            .unwrap();
        begin.recv().unwrap();
        let task = heist::create_task(wrap_future(&future));
        heist::yield_now().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!future.done(), "the closure is not interrupted");
        drop(open);
        assert_eq!(future.result().unwrap(), 7);
    });
}
