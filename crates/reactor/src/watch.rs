//! Watches: callbacks that a loop calls while a descriptor is ready; asyncio's `add_reader` and `add_writer`.
//!
//! A watch owns a duplicate of the descriptor, registered as any source. It is the waker of its own waits: an edge has the
//! loop call the watch's *turn*, among its other callbacks.
//!
//! A turn asks the system whether the descriptor is ready now, calls the callback, and calls for another turn; where it is
//! not ready it waits for the next edge. The steps, and why no edge is lost, are in `docs/design/watches.md`.

mod called_for;
mod callee;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use heist_core::services::{ExceptionContext, Services};
use heist_core::sync::Mutex;
use heist_core::vars::Captured;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::called_for::CalledFor;
use self::callee::Callee;
use crate::{Direction, IoSource, Reactor};

/// What is called.
type Callback = Box<dyn FnMut() + Send>;

/// The watches of a loop, by the number of the descriptor that they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Watches(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    watches: HashMap<(RawFd, Direction), Arc<Watch>>,
    closed: bool,
}

impl Watches {
    /// The loop is closed: forgets all watches.
    pub(crate) fn close(&self) {
        let watches = {
            let mut table = self.0.lock();
            table.closed = true;
            std::mem::take(&mut table.watches)
        };
        for watch in watches.into_values() {
            watch.cancel();
        }
    }
}

/// A callback that watches a descriptor in one direction.
struct Watch {
    services: Arc<dyn Services>,
    direction: Direction,
    captured: Captured,
    location: &'static Location<'static>,
    called_for: CalledFor,
    /// `None` once cancelled.
    source: Mutex<Option<IoSource<OwnedFd>>>,
    callee: Callee<Callback>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("direction", &self.direction)
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// E2: has the loop call a turn, unless one is called for already.
    fn call_for_turn(self: &Arc<Self>) {
        if !self.called_for.raise() {
            return;
        }
        let watch = self.clone();
        let turn = Box::new(move || watch.called_for.turn(|| watch.turn()));
        // A loop that is closed calls nothing any more, and has cancelled this.
        let _ = self.services.call_soon(self.captured.clone(), turn, self.location);
    }

    fn turn(self: &Arc<Self>) {
        match self.poll() {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => {
                // T3
                let _again = CallAgain(self);
                self.callee.call();
            }
            Poll::Ready(Err(error)) => {
                let context = ExceptionContext::new("a descriptor cannot be watched any more")
                    .with_exception(Arc::new(error))
                    .with_source(self.location);
                self.services.call_exception_handler(&context);
            }
        }
    }

    /// T2
    fn poll(self: &Arc<Self>) -> Poll<io::Result<()>> {
        let waker = Waker::from(self.clone());
        let mut source = self.source.lock();
        let Some(source) = &mut *source else { return Poll::Pending };
        let direction = self.direction;
        source.poll_io(&mut Context::from_waker(&waker), direction, |descriptor| {
            if is_ready(descriptor, direction)? { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
        })
    }

    fn is_cancelled(&self) -> bool {
        self.callee.is_removed()
    }

    fn cancel(&self) {
        // R1
        self.callee.remove();
        // R2
        let source = self.source.lock().take();
        if let Some(source) = source {
            // The duplicate must leave the queue before it is closed: what it duplicates lives on.
            drop(source.into_inner());
        }
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        self.call_for_turn();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.call_for_turn();
    }
}

/// Calls for the next turn when it is dropped.
struct CallAgain<'a>(&'a Arc<Watch>);

impl Drop for CallAgain<'_> {
    fn drop(&mut self) {
        self.0.call_for_turn();
    }
}

/// Whether the descriptor is ready now. One system call.
fn is_ready(descriptor: &OwnedFd, direction: Direction) -> io::Result<bool> {
    let wanted = match direction {
        Direction::Read => PollFlags::IN,
        Direction::Write => PollFlags::OUT,
    };
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    // An end and an error are reported, too, without being asked for.
    Ok(poll(&mut [PollFd::new(descriptor, wanted)], Some(&now))? > 0)
}

/// A callback that watches a descriptor; asyncio's `Handle` of `add_reader` and `add_writer`. Dropping it changes nothing.
///
/// ```no_run
/// # mod heist {
/// #     pub use heist_reactor::WatchHandle;
/// #     // The facade's, as far as their types go: it stands above this crate.
/// #     pub fn add_reader(_: &impl std::os::fd::AsFd, _: impl FnMut()) -> std::io::Result<WatchHandle> { unreachable!() }
/// #     pub fn remove_reader(_: &impl std::os::fd::AsFd) -> bool { unreachable!() }
/// # }
/// # fn example() -> std::io::Result<()> {
/// # let (socket, _peer) = std::os::unix::net::UnixStream::pair()?;
/// use heist::WatchHandle;
///
/// let watching: WatchHandle = heist::add_reader(&socket, || println!("there is something to read"))?;
/// drop(watching); // the callback stays
/// assert!(heist::remove_reader(&socket));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct WatchHandle {
    watch: Arc<Watch>,
}

impl WatchHandle {
    /// Whether the callback was removed, or replaced by another, or its loop closed.
    ///
    /// ```no_run
    /// # mod heist {
    /// #     pub use heist_reactor::WatchHandle;
    /// #     // The facade's, as far as their types go: it stands above this crate.
    /// #     pub fn add_reader(_: &impl std::os::fd::AsFd, _: impl FnMut()) -> std::io::Result<WatchHandle> { unreachable!() }
    /// #     pub fn remove_reader(_: &impl std::os::fd::AsFd) -> bool { unreachable!() }
    /// # }
    /// # fn example() -> std::io::Result<()> {
    /// # let (socket, _peer) = std::os::unix::net::UnixStream::pair()?;
    /// let watching = heist::add_reader(&socket, || println!("there is something to read"))?;
    /// heist::remove_reader(&socket);
    /// assert!(watching.cancelled());
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancelled(&self) -> bool {
        self.watch.is_cancelled()
    }
}

// The loop's side of `add_reader`: only the facade can make a loop's services and reactor meet.
impl Reactor {
    /// Has the loop, whose `services` are given, call `callback` while `descriptor` is ready in `direction`, from its next
    /// pass on. A callback that watched the same before is replaced. Any thread.
    ///
    /// The descriptor need not be in non-blocking mode. A duplicate of it is kept until the watch is removed: what it
    /// stands for stays open until then.
    ///
    /// # Errors
    ///
    /// Where the loop is closed; where a socket of this loop owns the descriptor; the system's, for one for regular files,
    /// which are always ready.
    #[doc(hidden)]
    pub fn watch(
        self: &Arc<Self>,
        services: Arc<dyn Services>,
        descriptor: BorrowedFd<'_>,
        direction: Direction,
        callback: Box<dyn FnMut() + Send>,
        location: &'static Location<'static>,
    ) -> io::Result<WatchHandle> {
        if self.knows(descriptor) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the descriptor belongs to a socket of this loop: use that socket's own methods to wait for it",
            ));
        }
        let source = IoSource::new(descriptor.try_clone_to_owned()?);
        source.register_with(self, direction)?;
        let watch = Arc::new(Watch {
            services,
            direction,
            captured: Captured::current(),
            location,
            called_for: CalledFor::new(),
            source: Mutex::new(Some(source)),
            callee: Callee::new(callback),
        });
        let before = {
            let mut table = self.watches.0.lock();
            if table.closed {
                drop(table);
                watch.cancel();
                return Err(Self::closed());
            }
            table.watches.insert((descriptor.as_raw_fd(), direction), watch.clone())
        };
        if let Some(before) = before {
            before.cancel();
        }
        watch.call_for_turn();
        Ok(WatchHandle { watch })
    }

    /// Ends what [`watch`](Self::watch) began, and says whether there was such a callback. Any thread, also inside the
    /// callback; a call that has begun elsewhere is not waited for.
    #[doc(hidden)]
    pub fn unwatch(&self, descriptor: BorrowedFd<'_>, direction: Direction) -> bool {
        let watch = self.watches.0.lock().watches.remove(&(descriptor.as_raw_fd(), direction));
        match watch {
            Some(watch) => {
                watch.cancel();
                true
            }
            None => false,
        }
    }
}
