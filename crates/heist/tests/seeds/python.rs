//! The same programs in Python.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::output::{Line, mask};
use crate::support::peers;

/// How the driver says that this Python is too old.
const NOT_THIS_PYTHON: i32 = 77;

/// What a program did.
pub struct Outcome {
    pub lines: Vec<Line>,
    pub succeeded: bool,
}

fn file(of_heist: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(of_heist)
}

/// The Python program of that name, to be run as it is.
pub fn command(name: &str) -> Option<Command> {
    let mut command = Command::new(peers::find("python3")?);
    // No compiled files beside the sources, and lines as they come.
    command.args(["-B", "-u"]).env("PYTHONIOENCODING", "utf-8");
    command.arg(file("examples/seeds/python").join(name).with_extension("py")).stdin(Stdio::null());
    Some(command)
}

/// Runs the Python program of that name; `None` where there is no Python for it.
///
/// With virtual time, where it only sleeps. After `last` lines its loop is stopped.
pub fn run(name: &str, virtual_time: bool, last: Option<usize>) -> Option<Outcome> {
    let mut command = Command::new(peers::find("python3")?);
    command.arg("-B").arg(file("tests/seeds/driver.py"));
    command.arg(file("examples/seeds/python").join(name).with_extension("py"));
    command.arg(if virtual_time { "virtual" } else { "real" }).arg(last.unwrap_or(0).to_string());
    let output = command.env("PYTHONIOENCODING", "utf-8").stdin(Stdio::null()).output().unwrap();
    if output.status.code() == Some(NOT_THIS_PYTHON) {
        println!("skipped: this python3 is older than 3.11");
        return None;
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.split_terminator('\n').map(|line| {
        let (at, text) = line.split_once('\t').expect("the driver's form");
        Line { at: at.parse().unwrap(), text: mask(text) }
    });
    let outcome = Outcome { lines: lines.collect(), succeeded: output.status.success() };
    // What went wrong is shown where the test fails.
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Some(outcome)
}
