//! Child processes: started without blocking the loop, talked to through streams, waited for by any number of tasks, and
//! always collected.
//!
//! | asyncio | here |
//! |---|---|
//! | `create_subprocess_exec(program, *args, ...)` | [`create_subprocess_exec`], which gives a [`Command`] to complete |
//! | `create_subprocess_shell(cmd, ...)` | [`create_subprocess_shell`] |
//! | `PIPE`, `DEVNULL`, `STDOUT` | the same names |
//! | `Process` | [`Process`] |
//! | `ProcessLookupError` | [`ProcessLookupError`], inside an `io::Error` of kind `NotFound` |
//!
//! | module | what it is |
//! |---|---|
//! | `command` | what to start, and how |
//! | `stdio` | what a child's standard streams are |
//! | `spawn` | the start itself, on the blocking pool |
//! | `handle` | [`Process`] |
//! | `communicate` | feeding and reading a child at once |
//! | `child` | one child: its status, its signals, who waits |
//! | `reaper` | who collects a child when it has ended |
//!
//! Protocol page: `docs/design/processes.md`.

mod child;
mod command;
mod communicate;
mod handle;
mod reaper;
mod spawn;
mod stdio;

pub use child::ProcessLookupError;
pub use command::{Command, create_subprocess_exec, create_subprocess_shell};
pub use handle::Process;
pub use stdio::{DEVNULL, INHERIT, PIPE, STDOUT, Stdio};
