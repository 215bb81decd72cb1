//! Time for the heist async runtime: [`sleep()`], [`timeout()`] and the wheels behind them.
//!
//! Programs use the crate `heist`, which has what is for them at its root, under the same names.
//!
//! Each worker of a loop has a *wheel* of its own, which holds the timers that its tasks armed. Arming and disarming a
//! timer on the worker that runs the task is pointer work under one uncontended try-lock; the other workers see of a
//! wheel only the earliest deadline that it publishes. [`TimerService`] holds the wheels of one loop and is what a
//! [`Driver`](heist_core::Driver) hands its calls to.
//!
//! Vocabulary:
//!
//! * a *deadline* is a number of nanoseconds on the loop's [`Clock`](heist_core::Clock), real or virtual;
//! * a timer is *armed* when an *entry* for it is linked into a wheel, *fired* when its deadline has passed and its
//!   waker was taken to be woken;
//! * the *handle* is the future that armed it ([`Sleep`]); from arming until it gives the entry back, it alone owns it;
//! * the *nursery* holds armed timers that have a delay and no deadline yet, see [`limit()`];
//! * the *owner word* of a wheel is its try-lock. Whoever holds it does pointer work only, never user code.
//!
//! The protocol between the owner, a handle that is dropped elsewhere and a worker that fires for a stuck one is
//! argued in `docs/design/timers.md` and checked by the models in `src/models.rs`.

mod service;
mod sleep;
mod sleep_result;
mod stage;
mod timeout;
mod wheel;

#[cfg(all(test, heist_loom))]
mod models;

pub use service::TimerService;
pub use sleep::{Sleep, limit, sleep, sleep_until};
pub use sleep_result::SleepResult;
pub use timeout::{Timeout, TimeoutError, timeout, timeout_at};
