//! What a task tells to those who draw the graph of who waits for whom. Looking polls nothing, and any thread may.

use heist_core::scope::Awaited;

use super::TaskRef;
use super::header::Kind;
use crate::scheduler::Handle;

impl TaskRef {
    /// What the task awaits now: tasks and futures, through whatever it awaits them with. Empty when it runs, is ready, or
    /// waits for something else (time, a socket, a queue).
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
    pub fn get_loop(&self) -> Handle {
        Handle::of(self.raw().shared())
    }
}
