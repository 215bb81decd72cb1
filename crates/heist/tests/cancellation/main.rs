//! Cancellation: requests, their delivery, their answers. Behaviours CANCEL.
#![cfg(not(heist_loom))]

mod clean_up;
mod common;
mod requests;
#[path = "../support/mod.rs"]
mod support;
mod tree;
