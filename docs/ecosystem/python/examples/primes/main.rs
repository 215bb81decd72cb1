//! A module for Python, `primes`: what is slow in Python is done by heist's tasks, on all cores and without the interpreter's lock,
//! while asyncio goes on; and a coroutine of Python's hears how far they are.
//!
//! ```text
//! cargo build -p heist-ecosystem-python --example primes
//! ln -s libprimes.so target/debug/examples/primes.so
//! PYTHONPATH=target/debug/examples python3 docs/ecosystem/python/examples/primes/program.py 2000000
//! ```
//!
//! maturin does the first two for a package of one's own.

use std::ops::Range;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// Parts of the work: more than any machine has cores.
const PARTS: u64 = 128;
/// Numbers between two looks at whether somebody else wants the worker, or the task is cancelled.
const STRIDE: u64 = 256;

/// How many primes there are below `limit`. After each part, Python's `progress(parts, of)` is awaited.
async fn count_below(limit: u64, progress: Py<PyAny>) -> PyResult<u64> {
    // Cancelled by Python or failed by `progress`, a group takes its tasks along.
    let counted = heist::task_group(async |group| {
        let size = limit.div_ceil(PARTS).max(1);
        let parts =
            (0..PARTS).map(|part| part.saturating_mul(size)..limit.min((part + 1).saturating_mul(size)));
        let tasks: Vec<_> = parts.map(|part| group.create_infallible_task(count(part))).collect();
        let mut sum = 0;
        for (part, task) in (1..).zip(tasks) {
            sum += task.await.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
            let told =
                Python::attach(|py| heist::pyo3::into_future(progress.bind(py).call1((part, PARTS))?))?;
            told.await?;
        }
        Ok(sum)
    });
    counted.await.map_err(first_error)
}

/// The exception of Python's that ended the group, where it was one.
fn first_error(error: heist::GroupError<PyErr>) -> PyErr {
    let text = error.to_string();
    let mut errors = error.into_errors().into_iter().filter_map(|failure| failure.into_error().ok());
    errors.next().unwrap_or_else(|| PyRuntimeError::new_err(text))
}

async fn count(part: Range<u64>) -> u64 {
    let mut primes = 0;
    for number in part {
        primes += u64::from(is_prime(number));
        if number % STRIDE == 0 {
            heist::yield_now().await;
        }
    }
    primes
}

fn is_prime(number: u64) -> bool {
    let mut divisors = (3..).step_by(2).take_while(|divisor| divisor * divisor <= number);
    number == 2 || (number > 2 && number % 2 == 1 && divisors.all(|divisor| number % divisor != 0))
}

/// What Python calls.
#[pymodule]
mod primes {
    use super::*;

    /// Awaits how many primes there are below `limit`, and `progress(parts, of)` meanwhile.
    #[pyfunction]
    fn count_below(py: Python<'_>, limit: u64, progress: Py<PyAny>) -> PyResult<Bound<'_, PyAny>> {
        heist::pyo3::future_into_py(py, super::count_below(limit, progress))
    }
}
