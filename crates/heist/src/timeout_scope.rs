//! [`timeout_scope`]: a limit on a block of code that can be looked at and moved; asyncio's `timeout` as a context manager.
//!
//! The scope's state is shared by its future and its handles, under a lock. A handle that moves the deadline wakes the
//! future, which sets its timer anew. The state goes one way only: active, then expiring and expired, or finished.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use heist_core::CancelledError;
use heist_core::clock::{NEVER, nanos};
use heist_core::scope::{Scope, raise};
use heist_core::sync::Mutex;
use heist_scheduler::Handle;
use heist_timer::{Sleep, Timeout, TimeoutError, sleep_until};
use pin_project_lite::pin_project;

/// As [`timeout`](heist_timer::timeout()), until a point in the loop's time ([`Handle::time`]); `None` sets no limit.
/// asyncio: `timeout_at`.
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let now = heist::Handle::current().unwrap().time();
///     let ended = heist::timeout_at(now + Duration::from_millis(1), std::future::pending::<()>()).await;
///     assert_eq!(ended, Err(heist::TimeoutError));
/// });
/// ```
///
/// # Errors
///
/// [`TimeoutError`], as [`timeout`](heist_timer::timeout()).
///
/// # Panics
///
/// As [`timeout`](heist_timer::timeout()).
///
/// # Cancel safety
///
/// Dropping the future drops the body.
pub fn timeout_at<F: IntoFuture>(when: impl Into<Option<Duration>>, body: F) -> Timeout<F::IntoFuture> {
    heist_timer::timeout_at(when.into().map_or(NEVER, nanos), body)
}

/// Runs `body` for at most `delay`, and gives it a handle to its limit; `None` begins without a limit. asyncio:
/// `async with timeout(delay) as scope`.
///
/// The time counts from the first poll. What happens when it is up is what [`timeout`](heist_timer::timeout()) does.
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let ended = heist::timeout_scope(Duration::from_millis(1), async |scope| {
///         scope.reschedule(None).unwrap();
///         heist::sleep(Duration::from_millis(5)).await;
///         "in time"
///     });
///     assert_eq!(ended.await, Ok("in time"));
/// });
/// ```
///
/// # Errors
///
/// [`TimeoutError`] when the time was up and the body was cancelled for it. A cancellation of the task around is passed on,
/// not converted.
///
/// # Panics
///
/// The future panics outside of an event loop.
///
/// # Cancel safety
///
/// Dropping the future drops the body.
pub fn timeout_scope<B, F, T>(
    delay: impl Into<Option<Duration>>,
    body: B,
) -> impl Future<Output = Result<T, TimeoutError>>
where
    B: FnOnce(TimeoutScope) -> F,
    F: Future<Output = T>,
{
    begin(delay.into().map(Limit::In), body)
}

/// As [`timeout_scope`], until a point in the loop's time ([`Handle::time`]). asyncio: `async with timeout_at(when)`.
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let deadline = heist::get_running_loop().time() + Duration::from_millis(1);
///     let ended = heist::timeout_scope_at(deadline, async |scope| {
///         assert_eq!(scope.when(), Some(deadline));
///         std::future::pending::<()>().await
///     })
///     .await;
///     assert_eq!(ended, Err(heist::TimeoutError));
/// });
/// ```
///
/// # Errors
///
/// As [`timeout_scope`].
///
/// # Panics
///
/// As [`timeout_scope`].
///
/// # Cancel safety
///
/// Dropping the future drops the body.
pub fn timeout_scope_at<B, F, T>(
    when: impl Into<Option<Duration>>,
    body: B,
) -> impl Future<Output = Result<T, TimeoutError>>
where
    B: FnOnce(TimeoutScope) -> F,
    F: Future<Output = T>,
{
    begin(when.into().map(Limit::At), body)
}

enum Limit {
    In(Duration),
    At(Duration),
}

fn begin<B, F>(limit: Option<Limit>, body: B) -> ScopeFuture<F>
where
    B: FnOnce(TimeoutScope) -> F,
{
    let shared = Arc::new(Shared {
        state: Mutex::new(State { phase: Phase::Active, when: NEVER, moved: false, waker: None }),
    });
    let body = body(TimeoutScope { shared: shared.clone() });
    ScopeFuture {
        body: Scope::passing(body),
        sleep: sleep_until(NEVER),
        limit: Some(limit),
        raised: false,
        watch: Watch { shared, clock: None },
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Active,
    Expiring,
    Expired,
    Finished,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Active => "active",
            Phase::Expiring => "expiring",
            Phase::Expired => "expired",
            Phase::Finished => "finished",
        })
    }
}

struct Shared {
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// The deadline on the loop's clock.
    when: u64,
    /// Whether the deadline was moved since the timer was set.
    moved: bool,
    /// Who polls the scope.
    waker: Option<Waker>,
}

/// A handle to the limit of a [`timeout_scope`]; asyncio's `Timeout`. Clones are of one scope; any task or thread may have
/// one.
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let ended = heist::timeout_scope(Duration::from_secs(60), async |scope| {
///         assert!(scope.when().is_some() && !scope.expired());
///     })
///     .await;
///     assert!(ended.is_ok());
/// });
/// ```
#[derive(Clone)]
pub struct TimeoutScope {
    shared: Arc<Shared>,
}

impl TimeoutScope {
    /// The deadline in the loop's time ([`Handle::time`]); `None` without a limit. Readable also afterwards. asyncio:
    /// `Timeout.when`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let ended = heist::timeout_scope(Duration::from_secs(60), async |scope| {
    ///         assert!(scope.when() > Some(heist::get_running_loop().time()));
    ///     })
    ///     .await;
    ///     assert!(ended.is_ok());
    /// });
    /// ```
    pub fn when(&self) -> Option<Duration> {
        Some(self.shared.state.lock().when).filter(|&when| when != NEVER).map(Duration::from_nanos)
    }

    /// Moves the deadline to a point in the loop's time, or takes it away. A point that has passed ends the scope at its
    /// body's next suspension. asyncio: `Timeout.reschedule`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let ended = heist::timeout_scope(Duration::from_secs(60), async |scope| {
    ///         scope.reschedule(None).unwrap(); // no limit any more
    ///     })
    ///     .await;
    ///     assert!(ended.is_ok());
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// [`RescheduleError`] once the scope is expiring, has expired or has finished.
    pub fn reschedule(&self, when: impl Into<Option<Duration>>) -> Result<(), RescheduleError> {
        let mut state = self.shared.state.lock();
        if state.phase != Phase::Active {
            return Err(RescheduleError { phase: state.phase });
        }
        state.when = when.into().map_or(NEVER, nanos);
        state.moved = true;
        let waker = state.waker.clone();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(())
    }

    /// Whether the time was up before the body had ended. asyncio: `Timeout.expired`.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// heist::run(async {
    ///     let ended = heist::timeout_scope(Duration::from_secs(60), async |scope| {
    ///         assert!(!scope.expired());
    ///     })
    ///     .await;
    ///     assert!(ended.is_ok());
    /// });
    /// ```
    pub fn expired(&self) -> bool {
        matches!(self.shared.state.lock().phase, Phase::Expiring | Phase::Expired)
    }
}

impl fmt::Debug for TimeoutScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.shared.state.lock().phase;
        let mut text = f.debug_struct("TimeoutScope");
        text.field("state", &format_args!("{phase}"));
        if phase == Phase::Active {
            text.field("when", &self.when());
        }
        text.finish()
    }
}

/// The deadline of a [`timeout_scope`] can no longer be moved; asyncio's `RuntimeError`.
///
/// ```
/// use std::time::Duration;
///
/// heist::run(async {
///     let ended = heist::timeout_scope(Duration::from_secs(60), async |scope| scope.clone()).await;
///     let finished: heist::RescheduleError = ended.unwrap().reschedule(None).unwrap_err();
///     assert!(finished.to_string().starts_with("the deadline cannot be moved"));
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RescheduleError {
    phase: Phase,
}

impl fmt::Display for RescheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the deadline cannot be moved: the timeout scope is {}; move it while its time lasts",
            self.phase
        )
    }
}

impl std::error::Error for RescheduleError {}

/// The future's side of the state; what is dropped half-way comes to an end too.
struct Watch {
    shared: Arc<Shared>,
    clock: Option<Arc<heist_core::Clock>>,
}

impl Watch {
    /// Notes who polls, and returns the deadline if it was moved.
    fn look(&self, waker: &Waker) -> Option<u64> {
        let mut state = self.shared.state.lock();
        let mut old = None;
        if !state.waker.as_ref().is_some_and(|before| before.will_wake(waker)) {
            old = state.waker.replace(waker.clone());
        }
        let moved = std::mem::take(&mut state.moved);
        let when = state.when;
        drop(state);
        drop(old);
        moved.then_some(when)
    }

    /// The timer has gone off; `Err` with the new deadline if it was moved at the last moment.
    fn expire(&self) -> Result<(), u64> {
        let mut state = self.shared.state.lock();
        if std::mem::take(&mut state.moved) {
            return Err(state.when);
        }
        state.phase = Phase::Expiring;
        Ok(())
    }

    fn end(&self) {
        let mut state = self.shared.state.lock();
        // A scope that an outer one ends in the very moment of its own deadline has expired too.
        let late = || self.clock.as_ref().is_some_and(|clock| clock.now() >= state.when);
        state.phase = match state.phase {
            Phase::Expiring | Phase::Expired => Phase::Expired,
            Phase::Finished => Phase::Finished,
            Phase::Active if late() => Phase::Expired,
            Phase::Active => Phase::Finished,
        };
        let waker = state.waker.take();
        drop(state);
        drop(waker);
    }

    /// The body has ended with a value: before its deadline was noticed, if that has passed.
    fn finish(&self) {
        let mut state = self.shared.state.lock();
        if state.phase == Phase::Active {
            state.phase = Phase::Finished;
        }
        drop(state);
        self.end();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

pin_project! {
    /// The future of a timeout scope.
    struct ScopeFuture<B> {
        // Dropped first: the body's drops may look at the scope.
        #[pin]
        body: Scope<B>,
        sleep: Sleep,
        // Until the first poll.
        limit: Option<Option<Limit>>,
        // A cancellation from outside was passed on: this never ends.
        raised: bool,
        watch: Watch,
    }
}

/// Sets the deadline when the scope begins.
fn enter(limit: Option<Limit>, watch: &mut Watch) {
    let Some(handle) = Handle::current() else {
        panic!(
            "timeout_scope was awaited outside of a running event loop: await it in a future that `heist::run` runs"
        );
    };
    let clock = handle.clock().clone();
    let mut state = watch.shared.state.lock();
    state.when = match limit {
        None => NEVER,
        Some(Limit::In(delay)) => clock.deadline_in(delay),
        Some(Limit::At(when)) => nanos(when),
    };
    state.moved = true;
    drop(state);
    watch.clock = Some(clock);
}

impl<B: Future> Future for ScopeFuture<B> {
    type Output = Result<B::Output, TimeoutError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if *this.raised {
            return Poll::Pending;
        }
        if let Some(limit) = this.limit.take() {
            enter(limit, this.watch);
        }
        if let Some(when) = this.watch.look(cx.waker()) {
            this.sleep.reset(when);
        }
        if !this.body.is_cancelled() {
            // A deadline that has passed comes before a body that is ready by now, as in asyncio.
            if !this.sleep.is_elapsed() {
                match this.body.as_mut().poll(cx) {
                    Poll::Pending => {}
                    ended => return end(ended, this.body, this.raised, this.watch),
                }
            }
            loop {
                // The body may just have moved it.
                if let Some(when) = this.watch.look(cx.waker()) {
                    this.sleep.reset(when);
                }
                ready!(Pin::new(&mut *this.sleep).poll(cx));
                match this.watch.expire() {
                    Ok(()) => break,
                    Err(when) => this.sleep.reset(when),
                }
            }
            this.body.as_mut().cancel(&CancelledError::default());
        }
        let ended = this.body.as_mut().poll(cx);
        end(ended, this.body, this.raised, this.watch)
    }
}

/// What the end of the body is to those around.
fn end<B: Future>(
    ended: Poll<Result<B::Output, CancelledError>>,
    body: Pin<&mut Scope<B>>,
    raised: &mut bool,
    watch: &Watch,
) -> Poll<Result<B::Output, TimeoutError>> {
    match ready!(ended) {
        Ok(value) => {
            watch.finish();
            Poll::Ready(Ok(value))
        }
        Err(error) if !body.is_cancelled() || body.asked_from_outside() => {
            watch.end();
            *raised = raise(error);
            Poll::Pending
        }
        Err(_) => {
            watch.end();
            Poll::Ready(Err(TimeoutError))
        }
    }
}
