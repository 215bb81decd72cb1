//! Sample 003-2: HTTP by hand over streams, twenty times, and each page as it comes.
//!
//! The original, made runnable: `python/s003_02_http_by_hand.py`.
//!
//! What differs from the Python text: the pages come from a server that this program starts, on a port of its own (the
//! original's is somebody's on the internet, on port 80); `urlparse` is a function of five lines.

#![forbid(unsafe_code)]

use std::error::Error;

#[path = "../support/site.rs"]
mod site;
#[path = "../support/time.rs"]
mod time;
use time::time;

type Failure = Box<dyn Error + Send + Sync>;

/// The `netloc` and the `path` of an address, as Python's `urlparse` has them.
fn urlparse(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_scheme, rest)| rest);
    rest.split_at(rest.find('/').unwrap_or(rest.len()))
}

async fn get_url(url: String) -> Result<String, Failure> {
    let (host, path) = urlparse(&url);
    let path = if path.is_empty() { "/" } else { path };

    let (mut reader, writer) = heist::open_connection(host).await?;

    writer.write(format!("GET {path} HTTP/1.1\r\nHost:{host}\r\nConnection:Close\r\n\r\n").as_bytes());

    let mut all_lines = Vec::new();
    while let Some(raw_line) = reader.next_line().await? {
        let line = String::from_utf8(raw_line)?;
        all_lines.push(line);
    }

    let html = all_lines.join("\n");
    Ok(html)
}

async fn print_pages() -> Result<(), Failure> {
    let site = site::serve().await?;
    let mut tasks = Vec::new();
    for _ in 0..20 {
        tasks.push(heist::ensure_future(get_url(format!("http://{}", site.address()?))));
    }

    let mut pages = heist::as_completed(tasks);
    while let Some(result) = pages.next().await {
        // Takes the result.
        println!("{}", result??);
    }
    Ok(())
}

pub(crate) fn main() -> Result<(), Failure> {
    let start = time();
    let event_loop = heist::new_event_loop()?;
    event_loop.run_until_complete(print_pages())??;
    println!("{}", time() - start);
    Ok(())
}
