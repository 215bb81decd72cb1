//! The guide. Each chapter is a module here, so that its examples are tests; the texts are the Markdown files beside this
//! one. The crate is not published.

#![forbid(unsafe_code)]

#[doc = include_str!("cancellation.md")]
pub mod cancellation {}

#[doc = include_str!("structured-concurrency.md")]
pub mod structured_concurrency {}
