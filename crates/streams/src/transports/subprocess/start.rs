//! [`subprocess_exec`] and [`subprocess_shell`].

use std::ffi::OsStr;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::pin::Pin;

use super::driver::start;
use super::{SubprocessProtocol, SubprocessTransport};
use crate::pipe::watched;
use crate::process::{Command, PIPE, create_subprocess_exec, create_subprocess_shell};
use crate::transports::ProtocolHandle;
use crate::transports::driver::running_loop;

/// Starts a program, and has a protocol called with what it does; asyncio's `subprocess_exec`. stdin, stdout and stderr are
/// pipes unless [`options`](StartSubprocess::options) say otherwise.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::process::DEVNULL;
/// use heist::transports::{SubprocessProtocol, subprocess_exec};
///
/// #[derive(Default)]
/// struct Output(Vec<u8>);
///
/// impl SubprocessProtocol for Output {
///     fn pipe_data_received(&mut self, _fd: i32, data: &[u8]) {
///         self.0.extend_from_slice(data);
///     }
/// }
///
/// let (transport, protocol) = subprocess_exec(Output::default, "date", ["-u"])
///     .options(|command| command.stdin(DEVNULL).env("LC_ALL", "C"))
///     .await?;
/// # Ok(())
/// # }
/// ```
pub fn subprocess_exec<F, P, I>(factory: F, program: impl AsRef<OsStr>, args: I) -> StartSubprocess<F>
where
    F: FnOnce() -> P,
    P: SubprocessProtocol,
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    StartSubprocess::new(factory, create_subprocess_exec(program, args))
}

/// As [`subprocess_exec`], by a command line for the shell; asyncio's `subprocess_shell`. Words of others must be quoted.
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::yield_now;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// # use heist_streams::transports::SubprocessProtocol;
/// # #[derive(Default)]
/// # struct Output(Vec<u8>);
/// # impl SubprocessProtocol for Output {
/// #     fn pipe_data_received(&mut self, _fd: i32, data: &[u8]) {
/// #         self.0.extend_from_slice(data);
/// #     }
/// # }
/// use heist::transports::subprocess_shell;
///
/// let (_transport, protocol) = subprocess_shell(Output::default, "echo one | tr o 0").await?;
/// while protocol.lock().await.0 != b"0ne\n" {
///     yield_now().await;
/// }
/// # Ok(())
/// # }) }
/// ```
pub fn subprocess_shell<F, P>(factory: F, command_line: impl AsRef<OsStr>) -> StartSubprocess<F>
where
    F: FnOnce() -> P,
    P: SubprocessProtocol,
{
    StartSubprocess::new(factory, create_subprocess_shell(command_line))
}

/// A child about to be started; see [`subprocess_exec`]. Awaiting it gives the transport and the protocol, after
/// `connection_made`.
///
/// ```
/// # use heist_scheduler::yield_now;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// # use heist_streams::transports::{SubprocessProtocol, subprocess_exec};
/// # struct Quiet;
/// # impl SubprocessProtocol for Quiet {}
/// let start = subprocess_exec(|| Quiet, "true", [""; 0]);
/// let (transport, _protocol) = start.await?;
/// while transport.get_returncode().is_none() {
///     yield_now().await;
/// }
/// assert_eq!(transport.get_returncode(), Some(0));
/// # Ok(())
/// # }) }
/// ```
///
/// # Errors
///
/// As [`Command::spawn`]. The protocol is not made then.
///
/// # Cancel safety
///
/// Given up, it leaves no child behind.
#[must_use = "await it to start the process"]
pub struct StartSubprocess<F> {
    factory: F,
    command: Command,
}

impl<F> StartSubprocess<F> {
    fn new(factory: F, command: Command) -> Self {
        Self { factory, command: command.stdin(PIPE).stdout(PIPE).stderr(PIPE) }
    }

    /// Sets options of the process, by the methods of [`Command`].
    ///
    /// ```
    /// # use heist_scheduler::yield_now;
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # use heist_streams::transports::{SubprocessProtocol, subprocess_exec};
    /// # #[derive(Default)]
    /// # struct Output(Vec<u8>);
    /// # impl SubprocessProtocol for Output {
    /// #     fn pipe_data_received(&mut self, _fd: i32, data: &[u8]) {
    /// #         self.0.extend_from_slice(data);
    /// #     }
    /// # }
    /// let (_transport, protocol) = subprocess_exec(Output::default, "sh", ["-c", "echo $WHO"])
    ///     .options(|command| command.env("WHO", "ada"))
    ///     .await?;
    /// while protocol.lock().await.0 != b"ada\n" {
    ///     yield_now().await;
    /// }
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn options(mut self, set: impl FnOnce(Command) -> Command) -> Self {
        self.command = set(self.command);
        self
    }
}

impl<F, P> IntoFuture for StartSubprocess<F>
where
    F: FnOnce() -> P + Send + 'static,
    P: SubprocessProtocol,
{
    type Output = io::Result<(SubprocessTransport, ProtocolHandle<P>)>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            running_loop()?;
            let mut process = self.command.kill_on_drop(true).spawn().await?;
            let stdin = match process.stdin.take() {
                Some(stdin) => Some(watched(stdin).await?),
                None => None,
            };
            start((self.factory)(), process, stdin)
        })
    }
}

impl<F> fmt::Debug for StartSubprocess<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StartSubprocess").field("command", &self.command).finish_non_exhaustive()
    }
}
