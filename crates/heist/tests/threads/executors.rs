//! `ThreadPoolExecutor`, `run_in_executor`, and the default executor.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use heist::{
    ContextVar, ExecutorClosedError, TaskError, ThreadFuture, ThreadPoolExecutor, run_in_executor, to_thread,
    wrap_future,
};

use crate::common::{current, gate, pass};
use crate::support::{Copy, for_each_flavour, in_real_time, on_each_flavour, role};

static VAR: ContextVar<i32> = ContextVar::new("var");

#[test]
fn b185_an_executor_s_closure_sees_the_caller_s_variables() {
    in_real_time(|| async {
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
    in_real_time(|| async {
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
    on_each_flavour(|| async {
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
    });
}

#[test]
fn b019_shutting_the_default_executor_down_warns_after_the_limit_and_goes_on() {
    const NAME: &str = "executors::b019_shutting_the_default_executor_down_warns_after_the_limit_and_goes_on";
    if role().is_some() {
        in_real_time(|| async {
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
    let mut copy = Copy::start(NAME, "stuck");
    for _ in 0..2 {
        copy.stderr.until("the executor did not finish within 0.001 seconds");
        copy.stdout.until("went on");
    }
    assert!(copy.wait().success());
}

#[test]
fn the_default_executor_finishes_its_work_and_takes_no_more() {
    in_real_time(|| async {
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
