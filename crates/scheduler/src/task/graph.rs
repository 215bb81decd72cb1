//! What a task tells to those who draw the graph of who waits for whom. Looking polls nothing, and any thread may.

use heist_core::scope::Awaited;

use super::TaskRef;
use super::header::Kind;
use crate::scheduler::Handle;

impl TaskRef {
    /// What the task awaits now: tasks and futures, through whatever it awaits them with. Empty when it runs, is ready, or
    /// waits for something else (time, a socket, a queue).
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, yield_now, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # use heist_core::scope::Awaited;
    /// let inner = create_task(std::future::pending::<()>());
    /// let id = inner.id();
    /// let outer = create_task(inner.into_future());
    /// yield_now().await;
    /// assert_eq!(outer.task_ref().awaits(), [Awaited::Task(id)]);
    /// # outer.cancel();
    /// # }).unwrap();
    /// ```
    pub fn awaits(&self) -> Vec<Awaited> {
        let raw = self.raw();
        let mut found = Vec::new();
        if raw.is_complete() {
            return found;
        }
        found.extend(raw.awaited().map(|task| Awaited::Task(task.id())));
        if let Some(tree) = raw.tree_if_any() {
            tree.each_awaited(|awaited| found.push(awaited));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The name of the task's future, which for an async function is the function's; asyncio's `get_coro().__qualname__`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// async fn serve() {}
    ///
    /// let task = create_task(serve());
    /// assert!(task.task_ref().future_name().ends_with("serve"));
    /// # }).unwrap();
    /// ```
    pub fn future_name(&self) -> &'static str {
        let vtable = self.raw().header().vtable;
        match vtable.kind {
            Kind::Main => "main",
            Kind::Task | Kind::Blocking | Kind::Cleanup | Kind::Callback => {
                let name = (vtable.type_name)();
                // The compiler's name for the future of `async fn f` or of an async block in `f`.
                name.strip_suffix("::{{closure}}").unwrap_or(name)
            }
        }
    }

    /// The loop that the task belongs to; asyncio's `Task.get_loop`.
    ///
    /// ```
    /// # use heist_scheduler::{Config, Handle, LocalScheduler, spawn as create_task};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// let task = create_task(async {});
    /// assert!(task.task_ref().get_loop().same_loop(&Handle::current().unwrap()));
    /// # }).unwrap();
    /// ```
    pub fn get_loop(&self) -> Handle {
        Handle::of(self.raw().shared())
    }
}
