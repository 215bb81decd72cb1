//! Where failures go that no caller can receive.

use std::fmt;

/// Tells the user of a failure that nobody awaits.
pub(crate) fn report(message: fmt::Arguments<'_>) {
    eprintln!("heist: {message}");
}
