//! Which context is current.

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::{Map, Slot};
use crate::context;
#[cfg(not(heist_loom))]
use crate::sync::Mutex;

#[cfg(not(heist_loom))]
thread_local! {
    /// The slot entered on this thread while it is no worker.
    static ENTERED: Cell<*const Slot> = const { Cell::new(ptr::null()) };
    /// The context of the thread itself.
    static OWN: Slot = const { Slot { map: Mutex::new(None) } };
    /// Whether anything was ever set in it: without a destructor, so that asking is one load.
    static OWN_USED: Cell<bool> = const { Cell::new(false) };
}

#[cfg(heist_loom)]
loom::thread_local! {
    static ENTERED: Cell<*const Slot> = Cell::new(ptr::null());
    static OWN: Slot = Slot::default();
    static OWN_USED: Cell<bool> = Cell::new(false);
}

/// Calls `f` with the slot of the current context. `None` when it has no variables and `make` is not set, or when the
/// thread is about to end.
pub(super) fn with_slot<R>(make: bool, f: impl FnOnce(Option<&Slot>) -> R) -> R {
    let here = context::with(|context| {
        let context = context?;
        match NonNull::new(context.entered_vars().cast_mut()) {
            Some(entered) => Some(Some(entered)),
            None if context.current().is_null() => None,
            // SAFETY: `with_task_vars` asked that this fits the headers of its scheduler; the task is being polled here.
            None => Some(unsafe { (context.task_vars()?)(context.current(), make) }),
        }
    });
    let slot = match here {
        Some(slot) => slot,
        None => NonNull::new(ENTERED.with(Cell::get).cast_mut()),
    };
    match (slot, here) {
        // SAFETY: an entered slot is kept alive by the `enter` that is under way, a task's by its poll, which `f` is
        // inside of.
        (Some(slot), _) => f(Some(unsafe { slot.as_ref() })),
        (None, Some(_)) => f(None),
        (None, None) if !make && !OWN_USED.with(Cell::get) => f(None),
        (None, None) => {
            OWN_USED.with(|used| used.set(true));
            let mut f = Some(f);
            let done = OWN.try_with(|own| f.take().map(|f| f(Some(own))));
            match (done, f) {
                (Ok(Some(result)), _) => result,
                (_, Some(f)) => f(None),
                (_, None) => unreachable!("`f` is taken only to be called"),
            }
        }
    }
}

/// Calls `f` with `slot` as the current context.
pub(super) fn enter<R>(slot: &Slot, f: impl FnOnce() -> R) -> R {
    /// Puts back what was entered before, also when `f` panics.
    struct Leave {
        worker: *const context::Context,
        before: *const Slot,
    }
    impl Drop for Leave {
        fn drop(&mut self) {
            // SAFETY: the worker that this thread was when `f` began is still this thread's when it ends.
            match unsafe { self.worker.as_ref() } {
                Some(worker) => drop(worker.enter_vars(self.before)),
                None => ENTERED.with(|entered| entered.set(self.before)),
            }
        }
    }
    let worker = context::current();
    // SAFETY: as in `context::with`.
    let before = match unsafe { worker.as_ref() } {
        Some(worker) => worker.enter_vars(slot),
        None => ENTERED.with(|entered| entered.replace(slot)),
    };
    let _leave = Leave { worker, before };
    f()
}

/// The map of the current context; `None` when it is empty.
pub(super) fn current_map() -> Option<Arc<Map>> {
    with_slot(false, |slot| slot.and_then(Slot::map))
}

/// Whether a thread that is no worker may have variables: a quick look.
///
/// ```
/// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
/// # static USER: ContextVar<&str> = ContextVar::new("user");
/// USER.set("ada");
/// assert!(heist_core::vars::thread_may_have_any());
/// ```
#[inline]
pub fn thread_may_have_any() -> bool {
    !ENTERED.with(Cell::get).is_null() || OWN_USED.with(Cell::get)
}
