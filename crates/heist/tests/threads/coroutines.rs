//! `run_coroutine_threadsafe`, and several threads with loops.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use heist::{Handle, TaskError, ThreadFuture, ThreadFutureError, run_coroutine_threadsafe, wrap_future};

use crate::common::current;
use crate::support::{for_each_flavour, in_real_time};

/// What the exception handler of the running loop is told from now on, as panic texts.
fn reports() -> Receiver<Option<String>> {
    let (sender, receiver) = channel();
    let sender = Mutex::new(sender);
    current().set_exception_handler(Some(Arc::new(move |_, context| {
        sender.lock().unwrap().send(context.panic.clone()).unwrap();
    })));
    receiver
}

/// Calls `f` on a plain thread while the loop runs on.
async fn on_a_thread<T: Send + 'static>(f: impl FnOnce(Handle) -> T + Send + 'static) -> T {
    let handle = current();
    let done = ThreadFuture::new();
    let setter = done.clone();
    thread::spawn(move || match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| f(handle))) {
        Ok(value) => setter.set_result(value).unwrap(),
        Err(panic) => setter.set_exception(TaskError::panicked(panic)).unwrap(),
    });
    wrap_future(&done).await.unwrap()
}

#[test]
fn b190_a_thread_submits_a_coroutine_and_blocks_for_its_value() {
    in_real_time(|| async {
        let value = on_a_thread(|handle| {
            let add = async |a: i32, b: i32| {
                heist::yield_now().await;
                assert!(heist::current_task().is_some());
                a + b
            };
            let future = run_coroutine_threadsafe(async move { add(1, 2).await }, &handle);
            future.result().unwrap()
        });
        assert_eq!(value.await, 3);
    });
}

#[test]
fn b191_the_error_of_the_coroutine_reaches_the_thread() {
    in_real_time(|| async {
        let told = reports();
        let (error, panic) = on_a_thread(|handle| {
            let error = run_coroutine_threadsafe(async { "x".parse::<u8>() }, &handle).result().unwrap();
            let panic = run_coroutine_threadsafe(async { panic!("in the loop") }, &handle);
            (error, panic.result())
        })
        .await;
        assert!(error.is_err());
        assert_eq!(panic.unwrap_err().panic_message(), Some("in the loop"));
        assert_eq!(told.try_iter().count(), 0, "somebody has read it");
    });
}

#[test]
fn b192_a_wait_has_a_limit_and_cancelling_ends_the_task() {
    in_real_time(|| async {
        struct Dropped(Sender<()>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.send(()).unwrap();
            }
        }
        let (sender, receiver) = channel();
        on_a_thread(move |handle| {
            let dropped = Dropped(sender);
            let future = run_coroutine_threadsafe(
                async move {
                    let _dropped = dropped;
                    std::future::pending::<()>().await;
                },
                &handle,
            );
            assert!(matches!(
                future.result_timeout(Duration::from_millis(1)),
                Err(ThreadFutureError::Timeout)
            ));
            assert!(!future.done());
            assert!(future.cancel() && future.cancelled());
            assert!(future.result().unwrap_err().is_cancelled());
            receiver.recv().expect("the task is gone");
        })
        .await;
        // Its last poll may still be returning on another worker.
        while current().all_tasks().len() > 1 {
            heist::yield_now().await;
        }
    });
}

#[test]
fn b193_a_task_that_is_cancelled_in_the_loop_cancels_what_the_thread_waits_for() {
    in_real_time(|| async {
        let (name, named) = channel();
        let (handle, result) = (current(), ThreadFuture::new());
        let setter = result.clone();
        thread::spawn(move || {
            let future = run_coroutine_threadsafe(
                async move {
                    name.send(heist::current_task().unwrap()).unwrap();
                    std::future::pending::<()>().await;
                },
                &handle,
            );
            let outcome = future.result();
            setter.set_result((outcome, future.cancelled())).unwrap();
        });
        let task = loop {
            match named.try_recv() {
                Ok(task) => break task,
                Err(_) => heist::yield_now().await,
            }
        };
        task.cancel();
        let (outcome, cancelled) = wrap_future(&result).await.unwrap();
        assert!(outcome.unwrap_err().is_cancelled() && cancelled);
    });
}

#[test]
fn b194_a_task_that_cannot_be_made_fails_for_the_thread_and_is_reported_once() {
    struct NotAFuture;
    impl std::future::IntoFuture for NotAFuture {
        type Output = ();
        type IntoFuture = std::future::Ready<()>;
        fn into_future(self) -> Self::IntoFuture {
            panic!("cannot be made")
        }
    }
    in_real_time(|| async {
        let told = reports();
        let error = on_a_thread(|handle| run_coroutine_threadsafe(NotAFuture, &handle).result()).await;
        assert_eq!(error.unwrap_err().panic_message(), Some("cannot be made"));
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [Some("cannot be made".to_owned())]);
    });
}

#[test]
fn a_closed_loop_runs_no_coroutine_of_a_thread() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let handle = event_loop.handle();
        let early = run_coroutine_threadsafe(async { 1 }, &handle);
        event_loop.close().unwrap();
        assert!(early.result().unwrap_err().is_cancelled(), "its loop was closed before its turn");
        let late = run_coroutine_threadsafe(async { 2 }, &handle);
        assert!(late.result().unwrap_err().to_string().contains("closed"));
    });
}

#[test]
fn a045_ten_loops_in_ten_threads_know_their_own_tasks() {
    for_each_flavour(|builder| {
        let barrier = Arc::new(Barrier::new(10));
        let threads: Vec<_> = (0..10)
            .map(|_| {
                let (builder, barrier) = (builder.clone(), barrier.clone());
                thread::spawn(move || {
                    builder
                        .build()
                        .unwrap()
                        .run(async {
                            let own: Vec<_> =
                                (0..100).map(|_| heist::create_task(std::future::pending::<()>())).collect();
                            barrier.wait();
                            let listed: HashSet<_> =
                                current().all_tasks().iter().map(heist::TaskRef::id).collect();
                            barrier.wait();
                            let mut expected: HashSet<_> = own.iter().map(heist::Task::id).collect();
                            expected.insert(heist::current_task().unwrap().id());
                            assert_eq!(listed, expected);
                        })
                        .unwrap();
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a046_ten_threads_submit_to_one_loop_at_a_time() {
    in_real_time(|| async {
        let handle = current();
        let threads: Vec<_> = (0..10)
            .map(|thread| {
                let handle = handle.clone();
                let all = move || {
                    let futures: Vec<_> = (0..100)
                        .map(|number| {
                            let code = async move {
                                heist::yield_now().await;
                                thread * 1000 + number
                            };
                            run_coroutine_threadsafe(code, &handle)
                        })
                        .collect();
                    futures.iter().enumerate().all(|(number, future)| {
                        future.result().unwrap() == thread * 1000 + i32::try_from(number).unwrap()
                    })
                };
                let (result, thread) = (ThreadFuture::new(), all);
                let setter = result.clone();
                std::thread::spawn(move || setter.set_result(thread()).unwrap());
                result
            })
            .collect();
        for thread in &threads {
            assert!(wrap_future(thread).await.unwrap());
        }
    });
}
