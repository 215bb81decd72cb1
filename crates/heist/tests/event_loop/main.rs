//! The event loop as a value, by asyncio's behaviours: runs, stops, passes, callbacks for later.
#![cfg(not(heist_loom))]

mod by_hand;
mod common;
mod forever;
mod later;
mod runs;
#[path = "../support/mod.rs"]
mod support;
mod which;
