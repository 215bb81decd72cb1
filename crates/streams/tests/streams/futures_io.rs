//! The traits of the crate `futures-io` on streams, sockets and files.

use std::future::{Future, poll_fn};
use std::io::{ErrorKind, IoSlice};
use std::pin::{Pin, pin};
use std::task::Poll;

use futures_io::{AsyncBufRead, AsyncRead, AsyncWrite};
use heist_scheduler::spawn;
use heist_streams::fs::File;
use heist_streams::{StreamReader, net};

use crate::support::{on_all, pair};

/// More than the buffers of two sockets hold.
const MUCH: usize = 16 << 20;

/// As any generic code would: by the traits alone.
async fn read_all(mut from: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    let mut buf = vec![0; 3000];
    loop {
        match poll_fn(|cx| Pin::new(&mut from).poll_read(cx, &mut buf)).await? {
            0 => return Ok(all),
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

async fn write_all(mut to: impl AsyncWrite + Unpin, mut data: &[u8]) -> std::io::Result<()> {
    while !data.is_empty() {
        let n = poll_fn(|cx| Pin::new(&mut to).poll_write(cx, data)).await?;
        assert!(n > 0);
        data = &data[n..];
    }
    poll_fn(|cx| Pin::new(&mut to).poll_flush(cx)).await?;
    poll_fn(|cx| Pin::new(&mut to).poll_close(cx)).await
}

async fn is_pending(mut future: Pin<&mut impl Future>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

#[test]
fn bulk_through_the_traits() {
    on_all(|| async {
        let ((near_reader, near), (far_reader, mut far)) = pair().await;
        let data: Vec<u8> = (0..3_000_000u32).map(|i| (i % 253) as u8).collect();
        let expected = data.clone();
        let writing = spawn(async move {
            write_all(far.as_io(), &data).await.unwrap();
            far
        });
        assert!(read_all(near_reader).await.unwrap() == expected);
        drop(writing.await.unwrap());
        drop((near, far_reader));
    });
}

/// A writer takes no more than its marks allow, and goes on when the peer reads.
#[test]
fn poll_write_waits_above_the_high_water_mark() {
    on_all(|| async {
        let ((_near_reader, mut near), (far_reader, _far)) = pair().await;
        let data = vec![1; MUCH];
        let mut sent = 0;
        loop {
            let mut writing = pin!(poll_fn(|cx| Pin::new(&mut near).poll_write(cx, &data[sent..])));
            let Poll::Ready(n) = poll_fn(|cx| Poll::Ready(writing.as_mut().poll(cx))).await else { break };
            sent += n.unwrap();
            assert!(sent < MUCH, "all of it was taken");
        }
        assert!(near.write_buffer_size() <= 128 << 10, "{} bytes are kept", near.write_buffer_size());
        assert!(is_pending(pin!(poll_fn(|cx| Pin::new(&mut near).poll_flush(cx)))).await);
        let reading = spawn(read_all(far_reader));
        write_all(&mut near, &data[sent..]).await.unwrap();
        assert_eq!(reading.await.unwrap().unwrap().len(), MUCH);
        let error = write_all(&mut near, b"late").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn several_pieces_in_one_write() {
    on_all(|| async {
        let ((_near_reader, mut near), (far_reader, _far)) = pair().await;
        let pieces = [&b"one"[..], b"", b"two", b"three"].map(IoSlice::new);
        let n = poll_fn(|cx| Pin::new(&mut near).poll_write_vectored(cx, &pieces)).await.unwrap();
        assert_eq!(n, 11);
        assert_eq!(poll_fn(|cx| Pin::new(&mut near).poll_write(cx, b"")).await.unwrap(), 0);
        poll_fn(|cx| Pin::new(&mut near).poll_close(cx)).await.unwrap();
        assert_eq!(read_all(far_reader).await.unwrap(), b"onetwothree");
    });
}

#[test]
fn buffered_reads() {
    on_all(|| async {
        let mut reader = StreamReader::from_bytes("some bytes");
        let mut io = reader.as_io();
        let seen = poll_fn(|cx| Pin::new(&mut io).poll_fill_buf(cx).map_ok(<[u8]>::to_vec)).await.unwrap();
        assert_eq!(seen, b"some bytes");
        Pin::new(&mut io).consume(5);
        assert_eq!(read_all(io).await.unwrap(), b"bytes");
        Pin::new(&mut reader).consume(100);
        let end = poll_fn(|cx| Pin::new(&mut reader).poll_fill_buf(cx).map_ok(<[u8]>::len)).await.unwrap();
        assert_eq!(end, 0);
    });
}

#[test]
fn plain_sockets() {
    on_all(|| async {
        let listener = net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        let writing = spawn(async move {
            let mut near = near;
            write_all(&mut near, &[5; 1_000_000]).await.map(|()| near)
        });
        assert_eq!(read_all(far).await.unwrap().len(), 1_000_000);
        drop(writing.await.unwrap().unwrap());
        // The halves, and what closing one of them leaves.
        let near = net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        let (near_read, mut near_write) = near.into_split();
        let (mut far_read, far_write) = far.into_split();
        write_all(&mut near_write, b"request").await.unwrap();
        assert_eq!(read_all(&mut far_read).await.unwrap(), b"request");
        write_all(far_write, b"answer").await.unwrap();
        assert_eq!(read_all(near_read).await.unwrap(), b"answer");
    });
}

#[test]
fn files_are_written_and_read_and_a_full_disk_is_told_of() {
    on_all(|| async {
        let path = std::env::temp_dir().join(format!("heist-futures-io-{}", std::process::id()));
        let content: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
        let mut file =
            File::options().read(true).write(true).create(true).truncate(true).open(&path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        write_all(&mut file, &content).await.unwrap();
        file.seek(std::io::SeekFrom::Start(0)).await.unwrap();
        // A read that is given up reads ahead, unless the pool is faster than the look here. What was read ahead is put back
        // before a write: both go by one position.
        let ahead = poll_fn(|cx| Poll::Ready(Pin::new(&mut file).poll_read(cx, &mut [0; 1000]))).await;
        let at = if let Poll::Ready(read) = ahead { read.unwrap() } else { 0 };
        let mut first = [0; 3];
        poll_fn(|cx| Pin::new(&mut file).poll_read(cx, &mut first)).await.unwrap();
        assert_eq!(first, content[at..at + 3]);
        write_all(&mut file, b"here").await.unwrap();
        assert!(read_all(&mut file).await.unwrap() == content[at + 7..]);
        file.seek(std::io::SeekFrom::Start(at as u64 + 3)).await.unwrap();
        let mut four = [0; 4];
        file.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"here");

        #[cfg(target_os = "linux")]
        {
            let mut full = File::options().write(true).open("/dev/full").await.unwrap();
            let error = write_all(&mut full, b"abc").await.unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
            assert!(error.to_string().contains("/dev/full"), "{error}");
        }
    });
}
