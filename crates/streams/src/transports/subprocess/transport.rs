//! [`SubprocessTransport`]: the program's handle of a child that is driven by callbacks.

use std::fmt;
use std::io;
use std::sync::Arc;

use heist_core::sync::atomic::{AtomicBool, Ordering};

use crate::process::Process;
use crate::transports::Transport;

/// A child process whose events go to a protocol; asyncio's `SubprocessTransport`. Clones are the same child.
///
/// Dropping the handles changes nothing: the child runs on. When the loop ends it is killed.
///
/// ```
/// # use heist_scheduler::yield_now;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// # use heist_streams::transports::{SubprocessProtocol, subprocess_exec};
/// # struct Quiet;
/// # impl SubprocessProtocol for Quiet {}
/// let (transport, _protocol) = subprocess_exec(|| Quiet, "cat", [""; 0]).await?;
/// transport.get_pipe_transport(0).unwrap().write_eof();
/// while transport.get_returncode().is_none() {
///     yield_now().await;
/// }
/// assert_eq!(transport.get_returncode(), Some(0));
/// # transport.close();
/// # Ok(())
/// # }) }
/// ```
#[derive(Clone)]
pub struct SubprocessTransport {
    core: Arc<Core>,
}

struct Core {
    /// Without its streams.
    process: Process,
    /// By descriptor, where it is a pipe.
    pipes: [Option<Transport>; 3],
    /// A statement about nothing else: no order is asked of it.
    closing: AtomicBool,
}

impl SubprocessTransport {
    pub(super) fn new(process: Process, pipes: [Option<Transport>; 3]) -> Self {
        Self { core: Arc::new(Core { process, pipes, closing: AtomicBool::new(false) }) }
    }

    /// The number of the process; asyncio's `get_pid`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{SubprocessProtocol, subprocess_exec};
    /// # struct Quiet;
    /// # impl SubprocessProtocol for Quiet {}
    /// let (transport, _protocol) = subprocess_exec(|| Quiet, "sleep", ["30"]).await?;
    /// assert_ne!(transport.get_pid(), std::process::id());
    /// # transport.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn get_pid(&self) -> u32 {
        self.core.process.pid()
    }

    /// How the child ended: its exit code, or minus the number of the signal that ended it; `None` while it runs. asyncio's
    /// `get_returncode`.
    ///
    /// ```
    /// # use heist_scheduler::yield_now;
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{SubprocessProtocol, subprocess_exec};
    /// # struct Quiet;
    /// # impl SubprocessProtocol for Quiet {}
    /// let (transport, _protocol) = subprocess_exec(|| Quiet, "sh", ["-c", "exit 3"]).await?;
    /// while transport.get_returncode().is_none() {
    ///     yield_now().await;
    /// }
    /// assert_eq!(transport.get_returncode(), Some(3));
    /// # transport.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn get_returncode(&self) -> Option<i32> {
        self.core.process.returncode()
    }

    /// The transport of one of the child's pipes: 0 to write to its stdin, 1 and 2 to pause the reading of its stdout and
    /// stderr. `None` for another number, and for what is no pipe. asyncio's `get_pipe_transport`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{SubprocessProtocol, subprocess_exec};
    /// # struct Quiet;
    /// # impl SubprocessProtocol for Quiet {}
    /// let (transport, _protocol) = subprocess_exec(|| Quiet, "cat", [""; 0]).await?;
    /// let stdin = transport.get_pipe_transport(0).unwrap();
    /// stdin.write(b"meow");
    /// assert_eq!(stdin.get_write_buffer_size(), 0, "the pipe has room for it");
    /// assert!(transport.get_pipe_transport(3).is_none());
    /// # transport.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn get_pipe_transport(&self, fd: i32) -> Option<Transport> {
        let fd = usize::try_from(fd).ok()?;
        self.core.pipes.get(fd)?.clone()
    }

    /// Sends a signal to the child; asyncio's `send_signal`.
    ///
    /// ```
    /// # use heist_scheduler::yield_now;
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{SubprocessProtocol, subprocess_exec};
    /// # struct Quiet;
    /// # impl SubprocessProtocol for Quiet {}
    /// let (transport, _protocol) = subprocess_exec(|| Quiet, "sleep", ["30"]).await?;
    /// transport.send_signal(15)?;
    /// while transport.get_returncode().is_none() {
    ///     yield_now().await;
    /// }
    /// assert_eq!(transport.get_returncode(), Some(-15));
    /// # transport.close();
    /// # Ok(())
    /// # }) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Process::send_signal`].
    pub fn send_signal(&self, signal: i32) -> io::Result<()> {
        self.core.process.send_signal(signal)
    }

    /// Asks the child to end: `SIGTERM`. asyncio's `terminate`.
    ///
    /// ```
    /// # use heist_scheduler::yield_now;
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{SubprocessProtocol, subprocess_exec};
    /// # struct Quiet;
    /// # impl SubprocessProtocol for Quiet {}
    /// let (transport, _protocol) = subprocess_exec(|| Quiet, "sleep", ["30"]).await?;
    /// transport.terminate()?;
    /// while transport.get_returncode().is_none() {
    ///     yield_now().await;
    /// }
    /// assert_eq!(transport.get_returncode(), Some(-15));
    /// # transport.close();
    /// # Ok(())
    /// # }) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send_signal`](Self::send_signal).
    pub fn terminate(&self) -> io::Result<()> {
        self.core.process.terminate()
    }

    /// Ends the child: `SIGKILL`. asyncio's `kill`.
    ///
    /// ```
    /// # use heist_scheduler::yield_now;
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{SubprocessProtocol, subprocess_exec};
    /// # struct Quiet;
    /// # impl SubprocessProtocol for Quiet {}
    /// let (transport, _protocol) = subprocess_exec(|| Quiet, "sleep", ["30"]).await?;
    /// transport.kill()?;
    /// while transport.get_returncode().is_none() {
    ///     yield_now().await;
    /// }
    /// assert_eq!(transport.get_returncode(), Some(-9));
    /// # transport.close();
    /// # Ok(())
    /// # }) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send_signal`](Self::send_signal).
    pub fn kill(&self) -> io::Result<()> {
        self.core.process.kill()
    }

    /// Closes the pipes, and kills the child if it has not ended; asyncio's `close`. What was written to its stdin and not taken
    /// yet is lost. `connection_lost` comes when all that is done.
    ///
    /// ```
    /// # use heist_scheduler::yield_now;
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{SubprocessProtocol, subprocess_exec};
    /// # struct Quiet;
    /// # impl SubprocessProtocol for Quiet {}
    /// let (transport, _protocol) = subprocess_exec(|| Quiet, "sleep", ["30"]).await?;
    /// transport.close();
    /// while transport.get_returncode().is_none() {
    ///     yield_now().await;
    /// }
    /// assert_eq!(transport.get_returncode(), Some(-9));
    /// # transport.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn close(&self) {
        self.core.closing.store(true, Ordering::Relaxed);
        for pipe in self.core.pipes.iter().flatten() {
            pipe.abort();
        }
        // One that has ended is not there to be killed.
        let _ = self.kill();
    }

    /// Whether it was closed; asyncio's `is_closing`.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{SubprocessProtocol, subprocess_exec};
    /// # struct Quiet;
    /// # impl SubprocessProtocol for Quiet {}
    /// let (transport, _protocol) = subprocess_exec(|| Quiet, "sleep", ["30"]).await?;
    /// assert!(!transport.is_closing());
    /// transport.close();
    /// assert!(transport.is_closing());
    /// # transport.close();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn is_closing(&self) -> bool {
        self.core.closing.load(Ordering::Relaxed)
    }

    /// Waits until the child has ended.
    pub(super) async fn wait(&self) -> io::Result<i32> {
        self.core.process.wait().await
    }
}

impl fmt::Debug for SubprocessTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubprocessTransport")
            .field("pid", &self.get_pid())
            .field("returncode", &self.get_returncode())
            .field("closing", &self.is_closing())
            .finish()
    }
}
