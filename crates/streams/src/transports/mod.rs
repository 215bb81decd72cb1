//! Transports and protocols: connections by callbacks, as in asyncio's low-level API.
//!
//! A *protocol* is a value of the program's whose methods are called when something happens to a connection: it is made, bytes
//! have come, it is lost. A [`Transport`] is the handle by which anybody writes to the connection, pauses its reading, or
//! closes it. Streams do the same by awaiting, and most programs are shorter with these.
//!
//! Each connection has a task. It reads, and calls the protocol's methods: one after the other, never two at a time.
//! Connections run beside each other, on all workers. How that goes is in `docs/design/transports.md`.
//!
//! ```no_run
//! # use heist_streams as heist;
//! # async fn example() -> std::io::Result<()> {
//! use heist::transports::{Protocol, Transport, create_server};
//!
//! #[derive(Default)]
//! struct Echo(Option<Transport>);
//!
//! impl Protocol for Echo {
//!     fn connection_made(&mut self, transport: Transport) {
//!         self.0 = Some(transport);
//!     }
//!
//!     fn data_received(&mut self, data: &[u8]) {
//!         if let Some(transport) = &self.0 {
//!             transport.write(data);
//!         }
//!     }
//! }
//!
//! let server = create_server(Echo::default, "127.0.0.1:8888").await?;
//! server.serve_forever().await
//! # }
//! ```
//!
//! | asyncio | here |
//! |---|---|
//! | `loop.create_connection`, `create_unix_connection` | [`create_connection`], `create_unix_connection` |
//! | `loop.connect_accepted_socket`, `create_connection(sock=)` | [`connect_accepted_socket`] |
//! | `loop.create_server`, `create_unix_server` | [`create_server`], [`create_server_on`], `create_unix_server` |
//! | `loop.create_datagram_endpoint` | [`create_datagram_endpoint`], [`create_datagram_endpoint_on`] |
//! | `loop.connect_read_pipe`, `connect_write_pipe` | the same names |
//! | `loop.subprocess_exec`, `subprocess_shell` | the same names |
//! | `Protocol`, `BufferedProtocol`, `DatagramProtocol`, `SubprocessProtocol` | the same names |
//! | `Transport`, `ReadTransport`, `WriteTransport` | [`Transport`] |
//! | `DatagramTransport`, `SubprocessTransport` | the same names |
//! | `loop.start_tls`, `loop.sendfile` | `Transport::start_tls`, `Transport::sendfile` |
//! | the `protocol` of the pair that is given | [`ProtocolHandle`] |
//!
//! # Failures
//!
//! A callback that panics ends its connection and no other: the transport is aborted, `connection_lost` is called with a
//! [`ProtocolError`], and then the panic is that of the connection's task, which the loop tells its exception handler, as
//! its panic policy says.

mod call;
mod connect;
mod datagram;
mod driver;
mod handle;
mod lane;
#[cfg(any(feature = "tls", all(test, heist_loom)))]
mod lending;
#[cfg(all(test, heist_loom))]
mod models;
#[cfg(unix)]
mod pipe;
mod protocol;
mod serve;
#[cfg(feature = "tls")]
mod start_tls;
#[cfg(unix)]
mod subprocess;
mod transport;

pub use call::ProtocolError;
#[cfg(unix)]
pub use connect::create_unix_connection;
pub use connect::{CreateConnection, connect_accepted_socket, create_connection};
pub use datagram::{
    CreateDatagramEndpoint, DatagramProtocol, DatagramSocket, DatagramTransport, create_datagram_endpoint,
    create_datagram_endpoint_on,
};
pub use handle::ProtocolHandle;
#[cfg(unix)]
pub use pipe::{connect_read_pipe, connect_write_pipe};
pub use protocol::{BufferedProtocol, Protocol, StreamProtocol};
#[cfg(unix)]
pub use serve::create_unix_server;
pub use serve::{create_server, create_server_on};
#[cfg(feature = "tls")]
pub(crate) use start_tls::Claimed;
#[cfg(unix)]
pub use subprocess::{
    StartSubprocess, SubprocessProtocol, SubprocessTransport, subprocess_exec, subprocess_shell,
};
pub use transport::Transport;
