//! User-space instructions of one operation, under valgrind's callgrind.

use std::path::Path;

use super::callgrind::Callgrind;
use super::counts::Plan;

/// Counts and prints a table.
pub(crate) fn count(program: &Path, words: &[&str]) -> Result<(), String> {
    let Some(callgrind) = Callgrind::of(program, "instructions")? else { return Ok(()) };
    let plan = Plan::parse(program, "bench --instructions", words)?;
    println!("User-space instructions of one operation (callgrind, the difference of two runs).\n");
    callgrind.table(plan, 0, |workload, peer, times| {
        let text = callgrind.run(workload, peer, times, &["--callgrind-out-file=/dev/null"])?;
        let collected = text.lines().find_map(|line| line.split_once("Collected : "));
        let number = collected.and_then(|(_, number)| number.trim().parse().ok());
        number.ok_or_else(|| format!("callgrind counted nothing for {workload} on {peer}:\n{text}"))
    })
}
