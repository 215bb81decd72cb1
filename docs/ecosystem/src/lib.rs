//! Other people's libraries on heist: real programs in `examples/`, and tests against peers that nobody here wrote.
//!
//! Which library runs through which feature stands in docs/ecosystem.md.
#![forbid(unsafe_code)]

/// The page, whose examples are tests.
#[doc = include_str!("../../ecosystem.md")]
pub mod page {}
