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

impl From<MainConfig> for Builder {
    fn from(config: MainConfig) -> Self {
        let mut builder = Self::new();
        if let Some(workers) = config.workers {
            builder = builder.workers(workers);
        }
        if config.current_thread {
            builder = builder.current_thread();
        }
        if config.virtual_time {
            builder = builder.virtual_time();
        }
        builder
    }
}

/// `tokio_compat` among the options.
#[cfg(feature = "tokio-compat")]
#[doc(hidden)]
#[macro_export]
macro_rules! __tokio_compat {
    ($config:expr) => {
        $crate::Builder::from($config).tokio_compat()
    };
}

/// `tokio_compat` among the options.
#[cfg(not(feature = "tokio-compat"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __tokio_compat {
    ($config:expr) => {
        ::core::compile_error!(
            "the option `tokio_compat` needs the feature of heist: heist = { features = [\"tokio-compat\"], .. }"
        )
    };
}

pub use crate::__tokio_compat as tokio_compat;

/// The body of `#[heist::main]`.
#[track_caller]
pub fn run_main<F: Future>(config: impl Into<Builder>, main: F) -> F::Output {
    run_with(config.into(), main)
}

/// The body of `#[heist::test]`.
#[track_caller]
pub fn run_test<F: Future>(config: impl Into<Builder>, test: F) -> F::Output {
    run_with(config.into(), test)
}
