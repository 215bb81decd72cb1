//! System calls of one operation, under strace.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::instrument::{Counter, Instrument, Tally};
use crate::sh;

/// One run under the counter.
const LIMIT: Duration = Duration::from_secs(120);

/// Counts them, a tenth as often as instructions: each call is a line of text.
pub(crate) const INSTRUMENT: Instrument = Instrument {
    option: "--system-calls",
    key: "system calls",
    title: "System calls of one operation (strace, the difference of two runs), the rare ones not named",
    digits: 2,
    fewer: 10,
    has_kinds: true,
    start,
};

fn start(program: &Path) -> Result<Option<Counter>, String> {
    if !sh::is_there("strace", &["--version"]) {
        println!("skipped: strace is not installed, so system calls cannot be counted");
        return Ok(None);
    }
    let program = program.to_owned();
    Ok(Some(Box::new(move |workload, peer, times| counted(&program, workload, peer, times))))
}

/// All calls of one process that does the operation `times` times, without those of the client that it starts.
fn counted(program: &Path, workload: &str, peer: &str, times: u64) -> Result<Tally, String> {
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
fn calls(log: &str) -> Tally {
    let (mut calls, mut clients, mut has_begun) = (Tally::new(), BTreeSet::new(), false);
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
}
