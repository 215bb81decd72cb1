#![cfg(all(unix, not(heist_loom)))]
//! The server that speaks Redis' protocol: beside the original, under its tools, and with clients that mean no good.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use redis_server::resp::{Limits, Parser, ProtocolError};
use redis_server::store::{Refusal, Side, Store};
use support::daemon::eventually;
use support::postgres::succeeds;
use support::redis::Redis;
use support::{Copy, Lines, peers, program};

#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/redis_server/main.rs"]
mod redis_server;
mod support;

/// The test that runs the program, in a copy.
const PROGRAM: &str = "it_refuses_what_it_does_not_know";
/// How long a reply may take before the test has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn it_refuses_what_it_does_not_know() {
    program::run_in_a_copy(redis_server::program);
    for args in [["--max-memory", "much"], ["--port", "1"]] {
        assert_eq!(program::start(PROGRAM, &args).wait().code(), Some(2), "{args:?}");
    }
}

fn server(args: &[&str]) -> (Copy, u16) {
    let mut copy = program::start(PROGRAM, &[&["--listen", "127.0.0.1:0"], args].concat());
    let line = copy.stdout.until("Ready to accept connections on ");
    let port = line.rsplit(':').next().and_then(|port| port.parse().ok());
    (copy, port.unwrap_or_else(|| panic!("{line}")))
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes, ends our direction, and gives all that comes.
fn exchange(port: u16, sent: &[u8]) -> Vec<u8> {
    let mut stream = connect(port);
    // It may have closed before it has read all.
    let _ = stream.write_all(sent);
    let _ = stream.shutdown(Shutdown::Write);
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    got
}

/// A request as an array.
fn array(words: &str) -> Vec<u8> {
    let words: Vec<_> = words.split(' ').collect();
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        write!(bytes, "${}\r\n{word}\r\n", word.len()).unwrap();
    }
    bytes
}

/// A session whose replies must be those of the original: whatever is right, and whatever is wrong.
const SESSION: &[&str] = &[
    "PING",
    "ping hello",
    "PING a b",
    "ECHO hello",
    "ECHO",
    "echo a b",
    "NOSUCH",
    "nosuch a b c",
    "GET",
    "SET greeting hello",
    "GET greeting",
    "get missing",
    "STRLEN greeting",
    "strlen missing",
    "SET greeting other NX",
    "SET greeting other XX",
    "GET greeting",
    "SET fresh 1 XX",
    "SET fresh 1 NX",
    "SET a 1 EX",
    "SET a 1 EX 0",
    "SET a 1 EX -5",
    "SET a 1 EX ten",
    "SET a 1 NX XX",
    "SET a 1 EX 5 PX 5",
    "SET a 1 EX 5 KEEPTTL",
    "SET a 1 BOGUS",
    "SET a 1 EX 9223372036854775807",
    "SET n 10",
    "INCR n",
    "INCRBY n 5",
    "DECR n",
    "DECRBY n 3",
    "GET n",
    "INCR fresh2",
    "INCR greeting",
    "SET big 9223372036854775807",
    "INCR big",
    "DECR big",
    "INCRBY n ten",
    "INCRBY n 1.5",
    "INCRBY n +1",
    "INCRBY n 007",
    "INCRBY n -0",
    "SET small -9223372036854775808",
    "DECR small",
    "APPEND greeting !",
    "APPEND new text",
    "GET greeting",
    "GET new",
    "MSET x 1 y 2 z 3",
    "MGET x y z none",
    "MSET x",
    "MSET x 1 y",
    "MGET",
    "EXISTS x y none x",
    "DEL x none",
    "DEL x",
    "UNLINK y z",
    "EXISTS x",
    "SET t v EX 100",
    "TTL t",
    "PERSIST t",
    "TTL t",
    "PERSIST t",
    "TTL none",
    "PTTL none",
    "PTTL t",
    "EXPIRE t 50",
    "TTL t",
    "SET t v KEEPTTL",
    "TTL t",
    "SET t v",
    "TTL t",
    "EXPIRE none 5",
    "EXPIRE t ten",
    "EXPIRE t",
    "EXPIRE t 9223372036854775807",
    "EXPIRE t -1",
    "GET t",
    "SET t v PX 100000",
    "TTL t",
    "PEXPIRE t 0",
    "EXISTS t",
    "INCR counted",
    "EXPIRE counted 100",
    "INCR counted",
    "TTL counted",
    "LPUSH l a b c",
    "RPUSH l d",
    "LLEN l",
    "LRANGE l 0 -1",
    "LRANGE l 1 2",
    "LRANGE l -2 -1",
    "LRANGE l 2 1",
    "LRANGE l -100 100",
    "LRANGE l 5 10",
    "LRANGE none 0 -1",
    "LRANGE l a b",
    "LRANGE l 0",
    "LPOP l",
    "RPOP l",
    "LRANGE l 0 -1",
    "RPOP l",
    "RPOP l",
    "RPOP l",
    "LPOP none",
    "EXISTS l",
    "LLEN none",
    "RPUSH list 1 2",
    "GET list",
    "INCR list",
    "APPEND list x",
    "STRLEN list",
    "LPUSH greeting x",
    "LPOP greeting",
    "LLEN greeting",
    "LRANGE greeting 0 -1",
    "MGET list greeting",
    "SET list now-a-text",
    "GET list",
    "TYPE list",
    "TYPE none",
    "RPUSH list2 x",
    "TYPE list2",
    "LPUSH",
    "LPUSH l",
    "SELECT 0",
    "SELECT 99",
    "SELECT zero",
    "CONFIG GET appendonly",
    "CONFIG GET nothing",
    "CLIENT SETNAME me",
    "PUBLISH nobody hello",
    "UNSUBSCRIBE",
    "SUBSCRIBE one two",
    "SUBSCRIBE one",
    "GET greeting",
    "PING",
    "PING hello",
    "UNSUBSCRIBE two none",
    "UNSUBSCRIBE",
    "GET greeting",
    "DBSIZE",
    "FLUSHALL",
    "DBSIZE",
    "QUIT",
];

#[test]
fn its_replies_are_those_of_the_original() {
    let Some(redis) = Redis::start() else { return };
    let (_server, port) = server(&[]);
    // One by one, so that a difference has a name.
    let (mut ours, mut original) = (connect(port), connect(redis.port()));
    for words in SESSION {
        let reply = |stream: &mut TcpStream| {
            stream.write_all(&array(words)).unwrap();
            // The reply to this marks the end of the one before it, also where that is many lines.
            let marker = if words.contains("QUIT") { Vec::new() } else { array("PING end-of-reply") };
            stream.write_all(&marker).unwrap();
            let mut got = Vec::new();
            let mut byte = [0];
            while !got.ends_with(b"end-of-reply\r\n") && stream.read(&mut byte).unwrap() > 0 {
                got.push(byte[0]);
            }
            String::from_utf8(got).unwrap()
        };
        assert_eq!(reply(&mut ours), reply(&mut original), "{words}");
    }
    // And all at once.
    let all: Vec<u8> = SESSION.iter().flat_map(|words| array(words)).collect();
    assert!(exchange(port, &all) == exchange(redis.port(), &all));
}

#[test]
fn what_breaks_the_protocol_gets_the_errors_of_the_original() {
    let Some(redis) = Redis::start() else { return };
    let (_server, port) = server(&["--max-request", "536870912"]);
    let cases: &[&[u8]] = &[
        b"PING\r\nECHO inline\r\n\r\n  \r\nPING\n",
        b"*0\r\n*-1\r\n*-10\r\n*1\r\n$4\r\nPING\r\n",
        b"*1\r\n$536870913\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$abc\r\n",
        b"*1\r\n:4\r\nPING\r\n",
        b"*1\r\nPING\r\n",
        b"*2147483648\r\n",
        b"*abc\r\n",
        b"*1 \r\n",
        b"*+1\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        // Cut off in the middle.
        b"*2\r\n$4\r\nECHO\r\n$10\r\nhalf",
        b"*2\r\n$4\r\nEC",
        b"PI",
    ];
    for case in cases {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let (ours, original) = (text(exchange(port, case)), text(exchange(redis.port(), case)));
        assert_eq!(ours, original, "{}", case.escape_ascii());
    }
    // Bytes that are no text at all, as of a client that speaks TLS.
    let tls = exchange(port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n");
    assert!(tls.starts_with(b"-ERR unknown command"), "{}", tls.escape_ascii());
    // A good client is served after all that.
    assert_eq!(exchange(port, &array("PING")), b"+PONG\r\n");
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_too_large_is_refused_and_takes_no_memory() {
    let (copy, port) = server(&["--max-request", "65536"]);
    let long = |begin: &str, n: usize| [begin.as_bytes(), &vec![b'x'; n]].concat();
    for (case, reply) in [
        (b"*1\r\n$65537\r\n".to_vec(), "-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1\r\n$9223372036854775807\r\n".to_vec(), "-ERR Protocol error: invalid bulk length\r\n"),
        (b"*1048577\r\n".to_vec(), "-ERR Protocol error: invalid multibulk length\r\n"),
        (long("", 200_000), "-ERR Protocol error: too big inline request\r\n"),
        (long("*", 200_000), "-ERR Protocol error: too big count string\r\n"),
        (long("*1\r\n$", 200_000), "-ERR Protocol error: too big count string\r\n"),
        (
            [b"*3\r\n$60000\r\n", &*vec![b'x'; 60_000], b"\r\n$60000\r\n"].concat(),
            "-ERR Protocol error: a request of more than 65536 bytes\r\n",
        ),
        (b"*1\r\n$4\r\nPINGxx".to_vec(), "-ERR Protocol error: a bulk string without its end\r\n"),
        (
            b"ECHO \"quoted\"\r\n".to_vec(),
            "-ERR Protocol error: quotes in an inline request: send an array instead\r\n",
        ),
    ] {
        let got = exchange(port, &case);
        assert_eq!(String::from_utf8_lossy(&got), reply, "{}", case[..case.len().min(40)].escape_ascii());
    }

    // Clients that promise much and send nothing.
    let before = program::resident(&copy);
    let promises: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = connect(port);
            stream.write_all(b"*1000000\r\n$65000\r\n").unwrap();
            stream
        })
        .collect();
    assert_eq!(exchange(port, &array("PING")), b"+PONG\r\n");
    let grown = program::resident(&copy).saturating_sub(before);
    assert!(grown < 20_000_000, "{grown} bytes for {} promises", promises.len());
}

#[test]
#[cfg(target_os = "linux")]
fn clients_leave_nothing_behind() {
    let (copy, port) = server(&[]);
    let round = |n: usize| {
        let good = array(&format!("SET key-{} value", n % 10));
        let bad: &[&[u8]] =
            &[b"*1\r\n$-1\r\n", b"*3\r\n$100\r\nhalf", b"SUBSCRIBE news\r\n", b"\xff\xfe\r\n", b""];
        assert_eq!(exchange(port, &good), b"+OK\r\n");
        exchange(port, bad[n % bad.len()]);
    };
    (0..100).for_each(round);
    let (memory, open) = (program::resident(&copy), program::descriptors(&copy));
    (0..500).for_each(round);
    eventually("all descriptors are given back", || program::descriptors(&copy) <= open);
    let grown = program::resident(&copy).saturating_sub(memory);
    assert!(grown < 4_000_000, "{grown} bytes more");
}

#[test]
fn memory_has_a_limit() {
    let (_server, port) = server(&["--max-memory", "100000"]);
    let value = "v".repeat(40_000);
    let session: Vec<u8> = [
        format!("SET a {value}"),
        format!("SET b {value}"),
        format!("SET c {value}"),
        format!("LPUSH l {value}"),
        // What is replaced makes room.
        format!("SET a {value}"),
        "DEL b".into(),
        format!("SET c {value}"),
    ]
    .iter()
    .flat_map(|words| array(words))
    .collect();
    let refused = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    let expected = format!("+OK\r\n+OK\r\n{refused}{refused}+OK\r\n:1\r\n+OK\r\n");
    assert_eq!(String::from_utf8(exchange(port, &session)).unwrap(), expected);
}

#[test]
fn pieces_make_no_difference() {
    let (_server, port) = server(&[]);
    let session: Vec<u8> =
        ["SET k value", "GET k", "PING", "ECHO hello"].iter().flat_map(|w| array(w)).collect();
    let whole = exchange(port, &session);
    assert_eq!(whole, b"+OK\r\n$5\r\nvalue\r\n+PONG\r\n$5\r\nhello\r\n");
    let mut stream = connect(port);
    stream.set_nodelay(true).unwrap();
    for byte in &session {
        stream.write_all(std::slice::from_ref(byte)).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    let mut got = Vec::new();
    stream.read_to_end(&mut got).unwrap();
    assert_eq!(got, whole);
}

#[test]
fn the_parser_gives_the_same_at_every_cut() {
    let limits = Limits { request: 1000, arguments: 10, inline: 100 };
    let input = b"*2\r\n$3\r\nGET\r\n$0\r\n\r\nPING  x\r\n*-1\r\n*1\r\n$2\r\n\r\n\r\n";
    let requests = |cuts: &[usize]| {
        let mut parser = Parser::new(limits);
        let (mut bytes, mut found, mut sent) = (Vec::new(), Vec::new(), 0);
        for &cut in cuts.iter().chain([&input.len()]) {
            bytes.extend_from_slice(&input[sent..cut]);
            sent = cut;
            while let Some(length) = parser.parse(&bytes)? {
                found.push(parser.arguments(&bytes).into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>());
                bytes.drain(..length);
            }
        }
        assert!(bytes.is_empty());
        Ok::<_, ProtocolError>(found)
    };
    let whole = requests(&[]).unwrap();
    let words = |words: &[&[u8]]| words.iter().map(|word| word.to_vec()).collect::<Vec<_>>();
    assert_eq!(whole, [words(&[b"GET", b""]), words(&[b"PING", b"x"]), words(&[]), words(&[b"\r\n"])]);
    for one in 0..input.len() {
        for two in one..input.len() {
            assert_eq!(requests(&[one, two]).unwrap(), whole, "cut at {one} and {two}");
        }
    }
}

#[test]
fn keys_are_gone_at_their_deadline() {
    let mut store = Store::new(10_000);
    let begin = Instant::now();
    let at = |seconds| begin + Duration::from_secs(seconds);
    store.set(b"short", b"1", Some(at(5))).unwrap();
    store.set(b"long", b"2", Some(at(10))).unwrap();
    store.set(b"ever", b"3", None).unwrap();
    store.push(b"list", Side::Left, &[b"a", b"b"], begin).unwrap();
    assert!(store.set_deadline(b"list", Some(at(7)), begin));
    assert_eq!(store.text(b"list", begin), Err(Refusal::WrongType));

    assert_eq!(store.text(b"short", at(4)), Ok(Some(&b"1"[..])));
    assert_eq!(store.text(b"short", at(5)), Ok(None));
    assert_eq!(store.sweep(at(6), 10), 0);
    assert_eq!(store.sweep(at(10), 1), 1);
    assert_eq!(store.sweep(at(10), 10), 1);
    assert_eq!(store.len(), 1);
    assert!(store.remove(b"ever"));
    // Nothing is left over in the count.
    assert_eq!(store.used(), 0);
}

fn cli(program: PathBuf, port: u16, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]).args(args);
    command
}

#[test]
fn redis_benchmark_runs_on_it() {
    let Some(benchmark) = peers::find("redis-benchmark") else { return };
    let (mut server, port) = server(&[]);
    let tests = "ping,set,get,incr,lpush,rpush,lpop,rpop,lrange_100,mset";
    let args = ["-q", "-n", "4800", "-c", "50", "-P", "16", "-t", tests];
    let output = succeeds(&mut cli(benchmark, port, &args));
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!text.to_lowercase().contains("err") && !text.contains("WARN"), "{text}");
    assert_eq!(text.matches("requests per second").count(), 12, "{text}");
    // Nothing was lost or done twice; 4800 is a multiple of the pipeline, which is never cut.
    assert_eq!(exchange(port, &array("GET counter:__rand_int__")), b"$4\r\n4800\r\n");
    server.interrupt();
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn redis_cli_talks_to_it() {
    let Some(program) = peers::find("redis-cli") else { return };
    let (_server, port) = server(&[]);
    let ask = |args: &[&str]| {
        let output = succeeds(&mut cli(program.clone(), port, args));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(ask(&["set", "words", "with spaces and \"quotes\""]), "OK\n");
    assert_eq!(ask(&["get", "words"]), "with spaces and \"quotes\"\n");
    assert_eq!(ask(&["lpush", "l", "a", "b"]), "2\n");
    assert_eq!(ask(&["lrange", "l", "0", "-1"]), "b\na\n");
    assert!(ask(&["info"]).contains("connected_clients:1"));

    let mut listening = cli(program.clone(), port, &["subscribe", "news"]);
    let mut listener = listening.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut heard = Lines::of(listener.stdout.take().unwrap());
    heard.until("subscribe");
    eventually("somebody listens", || ask(&["publish", "news", "extra"]) == "1\n");
    heard.until("extra");
    listener.kill().unwrap();
    listener.wait().unwrap();
    eventually("nobody listens", || ask(&["publish", "news", "more"]) == "0\n");
}

#[test]
fn who_does_not_read_its_messages_is_let_go() {
    let (mut server, port) = server(&[]);
    let mut deaf = connect(port);
    deaf.write_all(&array("SUBSCRIBE news")).unwrap();
    let message = array(&format!("PUBLISH news {}", "x".repeat(100_000)));
    let mut speaker = connect(port);
    let mut told = [0; 4];
    // The subscription may be a moment later than the first message.
    eventually("somebody listens", || {
        speaker.write_all(&array("PUBLISH news a")).unwrap();
        speaker.read_exact(&mut told).unwrap();
        told == *b":1\r\n"
    });
    // Its buffers, and its backlog of messages, are full some time.
    eventually("it is let go", || {
        speaker.write_all(&message).unwrap();
        speaker.read_exact(&mut told).unwrap();
        told == *b":0\r\n"
    });
    drop(deaf);
    assert_eq!(exchange(port, &array("PING")), b"+PONG\r\n");
    server.interrupt();
    assert_eq!(server.wait().code(), Some(0));
}
