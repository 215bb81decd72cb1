//! What the channels say of themselves.

/// What a channel is at; every half of every channel has `statistics()`.
///
/// ```
/// # use heist_sync::mpmc;
/// let (sender, receiver) = mpmc::bounded(2);
/// sender.try_send("value")?;
/// let now = receiver.statistics();
/// assert_eq!((now.values, now.capacity, now.senders_waiting), (1, Some(2), 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelStatistics {
    /// Values that were sent and not received; of a [`broadcast`](crate::broadcast) those that a receiver has yet to see; of
    /// a [`watch`](crate::watch) the one.
    ///
    /// The senders of an [`mpsc`](crate::mpsc) channel see it as its slots are: one with a limit counts what is reserved, and
    /// one without does not count what the receiver has fetched in advance.
    pub values: usize,
    /// How many values fit; `None` where there is no limit.
    pub capacity: Option<usize>,
    /// How many senders there are.
    pub senders: usize,
    /// How many receivers there are.
    pub receivers: usize,
    /// Senders that wait for room.
    pub senders_waiting: usize,
    /// Receivers that wait for a value.
    pub receivers_waiting: usize,
    /// Nothing more will be sent: the channel was closed, or the senders have gone. Values may be left.
    pub closed: bool,
}
