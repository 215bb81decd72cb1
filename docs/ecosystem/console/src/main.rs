//! A program to look into with tokio-console, from another terminal: `tokio-console http://127.0.0.1:6669`.
//!
//! `RUSTFLAGS="--cfg console_without_tokio_unstable" cargo run -p heist-ecosystem-console`
//!
//! console-subscriber serves from a thread of its own; the flag keeps it from asking for a tokio that was built to be looked into.
#![forbid(unsafe_code)]

use std::time::Duration;

#[heist::main]
async fn main() {
    console_subscriber::init();
    println!("tokio-console http://127.0.0.1:6669");
    for n in 1..=5 {
        drop(heist::task(tick(Duration::from_millis(100 * n))).name(format!("ticker {n}")).spawn());
    }
    let _ = heist::ctrl_c().await;
}

async fn tick(every: Duration) {
    loop {
        heist::sleep(every).await;
    }
}
