//! smol's locks and channels: async-lock, async-channel, event-listener. It has no broadcast channel.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::Event;
use smol::channel::{self, Receiver, Sender};
use smol::lock::{Mutex, RwLock, Semaphore};

use super::Smol;
use crate::primitives::{
    self, Channels, Events, Locks, Programs, Queues, RwLocks, Semaphores, SharedChannels, channel, lock,
    rwlock,
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
