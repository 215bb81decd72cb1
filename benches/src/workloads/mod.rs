//! The workloads, one area a file, each written once over [`Peer`](crate::peer::Peer).

pub(crate) mod foreign;
pub(crate) mod memory;
pub(crate) mod tasks;
pub(crate) mod timers;
