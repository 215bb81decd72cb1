//! Streams, servers and sockets of the heist async runtime.
//!
//! Programs use the crate `heist`, which has all of it under the same paths;
//! so the examples say `heist::`, and hide that here it stands for this crate.
//! Programs use the crate `heist`, which has all of it but [`DEFAULT_LIMIT`] under the same paths; so the examples say
//! `heist::`, and hide that here it stands for this crate.
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
//! | `pipe` | pipes and terminals, on Unix |
//! | `process` | child processes, on Unix |
//! | `signal` | signals, on Unix |
//! | `stdio` | this process' own standard streams |
//! | [`transports`] | connections by callbacks |
//! | `fs` | files and directories |
//! | `names` | names of hosts |
//! | `raw` | operations on sockets that the caller owns |
//! | `sendfile` | files from the disk to a socket |
//! | `reunite` | a pair of streams taken apart again |
//! | `compat` | the read and write traits of other crates |
//! | `error` | what reading and connecting can fail with |
//! | `tls` | TLS, with the feature of that name |
//! | `watch` | what a loop looks after without a task |
//! | `waiters` | who waits for a change of a writer or a server |

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
#[allow(dead_code, reason = "what only traits behind features use")]
mod compat;
mod connect;
mod error;
pub mod fs;
#[cfg(unix)]
mod names;
pub mod net;
#[cfg(unix)]
pub mod pipe;
#[cfg(unix)]
pub mod process;
mod raw;
mod reader;
#[allow(dead_code, reason = "servers over sockets of the caller's")]
mod ready;
mod report;
mod reunite;
#[cfg(unix)]
mod sendfile;
mod server;
#[cfg(unix)]
pub mod signal;
#[cfg(unix)]
mod stdio;
#[cfg(feature = "tls")]
pub mod tls;
pub mod transports;
mod waiters;
#[cfg(unix)]
mod watch;
#[allow(dead_code, reason = "what only layers over sockets and other kinds of streams use")]
mod wire;
mod writer;

pub use address::{Family, Resolve, Resolving, ToAddress};
pub use compat::{AsIo, StreamPair};
pub use connect::{
    ConnectError, OpenConnection, StaggeredRace, open_connection, open_connection_on, staggered_race,
};
pub use error::{IncompleteReadError, LimitOverrunError, ReadError};
#[cfg(unix)]
pub use names::{AddrInfo, GetAddrInfo, GetNameInfo, SocketKind, getaddrinfo, getnameinfo};
#[cfg(unix)]
pub use raw::{
    sock_accept, sock_connect, sock_connect_unix, sock_recv, sock_recv_into, sock_recvfrom,
    sock_recvfrom_into, sock_sendall, sock_sendto,
};
pub use reader::{Feeder, Lines, StreamReader};
pub use ready::OwnedSocket;
pub use reunite::ReuniteError;
#[cfg(unix)]
pub use sendfile::{SendFile, SendfileNotAvailableError, SockSendFile, sendfile, sock_sendfile};
pub use server::{
    Outcome, Server, ServerConnection, ServerReport, ServerShutdown, ServerSocket, StartServer, start_server,
    start_server_on,
};
#[cfg(unix)]
pub use stdio::{stderr, stdin, stdout};
pub use wire::StreamAddr;
pub use writer::StreamWriter;
#[cfg(unix)]
pub use writer::TransportSocket;
#[cfg(unix)]
pub use {connect::open_unix_connection, server::start_unix_server};

/// How many bytes a [`StreamReader`] takes for one line, when nothing else is said: 64 KiB, as in asyncio.
///
/// ```
/// use heist_streams::{DEFAULT_LIMIT, StreamReader};
///
/// let (reader, _feeder) = StreamReader::fed(DEFAULT_LIMIT)?;
/// assert_eq!(reader.limit(), 64 * 1024);
/// # Ok::<(), std::io::Error>(())
/// ```
pub const DEFAULT_LIMIT: usize = 64 << 10;
