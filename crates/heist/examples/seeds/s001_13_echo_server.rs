//! Sample 001-13: the echo server.
//!
//! The original, made runnable: `python/s001_13_echo_server.py`.
//!
//! What differs from the Python text: `SEED_PORT` names another port than 8888. Where Python leaves the block of `async with
//! server`, and so closes it, the server closes when it is dropped. (The example `echo_server` is this one with options and
//! messages.)

#![forbid(unsafe_code)]

use std::error::Error;
use std::net::SocketAddr;

use heist::{StreamReader, StreamWriter};

#[path = "../support/port.rs"]
mod port;
#[path = "../support/repr.rs"]
mod repr;
use repr::repr;

/// As Python prints an address.
fn sockname(address: SocketAddr) -> String {
    format!("({}, {})", repr(&address.ip().to_string()), address.port())
}

async fn handle_echo(
    mut reader: StreamReader,
    writer: StreamWriter,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let data = reader.read(100).await?;
    let message = std::str::from_utf8(&data)?;
    let addr = writer.peer_addr()?;

    println!("Received {} from {}", repr(message), sockname(addr));

    println!("Send: {}", repr(message));
    writer.write(&data);
    writer.drain().await?;

    println!("Close the connection");
    writer.close();
    Ok(())
}

#[heist::main]
pub(crate) async fn main() -> std::io::Result<()> {
    let server = heist::start_server(handle_echo, ("127.0.0.1", port::port())).await?;

    let addr = server.sockets()[0].local_addr()?;
    println!("Serving on {}", sockname(addr));

    server.serve_forever().await
}
