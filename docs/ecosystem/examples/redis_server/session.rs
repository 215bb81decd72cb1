//! What all connections share, and what one has for itself.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use heist::sync::mpsc::Receiver;

use super::hub::{Hub, Message};
use super::store::Store;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    store: Mutex<Store>,
    hub: Mutex<Hub>,
    pub(crate) started: Instant,
    pub(crate) connected: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) commands: AtomicU64,
}

impl Shared {
    pub(crate) fn new(max_memory: usize) -> Self {
        Self {
            store: Mutex::new(Store::new(max_memory)),
            hub: Mutex::default(),
            started: Instant::now(),
            connected: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            commands: AtomicU64::new(0),
        }
    }

    /// The keys; never across an await.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The channels; never across an await.
    pub(crate) fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one connection has for itself.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: u64,
    /// The channels that it listens to.
    pub(crate) channels: BTreeSet<Vec<u8>>,
    /// Where the messages come in, once it has listened to any.
    pub(crate) inbox: Option<Receiver<Message>>,
    /// It has said goodbye.
    pub(crate) quits: bool,
}

impl Session {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        shared.connected.fetch_add(1, Ordering::Relaxed);
        let id = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
        Self { shared, id, channels: BTreeSet::new(), inbox: None, quits: false }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.connected.fetch_sub(1, Ordering::Relaxed);
        if self.inbox.is_some() {
            self.shared.hub().leave(self.id);
        }
    }
}
