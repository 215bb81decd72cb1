//! Running blocking code on threads of one's own: [`Executor`], [`ThreadPoolExecutor`], [`run_in_executor`].

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use heist_core::vars::Captured;
use heist_scheduler::{ExecutorClosedError, Handle, TaskError, ThreadPool, Work};

use crate::thread_future::{Promise, ThreadFuture, WrappedFuture, wrap_future};

/// Something that runs closures on threads; Python's `concurrent.futures.Executor`.
///
/// A program's own executor needs one method:
///
/// ```
/// use heist::{Executor, ExecutorClosedError, Work};
///
/// struct OneThreadEach;
///
/// impl Executor for OneThreadEach {
///     fn execute(&self, work: Work) -> Result<(), ExecutorClosedError> {
///         std::thread::spawn(work);
///         Ok(())
///     }
/// }
///
/// heist::run(async {
///     assert_eq!(heist::run_in_executor(&OneThreadEach, || 7).await.unwrap(), 7);
/// });
/// ```
pub trait Executor: Send + Sync {
    /// Runs `work` once, on a thread that may block. Work that is dropped instead counts as cancelled.
    ///
    /// # Errors
    ///
    /// [`ExecutorClosedError`] when it takes no more work.
    fn execute(&self, work: Work) -> Result<(), ExecutorClosedError>;
}

impl<E: Executor + ?Sized> Executor for &E {
    fn execute(&self, work: Work) -> Result<(), ExecutorClosedError> {
        (**self).execute(work)
    }
}

impl<E: Executor + ?Sized> Executor for Arc<E> {
    fn execute(&self, work: Work) -> Result<(), ExecutorClosedError> {
        (**self).execute(work)
    }
}

/// The default executor of the loop: the threads of [`to_thread`](crate::to_thread).
impl Executor for Handle {
    fn execute(&self, work: Work) -> Result<(), ExecutorClosedError> {
        let refused = self.try_to_thread(work)?;
        drop(refused);
        Ok(())
    }
}

/// Has `executor` call `closure`, in a copy of the current context variables, and gives what it returns; asyncio's
/// `run_in_executor`.
///
/// The work is handed over at once, not when this is first polled. For the loop's default executor pass its
/// [`Handle`], or use [`to_thread`](crate::to_thread).
///
/// ```
/// heist::run(async {
///     let pool = heist::ThreadPoolExecutor::new(2);
///     assert_eq!(heist::run_in_executor(&pool, || 6 * 7).await?, 42);
///     Ok::<(), heist::TaskError>(())
/// })?;
/// # Ok::<(), heist::TaskError>(())
/// ```
///
/// # Errors
///
/// [`TaskError`]: it was cancelled before it began, the closure panicked, or the executor takes no more work.
///
/// # Cancel safety
///
/// Dropping it lets the closure run; cancelling it keeps one that has not begun from running.
pub fn run_in_executor<E, F, T>(executor: &E, closure: F) -> WrappedFuture<T>
where
    E: Executor + ?Sized,
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // While it waits or runs, virtual time stands still.
    let hold = Handle::current().map(|handle| handle.clock().hold());
    let future = match hand_over(executor, closure, hold) {
        Ok(future) => future,
        Err(error) => {
            let future = ThreadFuture::new();
            let refused = future.set_exception(error.into_task_error());
            debug_assert_eq!(refused, Ok(()), "it is new");
            future
        }
    };
    wrap_future(&future)
}

fn hand_over<E, F, T, H>(executor: &E, closure: F, hold: H) -> Result<ThreadFuture<T>, ExecutorClosedError>
where
    E: Executor + ?Sized,
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
    H: Send + 'static,
{
    let future = ThreadFuture::new();
    let captured = Captured::current();
    // The hold goes last, when those who wait for the result are woken, also where the work is dropped.
    let job = (Promise(future.clone()), hold);
    executor.execute(Box::new(move || {
        let (promise, hold) = job;
        let _hold = hold;
        if !promise.0.set_running_or_notify_cancel() {
            return;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| captured.run(closure)));
        promise.complete(outcome.map_err(TaskError::panicked));
    }))?;
    Ok(future)
}

/// A bounded pool of threads; Python's `ThreadPoolExecutor`.
///
/// Threads are started as work comes, and stay. Work waits in line, first come first served, while all are busy. It
/// belongs to no loop: several may use it, and plain threads by [`submit`](Self::submit).
///
/// Dropping it takes no more work and does not wait; what is in line is still run.
///
/// ```
/// heist::run(async {
///     let pool = heist::ThreadPoolExecutor::new(4);
///     let lines = heist::run_in_executor(&pool, || std::fs::read_to_string("/etc/hosts"));
///     println!("{:?}", lines.await?);
///     Ok::<(), heist::TaskError>(())
/// }).unwrap();
/// ```
pub struct ThreadPoolExecutor {
    pool: Arc<ThreadPool>,
    threads: usize,
}

impl fmt::Debug for ThreadPoolExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPoolExecutor").field("max_workers", &self.threads).finish_non_exhaustive()
    }
}

impl ThreadPoolExecutor {
    /// A pool of at most `max_workers` threads; 0 stands for 1.
    ///
    /// ```
    /// let pool = heist::ThreadPoolExecutor::new(4);
    /// assert_eq!(pool.submit(|| 42)?.result()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(max_workers: usize) -> Self {
        /// Numbers for pools without a name. Bookkeeping.
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self::with_name(max_workers, format!("ThreadPoolExecutor-{number}"))
    }

    /// As [`new`](Self::new), with threads called `thread_name_prefix`, `_` and a number.
    ///
    /// ```
    /// let pool = heist::ThreadPoolExecutor::with_name(1, "worker");
    /// let name = pool.submit(|| std::thread::current().name().map(str::to_owned))?;
    /// assert!(name.result()?.unwrap().starts_with("worker_"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_name(max_workers: usize, thread_name_prefix: impl Into<String>) -> Self {
        let threads = max_workers.max(1);
        Self { pool: Arc::new(ThreadPool::new(threads, thread_name_prefix)), threads }
    }

    /// Has a thread of the pool call `closure`, in a copy of the current context variables. Python: `submit`.
    ///
    /// ```
    /// let pool = heist::ThreadPoolExecutor::new(1);
    /// assert_eq!(pool.submit(|| 42)?.result()?, 42);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ExecutorClosedError`] after a shutdown.
    pub fn submit<F, T>(&self, closure: F) -> Result<ThreadFuture<T>, ExecutorClosedError>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        hand_over(self, closure, ())
    }

    /// Takes no more work and waits until all that was taken is done and the threads have ended. Python: `shutdown()`.
    ///
    /// On a thread of the pool it does not wait for that one.
    ///
    /// ```
    /// let pool = heist::ThreadPoolExecutor::new(1);
    /// let job = pool.submit(|| 42)?;
    /// pool.shutdown();
    /// assert!(job.done() && pool.submit(|| 43).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown(&self) {
        self.pool.close();
        self.pool.wait(None);
    }

    /// As [`shutdown`](Self::shutdown), waiting for `limit` at most; gives how many threads are still busy then.
    ///
    /// ```
    /// let pool = heist::ThreadPoolExecutor::new(1);
    /// assert_eq!(pool.shutdown_timeout(std::time::Duration::from_secs(5)), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn shutdown_timeout(&self, limit: Duration) -> usize {
        self.pool.close();
        self.pool.wait(Some(limit))
    }

    /// Takes no more work, and does not wait. Python: `shutdown(wait=False)`.
    ///
    /// ```
    /// let pool = heist::ThreadPoolExecutor::new(1);
    /// pool.close();
    /// assert!(pool.submit(|| 42).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn close(&self) {
        self.pool.close();
    }

    /// Cancels the work that no thread has begun, and says how much that was. After [`close`](Self::close), Python's
    /// `shutdown(cancel_futures=True)`.
    ///
    /// ```
    /// let pool = heist::ThreadPoolExecutor::new(1);
    /// let (release, held) = std::sync::mpsc::channel::<()>();
    /// let busy = pool.submit(move || held.recv())?;
    /// let waiting = pool.submit(|| 42)?;
    /// while !busy.running() {
    ///     std::thread::yield_now();
    /// }
    /// assert_eq!(pool.cancel_futures(), 1);
    /// assert!(waiting.cancelled());
    /// drop(release);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel_futures(&self) -> usize {
        self.pool.drop_waiting()
    }
}

/// For [`Handle::set_default_executor`].
impl From<ThreadPoolExecutor> for Arc<ThreadPool> {
    fn from(executor: ThreadPoolExecutor) -> Self {
        executor.pool
    }
}

impl Executor for ThreadPoolExecutor {
    fn execute(&self, work: Work) -> Result<(), ExecutorClosedError> {
        self.pool.execute(work)
    }
}
