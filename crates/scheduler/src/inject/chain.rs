//! A chain of tasks, linked through the tasks themselves.

use std::ptr;

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
