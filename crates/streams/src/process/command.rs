//! [`Command`]: what to start, and how.

use std::ffi::OsStr;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::os::unix::process::CommandExt;
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::process::{self, ExitStatus, Output};

use super::stdio::{DEVNULL, PIPE, Stdio, Streams};
use super::{Process, spawn};
use crate::DEFAULT_LIMIT;
use crate::connect::check_limit;

/// A program with its arguments; asyncio's `create_subprocess_exec`. Complete the [`Command`], then
/// [`spawn`](Command::spawn) or await it.
///
/// ```no_run
/// # use heist_streams as heist;
/// use heist::process::{PIPE, create_subprocess_exec};
/// # async fn example() -> std::io::Result<()> {
/// let mut process = create_subprocess_exec("wc", ["-l"]).stdin(PIPE).stdout(PIPE).spawn().await?;
/// let (stdout, _) = process.communicate(Some(b"one\ntwo\n")).await?;
/// assert_eq!(stdout.unwrap().trim_ascii(), b"2");
/// assert_eq!(process.returncode(), Some(0));
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn create_subprocess_exec<I>(program: impl AsRef<OsStr>, args: I) -> Command
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    Command::new(program).args(args)
}

/// A command line for the shell, `/bin/sh`; asyncio's `create_subprocess_shell`.
///
/// The shell reads the whole text: whoever puts words of others into it must quote them, or use
/// [`create_subprocess_exec`], which needs no quotes.
///
/// ```no_run
/// # use heist_streams as heist;
/// use heist::process::{PIPE, create_subprocess_shell};
/// # async fn example() -> std::io::Result<()> {
/// let mut process = create_subprocess_shell("ls | wc -l").stdout(PIPE).await?;
/// let (stdout, _) = process.communicate(None).await?;
/// # Ok(())
/// # }
/// ```
#[track_caller]
pub fn create_subprocess_shell(command_line: impl AsRef<OsStr>) -> Command {
    Command::shell(command_line)
}

/// A child process to be started: the program, its arguments, environment and streams.
///
/// As [`std::process::Command`], whose methods it has, but by value, and with futures where that one blocks. What is said
/// nowhere is inherited: streams, environment, directory.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::process::Command;
///
/// let status = Command::new("sh").arg("-c").arg("exit $CODE").env("CODE", "3")
/// #     .wait_by_thread(true)
///     .status()
///     .await?;
/// assert_eq!(status.code(), Some(3));
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
pub struct Command {
    command: process::Command,
    streams: Streams,
    limit: usize,
    kill_on_drop: bool,
    wait_by_thread: bool,
    made_at: &'static Location<'static>,
}

impl Command {
    /// A program, found in `PATH` if its name has no slash.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::Command;
    ///
    /// let status = Command::new("true")
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(status.success());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    #[track_caller]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self::from(process::Command::new(program))
    }

    /// A command line for `/bin/sh`; see [`create_subprocess_shell`].
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::Command;
    ///
    /// let status = Command::shell("test $((6 * 7)) -eq 42")
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(status.success());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    #[track_caller]
    pub fn shell(command_line: impl AsRef<OsStr>) -> Self {
        Self::new("/bin/sh").arg("-c").arg(command_line)
    }

    /// Adds an argument.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::Command;
    ///
    /// let status = Command::new("test").arg("one word").arg("=").arg("one word")
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(status.success());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn arg(self, arg: impl AsRef<OsStr>) -> Self {
        self.adapt(|command| command.arg(arg))
    }

    /// Adds arguments.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::Command;
    ///
    /// let status = Command::new("test").args(["2", "-gt", "1"])
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(status.success());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn args<I>(self, args: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        self.adapt(|command| command.args(args))
    }

    /// What the program is told is its own name.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::Command;
    ///
    /// let status = Command::shell("test $0 = me").arg("me")
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(status.success());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn arg0(self, name: impl AsRef<OsStr>) -> Self {
        self.adapt(|command| command.arg0(name))
    }

    /// Sets a variable of the child's environment.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::Command;
    ///
    /// let status = Command::shell("test \"$GREETING\" = 'Hello World!'").env("GREETING", "Hello World!")
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(status.success());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn env(self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.adapt(|command| command.env(key, value))
    }

    /// Sets variables of the child's environment. For asyncio's `env=`, which replaces all, call
    /// [`env_clear`](Self::env_clear) first.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::Command;
    ///
    /// let status = Command::shell("test $A$B = 12").env_clear().envs([("A", "1"), ("B", "2")])
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(status.success());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn envs<I, K, V>(self, variables: I) -> Self
    where
        I: IntoIterator<Item = (K, V)>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        self.adapt(|command| command.envs(variables))
    }

    /// Takes a variable out of the child's environment.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::Command;
    ///
    /// let status = Command::shell("test -z \"$HOME\"").env_remove("HOME")
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(status.success());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn env_remove(self, key: impl AsRef<OsStr>) -> Self {
        self.adapt(|command| command.env_remove(key))
    }

    /// Lets the child inherit no variables.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::Command;
    ///
    /// let status = Command::shell("test -z \"$HOME\"").env_clear()
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(status.success());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn env_clear(self) -> Self {
        self.adapt(process::Command::env_clear)
    }

    /// The directory in which the child starts; asyncio's `cwd=`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::Command;
    ///
    /// let status = Command::shell("test \"$(pwd -P)\" = /").current_dir("/")
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(status.success());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn current_dir(self, directory: impl AsRef<Path>) -> Self {
        self.adapt(|command| command.current_dir(directory))
    }

    /// The process group that the child joins; 0 is a new one of its own. asyncio's `process_group=`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::Command;
    ///
    /// let status = Command::shell("kill -s 0 -- -$$").process_group(0)
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(status.success());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn process_group(self, group: i32) -> Self {
        self.adapt(|command| command.process_group(group))
    }

    /// The user as whom the child runs, by number.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let own = rustix::process::getuid().as_raw();
    /// use heist::process::Command;
    ///
    /// // Anybody may stay who they are; root may become somebody else.
    /// let status = Command::shell("test $(id -u) -eq $WANTED").env("WANTED", own.to_string()).uid(own)
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(status.success());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn uid(self, user: u32) -> Self {
        self.adapt(|command| command.uid(user))
    }

    /// The group as whose member the child runs, by number.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let own = rustix::process::getgid().as_raw();
    /// use heist::process::Command;
    ///
    /// // Anybody may stay in their group; root may go to another.
    /// let status = Command::shell("test $(id -g) -eq $WANTED").env("WANTED", own.to_string()).gid(own)
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(status.success());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn gid(self, group: u32) -> Self {
        self.adapt(|command| command.gid(group))
    }

    /// What the child's stdin is.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::{Command, DEVNULL};
    ///
    /// let status = Command::shell("read line").stdin(DEVNULL)
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(!status.success(), "there is no line to read");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.streams.stdin = Some(stdin.into());
        self
    }

    /// What the child's stdout is.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::{Command, DEVNULL};
    ///
    /// let status = Command::shell("echo unseen").stdout(DEVNULL)
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert!(status.success());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.streams.stdout = Some(stdout.into());
        self
    }

    /// What the child's stderr is; [`STDOUT`](super::STDOUT) merges it into stdout.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let path = std::env::temp_dir().join(format!("heist-stderr-{}", std::process::id()));
    /// use heist::process::{Command, STDOUT};
    ///
    /// let log = std::fs::File::create(&path)?;
    /// let command = Command::shell("echo one; echo two >&2").stdout(log).stderr(STDOUT);
    /// # let command = command.wait_by_thread(true);
    /// assert!(command.status().await?.success());
    /// assert_eq!(std::fs::read(&path)?, b"one\ntwo\n");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.streams.stderr = Some(stderr.into());
        self
    }

    /// How many bytes the readers of the child's output take for one line; 64 KiB when not set.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::{Command, PIPE};
    ///
    /// let command = Command::new("true").stdout(PIPE).limit(1 << 20);
    /// # let command = command.wait_by_thread(true);
    /// let process = command.spawn().await?;
    /// assert_eq!(process.stdout.as_ref().unwrap().limit(), 1 << 20);
    /// # process.wait().await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Whether dropping the [`Process`] kills the child. Otherwise it runs on; it is collected in either case.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::Command;
    ///
    /// let command = Command::new("sleep").arg("1000").kill_on_drop(true);
    /// # let command = command.wait_by_thread(true);
    /// let process = command.spawn().await?;
    /// assert_eq!(process.returncode(), None);
    /// // From here on nobody sleeps.
    /// drop(process);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn kill_on_drop(mut self, kill: bool) -> Self {
        self.kill_on_drop = kill;
        self
    }

    /// Has a thread wait for the child's end, as is done where the system has no pidfd. For systems that have it and where
    /// it does not work, as in some sandboxes; a pidfd that cannot be had is replaced by the thread anyway.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::Command;
    ///
    /// let process = Command::shell("exit 3").wait_by_thread(true).spawn().await?;
    /// assert_eq!(process.wait().await?, 3);
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn wait_by_thread(mut self, by_thread: bool) -> Self {
        self.wait_by_thread = by_thread;
        self
    }

    /// Starts the child.
    ///
    /// The system call that does it blocks for a while (most of a millisecond), so it is made by the loop's blocking pool.
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
    /// let process = command.spawn().await?;
    /// assert_eq!(process.wait().await?, 3);
    /// assert!(Command::new("/nowhere/at/all").spawn().await.is_err());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// The system's: the program does not exist or may not be run, no processes or descriptors are left. A limit of 0,
    /// [`STDOUT`](super::STDOUT) for another stream than stderr, and no event loop on this thread. Nothing is left behind.
    ///
    /// # Cancel safety
    ///
    /// A start that is given up leaves no child: one that was made already is killed and collected. (A task that is cancelled
    /// just as this returns drops the [`Process`] like any value; what becomes of the child then says
    /// [`kill_on_drop`](Self::kill_on_drop).)
    pub async fn spawn(self) -> io::Result<Process> {
        check_limit(self.limit)?;
        let Self { mut command, streams, limit, kill_on_drop, wait_by_thread, made_at } = self;
        let merged = streams.apply(&mut command)?;
        let started = spawn::start(command, merged).await?;
        started.into_process(spawn::Manner { limit, kill_on_drop, wait_by_thread, made_at })
    }

    /// Runs the child to its end, and gives what it has written, with its status. stdin is empty unless set.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use heist::process::Command;
    ///
    /// let output = Command::new("echo").arg("Hello World!").output().await?;
    /// assert!(output.status.success());
    /// assert_eq!(output.stdout, b"Hello World!\n");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn), and those of reading.
    ///
    /// # Cancel safety
    ///
    /// Given up, it kills the child.
    pub async fn output(mut self) -> io::Result<Output> {
        self.streams.stdin.get_or_insert(DEVNULL);
        self.streams.stdout.get_or_insert(PIPE);
        self.streams.stderr.get_or_insert(PIPE);
        let mut process = self.kill_on_drop(true).spawn().await?;
        let (stdout, stderr) = process.communicate(None).await?;
        let status = process.wait_status().await?;
        Ok(Output { status, stdout: stdout.unwrap_or_default(), stderr: stderr.unwrap_or_default() })
    }

    /// Runs the child to its end, and gives its status.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::process::Command;
    ///
    /// let status = Command::shell("exit 3")
    /// #     .wait_by_thread(true)
    ///     .status()
    ///     .await?;
    /// assert_eq!(status.code(), Some(3));
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`spawn`](Self::spawn).
    ///
    /// # Cancel safety
    ///
    /// Given up, it kills the child.
    pub async fn status(self) -> io::Result<ExitStatus> {
        let mut process = self.kill_on_drop(true).spawn().await?;
        // Nobody writes to it or reads from it.
        process.close_streams();
        process.wait_status().await
    }

    fn adapt(mut self, adapt: impl FnOnce(&mut process::Command) -> &mut process::Command) -> Self {
        adapt(&mut self.command);
        self
    }
}

/// For what [`Command`] has no method for. Streams that are piped there are streams of the [`Process`]; what
/// [`output`](Command::output) says about streams goes before what is said there.
impl From<process::Command> for Command {
    #[track_caller]
    fn from(command: process::Command) -> Self {
        Self {
            command,
            streams: Streams::default(),
            limit: DEFAULT_LIMIT,
            kill_on_drop: false,
            wait_by_thread: false,
            made_at: Location::caller(),
        }
    }
}

impl IntoFuture for Command {
    type Output = io::Result<Process>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.spawn())
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("command", &self.command)
            .field("streams", &self.streams)
            .field("limit", &self.limit)
            .field("kill_on_drop", &self.kill_on_drop)
            .finish_non_exhaustive()
    }
}
