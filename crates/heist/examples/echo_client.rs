//! The echo client: sends `Hello World!` to the echo server and shows what comes back.
//!
//! ```sh
//! cargo run --release --example echo_client      # with echo_server running
//! ```
//!
//! The original is sample 001-12, and this prints what it prints. What differs: `--port` chooses another port than 8888,
//! and a server that is not there gets a message.
// ci: build only, it needs the server: tests/echo.rs runs the pair

#![forbid(unsafe_code)]

use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;

#[path = "support/args.rs"]
mod args;
#[path = "support/repr.rs"]
mod repr;
use repr::repr;

const HELP: &str = "\
Sends 'Hello World!' to an echo server on 127.0.0.1 and shows what comes back.

  --port N   the server's port; 8888 unless given
  --help     show this";

async fn tcp_echo_client(message: &str, port: u16) -> Result<(), Box<dyn Error + Send + Sync>> {
    let (mut reader, writer) = heist::open_connection(("127.0.0.1", port)).await?;

    println!("Send: {}", repr(message));
    writer.write(message.as_bytes());

    let data = reader.read(100).await?;
    println!("Received: {}", repr(std::str::from_utf8(&data)?));

    println!("Close the connection");
    writer.close();
    Ok(())
}

/// The program, given its command line.
pub(crate) fn program(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut port = 8888;
    let wish = args::read(args, &mut [args::number("--port", 1..=65535, &mut port)]);
    args::program("echo_client", HELP, wish, || {
        heist::run(tcp_echo_client("Hello World!", port as u16))
            .map_err(|error| format!("{error} (is echo_server running? --port N names its port)"))
    })
}

fn main() -> ExitCode {
    program(std::env::args_os().skip(1))
}
