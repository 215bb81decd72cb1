//! Python's `time.time`, for the programs that print how long they took.

use std::time::{SystemTime, UNIX_EPOCH};

/// The seconds since 1970.
pub(crate) fn time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
