//! Running other programs.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::tree;

/// The cargo that runs this, in the root of the workspace.
pub(crate) fn cargo<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(arguments: I) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(tree::root());
    // Set by the cargo that runs xtask; it would make every crate look changed.
    command.env_remove("CARGO_MANIFEST_DIR");
    command
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut words = Vec::new();
    for (key, value) in command.get_envs() {
        if let (true, Some(value)) =
            (key == "RUSTFLAGS" || key == "RUSTDOCFLAGS" || key == "HEIST_MUTANT", value)
        {
            words.push(format!("{}={:?}", key.to_string_lossy(), value.to_string_lossy()));
        }
    }
    words.push(program.to_string_lossy().into_owned());
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Runs it with our own input and output; an exit status other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let line = shown(command);
    println!("$ {line}");
    let status = command.status().map_err(|error| format!("`{line}` did not start: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{line}` ended with {status}")) }
}

/// Runs it and returns what it wrote; an exit status other than 0 is an error that holds its standard error.
pub(crate) fn read(command: &mut Command) -> Result<String, String> {
    let line = shown(command);
    let output = command.output().map_err(|error| format!("`{line}` did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "`{line}` ended with {}:\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs it, both outputs kept, for at most `limit`; then it is killed. `None`: it was.
pub(crate) fn within(limit: Duration, command: &mut Command) -> Result<Option<Output>, String> {
    let line = shown(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("`{line}` did not start: {error}"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reader = |source: Option<Box<dyn Read + Send>>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // What could be read before an error is all there is to show.
            let _ = source.map(|mut source| source.read_to_end(&mut bytes));
            bytes
        })
    };
    let stdout = reader(stdout.map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let stderr = reader(stderr.map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let deadline = Instant::now() + limit;
    let status = loop {
        match child.try_wait().map_err(|error| format!("`{line}`: {error}"))? {
            Some(status) => break Some(status),
            None if Instant::now() >= deadline => {
                child.kill().and_then(|()| child.wait()).map_err(|error| format!("`{line}`: {error}"))?;
                break None;
            }
            None => thread::sleep(Duration::from_millis(10)),
        }
    };
    let (stdout, stderr) = (stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default());
    Ok(status.map(|status| Output { status, stdout, stderr }))
}

/// Whether the program can be started with `--version`.
pub(crate) fn is_there(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
