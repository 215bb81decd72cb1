//! Where failures go that no caller can receive: to the exception handler of the loop.

use heist_core::services::{self, ExceptionContext};

/// Tells the exception handler of the loop that this thread runs, or, without one, stderr.
pub(crate) fn report(context: &ExceptionContext) {
    services::report(services::current().as_deref(), context);
}
