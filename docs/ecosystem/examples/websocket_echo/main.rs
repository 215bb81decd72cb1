//! A WebSocket echo on axum and tokio-tungstenite, over heist's streams.
//!
//! ```sh
//! cargo run --release -p heist-ecosystem --example websocket_echo -- --listen 127.0.0.1:8080
//! ```
//!
//! What it shows: a route of axum whose connection goes on as something else (`heist::serve::upgraded`); a library over tokio's
//! traits on what is left then; and that a peer which breaks the protocol is told how, by the right code. Needs the features `serve` and
//! `tokio-io`. `tests/websocket.rs` talks to it with a WebSocket client that nobody here wrote.
// ci: build only, it serves until Ctrl-C: tests/websocket.rs runs it

#![forbid(unsafe_code)]

#[path = "../../../../crates/heist/examples/support/args.rs"]
mod args;
mod echo;
#[path = "../support/seconds.rs"]
mod seconds;
#[path = "../support/stop.rs"]
mod stop;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use args::opt;
pub(crate) use echo::router;
use seconds::Seconds;

const HELP: &str = "\
Sends back what WebSocket clients send to /echo.

  --listen ADDRESS      where it listens; 127.0.0.1:0 unless given
  --shutdown-limit S    seconds that clients may go on after Ctrl-C; 1 unless given
  --help                show this";

/// Serves until Ctrl-C or SIGTERM.
async fn serve(listen: &str, limit: Duration) -> io::Result<()> {
    let stop = stop::signals()?;
    let server = heist::serve(listen, router()).await?;
    println!("Serving on {}", server.sockets()[0].local_addr()?);
    stop.await?;
    println!("{}", server.shutdown(limit).await);
    Ok(())
}

/// The program, given its command line.
pub(crate) fn program(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (mut listen, mut limit) = ("127.0.0.1:0".to_owned(), Seconds(Duration::from_secs(1)));
    let wish = args::read(
        args,
        &mut [
            opt("--listen", "an address such as 127.0.0.1:8080", &mut listen),
            opt("--shutdown-limit", "a number of seconds", &mut limit),
        ],
    );
    args::program("websocket_echo", HELP, wish, || heist::run(serve(&listen, limit.0)))
}

fn main() -> ExitCode {
    program(std::env::args_os().skip(1))
}
