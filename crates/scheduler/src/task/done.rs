//! Done callbacks of tasks: closures that the loop calls once the task has ended, in the order of their registration.
//!
//! A registration puts the callback into the cold part's list, then sets [`CALLBACKS`] in the state word, in one step that
//! fails where the task is complete. The completing side, which sees the flag in the step that marks the task, keeps its
//! reference, and hands the list to the loop. A registration that finds the task complete hands its callback out itself,
//! behind those that are being handed out: `delivering` says, under the lock, that somebody is at it.

use std::panic::Location;

use heist_core::callback_id::CallbackId;
use heist_core::services::Services;
use heist_core::sync::Mutex;
use heist_core::sync::mutant;
use heist_core::vars::Captured;

use super::TaskRef;
use super::header::Raw;
use super::state::CALLBACKS;
use crate::scheduler::Handle;

/// A callback, which is given the task.
type Callback = Box<dyn FnOnce(TaskRef) + Send>;

struct Registration {
    id: CallbackId,
    captured: Captured,
    location: &'static Location<'static>,
    callback: Callback,
}

/// The registrations of one task.
#[derive(Default)]
pub(crate) struct Callbacks {
    list: Vec<Registration>,
    delivering: bool,
}

impl std::fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Callbacks").field("registered", &self.list.len()).finish()
    }
}

/// The slot of the cold part.
pub(crate) type Slot = Mutex<Callbacks>;

impl Raw {
    /// Registers a callback, or has the loop call it at once where the task has ended.
    pub(super) fn add_done_callback(
        self,
        id: CallbackId,
        callback: Callback,
        location: &'static Location<'static>,
    ) {
        let registration = Registration { id, captured: Captured::current(), location, callback };
        let Some(access) = self.access() else {
            // A task of a current-thread loop, on another thread: its owner registers.
            let Registration { id, captured, callback, .. } = registration;
            self.acquire();
            // SAFETY: the reference was just counted.
            let task = unsafe { TaskRef::from_raw(self) };
            let handle = Handle::of(self.shared());
            let register = Box::new(move || task.raw().add_done_callback(id, callback, location));
            let _closed = Services::call_soon(&handle, captured, register, location);
            return;
        };
        let slot = &self.cold().callbacks;
        slot.lock().list.push(registration);
        if !self.header().word.set_callbacks(access) {
            self.deliver_callbacks();
        }
    }

    /// Takes the registrations of that id back; how many there were.
    pub(super) fn remove_done_callback(self, id: CallbackId) -> usize {
        let Some(cold) = self.cold_if_any() else { return 0 };
        let mut callbacks = cold.callbacks.lock();
        let (removed, left) =
            std::mem::take(&mut callbacks.list).into_iter().partition(|other| other.id == id);
        callbacks.list = left;
        drop(callbacks);
        let removed: Vec<Registration> = removed;
        removed.len()
    }

    /// The task has ended: hands its callbacks to the loop. The caller has a reference.
    #[cold]
    pub(super) fn deliver_callbacks(self) {
        let slot = &self.cold().callbacks;
        {
            let mut callbacks = slot.lock();
            if callbacks.delivering {
                // Whoever is at it looks again.
                return;
            }
            callbacks.delivering = true;
        }
        let handle = Handle::of(self.shared());
        loop {
            let mut callbacks = slot.lock();
            let list = std::mem::take(&mut callbacks.list);
            if list.is_empty() {
                if mutant("task-callbacks-last-look") {
                    drop(callbacks);
                    callbacks = slot.lock();
                }
                callbacks.delivering = false;
                return;
            }
            drop(callbacks);
            for Registration { captured, callback, location, .. } in list {
                self.acquire();
                // SAFETY: the reference was just counted.
                let task = unsafe { TaskRef::from_raw(self) };
                // A loop that is closed calls nothing any more.
                let _closed =
                    Services::call_soon(&handle, captured, Box::new(move || callback(task)), location);
            }
        }
    }

    /// Whether callbacks were registered before the end.
    pub(super) fn has_callbacks(self) -> bool {
        self.header().word.load() & CALLBACKS != 0
    }
}
