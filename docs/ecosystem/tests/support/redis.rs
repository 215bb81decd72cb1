//! A Redis server of a test's own.

use std::process::Command;

use rustix::process::Signal;

use super::Directory;
use super::daemon::Daemon;
use super::peers;

/// A running server.
#[derive(Debug)]
pub struct Redis {
    // Ended before its files go.
    _server: Daemon,
    _directory: Directory,
    port: u16,
}

impl Redis {
    /// Starts a server that keeps nothing on disk. `None`, and a line that says so, where Redis is not on this machine: the test
    /// returns then.
    pub fn start() -> Option<Self> {
        let program = peers::find("redis-server")?;
        let directory = Directory::new("redis");
        let command = |port: u16| {
            let mut command = Command::new(&program);
            command.args([
                "--port",
                &port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
            ]);
            command.arg("--dir").arg(directory.path());
            command
        };
        let (server, port) = Daemon::on_free_port(command, "Ready to accept connections", Signal::TERM);
        Some(Self { _server: server, _directory: directory, port })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}
