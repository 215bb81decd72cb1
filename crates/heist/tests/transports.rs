//! Transports and protocols of byte streams: behaviours TRANS 261 to 274, A78 to A80.
#![cfg(all(unix, not(heist_loom)))]

#[path = "support/recorder.rs"]
mod recorder;
mod support;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::os::unix::net::UnixStream as StdUnix;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heist::{
    BufferedProtocol, ExceptionContext, Protocol, ProtocolError, StreamReader, StreamWriter, Transport,
    connect_accepted_socket, create_connection, create_server, create_unix_connection, create_unix_server,
    open_connection_on, yield_now,
};
use recorder::{Called, Calls, Recorder};
use support::{Copy, for_each_flavour, in_real_time, role};

/// More than any socket takes without a reader.
const MUCH: usize = 16 << 20;

/// A transport with its recorder, over TCP, and the peer's socket.
async fn over_tcp(recorder: Recorder) -> (Transport, Calls, StdStream) {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    let calls = recorder.calls.clone();
    let (transport, _) = create_connection(|| recorder, listener.local_addr().unwrap()).await.unwrap();
    (transport, calls, listener.accept().unwrap().0)
}

/// The same over a pair of Unix sockets, whose buffers have a size of their own.
async fn over_unix(recorder: Recorder) -> (Transport, Calls, StdUnix) {
    let (near, far) = StdUnix::pair().unwrap();
    let calls = recorder.calls.clone();
    let (transport, _) = connect_accepted_socket(|| recorder, near).await.unwrap();
    calls.made().await;
    (transport, calls, far)
}

/// The peer as streams.
async fn streams(peer: impl Into<heist::OwnedSocket>) -> (StreamReader, StreamWriter) {
    open_connection_on(peer).await.unwrap()
}

/// Has others run for a while.
async fn others_run() {
    for _ in 0..100 {
        yield_now().await;
    }
}

type Reports = Arc<Mutex<Vec<ExceptionContext>>>;

/// Collects what the exception handler of this loop is told.
fn collect_reports() -> Reports {
    let reports = Reports::default();
    let told = reports.clone();
    heist::get_running_loop().set_exception_handler(Some(Arc::new(move |_, context| {
        told.lock().unwrap().push(context.clone());
    })));
    reports
}

/// Waits until the exception handler was told of something.
async fn told(reports: &Reports) -> ExceptionContext {
    loop {
        if let Some(context) = reports.lock().unwrap().pop() {
            return context;
        }
        yield_now().await;
    }
}

#[test]
fn b261_made_comes_before_any_data_and_lost_once_and_last() {
    in_real_time(|| async {
        let (near, mut far) = StdUnix::pair().unwrap();
        far.write_all(b"early").unwrap();
        let recorder = Recorder::default();
        let calls = recorder.calls.clone();
        let (transport, protocol) = connect_accepted_socket(move || recorder, near).await.unwrap();
        drop(protocol);
        calls.made().await;
        assert_eq!(calls.data(5).await, b"early");
        drop(far);
        calls.ended().await;
        assert!(calls.lost().await.is_none());
        transport.close();
        transport.abort();
        others_run().await;
        assert!(calls.is_empty());
    });
}

#[test]
fn b262_close_sends_what_is_kept_and_reads_nothing_meanwhile() {
    in_real_time(|| async {
        let (transport, calls, mut peer) = over_unix(Recorder::default()).await;
        transport.write(&vec![7; MUCH]);
        transport.close();
        assert!(transport.is_closing());
        peer.write_all(b"too late").unwrap();
        calls.paused().await;
        let (mut reader, _writer) = streams(peer).await;
        assert!(reader.readexactly(MUCH).await.unwrap().iter().all(|&byte| byte == 7));
        assert!(calls.lost().await.is_none());
    });
}

#[test]
fn b263_closing_again_and_aborting_a_closed_transport_change_nothing() {
    in_real_time(|| async {
        let (transport, calls, peer) = over_tcp(Recorder::default()).await;
        calls.made().await;
        transport.write(b"all");
        transport.close();
        transport.close();
        transport.abort();
        let (mut reader, _writer) = streams(peer).await;
        assert_eq!(reader.read_to_end().await.unwrap(), b"all");
        assert!(calls.lost().await.is_none());
        assert_eq!(transport.peer_addr().unwrap().ip().to_string(), "127.0.0.1");
    });
}

#[test]
fn b264_abort_drops_what_is_kept() {
    in_real_time(|| async {
        let (transport, calls, peer) = over_unix(Recorder::default()).await;
        transport.write(&vec![7; MUCH]);
        calls.paused().await;
        transport.abort();
        assert!(calls.lost().await.is_none());
        assert_eq!(transport.get_write_buffer_size(), 0);
        let (mut reader, _writer) = streams(peer).await;
        assert!(reader.read_to_end().await.unwrap().len() < MUCH);
    });
}

#[test]
fn b265_errors_of_the_system_are_quiet_and_others_are_reported() {
    in_real_time(|| async {
        let reports = collect_reports();
        let (_transport, calls, peer) = over_tcp(Recorder::default()).await;
        calls.made().await;
        socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        assert_eq!(calls.lost().await.unwrap().kind(), ErrorKind::ConnectionReset);
        others_run().await;
        assert!(reports.lock().unwrap().is_empty());

        let answer = |_: &Transport, _: &[u8]| panic!("a fault of the program's");
        let (_transport, calls, mut peer) = over_unix(Recorder::default().answer(answer)).await;
        peer.write_all(b"x").unwrap();
        calls.data(1).await;
        let error = calls.lost().await.unwrap();
        let error = error.get_ref().and_then(|error| error.downcast_ref::<ProtocolError>()).unwrap();
        assert_eq!((error.callback(), error.is_panic()), ("data_received", true));
        assert_eq!(told(&reports).await.panic.unwrap(), "a fault of the program's");
    });
}

/// The word that the debug log gets.
#[test]
fn b265_an_error_of_the_system_is_told_of_in_debug_mode_alone() {
    let test = "b265_an_error_of_the_system_is_told_of_in_debug_mode_alone";
    let Some(role) = role() else {
        for (role, lines) in [("debug", 1), ("plain", 0)] {
            let mut copy = Copy::start(test, role);
            assert!(copy.wait().success());
            let told = std::mem::replace(&mut copy.stderr, support::Lines::none()).rest();
            let told = told.iter().filter(|line| line.contains("has failed")).count();
            assert_eq!(told, lines, "{role}");
        }
        return;
    };
    let mut runner = heist::Runner::builder().debug(role == "debug").build().unwrap();
    let run = runner.run(async {
        let (_transport, calls, peer) = over_tcp(Recorder::default()).await;
        calls.made().await;
        socket2::SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
        drop(peer);
        assert!(calls.lost().await.is_some());
    });
    run.unwrap();
}

#[test]
fn b266_write_sends_at_once_and_keeps_only_the_rest() {
    in_real_time(|| async {
        let (transport, calls, mut peer) = over_unix(Recorder::default()).await;
        transport.write(b"now");
        // No turn of the loop in between.
        peer.set_nonblocking(true).unwrap();
        let mut buf = [0; 10];
        assert_eq!(peer.read(&mut buf).unwrap(), 3);
        assert_eq!(transport.get_write_buffer_size(), 0);

        let much = vec![7; MUCH];
        transport.write(&much);
        let kept = transport.get_write_buffer_size();
        assert!(0 < kept && kept < MUCH, "{kept}");
        assert!(much.iter().all(|&byte| byte == 7));
        calls.paused().await;
        transport.abort();
    });
}

#[test]
fn b267_with_something_kept_a_write_only_appends() {
    in_real_time(|| async {
        let (transport, _calls, peer) = over_unix(Recorder::default()).await;
        transport.write(&vec![1; MUCH]);
        let kept = transport.get_write_buffer_size();
        transport.write(&[2; 1000]);
        transport.writelines([&[3; 10][..], &[], &[4; 10]]);
        assert_eq!(transport.get_write_buffer_size(), kept + 1020);
        let (mut reader, _writer) = streams(peer).await;
        let mut all = reader.readexactly(MUCH + 1020).await.unwrap();
        let tail = all.split_off(MUCH);
        assert!(all.iter().all(|&byte| byte == 1));
        assert_eq!(tail, [&[2; 1000][..], &[3; 10], &[4; 10]].concat());
        transport.close();
    });
}

#[test]
fn b268_write_eof_comes_after_what_is_kept_and_once() {
    in_real_time(|| async {
        let (transport, calls, peer) = over_unix(Recorder::default()).await;
        assert!(transport.can_write_eof());
        transport.write(&vec![7; MUCH]);
        transport.write_eof();
        transport.write_eof();
        calls.paused().await;
        let (mut reader, writer) = streams(peer).await;
        assert_eq!(reader.read_to_end().await.unwrap().len(), MUCH);
        // The other direction goes on.
        calls.resumed().await;
        writer.write(b"answer");
        assert_eq!(calls.data(6).await, b"answer");
        transport.close();
        assert!(calls.lost().await.is_none());
    });
}

#[test]
fn b269_write_eof_after_close_does_nothing() {
    in_real_time(|| async {
        let (transport, calls, peer) = over_unix(Recorder::default()).await;
        transport.close();
        transport.write_eof();
        assert!(calls.lost().await.is_none());
        transport.write_eof();
        assert!(streams(peer).await.0.read_to_end().await.unwrap().is_empty());
    });
}

#[test]
fn b270_the_end_of_data_closes_unless_the_protocol_goes_on_writing() {
    in_real_time(|| async {
        let (_transport, calls, peer) = over_unix(Recorder::default()).await;
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        calls.ended().await;
        assert!(calls.lost().await.is_none());

        let (transport, calls, peer) = over_unix(Recorder::default().keep_writing()).await;
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        calls.ended().await;
        transport.write(b"still here");
        transport.close();
        assert!(calls.lost().await.is_none());
        assert_eq!(streams(peer).await.0.read_to_end().await.unwrap(), b"still here");
    });
}

#[test]
fn b271_reading_is_paused_from_the_start_until_it_is_resumed() {
    in_real_time(|| async {
        let recorder = Recorder::default().paused();
        let (transport, calls, mut peer) = over_unix(recorder).await;
        peer.write_all(b"one").unwrap();
        transport.pause_reading();
        assert!(!transport.is_reading());
        others_run().await;
        let socket = StdUnix::from(transport.try_clone_socket().unwrap());
        let mut buf = [0; 10];
        let waiting = rustix::io::ioctl_fionread(&socket).unwrap();
        assert_eq!(waiting, 3, "what is not read stays with the system");
        transport.resume_reading();
        transport.resume_reading();
        assert!(transport.is_reading());
        assert_eq!(calls.data(3).await, b"one");

        transport.pause_reading();
        transport.close();
        transport.resume_reading();
        assert!(!transport.is_reading());
        assert!(calls.lost().await.is_none());
        assert_eq!(peer.read(&mut buf).unwrap(), 0);
    });
}

#[test]
fn b271_a_callback_may_pause_the_reading() {
    in_real_time(|| async {
        let answer = |transport: &Transport, _: &[u8]| transport.pause_reading();
        let (transport, calls, mut peer) = over_unix(Recorder::default().answer(answer)).await;
        for piece in [b"one", b"two"] {
            peer.write_all(piece).unwrap();
            assert_eq!(calls.data(3).await, piece);
            assert!(!transport.is_reading());
            transport.resume_reading();
        }
    });
}

#[test]
fn b272_a_high_mark_below_what_is_kept_pauses_at_once() {
    in_real_time(|| async {
        let (transport, calls, _peer) = over_unix(Recorder::default()).await;
        transport.set_write_buffer_limits(2 * MUCH, None).unwrap();
        transport.write(&vec![7; MUCH]);
        others_run().await;
        assert!(calls.is_empty());
        let error = transport.set_write_buffer_limits(10, 11).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        transport.set_write_buffer_limits(1000, None).unwrap();
        calls.paused().await;
        transport.set_write_buffer_limits(2 * MUCH, MUCH).unwrap();
        calls.resumed().await;
        transport.abort();
    });
}

#[test]
fn b273_writing_pauses_above_the_high_mark_and_resumes_at_the_low_one() {
    in_real_time(|| async {
        let (transport, calls, peer) = over_unix(Recorder::default()).await;
        assert_eq!(transport.get_write_buffer_limits(), (16 << 10, 64 << 10));
        transport.set_write_buffer_limits(None, 1000).unwrap();
        assert_eq!(transport.get_write_buffer_limits(), (1000, 4000));

        transport.set_write_buffer_limits(MUCH, 100).unwrap();
        while transport.get_write_buffer_size() == 0 {
            transport.write(&[7; 100]);
        }
        let kept = transport.get_write_buffer_size();
        transport.set_write_buffer_limits(kept + 100, 100).unwrap();
        transport.write(&[7; 100]);
        others_run().await;
        assert!(calls.is_empty(), "as much as the high mark is not above it");
        transport.write(&[7; 1]);
        calls.paused().await;

        let (mut reader, _writer) = streams(peer).await;
        let mut taken = 0;
        while calls.is_empty() {
            // With nothing kept, the call is on its way.
            if transport.get_write_buffer_size() > 0 {
                taken += reader.read(10).await.unwrap().len();
            }
            others_run().await;
        }
        calls.resumed().await;
        assert!(taken > 0 && transport.get_write_buffer_size() <= 100);
    });
}

/// Collects bytes in a buffer of a few bytes.
struct Buffer {
    calls: Calls,
    buffer: Vec<u8>,
    transport: Option<Transport>,
}

impl BufferedProtocol for Buffer {
    fn connection_made(&mut self, transport: Transport) {
        self.transport = Some(transport);
    }

    fn get_buffer(&mut self) -> &mut [u8] {
        &mut self.buffer
    }

    fn buffer_updated(&mut self, nbytes: usize) {
        self.calls.add(Called::Data(self.buffer[..nbytes].to_vec()));
    }

    fn eof_received(&mut self) -> bool {
        self.calls.add(Called::Ended);
        false
    }

    fn connection_lost(&mut self, error: Option<io::Error>) {
        self.calls.add(Called::Lost(error));
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.calls.add(Called::Dropped);
    }
}

#[test]
fn b274_the_protocol_gives_the_buffer_and_an_empty_one_is_fatal() {
    in_real_time(|| async {
        let reports = collect_reports();
        for size in [10, 5000] {
            let (calls, (near, mut far)) = (Calls::default(), StdUnix::pair().unwrap());
            let protocol = Buffer { calls: calls.clone(), buffer: vec![0; size], transport: None };
            connect_accepted_socket(|| protocol, near).await.unwrap();
            let sent: Vec<u8> = (0..20_000).map(|n| n as u8).collect();
            far.write_all(&sent).unwrap();
            drop(far);
            let mut received = Vec::new();
            while received.len() < sent.len() {
                let Called::Data(piece) = calls.next().await else { panic!("no data") };
                assert!(piece.len() <= size);
                received.extend(piece);
            }
            assert_eq!(received, sent);
            calls.ended().await;
            assert!(calls.lost().await.is_none());
        }
        assert!(reports.lock().unwrap().is_empty());

        let (calls, (near, mut far)) = (Calls::default(), StdUnix::pair().unwrap());
        let protocol = Buffer { calls: calls.clone(), buffer: Vec::new(), transport: None };
        connect_accepted_socket(|| protocol, near).await.unwrap();
        // It may be closed already.
        let _ = far.write_all(b"x");
        let error = calls.lost().await.unwrap();
        assert!(error.to_string().contains("get_buffer gave an empty buffer"), "{error}");
        assert!(told(&reports).await.to_string().contains("get_buffer"));
    });
}

#[test]
fn a078_writing_nothing_does_nothing() {
    in_real_time(|| async {
        let (transport, calls, mut peer) = over_unix(Recorder::default()).await;
        transport.write(b"");
        transport.writelines::<[&[u8]; 0]>([]);
        transport.write(b"x");
        let mut buf = [0; 10];
        assert_eq!(peer.read(&mut buf).unwrap(), 1);
        transport.close();
        transport.write(b"");
        assert!(calls.lost().await.is_none());
        assert_eq!(peer.read(&mut buf).unwrap(), 0);
    });
}

#[test]
fn a079_writes_in_vain_are_told_of_from_the_fifth_on() {
    let test = "a079_writes_in_vain_are_told_of_from_the_fifth_on";
    if role().is_none() {
        let mut copy = Copy::start(test, "writes");
        assert!(copy.wait().success());
        let told = std::mem::replace(&mut copy.stderr, support::Lines::none()).rest();
        let told: Vec<_> = told.iter().filter(|line| line.contains("writes to a transport")).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("5 writes") && told[1].contains("6 writes"), "{told:?}");
        return;
    }
    heist::run(async {
        let (transport, calls, _peer) = over_unix(Recorder::default()).await;
        transport.close();
        transport.write(b"1");
        transport.write(b"");
        assert!(calls.lost().await.is_none());
        for _ in 0..5 {
            transport.write(b"more");
        }
    });
}

/// Panics where it is told to.
#[derive(Clone)]
struct Faulty {
    calls: Calls,
    at: &'static str,
    buffer: [u8; 8],
}

impl Faulty {
    fn pass(&self, place: &'static str) {
        assert!(self.at != place, "at {place}");
    }
}

struct Plain(Faulty);

impl Protocol for Plain {
    fn connection_made(&mut self, _transport: Transport) {
        self.0.pass("connection_made");
    }

    fn data_received(&mut self, _data: &[u8]) {
        self.0.pass("data_received");
    }

    fn eof_received(&mut self) -> bool {
        self.0.pass("eof_received");
        false
    }

    fn connection_lost(&mut self, error: Option<io::Error>) {
        self.0.calls.add(Called::Lost(error));
        self.0.pass("connection_lost");
    }
}

impl BufferedProtocol for Faulty {
    fn get_buffer(&mut self) -> &mut [u8] {
        self.pass("get_buffer");
        &mut self.buffer
    }

    fn buffer_updated(&mut self, _nbytes: usize) {
        self.pass("buffer_updated");
    }

    fn connection_lost(&mut self, error: Option<io::Error>) {
        self.calls.add(Called::Lost(error));
    }
}

/// One exchange with an echo server.
async fn exchange(address: SocketAddr, word: &[u8]) {
    let (mut reader, writer) = heist::open_connection(address).await.unwrap();
    writer.write(word);
    assert_eq!(reader.readexactly(word.len()).await.unwrap(), word);
    writer.close();
}

#[test]
fn a080_a_fault_in_a_callback_ends_that_connection_alone() {
    in_real_time(|| async {
        let reports = collect_reports();
        let server = create_server(Recorder::echo, "127.0.0.1:0").await.unwrap();
        let address = server.sockets()[0].local_addr().unwrap();
        for at in [
            "connection_made",
            "data_received",
            "eof_received",
            "connection_lost",
            "get_buffer",
            "buffer_updated",
        ] {
            let faulty = Faulty { calls: Calls::default(), at, buffer: [0; 8] };
            let calls = faulty.calls.clone();
            let (near, mut far) = StdUnix::pair().unwrap();
            if at.contains("buffer") {
                connect_accepted_socket(|| faulty, near).await.unwrap();
            } else {
                connect_accepted_socket(|| Plain(faulty), near).await.unwrap();
            }
            // It may be closed already.
            let _ = far.write_all(b"x");
            drop(far);
            let Called::Lost(error) = calls.next().await else { panic!("no loss at {at}") };
            match error {
                Some(error) => assert!(error.to_string().contains(at), "{error}"),
                None => assert_eq!(at, "connection_lost"),
            }
            let context = told(&reports).await;
            assert!(context.to_string().contains(&format!("panicked: at {at}")), "{context}");
            exchange(address, b"alive").await;
        }
        server.close();
        server.wait_closed().await;
    });
}

#[test]
fn a_server_makes_a_protocol_for_each_connection_and_waits_for_them() {
    in_real_time(|| async {
        let calls = Calls::default();
        let made = calls.clone();
        let server = create_server(move || Recorder::to(&made), "127.0.0.1:0").await.unwrap();
        let mut peer = StdStream::connect(server.sockets()[0].local_addr().unwrap()).unwrap();
        let transport = calls.made().await;
        assert_eq!(transport.peer_addr().unwrap(), peer.local_addr().unwrap());
        peer.write_all(b"hi").unwrap();
        assert_eq!(calls.data(2).await, b"hi");
        assert_eq!(server.connections(), 1);
        server.close();
        server.close_clients();
        assert!(calls.lost().await.is_none());
        server.wait_closed().await;
        assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
    });
}

#[test]
fn unix_sockets_have_protocols_on_both_sides() {
    in_real_time(|| async {
        let path = support::temporary_path("protocols");
        let server = create_unix_server(Recorder::echo, &path).await.unwrap();
        let recorder = Recorder::default();
        let calls = recorder.calls.clone();
        let (transport, _) = create_unix_connection(|| recorder, &path).await.unwrap();
        calls.made().await;
        assert_eq!(transport.peer_name().as_pathname(), Some(&*path));
        transport.write(b"round");
        assert_eq!(calls.data(5).await, b"round");
        transport.close();
        assert!(calls.lost().await.is_none());
        server.close();
        server.wait_closed().await;
    });
}

#[test]
fn the_program_can_look_at_its_protocol_and_exchange_it() {
    in_real_time(|| async {
        let (near, mut far) = StdUnix::pair().unwrap();
        let first = Recorder::default();
        let first_calls = first.calls.clone();
        let (transport, protocol) = connect_accepted_socket(|| first, near).await.unwrap();
        first_calls.made().await;
        assert!(protocol.lock().await.calls.is_empty());
        assert!(transport.get_protocol::<Recorder>().is_some());
        assert!(transport.get_protocol::<Buffer>().is_none());

        // Callbacks wait while the program has the protocol.
        let guard = protocol.lock().await;
        far.write_all(b"one").unwrap();
        others_run().await;
        assert!(first_calls.is_empty());
        drop(guard);
        assert_eq!(first_calls.data(3).await, b"one");

        let second = Recorder::default();
        let calls = second.calls.clone();
        let handle = transport.set_protocol(second);
        far.write_all(b"two").unwrap();
        assert_eq!(calls.data(3).await, b"two");
        assert!(first_calls.is_empty());
        drop((protocol, handle));
        drop(far);
        calls.ended().await;
        assert!(calls.lost().await.is_none());
        assert!(transport.get_protocol::<Recorder>().is_none());
        assert!(matches!(first_calls.next().await, Called::Dropped), "nobody holds the first one");
    });
}

#[test]
fn any_thread_may_write_and_close() {
    in_real_time(|| async {
        let (transport, calls, peer) = over_unix(Recorder::default()).await;
        let thread = std::thread::spawn(move || {
            transport.write(&vec![7; MUCH]);
            transport.close();
        });
        let (mut reader, _writer) = streams(peer).await;
        assert_eq!(reader.read_to_end().await.unwrap().len(), MUCH);
        thread.join().unwrap();
        while !matches!(calls.next().await, Called::Lost(None)) {}
    });
}

#[test]
fn a_protocol_set_on_a_lost_connection_is_not_kept() {
    in_real_time(|| async {
        let (transport, calls, _peer) = over_unix(Recorder::default()).await;
        transport.close();
        assert!(calls.lost().await.is_none());
        let late = Recorder::default();
        let calls = late.calls.clone();
        // The connection's task may be ending just now; then its end drops the protocol.
        drop(transport.set_protocol(late));
        assert!(matches!(calls.next().await, Called::Dropped));
    });
}

#[test]
fn the_end_of_the_loop_is_told() {
    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        let calls = runner.run(async {
            let (_transport, calls, peer) = over_unix(Recorder::default()).await;
            std::mem::forget(peer);
            calls
        });
        drop(runner);
        let calls = calls.unwrap();
        let error = heist::run(async move { calls.lost().await }).unwrap();
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
    });
}
