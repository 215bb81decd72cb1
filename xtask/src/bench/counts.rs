//! What is counted, on which peers.

use std::path::Path;
use std::process::Command;

use crate::sh;

/// The operations that are counted, each with the smaller of its two numbers of repetitions.
const COUNTED: &[(&str, u64)] = &[
    ("spawn-join", 20_000),
    ("spawn-detached", 20_000),
    ("chained-spawn", 10_000),
    ("ping-pong", 5_000),
    ("yield", 40_000),
    ("yield-alone", 20_000),
    ("wake-tasks", 10_000),
    ("to-thread-bulk", 5_000),
    ("timeout", 20_000),
    ("oneshot", 20_000),
    ("lock-uncontended", 20_000),
    ("lock-across-await", 8_000),
    ("semaphore", 8_000),
    ("event", 10_000),
    ("queue", 20_000),
    ("mpsc-bounded-1", 20_000),
    ("mpsc-unbounded-1", 20_000),
    ("channel-ping-pong", 5_000),
    ("echo-1", 5_000),
    ("echo-64", 20_000),
    ("http-64", 10_000),
    ("accept", 2_000),
];

/// What is to be counted, on what.
pub(crate) struct Plan {
    /// Workloads and repetitions.
    pub(crate) workloads: Vec<(&'static str, u64)>,
    /// Peers by name.
    pub(crate) peers: Vec<String>,
}

impl Plan {
    /// From `--only` and `--peers`. `option` names the command in messages.
    pub(crate) fn parse(program: &Path, option: &str, words: &[&str]) -> Result<Self, String> {
        let (mut only, mut peers) = (None, None);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("`{word}` wants a value"))?;
            match *word {
                "--only" => only = Some(value.split(',').collect::<Vec<_>>()),
                "--peers" => peers = Some(value.split(',').map(str::to_owned).collect()),
                other => return Err(format!("`bench {option}` does not know `{other}`")),
            }
        }
        let is_wanted =
            |name: &str| only.as_ref().is_none_or(|only| only.iter().any(|prefix| name.starts_with(prefix)));
        let workloads: Vec<_> = COUNTED.iter().copied().filter(|(name, _)| is_wanted(name)).collect();
        if workloads.is_empty() {
            let known: Vec<_> = COUNTED.iter().map(|(name, _)| *name).collect();
            return Err(format!("`bench {option}` can count {}", known.join(", ")));
        }
        let peers = match peers {
            Some(peers) => peers,
            None => single_workers(program)?,
        };
        Ok(Self { workloads, peers })
    }
}

/// The peers with one worker: with two, what is counted depends on who steals what.
fn single_workers(program: &Path) -> Result<Vec<String>, String> {
    let list = sh::read(Command::new(program).arg("--list"))?;
    let peers = list.lines().find_map(|line| line.strip_prefix("peers: ")).unwrap_or_default();
    Ok(peers
        .split(", ")
        .filter(|peer| !peer.ends_with(|end: char| matches!(end, '2'..='9')) && !peer.ends_with("-16"))
        .map(str::to_owned)
        .collect())
}

/// Whether the peer has what the workload needs.
pub(crate) fn can_do(program: &Path, workload: &str, peer: &str) -> Result<bool, String> {
    let list = sh::read(Command::new(program).args(["--runs-on", workload]))?;
    Ok(list.split_whitespace().any(|name| name == peer))
}
