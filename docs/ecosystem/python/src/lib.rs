//! A module for Python, `heist_ecosystem_python`: coroutines and futures that await each other across the two languages.
//!
//! Built by `cargo build -p heist-ecosystem-python`, and found by Python when the library lies in its path under the module's name;
//! maturin does both.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// How many futures of `wait_for_ever` were asked to stop and have cleaned up.
static CLEANED_UP: AtomicUsize = AtomicUsize::new(0);

/// Adds, after a while.
async fn slow_sum(numbers: Vec<i64>, seconds: f64) -> PyResult<i64> {
    let pause =
        Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(error.to_string()))?;
    heist::sleep(pause).await;
    let sum = numbers.iter().try_fold(0_i64, |sum, number| sum.checked_add(*number));
    sum.ok_or_else(|| PyValueError::new_err("the sum is too large"))
}

/// Waits, and takes a moment to clean up when it is asked to stop.
async fn wait_for_ever() -> PyResult<()> {
    let Err(asked) = heist::catch_cancelled(std::future::pending::<()>()).await else { return Ok(()) };
    heist::sleep(Duration::from_millis(1)).await;
    CLEANED_UP.fetch_add(1, Ordering::SeqCst);
    asked.resume().await
}

/// What Python calls.
#[pymodule(name = "heist_ecosystem_python")]
mod module {
    use super::*;

    /// Awaits the sum of `numbers`, after `seconds`.
    #[pyfunction]
    fn slow_sum(py: Python<'_>, numbers: Vec<i64>, seconds: f64) -> PyResult<Bound<'_, PyAny>> {
        heist::pyo3::future_into_py(py, super::slow_sum(numbers, seconds))
    }

    /// Waits until it is cancelled.
    #[pyfunction]
    fn wait_for_ever(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        heist::pyo3::future_into_py(py, super::wait_for_ever())
    }

    /// How many of `wait_for_ever` have cleaned up.
    #[pyfunction]
    fn cleaned_up() -> usize {
        CLEANED_UP.load(Ordering::SeqCst)
    }

    /// Panics, in its task.
    #[pyfunction]
    fn panics(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        heist::pyo3::future_into_py(py, async {
            heist::yield_now().await;
            if CLEANED_UP.load(Ordering::SeqCst) < usize::MAX {
                panic!("as it is asked to");
            }
            Ok(())
        })
    }

    /// Calls an async function of Python's in several tasks at once, and awaits what they return.
    #[pyfunction]
    fn call_in_tasks(py: Python<'_>, function: Py<PyAny>, times: usize) -> PyResult<Bound<'_, PyAny>> {
        heist::pyo3::future_into_py(py, async move {
            let mut started = Vec::new();
            for number in 0..times {
                let awaited =
                    Python::attach(|py| heist::pyo3::into_future(function.bind(py).call1((number,))?))?;
                started.push(heist::create_task(awaited));
            }
            let mut answers = Vec::new();
            for task in started {
                answers.push(task.await.map_err(|error| PyValueError::new_err(error.to_string()))??);
            }
            Ok(answers)
        })
    }

    /// Awaits what Python awaits.
    #[pyfunction]
    fn relay<'py>(py: Python<'py>, awaitable: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let awaited = heist::pyo3::into_future(awaitable)?;
        heist::pyo3::future_into_py(py, awaited)
    }

    /// Awaits what Python awaits, for so long; says how that ended.
    #[pyfunction]
    fn relay_for<'py>(
        py: Python<'py>,
        awaitable: Bound<'py, PyAny>,
        seconds: f64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let awaited = heist::pyo3::into_future(awaitable)?;
        let limit =
            Duration::try_from_secs_f64(seconds).map_err(|error| PyValueError::new_err(error.to_string()))?;
        heist::pyo3::future_into_py(py, async move {
            match heist::wait_for(awaited, limit).await {
                Ok(answer) => answer.map(|answer| answer.to_string()),
                Err(error) => Ok(error.to_string()),
            }
        })
    }

    /// Drops what Python was to await, without awaiting it.
    #[pyfunction]
    fn give_up(awaitable: Bound<'_, PyAny>) -> PyResult<()> {
        drop(heist::pyo3::into_future(awaitable)?);
        Ok(())
    }

    /// Runs a future where no loop of Python's runs.
    #[pyfunction]
    fn run_sum(py: Python<'_>, numbers: Vec<i64>) -> PyResult<i64> {
        heist::pyo3::run(py, super::slow_sum(numbers, 0.001))
    }
}
