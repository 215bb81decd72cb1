//! A run that is driven by hand.

use std::time::Duration;

use crate::run_error::RunError;

#[cfg(doc)]
use crate::EventLoop;

/// A run whose passes the program asks for, one by one; see [`EventLoop::begin`]. Dropping it ends the run.
///
/// The loop counts as running as long as this lives, and [`get_running_loop`](crate::get_running_loop) works inside its passes.
/// On a multi-thread loop the other workers go on between them.
#[derive(Debug)]
pub struct Passes<'a>(heist_scheduler::Passes<'a>);

impl<'a> Passes<'a> {
    pub(crate) fn of(passes: heist_scheduler::Passes<'a>) -> Self {
        Self(passes)
    }

    /// Makes one pass: takes in what time and I/O have, and gives everything that is ready then one turn. What becomes ready
    /// meanwhile waits for the next pass. Where there is nothing to do, it first waits for something, at most for `wait`;
    /// zero does not wait.
    ///
    /// `false` once the loop was [stopped](heist_scheduler::Handle::stop), which a program that drives by hand may heed or not.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let event_loop = heist::EventLoop::builder().current_thread().build_event_loop()?;
    /// let task = event_loop.create_task(async { 42 });
    /// let mut passes = event_loop.begin()?;
    /// while !task.done() {
    ///     passes.pass(Duration::from_millis(1))?;
    /// }
    /// drop(passes);
    /// event_loop.close()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`RunError::Nested`] inside a loop that is running.
    #[track_caller]
    pub fn pass(&mut self, wait: Duration) -> Result<bool, RunError> {
        Ok(self.0.pass(wait)?)
    }
}
