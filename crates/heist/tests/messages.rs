//! What errors say: what happened, with which value, and what to do about it.
#![cfg(all(unix, not(heist_loom)))]

mod support;

use std::fmt::Display;
use std::io::ErrorKind;
use std::time::Duration;

use heist::{LimitOverrunError, Queue, ReadError, StreamReader, StreamWriter, create_subprocess_exec};
use support::on_each_flavour;

#[track_caller]
fn says(error: impl Display, parts: &[&str]) {
    let text = error.to_string();
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[test]
fn a_line_that_is_too_long_shows_the_limit_and_what_came() {
    on_each_flavour(|| async {
        let mut reader = StreamReader::from_bytes([b'x'; 70_000]);
        let error = reader.readline().await.unwrap_err();
        says(&error, &["65536", "without the separator", "larger `limit`"]);
        let ReadError::LimitOverrun(LimitOverrunError { consumed, found, limit, .. }) = error else {
            panic!("{error}")
        };
        assert!(consumed > limit && !found);
        says(
            LimitOverrunError { consumed: 9, found: true, limit: 4 },
            &["9 bytes before the separator", "4"],
        );
    });
}

#[test]
fn a_stream_that_ends_early_says_how_much_came() {
    on_each_flavour(|| async {
        let mut reader = StreamReader::from_bytes(*b"abc");
        says(reader.readexactly(5).await.unwrap_err(), &["3 of the 5 bytes"]);
        let mut reader = StreamReader::from_bytes(*b"abc");
        says(reader.readuntil(b"\n").await.unwrap_err(), &["after 3 bytes, before the separator"]);
    });
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    on_each_flavour(|| async {
        let none: [&str; 0] = [];
        let error = create_subprocess_exec("no-such-program", none).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        says(error, &["cannot start \"no-such-program\"", "PATH"]);
        let error = create_subprocess_exec("/no/such/program", none).await.unwrap_err();
        says(error, &["\"/no/such/program\"", "check the path"]);
        let error = create_subprocess_exec("true", none).current_dir("/no/such/place").await.unwrap_err();
        says(error, &["\"true\"", "working directory \"/no/such/place\" is not there"]);
        let error = create_subprocess_exec("/etc/passwd", none).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        says(error, &["\"/etc/passwd\"", "may this user execute it"]);
    });
}

#[test]
fn a_queue_a_channel_and_a_group_say_that_they_have_ended() {
    on_each_flavour(|| async {
        let queue = Queue::new();
        queue.shutdown(false);
        says(queue.put(1).await.unwrap_err(), &["shut down", "nothing more goes in"]);
        says(queue.get().await.unwrap_err(), &["shut down"]);

        let (sender, receiver) = heist::sync::broadcast::channel(1);
        drop(receiver);
        says(sender.send(1).unwrap_err(), &["no receiver is left", "keep a receiver"]);
        let (sender, receiver) = heist::sync::oneshot::channel::<u8>();
        drop(sender);
        says(receiver.await.unwrap_err(), &["without sending a value", "cancelled"]);

        let group = heist::task_group(async |group: heist::TaskGroup<&str>| Ok(group)).await.unwrap();
        let refused = group.try_create_task(async { Ok(()) }).unwrap_err();
        says(refused, &["has finished", "before its body"]);
    });
}

/// Holds its connection until the grace time is over, too.
async fn stubborn(_reader: StreamReader, writer: StreamWriter) {
    writer.write(b"ready\n");
    // The second cancel is the loop's own, at its end.
    for _ in 0..2 {
        let _ = heist::catch_cancelled(heist::sleep(Duration::from_secs(3600))).await;
    }
}

#[test]
fn a_report_of_a_server_counts_nobody_twice() {
    on_each_flavour(|| async {
        let server = heist::start_server(stubborn, "127.0.0.1:0").await.unwrap();
        let (mut reader, writer) =
            heist::open_connection(server.sockets()[0].local_addr().unwrap()).await.unwrap();
        reader.readline().await.unwrap();

        let report = server.shutdown(Duration::ZERO).grace(Duration::ZERO).await;
        let peer = writer.local_addr().unwrap();
        assert_eq!(
            report.to_string(),
            format!(
                "0 connections ended by themselves; 1 cancelled at the limit: {peer}; \
                 of these, 1 did not end within the grace time: {peer}"
            )
        );
    });
}
