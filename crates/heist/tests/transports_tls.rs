//! Transports that become connections of TLS in the middle of a conversation.
#![cfg(all(unix, feature = "tls", not(heist_loom)))]

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/recorder.rs"]
mod recorder;
mod support;

use std::future::{IntoFuture, poll_fn};
use std::io::{self, ErrorKind};
use std::task::Poll;
use std::time::Duration;

use certificates::Authority;
use heist::transports::connect_write_pipe;
use heist::{create_connection, create_server, open_connection};
use recorder::{Called, Calls, Recorder, transport};
use support::with_io;

#[test]
fn b314_start_tls_of_a_transport_in_the_middle_of_a_conversation() {
    with_io(|| async {
        let authority = Authority::new();
        let (transport, calls, mut far, far_writer) = transport().await?;
        transport.write(b"plain\n");
        far_writer.write(b"plain, too");
        assert_eq!(calls.data(10).await, b"plain, too");
        assert_eq!(far.readline().await.unwrap(), b"plain\n");

        // From here on nothing comes as data: the far end's first message of TLS does not, though nobody awaits yet.
        let mut starting = transport.start_tls(authority.acceptor()).into_future();
        let connector = authority.connector();
        let connecting = heist::create_task(async move {
            let start = far_writer.start_tls(&mut far, connector).server_hostname("localhost");
            start.await?;
            io::Result::Ok((far, far_writer))
        });
        for _ in 0..100 {
            heist::yield_now().await;
        }
        assert!(calls.is_empty());
        // The other end may be so fast that this is all.
        let first = poll_fn(|cx| Poll::Ready(starting.as_mut().poll(cx))).await;
        transport.write(b"early ");
        match first {
            Poll::Ready(started) => started?,
            Poll::Pending => starting.await?,
        }
        let (mut far, far_writer) = connecting.await.unwrap()?;
        assert!(transport.tls_info().is_some());
        transport.write(b"and late\n");
        assert_eq!(far.readline().await.unwrap(), b"early and late\n");
        far_writer.write(b"protected");
        assert_eq!(calls.data(9).await, b"protected");
        far_writer.close();
        calls.ended().await;
        assert!(calls.lost().await.is_none());
        Ok(())
    });
}

#[test]
fn b314_a_transport_that_connects_starts_tls_too() {
    with_io(|| async {
        let authority = Authority::new();
        let (transport, calls, mut far, far_writer) = transport().await?;
        transport.write(b"plain\n");
        assert_eq!(far.readline().await.unwrap(), b"plain\n");
        let acceptor = authority.acceptor();
        let serving = heist::create_task(async move {
            far_writer.start_tls(&mut far, acceptor).await?;
            far_writer.write(b"welcome");
            io::Result::Ok((far.readline().await?, far_writer))
        });
        transport.start_tls(authority.connector()).server_hostname("localhost").await?;
        assert_eq!(transport.tls_info().unwrap().server_name(), Some("localhost"));
        transport.write(b"protected\n");
        assert_eq!(calls.data(7).await, b"welcome");
        let (line, far_writer) = serving.await.unwrap()?;
        assert_eq!(line, b"protected\n");
        transport.close();
        far_writer.close();
        assert!(calls.lost().await.is_none());
        Ok(())
    });
}

#[test]
fn protocols_speak_tls_from_the_start() {
    with_io(|| async {
        let authority = Authority::new();
        let server = create_server(Recorder::echo, "127.0.0.1:0").tls(authority.acceptor()).await?;
        let calls = Calls::default();
        let recorder = Recorder::to(&calls);
        let at = ("localhost", server.sockets()[0].local_addr()?.port());
        let connector = authority.connector();
        let (transport, _) = create_connection(|| recorder, at).options(|open| open.tls(connector)).await?;
        calls.made().await;
        assert!(transport.tls_info().is_some());
        transport.write(b"round");
        assert_eq!(calls.data(5).await, b"round");
        transport.close();
        assert!(calls.lost().await.is_none());
        server.close();
        server.wait_closed().await;
        Ok(())
    });
}

/// The protocol of a connection that never was is dropped, or not even made.
#[test]
fn b317_a_connection_lost_during_the_handshake_calls_nothing() {
    with_io(|| async {
        let authority = Authority::new();
        let listener = heist::net::TcpListener::bind("127.0.0.1:0").await?;
        let at = ("localhost", listener.local_addr()?.port());
        for is_reset in [false, true] {
            let (calls, connector) = (Calls::default(), authority.connector());
            let recorder = Recorder::to(&calls);
            let connecting = create_connection(|| recorder, at).options(|open| open.tls(connector));
            let connecting = heist::create_task(connecting.into_future());
            let (far, _) = listener.accept().await?;
            far.readable().await?;
            if is_reset {
                far.set_linger(Some(Duration::ZERO))?;
            }
            drop(far);
            let error = connecting.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
            assert!(matches!(calls.next().await, Called::Dropped) && calls.is_empty());
        }

        let calls = Calls::default();
        let made = calls.clone();
        let server = create_server(move || Recorder::to(&made), "127.0.0.1:0").tls(authority.acceptor());
        let server = server.await?;
        let (mut reader, writer) = open_connection(server.sockets()[0].local_addr()?).await?;
        writer.write_eof();
        // Whether an alert comes first is for rustls to say.
        let _ = reader.read_to_end().await;
        server.close();
        server.wait_closed().await;
        assert!(calls.is_empty());
        Ok(())
    });
}

#[test]
fn start_tls_that_is_not_awaited_changes_nothing() {
    with_io(|| async {
        let authority = Authority::new();
        let (transport, calls, _far, far_writer) = transport().await?;
        let starting = transport.start_tls(authority.acceptor());
        far_writer.write(b"plain");
        for _ in 0..100 {
            heist::yield_now().await;
        }
        assert!(calls.is_empty());
        let second = transport.start_tls(authority.acceptor()).await.unwrap_err();
        assert_eq!(second.kind(), ErrorKind::InvalidInput);
        drop(starting);
        assert_eq!(calls.data(5).await, b"plain");
        transport.abort();
        assert!(calls.lost().await.is_none());
        Ok(())
    });
}

#[test]
fn a_handshake_that_fails_or_is_given_up_ends_the_transport() {
    with_io(|| async {
        let authority = Authority::new();
        let (transport_of_a_stranger, calls, _far, far_writer) = transport().await?;
        far_writer.write(b"this is not TLS\r\n\r\n");
        let error = transport_of_a_stranger.start_tls(authority.acceptor()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        assert!(calls.lost().await.is_some());
        let late = transport_of_a_stranger.start_tls(authority.acceptor()).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::NotConnected);

        let (transport, calls, _far, _far_writer) = transport().await?;
        let mut starting = transport.start_tls(authority.acceptor()).into_future();
        for _ in 0..100 {
            assert!(poll_fn(|cx| Poll::Ready(starting.as_mut().poll(cx).is_pending())).await);
            heist::yield_now().await;
        }
        drop(starting);
        assert_eq!(calls.lost().await.unwrap().kind(), ErrorKind::ConnectionAborted);
        Ok(())
    });
}

#[test]
fn what_is_only_written_to_cannot_speak_tls() {
    with_io(|| async {
        let (_read_end, write_end) = rustix::pipe::pipe()?;
        let calls = Calls::default();
        let recorder = Recorder::to(&calls);
        let (transport, _) = connect_write_pipe(|| recorder, write_end).await?;
        let error = transport.start_tls(Authority::new().acceptor()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected, "{error}");
        calls.made().await;
        transport.write(b"it goes on");
        transport.close();
        assert!(calls.lost().await.is_none());
        Ok(())
    });
}
