//! Samples 001-12 and 001-13: the echo client and server, each in a process of its own; ours and Python's, in all four
//! pairings.

use std::process::Termination;

use crate::output::mask;
use crate::programs::{s001_12_echo_client, s001_13_echo_server};
use crate::python;
use crate::support::{Copy, role};

const PORT: &str = "SEED_PORT";

/// A copy of this process that is our program, or Python with the one of that name.
fn start(program: &str, in_python: bool, port: &str) -> Option<Copy> {
    if !in_python {
        let test = "echo::s001_12_s001_13_every_pairing_of_ours_and_pythons";
        return Some(Copy::start_with(test, program, |command| {
            command.env(PORT, port);
        }));
    }
    let mut command = python::command(program)?;
    command.env(PORT, port);
    Some(Copy::of(command))
}

/// The lines that both sides print, with the client's port left out.
fn pair(client_in_python: bool, server_in_python: bool) -> Option<[String; 6]> {
    let mut server = start("s001_13_echo_server", server_in_python, "0")?;
    let serving = server.stdout.until("Serving on ('127.0.0.1', ");
    let port: String = serving.chars().filter(char::is_ascii_digit).skip("127001".len()).collect();

    let mut client = start("s001_12_echo_client", client_in_python, &port)?;
    let sent = ["Send: ", "Received: ", "Close "].map(|line| client.stdout.until(line));
    let served = ["Received ", "Send: ", "Close "].map(|line| server.stdout.until(line));
    assert!(client.wait().success());

    let [received, send, close] = served;
    let (received, _port) = received.rsplit_once(' ').expect("an address");
    let [first, second, third] = sent;
    Some([first, second, third, mask(received), send, close])
}

#[test]
fn s001_12_s001_13_every_pairing_of_ours_and_pythons() {
    match role().as_deref() {
        Some("s001_12_echo_client") => drop(s001_12_echo_client::main().report()),
        Some("s001_13_echo_server") => drop(s001_13_echo_server::main().report()),
        _ => {
            for (client, server) in [(false, false), (false, true), (true, false), (true, true)] {
                let Some(lines) = pair(client, server) else { return };
                let expected = [
                    "Send: 'Hello World!'",
                    "Received: 'Hello World!'",
                    "Close the connection",
                    "Received 'Hello World!' from ('127.0.0.1',",
                    "Send: 'Hello World!'",
                    "Close the connection",
                ];
                assert_eq!(lines, expected, "client in Python: {client}, server in Python: {server}");
            }
        }
    }
}
