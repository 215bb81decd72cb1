#![cfg(all(unix, not(heist_loom)))]
//! The reverse proxy: in front of a real PostgreSQL, in front of nobody, and with peers that end in every way.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use support::Directory;
use support::daemon::{eventually, free_port};
use support::postgres::{Cluster, client, succeeds};
use support::{Copy, program};

mod support;
#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/tcp_proxy/main.rs"]
mod tcp_proxy;

/// The test that runs the program, in a copy.
const PROGRAM: &str = "it_refuses_what_it_does_not_know";
/// How long a peer of ours may wait for bytes before the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn it_refuses_what_it_does_not_know() {
    program::run_in_a_copy(tcp_proxy::program);
    for args in [["--idle-limit", "-1"], ["--max-connections", "many"], ["--colour", "1"]] {
        assert_eq!(program::start(PROGRAM, &args).wait().code(), Some(2), "{args:?}");
    }
    // What is well-formed and cannot be is said, too.
    let mut copy = program::start(PROGRAM, &["--max-connections", "0"]);
    copy.stderr.until("tcp_proxy: ");
    assert_eq!(copy.wait().code(), Some(1));
}

/// A proxy to a port of 127.0.0.1, and its own port.
fn proxy(to: u16, args: &[&str]) -> (Copy, u16) {
    let to = format!("127.0.0.1:{to}");
    let mut copy = program::start(PROGRAM, &[&["--to", &to], args].concat());
    let line = copy.stdout.until("Serving on ");
    let port = line.strip_prefix("Serving on 127.0.0.1:").and_then(|rest| rest.split(',').next());
    (copy, port.and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("{line}")))
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A server that serves one connection as it is told.
fn backend<T: Send + 'static>(serve: impl FnOnce(TcpStream) -> T + Send + 'static) -> (u16, JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        serve(stream)
    });
    (port, thread)
}

fn rest(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Lines of all lengths, and characters of all lengths; as COPY writes them, no two of them equal.
fn table(lines: u32) -> Vec<u8> {
    let mut text = Vec::new();
    for n in 0..lines {
        let width = (n % 97) as usize;
        writeln!(text, "{n}\tä€😀{}", "x".repeat(width)).unwrap();
    }
    text
}

#[test]
fn copies_of_megabytes_through_it_are_exact() {
    let Some(cluster) = Cluster::start() else { return };
    let (_proxy, port) = proxy(cluster.port(), &[]);
    let directory = Directory::new("copy");
    let (there, back) = (directory.file("there"), directory.file("back"));
    let sent = table(100_000);
    assert!(sent.len() > 5_000_000);
    std::fs::write(&there, &sent).unwrap();

    let psql = |sql: &str| succeeds(client("psql", port).args(["-qc", sql]));
    psql("create table lines (n int, text text)");
    psql(&format!("\\copy lines from '{}'", there.display()));
    psql(&format!("\\copy (select * from lines order by n) to '{}'", back.display()));
    assert!(std::fs::read(&back).unwrap() == sent, "what came back is not what was sent");

    // Two faults could undo each other: what the server has is what was sent, too.
    let stored =
        cluster.query("select md5(string_agg(n || E'\\t' || text || E'\\n', '' order by n)) from lines");
    let file = succeeds(Command::new("md5sum").arg(&there)).stdout;
    assert_eq!(file[..32], *stored.as_bytes());
}

#[test]
fn pgbench_runs_through_it() {
    let Some(cluster) = Cluster::start() else { return };
    let (mut proxy, port) = proxy(cluster.port(), &["--max-connections", "100"]);
    succeeds(client("pgbench", port).args(["--initialize", "--scale=1", "--quiet"]));
    let output = succeeds(client("pgbench", port).args(["--client=8", "--jobs=2", "--transactions=50"]));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("number of transactions actually processed: 400/400"), "{report}");
    // Each transaction wrote a row of history, in this table at least.
    assert_eq!(cluster.query("select count(*) from pgbench_history"), "400");

    proxy.interrupt();
    proxy.stdout.until("(0 now), 0 without a server, 0 too silent");
    assert_eq!(proxy.wait().code(), Some(0));
}

#[test]
fn a_client_that_is_killed_mid_transfer_takes_its_query_with_it() {
    let Some(cluster) = Cluster::start() else { return };
    let (mut proxy, port) = proxy(cluster.port(), &[]);
    let endless = "copy (select generate_series(1, 1000000000), repeat('x', 1000)) to stdout";
    let mut psql = client("psql", port).args(["-qc", endless]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(psql.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("1\t"));
    let running = "select count(*) from pg_stat_activity where query like 'copy (select generate%'";
    assert_eq!(cluster.query(running), "1");

    psql.kill().unwrap();
    psql.wait().unwrap();
    eventually("the server's query ends", || cluster.query(running) == "0");
    proxy.stderr.until("connection broke: ");

    // Others are served on.
    assert_eq!(succeeds(client("psql", port).args(["-Atqc", "select 6 * 7"])).stdout, b"42\n");
    proxy.interrupt();
    proxy.stdout.until("2 clients (0 now), 0 without a server, 0 too silent, 1 broken");
    assert_eq!(proxy.wait().code(), Some(0));
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let nobody = free_port();
    let (mut proxy, port) = proxy(nobody, &[]);
    for _ in 0..2 {
        let stream = connect(port);
        // Closed or reset: nothing came, in any case.
        let mut bytes = Vec::new();
        let _ = (&stream).read_to_end(&mut bytes);
        assert!(bytes.is_empty());
        proxy.stderr.until(&format!("cannot reach 127.0.0.1:{nobody}: "));
    }
    proxy.interrupt();
    proxy.stdout.until("2 clients (0 now), 2 without a server");
    assert_eq!(proxy.wait().code(), Some(0));
}

#[test]
fn the_end_of_one_direction_is_passed_on_and_the_other_goes_on() {
    // The server answers only when the client has said all.
    let (port, served) = backend(|mut stream| {
        let all = rest(&stream);
        stream.write_all(&all.to_ascii_uppercase()).unwrap();
        all.len()
    });
    let (_proxy, port) = proxy(port, &[]);
    let mut stream = connect(port);
    let sent = "half closed ".repeat(100_000);
    stream.write_all(sent.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(rest(&stream) == sent.to_ascii_uppercase().as_bytes());
    assert_eq!(served.join().unwrap(), sent.len());
}

#[test]
fn a_server_that_has_said_all_still_hears_the_client() {
    let (port, served) = backend(|mut stream| {
        stream.write_all(b"all I had to say").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        rest(&stream)
    });
    let (_proxy, port) = proxy(port, &[]);
    let mut stream = connect(port);
    assert_eq!(rest(&stream), b"all I had to say");
    // Only now.
    stream.write_all(b"and yet").unwrap();
    drop(stream);
    assert_eq!(served.join().unwrap(), b"and yet");
}

#[test]
fn a_server_that_breaks_off_breaks_the_client() {
    let (port, served) = backend(|mut stream| {
        stream.write_all(b"incomplete").unwrap();
        // Unread bytes make the system send a reset.
        stream.peek(&mut [0]).unwrap();
    });
    let (mut proxy, port) = proxy(port, &[]);
    let mut stream = connect(port);
    stream.write_all(b"never read").unwrap();
    served.join().unwrap();
    let line = proxy.stderr.until("broke: ");
    assert!(line.contains("reset") || line.contains("broken pipe"), "{line}");
    // An end that would pass for a good one does not come.
    assert!((&stream).read_to_end(&mut Vec::new()).is_err());
}

#[test]
fn silence_has_a_limit_that_bytes_put_off() {
    let (port, served) = backend(|mut stream| {
        stream.write_all(b"hello").unwrap();
        // The proxy cuts it off.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let (mut proxy, port) = proxy(port, &["--idle-limit", "0.3"]);
    let mut stream = connect(port);
    let begun = std::time::Instant::now();
    stream.read_exact(&mut [0; 5]).unwrap();
    let _ = stream.read_to_end(&mut Vec::new());
    assert!(begun.elapsed() >= Duration::from_millis(250), "{:?}", begun.elapsed());
    proxy.stderr.until("closed after 300ms of silence");
    served.join().unwrap();
    proxy.interrupt();
    proxy.stdout.until("1 too silent");
}

/// A server that sends back what comes, to all who come.
fn echo() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || std::io::copy(&mut stream.try_clone().unwrap(), &mut stream));
        }
    });
    port
}

#[test]
#[cfg(target_os = "linux")]
fn connections_leave_nothing_behind() {
    let (copy, port) = proxy(echo(), &[]);
    let round = |n: usize| {
        let mut stream = connect(port);
        stream.write_all(b"hello").unwrap();
        // Some are gone before the answer is.
        if n % 3 > 0 {
            stream.read_exact(&mut [0; 5]).unwrap();
        }
    };
    (0..100).for_each(round);
    let memory = program::resident(&copy);
    (0..500).for_each(round);
    eventually("all descriptors are given back", || program::descriptors(&copy) < 50);
    let grown = program::resident(&copy).saturating_sub(memory);
    assert!(grown < 4_000_000, "{grown} bytes more");
}

#[test]
fn who_comes_over_the_limit_waits_until_another_has_left() {
    let echo = echo();
    let (_proxy, port) = proxy(echo, &["--max-connections", "1"]);
    let (mut first, mut second) = (connect(port), connect(port));
    let mut byte = [0];
    first.write_all(b"1").unwrap();
    first.read_exact(&mut byte).unwrap();
    second.write_all(b"2").unwrap();
    second.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(second.read_exact(&mut byte).is_err(), "served beside the first");

    drop(first);
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    second.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"2");
}

#[test]
fn ctrl_c_lets_connections_end_and_names_those_that_do_not() {
    let (port, served) = backend(|mut stream| {
        stream.write_all(b"welcome").unwrap();
        // Until it is cut off.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let (mut proxy, port) = proxy(port, &["--shutdown-limit", "0.2"]);
    let mut stream = connect(port);
    stream.read_exact(&mut [0; 7]).unwrap();
    proxy.interrupt();
    proxy.stdout.until("Ending, with 1 connections");
    let report = proxy.stdout.until("0 connections ended by themselves; 1 cancelled at the limit: ");
    assert!(report.contains(&stream.local_addr().unwrap().to_string()), "{report}");
    proxy.stdout.until("1 clients (0 now)");
    // What is cut off is not taken for complete.
    assert!(stream.read_to_end(&mut Vec::new()).is_err());
    assert_eq!(proxy.wait().code(), Some(0));
    served.join().unwrap();
}
