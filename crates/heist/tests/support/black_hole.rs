//! A listener that answers no connect: its backlog is full, and nobody accepts.

use std::net::SocketAddr;

use socket2::{Domain, Socket, Type};

/// Answers no connect as long as it lives.
pub struct BlackHole {
    address: SocketAddr,
    _listener: Socket,
    _fillers: Vec<Socket>,
}

impl BlackHole {
    pub fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let fillers = (0..4).map(|_| {
            let filler = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            filler.set_nonblocking(true).unwrap();
            // In progress, for ever.
            let _ = filler.connect(&address.into());
            filler
        });
        Self { address, _fillers: fillers.collect(), _listener: listener }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
