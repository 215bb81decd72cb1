//! What a panic does, by the loop's policy; and the threads of a loop: their names, the hooks on them.
#![cfg(not(heist_loom))]

mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;

use heist::{EventLoop, PanicPolicy, RunError, create_task, to_thread};
use support::{Copy, for_each_flavour, role};

fn ends_by_panic<T: std::fmt::Debug>(ended: Result<T, RunError>, what: [&str; 2]) {
    let Err(RunError::Panicked(text)) = ended else { panic!("it ended otherwise: {ended:?}") };
    assert!(what.iter().all(|what| text.contains(what)), "{text}");
}

#[test]
fn a_panic_of_a_task_is_its_error_and_nothing_else() {
    for_each_flavour(|builder| {
        let value = builder.build().unwrap().run(async {
            let failed = create_task(async { panic!("a bug") }).await;
            assert_eq!(failed.unwrap_err().panic_message(), Some("a bug"));
            1
        });
        assert_eq!(value.unwrap(), 1);
    });
}

#[test]
fn a_panic_of_a_task_ends_the_run_where_the_policy_says_so() {
    for_each_flavour(|builder| {
        let mut runner = builder.on_panic(PanicPolicy::Shutdown).build().unwrap();
        let ended = runner.run(async {
            let _task = create_task(async { panic!("a bug") }).with_name("buggy");
            std::future::pending::<()>().await;
        });
        ends_by_panic(ended, ["buggy", "a bug"]);
        assert_eq!(runner.run(async { 2 }).unwrap(), 2, "the next run begins anew");
    });
}

#[test]
fn a_panic_of_a_callback_or_a_closure_ends_the_run_as_well() {
    for_each_flavour(|builder| {
        let event_loop = builder.on_panic(PanicPolicy::Shutdown).build_event_loop().unwrap();
        event_loop.call_soon(|| panic!("in a callback")).unwrap();
        ends_by_panic(event_loop.run_forever(), ["callback", "in a callback"]);
        let ended = event_loop.run_until_complete(async {
            let _closure = to_thread(|| panic!("on a thread"));
            std::future::pending::<()>().await;
        });
        ends_by_panic(ended, ["task", "on a thread"]);
    });
}

#[test]
fn a_cancelled_task_is_no_panic() {
    for_each_flavour(|builder| {
        let ended = builder.on_panic(PanicPolicy::Abort).build().unwrap().run(async {
            let task = create_task(std::future::pending::<()>());
            task.cancel();
            task.await.unwrap_err().is_cancelled()
        });
        assert!(ended.unwrap());
    });
}

#[test]
fn a_panic_ends_the_process_where_the_policy_says_so() {
    match role().as_deref() {
        None => {
            for flavour in ["workers", "current thread"] {
                let mut copy = Copy::start("a_panic_ends_the_process_where_the_policy_says_so", flavour);
                copy.stderr.until("the process ends, as its panic policy says");
                assert!(!copy.wait().success());
            }
        }
        Some(flavour) => {
            let builder = EventLoop::builder().on_panic(PanicPolicy::Abort);
            let builder = if flavour == "workers" { builder.workers(2) } else { builder.current_thread() };
            let _ = builder.build().unwrap().run(async {
                let _task = create_task(async { panic!("a bug") });
                std::future::pending::<()>().await;
            });
        }
    }
}

#[test]
fn hooks_are_called_on_the_threads_of_the_loop_by_their_names() {
    for_each_flavour(|builder| {
        let names = || Arc::new(Mutex::new(BTreeSet::new()));
        let (started, stopped) = (names(), names());
        let note = |names: &Arc<Mutex<BTreeSet<String>>>| {
            let names = names.clone();
            move || assert!(names.lock().unwrap().insert(thread::current().name().unwrap().to_owned()))
        };
        let builder = builder.thread_name("hooked").max_blocking_threads(1);
        let mut runner =
            builder.on_thread_start(note(&started)).on_thread_stop(note(&stopped)).build().unwrap();
        runner.run(async { to_thread(|| ()).await.unwrap() }).unwrap();
        runner.close();
        let (started, stopped) = (started.lock().unwrap(), stopped.lock().unwrap());
        assert!(started.contains("hooked-blocking"), "{started:?}");
        assert!(started.iter().all(|name| name.starts_with("hooked-")), "{started:?}");
        assert!(stopped.is_subset(&started));
        let workers = started.iter().filter(|name| !name.contains("blocking")).count();
        let workers_stopped = stopped.iter().filter(|name| !name.contains("blocking")).count();
        assert_eq!(workers, workers_stopped, "workers' threads have been joined");
    });
}

#[test]
fn a_hook_that_panics_changes_nothing() {
    let mut runner = heist::Runner::builder()
        .workers(2)
        .on_thread_start(|| panic!("a hook"))
        .on_thread_stop(|| panic!("another"))
        .build()
        .unwrap();
    assert_eq!(runner.run(async { to_thread(|| 1).await.unwrap() }).unwrap(), 1);
    assert!(runner.close().is_clean());
}
