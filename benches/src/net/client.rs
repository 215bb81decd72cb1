//! The client that keeps a request in flight on each connection, and the connections that the paced one uses too.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use crate::net::latency::Latencies;
use crate::net::talk::Talk;

/// When the measured part ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    /// After so much time.
    Elapsed(Duration),
    /// After so many requests.
    Requests(u64),
}

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    reply: Vec<u8>,
    filled: usize,
    due: Instant,
}

/// Connections to one server, all in one epoll.
pub(crate) struct Client {
    pub(crate) epoll: OwnedFd,
    talk: Talk,
    connections: Vec<Connection>,
    /// Requests sent in all; each carries its number.
    sent: u64,
    in_flight: usize,
}

/// Talks to the server on 127.0.0.1, one request in flight on each connection; says `ready`, and the result.
pub(crate) fn run(port: u16, connections: usize, talk: Talk, until: Until) -> Result<(), String> {
    crate::os::raise_descriptor_limit();
    let failed = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
    let mut client = Client::connect(port, connections, talk).map_err(failed("the client cannot connect"))?;
    let mut latencies = Latencies::default();
    if let Until::Elapsed(time) = until {
        client.drive(Until::Elapsed(time / 4), &mut latencies).map_err(failed("the warm-up failed"))?;
        latencies = Latencies::default();
    }
    super::wait_for_go(matches!(until, Until::Elapsed(_)))?;
    let began = Instant::now();
    client.drive(until, &mut latencies).map_err(failed("the exchange failed"))?;
    latencies.print(talk.messages(), began.elapsed())
}

impl Client {
    /// Opens so many connections.
    pub(crate) fn connect(port: u16, count: usize, talk: Talk) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(count);
        for index in 0..count {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll::add(&epoll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
            connections.push(Connection {
                stream,
                request: talk.request(),
                reply: vec![0; talk.reply_length()],
                filled: 0,
                due: Instant::now(),
            });
        }
        Ok(Self { epoll, talk, connections, sent: 0, in_flight: 0 })
    }

    /// Keeps one request in flight on each connection until it is time to end, then takes the last replies. One latency
    /// for each request.
    fn drive(&mut self, until: Until, latencies: &mut Latencies) -> io::Result<()> {
        let began = Instant::now();
        let mut left = if let Until::Requests(count) = until { count } else { u64::MAX };
        for index in 0..self.connections.len() {
            if left > 0 {
                left -= 1;
                self.send(index, Instant::now())?;
            }
        }
        let mut events = Vec::with_capacity(1024);
        while self.in_flight > 0 {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let index = event.data.u64() as usize;
                let Some(latency) = self.receive(index)? else { continue };
                latencies.add(latency);
                let more = match until {
                    Until::Elapsed(time) => began.elapsed() < time,
                    Until::Requests(_) => left > 0,
                };
                if more {
                    left -= 1;
                    self.send(index, Instant::now())?;
                }
            }
        }
        Ok(())
    }

    /// Sends the next request on a connection that has none in flight. Its latency counts from `due`.
    pub(crate) fn send(&mut self, index: usize, due: Instant) -> io::Result<()> {
        self.sent += 1;
        let connection = &mut self.connections[index];
        self.talk.number(&mut connection.request, self.sent);
        connection.filled = 0;
        connection.due = due;
        // So few bytes always fit: the last reply has been read, so the send buffer is empty.
        if connection.stream.write(&connection.request)? != connection.request.len() {
            return Err(io::Error::new(
                ErrorKind::WriteZero,
                "a request did not fit into an empty send buffer",
            ));
        }
        self.in_flight += 1;
        Ok(())
    }

    /// Takes what is there; the latency if the reply is whole.
    pub(crate) fn receive(&mut self, index: usize) -> io::Result<Option<Duration>> {
        let connection = &mut self.connections[index];
        match connection.stream.read(&mut connection.reply[connection.filled..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => connection.filled += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        if connection.filled < connection.reply.len() {
            return Ok(None);
        }
        if !self.talk.is_answer(&connection.request, &connection.reply) {
            return Err(io::Error::new(ErrorKind::InvalidData, "a reply is no answer to its request"));
        }
        self.in_flight -= 1;
        Ok(Some(connection.due.elapsed()))
    }
}
