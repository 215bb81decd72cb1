//! The example `primes`, as Python runs it.
#![cfg(unix)]

#[path = "support/python.rs"]
mod python;

use python::Said;

fn program(arguments: &[&str]) -> Option<Said> {
    python::run("primes", "../examples", "examples/primes/program.py", arguments)
}

#[test]
fn primes_are_counted_while_asyncio_goes_on() {
    let Some(Said { said, complained }) = program(&["300000"]) else { return };
    let expected = ["32 of 128 parts", "64 of 128 parts", "96 of 128 parts", "128 of 128 parts"];
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..4], expected);
    assert_eq!(lines[4..], ["25997 primes below 300000", "asyncio went on: True"]);
    assert_eq!(complained, "");
}

#[test]
fn a_count_that_takes_too_long_is_cancelled() {
    // It would take days.
    let Some(Said { said, complained }) = program(&["1000000000000", "0.2"]) else { return };
    assert_eq!(said, "not within 0.2 seconds\nasyncio went on: True\n");
    assert_eq!(complained, "");
}
