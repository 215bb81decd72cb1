//! UDP and Unix datagram sockets.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use heist::net::UdpSocket;

use crate::support::{self, with_io};

async fn udp() -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// An address where nobody listens.
fn free_address() -> SocketAddr {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn a_request_and_its_answer_carry_addresses() {
    with_io(|| async {
        let ((server, at), (client, from)) = (udp().await?, udp().await?);
        let answering = heist::create_task(async move {
            let mut buf = [0; 100];
            let (n, peer) = server.recv_from(&mut buf).await?;
            server.send_to(&buf[..n].repeat(2), peer).await?;
            io::Result::Ok(peer)
        });
        client.send_to(b"ping", at).await?;
        let mut buf = [0; 100];
        let (n, peer) = client.recv_from(&mut buf).await?;
        assert_eq!((&buf[..n], peer), (&b"pingping"[..], at));
        assert_eq!(answering.await.unwrap()?, from);
        Ok(())
    });
}

#[test]
fn b259_a_port_where_nobody_listens_does_not_end_receiving() {
    with_io(|| async {
        let ((near, at), (far, _)) = (udp().await?, udp().await?);
        near.send_to(b"lost", free_address()).await?;
        far.send_to(b"found", at).await?;
        let mut buf = [0; 100];
        assert_eq!(near.recv(&mut buf).await?, 5);
        Ok(())
    });
}

#[test]
fn a_connected_socket_is_told_that_nobody_listens_and_goes_on() {
    with_io(|| async {
        let peer = UdpSocket::bind("127.0.0.1:0").await?;
        let at = peer.local_addr()?;
        let (near, from) = udp().await?;
        near.connect(at).await?;
        drop(peer);
        near.send(b"lost").await?;
        let mut buf = [0; 100];
        assert_eq!(near.recv(&mut buf).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let peer = UdpSocket::bind(at).await?;
        peer.send_to(b"found", from).await?;
        assert_eq!(near.recv(&mut buf).await?, 5);
        Ok(())
    });
}

#[test]
fn b247_numeric_addresses_are_not_sent_to_the_resolver() {
    // Outside of a loop there is no pool to look a name up in: whoever asked for it would fail.
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let mut making = pin!(UdpSocket::bind(address));
        let Poll::Ready(made) = making.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("{address} is waited for")
        };
        assert!(made.unwrap().local_addr().unwrap().ip().is_loopback());
    }
    let mut making = pin!(UdpSocket::bind("localhost:0"));
    let Poll::Ready(made) = making.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("a name is waited for where nobody looks it up")
    };
    assert!(made.unwrap_err().to_string().contains("look up"));
}

#[test]
fn a076_addresses_without_a_common_family_are_refused() {
    with_io(|| async {
        let builder = UdpSocket::builder().local_addr("127.0.0.1:0").remote_addr("[::1]:9");
        let error = builder.build().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("family"), "{error}");
        let error = UdpSocket::builder().build().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let local = vec!["[::1]:0".parse().unwrap(), SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
        let socket = UdpSocket::builder().local_addr(local).remote_addr(free_address()).build().await?;
        assert!(socket.local_addr()?.is_ipv4(), "the pair that fits is taken");
        Ok(())
    });
}

#[test]
fn a077_broadcasting_and_sharing_a_port_are_off_unless_asked_for() {
    with_io(|| async {
        let (socket, at) = udp().await?;
        assert!(!socket.broadcast()?);
        let error = UdpSocket::builder().local_addr(at).reuse_port(true).build().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&at.to_string()), "{error}");
        let socket =
            UdpSocket::builder().local_addr("127.0.0.1:0").reuse_port(true).broadcast(true).build().await?;
        assert!(socket.broadcast()?);
        let beside = UdpSocket::builder().local_addr(socket.local_addr()?).reuse_port(true).build().await?;
        assert_eq!(beside.local_addr()?, socket.local_addr()?);
        Ok(())
    });
}

#[test]
fn peeking_takes_nothing_and_trying_does_not_wait() {
    with_io(|| async {
        let ((near, at), (far, from)) = (udp().await?, udp().await?);
        let mut buf = [0; 100];
        assert_eq!(near.try_recv(&mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
        far.try_send_to(b"one", at)?;
        assert_eq!(near.peek_from(&mut buf).await?, (3, from));
        assert_eq!(near.try_recv_from(&mut buf)?, (3, from));
        near.ready(heist::net::Interest::WRITABLE).await?;
        Ok(())
    });
}

#[test]
fn a_multicast_group_receives() {
    with_io(|| async {
        const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 77, 77);
        let socket = UdpSocket::bind("0.0.0.0:0").await?;
        let port = socket.local_addr()?.port();
        if socket.join_multicast_v4(GROUP, Ipv4Addr::LOCALHOST).is_err() {
            eprintln!("skipped: the loopback interface takes no groups here");
            return Ok(());
        }
        socket.set_multicast_loop_v4(true)?;
        let sender = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
        sender.set_multicast_if_v4(&Ipv4Addr::LOCALHOST)?;
        sender.send_to(b"all", &SocketAddr::from((GROUP, port)).into())?;
        let mut buf = [0; 100];
        assert_eq!(socket.recv(&mut buf).await?, 3);
        socket.leave_multicast_v4(GROUP, Ipv4Addr::LOCALHOST)
    });
}

#[cfg(unix)]
mod unix {
    use super::*;
    use heist::net::UnixDatagram;

    #[test]
    fn datagrams_go_to_a_path_and_carry_the_senders() {
        with_io(|| async {
            let (near, far) = (support::temporary_path("near"), support::temporary_path("far"));
            let (near_socket, far_socket) = (UnixDatagram::bind(&near)?, UnixDatagram::bind(&far)?);
            near_socket.send_to(b"hello", &far).await?;
            let mut buf = [0; 100];
            let (n, from) = far_socket.recv_from(&mut buf).await?;
            assert_eq!((&buf[..n], from.as_pathname()), (&b"hello"[..], Some(&*near)));
            far_socket.connect(&near)?;
            far_socket.send(b"back").await?;
            assert_eq!(near_socket.recv(&mut buf).await?, 4);
            let error = near_socket.send_to(b"x", "/nowhere/at/all").await.unwrap_err();
            assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
            let error = UnixDatagram::bind(&near).unwrap_err();
            assert!(error.to_string().contains("remove it"), "{error}");
            std::fs::remove_file(near)?;
            std::fs::remove_file(far)
        });
    }

    #[test]
    fn b241_a_datagram_that_finds_no_room_goes_once_there_is_some() {
        with_io(|| async {
            let (near, far) = UnixDatagram::pair()?;
            let mut sent = 0;
            while near.try_send(&[sent as u8; 1000]).is_ok() {
                sent += 1;
            }
            let waiting = heist::create_task(async move { near.send(b"last").await });
            let mut buf = [0; 1000];
            for _ in 0..sent {
                assert_eq!(far.recv(&mut buf).await?, 1000);
            }
            assert_eq!(far.recv(&mut buf).await?, 4);
            assert_eq!(waiting.await.unwrap()?, 4);
            Ok(())
        });
    }
}
