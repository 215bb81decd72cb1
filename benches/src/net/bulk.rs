//! The client of bulk transfer: plain threads that block, one for each connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::Instant;

use serde_json::json;

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the client to the server.
    In,
    /// From the server to the client.
    Out,
}

/// Bytes of one call.
pub(crate) const CHUNK: usize = 64 * 1024;

/// Bytes over all connections that only warm up.
const WARM_UP: usize = 64 << 20;

/// Moves so many MiB over so many connections; says `ready`, and the result.
pub(crate) fn run(
    port: u16,
    direction: Direction,
    connections: usize,
    mebibytes: usize,
) -> Result<(), String> {
    let mut streams = (0..connections)
        .map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| format!("the client cannot connect: {error}"))?;
    let mut transfer = |bytes: usize| {
        let each = bytes / connections / CHUNK * CHUNK;
        move_all(&mut streams, direction, each)
            .map(|()| each * connections)
            .map_err(|error| format!("the transfer failed: {error}"))
    };
    transfer(WARM_UP)?;
    super::wait_for_go(true)?;
    let began = Instant::now();
    let gibibytes = transfer(mebibytes << 20)? as f64 / f64::from(1 << 30);
    println!("{}", json!({"operations": gibibytes, "wall": began.elapsed().as_secs_f64() / gibibytes}));
    Ok(())
}

fn move_all(streams: &mut [TcpStream], direction: Direction, each: usize) -> io::Result<()> {
    thread::scope(|scope| {
        let start = |stream| scope.spawn(move || move_bytes(stream, direction, each));
        let threads: Vec<_> = streams.iter_mut().map(start).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no transfer panics"))
    })
}

fn move_bytes(stream: &mut TcpStream, direction: Direction, bytes: usize) -> io::Result<()> {
    let mut chunk = vec![FILLING; CHUNK];
    for _ in 0..bytes / CHUNK {
        match direction {
            Direction::In => stream.write_all(&chunk)?,
            Direction::Out => {
                stream.read_exact(&mut chunk)?;
                if chunk[0] != FILLING || chunk[CHUNK - 1] != FILLING {
                    return Err(io::Error::new(ErrorKind::InvalidData, "the server sent something else"));
                }
            }
        }
    }
    Ok(())
}

/// Every byte of a transfer.
pub(crate) const FILLING: u8 = 0x5A;
