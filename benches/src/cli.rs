//! The command line, and the inner commands by which the driver starts its children.

use std::path::PathBuf;
use std::time::Duration;

use crate::driver::{self, Plan};
use crate::measure::{self, Measured, Timing};
use crate::net;
use crate::os;
use crate::peer::{PEERS, PeerId};
use crate::report::{Baseline, Counts};
use crate::workload::{Kind, WORKLOADS, Workload};

const HELP: &str = "\
Runs each workload on each peer in interleaved rounds; prints a table, and writes JSON and Markdown.

usage: heist-bench [OPTIONS]
  --only A,B      only workloads whose name begins with one of these
  --peers P,Q     only these peers
  --rounds N      how many rounds (5; 2 with --quick)
  --quick         shorter measurements, fewer peers, fewer workloads: 2 minutes at most
  --out DIR       where bench.json, bench.md and bench.html go (bench-results)
  --baseline FILE compares with the bench.json of an earlier run, and fails if heist is
                  slower than it was by more than the noise of both
  --counts FILE   shows beside the times what `cargo xtask bench --count-all` has counted
  --list          names the workloads and the peers

  --spin          does a fixed piece of work and prints its nanoseconds
  --callgrind-target WORKLOAD PEER N [--native-spin NS]
                  does the operation N times and nothing else: the difference of two N
                  under an instruction counter is the cost of one operation. The counter
                  slows the program down and not the clock; with the nanoseconds that
                  --spin prints without it, what goes by time is slowed down alike
";

/// A child's measurement is a failure after this long.
const CHILD_LIMIT: Duration = Duration::from_secs(60);

/// An instruction counter slows everything down by two orders of magnitude.
const COUNTER_LIMIT: Duration = Duration::from_secs(600);

/// The peers of a `--quick` run.
const QUICK_PEERS: &[&str] =
    &["heist-1", "heist-2", "heist-ct", "tokio-1", "tokio-2", "tokio-ct", "smol-2", "plain"];

/// Runs the command that the arguments name.
pub(crate) fn run(arguments: Vec<String>) -> Result<(), String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--help" | "-h"] => print!("{HELP}"),
        ["--list"] => list(),
        ["--child", workload, peer, rest @ ..] => {
            let (workload, peer) = (Workload::parse(workload)?, PeerId::parse(peer)?);
            os::end_after(CHILD_LIMIT, format!("{} on {peer}", workload.name));
            print_measured(&measure::measure(workload, peer, timing(rest)?)?);
        }
        ["--net-server", peer, service] => net::run_server(PeerId::parse(peer)?, service.parse()?)?,
        ["--net-client", port, workload, rest @ ..] => {
            os::end_after(COUNTER_LIMIT, "the client".into());
            let Kind::Net(scenario) = Workload::parse(workload)?.kind else {
                return Err(format!("`{workload}` has no client"));
            };
            match rest {
                ["--requests", requests] => scenario.run_counted_client(number(port)?, number(requests)?)?,
                rest => scenario.run_client(number(port)?, timing(rest)?)?,
            }
        }
        ["--runs-on", workload] => {
            let workload = Workload::parse(workload)?;
            let peers = PEERS.iter().filter(|peer| workload.runs_on_runtime(**peer)).map(|peer| peer.name);
            println!("{}", peers.collect::<Vec<_>>().join(" "));
        }
        ["--busy"] => os::be_busy(),
        ["--spin"] => println!("{}", os::spin_ns()),
        ["--callgrind-target", workload, peer, count, rest @ ..] => {
            match rest {
                [] => {}
                ["--native-spin", native] => os::note_slowdown(number(native)?),
                other => return Err(format!("I do not understand `{}`", other.join(" "))),
            }
            let (workload, peer) = (Workload::parse(workload)?, PeerId::parse(peer)?);
            os::end_after(COUNTER_LIMIT, format!("{} on {peer}", workload.name));
            match workload.kind {
                Kind::Net(scenario) => net::serve_for_counter(workload, scenario, peer, number(count)?)?,
                _ => measure::repeat(workload, peer, number(count)?)?,
            }
        }
        _ => driver::run(&plan(&words)?)?,
    }
    Ok(())
}

fn print_measured(measured: &Measured) {
    let mut object: serde_json::Map<_, _> =
        measured.metrics.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    if !measured.curve.is_empty() {
        object.insert("curve".into(), measured.curve.clone().into());
    }
    println!("{}", serde_json::Value::Object(object));
}

fn timing(words: &[&str]) -> Result<Timing, String> {
    match words {
        [] => Ok(Timing { quick: false }),
        ["--quick"] => Ok(Timing { quick: true }),
        other => Err(format!("I do not understand `{}`", other.join(" "))),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("`{word}` is not a number that fits here"))
}

fn list() {
    println!("workloads:");
    for workload in WORKLOADS {
        println!("  {:14} {}", workload.name, workload.title);
    }
    let peers: Vec<_> = PEERS.iter().map(|peer| peer.name).collect();
    println!("peers: {}", peers.join(", "));
}

fn plan(words: &[&str]) -> Result<Plan, String> {
    let (mut only, mut peers, mut rounds, mut quick) = (None, None, None, false);
    let (mut out, mut baseline, mut counts) = (PathBuf::from("bench-results"), None, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().copied().ok_or_else(|| format!("`{word}` wants a value"));
        match *word {
            "--only" => only = Some(value()?),
            "--peers" => peers = Some(value()?),
            "--rounds" => rounds = Some(number::<usize>(value()?)?),
            "--quick" => quick = true,
            "--out" => out = value()?.into(),
            "--baseline" => baseline = Some(Baseline::read(value()?.as_ref())?),
            "--counts" => counts = Some(Counts::read(value()?.as_ref())?),
            other => return Err(format!("I do not understand `{other}`\n\n{HELP}")),
        }
    }
    let rounds = rounds.unwrap_or(if quick { 2 } else { 5 });
    if rounds == 0 {
        return Err("--rounds wants at least 1".into());
    }
    let mut workloads = WORKLOADS.to_vec();
    if let Some(only) = only {
        let prefixes: Vec<&str> = only.split(',').filter(|prefix| !prefix.is_empty()).collect();
        if let Some(unknown) =
            prefixes.iter().find(|prefix| !WORKLOADS.iter().any(|w| w.name.starts_with(**prefix)))
        {
            return Err(format!("no workload begins with `{unknown}`; see --list"));
        }
        workloads.retain(|workload| prefixes.iter().any(|prefix| workload.name.starts_with(prefix)));
    } else if quick {
        workloads.retain(|workload| workload.is_quick);
    }
    let peers = match peers {
        Some(names) => {
            names.split(',').filter(|name| !name.is_empty()).map(PeerId::parse).collect::<Result<_, _>>()?
        }
        None if quick => PEERS.iter().copied().filter(|peer| QUICK_PEERS.contains(&peer.name)).collect(),
        None => PEERS.iter().copied().filter(|peer| peer.is_usual()).collect(),
    };
    Ok(Plan { workloads, peers, rounds, timing: Timing { quick }, out, baseline, counts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_selects_by_prefix_and_refuses_the_unknown() {
        let chosen = plan(&["--only", "echo-1,yield", "--peers", "tokio-1"]).unwrap();
        let names: Vec<_> = chosen.workloads.iter().map(|workload| workload.name).collect();
        assert_eq!(names, ["yield", "yield-alone", "echo-1", "echo-1000"]);
        assert_eq!(chosen.peers.len(), 1);
        assert!(plan(&["--only", "nonsense"]).unwrap_err().contains("nonsense"));
        assert!(plan(&["--peers", "node"]).unwrap_err().contains("tokio-1"));
    }

    #[test]
    fn bad_values_are_errors_that_name_them() {
        assert!(plan(&["--rounds", "many"]).unwrap_err().contains("many"));
        assert!(plan(&["--rounds"]).unwrap_err().contains("--rounds"));
        assert!(plan(&["--rounds", "0"]).is_err());
        assert!(plan(&["--baseline", "no/such.json"]).unwrap_err().contains("no/such.json"));
        assert!(plan(&["--fast"]).unwrap_err().contains("--fast"));
    }
}
