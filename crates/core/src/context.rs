//! What a worker thread knows about itself.
//!
//! While a thread is a worker of a loop, one thread-local pointer leads to its [`Context`]: plain cells that only this
//! thread touches. Leaf futures find their budget, clock and timers here; the scheduler keeps its own per-worker state
//! in a struct that begins with a `Context`. A thread that is no worker has none.

use std::any::Any;
use std::cell::Cell;
use std::panic::Location;
use std::ptr;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use crate::CancelledError;
use crate::clock::{Clock, Estimate, nanos};
use crate::driver::{Driver, WorkerState};
use crate::scope::Tree;
use crate::services::Services;
use crate::vars::{Slot, TaskSlot};

#[cfg(not(heist_loom))]
thread_local! {
    /// The context of this thread while it is a worker. Constant-initialised and without a destructor: reading it is
    /// one load from the thread's own memory.
    static CURRENT: Cell<*const Context> = const { Cell::new(ptr::null()) };
}

// A model's threads share one thread of the system: their contexts are kept apart by loom.
#[cfg(heist_loom)]
loom::thread_local! {
    static CURRENT: Cell<*const Context> = Cell::new(ptr::null());
}

/// How many units of work a task may do in one poll before its leaf futures make it yield.
///
/// 128 is what the field settled on; at some 50 ns a unit a task stays below the 10 us that a wake-up costs.
pub const BUDGET: u32 = 128;

/// The current task is to be queued again; see [`Context::yield_now`].
pub const YIELDED: u8 = 1;
/// Requests to parts of the current task are under way; see [`Context::settle_after`].
pub const SETTLE: u8 = 1 << 1;

/// A waker of the current task was given back; see [`Context::give_back`].
const SPARE: u8 = 1 << 2;

/// Finds the tree of the task whose header is given, which is the current one, and makes it if asked to.
pub type TreeOf = fn(*const (), bool) -> Option<Arc<Tree>>;

/// How many requests for cancellation the task whose header is given, which is the current one, has outstanding.
pub type RequestsOf = fn(*const ()) -> u32;

/// A task, as what it holds remembers it.
///
/// ```
/// use heist_core::context::TaskIdentity;
///
/// let task = TaskIdentity { id: 7, location: std::panic::Location::caller() };
/// assert!(task.location.line() > 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskIdentity {
    /// The task's number.
    pub id: u64,
    /// Where the task was created.
    pub location: &'static Location<'static>,
}

/// Where in the header of a task its [`TaskIdentity`] is: offsets in bytes, so that reading it costs two loads and no call.
#[derive(Clone, Copy, Debug)]
pub struct IdentityAt {
    /// Of a `u64`.
    pub id: usize,
    /// Of a `&'static Location<'static>`.
    pub location: usize,
}

/// One worker's view of its loop.
///
/// ```
/// # use std::sync::Arc;
/// use heist_core::{Clock, Context, driver::NoDriver};
///
/// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
/// assert_eq!((context.worker(), context.loop_id()), (3, 1));
/// ```
#[repr(C)]
pub struct Context {
    /// Units of work left for the current poll; see [`crate::budget`].
    budget: Cell<u32>,
    /// What to do after this poll besides what the state of the task says: [`YIELDED`], [`SETTLE`], and [`SPARE`].
    after: Cell<u8>,
    /// Whether what is woken now is queued in order, behind what is there; see [`Context::in_order`].
    in_order: Cell<bool>,
    /// Whether futures are dropped because they are not to run; see [`Context::quietly`].
    quiet: Cell<bool>,
    /// The header of the task being polled, also the data pointer of its waker; null between polls.
    current: Cell<*const ()>,
    /// The innermost scope whose body is being polled, in the stack of that poll; null for none. See [`crate::scope`].
    frame: Cell<*const ()>,
    /// A cancellation that was raised to the root of the current task.
    raised: Cell<Option<CancelledError>>,
    /// A request that is to interrupt the current task's next suspension.
    later: Cell<Option<CancelledError>>,
    /// A waker of the current task that nobody needs any more, for the next who does; see [`Context::keep_waker`].
    spare: Cell<Option<Waker>>,
    /// How to find the tree of a task.
    trees: TreeOf,
    /// How to find out how many requests a task has outstanding.
    requests: RequestsOf,
    /// State of the worker's random numbers (xorshift; never zero).
    random: Cell<u64>,
    /// This worker's number.
    worker: usize,
    /// Which loop this is: the address of its shared block, for comparing only.
    loop_id: usize,
    clock: Arc<Clock>,
    estimate: Estimate,
    driver: Arc<dyn Driver>,
    timers: WorkerState,
    /// The context variables that code here has entered; null where those of the current task hold. See [`crate::vars`].
    entered_vars: Cell<*const Slot>,
    task_vars: Option<TaskSlot>,
    identity: Option<IdentityAt>,
    services: Option<Arc<dyn Services>>,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("worker", &self.worker)
            .field("budget", &self.budget.get())
            .field("current", &self.current.get())
            .finish_non_exhaustive()
    }
}

/// Calls `f` with the flag set, also where it panics.
#[inline]
fn while_set<R>(flag: &Cell<bool>, f: impl FnOnce() -> R) -> R {
    struct Restore<'a>(&'a Cell<bool>, bool);
    impl Drop for Restore<'_> {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _restore = Restore(flag, flag.replace(true));
    f()
}

impl Context {
    /// Makes the context of `worker` in the loop known as `loop_id`.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// assert!(context.current().is_null(), "no task is being polled");
    /// ```
    pub fn new(worker: usize, loop_id: usize, clock: Arc<Clock>, driver: Arc<dyn Driver>) -> Self {
        let timers = driver.worker_state(worker);
        Self {
            budget: Cell::new(BUDGET),
            after: Cell::new(0),
            in_order: Cell::new(false),
            quiet: Cell::new(false),
            current: Cell::new(ptr::null()),
            frame: Cell::new(ptr::null()),
            raised: Cell::new(None),
            later: Cell::new(None),
            spare: Cell::new(None),
            trees: |_, _| None,
            requests: |_| 0,
            // Any odd constant spreads the workers; the seed only has to differ between them and not be zero.
            random: Cell::new((worker as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15)),
            worker,
            loop_id,
            estimate: Estimate::new(&clock),
            clock,
            driver,
            timers,
            entered_vars: Cell::new(ptr::null()),
            task_vars: None,
            identity: None,
            services: None,
        }
    }

    /// As [`new`](Self::new), on a loop whose tasks have trees of scopes.
    pub fn with_trees(mut self, trees: TreeOf, requests: RequestsOf) -> Self {
        self.trees = trees;
        self.requests = requests;
        self
    }

    /// Says what a leaf may ask of the loop. Without it callbacks run where they come due, and reports go to stderr.
    pub fn with_services(mut self, services: Arc<dyn Services>) -> Self {
        self.services = Some(services);
        self
    }

    /// Says how the context variables of the current task are found.
    ///
    /// # Safety
    ///
    /// `task_vars` must be right for every header that [`set_current`](Self::set_current) is given: what it returns is
    /// valid until that header is no longer current.
    pub unsafe fn with_task_vars(mut self, task_vars: TaskSlot) -> Self {
        self.task_vars = Some(task_vars);
        self
    }

    /// Says where the identity of the current task is found.
    ///
    /// # Safety
    ///
    /// `at` must be right for every header that [`set_current`](Self::set_current) is given, as long as it is current, and
    /// nobody writes there meanwhile.
    pub unsafe fn with_task_identity(mut self, at: IdentityAt) -> Self {
        self.identity = Some(at);
        self
    }

    /// Who the task being polled is: two loads.
    #[inline]
    pub fn task_identity(&self) -> Option<TaskIdentity> {
        let (at, current) = (self.identity?, self.current.get());
        if current.is_null() {
            return None;
        }
        // SAFETY: the header is current, so the word of `with_task_identity` holds.
        let id = unsafe { current.byte_add(at.id) };
        // SAFETY: as above.
        let location = unsafe { current.byte_add(at.location) };
        Some(TaskIdentity {
            // SAFETY: as above: an id is there.
            id: unsafe { id.cast::<u64>().read() },
            // SAFETY: as above: a place is there.
            location: unsafe { location.cast::<&'static Location<'static>>().read() },
        })
    }

    /// What a leaf may ask of the loop.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// assert!(context.services().is_none());
    /// ```
    #[inline]
    pub fn services(&self) -> Option<&Arc<dyn Services>> {
        self.services.as_ref()
    }

    /// The context variables that code here has entered, if any.
    #[inline]
    pub fn entered_vars(&self) -> *const Slot {
        self.entered_vars.get()
    }

    /// Enters context variables and returns those entered before.
    pub(crate) fn enter_vars(&self, slot: *const Slot) -> *const Slot {
        self.entered_vars.replace(slot)
    }

    pub(crate) fn task_vars(&self) -> Option<TaskSlot> {
        self.task_vars
    }

    /// This worker's number.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// assert_eq!(context.worker(), 3);
    /// ```
    #[inline]
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// Which loop this is; equal for the workers of one loop, different for loops that live at the same time.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// assert_eq!(context.loop_id(), 1);
    /// ```
    #[inline]
    pub fn loop_id(&self) -> usize {
        self.loop_id
    }

    /// The loop's clock.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// assert!(context.clock().is_virtual());
    /// ```
    #[inline]
    pub fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// A deadline not earlier than `delay` from now on the loop's clock, and not much later: exact where time is virtual,
    /// otherwise by 2 to 4 us, and by no more than 12. [`NEVER`](crate::clock::NEVER) where the sum does not fit.
    ///
    /// Deadlines that this worker makes for equal delays come in the order in which they are made. Where the processor has
    /// a counter that drives the system's clock this costs a third of a clock read; elsewhere it is one.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// context.clock().advance_to(10);
    /// assert_eq!(context.deadline_in(std::time::Duration::from_nanos(5)), 15);
    /// ```
    #[inline]
    pub fn deadline_in(&self, delay: Duration) -> u64 {
        self.estimate.upper_bound(&self.clock).saturating_add(nanos(delay))
    }

    /// The loop's driver.
    #[inline]
    pub fn driver(&self) -> &Arc<dyn Driver> {
        &self.driver
    }

    /// The I/O half of the driver, for the crate that made it to downcast.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// assert!(context.io().is_none());
    /// ```
    pub fn io(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.driver.io()
    }

    /// The timer crate's state of this worker; null where the loop has no timers.
    #[inline]
    pub fn timers(&self) -> *const () {
        self.timers.pointer()
    }

    /// Whether there may be timers on this worker: `false` only where the driver's
    /// [`next_deadline`](Driver::next_deadline) would be [`NEVER`](crate::clock::NEVER). Three loads, and no call.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// // This driver does not say.
    /// assert!(context.may_have_timers());
    /// ```
    #[inline]
    pub fn may_have_timers(&self) -> bool {
        self.timers.may_have_timers()
    }

    /// The header of the task being polled; null between polls.
    #[inline]
    pub fn current(&self) -> *const () {
        self.current.get()
    }

    /// Sets what is being polled, with a fresh budget, and returns what was.
    #[inline]
    pub fn set_current(&self, header: *const ()) -> *const () {
        self.budget.set(BUDGET);
        self.current.replace(header)
    }

    /// Units of work left for the current poll.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// context.set_budget(7);
    /// assert_eq!(context.budget(), 7);
    /// ```
    #[inline]
    pub fn budget(&self) -> u32 {
        self.budget.get()
    }

    /// Sets the units of work left for the current poll.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// context.set_budget(0);
    /// assert_eq!(context.budget(), 0);
    /// ```
    #[inline]
    pub fn set_budget(&self, units: u32) {
        self.budget.set(units);
    }

    /// Whether `waker` is the very one of the task being polled, and not that of an executor inside it.
    ///
    /// A task's waker carries its header as data pointer, and nobody else can hold that address while it is alive.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// assert!(!context.is_current(std::task::Waker::noop()));
    /// ```
    #[inline]
    pub fn is_current(&self, waker: &Waker) -> bool {
        let current = self.current.get();
        ptr::eq(waker.data(), current) && !current.is_null()
    }

    /// Has the current task polled again after the others that are ready, once its poll returns Pending.
    ///
    /// With the task's own waker this sets a flag that the scheduler reads when the poll ends: no clone, no atomic
    /// operation, no system call. With any other waker (an executor inside the task must see its own wake) it wakes.
    #[inline]
    pub fn yield_now(&self, waker: &Waker) {
        if self.is_current(waker) {
            self.after.set(self.after.get() | YIELDED);
        } else {
            waker.wake_by_ref();
        }
    }

    /// Whether `header` is that of the task being polled, which then is polled again as after a [`yield_now`](Self::yield_now):
    /// a task that wakes itself needs no atomic operation for it.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// // Nothing is being polled here.
    /// assert!(!context.wake_current(std::ptr::dangling()));
    /// ```
    #[inline]
    pub fn wake_current(&self, header: *const ()) -> bool {
        let is_current = ptr::eq(header, self.current.get());
        if is_current {
            self.after.set(self.after.get() | YIELDED);
        }
        is_current
    }

    /// A clone of `waker` to keep. Where one of the current task's was [given back](Self::give_back) in this poll, that one,
    /// without an atomic operation: a task that sets one time limit after the other never touches its count.
    #[inline]
    pub fn keep_waker(&self, waker: &Waker) -> Waker {
        self.kept_waker(waker).unwrap_or_else(|| waker.clone())
    }

    /// A clone of `waker` that was [given back](Self::give_back) in this poll, if there is one.
    #[inline]
    pub fn kept_waker(&self, waker: &Waker) -> Option<Waker> {
        // What was given back is of the current task: so there is one, and the two are alike where `waker` is of it, too.
        if self.after.get() & SPARE == 0 || waker.data() != self.current.get() {
            return None;
        }
        self.after.set(self.after.get() & !SPARE);
        self.spare.take()
    }

    /// Takes a waker that was [kept](Self::keep_waker), for the rest of this poll where it is the current task's own.
    #[inline]
    pub fn give_back(&self, waker: Waker) {
        let after = self.after.get();
        if after & SPARE == 0 && self.is_current(&waker) {
            self.after.set(after | SPARE);
            let before = self.spare.replace(Some(waker));
            debug_assert!(before.is_none(), "the flag says whether there is one");
            // Nothing to drop, which the compiler cannot know.
            std::mem::forget(before);
        }
    }

    /// What to do after the poll, [`YIELDED`] and [`SETTLE`]; clears it.
    #[inline]
    pub fn take_after(&self) -> u8 {
        let after = self.after.get();
        // After nearly every poll there is nothing, and one look says so, or a yield.
        if after != 0 {
            self.after.set(0);
            if after & !YIELDED != 0 {
                return self.drop_spare(after);
            }
        }
        after
    }

    /// Drops the spare waker, if there is one, and says what else is in `after`.
    #[inline(never)]
    fn drop_spare(&self, after: u8) -> u8 {
        if after & SPARE != 0 {
            drop(self.spare.take());
        }
        after & !SPARE
    }

    /// Has the scheduler look, after this poll, at what became of the requests to parts of the current task.
    pub fn settle_after(&self) {
        self.after.set(self.after.get() | SETTLE);
    }

    /// Ends the current task as cancelled, after this poll.
    pub fn raise(&self, error: CancelledError) {
        self.raised.set(Some(error));
        self.settle_after();
    }

    /// The error that was [`raise`](Self::raise)d.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// context.raise(heist_core::CancelledError::new(None));
    /// assert!(context.take_raised().is_some());
    /// assert!(context.take_raised().is_none());
    /// ```
    pub fn take_raised(&self) -> Option<CancelledError> {
        self.raised.take()
    }

    /// Has a request interrupt the current task when this poll returns Pending; see [`crate::scope::ask_later`].
    pub fn ask_later(&self, error: CancelledError) {
        self.later.set(Some(error));
        self.settle_after();
    }

    /// The request that was to be [asked later](Self::ask_later).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// context.ask_later(heist_core::CancelledError::new(None));
    /// assert!(context.take_later().is_some());
    /// ```
    pub fn take_later(&self) -> Option<CancelledError> {
        self.later.take()
    }

    /// The tree of the current task, made if there is none; `None` outside of a task that can have one.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// assert!(context.tree().is_none(), "no task is being polled");
    /// ```
    pub fn tree(&self) -> Option<Arc<Tree>> {
        let current = self.current.get();
        if current.is_null() { None } else { (self.trees)(current, true) }
    }

    /// The tree of the current task, if there is one.
    pub fn tree_if_any(&self) -> Option<Arc<Tree>> {
        let current = self.current.get();
        if current.is_null() { None } else { (self.trees)(current, false) }
    }

    /// How many requests for cancellation the current task has outstanding.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// assert_eq!(context.requests(), 0, "no task is being polled");
    /// ```
    #[inline]
    pub fn requests(&self) -> u32 {
        let current = self.current.get();
        if current.is_null() { 0 } else { (self.requests)(current) }
    }

    /// The innermost scope whose body is being polled.
    #[inline]
    pub(crate) fn frame(&self) -> *const () {
        self.frame.get()
    }

    #[inline]
    pub(crate) fn set_frame(&self, frame: *const ()) {
        self.frame.set(frame);
    }

    /// Whether no scope's body is being polled.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// assert!(context.is_outside_of_scopes());
    /// ```
    #[inline]
    pub fn is_outside_of_scopes(&self) -> bool {
        self.frame.get().is_null()
    }

    /// Runs `f`, which polls another task than the current one, as if between two polls; what stood before stands again
    /// after it.
    pub fn apart<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Restore<'a>(
            &'a Context,
            *const (),
            *const (),
            u32,
            u8,
            [Option<CancelledError>; 2],
            *const Slot,
            Option<Waker>,
        );
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                let context = self.0;
                context.current.set(self.1);
                context.frame.set(self.2);
                context.budget.set(self.3);
                context.after.set(self.4);
                let [raised, later] = std::mem::take(&mut self.5);
                context.raised.set(raised);
                context.later.set(later);
                context.entered_vars.set(self.6);
                drop(context.spare.replace(self.7.take()));
            }
        }
        let _restore = Restore(
            self,
            self.current.replace(ptr::null()),
            self.frame.replace(ptr::null()),
            self.budget.get(),
            self.after.replace(0),
            [self.raised.take(), self.later.take()],
            self.entered_vars.replace(ptr::null()),
            self.spare.take(),
        );
        f()
    }

    /// Whether what is woken now is queued in order, behind what is there.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// assert!(!context.wakes_in_order());
    /// ```
    #[inline]
    pub fn wakes_in_order(&self) -> bool {
        self.in_order.get()
    }

    /// Runs `f`, and queues the tasks that it wakes in order, behind those that are ready, instead of ahead of them.
    ///
    /// For wakes that come in batches: from the driver, and from tasks that end while many others are awaited.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// assert!(context.in_order(|| context.wakes_in_order()));
    /// assert!(!context.wakes_in_order());
    /// ```
    #[inline]
    pub fn in_order<R>(&self, f: impl FnOnce() -> R) -> R {
        while_set(&self.in_order, f)
    }

    /// Calls `f`, which drops futures that are not to run any more: that they were never polled is nobody's mistake. See
    /// [`Unawaited`](crate::Unawaited).
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// assert!(context.quietly(|| context.is_quiet()));
    /// assert!(!context.is_quiet());
    /// ```
    #[inline]
    pub fn quietly<R>(&self, f: impl FnOnce() -> R) -> R {
        while_set(&self.quiet, f)
    }

    /// Whether this is inside of [`quietly`](Self::quietly).
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.quiet.get()
    }

    /// A number below `bound` (which is not 0), good enough for choosing a victim.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// assert!((0..100).all(|_| context.random_below(5) < 5));
    /// ```
    #[inline]
    pub fn random_below(&self, bound: usize) -> usize {
        let mut x = self.random.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random.set(x);
        // Multiply-shift instead of a remainder: no division.
        (((x >> 32) * bound as u64) >> 32) as usize
    }

    /// Sets where this worker's random numbers go on; 0 stands for 1.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// use heist_core::{Clock, Context, driver::NoDriver};
    ///
    /// let context = Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver));
    /// context.seed(42);
    /// let first = context.random_below(1000);
    /// context.seed(42);
    /// assert_eq!(context.random_below(1000), first);
    /// ```
    pub fn seed(&self, seed: u64) {
        self.random.set(seed.max(1));
    }
}

/// Calls `f` with this thread's context, if it is a worker.
///
/// ```
/// assert!(heist_core::context::with(|context| context.is_none()));
/// ```
#[inline(always)]
pub fn with<R>(f: impl FnOnce(Option<&Context>) -> R) -> R {
    let current = current();
    // SAFETY: the pointer is null or was set by `enter`, whose guard resets it before the context may go; the
    // reference does not outlive the call, and contexts are touched by their own thread only.
    f(unsafe { current.as_ref() })
}

/// Calls `f` as [`Context::quietly`] does, on whatever thread.
///
/// ```
/// assert_eq!(heist_core::context::quietly(|| 42), 42);
/// ```
#[inline]
pub fn quietly<R>(f: impl FnOnce() -> R) -> R {
    with(|context| match context {
        Some(context) => context.quietly(f),
        None => f(),
    })
}

/// This thread's context, as a pointer to compare or to cast; null when it is no worker.
#[inline(always)]
pub fn current() -> *const Context {
    CURRENT.with(Cell::get)
}

/// Makes `context` this thread's until the guard is dropped; then what stood before stands again.
///
/// # Safety
///
/// `context` must stay valid, and in its place, until the guard is dropped, and the guard must be dropped on this thread
/// in the reverse order of other guards.
pub unsafe fn enter(context: *const Context) -> Entered {
    Entered { before: CURRENT.with(|current| current.replace(context)) }
}

/// Ends an [`enter`] on drop.
#[derive(Debug)]
pub struct Entered {
    before: *const Context,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.before));
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;
    use crate::driver::NoDriver;

    fn context() -> Context {
        Context::new(3, 1, Clock::virtual_time(), Arc::new(NoDriver))
    }

    #[test]
    fn enter_nests_and_restores() {
        let (outer, inner) = (context(), context());
        assert!(current().is_null());
        // SAFETY: both contexts outlive both guards, which drop in reverse order.
        let first = unsafe { enter(&outer) };
        {
            // SAFETY: as above.
            let _second = unsafe { enter(&inner) };
            assert!(ptr::eq(current(), &inner));
        }
        assert!(ptr::eq(current(), &outer));
        drop(first);
        assert!(current().is_null());
    }

    #[test]
    fn random_numbers_stay_below_the_bound_and_reach_all() {
        let context = context();
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[context.random_below(5)] = true;
        }
        assert_eq!(seen, [true; 5]);
    }

    /// What counts the clones of its wakers by its own holders.
    struct Counted;
    impl std::task::Wake for Counted {
        fn wake(self: Arc<Self>) {}
    }

    #[test]
    fn kept_waker_is_used_again_in_the_poll_of_its_task_only() {
        let context = context();
        let counted = Arc::new(Counted);
        let waker = Waker::from(counted.clone());
        let holders = || Arc::strong_count(&counted) - 2;
        context.set_current(waker.data());
        context.give_back(context.keep_waker(&waker));
        assert_eq!(holders(), 1, "given back, and there for the next");
        let kept = context.keep_waker(&waker);
        assert_eq!(holders(), 1, "the same one");
        context.apart(|| {
            context.give_back(waker.clone());
            assert_eq!(holders(), 1, "no task is current here");
        });
        context.give_back(kept);
        context.give_back(waker.clone());
        assert_eq!(context.take_after(), 0);
        assert_eq!(holders(), 0, "the poll is over");
        let other = Waker::from(Arc::new(Counted));
        context.give_back(waker.clone());
        assert!(context.keep_waker(&other).will_wake(&other));
    }

    #[test]
    fn foreign_waker_is_woken_on_yield() {
        let context = context();
        context.set_current(ptr::without_provenance(64));
        context.yield_now(Waker::noop());
        assert_eq!(context.take_after(), 0, "a foreign waker must not set the flag");
    }
}
