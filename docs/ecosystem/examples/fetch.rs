//! Fetches pages with reqwest, several at a time: a library that knows tokio alone, in tasks of a heist loop.
//!
//! `cargo run -p heist-ecosystem --example fetch -- http://127.0.0.1:8080/ http://127.0.0.1:8080/missing`

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use heist::Semaphore;
use reqwest::Client;

/// How many are fetched at one time.
const AT_ONCE: usize = 8;

/// What each page has, in a line, in the order of the addresses; each within a limit.
pub async fn describe_all(client: &Client, limit: Duration, urls: Vec<String>) -> Vec<String> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let pages = urls.into_iter().map(|url| {
        let (client, turns) = (client.clone(), turns.clone());
        async move {
            let _turn = turns.acquire().await;
            match heist::timeout(limit, describe(&client, &url)).await {
                Ok(Ok(page)) => format!("{url}: {page}"),
                Ok(Err(error)) => format!("{url}: {error}"),
                Err(_) => format!("{url}: nothing within {} s", limit.as_secs_f64()),
            }
        }
    });
    // Nobody cancels them, and a panic goes on from here.
    heist::gather(pages).await.expect("the tasks end by themselves")
}

async fn describe(client: &Client, url: &str) -> reqwest::Result<String> {
    let response = client.get(url).send().await?;
    let status = response.status();
    Ok(format!("{status}, {} bytes", response.bytes().await?.len()))
}

#[allow(dead_code, reason = "its tests take this file without its main")]
#[heist::main(tokio_compat)]
async fn main() -> ExitCode {
    let urls: Vec<String> = std::env::args().skip(1).collect();
    if urls.is_empty() {
        eprintln!("usage: fetch URL...");
        return ExitCode::from(2);
    }
    // reqwest wants to be told which cryptography to use, before its first client; nobody else has said.
    let _ = heist::tls::rustls::crypto::ring::default_provider().install_default();
    match Client::builder().build() {
        Ok(client) => {
            let lines = describe_all(&client, Duration::from_secs(30), urls).await;
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("fetch: {error}");
            ExitCode::FAILURE
        }
    }
}
