//! Tests in processes of their own: a test starts a copy of itself in a role, and talks to it through its streams.

#![allow(dead_code, reason = "each test file takes what it needs")]

mod directory;
pub mod groups;
pub mod main_thread;
pub mod peers;
pub mod said;
pub mod servers;

use std::future::Future;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

#[allow(unused_imports, reason = "each test file takes what it needs")]
pub use directory::{Directory, temporary_path};

/// Set in a copy: what it is to do.
pub const ROLE: &str = "HEIST_TEST_ROLE";
/// How long a copy may say nothing before the test gives up: a machine may be slow, not stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// The role of this process, in a copy.
pub fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Runs a test on both flavours.
pub fn for_each_flavour(test: impl Fn(heist::Builder)) {
    test(heist::Runner::builder().workers(2));
    test(heist::Runner::builder().current_thread());
}

/// A copy of this process that runs one test; killed if it is still there in the end.
pub struct Copy {
    process: Child,
    pub stdout: Lines,
    pub stderr: Lines,
}

/// Runs a test in a copy of this process, which must succeed.
pub fn in_a_copy(test: &str, body: impl FnOnce()) {
    if role().is_some() {
        return body();
    }
    let mut copy = Copy::start(test, "copy");
    let status = copy.wait();
    let said = std::mem::replace(&mut copy.stderr, Lines::none()).rest();
    assert!(status.success(), "{said:#?}");
}

/// The lines of a stream, read by a thread of its own, so that no full pipe holds the copy up.
pub struct Lines {
    lines: Receiver<String>,
}

impl Lines {
    /// Those of `stream`.
    pub fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                // The rest is taken also where nobody wants it.
                let _ = sender.send(line);
            }
        });
        Self { lines }
    }

    /// No lines.
    pub fn none() -> Self {
        Self { lines: channel().1 }
    }

    /// The next line that has `what` in it, from there on.
    pub fn until(&mut self, what: &str) -> String {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => match line.find(what) {
                    Some(at) => return line[at..].to_owned(),
                    None => seen.push(line),
                },
                Err(_) => panic!("the copy never said {what:?}, but {seen:#?}"),
            }
        }
    }

    /// The next line.
    pub fn next(&mut self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("the copy says no more")
    }

    /// All lines until the end.
    pub fn rest(self) -> Vec<String> {
        self.lines.iter().collect()
    }
}

impl Copy {
    /// Starts a copy that runs the test of that name, in a role.
    pub fn start(test: &str, role: &str) -> Self {
        Self::start_with(test, role, |_| {})
    }

    /// As `start`; `adapt` changes its environment.
    pub fn start_with(test: &str, role: &str, adapt: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(ROLE, role);
        adapt(&mut command);
        Self::of(command)
    }

    /// Starts something else than a copy, to be talked to in the same way.
    pub fn of(mut command: Command) -> Self {
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = Lines::of(process.stdout.take().unwrap());
        let stderr = Lines::of(process.stderr.take().unwrap());
        Self { process, stdout, stderr }
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends it the signal that Ctrl-C sends.
    #[cfg(unix)]
    pub fn interrupt(&self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    }

    /// Waits until it waits for something: its first thread sleeps. Where the system does not tell, at once.
    pub fn until_asleep(&self) {
        let stat = format!("/proc/{}/stat", self.process.id());
        // The state follows the name, which is in brackets.
        let state = || std::fs::read_to_string(&stat).ok()?.rsplit_once(") ")?.1.chars().next();
        while matches!(state(), Some('R' | 'D')) {
            std::thread::yield_now();
        }
    }

    /// Waits for its end, which the end of its output comes just before.
    pub fn wait(&mut self) -> ExitStatus {
        loop {
            match self.stdout.lines.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return self.process.wait().unwrap(),
                Err(RecvTimeoutError::Timeout) => panic!("the copy hangs"),
            }
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a future on each flavour, in real time: sockets, pipes and processes do not hold virtual time back.
pub fn in_real_time<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for_each_flavour(|builder| builder.build().unwrap().run(test()).unwrap());
}

/// The same where an error of input or output fails the test.
pub fn with_io<F: Future<Output = io::Result<()>>>(test: impl Fn() -> F) {
    for_each_flavour(|builder| builder.build().unwrap().run(test()).unwrap().unwrap());
}

/// Runs a future on each flavour, with virtual time.
pub fn on_each_flavour<F: Future>(test: impl Fn() -> F) {
    for_each_flavour(|builder| {
        builder.virtual_time().build().unwrap().run(test()).unwrap();
    });
}

/// Runs a future on a current-thread loop with virtual time: for what depends on the order of turns.
pub fn in_order<F: Future>(test: F) -> F::Output {
    heist::Runner::builder().current_thread().virtual_time().build().unwrap().run(test).unwrap()
}
