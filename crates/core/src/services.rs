//! What a leaf crate may ask of the loop that it runs on: to call something soon, and to tell of an error that nobody
//! can catch.
//!
//! Vocabulary:
//!
//! * a **callback** is a closure that a loop calls once, between the polls of its tasks; asyncio's `call_soon`;
//! * the **exception handler** is told of what went wrong where nobody waits for it: a callback that panicked, a future
//!   whose error was dropped unread;
//! * [`Services`] is the loop's side of both. A worker's [`Context`](crate::Context) has it; a thread that is no worker has
//!   none, and then a leaf calls its callbacks where it is, after its own work, and reports to stderr ([`report`]).
//!
//! Protocol page, for the order of callbacks: `docs/design/callbacks.md`.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::panic::Location;
use std::sync::Arc;

use crate::context;
use crate::sync::Mutex;
use crate::vars::Captured;

/// A closure that a loop calls once.
///
/// ```
/// let callback: heist_core::services::Callback = Box::new(|| println!("called"));
/// callback();
/// ```
pub type Callback = Box<dyn FnOnce() + Send>;

/// The loop's side. Implemented by the scheduler; every method may be called by any thread.
///
/// ```
/// use std::{panic::Location, sync::Mutex};
/// # use heist_core::{ExceptionContext, LoopClosedError, Services, services::Callback, vars::Captured};
///
/// #[derive(Default)]
/// struct Log(Mutex<Vec<String>>);
///
/// impl Services for Log {
///     fn call_soon(&self, _: Captured, _: Callback, _: &'static Location<'static>) -> Result<(), LoopClosedError> {
///         Err(LoopClosedError)
///     }
///     fn call_exception_handler(&self, context: &ExceptionContext) {
///         self.0.lock().unwrap().push(context.to_string());
///     }
/// }
///
/// let log = Log::default();
/// log.call_exception_handler(&ExceptionContext::new("it broke"));
/// assert!(!log.is_debug());
/// assert_eq!(*log.0.lock().unwrap(), ["it broke"]);
/// ```
pub trait Services: Send + Sync {
    /// Has `callback` called by the loop: after all callbacks that came before it, once, one at a time, in the context
    /// variables of `captured`. Wakes the loop. Never calls it on the spot. `location` is where it was made, for reports.
    ///
    /// A loop that is closed before its turn comes drops it.
    ///
    /// # Errors
    ///
    /// [`LoopClosedError`] when the loop is closed; the callback is dropped.
    fn call_soon(
        &self,
        captured: Captured,
        callback: Callback,
        location: &'static Location<'static>,
    ) -> Result<(), LoopClosedError>;

    /// Calls the loop's exception handler, here and now.
    fn call_exception_handler(&self, context: &ExceptionContext);

    /// Whether the loop is in debug mode.
    fn is_debug(&self) -> bool {
        false
    }

    /// Tells a person, without the exception handler.
    fn warn(&self, message: &dyn fmt::Display) {
        to_stderr(message);
    }
}

/// The services of the loop whose worker this thread is.
///
/// ```
/// assert!(heist_core::services::current().is_none(), "this thread runs no loop");
/// ```
pub fn current() -> Option<Arc<dyn Services>> {
    context::with(|context| context.and_then(|context| context.services().cloned()))
}

/// Tells the exception handler of `services`, or, without one, stderr.
///
/// ```
/// # use heist_core::{ExceptionContext, LoopClosedError, Services, services};
/// # use heist_core::{services::Callback, vars::Captured};
/// # use std::{panic::Location, sync::Mutex};
/// # #[derive(Default)]
/// # struct Log(Mutex<Vec<String>>);
/// # impl Services for Log {
/// #     fn call_soon(&self, _: Captured, _: Callback, _: &'static Location<'static>) -> Result<(), LoopClosedError> {
/// #         Err(LoopClosedError)
/// #     }
/// #     fn call_exception_handler(&self, context: &ExceptionContext) {
/// #         self.0.lock().unwrap().push(context.to_string());
/// #     }
/// # }
/// # let log = Log::default();
/// services::report(Some(&log), &ExceptionContext::new("it broke"));
/// assert_eq!(*log.0.lock().unwrap(), ["it broke"]);
/// ```
pub fn report(services: Option<&dyn Services>, context: &ExceptionContext) {
    match services {
        Some(services) => services.call_exception_handler(context),
        None => to_stderr(context),
    }
}

/// In one piece, so that lines of several threads stay apart. Where stderr takes no more there is nobody to tell.
fn to_stderr(message: &dyn fmt::Display) {
    let _ = io::stderr().write_all(format!("heist: {message}\n").as_bytes());
}

/// A resource (a server, a writer) is dropped without having been closed: in debug mode, there is a warning. asyncio's
/// `ResourceWarning`. `what` names it, with its article; `made_at` is where it was made. Costs a look at the loop's flag
/// otherwise.
///
/// ```
/// # let services = None;
/// # let made_at = std::panic::Location::caller();
/// heist_core::services::unclosed(services, "a server", made_at);
/// ```
pub fn unclosed(services: Option<&dyn Services>, what: &str, made_at: &'static Location<'static>) {
    if let Some(services) = services.filter(|services| services.is_debug()) {
        services.warn(&format_args!(
            "{what} was dropped unclosed: close it when it is no longer needed; made at {made_at}"
        ));
    }
}

/// The loop is closed; asyncio's `RuntimeError('Event loop is closed')`.
///
/// ```
/// # use heist_core as heist;
/// assert!(heist::LoopClosedError.to_string().contains("the event loop is closed"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LoopClosedError;

impl fmt::Display for LoopClosedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event loop is closed and calls nothing any more: make a new one")
    }
}

impl Error for LoopClosedError {}

/// What an exception handler is told; asyncio's `context` dictionary.
///
/// ```
/// # use heist_core::ExceptionContext;
/// let context = ExceptionContext::new("a callback failed").with_panic(&"out of tea");
/// assert_eq!(context.panic.as_deref(), Some("out of tea"));
/// assert_eq!(context.to_string(), "a callback failed: panicked: out of tea");
/// ```
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct ExceptionContext {
    /// What happened, in a sentence.
    pub message: String,
    /// The error, where there is one as a value.
    pub exception: Option<Arc<dyn Error + Send + Sync>>,
    /// The text of the panic, where there was one.
    pub panic: Option<String>,
    /// The task that it happened in.
    pub task: Option<TaskInfo>,
    /// The future that it happened to, as text.
    pub future: Option<String>,
    /// Where what failed was made: a task, a future, a callback.
    pub source: Option<&'static Location<'static>>,
}

/// A task, as an exception handler sees it.
///
/// ```
/// # use heist_core::{ExceptionContext, services::TaskInfo};
/// let task = TaskInfo { id: 7, name: "fetch".into(), location: std::panic::Location::caller() };
/// let context = ExceptionContext::new("it failed").with_task(task);
/// assert!(context.to_string().contains("task fetch (created at"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskInfo {
    /// The task's number.
    pub id: u64,
    /// The task's name.
    pub name: Arc<str>,
    /// Where the task was created.
    pub location: &'static Location<'static>,
}

impl ExceptionContext {
    /// A context that has a message alone.
    ///
    /// ```
    /// # use heist_core::ExceptionContext;
    /// assert_eq!(ExceptionContext::new("it failed").to_string(), "it failed");
    /// ```
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// Adds the error.
    ///
    /// ```
    /// # use heist_core::ExceptionContext;
    /// let error = std::io::Error::other("the disk is full");
    /// let context = ExceptionContext::new("it failed").with_exception(std::sync::Arc::new(error));
    /// assert_eq!(context.to_string(), "it failed: the disk is full");
    /// ```
    pub fn with_exception(mut self, exception: Arc<dyn Error + Send + Sync>) -> Self {
        self.exception = Some(exception);
        self
    }

    /// Adds the text of a panic, from its payload.
    ///
    /// ```
    /// # use heist_core::ExceptionContext;
    /// # std::panic::set_hook(Box::new(|_| {}));
    /// let payload = std::panic::catch_unwind(|| panic!("out of tea")).unwrap_err();
    /// let context = ExceptionContext::new("it failed").with_panic(&*payload);
    /// assert_eq!(context.panic.as_deref(), Some("out of tea"));
    /// ```
    pub fn with_panic(mut self, payload: &(dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        self.panic = Some(text.unwrap_or("(its payload is no text)").to_owned());
        self
    }

    /// Adds the task.
    ///
    /// ```
    /// # use heist_core::{ExceptionContext, services::TaskInfo};
    /// let task = TaskInfo { id: 7, name: "fetch".into(), location: std::panic::Location::caller() };
    /// let context = ExceptionContext::new("it failed").with_task(task.clone());
    /// assert_eq!(context.task, Some(task));
    /// ```
    pub fn with_task(mut self, task: TaskInfo) -> Self {
        self.task = Some(task);
        self
    }

    /// Adds the text of a future.
    ///
    /// ```
    /// # use heist_core::ExceptionContext;
    /// let context = ExceptionContext::new("it failed").with_future("<Future pending>");
    /// assert_eq!(context.to_string(), "it failed; <Future pending>");
    /// ```
    pub fn with_future(mut self, future: impl Into<String>) -> Self {
        self.future = Some(future.into());
        self
    }

    /// Adds where what failed was made.
    ///
    /// ```
    /// # use heist_core::ExceptionContext;
    /// let here = std::panic::Location::caller();
    /// let context = ExceptionContext::new("it failed").with_source(here);
    /// assert_eq!(context.to_string(), format!("it failed; made at {here}"));
    /// ```
    pub fn with_source(mut self, source: &'static Location<'static>) -> Self {
        self.source = Some(source);
        self
    }
}

/// One line.
impl fmt::Display for ExceptionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(exception) = &self.exception {
            write!(f, ": {exception}")?;
        }
        if let Some(panic) = &self.panic {
            write!(f, ": panicked: {panic}")?;
        }
        if let Some(task) = &self.task {
            write!(f, "; task {} (created at {})", task.name, task.location)?;
        }
        if let Some(future) = &self.future {
            write!(f, "; {future}")?;
        }
        if let Some(source) = self.source {
            write!(f, "; made at {source}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ExceptionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("ExceptionContext");
        text.field("message", &self.message);
        let exception = self.exception.as_ref().map(ToString::to_string);
        text.field("exception", &exception).field("panic", &self.panic);
        text.field("task", &self.task).field("future", &self.future).field("source", &self.source).finish()
    }
}

/// A callback that waits for its turn; asyncio's `Handle`.
///
/// Dropping it changes nothing: the callback is called. The closure, its state and the count of handles are one
/// allocation.
///
/// ```
/// # use heist_core::services::CallbackHandle;
/// let handle = CallbackHandle::new(|| println!("called"));
/// handle.call();
/// handle.cancel();
/// assert!(!handle.cancelled(), "too late");
/// ```
#[derive(Clone)]
pub struct CallbackHandle {
    slot: Arc<dyn Slot>,
    location: &'static Location<'static>,
}

/// Where the closure lies, whatever its type.
trait Slot: Send + Sync {
    fn call(&self);
    fn cancel(&self);
    fn state(&self) -> &'static str;
}

enum State<F> {
    Waiting(F),
    /// It has been called, or its call has begun.
    Called,
    Cancelled,
}

impl<F> State<F> {
    fn leave(&mut self, to: Self) -> Option<F> {
        match self {
            State::Waiting(_) => match std::mem::replace(self, to) {
                State::Waiting(callback) => Some(callback),
                _ => None,
            },
            _ => None,
        }
    }
}

impl<F: FnOnce() + Send> Slot for Mutex<State<F>> {
    fn call(&self) {
        let callback = self.lock().leave(State::Called);
        if let Some(callback) = callback {
            callback();
        }
    }

    fn cancel(&self) {
        let callback = self.lock().leave(State::Cancelled);
        // The callback's own drop runs with no lock held.
        drop(callback);
    }

    fn state(&self) -> &'static str {
        match *self.lock() {
            State::Waiting(_) => "waiting",
            State::Called => "called",
            State::Cancelled => CANCELLED,
        }
    }
}

const CANCELLED: &str = "cancelled";

impl CallbackHandle {
    /// Makes the handle of a callback, which a loop is to [`call`](Self::call).
    ///
    /// ```
    /// # use heist_core::services::CallbackHandle;
    /// let (tell, told) = std::sync::mpsc::channel();
    /// let handle = CallbackHandle::new(move || tell.send("called").unwrap());
    /// assert!(told.try_recv().is_err(), "not by itself");
    /// handle.call();
    /// assert_eq!(told.recv(), Ok("called"));
    /// ```
    #[track_caller]
    pub fn new(callback: impl FnOnce() + Send + 'static) -> Self {
        let location = Location::caller();
        Self { slot: Arc::new(Mutex::new(State::Waiting(callback))), location }
    }

    /// Where it was made: the place that reports of it name, also once it was called or cancelled.
    ///
    /// ```
    /// # use heist_core::services::CallbackHandle;
    /// let handle = CallbackHandle::new(|| ());
    /// assert_eq!(handle.location().file(), std::panic::Location::caller().file());
    /// ```
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// Calls the callback, unless it was cancelled or called before. For loops.
    ///
    /// ```
    /// # use heist_core::services::CallbackHandle;
    /// let (tell, told) = std::sync::mpsc::channel();
    /// let handle = CallbackHandle::new(move || tell.send(1).unwrap());
    /// handle.call();
    /// handle.call();
    /// assert_eq!(told.iter().sum::<i32>(), 1, "once");
    /// ```
    pub fn call(&self) {
        self.slot.call();
    }

    /// Keeps the callback from being called, and drops it at once. asyncio: `Handle.cancel`.
    ///
    /// Without effect once the call has begun.
    ///
    /// ```
    /// # use heist_core::services::CallbackHandle;
    /// let held = std::sync::Arc::new(());
    /// let kept = held.clone();
    /// let handle = CallbackHandle::new(move || drop(kept));
    /// handle.cancel();
    /// assert_eq!(std::sync::Arc::strong_count(&held), 1, "the closure is gone");
    /// ```
    pub fn cancel(&self) {
        self.slot.cancel();
    }

    /// Whether it was cancelled before it was called. asyncio: `Handle.cancelled`.
    ///
    /// ```
    /// # use heist_core::services::CallbackHandle;
    /// let handle = CallbackHandle::new(|| unreachable!());
    /// handle.cancel();
    /// handle.call();
    /// assert!(handle.cancelled());
    /// ```
    pub fn cancelled(&self) -> bool {
        self.slot.state() == CANCELLED
    }
}

impl fmt::Debug for CallbackHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made_at = format_args!("{}", self.location);
        f.debug_struct("CallbackHandle")
            .field("state", &self.slot.state())
            .field("made_at", &made_at)
            .finish()
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_cancelled_callback_is_dropped_at_once_and_not_called() {
        let calls = Arc::new(AtomicU32::new(0));
        let its = calls.clone();
        let handle = CallbackHandle::new(move || {
            its.fetch_add(1, Ordering::Relaxed);
        });
        handle.cancel();
        assert_eq!(Arc::strong_count(&calls), 1, "what the callback holds is released by `cancel`");
        handle.call();
        assert_eq!((calls.load(Ordering::Relaxed), handle.cancelled()), (0, true));
    }

    #[test]
    fn a_callback_that_was_called_can_be_cancelled_no_more() {
        let calls = Arc::new(AtomicU32::new(0));
        let its = calls.clone();
        let handle = CallbackHandle::new(move || {
            its.fetch_add(1, Ordering::Relaxed);
        });
        handle.call();
        handle.cancel();
        handle.call();
        assert_eq!((calls.load(Ordering::Relaxed), handle.cancelled()), (1, false));
    }

    #[derive(Default)]
    struct Told {
        debug: bool,
        warnings: Mutex<Vec<String>>,
    }

    impl Services for Told {
        fn call_soon(
            &self,
            _captured: Captured,
            _callback: Callback,
            _location: &'static Location<'static>,
        ) -> Result<(), LoopClosedError> {
            Err(LoopClosedError)
        }

        fn call_exception_handler(&self, _context: &ExceptionContext) {}

        fn is_debug(&self) -> bool {
            self.debug
        }

        fn warn(&self, message: &dyn fmt::Display) {
            self.warnings.lock().push(message.to_string());
        }
    }

    #[test]
    fn what_is_unclosed_is_told_of_in_debug_mode_only() {
        for debug in [false, true] {
            let told = Told { debug, ..Told::default() };
            unclosed(Some(&told), "a server", Location::caller());
            let warnings = told.warnings.lock();
            assert_eq!(warnings.len(), usize::from(debug));
            assert!(warnings.iter().all(|warning| warning.starts_with("a server was dropped unclosed")));
        }
    }

    #[test]
    fn the_text_of_a_context_is_one_line_with_all_that_is_known() {
        let context = ExceptionContext::new("it broke")
            .with_exception(Arc::new(LoopClosedError))
            .with_panic(&"oh" as &(dyn Any + Send))
            .with_source(Location::caller());
        let text = context.to_string();
        assert!(text.starts_with("it broke: the event loop is closed"), "{text}");
        assert!(text.contains("panicked: oh; made at "), "{text}");
        assert_eq!(text.lines().count(), 1);
    }
}
