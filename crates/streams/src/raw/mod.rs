//! Operations on sockets that the caller owns: asyncio's `loop.sock_*`.
//!
//! They take anything that has a descriptor: sockets of the standard library, of the crate `socket2`, an `OwnedFd`. The
//! socket must not block; one that does is refused, since it would hold up a worker with all its tasks.
//!
//! Each call asks for the socket's mode and tries its operation: two system calls. Only where that would block, a duplicate
//! of the descriptor is registered with the loop until the call has ended: four more, and nothing is left behind, however
//! the wait ends. Several calls
//! may wait for one socket at once. Who makes many calls for one socket is better served by the types in
//! [`net`](crate::net), which register once.

mod address;
mod connect;
mod transfer;
mod waiting;

pub(crate) use address::stream_addr;
pub use connect::{sock_accept, sock_connect, sock_connect_unix};
pub use transfer::{sock_recv, sock_recv_into, sock_recvfrom, sock_recvfrom_into, sock_sendall, sock_sendto};
pub(crate) use waiting::{check_nonblocking, waiting};
