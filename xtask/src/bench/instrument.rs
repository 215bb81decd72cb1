//! An instrument, and the table of what it counts.
//!
//! What one operation takes is the difference of two runs, one of which does it twice as often, divided by how much more
//! often. What is started and shut down once falls out.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::counts::{Plan, can_do};

/// What one process did, by kind; an instrument that knows no kinds has the one named "".
pub(crate) type Tally = BTreeMap<String, u64>;

/// Runs a process that does a workload's operation on a peer so many times.
pub(crate) type Counter = Box<dyn Fn(&str, &str, u64) -> Result<Tally, String>>;

/// Something that counts what a process does.
pub(crate) struct Instrument {
    /// On the command line.
    pub(crate) option: &'static str,
    /// In the file.
    pub(crate) key: &'static str,
    /// Above the table.
    pub(crate) title: &'static str,
    /// After the point.
    pub(crate) digits: usize,
    /// By how much to divide the repetitions.
    pub(crate) fewer: u64,
    /// Whether the table says which kinds there were: then each peer has a row, otherwise a column.
    pub(crate) has_kinds: bool,
    /// Gets it ready; `None`, with a line that says so, where a tool is missing.
    pub(crate) start: fn(&Path) -> Result<Option<Counter>, String>,
}

/// A kind that comes less often than this in an operation is not named.
const NAMED: f64 = 0.01;

/// How often each kind came in one operation.
#[derive(Debug)]
struct PerOperation(Vec<(f64, String)>);

impl Instrument {
    /// Counts and prints; returns the sums by workload and peer, or `None` where the instrument is missing.
    pub(crate) fn table(&self, program: &Path, plan: &Plan) -> Result<Option<Value>, String> {
        let Some(counter) = (self.start)(program)? else { return Ok(None) };
        println!("{}.\n\n{}", self.title, self.head(&plan.peers));
        let mut sums = Map::new();
        for (workload, times) in &plan.workloads {
            let (mut row, mut cells) = (Map::new(), Vec::new());
            for peer in &plan.peers {
                if !can_do(program, workload, peer)? {
                    cells.push("-".to_owned());
                    continue;
                }
                let took = one_operation(&counter, workload, peer, times / self.fewer)?;
                let sum = format!("{:.*}", self.digits, took.sum());
                row.insert(peer.clone(), took.sum().into());
                if self.has_kinds {
                    println!("| {workload} | {peer} | {sum} | {} |", took.kinds());
                }
                cells.push(sum);
            }
            if !self.has_kinds {
                println!("| {workload} | {} |", cells.join(" | "));
            }
            sums.insert((*workload).to_owned(), row.into());
        }
        Ok(Some(sums.into()))
    }

    fn head(&self, peers: &[String]) -> String {
        if self.has_kinds {
            return "| operation | peer | in all | which |\n|---|---|--:|---|".into();
        }
        format!("| operation | {} |\n|---|{}", peers.join(" | "), "--:|".repeat(peers.len()))
    }
}

fn one_operation(counter: &Counter, workload: &str, peer: &str, times: u64) -> Result<PerOperation, String> {
    let once = counter(workload, peer, times)?;
    let twice = counter(workload, peer, times * 2)?;
    Ok(PerOperation::new(&once, &twice, times))
}

impl PerOperation {
    fn new(once: &Tally, twice: &Tally, times: u64) -> Self {
        let more = |name: &String, more: u64| more as f64 - once.get(name).copied().unwrap_or(0) as f64;
        let mut kinds: Vec<_> =
            twice.iter().map(|(name, count)| (more(name, *count) / times as f64, name.clone())).collect();
        kinds.sort_by(|a, b| b.0.total_cmp(&a.0));
        Self(kinds)
    }

    /// What is once more or less often started than in the other run is no negative cost.
    fn sum(&self) -> f64 {
        self.0.iter().map(|(count, _)| count).sum::<f64>().max(0.0)
    }

    /// Each by name, the most frequent first.
    fn kinds(&self) -> String {
        let named = self.0.iter().filter(|(count, _)| *count >= NAMED);
        named.map(|(count, name)| format!("{name} {count:.2}")).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_the_difference_of_two_runs() {
        let tally = |reads, writes| {
            Tally::from([("mmap".to_owned(), 50), ("read".to_owned(), reads), ("write".to_owned(), writes)])
        };
        let took = PerOperation::new(&tally(110, 40), &tally(210, 240), 100);
        assert_eq!(took.sum(), 3.0);
        assert_eq!(took.kinds(), "write 2.00, read 1.00");
    }
}
