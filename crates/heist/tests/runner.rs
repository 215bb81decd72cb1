#![cfg(not(heist_loom))]
//! `run` and `Runner`: behaviours RUN of asyncio.

use std::cell::RefCell;
use std::future::{Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heist::{RunError, Runner};
use support::{Copy, for_each_flavour, role};

mod support;

/// Counts drops.
#[derive(Clone, Default)]
struct Drops(Arc<AtomicUsize>);

impl Drops {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn guard(&self) -> Guard {
        Guard(self.clone())
    }
}

struct Guard(Drops);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn b001_run_gives_the_value_of_the_main_future() {
    // It may borrow, and need not be Send.
    let text = String::from("text");
    let kept = std::rc::Rc::new(7);
    let value = heist::run(async {
        heist::yield_now().await;
        (&text[..], kept.clone())
    });
    assert_eq!(value, ("text", kept));
    for_each_flavour(|builder| assert_eq!(builder.build().unwrap().run(async { 1 }).unwrap(), 1));
}

#[test]
fn b002_what_fails_main_leaves_run_as_it_is() {
    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        let failed = runner.run(async { "x".parse::<u8>() }).unwrap();
        assert_eq!(failed, "x".parse::<u8>());
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            runner.run(async {
                heist::yield_now().await;
                std::panic::panic_any(17_u64)
            })
        }));
        assert_eq!(panicked.unwrap_err().downcast_ref::<u64>(), Some(&17));
        // The runner has come to no harm.
        assert_eq!(runner.run(async { 1 }).unwrap(), 1);
    });
}

#[test]
fn b003_debug_is_as_said_and_else_as_the_environment_says() {
    if role().is_some() {
        let debug = |builder: heist::Builder| builder.build().unwrap().get_loop().unwrap().get_debug();
        println!(
            "\nsaid: {} {}",
            debug(Runner::builder().debug(true)),
            debug(Runner::builder().debug(false))
        );
        println!("unsaid: {}", debug(Runner::builder()));
        return;
    }
    for (variable, on) in
        [(None, false), (Some("1"), true), (Some("yes"), true), (Some("0"), false), (Some(""), false)]
    {
        let test = "b003_debug_is_as_said_and_else_as_the_environment_says";
        let mut copy = Copy::start_with(test, "child", |command| {
            match variable {
                Some(value) => command.env("HEIST_DEBUG", value),
                None => command.env_remove("HEIST_DEBUG"),
            };
        });
        assert_eq!(copy.stdout.until("said: "), "said: true false");
        assert_eq!(copy.stdout.until("unsaid: "), format!("unsaid: {on}"), "HEIST_DEBUG={variable:?}");
        assert!(copy.wait().success());
    }
}

#[test]
fn b004_a_run_inside_a_run_is_refused_and_disturbs_nothing() {
    for_each_flavour(|builder| {
        let mut outer = builder.build().unwrap();
        let value = outer.run(async {
            let task = heist::create_task(async {
                heist::yield_now().await;
                1
            });
            for inner in [Runner::builder().workers(2), Runner::builder().current_thread()] {
                let polled = Drops::default();
                let guard = polled.guard();
                let refused = inner.build().unwrap().run(async move { drop(guard) });
                assert!(matches!(refused, Err(RunError::Nested { .. })), "{refused:?}");
                assert_eq!(polled.count(), 1, "the future is dropped, for nobody can run it");
            }
            task.await.unwrap() + heist::create_task(async { 2 }).await.unwrap()
        });
        assert_eq!(value.unwrap(), 3);
    });
}

#[test]
fn b005_tasks_that_are_left_are_cancelled_and_driven_to_their_end() {
    let drops = Drops::default();
    let guards = [drops.guard(), drops.guard()];
    let value = heist::run(async {
        for guard in guards {
            drop(heist::create_task(async move {
                let _guard = guard;
                std::future::pending::<()>().await;
            }));
        }
        heist::yield_now().await;
        "kept"
    });
    assert_eq!((value, drops.count()), ("kept", 2));

    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        let drops = Drops::default();
        let guard = drops.guard();
        let task = runner.run(async {
            heist::create_task(async move {
                let _guard = guard;
                heist::sleep(Duration::from_secs(3600)).await;
            })
        });
        let task = task.unwrap();
        assert_eq!(drops.count(), 0, "between runs nothing ends");
        assert!(runner.close().is_clean());
        assert_eq!(drops.count(), 1);
        assert!(heist::run(task).unwrap_err().is_cancelled());
    });
}

#[test]
fn b006_a_task_that_fails_when_it_is_left_is_told_to_the_exception_handler() {
    for_each_flavour(|builder| {
        let told = Arc::new(Mutex::new(Vec::new()));
        let mut runner = builder.build().unwrap();
        let handle = runner.handle().unwrap();
        let tells = told.clone();
        handle.set_exception_handler(Some(Arc::new(
            move |_: &heist::Handle, context: &heist::ExceptionContext| {
                tells.lock().unwrap().push((
                    context.message.clone(),
                    context.panic.clone(),
                    context.task.as_ref().map(|task| task.name.to_string()),
                ));
            },
        )));
        let value = runner.run(async {
            let fails = async {
                let _ = heist::catch_cancelled(std::future::pending::<()>()).await;
                panic!("instead of an end")
            };
            drop(heist::create_task(fails).with_name("left"));
            heist::sleep(Duration::from_millis(1)).await;
            7
        });
        assert!(runner.close().is_clean());
        assert_eq!(value.unwrap(), 7);
        let told = told.lock().unwrap();
        let [(message, panic, task)] = &told[..] else { panic!("{told:?}") };
        assert!(!message.is_empty());
        assert_eq!((panic.as_deref(), task.as_deref()), (Some("instead of an end"), Some("left")));
    });
}

#[test]
fn b007_a_runner_runs_one_future_after_the_other_on_one_loop() {
    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        let mut first = None;
        for round in 0..3 {
            let handle = runner.run(async { heist::Handle::current().unwrap() }).unwrap();
            let first = first.get_or_insert_with(|| handle.clone());
            assert!(handle.same_loop(first), "round {round}");
        }
        // What one run has begun, the next one goes on with.
        let task = runner.run(async { heist::create_task(async { 7 }) }).unwrap();
        assert_eq!(runner.run(task).unwrap().unwrap(), 7);
    });
}

#[test]
fn b008_a_closed_runner_has_no_loop() {
    for_each_flavour(|builder| {
        let handle = {
            let mut runner = builder.clone().build().unwrap();
            let handle = runner.run(async { heist::Handle::current().unwrap() }).unwrap();
            assert!(!handle.is_closed());
            handle
        };
        assert!(handle.is_closed(), "its end closes the loop");

        let mut runner = builder.build().unwrap();
        runner.run(async {}).unwrap();
        runner.close();
        assert!(matches!(runner.get_loop(), Err(RunError::Closed)));
        assert!(matches!(runner.handle(), Err(RunError::Closed)));
    });
}

#[test]
#[cfg(target_os = "linux")]
fn b009_a_runner_makes_its_loop_when_it_is_asked_for() {
    if role().is_none() {
        let mut copy = Copy::start("b009_a_runner_makes_its_loop_when_it_is_asked_for", "child");
        assert!(
            copy.wait().success(),
            "{:#?}",
            std::mem::replace(&mut copy.stderr, support::Lines::none()).rest()
        );
        return;
    }
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    for_each_flavour(|builder| {
        let before = descriptors();
        let mut runner = builder.clone().build().unwrap();
        assert_eq!(descriptors(), before, "a loop has descriptors, a new runner has none");
        let handle = runner.get_loop().unwrap().handle();
        assert!(descriptors() > before);
        assert!(runner.run(async { heist::Handle::current().unwrap() }).unwrap().same_loop(&handle));
        runner.close();
        assert!(handle.is_closed());
        drop(handle);
        assert_eq!(descriptors(), before);

        // One that was never asked closes as well.
        let mut unused = builder.build().unwrap();
        assert!(unused.close().is_clean());
        assert!(matches!(unused.get_loop(), Err(RunError::Closed)));
        assert_eq!(descriptors(), before);
    });
}

#[test]
fn b010_closing_a_runner_twice_does_nothing_the_second_time() {
    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        runner.run(async {}).unwrap();
        assert!(runner.close().is_clean());
        assert!(runner.close().is_clean());
        assert!(matches!(runner.get_loop(), Err(RunError::Closed)));
    });
}

#[test]
fn b011_a_closed_runner_runs_nothing() {
    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        runner.run(async {}).unwrap();
        runner.close();
        let refused = runner.run(async { unreachable!("a closed runner polls nothing") });
        let error = refused.map(|never: std::convert::Infallible| never).unwrap_err();
        assert!(matches!(error, RunError::Closed), "{error:?}");
        assert!(error.to_string().contains("make a new one"), "{error}");
    });
}

#[test]
fn b013_a_runner_does_not_run_inside_its_own_run() {
    for_each_flavour(|builder| {
        // A borrow keeps it from being asked to; by a cell the refusal comes when the program runs.
        let runner = RefCell::new(builder.build().unwrap());
        let value = runner.borrow_mut().run(async {
            assert!(runner.try_borrow_mut().is_err());
            heist::create_task(async { 7 }).await.unwrap()
        });
        assert_eq!(value.unwrap(), 7);
    });
}

#[test]
fn a001_run_takes_whatever_can_be_awaited() {
    struct Order(u32);
    impl IntoFuture for Order {
        type Output = u32;
        type IntoFuture = Ready<u32>;
        fn into_future(self) -> Ready<u32> {
            ready(self.0)
        }
    }
    assert_eq!(heist::run(Order(7)), 7);
    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        assert_eq!(runner.run(Order(7)).unwrap(), 7);
        let task = runner.get_loop().unwrap().create_task(async { 8 });
        assert_eq!(runner.run(task).unwrap().unwrap(), 8);
        runner.run(heist::sleep(Duration::ZERO)).unwrap();
    });
}

/// asyncio closes the generators that are left open. Here a stream is a value: whoever owns it drops it, at the latest when
/// the loop ends its task.
#[test]
fn a002_streams_left_open_are_dropped_even_when_main_and_a_task_fail() {
    struct FailsInTheEnd(Drops);
    impl Drop for FailsInTheEnd {
        fn drop(&mut self) {
            let _count = self.0.guard();
            panic!("a task that fails while it is cancelled");
        }
    }
    for_each_flavour(|builder| {
        let drops = Drops::default();
        let queue = heist::Queue::<Guard>::new();
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut runner = builder.build().unwrap();
            let (guard, fails) = (drops.guard(), FailsInTheEnd(drops.clone()));
            let (task_queue, mains) = (queue.clone(), drops.guard());
            runner.run(async move {
                drop(heist::create_task(async move {
                    let _open = (task_queue.items(), guard);
                    std::future::pending::<()>().await;
                }));
                drop(heist::create_task(async move {
                    let _fails = fails;
                    std::future::pending::<()>().await;
                }));
                let _main_has_one_too = mains;
                heist::yield_now().await;
                heist::yield_now().await;
                panic!("main fails");
            })
        }));
        let payload = result.map(|_| ()).unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"main fails"));
        assert_eq!(drops.count(), 3);
    });
}

#[test]
fn a_runner_that_gets_no_descriptors_says_so() {
    if role().is_none() {
        let mut copy = Copy::start("a_runner_that_gets_no_descriptors_says_so", "child");
        assert!(
            copy.wait().success(),
            "{:#?}",
            std::mem::replace(&mut copy.stderr, support::Lines::none()).rest()
        );
        return;
    }
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let mut runner = Runner::builder().current_thread().build().unwrap();
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..limit }).unwrap();
        let error = runner.run(async {}).unwrap_err();
        assert!(matches!(error, RunError::Io(_)), "{error:?}");
        // The runner is not spoiled: it makes its loop when there is room again.
        setrlimit(Resource::Nofile, limit).unwrap();
        assert_eq!(runner.run(async { 7 }).unwrap(), 7);
    }
}
