//! [`staggered_race`]: several ways to the same thing, begun one after the other.
//!
//! Vocabulary: a *candidate* is one way, begun by its closure; the *latest* is the one begun last.
//!
//! The next candidate begins when the latest has failed, or when it has had its *head start* and is not done. All that
//! have begun go on side by side; the first success ends the race and drops the rest.

use std::fmt;
use std::future::{Future, poll_fn};
use std::iter::{Enumerate, Peekable};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use heist_timer::Sleep;

/// What came of a [`staggered_race`].
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// use heist::{StaggeredRace, staggered_race};
///
/// let race: StaggeredRace<u8, &str> = staggered_race(
///     [Err("refused"), Ok(2), Ok(3)].map(|answer| async move || answer),
///     None,
/// )
/// .await;
/// assert_eq!(race.winner, Some((1, 2)));
/// assert_eq!(race.failures, [(0, "refused")]);
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct StaggeredRace<T, E> {
    /// The first success, and the number of its candidate, from 0; `None` where there was no candidate, or all failed.
    pub winner: Option<(usize, T)>,
    /// The failures by then, in the order of the candidates, with their numbers.
    pub failures: Vec<(usize, E)>,
}

/// Begins candidates one after the other until one succeeds; what `asyncio.staggered.staggered_race` does.
///
/// The next one begins as soon as the latest has failed; with a `delay`, also when the latest has had that long. The others
/// go on meanwhile; once one succeeds they are dropped. Without a delay one candidate runs at a time.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn fetch(mirror: &str) -> Result<String, std::io::Error> { Ok(mirror.to_owned()) }
/// # async fn example() {
/// use std::time::Duration;
/// use heist::staggered_race;
///
/// let mirrors = ["a.example", "b.example"];
/// let fetches = mirrors.map(|mirror| move || fetch(mirror));
/// let race = staggered_race(fetches, Some(Duration::from_millis(250))).await;
/// match race.winner {
///     Some((number, page)) => println!("{}: {page}", mirrors[number]),
///     None => println!("none answered: {:?}", race.failures),
/// }
/// # }
/// ```
///
/// # Panics
///
/// With a delay, outside of an event loop.
///
/// # Cancel safety
///
/// Dropping the future drops the candidates.
pub async fn staggered_race<I, F, Fut, T, E>(candidates: I, delay: Option<Duration>) -> StaggeredRace<T, E>
where
    I: IntoIterator<Item = F>,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let mut race = Race {
        waiting: candidates.into_iter().enumerate().peekable(),
        running: Vec::new(),
        failures: Vec::new(),
        head_start: None,
        delay,
    };
    let winner = poll_fn(|cx| race.poll(cx)).await;
    race.failures.sort_unstable_by_key(|(number, _)| *number);
    StaggeredRace { winner, failures: race.failures }
}

struct Race<I: Iterator, Fut, E> {
    /// Not begun yet.
    waiting: Peekable<Enumerate<I>>,
    /// Begun and not done, in the order of their numbers.
    running: Vec<(usize, Pin<Box<Fut>>)>,
    /// In the order in which they came.
    failures: Vec<(usize, E)>,
    /// What the latest has left of its head start; `None` where it has failed or there is no delay.
    head_start: Option<Pin<Box<Sleep>>>,
    delay: Option<Duration>,
}

impl<I: Iterator, Fut, E> fmt::Debug for Race<I, Fut, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Race").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

// The candidates are pinned in their boxes, and nothing else in here is ever pinned.
impl<I: Iterator, Fut, E> Unpin for Race<I, Fut, E> {}

impl<I, F, Fut, T, E> Race<I, Fut, E>
where
    I: Iterator<Item = F>,
    F: FnOnce() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<(usize, T)>> {
        loop {
            if let Some(winner) = self.poll_running(cx) {
                return Poll::Ready(Some(winner));
            }
            if self.waiting.peek().is_none() {
                return if self.running.is_empty() { Poll::Ready(None) } else { Poll::Pending };
            }
            if !self.is_next_due(cx) {
                return Poll::Pending;
            }
            self.begin_next();
        }
    }

    /// Polls all that run; the failed ones leave. Gives the first success.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Option<(usize, T)> {
        let mut winner = None;
        let failures = &mut self.failures;
        self.running.retain_mut(|(number, candidate)| {
            if winner.is_some() {
                return true;
            }
            match candidate.as_mut().poll(cx) {
                Poll::Pending => return true,
                Poll::Ready(Ok(value)) => winner = Some((*number, value)),
                Poll::Ready(Err(error)) => failures.push((*number, error)),
            }
            false
        });
        winner
    }

    /// Whether the latest has failed, or has had its head start.
    fn is_next_due(&mut self, cx: &mut Context<'_>) -> bool {
        let begun = self.running.len() + self.failures.len();
        let latest_runs = self.running.last().is_some_and(|(number, _)| number + 1 == begun);
        let head_start = self.head_start.as_mut().filter(|_| latest_runs);
        match head_start {
            Some(head_start) => head_start.as_mut().poll(cx).is_ready(),
            None => !latest_runs,
        }
    }

    fn begin_next(&mut self) {
        if let Some((number, begin)) = self.waiting.next() {
            self.head_start = self.delay.map(|delay| Box::pin(Sleep::of(delay)));
            self.running.push((number, Box::pin(begin())));
        }
    }
}
