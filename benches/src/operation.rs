//! One operation that can be repeated: what is timed in batches, and counted under an instrument.

use std::fmt::Debug;
use std::future::Future;

use crate::peer::Peer;

/// Something that a program does on the peer `P`.
pub(crate) trait Operation<P: Peer>: Copy + Debug + Send + 'static {
    /// How many operations one batch has.
    fn batch(self) -> u64;

    /// Does the operation `n` times from a task. Panics if the runtime lost or changed a value.
    fn run(self, n: u64) -> impl Future<Output = ()> + Send;
}

/// What is done with an operation once its peer's type is known.
pub(crate) trait Job {
    /// What comes of it.
    type Output;

    /// Does it.
    fn on<P: Peer, O: Operation<P>>(self, operation: O) -> Self::Output;
}
