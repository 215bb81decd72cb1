//! Waiting for several tasks and taking their values in order; asyncio's `gather`.
//!
//! A [`Gather`] is a value: it can be cancelled, asked, awaited by `&mut` to leave its values, and put into another gather
//! or a shield. Its tasks run from the call on. What it waits with is a [`Countdown`]: it is polled once when it begins to
//! wait, and once at the end, however many tasks there are.
//!
//! It is a forwarder: a request to the one who awaits it is left with the countdown, the next poll cancels every task that
//! has not ended, and the one who awaits ends cancelled once they all have. Page: `docs/design/completion.md`.

mod children;
mod future;
mod try_children;
mod try_gather;

use std::fmt;
use std::future::IntoFuture;
use std::sync::Arc;
use std::task::{Context, Poll};

use heist_core::scope::Awaits;
use heist_core::{Awaitable, CancelledError};
use heist_scheduler::{
    Countdown, IntoTask, Request, Requests, Shieldable, Shielded, Start, Task, TaskError, TaskRef, Wanted,
    flatten,
};

pub use children::{Children, Starts};
use future::Forwarding;
pub use future::{GatherAllFuture, GatherFuture, GatherWait};
pub use try_children::TryChildren;
pub use try_gather::{TryGather, TryGatherError, TryGatherFuture, try_gather, try_gather_started};

/// Starts a task for each future and gives their values in order; asyncio's `gather`. What is a task already is taken as it
/// is.
///
/// The tasks start at the call, in parallel. The first one that fails (panics or is cancelled) ends the wait with its
/// error at once; the others go on, as in asyncio. With [`return_exceptions`](Gather::return_exceptions) every task is
/// waited for. No tasks give an empty list at once.
///
/// ```
/// heist::run(async {
///     let squares = heist::gather((1..=3).map(|n: u32| async move { n * n })).await.unwrap();
///     assert_eq!(squares, [1, 4, 9]);
/// });
/// ```
///
/// # Errors
///
/// Awaiting it gives the first task's [`TaskError`]. A cancelled child is such an error, and no cancellation of the one who
/// awaits.
///
/// Outside of a running loop the futures wait: their tasks are made when the gather is first polled, in a loop.
///
/// # Cancel safety
///
/// One who awaits it and is cancelled cancels every task that has not ended, and ends cancelled when they all have.
/// Where the wait is dropped for any other reason, the tasks run on.
#[track_caller]
pub fn gather<I>(futures: I) -> Gather<Vec<Task<<I::Item as IntoTask>::Output>>>
where
    I: IntoIterator,
    I::Item: IntoTask,
{
    // A loop, so that the tasks are made at the caller's place.
    let futures = futures.into_iter();
    let mut tasks = Vec::with_capacity(futures.size_hint().0);
    for future in futures {
        tasks.push(future.start());
    }
    Gather::new(tasks)
}

/// Starts a task for each future and gives their values as a tuple, in order: asyncio's `gather` for futures of
/// different types.
///
/// ```
/// heist::run(async {
///     let (n, text) = heist::gather!(async { 7 }, async { "seven" }).await.unwrap();
///     assert_eq!((n, text), (7, "seven"));
/// });
/// ```
///
/// The tasks start when the macro is evaluated; what it gives is a [`Gather`], as from [`gather`](fn@crate::gather). Up to
/// twelve futures or tasks.
#[macro_export]
macro_rules! gather {
    ($($future:expr),+ $(,)?) => {
        $crate::__private::gather_tuple(($($crate::IntoTask::start($future),)+))
    };
}

/// What waits for a tuple of tasks.
pub fn gather_tuple<S: Starts>(starts: S) -> Gather<S::Children> {
    Gather::new(starts)
}

/// Several tasks that are waited for together; see [`gather`](fn@crate::gather). `C` is the list of tasks: a vector, or a tuple.
///
/// ```
/// heist::run(async {
///     let gather = heist::gather([std::future::pending::<()>()]);
///     assert!(!gather.done() && gather.cancel());
///     assert!(gather.await.unwrap_err().is_cancelled());
/// });
/// ```
#[must_use = "await a gather for its values; dropping it lets its tasks run on"]
pub struct Gather<C: Children> {
    stage: Stage<C>,
    countdown: Countdown,
    /// Every task is waited for, and each one's error is among the values.
    collects: bool,
    /// The request that this gather has passed on to its tasks.
    cancelled: Option<CancelledError>,
}

enum Stage<C: Children> {
    /// Some of the tasks are yet to be made, in a loop.
    Later(C::Starts),
    Running(C),
    /// The outcome was taken.
    Over,
}

impl<C: Children> Unpin for Gather<C> {}

impl<C: Children> fmt::Debug for Gather<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("running", &self.countdown.left()).finish_non_exhaustive()
    }
}

impl<C: Children> Gather<C> {
    fn new(starts: C::Starts) -> Self {
        Self::with(starts, Wanted::Failure)
    }

    fn with(starts: C::Starts, wanted: Wanted) -> Self {
        let countdown = Countdown::new(starts.count(), wanted);
        let mut gather = Self { stage: Stage::Over, countdown, collects: false, cancelled: None };
        if starts.all_run() {
            gather.begin(starts);
        } else {
            gather.stage = Stage::Later(starts);
        }
        gather
    }

    /// Makes the tasks that are yet to be made, and watches all of them.
    fn begin(&mut self, starts: C::Starts) {
        let children = starts.begin();
        children.watch(&mut self.countdown);
        self.stage = Stage::Running(children);
    }

    /// The tasks, while they run.
    fn children(&self) -> Option<&C> {
        match &self.stage {
            Stage::Running(children) => Some(children),
            _ => None,
        }
    }

    /// Waits for every task and gives each one's value or error; asyncio's `gather(..., return_exceptions=True)`.
    ///
    /// ```
    /// heist::run(async {
    ///     let tasks = [heist::create_task(async { 1 }), heist::create_task(async { panic!("two") })];
    ///     let outcomes = heist::gather(tasks).return_exceptions().await;
    ///     assert_eq!(*outcomes[0].as_ref().unwrap(), 1);
    ///     assert_eq!(outcomes[1].as_ref().unwrap_err().panic_message(), Some("two"));
    /// });
    /// ```
    pub fn return_exceptions(mut self) -> GatherAll<C> {
        self.countdown.want_all();
        self.collects = true;
        GatherAll(self)
    }

    /// Cancels every task that has not ended; `false` when the gather is done. asyncio: `cancel` of the future that
    /// `gather` gives.
    ///
    /// Once the tasks have ended, awaiting the gather gives a [`CancelledError`] as its error.
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::gather([std::future::pending::<()>()]);
    ///     assert!(gather.cancel());
    ///     assert!(gather.await.unwrap_err().is_cancelled());
    /// });
    /// ```
    pub fn cancel(&self) -> bool {
        self.gather_ref().cancel()
    }

    /// As [`cancel`](Self::cancel), with a message for the tasks and for who awaits the gather.
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::gather([std::future::pending::<()>()]);
    ///     assert!(gather.cancel_with("too late"));
    ///     assert!(gather.await.unwrap_err().to_string().contains("too late"));
    /// });
    /// ```
    pub fn cancel_with(&self, message: &str) -> bool {
        self.gather_ref().cancel_with(message)
    }

    /// Whether awaiting it gives its outcome at once: every task has ended, or one has failed. asyncio: `done`.
    ///
    /// ```
    /// heist::run(async {
    ///     let mut gather = heist::gather([async { 1 }]);
    ///     (&mut gather).await;
    ///     assert!(gather.done());
    /// });
    /// ```
    pub fn done(&self) -> bool {
        self.countdown.has_come()
    }

    /// Whether it has ended because it was cancelled itself. A cancelled child is no such case. asyncio: `cancelled`.
    ///
    /// ```
    /// heist::run(async {
    ///     let mut gather = heist::gather([std::future::pending::<()>()]);
    ///     gather.cancel();
    ///     (&mut gather).await;
    ///     assert!(gather.cancelled());
    /// });
    /// ```
    pub fn cancelled(&self) -> bool {
        self.gather_ref().cancelled()
    }

    /// A handle to cancel it and to ask it, while somebody awaits it.
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::gather([std::future::pending::<()>()]);
    ///     assert!(gather.gather_ref().cancel());
    ///     assert!(gather.await.is_err());
    /// });
    /// ```
    pub fn gather_ref(&self) -> GatherRef {
        let tasks = self.children().map(|children| children.refs().into());
        GatherRef { tasks, requests: self.countdown.requests() }
    }

    /// Ready once its outcome is there, which it leaves. A request for cancellation of the one who waits is not passed on.
    ///
    /// ```
    /// heist::run(async {
    ///     let mut gather = heist::gather([1, 2].map(async |number| number));
    ///     std::future::poll_fn(|cx| gather.poll_done(cx)).await;
    ///     assert_eq!(gather.await.unwrap(), [1, 2]);
    /// });
    /// ```
    pub fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if matches!(self.stage, Stage::Later(_)) {
            if let Stage::Later(starts) = std::mem::replace(&mut self.stage, Stage::Over) {
                self.begin(starts);
            }
        }
        self.take_request();
        while self.countdown.poll(cx).is_ready() {
            if !self.take_request() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Takes a request over: cancels the tasks, if that is yet to be done, and waits for all of them.
    fn take_request(&mut self) -> bool {
        let Some(Request { error, told }) = self.countdown.take_request() else { return false };
        if let Some(children) = self.children() {
            if told {
                children.give_up(&self.countdown);
            } else {
                children.cancel(&self.countdown, &error);
            }
        }
        self.countdown.want_all();
        self.cancelled = Some(error);
        true
    }

    fn take_children(&mut self) -> C {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Running(children) => children,
            _ => panic!("a gather was awaited after it had given its outcome"),
        }
    }
}

impl<C: Children> Drop for Gather<C> {
    fn drop(&mut self) {
        // A request that came, and no poll after it.
        if self.children().is_some() {
            self.take_request();
        }
    }
}

/// A gather that waits for every task; see [`Gather::return_exceptions`].
///
/// ```
/// heist::run(async {
///     let (one, other) = heist::gather!(async { 1 }, async { panic!("a bug") }).return_exceptions().await;
///     assert_eq!(one.unwrap(), 1);
///     assert!(other.is_err_and(|error: heist::TaskError| error.is_panic()));
/// });
/// ```
#[must_use = "await a gather for its values; dropping it lets its tasks run on"]
pub struct GatherAll<C: Children>(Gather<C>);

impl<C: Children> fmt::Debug for GatherAll<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<C: Children> GatherAll<C> {
    /// As [`Gather::cancel`]. Awaiting a gather that was cancelled so has no place for the error: it cancels the one who
    /// awaits, as asyncio raises it there.
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::gather([std::future::pending::<()>()]).return_exceptions();
    ///     assert!(gather.cancel());
    ///     assert!(heist::catch_cancelled(gather).await.is_err());
    /// });
    /// ```
    pub fn cancel(&self) -> bool {
        self.0.cancel()
    }

    /// As [`cancel`](Self::cancel), with a message.
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::gather([std::future::pending::<()>()]).return_exceptions();
    ///     gather.cancel_with("too late");
    ///     let cancelled = heist::catch_cancelled(gather).await.unwrap_err();
    ///     assert_eq!(cancelled.message(), Some("too late"));
    /// });
    /// ```
    pub fn cancel_with(&self, message: &str) -> bool {
        self.0.cancel_with(message)
    }

    /// Whether every task has ended.
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::gather([std::future::pending::<()>()]).return_exceptions();
    ///     assert!(!gather.done());
    /// });
    /// ```
    pub fn done(&self) -> bool {
        self.0.done()
    }

    /// As [`Gather::cancelled`].
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::gather([async { 1 }]).return_exceptions();
    ///     assert!(!gather.cancelled());
    /// });
    /// ```
    pub fn cancelled(&self) -> bool {
        self.0.cancelled()
    }

    /// As [`Gather::gather_ref`].
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::gather([async { 1 }]).return_exceptions();
    ///     let asked = gather.gather_ref();
    ///     assert_eq!(gather.await.len(), 1);
    ///     assert!(asked.done());
    /// });
    /// ```
    pub fn gather_ref(&self) -> GatherRef {
        self.0.gather_ref()
    }
}

/// A [`Gather`] without its values: to cancel it and to ask it, from anywhere.
///
/// ```
/// heist::run(async {
///     let gather = heist::gather([std::future::pending::<()>()]);
///     let from_afar = gather.gather_ref();
///     heist::get_running_loop().call_soon(move || _ = from_afar.cancel()).unwrap();
///     assert!(gather.await.is_err());
/// });
/// ```
#[derive(Clone)]
pub struct GatherRef {
    /// None when the tasks were yet to be made: who awaits the gather cancels them.
    tasks: Option<Arc<[TaskRef]>>,
    requests: Requests,
}

impl fmt::Debug for GatherRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatherRef").field("tasks", &self.tasks).finish_non_exhaustive()
    }
}

impl GatherRef {
    /// As [`Gather::cancel`].
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::gather([std::future::pending::<()>()]);
    ///     let from_afar = gather.gather_ref();
    ///     assert!(from_afar.cancel());
    ///     assert!(gather.await.unwrap_err().is_cancelled());
    ///     assert!(!from_afar.cancel());
    /// });
    /// ```
    pub fn cancel(&self) -> bool {
        self.cancel_because(CancelledError::new(None))
    }

    /// As [`Gather::cancel_with`].
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::gather([std::future::pending::<()>()]);
    ///     assert!(gather.gather_ref().cancel_with("too late"));
    ///     assert!(gather.await.unwrap_err().to_string().contains("too late"));
    /// });
    /// ```
    pub fn cancel_with(&self, message: &str) -> bool {
        self.cancel_because(CancelledError::new(Some(message)))
    }

    fn cancel_because(&self, error: CancelledError) -> bool {
        // First the request: one of the tasks may end at once, and its end is not to look like a failure of its own.
        let told = self.tasks.is_some();
        if self.done() || !self.requests.leave(Request { error: error.clone(), told }) {
            return false;
        }
        for task in self.tasks.iter().flat_map(|tasks| tasks.iter()) {
            task.cancel_because(error.clone());
        }
        true
    }

    /// As [`Gather::done`].
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::gather([async { 1 }]);
    ///     let asked = gather.gather_ref();
    ///     gather.await.unwrap();
    ///     assert!(asked.done());
    /// });
    /// ```
    pub fn done(&self) -> bool {
        if self.requests.is_requested() { self.requests.left() == 0 } else { self.requests.has_come() }
    }

    /// As [`Gather::cancelled`].
    ///
    /// ```
    /// heist::run(async {
    ///     let gather = heist::gather([std::future::pending::<()>()]);
    ///     let asked = gather.gather_ref();
    ///     asked.cancel();
    ///     assert!(gather.await.is_err() && asked.cancelled());
    /// });
    /// ```
    pub fn cancelled(&self) -> bool {
        self.requests.is_requested() && self.requests.left() == 0
    }
}

impl<C: Children> IntoFuture for Gather<C> {
    type Output = Result<C::Values, TaskError>;
    type IntoFuture = GatherFuture<C>;

    fn into_future(self) -> GatherFuture<C> {
        GatherFuture { gather: self, forwarding: Forwarding::default() }
    }
}

impl<C: Children> IntoFuture for GatherAll<C> {
    type Output = C::Outcomes;
    type IntoFuture = GatherAllFuture<C>;

    fn into_future(self) -> GatherAllFuture<C> {
        GatherAllFuture { gather: self.0, forwarding: Forwarding::default() }
    }
}

/// Waits, and leaves the outcome: the gather can still be awaited for it.
impl<'a, C: Children> IntoFuture for &'a mut Gather<C> {
    type Output = ();
    type IntoFuture = GatherWait<'a, C>;

    fn into_future(self) -> GatherWait<'a, C> {
        GatherWait { gather: self, forwarding: Forwarding::default() }
    }
}

/// Waits, and leaves the outcomes.
impl<'a, C: Children> IntoFuture for &'a mut GatherAll<C> {
    type Output = ();
    type IntoFuture = GatherWait<'a, C>;

    fn into_future(self) -> GatherWait<'a, C> {
        GatherWait { gather: &mut self.0, forwarding: Forwarding::default() }
    }
}

macro_rules! awaitable {
    ($($gather:ty),+) => {$(
        impl<C: Children> Awaitable for $gather {
            fn is_done(&self) -> bool {
                self.done()
            }

            fn is_bare(&self) -> bool {
                false
            }
        }
    )+};
}

awaitable!(Gather<C>, GatherAll<C>, &mut Gather<C>, &mut GatherAll<C>);

/// A task that awaits the gather: its failure is that of the gather.
impl<C> IntoTask for Gather<C>
where
    C: Children + Send + 'static,
    C::Starts: Send,
    C::Values: Send + 'static,
{
    type Output = C::Values;

    fn into_task(self) -> Task<C::Values> {
        crate::create_task(flatten(self.into_future()))
    }

    fn start(self) -> Start<C::Values> {
        Start::new(move || self.into_task())
    }
}

/// A task that awaits the gather.
impl<C> IntoTask for GatherAll<C>
where
    C: Children + Send + 'static,
    C::Starts: Send,
    C::Outcomes: Send + 'static,
{
    type Output = C::Outcomes;

    fn into_task(self) -> Task<C::Outcomes> {
        crate::create_task(self.into_future())
    }

    fn start(self) -> Start<C::Outcomes> {
        Start::new(move || self.into_task())
    }
}

impl<C: Children> Shieldable for &mut Gather<C> {
    type Inner = Self;

    fn into_inner(self) -> Self {
        self
    }
}

impl<'a, C: Children> Shieldable for &'a mut GatherAll<C> {
    type Inner = &'a mut Gather<C>;

    fn into_inner(self) -> &'a mut Gather<C> {
        &mut self.0
    }
}

impl<C: Children> Shielded for &mut Gather<C> {
    type Output = ();

    fn is_done(&self) -> bool {
        self.done()
    }

    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Gather::poll_done(self, cx)
    }

    fn awaits(&self) -> Arc<dyn Awaits> {
        self.countdown.awaits()
    }

    fn forget_waiter(&mut self) {
        self.countdown.forget_waiter();
    }

    fn take(&mut self) {}
}
