//! Tests that run on the process' main thread, one after the other: the usual harness gives each a thread of its own, and
//! Ctrl-C is a matter of the main thread.
//!
//! For a test target with `harness = false` in the manifest.

#[allow(unused_macros, reason = "each test file takes what it needs")]
/// Makes a list of these tests, for [`run`].
macro_rules! on_the_main_thread {
    ($($(#[$attribute:meta])* fn $name:ident() $body:block)*) => {
        $(fn $name() $body)*

        pub const TESTS: &[(&str, fn())] = &[$((stringify!($name), $name)),*];
    };
}
#[allow(unused_imports, reason = "each test file takes what it needs")]
pub(crate) use on_the_main_thread;

use std::panic::catch_unwind;
use std::process::ExitCode;

/// Runs the tests that the arguments ask for: they may be a name, or a part of one, `--exact`, and `--list`; other options change nothing here.
pub fn run(tests: &[(&str, fn())]) -> ExitCode {
    let (options, names): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let has = |option: &str| options.iter().any(|given| given == option);
    let wanted = |test: &str| {
        names.is_empty()
            || names
                .iter()
                .any(|name| if has("--exact") { test == name } else { test.contains(name.as_str()) })
    };
    let tests = tests.iter().filter(|(name, _)| wanted(name));
    if has("--list") {
        tests.for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let (mut passed, mut failed) = (0, Vec::new());
    for (name, test) in tests {
        print!("test {name} ... ");
        if catch_unwind(test).is_ok() {
            println!("ok");
            passed += 1;
        } else {
            println!("FAILED");
            failed.push(*name);
        }
    }
    println!("\ntest result: {passed} passed; {} failed {}\n", failed.len(), failed.join(" "));
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
