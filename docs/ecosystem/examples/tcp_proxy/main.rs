//! A reverse TCP proxy: listens at one address, and connects whoever comes to another.
//!
//! ```sh
//! cargo run --release -p heist-ecosystem --example tcp_proxy -- --listen 127.0.0.1:6432 --to 127.0.0.1:5432
//! psql -h 127.0.0.1 -p 6432
//! ```
//!
//! What it shows: two directions in one task (`pump`), each with its own end, so that a half-closed connection stays half
//! open; back-pressure from one side to the other; a limit of connections; limits of time for connecting and for silence; a
//! graceful end at Ctrl-C and SIGTERM, with a report of who did not keep the limit; and counts of all that (`statistics`).
//! No feature is needed. `tests/tcp_proxy.rs` has it in front of a real PostgreSQL.
// ci: build only, it serves until Ctrl-C: tests/tcp_proxy.rs runs it

#![forbid(unsafe_code)]

#[path = "../../../../crates/heist/examples/support/args.rs"]
mod args;
mod pump;
#[path = "../support/seconds.rs"]
mod seconds;
mod statistics;
#[path = "../support/stop.rs"]
mod stop;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use heist::net::TcpStream;
use heist::{Server, StreamReader, StreamWriter};

use args::opt;
use pump::End;
use seconds::Seconds;
use statistics::Statistics;

const HELP: &str = "\
Passes on what comes from its clients to a server, and what the server answers.

  --listen ADDRESS      where clients come in; 127.0.0.1:0 unless given
  --to ADDRESS          the server; 127.0.0.1:5432 unless given
  --max-connections N   so many clients at a time, others wait; 1000 unless given
  --connect-limit S     seconds that the server may take to accept; 10 unless given
  --idle-limit S        seconds without a byte in either direction, then a connection
                        is closed; 3600 unless given, 0 for no limit
  --shutdown-limit S    seconds that connections may go on after Ctrl-C; 10 unless given
  --every S             seconds between lines of statistics; 0, none, unless given
  --help                show this

Ctrl-C or SIGTERM ends it: it accepts nobody any more, and waits for the connections
that there are. A second Ctrl-C does not wait.";

/// What the command line chooses.
#[derive(Clone, Debug)]
struct Options {
    listen: String,
    to: String,
    max_connections: usize,
    connect_limit: Seconds,
    idle_limit: Seconds,
    shutdown_limit: Seconds,
    every: Seconds,
}

impl Default for Options {
    fn default() -> Self {
        let seconds = |seconds| Seconds(Duration::from_secs(seconds));
        Self {
            listen: "127.0.0.1:0".into(),
            to: "127.0.0.1:5432".into(),
            max_connections: 1000,
            connect_limit: seconds(10),
            idle_limit: seconds(3600),
            shutdown_limit: seconds(10),
            every: seconds(0),
        }
    }
}

/// `None` for a limit that is written as 0.
fn unless_zero(limit: Seconds) -> Option<Duration> {
    Some(limit.0).filter(|limit| !limit.is_zero())
}

/// One client: connects it to the server, and stays until both have ended.
async fn handle(
    reader: StreamReader,
    writer: StreamWriter,
    options: Arc<Options>,
    statistics: Arc<Statistics>,
) {
    let _open = statistics.open();
    let name = writer.peer_name();
    // Bytes are only passed on, so the plain socket will do. Nothing has been read ahead.
    let (client, _nothing) = match reader.reunite(writer).await {
        Ok(socket) => socket,
        Err(error) => return eprintln!("{name}: {error}"),
    };
    let to = &*options.to;
    let connected = heist::timeout(options.connect_limit.0, TcpStream::connect(to)).await;
    let server = match connected.map_err(io::Error::from).and_then(|result| result) {
        Ok(server) => server,
        Err(error) => {
            statistics.unreachable();
            eprintln!("{name}: cannot reach {to}: {error}");
            return pump::cut_off(client);
        }
    };
    let end = pump::between(client, server, unless_zero(options.idle_limit), &statistics).await;
    statistics.ended(&end);
    if !matches!(end, End::Both) {
        eprintln!("{name}: {end}");
    }
}

/// Serves until Ctrl-C or SIGTERM.
async fn serve(options: Options) -> io::Result<()> {
    let stop = stop::signals()?;
    let options = Arc::new(options);
    let statistics = Arc::new(Statistics::default());
    let handler = {
        let (options, statistics) = (options.clone(), statistics.clone());
        move |reader, writer| handle(reader, writer, options, statistics)
    };
    let server =
        heist::start_server(handler, &*options.listen).max_connections(options.max_connections).await?;
    println!("Serving on {}, for {}", server.sockets()[0].local_addr()?, options.to);

    let every = unless_zero(options.every);
    heist::race!(stop, show_each(every, &statistics)).await?;
    shut_down(&server, &options, &statistics).await;
    Ok(())
}

/// Shows the statistics in these intervals, for ever.
async fn show_each(interval: Option<Duration>, statistics: &Statistics) -> io::Result<()> {
    loop {
        match interval {
            Some(interval) => heist::sleep(interval).await,
            None => std::future::pending().await,
        }
        println!("{statistics}");
    }
}

/// Lets the connections end, and tells how that went.
async fn shut_down(server: &Server, options: &Options, statistics: &Statistics) {
    println!("Ending, with {} connections", statistics.now());
    let report = server.shutdown(options.shutdown_limit.0).await;
    println!("{report}");
    println!("{statistics}");
}

/// The program, given its command line.
pub(crate) fn program(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut options = Options::default();
    let wish = args::read(
        args,
        &mut [
            opt("--listen", "an address such as 127.0.0.1:6432", &mut options.listen),
            opt("--to", "an address such as 127.0.0.1:5432", &mut options.to),
            opt("--max-connections", "a number of connections", &mut options.max_connections),
            opt("--connect-limit", "a number of seconds", &mut options.connect_limit),
            opt("--idle-limit", "a number of seconds", &mut options.idle_limit),
            opt("--shutdown-limit", "a number of seconds", &mut options.shutdown_limit),
            opt("--every", "a number of seconds", &mut options.every),
        ],
    );
    args::program("tcp_proxy", HELP, wish, || heist::run(serve(options)))
}

fn main() -> ExitCode {
    program(std::env::args_os().skip(1))
}
