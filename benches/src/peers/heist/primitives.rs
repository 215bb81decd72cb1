//! heist's locks and channels.

use std::sync::Arc;

use super::Heist;
use crate::primitives::{self, Channel, Events, Queues};

impl Events for Heist {
    type Event = heist::Event;
}

impl Queues for Heist {
    type Queue = Queue;
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
