//! Talking to programs that nobody here wrote: socat, nginx and Python's asyncio, over TCP, Unix sockets, datagrams, pipes and
//! terminals. A test whose peer is missing says so and passes.
#![cfg(all(unix, not(heist_loom)))]

mod support;

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use heist::net::UdpSocket;
use heist::{
    PIPE, Server, StreamReader, StreamWriter, open_connection, open_unix_connection, pipe, start_server,
    start_unix_server, to_thread,
};
use support::{Directory, Lines, for_each_flavour, peers};

/// A peer that serves; killed in the end.
struct Peer {
    process: Child,
    stderr: Lines,
    stdout: Lines,
}

impl Peer {
    fn start<A: Into<OsString>>(program: &Path, args: impl IntoIterator<Item = A>) -> Self {
        let mut command = Command::new(program);
        command.args(args.into_iter().map(Into::into)).stdin(Stdio::null());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = Lines::of(process.stdout.take().unwrap());
        let stderr = Lines::of(process.stderr.take().unwrap());
        Self { process, stderr, stdout }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Runs a test on both flavours with the peer, where there is one.
fn with_peer(program: &str, test: impl AsyncFn(&Path)) {
    let Some(program) = peers::find(program) else { return };
    for_each_flavour(|builder| builder.build().unwrap().run(test(&program)).unwrap());
}

/// Sends back what comes, in capitals, until its end.
async fn shout(mut reader: StreamReader, writer: StreamWriter) -> io::Result<()> {
    while let Some(line) = reader.next_line().await? {
        writer.write(&line.to_ascii_uppercase());
        writer.drain().await?;
    }
    Ok(())
}

async fn end(server: Server) {
    server.close();
    server.wait_closed().await;
}

/// Runs a peer that is a client to its end, on a thread of its own, with `input`.
async fn run_client(program: &Path, args: &[&str], input: &'static [u8]) -> Output {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = move || {
        let mut child = command.spawn()?;
        let stdin = child.stdin.take();
        io::Write::write_all(&mut stdin.ok_or(io::ErrorKind::BrokenPipe)?, input)?;
        child.wait_with_output()
    };
    to_thread(run).await.unwrap().unwrap()
}

fn check_said(output: &Output, expected: &[u8]) {
    assert!(output.status.success() && output.stdout == expected, "{output:?}");
}

/// Asks an echo, ends this direction, and reads to the end.
async fn check_echo(mut reader: StreamReader, writer: StreamWriter) {
    let much = b"much".repeat(1 << 18);
    writer.write(&much);
    writer.write_eof();
    assert_eq!(reader.read_to_end().await.unwrap(), much);
    writer.close();
    writer.wait_closed().await.unwrap();
}

#[test]
fn socat_is_served_over_tcp_and_unix_sockets() {
    with_peer("socat", async |socat| {
        let server = start_server(shout, "127.0.0.1:0").await.unwrap();
        let address = format!("TCP:{}", server.sockets()[0].local_addr().unwrap());
        // It ends its direction when its input ends, and waits for the answer.
        check_said(&run_client(socat, &["-t60", "-", &address], b"one\ntwo\n").await, b"ONE\nTWO\n");
        end(server).await;

        let directory = Directory::new("peers");
        let path = directory.file("server");
        let server = start_unix_server(shout, &path).await.unwrap();
        let address = format!("UNIX-CONNECT:{}", text(&path));
        check_said(&run_client(socat, &["-t60", "-", &address], b"three\n").await, b"THREE\n");
        end(server).await;
    });
}

#[test]
fn socat_serves_over_tcp_and_unix_sockets() {
    with_peer("socat", async |socat| {
        let mut peer = Peer::start(socat, ["-d", "-d", "-t60", "TCP-LISTEN:0,bind=127.0.0.1", "EXEC:cat"]);
        let line = peer.stderr.until("listening on ");
        let address = line.rsplit(' ').next().unwrap();
        let (reader, writer) = open_connection(address).await.unwrap();
        check_echo(reader, writer).await;

        let directory = Directory::new("peers");
        let path = directory.file("socat");
        let listen = format!("UNIX-LISTEN:{}", text(&path));
        let mut peer = Peer::start(socat, ["-d", "-d", "-t60", &listen, "EXEC:cat"]);
        peer.stderr.until("listening on ");
        let (reader, writer) = open_unix_connection(&path).await.unwrap();
        check_echo(reader, writer).await;
    });
}

#[test]
fn a_terminal_of_socats_is_talked_to() {
    with_peer("socat", async |socat| {
        let mut peer = Peer::start(socat, ["-d", "-d", "PTY,rawer", "EXEC:cat"]);
        let line = peer.stderr.until("PTY is ");
        let terminal = line.trim_start_matches("PTY is ").trim();
        // The terminal is raw by then.
        peer.stderr.until("starting data transfer loop");
        let open = || std::fs::File::options().read(true).write(true).open(terminal).unwrap();
        let mut reader = pipe::connect_read_pipe(open()).await.unwrap();
        let writer = pipe::connect_write_pipe(open()).await.unwrap();
        writer.write(b"hello\n");
        assert_eq!(reader.readline().await.unwrap(), b"hello\n");
        writer.close();
        writer.wait_closed().await.unwrap();
    });
}

#[test]
fn datagrams_are_exchanged_with_socat() {
    with_peer("socat", async |socat| {
        let ours = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = format!("UDP:{}", ours.local_addr().unwrap());
        let sent = run_client(socat, &["-u", "-", &address], b"datagram\n").await;
        assert!(sent.status.success(), "{sent:?}");
        let mut buf = [0; 100];
        let (n, _) = ours.recv_from(&mut buf).await.unwrap();
        assert_eq!(&buf[..n], b"datagram\n");
    });
}

/// A port that is free now.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Connects as soon as somebody listens there.
async fn connect_when_ready(port: u16) -> (StreamReader, StreamWriter) {
    let connected = heist::timeout(Duration::from_secs(60), async {
        loop {
            match open_connection(("127.0.0.1", port)).await {
                Ok(streams) => return streams,
                // nginx tells nobody when it listens.
                Err(_) => heist::sleep(Duration::from_millis(5)).await,
            }
        }
    });
    connected.await.expect("nginx listens within a minute")
}

#[test]
fn nginx_is_fetched_from_by_hand() {
    with_peer("nginx", async |nginx| {
        let directory = Directory::new("peers");
        let page = b"a page\n".repeat(100_000);
        std::fs::create_dir(directory.file("www")).unwrap();
        std::fs::write(directory.file("www/page"), &page).unwrap();
        let port = free_port();
        std::fs::write(directory.file("conf"), peers::nginx_configuration(directory.path(), port)).unwrap();
        let error_log = directory.file("error.log");
        let configuration = directory.file("conf");
        let args = ["-p", text(directory.path()), "-c", text(&configuration), "-e", text(&error_log)];
        let _peer = Peer::start(nginx, args);

        let (mut reader, writer) = connect_when_ready(port).await;
        // Two requests over one connection: the second asks for its end.
        for (path, connection, status) in [("missing", "keep-alive", "404"), ("page", "close", "200")] {
            let request =
                format!("GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n");
            writer.write(request.as_bytes());
            writer.drain().await.unwrap();
            let head = String::from_utf8(reader.readuntil(b"\r\n\r\n").await.unwrap()).unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
            let body = reader.readexactly(length.trim().parse().unwrap()).await.unwrap();
            assert!(status == "404" || body == page);
        }
        assert_eq!(reader.read(1).await.unwrap(), b"", "nginx ends it");
        writer.close();
        writer.wait_closed().await.unwrap();
    });
}

/// A client of a Unix socket: lines in, lines out, and its end of the direction.
const PYTHON_CLIENT: &str = "
import asyncio, sys

async def main():
    reader, writer = await asyncio.open_unix_connection(sys.argv[1])
    writer.write(b'one\\ntwo\\n')
    writer.write_eof()
    assert await reader.read() == b'ONE\\nTWO\\n'
    writer.close()
    await writer.wait_closed()
    print('done')

asyncio.run(main())
";

/// An echo on a Unix socket, which says when it listens.
const PYTHON_SERVER: &str = "
import asyncio, sys

async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_unix_server(echo, sys.argv[1])
    print('listening', flush=True)
    await server.serve_forever()

asyncio.run(main())
";

#[test]
fn pythons_asyncio_is_at_both_ends_of_unix_sockets() {
    with_peer("python3", async |python| {
        let directory = Directory::new("peers");
        let path = directory.file("heist");
        let server = start_unix_server(shout, &path).await.unwrap();
        check_said(&run_client(python, &["-c", PYTHON_CLIENT, text(&path)], b"").await, b"done\n");
        end(server).await;

        let path = directory.file("python");
        let mut peer = Peer::start(python, ["-c", PYTHON_SERVER, text(&path)]);
        peer.stdout.until("listening");
        let (reader, writer) = open_unix_connection(&path).await.unwrap();
        check_echo(reader, writer).await;
    });
}

/// A datagram endpoint that answers in capitals and says its port.
const PYTHON_DATAGRAMS: &str = "
import asyncio

class Shout(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        self.transport.sendto(data.upper(), peer)

async def main():
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Shout, local_addr=('127.0.0.1', 0))
    print('port', transport.get_extra_info('sockname')[1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
";

#[test]
fn datagrams_are_exchanged_with_pythons_asyncio() {
    with_peer("python3", async |python| {
        let mut peer = Peer::start(python, ["-c", PYTHON_DATAGRAMS]);
        let port = peer.stdout.until("port ").trim_start_matches("port ").parse().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let there = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        for word in ["one", "two"] {
            socket.send_to(word.as_bytes(), there).await.unwrap();
            let mut buf = [0; 100];
            let (n, from) = socket.recv_from(&mut buf).await.unwrap();
            assert_eq!((&buf[..n], from), (word.to_uppercase().as_bytes(), there));
        }
    });
}

/// Reads lines by asyncio from its stdin, as a pipe, and answers on its stdout.
const PYTHON_CHILD: &str = "
import asyncio, sys

async def main():
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        print(line.decode().strip()[::-1], flush=True)
    sys.exit(7)

asyncio.run(main())
";

#[test]
fn python_as_a_child_is_talked_to_line_by_line() {
    with_peer("python3", async |python| {
        let command = heist::create_subprocess_exec(python, ["-c", PYTHON_CHILD]);
        let mut child = command.stdin(PIPE).stdout(PIPE).await.unwrap();
        let (stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        for (line, answer) in [("hello\n", "olleh\n"), ("abc\n", "cba\n")] {
            stdin.write(line.as_bytes());
            stdin.drain().await.unwrap();
            assert_eq!(stdout.readline().await.unwrap(), answer.as_bytes());
        }
        stdin.close();
        stdin.wait_closed().await.unwrap();
        assert_eq!(stdout.read_to_end().await.unwrap(), b"");
        assert_eq!(child.wait().await.unwrap(), 7);
    });
}
