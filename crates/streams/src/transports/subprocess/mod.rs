//! Protocols of child processes.
//!
//! A child has a task that reads its outputs, watches its stdin, waits for its end, and calls the protocol. The child itself is
//! a [`Process`](crate::process::Process), its pipes are lanes as those of connections.
//!
//! | module | what it is |
//! |---|---|
//! | `transport` | [`SubprocessTransport`] |
//! | `driver` | the task |
//! | `start` | [`subprocess_exec`] and [`subprocess_shell`] |

mod driver;
mod start;
mod transport;

use std::io;

pub use start::{StartSubprocess, subprocess_exec, subprocess_shell};
pub use transport::SubprocessTransport;

/// What happens to a child process, as callbacks; asyncio's `SubprocessProtocol`. All may be left out.
///
/// `fd` is 1 for the child's stdout and 2 for its stderr; 0 is its stdin. The end of the process and the ends of its pipes come
/// in any order; the data of a pipe comes before its end, and `connection_lost` last. The callbacks are called one after the
/// other, as those of [`Protocol`](super::Protocol).
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::yield_now;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// use heist::transports::{SubprocessProtocol, subprocess_exec};
///
/// #[derive(Default)]
/// struct Output(Vec<u8>, bool);
///
/// impl SubprocessProtocol for Output {
///     fn pipe_data_received(&mut self, _fd: i32, data: &[u8]) {
///         self.0.extend_from_slice(data);
///     }
///
///     fn connection_lost(&mut self, _error: Option<std::io::Error>) {
///         self.1 = true;
///     }
/// }
///
/// let (_transport, protocol) = subprocess_exec(Output::default, "echo", ["hello"]).await?;
/// while !protocol.lock().await.1 {
///     yield_now().await;
/// }
/// assert_eq!(protocol.lock().await.0, b"hello\n");
/// # Ok(())
/// # }) }
/// ```
pub trait SubprocessProtocol: Send + 'static {
    /// The child runs.
    fn connection_made(&mut self, transport: SubprocessTransport) {
        drop(transport);
    }

    /// The child has written something: at least one byte.
    fn pipe_data_received(&mut self, fd: i32, data: &[u8]) {
        let _ = (fd, data);
    }

    /// A pipe has come to its end (`None`), or failed: stdin, for one, when the child reads no more.
    fn pipe_connection_lost(&mut self, fd: i32, error: Option<io::Error>) {
        let _ = (fd, error);
    }

    /// The child has ended, and its return code is known.
    fn process_exited(&mut self) {}

    /// The child has ended, and so have all of its pipes. An error: a callback has failed, or the child's status is lost.
    fn connection_lost(&mut self, error: Option<io::Error>) {
        drop(error);
    }

    /// More is kept for the child's stdin than the high-water mark: write no more for now.
    fn pause_writing(&mut self) {}

    /// No more is kept than the low-water mark: write on.
    fn resume_writing(&mut self) {}
}
