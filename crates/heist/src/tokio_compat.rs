//! Libraries that need tokio, on this runtime (feature `tokio-compat`).
//!
//! tokio's sockets, timers and `tokio::spawn` look for a runtime in a variable of the thread that they are used on, and panic
//! where there is none ("there is no reactor running"). Two ways put one there:
//!
//! | | what is inside | whose runtime | when it is started |
//! |---|---|---|---|
//! | [`Builder::tokio_compat`](crate::Builder::tokio_compat) | everything that a loop runs, at no cost per poll | the loop's own, which ends with it | with the loop |
//! | [`compat`] | one future | that of the thread, or else one that the process keeps | by the first that needs it |
//!
//! Nothing looks for a runtime in a way that could start it, so it has to be there before it is missed; the feature alone
//! starts none, and no thread.
//!
//! A runtime here is a thread that waits for tokio's sockets and timers, and runs what is given to `tokio::spawn`. A task of
//! ours that awaits something of tokio's is woken from there and runs on our workers. What is spawned inside tokio is
//! invisible here: it is in no call graph, and no scope cancels it. More on that in the guide's page "Running tokio
//! libraries".

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;
use tokio::runtime::{Builder, Handle, Runtime};

/// Polls and drops a future inside of a tokio runtime: for a library that awaits tokio's futures and has no say in how the
/// loop was made. On a loop that was made by [`Builder::tokio_compat`](crate::Builder::tokio_compat) it is not needed.
///
/// The runtime is the one that this is called in, if any; otherwise one for the whole process, with one thread, which the
/// first such call starts and which is not shut down.
///
/// ```
/// use std::time::Duration;
/// use heist::tokio_compat::compat;
///
/// heist::run(async {
///     compat(async {
///         tokio::time::sleep(Duration::from_millis(1)).await;
///         let answer = tokio::spawn(async { 42 }); // on tokio's thread
///         assert_eq!(answer.await.unwrap(), 42);
///     })?
///     .await;
///     Ok::<(), std::io::Error>(())
/// })?;
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// The system's error when it has no thread or descriptor left for a runtime.
///
/// # Cancel safety
///
/// That of the future.
pub fn compat<F: Future>(future: F) -> io::Result<Compat<F>> {
    let handle = match Handle::try_current() {
        Ok(handle) => handle,
        Err(_) => of_process()?,
    };
    Ok(Compat { future: Some(future), handle })
}

pin_project! {
    /// The future of [`compat`].
    ///
    /// ```
    /// use heist::tokio_compat::{Compat, compat};
    ///
    /// let inside: Compat<_> = compat(async { tokio::runtime::Handle::try_current().is_ok() })?;
    /// assert!(heist::run(inside));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is awaited"]
    pub struct Compat<F> {
        // Some until it is dropped.
        #[pin]
        future: Option<F>,
        handle: Handle,
    }

    impl<F> PinnedDrop for Compat<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _entered = this.handle.enter();
            this.future.set(None);
        }
    }
}

impl<F: Future> Future for Compat<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.handle.enter();
        match this.future.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => unreachable!("it is taken by the drop alone"),
        }
    }
}

/// The runtime for futures on loops that have none.
fn of_process() -> io::Result<Handle> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    // One starts it, while the others wait; a failure is for the next to try again.
    static STARTING: Mutex<()> = Mutex::new(());
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime.handle().clone());
    }
    let runtime = start("heist-tokio")?;
    Ok(RUNTIME.get_or_init(|| runtime).handle().clone())
}

/// A runtime with one thread: tasks of ours run on our workers, and what they await of tokio's wants no more.
///
/// It is of the kind that may have several, so that libraries that ask for it (`block_in_place`) get on.
fn start(thread_name: &str) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name(thread_name).enable_all();
    // tokio returns an error where there is no descriptor left for it, and panics where there is no thread.
    catch_unwind(AssertUnwindSafe(|| builder.build())).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map_or("it panicked", String::as_str);
        Err(io::Error::other(format!("the tokio runtime did not start: {said}")))
    })
}

/// The tokio runtime of one loop, which ends after it.
#[derive(Debug)]
pub(crate) struct Companion {
    /// Some until it is dropped.
    runtime: Option<Runtime>,
    handle: Handle,
    limit: Duration,
}

impl Companion {
    /// Starts one whose end waits at most `limit` for closures on tokio's own threads for blocking work.
    pub(crate) fn start(thread_name: &str, limit: Duration) -> io::Result<Self> {
        let runtime = start(thread_name)?;
        let handle = runtime.handle().clone();
        Ok(Self { runtime: Some(runtime), handle, limit })
    }

    /// What goes around the work of the loop's threads.
    pub(crate) fn wrapper(&self) -> impl Fn(&mut dyn FnMut()) + Send + Sync + 'static {
        let handle = self.handle.clone();
        move |work| {
            let _entered = handle.enter();
            work();
        }
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        let (runtime, limit) = (&mut self.runtime, self.limit);
        // On a thread of its own, since tokio refuses to wait on one that is inside of a runtime, and the loop may be closed
        // there.
        let ended = thread::scope(|scope| {
            let end = || runtime.take().map(|runtime| end_within(runtime, limit));
            let ending = thread::Builder::new().name("heist-tokio-end".to_owned()).spawn_scoped(scope, end);
            ending.is_ok_and(|ending| matches!(ending.join(), Ok(Some(true))))
        });
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        if !ended {
            heist_scheduler::warn(&format_args!(
                "the tokio runtime beside the event loop did not end within {} seconds: \
                 a closure of spawn_blocking, or a poll, still runs there",
                limit.as_secs_f64()
            ));
        }
    }
}

/// Shuts a runtime down; whether it ended within `limit`.
fn end_within(runtime: Runtime, limit: Duration) -> bool {
    let begun = Instant::now();
    runtime.shutdown_timeout(limit);
    begun.elapsed() < limit
}
