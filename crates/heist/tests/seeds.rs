#![cfg(not(heist_loom))]
//! The seed programs that stand on the first form of the facade, each on both flavours under virtual time: what is
//! printed, and how long it takes on the loop's clock.

use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a program printed, and when on its loop's clock.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<(u64, String)>>>);

impl Output {
    fn print(&self, line: impl Into<String>) {
        let now = heist::Handle::current().expect("inside a loop").clock().now();
        self.0.lock().unwrap().push((now / 1_000_000, line.into()));
    }

    fn lines(&self) -> Vec<(u64, String)> {
        self.0.lock().unwrap().clone()
    }
}

/// Runs a program on each flavour; `expected` are its lines with the milliseconds at which they come.
fn on_each_flavour<F: Future<Output = ()>>(
    expected: &[(u64, &str)],
    ordered: bool,
    program: impl Fn(Output) -> F,
) {
    for builder in [
        heist::Runner::builder().current_thread(),
        heist::Runner::builder().workers(1),
        heist::Runner::builder().workers(3),
    ] {
        let what = format!("{builder:?}");
        let in_order = ordered || what.contains("current_thread: true");
        let output = Output::default();
        let mut runner = builder.virtual_time().build().unwrap();
        runner.run(program(output.clone())).unwrap();
        let mut lines = output.lines();
        let mut expected: Vec<_> = expected.iter().map(|&(at, line)| (at, line.to_owned())).collect();
        if !in_order {
            lines.sort();
            expected.sort();
        }
        assert_eq!(lines, expected, "{what}");
    }
}

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn s000_1_three_counters() {
    async fn count(out: Output) {
        out.print("one");
        heist::sleep(seconds(2)).await;
        out.print("two");
    }
    let expected = [(0, "one"), (0, "one"), (0, "one"), (2000, "two"), (2000, "two"), (2000, "two")];
    on_each_flavour(&expected, true, |out| async move {
        heist::gather!(count(out.clone()), count(out.clone()), count(out)).await.unwrap();
    });
}

#[test]
fn s000_3_two_named_tasks_waited_for() {
    async fn nested(out: Output) -> &'static str {
        out.print("1");
        heist::sleep(seconds(2)).await;
        out.print("2");
        "return"
    }
    let expected = [(0, "1"), (0, "1"), (2000, "2"), (2000, "2"), (2000, "n1=return"), (2000, "n2=return")];
    on_each_flavour(&expected, true, |out| async move {
        let tasks = [
            heist::create_task(nested(out.clone())).with_name("n1"),
            heist::create_task(nested(out.clone())).with_name("n2"),
        ];
        let (done, pending) = heist::wait(tasks).timeout(None).return_when(heist::ALL_COMPLETED).await;
        assert!(pending.is_empty());
        for task in done {
            let name = task.name();
            out.print(format!("{name}={}", task.await.unwrap()));
        }
    });
}

#[test]
fn s000_5_a_future_that_another_task_fills() {
    async fn after(fut: heist::future::Future<&'static str>) {
        heist::sleep(seconds(2)).await;
        fut.set_result("1").unwrap();
    }
    let expected = [(0, "waiting"), (2000, "1"), (2000, "1")];
    on_each_flavour(&expected, true, |out| async move {
        let fut = heist::create_future();
        let setter = heist::create_task(after(fut.clone()));
        out.print("waiting");
        // As the original has it, the task is waited for first; here another one waits for the future meanwhile.
        let other = {
            let (fut, out) = (fut.clone(), out.clone());
            heist::create_task(async move { out.print(fut.await.unwrap()) })
        };
        setter.await.unwrap();
        other.await.unwrap();
        out.print(fut.await.unwrap());
    });
}

#[test]
fn s001_1_hello_world() {
    on_each_flavour(&[(0, "hello"), (1000, "world")], true, |out| async move {
        out.print("hello");
        heist::sleep(seconds(1)).await;
        out.print("world");
    });
}

async fn say_after(out: Output, delay: u64, what: &'static str) {
    heist::sleep(seconds(delay)).await;
    out.print(what);
}

#[test]
fn s001_2_one_after_the_other() {
    let expected = [(0, "started"), (1000, "hello"), (3000, "world"), (3000, "finished")];
    on_each_flavour(&expected, true, |out| async move {
        out.print("started");
        say_after(out.clone(), 1, "hello").await;
        say_after(out.clone(), 2, "world").await;
        out.print("finished");
    });
}

#[test]
fn s001_3_as_two_tasks() {
    let expected = [(0, "started"), (1000, "hello"), (2000, "world"), (2000, "finished")];
    on_each_flavour(&expected, true, |out| async move {
        let first = heist::create_task(say_after(out.clone(), 1, "hello"));
        let second = heist::create_task(say_after(out.clone(), 2, "world"));
        out.print("started");
        first.await.unwrap();
        second.await.unwrap();
        out.print("finished");
    });
}

#[test]
fn s001_4_three_factorials() {
    async fn factorial(out: Output, name: &'static str, number: u64) {
        let mut f = 1;
        for i in 2..=number {
            out.print(format!("Task {name}: Compute factorial({i})..."));
            heist::sleep(seconds(1)).await;
            f *= i;
        }
        out.print(format!("Task {name}: factorial({number}) = {f}"));
    }
    let expected = [
        (0, "Task A: Compute factorial(2)..."),
        (0, "Task B: Compute factorial(2)..."),
        (0, "Task C: Compute factorial(2)..."),
        (1000, "Task A: factorial(2) = 2"),
        (1000, "Task B: Compute factorial(3)..."),
        (1000, "Task C: Compute factorial(3)..."),
        (2000, "Task B: factorial(3) = 6"),
        (2000, "Task C: Compute factorial(4)..."),
        (3000, "Task C: factorial(4) = 24"),
    ];
    on_each_flavour(&expected, false, |out| async move {
        heist::gather!(
            factorial(out.clone(), "A", 2),
            factorial(out.clone(), "B", 3),
            factorial(out, "C", 4)
        )
        .await
        .unwrap();
    });
}
