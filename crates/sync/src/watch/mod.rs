//! One value that changes, and many who look at it: configuration, progress, state.
//!
//! A receiver sees the latest value, never all of them: what was replaced before it looked is gone. The vocabulary: a
//! *version* counts the changes; a value is *unseen* by a receiver whose own count is older.
//!
//! A send costs two locks: that of the value, and that of the line of those who wait. A look is one shared lock and a load,
//! and asking for a change is one load. The protocol is argued in `docs/design/channels.md`.
//!
//! ```
//! # use heist_sync::watch;
//! let (sender, mut receiver) = watch::channel("starting");
//! assert_eq!(*receiver.borrow(), "starting");
//! sender.send("ready")?;
//! assert!(receiver.has_changed()?);
//! assert_eq!(*receiver.borrow_and_update(), "ready");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod changed;
mod receiver;
mod sender;
mod shared;

use std::fmt;

use heist_core::sync::Arc;

pub use self::changed::{Changed, Closed};
pub use self::receiver::Receiver;
pub use self::sender::Sender;
pub use self::shared::Ref;
use self::shared::Shared;
pub use crate::channel_errors::SendError;

/// Makes a channel that holds `value`, which counts as seen.
///
/// ```
/// # use heist_sync::watch;
/// let (sender, receiver) = watch::channel("starting");
/// assert_eq!((*receiver.borrow(), receiver.has_changed()), ("starting", Ok(false)));
/// sender.send("ready").unwrap();
/// assert_eq!((*receiver.borrow(), receiver.has_changed()), ("ready", Ok(true)));
/// ```
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(value));
    let receiver = Receiver::new(shared.clone());
    (Sender::new(shared), receiver)
}

/// Every sender is gone: the value changes no more.
///
/// ```
/// # use heist_sync::watch;
/// # let run = std::pin::pin!(async {
/// let (sender, mut receiver) = watch::channel(0);
/// sender.send(7).unwrap();
/// drop(sender);
/// assert_eq!(receiver.changed().await, Ok(()));
/// assert_eq!(receiver.changed().await, Err(watch::RecvError));
/// # });
/// # assert!(run.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecvError;

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value will not change any more: every sender is gone")
    }
}

impl std::error::Error for RecvError {}
