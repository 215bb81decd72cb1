//! smol's locks and channels: async-lock, async-channel, event-listener. It has no broadcast channel.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::Event;
use smol::channel::{self, Receiver, Sender};
use smol::lock::{Mutex, RwLock, Semaphore};

use super::Smol;
use crate::primitives::{
    self, Channel, Channels, Events, Locks, Queues, RwLocks, Semaphores, SharedChannels,
};

impl Locks for Smol {
    type Lock = Mutex<u64>;
}

impl RwLocks for Smol {
    type RwLock = RwLock<u64>;
}

impl Semaphores for Smol {
    type Semaphore = Semaphore;
}

impl Events for Smol {
    type Event = Flag;
}

impl Channels for Smol {
    type Bounded = Bounded;
    type Unbounded = Unbounded;
}

impl SharedChannels for Smol {
    type Mpmc = Bounded;
}

impl Queues for Smol {
    type Queue = Bounded;
}

impl primitives::Lock for Mutex<u64> {
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

impl primitives::RwLock for RwLock<u64> {
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

impl primitives::Semaphore for Semaphore {
    fn new(permits: usize) -> Self {
        Self::new(permits)
    }

    async fn with_permit<F>(&self, held: F)
    where
        F: Future<Output = ()> + Send,
    {
        let permit = self.acquire().await;
        held.await;
        drop(permit);
    }
}

/// The example of event-listener's documentation.
#[derive(Debug)]
pub(crate) struct Flag {
    is_set: AtomicBool,
    event: Event,
}

impl primitives::Event for Flag {
    fn new() -> Self {
        Self { is_set: AtomicBool::new(false), event: Event::new() }
    }

    fn set(&self) {
        // Release: pairs with the loads in `wait`.
        self.is_set.store(true, Ordering::Release);
        self.event.notify(usize::MAX);
    }

    async fn wait(&self) {
        if self.is_set.load(Ordering::Acquire) {
            return;
        }
        let listener = self.event.listen();
        if !self.is_set.load(Ordering::Acquire) {
            listener.await;
        }
    }
}

/// `async_channel::bounded`, which has many receivers too.
#[derive(Debug)]
pub(crate) struct Bounded;

/// `async_channel::unbounded`.
#[derive(Debug)]
pub(crate) struct Unbounded;

/// Both kinds have the same ends.
macro_rules! channel {
    ($kind:ty, $open:expr) => {
        impl Channel for $kind {
            type Sender = Sender<u64>;
            type Receiver = Receiver<u64>;

            fn open(capacity: usize) -> (Self::Sender, Self::Receiver) {
                $open(capacity)
            }

            async fn send(sender: &Self::Sender, value: u64) {
                sender.send(value).await.expect("a receiver waits");
            }

            async fn receive(receiver: &mut Self::Receiver) -> u64 {
                receiver.recv().await.expect("a sender sends")
            }
        }
    };
}

channel!(Bounded, channel::bounded);
channel!(Unbounded, |_| channel::unbounded());
