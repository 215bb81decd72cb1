//! An example as a program: a test starts a copy of itself that runs it with arguments.

use std::ffi::OsString;
use std::process::ExitCode;

use super::{Copy, role};

/// Between the arguments in a role.
const SEPARATOR: char = '\u{1f}';

/// In a copy, runs `program` with the arguments of the role, and ends the process. Returns in the test itself.
pub fn run_in_a_copy(program: impl FnOnce(Vec<OsString>) -> ExitCode) {
    let Some(role) = role() else { return };
    let code = program(role.split(SEPARATOR).map(OsString::from).collect());
    // An `ExitCode` does not say its number; its Debug form is enough to tell them apart.
    let number = (0..=2).find(|&n| format!("{code:?}") == format!("{:?}", ExitCode::from(n)));
    std::process::exit(number.expect("these programs end with 0, 1 or 2").into());
}

/// Starts the copy: `test` is the test that calls [`run_in_a_copy`].
pub fn start(test: &str, args: &[&str]) -> Copy {
    Copy::start(test, &args.join(&SEPARATOR.to_string()))
}

/// Bytes of memory that a copy has, as the system counts them.
pub fn resident(copy: &Copy) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", copy.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// Descriptors that a copy has open.
pub fn descriptors(copy: &Copy) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", copy.pid())).unwrap().count()
}
