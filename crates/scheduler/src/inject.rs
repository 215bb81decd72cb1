//! The shared lists: where tasks lie that no worker has in its own queue.
//!
//! A loop has two of them. Into the *injector* go tasks from threads that are no worker, and what a worker leaves behind:
//! nobody's, so they wake a sleeper. In the list of what is *over* workers put aside what their deque cannot hold: theirs
//! to come back to, but where others can find it.
//!
//! A list under a lock, linked through the tasks themselves: a push allocates nothing, a batch costs one lock, and a
//! consumer that finds the lock taken goes elsewhere first. The length is an atomic of its own line, so that looking costs
//! a load.

use std::ptr;

use crossbeam_utils::CachePadded;
use heist_core::sync::Mutex;
use heist_core::sync::atomic::{AtomicUsize, Ordering};

use crate::task::{Header, Raw};

/// A chain of tasks, linked through their headers. Owns its tasks' queue links.
#[derive(Debug)]
pub(crate) struct Chain {
    head: *mut Header,
    tail: *mut Header,
    len: usize,
}

// SAFETY: the chain owns the links of its tasks, and tasks are made for any thread.
unsafe impl Send for Chain {}

impl Chain {
    pub(crate) const fn new() -> Self {
        Self { head: ptr::null_mut(), tail: ptr::null_mut(), len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts at the end a task whose link the caller owns.
    pub(crate) fn push(&mut self, task: Raw) {
        // SAFETY: the caller owns the link of `task`.
        task.header().next.with_mut(|next| unsafe { *next = ptr::null_mut() });
        self.append(Chain { head: task.0.as_ptr(), tail: task.0.as_ptr(), len: 1 });
    }

    /// Puts another chain at the end.
    pub(crate) fn append(&mut self, other: Chain) {
        if other.len == 0 {
            return;
        }
        match ptr::NonNull::new(self.tail) {
            None => self.head = other.head,
            // SAFETY: the chain owns the links of its tasks.
            Some(tail) => Raw(tail).header().next.with_mut(|next| unsafe { *next = other.head }),
        }
        self.tail = other.tail;
        self.len += other.len;
    }

    /// Takes the first task.
    pub(crate) fn pop(&mut self) -> Option<Raw> {
        let task = Raw(ptr::NonNull::new(self.head)?);
        // SAFETY: the chain owns the links of its tasks.
        self.head = task.header().next.with(|next| unsafe { *next });
        self.len -= 1;
        if self.len == 0 {
            self.tail = ptr::null_mut();
        }
        Some(task)
    }

    /// Takes the first `count` tasks, or all.
    pub(crate) fn split(&mut self, count: usize) -> Chain {
        if count >= self.len {
            return std::mem::replace(self, Chain::new());
        }
        let Some(head) = ptr::NonNull::new(self.head).filter(|_| count > 0) else { return Chain::new() };
        let mut tail = Raw(head);
        for _ in 1..count {
            // SAFETY: the chain owns the links of its tasks, and has more than `count` of them.
            let next = tail.header().next.with(|next| unsafe { *next });
            let Some(next) = ptr::NonNull::new(next) else { break };
            tail = Raw(next);
        }
        // SAFETY: as above.
        let rest =
            tail.header().next.with_mut(|next| unsafe { std::mem::replace(&mut *next, ptr::null_mut()) });
        let first = Chain { head: self.head, tail: tail.0.as_ptr(), len: count };
        self.head = rest;
        self.len -= count;
        first
    }
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Injector {
    /// `None` once the loop is closed.
    chain: Mutex<Option<Chain>>,
    len: CachePadded<AtomicUsize>,
}

impl Injector {
    pub(crate) fn new() -> Self {
        Self { chain: Mutex::new(Some(Chain::new())), len: CachePadded::new(AtomicUsize::new(0)) }
    }

    /// How many tasks there are. A sleeper that reads this after its fence misses no push whose publisher fenced.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Puts a task at the end; `false` when the loop is closed, and the task is the caller's.
    #[must_use]
    pub(crate) fn push(&self, task: Raw) -> bool {
        let mut chain = self.chain.lock();
        let Some(chain) = &mut *chain else { return false };
        chain.push(task);
        self.len.store(chain.len(), Ordering::Relaxed);
        true
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

    /// Closes if nothing is left; `false` when something is.
    pub(crate) fn close_if_empty(&self) -> bool {
        let mut chain = self.chain.lock();
        let empty = chain.as_ref().is_none_or(Chain::is_empty);
        if empty {
            *chain = None;
        }
        empty
    }

    /// Takes what is left; from now on nothing comes in.
    pub(crate) fn close(&self) -> Chain {
        let mut chain = self.chain.lock();
        self.len.store(0, Ordering::Relaxed);
        chain.take().unwrap_or(Chain::new())
    }
}
