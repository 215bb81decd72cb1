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

mod contexts;
mod current;
mod variables;

use std::any::Any;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::sync::Mutex;

pub use contexts::{Captured, Context, Scope, copy_context, inherit};
pub use current::thread_may_have_any;
pub use variables::{ContextVar, ResetError, Token};

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
