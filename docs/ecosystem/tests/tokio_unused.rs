//! The feature `tokio-compat` alone starts nothing. The only test of its process, so that all threads are its own.
#![cfg(all(target_os = "linux", not(heist_loom)))]

use std::time::{Duration, Instant};

/// The names of this process' threads.
fn threads() -> Vec<String> {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks.flat_map(|task| std::fs::read_to_string(task.path().join("comm"))).collect()
}

fn tokio_s() -> usize {
    threads().iter().filter(|name| name.trim_end() == "heist-tokio").count()
}

#[test]
fn tokio_has_a_thread_from_the_making_of_a_loop_that_asks_to_its_close_and_never_else() {
    let mut plain = heist::Runner::builder().workers(2).build().unwrap();
    plain.run(async { heist::to_thread(|| ()).await.unwrap() }).unwrap();
    assert_eq!(tokio_s(), 0, "{:?}", threads());
    drop(plain);

    let asking = heist::EventLoop::builder().tokio_compat();
    assert_eq!(tokio_s(), 0, "a builder starts nothing");
    let event_loop = asking.build_event_loop().unwrap();
    becomes(1);
    event_loop.run_until_complete(async {}).unwrap();
    event_loop.close().unwrap();
    becomes(0);
}

/// A thread gives itself its name when it begins, and the system takes a moment to strike one that has ended off its list.
fn becomes(count: usize) {
    let begun = Instant::now();
    while tokio_s() != count {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", threads());
        std::thread::yield_now();
    }
}
