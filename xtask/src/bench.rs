//! `cargo xtask bench`: builds heist-bench with the profile `bench-lto` and runs it; counts instructions.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::{sh, tree};

/// The operations that are counted, each with the smaller of its two numbers of repetitions.
const COUNTED: &[(&str, u64)] = &[
    ("spawn-join", 20_000),
    ("chained-spawn", 10_000),
    ("ping-pong", 5_000),
    ("yield", 40_000),
    ("oneshot", 20_000),
    ("timeout", 20_000),
    ("echo-1", 5_000),
    ("echo-64", 20_000),
];

/// One run under the counter.
const LIMIT: Duration = Duration::from_secs(300);

/// Builds, then runs or counts.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    let version = sh::read(Command::new("rustc").arg("--version").current_dir(tree::root()))?;
    let build = ["build", "--quiet", "--profile", "bench-lto", "--package", "heist-bench", "--bins"];
    sh::run(sh::cargo(build).env("HEIST_BENCH_RUSTC", version.trim()))?;
    let program = tree::target()?.join("bench-lto").join("heist-bench");
    match words {
        ["--instructions", rest @ ..] => instructions(&program, rest),
        _ => sh::run(Command::new(&program).args(words).current_dir(tree::root())),
    }
}

fn instructions(program: &Path, words: &[&str]) -> Result<(), String> {
    if !sh::is_there("valgrind", &["--version"]) {
        println!("skipped: valgrind is not installed, so instructions cannot be counted");
        return Ok(());
    }
    let (mut only, mut peers) = (None, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{word}` wants a value"))?;
        match *word {
            "--only" => only = Some(value.split(',').collect::<Vec<_>>()),
            "--peers" => peers = Some(value.split(',').collect::<Vec<_>>()),
            other => return Err(format!("`bench --instructions` does not know `{other}`")),
        }
    }
    let known = sh::read(Command::new(program).arg("--list"))?;
    let known: Vec<&str> =
        known.lines().find_map(|line| line.strip_prefix("peers: ")).unwrap_or_default().split(", ").collect();
    // One worker: with two, what is counted depends on who steals what.
    let peers = peers
        .unwrap_or_else(|| known.iter().copied().filter(|peer| !peer.ends_with("-2")).collect::<Vec<_>>());
    let chosen = COUNTED.iter().filter(|(name, _)| {
        only.as_ref().is_none_or(|only| only.iter().any(|prefix| name.starts_with(prefix)))
    });
    let spin = sh::read(Command::new(program).arg("--spin"))?;
    println!("User-space instructions of one operation (callgrind, the difference of two runs).\n");
    println!("| operation | {} |", peers.join(" | "));
    println!("|---|{}", "--:|".repeat(peers.len()));
    for (name, count) in chosen {
        let mut cells = Vec::new();
        for peer in &peers {
            let (once, twice) = (
                counted(program, name, peer, *count, &spin)?,
                counted(program, name, peer, count * 2, &spin)?,
            );
            cells.push(format!("{:.0}", (twice as f64 - once as f64) / *count as f64));
        }
        println!("| {name} | {} |", cells.join(" | "));
    }
    Ok(())
}

/// All instructions of one process that does the operation `count` times. `spin` is what a fixed piece of work takes
/// without the counter, in nanoseconds: by it the process slows down what goes by time, for the counter slows the program
/// down by some fifty times and not the clock.
fn counted(program: &Path, workload: &str, peer: &str, count: u64, spin: &str) -> Result<u64, String> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--fair-sched=try"]);
    command.arg(program).args(["--callgrind-target", workload, peer, &count.to_string()]);
    command.args(["--native-spin", spin.trim()]);
    let output =
        sh::within(LIMIT, &mut command)?.ok_or_else(|| format!("{workload} on {peer} did not end"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected =
        text.lines().find_map(|line| line.split_once("Collected : ")).map(|(_, number)| number.trim());
    match collected.and_then(|number| number.parse().ok()) {
        Some(number) if output.status.success() => Ok(number),
        _ => Err(format!("{workload} on {peer} ended with {}:\n{text}", output.status)),
    }
}
