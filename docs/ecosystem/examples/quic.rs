//! QUIC by quinn: a server that answers each stream in capitals, and clients with several streams at a time.
//!
//! `cargo run -p heist-ecosystem --example quic`: both in one process, over the loopback interface.
//! `... --example quic -- 127.0.0.1:4433`: the server alone.
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, ServerConfig};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// More than any answer here.
const LONGEST: usize = 16 << 20;

/// Whatever may go wrong here.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A server's configuration, with a certificate made on the spot; and the client's that trusts it.
pub fn configs() -> Result<(ServerConfig, ClientConfig)> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let certificate: CertificateDer<'static> = made.cert.into();
    let key = PrivatePkcs8KeyDer::from(made.key_pair.serialize_der());
    let mut trusted = RootCertStore::empty();
    trusted.add(certificate.clone())?;
    let server = ServerConfig::with_single_cert(vec![certificate], key.into())?;
    Ok((server, ClientConfig::with_root_certificates(Arc::new(trusted))?))
}

/// A server at `address`, which serves in tasks of its own until the endpoint is closed.
pub async fn start(config: ServerConfig, address: &str) -> Result<Endpoint> {
    let endpoint = heist::quinn::endpoint(EndpointConfig::default(), Some(config), address).await?;
    drop(heist::create_task(accept(endpoint.clone())));
    Ok(endpoint)
}

async fn accept(endpoint: Endpoint) {
    while let Some(incoming) = endpoint.accept().await {
        drop(heist::create_task(async move {
            match incoming.await {
                Ok(connection) => answer_all(connection).await,
                Err(error) => eprintln!("no connection: {error}"),
            }
        }));
    }
}

async fn answer_all(connection: Connection) {
    // The loop ends with the connection, for whatever reason.
    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
        drop(heist::create_task(async move {
            let request = receive.read_to_end(LONGEST).await?;
            send.write_all(&request.to_ascii_uppercase()).await?;
            send.finish()?;
            Result::Ok(())
        }));
    }
}

/// A client's endpoint, at an address that suits `server`.
pub async fn client(config: ClientConfig, server: SocketAddr) -> Result<Endpoint> {
    let address = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let mut endpoint = heist::quinn::endpoint(EndpointConfig::default(), None, address).await?;
    endpoint.set_default_client_config(config);
    Ok(endpoint)
}

/// Asks on a stream of its own.
pub async fn ask(connection: &Connection, request: &[u8]) -> Result<Vec<u8>> {
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(request).await?;
    send.finish()?;
    Ok(receive.read_to_end(LONGEST).await?)
}

#[allow(dead_code, reason = "its tests take this file without its main")]
#[heist::main]
async fn main() -> Result<()> {
    let (server_config, client_config) = configs()?;
    if let Some(address) = std::env::args().nth(1) {
        let server = start(server_config, &address).await?;
        println!("listening on {}", server.local_addr()?);
        return Ok(heist::ctrl_c().await?);
    }
    let server = start(server_config, "127.0.0.1:0").await?;
    let client = client(client_config, server.local_addr()?).await?;
    let connection = client.connect(server.local_addr()?, "localhost")?.await?;
    let answers = heist::gather(["hello", "from", "three streams"].map(|request| {
        let connection = connection.clone();
        async move { ask(&connection, request.as_bytes()).await }
    }));
    for answer in answers.await? {
        println!("{}", String::from_utf8_lossy(&answer?));
    }
    connection.close(0u32.into(), b"done");
    client.wait_idle().await;
    server.close(0u32.into(), b"bye");
    Ok(())
}
