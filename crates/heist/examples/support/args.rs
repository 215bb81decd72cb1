//! Reads `--name VALUE` options, each into a value of its own type: all that these programs need.

#![allow(dead_code, reason = "each program takes what it needs")]

use std::ffi::OsString;
use std::fmt::Display;
use std::num::ParseIntError;
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::str::FromStr;

/// What the command line asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Run,
    Help,
}

/// An option: its name, what its value is in words, and where the value goes.
pub(crate) struct Opt<'a> {
    name: &'static str,
    what: String,
    set: Set<'a>,
}

/// Takes the value, or says what is wrong with it.
type Set<'a> = Box<dyn FnMut(&str) -> Result<(), String> + 'a>;

/// The option `name`, whose value is `what`: "a number of seconds".
pub(crate) fn opt<'a, T>(name: &'static str, what: &'static str, value: &'a mut T) -> Opt<'a>
where
    T: FromStr<Err: Display>,
{
    let set = move |text: &str| {
        *value = text.parse().map_err(|error: T::Err| error.to_string())?;
        Ok(())
    };
    Opt { name, what: what.to_owned(), set: Box::new(set) }
}

/// The option `name`, whose value is a number of that range.
pub(crate) fn number<'a>(name: &'static str, range: RangeInclusive<u64>, value: &'a mut u64) -> Opt<'a> {
    let what = format!("a number from {} to {}", range.start(), range.end());
    let set = move |text: &str| {
        let number = text.parse().map_err(|error: ParseIntError| error.to_string())?;
        if !range.contains(&number) {
            return Err("it is out of this range".to_owned());
        }
        *value = number;
        Ok(())
    };
    Opt { name, what, set: Box::new(set) }
}

/// Reads `--name VALUE` and `--name=VALUE` into `options`; a message that says what to do where that fails.
pub(crate) fn read(
    args: impl IntoIterator<Item = OsString>,
    options: &mut [Opt<'_>],
) -> Result<Wish, String> {
    let mut args = args.into_iter().map(|arg| arg.to_string_lossy().into_owned());
    while let Some(arg) = args.next() {
        if arg == "--help" || arg == "-h" {
            return Ok(Wish::Help);
        }
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (arg.as_str(), None),
        };
        let Some(option) = options.iter_mut().find(|option| option.name == name) else {
            return Err(format!("{arg:?} is no option of this program; --help lists them"));
        };
        let what = &option.what;
        let Some(value) = value.or_else(|| args.next()) else {
            return Err(format!("{name} needs {what}"));
        };
        (option.set)(&value).map_err(|error| format!("{name} takes {what}, not {value:?}: {error}"))?;
    }
    Ok(Wish::Run)
}

/// Runs a program whose command line is read: a failure is told in a line, and is exit status 1; a command line that is not
/// understood is 2.
pub(crate) fn program<E: Display>(
    name: &str,
    help: &str,
    wish: Result<Wish, String>,
    run: impl FnOnce() -> Result<(), E>,
) -> ExitCode {
    match wish {
        Ok(Wish::Run) => {}
        Ok(Wish::Help) => {
            println!("{help}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("{name}: {message}");
            return ExitCode::from(2);
        }
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}
