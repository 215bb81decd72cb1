//! Handlers behind TLS.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use heist_core::services;

use super::outcome::{Outcome, report_failure};
use crate::tls::Plan;
use crate::{StreamReader, StreamWriter};

/// What came of a handler, if it was called.
pub(super) struct Protected<T>(Option<T>);

impl<T: Outcome> Outcome for Protected<T> {
    fn failure(&self) -> Option<&dyn fmt::Display> {
        self.0.as_ref().and_then(Outcome::failure)
    }
}

/// Calls `handler` once TLS is under the streams. The room for the handshake is given back then.
pub(super) async fn protected<H, Fut>(
    plan: Arc<Plan>,
    handler: H,
    reader: StreamReader,
    writer: StreamWriter,
) -> Protected<Fut::Output>
where
    H: FnOnce(StreamReader, StreamWriter) -> Fut,
    Fut: Future,
    Fut::Output: Outcome,
{
    let peer = writer.peer_name();
    match Box::pin(plan.protect(reader, writer)).await {
        Ok((reader, writer)) => Protected(Some(handler(reader, writer).await)),
        Err(error) => {
            // Anybody can connect and say nonsense.
            if services::current().is_some_and(|services| services.is_debug()) {
                report_failure(&error, &peer);
            }
            Protected(None)
        }
    }
}
