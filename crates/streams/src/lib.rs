//! Streams, servers and sockets of the heist async runtime.
//!
//! Two layers:
//!
//! * asyncio's streams: [`open_connection`] and [`start_server`] give a [`StreamReader`] and a [`StreamWriter`]. Reading
//!   awaits; writing does not: [`write`](StreamWriter::write) sends what the system takes at once and keeps the rest,
//!   and [`drain`](StreamWriter::drain) waits while too much is kept.
//! * [`net`]: sockets in the plain Rust shape, for those who bring their own buffers.
//!
//! Everything waits through [`heist_reactor`]; name look-ups, which block, go to the blocking pool of the loop.
//!
//! | module | what it is |
//! |---|---|
//! | `address` | what stands for an address, and how names become addresses |
//! | `connect` | [`open_connection`] |
//! | `reader`, `writer` | the two halves of a stream |
//! | `server` | [`start_server`] and [`Server`] |
//! | `wire` | what the halves run over: sockets, pipes, layers over these |
//! | `net` | plain sockets |
//! | `error` | what reading and connecting can fail with |
//! | `waiters` | who waits for a change of a writer or a server |

#![forbid(unsafe_code)]

mod address;
mod connect;
mod error;
pub mod net;
mod reader;
mod ready;
mod report;
mod server;
mod waiters;
#[allow(dead_code, reason = "what only layers over sockets and other kinds of streams use")]
mod wire;
mod writer;

pub use address::{Family, ToAddress};
pub use connect::{
    ConnectError, OpenConnection, StaggeredRace, open_connection, open_connection_on, staggered_race,
};
pub use error::{IncompleteReadError, LimitOverrunError, ReadError};
pub use reader::StreamReader;
pub use ready::OwnedSocket;
pub use server::{
    Outcome, Server, ServerConnection, ServerReport, ServerSocket, Shutdown, StartServer, start_server,
    start_server_on,
};
pub use wire::StreamAddr;
pub use writer::StreamWriter;
#[cfg(unix)]
pub use {connect::open_unix_connection, server::start_unix_server};

/// How many bytes a [`StreamReader`] takes for one line, when nothing else is said: 64 KiB, as in asyncio.
pub const DEFAULT_LIMIT: usize = 64 << 10;
