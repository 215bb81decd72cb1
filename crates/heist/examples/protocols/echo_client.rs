//! An echo client by callbacks: sends a message, and waits until the server has closed the connection.
//!
//! ```sh
//! cargo run --example protocols_echo_client      # while protocols_echo_server runs
//! ```
// ci: build only, it needs its server: tests/protocol_examples.rs runs it

#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;

use heist::future::Future;
use heist::{Protocol, Transport, create_future};

struct EchoClientProtocol {
    message: String,
    answer: Vec<u8>,
    /// Has a value once the connection is lost.
    on_con_lost: Future<()>,
}

impl Protocol for EchoClientProtocol {
    fn connection_made(&mut self, transport: Transport) {
        transport.write(self.message.as_bytes());
        println!("Data sent: {:?}", self.message);
    }

    fn data_received(&mut self, data: &[u8]) {
        println!("Data received: {:?}", String::from_utf8_lossy(data));
        self.answer.extend_from_slice(data);
    }

    fn connection_lost(&mut self, _error: Option<io::Error>) {
        println!("The server closed the connection");
        // Nobody else completes it; who waited may have given up.
        let _ = self.on_con_lost.set_result(());
    }
}

/// Sends the message, and gives the answer.
pub(crate) async fn talk(server: SocketAddr, message: &str) -> io::Result<Vec<u8>> {
    let on_con_lost = create_future();
    let protocol = EchoClientProtocol {
        message: message.to_owned(),
        answer: Vec::new(),
        on_con_lost: on_con_lost.clone(),
    };
    let (transport, protocol) = heist::create_connection(|| protocol, server).await?;

    // Waits until the protocol says that the connection is lost.
    on_con_lost.await.map_err(io::Error::other)?;
    transport.close();
    let answer = protocol.lock().await.answer.clone();
    Ok(answer)
}

#[heist::main]
async fn main() -> io::Result<()> {
    talk(SocketAddr::from(([127, 0, 0, 1], 8888)), "Hello World!").await?;
    Ok(())
}
