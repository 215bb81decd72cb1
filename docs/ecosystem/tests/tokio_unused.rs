//! The feature `tokio-compat` alone starts nothing. The only test of its process, so that all threads are its own.
#![cfg(all(target_os = "linux", not(heist_loom)))]

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
    assert_eq!(tokio_s(), 1, "{:?}", threads());
    event_loop.run_until_complete(async {}).unwrap();
    event_loop.close().unwrap();
    // It has ended; the system may take a moment to strike it off its list.
    let begun = std::time::Instant::now();
    while tokio_s() > 0 {
        assert!(begun.elapsed().as_secs() < 60, "{:?}", threads());
        std::thread::yield_now();
    }
}
