//! Wakers of tasks: the header's address and one table.
//!
//! What a thread may do with a task (compare-and-swap, plain store, or a note for the owner) is found out from the
//! task itself: [`Raw::access`].

use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::header::{Header, Raw};
use crate::trace;

static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, release);

/// The task behind a waker's data pointer.
fn raw(data: *const ()) -> Raw {
    Raw(NonNull::new(data.cast_mut().cast::<Header>()).expect("a task's waker carries its address"))
}

unsafe fn clone(data: *const ()) -> RawWaker {
    let task = raw(data);
    trace::waker(task, "waker.clone");
    task.acquire_for_waker();
    RawWaker::new(data, &TABLE)
}

unsafe fn wake(data: *const ()) {
    let task = raw(data);
    trace::waker(task, "waker.wake");
    task.wake_by_value();
}

unsafe fn wake_by_ref(data: *const ()) {
    let task = raw(data);
    trace::waker(task, "waker.wake_by_ref");
    task.wake_by_ref();
}

unsafe fn release(data: *const ()) {
    let task = raw(data);
    trace::waker(task, "waker.drop");
    task.release();
}

/// A waker that borrows the task's existence instead of counting a reference: for the duration of one poll.
#[inline]
pub(crate) fn borrowed(task: Raw) -> ManuallyDrop<Waker> {
    let data = task.0.as_ptr().cast_const().cast::<()>();
    // SAFETY: the table keeps the contract of RawWakerVTable: each clone counts a reference that wake or drop gives
    // back. This waker counts none and is never dropped; the task cannot complete while it is being polled.
    ManuallyDrop::new(unsafe { Waker::new(data, &TABLE) })
}

/// The task whose waker this is, if it is one of ours.
#[inline]
pub(crate) fn task_of(waker: &Waker) -> Option<Raw> {
    std::ptr::eq(waker.vtable(), &raw const TABLE).then(|| raw(waker.data()))
}
