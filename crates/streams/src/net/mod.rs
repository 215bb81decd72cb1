//! Sockets in the plain Rust shape: you bring the buffers.
//!
//! A socket belongs to no loop until it first has to wait; see [`heist_reactor::IoSource`].

mod socket;
mod tcp_listener;
mod tcp_stream;

#[cfg(unix)]
pub(crate) use socket::unix_socket;
pub(crate) use socket::{bind, listen, no_delay, tcp_socket};
pub use tcp_listener::TcpListener;
pub(crate) use tcp_listener::accept_socket;
pub use tcp_stream::{ReadHalf, TcpStream, WriteHalf};
