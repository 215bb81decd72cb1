//! `heist::serve`: HTTP/1 and HTTP/2, limits, an orderly end, and what bad peers do.

#[path = "support/http.rs"]
mod http;
mod support;

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use axum::{Extension, Router};
use heist::serve::{ConnectionInfo, HttpServer, serve_on};
use heist::{Event, create_task, open_connection, serve, sleep, timeout};
use http::{address, client1, client2, connect, request, say, text};
use hyper::{StatusCode, Version};
use support::certificates::Authority;
use support::in_real_time;

/// Short, where a limit has to be reached.
const SHORT: Duration = Duration::from_millis(60);
/// Nothing here takes as long.
const LONG: Duration = Duration::from_secs(20);

fn router() -> Router {
    Router::new()
        .route("/", get(async || "hello"))
        .route("/echo", post(async |body: String| body))
        .route("/name/{name}", get(async |Path(name): Path<String>| name))
        .route(
            "/agent",
            get(async |headers: HeaderMap| {
                headers["user-agent"]
                    .to_str()
                    .map(str::to_owned)
                    .map_err(|_| (StatusCode::BAD_REQUEST, "not text"))
            }),
        )
        .route("/peer", get(async |Extension(info): Extension<ConnectionInfo>| info.peer().to_string()))
        .route("/panic", get(async || -> &'static str { panic!("on purpose") }))
}

/// Runs a test on each flavour, and gives what the exception handler heard.
fn reports_of<F: Future<Output = ()>>(debug: bool, test: impl Fn() -> F) -> Vec<String> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    support::for_each_flavour(|builder| {
        let heard = heard.clone();
        let handler = move |_: &heist::Handle, context: &heist::ExceptionContext| {
            heard.lock().unwrap().push(context.to_string());
        };
        let test = async {
            heist::Handle::current().unwrap().set_exception_handler(Some(Arc::new(handler)));
            test().await;
        };
        builder.debug(debug).build().unwrap().run(test).unwrap();
    });
    let heard = heard.lock().unwrap();
    heard.clone()
}

/// The server still answers, and lets go of everything.
async fn is_well(server: &HttpServer) {
    assert_eq!(http::get(address(server), "/").await, (200, "hello".to_owned()));
    ends_empty(server).await;
}

/// Waits until no connection is left.
async fn ends_empty(server: &HttpServer) {
    let begun = Instant::now();
    while server.connections() > 0 {
        assert!(begun.elapsed() < LONG, "{} connections never ended", server.connections());
        sleep(Duration::from_millis(1)).await;
    }
}

/// Waits until so many connections are there.
async fn has(server: &HttpServer, connections: usize) {
    let begun = Instant::now();
    while server.connections() != connections {
        assert!(begun.elapsed() < LONG, "{} connections, not {connections}", server.connections());
        sleep(Duration::from_millis(1)).await;
    }
}

#[test]
fn both_versions_on_one_port() {
    in_real_time(|| async {
        let server = serve("127.0.0.1:0", router()).await.unwrap();
        let mut first = client1(connect(address(&server)).await).await;
        let mut second = client2(connect(address(&server)).await).await;
        for round in 0..50 {
            let body = format!("{round} ").repeat(round * 100);
            first.ready().await.unwrap();
            let answer = first.send_request(request("/echo", body.clone())).await.unwrap();
            assert_eq!(answer.version(), Version::HTTP_11);
            assert_eq!(text(answer).await, (StatusCode::OK, body.clone()));
            let answer = second.send_request(request("/echo", body.clone())).await.unwrap();
            assert_eq!(answer.version(), Version::HTTP_2);
            assert_eq!(text(answer).await, (StatusCode::OK, body));
        }
        let answer = second.send_request(request("/peer", "")).await.unwrap();
        assert!(text(answer).await.1.starts_with("127.0.0.1:"));
        drop((first, second));
        is_well(&server).await;
    });
}

#[test]
fn tls_speaks_http_2_where_the_client_wants_it() {
    in_real_time(|| async {
        let authority = Authority::new();
        let server = serve("127.0.0.1:0", router()).tls(authority.acceptor()).await.unwrap();
        let streams = async |protocol: &str| {
            let connector = heist::tls::TlsConnector::builder().root_pem(authority.pem()).alpn([protocol]);
            let at = ("localhost", address(&server).port());
            let (reader, writer) = open_connection(at).tls(connector.build().unwrap()).await.unwrap();
            let info = writer.tls_info().unwrap();
            assert_eq!(info.alpn_protocol(), Some(protocol.as_bytes()));
            (reader, writer).into()
        };
        let answer = client2(streams("h2").await).await.send_request(request("/", "")).await.unwrap();
        assert_eq!(answer.version(), Version::HTTP_2);
        assert_eq!(text(answer).await, (StatusCode::OK, "hello".to_owned()));
        let answer = client1(streams("http/1.1").await).await.send_request(request("/", "")).await.unwrap();
        assert_eq!(text(answer).await, (StatusCode::OK, "hello".to_owned()));
        ends_empty(&server).await;
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_serves() {
    in_real_time(|| async {
        let path = support::temporary_path("http");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let server = serve_on(listener, router()).await.unwrap();
        let streams = heist::open_unix_connection(&path).await.unwrap();
        let answer = client1(streams.into()).await.send_request(request("/", "")).await.unwrap();
        assert_eq!(text(answer).await.1, "hello");
        assert!(server.shutdown(LONG).await.is_clean());
    });
}

/// What is being answered is answered, idle connections end, and nobody new is let in.
#[test]
fn an_orderly_end() {
    in_real_time(|| async {
        let (asked, go_on) = (Arc::new(Event::new()), Arc::new(Event::new()));
        let slow = get({
            let (asked, go_on) = (asked.clone(), go_on.clone());
            async move || {
                asked.set();
                go_on.wait().await;
                "at last"
            }
        });
        for version in [1, 2] {
            asked.clear();
            go_on.clear();
            let server = serve("127.0.0.1:0", router().route("/slow", slow.clone())).await.unwrap();
            let at = address(&server);
            let silent = connect(at).await;
            let mut idle = client1(connect(at).await).await;
            drop(text(idle.send_request(request("/", "")).await.unwrap()).await);
            let busy = create_task(async move {
                let streams = connect(at).await;
                let answer = if version == 1 {
                    client1(streams).await.send_request(request("/slow", "")).await
                } else {
                    client2(streams).await.send_request(request("/slow", "")).await
                };
                text(answer.unwrap()).await.1
            });
            asked.wait().await;
            has(&server, 3).await;
            let ending = create_task(async move { server.shutdown(LONG).await });
            // The idle ones end first.
            let (mut reader, _writer) = silent.into_parts();
            assert_eq!(reader.read(1).await.unwrap(), b"");
            assert!(idle.send_request(request("/", "")).await.is_err());
            assert!(open_connection(at).await.is_err(), "let in while it ends");
            go_on.set();
            assert_eq!(busy.await.unwrap(), "at last");
            assert!(ending.await.unwrap().is_clean());
        }
    });
}

#[test]
fn who_does_not_end_in_time_is_named() {
    in_real_time(|| async {
        let asked = Arc::new(Event::new());
        let never = get({
            let asked = asked.clone();
            async move || {
                asked.set();
                std::future::pending::<()>().await;
            }
        });
        let server = serve("127.0.0.1:0", Router::new().route("/", never)).await.unwrap();
        let (mut reader, writer) = open_connection(address(&server)).await.unwrap();
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n");
        asked.wait().await;
        let report = server.shutdown(SHORT).await;
        assert_eq!((report.cancelled.len(), report.remaining.len()), (1, 0), "{report}");
        assert_eq!(report.cancelled[0].peer.as_socket(), Some(writer.local_addr().unwrap()));
        assert_eq!(reader.read(1).await.unwrap(), b"");
    });
}

#[test]
fn serve_forever_ends_in_good_order() {
    in_real_time(|| async {
        let server = Arc::new(serve("127.0.0.1:0", router()).await.unwrap());
        let at = address(&server);
        let serving = create_task({
            let server = server.clone();
            async move { server.serve_forever().await }
        });
        let mut idle = client1(connect(at).await).await;
        drop(text(idle.send_request(request("/", "")).await.unwrap()).await);
        serving.cancel();
        assert!(timeout(LONG, serving).await.unwrap().unwrap_err().is_cancelled());
        assert_eq!(server.connections(), 0);
        assert!(server.serve_forever().await.is_err(), "it is closed");
    });
}

#[test]
fn the_limit_of_connections_holds() {
    in_real_time(|| async {
        let server = serve("127.0.0.1:0", router()).max_connections(2).await.unwrap();
        let at = address(&server);
        let (first, second) = (connect(at).await, connect(at).await);
        has(&server, 2).await;
        let third = create_task(async move { http::get(at, "/").await });
        sleep(SHORT).await;
        assert_eq!(server.connections(), 2);
        assert!(!third.done());
        drop(first);
        assert_eq!(third.await.unwrap().0, 200);
        drop(second);
        is_well(&server).await;
    });
}

/// Those who say nothing, or a byte at a time, are cut off, whatever they begin with; others are served meanwhile.
#[test]
fn slow_peers_are_cut_off() {
    in_real_time(|| async {
        let authority = Authority::new();
        let plain = serve("127.0.0.1:0", router()).header_read_timeout(SHORT).await.unwrap();
        let tls = serve("127.0.0.1:0", router()).tls(authority.acceptor()).header_read_timeout(SHORT);
        let tls = tls.await.unwrap();
        // A byte at a time keeps nobody in, where more bytes are not wrong at once.
        let beginnings: [(&HttpServer, &[u8], &[u8]); 7] = [
            (&plain, b"", b"x"),
            (&plain, b"G", b"x"),
            (&plain, b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: 1", b"x"),
            (&plain, b"PRI * HT", b""),
            (&tls, b"", b""),
            (&tls, b"\x16", b""),
            (&tls, b"\x16\x03\x01\x02\x00\x01\x00", b""),
        ];
        for (server, beginning, drip) in beginnings {
            let begun = Instant::now();
            let (mut reader, writer) = open_connection(address(server)).await.unwrap();
            writer.write(beginning);
            let dripping = create_task(async move {
                while writer.drain().await.is_ok() {
                    writer.write(drip);
                    sleep(SHORT / 4).await;
                }
            });
            let ended =
                timeout(LONG, async { while reader.read(100).await.is_ok_and(|read| !read.is_empty()) {} });
            assert!(ended.await.is_ok(), "{beginning:?} is still connected");
            assert!(begun.elapsed() >= SHORT, "{beginning:?} was cut off after {:?}", begun.elapsed());
            dripping.cancel();
            drop(dripping.await);
        }
        is_well(&plain).await;
        ends_empty(&tls).await;
    });
}

#[test]
fn heads_that_are_too_large() {
    in_real_time(|| async {
        let server = serve("127.0.0.1:0", router()).max_header_size(2048).await.unwrap();
        let at = address(&server);
        let large = "x".repeat(3000);
        let said = say(at, format!("GET / HTTP/1.1\r\nhost: x\r\nx-large: {large}\r\n\r\n")).await;
        assert!(said.starts_with("HTTP/1.1 431 "), "{said}");
        let said = say(at, format!("GET /{large} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        assert!(said.starts_with("HTTP/1.1 414 ") || said.starts_with("HTTP/1.1 431 "), "{said}");
        // Many small ones, and one without an end.
        let many: String = (0..200).map(|i| format!("x-{i}: 1\r\n")).collect();
        let said = say(at, format!("GET / HTTP/1.1\r\n{many}\r\n")).await;
        assert!(said.starts_with("HTTP/1.1 431 "), "{said}");
        let said = say(at, "y".repeat(100_000)).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
        // In HTTP/2 the request fails, and the connection goes on.
        let mut client = client2(connect(at).await).await;
        let mut with_large = request("/", "");
        with_large.headers_mut().insert("x-large", large.parse().unwrap());
        match client.send_request(with_large).await {
            Ok(answer) => assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            Err(error) => assert!(!error.is_closed(), "{error}"),
        }
        let answer = client.send_request(request("/", "")).await.unwrap();
        assert_eq!(text(answer).await.1, "hello");
        drop(client);
        is_well(&server).await;
    });
}

#[test]
fn what_is_not_text() {
    in_real_time(|| async {
        let server = serve("127.0.0.1:0", router()).await.unwrap();
        let at = address(&server);
        let close = "connection: close\r\nhost: x\r\n\r\n";
        let said = say(at, format!("GET /name/%ff%fe HTTP/1.1\r\n{close}")).await;
        assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("Invalid UTF-8"), "{said}");
        let bytes = [b"GET /agent HTTP/1.1\r\nuser-agent: \xff\xfe\r\n", close.as_bytes()].concat();
        let said = say(at, bytes).await;
        assert!(said.starts_with("HTTP/1.1 400 ") && said.ends_with("not text"), "{said}");
        let bytes = [
            &b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\nhost: x\r\nconnection: close\r\n\r\n\xff\xfe"[..],
        ];
        let said = say(at, bytes.concat()).await;
        assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("UTF-8"), "{said}");
        // A method, a header's name, a version that are none; a length that is none, and two of them.
        for head in [
            "G\u{e9}T / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nb\u{e4}d: 1\r\n\r\n",
            "GET / HTTP/9.9\r\n\r\n",
            "POST /echo HTTP/1.1\r\ncontent-length: many\r\n\r\n",
            "POST /echo HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "\0\0\0\0\r\n\r\n",
        ] {
            let said = say(at, head).await;
            assert!(said.starts_with("HTTP/1.1 400 "), "{head:?}: {said}");
        }
        is_well(&server).await;
    });
}

#[test]
fn tls_to_a_plain_port_and_the_reverse() {
    in_real_time(|| async {
        let authority = Authority::new();
        let plain = serve("127.0.0.1:0", router()).await.unwrap();
        let at = ("localhost", address(&plain).port());
        let error = open_connection(at).tls(authority.connector()).await.unwrap_err();
        assert!(error.to_string().to_lowercase().contains("tls"), "{error}");
        let said = say(address(&plain), b"\x16\x03\x01\x00\x05hello").await;
        assert!(said.starts_with("HTTP/1.1 400 ") && said.ends_with("with http, not with https\n"), "{said}");
        is_well(&plain).await;

        let tls = serve("127.0.0.1:0", router()).tls(authority.acceptor()).await.unwrap();
        let (status, body) = http::get(address(&tls), "/").await;
        assert_eq!((status, body.as_str()), (400, "this port speaks TLS: ask with https, not with http\n"));
        // Neither of the two.
        for garbage in [&b"\0\0\0\0\0\0"[..], b"\x16\x03\x01\xff\xff", b"\x16garbage garbage", &[0xff; 5000]]
        {
            let said = timeout(LONG, async {
                let (mut reader, writer) = open_connection(address(&tls)).await.unwrap();
                writer.write(garbage);
                writer.write_eof();
                reader.read_to_end().await
            });
            drop(said.await.unwrap_or_else(|_| panic!("{garbage:?} is still connected")));
        }
        ends_empty(&tls).await;
        let at = ("localhost", address(&tls).port());
        let streams = open_connection(at).tls(authority.connector()).await.unwrap();
        let answer = client1(streams.into()).await.send_request(request("/", "")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    });
}

#[test]
fn what_the_service_does_wrong_is_reported() {
    let heard = reports_of(false, || async {
        let server = serve("127.0.0.1:0", router()).await.unwrap();
        assert_eq!(say(address(&server), "GET /panic HTTP/1.1\r\nhost: x\r\n\r\n").await, "");
        let mut client = client2(connect(address(&server)).await).await;
        assert!(client.send_request(request("/panic", "")).await.is_err());
        // The connection goes on: the request had a task of its own.
        let answer = client.send_request(request("/", "")).await.unwrap();
        assert_eq!(text(answer).await.1, "hello");
        drop(client);
        is_well(&server).await;
        let failing = tower::service_fn(async |_: hyper::Request<hyper::body::Incoming>| {
            Err::<hyper::Response<String>, _>("no answer today")
        });
        let server = serve("127.0.0.1:0", failing).await.unwrap();
        assert_eq!(say(address(&server), "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await, "");
        ends_empty(&server).await;
    });
    assert_eq!(heard.iter().filter(|heard| heard.contains("on purpose")).count(), 4, "{heard:#?}");
    assert_eq!(heard.iter().filter(|heard| heard.contains("no answer today")).count(), 2, "{heard:#?}");
    assert_eq!(heard.len(), 6, "{heard:#?}");
}

#[test]
fn what_peers_do_wrong_is_told_in_debug_mode_only() {
    let test = || async {
        let server = serve("127.0.0.1:0", router()).await.unwrap();
        drop(say(address(&server), "nonsense\r\n\r\n").await);
        drop(say(address(&server), b"\x16\x03\x01").await);
        is_well(&server).await;
    };
    assert_eq!(reports_of(false, test), [""; 0]);
    let heard = reports_of(true, test);
    let told = heard.iter().filter(|heard| heard.contains("ended before its time")).count();
    assert_eq!(told, 4, "{heard:#?}");
}

/// A service that is not ready holds requests back; it is asked before each.
#[test]
fn a_service_is_asked_whether_it_is_ready() {
    in_real_time(|| async {
        let (at_once, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let counts = (at_once.clone(), most.clone());
        let counting = tower::service_fn(move |_: hyper::Request<hyper::body::Incoming>| {
            let (at_once, most) = counts.clone();
            async move {
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                sleep(Duration::from_millis(2)).await;
                at_once.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, Infallible>(hyper::Response::new("done".to_owned()))
            }
        });
        let limited = tower::limit::ConcurrencyLimit::new(counting, 2);
        let server = serve("127.0.0.1:0", limited).await.unwrap();
        let client = client2(connect(address(&server)).await).await;
        let asked: Vec<_> = (0..20)
            .map(|_| {
                let mut client = client.clone();
                create_task(async move { client.send_request(request("/", "")).await.unwrap().status() })
            })
            .collect();
        for answered in asked {
            assert_eq!(answered.await.unwrap(), StatusCode::OK);
        }
        assert_eq!(most.load(Ordering::SeqCst), 2);
        drop(client);
        ends_empty(&server).await;
    });
}

#[test]
fn options_that_make_no_sense() {
    in_real_time(|| async {
        let start = || serve("127.0.0.1:0", router());
        let errors = [
            start().header_read_timeout(Duration::ZERO).await.unwrap_err(),
            start().max_header_size(10).await.unwrap_err(),
            start().max_connections(0).await.unwrap_err(),
        ];
        for (error, word) in errors.iter().zip(["header_read_timeout", "max_header_size", "max_connections"])
        {
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
            assert!(error.to_string().contains(word), "{error}");
        }
    });
}
