//! hyper's own clients and servers over our streams, with our executor and timers.

#[path = "support/http.rs"]
mod http;
mod support;

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use heist::hyper::{Executor, Timer};
use heist::{StreamPair, create_task, net};
use http::{Body, client1, client2, connect, request, text};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use support::{in_real_time, pairs, tcp, tls_pairs};

const MUCH: usize = 5 << 20;

/// Sends back what it is sent.
async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    Ok(Response::new(Full::new(request.into_body().collect().await?.to_bytes())))
}

type Ended = heist::Task<Result<(), hyper::Error>>;

fn serve1(streams: impl Read + Write + Unpin + Send + 'static) -> Ended {
    create_task(async move {
        http1::Builder::new().timer(Timer).serve_connection(streams, service_fn(echo)).await
    })
}

fn serve2(streams: impl Read + Write + Unpin + Send + 'static) -> Ended {
    create_task(async move {
        http2::Builder::new(Executor).timer(Timer).serve_connection(streams, service_fn(echo)).await
    })
}

#[test]
fn http_1_over_every_kind_of_stream() {
    in_real_time(|| async {
        let (near, far) = tcp().await;
        let (tls_near, tls_far) = tls_pairs().await;
        let unix = net::UnixStream::pair().unwrap();
        let (plain_near, plain_far) = pairs().await;
        let served = [serve1(far), serve1(tls_far), serve1(unix.1), serve1(plain_far)];
        let (mut tcp_client, connection) = hyper::client::conn::http1::handshake(near).await.unwrap();
        drop(create_task(connection));
        let (mut unix_client, connection) = hyper::client::conn::http1::handshake(unix.0).await.unwrap();
        drop(create_task(connection));
        let (mut tls_client, mut plain_client) = (client1(tls_near).await, client1(plain_near).await);
        for client in [&mut tcp_client, &mut unix_client, &mut tls_client, &mut plain_client] {
            for body in [vec![], vec![b'x'; 10], vec![b'y'; MUCH]] {
                // The answer before may have been read before its connection knows that it is over.
                client.ready().await.unwrap();
                let answer = client.send_request(request("/echo", body.clone())).await.unwrap();
                assert!(text(answer).await == (StatusCode::OK, String::from_utf8(body).unwrap()));
            }
        }
        drop((tcp_client, unix_client, tls_client, plain_client));
        for ended in served {
            ended.await.unwrap().unwrap();
        }
    });
}

#[test]
fn http_2_with_many_requests_side_by_side() {
    in_real_time(|| async {
        for (near, far) in [pairs().await, tls_pairs().await] {
            let served = serve2(far);
            let client = client2(near).await;
            let asked: Vec<_> = (0..100)
                .map(|i| {
                    let mut client = client.clone();
                    create_task(async move {
                        let body = format!("{i} ").repeat(1000 * (i % 7));
                        let answer = client.send_request(request("/echo", body.clone())).await.unwrap();
                        assert!(text(answer).await == (StatusCode::OK, body), "request {i}");
                    })
                })
                .collect();
            for answered in asked {
                answered.await.unwrap();
            }
            drop(client);
            served.await.unwrap().unwrap();
        }
    });
}

/// hyper's limits keep virtual time: half a minute passes in no time.
#[test]
fn a_head_that_does_not_come_is_given_up() {
    support::for_each_flavour(|builder| {
        let begun = std::time::Instant::now();
        let mut runner = builder.virtual_time().build().unwrap();
        runner
            .run(async {
                let (mut reader, feeder) = heist::StreamReader::fed(1 << 16).unwrap();
                feeder.feed_data(b"GET / HT").unwrap();
                let (_unread, writer) = heist::pipe().unwrap();
                reader.peek(1).await.unwrap();
                let before = now();
                let error = serve1(StreamPair::new(reader, writer)).await.unwrap().unwrap_err();
                assert!(error.is_timeout(), "{error}");
                assert_eq!((now() - before).as_secs(), 30);
            })
            .unwrap();
        assert!(begun.elapsed() < Duration::from_secs(20));
    });
}

fn now() -> std::time::Instant {
    hyper::rt::Timer::now(&Timer)
}

/// The connection of a pooled client: hyper-util asks for a marker besides reading and writing.
struct Pooled(StreamPair);

impl Connection for Pooled {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Pooled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Pooled {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[test]
fn a_pooled_client_uses_a_connection_again() {
    in_real_time(|| async {
        let router = axum::Router::new().route("/", axum::routing::get(async || "hello"));
        let server = heist::serve("127.0.0.1:0", router).await.unwrap();
        let address = http::address(&server);
        let connector = tower::service_fn(move |_: Uri| {
            Box::pin(async move { Ok::<_, Infallible>(Pooled(connect(address).await)) })
        });
        let client: Client<_, Body> =
            Client::builder(Executor).timer(Timer).pool_timer(Timer).build(connector);
        for _ in 0..20 {
            let answer = client.request(request("/", "")).await.unwrap();
            assert_eq!(text(answer).await, (StatusCode::OK, "hello".to_owned()));
        }
        // One that is not back in the pool yet is not waited for.
        let connections = server.connections();
        assert!(connections < 20, "{connections} for 20 requests, one after the other");
        drop(client);
        assert!(server.shutdown(Duration::from_secs(10)).await.is_clean());
    });
}

/// A peer that is gone in the middle of a body is an error to both.
#[test]
fn a_body_that_breaks_off_is_an_error() {
    in_real_time(|| async {
        let (near, far) = pairs().await;
        let served = serve1(far);
        let (_reader, writer) = near.into_parts();
        writer.write(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf of it");
        writer.flushed().await.unwrap();
        writer.close();
        let error = served.await.unwrap().unwrap_err();
        let (mut said, mut next) = (String::new(), Some(&error as &dyn Error));
        while let Some(error) = next {
            said += &format!("{error}; ");
            next = error.source();
        }
        assert!(said.contains("before message length reached"), "{said}");
    });
}
