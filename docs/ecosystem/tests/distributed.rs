#![cfg(all(unix, not(heist_loom)))]
//! Work shared between processes: three workers, one of them killed in the middle, one told to end.

use std::collections::BTreeMap;
use std::time::Duration;

use distributed::broker::Broker;
use distributed::tasks;
use rustix::process::{Pid, Signal, kill_process};
use support::redis::Redis;
use support::{Copy, program};

#[allow(dead_code, reason = "its main is for the example")]
#[path = "../examples/distributed/main.rs"]
mod distributed;
mod support;

/// The test that runs the program, in a copy.
const PROGRAM: &str = "it_refuses_what_it_does_not_know";

#[test]
fn it_refuses_what_it_does_not_know() {
    program::run_in_a_copy(distributed::program);
    for args in [
        &["sleep"][..],
        &["work", "--at-once", "0"],
        &["work", "--take-over", "0.01"],
        &["produce", "--count", "x"],
    ] {
        assert_eq!(program::start(PROGRAM, args).wait().code(), Some(2), "{args:?}");
    }
    let mut alone = program::start(PROGRAM, &["work", "--redis", "127.0.0.1:1"]);
    alone.stderr.until("cannot reach Redis");
    assert_eq!(alone.wait().code(), Some(1));
}

/// A worker that does four tasks at a time, and says nothing for two seconds only when it is dead.
fn worker(redis: &str, name: &str, seconds: &str) -> Copy {
    let args = ["work", "--redis", redis, "--name", name, "--seconds", seconds, "--take-over", "2"];
    let mut copy = program::start(PROGRAM, &args);
    copy.stdout.until("works");
    copy
}

fn terminate(worker: &Copy) {
    let pid = Pid::from_raw(i32::try_from(worker.pid()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
}

/// What a worker says in the end: done, taken over, repeated.
fn farewell(worker: &mut Copy) -> [u64; 3] {
    let line = worker.stdout.until(" ends: ");
    let numbers: Vec<u64> = line.split([' ', ',']).filter_map(|word| word.parse().ok()).collect();
    assert_eq!(worker.wait().code(), Some(0));
    numbers.try_into().unwrap_or_else(|_| panic!("{line}"))
}

/// Waits until so many results are in.
async fn until_results(broker: &mut Broker, count: usize) -> BTreeMap<u64, u64> {
    let waiting = async {
        loop {
            let results = tasks::results(&mut broker.connection).await.unwrap();
            if results.len() >= count {
                return results;
            }
            heist::sleep(Duration::from_millis(20)).await;
        }
    };
    heist::timeout(Duration::from_secs(60), waiting).await.expect("not all results came")
}

#[test]
fn a_killed_worker_loses_nothing() {
    let Some(redis) = Redis::start() else { return };
    let address = format!("127.0.0.1:{}", redis.port());
    // Two producers, whose tasks overlap: what is there twice has one result.
    let produce = |from: &str, count: &str| {
        let mut copy =
            program::start(PROGRAM, &["produce", "--redis", &address, "--from", from, "--count", count]);
        assert_eq!(copy.wait().code(), Some(0));
    };
    produce("0", "120");
    produce("110", "70");
    // The first one never gets to the end of a task.
    let mut first = worker(&address, "first", "600");
    let (mut second, mut third) = (worker(&address, "second", "0.05"), worker(&address, "third", "0.05"));

    heist::run(async {
        let mut broker = Broker::connect(&address).await.unwrap();
        for _ in 0..4 {
            first.stdout.until("begins ");
        }
        let pid = Pid::from_raw(i32::try_from(first.pid()).unwrap()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        assert_eq!(first.wait().code(), None);
        assert_eq!(tasks::pending(&mut broker.connection, Some("first")).await.unwrap(), 4);

        // One that is told to end finishes what it has begun.
        second.stdout.until("begins ");
        terminate(&second);
        let [done, by_second, _] = farewell(&mut second);
        assert!(done >= 1);
        assert_eq!(tasks::pending(&mut broker.connection, Some("second")).await.unwrap(), 0);

        let results = until_results(&mut broker, 180).await;
        let expected: BTreeMap<_, _> = (0..180).map(|number| (number, tasks::stir(number))).collect();
        assert_eq!(results, expected);
        // The third one may be at those that are there twice.
        while tasks::pending(&mut broker.connection, None).await.unwrap() > 0 {
            heist::sleep(Duration::from_millis(20)).await;
        }
        terminate(&third);
        let [_, by_third, _] = farewell(&mut third);
        let taken_over = by_second + by_third;
        assert!(taken_over >= 4, "{taken_over}");
        let mut report = program::start(PROGRAM, &["report", "--redis", &address]);
        report.stdout.until("180 results, 0 tasks with workers, ");
        // Ten tasks were in the stream twice. A worker that this machine has kept from speaking for two seconds has lost tasks to
        // another: that is counted, too.
        let repeated = tasks::repeated(&mut broker.connection).await.unwrap();
        assert!(
            (10..=10 + taken_over - 4).contains(&repeated),
            "{repeated} repeated, {taken_over} taken over"
        );
    });
}

#[test]
fn a_slow_worker_keeps_its_tasks() {
    let Some(redis) = Redis::start() else { return };
    let address = format!("127.0.0.1:{}", redis.port());
    let slow = ["work", "--redis", &address, "--name", "slow", "--seconds", "4", "--take-over", "2"];
    let mut slow = program::start(PROGRAM, &slow);
    slow.stdout.until("works");
    assert_eq!(
        program::start(PROGRAM, &["produce", "--redis", &address, "--count", "2"]).wait().code(),
        Some(0)
    );
    slow.stdout.until("begins ");
    slow.stdout.until("begins ");
    let mut quick = worker(&address, "quick", "0.05");
    heist::run(async {
        let mut broker = Broker::connect(&address).await.unwrap();
        until_results(&mut broker, 2).await;
    });
    terminate(&slow);
    terminate(&quick);
    assert_eq!(farewell(&mut slow), [2, 0, 0]);
    assert_eq!(farewell(&mut quick), [0, 0, 0]);
}

#[test]
fn a_worker_without_its_server_ends_and_says_so() {
    let Some(redis) = Redis::start() else { return };
    let mut worker = worker(&format!("127.0.0.1:{}", redis.port()), "alone", "0.05");
    drop(redis);
    worker.stderr.until("distributed work: ");
    assert_eq!(worker.wait().code(), Some(1));
}
