//! An intrusive doubly linked list.
//!
//! The links live inside the nodes, and the nodes live inside the futures that wait: waiting allocates nothing, and a
//! waiter in the middle leaves in constant time. The list owns nothing. Whoever uses it guards it with a lock and keeps
//! each node in its place from [`push_back`](List::push_back) until it has left.

use std::fmt;
use std::ptr::NonNull;

/// The links of a node: embed one in the node type and say where by [`Linked`].
pub struct Links<T> {
    before: Option<NonNull<T>>,
    after: Option<NonNull<T>>,
    linked: bool,
}

impl<T> Links<T> {
    /// Links of a node that is in no list.
    pub const fn new() -> Self {
        Self { before: None, after: None, linked: false }
    }

    /// Whether the node is in a list.
    #[inline]
    pub fn is_linked(&self) -> bool {
        self.linked
    }
}

impl<T> Default for Links<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Links<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("linked", &self.linked).finish()
    }
}

/// A type with [`Links`] in it.
///
/// # Safety
///
/// `links` must return a pointer to the same `Links` inside the node at every call, derived from `node` without making
/// a reference to the whole of it.
pub unsafe trait Linked: Sized {
    /// Where the links of `node` are.
    ///
    /// # Safety
    ///
    /// `node` must point to a valid node.
    unsafe fn links(node: NonNull<Self>) -> NonNull<Links<Self>>;
}

/// A list of nodes that it does not own.
pub struct List<T: Linked> {
    head: Option<NonNull<T>>,
    tail: Option<NonNull<T>>,
    len: usize,
}

// SAFETY: the list is only pointers; each operation's contract asks for exclusive access to the nodes, so moving the
// list to another thread moves access to nodes that must be Send themselves.
unsafe impl<T: Linked + Send> Send for List<T> {}

impl<T: Linked> List<T> {
    /// An empty list.
    pub const fn new() -> Self {
        Self { head: None, tail: None, len: 0 }
    }

    /// How many nodes are in the list.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no node.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first node.
    #[inline]
    pub fn front(&self) -> Option<NonNull<T>> {
        self.head
    }

    /// Puts `node` at the end.
    ///
    /// # Safety
    ///
    /// `node` must be valid, in no list, and stay valid and in its place until it has left this one; the caller has
    /// exclusive access to the links of all nodes in the list.
    pub unsafe fn push_back(&mut self, node: NonNull<T>) {
        // SAFETY: the caller says that `node` is valid.
        let links = unsafe { T::links(node) };
        // SAFETY: the links lie in `node`, and the caller has exclusive access to them.
        let links = unsafe { &mut *links.as_ptr() };
        debug_assert!(!links.linked, "the node is in a list already");
        *links = Links { before: self.tail, after: None, linked: true };
        match self.tail {
            None => self.head = Some(node),
            // SAFETY: a node in the list is valid, and the caller has exclusive access to its links.
            Some(tail) => unsafe { Self::set_after(tail, Some(node)) },
        }
        self.tail = Some(node);
        self.len += 1;
    }

    /// Puts `node` at the front.
    ///
    /// # Safety
    ///
    /// As for [`push_back`](Self::push_back).
    pub unsafe fn push_front(&mut self, node: NonNull<T>) {
        // SAFETY: the caller says that `node` is valid.
        let links = unsafe { T::links(node) };
        // SAFETY: the links lie in `node`, and the caller has exclusive access to them.
        let links = unsafe { &mut *links.as_ptr() };
        debug_assert!(!links.linked, "the node is in a list already");
        *links = Links { before: None, after: self.head, linked: true };
        match self.head {
            None => self.tail = Some(node),
            // SAFETY: a node in the list is valid, and the caller has exclusive access to its links.
            Some(head) => unsafe { Self::set_before(head, Some(node)) },
        }
        self.head = Some(node);
        self.len += 1;
    }

    /// Takes the first node out.
    ///
    /// # Safety
    ///
    /// The caller has exclusive access to the links of all nodes in the list.
    pub unsafe fn pop_front(&mut self) -> Option<NonNull<T>> {
        let node = self.head?;
        // SAFETY: `node` is in this list; the caller's premise is that of `remove`.
        unsafe { self.remove(node) };
        Some(node)
    }

    /// Takes `node` out; `false` when it was in no list.
    ///
    /// # Safety
    ///
    /// `node` must be valid and in this list or in none; the caller has exclusive access to the links of all nodes in
    /// the list.
    pub unsafe fn remove(&mut self, node: NonNull<T>) -> bool {
        // SAFETY: the caller says that `node` is valid.
        let links = unsafe { T::links(node) };
        // SAFETY: the links lie in `node`, and the caller has exclusive access to them.
        let links = unsafe { std::mem::take(&mut *links.as_ptr()) };
        if !links.linked {
            return false;
        }
        match links.before {
            None => self.head = links.after,
            // SAFETY: a neighbour is in the list, so valid; exclusive access as above.
            Some(before) => unsafe { Self::set_after(before, links.after) },
        }
        match links.after {
            None => self.tail = links.before,
            // SAFETY: as for the other neighbour.
            Some(after) => unsafe { Self::set_before(after, links.before) },
        }
        self.len -= 1;
        true
    }

    /// # Safety
    ///
    /// `node` must be valid and its links accessible to the caller alone.
    unsafe fn set_after(node: NonNull<T>, after: Option<NonNull<T>>) {
        // SAFETY: passed on from the caller.
        let links = unsafe { T::links(node) };
        // SAFETY: passed on from the caller.
        unsafe { (*links.as_ptr()).after = after };
    }

    /// # Safety
    ///
    /// `node` must be valid and its links accessible to the caller alone.
    unsafe fn set_before(node: NonNull<T>, before: Option<NonNull<T>>) {
        // SAFETY: passed on from the caller.
        let links = unsafe { T::links(node) };
        // SAFETY: passed on from the caller.
        unsafe { (*links.as_ptr()).before = before };
    }
}

impl<T: Linked> Default for List<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Linked> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("len", &self.len).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    struct Node {
        links: Links<Node>,
        value: u32,
    }

    // SAFETY: the field's address, taken without a reference to the node.
    unsafe impl Linked for Node {
        unsafe fn links(node: NonNull<Self>) -> NonNull<Links<Self>> {
            // SAFETY: `node` is valid, so the field's address is in bounds.
            let links = unsafe { &raw mut (*node.as_ptr()).links };
            NonNull::new(links).expect("a field of a valid node has an address")
        }
    }

    /// Random operations against a plain vector.
    #[test]
    fn agrees_with_a_vector() {
        let mut nodes: Vec<Box<Node>> =
            (0..16).map(|value| Box::new(Node { links: Links::new(), value })).collect();
        let pointers: Vec<NonNull<Node>> = nodes.iter_mut().map(|n| NonNull::from(&mut **n)).collect();
        let (mut list, mut model) = (List::<Node>::new(), Vec::<usize>::new());
        let mut random = 12345u64;
        for _ in 0..20_000 {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let i = (random >> 33) as usize % 16;
            match (random >> 60) % 4 {
                0 if !model.contains(&i) => {
                    // SAFETY: the node is boxed, alive to the end, and in no list; one thread.
                    unsafe { list.push_back(pointers[i]) };
                    model.push(i);
                }
                3 if !model.contains(&i) => {
                    // SAFETY: as above.
                    unsafe { list.push_front(pointers[i]) };
                    model.insert(0, i);
                }
                1 => {
                    // SAFETY: one thread; the node is in this list or in none.
                    let was = unsafe { list.remove(pointers[i]) };
                    assert_eq!(was, model.contains(&i));
                    model.retain(|&x| x != i);
                }
                _ => {
                    // SAFETY: one thread.
                    let popped = unsafe { list.pop_front() };
                    // SAFETY: the node is alive.
                    let popped = popped.map(|node| unsafe { (*node.as_ptr()).value } as usize);
                    assert_eq!(popped, if model.is_empty() { None } else { Some(model.remove(0)) });
                }
            }
            assert_eq!(list.len(), model.len());
        }
    }
}
