//! Connecting: behaviours NET 245 to 249 and 260, A71 and A72, Happy Eyeballs, and sockets that are ready.
#![cfg(not(heist_loom))]

mod support;

use std::cell::RefCell;
use std::future::{Future, IntoFuture, pending, poll_fn};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream, UdpSocket};
use std::task::Poll;
use std::time::Duration;

use heist::{ConnectError, Family, open_connection, open_connection_on, sleep, staggered_race, start_server};
use support::{for_each_flavour, in_order, on_each_flavour};

#[cfg(target_os = "linux")]
#[path = "support/black_hole.rs"]
mod black_hole;

/// An address of this machine where nobody listens.
fn free_address() -> SocketAddr {
    StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn attempts(error: &std::io::Error) -> Vec<SocketAddr> {
    let error = error.get_ref().unwrap().downcast_ref::<ConnectError>().unwrap();
    error.attempts().iter().map(|(address, _)| *address).collect()
}

#[test]
fn b245_one_error_describes_all_addresses() {
    on_each_flavour(|| async {
        let addresses = [free_address(), free_address()];
        for delay in [None, Some(Duration::from_millis(250))] {
            let error = open_connection(addresses).happy_eyeballs_delay(delay).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            assert_eq!(attempts(&error), addresses, "in their order");
            for address in addresses {
                assert!(error.to_string().contains(&address.to_string()), "{error}");
            }
            assert!(error.to_string().contains("start the server"), "it says what to do: {error}");
        }
    });
}

/// Whether a socket is bound to `address`.
fn is_taken(address: SocketAddr) -> bool {
    StdListener::bind(address).is_err()
}

#[test]
#[cfg(target_os = "linux")]
fn b246_a_connect_given_up_closes_its_socket() {
    on_each_flavour(|| async {
        let hole = black_hole::BlackHole::new();
        let local = free_address();
        let connecting = || open_connection(hole.address()).local_addr(local);
        let mut dropped = Box::pin(connecting().into_future());
        poll_fn(|cx| Poll::Ready(dropped.as_mut().poll(cx).is_pending())).await;
        assert!(is_taken(local), "it is being connected");
        drop(dropped);
        assert!(!is_taken(local));

        let error = connecting().timeout(Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.to_string().contains("5s"), "{error}");
        assert!(!is_taken(local));

        heist::timeout(Duration::from_secs(5), connecting()).await.unwrap_err();
        assert!(!is_taken(local));
    });
}

/// Only a name needs a thread of the blocking pool, which is closed here.
#[test]
fn b247_numeric_addresses_are_not_looked_up() {
    on_each_flavour(|| async {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        heist::Handle::current().unwrap().shutdown_default_executor(Duration::from_secs(20)).await.unwrap();
        open_connection(("127.0.0.1", port)).await.unwrap();
        open_connection(format!("127.0.0.1:{port}")).local_addr(("127.0.0.1", 0)).await.unwrap();
        let error = open_connection(("localhost", port)).await.unwrap_err();
        assert!(error.to_string().contains("localhost"), "{error}");
    });
}

#[test]
fn b248_local_addresses_of_another_family_are_passed_over() {
    on_each_flavour(|| async {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (v4, v6): (SocketAddr, SocketAddr) = ("127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap());
        let (_reader, writer) = open_connection(address).local_addr([v6, v4]).await.unwrap();
        assert_eq!(writer.local_addr().unwrap().ip(), v4.ip());
        let error = open_connection(address).local_addr(v6).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        assert!(error.to_string().contains("no local address is IPv4"), "{error}");
    });
}

#[test]
fn b249_a_local_address_in_use_is_named() {
    on_each_flavour(|| async {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let taken = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let _taker = StdListener::bind(taken).unwrap();
        let connecting = open_connection(listener.local_addr().unwrap()).local_addr(taken);
        let error = connecting.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&format!("bind this end to {taken}")), "{error}");
    });
}

/// Runs candidates that take so many milliseconds and succeed or fail, and notes who begins when, and who is dropped.
async fn race(candidates: &[(u64, bool)], delay: Option<u64>) -> (Option<usize>, Vec<usize>, Vec<String>) {
    struct Noted<'a>(&'a RefCell<Vec<String>>, usize, bool);
    impl Drop for Noted<'_> {
        fn drop(&mut self) {
            if !self.2 {
                self.0.borrow_mut().push(format!("{} dropped", self.1));
            }
        }
    }

    let notes = RefCell::new(Vec::new());
    let begun = heist::Handle::current().unwrap().time();
    let start = |number: usize, (millis, succeeds): (u64, bool)| {
        let notes = &notes;
        move || async move {
            let now = heist::Handle::current().unwrap().time() - begun;
            notes.borrow_mut().push(format!("{number} at {}", now.as_millis()));
            let mut noted = Noted(notes, number, false);
            sleep(Duration::from_millis(millis)).await;
            noted.2 = true;
            if succeeds { Ok(number) } else { Err(number) }
        }
    };
    let candidates: Vec<_> =
        candidates.iter().enumerate().map(|(number, &what)| start(number, what)).collect();
    let race = staggered_race(candidates, delay.map(Duration::from_millis)).await;
    let winner = race.winner.map(|(number, value)| {
        assert_eq!(number, value);
        number
    });
    let failures = race.failures.into_iter().map(|(number, error)| {
        assert_eq!(number, error);
        number
    });
    let failures = failures.collect();
    (winner, failures, notes.into_inner())
}

#[test]
fn b260_staggered_race() {
    const FAILS: bool = false;
    const SUCCEEDS: bool = true;
    let strings = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    in_order(async {
        assert_eq!(race(&[], Some(100)).await, (None, vec![], vec![]), "no candidates, no winner");
        // Without a delay the next one begins only after a failure.
        let sequence = race(&[(500, FAILS), (500, SUCCEEDS), (0, SUCCEEDS)], None).await;
        assert_eq!(sequence, (Some(1), vec![0], strings(&["0 at 0", "1 at 500"])));
        // With one, a slow first candidate is overtaken, and dropped.
        let overtaken = race(&[(500, SUCCEEDS), (10, SUCCEEDS), (0, SUCCEEDS)], Some(100)).await;
        assert_eq!(overtaken, (Some(1), vec![], strings(&["0 at 0", "1 at 100", "0 dropped"])));
        // A failure of the latest begins the next one at once, with a head start of its own.
        let failed = race(&[(10, FAILS), (500, SUCCEEDS), (0, SUCCEEDS)], Some(100)).await;
        assert_eq!(failed, (Some(2), vec![0], strings(&["0 at 0", "1 at 10", "2 at 110", "1 dropped"])));
        // The slow first one may still win.
        let first = race(&[(120, SUCCEEDS), (500, SUCCEEDS)], Some(100)).await;
        assert_eq!(first, (Some(0), vec![], strings(&["0 at 0", "1 at 100", "1 dropped"])));
        // All failures, in the order of the candidates, not of time.
        let failures = race(&[(300, FAILS), (10, FAILS), (20, FAILS)], Some(100)).await;
        assert_eq!(failures, (None, vec![0, 1, 2], strings(&["0 at 0", "1 at 100", "2 at 110"])));
    });
}

#[test]
fn b260_a_race_dropped_drops_its_candidates() {
    in_order(async {
        let held = std::rc::Rc::new(());
        let candidates = [held.clone(), held.clone()].map(|held| {
            move || async move {
                let _held = held;
                pending::<Result<(), ()>>().await
            }
        });
        let racing = staggered_race(candidates, Some(Duration::from_millis(1)));
        heist::timeout(Duration::from_secs(1), racing).await.unwrap_err();
        assert_eq!(std::rc::Rc::strong_count(&held), 1);
    });
}

#[test]
#[cfg(target_os = "linux")]
fn an_address_that_does_not_answer_is_overtaken_and_its_socket_closed() {
    on_each_flavour(|| async {
        let hole = black_hole::BlackHole::new();
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let good = listener.local_addr().unwrap();
        // The first attempt has the port, so that the second one takes any other.
        let local = [free_address(), SocketAddr::from(([127, 0, 0, 1], 0))];
        let (_reader, writer) = open_connection([hole.address(), good]).local_addr(local).await.unwrap();
        assert_eq!(writer.peer_addr().unwrap(), good);
        assert_ne!(writer.local_addr().unwrap(), local[0]);
        assert!(!is_taken(local[0]));
        // One at a time, it is waited for.
        let waiting = open_connection([hole.address(), good]).happy_eyeballs_delay(None);
        let error = waiting.timeout(Duration::from_secs(30)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        // Through the plain socket, too.
        let stream = heist::net::TcpStream::connect([hole.address(), good]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), good);
    });
}

#[test]
fn families_are_interleaved_and_may_be_chosen() {
    on_each_flavour(|| async {
        let v4 = [free_address(), free_address()];
        let v6 = v4.map(|address| SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, address.port())));
        let all = [v6[0], v6[1], v4[0], v4[1]];
        let interleaved = open_connection(all).await.unwrap_err();
        assert_eq!(attempts(&interleaved), [v6[0], v4[0], v6[1], v4[1]]);
        assert_eq!(attempts(&open_connection(all).interleave(0).await.unwrap_err()), all);
        assert_eq!(
            attempts(&open_connection(all).interleave(2).await.unwrap_err()),
            [v6[0], v6[1], v4[0], v4[1]]
        );
        assert_eq!(attempts(&open_connection(all).family(Family::V4).await.unwrap_err()), v4);
        assert_eq!(attempts(&open_connection(all).family(Family::V6).await.unwrap_err()), v6);
    });
}

#[test]
fn a071_a_ready_socket_must_be_a_connected_stream_socket_and_nothing_else_be_said() {
    on_each_flavour(|| async {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let datagrams = open_connection_on(UdpSocket::bind("127.0.0.1:0").unwrap()).await.unwrap_err();
        assert_eq!(datagrams.kind(), ErrorKind::InvalidInput);
        assert!(datagrams.to_string().contains("stream socket"), "{datagrams}");
        let unconnected = open_connection_on(listener.try_clone().unwrap()).await.unwrap_err();
        assert_eq!(unconnected.kind(), ErrorKind::NotConnected);
        assert!(unconnected.to_string().contains("connect it first"), "{unconnected}");
        let connected = || StdStream::connect(address).unwrap();
        let family = open_connection_on(connected()).family(Family::V4).await.unwrap_err();
        assert_eq!(family.kind(), ErrorKind::InvalidInput);
        let local = open_connection_on(connected()).local_addr(free_address()).await.unwrap_err();
        assert!(
            local.to_string().contains("local_addr") && local.to_string().contains("leave them out"),
            "{local}"
        );
        #[cfg(unix)]
        {
            let file = std::fs::File::open("/dev/null").unwrap();
            let error = open_connection_on(std::os::fd::OwnedFd::from(file)).await.unwrap_err();
            assert!(error.to_string().contains("no socket"), "{error}");
        }
    });
}

#[test]
fn a_ready_socket_becomes_streams() {
    for_each_flavour(|builder| {
        let served = builder.build().unwrap().run(async {
            let listener = StdListener::bind("127.0.0.1:0").unwrap();
            let near = StdStream::connect(listener.local_addr().unwrap()).unwrap();
            let (far, _) = listener.accept().unwrap();
            let (mut reader, writer) = open_connection_on(near).limit(16).await.unwrap();
            let (mut far_reader, far_writer) = open_connection_on(far).await.unwrap();
            assert_eq!(reader.limit(), 16);
            writer.write(b"ping\n");
            assert_eq!(far_reader.readline().await.unwrap(), b"ping\n");
            far_writer.write(b"pong\n");
            reader.readline().await.unwrap()
        });
        assert_eq!(served.unwrap(), b"pong\n");
    });
}

#[test]
fn a072_no_address_at_all_is_an_error() {
    on_each_flavour(|| async {
        let none: [&str; 0] = [];
        for error in [
            open_connection(Vec::new()).await.map(drop).unwrap_err(),
            open_connection((none, 80)).await.map(drop).unwrap_err(),
            start_server(async |_, _| {}, Vec::new()).await.map(drop).unwrap_err(),
        ] {
            assert!(error.to_string().contains("no address"), "{error}");
        }
        let error = open_connection(("127.0.0.1", 80)).family(Family::V6).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
        assert!(error.to_string().contains("none of the addresses"), "{error}");
    });
}
