//! Where a file goes.

use std::future::poll_fn;
use std::io;
use std::os::fd::BorrowedFd;

use heist_reactor::Direction;
use socket2::{SockRef, Type};

use crate::StreamWriter;
use crate::raw::{check_nonblocking, sock_sendall, waiting};

/// A stream's writer, or a socket of the caller's.
#[derive(Debug)]
pub(super) enum Destination<'a> {
    Writer(&'a mut StreamWriter),
    Socket(BorrowedFd<'a>),
}

impl Destination<'_> {
    /// Refuses what nothing can be sent to, and waits until all that was written before is sent.
    pub(super) async fn prepare(&mut self) -> io::Result<()> {
        match self {
            Self::Writer(writer) if writer.is_closing() => {
                Err(refused("the writer is closed or closing: send the file before"))
            }
            Self::Writer(writer) => writer.flushed().await,
            Self::Socket(socket) => {
                check_nonblocking(socket)?;
                match SockRef::from(&*socket).r#type()? {
                    Type::STREAM => Ok(()),
                    _ => Err(refused("files are sent over stream sockets only, such as those of TCP")),
                }
            }
        }
    }

    /// Tries `op` on the socket, waiting while it would block; `Unsupported` where there is none.
    pub(super) async fn raw(
        &mut self,
        mut op: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> io::Result<usize> {
        match self {
            Self::Writer(writer) => poll_fn(|cx| writer.poll_raw(cx, &mut op)).await,
            Self::Socket(socket) => waiting(socket, Direction::Write, || op(*socket)).await,
        }
    }

    /// Sends bytes.
    pub(super) async fn write(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Writer(writer) => {
                writer.write(data);
                writer.flushed().await
            }
            Self::Socket(socket) => sock_sendall(socket, data).await,
        }
    }
}

fn refused(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
