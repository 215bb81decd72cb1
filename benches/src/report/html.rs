//! The report as one HTML file: no script, nothing from the network.

use std::fmt::Write as _;

use serde_json::Value;

use super::charts::{self, Curve, RATIO_LINES, ratio_at};
use super::counts::{Counts, count};
use super::{Report, figure};
use crate::net::SHARES;
use crate::peer::{PeerId, Runtime};
use crate::workload::{Metric, Workload};

const STYLE: &str = include_str!("page.css");

impl Report {
    /// The whole page.
    pub(crate) fn html(&self) -> String {
        let mut colours = String::new();
        for peer in &self.peers {
            let _ = writeln!(colours, ".{peer} {{ --c: var(--{peer}); }}");
        }
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>heist benchmarks</title>\n<style>\n{STYLE}{colours}</style>\n</head>\n<body>\n\
             <h1>heist beside its peers</h1>\n<p>{}.</p>\n",
            escaped(&self.summary())
        );
        self.failed(&mut page);
        self.tiles(&mut page);
        self.ratios(&mut page);
        self.latencies(&mut page);
        self.distributions(&mut page);
        self.medians(&mut page);
        self.counted(&mut page);
        self.environment_and_command(&mut page);
        page.push_str("</body>\n</html>\n");
        page
    }

    fn failed(&self, page: &mut String) {
        for failure in &self.failures {
            let _ = writeln!(page, "<p class=\"failed\">Failed: {}</p>", escaped(failure));
        }
    }

    /// What the run comes to: for each configuration of heist its mean, and its worst row.
    fn tiles(&self, page: &mut String) {
        page.push_str("<div class=\"tiles\">\n");
        for peer in self.heists() {
            let Some((mean, rows)) = self.geometric_mean(peer) else { continue };
            let _ = writeln!(
                page,
                "<div class=\"tile\"><b>{mean:.2} x</b><span>{peer}: geometric mean of {rows} in-process times over \
                 tokio's</span></div>"
            );
            if let Some((worst, title)) = self.worst(peer) {
                let _ = writeln!(
                    page,
                    "<div class=\"tile\"><b>{worst:.2} x</b><span>{peer}: its lowest row, {}</span></div>",
                    escaped(title)
                );
            }
        }
        page.push_str("</div>\n");
    }

    fn worst(&self, peer: PeerId) -> Option<(f64, &'static str)> {
        let row = |workload: &Workload| {
            Some((self.ratio_of(workload.name, workload.metrics[0].key, peer)?.median, workload.title))
        };
        self.workloads.iter().filter_map(row).min_by(|a, b| a.0.total_cmp(&b.0))
    }

    fn heists(&self) -> Vec<PeerId> {
        self.compared().into_iter().filter(|peer| peer.runtime == Runtime::Heist).collect()
    }

    /// The bars: each workload's first metric.
    fn ratios(&self, page: &mut String) {
        let compared = self.compared();
        if compared.is_empty() {
            return;
        }
        page.push_str(
            "<h2>Times better than tokio</h2>\n<p>Tokio's cost over the peer's in the same round: the bar is the median over \
             the rounds, the line goes from the least to the greatest. To the right of 1 the peer is better. Tokio is the \
             better of 1 and 2 workers in that row; for a current-thread runtime, tokio's.</p>\n",
        );
        legend(page, &compared);
        page.push_str("<div class=\"ratio\"><span></span><div class=\"bars\"><div class=\"axis\">");
        for line in RATIO_LINES {
            let _ = write!(page, "<span style=\"left:{:.2}%\">{line}</span>", ratio_at(*line));
        }
        page.push_str("</div><span class=\"number\"></span></div></div>\n");
        for workload in &self.workloads {
            let metric = &workload.metrics[0];
            let _ = write!(page, "<div class=\"ratio\">{}<div class=\"bars\">", named(workload, metric));
            for peer in &compared {
                if let Some(ratio) = self.ratio_of(workload.name, metric.key, *peer) {
                    let _ = write!(
                        page,
                        "{}<span class=\"number\" title=\"{peer}\">{:.2}</span>",
                        charts::ratio_bar(ratio, peer.name),
                        ratio.median
                    );
                }
            }
            page.push_str("</div></div>\n");
        }
    }

    /// A drawing for each workload that has latencies.
    fn latencies(&self, page: &mut String) {
        let mut cards = String::new();
        for workload in &self.workloads {
            let curve = |peer: &PeerId| {
                Some(Curve { class: peer.name, us: self.curve_of(workload.name, peer.name)? })
            };
            let curves: Vec<Curve> = self.peers.iter().filter_map(curve).collect();
            if !curves.is_empty() {
                let _ = writeln!(
                    cards,
                    "<div class=\"card\"><h3>{}</h3>{}</div>",
                    escaped(workload.title),
                    charts::cumulative(SHARES, &curves)
                );
            }
        }
        if !cards.is_empty() {
            page.push_str(
                "<h2>Latency as the client sees it</h2>\n<p>The share of requests that were answered within a time; further \
                 to the left is better. At each share the median over the rounds.</p>\n",
            );
            legend(page, &self.peers);
            let _ = writeln!(page, "<div class=\"cards\">\n{cards}</div>");
        }
    }

    /// A card for each workload: every round of every peer.
    fn distributions(&self, page: &mut String) {
        page.push_str(
            "<h2>Every round</h2>\n<p>A dot is one round, the tick the median; the line begins at 0. Lower is \
             better.</p>\n<div class=\"cards\">\n",
        );
        for workload in &self.workloads {
            let metric = &workload.metrics[0];
            let of = |peer: &PeerId| -> Vec<f64> {
                self.rounds_of(workload.name, metric.key, peer.name).iter().copied().flatten().collect()
            };
            let greatest = self.peers.iter().flat_map(of).fold(0.0, f64::max);
            if greatest <= 0.0 {
                continue;
            }
            let _ = write!(
                page,
                "<div class=\"card\"><h3>{}</h3><div class=\"strips\">",
                named(workload, metric)
            );
            for peer in &self.peers {
                let rounds = of(peer);
                if let Some(median) = self.median_of(workload.name, metric.key, peer.name) {
                    let _ = write!(
                        page,
                        "<span>{peer}</span>{}<span class=\"number\">{}</span>",
                        charts::strip(&rounds, median, greatest, peer.name),
                        figure(Some(median))
                    );
                }
            }
            page.push_str("</div></div>\n");
        }
        page.push_str("</div>\n");
    }

    fn medians(&self, page: &mut String) {
        page.push_str(
            "<h2>All medians</h2>\n<div class=\"scroll\"><table>\n<tr><th>workload</th><th>cost</th>",
        );
        for peer in &self.peers {
            let _ = write!(page, "<th>{peer}</th>");
        }
        page.push_str("</tr>\n");
        for workload in &self.workloads {
            for (i, metric) in workload.metrics.iter().enumerate() {
                let title = if i == 0 { escaped(workload.title) } else { String::new() };
                let _ = write!(page, "<tr><td>{title}</td><td>{}, {}</td>", metric.key, metric.unit);
                for peer in &self.peers {
                    let value = figure(self.median_of(workload.name, metric.key, peer.name));
                    let _ = write!(page, "<td>{value}</td>");
                }
                page.push_str("</tr>\n");
            }
        }
        page.push_str("</table></div>\n");
    }

    fn counted(&self, page: &mut String) {
        for table in self.counts.iter().flat_map(Counts::tables) {
            let _ = writeln!(
                page,
                "<h2>Counted: {}</h2>\n<p>In one operation; the difference of two runs under an instrument.</p>\n\
                 <div class=\"scroll\"><table class=\"counts\">",
                escaped(&table.title)
            );
            let _ = writeln!(page, "<tr><th>operation</th><th>{}</th></tr>", table.peers.join("</th><th>"));
            for (operation, numbers) in table.rows {
                let cells: Vec<_> = numbers.into_iter().map(count).collect();
                let _ = writeln!(
                    page,
                    "<tr><td>{}</td><td>{}</td></tr>",
                    escaped(operation),
                    cells.join("</td><td>")
                );
            }
            page.push_str("</table></div>\n");
        }
    }

    fn environment_and_command(&self, page: &mut String) {
        page.push_str("<h2>Where, and how to repeat it</h2>\n<dl>\n");
        for (key, value) in self.environment.as_object().into_iter().flatten() {
            let value = in_words(value);
            let _ = writeln!(page, "<dt>{}</dt><dd>{}</dd>", escaped(key), escaped(&value));
        }
        let _ = writeln!(page, "</dl>\n<pre>{}</pre>", escaped(&Self::command()));
    }
}

/// A value of the environment.
fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(parts) => {
            let parts: Vec<_> =
                parts.iter().map(|(name, part)| format!("{name} {}", in_words(part))).collect();
            parts.join(", ")
        }
        other => other.to_string(),
    }
}

/// What one operation of the row is, and which cost is shown.
fn named(workload: &Workload, metric: &Metric) -> String {
    format!(
        "<span>{} <small>{}, {}</small></span>",
        escaped(workload.title),
        escaped(metric.key),
        escaped(metric.unit)
    )
}

fn legend(page: &mut String, peers: &[PeerId]) {
    page.push_str("<div class=\"legend\">");
    for peer in peers {
        let _ = write!(page, "<span><i class=\"swatch {peer}\"></i>{peer}</span>");
    }
    page.push_str("</div>\n");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Measured;

    #[test]
    fn a_page_holds_its_rows_and_asks_the_network_for_nothing() {
        let workloads = ["yield", "echo-64"].map(|name| Workload::parse(name).unwrap());
        let peers = ["heist-2", "tokio-2"].map(|name| PeerId::parse(name).unwrap());
        let mut report = Report::new(&workloads, &peers, 1, true);
        for (peer, wall) in [("heist-2", 10.0), ("tokio-2", 40.0)] {
            report.add(0, "yield", peer, Ok(vec![("wall", wall), ("cpu", wall)].into()));
            let curve = SHARES.iter().map(|share| wall / (1.0 - share)).collect();
            report.add(0, "echo-64", peer, Ok(Measured { metrics: vec![("server cpu", wall)], curve }));
        }
        report.add(0, "echo-64", "tokio-2", Err("a <broken> child".into()));
        let page = report.html();
        assert!(page.contains("4.00 x"), "the geometric mean of one row is its ratio");
        assert_eq!(page.matches("<polyline").count(), 2);
        assert!(page.contains("a &lt;broken&gt; child"));
        for word in ["http", "src=", "@import", "url("] {
            assert!(!page.contains(word), "`{word}` would reach outside");
        }
    }
}
