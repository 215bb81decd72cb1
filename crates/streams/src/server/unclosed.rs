//! What is said of a server that nobody closed: asyncio's `ResourceWarning`, in debug mode.

use heist_core::services;

use super::state::Shared;

impl Shared {
    /// The server's sockets are about to go, without anybody having closed it.
    pub(super) fn warn_unclosed(&self) {
        if !self.handle.get_debug() {
            return;
        }
        let state = self.state.lock();
        let names: Vec<_> = state.listeners.iter().map(|listener| listener.address().to_string()).collect();
        drop(state);
        let server = format!("a server on {}", names.join(", "));
        services::unclosed(Some(&self.handle), &server, self.made_at);
    }
}

/// Nobody refers to it any more. One that serves is referred to by its tasks.
impl Drop for Shared {
    fn drop(&mut self) {
        let closed = self.state.lock().is_closed();
        if !closed {
            self.warn_unclosed();
        }
    }
}
