//! Reads `--name NUMBER` options: all that these programs need.

use std::ffi::OsString;
use std::ops::RangeInclusive;

/// An option whose value is a number.
pub(crate) struct Number<'a> {
    pub(crate) name: &'static str,
    pub(crate) range: RangeInclusive<u64>,
    pub(crate) value: &'a mut u64,
}

/// What the command line asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Run,
    Help,
}

/// Reads `--name NUMBER` and `--name=NUMBER` into `options`; a message that says what to do where that fails.
pub(crate) fn read(
    args: impl IntoIterator<Item = OsString>,
    options: &mut [Number<'_>],
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
        let (low, high) = (option.range.start(), option.range.end());
        let Some(value) = value.or_else(|| args.next()) else {
            return Err(format!("{name} needs a number from {low} to {high}, as in {name} {low}"));
        };
        match value.parse() {
            Ok(number) if option.range.contains(&number) => *option.value = number,
            _ => return Err(format!("{name} takes a number from {low} to {high}, not {value:?}")),
        }
    }
    Ok(Wish::Run)
}
