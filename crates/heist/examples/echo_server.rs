//! The echo server: sends back what comes, up to 100 bytes, and closes the connection.
//!
//! ```sh
//! cargo run --release --example echo_server      # then, elsewhere: cargo run --release --example echo_client
//! ```
//!
//! The original is sample 001-13, and this prints what it prints. What differs: `--port` chooses another port than 8888,
//! and a port that is taken gets a message. It listens on 127.0.0.1, so a machine without IPv6 is no matter.
//!
//! A client that vanishes, closes its half of the connection, or sends nothing concerns its own task only: the others
//! are served on. Where a handler fails (the bytes are no text, the client was gone), that is reported.
// ci: build only, it serves until Ctrl-C: tests/echo.rs runs it

#![forbid(unsafe_code)]

use std::error::Error;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::ExitCode;

use heist::{StreamReader, StreamWriter};

#[path = "support/args.rs"]
mod args;
#[path = "support/repr.rs"]
mod repr;
use repr::repr;

const HELP: &str = "\
Sends back what its clients send, up to 100 bytes each, on 127.0.0.1.

  --port N   listen on this port; 8888 unless given, 0 for any free one
  --help     show this";

/// An IPv4 address as Python's sockets give it: `('127.0.0.1', 8888)`.
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

async fn serve(port: u16) -> std::io::Result<()> {
    let server = heist::start_server(handle_echo, ("127.0.0.1", port)).await?;

    let addr = server.sockets()[0].local_addr()?;
    println!("Serving on {}", sockname(addr));

    server.serve_forever().await
}

/// The program, given its command line.
pub(crate) fn program(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut port = 8888;
    let wish = args::read(args, &mut [args::number("--port", 0..=65535, &mut port)]);
    args::program("echo_server", HELP, wish, || {
        heist::run(serve(port as u16)).map_err(|error| format!("{error} (with --port N)"))
    })
}

fn main() -> ExitCode {
    program(std::env::args_os().skip(1))
}
