//! A site of the program's own, so that the samples that fetch pages need no internet.

use std::io;
use std::net::SocketAddr;

use heist::{Server, StreamReader, StreamWriter};

/// A server that answers each request with a page that names its path.
pub(crate) struct Site {
    server: Server,
}

impl Site {
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.server.sockets()[0].local_addr()
    }
}

/// Serves on a free port of 127.0.0.1, until the site is dropped.
pub(crate) async fn serve() -> io::Result<Site> {
    let server = heist::start_server(answer, ("127.0.0.1", 0)).await?;
    Ok(Site { server })
}

/// One request, one answer, and the end of the connection.
async fn answer(mut reader: StreamReader, writer: StreamWriter) -> Result<(), heist::ReadError> {
    let head = reader.readuntil(b"\r\n\r\n").await?;
    let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let body = format!("page {}\n", String::from_utf8_lossy(path));
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    writer.write(answer.as_bytes());
    writer.drain().await?;
    writer.close();
    Ok(())
}
