//! A task's join slot, as a countdown uses it: the waker is moved in, and may be taken back.

use std::task::Waker;

use super::super::handle::Task;
use super::super::header::Raw;
use super::super::remote::Noted;
use super::super::state::{JOINER, Join};

impl<T> Task<T> {
    /// Puts `waker` into the join slot, in the place of what is there.
    ///
    /// # Errors
    ///
    /// The waker, where the task has ended.
    pub(super) fn arm(&self, waker: Waker) -> Result<(), Waker> {
        let raw = self.raw();
        let header = raw.header();
        let Some(access) = raw.access() else { return self.arm_foreign(waker) };
        if header.word.load() & JOINER != 0 && header.word.take_joiner(access) == Join::Complete {
            return Err(waker);
        }
        // SAFETY: `JOINER` is clear, so the slot is the handle's.
        let before = header.joiner.with_mut(|slot| unsafe { (*slot).replace(waker) });
        if let Some(before) = before {
            raw.unlink(&before);
        }
        match header.word.set_joiner(access) {
            Join::Changed => Ok(()),
            // SAFETY: as above: a complete task hands the slot to nobody.
            Join::Complete => header.joiner.with_mut(|slot| unsafe { (*slot).take() }).map_or(Ok(()), Err),
        }
    }

    /// As [`arm`](Self::arm), on another thread than the owner's of a local task.
    #[cold]
    fn arm_foreign(&self, waker: Waker) -> Result<(), Waker> {
        let raw = self.raw();
        let before = raw.cold().foreign_joiner.lock().replace(waker);
        drop(before);
        match raw.header().remote.join() {
            Noted::Push => raw.shared().inject(raw),
            Noted::Underway => {}
            // The loop is closed: the task is a shared one by now.
            Noted::Closed if !raw.is_complete() => {
                return take_foreign(raw).map_or(Ok(()), |waker| self.arm(waker));
            }
            Noted::Closed => {}
        }
        // The owner may have seen the waker, and used it, or be about to.
        if raw.is_complete() { take_foreign(raw).map_or(Ok(()), Err) } else { Ok(()) }
    }

    /// Takes the waker back and drops it, if it was not used.
    pub(in crate::task) fn disarm(&self) {
        let raw = self.raw();
        let header = raw.header();
        let waker = match raw.access() {
            None => take_foreign(raw),
            Some(access) if header.word.load() & JOINER != 0 => match header.word.take_joiner(access) {
                // SAFETY: `JOINER` is clear, so the slot is the handle's.
                Join::Changed => header.joiner.with_mut(|slot| unsafe { (*slot).take() }),
                Join::Complete => None,
            },
            Some(_) => None,
        };
        if let Some(waker) = waker {
            raw.unlink(&waker);
        }
    }
}

fn take_foreign(raw: Raw) -> Option<Waker> {
    raw.cold().foreign_joiner.lock().take()
}
