//! User-space instructions of one operation, under valgrind's callgrind.

use std::path::Path;

use super::callgrind::Callgrind;
use super::instrument::{Counter, Instrument, Tally};

/// Counts them.
pub(crate) const INSTRUMENT: Instrument = Instrument {
    option: "--instructions",
    key: "instructions",
    title: "User-space instructions of one operation (callgrind, the difference of two runs)",
    digits: 0,
    fewer: 1,
    has_kinds: false,
    start,
};

fn start(program: &Path) -> Result<Option<Counter>, String> {
    let Some(callgrind) = Callgrind::of(program, "instructions")? else { return Ok(None) };
    Ok(Some(Box::new(move |workload, peer, times| {
        let text = callgrind.run(workload, peer, times, &["--callgrind-out-file=/dev/null"])?;
        let collected = text.lines().find_map(|line| line.split_once("Collected : "));
        let number = collected.and_then(|(_, number)| number.trim().parse().ok());
        let number =
            number.ok_or_else(|| format!("callgrind counted nothing for {workload} on {peer}:\n{text}"))?;
        Ok(Tally::from([(String::new(), number)]))
    })))
}
