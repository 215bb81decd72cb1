//! Sockets in the plain Rust shape: you bring the buffers.
//!
//! A socket belongs to no loop until it first has to wait; see [`heist_reactor::IoSource`]. Every operation tries its
//! system call first, and waits only where that would block.
//!
//! | type | what it is |
//! |---|---|
//! | [`TcpStream`], [`TcpListener`], [`TcpSocket`] | connections, what accepts them, and options that come before either |
//! | [`UdpSocket`] | datagrams between machines |
//! | [`UnixStream`], [`UnixListener`], [`UnixDatagram`] | the same inside one machine, by path or, on Linux, by abstract name |
//! | [`AsyncFd`] | anything else that has a descriptor |
//! | [`IoSafe`], [`Duplicated`] | what an [`AsyncFd`] takes: types that keep their descriptor for life, and any other |
//! | [`Interest`], [`Ready`] | what one waits for, and what there is |

mod accept;
#[cfg(unix)]
mod async_fd;
mod byte_stream;
mod datagram;
mod options;
mod ready;
mod socket;
mod tcp_listener;
mod tcp_socket;
mod tcp_stream;
mod udp_socket;
#[cfg(unix)]
mod unix_datagram;
#[cfg(unix)]
mod unix_listener;
#[cfg(unix)]
mod unix_name;
#[cfg(unix)]
mod unix_stream;
mod whole;

pub(crate) use accept::Line;
#[cfg(unix)]
pub use async_fd::AsyncFd;
pub use heist_reactor::Direction;
#[cfg(unix)]
pub use heist_reactor::{Duplicated, IoSafe};
pub use options::KeepAlive;
#[cfg(unix)]
pub(crate) use options::{buffer_options, socket_options, tcp_options};
pub use ready::{Interest, Ready};
pub(crate) use socket::{bind, listen, no_delay, tcp_socket};
pub use tcp_listener::{Incoming, TcpListener};
pub use tcp_socket::TcpSocket;
pub use tcp_stream::{ReadHalf, TcpStream, WriteHalf};
pub use udp_socket::{UdpBuilder, UdpSocket};
#[cfg(unix)]
pub use unix_datagram::UnixDatagram;
#[cfg(unix)]
pub use unix_listener::{UnixIncoming, UnixListener};
#[cfg(unix)]
pub(crate) use unix_name::{connect_unix_socket, unix_connect, unix_name, unix_socket};
#[cfg(target_os = "linux")]
pub use unix_stream::Credentials;
#[cfg(unix)]
pub use unix_stream::{UnixReadHalf, UnixStream, UnixWriteHalf};
