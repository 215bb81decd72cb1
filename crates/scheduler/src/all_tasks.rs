//! Every task of a loop, asked for on any thread.
//!
//! Whoever wants all tasks walks the pages of cells and takes a reference to each that is alive (`heap`). The tasks of a
//! current-thread loop are counted with plain loads and stores, so only its worker may do that: whoever holds worker 0. On
//! another thread there are two ways to it:
//!
//! * the loop rests: worker 0 lies in its place, whose lock is held during the walk. A run that begins meanwhile waits for
//!   that lock for a moment;
//! * the loop runs: a task of its own walks, in the loop's next turn, and sends what it found. The asking thread waits, and
//!   looks from time to time whether the loop has come to rest instead.

use std::panic::Location;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use heist_core::context;

use crate::scheduler::Handle;
use crate::shared::{CLOSED, Shared};
use crate::task::{Kind, TaskRef};
use crate::worker::create_foreign;

/// How often a thread that waits for the answer of a loop looks whether the loop still runs.
const PATIENCE: Duration = Duration::from_millis(5);

impl Handle {
    /// Every task that has not ended; asyncio's `all_tasks`. Tasks that were created before the call are among them.
    ///
    /// Any thread may ask. On another thread than its own, a current-thread loop that runs answers in its next turn, and
    /// the call blocks until then: not to be called where the loop waits for this thread.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let handle = Handle::current().unwrap();
    /// let task = create_task(std::future::pending::<()>());
    /// assert!(handle.all_tasks().iter().any(|other| other.id() == task.id()));
    /// # }).unwrap();
    /// ```
    pub fn all_tasks(&self) -> Vec<TaskRef> {
        let shared = self.shared();
        let mut found = if !shared.local || shared.phase() == CLOSED || is_at_home(shared) {
            walk(shared)
        } else {
            ask(shared)
        };
        // Outside of the walk: dropping one may free a page, which takes the lock of the registry.
        found.retain(|task| !task.done() && task.raw().header().vtable.kind != Kind::Callback);
        found
    }
}

/// Whether this thread is a worker of the loop now.
fn is_at_home(shared: &Shared) -> bool {
    context::with(|context| context.is_some_and(|context| context.loop_id() == shared.id()))
}

fn walk(shared: &Shared) -> Vec<TaskRef> {
    let mut found = Vec::new();
    shared.each_task(|raw| {
        // SAFETY: `each_task` hands over a counted reference.
        found.push(unsafe { TaskRef::from_raw(raw) });
    });
    found
}

/// Has a current-thread loop's worker walk.
fn ask(shared: &Arc<Shared>) -> Vec<TaskRef> {
    let mut asked = None;
    loop {
        {
            let resting = shared.resting[0].lock();
            if let Some(worker) = resting.as_deref() {
                // SAFETY: the guard ends before the lock does, and with it the borrow of the worker.
                let _entered = unsafe { worker.enter() };
                return walk(shared);
            }
            if shared.phase() == CLOSED {
                return walk(shared);
            }
        }
        let (_task, answer) = asked.get_or_insert_with(|| {
            let (sender, answer) = channel();
            let walker = shared.clone();
            let walks = async move {
                // Nobody listens any more when the loop came to rest meanwhile.
                let _ = sender.send(walk(&walker));
            };
            (create_foreign(shared, Kind::Task, walks, Location::caller()), answer)
        });
        match answer.recv_timeout(PATIENCE) {
            Ok(mut found) => {
                let (task, _) = asked.take().expect("it has just answered");
                found.retain(|found| found.id() != task.id());
                return found;
            }
            // Refused, for the loop is being closed.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(PATIENCE),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
