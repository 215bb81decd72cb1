//! Servers that several test programs have.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use heist::{Server, StreamReader, StreamWriter, start_server};

/// A handler that sends back what comes until it ends.
pub async fn echo(mut reader: StreamReader, writer: StreamWriter) -> io::Result<()> {
    loop {
        let data = reader.read(64 << 10).await?;
        if data.is_empty() {
            return Ok(());
        }
        writer.write(&data);
        writer.drain().await?;
    }
}

/// A server with it, and where it listens.
pub async fn echo_server() -> (Server, SocketAddr) {
    let server = start_server(echo, (Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = server.sockets()[0].local_addr().unwrap();
    (server, address)
}
