//! Reading: readers fed by hand, as asyncio's own tests do it, and connections whose other end is a plain socket that
//! sends byte by byte, resets, or stops in the middle. asyncio's behaviours by number.

use std::future::{Future, poll_fn};
use std::io::{Error, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use heist::{
    Feeder, IncompleteReadError, LimitOverrunError, Lines, ReadError, StreamReader, StreamWriter,
    create_task, open_connection, yield_now,
};

use crate::support::{for_each_flavour, on_each_flavour};

fn fed(limit: usize) -> (StreamReader, Feeder) {
    StreamReader::fed(limit).unwrap()
}

async fn is_pending(future: Pin<&mut impl Future>) -> bool {
    let mut future = future;
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

async fn next(lines: &mut Lines<'_>) -> Option<Result<Vec<u8>, ReadError>> {
    poll_fn(|cx| Pin::new(&mut *lines).poll_next(cx)).await
}

fn limit_error<T: std::fmt::Debug>(result: Result<T, ReadError>) -> LimitOverrunError {
    match result {
        Err(ReadError::LimitOverrun(error)) => error,
        other => panic!("expected a limit overrun, not {other:?}"),
    }
}

/// Runs `test` with a connection on each flavour; at the other end, on a thread of its own, is `peer`.
fn with_peer<F: Future<Output = ()>>(
    peer: impl Fn(TcpStream) + Copy + Send + 'static,
    test: impl Fn(StreamReader, StreamWriter) -> F,
) {
    for_each_flavour(|builder| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let peer = std::thread::spawn(move || peer(listener.accept().unwrap().0));
        let run = async {
            let (reader, writer) = open_connection(address).limit(16).await.unwrap();
            test(reader, writer).await;
        };
        builder.build().unwrap().run(run).unwrap();
        peer.join().unwrap();
    });
}

/// Sends each byte in a segment of its own.
fn byte_by_byte(mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    for byte in b"HELO there\r\nlast line\r\n.\r\n0123456789rest" {
        stream.write_all(&[*byte]).unwrap();
    }
}

#[test]
fn b281_b286_b292_bytes_that_come_one_by_one() {
    with_peer(byte_by_byte, |mut reader, _writer| async move {
        assert_eq!(reader.readline().await.unwrap(), b"HELO there\r\n");
        assert_eq!(reader.readuntil(b"\r\n.\r\n").await.unwrap(), b"last line\r\n.\r\n");
        assert_eq!(reader.readexactly(10).await.unwrap(), b"0123456789");
        assert_eq!(reader.read_to_end().await.unwrap(), b"rest");
        assert!(reader.at_eof());
    });
}

/// What had come before the reset may be read or not, as the system has it; then each read fails, for ever.
#[test]
fn b295_a_reset_in_the_middle_of_a_line() {
    let peer = |mut stream: TcpStream| {
        stream.write_all(b"half a li").unwrap();
        // Not before the other side knows that it is connected.
        stream.read_exact(&mut [0]).unwrap();
        socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    };
    with_peer(peer, |mut reader, writer| async move {
        writer.write(b"!");
        for _ in 0..3 {
            match reader.readline().await {
                Err(ReadError::Io(error)) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
                other => panic!("expected a reset, not {other:?}"),
            }
        }
        assert_eq!(reader.read(1).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(reader.read_to_end().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(reader.exception().unwrap().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn b295_an_error_that_is_set_wakes_a_waiting_read() {
    on_each_flavour(|| async {
        let (mut reader, feeder) = fed(64);
        assert!(reader.exception().is_none());
        feeder.feed_data(b"some").unwrap();
        let reading = create_task(async move {
            let waited = reader.readexactly(10).await;
            (reader, waited)
        });
        while feeder.buffered() > 0 {
            yield_now().await;
        }
        feeder.set_exception(&Error::new(ErrorKind::TimedOut, "the peer was silent"));
        feeder.set_exception(&Error::other("the first one stays"));
        let (mut reader, waited) = reading.await.unwrap();
        assert_eq!(waited.unwrap_err().to_string(), "the peer was silent");
        // Also where something is buffered.
        assert_eq!(reader.buffered(), b"some");
        assert_eq!(reader.read(1).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(reader.read_into(&mut [0; 2]).await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(
            matches!(reader.readline().await, Err(ReadError::Io(error)) if error.kind() == ErrorKind::TimedOut)
        );
        assert_eq!(reader.exception().unwrap().to_string(), "the peer was silent");
    });
}

#[test]
fn b296_an_error_set_after_the_read_was_cancelled() {
    on_each_flavour(|| async {
        let (mut reader, feeder) = fed(64);
        feeder.feed_data(b"kept").unwrap();
        let reading = create_task(async move {
            let read = heist::catch_cancelled(reader.readline()).await;
            assert!(read.is_err(), "{read:?}");
            reader
        });
        while feeder.buffered() > 0 {
            yield_now().await;
        }
        assert!(reading.cancel());
        let reader = reading.await.unwrap();
        assert_eq!(reader.buffered(), b"kept");
        feeder.set_exception(&Error::from(ErrorKind::ConnectionAborted));
        assert_eq!(reader.exception().unwrap().kind(), ErrorKind::ConnectionAborted);
    });
}

#[test]
fn b282_b294_b299_lines_of_a_reader() {
    on_each_flavour(|| async {
        let (mut reader, feeder) = fed(8);
        let feeding = create_task(async move {
            for piece in [&b"one\ntw"[..], b"o\nmuch too long a line\n", b"\nla", b"st"] {
                feeder.feed_data(piece).unwrap();
                yield_now().await;
            }
            feeder.feed_eof();
            assert_eq!(feeder.feed_data(b"late").unwrap_err().kind(), ErrorKind::InvalidInput);
            feeder
        });
        let mut lines = reader.lines();
        assert_eq!(next(&mut lines).await.unwrap().unwrap(), b"one\n");
        assert_eq!(next(&mut lines).await.unwrap().unwrap(), b"two\n");
        // In pieces or at once: the line that is too long is an error, and the stream goes on behind it.
        loop {
            match next(&mut lines).await.unwrap() {
                Err(ReadError::LimitOverrun(_)) => {}
                Ok(line) if line == b"last" => break,
                Ok(line) => assert!(line.ends_with(b"\n"), "{line:?}"),
                Err(error) => panic!("{error}"),
            }
        }
        assert!(next(&mut lines).await.is_none());
        assert!(next(&mut lines).await.is_none());
        assert!(reader.at_eof());
        drop(feeding.await.unwrap());
    });
}

#[test]
fn lines_end_after_an_error_of_the_connection() {
    on_each_flavour(|| async {
        let (mut reader, feeder) = fed(64);
        feeder.set_exception(&Error::from(ErrorKind::ConnectionReset));
        let mut lines = reader.lines();
        assert!(matches!(next(&mut lines).await, Some(Err(ReadError::Io(_)))));
        assert!(next(&mut lines).await.is_none());
    });
}

/// A stream of lines that is given up between two pieces of a line loses nothing.
#[test]
fn lines_are_cancel_safe() {
    on_each_flavour(|| async {
        let (mut reader, feeder) = fed(64);
        feeder.feed_data(b"first ").unwrap();
        let mut lines = reader.lines();
        assert!(is_pending(pin!(next(&mut lines))).await);
        feeder.feed_data(b"line\n").unwrap();
        assert_eq!(next(&mut lines).await.unwrap().unwrap(), b"first line\n");
        feeder.feed_data(b"sec").unwrap();
        assert!(is_pending(pin!(next(&mut lines))).await);
        feeder.feed_data(b"ond\n").unwrap();
        assert_eq!(reader.next_line().await.unwrap().unwrap(), b"second\n");
    });
}

#[test]
fn b283_b284_b288_overruns_leave_what_asyncio_leaves() {
    on_each_flavour(|| async {
        // Found behind the limit: `readuntil` keeps everything, `readline` drops that line.
        let (mut reader, feeder) = fed(4);
        feeder.feed_data(b"123456\n789\n").unwrap();
        let error = limit_error(reader.readuntil(b"\n").await);
        assert_eq!(error, LimitOverrunError { consumed: 6, found: true, limit: 4 });
        assert_eq!(reader.buffered(), b"123456\n789\n");
        assert!(limit_error(reader.readline().await).found);
        assert_eq!(reader.readline().await.unwrap(), b"789\n");
        // Not found so far: how much of it can be no part of the separator.
        feeder.feed_data(b"1234567890\r").unwrap();
        let error = limit_error(reader.readuntil(b"\r\n").await);
        assert_eq!(error, LimitOverrunError { consumed: 10, found: false, limit: 4 });
        assert_eq!(
            error.to_string(),
            "10 bytes have come without the separator, and the reader's limit is 4: open the stream with a larger \
             `limit`, or read in pieces"
        );
        assert_eq!(reader.readexactly(error.consumed).await.unwrap(), b"1234567890");
        feeder.feed_data(b"\n").unwrap();
        assert_eq!(reader.readuntil(b"\r\n").await.unwrap(), b"\r\n");
        feeder.feed_data(b"no newline at all").unwrap();
        assert!(!limit_error(reader.readline().await).found);
        assert_eq!(reader.buffered(), b"");
    });
}

#[test]
fn b287_b293_what_is_left_at_the_end_is_in_the_error() {
    on_each_flavour(|| async {
        let mut reader = StreamReader::from_bytes("some data");
        let ReadError::Incomplete(error) = reader.readuntil(b"\n").await.unwrap_err() else { panic!() };
        assert_eq!(error, IncompleteReadError { partial: b"some data".to_vec(), expected: None });
        assert!(reader.at_eof());
        let mut reader = StreamReader::from_bytes("some data");
        let error: Error = reader.readexactly(10).await.unwrap_err().into();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert!(error.to_string().starts_with("the stream ended after 9 of the 10 bytes"), "{error}");
        assert_eq!(reader.read(1).await.unwrap(), b"");
    });
}

#[test]
fn b277_b280_a083_reads_of_nothing() {
    on_each_flavour(|| async {
        let mut reader = StreamReader::from_bytes("data");
        assert_eq!(reader.read(0).await.unwrap(), b"");
        assert_eq!(reader.readexactly(0).await.unwrap(), b"");
        assert_eq!(reader.read_into(&mut []).await.unwrap(), 0);
        assert!(!reader.at_eof());
        assert_eq!(reader.read(100).await.unwrap(), b"data");
        assert_eq!(reader.read(100).await.unwrap(), b"");
        assert_eq!(reader.readexactly(0).await.unwrap(), b"");
        // With nothing there, a read of nothing does not wait.
        let (mut waiting, _feeder) = fed(1);
        assert_eq!(waiting.read(0).await.unwrap(), b"");
        assert_eq!(waiting.read_into(&mut []).await.unwrap(), 0);
    });
}

#[test]
fn a081_limits_of_fed_readers() {
    assert_eq!(StreamReader::fed(0).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(fed(1).0.limit(), 1);
}

/// The end comes after all that was fed, also when the feeder is just dropped; who feeds nobody hears of it.
#[test]
fn feeders_and_readers_that_go() {
    on_each_flavour(|| async {
        let (mut reader, feeder) = fed(64);
        let twin = feeder.clone();
        feeder.feed_data(b"some ").unwrap();
        drop(feeder);
        twin.feed_data(b"bytes").unwrap();
        drop(twin);
        assert_eq!(reader.read_to_end().await.unwrap(), b"some bytes");
        let (reader, feeder) = fed(64);
        feeder.feed_data(b"unread").unwrap();
        drop(reader);
        assert_eq!(feeder.feed_data(b"more").unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(feeder.buffered(), 0);
    });
}

/// Large reads of every form give what was sent, whatever the sizes of pieces and requests.
#[test]
fn b278_b279_b292_sizes_of_pieces_and_requests() {
    let pieces = |mut stream: TcpStream| {
        let data: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
        let mut rest = &data[..];
        for size in [1, 5, 4095, 4096, 4097, 65_536, 100_000].iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, later) = rest.split_at(rest.len().min(*size));
            stream.write_all(piece).unwrap();
            rest = later;
        }
    };
    with_peer(pieces, |mut reader, _writer| async move {
        let mut seen = Vec::new();
        let mut buf = vec![0; 8192];
        for size in [3, 4096, 10_000, 1, 70_000].iter().cycle() {
            let before = seen.len();
            seen.extend(reader.read(*size).await.unwrap());
            assert!(seen.len() - before <= *size);
            let n = reader.read_into(&mut buf[..(*size).min(8192)]).await.unwrap();
            seen.extend(&buf[..n]);
            match reader.readexactly(*size).await {
                Ok(bytes) => seen.extend(bytes),
                Err(ReadError::Incomplete(error)) => {
                    seen.extend(error.partial);
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(seen.len(), 300_000);
        assert!(seen.iter().enumerate().all(|(i, &byte)| byte == (i % 251) as u8));
    });
}
