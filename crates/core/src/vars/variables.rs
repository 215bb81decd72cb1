//! Variables: set, got and reset.

use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::current::with_slot;
use super::{Slot, Value};

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

    pub(super) fn key(&self) -> u64 {
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
