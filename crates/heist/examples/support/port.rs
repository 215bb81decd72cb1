//! The port of the echo samples.

/// 8888, as in the originals, or what `SEED_PORT` says; 0 is any free one.
pub(crate) fn port() -> u16 {
    match std::env::var("SEED_PORT") {
        Ok(port) => port.parse().unwrap_or_else(|_| panic!("SEED_PORT should be a port, not {port:?}")),
        Err(_) => 8888,
    }
}
