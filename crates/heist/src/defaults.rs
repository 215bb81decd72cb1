//! What a new builder begins with on this thread, where somebody has chosen: [`Builder::as_default`].

use std::cell::RefCell;

use crate::builder::Builder;
use crate::current_loop;
use crate::event_loop::EventLoop;

thread_local! {
    static CHOSEN: RefCell<Option<Builder>> = const { RefCell::new(None) };
}

/// What was chosen for this thread.
pub(crate) fn current() -> Option<Builder> {
    CHOSEN.with_borrow(Clone::clone)
}

/// A choice that holds as long as this value, and the place of a kept loop that goes with it.
pub(crate) struct Replaced {
    builder: Option<Builder>,
    kept: Option<EventLoop>,
}

impl Replaced {
    pub(crate) fn by(builder: Builder) -> Self {
        Self { builder: CHOSEN.replace(Some(builder)), kept: current_loop::replace_kept(None) }
    }
}

impl Drop for Replaced {
    fn drop(&mut self) {
        // The program's loop closes first, while its choice still holds for what its last tasks may make.
        drop(current_loop::replace_kept(self.kept.take()));
        CHOSEN.set(self.builder.take());
    }
}
