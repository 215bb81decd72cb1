//! System calls of one operation, under strace.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::counts::{Plan, can_do};
use crate::sh;

/// One run under the counter.
const LIMIT: Duration = Duration::from_secs(120);

/// Repetitions are so many times fewer than under the counter of instructions: each call is a line of text.
const FEWER: u64 = 10;

/// A call that is made less often than this in an operation is not named.
const NAMED: f64 = 0.01;

/// How often each system call was made.
type Calls = BTreeMap<String, u64>;

/// Counts and prints a table.
pub(crate) fn count(program: &Path, words: &[&str]) -> Result<(), String> {
    if !sh::is_there("strace", &["--version"]) {
        println!("skipped: strace is not installed, so system calls cannot be counted");
        return Ok(());
    }
    let plan = Plan::parse(program, "bench --system-calls", words)?;
    println!(
        "System calls of one operation (strace, the difference of two runs), those below {NAMED} not named.\n"
    );
    println!("| operation | peer | in all | which |");
    println!("|---|---|--:|---|");
    for (workload, times) in plan.workloads {
        let times = times / FEWER;
        for peer in &plan.peers {
            if can_do(program, workload, peer)? {
                let once = counted(program, workload, peer, times)?;
                let twice = counted(program, workload, peer, times * 2)?;
                println!("| {workload} | {peer} | {} |", row(&once, &twice, times));
            }
        }
    }
    Ok(())
}

/// All calls of one process that does the operation `times` times, without those of the client that it starts.
fn counted(program: &Path, workload: &str, peer: &str, times: u64) -> Result<Calls, String> {
    let mut command = Command::new("strace");
    command.args(["--follow-forks", "--quiet=all", "--string-limit=0", "--signal=none"]);
    command.arg(program).args(["--callgrind-target", workload, peer, &times.to_string()]);
    let output =
        sh::within(LIMIT, &mut command)?.ok_or_else(|| format!("{workload} on {peer} did not end"))?;
    if output.status.success() {
        return Ok(calls(&String::from_utf8_lossy(&output.stderr)));
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let end: Vec<_> = text.lines().rev().take(5).collect();
    Err(format!("{workload} on {peer} ended with {}:\n{}", output.status, end.join("\n")))
}

/// Counts the lines `[pid N] name(...`. A thread's number is left out until there is a second one. Whoever begins with
/// another program is a client, and not counted from there.
fn calls(log: &str) -> Calls {
    let (mut calls, mut clients, mut has_begun) = (Calls::new(), BTreeSet::new(), false);
    for line in log.lines() {
        let (pid, call) = match line.strip_prefix("[pid ").and_then(|rest| rest.split_once("] ")) {
            Some((pid, call)) => (pid.trim(), call),
            None => ("", line),
        };
        // The second half of a call that was interrupted begins with `<... name resumed>`.
        let Some((name, _)) = call.split_once('(') else { continue };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            continue;
        }
        if name == "execve" {
            if has_begun {
                clients.insert(pid.to_owned());
            }
            has_begun = true;
        }
        if !clients.contains(pid) {
            *calls.entry(name.to_owned()).or_default() += 1;
        }
    }
    calls
}

/// The sum, and each call by name, the most frequent first.
fn row(once: &Calls, twice: &Calls, times: u64) -> String {
    let by_operation =
        |name: &String, more: u64| (more as f64 - once.get(name).copied().unwrap_or(0) as f64) / times as f64;
    let mut named: Vec<(f64, &String)> =
        twice.iter().map(|(name, more)| (by_operation(name, *more), name)).collect();
    let sum: f64 = named.iter().map(|(count, _)| count).sum();
    named.retain(|(count, _)| *count >= NAMED);
    named.sort_by(|a, b| b.0.total_cmp(&a.0));
    let names: Vec<_> = named.iter().map(|(count, name)| format!("{name} {count:.2}")).collect();
    format!("{:.2} | {}", sum.max(0.0), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "execve(\"heist-bench\", [], []) = 0\n\
        read(3, \"\"..., 8) = 8\n\
        [pid  7] read(3, \"\"..., 8 <unfinished ...>\n\
        [pid  8] execve(\"heist-bench\", [], []) = 0\n\
        [pid  8] write(4, \"\"..., 8) = 8\n\
        [pid  7] <... read resumed>) = 8\n\
        [pid  9] futex(0x1, FUTEX_WAKE_PRIVATE, 1) = 1\n";

    #[test]
    fn each_call_counts_once_and_the_client_s_do_not() {
        let calls = calls(LOG);
        assert_eq!(calls.get("read"), Some(&2));
        assert_eq!(calls.get("futex"), Some(&1));
        assert_eq!(calls.get("write"), None);
    }

    #[test]
    fn a_row_is_the_difference_of_two_runs() {
        let calls = |reads| Calls::from([("read".to_owned(), reads), ("mmap".to_owned(), 50)]);
        assert_eq!(row(&calls(110), &calls(210), 100), "1.00 | read 1.00");
    }
}
