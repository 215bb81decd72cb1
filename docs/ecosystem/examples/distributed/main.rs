//! Work that is shared between processes, by way of Redis: producers put tasks into a stream, workers take them as a group.
//!
//! ```sh
//! redis-server --port 6399 &
//! cargo run --release -p heist-ecosystem --example distributed -- work --redis 127.0.0.1:6399 --name a &
//! cargo run --release -p heist-ecosystem --example distributed -- work --redis 127.0.0.1:6399 --name b &
//! cargo run --release -p heist-ecosystem --example distributed -- produce --redis 127.0.0.1:6399 --count 1000
//! ```
//!
//! What it shows: nothing is lost, and nothing is done twice unnoticed (`tasks` says why); a worker that ends in good order
//! finishes what it has begun (`worker`); one that is killed leaves its tasks to the others, who take them over when it has
//! said nothing about them for a while; one that is merely slow says so in time, and keeps them.
//!
//! It needs heist's feature `tokio-io`, for the library redis. `tests/distributed.rs` runs three workers, and kills one.
// ci: build only, it wants a server: tests/distributed.rs runs it

#![forbid(unsafe_code)]

#[path = "../../../../crates/heist/examples/support/args.rs"]
mod args;
#[path = "../support/broker.rs"]
pub(crate) mod broker;
mod producer;
#[path = "../support/seconds.rs"]
mod seconds;
#[path = "../support/stop.rs"]
mod stop;
pub(crate) mod tasks;
mod worker;

use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use args::opt;
use seconds::Seconds;

const HELP: &str = "\
Shares tasks between processes, by way of Redis.

produce: puts tasks into the stream
  --redis ADDRESS    the server; 127.0.0.1:6379 unless given
  --from N           the number of the first task; 0 unless given
  --count N          how many; 100 unless given

report: says how far they are
  --redis ADDRESS    the server; 127.0.0.1:6379 unless given

work: does tasks until Ctrl-C or SIGTERM, and then finishes what it has begun
  --redis ADDRESS    the server; 127.0.0.1:6379 unless given
  --name NAME        of this worker; no two have one name
  --at-once N        tasks at a time; 4 unless given
  --seconds S        that a task takes; 0.01 unless given
  --take-over S      seconds without a word after which a task is another worker's;
                     5 unless given

--help shows this";

/// The server, unless another is given; and what is to be given.
const SERVER: &str = "127.0.0.1:6379";
const ADDRESS: &str = "an address such as 127.0.0.1:6379";

/// A failure that another thread may hear of.
type Failure = Box<dyn Error + Send + Sync>;

/// What the command line of a producer chooses.
struct Produce {
    redis: String,
    from: u64,
    count: u64,
}

/// What the command line of a worker chooses.
#[derive(Debug, Clone)]
struct Work {
    redis: String,
    name: String,
    at_once: usize,
    seconds: Seconds,
    take_over: Seconds,
}

fn produce(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut options = Produce { redis: SERVER.into(), from: 0, count: 100 };
    let wish = args::read(
        args,
        &mut [
            opt("--redis", ADDRESS, &mut options.redis),
            opt("--from", "a number", &mut options.from),
            opt("--count", "a number", &mut options.count),
        ],
    );
    args::program("distributed produce", HELP, wish, || heist::run(producer::produce(options)))
}

fn report(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut redis = SERVER.to_owned();
    let wish = args::read(args, &mut [opt("--redis", ADDRESS, &mut redis)]);
    args::program("distributed report", HELP, wish, || heist::run(producer::report(redis)))
}

fn work(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut options = Work {
        redis: SERVER.into(),
        name: format!("worker-{}", std::process::id()),
        at_once: 4,
        seconds: Seconds(Duration::from_millis(10)),
        take_over: Seconds(Duration::from_secs(5)),
    };
    let wish = args::read(
        args,
        &mut [
            opt("--redis", ADDRESS, &mut options.redis),
            opt("--name", "a name", &mut options.name),
            opt("--at-once", "a number of tasks", &mut options.at_once),
            opt("--seconds", "a number of seconds", &mut options.seconds),
            opt("--take-over", "a number of seconds", &mut options.take_over),
        ],
    );
    let wish = match wish {
        Ok(_) if !(1..=10_000).contains(&options.at_once) => Err("--at-once takes 1 to 10000".into()),
        Ok(_) if options.take_over.0 < Duration::from_millis(100) => {
            Err("--take-over needs at least 0.1: those who work must find the time to say so".into())
        }
        wish => wish,
    };
    args::program("distributed work", HELP, wish, || heist::run(worker::work(options)))
}

/// The program, given its command line.
pub(crate) fn program(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = args.into_iter();
    let first = args.next().map(|first| first.to_string_lossy().into_owned());
    match first.as_deref() {
        Some("produce") => produce(args),
        Some("work") => work(args),
        Some("report") => report(args),
        Some("--help" | "-h") => {
            args::program("distributed", HELP, Ok(args::Wish::Help), || Ok::<_, String>(()))
        }
        other => {
            let message = format!(
                "`produce`, `report` or `work` comes first, not {:?}; --help tells more",
                other.unwrap_or("")
            );
            args::program("distributed", HELP, Err(message), || Ok::<_, String>(()))
        }
    }
}

fn main() -> ExitCode {
    program(std::env::args_os().skip(1))
}
