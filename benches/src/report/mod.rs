//! What was measured: the values, what is compared with what, and its forms.

mod baseline;
mod charts;
mod counts;
mod html;
mod markdown;

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};

pub(crate) use baseline::Baseline;
pub(crate) use counts::Counts;

use crate::measure::Measured;
use crate::net::SHARES;
use crate::os;
use crate::peer::{PeerId, Runtime};
use crate::stats::{Ratio, median, ratio};
use crate::workload::Workload;

/// Workload, metric, peer.
type Key = (&'static str, &'static str, &'static str);

/// All measurements of a run.
#[derive(Debug)]
pub(crate) struct Report {
    workloads: Vec<Workload>,
    peers: Vec<PeerId>,
    rounds: usize,
    quick: bool,
    elapsed: Duration,
    environment: Value,
    /// One value a round; `None` where the measurement failed.
    values: HashMap<Key, Vec<Option<f64>>>,
    /// Latencies at the shares of [`SHARES`], one curve a round, by workload and peer.
    curves: HashMap<(&'static str, &'static str), Vec<Vec<f64>>>,
    failures: Vec<String>,
    /// What instruments have counted before.
    counts: Option<Counts>,
}

impl Report {
    /// An empty report.
    pub(crate) fn new(workloads: &[Workload], peers: &[PeerId], rounds: usize, quick: bool) -> Self {
        Self {
            workloads: workloads.to_vec(),
            peers: peers.to_vec(),
            rounds,
            quick,
            elapsed: Duration::ZERO,
            environment: os::environment(),
            values: HashMap::new(),
            curves: HashMap::new(),
            failures: Vec::new(),
            counts: None,
        }
    }

    /// Shows counts beside the times.
    pub(crate) fn show_counts(&mut self, counts: Counts) {
        self.counts = Some(counts);
    }

    /// Adds one measurement.
    pub(crate) fn add(
        &mut self,
        round: usize,
        workload: &'static str,
        peer: &'static str,
        measured: Result<Measured, String>,
    ) {
        match measured {
            Ok(measured) => {
                if !measured.curve.is_empty() {
                    self.curves.entry((workload, peer)).or_default().push(measured.curve);
                }
                for (metric, value) in measured.metrics {
                    let rounds = self
                        .values
                        .entry((workload, metric, peer))
                        .or_insert_with(|| vec![None; self.rounds]);
                    rounds[round] = Some(value);
                }
            }
            Err(why) => {
                eprintln!("  {why}");
                self.failures.push(why);
            }
        }
    }

    /// Notes how long the run took.
    pub(crate) fn finish(&mut self, elapsed: Duration) {
        self.elapsed = elapsed;
    }

    /// The measurements that failed.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    pub(crate) fn rounds_of(
        &self,
        workload: &'static str,
        metric: &'static str,
        peer: &'static str,
    ) -> &[Option<f64>] {
        self.values.get(&(workload, metric, peer)).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn median_of(
        &self,
        workload: &'static str,
        metric: &'static str,
        peer: &'static str,
    ) -> Option<f64> {
        let values: Vec<f64> = self.rounds_of(workload, metric, peer).iter().copied().flatten().collect();
        median(&values)
    }

    /// What a peer is compared with: the best of its rivals in this row.
    pub(crate) fn base_of(
        &self,
        workload: &'static str,
        metric: &'static str,
        peer: PeerId,
    ) -> Option<&'static str> {
        let rivals = peer.rivals().into_iter();
        let medians =
            rivals.filter_map(|rival| Some((rival.name, self.median_of(workload, metric, rival.name)?)));
        medians.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(name, _)| name)
    }

    pub(crate) fn ratio_of(
        &self,
        workload: &'static str,
        metric: &'static str,
        peer: PeerId,
    ) -> Option<Ratio> {
        let base = self.base_of(workload, metric, peer)?;
        ratio(self.rounds_of(workload, metric, base), self.rounds_of(workload, metric, peer.name))
    }

    /// The curve of a workload on a peer: at each share the median over the rounds.
    pub(crate) fn curve_of(&self, workload: &'static str, peer: &'static str) -> Option<Vec<f64>> {
        let rounds = self.curves.get(&(workload, peer))?;
        let at =
            |i: usize| median(&rounds.iter().filter_map(|round| round.get(i).copied()).collect::<Vec<_>>());
        (0..SHARES.len()).map(at).collect()
    }

    fn curves_json(&self) -> Value {
        let mut curves = Vec::new();
        for workload in &self.workloads {
            for peer in &self.peers {
                if let Some(curve) = self.curve_of(workload.name, peer.name) {
                    curves.push(
                        json!({"workload": workload.name, "peer": peer.name, "shares": SHARES, "us": curve}),
                    );
                }
            }
        }
        Value::Array(curves)
    }

    /// The line that says where and how long.
    pub(crate) fn summary(&self) -> String {
        let environment = |key: &str| self.environment[key].as_str().unwrap_or("?").to_owned();
        format!(
            "{} x {}, Linux {}, {}, tokio {}, smol {}; {} rounds{} in {:.0} s, load {} at the start",
            self.environment["cores"],
            environment("cpu"),
            environment("kernel"),
            environment("rustc"),
            self.environment["peers"]["tokio"].as_str().unwrap_or("?"),
            self.environment["peers"]["smol"].as_str().unwrap_or("?"),
            self.rounds,
            if self.quick { " (quick)" } else { "" },
            self.elapsed.as_secs_f64(),
            environment("load").split(' ').next().unwrap_or("?"),
        )
    }

    /// The command that repeats the run.
    pub(crate) fn command() -> String {
        let mut words = vec!["cargo xtask bench".to_owned()];
        words.extend(std::env::args().skip(1));
        words.join(" ")
    }

    /// The peers that are compared with tokio, where tokio was measured.
    pub(crate) fn compared(&self) -> Vec<PeerId> {
        if self.peers.iter().any(|peer| peer.runtime == Runtime::Tokio) {
            self.peers.iter().copied().filter(|peer| peer.runtime != Runtime::Tokio).collect()
        } else {
            Vec::new()
        }
    }

    /// The geometric mean of a peer's ratios over all rows that are wall times inside one process, and their number.
    pub(crate) fn geometric_mean(&self, peer: PeerId) -> Option<(f64, usize)> {
        let in_process = self.workloads.iter().filter(|workload| !workload.is_net());
        let times = in_process.filter(|workload| workload.metrics[0].key == "wall");
        let ratios: Vec<f64> = times
            .filter_map(|workload| self.ratio_of(workload.name, "wall", peer))
            .map(|r| r.median)
            .collect();
        if ratios.is_empty() {
            return None;
        }
        let mean = ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64;
        Some((mean.exp(), ratios.len()))
    }

    /// Everything, with each round's value.
    pub(crate) fn json(&self) -> String {
        let mut rows = Vec::new();
        for workload in &self.workloads {
            for metric in workload.metrics {
                let peers: serde_json::Map<String, Value> = self
                    .peers
                    .iter()
                    .filter(|peer| !self.rounds_of(workload.name, metric.key, peer.name).is_empty())
                    .map(|peer| {
                        let ratio = self.ratio_of(workload.name, metric.key, *peer).map(|ratio| {
                            json!({
                                "over": self.base_of(workload.name, metric.key, *peer),
                                "median": ratio.median, "min": ratio.min, "max": ratio.max,
                            })
                        });
                        let value = json!({
                            "median": self.median_of(workload.name, metric.key, peer.name),
                            "rounds": self.rounds_of(workload.name, metric.key, peer.name),
                            "ratio": ratio,
                        });
                        (peer.name.to_owned(), value)
                    })
                    .collect();
                rows.push(json!({
                    "workload": workload.name, "title": workload.title,
                    "metric": metric.key, "unit": metric.unit, "peers": peers,
                }));
            }
        }
        let report = json!({
            "format": 1,
            "environment": self.environment,
            "arguments": std::env::args().skip(1).collect::<Vec<_>>(),
            "rounds": self.rounds,
            "quick": self.quick,
            "seconds": self.elapsed.as_secs_f64(),
            "rows": rows,
            "curves": self.curves_json(),
            "counts": self.counts.as_ref().map(Counts::json),
            "failures": self.failures,
        });
        format!("{report:#}\n")
    }
}

/// Three significant digits, and no more than are there.
pub(crate) fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".into(),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_tokio_is_the_base_and_a_failure_leaves_a_gap() {
        let workload = Workload::parse("yield").unwrap();
        let peers: Vec<_> = ["tokio-1", "tokio-2", "smol-2"].map(|name| PeerId::parse(name).unwrap()).into();
        let mut report = Report::new(&[workload], &peers, 2, false);
        let costs = |wall: f64| Ok(vec![("wall", wall), ("cpu", wall)].into());
        for (round, base) in [10.0, 20.0].into_iter().enumerate() {
            report.add(round, "yield", "tokio-1", costs(base * 2.0));
            report.add(round, "yield", "tokio-2", costs(base));
        }
        report.add(0, "yield", "smol-2", costs(5.0));
        report.add(1, "yield", "smol-2", Err("yield on smol-2: broke".into()));
        assert_eq!(report.base_of("yield", "wall", peers[2]), Some("tokio-2"));
        assert_eq!(
            report.ratio_of("yield", "wall", peers[2]),
            Some(Ratio { median: 2.0, min: 2.0, max: 2.0 })
        );
        assert_eq!(report.failures().len(), 1);
        let json: Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["rows"][0]["peers"]["smol-2"]["rounds"], json!([5.0, null]));
        assert!(report.markdown().contains("2.00 (2.00 - 2.00)"));
    }
}
