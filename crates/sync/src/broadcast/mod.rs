//! Each value to every receiver: events, announcements.
//!
//! A ring keeps the last values, at most as many as the capacity. A receiver reads them in order at its own pace; one that
//! falls behind by more than that is told how many it has missed, and goes on with the oldest that is there. The sender
//! never waits.
//!
//! Vocabulary: a *position* counts the values ever sent; a value is *unseen* by as many receivers as have not come past
//! it. One that all have seen leaves the ring at once, and goes to its last receiver without a copy.
//!
//! A send costs one lock, and an allocation for every 32 values; a receive one atomic read-modify-write, and one lock for every 32
//! values. Values are cloned with no lock held; since several receivers may do that at a time, values that go from thread to
//! thread must be `Sync`. A receiver that has fallen behind keeps the value that it would have seen next, until it looks
//! again or goes. The protocol is on the page `docs/design/channels.md`.
//!
//! ```
//! # use heist_sync::broadcast;
//! let (sender, mut first) = broadcast::channel(16);
//! let mut second = sender.subscribe();
//! assert_eq!(sender.send("news"), Ok(2));
//! assert_eq!((first.try_recv(), second.try_recv()), (Ok("news"), Ok("news")));
//! ```

mod errors;
mod place;
mod receiver;
mod ring;
mod sender;
mod slot;

use heist_core::sync::Arc;

pub use self::errors::{RecvError, TryRecvError};
pub use self::receiver::{Receiver, Recv};
use self::ring::Ring;
pub use self::sender::Sender;
pub use crate::channel_errors::SendError;

/// A channel whose ring keeps at most `capacity` values; zero counts as one. The ring grows as it fills.
///
/// ```
/// # use heist_sync::broadcast;
/// let (sender, mut receiver) = broadcast::channel(2);
/// (1..=3).for_each(|number| drop(sender.send(number)));
/// assert_eq!(receiver.try_recv(), Err(broadcast::TryRecvError::Lagged(1)));
/// assert_eq!(receiver.try_recv(), Ok(2));
/// ```
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::alone(Arc::new(Ring::new(capacity.max(1))));
    let receiver = sender.subscribe();
    (sender, receiver)
}
