//! A protocol for a socket that is there already: waits until a pair of sockets brings data.
//!
//! ```sh
//! cargo run --example protocols_existing_socket
//! ```

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::os::unix::net::UnixStream;

use heist::future::Future;
use heist::{Protocol, Transport, connect_accepted_socket, create_future, get_running_loop};

struct MyProtocol {
    transport: Option<Transport>,
    received: Vec<u8>,
    on_con_lost: Future<()>,
}

impl Protocol for MyProtocol {
    fn connection_made(&mut self, transport: Transport) {
        self.transport = Some(transport);
    }

    fn data_received(&mut self, data: &[u8]) {
        println!("Received: {}", String::from_utf8_lossy(data));
        self.received.extend_from_slice(data);

        // We are done: close the transport; connection_lost is called next.
        if let Some(transport) = &self.transport {
            transport.close();
        }
    }

    fn connection_lost(&mut self, _error: Option<io::Error>) {
        // Nobody else completes it; who waited may have given up.
        let _ = self.on_con_lost.set_result(());
    }
}

/// Gives what came through the socket.
pub(crate) async fn receive() -> io::Result<Vec<u8>> {
    let on_con_lost = create_future();
    let (rsock, mut wsock) = UnixStream::pair()?;
    let protocol = MyProtocol { transport: None, received: Vec::new(), on_con_lost: on_con_lost.clone() };
    let (transport, protocol) = connect_accepted_socket(|| protocol, rsock).await?;

    // As if data came from the network.
    let send = move || {
        if let Err(error) = wsock.write_all(b"abc") {
            println!("Not sent: {error}");
        }
    };
    get_running_loop().call_soon(send).map_err(io::Error::other)?;

    on_con_lost.await.map_err(io::Error::other)?;
    transport.close();
    let received = protocol.lock().await.received.clone();
    Ok(received)
}

#[heist::main]
async fn main() -> io::Result<()> {
    receive().await?;
    Ok(())
}
