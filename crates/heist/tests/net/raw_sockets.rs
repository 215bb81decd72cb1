//! Operations on sockets of the caller's, and watching descriptors with callbacks.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use heist::{
    WatchDescriptors, add_reader, add_writer, remove_reader, remove_writer, sock_accept, sock_connect,
    sock_connect_unix, sock_recv, sock_recv_into, sock_recvfrom, sock_recvfrom_into, sock_sendall,
    sock_sendto,
};

use crate::support::{self, for_each_flavour, in_real_time, with_io};

fn pair() -> io::Result<(UnixStream, UnixStream)> {
    let (near, far) = UnixStream::pair()?;
    near.set_nonblocking(true)?;
    far.set_nonblocking(true)?;
    Ok((near, far))
}

/// Polls once: the wait has begun then.
async fn begin<F: Future>(mut future: Pin<&mut F>) {
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending(), "it does not wait");
        Poll::Ready(())
    })
    .await;
}

#[test]
fn b237_a_receive_works_at_once_after_one_that_was_cancelled() {
    with_io(|| async {
        let (near, mut far) = pair()?;
        let near = Arc::new(near);
        for _ in 0..3 {
            let socket = near.clone();
            let waiting = heist::create_task(async move { sock_recv(&*socket, 10).await });
            heist::yield_now().await;
            waiting.cancel();
            assert!(waiting.await.is_err_and(|error| error.is_cancelled()));
            begin(pin!(sock_recv(&*near, 10))).await;
            far.write_all(b"hello")?;
            assert_eq!(sock_recv(&*near, 10).await?, b"hello");
        }
        Ok(())
    });
}

#[test]
fn b238_a_send_arrives_whole_after_one_that_was_cancelled() {
    with_io(|| async {
        let (near, far) = pair()?;
        let filler = vec![b'-'; 10 << 20];
        begin(pin!(sock_sendall(&near, &filler))).await;
        let mut data = vec![b'+'; 1 << 20];
        data.push(b'.');
        let sending = heist::create_task(async move { sock_sendall(&near, &data).await });
        let mut seconds = 0;
        loop {
            let received = sock_recv(&far, 1 << 16).await?;
            assert!(!received.is_empty(), "the end came after {seconds} bytes");
            seconds += received.iter().filter(|&&byte| byte == b'+').count();
            if received.ends_with(b".") {
                break;
            }
        }
        assert_eq!(seconds, 1 << 20);
        sending.await.unwrap()
    });
}

#[test]
fn b239_a_million_bytes_arrive_in_order() {
    with_io(|| async {
        let (near, far) = pair()?;
        let data: Vec<u8> = (0..1_000_000_u32).map(|i| (i % 251) as u8).collect();
        let sent = data.clone();
        let sending = heist::create_task(async move {
            sock_sendall(&near, &sent).await?;
            drop(near);
            io::Result::Ok(())
        });
        let mut all = Vec::new();
        loop {
            let received = sock_recv(&far, 4096).await?;
            if received.is_empty() {
                break;
            }
            all.extend(received);
        }
        assert!(all == data, "{} bytes came, or in another order", all.len());
        sending.await.unwrap()
    });
}

#[test]
fn b240_a_datagram_tells_who_sent_it_and_keeps_to_the_limit() {
    with_io(|| async {
        let (near, far) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        let (from, to) = (near.local_addr()?, far.local_addr()?);
        let receiving = heist::create_task(async move {
            let (data, sender) = sock_recvfrom(&far, 100).await?;
            io::Result::Ok((far, data, sender))
        });
        assert_eq!(sock_sendto(&near, b"hello", to).await?, 5);
        let (far, data, sender) = receiving.await.unwrap()?;
        assert_eq!((&*data, sender.as_socket()), (&b"hello"[..], Some(from)));
        sock_sendto(&near, b"hello", to).await?;
        let mut buf = [b'-'; 10];
        let (n, sender) = sock_recvfrom_into(&far, &mut buf, 3).await?;
        assert_eq!((n, &buf[..5], sender.as_socket()), (3, &b"hel--"[..], Some(from)));
        let error = sock_recvfrom_into(&far, &mut buf, 11).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn b241_a_datagram_that_would_block_is_sent_when_there_is_room() {
    with_io(|| async {
        let path = support::temporary_path("datagrams");
        let (near, far) = (UnixDatagram::unbound()?, UnixDatagram::bind(&path)?);
        near.set_nonblocking(true)?;
        far.set_nonblocking(true)?;
        let to = heist::StreamAddr::from(far.local_addr()?);
        let mut sent = 0;
        while near.send_to(&[0; 100], &path).is_ok() {
            sent += 1;
        }
        // A Unix socket is writable as long as its own buffer has room, whatever the receiver's line; connected it knows.
        near.connect(&path)?;
        let sending = heist::create_task(async move { sock_sendto(&near, b"last", to).await });
        heist::yield_now().await;
        for _ in 0..sent {
            assert_eq!(sock_recv(&far, 200).await?.len(), 100);
        }
        assert_eq!(sock_recv(&far, 200).await?, b"last");
        assert_eq!(sending.await.unwrap()?, 4);
        std::fs::remove_file(path)
    });
}

fn tcp_socket() -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[test]
fn b242_connecting_where_nobody_listens_is_refused() {
    with_io(|| async {
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let error = sock_connect(&tcp_socket()?, free).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        assert!(error.to_string().contains(&free.to_string()), "{error}");
        Ok(())
    });
}

#[test]
fn b243_accept_gives_a_connection_that_does_not_block_and_the_peer() {
    with_io(|| async {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let accepting = heist::create_task(async move { sock_accept(&listener).await });
        let client = tcp_socket()?;
        // A name of this machine, of which the address of the socket's family is taken.
        sock_connect(&client, ("localhost", address.port())).await?;
        let (connection, peer) = accepting.await.unwrap()?;
        assert_eq!(peer.as_socket(), client.local_addr()?.as_socket());
        let mut connection = TcpStream::from(connection);
        assert_eq!(connection.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        Ok(())
    });
}

#[test]
fn b244_an_accept_that_was_given_up_leaves_nothing_behind() {
    in_real_time(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let limit = std::time::Duration::from_millis(1);
        heist::wait_for(sock_accept(&listener), limit).await.unwrap_err();
        drop(listener);
        // A duplicate left behind would still listen.
        let error = sock_connect(&tcp_socket().unwrap(), address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a069_a_connect_that_was_cancelled_allows_a_later_one() {
    with_io(|| async {
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        listener.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into())?;
        listener.listen(0)?;
        let address = listener.local_addr()?.as_socket().unwrap();
        // The line of the listener is full after this, so the next attempt stays one.
        let first = TcpStream::connect(address)?;
        let socket = tcp_socket()?;
        let mut attempt = Box::pin(sock_connect(&socket, address));
        begin(attempt.as_mut()).await;
        drop(attempt);
        let listener = TcpListener::from(listener);
        drop((listener.accept()?, first));
        sock_connect(&socket, address).await?;
        let (mut connection, peer) = listener.accept()?;
        assert_eq!(Some(peer), socket.local_addr()?.as_socket());
        connection.write_all(b"hello")?;
        assert_eq!(sock_recv(&socket, 10).await?, b"hello");
        Ok(())
    });
}

#[test]
fn a070_sockets_in_blocking_mode_are_refused() {
    with_io(|| async {
        let (near, _far) = UnixStream::pair()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let datagrams = UdpSocket::bind("127.0.0.1:0")?;
        let blocking = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        for error in [
            sock_recv(&near, 1).await.map(drop).unwrap_err(),
            sock_sendall(&near, b"x").await.unwrap_err(),
            sock_recvfrom(&datagrams, 1).await.map(drop).unwrap_err(),
            sock_sendto(&datagrams, b"x", address).await.map(drop).unwrap_err(),
            sock_accept(&listener).await.map(drop).unwrap_err(),
            sock_connect(&blocking, address).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains("set_nonblocking(true)"), "{error}");
        }
        Ok(())
    });
}

#[test]
fn a_unix_socket_is_connected_and_received_from_into_a_buffer() {
    with_io(|| async {
        let path = support::temporary_path("raw");
        let socket = || {
            let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
            socket.set_nonblocking(true)?;
            io::Result::Ok(socket)
        };
        let near = socket()?;
        let error = sock_connect_unix(&near, &path).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        let listener = UnixListener::bind(&path)?;
        listener.set_nonblocking(true)?;
        sock_connect_unix(&near, &path).await?;
        let (far, _peer) = sock_accept(&listener).await?;
        let mut buf = [b'-'; 8];
        {
            let mut receiving = pin!(sock_recv_into(&far, &mut buf[..5]));
            begin(receiving.as_mut()).await;
            sock_sendall(&near, b"hello there").await?;
            assert_eq!(receiving.await?, 5);
        }
        assert_eq!(&buf, b"hello---");
        assert_eq!(sock_recv_into(&far, &mut buf).await?, 6);
        drop(near);
        assert_eq!(sock_recv_into(&far, &mut buf).await?, 0, "the end");
        std::fs::remove_file(path)
    });
}

#[test]
fn two_tasks_wait_for_one_socket_in_both_directions() {
    with_io(|| async {
        let (near, far) = pair()?;
        let mut filled = 0;
        while let Ok(n) = (&near).write(&[b'-'; 4096]) {
            filled += n;
        }
        let mut receiving = pin!(sock_recv(&near, 10));
        let mut sending = pin!(sock_sendall(&near, b"end"));
        begin(receiving.as_mut()).await;
        begin(sending.as_mut()).await;
        sock_sendall(&far, b"hello").await?;
        assert_eq!(receiving.await?, b"hello");
        while filled > 0 {
            filled -= sock_recv(&far, filled).await?.len();
        }
        sending.await?;
        assert_eq!(sock_recv(&far, 10).await?, b"end");
        Ok(())
    });
}

/// Counts calls; what waits for a number of them is woken.
#[derive(Clone, Default)]
struct Calls {
    count: Arc<AtomicUsize>,
    changed: Arc<heist::Event>,
}

impl Calls {
    fn add(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.changed.set();
    }

    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    async fn reach(&self, n: usize) {
        while self.count() < n {
            self.changed.clear();
            if self.count() < n {
                self.changed.wait().await;
            }
        }
    }
}

/// Lets callbacks that are called for be called.
async fn settle() {
    for _ in 0..3 {
        let called = Arc::new(heist::Event::new());
        let set = called.clone();
        heist::Handle::current().unwrap().call_soon(move || set.set()).unwrap();
        called.wait().await;
        heist::yield_now().await;
    }
}

#[test]
fn a064_a_reader_is_called_at_each_readiness_until_it_is_removed() {
    with_io(|| async {
        let (near, mut far) = pair()?;
        let calls = Calls::default();
        let (its, mut reading) = (calls.clone(), near.try_clone()?);
        let received = Arc::new(Mutex::new(Vec::new()));
        let all = received.clone();
        add_reader(&near, move || {
            // A byte at a time: it is called again for what is left.
            let mut byte = [0];
            if reading.read(&mut byte).is_ok_and(|n| n == 1) {
                all.lock().unwrap().push(byte[0]);
            }
            its.add();
        })?;
        settle().await;
        assert_eq!(calls.count(), 0, "nothing is there to read");
        far.write_all(b"abc")?;
        calls.reach(3).await;
        far.write_all(b"de")?;
        calls.reach(5).await;
        assert_eq!(*received.lock().unwrap(), b"abcde");
        assert!(remove_reader(&near));
        assert!(!remove_reader(&near), "it was there once");
        far.write_all(b"f")?;
        settle().await;
        assert_eq!(calls.count(), 5, "it was removed");
        Ok(())
    });
}

#[test]
fn a065_a_second_reader_replaces_the_first_and_leaves_the_writer() {
    with_io(|| async {
        let (near, mut far) = pair()?;
        let (first_calls, second_calls, written) = (Calls::default(), Calls::default(), Calls::default());
        let its = first_calls.clone();
        let first = add_reader(&near, move || its.add())?;
        let its = written.clone();
        let writer = add_writer(&near, move || its.add())?;
        let its = second_calls.clone();
        let second = add_reader(&near, move || its.add())?;
        assert_eq!((first.cancelled(), second.cancelled(), writer.cancelled()), (true, false, false));
        far.write_all(b"x")?;
        second_calls.reach(1).await;
        let before = written.count();
        written.reach(before + 1).await;
        assert_eq!(first_calls.count(), 0);
        assert!(remove_reader(&near) && remove_writer(&near));
        assert!(second.cancelled() && writer.cancelled());
        Ok(())
    });
}

#[test]
fn a066_removing_one_direction_leaves_the_other() {
    with_io(|| async {
        let (near, mut far) = pair()?;
        let (read, written) = (Calls::default(), Calls::default());
        let its = read.clone();
        add_reader(&near, move || its.add())?;
        let its = written.clone();
        add_writer(&near, move || its.add())?;
        written.reach(2).await;
        assert!(remove_writer(&near));
        settle().await;
        let before = written.count();
        far.write_all(b"x")?;
        read.reach(2).await;
        assert_eq!(written.count(), before);
        assert!(!remove_writer(&near) && remove_reader(&near));
        Ok(())
    });
}

#[test]
fn a067_a_closed_loop_watches_nothing() {
    for_each_flavour(|builder| {
        let (near, _far) = pair().unwrap();
        let event_loop = builder.build_event_loop().unwrap();
        let kept = Arc::new(());
        let its = kept.clone();
        let handle = event_loop.add_reader(&near, move || drop(its.clone())).unwrap();
        event_loop.close().unwrap();
        assert!(handle.cancelled());
        assert_eq!(Arc::strong_count(&kept), 1, "the callback is dropped");
        assert!(!event_loop.remove_reader(&near) && !event_loop.remove_writer(&near));
        let error = event_loop.add_reader(&near, || ()).unwrap_err();
        assert!(error.to_string().contains("closed"), "{error}");
        event_loop.add_writer(&near, || ()).unwrap_err();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn a068_the_descriptor_of_a_live_stream_is_not_watched_by_hand() {
    with_io(|| async {
        let (near, far) = heist::net::UnixStream::pair()?;
        begin(pin!(near.readable())).await;
        let error = add_reader(&near, || ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("belongs to a socket"), "{error}");
        add_writer(&near, || ()).unwrap_err();
        assert!(!remove_reader(&near) && !remove_writer(&near));
        far.try_write(b"x")?;
        near.readable().await?;
        let near = near.into_std();
        add_reader(&near, || ())?;
        assert!(remove_reader(&near), "the socket has gone from the loop");
        Ok(())
    });
}

#[test]
fn a_callback_may_remove_itself_and_one_that_panics_stays() {
    with_io(|| async {
        let reports = Calls::default();
        let its = reports.clone();
        let handle = heist::Handle::current().unwrap();
        handle.set_exception_handler(Some(Arc::new(move |_, context| {
            assert!(context.to_string().contains("oh"), "{context}");
            its.add();
        })));
        let (near, mut far) = pair()?;
        let calls = Calls::default();
        let (its, watched) = (calls.clone(), near.try_clone()?);
        // The number of the descriptor counts.
        let near = Arc::new(near);
        let own = near.clone();
        add_reader(&*near, move || {
            let _ = &watched;
            its.add();
            if its.count() == 2 {
                assert!(remove_reader(&*own));
                return;
            }
            panic!("oh");
        })?;
        far.write_all(b"x")?;
        calls.reach(2).await;
        settle().await;
        assert_eq!((calls.count(), reports.count()), (2, 1));
        assert_eq!(Arc::strong_count(&near), 1, "the callback is dropped");
        Ok(())
    });
}

#[test]
fn a_callback_that_removes_itself_is_dropped_though_the_loop_stops_with_it() {
    for_each_flavour(|builder| {
        let (near, mut far) = pair().unwrap();
        far.write_all(b"x").unwrap();
        let event_loop = builder.build_event_loop().unwrap();
        let near = Arc::new(near);
        let (own, stopping) = (near.clone(), event_loop.handle());
        let handle = event_loop
            .add_reader(&*near, move || {
                assert!(remove_reader(&*own));
                stopping.stop();
            })
            .unwrap();
        event_loop.run_forever().unwrap();
        event_loop.close().unwrap();
        assert!(handle.cancelled());
        assert_eq!(Arc::strong_count(&near), 1, "no turn comes after the last one");
    });
}

#[test]
fn what_cannot_be_watched_is_refused_at_once() {
    with_io(|| async {
        let file = std::fs::File::open(std::env::current_exe()?)?;
        add_reader(&file, || ()).unwrap_err();
        assert!(!remove_reader(&file));
        Ok(())
    });
    let (near, _far) = pair().unwrap();
    let error = add_reader(&near, || ()).unwrap_err();
    assert!(error.to_string().contains("heist::run"), "{error}");
    assert!(!remove_reader(&near));
}
