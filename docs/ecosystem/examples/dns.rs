//! Looks names up, all at once and without a thread: DNS by hickory.
//!
//! `cargo run -p heist-ecosystem --example dns -- www.example.com www.example.org`; without a name, `localhost`.
use std::io;
use std::net::IpAddr;

use heist::hickory::Resolver;

/// Each name with its addresses, or why it has none.
pub async fn look_up_all(resolver: &Resolver, names: Vec<String>) -> Vec<(String, io::Result<Vec<IpAddr>>)> {
    let asked = names.into_iter().map(|name| {
        let resolver = resolver.clone();
        async move {
            let found = resolver.lookup(&name).await;
            (name, found)
        }
    });
    // Nobody cancels them, and a panic goes on from here.
    heist::gather(asked).await.expect("the look-ups end by themselves")
}

#[allow(dead_code, reason = "its tests take this file without its main")]
#[heist::main]
async fn main() -> io::Result<()> {
    let resolver = Resolver::from_system()?;
    let mut names: Vec<String> = std::env::args().skip(1).collect();
    if names.is_empty() {
        names.push("localhost".to_owned());
    }
    for (name, found) in look_up_all(&resolver, names).await {
        match found {
            Ok(addresses) => println!("{name}: {addresses:?}"),
            Err(error) => println!("{name}: {error}"),
        }
    }
    Ok(())
}
