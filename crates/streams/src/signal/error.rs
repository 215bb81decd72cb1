//! [`SignalError`].

use std::error::Error;
use std::fmt;
use std::io;

use super::{SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGSTOP, numbers};

/// Why a signal is not handled.
///
/// ```
/// # use heist_streams as heist;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use heist::signal::{SIGKILL, SignalError, signal};
///
/// assert!(matches!(signal(SIGKILL), Err(SignalError::Uncatchable(SIGKILL))));
/// assert!(matches!(signal(12345), Err(SignalError::Invalid(12345))));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum SignalError {
    /// There is no signal of this number; asyncio's `ValueError`.
    Invalid(i32),
    /// The signal cannot be handled by any program (`SIGKILL`, `SIGSTOP`), or must not be, because the instruction that
    /// brought it about would be run again (`SIGSEGV`, `SIGBUS`, `SIGFPE`, `SIGILL`); asyncio's `RuntimeError`.
    Uncatchable(i32),
    /// No event loop runs on this thread.
    NoLoop,
    /// The event loop is closed.
    LoopClosed,
    /// The system's error: no descriptors are left.
    Io(io::Error),
}

/// Signals that the system lets nobody handle, and those whose handler must not return as ours does.
const UNCATCHABLE: [i32; 6] = [SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL];

impl SignalError {
    /// What speaks against handling a signal, as far as its number tells.
    pub(super) fn check(signal: i32) -> Result<(), Self> {
        if UNCATCHABLE.contains(&signal) { Err(Self::Uncatchable(signal)) } else { Ok(()) }
    }

    /// The answer of the reactor, for a signal that was checked.
    pub(super) fn of(signal: i32, error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::InvalidInput { Self::Invalid(signal) } else { Self::Io(error) }
    }
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(number) => {
                write!(f, "there is no signal {number}: take a number such as SIGTERM (15)")
            }
            Self::Uncatchable(number) => {
                let name = numbers::name(*number).unwrap_or("this signal");
                write!(f, "{name} ({number}) cannot be handled: choose another, such as SIGTERM (15)")
            }
            Self::NoLoop => f.write_str(
                "no event loop runs on this thread: call it from a task, or use the method of an EventLoop",
            ),
            Self::LoopClosed => {
                f.write_str("the event loop is closed and handles no signals any more: make a new one")
            }
            Self::Io(error) => write!(f, "the signal cannot be handled now: {error}"),
        }
    }
}

impl Error for SignalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<SignalError> for io::Error {
    fn from(error: SignalError) -> Self {
        let kind = match &error {
            SignalError::Invalid(_) | SignalError::Uncatchable(_) => io::ErrorKind::InvalidInput,
            SignalError::Io(error) => error.kind(),
            SignalError::NoLoop | SignalError::LoopClosed => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}
