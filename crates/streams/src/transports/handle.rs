//! [`ProtocolHandle`]: the program's way to a protocol that is being called back; and the callers' way.

use std::any::type_name;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use heist_sync::{Lock, LockFuture, LockGuard, LockOwned};

/// The protocol of a connection; what asyncio gives beside the transport.
///
/// The protocol belongs to the connection's task, which has it locked while it calls back. Others lock it in between, also
/// after the connection was lost. Callbacks wait meanwhile: let the guard go soon, and never wait for a callback with it.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::transports::{Protocol, create_connection};
///
/// #[derive(Default)]
/// struct Count(usize);
///
/// impl Protocol for Count {
///     fn data_received(&mut self, data: &[u8]) {
///         self.0 += data.len();
///     }
/// }
///
/// let (transport, protocol) = create_connection(Count::default, "127.0.0.1:8888").await?;
/// println!("{} bytes so far", protocol.lock().await.0);
/// # Ok(())
/// # }
/// ```
pub struct ProtocolHandle<P> {
    lock: Arc<Lock<P>>,
}

impl<P> ProtocolHandle<P> {
    pub(super) fn new(lock: Arc<Lock<P>>) -> Self {
        Self { lock }
    }

    /// Waits until no callback runs and nobody else has it.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// transport.write(b"hello");
    /// let quiet = protocol.lock().await;
    /// assert!(protocol.try_lock().is_none(), "no callback runs meanwhile");
    /// drop(quiet);
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Given up, it loses its place in the line.
    pub fn lock(&self) -> LockFuture<'_, P> {
        self.lock.lock()
    }

    /// The protocol, if it is free now; `None` inside of its own callbacks.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # use heist_streams::transports::{Protocol, connect_accepted_socket};
    /// # struct Quiet;
    /// # impl Protocol for Quiet {
    /// #     fn data_received(&mut self, _data: &[u8]) {}
    /// # }
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut peer, address) = listener.accept()?;
    /// # let (transport, protocol) = connect_accepted_socket(|| Quiet, near).await?;
    /// let held = protocol.try_lock();
    /// assert!(held.is_some());
    /// assert!(protocol.try_lock().is_none());
    /// # transport.abort();
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn try_lock(&self) -> Option<LockGuard<'_, P>> {
        self.lock.try_lock()
    }
}

impl<P> Clone for ProtocolHandle<P> {
    fn clone(&self) -> Self {
        Self { lock: self.lock.clone() }
    }
}

impl<P> fmt::Debug for ProtocolHandle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtocolHandle")
            .field("protocol", &type_name::<P>())
            .field("locked", &self.lock.locked())
            .finish()
    }
}

/// The protocol, as a connection's task has it.
pub(super) struct Locked<P> {
    lock: Arc<Lock<P>>,
    /// In line, while somebody else has it.
    waiting: Option<Pin<Box<LockOwned<P>>>>,
}

impl<P: Send + 'static> Locked<P> {
    pub(super) fn new(lock: Arc<Lock<P>>) -> Self {
        Self { lock, waiting: None }
    }

    /// Waits for the protocol, and has `call` use it.
    pub(super) fn poll_with<R>(&mut self, cx: &mut Context<'_>, call: impl FnOnce(&mut P) -> R) -> Poll<R> {
        if self.waiting.is_none() {
            if let Some(mut protocol) = self.lock.try_lock() {
                return Poll::Ready(call(&mut protocol));
            }
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(self.lock.clone().lock_owned()));
        let mut protocol = ready!(waiting.as_mut().poll(cx));
        self.waiting = None;
        Poll::Ready(call(&mut protocol))
    }

    /// Has `call` use the protocol, if nobody else has it.
    pub(super) fn try_with<R>(&mut self, call: impl FnOnce(&mut P) -> R) -> Option<R> {
        self.waiting = None;
        self.lock.try_lock().map(|mut protocol| call(&mut protocol))
    }
}
