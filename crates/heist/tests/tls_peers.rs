//! Streams over TLS, with somebody else's TLS at the other end.
#![cfg(all(unix, not(heist_loom)))]

#[path = "support/certificates.rs"]
mod certificates;
mod support;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use certificates::{Authority, Identity};
use heist::tls::rustls::{self, pki_types::ServerName};
use heist::{Event, Server, StreamReader, StreamWriter, open_connection, start_server, to_thread};
use support::servers::echo;
use support::{for_each_flavour, peers, with_io};

/// More than sockets and rustls keep.
const SIZE: usize = 10 << 20;

/// A directory with an authority's certificate, and a certificate that it has signed for `localhost` with its key.
struct Files {
    directory: PathBuf,
    authority: Authority,
}

impl Files {
    fn new() -> io::Result<Self> {
        let (directory, authority) = (support::temporary_path("certificates"), Authority::new());
        let Identity { certificate, key } = authority.identity(&["localhost", "127.0.0.1"]);
        std::fs::create_dir(&directory)?;
        for (name, content) in [("authority", authority.pem()), ("certificate", certificate), ("key", key)] {
            std::fs::write(directory.join(name), content)?;
        }
        Ok(Self { directory, authority })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// A peer that is ended when the test is over.
struct Peer(Child);

impl Peer {
    fn start(command: &mut Command) -> io::Result<Self> {
        Ok(Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?))
    }

    fn stdout(&mut self) -> BufReader<impl Read + use<>> {
        BufReader::new(self.0.stdout.take().unwrap())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn address(server: &Server) -> SocketAddr {
    server.sockets()[0].local_addr().unwrap()
}

/// A server that answers one request of HTTP with `SIZE` bytes.
async fn web_server(files: &Files) -> io::Result<Server> {
    let handler = async |mut reader: StreamReader, writer: StreamWriter| {
        reader.readuntil(b"\r\n\r\n").await?;
        writer.write(
            format!("HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\nConnection: close\r\n\r\n").as_bytes(),
        );
        writer.write_bytes(vec![b'x'; SIZE]);
        writer.close();
        writer.wait_closed().await
    };
    start_server(handler, "127.0.0.1:0").tls(files.authority.acceptor()).await
}

#[test]
fn curl_is_served() {
    let Some(curl) = peers::find("curl") else { return };
    with_io(|| async {
        let files = Files::new()?;
        let server = web_server(&files).await?;
        for version in [["--tls-max", "1.2"], ["--tls-max", "1.3"]] {
            let mut command = Command::new(&curl);
            command.args(["--silent", "--show-error", "--noproxy", "*", "--cacert"]);
            command
                .arg(files.path("authority"))
                .arg(format!("https://localhost:{}/", address(&server).port()));
            command.args(["--resolve", &format!("localhost:{}:127.0.0.1", address(&server).port())]);
            command.args(version);
            let output = peers::run(command).await;
            assert!(output.status.success(), "{version:?}: {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(output.stdout.len(), SIZE);
        }
        let mut distrusting = Command::new(&curl);
        distrusting.args(["--silent", "--noproxy", "*", &format!("https://{}/", address(&server))]);
        assert_eq!(peers::run(distrusting).await.status.code(), Some(60), "nobody trusts the authority");
        server.close();
        server.wait_closed().await;
        Ok(())
    });
}

/// OpenSSL's client: it says what it is told, and repeats what it hears.
#[test]
fn openssl_s_client_is_served() {
    let Some(openssl) = peers::find("openssl") else { return };
    with_io(|| async {
        let files = Files::new()?;
        let server = start_server(echo, "127.0.0.1:0").tls(files.authority.acceptor()).await?;
        let mut peer = Peer::start(
            Command::new(&openssl)
                .args(["s_client", "-quiet", "-verify_return_error", "-verify_hostname", "localhost"])
                .arg("-CAfile")
                .arg(files.path("authority"))
                .args(["-connect", &address(&server).to_string()]),
        )?;
        let heard = to_thread(move || {
            peer.0.stdin.as_mut().unwrap().write_all(b"hello\n")?;
            let mut line = String::new();
            peer.stdout().read_line(&mut line)?;
            io::Result::Ok(line)
        });
        assert_eq!(heard.await.unwrap()?, "hello\n");
        Ok(())
    });
}

/// OpenSSL's server, which turns each line round.
fn openssl_server(openssl: &Path, files: &Files) -> io::Result<(Peer, u16)> {
    let mut peer = Peer::start(
        Command::new(openssl)
            .args(["s_server", "-rev", "-accept", "127.0.0.1:0", "-cert"])
            .arg(files.path("certificate"))
            .arg("-key")
            .arg(files.path("key")),
    )?;
    // It says where it listens: `ACCEPT 127.0.0.1:PORT`.
    for line in peer.stdout().lines() {
        let line = line?;
        if let Some((_, port)) = line.strip_prefix("ACCEPT").and_then(|rest| rest.rsplit_once(':')) {
            return Ok((peer, port.trim().parse().unwrap()));
        }
    }
    Err(io::Error::other("openssl s_server did not say where it listens"))
}

#[test]
fn openssl_s_server_serves() {
    let Some(openssl) = peers::find("openssl") else { return };
    with_io(|| async {
        let files = Files::new()?;
        let (_peer, port) = openssl_server(&openssl, &files)?;
        let connecting = open_connection(("127.0.0.1", port)).tls(files.authority.connector());
        let (mut reader, writer) = connecting.server_hostname("localhost").await?;
        for i in 0..100 {
            let line = format!("{i:05}\n");
            writer.write(line.as_bytes());
            let turned: String = line.trim_end().chars().rev().collect();
            assert_eq!(reader.readline().await?, format!("{turned}\n").as_bytes());
        }
        writer.close();
        writer.wait_closed().await
    });
}

/// A client of Python's asyncio: plain at first, then TLS, much in both directions, and an orderly end.
const PYTHON_CLIENT: &str = "
import asyncio, ssl, sys

SIZE = 10 << 20

async def main(port, authority):
    context = ssl.create_default_context(cafile=authority)
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    writer.write(b'STARTTLS\\n')
    assert await reader.readline() == b'OK\\n'
    await writer.start_tls(context, server_hostname='localhost')
    async def send():
        writer.write(bytes(i % 251 for i in range(SIZE)))
        await writer.drain()
    sending = asyncio.create_task(send())
    back = await reader.readexactly(SIZE)
    await sending
    assert back == bytes(i % 251 for i in range(SIZE))
    writer.close()
    await writer.wait_closed()
    print('done')

asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
";

#[test]
fn b314_python_starts_tls_in_the_middle() {
    let Some(python) = peers::find("python3") else { return };
    with_io(|| async {
        let files = Files::new()?;
        let acceptor = files.authority.acceptor();
        let handler = async move |mut reader: StreamReader, writer: StreamWriter| {
            assert_eq!(reader.readline().await?, b"STARTTLS\n");
            writer.write(b"OK\n");
            writer.start_tls(&mut reader, &acceptor).await?;
            echo(reader, writer).await
        };
        let server = start_server(handler, "127.0.0.1:0").await?;
        let mut command = Command::new(&python);
        command
            .args(["-c", PYTHON_CLIENT, &address(&server).port().to_string()])
            .arg(files.path("authority"));
        let output = peers::run(command).await;
        assert!(output.status.success() && output.stdout == b"done\n", "{output:?}");
        server.close();
        server.wait_closed().await;
        Ok(())
    });
}

/// A server of Python's asyncio that sends back what comes until its end, and ends in its own way.
const PYTHON_SERVER: &str = "
import asyncio, ssl, sys

async def handle(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()

async def main(certificate, key):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(handle, '127.0.0.1', 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main(*sys.argv[1:]))
";

#[test]
fn python_serves() {
    let Some(python) = peers::find("python3") else { return };
    with_io(|| async {
        let files = Files::new()?;
        let mut peer = Peer::start(
            Command::new(&python)
                .args(["-c", PYTHON_SERVER])
                .arg(files.path("certificate"))
                .arg(files.path("key")),
        )?;
        let mut port = String::new();
        peer.stdout().read_line(&mut port)?;
        let connecting = open_connection(("127.0.0.1", port.trim().parse::<u16>().unwrap()));
        let connecting = connecting.tls(files.authority.connector()).server_hostname("localhost");
        let (mut reader, writer) = connecting.await?;
        let content: Vec<u8> = (0..SIZE).map(|i| (i % 251) as u8).collect();
        writer.write(&content);
        assert!(reader.readexactly(SIZE).await? == content);
        writer.close();
        writer.wait_closed().await
    });
}

/// A client on a thread of its own, on rustls and a blocking socket: it asks for new keys while the server has much to send and no
/// room for it.
fn renew_keys(
    port: u16,
    config: Arc<rustls::ClientConfig>,
    heard: &std::sync::mpsc::Receiver<()>,
) -> io::Result<Vec<u8>> {
    let name = ServerName::try_from("localhost").unwrap();
    let tls = rustls::ClientConnection::new(config, name).unwrap();
    let socket = std::net::TcpStream::connect(("127.0.0.1", port))?;
    let mut stream = rustls::StreamOwned::new(tls, socket);
    stream.write_all(b"begin\n")?;
    for _ in 0..3 {
        stream.conn.refresh_traffic_keys().unwrap();
        stream.write_all(b"new keys\n")?;
        // Written, and nothing read meanwhile.
        heard.recv().unwrap();
    }
    let mut received = Vec::new();
    stream.read_to_end(&mut received)?;
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(received)
}

#[test]
fn new_keys_while_much_is_being_sent() {
    with_io(|| async {
        let authority = Authority::new();
        let (tell, heard) = std::sync::mpsc::channel();
        let full = Arc::new(Event::new());
        let was_full = full.clone();
        let handler = async move |mut reader: StreamReader, writer: StreamWriter| {
            assert_eq!(reader.readline().await?, b"begin\n");
            writer.write_bytes(vec![b'x'; SIZE]);
            if writer.write_buffer_size() > 0 {
                was_full.set();
            }
            for _ in 0..3 {
                assert_eq!(reader.readline().await?, b"new keys\n");
                tell.send(()).unwrap();
            }
            writer.write(b"end");
            writer.close();
            writer.wait_closed().await
        };
        let server = start_server(handler, "127.0.0.1:0").tls(authority.acceptor()).await?;
        let (port, config) = (address(&server).port(), authority.config());
        let client = to_thread(move || renew_keys(port, config, &heard));
        let received = client.await.unwrap()?;
        assert!(full.is_set());
        assert!(received.len() == SIZE + 3 && received.ends_with(b"xend"));
        server.close();
        server.wait_closed().await;
        Ok(())
    });
}

/// The loop has no time for the writer's flusher any more, yet the peer sees an orderly end.
#[test]
fn a_writer_that_is_dropped_as_the_run_ends_says_farewell() {
    for_each_flavour(|builder| {
        let authority = Authority::new();
        let config = authority.identity(&["localhost"]).config();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let peer = std::thread::spawn(move || {
            let (socket, _) = listener.accept()?;
            let mut stream = rustls::StreamOwned::new(rustls::ServerConnection::new(config).unwrap(), socket);
            let mut received = String::new();
            stream.read_to_string(&mut received)?;
            io::Result::Ok(received)
        });
        let said = builder.build().unwrap().run(async {
            let connecting = open_connection(("127.0.0.1", port)).tls(authority.connector());
            let (_reader, writer) = connecting.server_hostname("localhost").await?;
            writer.write(b"last words");
            io::Result::Ok(())
        });
        said.unwrap().unwrap();
        assert_eq!(peer.join().unwrap().unwrap(), "last words");
    });
}
