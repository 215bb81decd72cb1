//! The strand: callbacks that come while the runner finds nothing left to do.

use std::sync::Arc;

use heist_core::sync::Mutex;
use heist_core::sync::cell::UnsafeCell;

use super::{check, side};
use crate::callbacks::{Put, Strand};

/// A strand, and what its callbacks did: a cell that only one may touch at a time, which loom checks.
struct Line {
    strand: Strand<u32>,
    ran: UnsafeCell<Vec<u32>>,
}

// SAFETY: the strand lets one runner touch the cell at a time; the models look for the opposite.
unsafe impl Send for Line {}
// SAFETY: as above.
unsafe impl Sync for Line {}

impl Line {
    fn new() -> Arc<Self> {
        Arc::new(Self { strand: Strand::new(), ran: UnsafeCell::new(Vec::new()) })
    }

    /// `call_soon`, and the runner that it creates, here and now.
    fn call(&self, job: u32) -> bool {
        match self.strand.put(job) {
            Put::Done => true,
            Put::Run => {
                while let Some(job) = self.strand.take() {
                    // SAFETY: this is the one runner.
                    self.ran.with_mut(|ran| unsafe { (*ran).push(job) });
                }
                true
            }
            Put::Closed(_) => false,
        }
    }

    fn ran(&self) -> Vec<u32> {
        // SAFETY: all threads have ended.
        self.ran.with(|ran| unsafe { (*ran).clone() })
    }
}

/// Each is called once, by one runner at a time, those of one thread in their order.
#[test]
fn put_and_runner_end() {
    check("put_and_runner_end", None, || {
        let line = Line::new();
        let its = line.clone();
        let other = side(move || {
            assert!(its.call(1));
            assert!(its.call(2));
        });
        assert!(line.call(10));
        other.join().unwrap();
        let ran = line.ran();
        let theirs: Vec<_> = ran.iter().copied().filter(|job| *job < 10).collect();
        assert_eq!((ran.len(), theirs), (3, vec![1, 2]), "lost, or out of order");
    });
}

#[test]
fn two_puts_and_runner_end() {
    check("two_puts_and_runner_end", Some(2), || {
        let line = Line::new();
        let (second, third) = (line.clone(), line.clone());
        let second = side(move || assert!(second.call(1)));
        let third = side(move || assert!(third.call(2)));
        assert!(line.call(3));
        second.join().unwrap();
        third.join().unwrap();
        let mut ran = line.ran();
        ran.sort_unstable();
        assert_eq!(ran, [1, 2, 3]);
    });
}

/// What is not run comes back from the close, or is refused.
#[test]
fn put_and_close_of_the_strand() {
    check("put_and_close_of_the_strand", None, || {
        let line = Line::new();
        let taken = Arc::new(Mutex::new(0));
        let (its, count) = (line.clone(), taken.clone());
        let other = side(move || {
            for job in [1, 2] {
                *count.lock() += u32::from(its.call(job));
            }
        });
        let left = line.strand.close().len();
        other.join().unwrap();
        assert_eq!(line.ran().len() + left, *taken.lock() as usize, "neither called nor handed back");
        assert!(!line.call(3), "a closed strand takes no more");
    });
}
