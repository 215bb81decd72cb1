//! quinn on the event loop: the feature `quinn`, through examples/quic.rs.
#![cfg(all(unix, not(heist_loom)))]

#[path = "../examples/quic.rs"]
mod quic;
#[path = "../../../crates/heist/tests/support/mod.rs"]
mod support;

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use heist::CancelledError;
use quic::{Result, ask, client, configs, start};
use quinn::{ConnectionError, Endpoint, EndpointConfig, IdleTimeout, TransportConfig};
use support::for_each_flavour;

/// Nothing here takes that long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

fn on_both<F: Future<Output = Result<()>>>(test: impl Fn() -> F) {
    for_each_flavour(|builder| {
        let ended = builder.build().unwrap().run(heist::wait_for(test(), PATIENCE)).unwrap();
        ended.expect("it hangs").unwrap();
    });
}

/// A server at `address` and a client's endpoint for it.
async fn pair(address: &str) -> Result<(Endpoint, Endpoint)> {
    let (server_config, client_config) = configs()?;
    let server = start(server_config, address).await?;
    let client = client(client_config, server.local_addr()?).await?;
    Ok((server, client))
}

async fn answers_in_capitals(server: &Endpoint, client: &Endpoint) -> Result<()> {
    let connection = client.connect(server.local_addr()?, "localhost")?.await?;
    assert_eq!(ask(&connection, b"hello").await?, b"HELLO");
    connection.close(0u32.into(), b"");
    Ok(())
}

#[test]
fn many_connections_with_many_streams() {
    on_both(|| async {
        let (server, client) = pair("127.0.0.1:0").await?;
        let address = server.local_addr()?;
        let talk = |number: usize| {
            let client = client.clone();
            async move {
                let connection = client.connect(address, "localhost")?.await?;
                let asked = heist::gather((0..8).map(|stream| {
                    let connection = connection.clone();
                    async move {
                        let request = format!("connection {number} stream {stream}");
                        let answer = ask(&connection, request.as_bytes()).await?;
                        assert_eq!(answer, request.to_uppercase().as_bytes());
                        Result::Ok(())
                    }
                }));
                asked.await?.into_iter().collect::<Result<Vec<()>>>()
            }
        };
        let talks = heist::gather((0..20).map(talk)).await?;
        talks.into_iter().collect::<Result<Vec<_>>>()?;
        client.close(0u32.into(), b"");
        client.wait_idle().await;
        Ok(())
    });
}

#[test]
fn over_ipv6() {
    if UdpSocket::bind("[::1]:0").is_err() {
        println!("skipped: this machine has no IPv6");
        return;
    }
    on_both(|| async {
        let (server, client) = pair("[::1]:0").await?;
        answers_in_capitals(&server, &client).await
    });
}

#[test]
fn megabytes_arrive_whole_in_both_directions() {
    on_both(|| async {
        let (server, client) = pair("127.0.0.1:0").await?;
        let connection = client.connect(server.local_addr()?, "localhost")?.await?;
        let request: Vec<u8> =
            (0..4_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        // Answered after the whole of it: first all goes one way, then the other.
        assert!(ask(&connection, &request).await? == request.to_ascii_uppercase());
        Ok(())
    });
}

#[test]
fn the_other_side_hears_of_a_close_and_its_reason() {
    on_both(|| async {
        let (server_config, client_config) = configs()?;
        let server =
            heist::quinn::endpoint(EndpointConfig::default(), Some(server_config), "127.0.0.1:0").await?;
        let client = client(client_config, server.local_addr()?).await?;
        let (near, far) = heist::join!(
            async { Result::Ok(client.connect(server.local_addr()?, "localhost")?.await?) },
            async { Result::Ok(server.accept().await.unwrap().await?) },
        )
        .await;
        let (near, far) = (near?, far?);
        near.close(7u32.into(), b"enough");
        match far.closed().await {
            ConnectionError::ApplicationClosed(close) => {
                assert_eq!((close.error_code, &close.reason[..]), (7u32.into(), &b"enough"[..]));
            }
            other => panic!("{other}"),
        }
        assert!(matches!(near.open_bi().await, Err(ConnectionError::LocallyClosed)));
        client.wait_idle().await;
        server.close(0u32.into(), b"");
        server.wait_idle().await;
        assert!(server.accept().await.is_none());
        Ok(())
    });
}

#[test]
fn garbage_at_the_port_does_no_harm() {
    on_both(|| async {
        let (server, client) = pair("127.0.0.1:0").await?;
        let address = server.local_addr()?;
        let stranger = heist::net::UdpSocket::bind("127.0.0.1:0").await?;
        for seed in 0..2000u32 {
            let long = seed.wrapping_mul(2_654_435_761);
            let mut packet: Vec<u8> = (0..long % 1400)
                .map(|at| (long.wrapping_add(at).wrapping_mul(2_246_822_519) >> 24) as u8)
                .collect();
            if let Some(first) = packet.first_mut().filter(|_| seed % 2 == 0) {
                // Every other one looks like the first packet of a connection.
                *first |= 0xc0;
            }
            stranger.send_to(&packet, address).await?;
        }
        answers_in_capitals(&server, &client).await
    });
}

#[test]
fn an_unknown_certificate_is_refused_and_the_server_stays() {
    on_both(|| async {
        let (server, trusting) = pair("127.0.0.1:0").await?;
        let distrusting = client(configs()?.1, server.local_addr()?).await?;
        let refused = distrusting.connect(server.local_addr()?, "localhost")?.await.unwrap_err();
        assert!(matches!(refused, ConnectionError::TransportError(_)), "{refused}");
        answers_in_capitals(&server, &trusting).await
    });
}

/// Nobody answers: quinn sends again and again, and gives up, by the loop's clock.
#[test]
fn a_silent_peer_times_out_on_virtual_time() {
    for_each_flavour(|builder| {
        let mut runner = builder.virtual_time().build().unwrap();
        runner
            .run(async {
                let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
                let mut config = configs().unwrap().1;
                let mut transport = TransportConfig::default();
                transport.max_idle_timeout(Some(IdleTimeout::try_from(Duration::from_secs(3600)).unwrap()));
                config.transport_config(Arc::new(transport));
                let endpoint = client(config, silent.local_addr().unwrap()).await.unwrap();
                let clock = heist::Handle::current().unwrap();
                let before = clock.time();
                let failed =
                    endpoint.connect(silent.local_addr().unwrap(), "localhost").unwrap().await.unwrap_err();
                assert_eq!(failed, ConnectionError::TimedOut);
                assert!(clock.time() - before >= Duration::from_secs(3600));
            })
            .unwrap();
    });
}

#[test]
fn a_cancelled_read_leaves_the_connection_in_use() {
    on_both(|| async {
        let (server, client) = pair("127.0.0.1:0").await?;
        let connection = client.connect(server.local_addr()?, "localhost")?.await?;
        let waits = heist::create_task({
            let connection = connection.clone();
            async move { heist::catch_cancelled(connection.accept_uni()).await.err() }
        });
        // A round trip, in which the task gets to wait.
        assert_eq!(ask(&connection, b"a").await?, b"A");
        waits.cancel();
        assert!(matches!(waits.await?, Some(CancelledError { .. })));
        assert_eq!(ask(&connection, b"b").await?, b"B");
        Ok(())
    });
}

#[test]
fn an_endpoint_made_on_another_thread_runs_on_the_loop() {
    let event_loop = heist::EventLoop::builder().workers(2).build_event_loop().unwrap();
    let runtime = Arc::new(heist::quinn::Runtime::new(event_loop.handle()));
    let (server_config, client_config) = configs().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = Endpoint::new(EndpointConfig::default(), Some(server_config), socket, runtime).unwrap();
    let result: Result<()> = event_loop
        .run_until_complete(async {
            let client = client(client_config, server.local_addr()?).await?;
            let (near, far) = heist::join!(
                async { Result::Ok(client.connect(server.local_addr()?, "localhost")?.await?) },
                async { Result::Ok(server.accept().await.unwrap().await?) },
            )
            .await;
            assert_eq!(near?.remote_address(), server.local_addr()?);
            assert_eq!(far?.remote_address(), client.local_addr()?);
            // quinn's drivers are tasks of this loop: two endpoints' and two connections'.
            assert!(heist::all_tasks().len() >= 4);
            Ok(())
        })
        .unwrap();
    result.unwrap();
    assert!(event_loop.close().unwrap().is_clean(), "quinn's tasks end with the loop");
}
