//! One operation, repeated under valgrind's callgrind.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

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
