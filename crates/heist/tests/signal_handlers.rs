#![cfg(all(target_os = "linux", not(heist_loom)))]
//! Handlers of signals, and signals to await. A process has one action for each signal, so each test has a signal of its
//! own, of those that nobody else sends.

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use heist::signal::*;
use heist::sync::oneshot;
use heist::{EventLoop, Queue, add_signal_handler, remove_signal_handler};
use rustix::process::{Signal as Raw, getpid, kill_process};
use support::{for_each_flavour, in_real_time};

/// Sends a signal to this process.
fn send(signal: i32) {
    kill_process(getpid(), Raw::from_named_raw(signal).unwrap()).unwrap();
}

/// Whether this process has a handler for a signal, as the system sees it.
fn is_handled(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(mask.trim(), 16).unwrap() >> (signal - 1) & 1 == 1
}

fn loops() -> [EventLoop; 2] {
    [EventLoop::builder().workers(2), EventLoop::builder().current_thread()]
        .map(|builder| builder.build_event_loop().unwrap())
}

#[test]
fn b232_a_handler_runs_in_the_loop_and_removing_it_brings_the_default_back() {
    for_each_flavour(|builder| {
        assert!(!is_handled(SIGUSR1));
        builder
            .build()
            .unwrap()
            .run(async {
                let calls = Queue::bounded(8);
                let told = calls.clone();
                add_signal_handler(SIGUSR1, move || {
                    let in_loop = heist::Handle::current().is_some() && heist::current_task().is_none();
                    told.put_nowait(in_loop).unwrap();
                })
                .unwrap();
                assert!(is_handled(SIGUSR1));
                for _ in 0..2 {
                    send(SIGUSR1);
                    assert!(calls.get().await.unwrap(), "called by the loop, and by no task");
                }
                assert!(heist::all_tasks().len() <= 1, "a handler is no task of the program's");
                assert!(remove_signal_handler(SIGUSR1).unwrap());
                assert!(!is_handled(SIGUSR1));
                assert!(!remove_signal_handler(SIGUSR1).unwrap());
            })
            .unwrap();
    });
}

#[test]
fn b233_numbers_that_do_not_exist_and_signals_that_cannot_be_caught_are_refused() {
    in_real_time(|| async {
        for signal in [0, -1, 1000] {
            let error = add_signal_handler(signal, || {}).unwrap_err();
            assert!(matches!(error, SignalError::Invalid(number) if number == signal), "{error:?}");
            assert!(matches!(heist::signal(signal), Err(SignalError::Invalid(_))));
        }
        for signal in [SIGKILL, SIGSTOP, SIGSEGV] {
            let error = add_signal_handler(signal, || {}).unwrap_err();
            assert!(matches!(error, SignalError::Uncatchable(number) if number == signal), "{error:?}");
            assert!(error.to_string().contains("choose another"), "{error}");
            assert!(matches!(remove_signal_handler(signal), Err(SignalError::Uncatchable(_))));
        }
    });
    assert!(matches!(add_signal_handler(SIGUSR1, || {}), Err(SignalError::NoLoop)));
}

#[test]
fn b234_a_signal_wakes_a_loop_that_is_blocked_in_its_wait() {
    let event_loop = EventLoop::builder().current_thread().build_event_loop().unwrap();
    // Of the thread that runs the loop.
    let state = std::fs::read_link("/proc/thread-self").unwrap().join("stat");
    let sleeps = move || {
        let stat = std::fs::read_to_string(std::path::Path::new("/proc").join(&state)).unwrap();
        stat.rsplit(") ").next().unwrap().starts_with('S')
    };
    let (waiting, is_waiting) = std::sync::mpsc::channel();
    let sender = std::thread::spawn(move || {
        is_waiting.recv().unwrap();
        while !sleeps() {
            std::thread::yield_now();
        }
        send(SIGUSR2);
    });
    event_loop
        .run_until_complete(async move {
            let (told, came) = oneshot::channel();
            let mut told = Some(told);
            add_signal_handler(SIGUSR2, move || told.take().unwrap().send(()).unwrap()).unwrap();
            waiting.send(()).unwrap();
            came.await.unwrap();
        })
        .unwrap();
    sender.join().unwrap();
}

#[test]
fn b235_closing_the_loop_removes_all_its_handlers() {
    for event_loop in loops() {
        event_loop
            .run_until_complete(async {
                add_signal_handler(SIGURG, || {}).unwrap();
                add_signal_handler(SIGIO, || {}).unwrap();
            })
            .unwrap();
        // One more that no run has seen.
        event_loop.add_signal_handler(SIGXFSZ, || {}).unwrap();
        let [other, _] = loops();
        other.add_signal_handler(SIGIO, || {}).unwrap();
        assert_eq!([SIGURG, SIGIO, SIGXFSZ].map(is_handled), [true; 3]);
        event_loop.close().unwrap();
        assert_eq!([SIGURG, SIGIO, SIGXFSZ].map(is_handled), [false, true, false]);
        assert!(matches!(event_loop.add_signal_handler(SIGURG, || {}), Err(SignalError::LoopClosed)));
        other.close().unwrap();
        assert!(!is_handled(SIGIO));
    }
}

#[test]
fn a061_what_the_closure_captured_and_its_context_are_there_when_it_runs() {
    static NAME: heist::ContextVar<&str> = heist::ContextVar::new("name");
    in_real_time(|| async {
        let calls = Queue::bounded(1);
        let (told, captured) = (calls.clone(), String::from("captured"));
        NAME.set("registration");
        add_signal_handler(SIGVTALRM, move || {
            told.put_nowait((captured.clone(), NAME.get())).unwrap();
        })
        .unwrap();
        NAME.set("later");
        send(SIGVTALRM);
        assert_eq!(calls.get().await.unwrap(), ("captured".to_owned(), Some("registration")));
    });
}

#[test]
fn a063_a_delivery_removes_a_handler_that_was_cancelled_meanwhile() {
    in_real_time(|| async {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = calls.clone();
        let handler = add_signal_handler(SIGPROF, move || {
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
        handler.cancel();
        assert!(handler.cancelled() && is_handled(SIGPROF));
        send(SIGPROF);
        while is_handled(SIGPROF) {
            heist::yield_now().await;
        }
        assert!(!remove_signal_handler(SIGPROF).unwrap());
        assert_eq!(calls.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_second_handler_replaces_the_first() {
    in_real_time(|| async {
        let calls = Queue::bounded(8);
        for number in [1, 2] {
            let told = calls.clone();
            add_signal_handler(SIGALRM, move || told.put_nowait(number).unwrap()).unwrap();
        }
        for _ in 0..2 {
            send(SIGALRM);
            assert_eq!(calls.get().await.unwrap(), 2);
        }
        assert!(remove_signal_handler(SIGALRM).unwrap());
        assert!(!is_handled(SIGALRM), "the first one has gone, too");
    });
}

#[test]
fn a_handler_that_panics_is_reported_and_stays() {
    for_each_flavour(|builder| {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let mut runner = builder.build().unwrap();
        let its = reports.clone();
        runner.get_loop().unwrap().set_exception_handler(Some(Arc::new(
            move |_: &heist::Handle, context: &heist::ExceptionContext| {
                its.lock().unwrap().push(context.panic.clone().unwrap());
            },
        )));
        runner
            .run(async {
                let calls = Queue::bounded(8);
                let told = calls.clone();
                add_signal_handler(SIGTTOU, move || {
                    told.put_nowait(()).unwrap();
                    panic!("on purpose");
                })
                .unwrap();
                for _ in 0..2 {
                    send(SIGTTOU);
                    calls.get().await.unwrap();
                }
            })
            .unwrap();
        drop(runner);
        assert_eq!(*reports.lock().unwrap(), ["on purpose"; 2]);
    });
}

#[test]
fn every_listener_of_a_signal_is_told() {
    in_real_time(|| async {
        let mut first = heist::signal(SIGWINCH).unwrap();
        let mut second = heist::signal(SIGWINCH).unwrap();
        let handler = Queue::bounded(8);
        let told = handler.clone();
        add_signal_handler(SIGWINCH, move || told.put_nowait(()).unwrap()).unwrap();
        for _ in 0..3 {
            send(SIGWINCH);
            first.recv().await.unwrap();
            second.recv().await.unwrap();
            handler.get().await.unwrap();
        }
        drop(first);
        send(SIGWINCH);
        second.recv().await.unwrap();
        assert!(remove_signal_handler(SIGWINCH).unwrap());
        assert!(is_handled(SIGWINCH));
        drop(second);
        assert!(!is_handled(SIGWINCH));
    });
}

#[test]
fn a_listener_keeps_what_comes_while_nobody_waits() {
    in_real_time(|| async {
        let mut listener = heist::signal(SIGTSTP).unwrap();
        send(SIGTSTP);
        heist::yield_now().await;
        listener.recv().await.unwrap();
    });
}

#[test]
fn handlers_of_a_loop_on_another_thread_are_its_own() {
    std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| {
            scope.spawn(|| {
                let event_loop = EventLoop::builder().current_thread().build_event_loop().unwrap();
                event_loop
                    .run_until_complete(async {
                        let calls = Queue::bounded(64);
                        let (told, thread) = (calls.clone(), std::thread::current().id());
                        add_signal_handler(SIGTTIN, move || {
                            // The other loop's signal comes here, too.
                            let _ = told.put_nowait(std::thread::current().id() == thread);
                        })
                        .unwrap();
                        send(SIGTTIN);
                        assert!(calls.get().await.unwrap());
                        assert!(remove_signal_handler(SIGTTIN).unwrap());
                    })
                    .unwrap();
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    });
    assert!(!is_handled(SIGTTIN));
}
