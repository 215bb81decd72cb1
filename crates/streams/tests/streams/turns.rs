//! How much a task may move before its neighbours have their turn.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use heist_core::budget::{RECEIVED_UNIT, SENT_UNIT};
use heist_core::context::{self, BUDGET};
use heist_scheduler::{Handle, yield_now};
use heist_streams::pipe::{connect_read_pipe, connect_write_pipe};
use heist_streams::{net, open_connection_on};

use super::support::run_local;

/// Bytes of one call.
const PIECE: usize = 64 << 10;

fn budget() -> usize {
    context::with(|context| context.unwrap().budget() as usize)
}

/// The most that `step` moved, call by call, between two turns of a neighbour.
async fn most_between_turns(calls: usize, mut step: impl AsyncFnMut() -> usize) -> usize {
    let moved = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (counted, highest) = (moved.clone(), most.clone());
    let neighbour = Handle::current().unwrap().create_task(async move {
        loop {
            highest.fetch_max(counted.swap(0, Relaxed), Relaxed);
            yield_now().await;
        }
    });
    for _ in 0..calls {
        moved.fetch_add(step().await, Relaxed);
    }
    neighbour.cancel();
    most.load(Relaxed)
}

#[test]
fn reader_whose_bytes_never_end_lets_others_run() {
    const MOST: usize = BUDGET as usize * RECEIVED_UNIT;
    run_local(async {
        let mut reader = connect_read_pipe(File::open("/dev/zero").unwrap()).await.unwrap();
        let mut buffer = vec![1; MOST / 8];
        let most = most_between_turns(32, async || reader.read_into(&mut buffer).await.unwrap()).await;
        assert!((MOST / 2..=MOST).contains(&most), "{most} bytes in one poll");
    });
}

#[test]
fn writer_whose_system_is_never_full_lets_others_run() {
    const MOST: usize = BUDGET as usize * SENT_UNIT;
    run_local(async {
        let null = File::options().write(true).open("/dev/null").unwrap();
        let writer = connect_write_pipe(null).await.unwrap();
        let piece = vec![1; PIECE];
        let most = most_between_turns(32, async || {
            writer.write(&piece);
            writer.drain().await.unwrap();
            piece.len()
        });
        let most = most.await;
        assert!((MOST / 2..=MOST).contains(&most), "{most} bytes in one poll");
    });
}

#[test]
fn bytes_of_sockets_are_charged_to_the_task() {
    run_local(async {
        let (near, far) = UnixStream::pair().unwrap();
        let piece = vec![1; PIECE];
        let (_near_reader, writer) = open_connection_on(near).await.unwrap();
        let (mut reader, _far_writer) = open_connection_on(far).await.unwrap();
        let before = budget();
        writer.write(&piece);
        writer.write(&piece);
        assert_eq!(writer.write_buffer_size(), 0, "the system has room for both");
        assert_eq!(before - budget(), 2 * PIECE / SENT_UNIT);
        let before = budget();
        let read = reader.read_into(&mut vec![0; 2 * PIECE]).await.unwrap();
        assert!(read > RECEIVED_UNIT, "{read} bytes");
        assert_eq!(before - budget(), (read - 1) / RECEIVED_UNIT + 1);
    });
}

#[test]
fn attempts_on_sockets_are_charged_to_the_task() {
    run_local(async {
        let (near, far) = UnixStream::pair().unwrap();
        let piece = vec![1; PIECE];
        let (near, far) = (net::UnixStream::from_std(near).unwrap(), net::UnixStream::from_std(far).unwrap());
        let before = budget();
        assert_eq!(near.try_write(&piece).unwrap(), PIECE);
        assert_eq!(near.try_write(&piece).unwrap(), PIECE);
        assert_eq!(before - budget(), 2 * PIECE / SENT_UNIT);
        let before = budget();
        let read = far.try_read(&mut vec![0; 2 * PIECE]).unwrap();
        assert_eq!(before - budget(), (read - 1) / RECEIVED_UNIT);
    });
}
