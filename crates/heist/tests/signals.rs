//! Signals, by tests that run on the process' main thread.

#[cfg(all(unix, not(heist_loom)))]
#[path = "signals/ctrl_c.rs"]
mod ctrl_c;
#[cfg(all(unix, not(heist_loom)))]
#[path = "signals/seed.rs"]
mod seed;
#[cfg(all(unix, not(heist_loom)))]
mod support;

#[cfg(all(unix, not(heist_loom)))]
fn main() -> std::process::ExitCode {
    support::main_thread::run(&[ctrl_c::TESTS, seed::TESTS].concat())
}

#[cfg(not(all(unix, not(heist_loom))))]
fn main() {}
