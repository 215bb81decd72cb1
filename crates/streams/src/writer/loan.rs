//! A writer whose output is lent: for a layer to be put under it, or for bytes that do not go through the writer. What is
//! written meanwhile is kept, and sent afterwards.

use std::io;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::task::Context;

use heist_scheduler::Handle;

use super::StreamWriter;
#[cfg(feature = "tls")]
use super::WeakWriter;
use super::link::Link;
#[cfg(feature = "tls")]
use super::state::State;
#[cfg(feature = "tls")]
use crate::tls::TlsInfo;
use crate::wire::Output;

/// The promise to give an output back. Dropped before, the writer fails.
#[derive(Debug)]
pub(crate) struct Loan<'a> {
    shared: &'a Link,
    over: bool,
}

impl Loan<'_> {
    /// Why the output is not wanted any more, where that is so: the writer was aborted. Otherwise the task is woken for it.
    pub(crate) fn poll_ended(&self, cx: &Context<'_>) -> Option<io::Error> {
        self.shared.state.lock().poll_lent(cx)
    }

    /// Gives an output back that leads to the same peer: what was written meanwhile is sent over it, by `home`, or by the loop
    /// that this thread runs.
    pub(crate) fn give_back(mut self, home: Option<&Handle>, output: Output) {
        self.over = true;
        let afterwards = self.shared.state.lock().give_back(output);
        if let Some(afterwards) = afterwards {
            self.shared.follow_on(home, afterwards);
        }
    }

    /// As `give_back`, of an output that protects what is sent.
    #[cfg(feature = "tls")]
    pub(crate) fn give_back_protected(self, output: Output, info: TlsInfo) {
        self.shared.state.lock().set_info(info);
        self.give_back(None, output);
    }

    /// Gives nothing back: the connection is gone.
    #[cfg(feature = "tls")]
    pub(crate) fn fail(mut self, error: &io::Error) {
        self.over = true;
        self.shared.change(|state| state.fail_flush(error));
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if !self.over {
            let error = io::Error::new(io::ErrorKind::ConnectionAborted, "the start of TLS was given up");
            self.shared.change(|state| state.fail_flush(&error));
        }
    }
}

impl StreamWriter {
    /// Waits until all is sent that was written, then lends the output.
    pub(crate) async fn lend(&self) -> io::Result<(Loan<'_>, Output)> {
        loop {
            self.flushed().await?;
            // Somebody else may have written since.
            if let Some(output) = self.shared.state.lock().lend() {
                return Ok((Loan { shared: &self.shared, over: false }, output));
            }
        }
    }

    #[cfg(feature = "tls")]
    pub(crate) fn layered_info(&self) -> Option<Arc<TlsInfo>> {
        self.shared.state.lock().info()
    }
}

#[cfg(feature = "tls")]
impl WeakWriter {
    /// Has the output flushed, if it is behind.
    pub(crate) fn flush_output(&self) {
        if let Some(link) = self.upgrade() {
            link.change(State::settle);
        }
    }
}
