//! Debug texts of futures.

use std::fmt;

use super::{Future, Outcome, Wait};

/// The state, the value or the error, the callbacks, and where the future was made. Many callbacks are given as the first,
/// how many more, and the last. The value's own text is made with the future's lock held: it must not ask the future.
impl<T: fmt::Debug> fmt::Debug for Future<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cell = self.cell.lock();
        let mut text = f.debug_struct("Future");
        match &cell.outcome {
            None => text.field("state", &format_args!("pending")),
            Some(Outcome::Value(value)) => {
                text.field("state", &format_args!("finished")).field("result", value)
            }
            Some(Outcome::Exception(error)) => {
                text.field("state", &format_args!("finished")).field("exception", &format_args!("{error}"))
            }
            Some(Outcome::Cancelled(error)) => {
                text.field("state", &format_args!("cancelled"));
                match error.message() {
                    Some(message) => text.field("message", &message),
                    None => &mut text,
                }
            }
        };
        let names: Vec<_> = cell.extra.iter().flat_map(|extra| extra.callbacks.names()).collect();
        if !names.is_empty() {
            text.field("callbacks", &Abbreviated(&names));
        }
        text.field("created", &format_args!("{}", cell.location)).finish()
    }
}

impl<T: fmt::Debug> fmt::Debug for Wait<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("future", &self.future).finish_non_exhaustive()
    }
}

/// A list of which only the ends are shown.
struct Abbreviated<'a>(&'a [&'static str]);

impl fmt::Debug for Abbreviated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        let mut entry = |name: &str| {
            list.entry(&format_args!("{name}"));
        };
        match self.0 {
            [first, _, .., last] if self.0.len() > 2 => {
                entry(first);
                entry(&format!("<{} more>", self.0.len() - 2));
                entry(last);
            }
            names => names.iter().for_each(|name| entry(name)),
        }
        list.finish()
    }
}
