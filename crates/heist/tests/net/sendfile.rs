//! Sending files over streams and sockets.

use std::fs::File;
use std::future::{Future, IntoFuture, poll_fn};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::task::Poll;

use heist::{
    SendfileNotAvailableError, StreamReader, StreamWriter, sendfile, sock_recv, sock_sendall, sock_sendfile,
};

use crate::recorder::transport;
use crate::support::{self, with_io};

/// More than any socket takes at once.
const SIZE: usize = 6 << 20;

fn content() -> Vec<u8> {
    (0..SIZE).map(|i| (i % 251) as u8).collect()
}

/// A file without a name, with that content, its position somewhere else.
fn file_of(content: &[u8]) -> io::Result<File> {
    let path = support::temporary_path("sendfile");
    let mut file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(path)?;
    file.write_all(content)?;
    file.seek(SeekFrom::Start(7))?;
    Ok(file)
}

fn position(mut file: &File) -> u64 {
    file.stream_position().unwrap()
}

/// The two ends of a connection; the far one reads.
async fn connection() -> io::Result<(StreamReader, StreamWriter, StreamReader, StreamWriter)> {
    let listener = heist::net::TcpListener::bind("127.0.0.1:0").await?;
    let (near_reader, near) = heist::open_connection(listener.local_addr()?).await?;
    let (far, far_writer) = listener.accept().await?.0.into_streams();
    Ok((near_reader, near, far, far_writer))
}

#[test]
fn b395_the_file_or_a_part_arrives_and_the_position_is_at_its_end() {
    with_io(|| async {
        let content = content();
        let file = file_of(&content)?;
        for (offset, count, expected) in [
            (0, None, 0..SIZE),
            (1000, None, 1000..SIZE),
            (1000, Some(5000), 1000..6000),
            (SIZE as u64 - 10, Some(5000), SIZE - 10..SIZE),
        ] {
            let (_reader, mut writer, mut far, _far_writer) = connection().await?;
            let receiving = heist::create_task(async move { far.read_to_end().await });
            let mut sending = sendfile(&mut writer, &file).offset(offset);
            if let Some(count) = count {
                sending = sending.count(count);
            }
            assert_eq!(sending.await?, expected.len() as u64);
            assert_eq!(position(&file), expected.end as u64);
            writer.close();
            assert!(receiving.await.unwrap()? == content[expected]);
        }
        Ok(())
    });
}

#[test]
fn b395_nothing_to_send_leaves_the_position_alone() {
    with_io(|| async {
        let file = file_of(b"short content")?;
        let (_reader, mut writer, _far, _far_writer) = connection().await?;
        assert_eq!(sendfile(&mut writer, &file).offset(100).await?, 0);
        assert_eq!(position(&file), 7);
        let error = sendfile(&mut writer, &file).count(0).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn b396_what_is_written_before_and_after_keeps_its_place() {
    with_io(|| async {
        for fallback_only in [false, true] {
            let content = content();
            let (_reader, mut writer, mut far, _far_writer) = connection().await?;
            let receiving = heist::create_task(async move { far.read_to_end().await });
            let before = vec![b'<'; 3 << 20];
            writer.write(&before);
            if fallback_only {
                assert_eq!(sendfile(&mut writer, &piped(content.clone())?).await?, SIZE as u64);
            } else {
                assert_eq!(sendfile(&mut writer, &file_of(&content)?).await?, SIZE as u64);
            }
            writer.write(b">");
            writer.close();
            let received = receiving.await.unwrap()?;
            assert!(received == [&*before, &*content, b">"].concat(), "{} bytes came", received.len());
        }
        Ok(())
    });
}

/// A file that the kernel cannot send by itself, since it has no positions.
fn piped(content: Vec<u8>) -> io::Result<File> {
    let (reading, mut writing) = UnixStream::pair()?;
    std::thread::spawn(move || writing.write_all(&content));
    Ok(File::from(OwnedFd::from(reading)))
}

#[test]
fn b398_what_the_kernel_cannot_send_is_read_and_written_or_fails() {
    with_io(|| async {
        let content = content();
        let (_reader, mut writer, mut far, _far_writer) = connection().await?;
        let error = sendfile(&mut writer, &piped(content.clone())?).fallback(false).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let inner = error.get_ref().and_then(|error| error.downcast_ref::<SendfileNotAvailableError>());
        assert!(inner.is_some(), "{error}");
        let receiving = heist::create_task(async move { far.readexactly(SIZE).await });
        assert_eq!(sendfile(&mut writer, &piped(content.clone())?).await?, SIZE as u64);
        assert!(receiving.await.unwrap()? == content);
        Ok(())
    });
}

#[test]
fn b399_a_peer_that_closes_half_way_is_an_error_and_the_position_tells_how_far() {
    with_io(|| async {
        let file = file_of(&content())?;
        let (_reader, mut writer, mut far, far_writer) = connection().await?;
        let closing = heist::create_task(async move {
            far.readexactly(1000).await?;
            far_writer.abort();
            drop(far);
            io::Result::Ok(())
        });
        let error = sendfile(&mut writer, &file).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error:?}");
        let sent = position(&file);
        assert!((1000..SIZE as u64).contains(&sent), "{sent}");
        closing.await.unwrap()
    });
}

#[test]
fn a_transfer_that_is_given_up_leaves_the_position_where_it_was() {
    with_io(|| async {
        let file = file_of(&content())?;
        let (_reader, mut writer, _far, _far_writer) = connection().await?;
        {
            let mut sending = pin!(sendfile(&mut writer, &file).into_future());
            poll_fn(|cx| {
                assert!(sending.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
        }
        let sent = position(&file);
        assert!(0 < sent && sent < SIZE as u64, "{sent}");
        Ok(())
    });
}

#[test]
fn b400_closing_writers_and_datagram_sockets_are_refused() {
    with_io(|| async {
        let file = file_of(b"content")?;
        let (_reader, mut writer, _far, _far_writer) = connection().await?;
        writer.close();
        let error = sendfile(&mut writer, &file).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("closing"), "{error}");
        let datagrams = UdpSocket::bind("127.0.0.1:0")?;
        datagrams.set_nonblocking(true)?;
        let error = sock_sendfile(&datagrams, &file).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let (blocking, _far) = UnixStream::pair()?;
        let error = sock_sendfile(&blocking, &file).await.unwrap_err();
        assert!(error.to_string().contains("set_nonblocking"), "{error}");
        assert_eq!(position(&file), 7);
        Ok(())
    });
}

#[test]
fn b395_b398_sockets_of_the_callers_take_files_too() {
    with_io(|| async {
        let content = content();
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        let (mut far, _) = listener.accept()?;
        near.set_nonblocking(true)?;
        let receiving = heist::to_thread(move || {
            let mut all = Vec::new();
            far.read_to_end(&mut all).map(|_| all)
        });
        let file = file_of(&content)?;
        assert_eq!(sock_sendfile(&near, &file).offset(1).await?, SIZE as u64 - 1);
        assert_eq!(position(&file), SIZE as u64);
        let error = sock_sendfile(&near, &piped(Vec::new())?).fallback(false).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(sock_sendfile(&near, &piped(b"piped".to_vec())?).await?, 5);
        drop(near);
        assert!(receiving.await.unwrap()? == [&content[1..], b"piped"].concat());
        Ok(())
    });
}

#[test]
fn unix_sockets_take_files_too() {
    with_io(|| async {
        let (near, far) = UnixStream::pair()?;
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        sock_sendall(&near, b"<").await?;
        assert_eq!(sock_sendfile(&near, &file_of(b"content")?).await?, 7);
        sock_sendall(&near, b">").await?;
        assert_eq!(sock_recv(&far, 100).await?, b"<content>");
        Ok(())
    });
}

#[test]
fn b396_b397_what_a_transport_is_given_meanwhile_comes_after_the_file() {
    with_io(|| async {
        let content = content();
        let file = file_of(&content)?;
        let (transport, calls, mut far, far_writer) = transport().await?;
        transport.write(b"before");
        let mut sending = transport.sendfile(&file).into_future();
        let begun = poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx).is_pending())).await;
        assert!(begun, "no socket takes so much");
        transport.write(b"meanwhile");
        far_writer.write(b"reading goes on");
        assert_eq!(calls.data(15).await, b"reading goes on");
        let receiving = heist::create_task(async move { far.read_to_end().await });
        assert_eq!(sending.await?, SIZE as u64);
        assert_eq!(position(&file), SIZE as u64);
        transport.write(b", after");
        transport.close();
        assert!(calls.lost().await.is_none());
        assert!(receiving.await.unwrap()? == [b"before", &content[..], b"meanwhile, after"].concat());
        Ok(())
    });
}

#[test]
fn b398_b400_transports_refuse_and_fall_back_as_streams_do() {
    with_io(|| async {
        let (transport, calls, mut far, _far_writer) = transport().await?;
        let error = transport.sendfile(&piped(b"piped".to_vec())?).fallback(false).await.unwrap_err();
        assert!(error.get_ref().unwrap().is::<SendfileNotAvailableError>(), "{error:?}");
        assert_eq!(transport.sendfile(&piped(b"piped".to_vec())?).await?, 5);
        assert_eq!(far.readexactly(5).await.unwrap(), b"piped");
        transport.close();
        let error = transport.sendfile(&file_of(b"too late")?).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(calls.lost().await.is_none());
        Ok(())
    });
}

#[test]
fn a_transfer_of_a_transport_that_is_given_up_leaves_the_transport_to_others() {
    with_io(|| async {
        let content = content();
        let file = file_of(&content)?;
        let (transport, calls, mut far, _far_writer) = transport().await?;
        let mut sending = transport.sendfile(&file).into_future();
        assert!(poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx).is_pending())).await);
        drop(sending);
        let sent = usize::try_from(position(&file)).unwrap();
        assert!(0 < sent && sent < SIZE, "{sent}");
        transport.write(b"next");
        let received = far.readexactly(sent + 4).await.unwrap();
        assert!(received == [&content[..sent], b"next"].concat());
        transport.abort();
        assert!(calls.lost().await.is_none());
        Ok(())
    });
}

#[test]
fn aborting_a_transport_ends_its_transfer() {
    with_io(|| async {
        let file = file_of(&content())?;
        let (transport, calls, _far, _far_writer) = transport().await?;
        let mut sending = transport.sendfile(&file).into_future();
        assert!(poll_fn(|cx| Poll::Ready(sending.as_mut().poll(cx).is_pending())).await);
        transport.abort();
        assert_eq!(sending.await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert!(calls.lost().await.is_none());
        Ok(())
    });
}
