#![cfg(not(heist_loom))]
//! The crawler example: its counts, its errors, its Ctrl-C, and its HTTP client against servers that mean no good.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crawler::http::FetchError;
use crawler::server::Manner;
use crawler::{Options, args, crawl};
use support::{Copy, role};

#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/crawler/main.rs"]
mod crawler;
mod support;

/// What a site with this seed does to so many pages.
fn expected_errors(pages: u64, seed: u64) -> BTreeMap<String, u64> {
    let mut errors = BTreeMap::new();
    for kind in (0..pages).filter_map(|page| Manner::of(page, seed).error()) {
        *errors.entry(kind.to_owned()).or_default() += 1;
    }
    errors
}

#[test]
fn every_page_is_counted_once_as_what_it_is() {
    for (pages, workers, seed) in [(300, 30, 7), (150, 200, 8), (20, 1, u64::MAX)] {
        let options = Options { pages, workers, port: 0, seed };
        let summary = heist::run(crawl(&options)).unwrap();
        assert_eq!(summary.errors_by_kind, expected_errors(pages, seed), "{options:?}");
        assert_eq!(summary.pages + summary.errors(), pages, "{options:?}");
        assert!(!summary.interrupted);

        // What is drawn adds up, too.
        let text = summary.to_string();
        let bars = text.lines().filter_map(|line| line.split_once('|'));
        let drawn: u64 = bars.map(|(_, bar)| bar.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
        assert_eq!(drawn, summary.pages, "{text}");
    }
}

#[test]
fn every_manner_is_met_with_the_default_options() {
    let options = Options::default();
    let errors = expected_errors(options.pages, options.seed);
    let kinds: Vec<_> = errors.keys().map(String::as_str).collect();
    assert_eq!(kinds, ["HTTP 404", "HTTP 500", "connection reset", "cut short"]);
    let manners = (0..options.pages).map(|page| Manner::of(page, options.seed)).collect::<Vec<_>>();
    assert!(manners.contains(&Manner::Plain) && manners.contains(&Manner::UntilEnd));
    assert!(manners.iter().any(|manner| matches!(manner, Manner::Slow(_))));
}

/// Ends the test process as the program would.
#[cfg(unix)]
fn as_program(args: &[&str]) -> ! {
    let code = crawler::program(args.iter().map(OsString::from));
    // An `ExitCode` does not say its number; its Debug form is enough to tell two apart.
    for number in [0, 1, 2, 130] {
        if format!("{code:?}") == format!("{:?}", std::process::ExitCode::from(number)) {
            std::process::exit(number.into());
        }
    }
    unreachable!("{code:?}")
}

#[test]
#[cfg(unix)]
fn ctrl_c_ends_it_with_the_summary_so_far() {
    if role().is_some() {
        as_program(&["--pages", "1000000", "--workers=8"]);
    }
    let mut copy = Copy::start("ctrl_c_ends_it_with_the_summary_so_far", "crawler");
    copy.stdout.until("Crawling 1000000 pages");
    // By the first failure, some pages have come as well.
    copy.stderr.until("page ");
    copy.interrupt();

    let line = copy.stdout.until("Interrupted: ");
    let number = |line: &str| line.split_whitespace().find_map(|word| word.parse::<u64>().ok()).unwrap();
    let left = number(&line);
    assert_eq!(line, format!("Interrupted: {left} of 1000000 pages were not fetched"));
    let pages = number(&copy.stdout.until("pages "));
    let errors = number(&copy.stdout.until("errors "));
    assert_eq!(pages + errors + left, 1_000_000);
    assert!(errors > 0 && left > 0);
    assert_eq!(copy.wait().code(), Some(130));
}

#[test]
fn a_taken_port_gets_a_message_that_names_the_option() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let options = Options { port: port.into(), ..Options::default() };
    let error = heist::run(crawl(&options)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    let message = error.to_string();
    assert!(message.contains(&port.to_string()) && message.contains("--port"), "{message}");
}

#[test]
fn options_are_read_or_refused_with_a_reason() {
    fn read(args: &[&str]) -> (Result<args::Wish, String>, u64) {
        let mut pages = 5;
        let args = args.iter().map(OsString::from);
        let wish = args::read(args, &mut [args::number("--pages", 1..=10, &mut pages)]);
        (wish, pages)
    }
    assert_eq!(read(&[]), (Ok(args::Wish::Run), 5));
    assert_eq!(read(&["--pages", "7"]), (Ok(args::Wish::Run), 7));
    assert_eq!(read(&["--pages=10"]), (Ok(args::Wish::Run), 10));
    assert_eq!(read(&["--help"]).0, Ok(args::Wish::Help));
    for (bad, named) in [
        (&["--pages", "0"][..], "1 to 10"),
        (&["--pages", "11"], "1 to 10"),
        (&["--pages", "many"], "\"many\""),
        (&["--pages="], "\"\""),
        (&["--pages"], "needs a number"),
        (&["--page", "1"], "\"--page\""),
        (&["7"], "\"7\""),
    ] {
        let (outcome, pages) = read(bad);
        let message = outcome.unwrap_err();
        assert!(message.contains(named), "{bad:?}: {message}");
        assert_eq!(pages, 5);
    }
}

/// What the client makes of an answer.
fn fetch(answer: impl Into<Vec<u8>>) -> Result<Vec<u8>, FetchError> {
    let answer = answer.into();
    heist::run(async {
        let handler = async move |mut reader: heist::StreamReader, writer: heist::StreamWriter| {
            // The whole request, so that the end is an end and no reset.
            while reader.readline().await?.len() > 2 {}
            writer.write(&answer);
            writer.drain().await
        };
        let server = heist::start_server(handler, "127.0.0.1:0").await.unwrap();
        let address = server.sockets()[0].local_addr().unwrap();
        crawler::http::get(address, "/").await.map(|page| page.body)
    })
}

#[test]
fn the_client_takes_what_http_allows() {
    assert_eq!(fetch("HTTP/1.1 200 OK\r\ncontent-LENGTH: 3\r\n\r\nabcdef").unwrap(), b"abc");
    assert_eq!(fetch("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap(), b"");
    assert_eq!(fetch("HTTP/1.0 200 OK\r\n\r\nto the end").unwrap(), b"to the end");
    assert_eq!(fetch("HTTP/1.1 200\n\nbare newlines").unwrap(), b"bare newlines");
    let large = "x".repeat(300_000);
    assert_eq!(fetch(format!("HTTP/1.1 200 OK\r\n\r\n{large}")).unwrap(), large.as_bytes());
}

#[test]
fn the_client_refuses_what_is_no_http() {
    assert!(matches!(fetch("HTTP/1.1 418 I'm a teapot\r\n\r\n"), Err(FetchError::Status(418))));
    for cut in ["", "HTTP", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nA: b\r\n"] {
        let outcome = fetch(cut);
        assert!(
            matches!(outcome, Err(FetchError::CutShort { got, expected: None }) if got == cut.len()),
            "{cut:?}: {outcome:?}"
        );
    }
    let outcome = fetch("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    assert!(matches!(outcome, Err(FetchError::CutShort { got: 3, expected: Some(9) })), "{outcome:?}");
    for bad in [
        "220 mail.example ESMTP\r\n\r\n".to_owned(),
        "HTTP/1.1 ok\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".into(),
        format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(1000)),
        "y".repeat(200_000),
    ] {
        let outcome = fetch(bad.clone());
        assert!(matches!(outcome, Err(FetchError::Malformed(_))), "{:.60}: {outcome:?}", bad);
    }
}
