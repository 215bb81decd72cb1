//! tokio's read and write traits on our streams: what `tokio::io`, `tokio_util::codec` and those who build on them expect.

mod support;

use std::future::{Future, poll_fn};
use std::io::{ErrorKind, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use heist::{create_task, fs};
use support::{in_real_time, pairs, tcp, tls_pairs};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_util::codec::{Framed, FramedRead, FramedWrite, LengthDelimitedCodec, LinesCodec};

/// More than the buffers of two sockets hold.
const MUCH: usize = 16 << 20;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8).collect()
}

/// A stream that both reads and writes.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Duplex for T {}

/// Runs a test over each kind of stream that is both.
fn over_each<Fut: Future<Output = ()>>(test: impl Fn(Box<dyn Duplex>, Box<dyn Duplex>) -> Fut) {
    in_real_time(|| async {
        let (near, far) = pairs().await;
        test(Box::new(near), Box::new(far)).await;
        let (near, far) = tcp().await;
        test(Box::new(near), Box::new(far)).await;
        let (near, far) = tls_pairs().await;
        test(Box::new(near), Box::new(far)).await;
        #[cfg(unix)]
        {
            let (near, far) = heist::net::UnixStream::pair().unwrap();
            test(Box::new(near), Box::new(far)).await;
        }
    });
}

/// Counts how often a future is polled.
struct Counted<F>(Pin<Box<F>>, Arc<AtomicU32>);

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.as_mut().poll(cx)
    }
}

#[test]
fn ending_one_direction_leaves_the_other() {
    over_each(async |mut near, mut far| {
        near.write_all(b"question").await.unwrap();
        near.shutdown().await.unwrap();
        // Once more is no error.
        near.shutdown().await.unwrap();
        let mut question = String::new();
        far.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question");
        far.write_all(b"answer").await.unwrap();
        far.shutdown().await.unwrap();
        let mut answer = Vec::new();
        near.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"answer");
    });
}

#[test]
fn a_shutdown_sends_first_what_was_written() {
    over_each(async |mut near, mut far| {
        let writing = create_task(async move {
            near.write_all(&content(MUCH)).await.unwrap();
            // No flush: ending the direction waits for that.
            near.shutdown().await.unwrap();
            near
        });
        let mut received = Vec::new();
        far.read_to_end(&mut received).await.unwrap();
        assert!(received == content(MUCH), "{} bytes came", received.len());
        drop(writing.await.unwrap());
    });
}

#[test]
fn a_flush_waits_until_the_system_has_taken_everything() {
    in_real_time(|| async {
        let (mut near, mut far) = pairs().await;
        let mut sent = 0;
        let data = content(MUCH);
        // As much as is taken while nobody reads.
        loop {
            let written = poll_fn(|cx| Poll::Ready(Pin::new(&mut near).poll_write(cx, &data[sent..]))).await;
            let Poll::Ready(n) = written else { break };
            sent += n.unwrap();
            assert!(sent < MUCH, "all of it was taken");
        }
        assert!(near.writer().write_buffer_size() > 0);
        let first = poll_fn(|cx| Poll::Ready(Pin::new(&mut near).poll_flush(cx).is_pending())).await;
        assert!(first, "flushed while the peer reads nothing");
        let reading = create_task(async move {
            let mut received = vec![0; sent];
            far.read_exact(&mut received).await.unwrap();
            received
        });
        near.flush().await.unwrap();
        assert_eq!(near.writer().write_buffer_size(), 0);
        assert!(reading.await.unwrap() == data[..sent]);
    });
}

#[test]
fn several_pieces_go_in_one_write() {
    over_each(async |mut near, mut far| {
        let mut pieces = [&b"one"[..], b"", b"two", b"three"].map(IoSlice::new);
        assert!(near.is_write_vectored());
        let mut sent = 0;
        let mut rest = &mut pieces[..];
        while !rest.is_empty() {
            let n = near.write_vectored(rest).await.unwrap();
            assert!(n > 0);
            sent += n;
            IoSlice::advance_slices(&mut rest, n);
        }
        assert_eq!(sent, 11);
        near.shutdown().await.unwrap();
        let mut received = String::new();
        far.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "onetwothree");
    });
}

#[test]
fn a_socket_takes_several_pieces_at_once() {
    in_real_time(|| async {
        let (mut near, _far) = tcp().await;
        let pieces = [&b"one"[..], b"two"].map(IoSlice::new);
        assert_eq!(AsyncWriteExt::write_vectored(&mut near, &pieces).await.unwrap(), 6);
        let (near, _far) = pairs().await;
        let (_reader, mut writer) = near.into_parts();
        assert_eq!(writer.as_io().write_vectored(&pieces).await.unwrap(), 6);
    });
}

#[test]
fn a_read_that_is_given_up_loses_nothing() {
    over_each(async |mut near, mut far| {
        for round in 0..100_u32 {
            let mut buf = [0; 64];
            {
                let mut reading = pin!(far.read(&mut buf));
                let pending = poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx).is_pending())).await;
                assert!(pending, "nothing was sent in round {round}");
            }
            near.write_all(&round.to_be_bytes()).await.unwrap();
            near.flush().await.unwrap();
            assert_eq!(far.read_u32().await.unwrap(), round);
        }
    });
}

/// A frame that comes in two parts, with waits that are given up between them.
#[test]
fn a_codec_keeps_its_place_when_a_wait_is_given_up() {
    over_each(async |mut near, far| {
        let mut frames = FramedRead::new(far, LengthDelimitedCodec::new());
        near.write_all(&[0, 0, 0, 5, b'h', b'e']).await.unwrap();
        near.flush().await.unwrap();
        for _ in 0..3 {
            assert!(heist::timeout(Duration::from_millis(5), frames.next()).await.is_err());
        }
        near.write_all(b"llo").await.unwrap();
        near.flush().await.unwrap();
        assert_eq!(frames.next().await.unwrap().unwrap(), "hello");
        near.shutdown().await.unwrap();
        assert!(frames.next().await.is_none());
    });
}

#[test]
fn frames_of_every_size_both_ways() {
    over_each(async |near, far| {
        let mut far = Framed::new(far, LengthDelimitedCodec::new());
        let echo = create_task(async move {
            while let Some(frame) = far.next().await {
                far.send(frame.unwrap().freeze()).await.unwrap();
            }
            SinkExt::<Bytes>::close(&mut far).await.unwrap();
        });
        let mut near = Framed::new(near, LengthDelimitedCodec::new());
        for size in [0, 1, 1000, 1024, 8192, 65_535, 65_536, 1_000_000] {
            let frame = Bytes::from(content(size));
            near.send(frame.clone()).await.unwrap();
            assert_eq!(near.next().await.unwrap().unwrap(), frame, "{size} bytes");
        }
        SinkExt::<Bytes>::close(&mut near).await.unwrap();
        assert!(near.next().await.is_none());
        echo.await.unwrap();
    });
}

/// After the end of a stream a read is ready at once, and whoever waits for the other direction is left alone.
#[test]
fn the_end_of_a_stream_is_no_busy_loop() {
    over_each(async |mut near, far| {
        let (near_end, far_end) = tcp().await;
        let (mut middle, mut back) = (far, near_end);
        let polls = Arc::new(AtomicU32::new(0));
        let between = async move { tokio::io::copy_bidirectional(&mut middle, &mut back).await };
        let between = create_task(Counted(Box::pin(between), polls.clone()));
        let mut far_end = far_end;
        near.write_all(b"bye").await.unwrap();
        near.shutdown().await.unwrap();
        let mut received = String::new();
        AsyncReadExt::read_to_string(&mut far_end, &mut received).await.unwrap();
        assert_eq!(received, "bye");
        let before = polls.load(Ordering::Relaxed);
        // That nothing happens takes a time to see.
        heist::sleep(Duration::from_millis(30)).await;
        let idle = polls.load(Ordering::Relaxed) - before;
        assert!(idle <= 2, "polled {idle} times while nothing came");
        AsyncWriteExt::write_all(&mut far_end, b"answer").await.unwrap();
        AsyncWriteExt::shutdown(&mut far_end).await.unwrap();
        near.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "byeanswer");
        assert_eq!(between.await.unwrap().unwrap(), (3, 6));
        // The end stays.
        assert_eq!(near.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

/// Room that nobody has written to yet, and room that was.
#[test]
fn fresh_and_used_room_are_read_into() {
    over_each(async |mut near, mut far| {
        let data = content(100_000);
        let writing = create_task({
            let data = data.clone();
            async move {
                near.write_all(&data).await.unwrap();
                near.shutdown().await.unwrap();
                near
            }
        });
        let mut received = Vec::with_capacity(200_000);
        while received.len() < 50_000 {
            assert!(far.read_buf(&mut received).await.unwrap() > 0);
        }
        let mut used = [1; 3000];
        loop {
            let mut buf = ReadBuf::new(&mut used);
            poll_fn(|cx| Pin::new(&mut far).poll_read(cx, &mut buf)).await.unwrap();
            if buf.filled().is_empty() {
                break;
            }
            received.extend_from_slice(buf.filled());
        }
        assert!(received == data);
        drop(writing.await.unwrap());
    });
}

#[test]
fn a_reader_has_its_buffer_read_and_a_writer_frames() {
    in_real_time(|| async {
        let (near, far) = pairs().await;
        let (_near_reader, mut near_writer) = near.into_parts();
        let (mut far_reader, _far_writer) = far.into_parts();
        let mut lines = FramedWrite::new(near_writer.as_io(), LinesCodec::new());
        lines.send("first").await.unwrap();
        lines.send("second").await.unwrap();
        SinkExt::<&str>::close(&mut lines).await.unwrap();
        // asyncio's own methods and those of the traits take turns.
        assert_eq!(far_reader.readexactly(2).await.unwrap(), b"fi");
        let mut lines = far_reader.as_io().lines();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "rst");
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "second");
        assert_eq!(lines.next_line().await.unwrap(), None);
        let (reader, _feeder) = heist::StreamReader::fed(64).unwrap();
        assert!(tokio::io::join(reader, near_writer).writer_mut().write_all(b"late").await.is_err());
    });
}

#[test]
fn halves_and_files() {
    in_real_time(|| async {
        let (near, far) = tcp().await;
        let (_near_read, mut near_write) = near.into_split();
        let (mut far_read, far_write) = far.into_split();
        drop(far_write);
        AsyncWriteExt::write_all(&mut near_write, b"by halves").await.unwrap();
        AsyncWriteExt::shutdown(&mut near_write).await.unwrap();
        let mut received = String::new();
        AsyncReadExt::read_to_string(&mut far_read, &mut received).await.unwrap();
        assert_eq!(received, "by halves");

        let path = support::temporary_path("tokio-io");
        let mut file = fs::File::options().read(true).write(true).create_new(true).open(&path).await.unwrap();
        AsyncWriteExt::write_all(&mut file, &content(300_000)).await.unwrap();
        AsyncWriteExt::shutdown(&mut file).await.unwrap();
        file.seek(std::io::SeekFrom::Start(0)).await.unwrap();
        let mut read = Vec::new();
        AsyncReadExt::read_to_end(&mut file, &mut read).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(read == content(300_000));
    });
}

#[cfg(unix)]
#[test]
fn pipes_and_child_processes() {
    in_real_time(|| async {
        let (mut reader, mut writer) = heist::pipe().unwrap();
        AsyncWriteExt::write_all(&mut writer, b"through a pipe").await.unwrap();
        AsyncWriteExt::shutdown(&mut writer).await.unwrap();
        let mut received = String::new();
        reader.as_io().read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "through a pipe");

        let mut cat = heist::create_subprocess_exec("cat", [""; 0])
            .stdin(heist::PIPE)
            .stdout(heist::PIPE)
            .spawn()
            .await
            .unwrap();
        let (mut stdin, mut stdout) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
        let writing = create_task(async move {
            AsyncWriteExt::write_all(&mut stdin, &content(1_000_000)).await.unwrap();
            AsyncWriteExt::shutdown(&mut stdin).await.unwrap();
        });
        let mut copied = Vec::new();
        stdout.as_io().read_to_end(&mut copied).await.unwrap();
        assert!(copied == content(1_000_000));
        writing.await.unwrap();
        assert_eq!(cat.wait().await.unwrap(), 0);
    });
}

/// What a connection has failed with stays, and is told to both sides of it.
#[test]
fn a_reset_is_an_error_that_stays() {
    in_real_time(|| async {
        let (mut near, far) = pairs().await;
        far.writer().abort();
        // With unread bytes on its side, or bytes for a socket that is gone, the peer answers with a reset.
        let error = loop {
            if let Err(error) = near.write_all(b"anybody there?").await {
                break error;
            }
            near.flush().await.ok();
        };
        assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
        assert!(near.write_all(b"again").await.is_err());
        assert!(near.flush().await.is_err());
    });
}
