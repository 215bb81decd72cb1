//! The feature `pyo3`, through Python: python3 loads this package's module and runs both_ways.py.
#![cfg(unix)]

#[path = "support/python.rs"]
mod python;

use python::Said;

/// The name of the module, which is that of its file.
const MODULE: &str = "heist_ecosystem_python";

#[test]
fn python_and_heist_await_each_other() {
    let Some(Said { said, complained }) = python::run(MODULE, ".", "tests/both_ways.py", &[]) else {
        return;
    };
    assert!(said.ends_with("14 passed\n"), "{said}");
    // A panic is reported where it happens; nothing else is to be complained of.
    assert!(!complained.contains("never awaited") && !complained.contains("never retrieved"), "{complained}");
}
