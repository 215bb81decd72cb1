//! The bench suite: each workload written once, run on heist and on every peer.
//!
//! Vocabulary:
//!
//! * a *peer* is a runtime in one configuration (`tokio-2` is tokio with two workers), behind the trait
//!   `peer::Peer`;
//! * a *workload* is something that a program does, and yields one or more *metrics* (a cost: lower is better);
//! * a *measurement* is one workload on one peer in a fresh child process, so that no allocator, thread or descriptor
//!   of one leaks into the next;
//! * a *round* measures every workload on every peer once, in an order that turns by one peer a round.
//!
//! Machines drift while a run lasts: absolute figures are medians over rounds, and a ratio is the median of the ratios
//! inside each round, with its least and greatest beside it.

#![deny(unsafe_code)]

mod cli;
mod driver;
mod measure;
mod net;
mod operation;
mod os;
mod peer;
mod peers;
mod primitives;
mod report;
mod stats;
mod workload;
mod workloads;

use std::process::ExitCode;

/// The whole of `heist-bench`: the driver, and the children that it starts.
#[must_use]
pub fn main() -> ExitCode {
    match cli::run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("heist-bench: {message}");
            ExitCode::FAILURE
        }
    }
}

/// The same for `heist-bench-memory`, which takes the measurements of memory: `live_bytes` reads the counter of its
/// allocator.
#[must_use]
pub fn memory_main(live_bytes: fn() -> u64) -> ExitCode {
    os::note_live_bytes(live_bytes);
    main()
}
