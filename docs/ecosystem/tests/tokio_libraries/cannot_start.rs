//! A system that has nothing left for a tokio runtime: an error, not a panic, and a loop without tokio goes on.

use std::io;

use heist::tokio_compat::compat;
use heist::{Builder, EventLoop};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::{Copy, role};

/// Lets this process have no more than `most` of something.
fn limit(what: Resource, most: u64) {
    let maximum = getrlimit(what).maximum;
    setrlimit(what, Rlimit { current: Some(most), maximum }).unwrap();
}

/// What making a loop with tokio says, and whether one without goes on.
fn try_both() {
    let asks: io::Result<EventLoop> = Builder::new().current_thread().tokio_compat().build_event_loop();
    println!("loop: {}", asks.map(drop).unwrap_err());
    println!("future: {}", compat(async {}).map(drop).unwrap_err());
}

/// Runs this test in a copy of the process, which `in_the_copy` makes poor; what it then said of each.
fn said_by_a_copy(test: &str, in_the_copy: impl FnOnce()) -> Option<[String; 2]> {
    if role().is_some() {
        in_the_copy();
        return None;
    }
    let mut copy = Copy::start(&format!("cannot_start::{test}"), "poor");
    let said = ["loop: ", "future: "].map(|what| copy.stdout.until(what));
    copy.stdout.until("goes on");
    assert!(copy.wait().success());
    Some(said)
}

#[test]
fn without_descriptors() {
    let said = said_by_a_copy("without_descriptors", || {
        let plain = Builder::new().current_thread().build_event_loop().unwrap();
        // The numbers of those that are open are lower, so there is room for none.
        let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
        limit(Resource::Nofile, open - 1);
        try_both();
        plain.run_until_complete(async { println!("the loop goes on") }).unwrap();
    });
    for line in said.into_iter().flatten() {
        assert!(line.contains("open files"), "{line}");
    }
}

#[test]
fn without_threads() {
    let said = said_by_a_copy("without_threads", || {
        let plain = Builder::new().current_thread().build_event_loop().unwrap();
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
        // Enough for what a runtime is made of, and not for a thread's stack.
        limit(Resource::As, pages * 4096 + (1 << 20));
        try_both();
        plain.run_until_complete(async { println!("the loop goes on") }).unwrap();
    });
    for line in said.into_iter().flatten() {
        assert!(line.contains("the tokio runtime did not start") && line.contains("thread"), "{line}");
    }
}
