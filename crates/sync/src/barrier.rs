//! asyncio's [`Barrier`]: a number of tasks that wait for each other, again and again.
//!
//! | phase | who is inside | who comes |
//! |---|---|---|
//! | filling | waits | goes inside; the last one needed starts the draining |
//! | draining | goes on with its index | waits outside for the next round |
//! | resetting | goes on with an error | waits outside for the next round |
//! | broken | goes on with an error | fails at once |
//!
//! A round is over when the last one inside has looked at the phase, or was dropped: then the barrier fills again. All of
//! it happens under one lock, and each change of phase grants whole lines, so there is no turn that could get lost.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::{Mutex, mutant};
use pin_project_lite::pin_project;

use crate::statistics::BarrierStatistics;
use crate::waitlist::{End, Turn, WaitList, Waiter, WakeBatch};

/// Lets tasks wait until a number of them is there. asyncio: `Barrier`.
///
/// ```
/// # use heist_sync::{Barrier, BrokenBarrierError};
/// # async fn prepare() {}
/// # async fn example(barrier: &Barrier) -> Result<(), BrokenBarrierError> {
/// prepare().await;
/// let index = barrier.wait().await?;
/// if index == 0 {
///     println!("all are prepared");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Barrier {
    parties: usize,
    state: Mutex<State>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Filling,
    Draining,
    Resetting,
    Broken,
}

struct State {
    phase: Phase,
    /// How many are inside: those who wait, and those who have not gone on yet.
    count: usize,
    /// In the line while the barrier fills; granted by what ends that.
    inside: WaitList,
    /// For the next round.
    outside: WaitList,
}

impl State {
    /// Ends the filling, or the way that it ended before: all inside look again.
    fn turn_to(&mut self, phase: Phase, batch: &mut WakeBatch) {
        self.phase = phase;
        for index in 0..self.inside.waiting() {
            self.inside.set_first_want(index.try_into().unwrap_or(u32::MAX));
            batch.push(self.inside.grant());
        }
    }

    /// One who was inside is not any more.
    fn exit(&mut self, batch: &mut WakeBatch) {
        self.count -= 1;
        if self.count == 0 && matches!(self.phase, Phase::Draining | Phase::Resetting) {
            self.phase = Phase::Filling;
            batch.grant_all(&mut self.outside);
        }
    }
}

impl Barrier {
    /// A barrier for so many. asyncio: `Barrier(parties)`.
    ///
    /// # Errors
    ///
    /// [`NoPartiesError`] where it is none.
    ///
    /// ```
    /// # use heist_sync::Barrier;
    /// assert_eq!(Barrier::new(3).unwrap().parties(), 3);
    /// assert!(Barrier::new(0).is_err());
    /// ```
    pub fn new(parties: usize) -> Result<Self, NoPartiesError> {
        if parties == 0 {
            return Err(NoPartiesError);
        }
        let state =
            State { phase: Phase::Filling, count: 0, inside: WaitList::new(), outside: WaitList::new() };
        Ok(Self { parties, state: Mutex::new(state) })
    }

    /// Waits until all are there, and gives each an index of its own, from 0 on, in the order in which they came.
    /// asyncio: `wait`, and `async with barrier`.
    ///
    /// # Errors
    ///
    /// [`BrokenBarrierError`] where the barrier is [aborted](Self::abort), or [reset](Self::reset) meanwhile.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before all are there is as one that never came. One that is dropped later, without having
    /// been polled, was there.
    ///
    /// ```
    /// # use heist_sync::Barrier;
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = pin!(future);
    /// #     loop {
    /// #         if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
    /// #             return output;
    /// #         }
    /// #     }
    /// # }
    /// # block_on(async {
    /// let barrier = Barrier::new(1).unwrap();
    /// assert_eq!(barrier.wait().await, Ok(0));
    /// barrier.abort();
    /// assert!(barrier.wait().await.is_err());
    /// # });
    /// ```
    #[track_caller]
    pub fn wait(&self) -> BarrierWait<'_> {
        BarrierWait { barrier: self, place: Place::New, waiter: Waiter::for_user() }
    }

    /// Lets those who wait fail, and makes the barrier usable as a new one, also after an [`abort`](Self::abort). Those
    /// who wait for the next round are not touched. asyncio: `reset`.
    ///
    /// ```
    /// # use heist_sync::Barrier;
    /// let barrier = Barrier::new(2)?;
    /// barrier.abort();
    /// barrier.reset();
    /// assert!(!barrier.broken());
    /// # Ok::<(), heist_sync::NoPartiesError>(())
    /// ```
    pub fn reset(&self) {
        let mut batch = WakeBatch::new();
        {
            let mut state = self.state.lock();
            let phase = if state.count > 0 { Phase::Resetting } else { Phase::Filling };
            state.turn_to(phase, &mut batch);
        }
        batch.wake();
    }

    /// Lets those who wait, and all who come, fail, until a [`reset`](Self::reset). asyncio: `abort`.
    ///
    /// ```
    /// # use heist_sync::{Barrier, BrokenBarrierError};
    /// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut future = pin!(future);
    /// #     loop {
    /// #         if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
    /// #             return output;
    /// #         }
    /// #     }
    /// # }
    /// # block_on(async {
    /// let barrier = Barrier::new(2).unwrap();
    /// barrier.abort();
    /// assert_eq!(barrier.wait().await, Err(BrokenBarrierError));
    /// # });
    /// ```
    pub fn abort(&self) {
        let mut batch = WakeBatch::new();
        {
            let mut state = self.state.lock();
            state.turn_to(Phase::Broken, &mut batch);
            batch.grant_all(&mut state.outside);
        }
        batch.wake();
    }

    /// How many have to be there. asyncio: `parties`.
    ///
    /// ```
    /// # use heist_sync::Barrier;
    /// assert_eq!(Barrier::new(3)?.parties(), 3);
    /// # Ok::<(), heist_sync::NoPartiesError>(())
    /// ```
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// How many are there and wait for the others; 0 while a round is leaving. asyncio: `n_waiting`.
    ///
    /// ```
    /// # use heist_sync::Barrier;
    /// # use std::{future::Future, pin::pin, task::{Context, Waker}};
    /// # let mut cx = Context::from_waker(Waker::noop());
    /// let barrier = Barrier::new(2)?;
    /// let mut first = pin!(barrier.wait());
    /// assert!(first.as_mut().poll(&mut cx).is_pending());
    /// assert_eq!(barrier.n_waiting(), 1);
    /// # Ok::<(), heist_sync::NoPartiesError>(())
    /// ```
    pub fn n_waiting(&self) -> usize {
        self.statistics().waiting
    }

    /// How many wait, and how many are missing.
    ///
    /// ```
    /// # use heist_sync::Barrier;
    /// let statistics = Barrier::new(2)?.statistics();
    /// assert_eq!((statistics.waiting, statistics.missing), (0, 2));
    /// # Ok::<(), heist_sync::NoPartiesError>(())
    /// ```
    pub fn statistics(&self) -> BarrierStatistics {
        let state = self.state.lock();
        let waiting = if state.phase == Phase::Filling { state.count } else { 0 };
        let missing = if state.phase == Phase::Filling { self.parties - state.count } else { 0 };
        BarrierStatistics { waiting, outside: state.outside.waiting(), missing }
    }

    /// Whether the barrier is aborted. asyncio: `broken`.
    ///
    /// ```
    /// # use heist_sync::Barrier;
    /// let barrier = Barrier::new(2)?;
    /// assert!(!barrier.broken());
    /// barrier.abort();
    /// assert!(barrier.broken());
    /// # Ok::<(), heist_sync::NoPartiesError>(())
    /// ```
    pub fn broken(&self) -> bool {
        self.state.lock().phase == Phase::Broken
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Barrier")
            .field("parties", &self.parties)
            .field("phase", &state.phase)
            .field("inside", &state.count)
            .field("outside", &state.outside.waiting())
            .finish()
    }
}

/// A barrier was aborted or reset while somebody waited for it. asyncio: `BrokenBarrierError`.
///
/// ```
/// # use heist_sync::{Barrier, BrokenBarrierError};
/// # use std::{future::Future, pin::pin, task::{Context, Waker}};
/// # let mut cx = Context::from_waker(Waker::noop());
/// let barrier = Barrier::new(2)?;
/// let mut first = pin!(barrier.wait());
/// assert!(first.as_mut().poll(&mut cx).is_pending());
/// barrier.reset();
/// assert_eq!(first.as_mut().poll(&mut cx), std::task::Poll::Ready(Err(BrokenBarrierError)));
/// # Ok::<(), heist_sync::NoPartiesError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BrokenBarrierError;

impl fmt::Display for BrokenBarrierError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the barrier was aborted, or reset while others waited: reset() makes an aborted one usable again")
    }
}

impl Error for BrokenBarrierError {}

/// A barrier for nobody. asyncio: `ValueError('parties must be >= 1')`.
///
/// ```
/// # use heist_sync::{Barrier, NoPartiesError};
/// assert_eq!(Barrier::new(0).unwrap_err(), NoPartiesError);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NoPartiesError;

impl fmt::Display for NoPartiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a barrier for nobody: give the number of those who meet there, at least 1")
    }
}

impl Error for NoPartiesError {}

/// Where a waiting future stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    New,
    Outside,
    Inside,
    Gone,
}

pin_project! {
    /// The future of [`Barrier::wait`].
    ///
    /// ```
    /// # use heist_sync::{Barrier, BarrierWait};
    /// # let barrier = Barrier::new(2)?;
    /// let waits: BarrierWait<'_> = barrier.wait();
    /// # drop(waits);
    /// # Ok::<(), heist_sync::NoPartiesError>(())
    /// ```
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct BarrierWait<'a> {
        barrier: &'a Barrier,
        place: Place,
        #[pin]
        waiter: Waiter,
    }

    impl PinnedDrop for BarrierWait<'_> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if *this.place == Place::New {
                // It is in no line, but it may be that nobody has polled it.
                this.waiter.must_leave();
                return;
            }
            let mut batch = WakeBatch::new();
            let mut waker = None;
            if matches!(this.place, Place::Outside | Place::Inside) {
                let mut state = this.barrier.state.lock();
                if *this.place == Place::Inside {
                    // SAFETY: the waiter entered this line; the lock is held.
                    waker = unsafe { state.inside.leave(this.waiter) }.waker;
                    if !mutant("sync-barrier-keeps-its-place") {
                        state.exit(&mut batch);
                    }
                } else {
                    // SAFETY: the waiter entered this line; the lock is held.
                    waker = unsafe { state.outside.leave(this.waiter) }.waker;
                }
            }
            batch.wake();
            drop(waker);
        }
    }
}

type Outcome = Result<usize, BrokenBarrierError>;

impl BarrierWait<'_> {
    /// Goes inside, or waits outside, or fails.
    fn come(
        self: Pin<&mut Self>,
        state: &mut State,
        cx: &Context<'_>,
        batch: &mut WakeBatch,
    ) -> Poll<Outcome> {
        let mut this = self.project();
        this.waiter.as_mut().polled();
        let place = match state.phase {
            Phase::Broken => {
                *this.place = Place::Gone;
                return Poll::Ready(Err(BrokenBarrierError));
            }
            Phase::Draining | Phase::Resetting => Place::Outside,
            Phase::Filling if state.count + 1 == this.barrier.parties => {
                *this.place = Place::Gone;
                // A barrier for one has nobody to let out.
                if state.count > 0 {
                    state.turn_to(Phase::Draining, batch);
                }
                return Poll::Ready(Ok(this.barrier.parties - 1));
            }
            Phase::Filling => Place::Inside,
        };
        *this.place = place;
        state.count += usize::from(place == Place::Inside);
        let line = if place == Place::Inside { &mut state.inside } else { &mut state.outside };
        // SAFETY: the waiter is idle, and leaves in `drop`; the lock is held.
        unsafe { line.enter(this.waiter, cx.waker(), End::Back) };
        Poll::Pending
    }

    /// Waits on, or goes on with what the phase says.
    fn look(
        self: Pin<&mut Self>,
        state: &mut State,
        cx: &Context<'_>,
        batch: &mut WakeBatch,
    ) -> (Poll<Outcome>, Option<Waker>) {
        let this = self.project();
        if state.phase == Phase::Filling {
            // SAFETY: the waiter entered this line; the lock is held.
            let (_waits, old) = unsafe { state.inside.turn(this.waiter, cx.waker()) };
            return (Poll::Pending, old);
        }
        *this.place = Place::Gone;
        // SAFETY: the waiter entered this line; the lock is held.
        let left = unsafe { state.inside.leave(this.waiter) };
        let outcome =
            if state.phase == Phase::Draining { Ok(left.want as usize) } else { Err(BrokenBarrierError) };
        state.exit(batch);
        (Poll::Ready(outcome), left.waker)
    }

    fn step(
        mut self: Pin<&mut Self>,
        state: &mut State,
        cx: &Context<'_>,
        batch: &mut WakeBatch,
    ) -> (Poll<Outcome>, Option<Waker>) {
        let mut old = None;
        match self.place {
            Place::Inside => return self.look(state, cx, batch),
            Place::Gone => return (Poll::Pending, None),
            Place::New => {}
            Place::Outside => {
                let waiter = self.as_mut().project().waiter;
                let turn;
                // SAFETY: the waiter entered this line; the lock is held.
                (turn, old) = unsafe { state.outside.turn(waiter, cx.waker()) };
                if turn == Turn::Waiting {
                    return (Poll::Pending, old);
                }
            }
        }
        (self.come(state, cx, batch), old)
    }
}

impl Future for BarrierWait<'_> {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let proceed = ready!(poll_proceed(cx));
        let mut batch = WakeBatch::new();
        let barrier = self.barrier;
        // What a step hands out is dropped after the lock.
        let (outcome, _old) = self.step(&mut barrier.state.lock(), cx, &mut batch);
        batch.wake();
        let outcome = ready!(outcome);
        proceed.made_progress();
        Poll::Ready(outcome)
    }
}

impl fmt::Debug for BarrierWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWait").field("barrier", &self.barrier).finish_non_exhaustive()
    }
}
