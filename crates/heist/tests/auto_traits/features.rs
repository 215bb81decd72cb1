//! What is behind a feature.

#![allow(unused_imports, reason = "without features there is nothing to look at")]

use super::{Factory, Plain};

#[cfg(feature = "tls")]
#[test]
fn tls() {
    table! {
        heist::tls::TlsAcceptor => "Send Sync Unpin",
        heist::tls::TlsConnector => "Send Sync Unpin",
        heist::tls::TlsInfo => "Send Sync Unpin",
        heist::tls::StartTls<'static> => "Send Sync Unpin",
        heist::tls::TlsAcceptorBuilder => "Send Sync Unpin",
        heist::tls::TlsConnectorBuilder => "Send Sync Unpin",
        heist::tls::TlsContext => "Send Sync Unpin",
        heist::tls::TlsError => "Send Sync Unpin",
        heist::tls::TlsErrorKind => "Send Sync Unpin",
    }
}

#[cfg(feature = "serve")]
#[test]
fn http() {
    table! {
        heist::serve::HttpServer => "Send Sync Unpin",
        heist::serve::ConnectionInfo => "Send Sync Unpin",
        heist::serve::ServeError => "Send Sync Unpin",
        heist::serve::Serve<Factory> => "Send Sync Unpin",
    }
}

#[cfg(feature = "hyper")]
#[test]
fn hyper() {
    table! {
        heist::hyper::Executor => "Send Sync Unpin",
        heist::hyper::Timer => "Send Sync Unpin",
        heist::hyper::LocalExecutor => "Send Sync Unpin",
    }
}

#[cfg(feature = "tokio-compat")]
#[test]
fn tokio_compat() {
    table! {
        heist::tokio_compat::Compat<Plain> => "Send Sync Unpin",
    }
}

#[cfg(feature = "quinn")]
#[test]
fn quinn() {
    table! {
        heist::quinn::Runtime => "Send Sync Unpin",
    }
}

#[cfg(feature = "hickory")]
#[test]
fn hickory() {
    table! {
        heist::hickory::Resolver => "Send Sync Unpin",
        heist::hickory::Provider => "Send Sync Unpin",
        heist::hickory::Spawner => "Send Sync Unpin",
        heist::hickory::Tcp => "Send Sync Unpin",
        heist::hickory::Timer => "Send Sync Unpin",
        heist::hickory::Udp => "Send Sync Unpin",
    }
}

#[cfg(feature = "metrics")]
#[test]
fn metrics() {
    table! {
        heist::metrics_exporter::Exporter => "Send Sync Unpin",
    }
}

#[cfg(feature = "pyo3")]
#[test]
fn pyo3() {
    table! {
        heist::pyo3::Runtime => "Send Sync Unpin",
        heist::pyo3::Joining => "Send Sync Unpin",
        heist::pyo3::JoinError => "Send Sync Unpin",
    }
}
