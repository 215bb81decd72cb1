//! `cargo xtask bench`: builds heist-bench with the profile `bench-lto` and runs it; counts instructions, atomic
//! read-modify-writes and system calls.

mod atomics;
mod callgrind;
mod counts;
mod instructions;
mod instrument;
mod system_calls;

use std::path::Path;
use std::process::Command;

use counts::Plan;
use instrument::Instrument;
use serde_json::{Map, Value};

use crate::{sh, tree};

/// What `--count-all` uses, in this order.
const INSTRUMENTS: &[Instrument] = &[instructions::INSTRUMENT, atomics::INSTRUMENT, system_calls::INSTRUMENT];

/// Where `--count-all` leaves what it has counted, from the root of the workspace.
const COUNTS: &str = "bench-results/counts.json";

/// Builds, then runs or counts.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    let version = sh::read(Command::new("rustc").arg("--version").current_dir(tree::root()))?;
    let build = ["build", "--quiet", "--profile", "bench-lto", "--package", "heist-bench", "--bins"];
    sh::run(sh::cargo(build).env("HEIST_BENCH_RUSTC", version.trim()))?;
    let program = tree::target()?.join("bench-lto").join("heist-bench");
    let [first, rest @ ..] = words else { return measure(&program, words) };
    if *first == "--count-all" {
        return count_all(&program, &Plan::parse(&program, first, rest)?);
    }
    match INSTRUMENTS.iter().find(|instrument| instrument.option == *first) {
        Some(instrument) => instrument.table(&program, &Plan::parse(&program, first, rest)?).map(drop),
        None => measure(&program, words),
    }
}

fn measure(program: &Path, words: &[&str]) -> Result<(), String> {
    sh::run(Command::new(program).args(words).current_dir(tree::root()))
}

/// Prints every table, and writes what `heist-bench --counts` shows beside the times.
fn count_all(program: &Path, plan: &Plan) -> Result<(), String> {
    let mut all = Map::new();
    for instrument in INSTRUMENTS {
        if let Some(sums) = instrument.table(program, plan)? {
            all.insert(instrument.key.to_owned(), sums);
        }
        println!();
    }
    let path = tree::root().join(COUNTS);
    std::fs::create_dir_all(path.with_file_name(""))
        .and_then(|()| std::fs::write(&path, format!("{:#}\n", Value::Object(all))))
        .map_err(|error| format!("cannot write {COUNTS}: {error}"))?;
    println!("wrote {COUNTS}; `cargo xtask bench --counts {COUNTS}` shows it beside the times");
    Ok(())
}
