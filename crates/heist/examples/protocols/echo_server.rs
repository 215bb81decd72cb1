//! An echo server by callbacks: sends back what comes, and closes the connection.
//!
//! ```sh
//! cargo run --example protocols_echo_server      # then, elsewhere: cargo run --example protocols_echo_client
//! ```
// ci: build only, it serves until Ctrl-C: tests/protocol_examples.rs runs it

#![forbid(unsafe_code)]

use std::io;

use heist::{Protocol, Server, Transport};

#[derive(Default)]
struct EchoServerProtocol {
    transport: Option<Transport>,
}

impl Protocol for EchoServerProtocol {
    fn connection_made(&mut self, transport: Transport) {
        println!("Connection from {}", transport.peer_name());
        self.transport = Some(transport);
    }

    fn data_received(&mut self, data: &[u8]) {
        let message = String::from_utf8_lossy(data);
        println!("Data received: {message:?}");
        let Some(transport) = &self.transport else { return };

        println!("Send: {message:?}");
        transport.write(data);

        println!("Close the client socket");
        transport.close();
    }
}

/// Starts the server; port 0 is any free one.
pub(crate) async fn start(port: u16) -> io::Result<Server> {
    heist::create_server(EchoServerProtocol::default, ("127.0.0.1", port)).await
}

#[heist::main]
async fn main() -> io::Result<()> {
    start(8888).await?.serve_forever().await
}
