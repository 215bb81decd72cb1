//! Contexts: made, copied, captured, and run in.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{self, Poll};

use super::current::{current_map, enter};
use super::{ContextVar, Map, Slot};

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
