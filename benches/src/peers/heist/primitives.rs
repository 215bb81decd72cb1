//! heist's locks and channels.

use std::future::Future;
use std::sync::Arc;

use heist::sync::{RwLock, broadcast, mpmc, mpsc};

use super::Heist;
use crate::primitives::{
    self, Broadcasts, Channel, Channels, Events, Locks, Queues, RwLocks, Semaphores, SharedChannels,
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

impl primitives::Lock for heist::Lock<u64> {
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

/// `heist::sync::mpsc::channel`.
#[derive(Debug)]
pub(crate) struct Bounded;

impl Channel for Bounded {
    type Sender = mpsc::Sender<u64>;
    type Receiver = mpsc::Receiver<u64>;

    fn open(capacity: usize) -> (Self::Sender, Self::Receiver) {
        mpsc::channel(capacity)
    }

    async fn send(sender: &Self::Sender, value: u64) {
        sender.send(value).await.expect("the receiver waits");
    }

    async fn receive(receiver: &mut Self::Receiver) -> u64 {
        receiver.recv().await.expect("a sender sends")
    }
}

/// `heist::sync::mpsc::unbounded_channel`.
#[derive(Debug)]
pub(crate) struct Unbounded;

impl Channel for Unbounded {
    type Sender = mpsc::UnboundedSender<u64>;
    type Receiver = mpsc::UnboundedReceiver<u64>;

    fn open(_: usize) -> (Self::Sender, Self::Receiver) {
        mpsc::unbounded_channel()
    }

    async fn send(sender: &Self::Sender, value: u64) {
        sender.send(value).expect("the receiver waits");
    }

    async fn receive(receiver: &mut Self::Receiver) -> u64 {
        receiver.recv().await.expect("a sender sends")
    }
}

/// `heist::sync::mpmc::bounded`.
#[derive(Debug)]
pub(crate) struct Mpmc;

impl Channel for Mpmc {
    type Sender = mpmc::Sender<u64>;
    type Receiver = mpmc::Receiver<u64>;

    fn open(capacity: usize) -> (Self::Sender, Self::Receiver) {
        mpmc::bounded(capacity)
    }

    async fn send(sender: &Self::Sender, value: u64) {
        sender.send(value).await.expect("the receivers wait");
    }

    async fn receive(receiver: &mut Self::Receiver) -> u64 {
        receiver.recv().await.expect("a sender sends")
    }
}

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
