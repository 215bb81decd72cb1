//! tokio's locks and channels.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, Notify, RwLock, Semaphore, broadcast, mpsc};

use super::Tokio;
use crate::primitives::{
    self, Broadcasts, Channel, Channels, Events, Locks, Programs, Queues, RwLocks, Semaphores,
    SharedChannels, channel, lock, rwlock,
};

impl Locks for Tokio {
    type Lock = Mutex<u64>;
}

impl RwLocks for Tokio {
    type RwLock = RwLock<u64>;
}

impl Semaphores for Tokio {
    type Semaphore = Semaphore;
}

impl Events for Tokio {
    type Event = Flag;
}

impl Programs for Tokio {
    async fn run_program(program: &'static str) -> bool {
        let status = tokio::process::Command::new(program).status().await;
        status.expect("the program starts").success()
    }
}

impl Channels for Tokio {
    type Bounded = Bounded;
    type Unbounded = Unbounded;
}

impl SharedChannels for Tokio {
    type Mpmc = SharedReceiver;
}

impl Queues for Tokio {
    type Queue = SharedReceiver;
}

impl Broadcasts for Tokio {
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
        let permit = self.acquire().await.expect("nobody closes it");
        held.await;
        drop(permit);
    }
}

/// tokio has no event; this is how its documentation of `Notify` builds one.
#[derive(Debug)]
pub(crate) struct Flag {
    is_set: AtomicBool,
    notify: Notify,
}

impl primitives::Event for Flag {
    fn new() -> Self {
        Self { is_set: AtomicBool::new(false), notify: Notify::new() }
    }

    fn set(&self) {
        // Release: pairs with the loads in `wait`.
        self.is_set.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }

    async fn wait(&self) {
        if self.is_set.load(Ordering::Acquire) {
            return;
        }
        let mut notified = pin!(self.notify.notified());
        notified.as_mut().enable();
        if !self.is_set.load(Ordering::Acquire) {
            notified.await;
        }
    }
}

channel!(
    /// `mpsc::channel`.
    Bounded,
    mpsc::Sender<u64>,
    mpsc::Receiver<u64>,
    mpsc::channel,
    |sender, value| sender.send(value).await
);

channel!(
    /// `mpsc::unbounded_channel`.
    Unbounded,
    mpsc::UnboundedSender<u64>,
    mpsc::UnboundedReceiver<u64>,
    |_| mpsc::unbounded_channel(),
    |sender, value| sender.send(value)
);

/// tokio's channels have one receiver; many share it behind a lock, as its tutorial does.
#[derive(Debug)]
pub(crate) struct SharedReceiver;

impl Channel for SharedReceiver {
    type Sender = mpsc::Sender<u64>;
    type Receiver = Arc<Mutex<mpsc::Receiver<u64>>>;

    fn open(capacity: usize) -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = mpsc::channel(capacity);
        (sender, Arc::new(Mutex::new(receiver)))
    }

    async fn send(sender: &Self::Sender, value: u64) {
        sender.send(value).await.expect("the receivers wait");
    }

    async fn receive(receiver: &mut Self::Receiver) -> u64 {
        receiver.lock().await.recv().await.expect("a sender sends")
    }
}

/// `broadcast::channel`.
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
