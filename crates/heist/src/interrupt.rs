//! Ctrl-C during a run, as in asyncio: the first one cancels the main future, so that it can clean up; the next one ends
//! the process at once.
//!
//! For the time of a run on the process' main thread the runner takes the first `SIGINT`, unless the program handles the
//! signal itself or ignores it. Where it cannot, or on another thread, the run goes on without, and Ctrl-C does what it
//! did before. While a [`ctrl_c`](crate::ctrl_c) lives, Ctrl-C is its business alone. After the run all is as it was.
//!
//! Nothing is paid for it during the run: the signal handler leaves a note for worker 0
//! ([`Interrupter`](heist_scheduler::Interrupter)), without a thread or a descriptor.

#[cfg(unix)]
use unix::Interrupt;

/// The hold on Ctrl-C, where it could be taken, for as long as this lives: one run.
#[derive(Debug)]
pub(crate) struct Held(Option<Interrupt>);

impl Held {
    pub(crate) fn take(handle: &heist_scheduler::Handle) -> Self {
        Self(Interrupt::take(handle))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // A run that ends by a panic goes on with that; what came too late for it is forgotten by the next.
        if let Some(interrupt) = self.0.take().filter(|_| !std::thread::panicking()) {
            interrupt.release();
        }
    }
}

/// Ends the process as Ctrl-C does: by the signal, or, where it cannot take its way, with the status that shells give
/// for it.
pub(crate) fn end_process() -> ! {
    use std::io::Write;

    /// 128 and the number of `SIGINT`.
    const STATUS: i32 = 130;
    // Nobody else will, and half a line may be left there. If it cannot be written, there is nobody to tell.
    let _ = std::io::stdout().flush();
    #[cfg(unix)]
    heist_reactor::end_by_signal(unix::SIGINT);
    std::process::exit(STATUS)
}

#[cfg(unix)]
mod unix {
    use std::sync::Arc;

    use heist_reactor::{FirstSignal, end_by_signal, is_main_thread};
    use heist_scheduler::{Handle, Interrupter};

    pub(super) const SIGINT: i32 = 2;

    /// The runner's hold on Ctrl-C, for one run.
    #[derive(Debug)]
    pub(crate) struct Interrupt {
        first: FirstSignal,
        interrupter: Interrupter,
    }

    impl Interrupt {
        /// Takes hold of it, where that is possible.
        pub(crate) fn take(handle: &Handle) -> Option<Self> {
            // Inside a run of this thread nothing will run: the run is about to be refused.
            if !is_main_thread() || Handle::current().is_some() {
                return None;
            }
            let interrupter = Interrupter::new(handle)?;
            // What came too late for a run that panicked.
            interrupter.take_unseen();
            let first = FirstSignal::take(SIGINT, Arc::new(interrupter.clone())).ok()??;
            Some(Self { first, interrupter })
        }

        /// The run is over: lets go. A Ctrl-C that came too late for the main future ends the process here.
        pub(crate) fn release(self) {
            let Self { first, interrupter } = self;
            drop(first);
            if interrupter.take_unseen() {
                end_by_signal(SIGINT);
            }
        }
    }
}

#[cfg(not(unix))]
#[derive(Debug)]
struct Interrupt(std::convert::Infallible);

#[cfg(not(unix))]
impl Interrupt {
    /// Takes hold of Ctrl-C: not here.
    fn take(_handle: &heist_scheduler::Handle) -> Option<Self> {
        None
    }

    fn release(self) {
        match self.0 {}
    }
}
