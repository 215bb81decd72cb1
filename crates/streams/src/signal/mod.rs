//! Unix signals: as something to wait for, and as calls of a handler by the loop.
//!
//! | asyncio | here |
//! |---|---|
//! | `loop.add_signal_handler(sig, callback)` | [`add_signal_handler`], [`add_signal_handler_to`] |
//! | `loop.remove_signal_handler(sig)` | [`remove_signal_handler`] |
//! | (none) | [`signal`]: a [`Signal`] to await, for as many tasks as want one |
//!
//! While anybody takes a signal, its default action is off; with the last one what was there before comes back. How a
//! delivery gets from the handler of the process to a loop: `docs/design/signals.md`.

mod error;
mod handlers;
mod listener;
mod numbers;

pub use error::SignalError;
pub use handlers::{
    SignalHandler, add_signal_handler, add_signal_handler_to, remove_signal_handler,
    remove_signal_handler_from,
};
pub use listener::{Signal, signal};
pub use numbers::*;
