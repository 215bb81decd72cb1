//! Where a file goes.

use std::future::poll_fn;
use std::io;
use std::os::fd::BorrowedFd;

use heist_reactor::Direction;
use socket2::{SockRef, Type};

use super::lent::lent_by;
use crate::StreamWriter;
use crate::raw::{check_nonblocking, sock_sendall, waiting};
use crate::transports::Transport;
use crate::writer::Lent;

/// A stream's writer, a transport, or a socket of the caller's.
#[derive(Debug)]
pub(super) enum Destination<'a> {
    Writer(&'a mut StreamWriter),
    /// With its output, from `prepare` on: others may write to it at any time, and must not come in between.
    Transport(&'a Transport, Option<Lent<'a>>),
    Socket(BorrowedFd<'a>),
}

impl<'a> Destination<'a> {
    pub(super) fn transport(transport: &'a Transport) -> Self {
        Self::Transport(transport, None)
    }
}

impl Destination<'_> {
    /// Refuses what nothing can be sent to, and waits until all that was written before is sent.
    pub(super) async fn prepare(&mut self) -> io::Result<()> {
        match self {
            Self::Writer(writer) if writer.is_closing() => Err(is_closing("writer")),
            Self::Transport(transport, _) if transport.is_closing() => Err(is_closing("transport")),
            Self::Transport(transport, lent) => {
                *lent = Some(lent_by(transport).await?);
                Ok(())
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
            Self::Transport(_, lent) => poll_fn(|cx| lent_of(lent)?.poll_raw(cx, &mut op)).await,
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
            Self::Transport(_, lent) => {
                let mut rest = data;
                poll_fn(|cx| lent_of(lent)?.poll_send(cx, &mut rest)).await
            }
            Self::Socket(socket) => sock_sendall(socket, data).await,
        }
    }
}

fn lent_of<'b, 'a>(lent: &'b mut Option<Lent<'a>>) -> io::Result<&'b mut Lent<'a>> {
    lent.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
}

fn is_closing(what: &str) -> io::Error {
    refused(&format!("the {what} is closed or closing: send the file before"))
}

fn refused(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}
