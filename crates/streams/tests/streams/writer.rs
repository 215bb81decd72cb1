//! `StreamWriter`: asyncio's behaviours 300 to 305, by number, and what happens to what was written.

use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use heist_scheduler::{spawn, yield_now};
use heist_streams::{StreamReader, StreamWriter, net, open_connection};

use crate::support::{echo_server, is_pending, on_all, pair, run_on};

/// More than the buffers of two sockets hold.
const MUCH: usize = 16 << 20;

/// A connection whose peer never reads, with more written than fits: the writer's buffer is not empty, and stays so.
async fn stuck() -> ((StreamReader, StreamWriter), (StreamReader, StreamWriter)) {
    let (near, far) = pair().await;
    near.1.write(&vec![1; MUCH]);
    // Let the flusher find that there is no room.
    let mut before = 0;
    while before != near.1.write_buffer_size() {
        before = near.1.write_buffer_size();
        for _ in 0..100 {
            yield_now().await;
        }
    }
    assert!(before > 0);
    (near, far)
}

#[test]
fn b300_echo_of_a_line() {
    on_all(|| async {
        let (server, address) = echo_server().await;
        let (mut reader, writer) = open_connection(address).await.unwrap();
        for i in 0..100 {
            let line = format!("line {i}\n").into_bytes();
            writer.write(&line);
            writer.drain().await.unwrap();
            assert_eq!(reader.readline().await.unwrap(), line);
        }
        writer.close();
        writer.wait_closed().await.unwrap();
        server.close();
        server.wait_closed().await;
    });
}

/// Much data both ways at once, each side held back by the other: nothing is lost, doubled or reordered.
#[test]
fn bulk_echo_with_back_pressure() {
    on_all(|| async {
        let (server, address) = echo_server().await;
        let (mut reader, writer) = open_connection(address).await.unwrap();
        let data: Vec<u8> = (0..MUCH as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let data = Arc::new(data);
        let sender = spawn({
            let data = data.clone();
            async move {
                for chunk in data.chunks(300_000) {
                    writer.write(chunk);
                    writer.drain().await.unwrap();
                    assert!(writer.write_buffer_size() <= 64 << 10);
                }
                writer.write_eof();
                writer
            }
        });
        assert!(reader.read_to_end().await.unwrap() == *data);
        let writer = sender.await.unwrap();
        writer.close();
        writer.wait_closed().await.unwrap();
        server.close();
        server.wait_closed().await;
    });
}

#[test]
fn b302_many_tasks_drain_together() {
    on_all(|| async {
        let ((near_reader, near), (mut far_reader, _far)) = stuck().await;
        let near = Arc::new(near);
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let near = near.clone();
                spawn(async move { near.drain().await })
            })
            .collect();
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(waiting.iter().all(|task| !task.done()));
        assert_eq!(far_reader.readexactly(MUCH).await.unwrap().len(), MUCH);
        for task in waiting {
            task.await.unwrap().unwrap();
        }
        drop((near_reader, near));
    });
}

/// `drain` waits above the high-water mark until the low-water mark, and not otherwise.
#[test]
fn drain_keeps_to_the_water_marks() {
    on_all(|| async {
        let ((_near_reader, near), (mut far_reader, _far)) = stuck().await;
        assert!(is_pending(near.drain()).await);
        let error = near.set_write_buffer_limits(1, 2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        near.set_write_buffer_limits(2 * MUCH, 2 * MUCH).unwrap();
        near.drain().await.unwrap();
        near.set_write_buffer_limits(10, 0).unwrap();
        let mut draining = pin!(near.drain());
        assert!(is_pending(draining.as_mut()).await);
        assert_eq!(far_reader.readexactly(MUCH).await.unwrap().len(), MUCH);
        draining.await.unwrap();
        assert_eq!(near.write_buffer_size(), 0);
    });
}

#[test]
fn b305_close_sends_what_was_written() {
    on_all(|| async {
        let ((near_reader, near), (mut far_reader, _far)) = stuck().await;
        near.close();
        assert!(near.is_closing());
        assert!(is_pending(near.wait_closed()).await, "not before all is sent");
        near.write(b"too late");
        let closed = spawn(async move { near.wait_closed().await });
        assert_eq!(far_reader.read_to_end().await.unwrap().len(), MUCH);
        closed.await.unwrap().unwrap();
        drop(near_reader);
    });
}

#[test]
fn dropped_writer_sends_what_was_written() {
    on_all(|| async {
        let ((mut near_reader, near), (mut far_reader, far)) = stuck().await;
        drop(near);
        assert_eq!(far_reader.read_to_end().await.unwrap().len(), MUCH);
        // Only the direction of the dropped writer has ended.
        far.write(b"and back");
        assert_eq!(near_reader.readexactly(8).await.unwrap(), b"and back");
    });
}

#[test]
fn b303_close_ends_both_directions() {
    on_all(|| async {
        let ((mut near_reader, near), (mut far_reader, far)) = pair().await;
        far.write(b"unread");
        near.close();
        assert!(near.is_closing());
        near.wait_closed().await.unwrap();
        assert_eq!(far_reader.read(10).await.unwrap(), b"");
        assert!(near_reader.read_to_end().await.is_ok(), "what had come may be read, then the end");
        assert!(near_reader.at_eof());
        near.close();
        near.wait_closed().await.unwrap();
    });
}

#[test]
fn b304_drain_after_close_is_an_error() {
    on_all(|| async {
        let ((_near_reader, near), _far) = pair().await;
        near.close();
        near.wait_closed().await.unwrap();
        near.write(b"data");
        assert_eq!(near.drain().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(near.local_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        assert!(near.peer_addr().is_ok(), "it stays known");
    });
}

/// Whoever writes for ever to a peer that has gone hears of it soon.
#[test]
fn b301_drain_fails_soon_after_the_peer_has_gone() {
    on_all(|| async {
        let ((_near_reader, near), far) = pair().await;
        drop(far);
        let error = loop {
            near.write(b"data");
            if let Err(error) = near.drain().await {
                break error;
            }
            yield_now().await;
        };
        assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
        assert!(error.raw_os_error().is_some(), "the system's code is kept");
        assert!(near.is_closing());
        assert_eq!(near.wait_closed().await.unwrap_err().kind(), error.kind());
        assert_eq!(near.drain().await.unwrap_err().kind(), error.kind());
    });
}

/// A reset while much is kept fails the flusher, and whoever waits.
#[test]
fn reset_ends_a_waiting_drain() {
    on_all(|| async {
        let listener = net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (_reader, writer) = open_connection(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        writer.write(&vec![1; MUCH]);
        let mut draining = pin!(writer.drain());
        assert!(is_pending(draining.as_mut()).await);
        far.set_linger(Some(Duration::ZERO)).unwrap();
        drop(far);
        assert!(draining.await.is_err());
        assert!(writer.wait_closed().await.is_err());
        assert_eq!(writer.write_buffer_size(), 0);
    });
}

#[test]
fn abort_throws_the_rest_away() {
    on_all(|| async {
        let ((near_reader, near), (mut far_reader, _far)) = stuck().await;
        near.abort();
        assert!(near.is_closing());
        near.wait_closed().await.unwrap();
        drop((near_reader, near));
        assert!(far_reader.read_to_end().await.map_or(0, |data| data.len()) < MUCH);
    });
}

#[test]
fn write_eof_ends_one_direction() {
    on_all(|| async {
        let ((mut near_reader, near), (mut far_reader, far)) = pair().await;
        assert!(near.can_write_eof());
        near.write(&vec![5; MUCH]);
        near.write_eof();
        near.write_eof();
        let reading = spawn(async move { far_reader.read_to_end().await.map(|data| data.len()) });
        assert_eq!(reading.await.unwrap().unwrap(), MUCH);
        far.write(b"answer");
        assert_eq!(near_reader.readexactly(6).await.unwrap(), b"answer");
        assert!(!near.is_closing());
        near.drain().await.unwrap();
        near.write(b"");
        near.drain().await.unwrap();
        near.write(b"more");
        assert_eq!(near.drain().await.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn writelines_keeps_the_order() {
    on_all(|| async {
        let ((_near_reader, near), (mut far_reader, _far)) = pair().await;
        near.writelines(Vec::<&[u8]>::new());
        near.writelines([&b""[..], b"one ", b"", b"two "]);
        near.writelines((0..5000).map(|i| format!("{i} ")));
        near.writelines([vec![7; MUCH], vec![8; 10]]);
        near.write(b"end");
        near.close();
        let got = far_reader.read_to_end().await.unwrap();
        let mut expected = b"one two ".to_vec();
        (0..5000).for_each(|i| expected.extend(format!("{i} ").bytes()));
        expected.extend(vec![7; MUCH]);
        expected.extend(vec![8; 10]);
        expected.extend(b"end");
        assert!(got == expected);
    });
}

/// The loop ends while a peer does not read: nothing hangs and nothing is left.
#[test]
fn loop_ends_with_unsent_data() {
    on_all(|| async {
        let (near, far) = stuck().await;
        drop(near);
        // Dropping `far` would end the flusher by a reset; so it outlives this future's last poll.
        std::mem::forget(far);
    });
}

/// A thread that is no worker can write, too, as long as the system takes it all.
#[test]
fn write_outside_the_loop() {
    let near = run_on(1, async {
        let ((_near_reader, near), (mut far_reader, far)) = pair().await;
        let near = std::thread::spawn(move || {
            near.write(b"from outside");
            near
        })
        .join()
        .unwrap();
        assert_eq!(far_reader.readexactly(12).await.unwrap(), b"from outside");
        let near = std::thread::spawn(move || {
            near.write(&vec![1; MUCH]);
            near
        })
        .join()
        .unwrap();
        let error: io::Error = near.drain().await.unwrap_err();
        assert!(error.to_string().contains("from a task of the loop"), "{error}");
        drop(far);
        near
    });
    assert!(near.is_closing());
}
