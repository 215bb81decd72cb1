//! Descriptors: none leak, many connections at once, and what a server does when there are none left. One test, since
//! the count and the limit are the whole process's.
#![cfg(all(target_os = "linux", not(heist_loom)))]

mod support;

use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Instant;

use heist_scheduler::spawn;
use heist_streams::{ConnectError, open_connection};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use support::{echo_server, run_local, run_on};

const EMFILE: i32 = 24;

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn set_limit(current: u64) -> u64 {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum }).unwrap();
    limit.current.unwrap_or(u64::MAX)
}

/// So many clients at once, each with a few exchanges.
async fn many_connections(clients: usize) {
    let (server, address) = echo_server().await;
    let clients: Vec<_> = (0..clients)
        .map(|i| {
            spawn(async move {
                let (mut reader, writer) = open_connection(address).await?;
                for round in 0..3 {
                    let message = format!("client {i} round {round}\n").into_bytes();
                    writer.write(&message);
                    writer.drain().await?;
                    assert_eq!(reader.readline().await?, message);
                }
                writer.close();
                writer.wait_closed().await
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap().unwrap();
    }
    server.close();
    server.wait_closed().await;
}

/// With no descriptor left, connecting says so, and the server waits and goes on when there is one again.
async fn out_of_descriptors() {
    let (server, address) = echo_server().await;
    // The client's descriptor is there before they run out.
    let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let before = set_limit(descriptors() as u64 + 8);
    let mut fillers = Vec::new();
    while let Ok(filler) = File::open("/dev/null") {
        fillers.push(filler);
    }
    let error = open_connection(address).await.unwrap_err();
    let connect = error.get_ref().unwrap().downcast_ref::<ConnectError>().unwrap();
    assert_eq!(connect.attempts()[0].1.raw_os_error(), Some(EMFILE), "{error}");
    let error = heist_streams::start_server(support::echo, "127.0.0.1:0").await.unwrap_err();
    assert!(error.to_string().contains("127.0.0.1:0"), "{error}");

    let exchange = heist_scheduler::spawn_blocking(move || {
        client.connect(&address.into())?;
        (&client).write_all(b"patience")?;
        let mut answer = [0; 8];
        (&client).read_exact(&mut answer)?;
        assert_eq!(&answer, b"patience");
        io::Result::Ok(())
    });
    // Long enough for the server to fail a few times, short enough not to grow its rests.
    heist_timer::sleep(std::time::Duration::from_millis(50)).await;
    assert!(!exchange.done(), "nobody could accept it");
    let processor = || rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let (begun, busy) = (Instant::now(), processor());
    heist_timer::sleep(std::time::Duration::from_millis(100)).await;
    let spent = processor() - busy;
    assert!(spent.tv_sec == 0 && spent.tv_nsec < 50_000_000, "{spent:?} in {:?}: it spins", begun.elapsed());
    fillers.clear();
    exchange.await.unwrap().unwrap();
    assert!(server.is_serving());
    set_limit(before);
    server.close();
    server.wait_closed().await;
}

#[test]
fn descriptors_are_given_back_and_may_run_out() {
    let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let clients = if hard < 4096 {
        println!("the limit of descriptors is {hard}: fewer connections than 1000");
        (hard / 4) as usize
    } else {
        set_limit(4096);
        1000
    };
    // Whatever the process opens once and keeps.
    run_on(2, many_connections(1));
    let before = descriptors();
    // Very many at once on two workers. That none leaks a tenth of them shows as well.
    for (workers, clients) in [(2, clients), (1, clients / 10)] {
        run_on(workers, many_connections(clients));
        assert_eq!(descriptors(), before, "{workers} workers");
    }
    run_local(many_connections(clients / 10));
    assert_eq!(descriptors(), before, "current thread");
    for workers in [1, 2] {
        run_on(workers, out_of_descriptors());
        assert_eq!(descriptors(), before, "{workers} workers, after there were none left");
    }
}
