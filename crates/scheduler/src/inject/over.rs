//! The list of what is over: what workers put aside because their deque cannot hold it.
//!
//! A list under a lock, linked through the tasks themselves: a push allocates nothing, a batch costs one lock, and a consumer
//! that finds the lock taken goes elsewhere first. The length is an atomic of its own line, so that looking costs a load.

use crossbeam_utils::CachePadded;
use heist_core::sync::Mutex;
use heist_core::sync::atomic::{AtomicUsize, Ordering};

use super::Chain;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct SharedList {
    /// `None` once the loop is closed.
    chain: Mutex<Option<Chain>>,
    len: CachePadded<AtomicUsize>,
}

impl SharedList {
    pub(crate) fn new() -> Self {
        Self { chain: Mutex::new(Some(Chain::new())), len: CachePadded::new(AtomicUsize::new(0)) }
    }

    /// How many tasks there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Puts a chain at the end; gives it back when the loop is closed.
    #[must_use]
    pub(crate) fn push_chain(&self, more: Chain) -> Option<Chain> {
        let mut chain = self.chain.lock();
        let Some(chain) = &mut *chain else { return Some(more) };
        chain.append(more);
        self.len.store(chain.len(), Ordering::Relaxed);
        None
    }

    /// Takes up to `count` tasks; an empty chain when there are none, or when another thread is at it and `patient` is
    /// not set.
    pub(crate) fn take(&self, count: usize, patient: bool) -> Chain {
        if self.len() == 0 {
            return Chain::new();
        }
        let chain = if patient { Some(self.chain.lock()) } else { self.chain.try_lock() };
        let Some(mut chain) = chain else { return Chain::new() };
        let Some(chain) = &mut *chain else { return Chain::new() };
        let taken = chain.split(count);
        self.len.store(chain.len(), Ordering::Relaxed);
        taken
    }

    /// Takes what is left; from now on nothing comes in.
    pub(crate) fn close(&self) -> Chain {
        let mut chain = self.chain.lock();
        self.len.store(0, Ordering::Relaxed);
        chain.take().unwrap_or(Chain::new())
    }
}
