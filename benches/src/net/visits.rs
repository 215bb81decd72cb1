//! The clients that open connections: one after another to close them at once, or many to hold them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::Instant;

use serde_json::json;

use super::client::Until;
use crate::os;

/// Connects, says that it will send nothing, and waits until the server closes; again and again.
pub(crate) fn run(port: u16, until: Until) -> Result<(), String> {
    let failed = |error: io::Error| format!("a visit failed: {error}");
    if matches!(until, Until::Elapsed(_)) {
        for _ in 0..200 {
            visit(port).map_err(failed)?;
        }
    }
    super::wait_for_go(matches!(until, Until::Elapsed(_)))?;
    let began = Instant::now();
    let mut visits = 0u64;
    while match until {
        Until::Elapsed(time) => began.elapsed() < time,
        Until::Requests(count) => visits < count,
    } {
        visit(port).map_err(failed)?;
        visits += 1;
    }
    let wall = began.elapsed().as_secs_f64() * 1e6 / visits as f64;
    println!("{}", json!({"operations": visits, "wall": wall}));
    Ok(())
}

fn visit(port: u16) -> io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.shutdown(Shutdown::Write)?;
    match stream.read(&mut [0])? {
        0 => Ok(()),
        _ => Err(io::Error::new(ErrorKind::InvalidData, "the server had something to say")),
    }
}

/// Opens so many connections, each once the one before has been answered, and holds them to the end of the input.
pub(crate) fn hold(port: u16, connections: usize) -> Result<(), String> {
    os::raise_descriptor_limit();
    let failed = |error: io::Error| format!("a connection cannot be held: {error}");
    // Tables and threads of the server are there before anything is counted.
    let mut held = Vec::with_capacity(connections + WARM_UP);
    open(port, WARM_UP, &mut held).map_err(failed)?;
    super::wait_for_go(true)?;
    let began = Instant::now();
    open(port, connections, &mut held).map_err(failed)?;
    let wall = began.elapsed().as_secs_f64() * 1e6 / connections as f64;
    println!("{}", json!({"operations": connections, "wall": wall}));
    // The server is asked what it holds meanwhile.
    io::stdin().read_line(&mut String::new()).map_err(failed)?;
    Ok(())
}

/// Connections that only warm up.
const WARM_UP: usize = 100;

/// One byte there and back shows that the server has accepted it and waits again.
fn open(port: u16, count: usize, held: &mut Vec<TcpStream>) -> io::Result<()> {
    for _ in 0..count {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.write_all(&[1])?;
        stream.read_exact(&mut [0])?;
        held.push(stream);
    }
    Ok(())
}
