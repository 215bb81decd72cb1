//! Publish and subscribe: who listens to which channel.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use heist::sync::mpsc::{Receiver, Sender, channel};

/// A message as it goes out: encoded once, for all who listen.
pub(crate) type Message = Arc<[u8]>;

/// Messages that wait for one connection. Who is further behind than that is let go: nobody else is to wait for it, and memory
/// is not to grow with it.
const BACKLOG: usize = 1024;

/// Connections by their number, and who listens to a channel.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    members: HashMap<u64, Sender<Message>>,
    channels: HashMap<Vec<u8>, HashSet<u64>>,
}

impl Hub {
    /// A connection is about to listen; gives where its messages come in. When that ends, it was let go.
    pub(crate) fn join(&mut self, id: u64) -> Receiver<Message> {
        let (sender, receiver) = channel(BACKLOG);
        self.members.insert(id, sender);
        receiver
    }

    /// A connection is gone.
    pub(crate) fn leave(&mut self, id: u64) {
        self.members.remove(&id);
        self.channels.retain(|_, listeners| {
            listeners.remove(&id);
            !listeners.is_empty()
        });
    }

    pub(crate) fn subscribe(&mut self, id: u64, channel: &[u8]) {
        self.channels.entry(channel.to_vec()).or_default().insert(id);
    }

    pub(crate) fn unsubscribe(&mut self, id: u64, channel: &[u8]) {
        if let Some(listeners) = self.channels.get_mut(channel) {
            listeners.remove(&id);
            if listeners.is_empty() {
                self.channels.remove(channel);
            }
        }
    }

    /// Gives a message to all who listen to a channel, and says how many these are.
    pub(crate) fn publish(&mut self, channel: &[u8], message: &Message) -> usize {
        let Some(listeners) = self.channels.get(channel) else { return 0 };
        let told =
            |id: &u64| self.members.get(id).is_some_and(|inbox| inbox.try_send(message.clone()).is_ok());
        let (told, behind): (Vec<u64>, Vec<u64>) = listeners.iter().partition(|id| told(id));
        for id in behind {
            self.leave(id);
        }
        told.len()
    }
}
