//! Threads and loops: to_thread, executors, thread futures, run_coroutine_threadsafe; by asyncio's behaviours.
#![cfg(not(heist_loom))]

mod common;
mod coroutines;
mod executors;
mod futures;
#[path = "../support/mod.rs"]
mod support;
mod to_thread;
