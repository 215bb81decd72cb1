//! `StreamWriter::write_all`: bytes sent from where they are, among other writes, closes and cancellations.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;

use heist_scheduler::{spawn, yield_now};
use heist_streams::{StreamReader, StreamWriter};

use crate::support::{is_pending, on_all, pair, run_local, run_on};

/// More than the buffers of two sockets hold.
const MUCH: usize = 16 << 20;

fn numbered(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Until somebody has sent what the sockets hold, and waits.
async fn until_full(writer: &StreamWriter) {
    while writer.write_buffer_size() == 0 {
        // While the output is lent, what is written is kept.
        yield_now().await;
        writer.write(b"x");
    }
}

/// What comes until the end.
async fn received(mut reader: StreamReader) -> Vec<u8> {
    reader.read_to_end().await.unwrap()
}

#[test]
fn all_arrives_before_what_is_written_meanwhile() {
    on_all(|| async {
        let ((_reader, writer), (far, _far_writer)) = pair().await;
        let (writer, data) = (Arc::new(writer), numbered(MUCH));
        writer.write(b"before");
        let sending = spawn({
            let (writer, data) = (writer.clone(), data.clone());
            async move { writer.write_all(&data).await }
        });
        until_full(&writer).await;
        writer.close();
        let received = received(far).await;
        sending.await.unwrap().unwrap();
        let others = received.strip_prefix(b"before").unwrap();
        // What was written before the sending began, and while it waited.
        let early = others.iter().take_while(|byte| **byte == b'x').count();
        let (sent, late) = others[early..].split_at(MUCH);
        assert!(sent == data, "something came between");
        assert!(!late.is_empty() && late.iter().all(|byte| *byte == b'x'));
        writer.wait_closed().await.unwrap();
    });
}

#[test]
fn two_that_send_at_once_do_not_mix() {
    on_all(|| async {
        let ((_reader, writer), (mut far, _far_writer)) = pair().await;
        let writer = Arc::new(writer);
        let send = |byte: u8| {
            let writer = writer.clone();
            spawn(async move { writer.write_all(&vec![byte; MUCH]).await })
        };
        let (first, second) = (send(1), send(2));
        let received = far.readexactly(2 * MUCH).await.unwrap();
        first.await.unwrap().unwrap();
        second.await.unwrap().unwrap();
        let (one, other) = received.split_at(MUCH);
        assert!(one.iter().all(|byte| *byte == one[0]) && other.iter().all(|byte| *byte == other[0]));
    });
}

#[test]
fn one_that_is_dropped_leaves_the_writer_in_order() {
    on_all(|| async {
        let ((_reader, writer), (far, _far_writer)) = pair().await;
        let data = numbered(MUCH);
        {
            let mut sending = pin!(writer.write_all(&data));
            assert!(is_pending(sending.as_mut()).await, "the sockets took it all");
        }
        writer.write(b"the end");
        writer.close();
        let received = received(far).await;
        let (sent, end) = received.split_at(received.len() - 7);
        assert_eq!(end, b"the end");
        assert!(sent.len() < MUCH && sent == &data[..sent.len()]);
    });
}

#[test]
fn abort_and_close_end_it() {
    on_all(|| async {
        let ((_reader, writer), (_far, _far_writer)) = pair().await;
        let data = numbered(MUCH);
        {
            let mut sending = pin!(writer.write_all(&data));
            assert!(is_pending(sending.as_mut()).await);
            writer.abort();
            assert_eq!(sending.await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        }
        writer.wait_closed().await.unwrap();
        assert_eq!(writer.write_all(b"more").await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_peer_that_goes_is_an_error_that_stays() {
    on_all(|| async {
        let ((_reader, writer), far) = pair().await;
        let data = numbered(MUCH);
        let mut sending = pin!(writer.write_all(&data));
        assert!(is_pending(sending.as_mut()).await);
        drop(far);
        let error = sending.await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
        assert_eq!(writer.drain().await.unwrap_err().kind(), error.kind());
    });
}

/// How a writer that still keeps bytes is left when its loop ends.
#[derive(Clone, Copy, Debug)]
enum Left {
    Dropped,
    Closed,
    /// It is dropped after the loop.
    Kept,
    /// In the middle of a `write_all`.
    Sending,
}

/// A writer's state holds the way to its own socket, so whoever leaves it must give that up.
#[test]
fn a_writer_that_its_loop_leaves_behind_closes_its_socket() {
    for left in [Left::Dropped, Left::Closed, Left::Kept, Left::Sending] {
        for workers in [0, 1, 2] {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut far, _) = listener.accept().unwrap();
            let (keep, kept) = std::sync::mpsc::channel();
            let leave = async move {
                let (_reader, writer) = heist_streams::open_connection_on(near).await.unwrap();
                let data = vec![0; MUCH];
                match left {
                    Left::Sending => assert!(is_pending(pin!(writer.write_all(&data))).await),
                    _ => writer.write(&data),
                }
                match left {
                    Left::Closed => writer.close(),
                    Left::Kept => keep.send(writer).unwrap(),
                    Left::Dropped | Left::Sending => {}
                }
            };
            match workers {
                0 => run_local(leave),
                workers => run_on(workers, leave),
            }
            drop(kept.try_recv());
            far.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
            let ended = std::io::copy(&mut far, &mut std::io::sink());
            let stays_open = ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
            assert!(!stays_open, "{left:?}, {workers} workers: the socket was left open");
        }
    }
}
