//! Streams, servers and sockets. One program, since none of these tests minds what the others do meanwhile; those that count
//! descriptors or memory are programs of their own beside this one.
#![cfg(not(heist_loom))]

mod connect;
#[cfg(feature = "futures-io")]
mod futures_io;
mod reader;
mod server;
#[cfg(unix)]
mod sockets;
#[path = "../support/mod.rs"]
mod support;
#[cfg(unix)]
mod transport_socket;
#[cfg(unix)]
mod turns;
mod write_all;
mod writer;
