#![cfg(all(target_os = "linux", not(heist_loom)))]
//! Scarce descriptors, and what is left of a loop when it is closed: nothing. Each in a process of its own, since limits
//! and counts are of the whole process.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use descriptors::{EMFILE, Only, code, descriptors};
use support::servers::echo_server;
use support::{Copy, in_a_copy, role};

#[path = "support/descriptors.rs"]
mod descriptors;
mod support;

/// How many threads this process has.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// Sends a word and has it back.
async fn round_trip(address: SocketAddr) {
    let (mut reader, writer) = heist::open_connection(address).await.unwrap();
    writer.write(b"word");
    assert_eq!(reader.readexactly(4).await.unwrap(), b"word");
    writer.close();
    writer.wait_closed().await.unwrap();
}

#[test]
fn connecting_without_descriptors_fails_and_works_again_later() {
    in_a_copy("connecting_without_descriptors_fails_and_works_again_later", || {
        for builder in [heist::Runner::builder(), heist::Runner::builder().current_thread()] {
            let mut runner = builder.build().unwrap();
            runner
                .run(async {
                    // Listening, not accepting: only this end of a connection takes a descriptor.
                    let listener = heist::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
                    let address = listener.local_addr().unwrap();
                    let before = descriptors();
                    let only = Only::more(10);
                    let mut connections = Vec::new();
                    let error = loop {
                        match heist::open_connection(address).await {
                            Ok(connection) => connections.push(connection),
                            Err(error) => break error,
                        }
                        assert!(connections.len() < 20, "the limit does not hold");
                    };
                    assert!(connections.len() >= 5, "{}: {error}", connections.len());
                    let reason =
                        error.get_ref().and_then(|error| error.downcast_ref::<heist::ConnectError>());
                    let (tried, reason) = &reason.expect("a ConnectError").attempts()[0];
                    assert_eq!((*tried, reason.raw_os_error()), (address, Some(EMFILE)));
                    assert!(error.to_string().contains("open files"), "{error}");
                    // It goes on failing, and each failure leaves nothing behind.
                    for _ in 0..50 {
                        heist::open_connection(address).await.unwrap_err();
                    }
                    // So do loops, which need descriptors of their own.
                    let error = heist::EventLoop::new().unwrap_err();
                    assert_eq!(error.raw_os_error(), Some(EMFILE), "{error}");

                    connections.clear();
                    drop(only);
                    assert_eq!(descriptors(), before);
                    heist::open_connection(address).await.unwrap();
                })
                .unwrap();
        }
    });
}

/// All that takes descriptors, beside connections and children.
const TAKERS: [&str; 15] = [
    "listener",
    "server",
    "unix server",
    "unix connection",
    "datagrams",
    "endpoint",
    "datagram pair",
    "pipe",
    "terminal",
    "stderr",
    "file",
    "directory",
    "signal",
    "watched",
    "name",
];

/// Takes descriptors, and gives them back.
async fn take(what: &str, free: &Path, served: &Path) -> io::Result<()> {
    let end = async |server: heist::Server| {
        server.close();
        server.wait_closed().await;
    };
    match what {
        "listener" => heist::net::TcpListener::bind("127.0.0.1:0").await.map(drop),
        "server" => {
            let hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
            end(heist::start_server(async |_, _| {}, (hosts, 0)).await?).await;
            Ok(())
        }
        "unix server" => {
            let started = heist::start_unix_server(async |_, _| {}, free).await;
            assert_eq!(free.exists(), started.is_ok(), "a server that failed leaves no file");
            end(started?).await;
            Ok(())
        }
        "unix connection" => heist::open_unix_connection(served).await.map(drop),
        "datagrams" => heist::net::UdpSocket::bind("127.0.0.1:0").await.map(drop),
        "endpoint" => {
            struct Quiet;
            impl heist::DatagramProtocol for Quiet {
                fn datagram_received(&mut self, _data: &[u8], _addr: SocketAddr) {}
            }
            let (transport, _) = heist::create_datagram_endpoint(|| Quiet).local_addr("127.0.0.1:0").await?;
            transport.abort();
            Ok(())
        }
        "datagram pair" => heist::net::UnixDatagram::pair().map(drop),
        "pipe" => heist::pipe::pipe().map(drop),
        "terminal" => heist::pipe::open_pty().map(drop),
        "stderr" => heist::stderr().map(drop),
        "file" => heist::fs::File::open("/dev/null").await.map(drop),
        "directory" => heist::fs::read_dir("/dev").await.map(drop),
        "signal" => heist::signal(heist::signal::SIGUSR1).map(drop).map_err(io::Error::from),
        "watched" => heist::net::AsyncFd::duplicating(io::stderr()).map(drop),
        // Looked up in a file.
        "name" => heist::getaddrinfo("localhost", 80).await.map(drop),
        other => unreachable!("{other}"),
    }
}

/// With no descriptor left, with one, and so on, until there are enough.
async fn with_ever_more(what: &str, free: &Path, served: &Path) {
    take(what, free, served).await.unwrap();
    let (before, mut failures) = (descriptors(), Vec::new());
    for left in 0.. {
        let only = Only::more(left);
        let taken = take(what, free, served).await;
        drop(only);
        // What was begun on another thread or by a task of the loop ends there.
        while descriptors() > before {
            heist::sleep(Duration::from_millis(1)).await;
        }
        match taken {
            Ok(()) => break,
            Err(error) => failures.push(error),
        }
        assert!(left < 20, "{what}: {failures:?}");
    }
    let told = |error: &io::Error| what == "name" || code(error) == Some(EMFILE);
    assert!(!failures.is_empty() && failures.iter().all(told), "{what}: {failures:?}");
}

#[test]
fn whatever_fails_for_want_of_descriptors_says_so_and_leaves_none_taken() {
    in_a_copy("whatever_fails_for_want_of_descriptors_says_so_and_leaves_none_taken", || {
        let (free, served) = (support::temporary_path("free"), support::temporary_path("served"));
        let _listener = std::os::unix::net::UnixListener::bind(&served).unwrap();
        for builder in [heist::Runner::builder(), heist::Runner::builder().current_thread()] {
            let mut runner = builder.build().unwrap();
            for what in TAKERS {
                let waited = Duration::from_secs(30);
                let tried = runner.run(heist::timeout(waited, with_ever_more(what, &free, &served)));
                tried.unwrap().unwrap_or_else(|_| panic!("{what}: {} descriptors", descriptors()));
            }
        }
        std::fs::remove_file(served).unwrap();
    });
}

/// How many connections come at once; more than the server has descriptors for.
const CROWD: usize = 30;

#[test]
fn a_server_without_descriptors_serves_the_rest_later() {
    const TEST: &str = "a_server_without_descriptors_serves_the_rest_later";
    if role().is_some() {
        heist::run(async {
            let (server, address) = echo_server().await;
            // What the loop makes on first use is there before the limit is.
            round_trip(address).await;
            let _only = Only::more(CROWD / 3);
            println!("\nport {}", address.port());
            server.serve_forever().await.unwrap();
        });
        return;
    }
    let mut copy = Copy::start(TEST, "server");
    let port = copy.stdout.until("port ")[5..].parse().unwrap();
    let connect = |number: usize| {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(stream, "{number:03}").unwrap();
        stream
    };
    let crowd: Vec<_> = (0..CROWD).map(connect).collect();
    // All are connected as far as the system is concerned; the server says that it has no more room.
    let report = copy.stderr.until("cannot accept connections");
    assert!(report.contains("open files"), "{report}");
    // They are served in the order in which they came: each leaves after its answer, and makes room for another.
    for (number, mut stream) in crowd.into_iter().enumerate() {
        let mut answer = [0; 3];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, format!("{number:03}").as_bytes());
    }
    // And it goes on as before.
    let mut answer = [0; 3];
    connect(777).read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"777");
}

/// Waits until a count is down to `expected`: the system takes a joined thread off its list a moment later.
fn comes_down(what: &str, expected: usize, count: impl Fn() -> usize) {
    let end = Instant::now() + Duration::from_secs(10);
    while count() != expected {
        assert!(Instant::now() < end, "{what}: {} instead of {expected}", count());
        std::thread::yield_now();
    }
}

/// Uses a bit of everything, and leaves much of it unfinished.
async fn busy() {
    let (server, address) = echo_server().await;
    for _ in 0..20 {
        round_trip(address).await;
    }
    heist::gather((0..10).map(|_| round_trip(address))).await.unwrap();
    let refused = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    for _ in 0..20 {
        let error = heist::open_connection(refused).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
    heist::open_connection(("no such host", 80)).await.unwrap_err();
    heist::start_server(async |_, _| {}, address).await.unwrap_err();
    heist::to_thread(|| ()).await.unwrap();

    // Left open, waiting, and running.
    let queue = heist::Queue::<u8>::new();
    let mut running = Vec::new();
    for _ in 0..10 {
        let (mut reader, writer) = heist::open_connection(address).await.unwrap();
        let queue = queue.clone();
        running.push(heist::create_task(async move {
            let read = reader.read(1).await;
            drop((read, writer, queue));
        }));
    }
    running.push(heist::create_task(async move {
        // Nobody puts anything in: it waits until the loop is closed.
        assert_eq!(queue.get().await, Err(heist::QueueShutDown(())));
    }));
    running.push(heist::create_task(async { drop(heist::ctrl_c().await) }));
    running.push(heist::create_task(heist::sleep(Duration::from_secs(3600))));
    running.push(heist::create_task(async move { drop(server.serve_forever().await) }));
    heist::yield_now().await;
    // Dropping the handles lets the tasks run on.
    drop(running);
}

#[test]
fn a_closed_loop_leaves_no_descriptor_and_no_thread() {
    in_a_copy("a_closed_loop_leaves_no_descriptor_and_no_thread", || {
        // What the process makes once (random seeds, the table of signals) is made by a first round.
        let mut before = None;
        for round in 0..4 {
            for builder in [
                heist::Runner::builder().workers(1),
                heist::Runner::builder().workers(3),
                heist::Runner::builder().current_thread(),
            ] {
                let what = format!("round {round}, {builder:?}");
                let mut runner = builder.build().unwrap();
                runner.run(busy()).unwrap();
                // The second run finds the tasks of the first.
                runner.run(heist::yield_now()).unwrap();
                runner.close();
                let (open, running) = *before.get_or_insert_with(|| (descriptors(), threads()));
                comes_down(&format!("descriptors, {what}"), open, descriptors);
                comes_down(&format!("threads, {what}"), running, threads);
            }
        }
    });
}

#[test]
fn a_refused_run_leaves_no_descriptor_and_no_thread() {
    in_a_copy("a_refused_run_leaves_no_descriptor_and_no_thread", || {
        for builder in [heist::Runner::builder(), heist::Runner::builder().current_thread()] {
            let mut runner = builder.build().unwrap();
            runner
                .run(async {
                    heist::yield_now().await;
                    let before = (descriptors(), threads());
                    for make in [heist::Runner::builder, || heist::Runner::builder().current_thread()] {
                        let mut refused = make().build().unwrap();
                        let task =
                            refused.get_loop().unwrap().create_task(heist::sleep(Duration::from_secs(3600)));
                        refused.run(async {}).unwrap_err();
                        drop(refused);
                        assert!(task.await.unwrap_err().is_cancelled());
                    }
                    comes_down("descriptors", before.0, descriptors);
                    comes_down("threads", before.1, threads);
                    // The loop that goes on is this one.
                    assert_eq!(heist::create_task(async { 7 }).await.unwrap(), 7);
                    heist::sleep(Duration::from_millis(1)).await;
                })
                .unwrap();
        }
    });
}
