//! What a program prints, and when on its loop's clock.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A line, and the milliseconds of the loop's clock when it was printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub at: u64,
    pub text: String,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.at, self.text)
    }
}

/// What is noted now; one program at a time.
static OUTPUT: Mutex<Option<Output>> = Mutex::new(None);
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Output {
    lines: Vec<Line>,
    /// The loop that runs is stopped after so many lines.
    last: Option<usize>,
}

/// A test that failed leaves nothing behind that another could mind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What `println!` is in the programs. Where nothing is noted, in a copy of the test process, it prints.
pub fn print(text: &str) {
    let mut output = lock(&OUTPUT);
    let Some(output) = output.as_mut() else {
        println!("{text}");
        return;
    };
    let inside = heist::Handle::current();
    let at = match &inside {
        Some(handle) => handle.clock().now() / 1_000_000,
        // The clock stands still outside of the loop.
        None => output.lines.last().map_or(0, |line| line.at),
    };
    output.lines.extend(text.split('\n').map(|line| Line { at, text: mask(line) }));
    if Some(output.lines.len()) == output.last {
        inside.expect("who prints the last line runs in the loop").stop();
    }
}

/// Notes what `program` prints; after `last` lines its loop is stopped.
pub fn of<R>(last: Option<usize>, program: impl FnOnce() -> R) -> (R, Vec<Line>) {
    let _one_at_a_time = lock(&ONE_AT_A_TIME);
    *lock(&OUTPUT) = Some(Output { lines: Vec::new(), last });
    let result = program();
    let output = lock(&OUTPUT).take().expect("it was put there above");
    (result, output.lines)
}

/// The text with what differs from run to run taken out: seconds (`F`), the time of day (`T`), and where a coroutine is
/// defined.
pub fn mask(text: &str) -> String {
    let text = without_coroutines(text);
    let is_number = |c: char| c.is_ascii_digit() || ".:".contains(c);
    let mut masked = String::new();
    let mut rest = text.as_str();
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (front, number) = rest.split_at(start);
        let end = number.find(|c| !is_number(c)).unwrap_or(number.len());
        let (number, mut after) = number.split_at(end);
        let sign = sign(number);
        if sign == "F" {
            after = without_exponent(after);
        }
        masked.extend([front, sign]);
        rest = after;
    }
    masked + rest
}

/// The text without each ` coro=<...>`.
fn without_coroutines(text: &str) -> String {
    let mut parts = text.split(" coro=<");
    let front = parts.next().unwrap_or_default().to_owned();
    parts.fold(front, |text, part| text + part.split_once('>').expect("what is opened is closed").1)
}

/// What stands for a number, or a time of day.
fn sign(number: &str) -> &str {
    match (number.matches('.').count(), number.matches(':').count()) {
        (1, 0) if !number.ends_with('.') => "F",
        (0, 2) => "T",
        _ => number,
    }
}

/// What follows after the `e-06` of a number.
fn without_exponent(after: &str) -> &str {
    match after.strip_prefix("e-").or_else(|| after.strip_prefix("e+")) {
        Some(exponent) => exponent.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => after,
    }
}

#[test]
fn what_differs_from_run_to_run_is_masked() {
    assert_eq!(mask("time:2.5, 1e3, 2.8e-06 s"), "time:F, 1e3, F s");
    assert_eq!(mask("started at 12:30:01"), "started at T");
    assert_eq!(mask("factorial(2) = 2..."), "factorial(2) = 2...");
    let tasks = mask("<Task coro=<nested() at 1.py:4> result=8>, <Task coro=<nested()> result=9>");
    assert_eq!(tasks, "<Task result=8>, <Task result=9>");
    assert_eq!(mask("('127.0.0.1', 80)"), "('127.0.0.1', 80)");
}
