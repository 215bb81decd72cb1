//! One adapter a file.

pub(crate) mod heist;
pub(crate) mod plain;
pub(crate) mod smol;
pub(crate) mod tokio;
