//! The context variables of a task: in its cold part, once it has any.

use std::ptr::NonNull;

use heist_core::sync::atomic::Ordering;
use heist_core::vars::{Context, Slot};

use super::header::{Front, Header, Raw};

impl Front {
    /// Whether it is worth looking: a task without a cold part has no variables.
    #[inline]
    pub(crate) fn may_have_vars(&self) -> bool {
        !self.cold.load(Ordering::Relaxed).is_null()
    }
}

impl Raw {
    /// The task's context, made if it has none.
    pub(crate) fn vars<'a>(self) -> &'a Context {
        self.cold().vars.get_or_init(Context::new)
    }

    /// Gives a task that is being made, and that nobody else has, its context.
    pub(crate) fn set_vars(self, vars: Context) {
        let set = self.cold().vars.set(vars);
        debug_assert!(set.is_ok(), "a task is given its context before anybody runs it");
    }
}

/// The [`TaskSlot`](heist_core::vars::TaskSlot) of this crate's tasks.
///
/// # Safety
///
/// `header` is that of a task whose poll this thread is inside of.
pub(crate) unsafe fn task_vars(header: *const (), make: bool) -> Option<NonNull<Slot>> {
    let raw = Raw(NonNull::new(header.cast_mut().cast::<Header>())?);
    let vars = if make { raw.vars() } else { raw.cold_if_any()?.vars.get()? };
    Some(vars.slot())
}
