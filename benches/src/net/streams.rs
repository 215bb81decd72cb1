//! The server of `start_server`: a handler with a `StreamReader` and a `StreamWriter` for each connection.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use heist::{StreamPair, StreamReader, StreamWriter, start_server};

use super::bulk::{CHUNK, FILLING};
use super::http::answer;
use super::scenario::Service;
use super::server::BUFFER;
use crate::peer::{Flavour, Peer};
use crate::peers::Heist;

/// Serves for ever.
pub(crate) fn serve(
    flavour: Flavour,
    service: Service,
    ready: impl FnOnce(SocketAddr) + Send + 'static,
) -> io::Result<()> {
    Heist::run(flavour, async move {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = match service {
            Service::Echo => start_server(echo, anywhere).await,
            Service::Http => start_server(http, anywhere).await,
            Service::Hold => start_server(hold, anywhere).await,
            Service::Sink => start_server(sink, anywhere).await,
            Service::Source => start_server(source, anywhere).await,
        };
        let server = server.expect("the server starts");
        ready(server.sockets()[0].local_addr().expect("it has an address"));
        let _ = server.serve_forever().await;
        0
    });
    Err(io::Error::other("it ended"))
}

/// A client that vanishes ends its connection and nothing else.
async fn echo(mut reader: StreamReader, writer: StreamWriter) {
    let mut buffer = vec![0; BUFFER];
    while let Ok(count @ 1..) = reader.read_into(&mut buffer).await {
        writer.write(&buffer[..count]);
        if writer.drain().await.is_err() {
            return;
        }
    }
}

/// Of the shape of the other peers' `hold`: what is matched on by a `while let` is kept over its body, and counted with the task.
async fn hold(mut reader: StreamReader, writer: StreamWriter) {
    let mut buffer = [0; 8];
    loop {
        let Ok(count @ 1..) = reader.read_into(&mut buffer).await else { return };
        writer.write(&buffer[..count]);
        let Ok(()) = writer.drain().await else { return };
    }
}

async fn http(reader: StreamReader, writer: StreamWriter) {
    let _ = answer(StreamPair::from((reader, writer))).await;
}

async fn sink(mut reader: StreamReader, _writer: StreamWriter) {
    let mut buffer = vec![0; CHUNK];
    while reader.read_into(&mut buffer).await.is_ok_and(|count| count > 0) {}
}

async fn source(_reader: StreamReader, writer: StreamWriter) {
    let chunk = vec![FILLING; CHUNK];
    while writer.write_all(&chunk).await.is_ok() {}
}
