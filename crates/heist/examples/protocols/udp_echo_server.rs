//! A UDP echo server by callbacks: sends back each datagram.
//!
//! ```sh
//! cargo run --example protocols_udp_echo_server      # then, elsewhere: cargo run --example protocols_udp_echo_client
//! ```
// ci: build only, it serves for an hour: tests/protocol_examples.rs runs it

#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use heist::{DatagramProtocol, DatagramTransport, create_datagram_endpoint};

#[derive(Default)]
struct EchoServerProtocol {
    transport: Option<DatagramTransport>,
}

impl DatagramProtocol for EchoServerProtocol {
    fn connection_made(&mut self, transport: DatagramTransport) {
        self.transport = Some(transport);
    }

    fn datagram_received(&mut self, data: &[u8], addr: SocketAddr) {
        let message = String::from_utf8_lossy(data);
        println!("Received {message:?} from {addr}");
        let Some(transport) = &self.transport else { return };
        println!("Send {message:?} to {addr}");
        if let Err(error) = transport.sendto(data, addr) {
            println!("Not sent: {error}");
        }
    }
}

/// Starts the server; port 0 is any free one.
pub(crate) async fn start(port: u16) -> io::Result<DatagramTransport> {
    println!("Starting UDP server");
    let (transport, _protocol) =
        create_datagram_endpoint(EchoServerProtocol::default).local_addr(("127.0.0.1", port)).await?;
    Ok(transport)
}

#[heist::main]
async fn main() -> io::Result<()> {
    let transport = start(9999).await?;
    heist::sleep(Duration::from_secs(3600)).await;
    transport.close();
    Ok(())
}
