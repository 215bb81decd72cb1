//! The rounds: every measurement in a child of its own, peers interleaved.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::measure::{Measured, Timing};
use crate::os;
use crate::peer::PeerId;
use crate::report::{Baseline, Counts, Report};
use crate::workload::{Kind, Workload};

/// What a run does.
#[derive(Debug)]
pub(crate) struct Plan {
    /// On which workloads.
    pub(crate) workloads: Vec<Workload>,
    /// On which peers.
    pub(crate) peers: Vec<PeerId>,
    /// How often.
    pub(crate) rounds: usize,
    /// How long each measurement takes.
    pub(crate) timing: Timing,
    /// Where the results go.
    pub(crate) out: PathBuf,
    /// What they are compared with.
    pub(crate) baseline: Option<Baseline>,
    /// What instruments have counted before.
    pub(crate) counts: Option<Counts>,
}

/// Runs the plan, prints the table and writes the files. A measurement that fails is named at the end and makes the run
/// an error; the others stand.
pub(crate) fn run(plan: &Plan) -> Result<(), String> {
    if cfg!(debug_assertions) {
        eprintln!("heist-bench: this is a debug build; its figures mean nothing (use `cargo xtask bench`)");
    }
    os::raise_descriptor_limit();
    let began = Instant::now();
    let mut report = Report::new(&plan.workloads, &plan.peers, plan.rounds, plan.timing.quick);
    for round in 0..plan.rounds {
        for workload in &plan.workloads {
            eprintln!(
                "round {}/{}: {} [{:.0} s]",
                round + 1,
                plan.rounds,
                workload.name,
                began.elapsed().as_secs_f64()
            );
            for turn in 0..plan.peers.len() {
                // Each round begins with another peer, so that none always runs on a cold or a warm machine.
                let peer = plan.peers[(turn + round) % plan.peers.len()];
                if workload.runs_on(peer) {
                    report.add(
                        round,
                        workload.name,
                        peer.name,
                        measure_in_child(*workload, peer, plan.timing),
                    );
                }
            }
        }
    }
    report.finish(began.elapsed());
    if let Some(counts) = &plan.counts {
        report.show_counts(counts.clone());
    }
    std::fs::create_dir_all(&plan.out)
        .map_err(|error| format!("cannot make {}: {error}", plan.out.display()))?;
    for (name, text) in
        [("bench.json", report.json()), ("bench.md", report.markdown()), ("bench.html", report.html())]
    {
        let path = plan.out.join(name);
        std::fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        eprintln!("wrote {}", path.display());
    }
    println!("{}", report.markdown());
    if !report.failures().is_empty() {
        let failures = report.failures();
        return Err(format!("{} measurements failed:\n  {}", failures.len(), failures.join("\n  ")));
    }
    plan.baseline.as_ref().map_or(Ok(()), |baseline| pass(baseline, &report))
}

/// An error that names every drop.
fn pass(baseline: &Baseline, report: &Report) -> Result<(), String> {
    let (compared, drops) = baseline.compare(report)?;
    if drops.is_empty() {
        println!("compared with the saved run: {compared} figures, none has dropped beyond noise");
        return Ok(());
    }
    Err(format!(
        "{} of {compared} figures have dropped beyond noise (higher is better):\n  {}",
        drops.len(),
        drops.join("\n  ")
    ))
}

fn measure_in_child(workload: Workload, peer: PeerId, timing: Timing) -> Result<Measured, String> {
    let failed = |why: String| format!("{} on {peer}: {why}", workload.name);
    let program = os::program(matches!(workload.kind, Kind::Memory(_))).map_err(failed)?;
    let mut arguments = vec!["--child", workload.name, peer.name];
    if timing.quick {
        arguments.push("--quick");
    }
    let child = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let child = child.map_err(|error| failed(format!("the child did not start: {error}")))?;
    if !child.status.success() {
        return Err(failed(format!("the child ended with {}", child.status)));
    }
    let text = String::from_utf8_lossy(&child.stdout);
    let line = text.lines().last().unwrap_or_default();
    let value: Value = serde_json::from_str(line).map_err(|_| failed(format!("the child said `{line}`")))?;
    let metric = |metric: &crate::workload::Metric| {
        let number = value[metric.key].as_f64().filter(|number| number.is_finite());
        Ok((metric.key, number.ok_or_else(|| failed(format!("no `{}` in {value}", metric.key)))?))
    };
    let curve = value["curve"].as_array().map(|curve| curve.iter().filter_map(Value::as_f64).collect());
    Ok(Measured {
        metrics: workload.metrics.iter().map(metric).collect::<Result<_, String>>()?,
        curve: curve.unwrap_or_default(),
    })
}
