//! [`Child`]: one child process: its status, its signals, who waits.
//!
//! Between its end and its being collected a child is a zombie, which keeps its number taken. Collecting and signalling are
//! done under one lock, and a child that was collected is sent nothing: so no signal ever reaches a stranger who has got
//! the number since.

use std::error::Error;
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{self, ExitStatus};

use heist_core::Hold;
use heist_core::sync::Mutex;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::error::Sticky;
use crate::waiters::{Waiters, Woken, wait_until};

/// A child of this process.
#[derive(Debug)]
pub(super) struct Child {
    id: u32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    child: process::Child,
    /// Set when it was collected, or cannot be.
    ended: Option<Result<ExitStatus, Sticky>>,
    waiters: Waiters,
    /// Virtual time stands still while a child runs that the program has a handle of.
    hold: Option<Hold>,
}

impl State {
    fn end(&mut self, ended: Result<ExitStatus, Sticky>) -> (Woken, Option<Hold>) {
        self.ended = Some(ended);
        (self.waiters.take(), self.hold.take())
    }
}

/// Those who waited for a child, to be woken with no lock held.
#[must_use = "call `tell` outside of locks"]
pub(super) struct Ended {
    woken: Woken,
    hold: Option<Hold>,
}

impl Ended {
    pub(super) fn tell(self) {
        self.woken.wake();
        // After those who waited are awake: time must not jump before.
        drop(self.hold);
    }
}

impl Child {
    pub(super) fn new(child: process::Child) -> Self {
        let id = child.id();
        let state = State { child, ended: None, waiters: Waiters::default(), hold: None };
        Self { id, state: Mutex::new(state) }
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn hold(&self, hold: Hold) {
        let before = self.state.lock().hold.replace(hold);
        drop(before);
    }

    /// The program has no handle any more.
    pub(super) fn release(&self) {
        let hold = self.state.lock().hold.take();
        drop(hold);
    }

    /// Collects the child if it has ended, without waiting. `None`: it runs.
    pub(super) fn try_collect(&self) -> Option<Ended> {
        let mut state = self.state.lock();
        if state.ended.is_some() {
            return Some(Ended { woken: Woken::default(), hold: None });
        }
        let ended = match state.child.try_wait() {
            Ok(None) => return None,
            Ok(Some(status)) => Ok(status),
            Err(error) => Err(lost(&error)),
        };
        let (woken, hold) = state.end(ended);
        Some(Ended { woken, hold })
    }

    /// Waits on this thread until the child has ended, and leaves it to be collected.
    pub(super) fn wait_blocking(&self) {
        let Some(pid) = self.pid() else { return };
        // An error other than an interruption says that there is nothing to wait for.
        let wait = || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        while matches!(wait(), Err(rustix::io::Errno::INTR)) {}
    }

    /// Nobody can wait for it: who does is told why.
    pub(super) fn lose(&self, error: &io::Error) -> Ended {
        let (woken, hold) = self.state.lock().end(Err(Sticky::new(error)));
        Ended { woken, hold }
    }

    /// For a child that was lost: collects it if it has ended.
    pub(super) fn collect_left(&self) -> bool {
        !matches!(self.state.lock().child.try_wait(), Ok(None))
    }

    pub(super) fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.id).ok()?)
    }

    /// How it ended, if it was collected.
    pub(super) fn status(&self) -> Option<ExitStatus> {
        self.state.lock().ended.as_ref()?.as_ref().ok().copied()
    }

    /// Whether nobody has seen it end.
    pub(super) fn is_running(&self) -> bool {
        self.state.lock().ended.is_none()
    }

    pub(super) fn send_signal(&self, signal: i32) -> io::Result<()> {
        let state = self.state.lock();
        if state.ended.is_some() {
            return Err(ProcessLookupError { pid: self.id }.into());
        }
        match heist_reactor::send_signal(self.id, signal) {
            // Only where somebody else has collected it.
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {
                Err(ProcessLookupError { pid: self.id }.into())
            }
            sent => sent,
        }
    }

    /// Waits until it was collected.
    pub(super) async fn wait(&self) -> io::Result<ExitStatus> {
        wait_until(
            &self.state,
            |state| &mut state.waiters,
            |state| match state.ended.as_ref()? {
                Ok(status) => Some(Ok(*status)),
                Err(error) => Some(Err(error.again())),
            },
        )
        .await
    }
}

/// Somebody else has collected the child: the program ignores `SIGCHLD`, or waits for any child.
fn lost(error: &io::Error) -> Sticky {
    Sticky::new(&io::Error::new(
        error.kind(),
        format!(
            "the child's status is lost ({error}): does the program ignore SIGCHLD, or wait for any child?"
        ),
    ))
}

/// What asyncio calls a return code: the exit code, or minus the number of the signal that ended the process.
pub(super) fn returncode(status: ExitStatus) -> i32 {
    status.code().or_else(|| Some(-status.signal()?)).unwrap_or_else(|| status.into_raw())
}

/// The process has ended and was collected: there is nobody to send a signal to. Python's `ProcessLookupError`; found inside
/// an [`io::Error`] of kind [`NotFound`](io::ErrorKind::NotFound).
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # use heist_streams::process::Command;
/// # let process = Command::new("sleep").arg("1000").kill_on_drop(true).wait_by_thread(true).spawn().await?;
/// use heist::process::ProcessLookupError;
///
/// process.kill()?;
/// process.wait().await?;
/// let error = process.terminate().unwrap_err();
/// assert!(error.get_ref().is_some_and(|error| error.is::<ProcessLookupError>()));
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessLookupError {
    pid: u32,
}

impl ProcessLookupError {
    /// The number that the process had.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # #[cfg(not(heist_loom))]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_streams::process::Command;
    /// # let process = Command::new("sleep").arg("1000").kill_on_drop(true).wait_by_thread(true).spawn().await?;
    /// use heist::process::ProcessLookupError;
    ///
    /// process.kill()?;
    /// process.wait().await?;
    /// let error = process.terminate().unwrap_err();
    /// let inner = error.get_ref().and_then(|error| error.downcast_ref::<ProcessLookupError>());
    /// assert_eq!(inner.unwrap().pid(), process.pid());
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    pub fn pid(&self) -> u32 {
        self.pid
    }
}

impl fmt::Display for ProcessLookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} has ended: ask returncode() before a signal is sent", self.pid)
    }
}

impl Error for ProcessLookupError {}

impl From<ProcessLookupError> for io::Error {
    fn from(error: ProcessLookupError) -> Self {
        Self::new(io::ErrorKind::NotFound, error)
    }
}
