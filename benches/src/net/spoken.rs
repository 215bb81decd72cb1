//! A child process and the pipes to it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::os;

/// A child process that is spoken to line by line; it is ended when this is dropped.
pub(crate) struct Spoken {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Spoken {
    /// Starts this program with those arguments, or the one whose allocator counts.
    pub(crate) fn start(counts_memory: bool, arguments: &[&str]) -> Result<Self, String> {
        let program = os::program(counts_memory)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| format!("{} did not start: {error}", arguments[0]))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a child has no pipes".into());
        };
        Ok(Self { child, input: Some(input), output: BufReader::new(output) })
    }

    /// Says a line.
    pub(crate) fn say(&mut self, line: &str) -> Result<(), String> {
        let input = self.input.as_mut().ok_or("the child's input is closed")?;
        writeln!(input, "{line}").map_err(|error| format!("the child does not listen: {error}"))
    }

    /// Hears a line.
    pub(crate) fn hear(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) => Err("the child ended without an answer".into()),
            Ok(_) => Ok(line.trim().to_owned()),
            Err(error) => Err(format!("the child does not speak: {error}")),
        }
    }

    /// Hears a line of JSON.
    pub(crate) fn hear_json(&mut self) -> Result<Value, String> {
        let line = self.hear()?;
        serde_json::from_str(&line).map_err(|error| format!("`{line}` is not JSON: {error}"))
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        // A child ends when its input does. One that is stuck is killed; both calls fail only if it has ended already.
        self.input = None;
        let deadline = Instant::now() + Duration::from_secs(2);
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
