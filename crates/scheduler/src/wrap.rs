//! What a program has called around the work of a loop's threads: each thread's whole life is a call inside of it, so that
//! it can hold something for that long, in a plain local variable. Nothing is added to a poll.
//!
//! **Who is wrapped**: workers with a thread of their own and the watchdog's spares, from the start of the thread to its end;
//! the loop's own threads for blocking work, likewise; the thread that runs or closes the loop, for that long.
//!
//! **The wrapper's part** is to call its argument once. One that does not can lose nothing: a run that it holds up has not
//! begun and says so; a thread of the loop works all the same, and a warning tells.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crate::scheduler::RunError;
use crate::task::discard;
use crate::trace;

/// Calls its argument, once.
type Wrapper = Arc<dyn Fn(&mut dyn FnMut()) + Send + Sync>;

/// Functions that are called around the work of a loop's threads, the first outermost.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, Wrappers};
/// # use std::sync::Arc;
/// let (sender, receiver) = std::sync::mpsc::channel();
/// let mut config = Config::new(1);
/// config.wrappers.push(move |work| {
///     sender.send("before").unwrap();
///     work();
///     sender.send("after").unwrap();
/// });
/// # let (clock, driver) = (heist_core::Clock::real(), Arc::new(heist_core::driver::NoDriver));
/// let scheduler = LocalScheduler::new(config, clock, driver);
/// scheduler.block_on(async { assert_eq!(receiver.try_recv(), Ok("before")) }).unwrap();
/// assert_eq!(receiver.try_recv(), Ok("after"));
/// ```
#[derive(Clone, Default)]
pub struct Wrappers(Vec<Wrapper>);

impl fmt::Debug for Wrappers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wrappers").field(&self.0.len()).finish()
    }
}

/// No wrapper, or not all of them, called their argument: the work is untouched.
pub(crate) struct NotCalled<W>(W);

impl<W> From<NotCalled<W>> for RunError {
    fn from(_: NotCalled<W>) -> Self {
        Self::NotWrapped
    }
}

impl Wrappers {
    /// Adds one inside of those that are there. A panic of it has been reported by the panic hook, and changes nothing.
    ///
    /// ```
    /// # use heist_scheduler::Wrappers;
    /// let mut wrappers = Wrappers::default();
    /// wrappers.push(|work| work());
    /// assert_eq!(format!("{wrappers:?}"), "Wrappers(1)");
    /// ```
    pub fn push(&mut self, wrapper: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static) {
        self.0.push(Arc::new(wrapper));
    }

    /// Does `work` inside of the wrappers. A panic of the work is not theirs to see: it goes on when they have returned.
    pub(crate) fn around<R, W: FnOnce() -> R>(&self, work: W) -> Result<R, NotCalled<W>> {
        if self.0.is_empty() {
            return Ok(work());
        }
        let mut call = Call { work: Some(work), outcome: None };
        discard(|| nest(&self.0, &mut || call.once()));
        match (call.outcome, call.work) {
            (Some(Ok(value)), _) => Ok(value),
            (Some(Err(payload)), _) => resume_unwind(payload),
            (None, Some(work)) => Err(NotCalled(work)),
            (None, None) => unreachable!("work that was begun has an outcome"),
        }
    }

    /// As `around`, for work that must be done: without the wrappers, if need be.
    pub(crate) fn around_all<R>(&self, work: impl FnOnce() -> R) -> R {
        self.around(work).unwrap_or_else(|NotCalled(work)| {
            trace::warn(&"a wrapper of the loop's threads returned without calling its argument, or panicked: this thread works without it");
            work()
        })
    }
}

/// Work that is done once, and how that ended.
struct Call<R, W> {
    work: Option<W>,
    outcome: Option<Result<R, Box<dyn Any + Send>>>,
}

impl<R, W: FnOnce() -> R> Call<R, W> {
    fn once(&mut self) {
        match self.work.take() {
            Some(work) => self.outcome = Some(catch_unwind(AssertUnwindSafe(work))),
            None => trace::warn(
                &"a wrapper of the loop's threads called its argument a second time: that did nothing, call it once",
            ),
        }
    }
}

fn nest(wrappers: &[Wrapper], work: &mut dyn FnMut()) {
    match wrappers.split_first() {
        None => work(),
        Some((outermost, others)) => outermost(&mut || nest(others, work)),
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    fn of(wrapper: impl Fn(&mut dyn FnMut()) + Send + Sync + 'static) -> Wrappers {
        let mut wrappers = Wrappers::default();
        wrappers.push(wrapper);
        wrappers
    }

    #[test]
    fn work_that_is_not_called_is_handed_back() {
        let value = String::from("kept");
        let Err(NotCalled(work)) = of(|_| ()).around(move || value) else { panic!("nobody called it") };
        assert_eq!(work(), "kept");
    }

    #[test]
    fn work_that_must_be_done_is_done_without_a_wrapper_that_panics() {
        assert_eq!(of(|_| panic!("a wrapper")).around_all(|| 7), 7);
    }

    #[test]
    fn work_that_is_called_twice_is_done_once() {
        let mut count = 0;
        let twice = of(|work| {
            work();
            work();
        });
        assert!(twice.around(|| count += 1).is_ok());
        assert_eq!(count, 1);
    }

    #[test]
    fn a_panic_of_the_wrapper_after_the_work_leaves_the_value() {
        let wrappers = of(|work| {
            work();
            panic!("a wrapper");
        });
        assert!(matches!(wrappers.around(|| 7), Ok(7)));
    }

    #[test]
    fn a_panic_of_the_work_passes_when_the_wrapper_has_returned() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let wrappers = of(move |work| {
            work();
            sender.send("returned").unwrap();
        });
        let ended = catch_unwind(AssertUnwindSafe(|| wrappers.around(|| panic!("the work")).is_ok()));
        assert_eq!(*ended.unwrap_err().downcast::<&str>().unwrap(), "the work");
        assert_eq!(receiver.try_recv(), Ok("returned"));
    }
}
