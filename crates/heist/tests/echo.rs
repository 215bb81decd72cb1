#![cfg(not(heist_loom))]
#![allow(clippy::duplicate_mod, reason = "the two examples share modules")]
//! The echo pair: what it prints, and clients that vanish, close their half, send nothing, or send no text.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use support::{Copy, role};

#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/echo_client.rs"]
mod echo_client;
#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/echo_server.rs"]
mod echo_server;
mod support;

/// The test that runs a program, in a copy.
const PROGRAM: &str = "one_of_the_pair_in_a_copy";

/// In a copy: runs the program that the role names, with the arguments that follow. Otherwise shows that the programs
/// refuse what they do not know.
#[test]
fn one_of_the_pair_in_a_copy() {
    let Some(role) = role() else {
        for args in [["--port", "eighty"], ["--port", "65536"], ["--colour", "1"]] {
            assert_eq!(Copy::start(PROGRAM, &format!("server {}", args.join(" "))).wait().code(), Some(2));
            assert_eq!(Copy::start(PROGRAM, &format!("client {}", args.join(" "))).wait().code(), Some(2));
        }
        return;
    };
    let mut words = role.split(' ');
    let program = words.next();
    let args = words.map(OsString::from);
    let code = match program {
        Some("server") => echo_server::program(args),
        Some("client") => echo_client::program(args),
        other => panic!("no such program: {other:?}"),
    };
    let numbers = [0, 1, 2].into_iter();
    // An `ExitCode` does not say its number; its Debug form is enough to tell them apart.
    let number =
        numbers.clone().find(|&n| format!("{code:?}") == format!("{:?}", ExitCode::from(n))).unwrap();
    std::process::exit(number.into());
}

/// A server on any free port, and that port.
fn server() -> (Copy, u16) {
    let mut server = Copy::start(PROGRAM, "server --port 0");
    let line = server.stdout.until("Serving on ");
    let port = line.strip_prefix("Serving on ('127.0.0.1', ").and_then(|rest| rest.strip_suffix(')'));
    let port = port.and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("{line}"));
    (server, port)
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    // A server that does not answer fails the test instead of holding it up.
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Sends, ends its half of the connection, and gives what comes back until the end.
fn exchange(mut stream: &TcpStream, what: &[u8]) -> Vec<u8> {
    stream.write_all(what).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    stream.read_to_end(&mut back).unwrap();
    back
}

/// Resets a connection.
fn reset(stream: TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let stream = heist::net::TcpStream::from_std(stream).unwrap();
    stream.set_linger(Some(Duration::ZERO)).unwrap();
}

#[test]
fn the_pair_prints_what_the_notes_print() {
    let (mut server, port) = server();
    for _ in 0..2 {
        let mut client = Copy::start(PROGRAM, &format!("client --port {port}"));
        assert_eq!(client.stdout.until("Send: "), "Send: 'Hello World!'");
        assert_eq!(client.stdout.next(), "Received: 'Hello World!'");
        assert_eq!(client.stdout.next(), "Close the connection");
        assert_eq!(client.wait().code(), Some(0));

        let received = server.stdout.next();
        let port = received.strip_prefix("Received 'Hello World!' from ('127.0.0.1', ");
        let port = port.and_then(|rest| rest.strip_suffix(')')).and_then(|port| port.parse::<u16>().ok());
        assert!(port.is_some(), "{received}");
        assert_eq!(server.stdout.next(), "Send: 'Hello World!'");
        assert_eq!(server.stdout.next(), "Close the connection");
    }
}

#[test]
fn the_server_survives_its_clients() {
    let (mut server, port) = server();
    let silent = connect(port);

    // Vanishes without a word.
    let vanishing = connect(port);
    let name = vanishing.local_addr().unwrap();
    reset(vanishing);
    let report = server.stderr.until("the handler of");
    assert!(report.contains(&name.to_string()), "{report}");

    // Vanishes before it has read its answer.
    let mut impolite = connect(port);
    impolite.write_all(b"gone").unwrap();
    impolite.peek(&mut [0]).unwrap();
    drop(impolite);
    assert!(server.stdout.until("Received").starts_with("Received 'gone' from "));

    // Sends no text: that connection ends, with a report.
    let mut binary = connect(port);
    binary.write_all(&[0xff, 0xfe]).unwrap();
    assert_eq!(binary.read(&mut [0; 8]).unwrap(), 0);
    server.stderr.until("utf-8");

    // Close their half of the connection, after a word and without one.
    assert_eq!(exchange(&connect(port), b"half"), b"half");
    assert!(server.stdout.until("Received").starts_with("Received 'half' from "));
    assert_eq!(exchange(&connect(port), b""), b"");
    assert!(server.stdout.until("Received").starts_with("Received '' from "));

    // More than 100 bytes: the first hundred come back, as in the original.
    let mut long = connect(port);
    long.write_all(&[b'x'; 100]).unwrap();
    let mut back = [0; 100];
    long.read_exact(&mut back).unwrap();
    assert_eq!(back, [b'x'; 100]);

    // Through all this the silent one has been waiting, and is served when it speaks.
    assert_eq!(exchange(&silent, b"it's \"me\"\n"), b"it's \"me\"\n");
    assert!(server.stdout.until("Received 'it").starts_with(r#"Received 'it\'s "me"\n' from "#));
}

#[test]
fn a_taken_port_gets_a_message_that_names_the_option() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut server = Copy::start(PROGRAM, &format!("server --port {port}"));
    let message = server.stderr.until("echo_server: ");
    assert!(message.contains(&format!("127.0.0.1:{port}")) && message.contains("--port"), "{message}");
    assert_eq!(server.wait().code(), Some(1));
}

#[test]
fn a_client_without_server_gets_a_message_that_names_the_option() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut client = Copy::start(PROGRAM, &format!("client --port {free}"));
    let message = client.stderr.until("echo_client: ");
    assert!(message.contains(&format!("127.0.0.1:{free}")) && message.contains("--port"), "{message}");
    assert_eq!(client.wait().code(), Some(1));
}
