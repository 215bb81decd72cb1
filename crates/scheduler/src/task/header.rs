//! The untyped front of a task cell.

mod complete;
mod wakes;

use std::mem::offset_of;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;
use std::task::{Context, Poll, Waker};

use heist_core::context::IdentityAt;
use heist_core::sync::Mutex;
use heist_core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use heist_core::sync::cell::UnsafeCell;
use heist_core::sync::hint;
use heist_core::sync::mutant;
use heist_core::{CancelledError, context};

use super::body::Watcher;
use super::error::TaskError;
use super::remote::{self, Noted, Remote};
use super::state::{AT_ONCE, Access, COMPLETE, Complete, Detach, LOAN, LOCAL, Wake, Word, references};
use crate::debug;
use crate::heap::Page;
use crate::worker::Worker;

/// What a task is to the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Polled by any worker, through the run queues.
    Task,
    /// The end of a `try_finally` that was dropped half-way: a task that a closing loop accepts, does not cancel, and waits
    /// for.
    Cleanup,
    /// An internal task that calls callbacks: polled like a task, listed nowhere.
    Callback,
    /// The future that `block_on` polls on its own stack: a wake reaches worker 0.
    Main,
    /// A closure that a thread of the blocking pool runs once.
    Blocking,
}

impl Kind {
    /// Whether it is always polled through the run queues.
    #[inline]
    fn is_queued(self) -> bool {
        matches!(self, Self::Task | Self::Cleanup | Self::Callback)
    }
}

/// The operations of a cell that depend on the future's type.
pub(crate) struct VTable {
    pub(crate) kind: Kind,
    /// The name of the future's type, which for an async function says which.
    pub(crate) type_name: fn() -> &'static str,
    /// Polls the future once, catching its panic. On Ready the future is dropped and the output is in its place; how it
    /// ended is what [`outcome`](Self::outcome) says.
    pub(crate) poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> Poll<u64>,
    /// Drops the future and puts an error in its place.
    pub(crate) fail: unsafe fn(NonNull<Header>, TaskError),
    /// Puts an error in the place of a value; a panic stays.
    pub(crate) overrule: unsafe fn(NonNull<Header>, TaskError),
    /// Where the output is, a `Result<T, TaskError>`; null once it was taken.
    pub(crate) output: unsafe fn(NonNull<Header>) -> *const (),
    /// How the task ended: [`FAILED`](super::state::FAILED) and [`CANCELLED`](super::state::CANCELLED).
    pub(crate) outcome: unsafe fn(NonNull<Header>) -> u64,
    /// The text of the panic that is the output, if that is what it is.
    pub(crate) panic: unsafe fn(NonNull<Header>) -> Option<String>,
    /// Drops the output, if it is there.
    pub(crate) drop_output: unsafe fn(NonNull<Header>),
    /// Moves the output, an `Option<Result<T, TaskError>>`, to where the pointer says.
    pub(crate) take_output: unsafe fn(NonNull<Header>, *mut ()),
    /// Takes out who is to be told of the end; `None` where there never is anybody.
    pub(crate) watcher: Option<unsafe fn(NonNull<Header>) -> Option<Watcher>>,
    /// What there is to do with a label; `None` where there is none.
    pub(crate) label: Option<&'static LabelTable>,
}

/// The operations of a cell that has a label.
pub(crate) struct LabelTable {
    /// The name that the label says.
    pub(crate) name: unsafe fn(NonNull<Header>) -> Option<std::sync::Arc<str>>,
    /// Drops the label, when the cell is freed.
    pub(crate) drop: unsafe fn(NonNull<Header>),
}

/// The parts of a task that most tasks never need.
#[derive(Debug, Default)]
pub(crate) struct Cold {
    pub(crate) name: Mutex<Option<std::sync::Arc<str>>>,
    /// Requests for cancellation, and the parts of the task that can be cancelled on their own.
    pub(crate) tree: std::sync::OnceLock<std::sync::Arc<heist_core::scope::Tree>>,
    /// The context variables, once there are any.
    pub(crate) vars: std::sync::OnceLock<heist_core::vars::Context>,
    /// Done callbacks.
    pub(crate) callbacks: super::done::Slot,
    /// How to tell of a value that nobody has read and that matters; see [`Task::report_unread`](super::Task::report_unread).
    pub(crate) unread: std::sync::OnceLock<super::unread::Describe>,
    /// Whether the handle, which went before the end, wants nobody told of a failure.
    pub(crate) silent: AtomicBool,
    /// Whether it was polled in debug mode.
    pub(crate) ran: AtomicBool,
    /// Who waits, on a foreign thread, for a local task to complete.
    pub(crate) foreign_joiner: Mutex<Option<Waker>>,
    /// What subscribers of `tracing` see of the task, where one wants to.
    #[cfg(feature = "tracing")]
    pub(crate) span: std::sync::OnceLock<crate::trace::TaskSpan>,
}

/// The front of every task cell: 88 bytes, then the future or its output.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) word: Word,
    /// Notes of other threads, of a local task; what is counted in advance, of a shared one.
    pub(crate) remote: Remote,
    front: Front,
}

/// In the field of the parent's id: somebody has looked at the outcome by the handle, or does not care for it. Bookkeeping: it is
/// read when the handle goes, and whoever lets that go has synchronised with whoever used it.
const READ: u64 = 1 << 63;

/// What a header holds besides its state words. Written when a cell is filled, all at once.
pub(crate) struct Front {
    pub(crate) vtable: &'static VTable,
    /// The page that the cell lies in; it knows the loop, and lives as long as any of its cells.
    pub(crate) page: *const Page,
    pub(crate) id: u64,
    /// The id of the task that created this one, 0 for none, and [`READ`].
    parent: AtomicU64,
    pub(crate) location: &'static Location<'static>,
    /// Who awaits the handle. Owned by the handle while `JOINER` is clear, by the completing side while it is set.
    pub(crate) joiner: UnsafeCell<Option<Waker>>,
    /// The task that this one awaits outside of any scope; see `cancel`. Of a free cell, the next one of its list.
    pub(crate) awaits: AtomicPtr<Header>,
    /// Allocated by the first who needs it, freed with the cell.
    pub(crate) cold: AtomicPtr<Cold>,
}

impl std::ops::Deref for Header {
    type Target = Front;

    #[inline(always)]
    fn deref(&self) -> &Front {
        &self.front
    }
}

impl Front {
    /// The id of the task that created this one; 0 for none.
    pub(crate) fn parent(&self) -> u64 {
        self.parent.load(Ordering::Relaxed) & !READ
    }

    /// Whether the handle has read the outcome.
    #[inline]
    pub(super) fn is_read(&self) -> bool {
        self.parent.load(Ordering::Relaxed) & READ != 0
    }

    /// Notes that the handle has read the outcome.
    pub(super) fn set_read(&self) {
        // Nothing else of the field ever changes, so a load and a store lose nothing.
        self.parent.store(self.parent.load(Ordering::Relaxed) | READ, Ordering::Relaxed);
    }
}

impl Header {
    /// The next cell of a list of free ones. Called by whoever holds this free cell.
    #[inline]
    pub(crate) fn next_free(&self) -> *mut Header {
        // Relaxed, as in `set_next_free`: lists go from thread to thread by their heads.
        self.awaits.load(Ordering::Relaxed)
    }

    /// Called by whoever holds this free cell, which is no task and awaits none.
    #[inline]
    pub(crate) fn set_next_free(&self, next: *mut Header) {
        self.awaits.store(next, Ordering::Relaxed);
    }

    /// Where the id of a task and the place of its creation are.
    pub(crate) const IDENTITY: IdentityAt = IdentityAt {
        id: offset_of!(Header, front) + offset_of!(Front, id),
        location: offset_of!(Header, front) + offset_of!(Front, location),
    };

    /// Makes the state words of a cell that was never used, when it is first handed out.
    ///
    /// # Safety
    ///
    /// `cell` is memory of a header that nobody has had.
    #[inline]
    pub(crate) unsafe fn carve(cell: NonNull<Header>) {
        // SAFETY: the field lies in the cell.
        let word = unsafe { &raw mut (*cell.as_ptr()).word };
        // SAFETY: the caller alone has the cell.
        unsafe { word.write(Word::new(0)) };
        // SAFETY: the field lies in the cell.
        let remote = unsafe { &raw mut (*cell.as_ptr()).remote };
        // SAFETY: the caller alone has the cell.
        unsafe { remote.write(Remote::new()) };
    }

    /// Fills a free cell's header, all but its state words: those are atomics that walkers of the registry may read at
    /// any time.
    ///
    /// # Safety
    ///
    /// `cell` is a free cell that the caller alone has, and `page` is its page.
    #[inline]
    pub(crate) unsafe fn fill(
        cell: NonNull<Header>,
        vtable: &'static VTable,
        page: *const Page,
        id: u64,
        parent: u64,
        location: &'static Location<'static>,
    ) {
        // SAFETY: the field lies in the cell.
        let front = unsafe { &raw mut (*cell.as_ptr()).front };
        let value = Front {
            vtable,
            page,
            id,
            parent: AtomicU64::new(parent),
            location,
            joiner: UnsafeCell::new(None),
            awaits: AtomicPtr::new(ptr::null_mut()),
            cold: AtomicPtr::new(ptr::null_mut()),
        };
        // SAFETY: the caller alone has the cell, and nothing in it is to be dropped.
        unsafe { front.write(value) };
    }
}

/// A pointer to a task, with the operations that do not depend on its type. Owns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raw(pub(crate) NonNull<Header>);

// SAFETY: the operations below are those of a shared task cell, made for any thread; each states what it needs.
unsafe impl Send for Raw {}

impl Raw {
    /// The header.
    ///
    /// Every `Raw` is made from a cell that its holder keeps alive: by a reference that it counts, or because the task
    /// is queued or being polled and so not complete. The borrow must end before that does.
    #[inline]
    pub(crate) fn header<'a>(self) -> &'a Header {
        // SAFETY: the holder keeps the cell alive, see above; fields that change are cells or atomics.
        unsafe { self.0.as_ref() }
    }

    /// Has the cache fetch the cell's first two lines, which its poll writes, while this thread does something else.
    #[inline]
    pub(crate) fn prefetch(self) {
        let cell = self.0.as_ptr().cast_const().cast::<u8>();
        hint::prefetch_to_write(cell);
        hint::prefetch_to_write(cell.wrapping_add(64));
    }

    #[inline]
    fn page<'a>(self) -> &'a Page {
        // SAFETY: a page lives as long as any of its cells, and the holder keeps this one alive.
        unsafe { &*self.header().page }
    }

    /// The loop's shared block.
    #[inline]
    pub(crate) fn shared<'a>(self) -> &'a std::sync::Arc<crate::shared::Shared> {
        self.page().shared()
    }

    /// How this thread may touch the state word; `None` on a local task of another thread.
    #[inline]
    pub(crate) fn access(self) -> Option<Access> {
        if self.header().word.load() & LOCAL == 0 {
            return Some(Access::Shared);
        }
        self.is_at_home().then_some(Access::Owner)
    }

    /// Whether this thread is a worker of the task's loop.
    #[inline]
    fn is_at_home(self) -> bool {
        self.with_home(|home| home.is_some())
    }

    /// Calls `f` with the worker that this thread is, if it is one of the task's loop.
    #[inline]
    fn with_home<R>(self, f: impl FnOnce(Option<&Worker>) -> R) -> R {
        let id = self.page().loop_id();
        context::with(|context| {
            let home = context.filter(|context| context.loop_id() == id);
            // SAFETY: a context with the id of a loop of ours is the front of a `Worker`, set by its own run.
            f(home.map(|context| unsafe { Worker::from_context(context) }))
        })
    }

    /// Does `on_word` with the state word where this thread may, and `on_remote` with the remote word where not. The
    /// caller has a reference, and keeps it for the duration.
    #[inline]
    fn on_word<R>(
        self,
        on_word: impl Fn(&Word, Access) -> R,
        on_remote: impl FnOnce(&Remote) -> Noted,
        noted: R,
    ) -> R {
        let header = self.header();
        if let Some(access) = self.access() {
            return on_word(&header.word, access);
        }
        match on_remote(&header.remote) {
            Noted::Push => {
                self.shared().inject(self);
                noted
            }
            Noted::Underway => noted,
            Noted::Closed => on_word(&header.word, Access::Shared),
        }
    }

    /// Before the owner counts a local task's word down to zero: takes over what foreign threads have counted.
    ///
    /// A reference that a foreign thread counted in the remote word may be dropped by the owner, on its own word: that
    /// one alone may reach zero, or pass it, while references are left. Word and remote word together are always right.
    #[inline]
    fn gather(self, access: Access) {
        let header = self.header();
        if access == Access::Owner && references(header.word.load()) <= 1 && !mutant("remote-gather") {
            let count = header.remote.take_count();
            if count != 0 {
                header.word.adjust_owner(count);
            }
        }
    }

    /// One more reference.
    #[inline]
    pub(crate) fn acquire(self) {
        self.on_word(|word, access| word.acquire(access), Remote::acquire, ());
    }

    /// One more reference, for a clone of the waker: in a poll of this task one that was counted in advance.
    #[inline]
    pub(crate) fn acquire_for_waker(self) {
        let header = self.0.as_ptr().cast_const().cast();
        let is_polled_here = context::with(|context| {
            context.is_some_and(|context| std::ptr::eq(context.current(), header))
                || mutant("task-anybody-clones-in-advance")
        });
        // A task that has ended has given back what was counted in advance.
        if is_polled_here && self.header().word.load() & (LOCAL | COMPLETE) == 0 {
            self.acquire_in_advance();
        } else {
            self.acquire();
        }
    }

    /// As [`acquire`](Self::acquire), by the side that polls a shared task.
    #[inline]
    fn acquire_in_advance(self) {
        let Header { word, remote, .. } = self.header();
        let advance = match remote.advance() {
            0 => {
                word.acquire_at_once();
                AT_ONCE
            }
            advance => advance,
        };
        remote.set_advance(advance - 1);
    }

    /// How many references the word counts in advance. For the side that polls the task, or polled it last, and until its next
    /// clone: a value's drop may clone, too.
    #[inline]
    fn advance(self) -> u64 {
        if mutant("task-complete-keeps-advance") { 0 } else { self.header().remote.advance() }
    }

    /// Gives a reference back.
    #[inline]
    pub(crate) fn release(self) {
        match self.access() {
            Some(access) => self.release_with(access),
            None => self.release_foreign(),
        }
    }

    /// As [`release`](Self::release), on another thread than the owner's of a local task.
    #[cold]
    #[inline(never)]
    fn release_foreign(self) {
        // Keeps the inbox alive past the moment in which the owner frees the cell.
        let shared = self.shared().clone();
        match self.header().remote.release() {
            Noted::Push => shared.inject(self),
            Noted::Underway => {}
            Noted::Closed => self.release_with(Access::Shared),
        }
    }

    #[inline]
    fn release_with(self, access: Access) {
        let header = self.header();
        if access == Access::Owner && references(header.word.load()) == 1 && header.remote.is_clear() {
            // The usual end of a local task: one look at the remote word says that there is nothing to gather, and that
            // nothing is on its way.
            header.word.release(access);
            return self.free();
        }
        self.gather(access);
        if self.header().word.release(access) {
            self.free_complete(access);
        }
    }

    /// As [`release`](Self::release), of a task that has ended.
    #[inline]
    pub(crate) fn release_ended(self) {
        match self.access() {
            Some(Access::Shared) => {
                if self.header().word.release_ended(Access::Shared) {
                    self.free();
                }
            }
            Some(Access::Owner) => self.release_with(Access::Owner),
            None => self.release_foreign(),
        }
    }

    /// Whether the future is gone.
    #[inline]
    pub(crate) fn is_complete(self) -> bool {
        self.header().word.load() & super::state::COMPLETE != 0
    }

    /// Begins to make a local task of a closing loop, which is complete, a shared one. Owner only; the caller counts a
    /// reference. [`finish_sharing`](Self::finish_sharing) must follow.
    pub(crate) fn begin_sharing(self) {
        self.header().word.share();
    }

    /// Adds the last notes and gives the caller's reference back. `false` while a note is on its way to the inbox: merge
    /// what is there and try again. Owner only.
    pub(crate) fn finish_sharing(self) -> bool {
        match self.header().remote.close() {
            None => false,
            Some((flags, count)) => {
                self.apply_notes(Access::Shared, flags, count - LOAN);
                self.release_with(Access::Shared);
                true
            }
        }
    }

    /// Merges what foreign threads noted about this local task, shared by now if its loop is closing. Owner only.
    pub(crate) fn merge(self) {
        let header = self.header();
        let (flags, count) = header.remote.merge();
        let access = if header.word.load() & LOCAL == 0 { Access::Shared } else { Access::Owner };
        self.apply_notes(access, flags, count);
    }

    /// Ends a task that reaches the injector after its loop was closed: one that a stuck worker brings, or one that
    /// another thread created or noted something about at the last moment.
    #[cold]
    pub(crate) fn end_late(self) {
        let header = self.header();
        if header.word.load() & LOCAL != 0 {
            // The owner is gone, and `INBOX`, which brought the task here, is this thread's alone: it stands in for the
            // owner. A wake that was noted brings the task back here as a shared one.
            header.word.share();
            let (flags, count) = header.remote.close_arrived();
            self.apply_notes(Access::Shared, flags, count - LOAN);
            return;
        }
        // SAFETY: the task is out of `IDLE` and in no queue, so this thread alone may poll it; it is a shared one, and
        // its future is Send.
        unsafe { self.end(Access::Shared, "the event loop is closed") };
    }

    /// Drops the future, and ends the task as cancelled.
    ///
    /// # Safety
    ///
    /// The task is not complete, the caller alone may poll it, on this thread, and does not touch it afterwards.
    pub(crate) unsafe fn end(self, access: Access, why: &str) {
        let error = TaskError::cancelled(CancelledError::new(Some(why)));
        if let Some(tree) = self.tree_if_any() {
            let _ = tree.take_fresh();
            tree.end();
        }
        debug::tell_if_it_never_ran(self);
        // SAFETY: passed on from the caller.
        context::quietly(|| unsafe { self.end_with(access, error) });
    }

    /// Drops the future, and ends the task with this error.
    ///
    /// # Safety
    ///
    /// As for [`end`](Self::end).
    pub(crate) unsafe fn end_with(self, access: Access, error: TaskError) {
        let vtable = self.header().vtable;
        // SAFETY: passed on from the caller.
        unsafe { (vtable.fail)(self.0, error) };
        // SAFETY: as above; the output is in its place.
        let outcome = unsafe { (vtable.outcome)(self.0) };
        if vtable.kind != Kind::Callback {
            self.shared().foreign_tally.task_ended();
        }
        // SAFETY: passed on from the caller.
        unsafe { self.complete(access, outcome) };
    }

    /// Carries out notes: on the owner, or at close on the then shared word.
    pub(crate) fn apply_notes(self, access: Access, flags: u64, count: i64) {
        let header = self.header();
        // Held while the notes are carried out, so that none of them frees the cell under the next.
        header.word.acquire(access);
        match access {
            Access::Owner => header.word.adjust_owner(count),
            Access::Shared => {
                let _ = header.word.adjust(count);
            }
        }
        if flags & remote::CANCEL != 0 {
            if let Some(Wake::Queue) = header.word.cancel(access) {
                self.schedule();
            }
        }
        if flags & remote::WOKEN != 0 && header.word.wake_by_ref(access) == Wake::Queue {
            self.schedule();
        }
        if flags & remote::JOIN != 0 && self.is_complete() {
            self.take_foreign_joiner();
        }
        if flags & remote::DETACH != 0 {
            self.detach_with(access);
        }
        self.release_with(access);
    }

    /// The handle goes.
    pub(crate) fn detach(self) {
        match self.access() {
            Some(access) => self.detach_with(access),
            None => self.detach_foreign(),
        }
    }

    /// As [`detach`](Self::detach), on another thread than the owner's of a local task.
    #[cold]
    #[inline(never)]
    fn detach_foreign(self) {
        let shared = self.shared().clone();
        match self.header().remote.detach() {
            Noted::Push => shared.inject(self),
            Noted::Underway => {}
            Noted::Closed => self.detach_with(Access::Shared),
        }
    }

    #[inline]
    fn detach_with(self, access: Access) {
        let header = self.header();
        if header.word.load() & super::state::JOINER != 0
            && header.word.take_joiner(access) == super::state::Join::Changed
        {
            self.leave_joiner();
        }
        self.gather(access);
        match header.word.detach(access) {
            Detach::Done => {}
            Detach::DropOutput => self.detach_complete(access),
        }
    }

    /// The handle goes, and its waker was left in the join slot, which is the handle's again.
    #[inline(never)]
    fn leave_joiner(self) {
        // SAFETY: `JOINER` is clear again, so the slot belongs to the handle's side, which is us.
        let waker = self.header().joiner.with_mut(|slot| unsafe { (*slot).take() });
        if let Some(waker) = waker {
            self.unlink(&waker);
        }
    }

    /// The handle of a complete task goes, and the output with it.
    #[inline(never)]
    fn detach_complete(self, access: Access) {
        let header = self.header();
        if self.is_worth_telling(header.word.load()) {
            self.tell_unread();
        }
        // SAFETY: the task is complete, and the handle, which owns the output, is ours to end.
        unsafe { (header.vtable.drop_output)(self.0) };
        self.release_with(access);
    }

    /// The cold part, made by the first who asks.
    pub(crate) fn cold<'a>(self) -> &'a Cold {
        let slot = &self.header().cold;
        let found = slot.load(Ordering::Acquire);
        let found = if found.is_null() {
            let made = Box::into_raw(Box::<Cold>::default());
            // AcqRel: publishes the new part, or sees the other's.
            match slot.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => made,
                Err(other) => {
                    // SAFETY: `made` came from `Box::into_raw` above and was never shared.
                    drop(unsafe { Box::from_raw(made) });
                    other
                }
            }
        } else {
            found
        };
        // SAFETY: once set, the part lives as long as the cell, which the holder keeps alive.
        unsafe { &*found }
    }

    /// The cold part, if anybody has needed it.
    pub(crate) fn cold_if_any<'a>(self) -> Option<&'a Cold> {
        // SAFETY: as in `cold`; null is allowed for.
        unsafe { self.header().cold.load(Ordering::Acquire).as_ref() }
    }

    /// The name that the task's label says.
    fn label(self) -> Option<std::sync::Arc<str>> {
        let label = self.header().vtable.label?;
        // SAFETY: the table is that of the cell's own type, and the holder keeps the cell alive.
        unsafe { (label.name)(self.0) }
    }

    /// The name, or `Task-ID`.
    pub(crate) fn name(self) -> std::sync::Arc<str> {
        let given = self.cold_if_any().and_then(|cold| cold.name.lock().clone());
        given.or_else(|| self.label()).unwrap_or_else(|| format!("Task-{}", self.header().id).into())
    }

    /// Empties the cell and gives it back to its page. Nobody may touch the task any more.
    #[cold]
    #[inline(never)]
    fn free_cold(cold: *mut Cold) {
        // SAFETY: the part came from `Box::into_raw` in `cold`, and the cell that owned it is being freed.
        let cold = unsafe { Box::from_raw(cold) };
        // Context variables are the user's, and their drops may panic.
        super::cell::discard(move || drop(cold));
    }

    /// Drops a waker that was left in the join slot of a cell that is being freed.
    #[inline(never)]
    fn drop_joiner(self) {
        // SAFETY: as in `free`.
        let left = self.header().joiner.with_mut(|slot| unsafe { (*slot).take() });
        drop(left);
    }

    /// Empties the cell and gives it back to its page. The caller held the last reference of a complete task.
    #[inline]
    fn free(self) {
        let header = self.header();
        let cold = header.cold.load(Ordering::Acquire);
        if !cold.is_null() {
            header.cold.store(ptr::null_mut(), Ordering::Relaxed);
            Self::free_cold(cold);
        }
        if let Some(label) = header.vtable.label {
            // SAFETY: the table is that of the cell's own type; the last reference is gone, and a cell is freed once.
            unsafe { (label.drop)(self.0) };
        }
        // SAFETY: the last reference is gone, so nobody else touches the slot.
        if header.joiner.with(|slot| unsafe { (*slot).is_some() }) {
            self.drop_joiner();
        }
        // SAFETY: complete, unreferenced, output dropped or taken (the handle did that, or the completing side).
        unsafe { Page::free(header.page, self.0) };
    }
}
