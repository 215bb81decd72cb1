//! Signals: as something to wait for, and as an end of the program that leaves time to clean up.
//!
//! A signal handler may do next to nothing. For a [`SignalSource`] ours writes one byte into a socket pair, whose other end is
//! an ordinary source: a signal is then a readable socket, and reaches the loop as any other readiness does. For a
//! [`FirstSignal`] it calls a hook that is made for that.
//!
//! * a *taker* is who wants to hear of a signal; while there is one, the handler is ours ([`action`](self));
//! * with the last taker comes back what was there before: the default action, or somebody else's handler.
//!
//! | takers at a delivery | what happens |
//! |---|---|
//! | a source (or several) | each is told; a `FirstSignal` is not |
//! | a `FirstSignal` alone, first delivery | its hook is called |
//! | a `FirstSignal` alone, any further delivery | the default action: `SIGINT` ends the process |
//! | none any more | the default action |
//!
//! Protocol page: `docs/design/signals.md`.

mod action;
mod snapshots;

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::task::{Context, Poll};

use heist_core::SignalSafe;
use heist_core::sync::atomic::{AtomicBool, Ordering};

use crate::{Direction, IoSource};
use action::Place;

/// The deliveries of one signal to this process, from the making of the value on.
///
/// While any such value of a signal lives, the signal's default action is off: the process decides itself what to do. When
/// the last one goes, the default action is back. Deliveries that come while nobody waits are kept; several may count as
/// one, as in the kernel.
///
/// ```
/// use std::future::poll_fn;
/// use heist_reactor::SignalSource;
///
/// async fn wait_for_hangup() -> std::io::Result<()> {
///     let mut hangup = SignalSource::new(1)?; // from here on SIGHUP does not end the process
///     poll_fn(|cx| hangup.poll_recv(cx)).await
/// }
/// ```
#[derive(Debug)]
pub struct SignalSource {
    // Dropped first: no more is written.
    _place: Place,
    deliveries: IoSource<UnixStream>,
}

/// The writing end.
struct Deliver {
    write: OwnedFd,
    /// The process that wants to hear of its signals. A forked child has the handler and the descriptor, too, until it
    /// runs another program, and its signals are no business of the parent's.
    process: libc::pid_t,
}

// SAFETY: two system calls, the second on a descriptor that it owns.
unsafe impl SignalSafe for Deliver {
    fn signal(&self) {
        if self.process == own_process() {
            // A full pair already tells that there was a delivery.
            let _ = rustix::io::write(&self.write, &[1]);
        }
    }
}

/// The number of this process. Async-signal-safe.
fn own_process() -> libc::pid_t {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::getpid() }
}

/// Signals whose handler must not return to what was going on, as ours does.
const FAULTS: [libc::c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];

impl SignalSource {
    /// Begins to take deliveries of `signal`, such as `SIGINT` (2).
    ///
    /// ```
    /// let error = heist_reactor::SignalSource::new(9).unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "SIGKILL is not to be taken");
    /// ```
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a signal that cannot be taken (`SIGKILL`, `SIGSTOP`, a number that is none) or must not be
    /// (`SIGSEGV`, `SIGBUS`, `SIGFPE`, `SIGILL`); the system's error when it has no descriptors left.
    pub fn new(signal: i32) -> io::Result<Self> {
        if FAULTS.contains(&signal) {
            return Err(refused(signal));
        }
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        let deliver = Deliver { write: OwnedFd::from(write), process: own_process() };
        let place = Place::every(signal, Arc::new(deliver)).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => refused(signal),
            _ => error,
        })?;
        Ok(Self { _place: place, deliveries: IoSource::new(read) })
    }

    /// Ready when the signal was delivered since the last ready poll.
    ///
    /// ```
    /// use heist_reactor::SignalSource;
    ///
    /// async fn next(signal: &mut SignalSource) -> std::io::Result<()> {
    ///     std::future::poll_fn(|cx| signal.poll_recv(cx)).await
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// When the loop is closed, or there is none.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.deliveries.poll_io(cx, Direction::Read, |stream| {
            let mut stream: &UnixStream = stream;
            let mut deliveries = [0; 64];
            stream.read(&mut deliveries).map(drop)
        })
    }
}

fn refused(signal: i32) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("signal {signal} cannot be handled by a program: choose another, such as SIGINT (2)"),
    )
}

/// A chance to clean up: the first delivery of a signal calls a hook instead of ending the process; the next one ends it at
/// once, whatever its threads do.
///
/// A delivery that a [`SignalSource`] takes does not count. Dropping the value brings the default action back.
#[derive(Debug)]
pub struct FirstSignal {
    _place: Place,
    arrived: Arc<AtomicBool>,
}

impl FirstSignal {
    /// Takes the next delivery of `signal`. `None` where the signal's action is not the default: somebody else handles it,
    /// or it is ignored, and so it stays.
    ///
    /// # Errors
    ///
    /// The system's, when the signal cannot be taken.
    pub fn take(signal: i32, hook: Arc<dyn SignalSafe>) -> io::Result<Option<Self>> {
        let arrived = Arc::new(AtomicBool::new(false));
        let place = Place::first(signal, hook, arrived.clone())?;
        Ok(place.map(|place| Self { _place: place, arrived }))
    }

    /// Whether the delivery has come.
    pub fn arrived(&self) -> bool {
        // Acquire pairs with the handler's swap: its hook was or is being called.
        self.arrived.load(Ordering::Acquire)
    }
}

/// Has a signal take its default way: for most, the process ends by it. Nothing happens where somebody else handles the
/// signal, or it is ignored.
pub fn end_by_signal(signal: i32) {
    action::take_default(signal);
}

/// Sends a signal to one process, as `kill` does. Who calls it knows that the number is still that process' own.
///
/// ```
/// let error = heist_reactor::send_signal(std::process::id(), 0).unwrap_err();
/// assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
/// ```
///
/// # Errors
///
/// `InvalidInput` for a number that is no process' or no signal's; the system's, when the process is not there or is another
/// user's.
pub fn send_signal(process: u32, signal: i32) -> io::Result<()> {
    // 0 and what is negative stand for groups of processes, signal 0 for none.
    let process = libc::pid_t::try_from(process).ok().filter(|process| *process > 0 && signal > 0);
    let Some(process) = process else { return Err(no_such_signal(signal)) };
    // SAFETY: takes plain numbers.
    if unsafe { libc::kill(process, signal) } == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    Err(if error.raw_os_error() == Some(libc::EINVAL) { no_such_signal(signal) } else { error })
}

fn no_such_signal(signal: i32) -> io::Error {
    let message = format!("there is no signal {signal}: take a number such as SIGTERM (15)");
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// Whether this is the process' first thread, on which the system runs `main`; `false` where that cannot be known.
///
/// ```
/// std::thread::spawn(|| assert!(!heist_reactor::is_main_thread())).join().unwrap();
/// ```
pub fn is_main_thread() -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // SAFETY: takes nothing and cannot fail.
        let thread = unsafe { libc::gettid() };
        thread == own_process()
    }
    #[cfg(any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "netbsd",
        target_os = "openbsd"
    ))]
    {
        // SAFETY: takes nothing and cannot fail.
        unsafe { libc::pthread_main_np() != 0 }
    }
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "netbsd",
        target_os = "openbsd"
    )))]
    {
        false
    }
}
