//! Protocols of datagrams: behaviours NET 258, 259, TRANS 261, 275, 276, A76, A77, A80.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket as StdUdp};
use std::sync::{Arc, Mutex};

use heist::net::{UdpSocket, UnixDatagram};
use heist::{
    DatagramProtocol, DatagramSocket, DatagramTransport, Queue, StreamAddr, create_datagram_endpoint,
    create_datagram_endpoint_on, yield_now,
};

use crate::support::{self, with_io};

/// A callback, or the end of the protocol.
#[derive(Debug)]
enum Called<S: DatagramSocket> {
    Made,
    Received(Vec<u8>, S::Addr),
    Error(io::Error),
    Paused,
    Resumed,
    Lost(Option<io::Error>),
    Dropped,
}

type Calls<S> = Queue<Called<S>>;

/// Tells of each callback; sends back what comes, if it is to.
struct Recorder<S: DatagramSocket = UdpSocket> {
    calls: Calls<S>,
    echo: Option<DatagramTransport<S>>,
    is_echo: bool,
}

impl<S: DatagramSocket> Recorder<S> {
    fn new(calls: &Calls<S>) -> Self {
        Self { calls: calls.clone(), echo: None, is_echo: false }
    }

    fn echo(mut self, is_echo: bool) -> Self {
        self.is_echo = is_echo;
        self
    }

    fn add(&self, called: Called<S>) {
        self.calls.put_nowait(called).ok().unwrap();
    }
}

impl<S: DatagramSocket> DatagramProtocol<S> for Recorder<S> {
    fn connection_made(&mut self, transport: DatagramTransport<S>) {
        self.echo = self.is_echo.then_some(transport);
        self.add(Called::Made);
    }

    fn datagram_received(&mut self, data: &[u8], addr: S::Addr) {
        assert!(data != b"panic", "asked to");
        if let Some(transport) = &self.echo {
            transport.sendto(data, addr.clone()).unwrap();
        }
        self.add(Called::Received(data.to_vec(), addr));
    }

    fn error_received(&mut self, error: io::Error) {
        self.add(Called::Error(error));
    }

    fn connection_lost(&mut self, error: Option<io::Error>) {
        self.add(Called::Lost(error));
    }

    fn pause_writing(&mut self) {
        self.add(Called::Paused);
    }

    fn resume_writing(&mut self) {
        self.add(Called::Resumed);
    }
}

impl<S: DatagramSocket> Drop for Recorder<S> {
    fn drop(&mut self) {
        self.add(Called::Dropped);
    }
}

/// The next callback, which is to be of that kind.
macro_rules! next {
    ($calls:expr, $pattern:pat => $value:expr) => {
        match $calls.get().await.unwrap() {
            $pattern => $value,
            other => panic!("{other:?}"),
        }
    };
}

async fn lost<S: DatagramSocket>(calls: &Calls<S>) -> Option<io::Error> {
    let error = next!(calls, Called::Lost(error) => error);
    next!(calls, Called::Dropped => ());
    error
}

/// An endpoint on the loopback interface.
async fn endpoint(is_echo: bool) -> io::Result<(DatagramTransport, Calls<UdpSocket>)> {
    let calls = Calls::new();
    let recorder = Recorder::new(&calls).echo(is_echo);
    let (transport, _) = create_datagram_endpoint(|| recorder).local_addr("127.0.0.1:0").await?;
    next!(calls, Called::Made => ());
    Ok((transport, calls))
}

async fn others_run() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// A transport over a Unix socket that has no more room, and the other end; how many datagrams of a byte each wait there.
async fn full() -> io::Result<(DatagramTransport<UnixDatagram>, Calls<UnixDatagram>, UnixDatagram, usize)> {
    let (near, far) = UnixDatagram::pair()?;
    let calls = Calls::new();
    let recorder = Recorder::new(&calls);
    let (transport, _) = create_datagram_endpoint_on(|| recorder, near).await?;
    next!(calls, Called::Made => ());
    let mut sent = 0;
    while transport.get_write_buffer_size() == 0 {
        transport.sendto(b"x", None)?;
        sent += 1;
    }
    Ok((transport, calls, far, sent))
}

#[test]
fn b258_a_request_and_its_answer_carry_addresses_and_close_is_told() {
    with_io(|| async {
        let (server, server_calls) = endpoint(true).await?;
        let (client, calls) = endpoint(false).await?;
        let (at, from) = (server.sock_name().unwrap(), client.sock_name().unwrap());
        client.sendto(b"hello", at)?;
        next!(server_calls, Called::Received(data, addr) => assert_eq!((&data[..], addr), (&b"hello"[..], from)));
        next!(calls, Called::Received(data, addr) => assert_eq!((&data[..], addr), (&b"hello"[..], at)));
        client.close();
        assert!(client.is_closing());
        assert!(lost(&calls).await.is_none());
        server.abort();
        server.close();
        assert!(lost(&server_calls).await.is_none());
        assert_eq!(server.with_socket(|_| ()), None);
        Ok(())
    });
}

#[test]
fn b259_b276_errors_are_told_and_the_endpoint_lives_on() {
    with_io(|| async {
        let peer = StdUdp::bind("127.0.0.1:0")?;
        let at = peer.local_addr()?;
        drop(peer);
        let calls = Calls::new();
        let recorder = Recorder::new(&calls);
        let (transport, protocol) = create_datagram_endpoint(|| recorder).remote_addr(at).await?;
        drop(protocol);
        next!(calls, Called::Made => ());
        assert_eq!(transport.peer_name(), Some(at));
        transport.sendto(b"nobody there", None)?;
        next!(calls, Called::Error(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused));
        // One too long for any datagram.
        transport.sendto(&[0; 70_000], None)?;
        next!(calls, Called::Error(error) => assert!(error.raw_os_error().is_some()));

        let peer = StdUdp::bind(at)?;
        peer.send_to(b"here now", transport.sock_name().unwrap())?;
        next!(calls, Called::Received(data, addr) => assert_eq!((&data[..], addr), (&b"here now"[..], at)));
        transport.close();
        assert!(lost(&calls).await.is_none());
        Ok(())
    });
}

#[test]
fn b275_empty_datagrams_are_sent_and_other_addresses_refused() {
    with_io(|| async {
        let (server, server_calls) = endpoint(false).await?;
        let at = server.sock_name().unwrap();
        let calls = Calls::new();
        let recorder = Recorder::new(&calls);
        let (client, _) = create_datagram_endpoint(|| recorder).remote_addr(at).await?;
        client.sendto(b"", None)?;
        client.sendto(b"x", at)?;
        next!(server_calls, Called::Received(data, _) => assert!(data.is_empty()));
        next!(server_calls, Called::Received(data, _) => assert_eq!(data, b"x"));

        let other = SocketAddr::from(([127, 0, 0, 1], 9));
        let error = client.sendto(b"x", other).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&at.to_string()), "{error}");
        let error = server.sendto(b"x", None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        Ok(())
    });
}

#[test]
fn b275_what_is_kept_is_a_copy_and_in_order() {
    with_io(|| async {
        let (transport, calls, far, waiting) = full().await?;
        let mut data = *b"one";
        transport.sendto(&data, None)?;
        data = *b"xxx";
        transport.sendto(b"", None)?;
        transport.sendto(&data, None)?;
        // Each counts 8 bytes more; the one that found the socket full is kept, too.
        assert_eq!(transport.get_write_buffer_size(), 4 * 8 + 1 + 3 + 3);
        transport.close();
        let mut buf = [0; 10];
        for _ in 0..waiting {
            assert_eq!(far.recv(&mut buf).await?, 1);
        }
        for expected in [&b"one"[..], b"", b"xxx"] {
            let n = far.recv(&mut buf).await?;
            assert_eq!(&buf[..n], expected);
        }
        assert!(lost(&calls).await.is_none());
        Ok(())
    });
}

#[test]
fn writing_pauses_above_the_high_mark_and_abort_drops_what_is_kept() {
    with_io(|| async {
        let (transport, calls, far, _) = full().await?;
        assert_eq!(transport.get_write_buffer_limits(), (16 << 10, 64 << 10));
        assert_eq!(transport.set_write_buffer_limits(1, 2).unwrap_err().kind(), ErrorKind::InvalidInput);
        let kept = transport.get_write_buffer_size();
        transport.set_write_buffer_limits(kept + 9, kept)?;
        transport.sendto(b"x", None)?;
        others_run().await;
        assert!(calls.is_empty());
        transport.sendto(b"", None)?;
        next!(calls, Called::Paused => ());
        let mut buf = [0; 10];
        while calls.is_empty() {
            far.recv(&mut buf).await?;
            others_run().await;
        }
        next!(calls, Called::Resumed => ());

        transport.set_write_buffer_limits(0, 0)?;
        while transport.get_write_buffer_size() == 0 {
            transport.sendto(b"x", None)?;
        }
        next!(calls, Called::Paused => ());
        transport.abort();
        assert_eq!(transport.get_write_buffer_size(), 0);
        assert!(lost(&calls).await.is_none());
        Ok(())
    });
}

#[test]
fn a076_a077_addresses_need_a_common_family_and_options_are_off() {
    with_io(|| async {
        let factory = || Recorder::new(&Calls::new());
        let error = create_datagram_endpoint(factory)
            .local_addr("127.0.0.1:0")
            .remote_addr("[::1]:9")
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(create_datagram_endpoint(factory).await.is_err());
        let (transport, _) = create_datagram_endpoint(factory).local_addr("127.0.0.1:0").await?;
        assert!(!transport.with_socket(|socket| socket.broadcast()).unwrap()?);
        let at = transport.sock_name().unwrap();
        let error = create_datagram_endpoint(factory).local_addr(at).reuse_port(true).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        let (transport, _) = create_datagram_endpoint(factory)
            .local_addr("127.0.0.1:0")
            .reuse_port(true)
            .allow_broadcast(true)
            .await?;
        assert!(transport.with_socket(|socket| socket.broadcast()).unwrap()?);
        let at = transport.sock_name().unwrap();
        create_datagram_endpoint(factory).local_addr(at).reuse_port(true).await?;
        Ok(())
    });
}

#[test]
fn a080_a_fault_of_the_protocol_ends_its_endpoint() {
    with_io(|| async {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tells = told.clone();
        heist::get_running_loop().set_exception_handler(Some(Arc::new(move |_, context| {
            tells.lock().unwrap().push(context.panic.clone().unwrap_or_default());
        })));
        let (server, calls) = endpoint(false).await?;
        StdUdp::bind("127.0.0.1:0")?.send_to(b"panic", server.sock_name().unwrap())?;
        let error = lost(&calls).await.unwrap();
        assert!(error.to_string().contains("datagram_received"), "{error}");
        while told.lock().unwrap().is_empty() {
            yield_now().await;
        }
        assert_eq!(*told.lock().unwrap(), ["asked to"]);
        Ok(())
    });
}

#[test]
fn unix_datagrams_go_by_name() {
    with_io(|| async {
        let (here, there) = (support::temporary_path("here"), support::temporary_path("there"));
        let far = UnixDatagram::bind(&there)?;
        let calls = Calls::new();
        let recorder = Recorder::new(&calls).echo(true);
        let (transport, _) = create_datagram_endpoint_on(|| recorder, UnixDatagram::bind(&here)?).await?;
        next!(calls, Called::Made => ());
        far.send_to(b"knock", &here).await?;
        let from = next!(calls, Called::Received(_, from) => from);
        assert_eq!(from.as_pathname(), Some(&*there));
        let mut buf = [0; 10];
        assert_eq!(far.recv(&mut buf).await?, 5);
        transport.sendto(b"again", from)?;
        assert_eq!(far.recv(&mut buf).await?, 5);
        transport.sendto(b"x", StreamAddr::Unnamed)?;
        next!(calls, Called::Error(error) => assert_eq!(error.kind(), ErrorKind::InvalidInput));
        std::fs::remove_file(here)?;
        std::fs::remove_file(there)
    });
}
