//! Handlers: closures that a loop calls when a signal came. One a signal and loop, as in asyncio.
//!
//! A handler is a [`watch`](crate::watch) of a [`Signal`]: each delivery puts a call of the closure in the loop's line, in the
//! context variables of the registration. The registry says which handler a loop has for a signal; it holds no lock while
//! anything foreign runs or is dropped.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use heist_core::sync::Mutex;
use heist_core::vars;
use heist_scheduler::Handle;

use super::{Signal, SignalError, signal as listen};
use crate::watch::{Watch, Watching};

/// A handler that was added; asyncio keeps it inside the loop.
///
/// Dropping it changes nothing: the handler stays until it is removed or replaced, or its loop is closed.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use heist::signal::{SIGHUP, SignalHandler, add_signal_handler};
///
/// let added: SignalHandler = add_signal_handler(SIGHUP, || println!("the terminal is gone"))?;
/// assert_eq!(added.signal(), SIGHUP);
/// assert!(!added.cancelled());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SignalHandler {
    signal: i32,
    cancelled: Arc<AtomicBool>,
}

impl SignalHandler {
    /// The number of the signal.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use heist::signal::{SIGHUP, add_signal_handler};
    ///
    /// let added = add_signal_handler(SIGHUP, || println!("the terminal is gone"))?;
    /// assert_eq!(added.signal(), SIGHUP);
    /// # Ok(())
    /// # }
    /// ```
    pub fn signal(&self) -> i32 {
        self.signal
    }

    /// Keeps the handler from being called any more. The next delivery of the signal removes it; until then the signal's
    /// default action stays off. To remove it at once: [`remove_signal_handler`].
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use heist::signal::{SIGHUP, add_signal_handler};
    ///
    /// let added = add_signal_handler(SIGHUP, || unreachable!("it is cancelled"))?;
    /// added.cancel();
    /// assert!(added.cancelled());
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancel(&self) {
        // Relaxed, here and below: a flag of its own, no other data hangs on it.
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether it was cancelled.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use heist::signal::{SIGHUP, add_signal_handler};
    ///
    /// let added = add_signal_handler(SIGHUP, || println!("the terminal is gone"))?;
    /// assert!(!added.cancelled());
    /// added.cancel();
    /// assert!(added.cancelled());
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for SignalHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = super::numbers::name(self.signal).unwrap_or("?");
        f.debug_struct("SignalHandler").field("signal", &name).field("cancelled", &self.cancelled()).finish()
    }
}

/// The handlers of all loops of the process. Few, so a list.
static HANDLERS: LazyLock<Mutex<Vec<Registered>>> = LazyLock::new(|| Mutex::new(Vec::new()));

struct Registered {
    added: SignalHandler,
    watching: Arc<Watching>,
}

/// Has the loop of this thread call `handler` each time a signal came; asyncio's `loop.add_signal_handler`.
///
/// The handler runs as a callback of the loop ([`Handle::call_soon`]): on one of its threads, one at a time, in a copy of the
/// context variables of this call, so it may do what it likes. From now on the signal does nothing else, such as ending
/// the process. Deliveries that come close together may be one call, as in the kernel. A second handler for the same
/// signal replaces the first. Closing the loop removes all its handlers.
///
/// ```no_run
/// # use heist_streams as heist;
/// use heist::signal::{SIGTERM, add_signal_handler};
/// # fn example(main: heist_scheduler::TaskRef) -> Result<(), heist_streams::signal::SignalError> {
/// add_signal_handler(SIGTERM, move || { main.cancel(); })?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`SignalError`]: no such signal, one that cannot be handled, no loop on this thread, a loop that is closed.
pub fn add_signal_handler(
    signal: i32,
    handler: impl FnMut() + Send + 'static,
) -> Result<SignalHandler, SignalError> {
    let handle = Handle::current().ok_or(SignalError::NoLoop)?;
    add_signal_handler_to(&handle, signal, handler)
}

/// As [`add_signal_handler`], for a loop that may run elsewhere or not yet: then it calls the handler once it runs.
///
/// ```no_run
/// # use heist_streams as heist;
/// # fn example(handle: &heist_scheduler::Handle) -> Result<(), Box<dyn std::error::Error>> {
/// use heist::signal::{SIGHUP, add_signal_handler_to, remove_signal_handler_from};
///
/// add_signal_handler_to(handle, SIGHUP, || println!("reading the configuration again"))?;
/// assert!(remove_signal_handler_from(handle, SIGHUP)?);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`add_signal_handler`].
pub fn add_signal_handler_to(
    handle: &Handle,
    signal: i32,
    handler: impl FnMut() + Send + 'static,
) -> Result<SignalHandler, SignalError> {
    let deliveries = listen(signal)?;
    if handle.is_closed() {
        return Err(SignalError::LoopClosed);
    }
    let added = SignalHandler { signal, cancelled: Arc::new(AtomicBool::new(false)) };
    let watch = HandlerWatch {
        deliveries,
        handle: handle.clone(),
        added: added.clone(),
        context: vars::copy_context(),
        handler: Arc::new(Mutex::new(handler)),
    };
    // In the list before its first look: what ends the watch finds it there.
    let watching = Watching::new(handle.clone(), watch);
    let replaced = {
        let mut handlers = HANDLERS.lock();
        let replaced = take(&mut handlers, |other| other.is_for(handle, signal));
        handlers.push(Registered { added: added.clone(), watching: watching.clone() });
        replaced
    };
    end(replaced);
    watching.look_soon();
    Ok(added)
}

/// Removes the handler that the loop of this thread has for a signal, and says whether there was one; asyncio's
/// `loop.remove_signal_handler`. When nobody else takes the signal, its former action is back on return.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use heist::signal::{SIGHUP, add_signal_handler, remove_signal_handler};
///
/// add_signal_handler(SIGHUP, || println!("the terminal is gone"))?;
/// assert!(remove_signal_handler(SIGHUP)?);
/// assert!(!remove_signal_handler(SIGHUP)?, "there is none any more");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`SignalError::NoLoop`]; [`SignalError::Uncatchable`] for a signal that never has a handler.
pub fn remove_signal_handler(signal: i32) -> Result<bool, SignalError> {
    let handle = Handle::current().ok_or(SignalError::NoLoop)?;
    remove_signal_handler_from(&handle, signal)
}

/// As [`remove_signal_handler`], for a loop that may run elsewhere.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let handle = &heist_scheduler::Handle::current().unwrap();
/// use heist::signal::{SIGHUP, SIGKILL, remove_signal_handler_from};
///
/// assert!(!remove_signal_handler_from(handle, SIGHUP)?, "there was none");
/// assert!(remove_signal_handler_from(handle, SIGKILL).is_err());
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// As [`remove_signal_handler`].
pub fn remove_signal_handler_from(handle: &Handle, signal: i32) -> Result<bool, SignalError> {
    SignalError::check(signal)?;
    let removed = take(&mut HANDLERS.lock(), |other| other.is_for(handle, signal));
    Ok(end(removed))
}

impl Registered {
    fn is_for(&self, handle: &Handle, signal: i32) -> bool {
        self.added.signal == signal && self.watching.handle().same_loop(handle)
    }
}

fn take(handlers: &mut Vec<Registered>, which: impl Fn(&Registered) -> bool) -> Option<Registered> {
    let at = handlers.iter().position(which)?;
    Some(handlers.swap_remove(at))
}

fn end(removed: Option<Registered>) -> bool {
    if let Some(removed) = &removed {
        removed.watching.end();
    }
    removed.is_some()
}

/// What the loop looks after for one handler.
struct HandlerWatch<F> {
    deliveries: Signal,
    handle: Handle,
    added: SignalHandler,
    context: vars::Context,
    handler: Arc<Mutex<F>>,
}

impl<F: FnMut() + Send + 'static> HandlerWatch<F> {
    /// Puts a call of the handler in line: a call of its own, so that one that panics is reported and ends nothing.
    fn call_soon(&self) -> bool {
        let handler = self.handler.clone();
        let added = self.added.clone();
        let call = move || {
            // Cancelled between the delivery and now.
            if !added.cancelled() {
                (*handler.lock())();
            }
        };
        self.handle.call_soon_in(&self.context, call).is_ok()
    }

    /// Takes it out of the registry, unless it was replaced meanwhile.
    fn forget(&self) {
        let is_own = |other: &Registered| Arc::ptr_eq(&other.added.cancelled, &self.added.cancelled);
        let own = take(&mut HANDLERS.lock(), is_own);
        drop(own);
    }
}

impl<F: FnMut() + Send + 'static> Watch for HandlerWatch<F> {
    fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.deliveries.poll_recv(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !self.added.cancelled() && self.call_soon() => {}
                // Cancelled, or the loop is at its end.
                Poll::Ready(_) => {
                    self.forget();
                    return Poll::Ready(());
                }
            }
        }
    }

    fn abandon(self: Box<Self>) {
        self.forget();
    }
}
