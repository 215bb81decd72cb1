//! What goes on between a server and its client, and how both are told.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::bulk::Direction;
use super::client::Until;
use super::talk::Talk;
use super::{bulk, client, paced, visits};
use crate::measure::Timing;
use crate::os::Placement;

/// What goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// 64 bytes there and back on so many connections, one request in flight on each.
    Echo(usize),
    /// The same on 16 connections, 16 requests at a time.
    Pipelined,
    /// HTTP/1.1 on so many connections, one request in flight on each.
    Http(usize),
    /// Bytes one way, over so many connections.
    Bulk(Direction, usize, Placement),
    /// Connections that are accepted, and closed at once.
    Accept,
    /// Connections that are held, and idle.
    Idle,
    /// Echo at a fixed rate.
    Paced(Placement),
    /// The same beside a process that keeps one processor busy.
    PacedBusy,
}

/// What a server does with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Sends back what comes.
    Echo,
    /// The same with a buffer of eight bytes: a connection that holds next to nothing of its own.
    Hold,
    /// Answers requests of HTTP/1.1.
    Http,
    /// Reads and drops.
    Sink,
    /// Writes for ever.
    Source,
}

const SERVICES: &[(&str, Service)] = &[
    ("echo", Service::Echo),
    ("hold", Service::Hold),
    ("http", Service::Http),
    ("sink", Service::Sink),
    ("source", Service::Source),
];

impl FromStr for Service {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = SERVICES.iter().find(|(name, _)| *name == word);
        found.map(|(_, service)| *service).ok_or_else(|| format!("there is no service `{word}`"))
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = SERVICES.iter().find(|(_, service)| service == self);
        f.write_str(found.map_or("unknown", |(name, _)| name))
    }
}

/// Requests a second at a fixed rate: a quarter of what one core can serve.
const RATE: u32 = 10_000;

/// Connections at a fixed rate.
const PACED_CONNECTIONS: usize = 64;

/// Connections, and requests at a time on each, when they are pipelined.
const PIPELINED: (usize, usize) = (16, 16);

/// Connections that are held.
pub(crate) const IDLE_CONNECTIONS: usize = 10_000;

impl Scenario {
    /// What the server does.
    pub(crate) fn service(self) -> Service {
        match self {
            Self::Bulk(Direction::In, ..) => Service::Sink,
            Self::Bulk(Direction::Out, ..) => Service::Source,
            Self::Idle => Service::Hold,
            Self::Http(_) => Service::Http,
            _ => Service::Echo,
        }
    }

    /// On which cores the server and its client run.
    pub(crate) fn placement(self) -> Placement {
        match self {
            Self::Bulk(.., placement) | Self::Paced(placement) => placement,
            _ => Placement::BySystem,
        }
    }

    /// How many descriptors the client wants.
    pub(crate) fn connections(self) -> usize {
        match self {
            Self::Echo(connections) | Self::Http(connections) | Self::Bulk(_, connections, _) => connections,
            Self::Pipelined => PIPELINED.0,
            Self::Accept => 1,
            Self::Idle => IDLE_CONNECTIONS,
            Self::Paced(_) | Self::PacedBusy => PACED_CONNECTIONS,
        }
    }

    /// The client's part, until it has its result.
    pub(crate) fn run_client(self, port: u16, timing: Timing) -> Result<(), String> {
        let time = timing.exchange();
        match self {
            Self::Echo(connections) => client::run(port, connections, Talk::Echo(1), Until::Elapsed(time)),
            Self::Pipelined => client::run(port, PIPELINED.0, Talk::Echo(PIPELINED.1), Until::Elapsed(time)),
            Self::Http(connections) => client::run(port, connections, Talk::Http, Until::Elapsed(time)),
            Self::Bulk(direction, connections, _) => {
                bulk::run(port, direction, connections, if timing.quick { 256 } else { 1024 })
            }
            Self::Accept => visits::run(port, Until::Elapsed(time)),
            Self::Idle => visits::hold(port, if timing.quick { 2_000 } else { IDLE_CONNECTIONS }),
            Self::Paced(_) | Self::PacedBusy => {
                paced::run(port, PACED_CONNECTIONS, RATE, time.max(Duration::from_secs(1)))
            }
        }
    }

    /// The client's part under an instrument: so many requests.
    pub(crate) fn run_counted_client(self, port: u16, requests: u64) -> Result<(), String> {
        let until = Until::Requests(requests);
        match self {
            Self::Echo(connections) => client::run(port, connections, Talk::Echo(1), until),
            Self::Http(connections) => client::run(port, connections, Talk::Http, until),
            Self::Accept => visits::run(port, until),
            other => Err(format!("{other:?} cannot be counted")),
        }
    }
}
