//! Latencies as a client sees them.

use std::time::Duration;

use serde_json::json;

use crate::stats::quantile;

/// The shares at which the distribution is reported.
pub(crate) const SHARES: &[f64] = &[
    0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995,
    0.9999,
];

/// One latency in nanoseconds for each request.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    /// Adds one.
    pub(crate) fn add(&mut self, latency: Duration) {
        self.0.push(u32::try_from(latency.as_nanos()).unwrap_or(u32::MAX));
    }

    /// Prints the result of a client, whose requests were of so many messages each.
    pub(crate) fn print(mut self, at_once: usize, elapsed: Duration) -> Result<(), String> {
        if self.0.is_empty() {
            return Err("no request was answered".into());
        }
        self.0.sort_unstable();
        let microseconds = |share: f64| f64::from(quantile(&self.0, share)) / 1e3;
        let operations = self.0.len() * at_once;
        let curve: Vec<f64> = SHARES.iter().copied().map(microseconds).collect();
        let result = json!({
            "operations": operations,
            "wall": elapsed.as_secs_f64() * 1e6 / operations as f64,
            "p50": microseconds(0.5),
            "p99": microseconds(0.99),
            "p99.9": microseconds(0.999),
            "curve": curve,
        });
        println!("{result}");
        Ok(())
    }
}
