//! A UDP echo client by callbacks: sends a datagram, and closes the socket when the answer has come.
//!
//! ```sh
//! cargo run --example protocols_udp_echo_client      # while protocols_udp_echo_server runs
//! ```
// ci: build only, it needs its server: tests/protocol_examples.rs runs it

#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;

use heist::future::Future;
use heist::{DatagramProtocol, DatagramTransport, create_datagram_endpoint, create_future};

struct EchoClientProtocol {
    message: String,
    answer: Vec<u8>,
    transport: Option<DatagramTransport>,
    /// Has a value once the socket is closed.
    on_con_lost: Future<()>,
}

impl DatagramProtocol for EchoClientProtocol {
    fn connection_made(&mut self, transport: DatagramTransport) {
        println!("Send: {}", self.message);
        if let Err(error) = transport.sendto(self.message.as_bytes(), None) {
            println!("Not sent: {error}");
        }
        self.transport = Some(transport);
    }

    fn datagram_received(&mut self, data: &[u8], _addr: SocketAddr) {
        println!("Received: {}", String::from_utf8_lossy(data));
        self.answer = data.to_vec();

        println!("Close the socket");
        if let Some(transport) = &self.transport {
            transport.close();
        }
    }

    fn error_received(&mut self, error: io::Error) {
        println!("Error received: {error}");
        if let Some(transport) = &self.transport {
            transport.close();
        }
    }

    fn connection_lost(&mut self, _error: Option<io::Error>) {
        println!("Connection closed");
        // Nobody else completes it; who waited may have given up.
        let _ = self.on_con_lost.set_result(());
    }
}

/// Sends the message, and gives the answer; empty where nobody answered.
pub(crate) async fn talk(server: SocketAddr, message: &str) -> io::Result<Vec<u8>> {
    let on_con_lost = create_future();
    let protocol = EchoClientProtocol {
        message: message.to_owned(),
        answer: Vec::new(),
        transport: None,
        on_con_lost: on_con_lost.clone(),
    };
    let (_transport, protocol) = create_datagram_endpoint(|| protocol).remote_addr(server).await?;
    on_con_lost.await.map_err(io::Error::other)?;
    let answer = protocol.lock().await.answer.clone();
    Ok(answer)
}

#[heist::main]
async fn main() -> io::Result<()> {
    talk(SocketAddr::from(([127, 0, 0, 1], 9999)), "Hello World!").await?;
    Ok(())
}
