//! What was counted of the main operations, beside the times: the file that `cargo xtask bench --count-all` writes.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Report;
use crate::workload::Workload;

/// Each instrument's figures by workload and peer.
#[derive(Clone, Debug)]
pub(crate) struct Counts {
    file: Value,
}

/// What one operation takes by one instrument.
pub(crate) struct CountTable {
    /// What is counted.
    pub(crate) title: String,
    /// The peers that have a figure in some row.
    pub(crate) peers: Vec<String>,
    /// What an operation is, and each peer's figure.
    pub(crate) rows: Vec<(&'static str, Vec<Option<f64>>)>,
}

impl Counts {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
        let file: Value =
            serde_json::from_str(&text).map_err(|error| format!("{shown} is not JSON: {error}"))?;
        let counts = Self { file };
        if counts.tables().is_empty() {
            return Err(format!("{shown} has no counts: `cargo xtask bench --count-all` writes them"));
        }
        Ok(counts)
    }

    /// The file's content.
    pub(crate) fn json(&self) -> &Value {
        &self.file
    }

    /// A table for each instrument, its workloads in the order of the suite.
    pub(crate) fn tables(&self) -> Vec<CountTable> {
        let instruments = self.file.as_object().into_iter().flatten();
        instruments
            .map(|(title, counts)| table(title, counts))
            .filter(|table| !table.rows.is_empty())
            .collect()
    }
}

fn table(title: &str, counts: &Value) -> CountTable {
    let counted = |peer: &&str| {
        counts.as_object().into_iter().flatten().any(|(_, row)| row.get(*peer).is_some_and(Value::is_number))
    };
    let peers: Vec<&str> = crate::peer::PEERS.iter().map(|peer| peer.name).filter(counted).collect();
    let row = |workload: &Workload| {
        let row = counts.get(workload.name)?;
        Some((workload.title, peers.iter().map(|peer| row[*peer].as_f64()).collect()))
    };
    let rows = crate::workload::WORKLOADS.iter().filter_map(row).collect();
    CountTable { title: title.to_owned(), rows, peers: peers.iter().map(|peer| (*peer).to_owned()).collect() }
}

/// As many digits as such a count is steady in.
pub(crate) fn count(number: Option<f64>) -> String {
    match number {
        None => "-".into(),
        Some(number) if number >= 100.0 => format!("{number:.0}"),
        Some(number) => {
            let text = format!("{number:.2}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

impl Report {
    /// The counts as Markdown tables, where there are some.
    pub(super) fn counts_markdown(&self, text: &mut String) {
        for table in self.counts.iter().flat_map(Counts::tables) {
            let _ = writeln!(text, "\nCounted in one operation: {}.\n", table.title);
            let _ = writeln!(text, "| operation | {} |", table.peers.join(" | "));
            let _ = writeln!(text, "|---|{}", "--:|".repeat(table.peers.len()));
            for (operation, numbers) in table.rows {
                let cells: Vec<_> = numbers.into_iter().map(count).collect();
                let _ = writeln!(text, "| {operation} | {} |", cells.join(" | "));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(file: Value) -> Counts {
        Counts { file }
    }

    #[test]
    fn a_table_has_the_peers_and_workloads_that_were_counted() {
        let file = serde_json::json!({"instructions": {
            "yield": {"tokio-1": 602.0, "heist-1": 130.4}, "spawn-join": {"heist-1": 504.0},
            "gone": {"heist-1": 1.0},
        }});
        let tables = counts(file).tables();
        assert_eq!(tables.len(), 1);
        assert_eq!(tables[0].peers, ["heist-1", "tokio-1"]);
        let figures: Vec<_> = tables[0].rows.iter().map(|(_, numbers)| numbers.clone()).collect();
        assert_eq!(figures, [vec![Some(504.0), None], vec![Some(130.4), Some(602.0)]]);
    }

    #[test]
    fn a_count_has_the_digits_that_it_needs() {
        assert_eq!([Some(504.3), Some(4.0), Some(2.05), None].map(count), ["504", "4", "2.05", "-"]);
    }

    #[test]
    fn a_file_without_counts_is_an_error() {
        assert!(counts(serde_json::json!({"format": 1})).tables().is_empty());
        assert!(Counts::read("no/such.json".as_ref()).unwrap_err().contains("no/such.json"));
    }
}
