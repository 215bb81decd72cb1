//! Writing to peers that nobody here wrote (Python's asyncio, plain sockets that are slow, stop or die), and pairs of
//! streams made whole again. asyncio's behaviours by number.
#![cfg(not(heist_loom))]

mod support;

use std::future::{Future, poll_fn};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::pin::{Pin, pin};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::Poll;

use heist::{StreamAddr, StreamReader, StreamWriter, create_task, open_connection, start_server, yield_now};
use support::{Copy, for_each_flavour, role};

/// More than the buffers of two sockets hold.
const MUCH: usize = 16 << 20;

async fn is_pending(mut future: Pin<&mut impl Future>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

/// Runs `test` with a connection on each flavour; at the other end, on a thread of its own, is `peer`.
fn with_peer<F: Future<Output = ()>>(
    peer: impl Fn(TcpStream) + Clone + Send + 'static,
    test: impl Fn(StreamReader, StreamWriter) -> F,
) {
    for_each_flavour(|builder| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let peer = peer.clone();
        let peer = std::thread::spawn(move || peer(listener.accept().unwrap().0));
        let run = async {
            let (reader, writer) = open_connection(address).await.unwrap();
            test(reader, writer).await;
        };
        builder.build().unwrap().run(run).unwrap();
        peer.join().unwrap();
    });
}

/// Sends back all that comes until its end.
fn echo(mut stream: TcpStream) {
    let mut data = Vec::new();
    stream.read_to_end(&mut data).unwrap();
    stream.write_all(&data).unwrap();
}

/// A Python program; killed if it is still there in the end.
struct Python(Child);

impl Python {
    /// `None`, and a line that says so, where Python is missing.
    fn start(program: &str, args: &[String]) -> Option<Self> {
        let python = support::peers::find("python3")?;
        let mut command = Command::new(python);
        command.arg("-c").arg(program).args(args).stdin(Stdio::null()).stdout(Stdio::piped());
        Some(Self(command.spawn().unwrap()))
    }

    fn stdout(&mut self) -> BufReader<impl Read + use<>> {
        BufReader::new(self.0.stdout.take().unwrap())
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends back each line turned round, then, after the end, how many bytes came in all.
const PYTHON_SERVER: &str = r#"
import asyncio

async def handle(reader, writer):
    total = 0
    async for line in reader:
        total += len(line)
        writer.write(line.strip()[::-1] + b"\n")
        await writer.drain()
    writer.write(b"%d bytes\n" % total)
    await writer.drain()
    writer.close()
    await writer.wait_closed()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0, limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"#;

/// Sends numbers and expects them back doubled, ends its direction, and expects a farewell and the end.
const PYTHON_CLIENT: &str = r#"
import asyncio, sys

async def main():
    reader, writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    for i in range(100):
        writer.write(b"%d\n" % i)
        await writer.drain()
        answer = await reader.readline()
        assert answer == b"%d\n" % (2 * i), answer
    writer.write(b"x" * (4 << 20) + b"\n")
    await writer.drain()
    assert await reader.readexactly(4 << 20) == b"y" * (4 << 20)
    writer.write_eof()
    assert await reader.read() == b"good bye"
    writer.close()
    await writer.wait_closed()
    print("all is well")

asyncio.run(main())
"#;

#[test]
fn b300_a_server_in_python() {
    let Some(mut server) = Python::start(PYTHON_SERVER, &[]) else { return };
    let mut port = String::new();
    server.stdout().read_line(&mut port).unwrap();
    let port: u16 = port.trim().parse().unwrap();
    for_each_flavour(|builder| {
        let run = async {
            let (mut reader, writer) = open_connection(("127.0.0.1", port)).await.unwrap();
            assert_eq!(writer.peer_addr().unwrap().port(), port);
            for line in ["Hello World!", "a", ""] {
                writer.writelines([line.as_bytes(), b"\n"]);
                writer.drain().await.unwrap();
                let turned: Vec<u8> = line.bytes().rev().chain(*b"\n").collect();
                assert_eq!(reader.readline().await.unwrap(), turned);
            }
            let long = vec![b'l'; 300_000];
            writer.write(&long);
            writer.write(b"\n");
            assert_eq!(reader.readexactly(300_000).await.unwrap(), long);
            assert_eq!(reader.readline().await.unwrap(), b"\n");
            assert!(writer.can_write_eof());
            writer.write_eof();
            assert_eq!(reader.readline().await.unwrap(), b"300017 bytes\n");
            assert_eq!(reader.read(1).await.unwrap(), b"");
            writer.close();
            writer.wait_closed().await.unwrap();
        };
        builder.build().unwrap().run(run).unwrap();
    });
}

async fn double(mut reader: StreamReader, writer: StreamWriter) -> std::io::Result<()> {
    for _ in 0..100 {
        let line = reader.readline().await?;
        let number: u32 = String::from_utf8_lossy(&line).trim().parse().map_err(std::io::Error::other)?;
        writer.write(format!("{}\n", number * 2).as_bytes());
        writer.drain().await?;
    }
    let mut much = reader.readexactly(4 << 20).await?;
    much.fill(b'y');
    writer.write_bytes(much);
    writer.drain().await?;
    assert_eq!(reader.read_to_end().await?, b"\n");
    writer.write(b"good bye");
    writer.close();
    writer.wait_closed().await
}

#[test]
fn b300_a_client_in_python() {
    for_each_flavour(|builder| {
        let run = async {
            let server = start_server(double, "127.0.0.1:0").await.unwrap();
            let port = server.sockets()[0].local_addr().unwrap().port();
            let Some(mut client) = Python::start(PYTHON_CLIENT, &[port.to_string()]) else { return };
            let mut said = client.stdout();
            let said = heist::to_thread(move || {
                let mut text = String::new();
                said.read_to_string(&mut text).map(|_| text)
            });
            assert_eq!(said.await.unwrap().unwrap().trim(), "all is well");
            server.close();
            server.wait_closed().await;
        };
        builder.build().unwrap().run(run).unwrap();
    });
}

/// The test that is the peer in a copy.
const VICTIM: &str = "a_peer_that_reads_nothing";

/// In a copy: connects to the port that the role names, sends a line, and reads nothing until it is killed.
#[test]
fn a_peer_that_reads_nothing() {
    let Some(port) = role() else { return };
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse().unwrap())).unwrap();
    stream.write_all(b"here\n").unwrap();
    loop {
        std::thread::park();
    }
}

/// Killed like that, its system resets the connection, since bytes lie unread.
#[test]
fn b301_the_process_of_the_peer_is_killed() {
    for_each_flavour(|builder| {
        let run = async {
            let (sender, accepted) = heist::sync::oneshot::channel();
            let sender = Arc::new(std::sync::Mutex::new(Some(sender)));
            let handler = async move |reader: StreamReader, writer: StreamWriter| {
                let sender = sender.lock().unwrap().take().unwrap();
                let _ = sender.send((reader, writer));
            };
            let server = start_server(handler, "127.0.0.1:0").await.unwrap();
            let port = server.sockets()[0].local_addr().unwrap().port();
            let victim = Copy::start(VICTIM, &port.to_string());
            let (mut reader, writer) = accepted.await.unwrap();
            assert_eq!(reader.readline().await.unwrap(), b"here\n");
            writer.write(&vec![1; MUCH]);
            let mut draining = pin!(writer.drain());
            assert!(is_pending(draining.as_mut()).await);
            // By its drop, with SIGKILL.
            drop(victim);
            assert!(draining.await.is_err());
            assert!(reader.readline().await.is_err() || reader.at_eof());
            assert!(writer.is_closing());
            assert!(writer.wait_closed().await.is_err());
            server.close();
            server.wait_closed().await;
        };
        builder.build().unwrap().run(run).unwrap();
    });
}

/// A writer that drains keeps little, however slow the peer is.
#[test]
fn b302_a_slow_reader_holds_the_writer_back() {
    let slow = |mut stream: TcpStream| {
        let mut buf = [0; 1000];
        let mut total = 0;
        loop {
            match stream.read(&mut buf).unwrap() {
                0 => break,
                n => total += n,
            }
            std::thread::yield_now();
        }
        assert_eq!(total, 4 << 20);
    };
    with_peer(slow, |_reader, writer| async move {
        let most = AtomicUsize::new(0);
        for _ in 0..128 {
            writer.write(&[7; 32 << 10]);
            most.fetch_max(writer.write_buffer_size(), Ordering::Relaxed);
            writer.drain().await.unwrap();
        }
        writer.close();
        writer.wait_closed().await.unwrap();
        let most = most.into_inner();
        assert!(most <= (64 << 10) + (32 << 10), "{most} bytes were kept");
    });
}

#[test]
fn write_eof_ends_one_direction() {
    with_peer(echo, |mut reader, writer| async move {
        writer.write_bytes(vec![9; 1 << 20]);
        writer.write_eof();
        writer.flushed().await.unwrap();
        assert_eq!(writer.write_buffer_size(), 0);
        let back = reader.read_to_end().await.unwrap();
        assert_eq!(back.len(), 1 << 20);
        assert!(!writer.is_closing());
        writer.write(b"too late");
        assert_eq!(writer.drain().await.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

/// Owned bytes and borrowed ones arrive in the order of their writes, also where the system is full.
#[test]
fn owned_and_borrowed_writes_keep_their_order() {
    with_peer(echo, |mut reader, writer| async move {
        let mut expected = Vec::new();
        for i in 0..400u32 {
            let piece: Vec<u8> = (0..10_007u32).map(|j| (i * 31 + j) as u8).collect();
            expected.extend_from_slice(&piece);
            match i % 3 {
                0 => writer.write_bytes(piece),
                1 => writer.write(&piece),
                _ => writer.writelines(piece.chunks(1000)),
            }
        }
        writer.write_bytes(Vec::new());
        writer.write_eof();
        assert!(reader.read_to_end().await.unwrap() == expected);
    });
}

#[test]
fn b303_b304_after_the_close() {
    with_peer(
        |mut stream| {
            stream.write_all(&[1; 1000]).unwrap();
            // The end, or a reset, since the other side leaves bytes unread.
            let _ = stream.read_to_end(&mut Vec::new());
        },
        |mut reader, writer| async move {
            assert_eq!(reader.readexactly(1).await.unwrap(), [1]);
            let peer = writer.peer_addr().unwrap();
            assert!(!writer.is_closing());
            writer.close();
            assert!(writer.is_closing());
            writer.wait_closed().await.unwrap();
            writer.close();
            writer.wait_closed().await.unwrap();
            writer.write(b"too late");
            assert_eq!(writer.drain().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
            assert_eq!(writer.flushed().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
            assert_eq!(writer.peer_addr().unwrap(), peer);
            assert_eq!(writer.peer_name().as_socket(), Some(peer));
        },
    );
}

/// A pair becomes a plain socket: what was written is sent, what had come is handed out, and the connection lives on.
#[test]
fn a_pair_is_made_whole_again() {
    let peer = |mut stream: TcpStream| {
        stream.write_all(b"a line\nmore").unwrap();
        let mut data = vec![0; MUCH + 5];
        stream.read_exact(&mut data).unwrap();
        assert_eq!(&data[MUCH..], b"plain");
        stream.write_all(b"answer").unwrap();
    };
    with_peer(peer, |mut reader, writer| async move {
        assert_eq!(reader.readline().await.unwrap(), b"a line\n");
        while reader.buffered().len() < 4 {
            let _ = is_pending(pin!(reader.readexactly(5))).await;
            yield_now().await;
        }
        writer.write_bytes(vec![3; MUCH]);
        let (mut stream, unread) = reader.reunite(writer).await.unwrap();
        assert_eq!(unread, b"more");
        stream.write_all(b"plain").await.unwrap();
        let stream = stream.into_std();
        stream.set_nonblocking(false).unwrap();
        let mut answer = [0; 6];
        (&stream).read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"answer");
    });
}

#[test]
fn halves_of_two_connections_stay_apart() {
    with_peer(echo, |mut reader, writer| async move {
        let (fed, _feeder) = StreamReader::fed(10).unwrap();
        let refused = fed.reunite(writer).await.unwrap_err();
        assert_eq!(refused.error.kind(), ErrorKind::Unsupported, "{refused}");
        let writer = refused.writer;
        writer.write(b"still there");
        writer.write_eof();
        assert_eq!(reader.read_to_end().await.unwrap(), b"still there");
        writer.close();
        let refused = reader.reunite(writer).await.unwrap_err();
        assert_eq!(refused.error.kind(), ErrorKind::NotConnected, "{refused}");
    });
}

/// Names tell what they are.
#[test]
fn names_of_the_ends() {
    with_peer(echo, |_reader, writer| async move {
        let local: SocketAddr = writer.local_addr().unwrap();
        assert_eq!(writer.sock_name().unwrap().as_socket(), Some(local));
        assert_eq!(writer.sock_name().unwrap().to_string(), local.to_string());
        assert!(StreamAddr::Unnamed.is_unnamed());
        assert!(StreamAddr::Unnamed.as_socket().is_none());
        assert!(!writer.peer_name().is_unnamed());
    });
}

/// Two tasks share a writer; whoever drains waits for the marks, all go on together, and each byte arrives.
#[test]
fn b302_a_writer_shared_by_tasks() {
    let (sender, received) = channel();
    let peer = move |mut stream: TcpStream| {
        let mut data = Vec::new();
        stream.read_to_end(&mut data).unwrap();
        sender.send(data.len()).unwrap();
    };
    with_peer(peer, |_reader, writer| {
        let received = &received;
        async move {
            let writer = Arc::new(writer);
            let tasks: Vec<_> = (0..4)
                .map(|_| {
                    let writer = writer.clone();
                    create_task(async move {
                        for _ in 0..100 {
                            writer.write(&[1; 20_000]);
                            writer.drain().await.unwrap();
                        }
                    })
                })
                .collect();
            for task in tasks {
                task.await.unwrap();
            }
            writer.close();
            writer.wait_closed().await.unwrap();
            // The peer's thread has seen the end, or is about to.
            assert_eq!(received.recv().unwrap(), 8_000_000);
        }
    });
}

/// The peer ends its direction: reading ends, writing goes on.
#[test]
fn b305_a_peer_that_ends_its_direction_still_listens() {
    let peer = |stream: TcpStream| {
        stream.shutdown(Shutdown::Write).unwrap();
        let mut data = Vec::new();
        (&stream).read_to_end(&mut data).unwrap();
        assert_eq!(data, b"still heard");
    };
    with_peer(peer, |mut reader, writer| async move {
        assert_eq!(reader.read(1).await.unwrap(), b"");
        writer.write(b"still heard");
        writer.drain().await.unwrap();
        writer.close();
        writer.wait_closed().await.unwrap();
    });
}

/// The test that drops writers in a copy.
const DROPS: &str = "a085_writers_that_are_dropped_unclosed";

/// In debug mode there is a warning, and the peer sees the end in any case. A closed writer, one that a handler was given,
/// and a loop that is not in debug mode are silent.
#[test]
fn a085_writers_that_are_dropped_unclosed() {
    let Some(role) = role() else {
        for (role, warnings) in [("debug", 1), ("plain", 0)] {
            let mut copy = Copy::start(DROPS, role);
            assert!(copy.wait().success(), "{role}");
            let stderr = std::mem::replace(&mut copy.stderr, support::Lines::none()).rest();
            let told: Vec<_> = stderr.iter().filter(|line| line.contains("StreamWriter")).collect();
            assert_eq!(told.len(), warnings, "{role}: {stderr:?}");
            assert!(
                told.iter().all(|line| line.contains("to 127.0.0.1:") && line.contains("unclosed")),
                "{told:?}"
            );
        }
        return;
    };
    let run = async {
        let server = start_server(
            async |reader, writer| drop::<(StreamReader, StreamWriter)>((reader, writer)),
            "127.0.0.1:0",
        );
        let server = server.await.unwrap();
        let address = server.sockets()[0].local_addr().unwrap();
        for close in [true, false] {
            let (mut reader, writer) = open_connection(address).await.unwrap();
            if close {
                writer.close();
                writer.wait_closed().await.unwrap();
            }
            drop(writer);
            assert_eq!(reader.read(1).await.unwrap(), b"");
        }
        server.close();
        server.wait_closed().await;
    };
    heist::Runner::builder().debug(role == "debug").build().unwrap().run(run).unwrap();
}
