//! The signals that ask a server to end.

use std::future::Future;
use std::io;

use heist::signal::SIGTERM;

/// From the call on, Ctrl-C and SIGTERM do not end the process: the future ends at the first of them. Once that is gone they do
/// again what they did before, so a second one does not wait.
pub(crate) fn signals() -> io::Result<impl Future<Output = io::Result<()>> + Send> {
    let interrupt = heist::ctrl_c();
    let mut terminate = heist::signal(SIGTERM)?;
    Ok(async move { heist::race!(interrupt, terminate.recv()).await })
}
