//! A signal handler asks worker 0 to end the run while it looks for something else, or is about to sleep.

#![allow(clippy::arc_with_non_send_sync)] // loom's threads share one thread of the system

use heist_core::SignalSafe;

use super::{Loop, check, side};
use crate::interrupt::Interrupter;

/// The watchdog has asked for a look already. loom finds an interrupt that is lost as a deadlock: the worker sleeps on.
#[test]
fn interrupt_and_worker_about_to_sleep() {
    check("interrupt_and_worker_about_to_sleep", None, || {
        let loop_ = Loop::new(false);
        loop_.shared.slot(0).ask_to_look();
        let interrupter = Interrupter::of(&loop_.shared);
        let handler = side(move || interrupter.signal());
        loop_.enter(|worker| {
            loop {
                if worker.slot().is_asked_to_look() && worker.takes_interrupt() {
                    break;
                }
                worker.slot().parker.park(None);
            }
        });
        handler.join().unwrap();
        loop_.close();
    });
}
