//! An echo server and its client over TLS: asyncio's `start_server(ssl=...)` and `open_connection(ssl=...)`.
//!
//! ```sh
//! openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
//!     -keyout key.pem -out cert.pem
//! cargo run --features tls --example tls_echo -- server cert.pem key.pem 8889    # then, elsewhere:
//! cargo run --features tls --example tls_echo -- client cert.pem localhost 8889 "Hello World!"
//! ```
//!
//! The client trusts the certificate that it is given and no other. Any other client will do as well, such as
//! `openssl s_client -connect localhost:8889 -CAfile cert.pem`. Port 0 is any free one.
// ci: build only, it serves until Ctrl-C: tests/tls_example.rs runs it

#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::process::ExitCode;
use std::time::Duration;

use heist::tls::{TlsAcceptor, TlsConnector};
use heist::{StreamReader, StreamWriter, open_connection, start_server, timeout};

const USAGE: &str = "\
usage: tls_echo server CERTIFICATE KEY PORT
       tls_echo client CERTIFICATE HOST PORT MESSAGE";

/// How long a client waits for its answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends back each line, until the client has no more.
async fn echo(mut reader: StreamReader, writer: StreamWriter) -> io::Result<()> {
    if let Some(info) = writer.tls_info() {
        println!("{} speaks {}", writer.peer_name(), info.version());
    }
    while let Some(line) = reader.next_line().await? {
        writer.write(&line);
        writer.drain().await?;
    }
    writer.close();
    writer.wait_closed().await
}

async fn serve(certificate: &str, key: &str, port: u16) -> io::Result<()> {
    let acceptor = TlsAcceptor::builder(read(certificate)?, read(key)?).build()?;
    let server = start_server(echo, ("127.0.0.1", port)).tls(acceptor).await?;
    println!("Serving on {}", server.sockets()[0].local_addr()?);
    server.serve_forever().await
}

async fn ask(certificate: &str, host: &str, port: u16, message: &str) -> io::Result<()> {
    let connector = TlsConnector::builder().root_pem(read(certificate)?).build()?;
    let (mut reader, writer) = open_connection((host, port)).tls(connector).await?;
    writer.write(format!("{message}\n").as_bytes());
    writer.drain().await?;
    let answer = timeout(PATIENCE, reader.readline()).await.map_err(io::Error::from)??;
    print!("Received: {}", String::from_utf8_lossy(&answer));
    writer.close();
    writer.wait_closed().await
}

/// The text of a file; an error says which.
fn read(path: &str) -> io::Result<String> {
    fs::read_to_string(path).map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
}

fn port(text: &str) -> io::Result<u16> {
    let message = || format!("`{text}` is no port: give a number up to 65535");
    text.parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, message()))
}

/// The program, given its command line.
pub(crate) fn program(args: impl IntoIterator<Item = String>) -> ExitCode {
    let args: Vec<String> = args.into_iter().collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = heist::run(async {
        match args[..] {
            ["server", certificate, key, number] => serve(certificate, key, port(number)?).await,
            ["client", certificate, host, number, message] => {
                ask(certificate, host, port(number)?, message).await
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, USAGE)),
        }
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tls_echo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    program(std::env::args().skip(1))
}
