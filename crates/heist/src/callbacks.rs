//! What an [`EventLoop`] offers beside tasks: callbacks, the exception handler. All of it stands on [`Handle`] too, for
//! other threads and for code inside a run.

use heist_core::LoopClosedError;
use heist_scheduler::{CallbackHandle, ExceptionContext, ExceptionHandler};

use heist_sync::{create_future, future};

use crate::event_loop::EventLoop;
use crate::executor::{Executor, run_in_executor};
use crate::thread_future::WrappedFuture;

#[cfg(doc)]
use heist_scheduler::Handle;

impl EventLoop {
    /// Has the next run call `callback`, after those that came before it; see [`Handle::call_soon`]. asyncio:
    /// `loop.call_soon`.
    ///
    /// ```
    /// let mut event_loop = heist::EventLoop::builder().current_thread().build_event_loop()?;
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let again = sender.clone();
    /// event_loop.call_soon(move || again.send(1).unwrap())?;
    /// event_loop.call_soon(move || sender.send(2).unwrap())?;
    /// event_loop.run_until_complete(heist::yield_now());
    /// assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`LoopClosedError`] on a closed loop.
    #[track_caller]
    pub fn call_soon(
        &self,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<CallbackHandle, LoopClosedError> {
        self.handle().call_soon(callback)
    }

    /// As [`call_soon`](Self::call_soon), which is safe from any thread too.
    ///
    /// # Errors
    ///
    /// [`LoopClosedError`] on a closed loop.
    #[track_caller]
    pub fn call_soon_threadsafe(
        &self,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<CallbackHandle, LoopClosedError> {
        self.handle().call_soon(callback)
    }

    /// Makes a future that has no result yet. asyncio: `loop.create_future`.
    #[track_caller]
    pub fn create_future<T>(&self) -> future::Future<T> {
        create_future()
    }

    /// Has `executor` call `closure`; see [`run_in_executor`]. asyncio: `loop.run_in_executor`.
    pub fn run_in_executor<E, F, T>(&self, executor: &E, closure: F) -> WrappedFuture<T>
    where
        E: Executor + ?Sized,
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        run_in_executor(executor, closure)
    }

    /// See [`Handle::set_exception_handler`]. asyncio: `loop.set_exception_handler`.
    pub fn set_exception_handler(&self, handler: Option<ExceptionHandler>) {
        self.handle().set_exception_handler(handler);
    }

    /// See [`Handle::get_exception_handler`]. asyncio: `loop.get_exception_handler`.
    pub fn get_exception_handler(&self) -> Option<ExceptionHandler> {
        self.handle().get_exception_handler()
    }

    /// See [`Handle::call_exception_handler`]. asyncio: `loop.call_exception_handler`.
    pub fn call_exception_handler(&self, context: &ExceptionContext) {
        self.handle().call_exception_handler(context);
    }
}
