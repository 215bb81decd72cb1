//! What the attributes hand to the facade: this crate plays the facade and writes down what it is given.

#![cfg(not(heist_loom))]

extern crate self as heist;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

mod __private {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Eq)]
    pub(crate) struct MainConfig {
        pub(crate) workers: Option<usize>,
        pub(crate) current_thread: bool,
        pub(crate) virtual_time: bool,
    }

    /// Stands for what the facade makes of it.
    macro_rules! tokio_compat {
        ($config:expr) => {
            $crate::__private::MainConfig { workers: Some(1_000_000), ..$config }
        };
    }
    pub(crate) use tokio_compat;

    thread_local! {
        pub(crate) static GIVEN: std::cell::RefCell<Option<(&'static str, MainConfig)>> = const {
            std::cell::RefCell::new(None)
        };
    }

    fn run<F: Future>(entry: &'static str, config: MainConfig, future: F) -> F::Output {
        GIVEN.set(Some((entry, config)));
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("these functions wait for nothing"),
        }
    }

    pub(crate) fn run_main<F: Future<Output: std::process::Termination>>(
        config: MainConfig,
        main: F,
    ) -> F::Output {
        run("main", config, main)
    }

    pub(crate) fn run_test<F: Future<Output: std::process::Termination>>(
        config: MainConfig,
        test: F,
    ) -> F::Output {
        run("test", config, test)
    }
}

use __private::{GIVEN, MainConfig};

fn given() -> (&'static str, MainConfig) {
    GIVEN.take().expect("the facade was called")
}

const DEFAULT: MainConfig = MainConfig { workers: None, current_thread: false, virtual_time: false };

#[heist_macros::main]
async fn plain() {}

#[heist_macros::main(workers = 1_2usize)]
async fn with_workers() -> u8_code::Code {
    u8_code::Code(7)
}

#[heist_macros::main(current_thread)]
async fn on_one_thread() -> Result<(), Box<dyn std::error::Error>> {
    let _: u32 = "no number".parse()?;
    Ok(())
}

/// Visibility, attributes and documentation stay where they were.
mod inner {
    #[heist_macros::main]
    #[must_use]
    #[expect(unused_variables, reason = "shows that an attribute reaches the body")]
    pub(crate) async fn visible() -> std::process::ExitCode {
        let unused = 1;
        std::process::ExitCode::SUCCESS
    }
}

mod u8_code {
    #[derive(Debug, PartialEq, Eq)]
    pub(crate) struct Code(pub(crate) u8);

    impl std::process::Termination for Code {
        fn report(self) -> std::process::ExitCode {
            self.0.into()
        }
    }
}

#[test]
fn main_without_options() {
    plain();
    assert_eq!(given(), ("main", DEFAULT));
}

#[test]
fn main_with_workers_returns_what_the_body_returns() {
    assert_eq!(with_workers(), u8_code::Code(7));
    assert_eq!(given(), ("main", MainConfig { workers: Some(12), ..DEFAULT }));
}

#[test]
fn main_on_the_current_thread_returns_its_error() {
    assert!(on_one_thread().is_err_and(|error| error.to_string().contains("invalid digit")));
    assert_eq!(given(), ("main", MainConfig { current_thread: true, ..DEFAULT }));
}

#[test]
fn visibility_and_attributes_stay() {
    assert_eq!(inner::visible(), std::process::ExitCode::SUCCESS);
    assert_eq!(given(), ("main", DEFAULT));
}

#[heist_macros::test(current_thread, virtual_time)]
async fn a_test_is_a_test() {
    assert_eq!(given(), ("test", MainConfig { current_thread: true, virtual_time: true, ..DEFAULT }));
}

#[heist_macros::test(tokio_compat, current_thread)]
async fn the_facade_says_what_tokio_compat_is() {
    assert_eq!(given(), ("test", MainConfig { workers: Some(1_000_000), current_thread: true, ..DEFAULT }));
}

#[heist_macros::test(workers = 2)]
async fn a_test_may_return_a_result() -> Result<(), std::num::ParseIntError> {
    assert_eq!(given(), ("test", MainConfig { workers: Some(2), ..DEFAULT }));
    "3".parse::<u8>().map(|_| ())
}

#[heist_macros::test]
#[should_panic(expected = "as it should")]
async fn a_test_may_be_meant_to_panic() {
    panic!("as it should");
}
