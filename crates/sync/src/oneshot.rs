//! One value, once, from one task to another.
//!
//! Both halves point to one cell with a state word, room for the value and room for the receiver's waker. Vocabulary and
//! protocol:
//!
//! | state | value | waker | who may touch the cell |
//! |---|---|---|---|
//! | EMPTY | no | no | each half its own part: the sender the value, the receiver the waker |
//! | WAITING | no | yes | as EMPTY; the receiver may compare the waker, not replace it |
//! | TAKING | written | yes | the sender alone: it copies the waker out, then says VALUE or GONE |
//! | VALUE | yes | no | the receiver alone, which frees the cell; the sender has left |
//! | GONE | no | no | the receiver alone, which frees the cell; the sender has left |
//! | CLOSED | no | no | the sender alone, which frees the cell; the receiver has left |
//!
//! A transfer costs one cell, from the blocks that the thread keeps, and two atomic read-modify-writes: the receiver's EMPTY -> WAITING and the sender's
//! WAITING -> TAKING. The step from TAKING to VALUE is a plain store, after which the sender no longer knows the cell: so
//! no count of halves is needed. When the value is there before the receiver looks, it is one (EMPTY -> VALUE).
//!
//! TAKING lasts for two loads. A receiver that is polled in it asks to be polled again; one that is dropped in it waits.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

use heist_core::budget::poll_proceed;
use heist_core::sync::atomic::{AtomicU32, Ordering};
use heist_core::sync::cell::UnsafeCell;
use heist_core::sync::{hint, mutant, thread};

use crate::blocks;
use crate::statistics::WaitStatistics;

const EMPTY: u32 = 0;
const WAITING: u32 = 1;
const TAKING: u32 = 2;
const VALUE: u32 = 3;
const GONE: u32 = 4;
const CLOSED: u32 = 5;

struct Cell<T> {
    state: AtomicU32,
    waker: UnsafeCell<MaybeUninit<Waker>>,
    value: UnsafeCell<MaybeUninit<T>>,
    /// Whether a waker is in, so that a model reports one taken twice instead of running into undefined behaviour.
    #[cfg(heist_loom)]
    wakers: std::sync::atomic::AtomicBool,
}

impl<T> Cell<T> {
    /// Acquire: the new state may hand over what the other half wrote, or the right to free the cell.
    fn state(&self) -> u32 {
        self.state.load(Ordering::Acquire)
    }

    /// Release hands over what this half wrote; Acquire, on both outcomes, takes over what the other half did.
    fn step(&self, from: u32, to: u32) -> Result<(), u32> {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).map(drop)
    }

    /// The receiver, which found `state`, waits; ready with VALUE or GONE where the sender has left by now.
    #[inline(never)]
    fn poll_wait(&self, mut state: u32, cx: &Context<'_>) -> Poll<u32> {
        loop {
            match state {
                VALUE | GONE => return Poll::Ready(state),
                TAKING => {
                    // The sender is two loads away from its last word, and will wake a waker that may be another one.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                WAITING => {
                    // SAFETY: the receiver put the waker in; the sender only copies it out, so what is compared stays.
                    let same =
                        self.waker.with(|waker| unsafe { &*waker.cast::<Waker>() }.will_wake(cx.waker()));
                    if same {
                        return Poll::Pending;
                    }
                    if self.step(WAITING, EMPTY).is_ok() {
                        // SAFETY: the waker has been reclaimed.
                        drop(unsafe { self.take_waker() });
                    }
                }
                _ => {
                    let waker = cx.waker().clone();
                    // SAFETY: in EMPTY the room for the waker is the receiver's, and is empty.
                    self.waker.with_mut(|room| unsafe { (*room).write(waker) });
                    #[cfg(heist_loom)]
                    self.wakers.store(true, Ordering::Relaxed);
                    if self.step(EMPTY, WAITING).is_ok() {
                        return Poll::Pending;
                    }
                    // SAFETY: WAITING was not said, so the waker is still the receiver's.
                    drop(unsafe { self.take_waker() });
                }
            }
            state = self.state();
        }
    }

    /// # Safety
    ///
    /// A waker is in the cell, and the caller is the one who may take it.
    unsafe fn take_waker(&self) -> Waker {
        #[cfg(heist_loom)]
        assert!(self.wakers.swap(false, Ordering::Relaxed), "a waker was taken twice");
        // SAFETY: a copy; the state after this call says that the room is empty.
        self.waker.with(|waker| unsafe { waker.cast::<Waker>().read() })
    }
}

/// Makes a channel for one value.
///
/// ```
/// # use heist_sync::oneshot;
/// let (sender, mut receiver) = oneshot::channel();
/// sender.send(7).unwrap();
/// assert_eq!(receiver.try_recv(), Ok(7));
/// ```
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let cell = blocks::put(Cell {
        state: AtomicU32::new(EMPTY),
        waker: UnsafeCell::new(MaybeUninit::uninit()),
        value: UnsafeCell::new(MaybeUninit::uninit()),
        #[cfg(heist_loom)]
        wakers: std::sync::atomic::AtomicBool::new(false),
    });
    (Sender { cell, _owns: PhantomData }, Receiver { cell: Some(cell), _owns: PhantomData })
}

/// The half that sends.
///
/// ```
/// # use heist_sync::oneshot;
/// let (sender, mut receiver) = oneshot::channel();
/// let thread = std::thread::spawn(move || sender.send("done"));
/// assert_eq!(thread.join().unwrap(), Ok(()));
/// assert_eq!(receiver.try_recv(), Ok("done"));
/// ```
pub struct Sender<T> {
    cell: NonNull<Cell<T>>,
    _owns: PhantomData<T>,
}

/// The half that receives: a future of the value.
///
/// ```
/// # use heist_sync::oneshot;
/// # let run = std::pin::pin!(async {
/// let (sender, receiver) = oneshot::channel();
/// sender.send(7).unwrap();
/// assert_eq!(receiver.await, Ok(7));
/// # });
/// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
/// ```
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Receiver<T> {
    /// `None` once the value, or its absence, has been handed out.
    cell: Option<NonNull<Cell<T>>>,
    _owns: PhantomData<T>,
}

// SAFETY: the value goes from one thread to another; nothing else of T is shared.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: a shared Sender only reads the state.
unsafe impl<T: Send> Sync for Sender<T> {}
// SAFETY: as for the Sender.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: a shared Receiver does nothing.
unsafe impl<T: Send> Sync for Receiver<T> {}

impl<T> Unpin for Receiver<T> {}

/// The sender was dropped without sending.
///
/// ```
/// # use heist_sync::oneshot;
/// # let run = std::pin::pin!(async {
/// let (sender, receiver) = oneshot::channel::<i32>();
/// drop(sender);
/// assert_eq!(receiver.await, Err(oneshot::RecvError));
/// # });
/// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecvError;

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sender was dropped without sending a value: its task failed, was cancelled, or forgot to send")
    }
}

impl std::error::Error for RecvError {}

/// Why [`Receiver::try_recv`] gave no value.
///
/// ```
/// # use heist_sync::oneshot;
/// let (sender, mut receiver) = oneshot::channel::<i32>();
/// assert_eq!(receiver.try_recv(), Err(oneshot::TryRecvError::Empty));
/// drop(sender);
/// assert_eq!(receiver.try_recv(), Err(oneshot::TryRecvError::Closed));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TryRecvError {
    /// Nothing has been sent yet.
    Empty,
    /// The sender was dropped without sending, or the value has been received.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "nothing has been sent yet: await the receiver",
            Self::Closed => "no value will come: the sender is gone, or its value was received",
        })
    }
}

impl std::error::Error for TryRecvError {}

impl<T> Sender<T> {
    /// Sends the value and wakes the receiver.
    ///
    /// # Errors
    ///
    /// The value itself, when the receiver is gone.
    ///
    /// ```
    /// # use heist_sync::oneshot;
    /// let (sender, mut receiver) = oneshot::channel();
    /// assert_eq!(sender.send(7), Ok(()));
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// let (sender, _) = oneshot::channel();
    /// assert_eq!(sender.send(8), Err(8));
    /// ```
    pub fn send(self, value: T) -> Result<(), T> {
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: this half has not left.
        let cell = unsafe { this.cell.as_ref() };
        // SAFETY: until VALUE is said, the room for the value is the sender's.
        cell.value.with_mut(|room| unsafe { (*room).write(value) });
        match this.leave(VALUE) {
            Ok(waker) => {
                // The cell may be gone by now.
                if let Some(waker) = waker {
                    waker.wake();
                }
                Ok(())
            }
            Err(cell) => {
                // SAFETY: CLOSED gives the cell to the sender.
                let cell = unsafe { blocks::take(cell) };
                // SAFETY: written above.
                Err(unsafe { cell.value.into_inner().assume_init() })
            }
        }
    }

    /// Whether the receiver is gone, so that a value would come back.
    ///
    /// ```
    /// # use heist_sync::oneshot;
    /// let (sender, receiver) = oneshot::channel::<i32>();
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        // SAFETY: this half has not left.
        unsafe { self.cell.as_ref() }.state() == CLOSED
    }

    /// Whether the receiver waits, for this moment: 1 or 0.
    ///
    /// ```
    /// # use heist_sync::oneshot;
    /// let (sender, mut receiver) = oneshot::channel::<i32>();
    /// assert_eq!(sender.statistics().waiting, 0);
    /// # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    /// # assert!(std::future::Future::poll(std::pin::Pin::new(&mut receiver), &mut cx).is_pending());
    /// // A task has begun to await the receiver:
    /// assert_eq!(sender.statistics().waiting, 1);
    /// ```
    pub fn statistics(&self) -> WaitStatistics {
        // SAFETY: this half has not left.
        let state = unsafe { self.cell.as_ref() }.state();
        WaitStatistics { waiting: usize::from(state == WAITING) }
    }

    /// Leaves with `last` as the last word; gives the waker to wake, or the cell where the receiver has left before.
    fn leave(&self, last: u32) -> Result<Option<Waker>, NonNull<Cell<T>>> {
        // SAFETY: this half has not left.
        let cell = unsafe { self.cell.as_ref() };
        // A first guess; the exchanges bring the truth. (loom overlooks interleavings where a load comes just before an
        // exchange, so in a model the guess is a constant.)
        let mut state = if cfg!(heist_loom) { WAITING } else { cell.state() };
        loop {
            let step = match state {
                CLOSED => return Err(self.cell),
                EMPTY => cell.step(EMPTY, last),
                // WAITING: a sender finds no other state.
                _ if mutant("sync-oneshot-without-compare") => {
                    cell.state.store(TAKING, Ordering::Release);
                    Ok(())
                }
                _ => cell.step(WAITING, TAKING),
            };
            match step {
                Ok(()) if state == EMPTY => return Ok(None),
                Ok(()) => break,
                // The receiver has moved between EMPTY and WAITING, or left, since the look.
                Err(now) => state = now,
            }
        }
        // SAFETY: TAKING gives the waker to the sender.
        let waker = unsafe { cell.take_waker() };
        // Release hands the value over, and the cell with it; pairs with the receiver's Acquire loads.
        let order = if mutant("sync-oneshot-relaxed") { Ordering::Relaxed } else { Ordering::Release };
        cell.state.store(last, order);
        Ok(Some(waker))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        match self.leave(GONE) {
            Ok(waker) => {
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            Err(cell) => {
                // SAFETY: CLOSED gives the cell to the sender; no value was written.
                let _ = unsafe { blocks::take(cell) };
            }
        }
    }
}

impl<T> Receiver<T> {
    /// Takes the value if it is there.
    ///
    /// # Errors
    ///
    /// [`TryRecvError`] when it has not been sent yet, or never will be.
    ///
    /// ```
    /// # use heist_sync::oneshot;
    /// let (sender, mut receiver) = oneshot::channel();
    /// assert_eq!(receiver.try_recv(), Err(oneshot::TryRecvError::Empty));
    /// sender.send(7).unwrap();
    /// assert_eq!(receiver.try_recv(), Ok(7));
    /// assert_eq!(receiver.try_recv(), Err(oneshot::TryRecvError::Closed));
    /// ```
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let Some(cell) = self.cell else {
            return Err(TryRecvError::Closed);
        };
        // SAFETY: this half has not left.
        match unsafe { cell.as_ref() }.state() {
            state @ (VALUE | GONE) => self.finish(cell, state).ok_or(TryRecvError::Closed),
            _ => Err(TryRecvError::Empty),
        }
    }

    /// Frees the cell, in VALUE or GONE, and gives its value.
    #[inline]
    fn finish(&mut self, cell: NonNull<Cell<T>>, state: u32) -> Option<T> {
        self.cell = None;
        // SAFETY: VALUE and GONE give the cell to the receiver.
        let room = unsafe { &cell.as_ref().value };
        // SAFETY: in VALUE the value is there, and nobody looks at the room again.
        let value = (state == VALUE).then(|| room.with(|value| unsafe { value.cast::<T>().read() }));
        // SAFETY: as for the room; what is dropped here drops no value.
        let _ = unsafe { blocks::take(cell) };
        value
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let proceed = ready!(poll_proceed(cx));
        let Some(pointer) = self.cell else {
            return Poll::Ready(Err(RecvError));
        };
        // SAFETY: this half has not left.
        let cell = unsafe { pointer.as_ref() };
        let state = match cell.state() {
            state @ (VALUE | GONE) => state,
            state => ready!(cell.poll_wait(state, cx)),
        };
        proceed.made_progress();
        Poll::Ready(self.finish(pointer, state).ok_or(RecvError))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let Some(pointer) = self.cell else { return };
        // SAFETY: this half has not left.
        let cell = unsafe { pointer.as_ref() };
        let mut rounds = 0u32;
        loop {
            match cell.state() {
                state @ (VALUE | GONE) => return drop(self.finish(pointer, state)),
                EMPTY if cell.step(EMPTY, CLOSED).is_ok() => return,
                WAITING if cell.step(WAITING, EMPTY).is_ok() => {
                    // SAFETY: the waker has been reclaimed.
                    drop(unsafe { cell.take_waker() });
                }
                TAKING => {
                    // Two loads, unless the sender has lost its processor in between.
                    rounds += 1;
                    if rounds % 64 == 0 { thread::yield_now() } else { hint::spin_loop() }
                }
                // The sender has moved since the look.
                _ => {}
            }
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("is_closed", &self.is_closed()).finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("received", &self.cell.is_none()).finish()
    }
}
