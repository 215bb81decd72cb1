//! Other people's libraries on heist: real programs in `examples/`, and tests against peers that nobody here wrote.
//!
//! Which library runs through which feature stands in docs/ecosystem.md.
#![forbid(unsafe_code)]

/// The page, whose examples are tests.
#[doc = include_str!("../../ecosystem.md")]
pub mod page {}

/// The page about libraries that know tokio alone, whose examples are tests.
#[doc = include_str!("../../running-tokio-libraries.md")]
pub mod running_tokio_libraries {}

/// The page about adapters, whose examples are tests.
#[doc = include_str!("../../adapters.md")]
pub mod adapters {}
