//! What the peer of a connection sees when it is aborted: the same as of one that Python's asyncio aborts.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heist::{StreamReader, StreamWriter, sleep, start_server, to_thread};

use crate::support::{Lines, in_real_time, peers};

/// What is to be so when the connection is aborted: the client's first byte.
const QUIET: u8 = b'q';
/// The server has asked for no lingering.
const LINGER: u8 = b'l';
/// Bytes have come that nobody has read.
const UNREAD: u8 = b'u';

/// What a client of a server that aborts sees.
fn visit(server: SocketAddr, manner: u8) -> io::Result<&'static str> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(&[manner])?;
    let mut ready = [0];
    stream.read_exact(&mut ready)?;
    if manner == UNREAD {
        stream.write_all(b"nobody will read this")?;
    }
    match stream.read(&mut [0; 16]) {
        Ok(0) => {}
        Ok(_) => return Ok("bytes"),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok("a reset"),
        Err(error) => return Err(error),
    }
    // The answer to the first write is the reset, which a later one tells of.
    for _ in 0..2000 {
        match stream.write(b"is anybody there?") {
            Ok(_) => std::thread::sleep(Duration::from_millis(1)),
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                return Ok("the end, and a reset for who goes on");
            }
            Err(error) => return Err(error),
        }
    }
    Ok("the end")
}

const EXPECTED: [(u8, &str); 3] =
    [(QUIET, "the end, and a reset for who goes on"), (LINGER, "a reset"), (UNREAD, "a reset")];

async fn check_server(address: SocketAddr, whose: &str) {
    for (manner, expected) in EXPECTED {
        let seen = to_thread(move || visit(address, manner)).await.unwrap().unwrap();
        assert_eq!(seen, expected, "{whose} server, manner {}", manner as char);
    }
}

/// What is left of a connection that was aborted.
struct Kept {
    manner: u8,
    /// What its reader finds after that.
    found: io::Result<Vec<u8>>,
    _reader: StreamReader,
}

/// Aborts as the client's first byte says, and keeps the reader, which holds the socket.
async fn abort(mut reader: StreamReader, writer: StreamWriter, kept: Arc<Mutex<Vec<Kept>>>) {
    let manner = reader.readexactly(1).await.unwrap()[0];
    let socket = writer.socket().unwrap();
    if manner == LINGER {
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
    writer.write(b".");
    writer.drain().await.unwrap();
    if manner == UNREAD {
        let socket = TcpStream::from(socket.try_clone().unwrap());
        while socket.peek(&mut [0]).is_err() {
            sleep(Duration::from_millis(1)).await;
        }
    }
    writer.abort();
    writer.wait_closed().await.unwrap();
    let found = reader.read(16).await;
    kept.lock().unwrap().push(Kept { manner, found, _reader: reader });
}

#[test]
fn abort_tells_the_peer_what_a_close_would() {
    in_real_time(|| async {
        let kept = Arc::<Mutex<Vec<_>>>::default();
        let readers = kept.clone();
        let handler = move |reader, writer| abort(reader, writer, readers.clone());
        let server = start_server(handler, "127.0.0.1:0").await.unwrap();
        check_server(server.sockets()[0].local_addr().unwrap(), "our").await;
        while kept.lock().unwrap().len() < EXPECTED.len() {
            sleep(Duration::from_millis(1)).await;
        }
        for Kept { manner, found, .. } in &*kept.lock().unwrap() {
            // One that was reset finds the end; of the quiet one the peer may have been refused more by then.
            let ended = found.as_ref().is_ok_and(Vec::is_empty);
            assert!(ended || *manner == QUIET, "manner {}: {found:?}", *manner as char);
        }
        server.close();
        server.wait_closed().await;
    });
}

/// A server whose connections are aborted as the client's first byte says.
const PYTHON: &str = "
import asyncio, fcntl, socket, struct, termios

class Aborting(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        sock = self.transport.get_extra_info('socket')
        if data == b'l':
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.transport.write(b'.')
        if data == b'u':
            self.transport.pause_reading()
            asyncio.get_running_loop().create_task(self.abort_when_unread(sock))
        else:
            self.transport.abort()

    async def abort_when_unread(self, sock):
        while struct.unpack('i', fcntl.ioctl(sock.fileno(), termios.FIONREAD, b'....'))[0] == 0:
            await asyncio.sleep(0.001)
        self.transport.abort()

async def main():
    server = await asyncio.get_running_loop().create_server(Aborting, '127.0.0.1', 0)
    print('port', server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
";

/// Ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn pythons_asyncio_aborts_in_the_same_way() {
    let Some(python) = peers::find("python3") else { return };
    let mut command = Command::new(python);
    let mut process = command.args(["-c", PYTHON]).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = Lines::of(process.stdout.take().unwrap());
    let _server = Server(process);
    let line = said.until("port ");
    let port: u16 = line.trim().trim_start_matches("port ").parse().unwrap();
    heist::run(async move { check_server(SocketAddr::from(([127, 0, 0, 1], port)), "Python's").await });
}
