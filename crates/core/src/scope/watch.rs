//! What a task awaits, for those who look: a graph of who waits for whom.
//!
//! An await that forwards cancellation stands in its task's tree anyway, with its target. One that does not (`wait`,
//! `shield`, `as_completed`, a group that waits for its children) notes what it awaits by a [`Watch`]. Nobody acts upon a
//! note: it only says what is so. Looking polls nothing.

use std::fmt;
use std::sync::Arc;

use super::tree::Tree;
use crate::context;
use crate::sync::Mutex;

/// Something that is awaited.
///
/// ```
/// # use heist_core::scope::Awaited;
/// /// In words, for a person.
/// fn words(awaited: &Awaited) -> String {
///     match awaited {
///         Awaited::Task(id) => format!("task {id}"),
///         other => format!("{other:?}"),
///     }
/// }
/// assert_eq!(words(&Awaited::Task(7)), "task 7");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Awaited {
    /// The task with this id.
    Task(u64),
    /// The future (asyncio's) whose shared state lies at this address.
    Future(usize),
}

/// Something that awaits for the task that polls it.
pub trait Awaits: Send + Sync {
    /// Tells what is awaited at the moment. Called by those who look, on any thread; must not block.
    fn each_awaited(&self, visit: &mut dyn FnMut(Awaited));
}

impl Awaits for Vec<Awaited> {
    fn each_awaited(&self, visit: &mut dyn FnMut(Awaited)) {
        self.iter().copied().for_each(visit);
    }
}

/// A note in a task that it awaits something. Lives in the future that does the waiting.
///
/// Costs an allocation of the caller's and two uncontended locks for each wait that is Pending at all; nothing for one that
/// is ready at once. Outside of a heist task it does nothing.
#[derive(Default)]
pub struct Watch {
    /// The tree of the task, the note in it, and the task's header to compare with.
    noted: Option<(Arc<Tree>, u64, usize)>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("noted", &self.noted.is_some()).finish()
    }
}

impl Watch {
    /// A watch that has noted nothing.
    pub const fn new() -> Self {
        Self { noted: None }
    }

    /// The owner is about to return Pending: notes in the task that is being polled what it awaits, unless it is noted
    /// there already. `awaits` may tell other things each time that it is asked.
    #[inline]
    pub fn pending(&mut self, awaits: impl FnOnce() -> Arc<dyn Awaits>) {
        context::with(|context| {
            let Some(context) = context.filter(|context| !context.current().is_null()) else { return };
            let current = context.current().addr();
            if self.noted.as_ref().is_some_and(|(tree, _, task)| *task == current && !tree.is_over()) {
                return;
            }
            self.done();
            self.noted = context.tree().map(|tree| {
                let note = tree.watched.add(awaits());
                (tree, note, current)
            });
        });
    }

    /// The wait is over. Dropping the watch says the same.
    #[inline]
    pub fn done(&mut self) {
        if let Some((tree, note, _)) = self.noted.take() {
            drop(tree.watched.remove(note));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.done();
    }
}

/// The notes of one task.
#[derive(Default)]
pub(super) struct Watched {
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    next: u64,
    list: Vec<(u64, Arc<dyn Awaits>)>,
}

impl Watched {
    fn add(&self, awaits: Arc<dyn Awaits>) -> u64 {
        let mut notes = self.notes.lock();
        notes.next += 1;
        let note = notes.next;
        notes.list.push((note, awaits));
        note
    }

    /// The note comes back, to be dropped without the lock.
    fn remove(&self, note: u64) -> Option<Arc<dyn Awaits>> {
        let mut notes = self.notes.lock();
        let at = notes.list.iter().position(|&(found, _)| found == note)?;
        Some(notes.list.swap_remove(at).1)
    }

    fn all(&self) -> Vec<Arc<dyn Awaits>> {
        self.notes.lock().list.iter().map(|(_, awaits)| awaits.clone()).collect()
    }
}

impl Tree {
    /// Tells what the task awaits, as far as forwarders and watches say. Any thread.
    pub fn each_awaited(&self, mut visit: impl FnMut(Awaited)) {
        // Asked outside of the locks: whoever answers may take its own.
        for target in self.forwarded() {
            target.each_awaited(&mut visit);
        }
        for awaits in self.watched.all() {
            awaits.each_awaited(&mut visit);
        }
    }
}
