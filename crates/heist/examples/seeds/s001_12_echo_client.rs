//! Sample 001-12: the echo client.
//!
//! The original, made runnable: `python/s001_12_echo_client.py`.
//!
//! What differs from the Python text: `SEED_PORT` names another port than 8888. (The example `echo_client` is this one with
//! options and messages.)

#![forbid(unsafe_code)]

use std::error::Error;

#[path = "../support/port.rs"]
mod port;
#[path = "../support/repr.rs"]
mod repr;
use repr::repr;

async fn tcp_echo_client(message: &str) -> Result<(), Box<dyn Error>> {
    let (mut reader, writer) = heist::open_connection(("127.0.0.1", port::port())).await?;

    println!("Send: {}", repr(message));
    writer.write(message.as_bytes());

    let data = reader.read(100).await?;
    println!("Received: {}", repr(std::str::from_utf8(&data)?));

    println!("Close the connection");
    writer.close();
    Ok(())
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    heist::run(tcp_echo_client("Hello World!"))
}
