//! One adapter a file, and beside it the adapter of its locks and channels.

mod heist;
mod plain;
mod smol;
mod tokio;

pub(crate) use heist::Heist;
pub(crate) use plain::Plain;
pub(crate) use smol::Smol;
pub(crate) use tokio::Tokio;
