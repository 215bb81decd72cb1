//! Python's asyncio and this loop await each other, by the crates `pyo3` and `pyo3-async-runtimes`. The feature `pyo3`, which
//! needs Python when it is built.
//!
//! The two loops run side by side: Python's on the thread that runs it, heist's on its own. [`future_into_py`] makes of a future
//! something that Python can `await`; [`into_future`] makes of something that Python can `await` a future; [`run`] runs a future
//! from a Python that has no loop yet.
//!
//! A cancellation crosses over as a request, as within each of the two. Cancel in Python what awaits a future, and its task here is
//! asked to stop, may clean up, and is not dropped on the spot. Cancel here a task that awaits a coroutine, and the coroutine gets
//! its `CancelledError`; the task waits until it has answered, and a coroutine that returns all the same has swallowed the request.
//! A panic arrives in Python as `pyo3_async_runtimes.RustPanic`, an exception as the error of the future's result.
//!
//! What Python starts runs on the loop that [`set_event_loop`] was given, or else on one with threads of its own that is started
//! when it is first needed, and is closed when Python ends. (After a `fork` it is not there: start processes by `spawn`.)
//!
//! ```no_run
//! use std::time::Duration;
//! use pyo3::prelude::*;
//!
//! // With #[pyfunction], in Python: `answer = await my_module.slow_answer()`.
//! fn slow_answer(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
//!     heist::pyo3::future_into_py(py, async {
//!         heist::sleep(Duration::from_secs(1)).await;
//!         Ok(42)
//!     })
//! }
//! ```

mod python_call;
mod runtime;

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use ::pyo3::exceptions::asyncio::CancelledError as PythonCancelled;
use ::pyo3::prelude::*;
use ::pyo3::types::PyCFunction;
use pyo3_async_runtimes::err::RustPanic;
use pyo3_async_runtimes::{generic, into_future_with_locals};

use crate::{EventLoop, Handle, TaskError, TaskRef};
use python_call::PythonCall;
pub use runtime::{JoinError, Joining, Runtime};

/// How long Python's end waits for the close of the loop. Tasks that await coroutines of a loop that is over never end.
const END: Duration = Duration::from_secs(5);

/// The loop for what is started outside of any.
static EVENT_LOOP: Mutex<Option<Handle>> = Mutex::new(None);

/// Makes of a future something that Python can `await`; it runs as a task of its own, from now on. Call it where Python's loop
/// runs, or in a task that [`future_into_py`] or [`run`] has started.
///
/// ```no_run
/// # use pyo3::prelude::*;
/// fn greet(py: Python<'_>, name: String) -> PyResult<Bound<'_, PyAny>> {
///     heist::pyo3::future_into_py(py, async move { Ok(format!("hello {name}")) })
/// }
/// ```
///
/// # Errors
///
/// When no loop of Python's runs here, or none of ours can be started.
///
/// # Cancel safety
///
/// When Python cancels what it awaits, the task gets a request; see the [module](self).
pub fn future_into_py<F, T>(py: Python<'_>, future: F) -> PyResult<Bound<'_, PyAny>>
where
    F: Future<Output = PyResult<T>> + Send + 'static,
    T: for<'a> IntoPyObject<'a> + Send + 'static,
{
    event_loop()?;
    generic::future_into_py::<Runtime, _, T>(py, in_task(future))
}

/// Runs a future, with a new loop of Python's on this thread for the coroutines that it awaits. For a Python program, or a Rust one
/// with Python inside, that has no loop yet; asyncio's `run`, with a future.
///
/// ```no_run
/// # use pyo3::prelude::*;
/// fn main() -> PyResult<()> {
///     Python::attach(|py| {
///         let answer = heist::pyo3::run(py, async { Ok(42) })?;
///         println!("{answer}");
///         Ok(())
///     })
/// }
/// ```
///
/// # Errors
///
/// The future's; when a loop of Python's runs here, or none of ours can be started.
pub fn run<F, T>(py: Python<'_>, future: F) -> PyResult<T>
where
    F: Future<Output = PyResult<T>> + Send + 'static,
    T: Send + Sync + 'static,
{
    event_loop()?;
    generic::run::<Runtime, _, T>(py, in_task(future))
}

/// Makes a future of something that Python can `await`. Python's loop runs it from now on, in a task of its own, in the context
/// variables of whoever is awaited by Python.
///
/// ```no_run
/// # use pyo3::prelude::*;
/// # fn call_back(py: Python<'_>, coroutine_function: Py<PyAny>) -> PyResult<Bound<'_, PyAny>> {
/// heist::pyo3::future_into_py(py, async move {
///     let answer = Python::attach(|py| {
///         heist::pyo3::into_future(coroutine_function.bind(py).call0()?)
///     })?;
///     answer.await
/// })
/// # }
/// ```
///
/// # Errors
///
/// When this is neither where Python's loop runs nor in a task that came from there, or that loop is closed. The future's output
/// is the exception of what is awaited.
///
/// # Cancel safety
///
/// A cancellation is handed on to Python, and its answer waited for. When the future is dropped, Python's task is cancelled.
pub fn into_future(
    awaitable: Bound<'_, PyAny>,
) -> PyResult<impl Future<Output = PyResult<Py<PyAny>>> + Send + use<>> {
    let py = awaitable.py();
    let handle = event_loop()?;
    let locals = generic::get_current_locals::<Runtime>(py)?;
    let (call, coroutine) = PythonCall::new(handle, locals.event_loop(py), awaitable)?;
    let outcome = into_future_with_locals(&locals, coroutine)?;
    Ok(await_python(outcome, call))
}

/// Awaits Python's answer, and hands cancellations on to it.
async fn await_python(
    outcome: impl Future<Output = PyResult<Py<PyAny>>> + Send,
    mut call: PythonCall,
) -> PyResult<Py<PyAny>> {
    let mut outcome = pin!(outcome);
    let asked = match crate::catch_cancelled(outcome.as_mut()).await {
        Ok(outcome) => {
            call.has_ended();
            return outcome;
        }
        Err(asked) => asked,
    };
    call.cancel();
    let outcome = outcome.await;
    call.has_ended();
    match call.answer(outcome).await {
        Some(outcome) => outcome,
        None => asked.resume().await,
    }
}

/// Runs a future as a task that is cancelled, not dropped, when this is dropped.
async fn in_task<F, T>(future: F) -> PyResult<T>
where
    F: Future<Output = PyResult<T>> + Send + 'static,
    T: Send + 'static,
{
    let task = crate::create_task(future);
    let _cancels = CancelOnDrop(task.task_ref());
    task.await.unwrap_or_else(|error| Err(raise(error)))
}

/// Cancelling a task that has ended does nothing.
struct CancelOnDrop(TaskRef);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A task's error as Python's exception.
fn raise(error: TaskError) -> PyErr {
    if error.is_panic() {
        let message = error.panic_message().unwrap_or("with something that is no text");
        return RustPanic::new_err(format!("a task panicked: {message}"));
    }
    PythonCancelled::new_err(error.to_string())
}

/// Has what Python starts run on that loop, in place of one of its own.
///
/// ```no_run
/// heist::run(async {
///     heist::pyo3::set_event_loop(heist::Handle::current().unwrap()).unwrap();
/// });
/// ```
///
/// # Errors
///
/// The handle, when there is a loop already: a running program cannot move to another one.
pub fn set_event_loop(handle: Handle) -> Result<(), Handle> {
    let mut slot = EVENT_LOOP.lock().unwrap_or_else(PoisonError::into_inner);
    match *slot {
        Some(_) => Err(handle),
        None => {
            *slot = Some(handle);
            Ok(())
        }
    }
}

/// The loop that runs here, or else the one for what Python starts, which is started now if need be.
///
/// ```no_run
/// let handle = heist::pyo3::event_loop()?;
/// println!("{} workers", handle.workers());
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
///
/// The system's, when no loop can be started: out of threads or descriptors.
pub fn event_loop() -> io::Result<Handle> {
    if let Some(handle) = Handle::current() {
        return Ok(handle);
    }
    let mut slot = EVENT_LOOP.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(handle) = &*slot {
        return Ok(handle.clone());
    }
    let (handle, served) = start()?;
    *slot = Some(handle.clone());
    // Who has Python's lock may wait for this one.
    drop(slot);
    served.end_with_python();
    Ok(handle)
}

/// A loop that runs on a thread of its own.
struct Served {
    handle: Handle,
    /// Its other end goes when the loop has been closed.
    closed: mpsc::Receiver<()>,
}

impl Served {
    /// Closes the loop before Python goes: afterwards its threads could not take Python's lock without ending the process.
    fn end_with_python(self) {
        let end = move |py: Python<'_>| {
            self.handle.stop();
            // Disconnected, once it is closed.
            let _ = py.detach(move || self.closed.recv_timeout(END));
        };
        let end = Mutex::new(Some(end));
        let registered = Python::attach(|py| {
            let end = PyCFunction::new_closure(py, None, None, move |args, _| {
                let end = end.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(end) = end {
                    end(args.py());
                }
            })?;
            py.import("atexit")?.call_method1("register", (end,)).map(drop)
        });
        if let Err(error) = registered {
            eprintln!("heist: Python is not told to close the event loop at its end: {error}");
        }
    }
}

/// Starts a loop that runs until it is stopped, on a thread of its own, and is closed there.
fn start() -> io::Result<(Handle, Served)> {
    let (tell, told) = mpsc::sync_channel(1);
    let (end, closed) = mpsc::sync_channel::<()>(0);
    let serve = move || match EventLoop::new() {
        Ok(event_loop) => {
            // Whoever waits for it is there.
            let _ = tell.send(Ok(event_loop.handle()));
            // It ends only if somebody stops it.
            let _ = event_loop.run_forever();
            let _ = event_loop.close();
            drop(end);
        }
        Err(error) => drop(tell.send(Err(error))),
    };
    std::thread::Builder::new().name("heist-python".into()).spawn(serve)?;
    let handle =
        told.recv().unwrap_or_else(|_| Err(io::Error::other("the thread of the event loop ended")))?;
    Ok((handle.clone(), Served { handle, closed }))
}
