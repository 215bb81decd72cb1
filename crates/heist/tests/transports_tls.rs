//! Transports that become connections of TLS in the middle of a conversation.
#![cfg(all(unix, feature = "tls", not(heist_loom)))]

#[path = "support/certificates.rs"]
mod certificates;
#[path = "support/recorder.rs"]
mod recorder;
mod support;

use std::future::{Future, IntoFuture, poll_fn};
use std::io::{self, ErrorKind};
use std::task::Poll;

use certificates::Authority;
use heist::transports::connect_write_pipe;
use recorder::{Calls, Recorder, transport};
use support::for_each_flavour;

/// Runs a test on both flavours, in real time: sockets do not hold virtual time back.
fn on_both<F: Future<Output = io::Result<()>>>(test: impl Fn() -> F) {
    for_each_flavour(|builder| builder.build().unwrap().run(test()).unwrap().unwrap());
}

#[test]
fn b314_start_tls_of_a_transport_in_the_middle_of_a_conversation() {
    on_both(|| async {
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
fn start_tls_that_is_not_awaited_changes_nothing() {
    on_both(|| async {
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
    on_both(|| async {
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
    on_both(|| async {
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
