//! The comparison with a saved run: a gate that a drop beyond noise does not pass.
//!
//! What is compared is a *score*: the ratio over tokio where both runs measured tokio, since a ratio holds on a machine
//! that is slower today; otherwise the cost itself. A score has *dropped* if its range over the rounds lies wholly below
//! that of the saved run, and its median is lower by more than the row's tolerance.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Report;
use crate::peer::{PeerId, Runtime};
use crate::stats::Ratio;
use crate::workload::{Metric, Workload};

/// By how much the median of a time or a size inside one process may drop.
const TOLERANCE: f64 = 0.10;

/// The same over sockets, whose rows vary more within a run.
const NET_TOLERANCE: f64 = 0.25;

/// A saved run.
#[derive(Debug)]
pub(crate) struct Baseline {
    report: Value,
}

impl Baseline {
    /// Reads what `--out` has written before.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        let report: Value =
            serde_json::from_str(&text).map_err(|error| format!("{shown} is not JSON: {error}"))?;
        if report["format"] == 1 && report["rows"].is_array() {
            Ok(Self { report })
        } else {
            Err(format!("{shown} is no report of heist-bench: give it the bench.json of an earlier run"))
        }
    }

    fn row(&self, workload: &str, metric: &str, peer: &str) -> Option<&Value> {
        let rows = self.report["rows"].as_array()?;
        let row = rows.iter().find(|row| row["workload"] == workload && row["metric"] == metric)?;
        row["peers"].get(peer)
    }

    /// How many scores of heist both runs have, and a line for each that has dropped. None at all is an error, or a gate
    /// would pass that has looked at nothing.
    pub(crate) fn compare(&self, report: &Report) -> Result<(usize, Vec<String>), String> {
        let (mut compared, mut drops) = (0, Vec::new());
        for workload in &report.workloads {
            for metric in workload.metrics.iter().filter(|metric| metric.is_gate) {
                for peer in report.peers.iter().filter(|peer| peer.runtime == Runtime::Heist) {
                    let Some((before, now)) = self.scores(report, *workload, metric, *peer) else { continue };
                    compared += 1;
                    if has_dropped(before, now, workload.is_net()) {
                        drops.push(format!(
                            "{} ({}) on {peer}: {:.3} ({:.3} - {:.3}) before, {:.3} ({:.3} - {:.3}) now",
                            workload.name,
                            metric.key,
                            before.median,
                            before.min,
                            before.max,
                            now.median,
                            now.min,
                            now.max,
                        ));
                    }
                }
            }
        }
        if compared == 0 {
            return Err("the saved run and this one have no row of heist in common".into());
        }
        Ok((compared, drops))
    }

    /// The scores of both runs; higher is better.
    fn scores(
        &self,
        report: &Report,
        workload: Workload,
        metric: &Metric,
        peer: PeerId,
    ) -> Option<(Ratio, Ratio)> {
        let saved = self.row(workload.name, metric.key, peer.name)?;
        let number = |key: &str| saved["ratio"][key].as_f64();
        if let (Some(now), Some(median), Some(min), Some(max)) =
            (report.ratio_of(workload.name, metric.key, peer), number("median"), number("min"), number("max"))
        {
            return Some((Ratio { median, min, max }, now));
        }
        let before: Vec<Option<f64>> = saved["rounds"].as_array()?.iter().map(Value::as_f64).collect();
        let now = report.rounds_of(workload.name, metric.key, peer.name);
        Some((crate::stats::speeds(&before)?, crate::stats::speeds(now)?))
    }
}

fn has_dropped(before: Ratio, now: Ratio, is_net: bool) -> bool {
    let tolerance = if is_net { NET_TOLERANCE } else { TOLERANCE };
    now.max < before.min && now.median < before.median * (1.0 - tolerance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(median: f64, min: f64, max: f64) -> Ratio {
        Ratio { median, min, max }
    }

    #[test]
    fn a_drop_is_beyond_both_the_ranges_and_the_tolerance() {
        let before = score(2.0, 1.9, 2.1);
        assert!(has_dropped(before, score(1.5, 1.4, 1.6), false));
        assert!(!has_dropped(before, score(1.5, 1.4, 1.95), false), "the ranges meet");
        assert!(!has_dropped(before, score(1.85, 1.8, 1.88), false), "within the tolerance");
        assert!(!has_dropped(before, score(1.6, 1.5, 1.7), true), "sockets vary more");
        assert!(!has_dropped(before, score(3.0, 2.9, 3.1), false));
    }

    fn report_of_yield(heist: f64) -> Report {
        let workload = Workload::parse("yield").unwrap();
        let peers: Vec<_> = ["heist-2", "tokio-2"].map(|name| PeerId::parse(name).unwrap()).into();
        let mut report = Report::new(&[workload], &peers, 1, false);
        report.add(0, "yield", "heist-2", Ok(vec![("wall", heist), ("cpu", heist)].into()));
        report.add(0, "yield", "tokio-2", Ok(vec![("wall", 20.0), ("cpu", 20.0)].into()));
        report
    }

    #[test]
    fn a_run_is_compared_with_what_another_has_saved() {
        let saved = Baseline { report: serde_json::from_str(&report_of_yield(10.0).json()).unwrap() };
        assert_eq!(saved.compare(&report_of_yield(10.5)).unwrap(), (2, Vec::new()));
        let (_, drops) = saved.compare(&report_of_yield(15.0)).unwrap();
        assert_eq!(drops.len(), 2);
        assert!(drops[0].contains("yield (wall) on heist-2"), "{drops:?}");
    }

    #[test]
    fn a_gate_that_looks_at_nothing_is_an_error() {
        let empty = Baseline { report: serde_json::json!({"format": 1, "rows": []}) };
        assert!(empty.compare(&report_of_yield(10.0)).is_err());
    }
}
