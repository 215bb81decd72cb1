//! Servers under strain: behaviour NET 254, ten thousand connections, peers that are killed, and clients that nobody here
//! wrote. What counts descriptors or memory runs in a process of its own.
#![cfg(all(target_os = "linux", not(heist_loom)))]

#[path = "support/descriptors.rs"]
mod descriptors;
mod support;

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use descriptors::{EMFILE, Only, allow_most, descriptors};
use heist::{ExceptionContext, Server, StreamReader, StreamWriter, open_connection, start_server, to_thread};
use support::servers::{echo, echo_server};
use support::{Copy, for_each_flavour, in_a_copy, in_real_time, peers, role};

/// How much memory this process holds, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Waits until a server has no connection and this process no more descriptors than before: a descriptor is closed a moment after
/// the connection is counted off, or by the task that sent the last of it.
async fn until_gone(server: &Server, before: usize) {
    let gone = heist::timeout(Duration::from_secs(60), async {
        while server.connections() > 0 || descriptors() > before {
            heist::sleep(Duration::from_millis(1)).await;
        }
    });
    let state = || format!("{} connections, {} descriptors of {before}", server.connections(), descriptors());
    gone.await.unwrap_or_else(|_| panic!("{}", state()));
}

/// How many descriptors this process has, with those that a loop and its pool have from their first use on.
async fn descriptors_in_use() -> usize {
    to_thread(|| ()).await.unwrap();
    heist::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    descriptors()
}

/// That no more memory is held than once all pools had their size, in KiB.
fn check_memory(settled: usize) {
    let now = resident();
    assert!(now < settled + 4096, "{settled} KiB before, {now} KiB after");
}

fn exchange(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(b"ping").unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"ping");
}

/// The report comes once for a whole spell; once descriptors are there again, who waited is served.
#[test]
fn b254_running_out_of_descriptors_is_reported_and_rested_out() {
    in_a_copy("b254_running_out_of_descriptors_is_reported_and_rested_out", || {
        for_each_flavour(|builder| builder.build().unwrap().run(without_descriptors()).unwrap());
    });
}

async fn without_descriptors() {
    let reports = Arc::new(Mutex::new(Vec::<ExceptionContext>::new()));
    let (sender, told) = std::sync::mpsc::channel();
    let kept = reports.clone();
    heist::Handle::current().unwrap().set_exception_handler(Some(Arc::new(
        move |_: &heist::Handle, context: &ExceptionContext| {
            kept.lock().unwrap().push(context.clone());
            let _ = sender.send(());
        },
    )));
    let (server, address) = echo_server().await;
    // The client's descriptor, and the thread, are there before they run out.
    let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    to_thread(|| ()).await.unwrap();
    let _only = Only::more(8);
    let mut fillers = Vec::new();
    while let Ok(filler) = File::open("/dev/null") {
        fillers.push(filler);
    }
    let client = to_thread(move || {
        client.connect(&address.into()).unwrap();
        told.recv_timeout(Duration::from_secs(60)).unwrap();
        // Some more failures, none of which is told.
        std::thread::sleep(Duration::from_millis(100));
        drop(fillers);
        let mut client = TcpStream::from(client);
        exchange(&mut client);
        client
    });
    let client = client.await.unwrap();
    assert!(server.is_serving());
    {
        let reports = reports.lock().unwrap();
        assert_eq!(reports.len(), 1, "{reports:?}");
        let report = &reports[0];
        let error = report.exception.as_ref().unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(error.raw_os_error(), Some(EMFILE));
        assert!(report.message.contains(&address.to_string()), "{report}");
    }
    drop(client);
    server.close();
    server.wait_closed().await;
}

#[test]
fn ten_thousand_connections_leave_nothing_behind() {
    in_a_copy("ten_thousand_connections_leave_nothing_behind", || {
        in_real_time(|| ten_thousand(made_by_a_thread));
    });
}

/// Connections that are there at once, of the ten thousand.
const AT_ONCE: u32 = 200;

/// Has ten thousand connections made, so many at a time; each time nothing of them must be left.
async fn ten_thousand(make: impl AsyncFn(SocketAddr)) {
    // Room for all: the system lets a client whose call it dropped wait for a second.
    let server = start_server(echo, (Ipv4Addr::LOCALHOST, 0)).backlog(AT_ONCE).await.unwrap();
    let address = server.sockets()[0].local_addr().unwrap();
    let (before, mut settled) = (descriptors_in_use().await, None);
    for round in 0..10_000 / AT_ONCE {
        make(address).await;
        until_gone(&server, before).await;
        if round == 4 {
            settled = Some(resident());
        }
    }
    check_memory(settled.unwrap());
    server.close();
    server.wait_closed().await;
}

/// Clients on a thread, of which most vanish without a word.
async fn made_by_a_thread(address: SocketAddr) {
    let connect_all = move || {
        let clients: Vec<_> = (0..AT_ONCE).map(|_| TcpStream::connect(address).unwrap()).collect();
        for mut client in clients.into_iter().step_by(10) {
            exchange(&mut client);
        }
    };
    to_thread(connect_all).await.unwrap();
}

/// As many connections as descriptors allow, up to ten thousand, all open at a time; their other ends are another process's.
#[test]
fn ten_thousand_connections_at_once_leave_nothing_behind() {
    const TEST: &str = "ten_thousand_connections_at_once_leave_nothing_behind";
    if let Some(port) = role().filter(|role| role != "copy") {
        return many_clients(port.parse().unwrap(), most_connections());
    }
    in_a_copy(TEST, || {
        let clients = most_connections();
        for_each_flavour(|builder| {
            builder.build().unwrap().run(at_once(TEST, clients)).unwrap();
        });
    });
}

/// How many connections this process has descriptors for.
fn most_connections() -> usize {
    (allow_most() as usize - 100).min(10_000)
}

/// In a copy: opens all, has an exchange with each, and lets all go by a reset, which leaves no port taken.
fn many_clients(port: u16, count: usize) {
    let connect = |_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut clients: Vec<_> = (0..count).map(connect).collect();
    for client in &mut clients {
        exchange(client);
        socket2::SockRef::from(&*client).set_linger(Some(Duration::ZERO)).unwrap();
    }
}

async fn at_once(test: &'static str, clients: usize) {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let highest = most.clone();
    let handler = async move |reader, writer| {
        highest.fetch_max(now.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
        // The end is a reset.
        let _ = echo(reader, writer).await;
        now.fetch_sub(1, Ordering::AcqRel);
    };
    let server = start_server(handler, (Ipv4Addr::LOCALHOST, 0)).backlog(1000).await.unwrap();
    let port = server.sockets()[0].local_addr().unwrap().port();
    let (before, mut settled) = (descriptors_in_use().await, None);
    for _ in 0..2 {
        let copy = to_thread(move || Copy::start(test, &port.to_string()).wait().success());
        assert!(copy.await.unwrap());
        until_gone(&server, before).await;
        check_memory(*settled.get_or_insert_with(resident));
    }
    assert_eq!(most.load(Ordering::Acquire), clients);
    server.close();
    server.wait_closed().await;
}

#[test]
fn ten_thousand_opened_connections_leave_nothing_behind() {
    in_a_copy("ten_thousand_opened_connections_leave_nothing_behind", || {
        in_real_time(|| ten_thousand(opened_here));
    });
}

/// Opens a connection and ends it in one of the ways that there are.
async fn open_and_drop(address: SocketAddr, way: u32) {
    let (mut reader, writer) = open_connection(address).await.unwrap();
    match way % 5 {
        0 => {
            writer.write(b"ping");
            assert_eq!(reader.readexactly(4).await.unwrap(), b"ping");
            writer.close();
            writer.wait_closed().await.unwrap();
        }
        1 => writer.abort(),
        2 => drop(reader),
        3 => writer.write_eof(),
        // Both go without a word.
        _ => {}
    }
}

async fn opened_here(address: SocketAddr) {
    heist::gather((0..AT_ONCE).map(|way| open_and_drop(address, way))).await.unwrap();
}

/// A peer that is killed in the middle ends its handler, and no other.
#[test]
fn a_client_that_is_killed_ends_its_own_connection_alone() {
    const TEST: &str = "a_client_that_is_killed_ends_its_own_connection_alone";
    if let Some(port) = role() {
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse().unwrap())).unwrap();
        exchange(&mut client);
        println!("connected");
        // Until it is killed.
        let _ = client.read(&mut [0]);
        return;
    }
    for_each_flavour(|builder| {
        let served = builder.build().unwrap().run(async {
            let (server, address) = echo_server().await;
            let stays = to_thread(move || {
                let mut stays = TcpStream::connect(address).unwrap();
                exchange(&mut stays);
                let mut copy = Copy::start(TEST, &address.port().to_string());
                copy.stdout.until("connected");
                // Its drop kills it.
                drop(copy);
                stays
            });
            let mut stays = stays.await.unwrap();
            while server.connections() > 1 {
                heist::sleep(Duration::from_millis(1)).await;
            }
            let stays = to_thread(move || {
                exchange(&mut stays);
                stays
            });
            drop(stays.await.unwrap());
            server.close();
            server.wait_closed().await;
        });
        served.unwrap();
    });
}

#[test]
fn a_client_killed_in_the_middle_of_a_transfer_leaves_nothing_behind() {
    const TEST: &str = "a_client_killed_in_the_middle_of_a_transfer_leaves_nothing_behind";
    if let Some(port) = role().filter(|role| role != "copy") {
        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse().unwrap())).unwrap();
        client.read_exact(&mut [0; 100_000]).unwrap();
        client.write_all(&[7; 10_000]).unwrap();
        println!("in the middle");
        // Until it is killed, with the transfer held up in both directions.
        loop {
            std::thread::park();
        }
    }
    in_a_copy(TEST, || {
        for_each_flavour(|builder| {
            let served = builder.build().unwrap().run(async {
                let ends = heist::Queue::new();
                let told = ends.clone();
                let without_end = async move |mut reader: StreamReader, writer: StreamWriter| {
                    let sending = async {
                        loop {
                            writer.write(&[1; 64 << 10]);
                            if let Err(error) = writer.drain().await {
                                break error.kind();
                            }
                        }
                    };
                    let sent = sending.await;
                    let received = reader.read_to_end().await.map_or_else(|error| error.kind(), |_| sent);
                    told.put_nowait((sent, received)).unwrap();
                };
                let server = start_server(without_end, "127.0.0.1:0").await.unwrap();
                let port = server.sockets()[0].local_addr().unwrap().port().to_string();
                let before = descriptors();
                for _ in 0..3 {
                    let port = port.clone();
                    let killed = to_thread(move || {
                        let mut copy = Copy::start(TEST, &port);
                        copy.stdout.until("in the middle");
                        // Its drop kills it.
                        drop(copy);
                    });
                    killed.await.unwrap();
                    let (sent, _) = ends.get().await.unwrap();
                    assert!(
                        matches!(sent, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe),
                        "a handler that sends is told: {sent:?}"
                    );
                }
                until_gone(&server, before).await;
                server.close();
                server.wait_closed().await;
            });
            served.unwrap();
        });
    });
}

#[test]
fn curl_is_served() {
    let Some(curl) = peers::find("curl") else { return };
    for_each_flavour(|builder| {
        let output = builder.build().unwrap().run(async {
            let handler = async |mut reader: StreamReader, writer: StreamWriter| {
                reader.readuntil(b"\r\n\r\n").await?;
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
                io::Result::Ok(())
            };
            let server = start_server(handler, "127.0.0.1:0").await.unwrap();
            let address = server.sockets()[0].local_addr().unwrap();
            let mut command = Command::new(&curl);
            command.args(["--silent", "--show-error", "--noproxy", "*", &format!("http://{address}/")]);
            let output = peers::run(command).await;
            server.close();
            server.wait_closed().await;
            output
        });
        let output = output.unwrap();
        assert!(output.status.success() && output.stdout == b"hello", "{output:?}");
    });
}

/// A client of Python's asyncio: a hundred connections at once, each with an exchange and an end of its own.
const PYTHON: &str = "
import asyncio, sys

async def client(number):
    reader, writer = await asyncio.open_connection('127.0.0.1', int(sys.argv[1]))
    line = f'client {number}\\n'.encode()
    writer.write(line)
    assert await reader.readexactly(len(line)) == line
    writer.write_eof()
    assert await reader.read() == b''
    writer.close()
    await writer.wait_closed()

async def main():
    await asyncio.gather(*map(client, range(100)))
    print('done')

asyncio.run(main())
";

#[test]
fn pythons_asyncio_is_served() {
    let Some(python) = peers::find("python3") else { return };
    for_each_flavour(|builder| {
        let output = builder.build().unwrap().run(async {
            let (server, address) = echo_server().await;
            let mut command = Command::new(&python);
            command.args(["-c", PYTHON, &address.port().to_string()]);
            let output = peers::run(command).await;
            server.close();
            server.wait_closed().await;
            output
        });
        let output = output.unwrap();
        assert!(output.status.success() && output.stdout == b"done\n", "{output:?}");
    });
}
