//! The typed part of a task cell: the future, then its output.

use std::mem::offset_of;
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

enum Stage<F: Body> {
    Running(F),
    Finished(Result<F::Output, TaskError>),
    Consumed,
}

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
        // SAFETY: `stage` lies within the memory that the caller vouches for.
        let stage = unsafe { Self::stage(cell) };
        // SAFETY: as above; nothing was there before, so nothing is dropped.
        unsafe { stage.write(Stage::Running(future)) };
    }

    /// # Safety
    ///
    /// `cell` must point to memory with the layout of `Self`.
    #[inline]
    unsafe fn watch(cell: NonNull<Header>) -> *mut F::Watch {
        // SAFETY: `watch` lies at this offset within the cell.
        unsafe { cell.as_ptr().byte_add(offset_of!(Self, watch)).cast() }
    }

    /// # Safety
    ///
    /// `cell` must point to memory with the layout of `Self`.
    #[inline]
    unsafe fn stage(cell: NonNull<Header>) -> *mut Stage<F> {
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
        let stage = unsafe { Self::stage(cell) };
        // SAFETY: the caller alone touches the stage.
        let stage = unsafe { &mut *stage };
        let Stage::Running(future) = stage else {
            unreachable!("a task was polled after it had ended");
        };
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
        // SAFETY: the stage is running, checked above.
        Poll::Ready(if unsafe { Self::end(stage, output) } { FAILED } else { outcome })
    }

    /// As [`finish`](Self::finish), of a future that is running: a plain store where its type has nothing to drop.
    ///
    /// # Safety
    ///
    /// `stage` is running, and the caller alone may touch it.
    #[inline]
    unsafe fn end(stage: *mut Stage<F>, output: Result<F::Output, TaskError>) -> bool {
        let dropped = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: the caller alone touches the stage.
            let Stage::Running(future) = (unsafe { &mut *stage }) else { return };
            // SAFETY: it is dropped once: whether this unwinds or not, the stage is overwritten without a drop.
            unsafe { std::ptr::drop_in_place(future) };
        }));
        let Err(payload) = dropped else {
            // SAFETY: what was there is dropped.
            unsafe { stage.write(Stage::Finished(output)) };
            return false;
        };
        // SAFETY: as above.
        unsafe { stage.write(Stage::Finished(Err(TaskError::panicked(payload)))) };
        discard(|| drop(output));
        true
    }

    /// Drops the future and stores the output, which becomes the panic if the drop panics; says whether it did.
    fn finish(stage: &mut Stage<F>, output: Result<F::Output, TaskError>) -> bool {
        // An assignment stores the new value even if dropping the old one unwinds.
        let dropped = catch_unwind(AssertUnwindSafe(|| *stage = Stage::Finished(output)));
        if let Err(payload) = dropped {
            discard(|| *stage = Stage::Finished(Err(TaskError::panicked(payload))));
            return true;
        }
        false
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
        let stage = unsafe { Self::stage(cell) };
        // SAFETY: the caller alone touches the stage.
        Self::finish(unsafe { &mut *stage }, Err(error));
    }

    /// See [`VTable::overrule`].
    ///
    /// # Safety
    ///
    /// As for [`drop_output`](Self::drop_output).
    unsafe fn overrule(cell: NonNull<Header>, error: TaskError) {
        // SAFETY: passed on from the caller.
        let stage = unsafe { Self::stage(cell) };
        // SAFETY: the caller alone touches the stage.
        let stage = unsafe { &mut *stage };
        if let Stage::Finished(Ok(_)) = stage {
            Self::finish(stage, Err(error));
        }
    }

    /// See [`VTable::output`].
    ///
    /// # Safety
    ///
    /// `cell` is such a cell, its future is gone, and nobody changes its stage while what is returned is used.
    unsafe fn output(cell: NonNull<Header>) -> *const () {
        // SAFETY: passed on from the caller.
        let stage = unsafe { Self::stage(cell) };
        // SAFETY: nobody changes the stage.
        match unsafe { &*stage } {
            Stage::Finished(output) => std::ptr::from_ref(output).cast(),
            _ => std::ptr::null(),
        }
    }

    /// See [`VTable::panic`].
    ///
    /// # Safety
    ///
    /// As for [`output`](Self::output).
    unsafe fn panic(cell: NonNull<Header>) -> Option<String> {
        // SAFETY: passed on from the caller.
        let stage = unsafe { Self::stage(cell) };
        // SAFETY: nobody changes the stage.
        match unsafe { &*stage } {
            Stage::Finished(Err(error)) if error.is_panic() && !error.is_reported() => {
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
        let stage = unsafe { Self::stage(cell) };
        // SAFETY: nobody changes the stage.
        match unsafe { &*stage } {
            Stage::Finished(Err(error)) if error.is_cancelled() => FAILED | CANCELLED,
            Stage::Finished(Err(_)) => FAILED,
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
        let stage = unsafe { Self::stage(cell) };
        // SAFETY: the caller alone touches the stage.
        let stage = unsafe { &mut *stage };
        discard(|| *stage = Stage::Consumed);
    }

    /// See [`VTable::take_output`].
    ///
    /// # Safety
    ///
    /// As for [`drop_output`](Self::drop_output); `out` points to memory of an `Option<Result<F::Output, TaskError>>`, with
    /// nothing in it to be dropped.
    unsafe fn take_output(cell: NonNull<Header>, out: *mut ()) {
        // SAFETY: passed on from the caller.
        let stage = unsafe { Self::stage(cell) };
        // SAFETY: the caller alone touches the stage.
        let stage = unsafe { &mut *stage };
        let taken = if let Stage::Finished(output) = stage {
            // SAFETY: the output is read once: the stage is overwritten next, and not dropped.
            let output = unsafe { std::ptr::from_mut(output).read() };
            // SAFETY: as above.
            unsafe { std::ptr::from_mut(stage).write(Stage::Consumed) };
            Some(output)
        } else {
            None
        };
        // SAFETY: the caller says what `out` points to.
        unsafe { out.cast::<Option<Result<F::Output, TaskError>>>().write(taken) };
    }
}

/// Runs a drop whose panic has nowhere to go; the panic hook has reported it.
pub(crate) fn discard(drop: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(drop)) {
        // A payload may panic when dropped in its turn; one that does is leaked.
        let _ = catch_unwind(AssertUnwindSafe(move || std::mem::drop(payload))).map_err(std::mem::forget);
    }
}
