//! The tree of one task: which parts of it can be cancelled on their own, and what has been asked of them.
//!
//! Everything here happens under one lock, and nothing is called back while it is held: wakers and targets that an
//! operation has to call are collected, and called after it. Links are an index with a generation, never a pointer.

use std::sync::Arc;
use std::task::Waker;

use super::watch::{Awaited, Watched};
use crate::CancelledError;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use crate::sync::mutant;

/// What an awaited thing does when the one who waits for it is cancelled: another task, a future, a gather.
pub trait CancelTarget: Send + Sync {
    /// Passes the request on. `false` when the target has ended, or cannot be waited for: then the request stays with
    /// the one who waits.
    fn cancel(&self, error: &CancelledError) -> bool;

    /// Tells what this is, or what it stands for, in the graph of who awaits whom; see [`Awaits`](super::Awaits).
    fn each_awaited(&self, visit: &mut dyn FnMut(Awaited)) {
        let _ = visit;
    }
}

/// Where a node stands in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId {
    index: u32,
    generation: u32,
}

impl NodeId {
    /// Of no node: generations begin at 1.
    pub(super) const NONE: Self = Self { index: 0, generation: 0 };
}

/// What a node is.
pub(super) enum Kind {
    /// A part that ends with an error of its own when it is cancelled.
    Scope,
    /// A part that only limits: for the requests of others it is as if it were not there.
    Limit,
    /// An await whose target is cancelled instead.
    Forward(Arc<dyn CancelTarget>),
}

struct Slot {
    generation: u32,
    live: bool,
    parent: Option<u32>,
    kind: Kind,
    /// The request that this node is to answer.
    mark: Option<Mark>,
    /// The request that went through this forwarder to its target.
    forwarded: Option<CancelledError>,
    /// Who polls the node, where that is not the task itself.
    waker: Option<Waker>,
    /// The number of the task's poll in which the node was last polled.
    seen: u64,
}

#[derive(Clone)]
struct Mark {
    error: CancelledError,
    delivery: u64,
    /// It came from a node that has left, perhaps when this one had already been polled: another poll is due.
    handed: bool,
}

/// One request on its way: to be answered once, by whichever target comes first.
struct Delivery {
    id: u64,
    /// The scope that asked; `None` for a request to the task.
    origin: Option<u32>,
    answered: bool,
}

#[derive(Default)]
struct State {
    /// A request to the task that nobody has delivered yet.
    fresh: Option<CancelledError>,
    /// A request that came up to the root when a node left.
    raised: Option<CancelledError>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    deliveries: Vec<Delivery>,
    next_delivery: u64,
    /// The id of the target that the task's lone forwarder handed a request to.
    forwarded_alone: u64,
}

/// What is left to do after a poll that returned Pending.
#[derive(Debug)]
#[must_use]
pub enum Settled {
    /// Nothing: every request was answered, or is in the hands of a target.
    Done,
    /// Parts that were asked have yet to be polled, and will be: look again after the next poll.
    Waiting,
    /// Parts that nobody polls were asked: their parents are asked now, poll the task again.
    Again,
    /// The request has come to the root: drop the task's future.
    Drop(CancelledError),
}

/// What [`Tree::deliver`] found.
#[derive(Debug)]
#[must_use]
pub enum Delivered {
    /// Nobody to ask: what asked drops its body.
    Nobody,
    /// Somebody was asked: poll, then [`settle`](Tree::settle).
    Asked,
}

/// The cancellation state of one task.
#[derive(Default)]
pub struct Tree {
    state: Mutex<State>,
    /// How many requests are outstanding: those to the task, less those taken back.
    requests: AtomicU32,
    /// How many marks there may be: a look that saves the lock.
    marks: AtomicU32,
    /// The number of the poll that is under way, or was the last. Written by the side that polls the task.
    poll: AtomicU64,
    over: AtomicBool,
    /// What the task awaits without forwarding, for those who look.
    pub(super) watched: Watched,
}

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("requests", &self.requests()).finish_non_exhaustive()
    }
}

impl State {
    fn get(&mut self, id: NodeId) -> Option<&mut Slot> {
        self.slots.get_mut(id.index as usize).filter(|slot| slot.live && slot.generation == id.generation)
    }

    fn index(&self, id: Option<NodeId>) -> Option<u32> {
        let id = id?;
        let slot = self.slots.get(id.index as usize)?;
        (slot.live && slot.generation == id.generation).then_some(id.index)
    }

    /// Whom a request from below comes to next: the nearest of `at` and those around it that answers, or has asked.
    fn answering(&self, mut at: Option<u32>, origin: Option<u32>) -> Option<u32> {
        while let Some(index) = at {
            let slot = &self.slots[index as usize];
            if at == origin || !matches!(slot.kind, Kind::Limit) {
                break;
            }
            at = slot.parent;
        }
        at
    }

    /// Whether `index` lies below `top`; everything lies below `None`.
    fn is_below(&self, index: u32, top: Option<u32>) -> bool {
        let Some(top) = top else { return true };
        let mut at = self.slots[index as usize].parent;
        while let Some(parent) = at {
            if parent == top {
                return true;
            }
            at = self.slots[parent as usize].parent;
        }
        false
    }

    /// A forwarder that the last poll of the task, or of the scope that asks, did not reach is asleep: what it belongs to
    /// is not being awaited. One that an executor inside the task polls is reached by that one's wakes alone, so it counts
    /// as awake.
    fn is_asleep(slot: &Slot, poll: u64) -> bool {
        matches!(slot.kind, Kind::Forward(_)) && slot.waker.is_none() && slot.seen < poll
    }

    /// The nodes below `top` that have no awake node below them.
    fn leaves(&self, top: Option<u32>, poll: u64) -> Vec<u32> {
        // The scope that asks need not have been polled in every poll of the task, and not yet in this one.
        let poll = top.map_or(poll, |top| self.slots[top as usize].seen);
        let awake =
            |slot: &Slot| slot.live && !matches!(slot.kind, Kind::Limit) && !Self::is_asleep(slot, poll);
        let mut has_inner = vec![false; self.slots.len()];
        for slot in self.slots.iter().filter(|slot| awake(slot)) {
            let mut at = slot.parent;
            while let Some(around) = at {
                has_inner[around as usize] = true;
                at = self.slots[around as usize].parent;
            }
        }
        (0..self.slots.len() as u32)
            .filter(|&index| {
                awake(&self.slots[index as usize]) && !has_inner[index as usize] && self.is_below(index, top)
            })
            .collect()
    }

    /// Whether a request of that number is still before somebody below `top`.
    fn is_asked_below(&self, top: Option<u32>, delivery: u64) -> bool {
        (0..self.slots.len() as u32).any(|index| {
            let slot = &self.slots[index as usize];
            slot.live
                && slot.mark.as_ref().is_some_and(|mark| mark.delivery == delivery)
                && self.is_below(index, top)
        })
    }
}

impl Tree {
    /// How many requests to the task are outstanding; asyncio's `cancelling`.
    pub fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Counts a request to the task, to be delivered by its next poll.
    pub fn request(&self, error: CancelledError) {
        let mut state = self.state.lock();
        self.requests.store(self.requests().saturating_add(1), Ordering::Relaxed);
        // Both in one step: a request that is taken back in between would be delivered all the same.
        if mutant("core-request-in-one-step") {
            drop(state);
            state = self.state.lock();
        }
        // Dropped after the lock.
        let _before = state.fresh.replace(error);
        drop(state);
    }

    /// Takes one request back and returns how many are left; the last one takes a request along that was not delivered.
    /// asyncio's `uncancel`.
    pub fn uncancel(&self) -> u32 {
        let mut state = self.state.lock();
        let left = self.requests().saturating_sub(1);
        self.requests.store(left, Ordering::Relaxed);
        let _undelivered = if left == 0 { state.fresh.take() } else { None };
        drop(state);
        left
    }

    /// The request that is yet to be delivered.
    pub fn take_fresh(&self) -> Option<CancelledError> {
        self.state.lock().fresh.take()
    }

    /// The request that came up to the root when a node left, where the task has ended since.
    pub fn take_raised(&self) -> Option<CancelledError> {
        // Only a node that leaves in the task's last poll brings one up to there.
        if !self.has_requests() {
            return None;
        }
        let raised = self.state.lock().raised.take()?;
        self.marks.fetch_sub(1, Ordering::Relaxed);
        Some(raised)
    }

    /// A poll of the task begins.
    pub fn poll_begins(&self) {
        self.poll.store(self.poll.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// The task has ended, or is being dropped: no node means anything any more.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
        let raised;
        let slots = {
            let mut state = self.state.lock();
            // Dropped with the slots, after the lock.
            raised = state.raised.take();
            state.deliveries.clear();
            state.free.clear();
            std::mem::take(&mut state.slots)
        };
        self.marks.store(0, Ordering::Relaxed);
        drop((slots, raised));
    }

    /// Whether a request may be before some node, or has come up to the root.
    pub(super) fn has_requests(&self) -> bool {
        self.marks.load(Ordering::Relaxed) > 0
    }

    /// Whether the task has ended.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Remembers that the task's lone forwarder handed a request to the target of that id.
    pub fn set_forwarded_alone(&self, target: u64) {
        self.state.lock().forwarded_alone = target;
    }

    /// Whether the task's lone forwarder handed a request to the target of that id; forgets it.
    pub fn take_forwarded_alone(&self, target: u64) -> bool {
        let mut state = self.state.lock();
        let forwarded = state.forwarded_alone == target;
        if forwarded {
            state.forwarded_alone = 0;
        }
        forwarded
    }

    /// What the task's forwarders await.
    pub(super) fn forwarded(&self) -> Vec<Arc<dyn CancelTarget>> {
        let state = self.state.lock();
        let live = state.slots.iter().filter(|slot| slot.live);
        live.filter_map(|slot| match &slot.kind {
            Kind::Scope | Kind::Limit => None,
            Kind::Forward(target) => Some(target.clone()),
        })
        .collect()
    }

    // ---- nodes ---------------------------------------------------------------------------------------------------

    pub(super) fn enter(&self, parent: Option<NodeId>, kind: Kind, waker: Option<Waker>) -> NodeId {
        let mut state = self.state.lock();
        let parent = state.index(parent);
        let seen = self.poll.load(Ordering::Relaxed);
        let index = match state.free.pop() {
            Some(index) => index,
            None => {
                state.slots.push(Slot {
                    generation: 0,
                    live: false,
                    parent: None,
                    kind: Kind::Scope,
                    mark: None,
                    forwarded: None,
                    waker: None,
                    seen: 0,
                });
                state.slots.len() as u32 - 1
            }
        };
        let slot = &mut state.slots[index as usize];
        let generation = slot.generation.wrapping_add(1);
        *slot = Slot { generation, live: true, parent, kind, mark: None, forwarded: None, waker, seen };
        NodeId { index, generation }
    }

    /// The node was polled, and is Pending: where it stands now.
    pub(super) fn moved(&self, id: NodeId, parent: Option<NodeId>, waker: Option<&Waker>) {
        let mut state = self.state.lock();
        let parent = state.index(parent).filter(|&parent| parent != id.index);
        let seen = self.poll.load(Ordering::Relaxed);
        let mut old = None;
        if let Some(slot) = state.get(id) {
            slot.parent = parent;
            slot.seen = seen;
            match (&slot.waker, waker) {
                (Some(before), Some(now)) if before.will_wake(now) => {}
                _ => old = std::mem::replace(&mut slot.waker, waker.cloned()),
            }
        }
        drop(state);
        drop(old);
    }

    /// The node goes; says whether a request went through it to its target. What it has not answered goes to its parent,
    /// if nobody else below that one is asked; the next [`settle`](Self::settle) sees to it where that is the root.
    pub(super) fn leave(&self, id: NodeId) -> bool {
        if self.is_over() {
            return false;
        }
        let mut state = self.state.lock();
        let Some(slot) = state.get(id) else { return false };
        slot.live = false;
        let (forwarded, parent) = (slot.forwarded.take(), slot.parent);
        let mark = slot.mark.take();
        let old = (slot.waker.take(), std::mem::replace(&mut slot.kind, Kind::Scope));
        for child in &mut state.slots {
            if child.live && child.parent == Some(id.index) {
                child.parent = parent;
            }
        }
        state.free.push(id.index);
        let mut waker = None;
        if let Some(mark) = mark {
            self.marks.fetch_sub(1, Ordering::Relaxed);
            let under_way = state.deliveries.iter().find(|delivery| delivery.id == mark.delivery);
            let unanswered =
                under_way.is_some_and(|delivery| !delivery.answered && delivery.origin != Some(id.index));
            let origin = under_way.and_then(|delivery| delivery.origin);
            let parent = state.answering(parent, origin);
            if unanswered && !state.is_asked_below(parent, mark.delivery) && !mutant("core-leave-hands-over")
            {
                match parent {
                    None => {
                        state.raised = Some(mark.error);
                        self.marks.fetch_add(1, Ordering::Relaxed);
                    }
                    Some(parent) => {
                        waker = self.mark(&mut state, parent, Mark { handed: true, ..mark });
                    }
                }
            }
        }
        drop(state);
        drop(old);
        if let Some(waker) = waker {
            waker.wake();
        }
        forwarded.is_some()
    }

    /// Marks a node, and returns whom to wake.
    fn mark(&self, state: &mut State, index: u32, mark: Mark) -> Option<Waker> {
        let slot = &mut state.slots[index as usize];
        if slot.mark.replace(mark).is_none() {
            self.marks.fetch_add(1, Ordering::Relaxed);
        }
        slot.waker.clone()
    }

    /// The request before this node, which thereby answers it.
    pub(super) fn take_mark(&self, id: NodeId) -> Option<CancelledError> {
        // A mark is set by the side that polls the task; one that another thread's drop hands over wakes the task.
        if self.marks.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut state = self.state.lock();
        let mark = state.get(id)?.mark.take()?;
        self.marks.fetch_sub(1, Ordering::Relaxed);
        if let Some(delivery) = state.deliveries.iter_mut().find(|delivery| delivery.id == mark.delivery) {
            delivery.answered = true;
        }
        Some(mark.error)
    }

    /// The node answers with an error that was raised to it: so are the requests before those below it answered.
    pub(super) fn answer_below(&self, id: NodeId) {
        if !self.has_requests() {
            return;
        }
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let Some(top) = state.index(Some(id)) else { return };
        for index in 0..state.slots.len() as u32 {
            let slot = &state.slots[index as usize];
            let Some(mark) = slot.mark.as_ref().filter(|_| slot.live) else { continue };
            if state.is_below(index, Some(top)) {
                let asked = mark.delivery;
                if let Some(delivery) = state.deliveries.iter_mut().find(|delivery| delivery.id == asked) {
                    delivery.answered = true;
                }
            }
        }
    }

    // ---- requests ------------------------------------------------------------------------------------------------

    /// Delivers a request to the leaves of the whole tree, and to `alone`, a forwarder that is not in it; or to those
    /// below `origin`, for a request of its own. Called by the side that is about to poll them.
    pub(super) fn deliver_below(
        &self,
        origin: Option<NodeId>,
        error: &CancelledError,
        alone: Option<&dyn CancelTarget>,
    ) -> (Delivered, bool) {
        let mut wakers = Vec::new();
        let mut targets = Vec::new();
        let mut state = self.state.lock();
        let top = state.index(origin);
        let id = state.next_delivery;
        state.next_delivery += 1;
        let mut asked_before = false;
        for index in state.leaves(top, self.poll.load(Ordering::Relaxed)) {
            let slot = &state.slots[index as usize];
            match &slot.kind {
                // Whoever answers the request from farther out answers this one with it.
                Kind::Scope if top.is_some() && slot.mark.is_some() => asked_before = true,
                Kind::Scope | Kind::Limit => {
                    let mark = Mark { error: error.clone(), delivery: id, handed: false };
                    wakers.extend(self.mark(&mut state, index, mark));
                }
                Kind::Forward(target) => {
                    let node = NodeId { index, generation: slot.generation };
                    // A target that was asked from farther out is asked again with the words of that request.
                    let before = slot.forwarded.clone().filter(|_| top.is_some());
                    targets.push((node, target.clone(), before.unwrap_or_else(|| error.clone())));
                }
            }
        }
        let asked = asked_before || state.is_asked_below(top, id);
        state.deliveries.push(Delivery { id, origin: top, answered: false });
        drop(state);
        // Not under the lock: both may do anything, wake this very task among it.
        for waker in wakers {
            waker.wake();
        }
        let mut took = Vec::new();
        let mut refused = Vec::new();
        for (node, target, error) in targets {
            if target.cancel(&error) { took.push((node, error)) } else { refused.push(node) }
        }
        let alone_took = alone.is_some_and(|target| target.cancel(error));
        let mut state = self.state.lock();
        let answered = alone_took || !took.is_empty();
        for (node, error) in took {
            if let Some(slot) = state.get(node) {
                slot.forwarded = Some(error);
            }
        }
        if let Some(delivery) = state.deliveries.iter_mut().find(|delivery| delivery.id == id) {
            delivery.answered |= answered;
        }
        // A target that has ended keeps its value; the request stays here, and comes before that value.
        let mut wakers = Vec::new();
        let mut marked = asked;
        for node in refused {
            let Some(slot) = state.get(node) else { continue };
            let parent = slot.parent;
            let parent = state.answering(parent, top);
            if answered || state.is_asked_below(parent, id) {
                continue;
            }
            if parent == top {
                continue;
            }
            if let Some(parent) = parent {
                let mark = Mark { error: error.clone(), delivery: id, handed: false };
                wakers.extend(self.mark(&mut state, parent, mark));
                marked = true;
            }
        }
        drop(state);
        for waker in wakers {
            waker.wake();
        }
        if answered || marked { (Delivered::Asked, alone_took) } else { (Delivered::Nobody, false) }
    }

    /// A request that went through a forwarder below this node, and has not come back yet.
    pub(super) fn forwarded_below(&self, id: NodeId) -> Option<CancelledError> {
        let state = self.state.lock();
        let top = state.index(Some(id))?;
        let mut below = (0..state.slots.len() as u32).filter(|&index| state.is_below(index, Some(top)));
        below.find_map(|index| state.slots[index as usize].forwarded.clone())
    }

    /// Delivers a request to the task; the second value says whether `alone` took it.
    pub fn deliver(&self, error: &CancelledError, alone: Option<&dyn CancelTarget>) -> (Delivered, bool) {
        self.deliver_below(None, error, alone)
    }

    /// After a poll that returned Pending: what became of the requests under way. `queued` says that the task will be
    /// polled again anyway.
    pub fn settle(&self, queued: bool) -> Settled {
        let mut wakers = Vec::new();
        let mut state = self.state.lock();
        let (mut again, mut waiting) = (false, false);
        let mut dropped = state.raised.take();
        if dropped.is_some() {
            self.marks.fetch_sub(1, Ordering::Relaxed);
        }
        let mut under_way = std::mem::take(&mut state.deliveries);
        under_way.retain(|delivery| {
            if delivery.answered {
                return false;
            }
            let asked: Vec<u32> = (0..state.slots.len() as u32)
                .filter(|&index| {
                    let slot = &state.slots[index as usize];
                    slot.live && slot.mark.as_ref().is_some_and(|mark| mark.delivery == delivery.id)
                })
                .collect();
            if asked.is_empty() {
                return false;
            }
            if queued && !mutant("core-settle-waits") {
                waiting = true;
                return true;
            }
            let mut kept = false;
            for index in asked {
                // The one who asked answers when it is polled, however late that is.
                if delivery.origin == Some(index) {
                    continue;
                }
                let slot = &mut state.slots[index as usize];
                let Some(mut mark) = slot.mark.take() else { continue };
                if std::mem::take(&mut mark.handed) && !mutant("core-settle-polls-again") {
                    slot.mark = Some(mark);
                    again = true;
                    kept = true;
                    continue;
                }
                self.marks.fetch_sub(1, Ordering::Relaxed);
                let parent = state.slots[index as usize].parent;
                match state.answering(parent, delivery.origin) {
                    None => dropped = Some(mark.error),
                    Some(parent) => {
                        wakers.extend(self.mark(&mut state, parent, mark));
                        again = true;
                        kept = true;
                    }
                }
            }
            kept
        });
        // Nobody is called under the lock, so none came meanwhile.
        state.deliveries = under_way;
        drop(state);
        for waker in wakers {
            waker.wake();
        }
        match dropped {
            Some(error) if !again => Settled::Drop(error),
            _ if again => Settled::Again,
            _ if waiting => Settled::Waiting,
            _ => Settled::Done,
        }
    }
}
