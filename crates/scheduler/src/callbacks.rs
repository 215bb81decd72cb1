//! Callbacks: closures that a loop calls between the polls of its tasks, one at a time, in order; and the exception
//! handler, which is told when one panics.
//!
//! On the *current-thread* flavour a callback is an entry of the one ready queue, among the steps of tasks, as in asyncio:
//! its cell is a small internal task whose one poll is the call. A foreign thread's callback comes by the injector; before
//! the owner queues one itself it merges what is there, so callbacks are called in the order in which they came.
//!
//! On the *multi-thread* flavour they stand in a line of their own, the **strand**, and an internal task, the *runner*,
//! calls them one after the other. There is a runner while there is something in line, and never more than one: that is
//! what keeps callbacks apart although any worker may run them.
//!
//! | `call_soon`, under the lock | runner, under the lock |
//! |---|---|
//! | C1 closed: the callback goes back | R1 take the first; call it after the unlock, and begin again |
//! | C2 put it in line | R2 none: `running` = false; end |
//! | C3 `running` was false: set it, and create a runner after the unlock | |
//!
//! Internal tasks (`Kind::Callback`) are in no list of tasks, and nobody is the current task inside them.
//!
//! Those for later wait in [`crate::timed`], and come here when they are due.
//!
//! Protocol page: `docs/design/callbacks.md`.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll};

use heist_core::context;
use heist_core::services::{Callback, CallbackHandle, ExceptionContext, LoopClosedError, Services};
use heist_core::sync::atomic::{AtomicBool, Ordering};
use heist_core::sync::{Mutex, mutant};
use heist_core::vars::{self, Captured};

use crate::debug::WrongThread;
use crate::scheduler::{Handle, with_worker};
use crate::shared::{CLOSED, Shared};
use crate::timed::Timed;
use crate::trace;
use crate::worker::create_internal;

/// How many callbacks a runner calls before the tasks behind it have a turn: as many polls as there are between two looks.
const RUN: usize = 61;

/// An exception handler: it is given the loop, and what happened.
///
/// ```
/// # use heist_scheduler::{Config, ExceptionHandler, LocalScheduler};
/// # use std::sync::Arc;
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # let handle = scheduler.handle();
/// let handler: ExceptionHandler = Arc::new(|_, context| println!("oh: {context}"));
/// handle.set_exception_handler(Some(handler));
/// assert!(handle.get_exception_handler().is_some());
/// ```
pub type ExceptionHandler = Arc<dyn Fn(&Handle, &ExceptionContext) + Send + Sync>;

/// A callback, and the variables that it is called with.
pub(crate) struct Call {
    captured: Captured,
    callback: Closure,
    location: &'static Location<'static>,
}

/// What is called.
enum Closure {
    /// Somebody may have cancelled it.
    Handle(CallbackHandle),
    Box(Callback),
    /// What is due by now comes in line.
    Fire,
}

/// The line of callbacks of a loop, without the tasks that run it, so that a model can.
pub(crate) struct Strand<J> {
    state: Mutex<State<J>>,
    /// Written with the lock held; for a look without it.
    closed: AtomicBool,
}

struct State<J> {
    line: VecDeque<J>,
    /// Whether there is a runner, queued or at work.
    running: bool,
}

/// What whoever put a callback in line must do next.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Put<J> {
    /// A runner is there.
    Done,
    /// Create a runner.
    Run,
    /// The loop is closed; here it is back.
    Closed(J),
}

impl<J> Strand<J> {
    pub(crate) fn new() -> Self {
        let state = State { line: VecDeque::new(), running: false };
        Self { state: Mutex::new(state), closed: AtomicBool::new(false) }
    }

    /// C1 to C3.
    pub(crate) fn put(&self, job: J) -> Put<J> {
        let mut state = self.state.lock();
        if self.closed.load(Ordering::Relaxed) {
            return Put::Closed(job);
        }
        state.line.push_back(job);
        if std::mem::replace(&mut state.running, true) { Put::Done } else { Put::Run }
    }

    /// R1 and R2: the next callback; `None` ends the runner.
    pub(crate) fn take(&self) -> Option<J> {
        let mut state = self.state.lock();
        let first = state.line.pop_front();
        if first.is_none() && mutant("callbacks-runner-ends-in-one-step") {
            drop(state);
            state = self.state.lock();
        }
        if first.is_none() {
            state.running = false;
        }
        first
    }

    /// Takes no more, and gives what is in line.
    pub(crate) fn close(&self) -> VecDeque<J> {
        let mut state = self.state.lock();
        self.closed.store(true, Ordering::Relaxed);
        std::mem::take(&mut state.line)
    }

    pub(crate) fn len(&self) -> usize {
        self.state.lock().line.len()
    }

    /// Whether nothing is in line, or being called.
    pub(crate) fn is_idle(&self) -> bool {
        !self.state.lock().running
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// What a loop's shared block keeps for callbacks and reports.
pub(crate) struct Callbacks {
    /// The line of the multi-thread flavour. On the other only its being closed counts.
    strand: Strand<Call>,
    pub(crate) timed: Timed<Call>,
    handler: Mutex<Option<ExceptionHandler>>,
}

impl Callbacks {
    pub(crate) fn new() -> Self {
        Self { strand: Strand::new(), timed: Timed::new(), handler: Mutex::new(None) }
    }

    /// How many are in the strand.
    pub(crate) fn in_line(&self) -> usize {
        self.strand.len()
    }

    /// The loop is at its end: what was not called is dropped, nothing is taken any more.
    pub(crate) fn close(&self) {
        for call in self.strand.close().into_iter().chain(self.timed.close()) {
            // A closure's drop is the user's, and may panic.
            crate::task::discard(move || call.abandon());
        }
    }
}

/// Calls a callback, on a worker of its loop. What it panics with goes to the exception handler.
fn call(call: Call) {
    let Call { captured, callback, location } = call;
    captured.run(|| {
        let call = || match callback {
            Closure::Handle(handle) => handle.call(),
            Closure::Box(callback) => callback(),
            Closure::Fire => fire(),
        };
        let called = catch_unwind(AssertUnwindSafe(|| watched(call, location)));
        if let Err(payload) = called {
            let context =
                ExceptionContext::new("a callback failed").with_panic(&*payload).with_source(location);
            crate::task::discard(move || drop(payload));
            match Handle::current() {
                Some(handle) => {
                    handle.call_exception_handler(&context);
                    handle.shared().panicked(&context);
                }
                None => trace::warn(&context),
            }
        }
    });
}

/// Puts what is due in line, on a worker of the loop.
fn fire() {
    if let Some(shared) = with_worker(|worker| worker.shared().clone()) {
        shared.fire_due(shared.clock.now());
    }
}

/// Calls a callback, in debug mode with a look at the clock.
fn watched(call: impl FnOnce(), location: &'static Location<'static>) {
    let begun = with_worker(|worker| worker.shared().debug.begin()).flatten();
    call();
    if begun.is_some() {
        with_worker(|worker| worker.shared().debug.end(begun, || format!("the callback made at {location}")));
    }
}

/// Calls a callback; what its variables panic with when they are dropped has been reported by the panic hook.
fn guarded_call(next: Call) {
    crate::task::discard(|| call(next));
}

/// Inside an internal task nobody is the current task.
fn leave_task() {
    context::with(|context| {
        if let Some(context) = context {
            context.set_current(ptr::null());
        }
    });
}

/// The future of a callback of the current-thread flavour.
struct One(Option<Call>);

impl Unpin for One {}

impl Drop for One {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call.abandon();
        }
    }
}

impl Future for One {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
        leave_task();
        if let Some(next) = self.0.take() {
            guarded_call(next);
        }
        Poll::Ready(())
    }
}

/// The runner of the multi-thread flavour.
struct Runner;

impl Future for Runner {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        leave_task();
        let Some(shared) = with_worker(|worker| worker.shared().clone()) else { return Poll::Ready(()) };
        for _ in 0..RUN {
            match shared.callbacks.strand.take() {
                Some(next) => guarded_call(next),
                None => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Puts a callback where its loop calls it.
pub(crate) fn put(shared: &Arc<Shared>, next: Call) -> Result<(), LoopClosedError> {
    let strand = &shared.callbacks.strand;
    if strand.is_closed() || shared.phase() == CLOSED {
        return Err(LoopClosedError);
    }
    let location = next.location;
    if shared.local {
        create_internal(shared, One(Some(next)), location);
        return Ok(());
    }
    match strand.put(next) {
        Put::Done => Ok(()),
        Put::Run => {
            create_internal(shared, Runner, location);
            Ok(())
        }
        Put::Closed(_) => Err(LoopClosedError),
    }
}

/// Has `callback` called behind what is in the strand now; `false` where nothing is, or the loop is closed.
pub(crate) fn call_at_the_end(
    shared: &Arc<Shared>,
    location: &'static Location<'static>,
    callback: impl FnOnce() + Send + 'static,
) -> bool {
    if shared.callbacks.strand.is_idle() {
        return false;
    }
    let callback = Closure::Box(Box::new(callback));
    put(shared, Call { captured: Captured::current(), callback, location }).is_ok()
}

impl Call {
    /// It is never called: what it captured goes now, also where somebody still has its handle.
    fn abandon(self) {
        if let Closure::Handle(handle) = &self.callback {
            handle.cancel();
        }
    }

    /// The loop's own: has it call what is due when this comes to its turn, behind what stands in line by then.
    pub(crate) fn to_fire(location: &'static Location<'static>) -> Self {
        Self { captured: Captured::current(), callback: Closure::Fire, location }
    }

    /// The callback of a handle, which may be cancelled by it.
    pub(crate) fn of_handle(captured: Captured, handle: &CallbackHandle) -> Self {
        Self { captured, callback: Closure::Handle(handle.clone()), location: handle.location() }
    }
}

fn soon_on_wrong_thread() -> WrongThread {
    WrongThread { what: "call_soon was called", instead: "use call_soon_threadsafe there" }
}

impl Handle {
    /// Has the loop call `callback` soon: once, after the callbacks that came before it, in a copy of the current context
    /// variables. Not a part of any task: [`current_task`](crate::current_task) is `None` in it. asyncio: `loop.call_soon`.
    ///
    /// Any thread may call it. On a current-thread loop callbacks and task steps share one order, first come first served; on
    /// the other flavour callbacks are called one at a time, beside the tasks. A callback that panics is reported to the
    /// exception handler. It must not block: the ones behind it wait.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler, yield_now};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// handle.call_soon(move || sender.send(7).unwrap()).unwrap();
    /// assert!(receiver.try_recv().is_err(), "soon, not now");
    /// yield_now().await;
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`LoopClosedError`] on a closed loop. A loop that is closed before the callback's turn drops it.
    #[track_caller]
    pub fn call_soon(
        &self,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<CallbackHandle, LoopClosedError> {
        self.shared().check_thread(soon_on_wrong_thread, Location::caller());
        self.put_callback(Captured::current(), callback)
    }

    /// As [`call_soon`](Self::call_soon), which is safe from any thread too; the name that asyncio has for it.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler, yield_now};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let other = std::thread::spawn(move || handle.call_soon_threadsafe(move || sender.send(7).unwrap()));
    /// other.join().unwrap().unwrap();
    /// yield_now().await;
    /// assert_eq!(receiver.recv(), Ok(7));
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`call_soon`](Self::call_soon).
    #[track_caller]
    pub fn call_soon_threadsafe(
        &self,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<CallbackHandle, LoopClosedError> {
        self.put_callback(Captured::current(), callback)
    }

    /// As [`call_soon`](Self::call_soon), in the very context that is given. asyncio: `call_soon(..., context=context)`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler, yield_now};
    /// # use heist_core::vars::{ContextVar, copy_context};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// static USER: ContextVar<&str> = ContextVar::new("user");
    /// let context = copy_context();
    /// handle.call_soon_in(&context, || drop(USER.set("ada"))).unwrap();
    /// yield_now().await;
    /// assert_eq!((context.get(&USER), USER.get()), (Some("ada"), None));
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`call_soon`](Self::call_soon).
    #[track_caller]
    pub fn call_soon_in(
        &self,
        context: &vars::Context,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<CallbackHandle, LoopClosedError> {
        self.shared().check_thread(soon_on_wrong_thread, Location::caller());
        self.put_callback(Captured::given(context), callback)
    }

    #[track_caller]
    fn put_callback(
        &self,
        captured: Captured,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<CallbackHandle, LoopClosedError> {
        let handle = CallbackHandle::new(callback);
        put(self.shared(), Call::of_handle(captured, &handle))?;
        Ok(handle)
    }

    /// Says who is told of errors that nobody can catch; `None` restores the default, a line on stderr (an event of
    /// `tracing`, with that feature). asyncio: `loop.set_exception_handler`.
    ///
    /// The handler is called on the thread where the error turned up, and must not block. One that panics is itself
    /// reported, together with what it was told.
    ///
    /// ```
    /// use std::sync::Arc;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// handle.set_exception_handler(Some(Arc::new(|_, context| println!("oh: {context}"))));
    /// ```
    pub fn set_exception_handler(&self, handler: Option<ExceptionHandler>) {
        let before = std::mem::replace(&mut *self.shared().callbacks.handler.lock(), handler);
        drop(before);
    }

    /// The exception handler; `None` is the default. asyncio: `loop.get_exception_handler`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # use std::sync::Arc;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// assert!(handle.get_exception_handler().is_none());
    /// handle.set_exception_handler(Some(Arc::new(|_, context| println!("oh: {context}"))));
    /// assert!(handle.get_exception_handler().is_some());
    /// ```
    pub fn get_exception_handler(&self) -> Option<ExceptionHandler> {
        self.shared().callbacks.handler.lock().clone()
    }

    /// Tells the exception handler. asyncio: `loop.call_exception_handler`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, ExceptionContext, LocalScheduler};
    /// # use std::sync::Arc;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// let (sender, reports) = std::sync::mpsc::channel();
    /// handle.set_exception_handler(Some(Arc::new(move |_, context| sender.send(context.to_string()).unwrap())));
    /// handle.call_exception_handler(&ExceptionContext::new("the cache is cold"));
    /// assert_eq!(reports.try_recv().unwrap(), "the cache is cold");
    /// ```
    pub fn call_exception_handler(&self, context: &ExceptionContext) {
        let Some(handler) = self.get_exception_handler() else {
            return self.default_exception_handler(context);
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| handler(self, context))) {
            let failed = ExceptionContext::new("the exception handler failed").with_panic(&*payload);
            crate::task::discard(move || drop(payload));
            trace::warn(&format_args!("{failed}; it was told: {context}"));
        }
    }

    /// What is done where no exception handler is set: one line on stderr, or an event of `tracing` with that feature.
    /// asyncio: `loop.default_exception_handler`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, ExceptionContext, LocalScheduler};
    /// # use std::sync::Arc;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # let handle = scheduler.handle();
    /// let (sender, reports) = std::sync::mpsc::channel();
    /// handle.set_exception_handler(Some(Arc::new(move |handle, context| {
    ///     handle.default_exception_handler(context); // and then something more
    ///     sender.send(context.message.clone()).unwrap();
    /// })));
    /// handle.call_exception_handler(&ExceptionContext::new("the cache is cold"));
    /// assert_eq!(reports.try_recv().unwrap(), "the cache is cold");
    /// ```
    pub fn default_exception_handler(&self, context: &ExceptionContext) {
        trace::warn(context);
    }
}

impl Services for Handle {
    fn call_soon(
        &self,
        captured: Captured,
        callback: Callback,
        location: &'static Location<'static>,
    ) -> Result<(), LoopClosedError> {
        put(self.shared(), Call { captured, callback: Closure::Box(callback), location })
    }

    fn call_exception_handler(&self, context: &ExceptionContext) {
        Handle::call_exception_handler(self, context);
    }

    fn is_debug(&self) -> bool {
        self.get_debug()
    }

    fn warn(&self, message: &dyn fmt::Display) {
        trace::warn(message);
    }
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callbacks").field("closed", &self.strand.is_closed()).finish_non_exhaustive()
    }
}
