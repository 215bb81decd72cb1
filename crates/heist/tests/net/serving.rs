//! Servers: behaviours NET 250 to 254, WRITER 300 and 306 to 313, A71, A73 to A75; limits, and the orderly end.

use std::future::{Future, pending, poll_fn};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{
    Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener as StdListener, TcpStream as StdStream, UdpSocket,
};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use heist::{
    Event, ExceptionContext, Server, StreamReader, StreamWriter, catch_cancelled, create_task,
    open_connection, start_server, start_server_on, yield_now,
};

use crate::support::servers::echo;
use crate::support::{for_each_flavour, in_order, in_real_time, on_each_flavour};

const LIMIT: Duration = Duration::from_secs(10);

fn address(server: &Server) -> SocketAddr {
    server.sockets()[0].local_addr().unwrap()
}

/// Waits for whatever comes, and never answers.
async fn silent(mut reader: StreamReader, _writer: StreamWriter) -> io::Result<()> {
    reader.read_to_end().await.map(drop)
}

async fn echo_server() -> Server {
    start_server(echo, (Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

/// One exchange over a connection that stays.
async fn exchange(address: SocketAddr) -> (StreamReader, StreamWriter) {
    let (mut reader, writer) = open_connection(address).await.unwrap();
    writer.write(b"ping");
    assert_eq!(reader.readexactly(4).await.unwrap(), b"ping");
    (reader, writer)
}

async fn end(server: Server) {
    server.close();
    server.abort_clients();
    server.wait_closed().await;
}

async fn is_pending(future: impl Future) -> bool {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

/// Has other tasks run until it is so.
async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        yield_now().await;
    }
}

type Reports = Arc<Mutex<Vec<ExceptionContext>>>;

/// Collects what the exception handler of this loop is told.
fn collect_reports() -> Reports {
    let reports = Reports::default();
    let told = reports.clone();
    let handler =
        move |_: &heist::Handle, context: &ExceptionContext| told.lock().unwrap().push(context.clone());
    heist::Handle::current().unwrap().set_exception_handler(Some(Arc::new(handler)));
    reports
}

#[test]
fn b250_a_server_for_several_hosts_listens_once_on_each_address() {
    on_each_flavour(|| async {
        let server = start_server(echo, (["127.0.0.1", "127.0.0.2", "127.0.0.1"], 0)).await.unwrap();
        let ips: Vec<_> = server.sockets().iter().map(|socket| socket.local_addr().unwrap().ip()).collect();
        assert_eq!(ips, [Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2)]);
        for socket in server.sockets() {
            exchange(socket.local_addr().unwrap()).await;
        }
        end(server).await;
    });
}

#[test]
fn b251_a_port_in_use_closes_what_was_open_so_far() {
    on_each_flavour(|| async {
        let taken = StdListener::bind("127.0.0.1:0").unwrap();
        let taken = (taken.local_addr().unwrap(), taken).0;
        let _taker = StdListener::bind(taken).unwrap();
        let free = SocketAddr::from(([127, 0, 0, 2], taken.port()));
        let error = start_server(echo, [free, taken]).reuse_address(false).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&taken.to_string()), "{error}");
        let again = start_server(echo, free).reuse_address(false).await.unwrap();
        end(again).await;
    });
}

#[test]
fn b252_no_host_means_both_families_apart() {
    on_each_flavour(|| async {
        let server = start_server(echo, (None::<&str>, 0)).await.unwrap();
        let addresses: Vec<_> = server.sockets().iter().map(|socket| socket.local_addr().unwrap()).collect();
        let [v4, rest @ ..] = &addresses[..] else { panic!("no socket") };
        assert_eq!(v4.ip(), Ipv4Addr::UNSPECIFIED);
        exchange((Ipv4Addr::LOCALHOST, v4.port()).into()).await;
        if let [v6] = rest {
            assert_eq!(v6.ip(), Ipv6Addr::UNSPECIFIED);
            exchange((Ipv6Addr::LOCALHOST, v6.port()).into()).await;
            let mapped = open_connection((Ipv4Addr::LOCALHOST, v6.port())).await.unwrap_err();
            assert_eq!(mapped.kind(), ErrorKind::ConnectionRefused, "it takes IPv6 only");
        }
        end(server).await;
    });
}

#[test]
fn b253_connects_are_refused_as_soon_as_the_server_is_closed() {
    on_each_flavour(|| async {
        let server = echo_server().await;
        let address = address(&server);
        let (mut reader, writer) = exchange(address).await;
        server.close();
        // With no turn for any task in between.
        assert_eq!(StdStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        writer.write(b"pong");
        assert_eq!(reader.readexactly(4).await.unwrap(), b"pong", "connections go on");
        end(server).await;
    });
}

#[test]
fn a071_a_ready_socket_is_served_and_must_be_a_bound_stream_socket() {
    on_each_flavour(|| async {
        let socket = StdListener::bind("127.0.0.1:0").unwrap();
        let bound = socket.local_addr().unwrap();
        let server = start_server_on(echo, socket).await.unwrap();
        assert_eq!(address(&server), bound);
        exchange(bound).await;
        end(server).await;

        let datagrams = start_server_on(echo, UdpSocket::bind("127.0.0.1:0").unwrap()).await.unwrap_err();
        assert!(datagrams.to_string().contains("stream socket"), "{datagrams}");
        let unbound = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let unbound = start_server_on(echo, unbound).await.unwrap_err();
        assert_eq!(unbound.kind(), ErrorKind::InvalidInput);
        assert!(unbound.to_string().contains("bind it first"), "{unbound}");
        let ready = || StdListener::bind("127.0.0.1:0").unwrap();
        for both in [
            start_server_on(echo, ready()).reuse_port(true),
            start_server_on(echo, ready()).family(heist::Family::V4),
        ] {
            let error = both.await.unwrap_err();
            assert!(error.to_string().contains("leave them out"), "{error}");
        }
    });
}

#[test]
fn a073_ports_are_shared_on_request_only() {
    on_each_flavour(|| async {
        let alone = echo_server().await;
        let error = start_server(echo, address(&alone)).reuse_port(true).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(!alone.sockets()[0].reuse_port().unwrap() && !alone.sockets()[0].keep_alive().unwrap());
        end(alone).await;
        let first = start_server(echo, "127.0.0.1:0").reuse_port(true).keep_alive(true).await.unwrap();
        assert!(first.sockets()[0].reuse_port().unwrap() && first.sockets()[0].keep_alive().unwrap());
        let second = start_server(echo, address(&first)).reuse_port(true).await.unwrap();
        end(first).await;
        exchange(address(&second)).await;
        end(second).await;
    });
}

#[test]
fn connections_have_the_keep_alive_of_their_server() {
    on_each_flavour(|| async {
        for keep_alive in [false, true] {
            let handler = async |_reader, writer: StreamWriter| {
                let kept = writer.socket().is_some_and(|socket| socket.keepalive().unwrap());
                writer.write(&[u8::from(kept)]);
            };
            let server = start_server(handler, "127.0.0.1:0").keep_alive(keep_alive).await.unwrap();
            let (mut reader, _writer) = open_connection(address(&server)).await.unwrap();
            assert_eq!(reader.read_to_end().await.unwrap(), [u8::from(keep_alive)]);
            end(server).await;
        }
    });
}

/// With a backlog of two, two handlers are started a turn, however many connections wait.
#[test]
fn a074_each_time_at_most_as_many_are_accepted_as_the_backlog_says() {
    in_order(async {
        let server = start_server(silent, "127.0.0.1:0").backlog(2).start_serving(false).await.unwrap();
        server.start_serving().unwrap();
        let address = address(&server);
        let mut most = 0;
        let mut clients = Vec::new();
        for _ in 0..3 {
            // The system keeps one more than it is told.
            clients.extend((0..3).map(|_| StdStream::connect(address).unwrap()));
            while server.connections() < clients.len() {
                let before = server.connections();
                yield_now().await;
                most = most.max(server.connections() - before);
            }
        }
        assert_eq!(most, 2);
        end(server).await;
    });
}

#[test]
fn a075_a_failing_bind_closes_its_socket() {
    let before = std::fs::read_dir("/proc/self/fd").map(Iterator::count);
    on_each_flavour(|| async {
        let taken = StdListener::bind("127.0.0.1:0").unwrap();
        for _ in 0..500 {
            let error = start_server(echo, taken.local_addr().unwrap()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse);
            #[cfg(unix)]
            heist::start_unix_server(echo, "/nowhere/at/all").await.unwrap_err();
        }
    });
    if let (Ok(before), Ok(after)) = (before, std::fs::read_dir("/proc/self/fd").map(Iterator::count)) {
        // Other tests of this process have some, too.
        assert!(after < before + 400, "{before} descriptors before, {after} after");
    }
}

#[test]
fn b300_handlers_async_or_plain() {
    on_each_flavour(|| async {
        let plain = |reader: StreamReader, writer: StreamWriter| {
            let task = create_task(echo(reader, writer));
            drop(task);
            std::future::ready(())
        };
        for server in [echo_server().await, start_server(plain, "127.0.0.1:0").await.unwrap()] {
            let (mut reader, writer) = open_connection(address(&server)).await.unwrap();
            writer.write(b"a line\n");
            assert_eq!(reader.readline().await.unwrap(), b"a line\n");
            end(server).await;
        }
    });
}

/// What the handler does with a line: fails, panics, is cancelled; its writer is held elsewhere all the while.
async fn on_line(
    mut reader: StreamReader,
    writer: StreamWriter,
    kept: Arc<Mutex<Vec<Arc<StreamWriter>>>>,
) -> io::Result<()> {
    let writer = Arc::new(writer);
    kept.lock().unwrap().push(writer.clone());
    let line = reader.readline().await?;
    match &line[..] {
        b"fail\n" => Err(io::Error::other("asked to fail")),
        b"panic\n" => std::panic::resume_unwind(Box::new("asked to panic")),
        b"cancel\n" => heist::raise_cancelled().await,
        _ => {
            writer.write(&line);
            writer.drain().await
        }
    }
}

#[test]
fn b306_b307_what_ends_a_handler_ends_its_connection_and_failures_are_reported() {
    on_each_flavour(|| async {
        let reports = collect_reports();
        let kept = Arc::default();
        let server = start_server(move |r, w| on_line(r, w, Arc::clone(&kept)), "127.0.0.1:0").await.unwrap();
        for (line, told) in
            [("cancel\n", None), ("fail\n", Some("asked to fail")), ("panic\n", Some("asked to panic"))]
        {
            let (mut reader, writer) = open_connection(address(&server)).await.unwrap();
            let name = writer.local_addr().unwrap().to_string();
            writer.write(line.as_bytes());
            assert_eq!(reader.read_to_end().await.unwrap(), b"", "it is closed, although its writer is held");
            until(|| server.connections() == 0).await;
            if let Some(told) = told {
                until(|| !reports.lock().unwrap().is_empty()).await;
                let report = reports.lock().unwrap().remove(0).to_string();
                assert!(report.contains(told) && report.contains(&name), "{report}");
                assert!(report.contains(file!()), "it names the line of `start_server`: {report}");
            }
        }
        let (mut reader, writer) = open_connection(address(&server)).await.unwrap();
        writer.write(b"fine\n");
        assert_eq!(reader.readline().await.unwrap(), b"fine\n", "the server goes on");
        assert!(reports.lock().unwrap().is_empty(), "{reports:?}");
        end(server).await;
    });
}

#[test]
fn the_task_of_a_handler_is_named_after_its_peer() {
    on_each_flavour(|| async {
        let handler = async |_reader, writer: StreamWriter| {
            writer.write(heist::current_task().unwrap().name().as_bytes());
        };
        let server = start_server(handler, "127.0.0.1:0").await.unwrap();
        let (mut reader, writer) = open_connection(address(&server)).await.unwrap();
        let name = String::from_utf8(reader.read_to_end().await.unwrap()).unwrap();
        assert_eq!(name, format!("connection from {}", writer.local_addr().unwrap()));
        end(server).await;
    });
}

#[test]
fn b308_b309_serve_forever_begins_and_its_cancellation_closes_waits_and_goes_on() {
    on_each_flavour(|| async {
        let server = start_server(echo, "127.0.0.1:0").start_serving(false).await.unwrap();
        let address = address(&server);
        assert!(!server.is_serving());
        assert_eq!(StdStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let serving = create_task({
            let server = server.clone();
            async move { server.serve_forever().await }
        });
        until(|| server.is_serving()).await;
        let (mut reader, writer) = exchange(address).await;
        let second = server.serve_forever().await.unwrap_err();
        assert!(second.to_string().contains("already") && server.is_serving(), "{second}");

        serving.cancel();
        until(|| server.sockets().is_empty()).await;
        for _ in 0..20 {
            yield_now().await;
        }
        assert!(!serving.done(), "a connection is open");
        writer.write(b"pong");
        assert_eq!(reader.readexactly(4).await.unwrap(), b"pong");
        writer.close();
        assert!(serving.await.unwrap_err().is_cancelled(), "the cancellation goes on");
        assert!(!server.is_serving());
        assert!(server.serve_forever().await.unwrap_err().to_string().contains("closed"));
    });
}

#[test]
fn a_cancellation_of_serve_forever_may_be_caught_around_it() {
    on_each_flavour(|| async {
        let server = echo_server().await;
        let serving = create_task({
            let server = server.clone();
            async move {
                catch_cancelled(server.serve_forever()).await.unwrap_err();
                server.is_serving()
            }
        });
        while serving.task_ref().cancelling() == 0 {
            yield_now().await;
            serving.cancel();
        }
        match serving.await {
            Ok(serving) => assert!(!serving, "it was closed before its cancellation went on"),
            // It may not have begun.
            Err(error) => assert!(error.is_cancelled()),
        }
        end(server).await;
    });
}

#[test]
fn b310_b311_wait_closed_waits_for_the_server_and_its_connections() {
    on_each_flavour(|| async {
        let server = echo_server().await;
        let (_reader, writer) = exchange(address(&server)).await;
        assert!(is_pending(server.wait_closed()).await, "the server is open");
        server.close();
        assert!(is_pending(server.wait_closed()).await, "a connection is open");
        let waiting = [server.clone(), server.clone()]
            .map(|server| create_task(async move { server.wait_closed().await }));
        writer.close();
        for task in waiting {
            task.await.unwrap();
        }
        assert!(!is_pending(server.wait_closed()).await, "later calls return at once");

        // Both in one turn.
        let server = echo_server().await;
        let (_reader, writer) = exchange(address(&server)).await;
        server.close();
        writer.close();
        server.wait_closed().await;
        assert_eq!(server.connections(), 0);
    });
}

#[test]
fn b312_close_clients_ends_connections_in_good_order() {
    on_each_flavour(|| async {
        let handler = async |mut reader: StreamReader, writer: StreamWriter| {
            writer.write(&[7; 1_000_000]);
            reader.read_to_end().await.map(drop)
        };
        let server = start_server(handler, "127.0.0.1:0").await.unwrap();
        let (mut reader, _writer) = open_connection(address(&server)).await.unwrap();
        assert_eq!(reader.readexactly(1).await.unwrap(), [7]);
        server.close();
        server.close_clients();
        assert_eq!(reader.read_to_end().await.unwrap().len(), 999_999, "what was written is sent");
        server.wait_closed().await;
    });
}

#[test]
fn b313_abort_clients_ends_connections_whose_peer_does_not_read() {
    on_each_flavour(|| async {
        let full = Arc::new(Event::new());
        let handler = {
            let full = full.clone();
            async move |_reader: StreamReader, writer: StreamWriter| {
                while writer.write_buffer_size() == 0 {
                    writer.write(&[7; 1_000_000]);
                }
                full.set();
                writer.drain().await
            }
        };
        let server = start_server(handler, "127.0.0.1:0").await.unwrap();
        collect_reports();
        let _client = StdStream::connect(address(&server)).unwrap();
        full.wait().await;
        server.close();
        server.close_clients();
        assert!(is_pending(server.wait_closed()).await, "the peer does not read");
        server.abort_clients();
        server.wait_closed().await;
    });
}

/// Handlers that say when they run, and stop when they are told.
#[test]
fn no_more_than_max_connections_at_a_time() {
    on_each_flavour(|| async {
        let (most, now) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let handler = {
            let (most, now) = (most.clone(), now.clone());
            async move |reader, writer| {
                let running = now.fetch_add(1, Ordering::AcqRel) + 1;
                most.fetch_max(running, Ordering::AcqRel);
                let echoed = echo(reader, writer).await;
                now.fetch_sub(1, Ordering::AcqRel);
                echoed
            }
        };
        let server = start_server(handler, (["127.0.0.1", "127.0.0.2"], 0)).max_connections(3).await.unwrap();
        let addresses: Vec<_> = server.sockets().iter().map(|socket| socket.local_addr().unwrap()).collect();
        // Three that stay until the others wait.
        let mut held = Vec::new();
        for i in 0..3 {
            held.push(exchange(addresses[i % 2]).await);
        }
        let clients: Vec<_> = (0..30)
            .map(|i| {
                let address = addresses[i % 2];
                create_task(async move {
                    let (_reader, writer) = exchange(address).await;
                    writer.close();
                })
            })
            .collect();
        for _ in 0..20 {
            yield_now().await;
        }
        assert_eq!(server.connections(), 3);
        drop(held);
        for client in clients {
            client.await.unwrap();
        }
        assert_eq!(most.load(Ordering::Acquire), 3);
        end(server).await;
        let none = start_server(echo, "127.0.0.1:0").max_connections(0).await.unwrap_err();
        assert_eq!(none.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn a_server_that_is_full_can_be_closed() {
    on_each_flavour(|| async {
        let server = start_server(echo, "127.0.0.1:0").max_connections(1).await.unwrap();
        let (_reader, writer) = exchange(address(&server)).await;
        let waiting = StdStream::connect(address(&server)).unwrap();
        for _ in 0..20 {
            yield_now().await;
        }
        assert_eq!(server.connections(), 1);
        writer.close();
        end(server).await;
        drop(waiting);
    });
}

#[test]
fn shutdown_of_connections_that_end_by_themselves_is_clean() {
    // In real time: virtual time would not wait for the sockets.
    for_each_flavour(|builder| {
        let report = builder.build().unwrap().run(async {
            let server = echo_server().await;
            let (_reader, writer) = exchange(address(&server)).await;
            let mut shutdown = pin!(std::future::IntoFuture::into_future(server.shutdown(LIMIT)));
            assert!(poll_fn(|cx| Poll::Ready(shutdown.as_mut().poll(cx))).await.is_pending());
            assert!(!server.is_serving());
            writer.close();
            shutdown.await
        });
        let report = report.unwrap();
        assert!(report.is_clean() && report.ended == 1, "{report}");
        assert_eq!(report.to_string(), "1 connection ended by itself");
    });
}

#[test]
fn shutdown_cancels_who_does_not_end_and_says_who_that_was() {
    on_each_flavour(|| async {
        let reports = collect_reports();
        let cleaned = Arc::new(AtomicUsize::new(0));
        let handler = {
            let cleaned = cleaned.clone();
            async move |reader: StreamReader, writer: StreamWriter| {
                let Err(cancelled) = catch_cancelled(echo(reader, writer)).await else { return };
                yield_now().await;
                cleaned.fetch_add(1, Ordering::AcqRel);
                cancelled.resume().await
            }
        };
        let server = start_server(handler, "127.0.0.1:0").await.unwrap();
        let (mut reader, writer) = exchange(address(&server)).await;
        let report = server.shutdown(LIMIT).await;
        assert_eq!((report.ended, report.cancelled.len(), report.remaining.len()), (0, 1, 0), "{report}");
        let peer = writer.local_addr().unwrap();
        assert_eq!(report.cancelled[0].peer.as_socket(), Some(peer));
        assert_eq!(report.cancelled[0].task.as_deref(), Some(&*format!("connection from {peer}")));
        assert!(report.to_string().contains(&format!("1 cancelled at the limit: {peer}")), "{report}");
        assert_eq!(cleaned.load(Ordering::Acquire), 1, "it could clean up");
        assert_eq!(reader.read_to_end().await.unwrap(), b"");
        server.wait_closed().await;
        assert!(reports.lock().unwrap().is_empty(), "{reports:?}");
    });
}

#[test]
fn shutdown_reports_who_does_not_even_end_when_cancelled() {
    on_each_flavour(|| async {
        let stop = Arc::new(Event::new());
        let handler = {
            let stop = stop.clone();
            async move |reader: StreamReader, writer: StreamWriter| {
                let _ = catch_cancelled(echo(reader, writer)).await;
                stop.wait().await;
            }
        };
        let server = start_server(handler, "127.0.0.1:0").await.unwrap();
        let (_reader, writer) = exchange(address(&server)).await;
        let report = server.shutdown(LIMIT).grace(LIMIT).await;
        assert_eq!((report.cancelled.len(), report.remaining.len()), (1, 1), "{report}");
        assert_eq!(report.remaining[0].peer.as_socket(), writer.local_addr().ok());
        assert!(report.to_string().contains("1 did not end within the grace time"), "{report}");
        stop.set();
        assert!(server.shutdown(LIMIT).await.is_clean());
    });
}

#[test]
fn a_scope_closes_its_server_and_waits_for_its_connections() {
    on_each_flavour(|| async {
        let server = echo_server().await;
        let address = address(&server);
        let value = server
            .scope(async |server| {
                let (_reader, writer) = exchange(address).await;
                assert!(server.is_serving());
                writer.close();
                7
            })
            .await;
        assert_eq!((value, server.is_serving(), server.connections()), (7, false, 0));

        let server = echo_server().await;
        let inside = Arc::new(Event::new());
        let task = create_task({
            let (server, inside) = (server.clone(), inside.clone());
            async move {
                server
                    .scope(async |_| {
                        inside.set();
                        pending::<()>().await
                    })
                    .await
            }
        });
        inside.wait().await;
        task.cancel();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(server.sockets().is_empty(), "closed before the cancellation went on");
        server.wait_closed().await;
    });
}

#[test]
fn a_server_knows_its_loop_and_may_be_started_from_another_thread() {
    in_real_time(|| async {
        let server = start_server(echo, "127.0.0.1:0").start_serving(false).await.unwrap();
        assert!(server.get_loop().same_loop(&heist::Handle::current().unwrap()));
        let elsewhere = server.clone();
        std::thread::spawn(move || elsewhere.start_serving()).join().unwrap().unwrap();
        exchange(address(&server)).await;
        end(server).await;
    });
}

#[test]
fn a_loop_that_is_closed_closes_its_servers() {
    for_each_flavour(|builder| {
        let server = builder.build().unwrap().run(async { echo_server().await }).unwrap();
        assert!(server.sockets().is_empty() && !server.is_serving());
        assert!(server.start_serving().is_err());
    });
}

#[test]
fn sockets_can_be_looked_at_until_the_server_is_closed() {
    on_each_flavour(|| async {
        let server = echo_server().await;
        let socket = server.sockets().remove(0);
        assert_eq!(socket.reuse_address().unwrap(), cfg!(unix));
        let dup = StdListener::from(socket.try_clone().unwrap());
        assert_eq!(dup.local_addr().unwrap(), socket.local_addr().unwrap());
        drop(dup);
        end(server).await;
        let error = socket.reuse_address().unwrap_err();
        assert!(error.to_string().contains("closed"), "{error}");
        socket.local_addr().unwrap();
    });
}

/// A reset that comes before the accept is no matter for the server.
#[test]
fn connections_reset_before_they_are_accepted() {
    on_each_flavour(|| async {
        let reports = collect_reports();
        let server = start_server(silent, "127.0.0.1:0").await.unwrap();
        let address = address(&server);
        for _ in 0..20 {
            let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            client.connect(&address.into()).unwrap();
            client.set_linger(Some(Duration::ZERO)).unwrap();
        }
        let mut client = StdStream::connect(address).unwrap();
        until(|| server.connections() > 0).await;
        client.write_all(b"still there").unwrap();
        client.shutdown(std::net::Shutdown::Write).unwrap();
        until(|| server.connections() == 0).await;
        assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
        assert!(server.is_serving());
        // A handler that reads from a connection that was reset may fail; accepting never does.
        let reports = std::mem::take(&mut *reports.lock().unwrap());
        assert!(reports.iter().all(|report| report.message.contains("the handler")), "{reports:?}");
        end(server).await;
    });
}
