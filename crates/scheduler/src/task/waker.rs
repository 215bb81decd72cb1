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

/// The task behind the data pointer of a waker with our [`TABLE`].
///
/// # Safety
///
/// `data` is such a waker's.
#[inline]
unsafe fn raw(data: *const ()) -> Raw {
    // SAFETY: `borrowed` and `clone`, who alone make such wakers, give them the address of a task.
    Raw(unsafe { NonNull::new_unchecked(data.cast_mut().cast::<Header>()) })
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: only wakers with the table call this, with their data.
    let task = unsafe { raw(data) };
    trace::waker(task, "waker.clone");
    task.acquire_for_waker();
    RawWaker::new(data, &TABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: only wakers with the table call this, with their data.
    let task = unsafe { raw(data) };
    trace::waker(task, "waker.wake");
    task.wake_by_value();
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: only wakers with the table call this, with their data.
    let task = unsafe { raw(data) };
    trace::waker(task, "waker.wake_by_ref");
    task.wake_by_ref();
}

unsafe fn release(data: *const ()) {
    // SAFETY: only wakers with the table call this, with their data.
    let task = unsafe { raw(data) };
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
    // SAFETY: the waker has the table.
    std::ptr::eq(waker.vtable(), &raw const TABLE).then(|| unsafe { raw(waker.data()) })
}
