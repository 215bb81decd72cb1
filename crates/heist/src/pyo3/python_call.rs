//! Something that Python awaits for us, and the way to cancel it: [`PythonCall`].
//!
//! Python's part is python_call.py. It is called on the thread of Python's loop only, by `call_soon_threadsafe`, in the order of the
//! calls: so a cancel comes after the task was made, and perhaps before its first step. The interpreter's lock is never waited for
//! on a worker: those who need it go to the blocking pool.

use std::ffi::CString;
use std::sync::Arc;

use ::pyo3::exceptions::asyncio::CancelledError;
use ::pyo3::prelude::*;
use ::pyo3::sync::PyOnceLock;

use crate::Handle;

const CODE: &str = include_str!("python_call.py");

/// What is awaited; cancelled when this is dropped before [`has_ended`](Self::has_ended).
pub(super) struct PythonCall {
    handle: Handle,
    /// `None` when there is nothing to cancel any more.
    cancel: Option<Arc<Cancel>>,
}

/// How to cancel: a method, to be called by a loop of Python's.
struct Cancel {
    event_loop: Py<PyAny>,
    method: Py<PyAny>,
}

impl PythonCall {
    /// The call, and the coroutine to run for it.
    pub(super) fn new<'py>(
        handle: Handle,
        event_loop: Bound<'py, PyAny>,
        awaitable: Bound<'py, PyAny>,
    ) -> PyResult<(Self, Bound<'py, PyAny>)> {
        let call = class(awaitable.py())?.call1((awaitable,))?;
        let coroutine = call.call_method0("run")?;
        let method = call.getattr("cancel")?.unbind();
        let cancel = Some(Arc::new(Cancel { event_loop: event_loop.unbind(), method }));
        Ok((Self { handle, cancel }, coroutine))
    }

    /// Asks Python to cancel it.
    pub(super) fn cancel(&self) {
        let Some(cancel) = self.cancel.clone() else { return };
        let ask = move || {
            Python::attach(|py| {
                // It fails where Python's loop is closed, with everything in it.
                let _ = cancel.event_loop.call_method1(py, "call_soon_threadsafe", (&cancel.method,));
            });
        };
        drop(self.handle.to_thread(ask));
    }

    /// There is nothing to cancel any more.
    pub(super) fn has_ended(&mut self) {
        self.cancel = None;
    }

    /// What Python answered when it was asked to cancel; `None` where it did.
    pub(super) async fn answer(&self, outcome: PyResult<Py<PyAny>>) -> Option<PyResult<Py<PyAny>>> {
        let error = match outcome {
            Ok(value) => return Some(Ok(value)),
            Err(error) => error,
        };
        let look = move || {
            let cancelled = Python::attach(|py| error.is_instance_of::<CancelledError>(py));
            (!cancelled).then_some(Err(error))
        };
        // A loop that takes no closures any more is ending, and cancels everybody.
        self.handle.to_thread(look).await.unwrap_or(None)
    }
}

impl Drop for PythonCall {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// Python's part, loaded once.
fn class<'py>(py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let class = CLASS.get_or_try_init(py, || {
        let code = CString::new(CODE)?;
        let module = PyModule::from_code(py, &code, c"python_call.py", c"heist_python_call")?;
        PyResult::Ok(module.getattr("Call")?.unbind())
    })?;
    Ok(class.bind(py).clone())
}
