//! What a crawl came to, counted and drawn with plain characters.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use super::http::{FetchError, Page};

/// The first bar of the histogram holds what took up to this long; each further one up to twice as long.
const FIRST_BAR: Duration = Duration::from_micros(250);
/// How many characters the longest bar has.
const WIDTH: usize = 40;

/// What a crawl came to.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    /// How many pages were asked for.
    pub(crate) asked: u64,
    pub(crate) pages: u64,
    pub(crate) errors_by_kind: BTreeMap<String, u64>,
    /// Bytes received of the pages that came whole, heads included.
    pub(crate) bytes: u64,
    pub(crate) links: u64,
    pub(crate) elapsed: Duration,
    pub(crate) interrupted: bool,
    latencies: Vec<Duration>,
    begun: Instant,
}

impl Summary {
    /// Begins, and starts its clock.
    pub(crate) fn new(asked: u64) -> Self {
        Self {
            asked,
            pages: 0,
            errors_by_kind: BTreeMap::new(),
            bytes: 0,
            links: 0,
            elapsed: Duration::ZERO,
            interrupted: false,
            latencies: Vec::new(),
            begun: Instant::now(),
        }
    }

    /// Counts a page that came or failed.
    pub(crate) fn add(&mut self, latency: Duration, outcome: Result<Fetched, FetchError>) {
        match outcome {
            Ok(page) => {
                self.pages += 1;
                self.bytes += page.bytes;
                self.links += page.links;
                self.latencies.push(latency);
            }
            Err(error) => *self.errors_by_kind.entry(error.kind()).or_default() += 1,
        }
    }

    pub(crate) fn errors(&self) -> u64 {
        self.errors_by_kind.values().sum()
    }

    /// Stops the clock.
    pub(crate) fn end(&mut self, interrupted: bool) {
        self.elapsed = self.begun.elapsed();
        self.interrupted = interrupted;
        self.latencies.sort_unstable();
    }

    /// The latency that `percent` of the pages kept below; there is at least one page.
    fn percentile(&self, percent: usize) -> Duration {
        self.latencies[(self.latencies.len() - 1) * percent / 100]
    }
}

/// What is kept of a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fetched {
    bytes: u64,
    links: u64,
}

impl Fetched {
    pub(crate) fn of(page: &Page) -> Self {
        Self { bytes: page.received as u64, links: count(&page.body, b"<a href=") }
    }
}

fn count(bytes: &[u8], what: &[u8]) -> u64 {
    bytes.windows(what.len()).filter(|window| *window == what).count() as u64
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tried = self.pages + self.errors();
        if self.interrupted {
            writeln!(f, "Interrupted: {} of {} pages were not fetched", self.asked - tried, self.asked)?;
        }
        writeln!(f, "pages     {:>8}", self.pages)?;
        writeln!(f, "errors    {:>8}", self.errors())?;
        for (kind, number) in &self.errors_by_kind {
            writeln!(f, "          {number:>8}  {kind}")?;
        }
        writeln!(f, "links     {:>8}", self.links)?;
        writeln!(f, "bytes     {:>8.1} MiB", self.bytes as f64 / f64::from(1 << 20))?;
        writeln!(f, "elapsed   {:>8.2} s", self.elapsed.as_secs_f64())?;
        writeln!(f, "pages/s   {:>8.0}", tried as f64 / self.elapsed.as_secs_f64().max(1e-9))?;
        if self.pages == 0 {
            return Ok(());
        }
        writeln!(
            f,
            "latency of a page: median {}, 90 % within {}, 99 % within {}",
            millis(self.percentile(50)),
            millis(self.percentile(90)),
            millis(self.percentile(99)),
        )?;
        draw(f, &self.latencies)
    }
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// Draws sorted latencies, of which there is at least one.
fn draw(f: &mut fmt::Formatter<'_>, latencies: &[Duration]) -> fmt::Result {
    let mut bars: Vec<(Duration, usize)> = vec![(FIRST_BAR, 0)];
    for &latency in latencies {
        while latency > bars[bars.len() - 1].0 {
            bars.push((bars[bars.len() - 1].0 * 2, 0));
        }
        let last = bars.len() - 1;
        bars[last].1 += 1;
    }
    // Nothing was faster than the first bar that holds something.
    let first = bars.iter().position(|bar| bar.1 > 0).unwrap_or(0);
    let most = bars.iter().map(|bar| bar.1).max().unwrap_or(0).max(1);
    for (up_to, number) in &bars[first..] {
        let bar = "#".repeat((number * WIDTH).div_ceil(most));
        writeln!(f, "  up to {:>9} | {bar:<WIDTH$} {number}", millis(*up_to))?;
    }
    Ok(())
}
