//! The typed part of a task cell: the future, then its output.

use std::mem::{ManuallyDrop, offset_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::body::{Body, Watch, Watcher};
use super::error::TaskError;
use super::header::{Header, Kind, LabelTable, VTable};
use super::state::{CANCELLED, FAILED};

/// A task in memory: the header, then the future or its output.
#[repr(C)]
pub(crate) struct Cell<F: Body> {
    header: Header,
    stage: Stage<F>,
    /// Who is told of the end: the side that polls takes it out when it completes the task. Or the label, which nobody
    /// changes until the cell is freed.
    watch: F::Watch,
}

/// The future while it runs, then its end. Which of the two it is, each caller knows from the task's state, so it is not noted
/// here once more: a word less in every task.
union Stage<F: Body> {
    _running: ManuallyDrop<F>,
    _ended: ManuallyDrop<End<F>>,
}

/// The output, until it is taken.
type End<F> = Option<Result<<F as Body>::Output, TaskError>>;

impl<F: Body> Cell<F> {
    const TASK: VTable = Self::vtable(Kind::Task);
    const CLEANUP: VTable = Self::vtable(Kind::Cleanup);
    const MAIN: VTable = Self::vtable(Kind::Main);
    const BLOCKING: VTable = Self::vtable(Kind::Blocking);
    const CALLBACK: VTable = Self::vtable(Kind::Callback);

    const fn vtable(kind: Kind) -> VTable {
        VTable {
            kind,
            type_name: F::type_name,
            poll: Self::poll,
            fail: Self::fail,
            overrule: Self::overrule,
            output: Self::output,
            outcome: Self::outcome,
            panic: Self::panic,
            drop_output: Self::drop_output,
            take_output: Self::take_output,
            watcher: if <F::Watch as Watch>::ANY { Some(Self::watcher) } else { None },
            label: if <F::Watch as Watch>::NAMES {
                Some(&const { LabelTable { name: Self::name, drop: Self::drop_label } })
            } else {
                None
            },
        }
    }

    /// The operations of this type of cell.
    pub(crate) const fn table(kind: Kind) -> &'static VTable {
        match kind {
            Kind::Task => &Self::TASK,
            Kind::Cleanup => &Self::CLEANUP,
            Kind::Main => &Self::MAIN,
            Kind::Blocking => &Self::BLOCKING,
            Kind::Callback => &Self::CALLBACK,
        }
    }

    /// Puts the future into a cell whose header is filled separately.
    ///
    /// # Safety
    ///
    /// `cell` must point to memory with the layout of `Self`, held by the caller alone.
    #[inline]
    pub(crate) unsafe fn put(cell: NonNull<Header>, mut future: F) {
        // SAFETY: passed on from the caller.
        let watch = unsafe { Self::watch(cell) };
        // SAFETY: as above; nothing was there before, so nothing is dropped.
        unsafe { watch.write(future.watch()) };
        // SAFETY: as above.
        let running = unsafe { Self::running(cell) };
        // SAFETY: as above; nothing was there before, so nothing is dropped.
        unsafe { running.write(future) };
    }

    /// # Safety
    ///
    /// `cell` must point to memory with the layout of `Self`.
    #[inline]
    unsafe fn watch(cell: NonNull<Header>) -> *mut F::Watch {
        // SAFETY: `watch` lies at this offset within the cell.
        unsafe { cell.as_ptr().byte_add(offset_of!(Self, watch)).cast() }
    }

    /// The future. To be touched while it runs.
    ///
    /// # Safety
    ///
    /// `cell` must point to memory with the layout of `Self`.
    #[inline]
    unsafe fn running(cell: NonNull<Header>) -> *mut F {
        // SAFETY: `stage` lies at this offset within the cell.
        unsafe { cell.as_ptr().byte_add(offset_of!(Self, stage)).cast() }
    }

    /// The end. To be touched when the future is gone.
    ///
    /// # Safety
    ///
    /// `cell` must point to memory with the layout of `Self`.
    #[inline]
    unsafe fn ended(cell: NonNull<Header>) -> *mut End<F> {
        // SAFETY: `stage` lies at this offset within the cell.
        unsafe { cell.as_ptr().byte_add(offset_of!(Self, stage)).cast() }
    }

    /// See [`VTable::poll`].
    ///
    /// # Safety
    ///
    /// `cell` is such a cell, its future is running, and the caller alone may touch its stage.
    unsafe fn poll(cell: NonNull<Header>, cx: &mut Context<'_>) -> Poll<u64> {
        // SAFETY: passed on from the caller.
        let future = unsafe { Self::running(cell) };
        // SAFETY: it is running, and the caller alone touches it.
        let future = unsafe { &mut *future };
        // SAFETY: the future stays in its cell until it is dropped there.
        let future = unsafe { Pin::new_unchecked(future) };
        let output = match catch_unwind(AssertUnwindSafe(|| future.poll_body(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => output,
            Err(payload) => Err(TaskError::panicked(payload)),
        };
        let outcome = match &output {
            Ok(_) => 0,
            Err(error) if error.is_cancelled() => FAILED | CANCELLED,
            Err(_) => FAILED,
        };
        // SAFETY: passed on from the caller.
        Poll::Ready(if unsafe { Self::end(cell, output) } { FAILED } else { outcome })
    }

    /// Drops the future and stores the output, which becomes the panic if the drop panics; says whether it did.
    ///
    /// # Safety
    ///
    /// As for [`poll`](Self::poll).
    #[inline]
    unsafe fn end(cell: NonNull<Header>, output: Result<F::Output, TaskError>) -> bool {
        // SAFETY: passed on from the caller.
        let future = unsafe { Self::running(cell) };
        // SAFETY: as above. It is dropped once: whether this unwinds or not, the end takes its place without a drop.
        let dropped = catch_unwind(AssertUnwindSafe(|| unsafe { std::ptr::drop_in_place(future) }));
        // SAFETY: as above.
        let ended = unsafe { Self::ended(cell) };
        let Err(payload) = dropped else {
            // SAFETY: what was there is dropped.
            unsafe { ended.write(Some(output)) };
            return false;
        };
        // SAFETY: as above.
        unsafe { ended.write(Some(Err(TaskError::panicked(payload)))) };
        discard(|| drop(output));
        true
    }

    /// See [`VTable::watcher`].
    ///
    /// # Safety
    ///
    /// `cell` is such a cell, and the caller is the side that completes it, which has not called this before.
    unsafe fn watcher(cell: NonNull<Header>) -> Option<Watcher> {
        // SAFETY: passed on from the caller.
        let watch = unsafe { Self::watch(cell) };
        // SAFETY: only the completing side touches the field, once; what is left in it is dropped with nothing to do.
        unsafe { &mut *watch }.watcher()
    }

    /// See [`LabelTable::name`].
    ///
    /// # Safety
    ///
    /// `cell` is such a cell, and kept alive by the caller.
    unsafe fn name(cell: NonNull<Header>) -> Option<Arc<str>> {
        // SAFETY: passed on from the caller.
        let label = unsafe { Self::watch(cell) };
        // SAFETY: a label is Sync and does not change while the cell is alive.
        unsafe { &*label }.name()
    }

    /// See [`LabelTable::drop`].
    ///
    /// # Safety
    ///
    /// `cell` is such a cell, it is being freed, and this is called once.
    unsafe fn drop_label(cell: NonNull<Header>) {
        // SAFETY: passed on from the caller.
        let label = unsafe { Self::watch(cell) };
        // SAFETY: nobody has the cell any more, so this is the one who drops what is in it.
        discard(|| unsafe { std::ptr::drop_in_place(label) });
    }

    /// See [`VTable::fail`].
    ///
    /// # Safety
    ///
    /// As for [`poll`](Self::poll).
    unsafe fn fail(cell: NonNull<Header>, error: TaskError) {
        // SAFETY: passed on from the caller.
        unsafe { Self::end(cell, Err(error)) };
    }

    /// See [`VTable::overrule`].
    ///
    /// # Safety
    ///
    /// As for [`drop_output`](Self::drop_output).
    unsafe fn overrule(cell: NonNull<Header>, error: TaskError) {
        // SAFETY: passed on from the caller.
        let ended = unsafe { Self::ended(cell) };
        // SAFETY: the future is gone, and the caller alone touches the stage.
        let ended = unsafe { &mut *ended };
        if let Some(Ok(_)) = ended {
            let value = ended.replace(Err(error));
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
                discard(|| *ended = Some(Err(TaskError::panicked(payload))));
            }
        }
    }

    /// See [`VTable::output`].
    ///
    /// # Safety
    ///
    /// `cell` is such a cell, its future is gone, and nobody changes its stage while what is returned is used.
    unsafe fn output(cell: NonNull<Header>) -> *const () {
        // SAFETY: passed on from the caller.
        let ended = unsafe { Self::ended(cell) };
        // SAFETY: the future is gone, and nobody changes the stage.
        match unsafe { &*ended } {
            Some(output) => std::ptr::from_ref(output).cast(),
            None => std::ptr::null(),
        }
    }

    /// See [`VTable::panic`].
    ///
    /// # Safety
    ///
    /// As for [`output`](Self::output).
    unsafe fn panic(cell: NonNull<Header>) -> Option<String> {
        // SAFETY: passed on from the caller.
        let ended = unsafe { Self::ended(cell) };
        // SAFETY: the future is gone, and nobody changes the stage.
        match unsafe { &*ended } {
            Some(Err(error)) if error.is_panic() && !error.is_reported() => {
                Some(error.panic_message().unwrap_or("(its payload is no text)").to_owned())
            }
            _ => None,
        }
    }

    /// See [`VTable::outcome`].
    ///
    /// # Safety
    ///
    /// As for [`output`](Self::output).
    unsafe fn outcome(cell: NonNull<Header>) -> u64 {
        // SAFETY: passed on from the caller.
        let ended = unsafe { Self::ended(cell) };
        // SAFETY: the future is gone, and nobody changes the stage.
        match unsafe { &*ended } {
            Some(Err(error)) if error.is_cancelled() => FAILED | CANCELLED,
            Some(Err(_)) => FAILED,
            _ => 0,
        }
    }

    /// See [`VTable::drop_output`].
    ///
    /// # Safety
    ///
    /// `cell` is such a cell, its future is gone, and the caller alone may touch its stage.
    unsafe fn drop_output(cell: NonNull<Header>) {
        // SAFETY: passed on from the caller.
        let ended = unsafe { Self::ended(cell) };
        // SAFETY: the future is gone, and the caller alone touches the stage.
        let ended = unsafe { &mut *ended };
        discard(|| *ended = None);
    }

    /// See [`VTable::take_output`].
    ///
    /// # Safety
    ///
    /// As for [`drop_output`](Self::drop_output); `out` points to memory of an `Option<Result<F::Output, TaskError>>`, with
    /// nothing in it to be dropped.
    unsafe fn take_output(cell: NonNull<Header>, out: *mut ()) {
        // SAFETY: passed on from the caller.
        let ended = unsafe { Self::ended(cell) };
        // SAFETY: the future is gone, and the caller alone touches the stage.
        let taken = unsafe { &mut *ended }.take();
        // SAFETY: the caller says what `out` points to.
        unsafe { out.cast::<End<F>>().write(taken) };
    }
}

/// Runs a drop whose panic has nowhere to go; the panic hook has reported it.
pub(crate) fn discard(drop: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(drop)) {
        // A payload may panic when dropped in its turn; one that does is leaked.
        let _ = catch_unwind(AssertUnwindSafe(move || std::mem::drop(payload))).map_err(std::mem::forget);
    }
}
