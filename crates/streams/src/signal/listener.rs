//! [`Signal`]: a signal to await.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use heist_reactor::SignalSource;

use super::SignalError;

/// The deliveries of one signal to this process, from [`signal`] on; also a [`Stream`] of them, which ends only with an
/// error.
///
/// Several may listen to one signal: each is told. Deliveries that come while nobody waits are kept; several may count as
/// one, as in the kernel. Dropping the last listener brings the former action of the signal back.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use heist::signal::{SIGTERM, Signal, signal};
///
/// let mut terminate: Signal = signal(SIGTERM)?;
/// terminate.recv().await?;
/// println!("ending in good order");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Signal {
    source: SignalSource,
}

/// Begins to listen to a signal, such as [`SIGTERM`](super::SIGTERM). From here on it does not end the process.
///
/// ```no_run
/// # use heist_streams as heist;
/// use heist::signal::{SIGHUP, signal};
/// # async fn example() -> std::io::Result<()> {
/// let mut hang_up = signal(SIGHUP)?;
/// loop {
///     hang_up.recv().await?;
///     println!("reading the configuration again");
/// }
/// # }
/// ```
///
/// # Errors
///
/// [`SignalError`]: no such signal, one that cannot be handled, or no descriptors left.
pub fn signal(signal: i32) -> Result<Signal, SignalError> {
    SignalError::check(signal)?;
    match SignalSource::new(signal) {
        Ok(source) => Ok(Signal { source }),
        Err(error) => Err(SignalError::of(signal, error)),
    }
}

impl Signal {
    /// Waits for the next delivery.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use heist::signal::{SIGHUP, signal};
    ///
    /// let mut hang_up = signal(SIGHUP)?;
    /// hang_up.recv().await?;
    /// println!("reading the configuration again");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the loop is closed, or there is none.
    ///
    /// # Cancel safety
    ///
    /// A wait that is given up takes nothing.
    pub async fn recv(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As [`recv`](Self::recv), for futures written by hand.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use heist::signal::{SIGHUP, signal};
    ///
    /// let mut hang_up = signal(SIGHUP)?;
    /// std::future::poll_fn(|cx| hang_up.poll_recv(cx)).await?;
    /// println!("reading the configuration again");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv`](Self::recv).
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.source.poll_recv(cx)
    }
}

impl Stream for Signal {
    type Item = io::Result<()>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx).map(Some)
    }
}
