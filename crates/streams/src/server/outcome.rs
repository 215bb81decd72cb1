//! What a connection handler may give, and what becomes of its failures.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use heist_core::services::{ExceptionContext, TaskInfo};

use crate::StreamAddr;
use crate::report::report;

/// What a connection handler may give: nothing, or a `Result` whose error is reported.
///
/// ```
/// # use heist_streams as heist;
/// use std::io;
/// use heist::{StreamReader, StreamWriter};
///
/// /// A handler of `start_server`: an error goes to the exception handler.
/// async fn echo_line(mut reader: StreamReader, writer: StreamWriter) -> io::Result<()> {
///     let line = reader.readline().await?;
///     writer.write(&line);
///     writer.drain().await
/// }
/// # let _ = echo_line;
/// ```
#[diagnostic::on_unimplemented(
    message = "a connection handler gives `()` or `Result<(), E>` where `E: Display`, not `{Self}`",
    note = "end the handler with `Ok(())`, or with a semicolon"
)]
pub trait Outcome {
    /// What went wrong, if something did.
    fn failure(&self) -> Option<&dyn fmt::Display>;
}

impl Outcome for () {
    fn failure(&self) -> Option<&dyn fmt::Display> {
        None
    }
}

impl<T: Outcome, E: fmt::Display> Outcome for Result<T, E> {
    fn failure(&self) -> Option<&dyn fmt::Display> {
        match self {
            Ok(value) => value.failure(),
            Err(error) => Some(error),
        }
    }
}

/// Tells of the failure of a handler, from its task. A panic needs nothing of ours: the loop tells of it, with the name of
/// the task, which says the peer.
pub(super) fn report_failure(failure: &dyn fmt::Display, peer: &StreamAddr) {
    // Errors that keep their causes, such as those of anyhow, tell them in the alternate form.
    let error: Box<dyn Error + Send + Sync> = format!("{failure:#}").into();
    let mut context = ExceptionContext::new(format!("the handler of the connection from {peer} failed"))
        .with_exception(Arc::from(error));
    if let Some(task) = heist_scheduler::current_task() {
        let info = TaskInfo { id: task.id(), name: task.name(), location: task.location() };
        context = context.with_task(info);
    }
    report(&context);
}
