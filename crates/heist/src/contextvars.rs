//! Context variables: values that follow a task, and not a thread; Python's module `contextvars`.
//!
//! A task starts with a copy of its creator's variables, and what it sets stays its own. Callbacks and closures on other
//! threads ([`to_thread`](crate::to_thread)) run in a copy of those at the place that made them.
//!
//! ```
//! use heist::ContextVar;
//!
//! static REQUEST: ContextVar<u32> = ContextVar::new("request");
//!
//! async fn log(what: &str) -> String {
//!     format!("{:?}: {what}", REQUEST.get())
//! }
//!
//! heist::run(async {
//!     REQUEST.set(7);
//!     let line = heist::create_task(async {
//!         let line = log("begins").await;
//!         REQUEST.set(8);
//!         line
//!     });
//!     assert_eq!(line.await.unwrap(), "Some(7): begins");
//!     assert_eq!(REQUEST.get(), Some(7));
//! });
//! ```

pub use heist_core::vars::{Context, ContextVar, ResetError, Scope, Token, copy_context};
