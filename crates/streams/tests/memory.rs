//! What an idle connection costs in memory. In a file of its own, since its allocator counts for the whole process.
#![cfg(not(heist_loom))]

#[path = "support/counting.rs"]
mod counting;
mod support;

use std::net::TcpStream;

use counting::live;
use heist_scheduler::yield_now;
use heist_streams::start_server;
use support::run_on;

/// Connections to a server whose handlers wait for the next line, after one has come and gone.
#[test]
fn idle_connection() {
    const CONNECTIONS: usize = 400;
    run_on(1, async {
        let handler = async |mut reader: heist_streams::StreamReader, writer: heist_streams::StreamWriter| {
            while let Some(line) = reader.next_line().await? {
                writer.write(&line);
                writer.drain().await?;
            }
            std::io::Result::Ok(())
        };
        let server = start_server(handler, "127.0.0.1:0").await.unwrap();
        let address = server.sockets()[0].local_addr().unwrap();
        let mut clients = Vec::with_capacity(2 * CONNECTIONS);
        let mut counted = Vec::new();
        for round in 0..2 {
            let before = live();
            for _ in 0..CONNECTIONS {
                let client = TcpStream::connect(address).unwrap();
                std::io::Write::write_all(&mut &client, b"a line\n").unwrap();
                client.set_nonblocking(true).unwrap();
                while client.peek(&mut [0; 16]).is_err() {
                    yield_now().await;
                }
                clients.push(client);
            }
            for _ in 0..1000 {
                yield_now().await;
            }
            assert_eq!(server.connections(), CONNECTIONS * (round + 1));
            counted.push((live() - before) / CONNECTIONS);
        }
        // The second time the tables of the loop have their size already; those of polling's poll backend grow on.
        println!("{counted:?} bytes a connection");
        assert!(counted[1] < 2000, "{counted:?} bytes: does an idle reader keep a buffer?");
        drop(clients);
        server.close();
        server.wait_closed().await;
    });
}
