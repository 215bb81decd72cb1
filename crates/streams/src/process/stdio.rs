//! [`Stdio`]: what a child's standard streams are.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process;

/// A pipe, whose other end the [`Process`](super::Process) has as a stream; asyncio's `PIPE`.
///
/// ```
/// # use heist_streams as heist;
/// use heist::process::{Command, PIPE};
///
/// // The child's stdout is a stream, `process.stdout`.
/// let command = Command::shell("echo hello").stdout(PIPE);
/// # drop(command);
/// ```
pub const PIPE: Stdio = Stdio(Kind::Pipe);
/// Nothing: reads find the end, what is written is thrown away; asyncio's `DEVNULL`.
///
/// ```
/// # use heist_streams as heist;
/// use heist::process::{Command, DEVNULL};
///
/// let quiet = Command::shell("make").stdout(DEVNULL).stderr(DEVNULL);
/// # drop(quiet);
/// ```
pub const DEVNULL: Stdio = Stdio(Kind::Null);
/// The same as the child's stdout, for stderr alone; asyncio's `STDOUT`. What the child writes to the two stays in order.
///
/// ```
/// # use heist_streams as heist;
/// use heist::process::{Command, PIPE, STDOUT};
///
/// let both_in_one = Command::shell("make").stdout(PIPE).stderr(STDOUT);
/// # drop(both_in_one);
/// ```
pub const STDOUT: Stdio = Stdio(Kind::Stdout);
/// The same as this process has, which is what is done when nothing is said.
///
/// ```
/// # use heist_streams as heist;
/// use heist::process::{Command, INHERIT};
///
/// let on_our_terminal = Command::shell("top").stdout(INHERIT);
/// # drop(on_our_terminal);
/// ```
pub const INHERIT: Stdio = Stdio(Kind::Inherit);

/// What one of a child's standard streams is: [`PIPE`], [`DEVNULL`], [`STDOUT`], [`INHERIT`], or a descriptor that the child
/// is to have, such as a file or the end of a pipe.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let path = std::env::temp_dir().join(format!("heist-stdio-{}", std::process::id()));
/// use std::fs::{self, File};
/// use heist::process::{Command, Stdio};
///
/// let command = Command::shell("echo hello").stdout(Stdio::from(File::create(&path)?));
/// # let command = command.wait_by_thread(true);
/// assert!(command.status().await?.success());
/// assert_eq!(fs::read(&path)?, b"hello\n");
/// # fs::remove_file(&path)?;
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Debug)]
pub struct Stdio(Kind);

#[derive(Debug)]
enum Kind {
    Inherit,
    Pipe,
    Null,
    Stdout,
    Descriptor(OwnedFd),
}

impl From<OwnedFd> for Stdio {
    fn from(descriptor: OwnedFd) -> Self {
        Self(Kind::Descriptor(descriptor))
    }
}

impl From<File> for Stdio {
    fn from(file: File) -> Self {
        Self::from(OwnedFd::from(file))
    }
}

/// A child's streams, as far as something was said about them.
#[derive(Debug, Default)]
pub(super) struct Streams {
    pub(super) stdin: Option<Stdio>,
    pub(super) stdout: Option<Stdio>,
    pub(super) stderr: Option<Stdio>,
}

impl Streams {
    /// Sets them in `command`. Returns the end to read what stdout and stderr write to a pipe that they share.
    pub(super) fn apply(self, command: &mut process::Command) -> io::Result<Option<OwnedFd>> {
        if let Some(stdin) = self.stdin {
            command.stdin(stdin.into_std()?);
        }
        match (self.stdout, self.stderr) {
            (stdout, Some(Stdio(Kind::Stdout))) => return merge(stdout, command),
            (stdout, stderr) => {
                if let Some(stdout) = stdout {
                    command.stdout(stdout.into_std()?);
                }
                if let Some(stderr) = stderr {
                    command.stderr(stderr.into_std()?);
                }
            }
        }
        Ok(None)
    }
}

impl Stdio {
    fn into_std(self) -> io::Result<process::Stdio> {
        Ok(match self.0 {
            Kind::Inherit => process::Stdio::inherit(),
            Kind::Pipe => process::Stdio::piped(),
            Kind::Null => process::Stdio::null(),
            Kind::Descriptor(descriptor) => descriptor.into(),
            Kind::Stdout => {
                let message = "STDOUT says that stderr goes where stdout goes: it stands for nothing else";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
        })
    }
}

/// Has stderr go where stdout goes: two descriptors of one open file, so that what is written stays in order.
fn merge(stdout: Option<Stdio>, command: &mut process::Command) -> io::Result<Option<OwnedFd>> {
    let stdout = stdout.unwrap_or(INHERIT);
    let (write, read) = match stdout.0 {
        Kind::Pipe => {
            let (read, write) = crate::pipe::raw_pipe()?;
            (write, Some(read))
        }
        Kind::Inherit => (io::stdout().as_fd().try_clone_to_owned()?, None),
        Kind::Descriptor(descriptor) => (descriptor, None),
        Kind::Null | Kind::Stdout => {
            let stdout = stdout.into_std()?;
            command.stdout(stdout).stderr(process::Stdio::null());
            return Ok(None);
        }
    };
    command.stderr(write.try_clone()?).stdout(write);
    Ok(read)
}
