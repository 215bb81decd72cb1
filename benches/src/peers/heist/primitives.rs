//! heist's locks and channels.

use std::future::Future;
use std::sync::Arc;

use heist::sync::{RwLock, broadcast, mpmc, mpsc};

use super::Heist;
use crate::primitives::{
    self, Broadcasts, Channel, Channels, Events, Locks, Programs, Queues, RwLocks, Semaphores,
    SharedChannels, channel, lock, rwlock,
};

impl Locks for Heist {
    type Lock = heist::Lock<u64>;
}

impl RwLocks for Heist {
    type RwLock = RwLock<u64>;
}

impl Semaphores for Heist {
    type Semaphore = heist::Semaphore;
}

impl Events for Heist {
    type Event = heist::Event;
}

impl Programs for Heist {
    async fn run_program(program: &'static str) -> bool {
        let status = heist::create_subprocess_exec(program, [""; 0]).status().await;
        status.expect("the program starts").success()
    }
}

impl Channels for Heist {
    type Bounded = Bounded;
    type Unbounded = Unbounded;
}

impl SharedChannels for Heist {
    type Mpmc = Mpmc;
}

impl Broadcasts for Heist {
    type Broadcast = Broadcast;
}

impl Queues for Heist {
    type Queue = Queue;
}

lock!(heist::Lock<u64>);
rwlock!(RwLock<u64>);

impl primitives::Semaphore for heist::Semaphore {
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

impl primitives::Event for heist::Event {
    fn new() -> Self {
        Self::new()
    }

    fn set(&self) {
        self.set();
    }

    async fn wait(&self) {
        self.wait().await;
    }
}

/// `heist::Queue`, of which any holder may put and get.
#[derive(Debug)]
pub(crate) struct Queue;

impl Channel for Queue {
    type Sender = Arc<heist::Queue<u64>>;
    type Receiver = Arc<heist::Queue<u64>>;

    fn open(capacity: usize) -> (Self::Sender, Self::Receiver) {
        let queue = Arc::new(heist::Queue::bounded(capacity));
        (Arc::clone(&queue), queue)
    }

    async fn send(sender: &Self::Sender, value: u64) {
        sender.put(value).await.expect("nobody shuts it down");
    }

    async fn receive(receiver: &mut Self::Receiver) -> u64 {
        receiver.get().await.expect("nobody shuts it down")
    }
}

channel!(
    /// `heist::sync::mpsc::channel`.
    Bounded,
    mpsc::Sender<u64>,
    mpsc::Receiver<u64>,
    mpsc::channel,
    |sender, value| sender.send(value).await
);

channel!(
    /// `heist::sync::mpsc::unbounded_channel`.
    Unbounded,
    mpsc::UnboundedSender<u64>,
    mpsc::UnboundedReceiver<u64>,
    |_| mpsc::unbounded_channel(),
    |sender, value| sender.send(value)
);

channel!(
    /// `heist::sync::mpmc::bounded`.
    Mpmc,
    mpmc::Sender<u64>,
    mpmc::Receiver<u64>,
    mpmc::bounded,
    |sender, value| sender.send(value).await
);

/// `heist::sync::broadcast`.
#[derive(Debug)]
pub(crate) struct Broadcast;

impl primitives::Broadcast for Broadcast {
    type Sender = broadcast::Sender<u64>;
    type Receiver = broadcast::Receiver<u64>;

    fn open(capacity: usize, receivers: usize) -> (Self::Sender, Vec<Self::Receiver>) {
        let sender = broadcast::Sender::new(capacity);
        let receivers = (0..receivers).map(|_| sender.subscribe()).collect();
        (sender, receivers)
    }

    fn send(sender: &Self::Sender, value: u64) {
        sender.send(value).expect("the receivers wait");
    }

    async fn receive(receiver: &mut Self::Receiver) -> u64 {
        receiver.recv().await.expect("nobody lags by the capacity")
    }
}
