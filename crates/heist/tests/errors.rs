#![cfg(not(heist_loom))]
//! Bad input and bad luck: each gives an error, or a panic for a mistake in the program, that says what to do.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use support::{Copy, role};

mod support;

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// The message of the panic that `f` must end in.
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else { panic!("this should have panicked") };
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap()
}

#[test]
fn an_unknown_host_is_named() {
    // No name may have a space in it, so nobody is asked.
    let error = heist::run(async { heist::open_connection(("no such host", 80)).await.unwrap_err() });
    assert!(error.to_string().contains("\"no such host\""), "{error}");
    let error =
        heist::run(async { heist::start_server(async |_, _| {}, ("no such host", 80)).await.unwrap_err() });
    assert!(error.to_string().contains("\"no such host\""), "{error}");
}

#[test]
fn what_is_no_address_is_told_how_to_be_one() {
    heist::run(async {
        for address in ["", "localhost", "localhost:http", "1.2.3.4:99999"] {
            let error = heist::open_connection(address).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{address}");
            assert!(error.to_string().contains("127.0.0.1:8888"), "{error}");
        }
    });
}

#[test]
fn a_refused_connection_names_every_address() {
    let port = free_port();
    heist::run(async {
        let error = heist::open_connection((Ipv4Addr::LOCALHOST, port)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");

        let addresses = [(Ipv4Addr::LOCALHOST, port), (Ipv4Addr::new(127, 0, 0, 2), port)];
        let error = heist::open_connection(addresses.map(Into::into)).await.unwrap_err();
        assert!(error.to_string().contains(&format!("127.0.0.2:{port}")), "{error}");
        let attempts = error.get_ref().and_then(|error| error.downcast_ref::<heist::ConnectError>()).unwrap();
        assert_eq!(attempts.attempts().len(), 2);
    });
}

#[test]
fn a_reset_connection_fails_reads_and_writes_from_then_on() {
    heist::run(async {
        let listener = heist::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mut reader, writer) = heist::open_connection(address).await.unwrap();
        let (other_end, _) = listener.accept().await.unwrap();
        other_end.set_linger(Some(Duration::ZERO)).unwrap();
        drop(other_end);

        for _ in 0..2 {
            let error = reader.read(1).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        }
        writer.write(b"anybody there?");
        let error = writer.drain().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
    });
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let error = heist::run(async { heist::start_server(async |_, _| {}, address).await.unwrap_err() });
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let message = error.to_string();
    assert!(message.contains(&address.to_string()) && message.contains("another port"), "{message}");
}

#[test]
fn a_run_inside_a_run_names_both_places() {
    for builder in [heist::Runner::builder(), heist::Runner::builder().current_thread()] {
        let mut outer = builder.build().unwrap();
        let nested = async {
            let mut inner = heist::Runner::builder().workers(1).build().unwrap();
            let line = line!() + 1;
            let error = inner.run(async {}).unwrap_err();
            assert!(matches!(error, heist::RunError::Nested { .. }), "{error:?}");
            (error.to_string(), line)
        };
        let outer_line = line!() + 1;
        let (message, inner_line) = outer.run(nested).unwrap();
        for line in [outer_line, inner_line] {
            assert!(message.contains(&format!("{}:{line}:", file!())), "{message}");
        }
        assert!(message.contains("await"), "{message}");
        // The outer loop has come to no harm.
        assert_eq!(outer.run(async { heist::create_task(async { 7 }).await.unwrap() }).unwrap(), 7);
    }
}

#[test]
fn heist_run_inside_a_run_panics_with_the_same_words() {
    let message = panic_of(|| heist::run(async { heist::run(async {}) }));
    assert_eq!(message.matches(file!()).count(), 2, "{message}");
}

#[test]
fn a_run_on_another_thread_inside_a_run_is_allowed() {
    let value = heist::run(async { heist::to_thread(|| heist::run(async { 7 })).await.unwrap() });
    assert_eq!(value, 7);
}

#[test]
fn outside_of_a_loop_is_told_to_go_inside() {
    for (name, message) in [
        ("create_task", panic_of(|| heist::create_task(async {}))),
        ("to_thread", panic_of(|| heist::to_thread(|| ()))),
        ("spawn_local", panic_of(|| heist::spawn_local(async {}))),
        ("create_task", panic_of(|| heist::ensure_future(async {}))),
    ] {
        assert!(message.contains(name) && message.contains("heist::run"), "{message}");
    }
}

#[test]
fn a_future_that_is_not_send_is_told_where_it_may_go() {
    let message = panic_of(|| heist::run(async { drop(heist::spawn_local(async {})) }));
    assert!(message.contains("current_thread"), "{message}");
}

#[test]
fn a_closed_loop_says_so() {
    let event_loop = heist::EventLoop::builder().workers(1).build_event_loop().unwrap();
    event_loop.close().unwrap();
    let message = event_loop.run_until_complete(async {}).unwrap_err().to_string();
    assert!(message.contains("closed"), "{message}");
    let task = event_loop.create_task(async { 1 });
    let error = heist::run(task).unwrap_err();
    assert!(error.is_cancelled(), "{error}");
}

#[test]
fn a_number_of_workers_that_is_none_is_refused() {
    if role().is_some() {
        let error = heist::Runner::new().unwrap_err();
        println!("\nkind: {:?}\nerror: {error}", error.kind());
        println!("panic: {}", panic_of(|| heist::run(async {})).replace('\n', " "));
        // Said by the program, the number is not asked of the environment.
        let mut runner = heist::Runner::builder().workers(2).build().unwrap();
        println!("given: {}", runner.run(async { heist::Handle::current().unwrap().workers() }).unwrap());
        return;
    }
    for bad in ["abc", "", "0", "-1", "1.5", "1025", "99999999999999999999"] {
        let mut copy = Copy::start_with("a_number_of_workers_that_is_none_is_refused", "child", |command| {
            command.env("HEIST_WORKERS", bad);
        });
        assert_eq!(copy.stdout.until("kind: "), "kind: InvalidInput");
        for what in ["error: ", "panic: "] {
            let message = copy.stdout.until(what);
            assert!(message.contains("HEIST_WORKERS") && message.contains(&format!("{bad:?}")), "{message}");
            assert!(message.contains("1 to 1024"), "{message}");
        }
        assert_eq!(copy.stdout.until("given: "), "given: 2");
        assert!(copy.wait().success());
    }
}

#[test]
fn a_panicking_task_tells_only_who_awaits_it() {
    heist::run(async {
        let error = heist::create_task(async { panic!("out of cheese") }).await.unwrap_err();
        assert_eq!(error.panic_message(), Some("out of cheese"));
        assert_eq!(heist::create_task(async { 7 }).await.unwrap(), 7);
    });
}
