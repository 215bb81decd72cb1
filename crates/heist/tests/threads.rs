//! Threads and loops: to_thread, executors, thread futures, run_coroutine_threadsafe; by asyncio's behaviours.
#![cfg(not(heist_loom))]

mod support;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

use heist::{
    ContextVar, ExecutorClosedError, Handle, InvalidStateError, TaskError, ThreadFuture, ThreadFutureError,
    ThreadPoolExecutor, run_coroutine_threadsafe, run_in_executor, to_thread, wrap_future,
};
use support::for_each_flavour;

/// Runs `test` on a loop of each flavour.
fn on_each<F: std::future::Future<Output = ()>>(test: impl Fn() -> F) {
    for_each_flavour(|builder| builder.build().unwrap().run(test()).unwrap());
}

fn current() -> Handle {
    Handle::current().expect("inside a run")
}

/// A gate that closures wait at: the sender opens it by being dropped.
fn gate() -> (Sender<()>, Mutex<Receiver<()>>) {
    let (open, wait) = channel();
    (open, Mutex::new(wait))
}

fn pass(gate: &Mutex<Receiver<()>>) {
    let opened = gate.lock().unwrap().recv();
    assert!(opened.is_err(), "a gate is opened by dropping it");
}

// ---- to_thread --------------------------------------------------------------------------------------------------------

#[test]
fn b182_to_thread_gives_the_value() {
    on_each(|| async { assert_eq!(to_thread(|| 6 * 7).await.unwrap(), 42) });
}

#[test]
fn b183_to_thread_gives_the_error_and_the_panic() {
    on_each(|| async {
        let error = to_thread(|| "x".parse::<u8>()).await.unwrap();
        assert!(error.is_err());
        let panic = to_thread(|| -> u8 { panic!("on the thread") }).await.unwrap_err();
        assert_eq!(panic.panic_message(), Some("on the thread"));
    });
}

#[test]
fn b184_each_call_runs_its_closure_once() {
    on_each(|| async {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = || {
            let calls = calls.clone();
            move || calls.fetch_add(1, Ordering::SeqCst)
        };
        let tasks: Vec<_> = (0..10).map(|_| to_thread(count())).collect();
        let mut seen = HashSet::new();
        for task in tasks {
            seen.insert(task.await.unwrap());
        }
        assert_eq!((seen.len(), calls.load(Ordering::SeqCst)), (10, 10));
    });
}

// ---- executors --------------------------------------------------------------------------------------------------------

static VAR: ContextVar<i32> = ContextVar::new("var");

#[test]
fn b185_an_executor_s_closure_sees_the_caller_s_variables() {
    on_each(|| async {
        let pool = ThreadPoolExecutor::new(1);
        VAR.set(1);
        assert_eq!(run_in_executor(&pool, || (VAR.get(), VAR.set(2)).0).await.unwrap(), Some(1));
        assert_eq!(VAR.get(), Some(1));
        let nothing = heist::contextvars::Context::new();
        let future = nothing.run(|| pool.submit(|| VAR.get())).unwrap();
        assert_eq!(wrap_future(&future).await.unwrap(), None, "and the thread keeps none");
    });
}

#[test]
fn b186_an_executor_runs_on_another_thread() {
    on_each(|| async {
        let pool = ThreadPoolExecutor::with_name(2, "calc");
        let here = thread::current().id();
        let (there, name) =
            run_in_executor(&pool, || (thread::current().id(), thread::current().name().map(str::to_owned)))
                .await
                .unwrap();
        assert_ne!(here, there);
        assert_eq!(name.as_deref(), Some("calc_0"));
        let default = run_in_executor(&current(), || thread::current().id()).await.unwrap();
        assert_ne!(here, default, "the loop is its own default executor");
    });
}

#[test]
fn b187_cancelling_then_shutting_down_then_closing_calls_nothing_back() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let pool = ThreadPoolExecutor::new(1);
        let (open, wait) = gate();
        let (began, begin) = channel();
        let (running, waiting) = event_loop
            .run_until_complete(async {
                let running = run_in_executor(&pool, move || {
                    began.send(()).unwrap();
                    pass(&wait);
                });
                let waiting = run_in_executor(&pool, || unreachable!("cancelled before it began"));
                begin.recv().unwrap();
                assert!(running.cancel() && waiting.cancel());
                let (running, waiting) = (heist::create_task(running), heist::create_task(waiting));
                (running.await.unwrap(), waiting.await.unwrap())
            })
            .unwrap();
        let is_cancelled = |result: Result<(), TaskError>| result.is_err_and(|error| error.is_cancelled());
        assert!(is_cancelled(running) && is_cancelled(waiting));
        let handle = event_loop.handle();
        event_loop.close().unwrap();
        assert!(handle.is_closed());
        drop(open);
        // The closure ends, and the pool with it: what it wakes is a loop that is gone.
        pool.shutdown();
    });
}

#[test]
fn a_pool_has_no_more_threads_than_it_was_given_and_uses_them_all() {
    let pool = ThreadPoolExecutor::with_name(3, "three");
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let barrier = Arc::new(Barrier::new(3));
    let futures: Vec<_> = (0..12)
        .map(|_| {
            let (now, most, barrier) = (now.clone(), most.clone(), barrier.clone());
            pool.submit(move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Passed by three at a time: with fewer threads this never ends.
                barrier.wait();
                now.fetch_sub(1, Ordering::SeqCst);
                thread::current().name().unwrap().to_owned()
            })
            .unwrap()
        })
        .collect();
    let names: HashSet<_> = futures.iter().map(|future| future.result().unwrap()).collect();
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(names, ["three_0", "three_1", "three_2"].map(str::to_owned).into());
}

#[test]
fn a_pool_that_is_shut_down_finishes_what_it_took_and_takes_no_more() {
    let pool = ThreadPoolExecutor::new(1);
    let (open, wait) = gate();
    let first = pool.submit(move || pass(&wait)).unwrap();
    let second = pool.submit(|| 2).unwrap();
    assert_eq!(pool.shutdown_timeout(Duration::ZERO), 1, "a closure that is stuck does not hang it");
    assert_eq!(pool.submit(|| 3).unwrap_err(), ExecutorClosedError);
    drop(open);
    pool.shutdown();
    assert!(first.done() && second.done());
    assert_eq!(second.result().unwrap(), 2);
    heist::run(async {
        let late = run_in_executor(&pool, || 4).await.unwrap_err();
        assert!(late.to_string().contains("shut down"), "{late}");
    });
}

#[test]
fn futures_that_wait_can_be_cancelled_with_the_pool() {
    let pool = ThreadPoolExecutor::new(1);
    let (open, wait) = gate();
    let (began, begin) = channel();
    let first = pool
        .submit(move || {
            began.send(()).unwrap();
            pass(&wait);
        })
        .unwrap();
    let others: Vec<_> = (0..3).map(|_| pool.submit(|| unreachable!("cancelled")).unwrap()).collect();
    begin.recv().unwrap();
    pool.close();
    assert_eq!(pool.cancel_futures(), 3);
    assert!(others.iter().all(ThreadFuture::<()>::cancelled));
    drop(open);
    pool.shutdown();
    first.result().unwrap();
}

#[test]
fn a_panic_costs_its_future_and_no_thread() {
    let pool = ThreadPoolExecutor::with_name(1, "one");
    let future = pool.submit(|| panic!("mine alone")).unwrap();
    assert_eq!(future.exception().unwrap(), "the task panicked: mine alone");
    assert_eq!(future.result().unwrap_err().panic_message(), Some("mine alone"));
    let name = pool.submit(|| thread::current().name().map(str::to_owned)).unwrap();
    assert_eq!(name.result().unwrap().as_deref(), Some("one_0"));
}

#[test]
fn a_pool_may_be_shut_down_by_its_own_thread_and_dropped_while_busy() {
    let pool = Arc::new(ThreadPoolExecutor::new(1));
    let inside = pool.clone();
    let future = pool.submit(move || inside.shutdown()).unwrap();
    future.result().unwrap();
    let pool = ThreadPoolExecutor::new(1);
    let (open, wait) = gate();
    let first = pool.submit(move || pass(&wait)).unwrap();
    let second = pool.submit(|| "still run").unwrap();
    drop(pool);
    drop(open);
    first.result().unwrap();
    assert_eq!(second.result().unwrap(), "still run");
}

#[test]
fn time_stands_still_while_an_executor_works() {
    for_each_flavour(|builder| {
        builder
            .virtual_time()
            .build()
            .unwrap()
            .run(async {
                let pool = ThreadPoolExecutor::new(1);
                let (open, wait) = gate();
                let start = current().clock().now();
                let sleeper = heist::create_task(heist::sleep(Duration::from_secs(10)));
                let future = run_in_executor(&pool, move || pass(&wait));
                let opener = to_thread(move || drop(open));
                future.await.unwrap();
                assert_eq!(current().clock().now(), start);
                opener.await.unwrap();
                sleeper.await.unwrap();
            })
            .unwrap();
    });
}

#[test]
fn b019_shutting_the_default_executor_down_warns_after_the_limit_and_goes_on() {
    const NAME: &str = "b019_shutting_the_default_executor_down_warns_after_the_limit_and_goes_on";
    if support::role().is_some() {
        on_each(|| async {
            let (open, wait) = gate();
            let (began, begin) = channel();
            let stuck = to_thread(move || {
                began.send(()).unwrap();
                pass(&wait);
            });
            begin.recv().unwrap();
            let left = current().shutdown_default_executor(Duration::from_millis(1)).await.unwrap();
            assert_eq!(left, 1);
            println!("went on");
            drop(open);
            stuck.await.unwrap();
        });
        return;
    }
    let mut copy = support::Copy::start(NAME, "stuck");
    for _ in 0..2 {
        copy.stderr.until("the executor did not finish within 0.001 seconds");
        copy.stdout.until("went on");
    }
    assert!(copy.wait().success());
}

#[test]
fn the_default_executor_finishes_its_work_and_takes_no_more() {
    on_each(|| async {
        let jobs: Vec<_> = (0..50).map(|number| to_thread(move || number)).collect();
        assert_eq!(current().shutdown_default_executor(Duration::from_secs(60)).await.unwrap(), 0);
        for (number, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.await.unwrap(), number);
        }
        let late = to_thread(|| 1).await.unwrap_err();
        assert!(late.to_string().contains("shut down"), "{late}");
        let late = run_in_executor(&current(), || 1).await.unwrap_err();
        assert!(late.to_string().contains("shut down"), "{late}");
    });
}

#[test]
fn the_default_executor_can_be_replaced() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        event_loop.handle().set_default_executor(ThreadPoolExecutor::with_name(1, "given"));
        let (name, panic, refused) = event_loop
            .run_until_complete(async {
                let name = to_thread(|| thread::current().name().map(str::to_owned)).await.unwrap();
                let panic = to_thread(|| panic!("on a given thread")).await;
                let (open, wait) = gate();
                let (first, second) = (to_thread(move || pass(&wait)), to_thread(|| 2));
                drop(open);
                assert_eq!(current().shutdown_default_executor(Duration::from_secs(60)).await.unwrap(), 0);
                first.await.unwrap();
                assert_eq!(second.await.unwrap(), 2, "what was in line is run");
                (name, panic.unwrap_err(), to_thread(|| 3).await.unwrap_err())
            })
            .unwrap();
        assert_eq!(name.as_deref(), Some("given_0"));
        assert_eq!(panic.panic_message(), Some("on a given thread"));
        assert!(refused.to_string().contains("shut down"), "{refused}");
    });
}

#[test]
fn a_loop_that_is_closed_fails_what_its_given_threads_have_not_begun() {
    for_each_flavour(|builder| {
        let limit = Duration::from_secs(30);
        let event_loop = builder.executor_timeout(limit).build_event_loop().unwrap();
        event_loop.handle().set_default_executor(ThreadPoolExecutor::with_name(1, "given"));
        let (open, wait) = gate();
        let (began, begin) = channel();
        let (first, second) = event_loop
            .run_until_complete(async move {
                let first = to_thread(move || {
                    began.send(()).unwrap();
                    pass(&wait);
                });
                begin.recv().unwrap();
                (first, to_thread(|| unreachable!("never begun")))
            })
            .unwrap();
        let waits = second.task_ref();
        let opener = thread::spawn(move || {
            while !waits.done() {
                thread::yield_now();
            }
            drop(open);
        });
        assert!(event_loop.close().unwrap().is_clean());
        opener.join().unwrap();
        assert!(first.done() && second.done());
        let second: &heist::Task<()> = &second;
        assert!(second.exception().unwrap().is_some_and(|error| !error.is_panic()));
    });
}

// ---- thread futures ---------------------------------------------------------------------------------------------------

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
    on_each(|| async {
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
    on_each(|| async {
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
    on_each(|| async {
        let future = ThreadFuture::<i32>::new();
        let task = heist::create_task(wrap_future(&future));
        heist::yield_now().await;
        assert!(future.cancel());
        assert!(task.await.unwrap().unwrap_err().is_cancelled());
    });
}

#[test]
fn b076_what_the_thread_has_finished_stays_when_the_wrapper_is_cancelled() {
    on_each(|| async {
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
    on_each(|| async {
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

// ---- run_coroutine_threadsafe -----------------------------------------------------------------------------------------

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
    on_each(|| async {
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
    on_each(|| async {
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
    on_each(|| async {
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
    on_each(|| async {
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
    on_each(|| async {
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
    on_each(|| async {
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
