//! The completion primitive: one who waits for many tasks at once, in O(1) for each that ends.
//!
//! What `gather`, `wait` and `as_completed` stand on. Vocabulary:
//!
//! * the **block** is what they all share: one allocation, and one for its nodes, however many tasks there are;
//! * a **node** stands for one task. A waker that points to it lies in the task's join slot; the wake *notes* the node;
//! * the **list** holds the nodes that were noted and not yet taken: a stack, linked by index;
//! * the **count** is how many nodes are still in a join slot. List and count are one word, so a note is one step;
//! * the one who waits is woken when the [`Wanted`] event comes, and not by each task.
//!
//! A note is one compare-and-swap on the word, and nothing else, for a task whose end is not what is waited for. The nodes
//! in join slots keep the block alive with one reference in common, which the last of them gives back.
//!
//! Protocol page: `docs/design/completion.md`.

#[cfg(all(test, heist_loom))]
mod models;
mod node;
mod slot;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use heist_core::CancelledError;
use heist_core::scope::{Awaits, CancelTarget};
use heist_core::sync::mutant;
use node::{Block, FAILED_FLAG};

use super::handle::Task;

/// What wakes the one who waits. All of them end the wait when every task has ended.
///
/// ```
/// # use heist_scheduler::{Config, Countdown, LocalScheduler, Wanted, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let tasks = [create_task(std::future::pending::<()>()), create_task(async {})];
/// let mut countdown = Countdown::new(tasks.len(), Wanted::Any);
/// for task in &tasks {
///     countdown.add(task);
/// }
/// std::future::poll_fn(|cx| countdown.poll(cx)).await;
/// assert!(!tasks[0].done() && tasks[1].done());
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Wanted {
    /// That every task has ended.
    All,
    /// That one has ended without a value: it panicked, or was cancelled.
    Failure,
    /// That any has ended.
    Any,
}

/// A task that has ended, as [`Countdown::pop`] tells of it.
///
/// ```
/// # use heist_scheduler::{Config, Countdown, Ended, LocalScheduler, Wanted, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let task = create_task(async { 7 });
/// let mut countdown = Countdown::new(1, Wanted::Any);
/// countdown.add(&task);
/// std::future::poll_fn(|cx| countdown.poll(cx)).await;
/// assert_eq!(countdown.pop(), Some(Ended { index: 0, failed: false }));
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The number of the task, in the order of [`Countdown::add`].
    pub index: usize,
    /// Whether it has no value: it panicked, or was cancelled.
    pub failed: bool,
}

/// Waits for many tasks at once.
///
/// It looks at the ends of tasks, and neither owns the tasks nor takes their values. Each task is added once, before the
/// first poll. A task has one who waits for it: adding it takes it from who waited before, and whoever awaits it later
/// takes it from here; then it counts as ended without being told of.
///
/// ```
/// # use heist_core::{Clock, driver::NoDriver};
/// # use heist_scheduler::{Countdown, LocalScheduler, Config, Wanted, spawn};
/// # let scheduler = LocalScheduler::new(Config::new(1), Clock::real(), std::sync::Arc::new(NoDriver));
/// # scheduler.block_on(async {
/// let tasks = [spawn(async { 1 }), spawn(async { 2 })];
/// let mut countdown = Countdown::new(tasks.len(), Wanted::All);
/// for task in &tasks {
///     countdown.add(task);
/// }
/// std::future::poll_fn(|cx| countdown.poll(cx)).await;
/// assert!(tasks.iter().all(|task| task.done()));
/// # }).unwrap();
/// ```
pub struct Countdown {
    block: Arc<Block>,
    added: usize,
    /// Nodes taken from the list, the latest first, as they were noted.
    taken: Vec<Ended>,
    /// The first that failed, where that is wanted.
    first_failed: Option<usize>,
}

impl fmt::Debug for Countdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Countdown")
            .field("tasks", &self.added)
            .field("left", &self.left())
            .field("wanted", &self.block.wanted())
            .finish_non_exhaustive()
    }
}

impl Countdown {
    /// For so many tasks.
    ///
    /// ```
    /// # use heist_scheduler::{Countdown, Wanted};
    /// let countdown = Countdown::new(2, Wanted::All);
    /// assert_eq!(countdown.left(), 2, "none of them has ended");
    /// ```
    ///
    /// # Panics
    ///
    /// For 2^31 tasks and more, which is more than memory holds.
    pub fn new(tasks: usize, wanted: Wanted) -> Self {
        assert!(tasks < FAILED_FLAG as usize, "a countdown is for less than 2^31 tasks");
        Self { block: Block::new(tasks, wanted), added: 0, taken: Vec::new(), first_failed: None }
    }

    /// Adds the next task.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Countdown, LocalScheduler, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { 7 });
    /// let mut countdown = Countdown::new(1, Wanted::All);
    /// countdown.add(&task);
    /// std::future::poll_fn(|cx| countdown.poll(cx)).await;
    /// assert_eq!(task.await.unwrap(), 7);
    /// # }).unwrap();
    /// ```
    ///
    /// # Panics
    ///
    /// When there are more than [`new`](Self::new) was told.
    pub fn add<T>(&mut self, task: &Task<T>) {
        let index = self.added;
        self.added += 1;
        let waker = Block::arm(&self.block, index, task.raw().0.as_ptr(), task.id());
        // A cancelled closure on the pool is not waited for; a task that has ended gives the waker back.
        let ended = if task.raw().is_given_up() { Err(waker) } else { task.arm(waker) };
        if let Err(waker) = ended {
            waker.wake();
        }
    }

    /// How many tasks have not ended.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Countdown, LocalScheduler, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { 7 });
    /// let mut countdown = Countdown::new(1, Wanted::All);
    /// countdown.add(&task);
    /// assert_eq!(countdown.left(), 1);
    /// std::future::poll_fn(|cx| countdown.poll(cx)).await;
    /// assert_eq!(countdown.left(), 0);
    /// # }).unwrap();
    /// ```
    pub fn left(&self) -> usize {
        self.block.left()
    }

    /// From now on the end of all tasks is wanted.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Countdown, LocalScheduler, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let tasks = [create_task(async { 1 }), create_task(async { 2 })];
    /// let mut countdown = Countdown::new(tasks.len(), Wanted::Any);
    /// for task in &tasks {
    ///     countdown.add(task);
    /// }
    /// countdown.want_all();
    /// std::future::poll_fn(|cx| countdown.poll(cx)).await;
    /// assert!(tasks.iter().all(|task| task.done()));
    /// # }).unwrap();
    /// ```
    pub fn want_all(&mut self) {
        self.block.want_all();
    }

    /// Ready when what is wanted has come, or every task has ended. With [`Wanted::Any`] that is as long as
    /// [`pop`](Self::pop) has something to give.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Countdown, LocalScheduler, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let tasks = [create_task(async { 1 }), create_task(async { 2 })];
    /// let mut countdown = Countdown::new(tasks.len(), Wanted::All);
    /// for task in &tasks {
    ///     countdown.add(task);
    /// }
    /// std::future::poll_fn(|cx| countdown.poll(cx)).await;
    /// assert_eq!(countdown.left(), 0);
    /// # }).unwrap();
    /// ```
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut registered = false;
        loop {
            // The count first: who reads 0 finds every note in the list.
            let left = self.block.left();
            self.take_noted();
            let come = match self.block.wanted() {
                Wanted::All => false,
                Wanted::Failure => self.first_failed.is_some(),
                Wanted::Any => !self.taken.is_empty(),
            };
            if come || left == 0 {
                if registered {
                    self.block.forget_waiter();
                }
                return Poll::Ready(());
            }
            if registered {
                return Poll::Pending;
            }
            // Then looks again: a note that came before this found nobody to wake.
            self.block.register(cx.waker());
            if mutant("task-countdown-looks-again") {
                return Poll::Pending;
            }
            registered = true;
        }
    }

    /// The next task that has ended, in the order of their ends; `None` when there is none, for now. With
    /// [`Wanted::Any`] only.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Countdown, LocalScheduler, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let tasks = [create_task(async { 1 }), create_task(async { 2 })];
    /// let mut countdown = Countdown::new(tasks.len(), Wanted::Any);
    /// for task in &tasks {
    ///     countdown.add(task);
    /// }
    /// let mut ended = Vec::new();
    /// while ended.len() < 2 {
    ///     std::future::poll_fn(|cx| countdown.poll(cx)).await;
    ///     ended.push(countdown.pop().unwrap().index);
    /// }
    /// assert_eq!(ended, [0, 1]);
    /// # }).unwrap();
    /// ```
    pub fn pop(&mut self) -> Option<Ended> {
        if self.taken.is_empty() {
            self.take_noted();
        }
        self.taken.pop()
    }

    /// The first task that ended without a value, as far as [`poll`](Self::poll) has seen. With [`Wanted::Failure`] only.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Countdown, LocalScheduler, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let tasks = [create_task(async {}), create_task(std::future::pending::<()>())];
    /// let mut countdown = Countdown::new(tasks.len(), Wanted::Failure);
    /// for task in &tasks {
    ///     countdown.add(task);
    /// }
    /// tasks[1].cancel();
    /// std::future::poll_fn(|cx| countdown.poll(cx)).await;
    /// assert_eq!(countdown.first_failed(), Some(1));
    /// # }).unwrap();
    /// ```
    pub fn first_failed(&self) -> Option<usize> {
        self.first_failed
    }

    fn take_noted(&mut self) {
        match self.block.wanted() {
            Wanted::All => {}
            Wanted::Failure if self.first_failed.is_some() => {}
            Wanted::Failure => {
                // The latest comes first, so the last one seen is the first that failed.
                self.block.take_list(|ended| {
                    if ended.failed {
                        self.first_failed = Some(ended.index);
                    }
                });
            }
            Wanted::Any if self.taken.is_empty() => self.block.take_list(|ended| self.taken.push(ended)),
            Wanted::Any => {}
        }
    }

    /// Nobody waits any more: later ends wake nobody.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Countdown, LocalScheduler, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { 7 });
    /// let mut countdown = Countdown::new(1, Wanted::All);
    /// countdown.add(&task);
    /// # struct Idle;
    /// # impl std::task::Wake for Idle {
    /// #     fn wake(self: std::sync::Arc<Self>) {}
    /// # }
    /// # let idle = std::sync::Arc::new(Idle);
    /// # let waker = std::task::Waker::from(idle.clone());
    /// let mut cx = std::task::Context::from_waker(&waker); // made of an `Arc`, `idle`
    /// assert!(countdown.poll(&mut cx).is_pending());
    /// assert_eq!(std::sync::Arc::strong_count(&idle), 3);
    /// countdown.forget_waiter();
    /// assert_eq!(std::sync::Arc::strong_count(&idle), 2, "it keeps the waker no more");
    /// # }).unwrap();
    /// ```
    pub fn forget_waiter(&self) {
        self.block.forget_waiter();
    }

    /// Whether what was wanted has come: it needs no poll for that.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Countdown, LocalScheduler, Wanted, yield_now, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { 7 });
    /// let mut countdown = Countdown::new(1, Wanted::All);
    /// countdown.add(&task);
    /// assert!(!countdown.has_come());
    /// yield_now().await;
    /// assert!(countdown.has_come());
    /// # }).unwrap();
    /// ```
    pub fn has_come(&self) -> bool {
        self.block.has_come()
    }

    /// Where a request for cancellation is left for the one who waits.
    ///
    /// ```
    /// # use heist_scheduler::{CancelledError, Config, Countdown, LocalScheduler, Request, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// let mut countdown = Countdown::new(1, Wanted::All);
    /// countdown.add(&task);
    /// countdown.requests().leave(Request { error: CancelledError::default(), told: false });
    /// assert!(countdown.take_request().is_some());
    /// # }).unwrap();
    /// ```
    pub fn requests(&self) -> Requests {
        Requests { block: self.block.clone() }
    }

    /// What it waits for, for those who look; see [`Watch`](heist_core::scope::Watch).
    ///
    /// ```
    /// # use heist_scheduler::{Config, Countdown, LocalScheduler, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_core::scope::Awaited;
    /// let task = create_task(async { 7 });
    /// let mut countdown = Countdown::new(1, Wanted::All);
    /// countdown.add(&task);
    /// let mut awaited = Vec::new();
    /// countdown.awaits().each_awaited(&mut |one| awaited.push(one));
    /// assert_eq!(awaited, [Awaited::Task(task.id())]);
    /// # }).unwrap();
    /// ```
    pub fn awaits(&self) -> Arc<dyn Awaits> {
        self.block.clone()
    }

    /// The request that was left and has not been taken.
    ///
    /// ```
    /// # use heist_scheduler::{CancelledError, Config, Countdown, LocalScheduler, Request, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// let mut countdown = Countdown::new(1, Wanted::All);
    /// countdown.add(&task);
    /// assert!(countdown.take_request().is_none());
    /// countdown.requests().leave(Request { error: CancelledError::new(Some("too late")), told: false });
    /// assert_eq!(countdown.take_request().unwrap().error.message(), Some("too late"));
    /// # }).unwrap();
    /// ```
    pub fn take_request(&self) -> Option<Request> {
        self.block.take_request()
    }

    /// Cancels a task that was added; `false` when it has ended.
    ///
    /// ```
    /// # use heist_scheduler::{CancelledError, Config, Countdown, LocalScheduler, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// let mut countdown = Countdown::new(1, Wanted::All);
    /// countdown.add(&task);
    /// assert!(countdown.cancel(&task, &CancelledError::default()));
    /// std::future::poll_fn(|cx| countdown.poll(cx)).await;
    /// assert!(task.cancelled());
    /// # }).unwrap();
    /// ```
    pub fn cancel<T>(&self, task: &Task<T>, error: &CancelledError) -> bool {
        let cancelled = task.cancel_because(error.clone());
        self.give_up(task);
        cancelled
    }

    /// Waits no more for a cancelled closure on the pool, which is not interrupted.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Countdown, LocalScheduler, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { 7 });
    /// let mut countdown = Countdown::new(1, Wanted::All);
    /// countdown.add(&task);
    /// countdown.give_up(&task); // no closure, so it is still waited for
    /// assert_eq!(countdown.left(), 1);
    /// # }).unwrap();
    /// ```
    pub fn give_up<T>(&self, task: &Task<T>) {
        if task.raw().is_given_up() {
            task.disarm();
        }
    }
}

impl Drop for Countdown {
    fn drop(&mut self) {
        self.block.forget_waiter();
        self.block.skip(self.added);
    }
}

/// A request for cancellation that was left for the one who waits.
///
/// ```
/// # use heist_scheduler::{CancelledError, Request};
/// let request = Request { error: CancelledError::new(Some("too late")), told: false };
/// assert_eq!(request.error.message(), Some("too late"));
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    /// The reason.
    pub error: CancelledError,
    /// Whether the tasks have been cancelled already; else that is the one's who takes the request.
    pub told: bool,
}

/// Leaves a request for cancellation for the one who waits, and wakes it; see [`Countdown::requests`].
///
/// ```
/// # use heist_scheduler::{CancelledError, Config, Countdown, LocalScheduler, Request, Requests, Wanted, spawn as create_task};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let task = create_task(std::future::pending::<()>());
/// let mut countdown = Countdown::new(1, Wanted::All);
/// countdown.add(&task);
/// let requests: Requests = countdown.requests();
/// assert!(requests.leave(Request { error: CancelledError::default(), told: false }));
/// assert!(countdown.take_request().is_some());
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Requests {
    block: Arc<Block>,
}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("left", &self.left()).finish_non_exhaustive()
    }
}

impl Requests {
    /// As [`Countdown::left`].
    ///
    /// ```
    /// # use heist_scheduler::{Config, Countdown, LocalScheduler, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { 7 });
    /// let mut countdown = Countdown::new(1, Wanted::All);
    /// countdown.add(&task);
    /// assert_eq!(countdown.requests().left(), 1);
    /// # }).unwrap();
    /// ```
    pub fn left(&self) -> usize {
        self.block.left()
    }

    /// As [`Countdown::has_come`].
    ///
    /// ```
    /// # use heist_scheduler::{Config, Countdown, LocalScheduler, Wanted, yield_now, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { 7 });
    /// let mut countdown = Countdown::new(1, Wanted::All);
    /// countdown.add(&task);
    /// let requests = countdown.requests();
    /// yield_now().await;
    /// assert!(requests.has_come());
    /// # }).unwrap();
    /// ```
    pub fn has_come(&self) -> bool {
        self.block.has_come()
    }

    /// Leaves a request; `false` when every task has ended.
    ///
    /// ```
    /// # use heist_scheduler::{CancelledError, Config, Countdown, LocalScheduler, Request, Wanted, yield_now, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async { 7 });
    /// let mut countdown = Countdown::new(1, Wanted::All);
    /// countdown.add(&task);
    /// yield_now().await;
    /// let request = Request { error: CancelledError::default(), told: false };
    /// assert!(!countdown.requests().leave(request), "the task has ended");
    /// # }).unwrap();
    /// ```
    pub fn leave(&self, request: Request) -> bool {
        self.block.leave_request(request)
    }

    /// Whether there was a request.
    ///
    /// ```
    /// # use heist_scheduler::{CancelledError, Config, Countdown, LocalScheduler, Request, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// let mut countdown = Countdown::new(1, Wanted::All);
    /// countdown.add(&task);
    /// let requests = countdown.requests();
    /// requests.leave(Request { error: CancelledError::default(), told: false });
    /// assert!(requests.is_requested());
    /// # }).unwrap();
    /// ```
    pub fn is_requested(&self) -> bool {
        self.block.is_requested()
    }

    /// As what a forwarder cancels: leaves a request, and the tasks are yet to be cancelled.
    ///
    /// ```
    /// # use heist_scheduler::{CancelledError, Config, Countdown, LocalScheduler, Wanted, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(std::future::pending::<()>());
    /// let mut countdown = Countdown::new(1, Wanted::All);
    /// countdown.add(&task);
    /// assert!(countdown.requests().target().cancel(&CancelledError::default()));
    /// assert!(!countdown.take_request().unwrap().told, "the tasks are yet to be cancelled");
    /// # }).unwrap();
    /// ```
    pub fn target(&self) -> Arc<dyn CancelTarget> {
        self.block.clone()
    }
}
