//! Bytes in bulk are not copied by us. In a file of its own, since its allocator counts for the whole process.
#![cfg(all(unix, not(heist_loom)))]

#[path = "support/counting.rs"]
mod counting;
mod support;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use counting::asked_for;
use heist_streams::open_connection_on;
use support::run_local;

/// More than any socket takes at once.
const LARGE: usize = 8 << 20;
/// Bytes of one read.
const PIECE: usize = 64 << 10;
/// What else may be asked of the allocator meanwhile: tasks, a waker's place, the harness.
const SMALL: usize = 16 << 10;

/// The tests of this program run one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that tell where they stood.
fn numbered(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

#[test]
fn what_a_writer_may_keep_is_sent_from_where_it_is() {
    let _alone = alone();
    run_local(async {
        let (near, mut far) = UnixStream::pair().unwrap();
        let (_reader, writer) = open_connection_on(near).await.unwrap();
        let (first, second) = (numbered(LARGE), numbered(LARGE));
        let mut received = vec![0; 2 * LARGE];
        let before = asked_for();
        writer.write_bytes(first);
        // Earlier bytes wait by now.
        writer.write_bytes(second);
        assert!(writer.write_buffer_size() > LARGE, "the system did not take it all at once");
        let peer = thread::spawn(move || far.read_exact(&mut received).map(|()| received));
        writer.flushed().await.unwrap();
        let asked = asked_for() - before;
        assert!(asked < SMALL, "{asked} bytes for {} that were sent", 2 * LARGE);
        let received = peer.join().unwrap().unwrap();
        assert!(received.chunks(LARGE).all(|half| half == numbered(LARGE)), "something else arrived");
    });
}

#[test]
fn what_a_writer_may_not_keep_is_copied_once() {
    let _alone = alone();
    run_local(async {
        let (near, far) = UnixStream::pair().unwrap();
        let (_reader, writer) = open_connection_on(near).await.unwrap();
        let data = numbered(LARGE);
        let before = asked_for();
        writer.write(&data);
        let kept = writer.write_buffer_size();
        let asked = asked_for() - before;
        assert!((kept..kept + SMALL).contains(&asked), "{asked} bytes for {kept} that are kept");
        writer.write(b"more");
        let asked = asked_for() - before;
        assert!(asked < kept + PIECE + SMALL, "{asked} bytes for {kept}: what is kept was copied again");
        writer.abort();
        drop(far);
    });
}

#[test]
fn what_is_sent_from_where_it_is_is_not_copied() {
    let _alone = alone();
    run_local(async {
        let (near, mut far) = UnixStream::pair().unwrap();
        let (_reader, writer) = open_connection_on(near).await.unwrap();
        let (data, mut received) = (numbered(LARGE), vec![0; LARGE]);
        let peer = thread::spawn(move || far.read_exact(&mut received).map(|()| received));
        let before = asked_for();
        writer.write_all(&data).await.unwrap();
        let asked = asked_for() - before;
        assert!(asked < SMALL, "{asked} bytes for {LARGE} that were sent");
        assert!(peer.join().unwrap().unwrap() == data, "something else arrived");
    });
}

#[test]
fn large_reads_are_given_the_buffer() {
    let _alone = alone();
    run_local(async {
        let (near, mut far) = UnixStream::pair().unwrap();
        let (mut reader, _writer) = open_connection_on(near).await.unwrap();
        let piece = numbered(PIECE);
        let mut asked = Vec::with_capacity(32);
        for _ in 0..32 {
            far.write_all(&piece).unwrap();
            let mut left = PIECE;
            while left > 0 {
                let before = asked_for();
                let data = reader.read(left).await.unwrap();
                asked.push((asked_for() - before, data.len()));
                assert_eq!(data, piece[PIECE - left..][..data.len()]);
                left -= data.len();
            }
        }
        // The room of the first reads grows with what comes. Then each read asks for what it gives, and for nothing to copy it to.
        for &(asked, given) in &asked[asked.len() - 16..] {
            assert_eq!((asked, given), (PIECE, PIECE));
        }
    });
}

#[test]
fn reads_into_a_buffer_ask_for_nothing() {
    let _alone = alone();
    run_local(async {
        let (near, mut far) = UnixStream::pair().unwrap();
        let (mut reader, _writer) = open_connection_on(near).await.unwrap();
        let (piece, mut buffer) = (numbered(PIECE), vec![0; PIECE]);
        let before = asked_for();
        for _ in 0..32 {
            far.write_all(&piece).unwrap();
            assert_eq!(reader.read_into(&mut buffer).await.unwrap(), PIECE);
            assert_eq!(buffer, piece);
        }
        assert_eq!(asked_for() - before, 0);
    });
}
