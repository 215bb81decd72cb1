//! Where a source is registered: from its first wait on, for life.

use std::io;
use std::ptr;
use std::sync::Arc;

use heist_core::sync::atomic::{AtomicPtr, Ordering};

use super::IoSafe;
use crate::Direction;
use crate::reactor::{Reactor, Shard};
use crate::record::Record;
use crate::word::{Seen, Word};

/// Where a source is registered, once it is.
pub(super) struct Registration {
    /// Null until the first wait, then the record for good. Valid as long as the shard lives, of which this then counts a
    /// reference.
    record: AtomicPtr<Record>,
}

/// The record of a source that is bound to a loop.
#[derive(Clone, Copy)]
pub(super) struct Home<'a> {
    pub(super) record: &'a Record,
}

impl<'a> Home<'a> {
    #[inline]
    pub(super) fn word(self, direction: Direction) -> Word<'a> {
        self.record.word(direction)
    }

    /// The shard there. Beside the record's cache line, so not to be asked for without need.
    #[inline]
    pub(super) fn shard(self) -> &'a Shard {
        // SAFETY: a record in use knows its shard, of which the source counts a reference.
        unsafe { &*self.record.beyond().shard() }
    }
}

impl Registration {
    pub(super) fn new() -> Self {
        Self { record: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Where the source is bound, once it is.
    #[inline]
    pub(super) fn home(&self) -> Option<Home<'_>> {
        // Acquire pairs with the Release in `bind_to`: who sees the record sees its shard.
        let record = self.record.load(Ordering::Acquire);
        // SAFETY: it is null, or lies in a page of a shard of which this counts a reference, and which never frees one
        // while it lives.
        let record = unsafe { record.as_ref() }?;
        Some(Home { record })
    }

    /// Registers `io` with the loop of this thread, for a first wait in `direction`. `Some` is the word as it was before
    /// the system was asked: an edge of what is ready already changes it. `None`: somebody else was faster.
    #[cold]
    pub(super) fn bind(&self, io: &impl IoSafe, direction: Direction) -> io::Result<Option<Seen>> {
        self.bind_to(io, direction, Reactor::current)
    }

    /// As [`bind`](Self::bind), with the loop that `reactor` gives, and one of its shards.
    pub(super) fn bind_to<T: IoSafe>(
        &self,
        io: &T,
        direction: Direction,
        reactor: impl FnOnce() -> io::Result<(Arc<Reactor>, usize)>,
    ) -> io::Result<Option<Seen>> {
        let (reactor, index) = reactor()?;
        let shard = reactor.shard(index);
        // So that two directions that wait for the first time register once.
        let _binding = shard.binding.lock();
        if self.home().is_some() {
            return Ok(None);
        }
        let (key, record) =
            shard.slab.insert(Arc::as_ptr(shard)).map_err(|refused| Reactor::refused(&refused))?;
        let seen = record.word(direction).observe();
        let duplicates = T::MAY_HAVE_DUPLICATES;
        let registered = record.arming.register(&shard.selector, io, key, direction, duplicates);
        if let Ok(leaves) = registered {
            record.beyond().set_leaves(leaves);
            let new = ptr::from_ref(record).cast_mut();
            // Release pairs with the Acquire in `home`.
            let set =
                self.record.compare_exchange(ptr::null_mut(), new, Ordering::Release, Ordering::Relaxed);
            if set.is_ok() {
                // Counted until this is dropped.
                let _ = Arc::into_raw(shard.clone());
                return Ok(Some(seen));
            }
            // The other direction was bound in another loop or shard meanwhile.
            record.beyond().set_leaves(None);
            let _ = record.arming.remove(&shard.selector, io);
        }
        // SAFETY: the key was just handed out, and nobody has waited yet.
        unsafe { shard.slab.remove(key) };
        registered.map(|_| None)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let Some(home) = self.home() else { return };
        let (record, shard) = (home.record, home.shard());
        record.arming.forget(&shard.selector, record.beyond().take_leaves());
        let counted = record.beyond().shard();
        // SAFETY: the key came from this slab and goes back once; whoever drops the source owns both lanes.
        unsafe { shard.slab.remove(record.key()) };
        // SAFETY: this is the reference that was counted when the record was set; neither is used any more.
        drop(unsafe { Arc::from_raw(counted) });
    }
}
