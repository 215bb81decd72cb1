//! The plain limit of a server: one thread, one level-triggered epoll, no futures. For bulk, threads that block.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use super::bulk::{CHUNK, FILLING};
use super::http;
use super::scenario::Service;
use super::server::BUFFER;

const LISTENER: u64 = u64::MAX;

/// Echoes, or answers requests of HTTP, for ever.
pub(crate) fn serve(listener: &TcpListener, service: Service) -> io::Result<()> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    listener.set_nonblocking(true)?;
    epoll::add(&epoll, listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut connections: Vec<Option<TcpStream>> = Vec::new();
    let mut rest: HashMap<usize, Vec<u8>> = HashMap::new();
    let mut events = Vec::with_capacity(1024);
    let mut buffer = vec![0; BUFFER];
    loop {
        events.clear();
        match epoll::wait(&epoll, spare_capacity(&mut events), None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let key = event.data.u64();
            if key == LISTENER {
                let (stream, _) = match listener.accept() {
                    Ok(accepted) => accepted,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                    Err(error) => return Err(error),
                };
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                epoll::add(&epoll, &stream, EventData::new_u64(connections.len() as u64), EventFlags::IN)?;
                connections.push(Some(stream));
                continue;
            }
            let index = key as usize;
            if let Some(stream) = &mut connections[index] {
                if !answer(stream, &mut buffer, &mut rest, index, &epoll, service)? {
                    rest.remove(&index);
                    connections[index] = None;
                }
            }
        }
    }
}

/// Answers what is there; false at the end of the connection. What the kernel does not take at once is kept in `rest`,
/// and nothing more is read until it has gone.
fn answer(
    mut stream: &TcpStream,
    buffer: &mut [u8],
    rest: &mut HashMap<usize, Vec<u8>>,
    index: usize,
    epoll: &std::os::fd::OwnedFd,
    service: Service,
) -> io::Result<bool> {
    let held = if rest.is_empty() { None } else { rest.remove(&index) };
    let was_held = held.is_some();
    let bytes = match &held {
        Some(held) => held.as_slice(),
        None => match stream.read(buffer) {
            Ok(0) => return Ok(false),
            // A client has one request in flight, and it is so short that it comes at once.
            Ok(count) if service == Service::Http && buffer[..count].ends_with(b"\r\n\r\n") => http::PLAIN,
            Ok(count) => &buffer[..count],
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(true);
            }
            Err(_) => return Ok(false),
        },
    };
    let written = match stream.write(bytes) {
        Ok(count) => count,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
        Err(_) => return Ok(false),
    };
    if written < bytes.len() {
        rest.insert(index, bytes[written..].to_vec());
        epoll::modify(epoll, stream, EventData::new_u64(index as u64), EventFlags::OUT)?;
    } else if was_held {
        epoll::modify(epoll, stream, EventData::new_u64(index as u64), EventFlags::IN)?;
    }
    Ok(true)
}

/// Reads or writes for ever, a thread for each connection.
pub(crate) fn serve_bulk(listener: &TcpListener, service: Service) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept()?;
        thread::spawn(move || {
            let mut chunk = vec![FILLING; CHUNK];
            // The client closes when it has enough; then there is nothing left to do.
            match service {
                Service::Source => while stream.write_all(&chunk).is_ok() {},
                _ => while stream.read(&mut chunk).is_ok_and(|count| count > 0) {},
            }
        });
    }
}
