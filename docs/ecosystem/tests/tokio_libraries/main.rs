//! Libraries that know tokio alone, unmodified, in tasks of a loop that has tokio beside it.
#![cfg(all(unix, not(heist_loom)))]

#[path = "../support/mod.rs"]
mod support;

mod async_nats;
mod beside_the_loop;
#[cfg(target_os = "linux")]
mod cannot_start;
#[path = "../../examples/fetch.rs"]
mod fetch;
mod one_future;
mod reqwest;
mod sqlx;
mod tonic;

use std::future::Future;

use support::for_each_flavour;

/// Runs a test on both flavours of a loop with tokio beside it.
fn with_tokio<F: Future>(test: impl Fn() -> F) {
    for_each_flavour(|builder| {
        let mut runner = builder.tokio_compat().build().unwrap();
        runner.run(test()).unwrap();
        assert!(runner.close().is_clean());
    });
}
