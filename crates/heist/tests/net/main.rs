//! Sockets, servers, reading and sending files. One program, since none of these tests minds what the others do meanwhile.
#![cfg(not(heist_loom))]

#[cfg(target_os = "linux")]
mod aborting;
#[cfg(unix)]
mod datagram_endpoints;
mod datagrams;
#[cfg(unix)]
mod names;
#[cfg(unix)]
mod raw_sockets;
mod reader;
mod reader_beside_python;
#[path = "../support/recorder.rs"]
mod recorder;
#[cfg(unix)]
mod sendfile;
mod serving;
#[cfg(unix)]
mod serving_unix;
#[path = "../support/mod.rs"]
mod support;
