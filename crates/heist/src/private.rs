//! What the macros expand to. Not part of the public API.

use std::future::Future;

pub use crate::gather::{gather_tuple, try_gather_started};
pub use crate::inline::{Join, Race};

use crate::builder::Builder;
use crate::runner::run_with;

/// What an attribute's options say.
#[derive(Clone, Copy, Debug)]
pub struct MainConfig {
    /// `workers = N`.
    pub workers: Option<usize>,
    /// `current_thread`.
    pub current_thread: bool,
    /// `virtual_time`.
    pub virtual_time: bool,
}

impl MainConfig {
    fn builder(self) -> Builder {
        let mut builder = Builder::new();
        if let Some(workers) = self.workers {
            builder = builder.workers(workers);
        }
        if self.current_thread {
            builder = builder.current_thread();
        }
        if self.virtual_time {
            builder = builder.virtual_time();
        }
        builder
    }
}

/// The body of `#[heist::main]`.
#[track_caller]
pub fn run_main<F: Future>(config: MainConfig, main: F) -> F::Output {
    run_with(config.builder(), main)
}

/// The body of `#[heist::test]`.
#[track_caller]
pub fn run_test<F: Future>(config: MainConfig, test: F) -> F::Output {
    run_with(config.builder(), test)
}
