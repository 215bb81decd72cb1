//! [`Process`]: the program's handle of a child.

use std::fmt;
use std::io;
use std::panic::Location;
use std::process::ExitStatus;
use std::sync::Arc;

use heist_core::services;

use super::child::{Child, returncode};
use super::spawn::Manner;
use crate::signal::{SIGKILL, SIGTERM};
use crate::{StreamReader, StreamWriter};

/// A child process; asyncio's `Process`.
///
/// Dropping it leaves the child running, unless [`kill_on_drop`](super::Command::kill_on_drop) was set; either way the child
/// is collected when it ends, by its loop, or by a thread if the loop ends first. No zombie stays behind. In debug mode there is a
/// warning of one that is dropped while the child runs.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::process::Command;
///
/// let command = Command::shell("exit 3");
/// # let command = command.wait_by_thread(true);
/// let process: heist::process::Process = command.await?;
/// assert!(process.stdout.is_none(), "it is no pipe");
/// assert_eq!(process.wait().await?, 3);
/// assert_eq!(process.returncode(), Some(3));
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
pub struct Process {
    /// What is written here the child reads; `None` where stdin is no [`PIPE`](super::PIPE).
    pub stdin: Option<StreamWriter>,
    /// What the child writes to stdout; `None` where that is no [`PIPE`](super::PIPE).
    pub stdout: Option<StreamReader>,
    /// What the child writes to stderr; `None` where that is no [`PIPE`](super::PIPE).
    pub stderr: Option<StreamReader>,
    child: Arc<Child>,
    kill_on_drop: bool,
    made_at: &'static Location<'static>,
}

impl Process {
    pub(super) fn new(
        child: Arc<Child>,
        manner: &Manner,
        stdin: Option<StreamWriter>,
        stdout: Option<StreamReader>,
        stderr: Option<StreamReader>,
    ) -> Self {
        let &Manner { kill_on_drop, made_at, .. } = manner;
        Self { stdin, stdout, stderr, child, kill_on_drop, made_at }
    }

    /// The number of the process; asyncio's `pid`. After the end another process may get it.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::process::Command;
    /// # let process = Command::new("sleep").arg("1000").kill_on_drop(true).wait_by_thread(true).spawn().await?;
    /// assert_ne!(process.pid(), std::process::id());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How the child ended: its exit code, or minus the number of the signal that ended it; `None` while it runs. asyncio's
    /// `returncode`.
    ///
    /// It is set when the loop has seen the end; [`wait`](Self::wait) waits for that.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::process::Command;
    /// # let process = Command::new("sleep").arg("1000").kill_on_drop(true).wait_by_thread(true).spawn().await?;
    /// assert_eq!(process.returncode(), None);
    /// process.kill()?;
    /// process.wait().await?;
    /// assert_eq!(process.returncode(), Some(-9));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn returncode(&self) -> Option<i32> {
        self.status().map(returncode)
    }

    /// As [`returncode`](Self::returncode), in Rust's form.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::process::Command;
    /// # let process = Command::new("sleep").arg("1000").kill_on_drop(true).wait_by_thread(true).spawn().await?;
    /// use std::os::unix::process::ExitStatusExt;
    ///
    /// process.kill()?;
    /// process.wait().await?;
    /// assert_eq!(process.status().and_then(|status| status.signal()), Some(9));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn status(&self) -> Option<ExitStatus> {
        self.child.status()
    }

    /// Waits until the child has ended, and gives the return code: the exit code, or minus the number of the signal that ended it.
    /// asyncio's `wait`. Any number of tasks may wait, also afterwards.
    ///
    /// A child that writes much to a pipe that nobody reads does not end: [`communicate`](Self::communicate) reads.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::process::Command;
    /// # let process = Command::shell("exit 3").wait_by_thread(true).spawn().await?;
    /// assert_eq!(process.wait().await?, 3);
    /// // It is known now: asking again does not wait.
    /// assert_eq!(process.wait().await?, 3);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// The status is lost, because the program ignores `SIGCHLD` or somebody else has waited for the child.
    ///
    /// # Cancel safety
    ///
    /// A wait that is given up changes nothing about the child.
    pub async fn wait(&self) -> io::Result<i32> {
        self.wait_status().await.map(returncode)
    }

    /// As [`wait`](Self::wait), in Rust's form.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::process::Command;
    /// # let process = Command::shell("exit 3").wait_by_thread(true).spawn().await?;
    /// let status = process.wait_status().await?;
    /// assert_eq!(status.code(), Some(3));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub async fn wait_status(&self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Sends a signal to the child; asyncio's `send_signal`. Nothing happens where the child has ended and nobody has noticed
    /// yet. A number that was given to another process since is never hit.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::process::Command;
    /// # let process = Command::new("sleep").arg("1000").kill_on_drop(true).wait_by_thread(true).spawn().await?;
    /// use heist::signal::SIGHUP;
    ///
    /// process.send_signal(SIGHUP)?;
    /// assert_eq!(process.wait().await?, -SIGHUP);
    /// assert!(process.send_signal(SIGHUP).is_err(), "it has ended");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotFound`](io::ErrorKind::NotFound) with a [`ProcessLookupError`](super::ProcessLookupError) inside, when the child
    /// has ended and [`returncode`](Self::returncode) is known; `InvalidInput` for a number that is no signal's; the system's
    /// when the child runs as another user.
    pub fn send_signal(&self, signal: i32) -> io::Result<()> {
        self.child.send_signal(signal)
    }

    /// Asks the child to end: `SIGTERM`. asyncio's `terminate`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::process::Command;
    /// # let process = Command::new("sleep").arg("1000").kill_on_drop(true).wait_by_thread(true).spawn().await?;
    /// process.terminate()?;
    /// assert_eq!(process.wait().await?, -heist::signal::SIGTERM);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send_signal`](Self::send_signal).
    pub fn terminate(&self) -> io::Result<()> {
        self.send_signal(SIGTERM)
    }

    /// Ends the child: `SIGKILL`. asyncio's `kill`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::process::Command;
    /// # let process = Command::new("sleep").arg("1000").kill_on_drop(true).wait_by_thread(true).spawn().await?;
    /// process.kill()?;
    /// assert_eq!(process.wait().await?, -heist::signal::SIGKILL);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send_signal`](Self::send_signal).
    pub fn kill(&self) -> io::Result<()> {
        self.send_signal(SIGKILL)
    }

    /// Closes the streams, and kills the child if it has not ended; asyncio's `transport.close`. What was written to stdin and
    /// not taken yet is lost.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::process::Command;
    /// # let mut process = Command::new("sleep").arg("1000").kill_on_drop(true).wait_by_thread(true).spawn().await?;
    /// process.close();
    /// assert_eq!(process.wait().await?, -heist::signal::SIGKILL);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn close(&mut self) {
        // First, so that it does not end by what it makes of closed streams. One that has ended is not there to be killed.
        let _ = self.kill();
        if let Some(stdin) = &self.stdin {
            stdin.abort();
        }
        self.close_streams();
    }

    /// asyncio's `ResourceWarning`.
    fn warn_running(&self) {
        let Some(services) = services::current().filter(|services| services.is_debug()) else { return };
        if self.child.is_running() {
            let (pid, made_at) = (self.pid(), self.made_at);
            services.warn(&format_args!(
                "a Process was dropped while process {pid} runs: wait for it, kill it, or set kill_on_drop; made at {made_at}"
            ));
        }
    }

    pub(super) fn close_streams(&mut self) {
        (self.stdin, self.stdout, self.stderr) = (None, None, None);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.kill_on_drop {
            let _ = self.kill();
        } else {
            self.warn_running();
        }
        self.child.release();
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process")
            .field("pid", &self.pid())
            .field("returncode", &self.returncode())
            .finish_non_exhaustive()
    }
}
