//! [`Task`]: the handle that owns a task's output.

use std::fmt;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use heist_core::CancelledError;
use heist_core::callback_id::CallbackId;

use super::TaskRef;
use super::error::TaskError;
use super::header::Raw;
use super::remote::Noted;
use super::state::{Access, CANCELLED, COMPLETE, JOINER, Join};
use super::task_ref::describe;
use super::unread::describe_err;
use crate::scheduler::Handle;

/// A task's unique handle; asyncio's `Task`.
///
/// `task.await` takes the task's value, or says why there is none. `(&mut task).await` waits and leaves the value for
/// [`result`](Self::result). Dropping the handle lets the task run on.
///
/// # Cancel safety
///
/// One who awaits a task and is cancelled passes the request on: the awaited task is cancelled, and waited for. Where the
/// wait is dropped for any other reason, the task runs on.
///
/// ```
/// # use heist_scheduler::spawn as create_task;
/// # use heist_core::{Clock, driver::NoDriver};
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), Clock::real(), std::sync::Arc::new(NoDriver));
/// # scheduler.block_on(async {
/// let mut task = create_task(async { 40 + 2 });
/// (&mut task).await;
/// assert_eq!(*task.result().unwrap(), 42);
/// assert_eq!(task.await.unwrap(), 42);
/// # }).unwrap();
/// ```
#[must_use = "dropping a task's handle lets the task run on; await it, or drop it on purpose"]
pub struct Task<T> {
    /// Alone, so that a handle is one register.
    raw: Raw,
    _output: PhantomData<T>,
}

// SAFETY: the handle is the only way to the output, so sending it sends a `T`; all else is atomics.
unsafe impl<T: Send> Send for Task<T> {}
// SAFETY: a shared handle reads flags, which are atomics, and hands out `&T`.
unsafe impl<T: Send + Sync> Sync for Task<T> {}

impl<T> Unpin for Task<T> {}

/// Why [`Task::result`] gives no value.
///
/// It borrows nothing, so that `task.result()?` may leave the function that owns the task.
///
/// ```
/// # use heist_scheduler::{Config, LocalScheduler, ResultError, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let task = create_task(std::future::pending::<()>());
/// assert!(matches!(task.result(), Err(ResultError::NotDone)));
/// # }).unwrap();
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ResultError {
    /// The task has not ended; asyncio's `InvalidStateError`.
    NotDone,
    /// The task ended without a value: a copy of its error, which has the text of a panic and not its payload.
    Failed(TaskError),
}

impl fmt::Display for ResultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDone => f.write_str("the task has not ended: await it first"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ResultError {}

/// What [`Task::register`] did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Registered {
    /// The task is complete.
    Complete,
    /// The waker is registered.
    Waiting,
    /// The waker is registered, and the task that polls is known to await this one.
    Linked,
}

impl<T> Task<T> {
    /// Wraps a cell whose output is a `Result<T, TaskError>`.
    ///
    /// # Safety
    ///
    /// `raw` counts a reference and the `HANDLE` flag for this handle, and its output type is `T`.
    pub(crate) unsafe fn from_raw(raw: Raw) -> Self {
        Self { raw, _output: PhantomData }
    }

    /// The cell.
    pub(crate) fn raw(&self) -> Raw {
        self.raw
    }

    /// Asks the task to end. asyncio's `Task.cancel`.
    ///
    /// The request is delivered when the task is about to run: to the parts of it that can answer (`catch_cancelled`,
    /// `try_finally`, timeouts, groups) and to what it awaits (another task, a future, a gather); if there is none, the
    /// task's future is dropped where it is suspended. The task may answer by going on, so only its end says whether it was
    /// cancelled.
    ///
    /// `false` when the task has ended already. A task that ends on its own with a request undelivered ends cancelled.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// assert!(task.cancel());
    /// assert!(task.await.unwrap_err().is_cancelled());
    /// # }).unwrap();
    /// ```
    pub fn cancel(&self) -> bool {
        self.cancel_because(CancelledError::new(None))
    }

    /// As [`cancel`](Self::cancel), with a message that the [`CancelledError`] carries.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// task.cancel_with("no longer needed");
    /// let error = task.await.unwrap_err();
    /// assert_eq!(error.as_cancelled().unwrap().message(), Some("no longer needed"));
    /// # }).unwrap();
    /// ```
    pub fn cancel_with(&self, message: &str) -> bool {
        self.cancel_because(CancelledError::new(Some(message)))
    }

    /// As [`cancel`](Self::cancel), for the reason that somebody else gave.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let (first, second) = (create_task(std::future::pending::<()>()), create_task(std::future::pending::<()>()));
    /// first.cancel_with("the user left");
    /// let reason = first.await.unwrap_err().into_cancelled().unwrap();
    /// second.cancel_because(reason);
    /// assert_eq!(second.await.unwrap_err().as_cancelled().unwrap().message(), Some("the user left"));
    /// # }).unwrap();
    /// ```
    pub fn cancel_because(&self, error: CancelledError) -> bool {
        let asked = self.raw.cancel(error);
        if !asked {
            // Whoever would have it cancelled does not care how it ended.
            self.ignore_failure();
        }
        asked
    }

    /// Has nobody told of a failure that is not read.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler, yield_now, spawn as create_task};
    /// # use std::sync::Arc;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// # let (sender, reports) = std::sync::mpsc::channel();
    /// # handle.set_exception_handler(Some(Arc::new(move |_, context| sender.send(context.to_string()).unwrap())));
    /// let task = create_task(async { "seven".parse::<u32>().unwrap() });
    /// while !task.done() {
    ///     yield_now().await;
    /// }
    /// task.ignore_failure();
    /// drop(task);
    /// assert!(reports.try_recv().is_err(), "the exception handler was not called");
    /// # }).unwrap();
    /// ```
    pub fn ignore_failure(&self) {
        self.raw.header().set_read();
    }

    /// The loop that the task belongs to; asyncio's `Task.get_loop`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async {});
    /// assert!(task.get_loop().same_loop(&Handle::current().unwrap()));
    /// # }).unwrap();
    /// ```
    pub fn get_loop(&self) -> Handle {
        Handle::of(self.raw.shared())
    }

    /// The context variables that the task runs in; asyncio's `Task.get_context`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # use heist_core::vars::ContextVar;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// USER.set("ada");
    /// let task = create_task(async {});
    /// assert_eq!(task.get_context().get(&USER), Some("ada"));
    /// # }).unwrap();
    /// ```
    pub fn get_context(&self) -> heist_core::vars::Context {
        self.raw.vars().clone()
    }

    /// Has `callback` called with the task once it has ended; at once, but not on the spot, if it has. asyncio:
    /// `Task.add_done_callback`.
    ///
    /// Callbacks are called by the task's loop, one at a time in the order of their registration, in a copy of the context
    /// variables of the registration. A loop that is closed drops them.
    ///
    /// ```
    /// # use heist_scheduler::yield_now;
    /// # use heist_scheduler::spawn as create_task;
    /// # use heist_core::{Clock, driver::NoDriver};
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), Clock::real(), std::sync::Arc::new(NoDriver));
    /// # scheduler.block_on(async {
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let mut task = create_task(async { 1 });
    /// task.add_done_callback(move |task| sender.send(task.id()).unwrap());
    /// (&mut task).await;
    /// yield_now().await;
    /// assert_eq!(receiver.try_recv().unwrap(), task.id());
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn add_done_callback(&self, callback: impl FnOnce(TaskRef) + Send + 'static) -> CallbackId {
        let id = CallbackId::new();
        self.add_done_callback_as(id, callback);
        id
    }

    /// As [`add_done_callback`](Self::add_done_callback), under a name that may have other registrations.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # use heist_core::callback_id::CallbackId;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// let id = CallbackId::new();
    /// task.add_done_callback_as(id, |_| println!("first"));
    /// task.add_done_callback_as(id, |_| println!("second"));
    /// assert_eq!(task.remove_done_callback(id), 2);
    /// # }).unwrap();
    /// ```
    #[track_caller]
    pub fn add_done_callback_as(&self, id: CallbackId, callback: impl FnOnce(TaskRef) + Send + 'static) {
        self.raw.add_done_callback(id, Box::new(callback), Location::caller());
    }

    /// Takes all registrations of that id back, and returns how many there were. asyncio:
    /// `Task.remove_done_callback`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// let id = task.add_done_callback(|task| println!("{} has ended", task.name()));
    /// assert_eq!(task.remove_done_callback(id), 1);
    /// assert_eq!(task.remove_done_callback(id), 0);
    /// # }).unwrap();
    /// ```
    pub fn remove_done_callback(&self, id: CallbackId) -> usize {
        self.raw.remove_done_callback(id)
    }

    /// How many requests for cancellation are outstanding; asyncio's `Task.cancelling`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// assert_eq!(task.cancelling(), 0);
    /// task.cancel();
    /// assert_eq!(task.cancelling(), 1);
    /// # }).unwrap();
    /// ```
    pub fn cancelling(&self) -> u32 {
        self.raw.cancelling()
    }

    /// Takes a request back, and returns how many are left; asyncio's `Task.uncancel`. At 0 a request that was not
    /// delivered is forgotten.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { 5 });
    /// task.cancel();
    /// assert_eq!(task.uncancel(), 0);
    /// assert_eq!(task.await.unwrap(), 5);
    /// # }).unwrap();
    /// ```
    pub fn uncancel(&self) -> u32 {
        self.raw.uncancel()
    }

    /// Whether the task has ended; asyncio's `Task.done`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let mut task = create_task(async {});
    /// assert!(!task.done());
    /// (&mut task).await;
    /// assert!(task.done());
    /// # }).unwrap();
    /// ```
    pub fn done(&self) -> bool {
        self.raw.is_complete() || self.raw.is_given_up()
    }

    /// Whether the task has ended, cancelled; asyncio's `Task.cancelled`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let mut task = create_task(std::future::pending::<()>());
    /// task.cancel();
    /// assert!(!task.cancelled(), "it was asked to end, and has not yet");
    /// (&mut task).await;
    /// assert!(task.cancelled());
    /// # }).unwrap();
    /// ```
    pub fn cancelled(&self) -> bool {
        let word = self.raw.header().word.load();
        (word & COMPLETE != 0 && word & CANCELLED != 0) || self.raw.is_given_up()
    }

    /// The value, without waiting; asyncio's `Task.result`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let mut task = create_task(async { 42 });
    /// assert!(task.result().is_err(), "it has not run");
    /// (&mut task).await;
    /// assert_eq!(*task.result().unwrap(), 42);
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResultError`]: the task has not ended, or has no value.
    pub fn result(&self) -> Result<&T, ResultError> {
        match self.read_output() {
            None => Err(ResultError::NotDone),
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(ResultError::Failed(error.copy())),
        }
    }

    /// Why there is no value, without waiting: `None` where there is one; asyncio's `Task.exception`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let mut task = create_task(std::future::pending::<()>());
    /// assert!(task.exception().is_err(), "it has not ended");
    /// task.cancel();
    /// (&mut task).await;
    /// assert!(task.exception().unwrap().unwrap().is_cancelled());
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResultError::NotDone`].
    pub fn exception(&self) -> Result<Option<&TaskError>, ResultError> {
        match self.read_output() {
            None => Err(ResultError::NotDone),
            Some(output) => Ok(output.as_ref().err()),
        }
    }

    /// The outcome as a value, without waiting.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { 42 });
    /// let mut task = task.into_outcome().expect_err("it has not run");
    /// (&mut task).await;
    /// assert_eq!(task.into_outcome().unwrap().unwrap(), 42);
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The task itself when it has not ended.
    pub fn into_outcome(self) -> Result<Result<T, TaskError>, Self> {
        if self.raw.is_complete() {
            let task = ManuallyDrop::new(self);
            let output = Self::take(&task);
            // Without its output the handle is a reference, no more.
            task.raw.release();
            Ok(output.unwrap_or_else(|| Err(TaskError::value_taken())))
        } else if self.raw.is_given_up() {
            Ok(Err(TaskError::cancelled(CancelledError::default())))
        } else {
            Err(self)
        }
    }

    /// A number that no other task of the process has.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let (one, other) = (create_task(async {}), create_task(async {}));
    /// assert_ne!(one.id(), other.id());
    /// # }).unwrap();
    /// ```
    pub fn id(&self) -> u64 {
        self.raw.header().id
    }

    /// The name: the one given, or `Task-` and the id. asyncio's `Task.get_name`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, Task, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async {});
    /// assert_eq!(*task.name(), format!("Task-{}", task.id()));
    /// # }).unwrap();
    /// ```
    pub fn name(&self) -> Arc<str> {
        self.raw.name()
    }

    /// Gives the task a name; asyncio's `Task.set_name`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async {});
    /// task.set_name("reader");
    /// assert_eq!(&*task.name(), "reader");
    /// # }).unwrap();
    /// ```
    pub fn set_name(&self, name: impl Into<Arc<str>>) {
        *self.raw.cold().name.lock() = Some(name.into());
    }

    /// Gives the task a name and returns it; asyncio's `create_task(..., name=...)`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async {}).with_name("reader");
    /// assert_eq!(&*task.name(), "reader");
    /// # }).unwrap();
    /// ```
    pub fn with_name(self, name: impl Into<Arc<str>>) -> Self {
        self.set_name(name);
        self
    }

    /// Where the task was created.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let (task, line) = (create_task(async {}), line!());
    /// assert_eq!((task.location().file(), task.location().line()), (file!(), line));
    /// # }).unwrap();
    /// ```
    pub fn location(&self) -> &'static Location<'static> {
        self.raw.header().location
    }

    /// The task without its output.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { 42 });
    /// let task_ref = task.task_ref();
    /// assert_eq!(task.await.unwrap(), 42);
    /// assert!(task_ref.done());
    /// # }).unwrap();
    /// ```
    pub fn task_ref(&self) -> TaskRef {
        self.raw.acquire();
        // SAFETY: the reference was just counted.
        unsafe { TaskRef::from_raw(self.raw) }
    }

    /// Ready once the task has ended; leaves its value in place. A request for cancellation of the one who waits is not
    /// passed on.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let mut task = create_task(async { 42 });
    /// std::future::poll_fn(|cx| task.poll_done(cx)).await;
    /// assert_eq!(*task.result().unwrap(), 42);
    /// # }).unwrap();
    /// ```
    pub fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.done() || self.register(cx.waker(), false) == Registered::Complete {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// The output, once the task has ended: from now on it counts as read.
    fn read_output(&self) -> Option<&Result<T, TaskError>> {
        let output = self.output();
        if output.is_some() {
            self.ignore_failure();
        }
        output
    }

    /// The output, once the task has ended.
    fn output(&self) -> Option<&Result<T, TaskError>> {
        if !self.raw.is_complete() {
            return None;
        }
        let output = self.raw.header().vtable.output;
        // SAFETY: the task is complete, so the stage is the handle's, and only `take`, which ends the handle, changes it.
        let output = unsafe { output(self.raw.0) };
        // SAFETY: the pointer is null, or to an output of the type that `from_raw` names, which stays while `self` is borrowed.
        unsafe { output.cast::<Result<T, TaskError>>().as_ref() }
    }

    /// The output of a task that has ended. The handle is a reference afterwards, no more: it ends by
    /// [`release`](Raw::release), and is not dropped.
    #[inline]
    pub(super) fn take(task: &ManuallyDrop<Self>) -> Option<Result<T, TaskError>> {
        let mut output = MaybeUninit::<Option<Result<T, TaskError>>>::uninit();
        let take = task.raw.header().vtable.take_output;
        // SAFETY: the caller saw `COMPLETE`, so the stage is the handle's; `from_raw` says what its type is.
        unsafe { take(task.raw.0, output.as_mut_ptr().cast()) };
        // SAFETY: `take_output` has filled it.
        unsafe { output.assume_init() }
    }

    /// Registers `waker` to be woken on completion; `link` says that it is that of one who awaits this task and is to pass
    /// a request for cancellation on.
    pub(super) fn register(&self, waker: &Waker, link: bool) -> Registered {
        let header = self.raw.header();
        let Some(access) = self.raw.access() else {
            return self.register_foreign(waker, link);
        };
        if header.word.load() & JOINER != 0 {
            if access == Access::Owner {
                // SAFETY: the completing side of a local task is this same thread.
                let same = header
                    .joiner
                    .with(|slot| unsafe { (*slot).as_ref() }.is_some_and(|w| w.will_wake(waker)));
                if same {
                    let linked = link && self.raw.link(waker);
                    return match self.raw.is_complete() {
                        true => Registered::Complete,
                        false if linked => Registered::Linked,
                        false => Registered::Waiting,
                    };
                }
            }
            // On a shared task the slot may not even be read before it is taken back: the completing side may be
            // emptying it.
            if header.word.take_joiner(access) == Join::Complete {
                return Registered::Complete;
            }
        }
        // SAFETY: `JOINER` is clear, so the slot is the handle's.
        header.joiner.with_mut(|slot| {
            // SAFETY: as above.
            let slot = unsafe { &mut *slot };
            match slot {
                Some(before) if before.will_wake(waker) => {}
                _ => {
                    if let Some(before) = slot.replace(waker.clone()) {
                        self.raw.unlink(&before);
                    }
                }
            }
        });
        // Before the slot is handed over: the completing side unlinks.
        let linked = link && self.raw.link(waker);
        match header.word.set_joiner(access) {
            Join::Complete => {
                if linked {
                    self.raw.unlink(waker);
                }
                Registered::Complete
            }
            Join::Changed if linked => Registered::Linked,
            Join::Changed => Registered::Waiting,
        }
    }

    /// As [`register`](Self::register), on another thread than the owner's of a local task.
    #[cold]
    fn register_foreign(&self, waker: &Waker, link: bool) -> Registered {
        *self.raw.cold().foreign_joiner.lock() = Some(waker.clone());
        match self.raw.header().remote.join() {
            Noted::Push => self.raw.shared().inject(self.raw),
            Noted::Underway => {}
            // The loop is closed: every task of it is complete, or will be as a shared one.
            Noted::Closed if !self.raw.is_complete() => return self.register(waker, link),
            Noted::Closed => {}
        }
        if self.raw.is_complete() { Registered::Complete } else { Registered::Waiting }
    }
}

impl<T, E: fmt::Display> Task<Result<T, E>> {
    /// Says that an `Err` matters: one that nobody reads goes to the loop's exception handler, as a panic does.
    ///
    /// For a task whose handle is dropped on purpose.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler, yield_now, spawn as create_task};
    /// # use std::sync::Arc;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// let (sender, reports) = std::sync::mpsc::channel();
    /// handle.set_exception_handler(Some(Arc::new(move |_, context| sender.send(context.to_string()).unwrap())));
    /// let task = create_task(async { "seven".parse::<u32>() }).report_unread();
    /// while !task.done() {
    ///     yield_now().await;
    /// }
    /// drop(task);
    /// assert!(reports.try_recv().unwrap().contains("invalid digit"));
    /// # }).unwrap();
    /// ```
    pub fn report_unread(self) -> Self {
        let _ = self.raw.cold().unread.set(describe_err::<T, E>);
        self
    }
}

impl<T> Drop for Task<T> {
    #[inline]
    fn drop(&mut self) {
        if self.raw.header().is_read() {
            self.raw.silence();
        }
        self.raw.detach();
    }
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(self.raw, "Task", f)
    }
}
