//! `StreamReader`: asyncio's behaviours 277 to 299, by number.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use heist_streams::{IncompleteReadError, LimitOverrunError, ReadError, open_connection};

use crate::support::{on_all, pair, pair_with, run_on};

fn limit_error<T: std::fmt::Debug>(result: Result<T, ReadError>) -> LimitOverrunError {
    match result {
        Err(ReadError::LimitOverrun(error)) => error,
        other => panic!("expected a limit overrun, not {other:?}"),
    }
}

fn incomplete<T: std::fmt::Debug>(result: Result<T, ReadError>) -> IncompleteReadError {
    match result {
        Err(ReadError::Incomplete(error)) => error,
        other => panic!("expected an incomplete read, not {other:?}"),
    }
}

/// Waits until so many bytes are in the reader's buffer, by polling a read that wants more and giving it up.
async fn buffer(reader: &mut heist_streams::StreamReader, bytes: usize) {
    while reader.buffered().len() < bytes {
        let mut more = pin!(reader.readexactly(usize::MAX));
        let mut polled = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            assert!(more.as_mut().poll(cx).is_pending());
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

#[test]
fn b277_b279_b280_read_gives_what_is_there() {
    on_all(|| async {
        let ((mut reader, _writer), (_far_reader, far)) = pair_with(3).await;
        assert_eq!(reader.read(0).await.unwrap(), b"");
        far.write(b"hello world");
        assert_eq!(reader.read(5).await.unwrap(), b"hello");
        assert_eq!(reader.read(0).await.unwrap(), b"");
        assert_eq!(reader.read(100).await.unwrap(), b" world");
        far.close();
        assert_eq!(reader.read(10).await.unwrap(), b"");
        assert_eq!(reader.read(10).await.unwrap(), b"");
        assert!(reader.at_eof());
    });
}

#[test]
fn b278_b298_read_to_the_end_ignores_the_limit() {
    on_all(|| async {
        let ((mut reader, _writer), (_far_reader, far)) = pair_with(10).await;
        let data: Vec<u8> = (0..300_000u32).map(|i| i as u8).collect();
        far.write(&data);
        far.close();
        assert!(reader.read_to_end().await.unwrap() == data);
        assert_eq!(reader.read_to_end().await.unwrap(), b"");
    });
}

#[test]
fn b281_b282_b299_readline_joins_and_leaves_the_rest() {
    on_all(|| async {
        let ((mut reader, _writer), (_far_reader, far)) = pair().await;
        far.write(b"chunk1 ");
        buffer(&mut reader, 7).await;
        far.write(b"chunk2 ");
        far.write(b"chunk3 \n chunk4\nlast");
        assert_eq!(reader.readline().await.unwrap(), b"chunk1 chunk2 chunk3 \n");
        far.close();
        assert_eq!(reader.next_line().await.unwrap().unwrap(), b" chunk4\n");
        assert_eq!(reader.next_line().await.unwrap().unwrap(), b"last");
        assert_eq!(reader.next_line().await.unwrap(), None);
        assert_eq!(reader.readline().await.unwrap(), b"");
    });
}

#[test]
fn b283_long_line_with_its_newline_is_removed() {
    on_all(|| async {
        let ((mut reader, _writer), (_far_reader, far)) = pair_with(3).await;
        far.write(b"li");
        far.write(b"ne1\nline2\n");
        buffer(&mut reader, 12).await;
        assert_eq!(
            limit_error(reader.readline().await),
            LimitOverrunError { consumed: 5, found: true, limit: 3 }
        );
        assert_eq!(reader.buffered(), b"line2\n");
    });
}

#[test]
fn b284_long_line_without_newline_clears_the_buffer() {
    on_all(|| async {
        let ((mut reader, _writer), (_far_reader, far)) = pair_with(7).await;
        far.write(b"line without end");
        buffer(&mut reader, 16).await;
        assert!(!limit_error(reader.readline().await).found);
        assert_eq!(reader.buffered(), b"");
        far.write(b"short\n");
        assert_eq!(reader.readline().await.unwrap(), b"short\n");
    });
}

#[test]
fn b285_limit_does_not_count_the_newline() {
    on_all(|| async {
        let ((mut reader, _writer), (_far_reader, far)) = pair_with(4).await;
        far.write(b"1234\n12345\n");
        buffer(&mut reader, 11).await;
        assert_eq!(reader.readline().await.unwrap(), b"1234\n");
        assert_eq!(limit_error(reader.readline().await).consumed, 5);
    });
}

#[test]
fn b286_separator_that_comes_in_pieces() {
    on_all(|| async {
        let ((mut reader, _writer), (_far_reader, far)) = pair().await;
        let mut sent = 0;
        for piece in [&b"QWERTY"[..], b"UIOPSE", b"PARSEPARATOR", b"aa", b"aab!"] {
            far.write(piece);
            sent += piece.len();
            buffer(&mut reader, sent).await;
        }
        assert_eq!(reader.readuntil(b"SEPARATOR").await.unwrap(), b"QWERTYUIOPSEPARSEPARATOR");
        assert_eq!(reader.readuntil(b"aab").await.unwrap(), b"aaaab");
        assert_eq!(reader.buffered(), b"!");
    });
}

#[test]
fn b286_separator_is_found_however_the_pieces_fall() {
    run_on(1, async {
        let message = b"xSEPSEPAxxSEPARATOR";
        for cut in 1..message.len() {
            let ((mut reader, _writer), (_far_reader, far)) = pair().await;
            far.write(&message[..cut]);
            buffer(&mut reader, cut).await;
            let mut reading = pin!(reader.readuntil(b"SEPARATOR"));
            assert!(poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await.is_pending());
            far.write(&message[cut..]);
            assert_eq!(reading.await.unwrap(), message, "cut at {cut}");
        }
    });
}

#[test]
fn b287_readuntil_at_the_end_is_incomplete() {
    on_all(|| async {
        let ((mut reader, _writer), (_far_reader, far)) = pair().await;
        far.write(b"some dataAA");
        far.close();
        let error = incomplete(reader.readuntil(b"AAA").await);
        assert_eq!(error, IncompleteReadError { partial: b"some dataAA".to_vec(), expected: None });
        assert_eq!(
            error.to_string(),
            "the stream ended after 11 bytes, before the separator came: they are in `partial`"
        );
        assert_eq!(reader.buffered(), b"");
        assert!(reader.at_eof());
    });
}

#[test]
fn b288_readuntil_over_the_limit_keeps_the_data() {
    on_all(|| async {
        let ((mut reader, _writer), (_far_reader, far)) = pair_with(3).await;
        far.write(b"some dataA");
        buffer(&mut reader, 10).await;
        assert!(!limit_error(reader.readuntil(b"AAA").await).found);
        assert_eq!(reader.buffered(), b"some dataA");
        far.write(b"A");
        buffer(&mut reader, 11).await;
        assert!(!limit_error(reader.readuntil(b"AAA").await).found);
        far.write(b"A");
        buffer(&mut reader, 12).await;
        assert_eq!(
            limit_error(reader.readuntil(b"AAA").await),
            LimitOverrunError { consumed: 9, found: true, limit: 3 }
        );
        assert_eq!(reader.buffered(), b"some dataAAA");
    });
}

#[test]
fn b289_b290_b291_several_separators() {
    on_all(|| async {
        let ((mut reader, _writer), (_far_reader, far)) = pair_with(3).await;
        // 289: the earliest end wins, even if it is the longer one's.
        far.write(b"ABCDEFG");
        assert_eq!(reader.readuntil_any(&[b"DEF", b"G"]).await.unwrap(), b"ABCDEF");
        assert_eq!(reader.readuntil_any(&[b"DEF", b"G"]).await.unwrap(), b"G");
        // 290: of two that end together, the shorter one decides about the limit.
        far.write(b"XXXABCDEF");
        buffer(&mut reader, 9).await;
        assert_eq!(reader.readuntil_any(&[b"A", b"ABCDEF"]).await.unwrap(), b"XXXA");
        let error = limit_error(reader.readuntil_any(&[b"BCDEF", b"F"]).await);
        assert_eq!(error, LimitOverrunError { consumed: 4, found: true, limit: 3 });
        assert_eq!(reader.readexactly(5).await.unwrap(), b"BCDEF");
        // 291: the buffer is shorter than the longest separator.
        far.write(b"data");
        buffer(&mut reader, 4).await;
        assert_eq!(reader.readuntil_any(&[b"A long separator", b"data"]).await.unwrap(), b"data");
    });
}

#[test]
fn a082_empty_separators_are_refused() {
    run_on(1, async {
        let ((mut reader, _writer), _far) = pair().await;
        for separators in [&[][..], &[&b""[..]][..], &[&b"x"[..], b""][..]] {
            let Err(ReadError::Io(error)) = reader.readuntil_any(separators).await else { panic!() };
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    });
}

#[test]
fn b292_a083_readexactly_waits_and_leaves_the_rest() {
    on_all(|| async {
        let ((mut reader, _writer), (_far_reader, far)) = pair_with(3).await;
        assert_eq!(reader.readexactly(0).await.unwrap(), b"");
        far.write(b"chunk1");
        buffer(&mut reader, 6).await;
        far.write(b"chunk2rest");
        assert_eq!(reader.readexactly(12).await.unwrap(), b"chunk1chunk2");
        assert_eq!(reader.read(10).await.unwrap(), b"rest");
        let large = vec![7; 1 << 20];
        let mut reading = pin!(reader.readexactly(large.len()));
        far.write(&large);
        assert!(reading.as_mut().await.unwrap() == large);
    });
}

#[test]
fn b293_b294_readexactly_at_the_end_is_incomplete() {
    on_all(|| async {
        let ((mut reader, _writer), (_far_reader, far)) = pair().await;
        far.write(b"some");
        far.close();
        assert!(!reader.at_eof());
        let error = incomplete(reader.readexactly(10).await);
        assert_eq!(error, IncompleteReadError { partial: b"some".to_vec(), expected: Some(10) });
        assert!(error.to_string().starts_with("the stream ended after 4 of the 10 bytes"), "{error}");
        assert!(reader.at_eof());
        let error: io::Error = reader.readexactly(1).await.unwrap_err().into();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    });
}

/// A reset connection fails the read that waits, and all that come after.
#[test]
fn b295_reset_is_given_again() {
    on_all(|| async {
        let listener = heist_streams::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (mut reader, _writer) = open_connection(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        let error = {
            let mut reading = pin!(reader.read(10));
            assert!(poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await.is_pending());
            far.set_linger(Some(std::time::Duration::ZERO)).unwrap();
            drop(far);
            reading.await.unwrap_err()
        };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert!(error.raw_os_error().is_some());
        assert_eq!(reader.read(0).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(
            io::Error::from(reader.readline().await.unwrap_err()).kind(),
            io::ErrorKind::ConnectionReset
        );
        assert_eq!(reader.exception().unwrap().kind(), io::ErrorKind::ConnectionReset);
    });
}

/// The peer is held back when nobody reads, and goes on when somebody does.
#[test]
fn b297_unread_data_holds_the_peer_back() {
    on_all(|| async {
        let ((mut reader, _writer), (_far_reader, far)) = pair_with(100).await;
        let data = vec![1; 16 << 20];
        far.write(&data);
        assert_eq!(reader.read(1).await.unwrap(), [1]);
        assert!(far.write_buffer_size() > 0, "16 MiB do not fit into the buffers of two sockets");
        assert!(reader.buffered().len() <= 64 << 10);
        far.close();
        assert_eq!(reader.read_to_end().await.unwrap().len(), data.len() - 1);
    });
}

#[test]
fn read_into_a_buffer_of_ones_own() {
    on_all(|| async {
        let ((mut reader, _writer), (_far_reader, far)) = pair().await;
        let (mut small, mut large) = ([0; 4], vec![0; 100_000]);
        far.write(b"abcdefgh");
        assert_eq!(reader.read_into(&mut []).await.unwrap(), 0);
        assert_eq!(reader.read_into(&mut small).await.unwrap(), 4);
        assert_eq!(&small, b"abcd");
        assert_eq!(reader.read_into(&mut large).await.unwrap(), 4);
        far.write(b"direct");
        assert_eq!(reader.read_into(&mut large).await.unwrap(), 6);
        assert_eq!(&large[..6], b"direct");
        far.close();
        assert_eq!(reader.read_into(&mut large).await.unwrap(), 0);
        assert!(reader.at_eof());
        assert_eq!(reader.read_into(&mut small).await.unwrap(), 0);
    });
}

/// A read that is given up takes nothing with it.
#[test]
fn reads_are_cancel_safe() {
    run_on(1, async {
        let ((mut reader, _writer), (_far_reader, far)) = pair().await;
        far.write(b"half a li");
        buffer(&mut reader, 9).await;
        for _ in 0..3 {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(pin!(reader.readline()).poll(&mut cx).is_pending());
            assert!(pin!(reader.readexactly(10)).poll(&mut cx).is_pending());
            assert!(pin!(reader.read_to_end()).poll(&mut cx).is_pending());
        }
        far.write(b"ne\n");
        assert_eq!(reader.readline().await.unwrap(), b"half a line\n");
    });
}

#[test]
fn a081_limit_of_zero_is_refused() {
    run_on(1, async {
        let error = open_connection("127.0.0.1:1").limit(0).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    });
}
