//! The report as Markdown tables.

use std::fmt::Write as _;

use super::{Report, figure};
use crate::peer::PeerId;

impl Report {
    /// Medians, ratios over tokio, and counts where there are some.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("{}.\n\n", self.summary());
        text.push_str("Medians; every figure is a cost, lower is better.\n\n");
        let names: Vec<String> = self.peers.iter().map(|peer| peer.name.to_owned()).collect();
        self.table(&mut text, &names, |workload, metric| {
            self.peers.iter().map(|peer| figure(self.median_of(workload, metric, peer.name))).collect()
        });
        let compared = self.compared();
        if !compared.is_empty() {
            text.push_str(
                "\nTokio's cost / the peer's, in the same round: median (least - greatest). Above 1 the peer is better. \
                 Tokio is the better of 1 and 2 workers in that row; for a current-thread peer, tokio's \
                 current-thread runtime.\n\n",
            );
            let names: Vec<String> = compared.iter().map(|peer| peer.name.to_owned()).collect();
            self.table(&mut text, &names, |workload, metric| {
                let cell = |peer: &PeerId| {
                    let ratio = self.ratio_of(workload, metric, *peer);
                    ratio.map_or_else(
                        || "-".into(),
                        |r| format!("{:.2} ({:.2} - {:.2})", r.median, r.min, r.max),
                    )
                };
                compared.iter().map(cell).collect()
            });
        }
        for peer in compared {
            if let Some((mean, rows)) = self.geometric_mean(peer) {
                let _ =
                    writeln!(text, "\n{peer}: geometric mean of {rows} in-process wall times, {mean:.2}.");
            }
        }
        self.counts_markdown(&mut text);
        for failure in &self.failures {
            let _ = writeln!(text, "\nFailed: {failure}");
        }
        text
    }

    fn table(
        &self,
        text: &mut String,
        columns: &[String],
        cells: impl Fn(&'static str, &'static str) -> Vec<String>,
    ) {
        let _ = writeln!(text, "| workload | metric | {} |", columns.join(" | "));
        let _ = writeln!(text, "|---|---|{}", "--:|".repeat(columns.len()));
        for workload in &self.workloads {
            for (i, metric) in workload.metrics.iter().enumerate() {
                let title = if i == 0 { workload.title } else { "" };
                let cells = cells(workload.name, metric.key).join(" | ");
                let _ = writeln!(text, "| {title} | {}, {} | {cells} |", metric.key, metric.unit);
            }
        }
    }
}
