//! Threads for closures that are no part of a loop: what a `ThreadPoolExecutor` stands on; and the end of a loop's own
//! pool, its *default executor*, while the loop runs on.
//!
//! The hand-off between who brings work and a thread that gives up is that of [`crate::line`]; its page is
//! `docs/design/blocking-pool.md`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use heist_core::Hold;
use heist_core::sync::Mutex;

use crate::line::{Line, Submitted, Taker};
use crate::scheduler::{Handle, counted};
use crate::task::{Task, TaskError};
use crate::trace;

/// A closure for a thread of an executor.
///
/// ```
/// # use heist_scheduler::{ThreadPool, Work};
/// let pool = ThreadPool::new(1, "pool");
/// let (sender, receiver) = std::sync::mpsc::channel();
/// let work: Work = Box::new(move || sender.send(7).unwrap());
/// pool.execute(work).unwrap();
/// assert_eq!(receiver.recv(), Ok(7));
/// ```
pub type Work = Box<dyn FnOnce() + Send>;

/// The executor takes no more work; asyncio's `RuntimeError('cannot schedule new futures after shutdown')`.
///
/// ```
/// # use heist_scheduler::{ExecutorClosedError, ThreadPool};
/// let pool = ThreadPool::new(1, "pool");
/// pool.close();
/// assert_eq!(pool.execute(Box::new(|| ())), Err(ExecutorClosedError));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExecutorClosedError;

impl fmt::Display for ExecutorClosedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CLOSED)
    }
}

impl std::error::Error for ExecutorClosedError {}

impl ExecutorClosedError {
    /// As the error of who awaits.
    ///
    /// ```
    /// # use heist_scheduler::ExecutorClosedError;
    /// let error = ExecutorClosedError.into_task_error();
    /// assert_eq!(error.to_string(), ExecutorClosedError.to_string());
    /// ```
    pub fn into_task_error(self) -> TaskError {
        TaskError::refused(CLOSED)
    }
}

/// What a job that comes too late is told.
pub(crate) const CLOSED: &str = "the executor was shut down and takes no more work: make a new one";

thread_local! {
    /// Which pool this thread belongs to: the address of its line, for comparing.
    static POOL: Cell<usize> = const { Cell::new(0) };
}

/// A bounded pool of threads that are started as work comes, and stay until the pool is closed.
///
/// Dropping it closes it, without waiting: the threads run what is in line and end.
///
/// ```
/// # use heist_scheduler::ThreadPool;
/// let pool = ThreadPool::new(4, "pool");
/// let (sender, receiver) = std::sync::mpsc::channel();
/// pool.execute(Box::new(move || sender.send(6 * 7).unwrap())).unwrap();
/// assert_eq!(receiver.recv(), Ok(42));
/// ```
pub struct ThreadPool {
    line: Arc<Line<Work>>,
    name: String,
    /// Numbers for the threads' names.
    started: Mutex<usize>,
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ThreadPool {
    /// A pool of at most `threads` threads (at least one), called `name` and a number.
    ///
    /// ```
    /// # use heist_scheduler::ThreadPool;
    /// let pool = ThreadPool::new(4, "pool");
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// pool.execute(Box::new(move || sender.send(std::thread::current().name().map(str::to_owned)).unwrap())).unwrap();
    /// assert_eq!(receiver.recv().unwrap().as_deref(), Some("pool_0"));
    /// ```
    pub fn new(threads: usize, name: impl Into<String>) -> Self {
        Self { line: Arc::new(Line::new(threads)), name: name.into(), started: Mutex::new(0) }
    }

    /// Has a thread of the pool run `work`, after what came before it. A panic in it has been reported by the panic hook
    /// and ends nothing else.
    ///
    /// ```
    /// # use heist_scheduler::ThreadPool;
    /// let pool = ThreadPool::new(1, "pool");
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// for number in 0..3 {
    ///     let sender = sender.clone();
    ///     pool.execute(Box::new(move || sender.send(number).unwrap())).unwrap();
    /// }
    /// drop(sender);
    /// assert!(receiver.iter().eq(0..3));
    /// ```
    ///
    /// # Errors
    ///
    /// [`ExecutorClosedError`] after [`close`](Self::close): the work is dropped.
    pub fn execute(&self, work: Work) -> Result<(), ExecutorClosedError> {
        match self.line.submit(work) {
            (Submitted::Done, _) => Ok(()),
            (Submitted::Closed, _) => Err(ExecutorClosedError),
            (Submitted::Start, _) => {
                self.start();
                Ok(())
            }
        }
    }

    fn start(&self) {
        let number = {
            let mut started = self.started.lock();
            *started += 1;
            *started - 1
        };
        let line = self.line.clone();
        let running = thread::Builder::new().name(format!("{}_{number}", self.name)).spawn(move || {
            POOL.set(Arc::as_ptr(&line).addr());
            let taker = Taker::new();
            while let Some(work) =
                line.next(&taker, |changed, state| taker.waits.timed(|| (changed.wait(state), false)))
            {
                crate::task::discard(work);
            }
            line.left();
        });
        if running.is_err() {
            // Out of threads: run here what no thread of ours will ever take, rather than lose it.
            for work in self.line.not_started() {
                crate::task::discard(work);
            }
        }
    }

    /// Takes no more work. What is in line is still run; the threads end after it.
    ///
    /// ```
    /// # use heist_scheduler::ThreadPool;
    /// let pool = ThreadPool::new(1, "pool");
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// pool.execute(Box::new(move || sender.send(7).unwrap())).unwrap();
    /// pool.close();
    /// assert_eq!(receiver.recv(), Ok(7));
    /// assert!(pool.execute(Box::new(|| ())).is_err());
    /// ```
    pub fn close(&self) {
        self.line.finish();
    }

    /// Drops the work that no thread has begun, and says how much that was.
    ///
    /// ```
    /// # use heist_scheduler::ThreadPool;
    /// let pool = ThreadPool::new(1, "pool");
    /// let (go_on, gate) = std::sync::mpsc::channel::<()>();
    /// let (begins, begun) = std::sync::mpsc::channel();
    /// pool.execute(Box::new(move || {
    ///     begins.send(()).unwrap();
    ///     let _ = gate.recv();
    /// })).unwrap();
    /// begun.recv().unwrap();
    /// pool.execute(Box::new(|| unreachable!("it is dropped"))).unwrap();
    /// assert_eq!(pool.drop_waiting(), 1);
    /// # drop(go_on);
    /// ```
    pub fn drop_waiting(&self) -> usize {
        let waiting = self.line.take_all();
        let count = waiting.len();
        for work in waiting {
            // A closure's drop is the user's, and may panic.
            crate::task::discard(move || drop(work));
        }
        count
    }

    /// Waits until the threads have ended, which they do after [`close`](Self::close), at most for `limit` (`None`: as long
    /// as it takes); returns how many have not. From a thread of this pool it does not wait for that one.
    ///
    /// ```
    /// # use heist_scheduler::ThreadPool;
    /// let pool = ThreadPool::new(1, "pool");
    /// pool.execute(Box::new(|| println!("work"))).unwrap();
    /// pool.close();
    /// assert_eq!(pool.wait(None), 0);
    /// ```
    pub fn wait(&self, limit: Option<Duration>) -> usize {
        let mine = usize::from(POOL.get() == Arc::as_ptr(&self.line).addr());
        self.line.wait_for(limit.unwrap_or(Duration::MAX), mine).saturating_sub(mine)
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.close();
    }
}

impl Handle {
    /// As [`to_thread`](Self::to_thread), with an error of its own when the pool was shut down.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// assert_eq!(handle.try_to_thread(|| 7).unwrap().await.unwrap(), 7);
    /// handle.shutdown_default_executor(Duration::from_secs(5)).await.unwrap();
    /// assert!(handle.try_to_thread(|| 8).is_err());
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`ExecutorClosedError`]: the closure is dropped. One that comes while the pool is being shut down may instead give a
    /// task that fails.
    #[track_caller]
    pub fn try_to_thread<F, R>(&self, closure: F) -> Result<Task<R>, ExecutorClosedError>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        if self.shared().pool.is_closed() {
            return Err(ExecutorClosedError);
        }
        Ok(self.to_thread(closure))
    }

    /// Has closures of [`to_thread`](Self::to_thread) run by these threads from now on, instead of the loop's own, which finish
    /// what they have. The threads are the loop's now: they are shut down with it. asyncio: `loop.set_default_executor`, where
    /// a pool of threads is all that is allowed, too.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler, ThreadPool};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// handle.set_default_executor(ThreadPool::new(2, "pool"));
    /// let name = handle.to_thread(|| std::thread::current().name().map(str::to_owned)).await.unwrap();
    /// assert_eq!(name.as_deref(), Some("pool_0"));
    /// # }).unwrap();
    /// ```
    pub fn set_default_executor(&self, threads: impl Into<Arc<ThreadPool>>) {
        self.shared().pool.give(threads.into());
    }

    /// Shuts the threads of [`to_thread`](Self::to_thread) down: closures that are running or in line are run to their end,
    /// new ones are refused. Gives how many threads were still busy after `limit`, with a warning if there are any: the
    /// program goes on without them. asyncio: `loop.shutdown_default_executor`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, Handle};
    /// # use std::time::Duration;
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let handle = Handle::current().unwrap();
    /// let job = handle.to_thread(|| 7);
    /// assert_eq!(handle.shutdown_default_executor(Duration::from_secs(5)).await?, 0);
    /// assert_eq!(job.await.unwrap(), 7);
    /// assert!(handle.to_thread(|| 8).await.is_err());
    /// # Ok::<(), std::io::Error>(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's error when it has no thread left to do the waiting.
    ///
    /// # Cancel safety
    ///
    /// Dropping it ends the wait, not the shutdown.
    pub fn shutdown_default_executor(&self, limit: Duration) -> ShutdownExecutor {
        self.shared().pool.finish();
        let state = Arc::new(Mutex::new(Waited { left: None, waker: None }));
        let (told, shared) = (state.clone(), self.shared().clone());
        let hold = shared.clock.hold();
        let name = format!("{}-shutdown", shared.config.thread_name);
        let waiting = thread::Builder::new().name(name).spawn(move || {
            let left = shared.pool.wait(limit);
            if left > 0 {
                let limit = limit.as_secs_f64();
                trace::warn(&format_args!(
                    "the executor did not finish within {limit} seconds: {} still at work",
                    counted(left, "thread")
                ));
            }
            tell(&told, left, hold);
        });
        ShutdownExecutor { state, error: waiting.err() }
    }
}

fn tell(state: &Mutex<Waited>, left: usize, hold: Hold) {
    let waker = {
        let mut state = state.lock();
        state.left = Some(left);
        state.waker.take()
    };
    if let Some(waker) = waker {
        waker.wake();
    }
    drop(hold);
}

#[derive(Debug)]
struct Waited {
    left: Option<usize>,
    waker: Option<Waker>,
}

/// The future of [`Handle::shutdown_default_executor`].
///
/// ```
/// # use heist_scheduler::{Config, Handle, LocalScheduler, ShutdownExecutor};
/// # use std::time::Duration;
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let handle = Handle::current().unwrap();
/// let shutdown: ShutdownExecutor = handle.shutdown_default_executor(Duration::from_secs(5));
/// assert_eq!(shutdown.await.unwrap(), 0, "no thread is busy");
/// # }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "the shutdown has begun; await it to know when it is over"]
pub struct ShutdownExecutor {
    state: Arc<Mutex<Waited>>,
    error: Option<std::io::Error>,
}

impl Future for ShutdownExecutor {
    type Output = std::io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(error) = self.error.take() {
            return Poll::Ready(Err(error));
        }
        let mut state = self.state.lock();
        match state.left {
            Some(left) => Poll::Ready(Ok(left)),
            None => {
                let before = state.waker.replace(cx.waker().clone());
                drop(state);
                drop(before);
                Poll::Pending
            }
        }
    }
}
