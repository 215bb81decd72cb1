#![cfg(unix)]
//! The WebSocket echo example: with clients that nobody here wrote, and with frames that no client should send.

mod support;
#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/websocket_echo/main.rs"]
mod websocket_echo;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use heist::serve::HttpServer;
use heist::{StreamReader, StreamWriter, open_connection, timeout};
use support::{Copy, in_real_time, peers, program};

/// The test that runs the program, in a copy.
const PROGRAM: &str = "it_refuses_what_it_does_not_know";
/// Nothing here takes as long.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn it_refuses_what_it_does_not_know() {
    program::run_in_a_copy(websocket_echo::program);
    for args in [["--shutdown-limit", "soon"], ["--colour", "1"]] {
        assert_eq!(program::start(PROGRAM, &args).wait().code(), Some(2), "{args:?}");
    }
}

/// The program, and where it serves.
fn start() -> (Copy, String) {
    let mut copy = program::start(PROGRAM, &["--listen", "127.0.0.1:0"]);
    let line = copy.stdout.until("Serving on ");
    (copy, format!("ws://{}/echo", line.trim_start_matches("Serving on ")))
}

/// Runs a client, which says `ok` where all was as it should be.
fn passes(client: &mut Command, name: &str) {
    let (mut copy, url) = start();
    let output = client.arg(&url).output().unwrap();
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.lines().any(|line| line == "ok"), "{name}: {said}");
    copy.interrupt();
    copy.stdout.until("connections ended by themselves");
    assert!(copy.wait().success());
}

/// A Python that has the library `websockets`: the system's, where the package puts it, or the one on the path.
fn python() -> Option<PathBuf> {
    let pythons = [Some(PathBuf::from("/usr/bin/python3")), peers::find("python3")];
    let has = |python: &PathBuf| {
        Command::new(python)
            .args(["-c", "import websockets"])
            .output()
            .is_ok_and(|output| output.status.success())
    };
    let found = pythons.into_iter().flatten().find(has);
    if found.is_none() {
        println!("skipped: no python3 here has websockets; .ci/peers installs it");
    }
    found
}

#[test]
fn pythons_client() {
    let Some(python) = python() else { return };
    let program = r#"
import asyncio, sys, websockets

async def main(url):
    async with websockets.connect(url, max_size=None) as socket:
        for message in ["", "hello", "\u00e4\u20ac\U0001f600" * 1000, b"", bytes(range(256)) * 100, "x" * 1_000_000]:
            await socket.send(message)
            assert await socket.recv() == message
        await socket.send(["in ", "three ", "parts"])
        assert await socket.recv() == "in three parts"
        await (await socket.ping(b"are you there?"))
    assert socket.close_code == 1000, socket.close_code
    async with websockets.connect(url, max_size=None) as socket:
        await socket.send("x" * (1 << 21))
        try:
            await socket.recv()
            assert False, "it took too large a message"
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd.code == 1009, closed
    many = [websockets.connect(url) for _ in range(50)]
    sockets = await asyncio.gather(*many)
    for round in range(20):
        await asyncio.gather(*[socket.send(f"{round} {i}") for i, socket in enumerate(sockets)])
        echoes = await asyncio.gather(*[socket.recv() for socket in sockets])
        assert echoes == [f"{round} {i}" for i in range(50)]
    await asyncio.gather(*[socket.close() for socket in sockets])
    print("ok")

asyncio.run(asyncio.wait_for(main(sys.argv[1]), 60))
"#;
    passes(Command::new(python).args(["-c", program]), "Python's websockets");
}

#[test]
fn nodes_client() {
    let Some(node) = peers::find("node") else { return };
    let flag = "--experimental-websocket";
    let has = "process.exit(typeof WebSocket === 'function' ? 0 : 1)";
    if !Command::new(&node).args([flag, "-e", has]).output().is_ok_and(|output| output.status.success()) {
        println!("skipped: this node has no WebSocket");
        return;
    }
    let program = r#"
const fail = (why) => { console.error(why); process.exit(1); };
const talk = (messages) => new Promise((resolve) => {
    const socket = new WebSocket(process.argv[1]);
    let next = 0;
    const send = () => next < messages.length ? socket.send(messages[next]) : socket.close(1000, "done");
    socket.onopen = send;
    socket.onmessage = ({ data }) => {
        if (data !== messages[next]) fail(`message ${next} came back as another`);
        next += 1;
        send();
    };
    socket.onclose = ({ code }) => resolve([code, next]);
});
(async () => {
    const good = await talk(["", "hello", "\u00e4\u20ac\u{1f600}".repeat(1000), "x".repeat(1000000)]);
    if (good[0] !== 1000 || good[1] !== 4) fail(good);
    const large = await talk(["hello", "x".repeat(1 << 21)]);
    if (large[0] !== 1009 || large[1] !== 1) fail(large);
    console.log("ok");
})();
setTimeout(() => fail("it took too long"), 60000).unref();
"#;
    passes(Command::new(node).args([flag, "-e", program, "--"]), "node's WebSocket");
}

/// The server in this process, and how to talk to it byte by byte.
async fn serve() -> HttpServer {
    heist::serve("127.0.0.1:0", websocket_echo::router()).await.unwrap()
}

const REQUEST: &str = "GET /echo HTTP/1.1\r\nhost: x\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n\
                       sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A connection after the handshake; the key and the answer are those of RFC 6455, section 1.3.
async fn shaken(server: &HttpServer) -> (StreamReader, StreamWriter) {
    let (mut reader, writer) = open_connection(server.sockets()[0].local_addr().unwrap()).await.unwrap();
    writer.write(REQUEST.as_bytes());
    let head = String::from_utf8(reader.readuntil(b"\r\n\r\n").await.unwrap()).unwrap();
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    (reader, writer)
}

/// A frame as clients send it: masked, by zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

/// The code of the close frame that comes, after which the server ends the connection.
async fn close_code(reader: &mut StreamReader) -> u16 {
    let head = reader.readexactly(2).await.unwrap();
    assert_eq!(head[0], 0x88, "a close frame");
    let payload = reader.readexactly(head[1].into()).await.unwrap();
    u16::from_be_bytes([payload[0], payload[1]])
}

#[test]
fn frames_that_break_the_rules_close_with_the_right_code() {
    in_real_time(|| async {
        let server = serve().await;
        let too_large = (super_large_head(), 1009);
        let cases = [
            (vec![0x81, 5, b'h', b'e', b'l', b'l', b'o'], 1002),
            (frame(0x83, b"no such kind"), 1002),
            (frame(0xf1, b"reserved bits"), 1002),
            (frame(0x80, b"goes on from nothing"), 1002),
            (frame(0x09, b"a ping in parts"), 1002),
            ([frame(0x01, b"one"), frame(0x81, b"another within")].concat(), 1002),
            (frame(0x81, b"\xff\xfe no text"), 1007),
            ([frame(0x01, b"\xc3"), frame(0x80, b"\x28")].concat(), 1007),
            too_large,
        ];
        for (bytes, code) in cases {
            let (mut reader, writer) = shaken(&server).await;
            writer.write(&frame(0x81, b"hello"));
            assert_eq!(reader.readexactly(7).await.unwrap(), b"\x81\x05hello");
            writer.write(&bytes);
            let found = timeout(LONG, close_code(&mut reader)).await.unwrap();
            assert_eq!(found, code, "for {bytes:?}");
            writer.write(&frame(0x88, &code.to_be_bytes()));
            let left = timeout(LONG, reader.read_to_end()).await.unwrap().unwrap_or_default();
            assert!(left.is_empty(), "{left:?} after the close frame");
        }
        assert!(server.shutdown(LONG).await.is_clean());
    });
}

/// The head of a frame of 1 TiB.
fn super_large_head() -> Vec<u8> {
    [&[0x82, 0xff][..], &(1_u64 << 40).to_be_bytes(), &[0; 4]].concat()
}

#[test]
fn a_handshake_that_is_none() {
    in_real_time(|| async {
        let server = serve().await;
        let address = server.sockets()[0].local_addr().unwrap();
        for (from, to, status) in [
            ("upgrade: WebSocket\r\n", "", "426"),
            ("keep-alive, Upgrade", "keep-alive", "426"),
            ("version: 13", "version: 8", "426"),
            ("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", "400"),
        ] {
            let (mut reader, writer) = open_connection(address).await.unwrap();
            writer.write(REQUEST.replace(from, to).as_bytes());
            let line = String::from_utf8(reader.readline().await.unwrap()).unwrap();
            assert_eq!(line.split(' ').nth(1), Some(status), "without {from:?}: {line}");
        }
        assert!(server.shutdown(LONG).await.is_clean());
    });
}

/// What comes in one piece with the handshake is not lost; who vanishes in a frame is let go; who stays at the end is named.
#[test]
fn early_vanishing_and_staying_clients() {
    in_real_time(|| async {
        let server = serve().await;
        let (mut reader, writer) = open_connection(server.sockets()[0].local_addr().unwrap()).await.unwrap();
        writer.write(&[REQUEST.as_bytes(), &frame(0x82, b"early")].concat());
        reader.readuntil(b"\r\n\r\n").await.unwrap();
        assert_eq!(reader.readexactly(7).await.unwrap(), b"\x82\x05early");
        drop((reader, writer));
        let (_reader, writer) = shaken(&server).await;
        writer.write(&[0x82, 0xfe, 0xff]);
        writer.abort();
        let emptied = async {
            while server.connections() > 0 {
                heist::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(LONG, emptied).await.unwrap();
        let (mut reader, writer) = shaken(&server).await;
        let report = server.shutdown(Duration::from_millis(50)).await;
        assert!(!report.is_clean(), "{report}");
        let named: Vec<_> =
            report.cancelled.iter().chain(&report.remaining).map(|c| c.peer.as_socket()).collect();
        assert!(named.contains(&Some(writer.local_addr().unwrap())), "{report}");
        drop(timeout(LONG, reader.read_to_end()).await.unwrap());
    });
}
