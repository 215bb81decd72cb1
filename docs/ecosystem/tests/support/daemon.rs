//! A server that a test starts for itself: on a port of its own, in a directory of its own, ended with the test.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long a server may take to say that it is ready, and to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many of its last lines are kept, to be shown where it fails.
const KEPT: usize = 30;
/// How often another port is tried.
const ATTEMPTS: usize = 5;

/// A server's process. Dropped, it is told to end, and killed where it does not.
#[derive(Debug)]
pub struct Daemon {
    process: Child,
    /// What makes it end at once, and in order.
    end: Signal,
}

impl Daemon {
    /// Starts a server on a free port of 127.0.0.1, which `command` puts into its arguments, and waits until a line of its output
    /// has `ready` in it. The port was free just before; where somebody else was faster, another is tried.
    pub fn on_free_port(command: impl Fn(u16) -> Command, ready: &'static str, end: Signal) -> (Self, u16) {
        let mut said = Vec::new();
        for _ in 0..ATTEMPTS {
            let port = free_port();
            match Self::start(command(port), ready, end) {
                Ok(daemon) => return (daemon, port),
                Err(lines) => said.extend(lines),
            }
        }
        panic!("the server did not start; it said {said:#?}");
    }

    /// Starts a server; gives its last lines where it ends before it is ready.
    pub fn start(mut command: Command, ready: &'static str, end: Signal) -> Result<Self, Vec<String>> {
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut process = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (sender, is_ready) = channel();
        let kept = Arc::new(Mutex::new(VecDeque::new()));
        watch(process.stdout.take().unwrap(), ready, sender.clone(), kept.clone());
        watch(process.stderr.take().unwrap(), ready, sender, kept.clone());
        let daemon = Self { process, end };
        // Both senders are gone when it has closed its output: it has ended.
        match is_ready.recv_timeout(PATIENCE) {
            Ok(()) => Ok(daemon),
            Err(_) => Err(kept.lock().unwrap().iter().cloned().collect()),
        }
    }

    /// Its process.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.process)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        // It may have ended by itself, which is as good.
        let _ = kill_process(self.pid(), self.end);
        while Instant::now() < deadline {
            match self.process.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                _ => return,
            }
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads lines to their end, so that no full pipe holds the server up; tells of the first that has `ready` in it.
fn watch(
    stream: impl Read + Send + 'static,
    ready: &'static str,
    sender: Sender<()>,
    kept: Arc<Mutex<VecDeque<String>>>,
) {
    std::thread::spawn(move || {
        let mut sender = Some(sender);
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if line.contains(ready) {
                // The test may have given up.
                let _ = sender.take().map(|sender| sender.send(()));
            }
            let mut kept = kept.lock().unwrap();
            kept.push_back(line);
            if kept.len() > KEPT {
                kept.pop_front();
            }
        }
    });
}

/// A port of 127.0.0.1 where nobody listens just now.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Waits for something that another process does in its own time.
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
