//! Pipes, terminals and other descriptors that carry bytes one way, as streams.
//!
//! | asyncio, Python | here |
//! |---|---|
//! | `loop.connect_read_pipe(factory, pipe)` | [`connect_read_pipe`] |
//! | `loop.connect_write_pipe(factory, pipe)` | [`connect_write_pipe`] |
//! | `os.pipe()` | [`pipe`] |
//! | `os.openpty()` | [`open_pty`] |
//! | `sys.stdin`, `sys.stdout`, `sys.stderr` in these | `stdin`, `stdout`, `stderr` |

mod connect;
mod hang_up;
mod pty;
mod raw;

pub(crate) use connect::read_side;
pub use connect::{ConnectReadPipe, connect_read_pipe, connect_write_pipe, pipe};
pub(crate) use hang_up::watched;
pub use pty::{Pty, open_pty};
pub(crate) use raw::{Kind, raw_pipe, source};
