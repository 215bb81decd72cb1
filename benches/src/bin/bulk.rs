//! `heist-bench-bulk`: bytes in bulk through `StreamReader` and `StreamWriter`, and through tokio's streams.
//!
//! ```text
//! heist-bench-bulk [ROUNDS] [GIB] [WORKERS]
//! ```
//!
//! Each measurement is a process of its own, so that its processor time can be read off, and its other end another one with
//! plain blocking sockets. Rounds are interleaved; the table gives medians, in GB/s and in seconds of processor time a GiB.

#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// How much one write is given, and how much room one read has, in bytes.
const PIECES: [usize; 2] = [32 << 10, 64 << 10];
const CONNECTIONS: [usize; 2] = [1, 8];
const GIB: f64 = (1u64 << 30) as f64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Send,
    Receive,
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
struct Job {
    direction: Direction,
    connections: usize,
    piece: usize,
    /// For each connection.
    bytes: u64,
    workers: usize,
}

impl Job {
    fn args(self) -> [String; 5] {
        let direction = if self.direction == Direction::Send { "send" } else { "receive" };
        [
            direction.to_owned(),
            self.connections.to_string(),
            self.piece.to_string(),
            self.bytes.to_string(),
            self.workers.to_string(),
        ]
    }

    fn parse(args: &[String]) -> Option<Self> {
        let [direction, connections, piece, bytes, workers] = args else { return None };
        Some(Self {
            direction: if direction == "send" { Direction::Send } else { Direction::Receive },
            connections: connections.parse().ok()?,
            piece: piece.parse().ok()?,
            bytes: bytes.parse().ok()?,
            workers: workers.parse().ok()?,
        })
    }
}

/// The other end: sends, or takes, on all its connections, a thread each.
fn plain(job: Job, port: u16) -> io::Result<()> {
    let end = move || -> io::Result<()> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        let mut buf = vec![1; 256 << 10];
        if job.direction == Direction::Send {
            while stream.read(&mut buf)? > 0 {}
            return Ok(());
        }
        let mut left = job.bytes;
        while left > 0 {
            let n = left.min(buf.len() as u64) as usize;
            stream.write_all(&buf[..n])?;
            left -= n as u64;
        }
        Ok(())
    };
    let threads: Vec<_> = (0..job.connections).map(|_| std::thread::spawn(end)).collect();
    for thread in threads {
        thread.join().map_err(|_| io::Error::other("a thread panicked"))??;
    }
    Ok(())
}

async fn heist_end(stream: TcpStream, job: Job) -> io::Result<u64> {
    let (mut reader, writer) = heist::net::TcpStream::from_std(stream)?.into_streams();
    let mut buf = vec![1; job.piece];
    let mut moved = 0;
    if job.direction == Direction::Send {
        while moved < job.bytes {
            writer.write(&buf);
            writer.drain().await?;
            moved += buf.len() as u64;
        }
        writer.close();
        writer.wait_closed().await?;
    } else {
        loop {
            match reader.read_into(&mut buf).await? {
                0 => break,
                n => moved += n as u64,
            }
        }
    }
    Ok(moved)
}

/// As `heist_end`, with asyncio's `read(n)`, which makes a new buffer each time.
async fn heist_read_end(stream: TcpStream, job: Job) -> io::Result<u64> {
    let (mut reader, _writer) = heist::net::TcpStream::from_std(stream)?.into_streams();
    let mut moved = 0;
    loop {
        match reader.read(job.piece).await?.len() {
            0 => return Ok(moved),
            n => moved += n as u64,
        }
    }
}

async fn tokio_end(stream: TcpStream, job: Job) -> io::Result<u64> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    stream.set_nonblocking(true)?;
    let (mut reader, mut writer) = tokio::net::TcpStream::from_std(stream)?.into_split();
    let mut buf = vec![1; job.piece];
    let mut moved = 0;
    if job.direction == Direction::Send {
        while moved < job.bytes {
            writer.write_all(&buf).await?;
            moved += buf.len() as u64;
        }
        writer.shutdown().await?;
    } else {
        loop {
            match reader.read(&mut buf).await? {
                0 => break,
                n => moved += n as u64,
            }
        }
    }
    Ok(moved)
}

/// Moves the bytes on the runtime that `peer` names; how many.
fn run(peer: &str, streams: Vec<TcpStream>, job: Job) -> io::Result<u64> {
    if peer == "tokio" {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(job.workers).enable_all().build()?;
        return runtime.block_on(async {
            let ends: Vec<_> =
                streams.into_iter().map(|stream| tokio::spawn(tokio_end(stream, job))).collect();
            let mut moved = 0;
            for end in ends {
                moved += end.await.map_err(io::Error::other)??;
            }
            Ok(moved)
        });
    }
    let read = peer == "heist-read";
    let runner = heist::Runner::builder().workers(job.workers).build().map_err(io::Error::other)?;
    let mut runner = runner;
    runner
        .run(async move {
            let ends: Vec<_> = streams
                .into_iter()
                .map(|stream| {
                    heist::create_task(async move {
                        if read { heist_read_end(stream, job).await } else { heist_end(stream, job).await }
                    })
                })
                .collect();
            let mut moved = 0;
            for end in ends {
                moved += end.await.map_err(io::Error::other)??;
            }
            Ok(moved)
        })
        .map_err(io::Error::other)?
}

/// The processor time of this process so far, in seconds.
fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// In a process of its own: prints GB/s and seconds of processor time a GiB.
fn measure(peer: &str, job: Job) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port().to_string();
    let mut other = Command::new(std::env::current_exe()?).args(["plain", &port]).args(job.args()).spawn()?;
    let streams = (0..job.connections).map(|_| Ok(listener.accept()?.0)).collect::<io::Result<Vec<_>>>()?;
    let (before, begin) = (cpu(), Instant::now());
    let moved = run(peer, streams, job)?;
    let (used, took) = (cpu() - before, begin.elapsed().as_secs_f64());
    if !other.wait()?.success() || moved < job.bytes * job.connections as u64 {
        return Err(io::Error::other(format!("only {moved} bytes arrived")));
    }
    println!("{} {}", moved as f64 / 1e9 / took, used / (moved as f64 / GIB));
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// All measurements, in interleaved rounds.
fn all(rounds: usize, gib: f64, workers: usize) -> io::Result<()> {
    println!("| direction | connections | piece | peer | GB/s | CPU s/GiB |\n|---|---|---|---|---|---|");
    for direction in [Direction::Send, Direction::Receive] {
        for connections in CONNECTIONS {
            for piece in PIECES {
                let bytes = (gib * GIB / connections as f64 / piece as f64).ceil() as u64 * piece as u64;
                let job = Job { direction, connections, piece, bytes, workers };
                compare(job, rounds)?;
            }
        }
    }
    Ok(())
}

fn compare(job: Job, rounds: usize) -> io::Result<()> {
    let peers: &[&str] = match job.direction {
        Direction::Send => &["heist", "tokio"],
        Direction::Receive => &["heist", "heist-read", "tokio"],
    };
    let mut results = vec![(Vec::new(), Vec::new()); peers.len()];
    for _ in 0..rounds {
        for (peer, result) in peers.iter().zip(&mut results) {
            let output =
                Command::new(std::env::current_exe()?).args(["measure", peer]).args(job.args()).output()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let mut numbers = text.split_whitespace().filter_map(|word| word.parse().ok());
            let (Some(speed), Some(cost)) = (numbers.next(), numbers.next()) else {
                let why = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(io::Error::other(format!("{peer}, {job:?}: {why}")));
            };
            result.0.push(speed);
            result.1.push(cost);
        }
    }
    for (peer, (speed, cost)) in peers.iter().zip(results) {
        println!(
            "| {:?} | {} | {} | {peer} | {:.2} | {:.3} |",
            job.direction,
            job.connections,
            job.piece,
            median(speed),
            median(cost)
        );
    }
    Ok(())
}

fn program(args: &[String]) -> io::Result<()> {
    let usage = || io::Error::other("usage: heist-bench-bulk [ROUNDS] [GIB] [WORKERS]");
    match args {
        [role, port, job @ ..] if role == "plain" => {
            plain(Job::parse(job).ok_or_else(usage)?, port.parse().map_err(|_| usage())?)
        }
        [role, peer, job @ ..] if role == "measure" => measure(peer, Job::parse(job).ok_or_else(usage)?),
        _ => {
            let number = |at: usize, default: f64| {
                args.get(at).map_or(Ok(default), |text| text.parse::<f64>().map_err(|_| usage()))
            };
            all(number(0, 5.0)? as usize, number(1, 1.0)?, number(2, 2.0)? as usize)
        }
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match program(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("heist-bench-bulk: {error}");
            ExitCode::FAILURE
        }
    }
}
