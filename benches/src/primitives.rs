//! What a runtime's locks and channels must offer to be measured. A peer implements the traits of what it has.
//!
//! A guard never leaves its adapter: a lock is held across a future that the workload hands in.

use std::future::Future;

use crate::peer::Peer;

/// A lock around a number.
pub(crate) trait Lock: Send + Sync + 'static {
    /// A free lock around 0.
    fn new() -> Self;

    /// Locks, awaits `held`, adds 1 to the number, unlocks; returns what the number was.
    fn add<F>(&self, held: F) -> impl Future<Output = u64> + Send
    where
        F: Future<Output = ()> + Send;
}

/// A lock with readers and writers around a number.
pub(crate) trait RwLock: Send + Sync + 'static {
    /// A free lock around 0.
    fn new() -> Self;

    /// Locks for reading, awaits `held`, unlocks; returns the number.
    fn read<F>(&self, held: F) -> impl Future<Output = u64> + Send
    where
        F: Future<Output = ()> + Send;

    /// Locks for writing, awaits `held`, adds 1, unlocks; returns what the number was.
    fn write<F>(&self, held: F) -> impl Future<Output = u64> + Send
    where
        F: Future<Output = ()> + Send;
}

/// A semaphore.
pub(crate) trait Semaphore: Send + Sync + 'static {
    /// One with so many permits.
    fn new(permits: usize) -> Self;

    /// Takes a permit, awaits `held`, gives it back.
    fn with_permit<F>(&self, held: F) -> impl Future<Output = ()> + Send
    where
        F: Future<Output = ()> + Send;
}

/// A flag that many wait for.
pub(crate) trait Event: Send + Sync + 'static {
    /// Not set.
    fn new() -> Self;

    /// Sets it for good and wakes who waits.
    fn set(&self);

    /// Returns once it is set.
    fn wait(&self) -> impl Future<Output = ()> + Send;
}

/// A channel of numbers.
pub(crate) trait Channel: 'static {
    /// One of many sending ends.
    type Sender: Clone + Send + Sync + 'static;
    /// The receiving end.
    type Receiver: Send + 'static;

    /// An empty channel. One without bound ignores `capacity`.
    fn open(capacity: usize) -> (Self::Sender, Self::Receiver);

    /// Waits for room, and sends.
    fn send(sender: &Self::Sender, value: u64) -> impl Future<Output = ()> + Send;

    /// Waits for a value. Workloads count what they send, and never receive from a channel that stays empty.
    fn receive(receiver: &mut Self::Receiver) -> impl Future<Output = u64> + Send;
}

/// A channel in which each receiver gets every value. It may lose values for a receiver that lags by more than the
/// capacity; the workload takes care that none does.
pub(crate) trait Broadcast: 'static {
    /// The sending end.
    type Sender: Send + 'static;
    /// One of many receiving ends.
    type Receiver: Send + 'static;

    /// A channel with so many receivers.
    fn open(capacity: usize, receivers: usize) -> (Self::Sender, Vec<Self::Receiver>);

    /// Sends to all of them.
    fn send(sender: &Self::Sender, value: u64);

    /// Waits for a value.
    fn receive(receiver: &mut Self::Receiver) -> impl Future<Output = u64> + Send;
}

/// A peer with locks.
pub(crate) trait Locks: Peer {
    /// Its lock.
    type Lock: Lock;
}

/// A peer with locks that have readers and writers.
pub(crate) trait RwLocks: Peer {
    /// Its lock.
    type RwLock: RwLock;
}

/// A peer with semaphores.
pub(crate) trait Semaphores: Peer {
    /// Its semaphore.
    type Semaphore: Semaphore;
}

/// A peer with events.
pub(crate) trait Events: Peer {
    /// Its event.
    type Event: Event;
}

/// A peer with channels.
pub(crate) trait Channels: Peer {
    /// Many senders, one receiver, so many values at most.
    type Bounded: Channel;
    /// Many senders, one receiver.
    type Unbounded: Channel;
}

/// A peer that starts programs.
pub(crate) trait Programs: Peer {
    /// Starts a program and waits for it: whether it ended well.
    fn run_program(program: &'static str) -> impl Future<Output = bool> + Send;
}

/// A peer with channels of many senders and many receivers; each value goes to one of them.
pub(crate) trait SharedChannels: Peer {
    /// So many values at most.
    type Mpmc: Channel<Receiver: Clone>;
}

/// A peer with a queue of asyncio's kind: put, get, and a size that put waits for; many may do both.
pub(crate) trait Queues: Peer {
    /// Its queue.
    type Queue: Channel<Receiver: Clone>;
}

/// A peer with broadcast channels.
pub(crate) trait Broadcasts: Channels {
    /// Its channel.
    type Broadcast: Broadcast;
}

/// Implements [`Lock`] for a type whose `lock` yields a guard, which is what every peer has.
macro_rules! lock {
    ($lock:ty) => {
        impl $crate::primitives::Lock for $lock {
            fn new() -> Self {
                Self::new(0)
            }

            async fn add<F>(&self, held: F) -> u64
            where
                F: Future<Output = ()> + Send,
            {
                let mut number = self.lock().await;
                held.await;
                *number += 1;
                *number - 1
            }
        }
    };
}
pub(crate) use lock;

/// Implements [`RwLock`] for a type whose `read` and `write` yield guards.
macro_rules! rwlock {
    ($lock:ty) => {
        impl $crate::primitives::RwLock for $lock {
            fn new() -> Self {
                Self::new(0)
            }

            async fn read<F>(&self, held: F) -> u64
            where
                F: Future<Output = ()> + Send,
            {
                let number = self.read().await;
                held.await;
                *number
            }

            async fn write<F>(&self, held: F) -> u64
            where
                F: Future<Output = ()> + Send,
            {
                let mut number = self.write().await;
                held.await;
                *number += 1;
                *number - 1
            }
        }
    };
}
pub(crate) use rwlock;

/// Defines a [`Channel`] by its ends, how it is opened, and how a value is sent (at once, or with `.await`).
macro_rules! channel {
    ($(#[$doc:meta])* $name:ident, $sender:ty, $receiver:ty, $open:expr, |$end:ident, $value:ident| $send:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name;

        impl $crate::primitives::Channel for $name {
            type Sender = $sender;
            type Receiver = $receiver;

            fn open(capacity: usize) -> (Self::Sender, Self::Receiver) {
                $open(capacity)
            }

            async fn send($end: &Self::Sender, $value: u64) {
                $send.expect("a receiver waits");
            }

            async fn receive(receiver: &mut Self::Receiver) -> u64 {
                receiver.recv().await.expect("a sender sends")
            }
        }
    };
}
pub(crate) use channel;
