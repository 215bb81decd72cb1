//! Streams over TLS, heist at both ends.
#![cfg(not(heist_loom))]

#[path = "support/certificates.rs"]
mod certificates;
mod support;

use std::future::{Future, IntoFuture, poll_fn};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use certificates::Authority;
use heist::tls::rustls::{self, CipherSuite};
use heist::tls::{TlsAcceptor, TlsConnector, TlsError, TlsErrorKind};
use heist::{Event, Server, StreamReader, StreamWriter, open_connection, open_connection_on, start_server};
use support::servers::echo;
use support::{for_each_flavour, with_io};

/// More than sockets and rustls keep.
const SIZE: usize = 10 << 20;
/// Short, where a limit has to be reached.
const SHORT: Duration = Duration::from_millis(100);
/// Long enough for a handshake on a machine that is busy, where others have to reach the limit.
const NOT_SHORT: Duration = Duration::from_secs(2);

/// As `on_both`; says what the exception handler heard.
fn reports_of<F: Future<Output = io::Result<()>>>(debug: bool, test: impl Fn() -> F) -> Vec<String> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    for_each_flavour(|builder| {
        let heard = heard.clone();
        let handler = move |_: &heist::Handle, context: &heist::ExceptionContext| {
            heard.lock().unwrap().push(context.to_string());
        };
        let mut runner = builder.debug(debug).build().unwrap();
        let test = async {
            heist::Handle::current().unwrap().set_exception_handler(Some(Arc::new(handler)));
            test().await
        };
        runner.run(test).unwrap().unwrap();
    });
    let heard = heard.lock().unwrap();
    heard.clone()
}

fn content() -> Vec<u8> {
    (0..SIZE).map(|i| (i % 251) as u8).collect()
}

fn address(server: &Server) -> SocketAddr {
    server.sockets()[0].local_addr().unwrap()
}

/// What TLS failed with.
fn tls_error(error: &io::Error) -> &TlsError {
    error.get_ref().and_then(|error| error.downcast_ref()).unwrap_or_else(|| panic!("{error:?}"))
}

/// Polls once.
async fn begun(future: &mut (impl Future + Unpin)) -> bool {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx).is_pending())).await
}

/// The two ends of a TLS connection: the client's streams, then the server's.
async fn connection(
    connector: &TlsConnector,
    acceptor: &TlsAcceptor,
) -> io::Result<(StreamReader, StreamWriter, StreamReader, StreamWriter)> {
    let listener = heist::net::TcpListener::bind("127.0.0.1:0").await?;
    let connecting = open_connection(("localhost", listener.local_addr()?.port())).tls(connector);
    let connecting = heist::create_task(connecting.into_future());
    let (mut reader, writer) = listener.accept().await?.0.into_streams();
    writer.start_tls(&mut reader, acceptor).await?;
    let (client_reader, client_writer) = connecting.await.unwrap()?;
    Ok((client_reader, client_writer, reader, writer))
}

/// As `connection`, with an authority of its own.
async fn any_connection() -> io::Result<(StreamReader, StreamWriter, StreamReader, StreamWriter)> {
    let authority = Authority::new();
    connection(&authority.connector(), &authority.acceptor()).await
}

#[test]
fn a_conversation_and_what_the_ends_agreed_on() {
    with_io(|| async {
        let authority = Authority::new();
        let server = start_server(echo, "127.0.0.1:0").tls(authority.acceptor()).await?;
        let (mut reader, writer) =
            open_connection(("localhost", address(&server).port())).tls(authority.connector()).await?;
        writer.write(b"hello\n");
        assert_eq!(reader.readline().await?, b"hello\n");
        let info = writer.tls_info().unwrap();
        assert_eq!(
            (info.version(), info.server_name(), info.alpn_protocol()),
            ("TLSv1.3", Some("localhost"), None)
        );
        assert!(info.cipher().starts_with("TLS_"), "{info:?}");
        assert_eq!(info.peer_certificates().len(), 1);
        assert!(!writer.can_write_eof(), "as asyncio has it");
        writer.close();
        writer.wait_closed().await?;
        assert_eq!(writer.tls_info(), Some(info), "it stays known");
        assert!(reader.read(1).await?.is_empty(), "closing ends both directions");
        server.close();
        server.wait_closed().await;
        Ok(())
    });
}

#[test]
fn b314_start_tls_in_the_middle_of_a_conversation() {
    with_io(|| async {
        let authority = Authority::new();
        let (connector, acceptor) = (authority.connector(), authority.acceptor());
        let listener = heist::net::TcpListener::bind("127.0.0.1:0").await?;
        let (mut client_reader, client) = open_connection(listener.local_addr()?).await?;
        let (mut reader, writer) = listener.accept().await?.0.into_streams();
        assert_eq!(client.tls_info(), None);

        // The client's first message of TLS comes together with what is before it, and what is after is written early.
        client.write(b"plain\n");
        let mut starting =
            client.start_tls(&mut client_reader, &connector).server_hostname("localhost").into_future();
        assert!(begun(&mut starting).await);
        client.write(b"early\n");
        assert_eq!(reader.readline().await?, b"plain\n");
        let serving = heist::create_task(async move {
            writer.start_tls(&mut reader, acceptor).await?;
            writer.write(b"protected\n");
            let early = reader.readline().await?;
            io::Result::Ok((early, writer.tls_info().unwrap(), writer))
        });
        starting.await?;
        assert_eq!(client_reader.readline().await?, b"protected\n");
        let (early, info, _writer) = serving.await.unwrap()?;
        assert_eq!(early, b"early\n");
        let own = client.tls_info().unwrap();
        assert_eq!((info.version(), info.cipher()), (own.version(), own.cipher()));
        assert_eq!(info.server_name(), Some("localhost"));
        Ok(())
    });
}

#[test]
fn start_tls_on_what_is_no_pair_leaves_the_streams_as_they_are() {
    with_io(|| async {
        let server = start_server(echo, "127.0.0.1:0").await?;
        let (mut reader, _writer) = open_connection(address(&server)).await?;
        let (mut own_reader, writer) = open_connection(address(&server)).await?;
        let connector = Authority::new().connector();
        let started = writer.start_tls(&mut reader, &connector).server_hostname("localhost").await;
        assert_eq!(started.unwrap_err().kind(), ErrorKind::InvalidInput);
        writer.write(b"still plain\n");
        assert_eq!(own_reader.readline().await?, b"still plain\n");
        Ok(())
    });
}

#[test]
fn start_tls_that_is_given_up_closes_the_connection() {
    with_io(|| async {
        let listener = heist::net::TcpListener::bind("127.0.0.1:0").await?;
        let (mut reader, writer) = open_connection(listener.local_addr()?).await?;
        let (mut far, _far_writer) = listener.accept().await?.0.into_streams();
        {
            let starting =
                writer.start_tls(&mut reader, Authority::new().connector()).server_hostname("localhost");
            assert!(begun(&mut starting.into_future()).await);
        }
        assert_eq!(writer.wait_closed().await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert_eq!(reader.read(1).await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        assert!(!far.read_to_end().await?.is_empty(), "the client's first message, and the end");
        Ok(())
    });
}

#[test]
fn abort_ends_a_handshake() {
    with_io(|| async {
        let listener = heist::net::TcpListener::bind("127.0.0.1:0").await?;
        let (mut reader, writer) = open_connection(listener.local_addr()?).await?;
        let mut starting = writer
            .start_tls(&mut reader, Authority::new().connector())
            .server_hostname("localhost")
            .into_future();
        assert!(begun(&mut starting).await);
        writer.abort();
        assert_eq!(starting.await.unwrap_err().kind(), ErrorKind::ConnectionAborted);
        Ok(())
    });
}

#[test]
fn b315_b316_a_peer_that_never_answers_is_aborted_at_the_limit_and_nothing_is_logged() {
    let heard = reports_of(false, || async {
        // The system accepts; nobody answers.
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let connecting = open_connection(listener.local_addr()?)
            .tls(Authority::new().connector())
            .ssl_handshake_timeout(SHORT);
        let error = connecting.await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionAborted);
        assert!(error.to_string().contains("127.0.0.1"), "{error}");
        let (mut accepted, _) = listener.accept()?;
        io::copy(&mut accepted, &mut io::sink())?;
        Ok(())
    });
    assert!(heard.is_empty(), "{heard:?}");
}

/// A server whose handlers count the connections they get.
async fn counting_server(count: &Arc<Mutex<u32>>) -> io::Result<(Server, Authority)> {
    let authority = Authority::new();
    let count = count.clone();
    let handler = async move |reader: StreamReader, writer: StreamWriter| {
        *count.lock().unwrap() += 1;
        echo(reader, writer).await
    };
    let server = start_server(handler, "127.0.0.1:0")
        .tls(authority.acceptor())
        .ssl_handshake_timeout(NOT_SHORT)
        .await?;
    Ok((server, authority))
}

#[test]
fn b315_a_silent_client_is_dropped_and_holds_nobody_up() {
    let heard = reports_of(false, || async {
        let count = Arc::default();
        let (server, authority) = counting_server(&count).await?;
        let (mut silent, _silent_writer) = open_connection(address(&server)).await?;
        let (mut reader, writer) = open_connection(address(&server)).tls(authority.connector()).await?;
        writer.write(b"hello\n");
        assert_eq!(reader.readline().await?, b"hello\n");
        assert!(silent.read(1).await?.is_empty(), "dropped at the limit");
        assert_eq!(*count.lock().unwrap(), 1);
        Ok(())
    });
    assert!(heard.is_empty(), "{heard:?}");
}

#[test]
fn b317_a_connection_lost_during_the_handshake() {
    let heard = reports_of(false, || async {
        let listener = heist::net::TcpListener::bind("127.0.0.1:0").await?;
        let connecting = open_connection(("localhost", listener.local_addr()?.port()));
        let connecting = heist::create_task(connecting.tls(Authority::new().connector()).into_future());
        let (mut reader, writer) = listener.accept().await?.0.into_streams();
        // All of the first message, so that the end is an orderly one.
        reader.read(4 << 10).await?;
        writer.close();
        let error = connecting.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(error.to_string().contains("localhost"), "{error}");

        let count = Arc::default();
        let (server, _authority) = counting_server(&count).await?;
        let (_reader, writer) = open_connection(address(&server)).await?;
        drop(writer);
        server.close();
        server.wait_closed().await;
        assert_eq!(*count.lock().unwrap(), 0, "the handler is not called");
        Ok(())
    });
    assert!(heard.is_empty(), "{heard:?}");
}

#[test]
fn b318_a_certificate_that_fails_is_an_error_of_the_connect() {
    let heard = reports_of(false, || async {
        let authority = Authority::new();
        let good = authority.acceptor();
        let expired = authority.expired_identity(&["localhost"]).acceptor();
        let elsewhere = authority.identity(&["elsewhere.example"]).acceptor();
        let stranger = Authority::new().connector();
        let connector = authority.connector();
        for (acceptor, connector, advice) in [
            (&good, &stranger, "root_pem"),
            (&expired, &connector, "run out"),
            (&elsewhere, &connector, "server_hostname"),
        ] {
            let server = start_server(echo, "127.0.0.1:0").tls(acceptor).await?;
            let error =
                open_connection(("localhost", address(&server).port())).tls(connector).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
            let error = tls_error(&error);
            assert_eq!(error.kind(), TlsErrorKind::Certificate);
            assert!(error.to_string().contains("localhost") && error.to_string().contains(advice), "{error}");
            server.close();
            server.wait_closed().await;
        }
        let server = start_server(echo, "127.0.0.1:0").tls(&elsewhere).await?;
        open_connection(address(&server)).tls(&connector).server_hostname("elsewhere.example").await?;
        let trusting = TlsConnector::builder().dangerous_accept_any_certificate().build()?;
        open_connection(address(&server)).tls(trusting).await?;
        Ok(())
    });
    assert!(heard.is_empty(), "{heard:?}");
}

#[test]
fn b319_closing_sends_all_that_was_written_first() {
    with_io(|| async {
        let (_reader, writer, mut far, far_writer) = any_connection().await?;
        let content = content();
        writer.write(&content);
        writer.close();
        assert!(writer.write_buffer_size() > 0, "the system has not taken all");
        assert!(far.read_to_end().await? == content);
        far_writer.close();
        writer.wait_closed().await?;
        far_writer.wait_closed().await
    });
}

#[test]
fn b320_after_the_peers_notice_what_is_kept_is_still_delivered() {
    with_io(|| async {
        let (mut reader, writer, mut far, far_writer) = any_connection().await?;
        let content = content();
        writer.write(&content);
        drop(far_writer);
        assert!(reader.read(1).await?.is_empty(), "the peer's notice");
        assert!(writer.write_buffer_size() > 0, "the system has not taken all");
        let closing = heist::create_task(async move {
            writer.close();
            writer.wait_closed().await
        });
        assert!(far.read_to_end().await? == content);
        drop(far);
        closing.await.unwrap()
    });
}

#[test]
fn much_in_both_directions_at_once() {
    with_io(|| async {
        let (reader, writer, far, far_writer) = any_connection().await?;
        let content = Arc::new(content());
        let mut receiving = Vec::new();
        for (mut reader, writer) in [(reader, writer), (far, far_writer)] {
            let to_send = content.clone();
            let writing = heist::create_task(async move {
                for chunk in to_send.chunks(100_003) {
                    writer.write(chunk);
                    writer.drain().await.unwrap();
                }
                writer.flushed().await.unwrap();
                writer
            });
            receiving.push(heist::create_task(async move {
                let received = reader.readexactly(SIZE).await.unwrap();
                (received, reader, writing.await.unwrap())
            }));
        }
        for task in receiving {
            assert!(task.await.unwrap().0 == *content);
        }
        Ok(())
    });
}

#[test]
fn single_bytes_and_pieces() {
    with_io(|| async {
        let (_reader, writer, mut far, _far_writer) = any_connection().await?;
        let receiving = heist::create_task(async move { far.readexactly(6000).await.unwrap() });
        let mut expected = Vec::new();
        for i in 0..1000 {
            let byte = [(i % 251) as u8];
            writer.write(&byte);
            writer.writelines([&byte[..], b"", b"four"]);
            expected.extend([byte[0], byte[0]]);
            expected.extend(b"four");
        }
        assert!(receiving.await.unwrap() == expected);
        Ok(())
    });
}

#[test]
fn an_end_without_notice_is_an_error() {
    with_io(|| async {
        let (mut reader, writer, _far, far_writer) = any_connection().await?;
        far_writer.write(b"cut off");
        far_writer.flushed().await?;
        assert_eq!(reader.readexactly(7).await?, b"cut off");
        far_writer.abort();
        let error = reader.read(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert!(error.to_string().contains("cut short"), "{error}");
        writer.abort();
        Ok(())
    });
}

#[test]
fn write_eof_is_refused() {
    with_io(|| async {
        let (_reader, writer, _far, _far_writer) = any_connection().await?;
        writer.write_eof();
        assert_eq!(writer.drain().await.unwrap_err().kind(), ErrorKind::Unsupported);
        Ok(())
    });
}

#[test]
fn closing_wakes_a_reader_that_waits() {
    with_io(|| async {
        let (mut reader, writer, mut far, far_writer) = any_connection().await?;
        let mut reading = pin!(reader.read(1));
        assert!(begun(&mut reading).await);
        writer.close();
        assert!(begun(&mut reading).await, "what comes now is for the writer");
        assert!(far.read(1).await?.is_empty());
        far_writer.close();
        assert!(reading.await?.is_empty());
        writer.wait_closed().await
    });
}

#[test]
fn a_peer_that_does_not_let_the_connection_end() {
    with_io(|| async {
        let authority = Authority::new();
        let (done, server_done) = (Arc::new(Event::new()), Arc::new(Event::new()));
        let (wait, ended) = (done.clone(), server_done.clone());
        let handler = async move |_reader: StreamReader, writer: StreamWriter| {
            wait.wait().await;
            writer.abort();
            ended.set();
        };
        let server = start_server(handler, "127.0.0.1:0").tls(authority.acceptor()).await?;
        let connect = async || {
            let connecting = open_connection(address(&server)).tls(authority.connector());
            connecting.ssl_shutdown_timeout(SHORT).await
        };
        // One that does not answer the notice, and one that does not even take what was written before.
        for kept in [0, SIZE] {
            let (mut reader, writer) = connect().await?;
            writer.write_bytes(vec![0; kept]);
            writer.close();
            assert_eq!(writer.wait_closed().await.unwrap_err().kind(), ErrorKind::TimedOut);
            assert!(reader.read(1).await?.is_empty());
        }
        done.set();
        server_done.wait().await;
        Ok(())
    });
}

#[test]
fn a_client_that_does_not_let_the_connection_end() {
    with_io(|| async {
        let authority = Authority::new();
        let told = heist::Queue::new();
        let tell = told.clone();
        let handler = async move |_reader: StreamReader, writer: StreamWriter| {
            writer.close();
            tell.put_nowait(writer.wait_closed().await.map_err(|error| error.kind())).unwrap();
        };
        let starting = start_server(handler, "127.0.0.1:0").tls(authority.acceptor());
        let server = starting.ssl_shutdown_timeout(SHORT).await?;
        // It reads nothing, so it does not even see the notice.
        let connecting = open_connection(("localhost", address(&server).port()));
        let _silent = connecting.tls(authority.connector()).await?;
        assert_eq!(told.get().await.unwrap(), Err(ErrorKind::TimedOut));
        server.close();
        server.wait_closed().await;
        Ok(())
    });
}

#[test]
fn plain_text_where_tls_is_spoken() {
    let heard = reports_of(true, || async {
        let count = Arc::default();
        let (server, _authority) = counting_server(&count).await?;
        let (mut reader, writer) = open_connection(address(&server)).await?;
        writer.write(b"GET / HTTP/1.0\r\n\r\n");
        assert_eq!(reader.read_to_end().await?[0], 21, "an alert, and the end");
        server.close();
        server.wait_closed().await;
        assert_eq!(*count.lock().unwrap(), 0);
        Ok(())
    });
    assert_eq!(heard.len(), 2, "one a flavour, in debug mode: {heard:?}");
    assert!(heard.iter().all(|report| report.contains("does not speak TLS")), "{heard:?}");
}

#[test]
fn tls_where_plain_text_is_spoken() {
    with_io(|| async {
        let greet = async |mut reader: StreamReader, writer: StreamWriter| {
            writer.write(b"220 mail.example.org\r\n");
            reader.read_to_end().await
        };
        let server = start_server(async move |r, w| greet(r, w).await.map(drop), "127.0.0.1:0").await?;
        let error = open_connection(address(&server)).tls(Authority::new().connector()).await.unwrap_err();
        assert_eq!(tls_error(&error).kind(), TlsErrorKind::NotTls);
        assert!(error.to_string().contains("check the port"), "{error}");
        Ok(())
    });
}

#[test]
fn alpn() {
    with_io(|| async {
        let authority = Authority::new();
        let identity = authority.identity(&["localhost"]);
        let acceptor =
            TlsAcceptor::builder(&identity.certificate, &identity.key).alpn(["h2", "http/1.1"]).build()?;
        let offering = |name: &str| TlsConnector::builder().root_pem(authority.pem()).alpn([name]).build();
        let (_reader, writer, _far, far_writer) = connection(&offering("http/1.1")?, &acceptor).await?;
        for writer in [writer, far_writer] {
            assert_eq!(writer.tls_info().unwrap().alpn_protocol(), Some(&b"http/1.1"[..]));
        }
        let server = start_server(echo, "127.0.0.1:0").tls(acceptor).await?;
        let connecting = open_connection(("localhost", address(&server).port())).tls(offering("imap")?);
        let error = connecting.await.unwrap_err();
        assert_eq!(tls_error(&error).kind(), TlsErrorKind::Refused);
        assert!(error.to_string().contains("alpn"), "{error}");
        Ok(())
    });
}

#[test]
fn certificates_of_clients() {
    with_io(|| async {
        let authority = Authority::new();
        let (identity, client) =
            (authority.identity(&["localhost"]), authority.identity(&["client.example"]));
        let builder =
            || TlsAcceptor::builder(&identity.certificate, &identity.key).client_root_pem(authority.pem());
        let (required, optional) = (builder().build()?, builder().client_certificate_optional().build()?);
        let anonymous = authority.connector();
        let known = TlsConnector::builder()
            .root_pem(authority.pem())
            .identity_pem(&client.certificate, &client.key)
            .build()?;
        for (connector, acceptor, certificates) in
            [(&known, &required, 1), (&known, &optional, 1), (&anonymous, &optional, 0)]
        {
            let (_reader, _writer, _far, far_writer) = connection(connector, acceptor).await?;
            assert_eq!(far_writer.tls_info().unwrap().peer_certificates().len(), certificates);
        }
        // With TLS 1.3 the client's handshake is done before the server has seen that there is none.
        let server = start_server(echo, "127.0.0.1:0").tls(required).await?;
        let (mut reader, _writer) =
            open_connection(("localhost", address(&server).port())).tls(anonymous).await?;
        let error = reader.read(1).await.unwrap_err();
        assert_eq!(tls_error(&error).kind(), TlsErrorKind::Refused);
        assert!(error.to_string().contains("identity_pem"), "{error}");
        Ok(())
    });
}

#[test]
fn a086_options_that_contradict_one_another_are_refused() {
    with_io(|| async {
        let refused = |error: io::Error, word: &str| {
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.to_string().contains(word), "{error}");
        };
        let authority = Authority::new();
        let server = start_server(echo, "127.0.0.1:0").await?;
        let at = address(&server);
        refused(open_connection(at).server_hostname("localhost").await.unwrap_err(), "tls");
        refused(open_connection(at).ssl_handshake_timeout(SHORT).await.unwrap_err(), "tls");
        refused(open_connection(at).ssl_shutdown_timeout(SHORT).await.unwrap_err(), "tls");
        refused(start_server(echo, "127.0.0.1:0").ssl_handshake_timeout(SHORT).await.unwrap_err(), "tls");
        // Whom is meant cannot be seen from a socket, or from no host.
        let socket = std::net::TcpStream::connect(at)?;
        let connector = authority.connector();
        refused(open_connection_on(socket).tls(&connector).await.unwrap_err(), "server_hostname");
        refused(
            open_connection((None::<&str>, at.port())).tls(&connector).await.unwrap_err(),
            "server_hostname",
        );
        refused(open_connection(at).tls(&connector).server_hostname("no name").await.unwrap_err(), "no name");
        let zero = open_connection(at).tls(&connector).ssl_handshake_timeout(Duration::ZERO);
        refused(zero.await.unwrap_err(), "more than zero");
        let (mut reader, writer) = open_connection(at).await?;
        refused(writer.start_tls(&mut reader, &connector).await.unwrap_err(), "server_hostname");
        let serving = writer.start_tls(&mut reader, authority.acceptor()).server_hostname("localhost");
        refused(serving.await.unwrap_err(), "connects");
        writer.write(b"still plain\n");
        assert_eq!(reader.readline().await?, b"still plain\n");
        Ok(())
    });
}

/// What this machine trusts is what the tools of OpenSSL trust: a file that is named in the environment goes before the system's.
#[cfg(target_os = "linux")]
#[test]
fn without_roots_of_ones_own_those_of_the_machine_are_trusted() {
    const TEST: &str = "without_roots_of_ones_own_those_of_the_machine_are_trusted";
    let connect = |port: u16| async move {
        let (mut reader, writer) = open_connection(("localhost", port)).tls(TlsConnector::new()?).await?;
        writer.write(b"trusted\n");
        assert_eq!(reader.readline().await?, b"trusted\n");
        io::Result::Ok(())
    };
    if let Some(port) = support::role() {
        match heist::run(connect(port.parse().unwrap())) {
            Ok(()) => println!("\nit is well"),
            Err(error) => println!("\nit is {:?}", tls_error(&error).kind()),
        }
        return;
    }
    with_io(|| async {
        let authority = Authority::new();
        let server = start_server(echo, "127.0.0.1:0").tls(authority.acceptor()).await?;
        let port = address(&server).port().to_string();
        for (trusted, said) in [(&authority, "well"), (&Authority::new(), "Certificate")] {
            let (path, port) = (support::temporary_path("roots"), port.clone());
            std::fs::write(&path, trusted.pem())?;
            let copy = {
                let path = path.clone();
                heist::to_thread(move || {
                    let mut copy = support::Copy::start_with(TEST, &port, |command| {
                        command.env("SSL_CERT_FILE", path).env_remove("SSL_CERT_DIR");
                    });
                    (copy.stdout.until("it is "), copy.wait().success())
                })
            };
            assert_eq!(copy.await.unwrap(), (format!("it is {said}"), true));
            std::fs::remove_file(path)?;
        }
        Ok(())
    });
}

/// With it comes any cryptography that the program prefers to the default one.
#[test]
fn a_configuration_of_rustls_is_taken_as_it_is() {
    with_io(|| async {
        let authority = Authority::new();
        let mut provider = rustls::crypto::ring::default_provider();
        let only = CipherSuite::TLS13_CHACHA20_POLY1305_SHA256;
        provider.cipher_suites.retain(|suite| suite.suite() == only);
        let connector = TlsConnector::from(authority.config_with(provider));
        let acceptor = TlsAcceptor::from(authority.identity(&["localhost"]).config());
        let (_reader, writer, _far, far_writer) = connection(&connector, &acceptor).await?;
        for writer in [writer, far_writer] {
            assert_eq!(writer.tls_info().unwrap().cipher(), "TLS_CHACHA20_POLY1305_SHA256");
        }
        Ok(())
    });
}

#[test]
fn texts_that_are_no_certificates_are_refused() {
    let authority = Authority::new();
    let (one, other) = (authority.identity(&["localhost"]), authority.identity(&["localhost"]));
    let errors = [
        TlsAcceptor::from_pem("", &one.key).unwrap_err(),
        TlsAcceptor::from_pem(&one.certificate, "no key").unwrap_err(),
        TlsAcceptor::from_pem(&one.certificate, &other.key).unwrap_err(),
        TlsAcceptor::builder(&one.certificate, &one.key).client_certificate_optional().build().unwrap_err(),
        TlsConnector::builder().root_pem("nothing").build().unwrap_err(),
        TlsConnector::builder()
            .root_pem(authority.pem())
            .dangerous_accept_any_certificate()
            .build()
            .unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
}

#[test]
fn the_server_reaches_connections_that_have_changed_to_tls() {
    with_io(|| async {
        let authority = Authority::new();
        let acceptor = authority.acceptor();
        let handler = async move |mut reader: StreamReader, writer: StreamWriter| {
            writer.start_tls(&mut reader, &acceptor).await?;
            writer.write(b"protected\n");
            reader.read_to_end().await.map(drop)
        };
        let server = start_server(handler, "127.0.0.1:0").await?;
        let (mut reader, writer) = open_connection(address(&server)).await?;
        writer.start_tls(&mut reader, authority.connector()).server_hostname("localhost").await?;
        assert_eq!(reader.readline().await?, b"protected\n");
        server.close();
        server.close_clients();
        assert!(reader.read(1).await?.is_empty(), "with a notice");
        writer.close();
        server.wait_closed().await;
        writer.wait_closed().await
    });
}

#[cfg(unix)]
#[test]
fn over_unix_sockets() {
    with_io(|| async {
        let authority = Authority::new();
        let path = support::temporary_path("tls");
        let server = heist::start_unix_server(echo, &path).tls(authority.acceptor()).await?;
        let connecting = heist::open_unix_connection(&path).tls(authority.connector());
        let (mut reader, writer) = connecting.server_hostname("localhost").await?;
        writer.write(b"hello\n");
        assert_eq!(reader.readline().await?, b"hello\n");
        server.close();
        Ok(())
    });
}

#[cfg(unix)]
#[test]
fn b396_a_file_keeps_its_place_over_tls() {
    with_io(|| async {
        let path = support::temporary_path("tls-sendfile");
        std::fs::write(&path, content())?;
        let file = std::fs::File::open(&path)?;
        std::fs::remove_file(&path)?;
        let (_reader, mut writer, mut far, far_writer) = any_connection().await?;
        let receiving = heist::create_task(async move {
            let received = far.read_to_end().await;
            far_writer.close();
            received
        });
        writer.write(b"before");
        assert_eq!(heist::sendfile(&mut writer, &file).await?, SIZE as u64);
        writer.write(b"after");
        writer.close();
        writer.wait_closed().await?;
        assert!(receiving.await.unwrap()? == [b"before", &content()[..], b"after"].concat());
        Ok(())
    });
}
