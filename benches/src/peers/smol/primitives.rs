//! smol's locks and channels: async-lock, async-channel, and what its makers have beside it, event-listener and
//! async-broadcast.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::Event;
use smol::channel::{self, Receiver, Sender};
use smol::lock::{Mutex, RwLock, Semaphore};

use super::Smol;
use crate::primitives::{
    self, Broadcasts, Channels, Events, Locks, Programs, Queues, RwLocks, Semaphores, SharedChannels,
    channel, lock, rwlock,
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

impl Programs for Smol {
    async fn run_program(program: &'static str) -> bool {
        let status = smol::process::Command::new(program).status().await;
        status.expect("the program starts").success()
    }
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

impl Broadcasts for Smol {
    type Broadcast = Broadcast;
}

lock!(Mutex<u64>);
rwlock!(RwLock<u64>);

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

channel!(
    /// `async_channel::bounded`, which has many receivers too.
    Bounded,
    Sender<u64>,
    Receiver<u64>,
    channel::bounded,
    |sender, value| sender.send(value).await
);

channel!(
    /// `async_channel::unbounded`.
    Unbounded,
    Sender<u64>,
    Receiver<u64>,
    |_| channel::unbounded(),
    |sender, value| sender.send(value).await
);

/// `async_broadcast::broadcast`.
#[derive(Debug)]
pub(crate) struct Broadcast;

impl primitives::Broadcast for Broadcast {
    type Sender = async_broadcast::Sender<u64>;
    type Receiver = async_broadcast::Receiver<u64>;

    fn open(capacity: usize, receivers: usize) -> (Self::Sender, Vec<Self::Receiver>) {
        let (sender, receiver) = async_broadcast::broadcast(capacity);
        (sender, vec![receiver; receivers])
    }

    fn send(sender: &Self::Sender, value: u64) {
        sender.try_broadcast(value).expect("nobody lags by the capacity");
    }

    async fn receive(receiver: &mut Self::Receiver) -> u64 {
        receiver.recv_direct().await.expect("a sender sends")
    }
}
