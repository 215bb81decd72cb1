//! Plain sockets: what they share, options, Unix connections, descriptors of one's own.

use std::future::poll_fn;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use heist_scheduler::spawn;
use heist_streams::net::{
    AsyncFd, Direction, Interest, KeepAlive, TcpListener, TcpSocket, TcpStream, UnixListener, UnixStream,
};

use crate::support::{on_all, refusing, run_on};

fn temporary_path() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("heist-sockets-{}-{number}", std::process::id()))
}

#[test]
fn options_are_kept() {
    run_on(1, async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.set_recv_buffer_size(32 << 10).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = TcpSocket::new_v4().unwrap().bind("192.0.2.1:1".parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains("192.0.2.1:1"), "{error}");
        let listener = socket.listen(4).unwrap();
        listener.set_ttl(9).unwrap();
        assert_eq!(listener.ttl().unwrap(), 9);
        let client = TcpSocket::new_v4().unwrap();
        client.set_keepalive(Some(KeepAlive::new().time(Duration::from_secs(30)).retries(2))).unwrap();
        let stream = client.connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(stream.keepalive().unwrap());
        stream.set_keepalive(None).unwrap();
        assert!(!stream.keepalive().unwrap());
        stream.set_linger(Some(Duration::from_secs(2))).unwrap();
        assert_eq!(stream.linger().unwrap(), Some(Duration::from_secs(2)));
        stream.set_nodelay(true).unwrap();
        assert!(stream.nodelay().unwrap());
        #[cfg(target_os = "linux")]
        {
            stream.set_user_timeout(Some(Duration::from_secs(3))).unwrap();
            assert_eq!(stream.user_timeout().unwrap(), Some(Duration::from_secs(3)));
        }
        assert!(stream.take_error().unwrap().is_none());
    });
}

#[test]
fn refused_connection_of_a_socket_with_options() {
    on_all(|| async {
        let (address, _socket) = refusing();
        let error = TcpSocket::new_v4().unwrap().connect(address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn connections_come_as_a_stream() {
    on_all(|| async {
        let mut listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clients =
            [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        let mut incoming = pin!(listener.incoming());
        for client in &clients {
            let stream = poll_fn(|cx| incoming.as_mut().poll_next(cx)).await.unwrap().unwrap();
            assert_eq!(stream.peer_addr().unwrap(), client.local_addr().unwrap());
        }
    });
}

#[test]
fn trying_says_would_block_until_it_is_ready() {
    on_all(|| async {
        let (near, far) = UnixStream::pair().unwrap();
        let mut buf = [0; 10];
        assert_eq!(near.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        let ready = near.ready(Interest::READABLE | Interest::WRITABLE).await.unwrap();
        assert!(ready.is_writable() && !ready.is_readable());
        assert_eq!(far.try_write(b"abc").unwrap(), 3);
        near.readable().await.unwrap();
        assert_eq!(near.try_read(&mut buf).unwrap(), 3);
        assert_eq!(near.try_read(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn peek_takes_nothing() {
    on_all(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        client.write_all(b"abc").await.unwrap();
        let mut buf = [0; 10];
        assert_eq!(server.peek(&mut buf).await.unwrap(), 3);
        assert_eq!(server.read(&mut buf).await.unwrap(), 3);
    });
}

#[test]
fn unix_connections_by_path() {
    on_all(|| async {
        let path = temporary_path();
        let listener = UnixListener::bind(&path).unwrap();
        let accepting = spawn(async move { listener.accept().await });
        let mut client = UnixStream::connect(&path).await.unwrap();
        let (mut server, _) = accepting.await.unwrap().unwrap();
        #[cfg(target_os = "linux")]
        assert_eq!(client.peer_cred().unwrap().pid(), std::process::id() as i32);
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(&*path));
        client.write_all(b"hello").await.unwrap();
        let (mut read, write) = client.into_split();
        let mut buf = [0; 5];
        server.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"hello");
        server.write_all(b"there").await.unwrap();
        read.read_exact(&mut buf).await.unwrap();
        let whole = read.reunite(write).unwrap();
        drop(whole);
        assert_eq!(server.read(&mut buf).await.unwrap(), 0);
        let error = UnixListener::bind(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{error}");
        std::fs::remove_file(&path).unwrap();
        let error = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    });
}

#[test]
#[cfg(target_os = "linux")]
fn unix_connections_by_abstract_name_leave_no_file() {
    on_all(|| async {
        let name = format!("\0{}", temporary_path().display());
        let listener = UnixListener::bind(&name).unwrap();
        let _client = UnixStream::connect(&name).await.unwrap();
        listener.accept().await.unwrap();
        drop(listener);
        assert_eq!(UnixStream::connect(&name).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

/// The system answers "would block" then, and never says when there is room.
#[test]
fn a_unix_connect_waits_while_the_line_is_full() {
    on_all(|| async {
        let path = temporary_path();
        let listener = UnixListener::bind_with_backlog(&path, 1).unwrap();
        let clients: Vec<_> = (0..6)
            .map(|_| {
                let path = path.clone();
                spawn(async move { UnixStream::connect(&path).await })
            })
            .collect();
        for _ in 0..6 {
            listener.accept().await.unwrap();
        }
        for client in clients {
            client.await.unwrap().unwrap();
        }
        std::fs::remove_file(&path).unwrap();
    });
}

#[test]
fn a_descriptor_of_ones_own_is_waited_for() {
    on_all(|| async {
        let (reading, writing) = std::os::unix::net::UnixStream::pair().unwrap();
        let reading = AsyncFd::new(std::fs::File::from(OwnedFd::from(reading))).unwrap();
        let waiting = spawn(async move {
            let mut buf = [0; 10];
            let n = reading.async_io(Direction::Read, |mut pipe| pipe.read(&mut buf)).await?;
            let again = reading.try_io(Direction::Read, |mut pipe| pipe.read(&mut [0; 10]));
            assert_eq!(again.unwrap_err().kind(), ErrorKind::WouldBlock);
            std::io::Result::Ok((n, reading))
        });
        let mut writing = AsyncFd::new(std::fs::File::from(OwnedFd::from(writing))).unwrap();
        poll_fn(|cx| writing.poll_io(cx, Direction::Write, |mut pipe| pipe.write(b"hello"))).await.unwrap();
        let (n, reading) = waiting.await.unwrap().unwrap();
        assert_eq!(n, 5);
        drop(writing);
        let ready = reading.ready(Interest::READABLE).await.unwrap();
        assert!(ready.is_readable(), "the end is something to read");
    });
}

/// A type of another library, which nobody vouches for.
struct Device(UnixDatagram);

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Device {
    fn read_event(&self) -> std::io::Result<u8> {
        let mut event = [0];
        self.0.recv(&mut event).map(|_| event[0])
    }
}

#[test]
fn any_type_with_a_descriptor_is_waited_for() {
    on_all(|| async {
        let (device, other_end) = UnixDatagram::pair().unwrap();
        let device = AsyncFd::duplicating(Device(device)).unwrap();
        assert_ne!(device.as_raw_fd(), device.get_ref().0.as_raw_fd(), "a duplicate is watched");
        {
            let mut reading = pin!(device.async_io(Direction::Read, |device| device.read_event()));
            // It waits before there is anything.
            assert!(poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx).is_pending())).await);
            other_end.send(&[7]).unwrap();
            assert_eq!(reading.await.unwrap(), 7);
        }
        let error = device.try_io(Direction::Read, |device| device.read_event()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        other_end.send(&[8]).unwrap();
        device.readable().await.unwrap();
        let device = device.into_inner().into_inner();
        assert_eq!(device.read_event().unwrap(), 8);
        drop(device);
        // Neither descriptor is left: nobody takes what is sent.
        other_end.send(&[9]).unwrap_err();
    });
}

/// epoll refuses them; poll takes them, as always ready.
#[cfg(all(target_os = "linux", not(polling_test_poll_backend)))]
#[test]
fn regular_files_cannot_be_watched() {
    run_on(1, async {
        let file = AsyncFd::new(std::fs::File::open("/proc/self/exe").unwrap()).unwrap();
        file.readable().await.unwrap_err();
    });
}

#[test]
fn sockets_go_to_the_standard_library_and_back() {
    on_all(|| async {
        let (near, far) = UnixStream::pair().unwrap();
        near.readable_soon().await;
        let near = UnixStream::try_from(near.into_std()).unwrap();
        let far: OwnedFd = far.into();
        std::os::unix::net::UnixStream::from(far.as_fd().try_clone_to_owned().unwrap())
            .write_all(b"x")
            .unwrap();
        near.readable().await.unwrap();
        assert_eq!(near.try_read(&mut [0; 10]).unwrap(), 1);
    });
}

trait ReadableSoon {
    async fn readable_soon(&self);
}

impl ReadableSoon for UnixStream {
    /// Registers it with the loop.
    async fn readable_soon(&self) {
        let mut waiting = pin!(self.readable());
        poll_fn(|cx| {
            assert!(waiting.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
    }
}
