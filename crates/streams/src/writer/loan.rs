//! A writer whose output is lent: for a layer to be put under it, or for bytes that do not go through the writer. What is
//! written meanwhile is kept, and sent afterwards.

use std::io;
#[cfg(feature = "tls")]
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use heist_scheduler::Handle;

#[cfg(any(unix, feature = "tls"))]
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

impl<'a> Loan<'a> {
    /// Of an output that was just lent.
    pub(super) fn of(shared: &'a Link) -> Self {
        Self { shared, over: false }
    }
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

/// An output that the writer gets back in any case: what was sent is sent.
#[derive(Debug)]
pub(crate) struct Lent<'a> {
    /// The loop that sends what is written meanwhile; that of this thread where there is none.
    home: Option<&'a Handle>,
    /// Both are there until the drop.
    parts: Option<(Loan<'a>, Output)>,
}

impl<'a> Lent<'a> {
    pub(crate) fn new(home: Option<&'a Handle>, parts: (Loan<'a>, Output)) -> Self {
        Self { home, parts: Some(parts) }
    }

    /// The output, unless the writer was aborted; then the task is woken.
    pub(crate) fn output(&mut self, cx: &Context<'_>) -> io::Result<&mut Output> {
        let Some((loan, output)) = &mut self.parts else { return Err(io::ErrorKind::NotConnected.into()) };
        loan.poll_ended(cx).map_or(Ok(output), Err)
    }

    /// Writes all of `rest`, and has it passed on.
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>, rest: &mut &[u8]) -> Poll<io::Result<()>> {
        let output = self.output(cx)?;
        while !rest.is_empty() {
            match ready!(output.poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => *rest = &rest[n..],
            }
        }
        output.poll_flush(cx)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some((loan, output)) = self.parts.take() {
            loan.give_back(self.home, output);
        }
    }
}

#[cfg(any(unix, feature = "tls"))]
impl StreamWriter {
    /// Waits until all is sent that was written, then lends the output.
    pub(crate) async fn lend(&self) -> io::Result<(Loan<'_>, Output)> {
        loop {
            self.flushed().await?;
            // Somebody else may have written since.
            if let Some(output) = self.shared.state.lock().lend() {
                return Ok((Loan::of(&self.shared), output));
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
