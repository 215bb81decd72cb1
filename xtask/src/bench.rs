//! `cargo xtask bench`: builds heist-bench with the profile `bench-lto` and runs it; counts instructions, atomic
//! read-modify-writes and system calls.

mod atomics;
mod callgrind;
mod counts;
mod instructions;
mod system_calls;

use std::process::Command;

use crate::{sh, tree};

/// Builds, then runs or counts.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    let version = sh::read(Command::new("rustc").arg("--version").current_dir(tree::root()))?;
    let build = ["build", "--quiet", "--profile", "bench-lto", "--package", "heist-bench", "--bins"];
    sh::run(sh::cargo(build).env("HEIST_BENCH_RUSTC", version.trim()))?;
    let program = tree::target()?.join("bench-lto").join("heist-bench");
    match words {
        ["--instructions", rest @ ..] => instructions::count(&program, rest),
        ["--atomics", rest @ ..] => atomics::count(&program, rest),
        ["--system-calls", rest @ ..] => system_calls::count(&program, rest),
        _ => sh::run(Command::new(&program).args(words).current_dir(tree::root())),
    }
}
