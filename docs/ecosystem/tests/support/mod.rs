//! What the tests of this package share: programs in processes of their own, as the facade's tests have them, and servers
//! that nobody here wrote.

#![allow(dead_code, unused_imports, reason = "each test file takes what it needs")]

#[path = "../../../../crates/heist/tests/support/mod.rs"]
mod of_the_facade;

pub mod daemon;
pub mod postgres;

pub use of_the_facade::{Copy, Lines, ROLE, for_each_flavour, peers, role, temporary_path};
