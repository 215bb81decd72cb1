//! A server that speaks the protocol of Redis: texts, lists, deadlines, publish and subscribe.
//!
//! ```sh
//! cargo run --release -p heist-ecosystem --example redis_server -- --listen 127.0.0.1:6380
//! redis-cli -p 6380 set greeting hello
//! redis-benchmark -p 6380 -q -P 16 -t ping,set,get,incr,lpush,lpop,lrange,mset
//! ```
//!
//! What it shows: a protocol parsed by hand (`resp`), with limits for all that a client may claim or send; pipelining, where the
//! replies to all requests that have come go out in one write; state shared by all connections (`store`), under a plain mutex
//! that is never held across an await; messages to other connections (`hub`), with an end to those who do not read theirs; and
//! a task beside them that sweeps. Nothing is kept on disk.
//!
//! No feature is needed. `tests/redis_server.rs` compares its replies with those of the original, byte by byte.
// ci: build only, it serves until Ctrl-C: tests/redis_server.rs runs it

#![forbid(unsafe_code)]

#[path = "../../../../crates/heist/examples/support/args.rs"]
mod args;
mod commands;
mod connection;
mod hub;
pub(crate) mod resp;
#[path = "../support/seconds.rs"]
mod seconds;
mod session;
#[path = "../support/stop.rs"]
mod stop;
pub(crate) mod store;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use args::opt;
use resp::Limits;
use seconds::Seconds;
use session::Shared;

const HELP: &str = "\
Speaks the protocol of Redis, version 2.

  --listen ADDRESS      where clients come in; 127.0.0.1:0 unless given
  --max-connections N   so many clients at a time, others wait; 10000 unless given
  --max-memory N        bytes that keys and values may take; 268435456 unless given
  --max-request N       bytes that one request may have; 16777216 unless given
  --shutdown-limit S    seconds that clients may go on after Ctrl-C; 1 unless given
  --help                show this

Ctrl-C or SIGTERM ends it.";

/// How often keys past their deadline are removed that nobody asks for.
const SWEEP: Duration = Duration::from_millis(100);
/// How many of them at a time, before others have their turn.
const SWEPT: usize = 1000;

/// What the command line chooses.
#[derive(Clone, Debug)]
struct Options {
    listen: String,
    max_connections: usize,
    max_memory: usize,
    max_request: usize,
    shutdown_limit: Seconds,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".into(),
            max_connections: 10_000,
            max_memory: 256 << 20,
            max_request: 16 << 20,
            shutdown_limit: Seconds(Duration::from_secs(1)),
        }
    }
}

/// Serves until Ctrl-C or SIGTERM.
async fn serve(options: Options) -> io::Result<()> {
    let stop = stop::signals()?;
    // As many arguments, and as long lines, as Redis takes.
    let limits = Limits { request: options.max_request, arguments: 1 << 20, inline: 64 << 10 };
    let shared = Arc::new(Shared::new(options.max_memory));
    let handler = {
        let shared = shared.clone();
        move |reader, writer| connection::serve(reader, writer, shared, limits)
    };
    let server =
        heist::start_server(handler, &*options.listen).max_connections(options.max_connections).await?;
    println!("Ready to accept connections on {}", server.sockets()[0].local_addr()?);

    heist::race!(stop, sweep(&shared)).await?;
    println!("{}", server.shutdown(options.shutdown_limit.0).await);
    Ok(())
}

/// Removes keys past their deadline, for ever.
async fn sweep(shared: &Shared) -> io::Result<()> {
    loop {
        heist::sleep(SWEEP).await;
        while shared.store().sweep(Instant::now(), SWEPT) == SWEPT {
            heist::yield_now().await;
        }
    }
}

/// The program, given its command line.
pub(crate) fn program(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut options = Options::default();
    let wish = args::read(
        args,
        &mut [
            opt("--listen", "an address such as 127.0.0.1:6380", &mut options.listen),
            opt("--max-connections", "a number of connections", &mut options.max_connections),
            opt("--max-memory", "a number of bytes", &mut options.max_memory),
            opt("--max-request", "a number of bytes", &mut options.max_request),
            opt("--shutdown-limit", "a number of seconds", &mut options.shutdown_limit),
        ],
    );
    args::program("redis_server", HELP, wish, || heist::run(serve(options)))
}

fn main() -> ExitCode {
    program(std::env::args_os().skip(1))
}
