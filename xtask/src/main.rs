//! The project's own commands: `cargo xtask ci | loom | bench | conformance`.

#![forbid(unsafe_code)]

mod bench;
mod ci;
mod conformance;
mod loom;
mod public;
mod sh;
mod tokens;
mod tree;

use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask COMMAND

  ci [STEP ...] [--skip STEP,...] [--list]
                          every check that a change must pass, or the named ones
  loom [NAME] [--mutants] the models of every crate whose name contains NAME; with --mutants,
                          that each mutant of the design pages makes its model fail
  bench [OPTIONS]         builds and runs heist-bench (see `cargo xtask bench --help`);
  bench --instructions | --atomics | --system-calls | --count-all [--only A,B] [--peers P,Q]
                          user-space instructions, atomic read-modify-writes or system calls of one
                          operation, under valgrind and strace; all three, and into a file
  conformance [--area A,B] [--require A,B] [--tests]
                          which of asyncio's numbered behaviours a test shows
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["ci", rest @ ..] => ci::run(rest),
        ["loom", rest @ ..] => loom::run(rest),
        ["bench", rest @ ..] => bench::run(rest),
        ["conformance", rest @ ..] => conformance::run(rest),
        [] | ["--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("I do not know `{}`\n\n{HELP}", other.join(" "))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
