//! Context variables: values that follow a task, and not a thread; Python's `contextvars`.
//!
//! Vocabulary:
//!
//! * a [`ContextVar`] is a key with a type and a name;
//! * a [`Context`] holds the values of variables: it is what a task has one of, and what code *runs in*;
//! * a *map* is an immutable set of values. A context points to one, or to none when it is empty; a change makes a new map
//!   (or changes it in place where nobody else has it), so copying a context copies one pointer;
//! * what is [`Captured`] is a map taken along, for code that runs later in a copy.
//!
//! Which context code runs in, from the inside out: the one that [`Context::run`] (or a callback's captured one) has
//! entered on this worker; else that of the task being polled; else, on a thread that polls no task, the one entered on
//! this thread, and in the end the thread's own.
//!
//! A task without variables pays nothing. Its context is made when it first sets one; entering a task writes nothing,
//! because the current context is found from the current task when somebody asks ([`TaskSlot`]). A spawn looks at two
//! words (is a context entered, has the creator any cold part) and goes on.
//!
//! Costs: `get` is two read-modify-writes for the lock of the context and two for the value's count; `set` one
//! allocation for the value and, when the map is shared, one for the map.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{self, Poll};

use crate::context;
use crate::sync::Mutex;

type Value = Arc<dyn Any + Send + Sync>;

#[derive(Clone)]
struct Entry {
    key: u64,
    name: &'static str,
    value: Value,
}

/// The values of some variables, ordered by key. Few programs have more than a handful, so a change copies all.
type Map = Vec<Entry>;

/// Where the values of one context are. Not for users: they have [`Context`].
#[doc(hidden)]
#[derive(Default)]
pub struct Slot {
    map: Mutex<Option<Arc<Map>>>,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let map = self.map();
        f.debug_set().entries(map.iter().flat_map(|map| map.iter()).map(|entry| entry.name)).finish()
    }
}

impl Slot {
    fn of(map: Option<Arc<Map>>) -> Self {
        Self { map: Mutex::new(map) }
    }

    fn map(&self) -> Option<Arc<Map>> {
        self.map.lock().clone()
    }

    fn find(&self, key: u64) -> Option<Value> {
        let map = self.map.lock();
        let map = map.as_ref()?;
        let index = map.binary_search_by_key(&key, |entry| entry.key).ok()?;
        Some(map[index].value.clone())
    }

    /// Sets or removes a value and returns what was there. What is dropped is dropped by the caller, without the lock.
    fn replace(&self, key: u64, name: &'static str, value: Option<Value>) -> Option<Value> {
        let mut slot = self.map.lock();
        let map = match &mut *slot {
            Some(map) => Arc::make_mut(map),
            None if value.is_none() => return None,
            empty => Arc::make_mut(empty.insert(Arc::default())),
        };
        match (map.binary_search_by_key(&key, |entry| entry.key), value) {
            (Ok(index), Some(value)) => Some(std::mem::replace(&mut map[index].value, value)),
            (Ok(index), None) => {
                let removed = map.remove(index).value;
                if map.is_empty() {
                    *slot = None;
                }
                Some(removed)
            }
            (Err(index), Some(value)) => {
                map.insert(index, Entry { key, name, value });
                None
            }
            (Err(_), None) => None,
        }
    }
}

/// Finds the slot of the task with this header, the one being polled on this thread. With `make`, a task that has none is
/// given one; without, `None` says that it has no variables.
#[doc(hidden)]
pub type TaskSlot = unsafe fn(header: *const (), make: bool) -> Option<NonNull<Slot>>;

// ---- which context is current ----------------------------------------------------------------------------------------

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
fn with_slot<R>(make: bool, f: impl FnOnce(Option<&Slot>) -> R) -> R {
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
fn enter<R>(slot: &Slot, f: impl FnOnce() -> R) -> R {
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
fn current_map() -> Option<Arc<Map>> {
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

/// A copy of the current context for a new task, `None` when it has no variables.
///
/// ```
/// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
/// # static USER: ContextVar<&str> = ContextVar::new("user");
/// assert!(heist_core::vars::inherit().is_none());
/// USER.set("ada");
/// assert_eq!(heist_core::vars::inherit().unwrap().get(&USER), Some("ada"));
/// ```
#[cold]
pub fn inherit() -> Option<Context> {
    current_map().map(|map| Context { slot: Arc::new(Slot::of(Some(map))) })
}

/// A copy of the current context; Python's `contextvars.copy_context`.
///
/// ```
/// # use heist_core::vars::{ContextVar, copy_context};
/// static USER: ContextVar<&str> = ContextVar::new("user");
/// USER.set("ada");
/// let context = copy_context();
/// USER.set("bob");
/// assert_eq!(context.run(|| USER.get()), Some("ada"));
/// ```
pub fn copy_context() -> Context {
    Context { slot: Arc::new(Slot::of(current_map())) }
}

// ---- contexts --------------------------------------------------------------------------------------------------------

/// The values of context variables; Python's `contextvars.Context`.
///
/// A handle: clones are the same context. Tasks and callbacks that are given one share it, and see what the others set
/// there; [`copy`](Self::copy) makes one of its own.
///
/// ```
/// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
/// # static USER: ContextVar<&str> = ContextVar::new("user");
/// let context = Context::new();
/// context.run(|| USER.set("ada"));
/// assert_eq!(context.get(&USER), Some("ada"));
/// assert_eq!(USER.get(), None, "set in there alone");
/// ```
#[derive(Clone, Default)]
pub struct Context {
    slot: Arc<Slot>,
}

impl Context {
    /// An empty context.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// assert!(Context::new().is_empty());
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// A context with the same values, apart from this one from now on. Python: `Context.copy`.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// let first = Context::new();
    /// first.run(|| USER.set("ada"));
    /// let second = first.copy();
    /// second.run(|| USER.set("bob"));
    /// assert_eq!((first.get(&USER), second.get(&USER)), (Some("ada"), Some("bob")));
    /// ```
    pub fn copy(&self) -> Self {
        Self { slot: Arc::new(Slot::of(self.slot.map())) }
    }

    /// Calls `f` in this context: variables that it sets are set here, and the caller's are as before afterwards. Python:
    /// `Context.run`. Unlike there, a context may be entered several times, and by several threads.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// USER.set("ada");
    /// let seen = Context::new().run(|| {
    ///     USER.set("bob");
    ///     USER.get()
    /// });
    /// assert_eq!((seen, USER.get()), (Some("bob"), Some("ada")));
    /// ```
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        enter(&self.slot, f)
    }

    /// A future that is polled in this context.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// # use std::{future::Future, pin::pin, task};
    /// let context = Context::new();
    /// let scope = context.scope(async { USER.set("ada"); });
    /// # let mut cx = task::Context::from_waker(task::Waker::noop());
    /// assert!(pin!(scope).poll(&mut cx).is_ready());
    /// assert_eq!(context.get(&USER), Some("ada"));
    /// ```
    pub fn scope<F: Future>(&self, future: F) -> Scope<F> {
        Scope { context: self.clone(), future }
    }

    /// The value of a variable here, without its default. Python: `context[var]`.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// USER.set("ada");
    /// assert_eq!(copy_context().get(&USER), Some("ada"));
    /// assert_eq!(Context::new().get(&USER), None);
    /// ```
    pub fn get<T: Clone + Send + Sync + 'static>(&self, variable: &ContextVar<T>) -> Option<T> {
        self.slot.find(variable.key()).and_then(|value| value.downcast_ref().cloned())
    }

    /// Whether a variable has a value here. Python: `var in context`.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// USER.set("ada");
    /// assert!(copy_context().contains(&USER));
    /// assert!(!Context::new().contains(&USER));
    /// ```
    pub fn contains<T: Send + Sync + 'static>(&self, variable: &ContextVar<T>) -> bool {
        self.slot.find(variable.key()).is_some()
    }

    /// How many variables have a value here. Python: `len(context)`.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// USER.set("ada");
    /// assert_eq!(copy_context().len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.slot.map().map_or(0, |map| map.len())
    }

    /// Whether no variable has a value here.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// assert!(copy_context().is_empty());
    /// USER.set("ada");
    /// assert!(!copy_context().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names and values, as they are now, in the order in which the variables were first used. Python: `context.items`.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// USER.set("ada");
    /// let (name, value) = copy_context().iter().next().unwrap();
    /// assert_eq!((name, value.downcast_ref()), ("user", Some(&"ada")));
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Arc<dyn Any + Send + Sync>)> + use<> {
        let entries: Map = self.slot.map().as_deref().cloned().unwrap_or_default();
        entries.into_iter().map(|entry| (entry.name, entry.value))
    }

    /// The place of the values, for a scheduler's `TaskSlot`.
    #[doc(hidden)]
    pub fn slot(&self) -> NonNull<Slot> {
        NonNull::from(&*self.slot)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Context").field(&*self.slot).finish()
    }
}

/// The future of [`Context::scope`].
///
/// ```
/// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
/// # static USER: ContextVar<&str> = ContextVar::new("user");
/// # use std::{future::Future, pin::pin, task};
/// USER.set("ada");
/// let scope = copy_context().scope(async { USER.get() });
/// USER.set("bob");
/// # let mut cx = task::Context::from_waker(task::Waker::noop());
/// assert_eq!(pin!(scope).poll(&mut cx), task::Poll::Ready(Some("ada")));
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` or poll them"]
pub struct Scope<F> {
    context: Context,
    future: F,
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let context = self.context.clone();
        // SAFETY: the future is pinned with its scope: it is not moved out of it, and `Scope` has no `Drop`.
        let future = unsafe { self.map_unchecked_mut(|scope| &mut scope.future) };
        context.run(|| future.poll(cx))
    }
}

/// Variables taken along for code that runs later, on any thread.
///
/// ```
/// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
/// # static USER: ContextVar<&str> = ContextVar::new("user");
/// USER.set("ada");
/// let captured = Captured::current();
/// let seen = std::thread::spawn(|| captured.run(|| USER.get())).join().unwrap();
/// assert_eq!(seen, Some("ada"));
/// ```
#[derive(Clone, Debug)]
pub struct Captured(Kept);

#[derive(Clone)]
enum Kept {
    /// What was set when it was captured: a copy, in which the code runs alone.
    Copy(Option<Arc<Map>>),
    /// A context that was given: shared.
    Given(Context),
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kept::Copy(map) => f.debug_tuple("Copy").field(&map.as_ref().map_or(0, |map| map.len())).finish(),
            Kept::Given(context) => context.fmt(f),
        }
    }
}

impl Captured {
    /// A copy of the current context: no allocation, and one read-modify-write where there are variables.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// USER.set("ada");
    /// let captured = Captured::current();
    /// USER.set("bob");
    /// assert_eq!(captured.run(|| USER.get()), Some("ada"));
    /// ```
    pub fn current() -> Self {
        Self(Kept::Copy(current_map()))
    }

    /// The very context that is given.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// let context = Context::new();
    /// Captured::given(&context).run(|| USER.set("ada"));
    /// assert_eq!(context.get(&USER), Some("ada"), "shared, no copy");
    /// ```
    pub fn given(context: &Context) -> Self {
        Self(Kept::Given(context.clone()))
    }

    /// Calls `f` in what was captured.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// USER.set("ada");
    /// Captured::current().run(|| USER.set("bob"));
    /// assert_eq!(USER.get(), Some("ada"), "what was captured is a copy");
    /// ```
    pub fn run<R>(self, f: impl FnOnce() -> R) -> R {
        match self.0 {
            Kept::Copy(map) => enter(&Slot::of(map), f),
            Kept::Given(context) => context.run(f),
        }
    }
}

// ---- variables -------------------------------------------------------------------------------------------------------

/// Numbers for variables; 0 stands for one that has none yet.
static NEXT_KEY: AtomicU64 = AtomicU64::new(1);

/// A variable whose value belongs to the context: Python's `contextvars.ContextVar`.
///
/// A task starts with a copy of its creator's values; what it sets stays its own. Make it a `static`:
///
/// ```
/// # use heist_core::vars::ContextVar;
/// static DEPTH: ContextVar<u32> = ContextVar::new("depth").with_default(0);
/// let token = DEPTH.set(1);
/// assert_eq!(DEPTH.get(), Some(1));
/// DEPTH.reset(token)?;
/// assert_eq!(DEPTH.get(), Some(0));
/// # Ok::<(), heist_core::vars::ResetError>(())
/// ```
pub struct ContextVar<T> {
    name: &'static str,
    /// Given on first use, so that a variable can be a `static`. Bookkeeping: it guards nothing.
    key: AtomicU64,
    default: Option<T>,
}

impl<T> ContextVar<T> {
    /// A variable without a default.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// assert_eq!(USER.get(), None);
    /// ```
    pub const fn new(name: &'static str) -> Self {
        Self { name, key: AtomicU64::new(0), default: None }
    }

    /// Gives the variable, which must be new, a value for contexts in which it is not set.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// static LIMIT: ContextVar<u32> = ContextVar::new("limit").with_default(10);
    /// assert_eq!(LIMIT.get(), Some(10));
    /// ```
    pub const fn with_default(self, default: T) -> Self {
        let name = self.name;
        // A constant function cannot drop a `T`; a new variable holds none.
        std::mem::forget(self);
        Self { name, key: AtomicU64::new(0), default: Some(default) }
    }

    /// The name.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// assert_eq!(USER.name(), "user");
    /// ```
    pub fn name(&self) -> &'static str {
        self.name
    }

    fn key(&self) -> u64 {
        match self.key.load(Ordering::Relaxed) {
            0 => {
                let new = NEXT_KEY.fetch_add(1, Ordering::Relaxed);
                match self.key.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => new,
                    Err(other) => other,
                }
            }
            key => key,
        }
    }
}

impl<T: Send + Sync + 'static> ContextVar<T> {
    /// The value in the current context, else the default. Python: `ContextVar.get`, whose `LookupError` is `None` here.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// assert_eq!(USER.get(), None);
    /// USER.set("ada");
    /// assert_eq!(USER.get(), Some("ada"));
    /// ```
    pub fn get(&self) -> Option<T>
    where
        T: Clone,
    {
        self.with(|value| value.cloned())
    }

    /// The value in the current context, else `other`, whatever the default is. Python: `ContextVar.get(other)`.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// assert_eq!(USER.get_or("nobody"), "nobody");
    /// USER.set("ada");
    /// assert_eq!(USER.get_or("nobody"), "ada");
    /// ```
    pub fn get_or(&self, other: T) -> T
    where
        T: Clone,
    {
        self.find().and_then(|value| value.downcast_ref().cloned()).unwrap_or(other)
    }

    /// Calls `f` with the value in the current context, else the default, without cloning it.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// static WORDS: ContextVar<Vec<String>> = ContextVar::new("words");
    /// WORDS.set(vec!["one".to_owned(), "two".to_owned()]);
    /// assert_eq!(WORDS.with(|words| words.map(Vec::len)), Some(2));
    /// ```
    pub fn with<R>(&self, f: impl FnOnce(Option<&T>) -> R) -> R {
        match self.find() {
            Some(value) => f(value.downcast_ref()),
            None => f(self.default.as_ref()),
        }
    }

    fn find(&self) -> Option<Value> {
        let key = self.key();
        with_slot(false, |slot| slot.and_then(|slot| slot.find(key)))
    }

    /// Sets the value in the current context. The token undoes it. Python: `ContextVar.set`.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// USER.set("ada");
    /// let token = USER.set("bob");
    /// assert_eq!((USER.get(), token.old_value()), (Some("bob"), Some(&"ada")));
    /// ```
    pub fn set(&self, value: T) -> Token<T> {
        let key = self.key();
        let value: Value = Arc::new(value);
        with_slot(true, |slot| {
            let before = slot.and_then(|slot| slot.replace(key, self.name, Some(value)));
            Token { key, context: slot.map_or(0, address), before, _type: PhantomData }
        })
    }

    /// Sets the variable back to what it was before the [`set`](Self::set) that gave this token. Python:
    /// `ContextVar.reset`.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// # use heist_core::vars::ResetError;
    /// let token = USER.set("ada");
    /// assert_eq!(USER.reset(token), Ok(()));
    /// assert_eq!(USER.get(), None);
    ///
    /// let token = USER.set("bob");
    /// assert_eq!(Context::new().run(|| USER.reset(token)), Err(ResetError::OtherContext));
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResetError`] for the token of another variable, or one that was made in another context.
    pub fn reset(&self, token: Token<T>) -> Result<(), ResetError> {
        let key = self.key();
        if token.key != key {
            return Err(ResetError::OtherVariable);
        }
        let replaced = with_slot(true, |slot| match slot {
            Some(slot) if address(slot) == token.context => Ok(slot.replace(key, self.name, token.before)),
            _ => Err(ResetError::OtherContext),
        });
        replaced.map(drop)
    }
}

/// Which context this is, for comparing.
fn address(slot: &Slot) -> usize {
    ptr::from_ref(slot).addr()
}

impl<T: fmt::Debug> fmt::Debug for ContextVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextVar").field("name", &self.name).field("default", &self.default).finish()
    }
}

/// Undoes one [`ContextVar::set`]; Python's `contextvars.Token`.
///
/// ```
/// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
/// # static USER: ContextVar<&str> = ContextVar::new("user");
/// let token = USER.set("ada");
/// USER.reset(token)?;
/// assert_eq!(USER.get(), None);
/// # Ok::<(), heist_core::vars::ResetError>(())
/// ```
pub struct Token<T> {
    key: u64,
    context: usize,
    before: Option<Value>,
    _type: PhantomData<fn() -> T>,
}

impl<T: 'static> Token<T> {
    /// The value that the variable had before. Python: `Token.old_value`.
    ///
    /// ```
    /// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
    /// # static USER: ContextVar<&str> = ContextVar::new("user");
    /// assert_eq!(USER.set("ada").old_value(), None);
    /// assert_eq!(USER.set("bob").old_value(), Some(&"ada"));
    /// ```
    pub fn old_value(&self) -> Option<&T> {
        self.before.as_deref().and_then(|value| value.downcast_ref())
    }
}

impl<T> fmt::Debug for Token<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("had_value", &self.before.is_some()).finish()
    }
}

/// Why a [`ContextVar::reset`] was refused; Python's `ValueError`.
///
/// ```
/// # use heist_core::vars::{Captured, Context, ContextVar, copy_context};
/// # static USER: ContextVar<&str> = ContextVar::new("user");
/// # use heist_core::vars::ResetError;
/// static HOST: ContextVar<&str> = ContextVar::new("host");
/// assert_eq!(HOST.reset(USER.set("ada")), Err(ResetError::OtherVariable));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ResetError {
    /// The token comes from another variable's `set`.
    OtherVariable,
    /// The token comes from a `set` in another context: reset the variable in the task that set it.
    OtherContext,
}

impl fmt::Display for ResetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherVariable => "the token was made by another variable: give each its own",
            Self::OtherContext => "the token was made in another context: reset where the value was set",
        })
    }
}

impl std::error::Error for ResetError {}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;
    use crate::driver::NoDriver;
    use crate::{Clock, context::enter as enter_worker};

    static NUMBER: ContextVar<i32> = ContextVar::new("number");
    static NAME: ContextVar<String> = ContextVar::new("name");

    #[test]
    fn a_token_brings_back_what_was_before() {
        Context::new().run(|| {
            let first = NUMBER.set(1);
            let second = NUMBER.set(2);
            assert_eq!((first.old_value(), second.old_value()), (None, Some(&1)));
            NUMBER.reset(second).unwrap();
            assert_eq!(NUMBER.get(), Some(1));
            NUMBER.reset(first).unwrap();
            assert_eq!((NUMBER.get(), NUMBER.get_or(5)), (None, 5));
        });
    }

    #[test]
    fn tokens_are_refused_elsewhere() {
        let (one, other) = (Context::new(), Context::new());
        let token = one.run(|| NUMBER.set(1));
        assert_eq!(other.run(|| NUMBER.reset(token)), Err(ResetError::OtherContext));
        static SECOND: ContextVar<i32> = ContextVar::new("second");
        let token = one.run(|| NUMBER.set(2));
        assert_eq!(one.run(|| SECOND.reset(token)), Err(ResetError::OtherVariable));
        assert_eq!(one.get(&NUMBER), Some(2));
    }

    #[test]
    fn a_copy_goes_its_own_way() {
        let first = Context::new();
        first.run(|| {
            NUMBER.set(1);
            NAME.set("a".to_owned());
        });
        let second = first.copy();
        second.run(|| NUMBER.set(2));
        assert_eq!((first.get(&NUMBER), second.get(&NUMBER)), (Some(1), Some(2)));
        assert_eq!((first.len(), second.contains(&NAME), Context::new().is_empty()), (2, true, true));
        let names: Vec<_> = first.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), 2);
        assert!(names.contains(&"number") && names.contains(&"name"));
    }

    #[test]
    fn contexts_nest_and_are_left_by_a_panic() {
        let (outer, inner) = (Context::new(), Context::new());
        outer.run(|| {
            NUMBER.set(1);
            let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                inner.run(|| {
                    NUMBER.set(2);
                    panic!("out of here");
                })
            }));
            assert!(caught.is_err());
            assert_eq!(NUMBER.get(), Some(1));
        });
        assert_eq!(inner.get(&NUMBER), Some(2));
    }

    #[test]
    fn a_worker_has_what_was_entered_there_and_else_its_thread_s() {
        Context::new().run(|| {
            NUMBER.set(1);
            let worker = crate::Context::new(0, 1, Clock::virtual_time(), Arc::new(NoDriver));
            // SAFETY: `worker` outlives the guard.
            let _entered = unsafe { enter_worker(&worker) };
            assert_eq!(NUMBER.get(), Some(1), "no task: the thread's");
            Captured::given(&Context::new()).run(|| {
                assert_eq!(NUMBER.get(), None);
                NUMBER.set(3);
            });
            assert_eq!(NUMBER.get(), Some(1));
        });
        assert_eq!(NUMBER.get(), None, "the thread's own context was never set");
    }

    #[test]
    fn what_is_captured_is_a_copy_each_time() {
        Context::new().run(|| {
            NUMBER.set(1);
            let captured = Captured::current();
            NUMBER.set(2);
            let seen = captured.clone().run(|| (NUMBER.get(), NUMBER.set(9)).0);
            assert_eq!((seen, captured.run(|| NUMBER.get()), NUMBER.get()), (Some(1), Some(1), Some(2)));
        });
    }

    #[test]
    fn values_are_dropped_with_the_last_context() {
        let value = Arc::new(());
        static HELD: ContextVar<Arc<()>> = ContextVar::new("held");
        let context = Context::new();
        context.run(|| HELD.set(value.clone()));
        let copy = context.copy();
        assert_eq!(Arc::strong_count(&value), 2, "a copy shares the value");
        drop((context, copy));
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
