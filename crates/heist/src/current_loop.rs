//! The loop of this thread: the one that runs, or the one that is kept for it.

use std::cell::RefCell;
use std::io;

use heist_scheduler::Handle;

use crate::event_loop::EventLoop;
use crate::introspection::running_loop;

thread_local! {
    /// What [`get_event_loop`] gives where nothing runs. Closed with its thread, unless somebody else has it.
    static KEPT: RefCell<Option<EventLoop>> = const { RefCell::new(None) };
}

/// The loop that this thread is running; asyncio's `get_running_loop`. It works in tasks and in callbacks, on every worker.
///
/// ```
/// heist::run(async {
///     let event_loop = heist::get_running_loop();
///     event_loop.call_soon(|| println!("soon"))?;
///     Ok::<(), heist::LoopClosedError>(())
/// }).unwrap();
/// ```
///
/// # Panics
///
/// Outside of a running loop, also on the threads of `to_thread`. [`Handle::current`] tells whether there is one.
#[track_caller]
pub fn get_running_loop() -> Handle {
    running_loop("get_running_loop")
}

/// The loop that this thread is running; else the one that is kept for the thread, which is made now if there is none. asyncio's
/// `get_event_loop`, as the older programs use it. (Since Python 3.14 it makes none any more, and is an error there.)
///
/// The value that it gives inside a run has everything but what needs the loop itself: it cannot run or close it.
///
/// ```
/// let event_loop = heist::get_event_loop();
/// let sum = event_loop.run_until_complete(async { 1 + 1 })?;
/// assert_eq!(sum, 2);
/// event_loop.close()?;
/// # Ok::<(), heist::RunError>(())
/// ```
///
/// # Panics
///
/// When no loop can be made: `HEIST_WORKERS` is no number of workers, or the system has no descriptors left. And while the
/// thread's values are dropped at its end. [`new_event_loop`] gives the former as errors.
#[track_caller]
pub fn get_event_loop() -> EventLoop {
    if let Some(handle) = Handle::current() {
        return EventLoop::running(handle);
    }
    if let Some(kept) = KEPT.with_borrow(Clone::clone) {
        return kept;
    }
    match new_event_loop() {
        Ok(made) => {
            set_event_loop(Some(made.clone()));
            made
        }
        Err(error) => panic!("no event loop could be made: {error}"),
    }
}

/// Says which loop [`get_event_loop`] gives on this thread where nothing runs; `None` takes it away. asyncio's
/// `set_event_loop`.
///
/// ```
/// let event_loop = heist::new_event_loop()?;
/// heist::set_event_loop(Some(event_loop.clone()));
/// assert!(heist::get_event_loop().same_loop(&event_loop));
/// heist::set_event_loop(None);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn set_event_loop(event_loop: Option<EventLoop>) {
    drop(replace_kept(event_loop));
}

/// Puts another loop, or none, into the thread's place for one, and gives what was there. To be dropped by the caller, outside
/// of the borrow: it may be the last of its loop, and a closing loop runs tasks.
pub(crate) fn replace_kept(event_loop: Option<EventLoop>) -> Option<EventLoop> {
    KEPT.replace(event_loop)
}

/// Makes a loop with the defaults of [`Builder`](crate::Builder); asyncio's `new_event_loop`.
///
/// ```
/// let event_loop = heist::new_event_loop()?;
/// event_loop.run_until_complete(heist::yield_now())?;
/// event_loop.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`Builder::build_event_loop`](crate::Builder::build_event_loop).
#[track_caller]
pub fn new_event_loop() -> io::Result<EventLoop> {
    EventLoop::new()
}
