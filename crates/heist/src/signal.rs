//! Unix signals: [`add_signal_handler`] has the loop call a handler, [`signal`] gives something to await, [`ctrl_c`] waits
//! for Ctrl-C; and the numbers of the signals.
//!
//! ```no_run
//! use heist::signal::{SIGHUP, SIGTERM};
//!
//! #[heist::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let main = heist::current_task().unwrap();
//!     heist::add_signal_handler(SIGTERM, move || {
//!         main.cancel();
//!     })?;
//!     let mut hang_up = heist::signal(SIGHUP)?;
//!     loop {
//!         hang_up.recv().await?;
//!         println!("reading the configuration again");
//!     }
//! }
//! ```

use std::future::Future;
use std::io;

#[cfg(unix)]
pub use heist_streams::signal::*;

#[cfg(unix)]
use crate::event_loop::EventLoop;

#[cfg(unix)]
impl EventLoop {
    /// See [`add_signal_handler`]; here for a loop that may not run yet: it calls the handler
    /// once it runs. asyncio: `loop.add_signal_handler`.
    ///
    /// # Errors
    ///
    /// [`SignalError`]: no such signal, one that cannot be handled, a loop that is closed.
    pub fn add_signal_handler(
        &self,
        signal: i32,
        handler: impl FnMut() + Send + 'static,
    ) -> Result<SignalHandler, SignalError> {
        add_signal_handler_to(&self.handle(), signal, handler)
    }

    /// See [`remove_signal_handler`]. asyncio: `loop.remove_signal_handler`.
    ///
    /// # Errors
    ///
    /// [`SignalError::Uncatchable`] for a signal that never has a handler.
    pub fn remove_signal_handler(&self, signal: i32) -> Result<bool, SignalError> {
        remove_signal_handler_from(&self.handle(), signal)
    }
}

/// Waits for the next Ctrl-C (`SIGINT`) that this process receives.
///
/// From the call on, the signal neither ends the process nor cancels the main future of a run: the program decides. One
/// that comes before the first poll is kept. Several tasks may wait; each is told. When the last wait has ended or was
/// dropped, Ctrl-C does again what it did before: what [`run`](crate::run) says, or end the process. So a program that
/// wants to hear of every Ctrl-C calls this again before it lets go of the last. To a Python programmer:
/// `loop.add_signal_handler(signal.SIGINT, ...)`.
///
/// ```no_run
/// heist::run(async {
///     heist::ctrl_c().await?;
///     println!("goodbye");
///     Ok::<(), std::io::Error>(())
/// }).unwrap();
/// ```
///
/// # Errors
///
/// The system's error when it has no descriptors left; `Unsupported` on a platform without Unix signals.
///
/// # Cancel safety
///
/// Dropping the wait gives up waiting. A Ctrl-C that had come, and that nobody else waited for, is forgotten.
pub fn ctrl_c() -> impl Future<Output = io::Result<()>> + Send + 'static {
    #[cfg(unix)]
    {
        const SIGINT: i32 = 2;
        // Here and not in the future: whoever has called this is ready for the signal.
        let signal = heist_reactor::SignalSource::new(SIGINT);
        async move {
            let mut signal = signal?;
            std::future::poll_fn(|cx| signal.poll_recv(cx)).await
        }
    }
    #[cfg(not(unix))]
    {
        std::future::ready(Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "ctrl_c is written for Unix so far",
        )))
    }
}
