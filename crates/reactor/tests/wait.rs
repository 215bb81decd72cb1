//! Waiting for sources: edges, half-closed peers, both directions, sharers, wakers.
#![cfg(not(heist_loom))]

mod support;

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;

use heist_reactor::{Direction, IoSafe, IoSource};
use support::{Counter, Loop, pair, write_all};

/// A stream that counts its system calls.
struct Counted {
    stream: TcpStream,
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl Counted {
    fn new(stream: TcpStream) -> Self {
        Self { stream, reads: AtomicUsize::new(0), writes: AtomicUsize::new(0) }
    }
}

impl Read for &Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        (&self.stream).read(buf)
    }
}

impl Write for &Counted {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        (&self.stream).write(buf)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
impl std::os::fd::AsFd for Counted {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

// SAFETY: the stream inside is never exchanged.
unsafe impl IoSafe for Counted {
    const IS_BYTE_STREAM: bool = true;
}

async fn read<T: IoSafe>(source: &mut IoSource<T>, buf: &mut [u8]) -> io::Result<usize>
where
    for<'a> &'a T: Read,
{
    poll_fn(|cx| source.poll_read(cx, buf)).await
}

async fn write<T: IoSafe>(source: &mut IoSource<T>, buf: &[u8]) -> io::Result<usize>
where
    for<'a> &'a T: Write,
{
    poll_fn(|cx| source.poll_write(cx, buf)).await
}

#[test]
fn read_waits_for_bytes() {
    let (near, far) = pair();
    let writer = thread::spawn(move || {
        for byte in 0..100u8 {
            write_all(&far, &[byte]);
            thread::yield_now();
        }
    });
    let received = Loop::new().block_on(async {
        let (mut source, mut received, mut buf) = (IoSource::new(near), Vec::new(), [0; 16]);
        loop {
            match read(&mut source, &mut buf).await.unwrap() {
                0 => break received,
                n => received.extend_from_slice(&buf[..n]),
            }
        }
    });
    writer.join().unwrap();
    assert_eq!(received, (0..100).collect::<Vec<u8>>());
}

/// The peer's last bytes and its end come with one edge; the short read that takes the bytes must not forget the end.
#[test]
fn end_that_comes_with_the_last_bytes_is_seen() {
    Loop::new().block_on(async {
        for _ in 0..50 {
            let (near, far) = pair();
            let mut source = IoSource::new(Counted::new(near));
            let mut buf = [0; 64];
            // Wait once, so that the source is registered and its first edge is still to come.
            let (_, waker) = Counter::new();
            assert!(source.poll_read(&mut Context::from_waker(&waker), &mut buf).is_pending());
            write_all(&far, b"last words");
            drop(far);
            assert_eq!(read(&mut source, &mut buf).await.unwrap(), 10);
            assert_eq!(read(&mut source, &mut buf).await.unwrap(), 0);
            assert_eq!(read(&mut source, &mut buf).await.unwrap(), 0, "the end stays the end");
        }
    });
}

/// The same with the peer's end coming after the edge of the bytes, at any moment around the short read.
#[test]
fn end_that_comes_after_the_last_bytes_is_seen() {
    Loop::new().block_on(async {
        for _ in 0..200 {
            let (near, far) = pair();
            let peer = thread::spawn(move || {
                write_all(&far, b"last words");
                far.shutdown(Shutdown::Write).unwrap();
                far
            });
            let (mut source, mut buf, mut got) = (IoSource::new(near), [0; 64], 0);
            loop {
                match read(&mut source, &mut buf).await.unwrap() {
                    0 => break,
                    n => got += n,
                }
            }
            assert_eq!(got, 10);
            peer.join().unwrap();
        }
    });
}

/// One read and one write per exchange: no call is made only to hear "would block". (In one-shot mode, without hang-up
/// reports, each read is followed by one such call.)
#[test]
fn exchange_costs_one_read_and_one_write() {
    const ROUNDS: usize = 100;
    let (near, far) = pair();
    let peer = thread::spawn(move || {
        far.set_nonblocking(false).unwrap();
        let mut buf = [0; 64];
        for _ in 0..ROUNDS {
            (&far).read_exact(&mut buf).unwrap();
            (&far).write_all(&buf).unwrap();
        }
        far
    });
    let (reads, writes) = Loop::new().block_on(async {
        let mut source = IoSource::new(Counted::new(near));
        let mut buf = [0; 256];
        for _ in 0..ROUNDS {
            assert_eq!(write(&mut source, &[7; 64]).await.unwrap(), 64);
            assert_eq!(read(&mut source, &mut buf).await.unwrap(), 64);
        }
        let counted = source.get_ref();
        (counted.reads.load(Ordering::Relaxed), counted.writes.load(Ordering::Relaxed))
    });
    peer.join().unwrap();
    assert_eq!(writes, ROUNDS);
    if cfg!(all(target_os = "linux", not(polling_test_poll_backend))) {
        // The first read may find nothing before the source is registered.
        assert!(reads <= ROUNDS + 1, "{reads} reads for {ROUNDS} rounds");
    } else {
        assert!(reads <= 2 * ROUNDS + 1, "{reads} reads for {ROUNDS} rounds");
    }
}

/// A write that fell short found the buffer full: until an edge comes, the next one makes no call to hear so.
#[test]
fn short_write_is_the_last_call_until_there_is_room() {
    let (near, far) = pair();
    Loop::new().block_on(async {
        let (_reader, mut writer) = IoSource::new(Counted::new(near)).into_split();
        let chunk = vec![1; 16 << 20];
        // Until it has waited for room once, so that write interest is registered.
        let filled = poll_fn(|cx| {
            let mut filled = 0;
            while let Poll::Ready(n) = writer.poll_write(cx, &chunk) {
                filled += n.unwrap();
            }
            Poll::Ready(filled)
        })
        .await;
        let reading = thread::spawn(move || {
            far.set_nonblocking(false).unwrap();
            (&far).read_exact(&mut vec![0; filled]).unwrap();
            far
        });
        poll_fn(|cx| writer.poll_ready(cx)).await.unwrap();
        let _far = reading.join().unwrap();
        let before = writer.get_ref().writes.load(Ordering::Relaxed);
        while writer.try_write(&chunk).unwrap() == chunk.len() {}
        let calls = writer.get_ref().writes.load(Ordering::Relaxed) - before;
        assert_eq!(writer.try_write(&chunk).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let more = writer.get_ref().writes.load(Ordering::Relaxed) - before - calls;
        // (In one-shot mode, without hang-up reports, a short write says nothing.)
        assert_eq!(more, usize::from(!cfg!(all(target_os = "linux", not(polling_test_poll_backend)))));
    });
}

/// One call takes no more than 1024 pieces. Falling short of all is no sign that the socket is full, or drained.
#[test]
fn more_pieces_than_a_call_takes() {
    let (near, far) = pair();
    Loop::new().block_on(async {
        let (mut source, mut peer) = (IoSource::new(near), IoSource::new(far));
        know_both_directions(&mut source).await;
        know_both_directions(&mut peer).await;
        for _ in 0..2 {
            let mut sent = 0;
            while sent < 3000 {
                let pieces: Vec<_> = (sent..3000).map(|_| IoSlice::new(b"x")).collect();
                sent += poll_fn(|cx| source.poll_write_vectored(cx, &pieces)).await.unwrap();
            }
            let mut got = 0;
            while got < 3000 {
                let mut room = vec![[0]; 3000 - got];
                let mut pieces: Vec<_> = room.iter_mut().map(|piece| IoSliceMut::new(piece)).collect();
                got += poll_fn(|cx| peer.poll_read_vectored(cx, &mut pieces)).await.unwrap();
            }
        }
    });
}

/// A source that takes the first piece only has not fallen short.
#[test]
fn source_that_takes_one_piece_at_a_time() {
    let (near, mut far) = pair();
    Loop::new().block_on(async {
        let mut source = IoSource::new(Counted::new(near));
        know_both_directions(&mut source).await;
        for piece in [b"a", b"b"] {
            let pieces = [IoSlice::new(b""), IoSlice::new(piece), IoSlice::new(b"more")];
            assert_eq!(poll_fn(|cx| source.poll_write_vectored(cx, &pieces)).await.unwrap(), 1);
        }
        far.set_nonblocking(false).unwrap();
        let mut buf = [0; 2];
        far.read_exact(&mut buf).unwrap();
        assert_eq!(&buf, b"ab");
    });
}

/// Registers a source for reading and writing.
async fn know_both_directions<T: IoSafe>(source: &mut IoSource<T>)
where
    for<'a> &'a T: Read,
{
    let (_, waker) = Counter::new();
    assert!(source.poll_read(&mut Context::from_waker(&waker), &mut [0; 8]).is_pending());
    poll_fn(|cx| source.poll_ready(cx, Direction::Write)).await.unwrap();
}

#[test]
fn writer_waits_for_room_and_reader_at_the_same_time() {
    const BYTES: usize = 8 << 20;
    let (near, far) = pair();
    let peer = thread::spawn(move || {
        far.set_nonblocking(false).unwrap();
        let (mut buf, mut got) = (vec![0; 64 << 10], 0);
        while got < BYTES {
            got += (&far).read(&mut buf).unwrap();
        }
        (&far).write_all(b"thanks").unwrap();
        far
    });
    Loop::new().block_on(async {
        let (mut reader, mut writer) = IoSource::new(near).into_split();
        let (chunk, mut sent, mut buf) = (vec![1; 256 << 10], 0, [0; 16]);
        let thanks = poll_fn(|cx| {
            while sent < BYTES {
                let rest = chunk.len().min(BYTES - sent);
                match writer.poll_write(cx, &chunk[..rest]) {
                    Poll::Ready(n) => sent += n.unwrap(),
                    Poll::Pending => break,
                }
            }
            reader.poll_read(cx, &mut buf)
        })
        .await;
        assert_eq!((sent, thanks.unwrap()), (BYTES, 6));
        assert!(reader.reunite(writer).is_ok());
    });
    peer.join().unwrap();
}

#[test]
fn halves_know_their_direction_and_their_pair() {
    let ((a, b), (c, _d)) = (pair(), pair());
    let (mut read_a, mut write_a) = IoSource::new(a).into_split();
    let (read_c, write_c) = IoSource::new(c).into_split();
    assert!(!read_a.is_pair_of(&write_c));
    let (read_a2, write_c) = read_a.reunite(write_c).expect_err("not of one source");
    read_a = read_a2;
    let mut cx = Context::from_waker(std::task::Waker::noop());
    for result in [read_a.poll_write(&mut cx, b"x"), write_a.poll_read(&mut cx, &mut [0])] {
        let Poll::Ready(Err(error)) = result else { panic!("{result:?}") };
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
    assert!(write_a.reunite(read_a).is_ok() && read_c.reunite(write_c).is_ok());
    drop(b);
}

#[test]
fn connection_attempt_is_awaited_by_writability() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    let _ = socket.connect(&listener.local_addr().unwrap().into());
    Loop::new().block_on(async {
        let source = IoSource::new(TcpStream::from(socket));
        source.writable().await.unwrap();
        assert!(source.get_ref().take_error().unwrap().is_none());
        assert!(source.get_ref().peer_addr().is_ok());
    });
}

#[test]
fn refused_connection_ends_the_wait() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    let begun = socket.connect(&address.into());
    Loop::new().block_on(async {
        let source = IoSource::new(TcpStream::from(socket));
        if begun.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            return;
        }
        source.writable().await.unwrap();
        let error = source.get_ref().take_error().unwrap().expect("nobody listens there");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    });
}

#[test]
fn datagrams_are_not_taken_for_a_stream() {
    let (near, far) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    near.set_nonblocking(true).unwrap();
    Loop::new().block_on(async {
        let address = near.local_addr().unwrap();
        let mut source = IoSource::new(near);
        for _ in 0..5 {
            let mut waiting =
                pin!(poll_fn(|cx| source.poll_io(cx, Direction::Read, |io| io.recv(&mut [0; 100]))));
            assert!(waiting.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
            far.send_to(b"one", address).unwrap();
            far.send_to(b"four", address).unwrap();
            assert_eq!(waiting.await.unwrap(), 3);
            let second = poll_fn(|cx| source.poll_io(cx, Direction::Read, |io| io.recv(&mut [0; 100]))).await;
            assert_eq!(second.unwrap(), 4);
        }
    });
}

/// Two sharers and the owner of the lane wait in the same direction; one edge wakes all.
#[test]
fn sharers_and_lane_are_woken_by_one_edge() {
    let looop = Loop::new();
    let (near, far) = pair();
    looop.block_on(async {
        let mut source = IoSource::new(near);
        let (lane, lane_waker) = Counter::new();
        let mut buf = [0; 8];
        assert!(source.poll_read(&mut Context::from_waker(&lane_waker), &mut buf).is_pending());
        let (first, first_waker) = Counter::new();
        let (second, second_waker) = Counter::new();
        let mut one = pin!(source.readable());
        let mut two = pin!(source.io(Direction::Read, |mut io| io.read(&mut [0; 8])));
        assert!(one.as_mut().poll(&mut Context::from_waker(&first_waker)).is_pending());
        assert!(two.as_mut().poll(&mut Context::from_waker(&second_waker)).is_pending());
        write_all(&far, b"x");
        while lane.count() == 0 {
            looop.reactor.poll(0);
        }
        assert_eq!((lane.count(), first.count(), second.count()), (1, 1, 1));
        one.await.unwrap();
        assert_eq!(two.await.unwrap(), 1);
    });
}

#[test]
fn sharer_that_leaves_is_not_woken() {
    let looop = Loop::new();
    let (near, far) = pair();
    looop.block_on(async {
        let source = IoSource::new(near);
        let (counter, waker) = Counter::new();
        {
            let mut waiting = pin!(source.readable());
            assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        drop(waker);
        assert_eq!(Arc::strong_count(&counter), 1, "the list forgot it");
        write_all(&far, b"x");
        source.readable().await.unwrap();
        assert_eq!(counter.count(), 0);
    });
}

/// `try_io` that finds nothing makes the next `readable` wait.
#[test]
fn try_io_drains_readiness() {
    let looop = Loop::new();
    let (near, far) = pair();
    looop.block_on(async {
        let source = IoSource::new(near);
        write_all(&far, b"x");
        source.readable().await.unwrap();
        let read = || source.try_io(Direction::Read, |mut io| io.read(&mut [0; 8]));
        assert_eq!(read().unwrap(), 1);
        assert_eq!(read().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let (_, waker) = Counter::new();
        assert!(pin!(source.readable()).poll(&mut Context::from_waker(&waker)).is_pending());
    });
}

#[test]
fn vectored_read_and_write() {
    let (near, far) = pair();
    Loop::new().block_on(async {
        let (mut source, mut peer) = (IoSource::new(near), IoSource::new(far));
        let parts = [io::IoSlice::new(b"hello "), io::IoSlice::new(b"world")];
        assert_eq!(poll_fn(|cx| peer.poll_write_vectored(cx, &parts)).await.unwrap(), 11);
        let (mut a, mut b) = ([0; 4], [0; 20]);
        let n = poll_fn(|cx| {
            let mut bufs = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
            source.poll_read_vectored(cx, &mut bufs)
        });
        assert_eq!(n.await.unwrap(), 11);
        assert_eq!((&a, &b[..7]), (b"hell", &b"o world"[..]));
    });
}

/// What is short is put together, and what is not goes in pieces: the same bytes arrive.
#[test]
fn short_and_long_pieces_arrive_in_order() {
    let (near, far) = pair();
    Loop::new().block_on(async {
        let (mut source, mut peer) = (IoSource::new(near), IoSource::new(far));
        for length in [0, 1, 511, 512, 513, 4000] {
            let (head, body) = (vec![b'h'; length], vec![b'b'; length]);
            let pieces = [IoSlice::new(&head), IoSlice::new(b""), IoSlice::new(&body)];
            let sent = poll_fn(|cx| peer.poll_write_vectored(cx, &pieces)).await.unwrap();
            assert_eq!(sent, 2 * length);
            let (mut got, mut room) = (Vec::new(), [0; 8000]);
            while got.len() < sent {
                let n = poll_fn(|cx| source.poll_read(cx, &mut room)).await.unwrap();
                got.extend_from_slice(&room[..n]);
            }
            assert_eq!(got, [head, body].concat());
        }
    });
}

/// A source registered in one loop and awaited in another: the first loop's worker wakes the second's.
#[test]
fn source_of_one_loop_is_awaited_in_another() {
    let (first, second) = (Arc::new(Loop::new()), Loop::new());
    let (near, far) = pair();
    let source = IoSource::new(near);
    first.block_on(async {
        let (_, waker) = Counter::new();
        assert!(pin!(source.readable()).poll(&mut Context::from_waker(&waker)).is_pending());
    });
    let (stop, stopped) = pair();
    let driver = thread::spawn({
        let first = first.clone();
        move || {
            first.block_on(async { read(&mut IoSource::new(stopped), &mut [0]).await.unwrap() });
        }
    });
    let writer = thread::spawn(move || {
        write_all(&far, b"x");
        far
    });
    second.block_on(source.readable()).unwrap();
    assert!(!second.reactor.io_waiting(), "the source stays with the first loop");
    drop(stop);
    driver.join().unwrap();
    writer.join().unwrap();
}

/// Many tasks over many short connections: records are reused, and late edges of old ones do no harm.
#[test]
fn records_are_reused_by_many_short_connections() {
    let looop = Loop::new();
    let mut wakers = Vec::new();
    looop.block_on(async {
        for round in 0..500u32 {
            let (near, far) = pair();
            let mut source = IoSource::new(near);
            let (counter, waker) = Counter::new();
            let mut buf = [0; 8];
            assert!(source.poll_read(&mut Context::from_waker(&waker), &mut buf).is_pending());
            wakers.push(counter);
            drop(waker);
            // Leave an edge in the queue for half of them.
            if round % 2 == 0 {
                write_all(&far, b"late");
            }
            drop(source);
            drop(far);
        }
        let (near, far) = pair();
        write_all(&far, b"fresh");
        assert_eq!(read(&mut IoSource::new(near), &mut [0; 8]).await.unwrap(), 5);
    });
    assert!(!looop.reactor.io_waiting());
    assert!(wakers.iter().all(|counter| Arc::strong_count(counter) == 1), "no record keeps a waker");
    assert!(wakers.iter().all(|counter| counter.count() == 0), "nobody was woken for a dropped source");
}

/// A value taken out of its source is out of the loop, and can go into another.
#[test]
fn into_inner_leaves_the_loop() {
    let (first, second) = (Loop::new(), Loop::new());
    let (near, far) = pair();
    let stream = first.block_on(async {
        let mut source = IoSource::new(near);
        let (_, waker) = Counter::new();
        assert!(source.poll_read(&mut Context::from_waker(&waker), &mut [0]).is_pending());
        source.into_inner()
    });
    assert!(!first.reactor.io_waiting());
    write_all(&far, b"x");
    let mut source = IoSource::new(stream);
    assert_eq!(second.block_on(read(&mut source, &mut [0; 2])).unwrap(), 1);
}
