//! TCP echo: a server process for each peer, and one neutral client process for all of them.
//!
//! The client is a plain epoll loop on one thread. It keeps one request of 64 bytes in flight on each connection, checks
//! every echo, and is the same program whatever it talks to. The server's processor time and context switches are the
//! difference of what its process reports before the first and after the last measured request: nothing samples while
//! requests run.
//!
//! Protocol over the children's pipes, line by line: a server says `listening PORT` and answers `stat`; it ends when its
//! input ends. A client says `ready` when it is warm, waits for `go`, then says its result as JSON.

mod client;
mod plain;
mod server;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use crate::measure::{Metrics, Timing};
use crate::peer::PeerId;

pub(crate) use client::{Until, run as run_client};
pub(crate) use server::run as run_server;

/// Bytes of a request and of its echo.
pub(crate) const MESSAGE: usize = 64;

/// Descriptors that a process needs beside its connections.
pub(crate) const SPARE_DESCRIPTORS: u64 = 64;

/// A child process that is spoken to line by line; it is ended when this is dropped.
struct Spoken {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Spoken {
    fn start(arguments: &[&str]) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| format!("{} did not start: {error}", arguments[0]))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a child has no pipes".into());
        };
        Ok(Self { child, input: Some(input), output: BufReader::new(output) })
    }

    fn say(&mut self, line: &str) -> Result<(), String> {
        let input = self.input.as_mut().ok_or("the child's input is closed")?;
        writeln!(input, "{line}").map_err(|error| format!("the child does not listen: {error}"))
    }

    fn hear(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.output.read_line(&mut line) {
            Ok(0) => Err("the child ended without an answer".into()),
            Ok(_) => Ok(line.trim().to_owned()),
            Err(error) => Err(format!("the child does not speak: {error}")),
        }
    }

    fn hear_json(&mut self) -> Result<Value, String> {
        let line = self.hear()?;
        serde_json::from_str(&line).map_err(|error| format!("`{line}` is not JSON: {error}"))
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        // A child ends when its input does. One that is stuck is killed; both calls fail only if it has ended already.
        self.input = None;
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(2);
        while std::time::Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes one echo measurement.
pub(crate) fn measure(peer: PeerId, connections: usize, timing: Timing) -> Result<Metrics, String> {
    let descriptors = crate::os::raise_descriptor_limit().saturating_sub(SPARE_DESCRIPTORS);
    let connections = if (connections as u64) > descriptors {
        eprintln!(
            "heist-bench: echo with {descriptors} connections in place of {connections}: the limit of descriptors"
        );
        descriptors as usize
    } else {
        connections
    };
    let mut server = Spoken::start(&["--echo-server", peer.name])?;
    let port = server.hear()?;
    let port = port.strip_prefix("listening ").ok_or_else(|| format!("the server said `{port}`"))?;
    let milliseconds = if timing.quick { "300" } else { "1000" };
    let mut client =
        Spoken::start(&["--echo-client", port, &connections.to_string(), "--milliseconds", milliseconds])?;
    let ready = client.hear()?;
    if ready != "ready" {
        return Err(format!("the client said `{ready}`"));
    }
    server.say("stat")?;
    let before = server.hear_json()?;
    client.say("go")?;
    let result = client.hear_json()?;
    server.say("stat")?;
    let after = server.hear_json()?;

    let number =
        |value: &Value, key: &str| value[key].as_f64().ok_or_else(|| format!("no `{key}` in {value}"));
    let requests = number(&result, "requests")?;
    let difference = |key| Ok::<_, String>(number(&after, key)? - number(&before, key)?);
    Ok(vec![
        ("server cpu", difference("cpu_ns")? / 1e3 / requests),
        ("wall", number(&result, "seconds")? * 1e6 / requests),
        ("p50", number(&result, "p50_us")?),
        ("p99", number(&result, "p99_us")?),
        ("server switches", difference("switches")? / requests),
    ])
}

/// Serves exactly `requests` requests over `connections` connections and ends, for an instruction counter: the client
/// is a child and is not counted.
pub(crate) fn serve_for_counter(peer: PeerId, connections: usize, requests: u64) -> Result<(), String> {
    server::run_until_client_ends(peer, connections, requests)
}
