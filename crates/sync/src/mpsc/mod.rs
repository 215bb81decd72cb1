//! Many senders, one receiver: the queue of a task that others talk to.
//!
//! [`channel`] has a limit, and a sender that finds it full waits; [`unbounded_channel`] has none, and sending never waits.
//! The receiver ends when every sender is gone; senders fail when the receiver is closed or gone.
//!
//! Vocabulary: a *slot* is the right to have one value in the channel; a sender *claims* it, and the receiver *releases* it
//! when it takes the value out. A *permit* is a claimed slot with no value in it yet. The *batch* is what the receiver has
//! fetched and not handed out yet: it comes for more only when that is empty, and then takes all there is, in one locked
//! section, by exchanging two buffers.
//!
//! With nobody waiting a send costs two atomic read-modify-writes (one lock), and a receive none where the channel is
//! unbounded, or one where it is bounded; the lock of the receiver is shared by its whole batch. A receiver that is
//! awake is not woken again. A channel that was never used has no buffer, and a buffer that a burst has left is given back.
//!
//! The protocol is argued in `docs/design/channels.md`.
//!
//! ```
//! # use heist_sync::mpsc;
//! let (sender, mut receiver) = mpsc::channel(8);
//! sender.try_send("one")?;
//! sender.clone().try_send("two")?;
//! assert_eq!(receiver.try_recv()?, "one");
//! assert_eq!(receiver.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod hand;
mod permit;
mod receiver;
mod sender;
mod shared;
mod slots;
mod unbounded;
mod weak;
mod word;

use heist_core::sync::Arc;

pub use self::permit::{OwnedPermit, Permit};
pub use self::receiver::{Receiver, Recv, RecvMany, UnboundedReceiver};
pub use self::sender::{Closed, Reserve, SendFuture, Sender};
pub use self::unbounded::{UnboundedSender, WeakUnboundedSender};
pub use self::weak::WeakSender;
pub use crate::channel_errors::{SendError, TryRecvError, TrySendError};

use self::shared::Shared;
use self::slots::UNLIMITED;

/// A channel that holds at most `capacity` values; a capacity of zero, which could never take one, counts as one.
///
/// ```
/// # use heist_sync::mpsc;
/// let (sender, mut receiver) = mpsc::channel(1);
/// sender.try_send(1).unwrap();
/// assert_eq!(sender.try_send(2), Err(mpsc::TrySendError::Full(2)));
/// assert_eq!(receiver.try_recv(), Ok(1));
/// ```
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared::new(capacity.max(1)));
    (Sender { shared: shared.clone() }, Receiver::new(shared))
}

/// A channel without limit: sending never waits.
///
/// Where senders may be faster than the receiver for long, memory is the limit; prefer [`channel`].
///
/// ```
/// # use heist_sync::mpsc;
/// let (sender, mut receiver) = mpsc::unbounded_channel();
/// sender.send(1).unwrap();
/// assert_eq!(receiver.try_recv(), Ok(1));
/// ```
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (sender, receiver) = channel(UNLIMITED);
    (UnboundedSender::new(sender), receiver)
}
