//! One operation, repeated under valgrind's callgrind.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::counts::{Plan, can_do};
use crate::sh;

/// One run under the counter.
const LIMIT: Duration = Duration::from_secs(300);

/// A benchmark program under callgrind.
pub(crate) struct Callgrind {
    program: PathBuf,
    /// What a fixed piece of work takes without the counter, in nanoseconds: by it the process slows down what goes by
    /// time, for the counter slows the program down by some fifty times and not the clock.
    spin: String,
}

impl Callgrind {
    /// `None`, with a line that says so, where valgrind is missing.
    pub(crate) fn of(program: &Path, what: &str) -> Result<Option<Self>, String> {
        if !sh::is_there("valgrind", &["--version"]) {
            println!("skipped: valgrind is not installed, so {what} cannot be counted");
            return Ok(None);
        }
        let spin = sh::read(Command::new(program).arg("--spin"))?.trim().to_owned();
        Ok(Some(Self { program: program.to_owned(), spin }))
    }

    /// A table with a row for each workload of the plan and a column for each peer; `count` says what one run took. What
    /// is started and shut down once falls out of the difference of two runs.
    pub(crate) fn table(
        &self,
        plan: Plan,
        digits: usize,
        count: impl Fn(&str, &str, u64) -> Result<u64, String>,
    ) -> Result<(), String> {
        println!("| operation | {} |", plan.peers.join(" | "));
        println!("|---|{}", "--:|".repeat(plan.peers.len()));
        for (workload, times) in plan.workloads {
            let mut cells = Vec::new();
            for peer in &plan.peers {
                if !can_do(&self.program, workload, peer)? {
                    cells.push("-".to_owned());
                    continue;
                }
                let once = count(workload, peer, times)? as f64;
                let twice = count(workload, peer, times * 2)? as f64;
                cells.push(format!("{:.digits$}", (twice - once) / times as f64));
            }
            println!("| {workload} | {} |", cells.join(" | "));
        }
        Ok(())
    }

    /// One process that does the operation `times` times; what callgrind says of it on standard error.
    pub(crate) fn run(
        &self,
        workload: &str,
        peer: &str,
        times: u64,
        options: &[&str],
    ) -> Result<String, String> {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--fair-sched=try"]).args(options);
        command.arg(&self.program).args(["--callgrind-target", workload, peer, &times.to_string()]);
        command.args(["--native-spin", &self.spin]);
        let output =
            sh::within(LIMIT, &mut command)?.ok_or_else(|| format!("{workload} on {peer} did not end"))?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        Err(format!("{workload} on {peer} ended with {}:\n{text}", output.status))
    }
}
