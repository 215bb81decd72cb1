//! User-space instructions of one operation, under valgrind's callgrind.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::counts::{Plan, can_do};
use crate::sh;

/// One run under the counter.
const LIMIT: Duration = Duration::from_secs(300);

/// Counts and prints a table.
pub(crate) fn count(program: &Path, words: &[&str]) -> Result<(), String> {
    if !sh::is_there("valgrind", &["--version"]) {
        println!("skipped: valgrind is not installed, so instructions cannot be counted");
        return Ok(());
    }
    let plan = Plan::parse(program, "bench --instructions", words)?;
    let spin = sh::read(Command::new(program).arg("--spin"))?;
    println!("User-space instructions of one operation (callgrind, the difference of two runs).\n");
    println!("| operation | {} |", plan.peers.join(" | "));
    println!("|---|{}", "--:|".repeat(plan.peers.len()));
    for (workload, times) in plan.workloads {
        let mut cells = Vec::new();
        for peer in &plan.peers {
            if !can_do(program, workload, peer)? {
                cells.push("-".to_owned());
                continue;
            }
            let once = counted(program, workload, peer, times, &spin)?;
            let twice = counted(program, workload, peer, times * 2, &spin)?;
            cells.push(format!("{:.0}", (twice as f64 - once as f64) / times as f64));
        }
        println!("| {workload} | {} |", cells.join(" | "));
    }
    Ok(())
}

/// All instructions of one process that does the operation `times` times. `spin` is what a fixed piece of work takes
/// without the counter, in nanoseconds: by it the process slows down what goes by time, for the counter slows the program
/// down by some fifty times and not the clock.
fn counted(program: &Path, workload: &str, peer: &str, times: u64, spin: &str) -> Result<u64, String> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--fair-sched=try"]);
    command.arg(program).args(["--callgrind-target", workload, peer, &times.to_string()]);
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
