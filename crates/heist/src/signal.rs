//! Waiting for Ctrl-C.

use std::io;

/// Waits for the next Ctrl-C (`SIGINT`) that this process receives.
///
/// From the first poll on, the signal no longer ends the process: the program decides. Several tasks may wait; each is
/// told. To a Python programmer: `loop.add_signal_handler(signal.SIGINT, ...)`.
///
/// ```no_run
/// heist::run(async {
///     heist::ctrl_c().await?;
///     println!("goodbye");
///     Ok::<(), std::io::Error>(())
/// }).unwrap();
/// ```
///
/// # Errors
///
/// The system's error when it has no descriptors left; `Unsupported` on a platform without Unix signals.
///
/// # Cancel safety
///
/// Dropping the wait gives up waiting; the signal's default action stays off.
pub async fn ctrl_c() -> io::Result<()> {
    #[cfg(unix)]
    {
        const SIGINT: i32 = 2;
        let mut signal = heist_reactor::SignalSource::new(SIGINT)?;
        std::future::poll_fn(|cx| signal.poll_recv(cx)).await
    }
    #[cfg(not(unix))]
    {
        Err(io::Error::new(io::ErrorKind::Unsupported, "ctrl_c is written for Unix so far"))
    }
}
