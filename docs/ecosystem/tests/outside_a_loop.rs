//! What is behind features, used where no event loop runs: an error, or a panic, that says what to do; never a wait without end.
#![cfg(not(heist_loom))]

use std::fmt::Debug;
use std::future::{Future, IntoFuture};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use heist::hickory::{Provider, Resolver};
use heist::metrics_exporter::Exporter;
use heist::tokio_compat::compat;
use hickory_resolver::config::{ResolverConfig, ResolverOpts};
use hyper::rt::{Executor, Timer};

/// What a future is ready with at its first poll.
fn at_once<F: IntoFuture>(future: F) -> F::Output {
    let future = pin!(future.into_future());
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits, and nobody would wake it"),
    }
}

/// The text of an error, which speaks of the loop.
fn names_the_loop<T: Debug, E: ToString>(result: Result<T, E>) {
    let said = result.map(|value| panic!("{value:?}")).unwrap_or_else(|error: E| error.to_string());
    assert!(said.contains("event loop"), "{said}");
}

/// As above, of a panic.
fn panics_with_the_loop<T: Debug>(code: impl FnOnce() -> T) {
    let said = catch_unwind(AssertUnwindSafe(code)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| panic.downcast_ref::<String>().cloned()).expect("a panic with a text")
    });
    names_the_loop(said);
}

#[test]
fn a_server_is_refused() {
    names_the_loop(at_once(heist::serve("127.0.0.1:0", axum::Router::new())));
}

#[test]
fn an_endpoint_of_quinn_is_refused() {
    names_the_loop(at_once(heist::quinn::endpoint(quinn::EndpointConfig::default(), None, "127.0.0.1:0")));
    names_the_loop(heist::quinn::Runtime::current());
}

#[test]
fn a_resolver_is_refused() {
    names_the_loop(Provider::current());
    names_the_loop(Resolver::from_system());
    names_the_loop(Resolver::new(ResolverConfig::default(), ResolverOpts::default()));
}

#[test]
fn an_exporter_is_refused() {
    names_the_loop(Exporter::current());
}

#[test]
fn hyper_s_tasks_and_sleeps_say_where_they_belong() {
    panics_with_the_loop(|| heist::hyper::Executor.execute(async {}));
    panics_with_the_loop(|| heist::hyper::LocalExecutor.execute(async {}));
    panics_with_the_loop(|| at_once(heist::hyper::Timer.sleep(Duration::from_secs(1))));
    // To make one, and to look at the clock, takes no loop.
    drop(heist::hyper::Timer.sleep_until(Instant::now()));
    assert!(heist::hyper::Timer.now() <= Instant::now());
}

/// A future in tokio needs no loop of ours.
#[test]
fn a_future_in_tokio_is_none_of_the_loop_s_business() {
    assert!(at_once(compat(async { tokio::runtime::Handle::try_current().is_ok() }).unwrap()));
}
