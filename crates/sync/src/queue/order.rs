//! In which order a queue gives its items out.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// An order of items, and what keeps them in it. There are three: [`Fifo`], [`Lifo`] and [`SmallestFirst`].
///
/// ```
/// # use heist_sync::queue::{Order, OrderedQueue};
/// fn drain<T, O: Order<T>>(queue: &OrderedQueue<T, O>) -> Vec<T> {
///     std::iter::from_fn(|| queue.get_nowait().ok()).collect()
/// }
/// let queue = heist_sync::PriorityQueue::new();
/// [2, 3, 1].map(|item| queue.put_nowait(item).unwrap());
/// assert_eq!(drain(&queue), [1, 2, 3]);
/// ```
pub trait Order<T>: sealed::Sealed {
    /// What keeps the items.
    type Items: Default;

    /// The name of a queue in this order.
    const QUEUE: &'static str;

    /// Adds an item.
    fn push(items: &mut Self::Items, item: T);

    /// Takes the next item.
    fn pop(items: &mut Self::Items) -> Option<T>;

    /// How many items there are.
    fn len(items: &Self::Items) -> usize;
}

/// First in, first out.
///
/// ```
/// # use heist_sync::queue::{Fifo, OrderedQueue};
/// let queue = OrderedQueue::<i32, Fifo>::new();
/// [2, 3, 1].map(|item| queue.put_nowait(item).unwrap());
/// assert_eq!([(); 3].map(|()| queue.get_nowait().unwrap()), [2, 3, 1]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Fifo;

/// Last in, first out.
///
/// ```
/// # use heist_sync::queue::{Lifo, OrderedQueue};
/// let queue = OrderedQueue::<i32, Lifo>::new();
/// [2, 3, 1].map(|item| queue.put_nowait(item).unwrap());
/// assert_eq!([(); 3].map(|()| queue.get_nowait().unwrap()), [1, 3, 2]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Lifo;

/// The smallest item first, by its `Ord`; equal ones in no certain order.
///
/// ```
/// # use heist_sync::queue::{OrderedQueue, SmallestFirst};
/// let queue = OrderedQueue::<i32, SmallestFirst>::new();
/// [2, 3, 1].map(|item| queue.put_nowait(item).unwrap());
/// assert_eq!([(); 3].map(|()| queue.get_nowait().unwrap()), [1, 2, 3]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SmallestFirst;

mod sealed {
    /// Orders run with the queue's lock held, so they are ours.
    pub trait Sealed {}
    impl Sealed for super::Fifo {}
    impl Sealed for super::Lifo {}
    impl Sealed for super::SmallestFirst {}
}

impl<T> Order<T> for Fifo {
    type Items = VecDeque<T>;
    const QUEUE: &'static str = "Queue";

    #[inline]
    fn push(items: &mut VecDeque<T>, item: T) {
        items.push_back(item);
    }

    #[inline]
    fn pop(items: &mut VecDeque<T>) -> Option<T> {
        items.pop_front()
    }

    #[inline]
    fn len(items: &VecDeque<T>) -> usize {
        items.len()
    }
}

impl<T> Order<T> for Lifo {
    type Items = Vec<T>;
    const QUEUE: &'static str = "LifoQueue";

    fn push(items: &mut Vec<T>, item: T) {
        items.push(item);
    }

    fn pop(items: &mut Vec<T>) -> Option<T> {
        items.pop()
    }

    fn len(items: &Vec<T>) -> usize {
        items.len()
    }
}

impl<T: Ord> Order<T> for SmallestFirst {
    type Items = BinaryHeap<Reverse<T>>;
    const QUEUE: &'static str = "PriorityQueue";

    fn push(items: &mut BinaryHeap<Reverse<T>>, item: T) {
        items.push(Reverse(item));
    }

    fn pop(items: &mut BinaryHeap<Reverse<T>>) -> Option<T> {
        items.pop().map(|Reverse(item)| item)
    }

    fn len(items: &BinaryHeap<Reverse<T>>) -> usize {
        items.len()
    }
}
