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
    match args::read(args, &mut [args::Number { name: "--port", range: 1..=65535, value: &mut port }]) {
        Ok(args::Wish::Run) => {}
        Ok(args::Wish::Help) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("echo_client: {message}");
            return ExitCode::from(2);
        }
    }
    match heist::run(tcp_echo_client("Hello World!", port as u16)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo_client: {error} (is echo_server running? --port N names its port)");
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    program(std::env::args_os().skip(1))
}
