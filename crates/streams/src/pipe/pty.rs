//! [`open_pty`]: pseudo-terminals.

use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A pseudo-terminal: what a program at the terminal sees, and the side of whoever plays screen and keyboard. Python's
/// `os.openpty`.
///
/// The controller is read and written through two descriptors, one for each direction:
///
/// ```no_run
/// # use heist_streams as heist;
/// use heist::pipe::{connect_read_pipe, connect_write_pipe, open_pty};
/// use heist::process::Command;
/// # async fn example() -> std::io::Result<()> {
/// let pty = open_pty()?;
/// let terminal = pty.terminal;
/// let program = Command::new("vi")
///     .stdin(terminal.try_clone()?)
///     .stdout(terminal.try_clone()?)
///     .stderr(terminal)
///     .spawn()
///     .await?;
/// let keyboard = connect_write_pipe(pty.controller.try_clone()?).await?;
/// let screen = connect_read_pipe(pty.controller).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pty {
    /// The side of the screen and the keyboard. Its reader comes to an end when the last program at the terminal has gone.
    pub controller: OwnedFd,
    /// The side of the program: give it as stdin, stdout and stderr.
    pub terminal: OwnedFd,
}

/// Makes a pseudo-terminal.
///
/// ```
/// # use heist_streams as heist;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::io::IsTerminal;
/// use heist::pipe::open_pty;
///
/// let pty = open_pty()?;
/// assert!(pty.terminal.is_terminal());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The system's, when no terminals or descriptors are left.
pub fn open_pty() -> io::Result<Pty> {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&controller)?;
    unlockpt(&controller)?;
    let name = ptsname(&controller, Vec::new())?;
    let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(Pty { controller, terminal })
}
