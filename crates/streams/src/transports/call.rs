//! Calling a protocol: what it is told, and what becomes of a callback that panics.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Poll;

/// What a panic carries.
pub(super) type Payload = Box<dyn Any + Send>;

/// What a protocol is told, beside the bytes.
#[derive(Debug)]
pub enum Call {
    Ended,
    Paused,
    Resumed,
    Lost(Option<io::Error>),
}

/// What ends a connection that nobody closed.
#[derive(Debug)]
pub enum Failure {
    /// Reading or writing failed.
    Io(io::Error),
    /// The callback of that name panicked.
    Panic(&'static str, Payload),
    /// The callback of that name did what it may not.
    Refused(&'static str, &'static str),
}

impl Failure {
    /// The error that `connection_lost` gets. The first panic goes to `payload`: the connection's task is to end with it.
    pub(super) fn split(self, payload: &mut Option<Payload>) -> io::Error {
        match self {
            Self::Io(error) => error,
            Self::Panic(callback, panic) => {
                let text = panic.downcast_ref::<&str>().copied();
                let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                let why = format!("panicked: {}", text.unwrap_or("(its payload is no text)"));
                payload.get_or_insert(panic);
                ProtocolError { callback, why, is_panic: true }.into()
            }
            Self::Refused(callback, why) => {
                ProtocolError { callback, why: why.to_owned(), is_panic: false }.into()
            }
        }
    }
}

/// Ends a connection's task, after `connection_lost`.
pub(super) fn end(payload: Option<Payload>) -> Poll<()> {
    match payload {
        Some(payload) => resume_unwind(payload),
        None => Poll::Ready(()),
    }
}

/// A callback of a protocol has failed, and its connection was ended. Found inside the [`io::Error`] that `connection_lost`
/// is called with.
///
/// ```
/// # use heist_streams as heist;
/// # fn main() -> std::io::Result<()> {
/// # heist_test_loop::run_local(async {
/// use heist::transports::{Protocol, ProtocolError, Transport, connect_accepted_socket};
/// # std::panic::set_hook(Box::new(|_| {}));
///
/// struct Buggy(std::sync::mpsc::Sender<ProtocolError>);
///
/// impl Protocol for Buggy {
///     fn connection_made(&mut self, _transport: Transport) {
///         panic!("not today");
///     }
///     fn data_received(&mut self, _data: &[u8]) {}
///     fn connection_lost(&mut self, error: Option<std::io::Error>) {
///         let error = error.and_then(|error| error.downcast::<ProtocolError>().ok());
///         self.0.send(error.unwrap()).unwrap();
///     }
/// }
/// # let (near, _peer) = std::os::unix::net::UnixStream::pair()?;
/// # let (told, tells) = std::sync::mpsc::channel();
/// # connect_accepted_socket(|| Buggy(told), near).await?;
/// # let error = loop {
/// #     match tells.try_recv() {
/// #         Ok(error) => break error,
/// #         Err(_) => heist_scheduler::yield_now().await,
/// #     }
/// # };
/// assert_eq!(error.to_string(), "the protocol's connection_made panicked: not today");
/// # Ok(())
/// # }) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolError {
    callback: &'static str,
    why: String,
    is_panic: bool,
}

impl ProtocolError {
    /// The name of the callback.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// use heist::transports::{Protocol, ProtocolError, Transport, connect_accepted_socket};
    /// # std::panic::set_hook(Box::new(|_| {}));
    ///
    /// struct Buggy(std::sync::mpsc::Sender<ProtocolError>);
    ///
    /// impl Protocol for Buggy {
    ///     fn connection_made(&mut self, _transport: Transport) {
    ///         panic!("not today");
    ///     }
    ///     fn data_received(&mut self, _data: &[u8]) {}
    ///     fn connection_lost(&mut self, error: Option<std::io::Error>) {
    ///         let error = error.and_then(|error| error.downcast::<ProtocolError>().ok());
    ///         self.0.send(error.unwrap()).unwrap();
    ///     }
    /// }
    /// # let (near, _peer) = std::os::unix::net::UnixStream::pair()?;
    /// # let (told, tells) = std::sync::mpsc::channel();
    /// # connect_accepted_socket(|| Buggy(told), near).await?;
    /// # let error = loop {
    /// #     match tells.try_recv() {
    /// #         Ok(error) => break error,
    /// #         Err(_) => heist_scheduler::yield_now().await,
    /// #     }
    /// # };
    /// assert_eq!(error.callback(), "connection_made");
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn callback(&self) -> &'static str {
        self.callback
    }

    /// Whether it panicked.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # fn main() -> std::io::Result<()> {
    /// # heist_test_loop::run_local(async {
    /// use heist::transports::{Protocol, ProtocolError, Transport, connect_accepted_socket};
    /// # std::panic::set_hook(Box::new(|_| {}));
    ///
    /// struct Buggy(std::sync::mpsc::Sender<ProtocolError>);
    ///
    /// impl Protocol for Buggy {
    ///     fn connection_made(&mut self, _transport: Transport) {
    ///         panic!("not today");
    ///     }
    ///     fn data_received(&mut self, _data: &[u8]) {}
    ///     fn connection_lost(&mut self, error: Option<std::io::Error>) {
    ///         let error = error.and_then(|error| error.downcast::<ProtocolError>().ok());
    ///         self.0.send(error.unwrap()).unwrap();
    ///     }
    /// }
    /// # let (near, _peer) = std::os::unix::net::UnixStream::pair()?;
    /// # let (told, tells) = std::sync::mpsc::channel();
    /// # connect_accepted_socket(|| Buggy(told), near).await?;
    /// # let error = loop {
    /// #     match tells.try_recv() {
    /// #         Ok(error) => break error,
    /// #         Err(_) => heist_scheduler::yield_now().await,
    /// #     }
    /// # };
    /// assert!(error.is_panic());
    /// # Ok(())
    /// # }) }
    /// ```
    pub fn is_panic(&self) -> bool {
        self.is_panic
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the protocol's {} {}", self.callback, self.why)
    }
}

impl Error for ProtocolError {}

impl From<ProtocolError> for io::Error {
    fn from(error: ProtocolError) -> Self {
        Self::other(error)
    }
}

/// Calls back. The protocol may be in any state after a panic: from then on it is only told that the connection is lost.
pub(super) fn guarded<R>(callback: &'static str, call: impl FnOnce() -> R) -> Result<R, Failure> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| Failure::Panic(callback, payload))
}
