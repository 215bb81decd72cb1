//! The block, its nodes, and the wakers that point to them.

use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::Arc;
use std::task::{RawWaker, RawWakerVTable, Wake, Waker};

use heist_core::CancelledError;
use heist_core::scope::{Awaited, Awaits, CancelTarget};
use heist_core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering};
use heist_core::sync::{Mutex, mutant};

use super::super::header::Header;
use super::super::state::FAILED;
use super::{Ended, Request, Wanted};

/// In a link: the task of the node that holds it has ended without a value.
pub(super) const FAILED_FLAG: u32 = 1 << 31;

/// One step of the count; the list's head is below it.
const LEFT: u64 = 1 << 32;
const HEAD: u64 = LEFT - 1;

/// Nobody has asked for cancellation.
const NONE: u8 = 0;
/// A request is there to be taken.
const LEFT_THERE: u8 = 1;
/// There was one.
const TAKEN: u8 = 2;

/// A task among those that are waited for. The data of a waker in its join slot.
struct Node {
    block: *const Block,
    index: u32,
    /// The node that was noted before this one, plus 1, 0 for none, and [`FAILED_FLAG`]. Written by who notes this node,
    /// before the step that puts it into the list; read by who took the list.
    link: AtomicU32,
    /// The task, to see how it ended. Set before the waker is handed out.
    task: AtomicPtr<Header>,
    /// The task's id while its waker counts, else 0: for those who look at who waits for whom.
    id: AtomicU64,
}

/// What the tasks' join slots and the one who waits share.
pub(super) struct Block {
    /// Bits 0..32: the node noted last, plus 1; 0 for none. Bits 32..64: how many nodes' wakers are neither used nor
    /// dropped.
    word: AtomicU64,
    nodes: Box<[Node]>,
    /// Who is woken. Set by the one who waits, taken by who wakes it.
    waiter: Mutex<Option<Waker>>,
    wanted: AtomicU8,
    /// Whether some task ended without a value.
    failed: AtomicBool,
    request: Mutex<Option<Request>>,
    /// [`NONE`], [`LEFT_THERE`] or [`TAKEN`]: a look that saves the lock. Changed in the lock of the request.
    requested: AtomicU8,
}

// SAFETY: the pointers in the nodes lead to the block itself, and to tasks, which are used as `Block::note` says, on any
// thread; all else is atomics and locks.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

#[cfg(all(test, heist_loom))]
impl Drop for Block {
    fn drop(&mut self) {
        super::models::note_gone(self);
    }
}

static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release);

impl Block {
    pub(super) fn new(tasks: usize, wanted: Wanted) -> Arc<Self> {
        let node = |index| Node {
            block: ptr::null(),
            index: index as u32,
            link: AtomicU32::new(0),
            task: AtomicPtr::new(ptr::null_mut()),
            id: AtomicU64::new(0),
        };
        let mut block = Arc::new(Self {
            word: AtomicU64::new(tasks as u64 * LEFT),
            nodes: (0..tasks).map(node).collect(),
            waiter: Mutex::new(None),
            wanted: AtomicU8::new(wanted as u8),
            failed: AtomicBool::new(false),
            request: Mutex::new(None),
            requested: AtomicU8::new(NONE),
        });
        let address = Arc::as_ptr(&block);
        if let Some(block) = Arc::get_mut(&mut block) {
            for node in &mut block.nodes {
                node.block = address;
            }
        }
        #[cfg(all(test, heist_loom))]
        super::models::note_made(&block);
        if tasks > 0 {
            // The reference that all nodes have in common; see `let_go`.
            let _ = Arc::into_raw(block.clone());
        }
        block
    }

    /// The waker of a node, to be used or dropped once. Called once for each index.
    pub(super) fn arm(self: &Arc<Self>, index: usize, task: *mut Header, id: u64) -> Waker {
        let Some(node) = self.nodes.get(index) else {
            panic!("more tasks were added to a countdown than it was made for");
        };
        node.task.store(task, Ordering::Relaxed);
        node.id.store(id, Ordering::Relaxed);
        let data = ptr::from_ref(node).cast::<()>();
        // SAFETY: the table keeps the contract of RawWakerVTable: the node stays while its waker counts in the word, and
        // each clone has a reference of its own.
        unsafe { Waker::new(data, &TABLE) }
    }

    /// As if the wakers of the nodes from `first` on had been made and dropped.
    pub(super) fn skip(self: &Arc<Self>, first: usize) {
        let skipped = self.nodes.len() - first.min(self.nodes.len());
        if skipped > 0 {
            // AcqRel as in `step`.
            let before = self.word.fetch_sub(skipped as u64 * LEFT, Ordering::AcqRel);
            if before / LEFT == skipped as u64 {
                // SAFETY: the count has come to 0 by this step, and the caller has a reference of its own.
                unsafe { let_go(Arc::as_ptr(self)) };
            }
        }
    }

    pub(super) fn left(&self) -> usize {
        // Acquire pairs with the Release in `step`: who reads 0 sees what every task did.
        (self.word.load(Ordering::Acquire) / LEFT) as usize
    }

    pub(super) fn has_come(&self) -> bool {
        self.left() == 0 || self.wanted() == Wanted::Failure && self.failed.load(Ordering::Relaxed)
    }

    pub(super) fn wanted(&self) -> Wanted {
        // A note that finds it old wakes for an event that is not wanted any more.
        match self.wanted.load(Ordering::Relaxed) {
            wanted if wanted == Wanted::All as u8 => Wanted::All,
            wanted if wanted == Wanted::Failure as u8 => Wanted::Failure,
            _ => Wanted::Any,
        }
    }

    pub(super) fn want_all(&self) {
        self.wanted.store(Wanted::All as u8, Ordering::Relaxed);
    }

    /// Empties the list; the latest comes first.
    pub(super) fn take_list(&self, mut take: impl FnMut(Ended)) {
        if self.word.load(Ordering::Relaxed) & HEAD == 0 {
            return;
        }
        // Acquire pairs with the Release in `step`: the links are there. (Release: the next note goes on from it.)
        let mut at = self.word.fetch_and(!HEAD, Ordering::AcqRel) as u32;
        while at != 0 {
            let index = at - 1;
            let link = self.nodes[index as usize].link.load(Ordering::Relaxed);
            take(Ended { index: index as usize, failed: link & FAILED_FLAG != 0 });
            at = link & !FAILED_FLAG;
        }
    }

    // ---- the one who waits ---------------------------------------------------------------------------------------

    /// Leaves the waker that what is wanted is to wake. The caller looks at the word after it.
    pub(super) fn register(&self, waker: &Waker) {
        let mut waiter = self.waiter.lock();
        let same = waiter.as_ref().is_some_and(|before| before.will_wake(waker));
        let before = if same { None } else { waiter.replace(waker.clone()) };
        drop(waiter);
        // Another's waker may do anything when it is dropped.
        drop(before);
    }

    pub(super) fn forget_waiter(&self) {
        let before = self.waiter.lock().take();
        drop(before);
    }

    fn wake_waiter(&self) {
        let mut waiter = self.waiter.lock();
        #[cfg(all(test, heist_loom))]
        super::models::assert_alive(self);
        let waiting = waiter.take();
        drop(waiter);
        if let Some(waiter) = waiting {
            waiter.wake();
        }
    }

    /// Leaves a request for the one who waits, and wakes it; `false` when every task has ended.
    pub(super) fn leave_request(&self, request: Request) -> bool {
        if self.left() == 0 {
            return false;
        }
        let mut slot = self.request.lock();
        let before = slot.replace(request);
        // Release pairs with the Acquire in `take_request`.
        self.requested.store(LEFT_THERE, Ordering::Release);
        drop(slot);
        drop(before);
        self.wake_waiter();
        true
    }

    pub(super) fn take_request(&self) -> Option<Request> {
        // Acquire pairs with the Release of who left it; the wake that follows it orders it as well.
        if self.requested.load(Ordering::Acquire) != LEFT_THERE {
            return None;
        }
        let mut request = self.request.lock();
        self.requested.store(TAKEN, Ordering::Relaxed);
        request.take()
    }

    pub(super) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed) != NONE
    }

    // ---- the tasks -----------------------------------------------------------------------------------------------

    /// Whether a note of a node, with this word before it, is what the one who waits wants to hear of.
    fn fires(&self, word: u64, failed: bool) -> bool {
        match self.wanted() {
            Wanted::All => false,
            Wanted::Failure => failed,
            // The first since the list was taken: the one who waits is awake, or being woken, for the others.
            Wanted::Any => word & HEAD == 0,
        }
    }
}

/// Gives back the reference that the nodes have in common.
///
/// # Safety
///
/// Called once, by whose step the count came to 0, with a pointer from `Arc::as_ptr`.
unsafe fn let_go(block: *const Block) {
    // SAFETY: `new` left this reference, and the caller is the one that gives it back.
    drop(unsafe { Arc::from_raw(block) });
}

/// A reference to the block.
///
/// # Safety
///
/// The block is alive, and the pointer is from `Arc::as_ptr`.
unsafe fn hold(block: *const Block) -> Arc<Block> {
    // SAFETY: passed on from the caller.
    unsafe { Arc::increment_strong_count(block) };
    // SAFETY: the reference was just counted.
    unsafe { Arc::from_raw(block) }
}

/// A node's waker is used (`noted`) or dropped: one step on the word. Wakes the one who waits if that is what it wants.
///
/// # Safety
///
/// Called once for each node, while its waker counts. The node may be gone afterwards.
unsafe fn step(node: &Node, noted: bool) {
    let address = node.block;
    // SAFETY: the block stays while one of its nodes' wakers counts.
    let block = unsafe { &*address };
    let failed = noted && node.has_failed();
    if failed {
        block.failed.store(true, Ordering::Relaxed);
    }
    let flag = if failed { FAILED_FLAG } else { 0 };
    node.id.store(0, Ordering::Relaxed);
    let mut held = None;
    let mut word = block.word.load(Ordering::Relaxed);
    loop {
        let last = word / LEFT == 1;
        let fires = last || (noted && block.fires(word, failed));
        if fires && !last && held.is_none() && !mutant("task-countdown-holds") {
            // From the next step on the others may let the block go.
            // SAFETY: the waker still counts.
            held = Some(unsafe { hold(address) });
        }
        let next = if noted {
            node.link.store(word as u32 | flag, Ordering::Relaxed);
            (word & !HEAD) - LEFT + u64::from(node.index) + 1
        } else {
            word - LEFT
        };
        // Release publishes the link, and what the task did, to who takes the list or reads the count. Acquire: the last
        // one lets the block go after what all the others did with it.
        let order = if mutant("task-countdown-publishes") { Ordering::Acquire } else { Ordering::AcqRel };
        match block.word.compare_exchange_weak(word, next, order, Ordering::Relaxed) {
            Ok(_) => {
                if fires {
                    block.wake_waiter();
                }
                if last {
                    // SAFETY: this step brought the count to 0.
                    unsafe { let_go(address) };
                }
                return;
            }
            Err(now) => word = now,
        }
    }
}

impl Node {
    /// Whether the task has ended without a value.
    fn has_failed(&self) -> bool {
        let task = self.task.load(Ordering::Relaxed);
        // SAFETY: a waker in a join slot is used by the side that has completed the task, or by a handle that finds it
        // complete; both hold a reference meanwhile.
        unsafe { task.as_ref() }.is_some_and(|header| header.word.load() & FAILED != 0)
    }
}

impl CancelTarget for Block {
    /// Leaves the request for the one who waits, who has the tasks.
    fn cancel(&self, error: &CancelledError) -> bool {
        self.leave_request(Request { error: error.clone(), told: false })
    }

    fn each_awaited(&self, visit: &mut dyn FnMut(Awaited)) {
        Awaits::each_awaited(self, visit);
    }
}

impl Awaits for Block {
    fn each_awaited(&self, visit: &mut dyn FnMut(Awaited)) {
        for node in &self.nodes {
            let id = node.id.load(Ordering::Relaxed);
            if id != 0 {
                visit(Awaited::Task(id));
            }
        }
    }
}

/// What a clone of a node's waker is: it wakes the one who waits, and notes nothing.
impl Wake for Block {
    fn wake(self: Arc<Self>) {
        self.wake_waiter();
    }
}

/// The node behind a waker's data pointer.
///
/// # Safety
///
/// `data` is that of a node's waker which is neither used nor dropped.
unsafe fn node<'a>(data: *const ()) -> &'a Node {
    // SAFETY: passed on from the caller; the node is in its block while its waker counts.
    unsafe { &*data.cast::<Node>() }
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the contract of a waker: it is neither used nor dropped.
    let node = unsafe { node(data) };
    // SAFETY: the block stays while this waker counts.
    let waker = ManuallyDrop::new(Waker::from(unsafe { hold(node.block) }));
    RawWaker::new(waker.data(), waker.vtable())
}

unsafe fn wake(data: *const ()) {
    // SAFETY: as in `clone`.
    let node = unsafe { node(data) };
    // SAFETY: a waker is used or dropped once.
    unsafe { step(node, true) };
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: as in `clone`.
    let node = unsafe { node(data) };
    // SAFETY: as above; the reference is for the case that the waiter has the task's waker dropped.
    unsafe { hold(node.block) }.wake_waiter();
}

unsafe fn release(data: *const ()) {
    // SAFETY: as in `clone`.
    let node = unsafe { node(data) };
    // SAFETY: as in `wake`.
    unsafe { step(node, false) };
}
