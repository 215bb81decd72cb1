//! The time of day, for the programs that print it.

use std::time::{SystemTime, UNIX_EPOCH};

/// `time.strftime('%X')`, in UTC: the standard library knows no time zones.
pub(crate) fn strftime_x() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}
