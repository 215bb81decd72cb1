//! The examples of protocols, run against each other; and peers that nobody here wrote.
#![cfg(all(unix, not(heist_loom)))]

mod support;

#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/protocols/date.rs"]
mod date;
#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/protocols/echo_client.rs"]
mod echo_client;
#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/protocols/echo_server.rs"]
mod echo_server;
#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/protocols/existing_socket.rs"]
mod existing_socket;
#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/protocols/udp_echo_client.rs"]
mod udp_echo_client;
#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/protocols/udp_echo_server.rs"]
mod udp_echo_server;

use heist::PIPE;
use support::with_io;

#[test]
fn the_echo_pair_echoes() {
    with_io(|| async {
        let server = echo_server::start(0).await?;
        let address = server.sockets()[0].local_addr()?;
        for message in ["Hello World!", "and again"] {
            assert_eq!(echo_client::talk(address, message).await?, message.as_bytes());
        }
        server.close();
        server.wait_closed().await;
        Ok(())
    });
}

#[test]
fn the_udp_pair_echoes() {
    with_io(|| async {
        let server = udp_echo_server::start(0).await?;
        let address = server.sock_name().unwrap();
        assert_eq!(udp_echo_client::talk(address, "Hello World!").await?, b"Hello World!");
        Ok(())
    });
}

#[test]
fn a_udp_client_without_a_server_is_told() {
    with_io(|| async {
        let free = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        assert!(udp_echo_client::talk(free, "Hello?").await?.is_empty());
        Ok(())
    });
}

#[test]
fn a_socket_that_is_there_gives_its_data() {
    with_io(|| async {
        assert_eq!(existing_socket::receive().await?, b"abc");
        Ok(())
    });
}

#[test]
fn the_program_says_the_date() {
    with_io(|| async {
        let date = date::get_date().await?;
        let parts: Vec<_> = date.split('-').map(str::len).collect();
        assert_eq!(parts, [4, 2, 2], "{date:?}");
        Ok(())
    });
}

/// What `socat` says to an address, and what it is answered.
async fn socat(address: String) -> Option<Vec<u8>> {
    let socat = support::peers::find("socat")?;
    let mut process = heist::create_subprocess_exec(socat, ["-t0.5", "-", &address])
        .stdin(PIPE)
        .stdout(PIPE)
        .spawn()
        .await
        .unwrap();
    let (answer, _) = process.communicate(Some(b"from afar")).await.unwrap();
    answer
}

#[test]
fn the_servers_answer_peers_of_others() {
    with_io(|| async {
        let server = echo_server::start(0).await?;
        let address = server.sockets()[0].local_addr()?;
        if let Some(answer) = socat(format!("TCP:{address}")).await {
            assert_eq!(answer, b"from afar");
        }
        let server = udp_echo_server::start(0).await?;
        if let Some(answer) = socat(format!("UDP:{}", server.sock_name().unwrap())).await {
            assert_eq!(answer, b"from afar");
        }
        Ok(())
    });
}
