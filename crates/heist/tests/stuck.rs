#![cfg(not(heist_loom))]
//! A stuck task cannot freeze the others: with every worker inside a blocking poll, tasks, timers and sockets go on.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// How late anything else may ever be while all workers block for two seconds. The promise is 10 ms, and that is what the middle
/// one of all has to keep; the worst one is the machine's, too.
const LATE: Duration = Duration::from_millis(400);

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort();
    values[values.len() / 2]
}

#[test]
fn tasks_timers_and_sockets_go_on_while_every_worker_blocks() {
    for workers in [1, 2] {
        let mut runner = heist::Runner::builder().workers(workers).build().unwrap();
        let (late, woken, answered) = runner
            .run(async move {
                let blocked_for = Duration::from_secs(2);
                let over = Arc::new(AtomicBool::new(false));
                // A timer task and a chain of tasks, both measured while all the workers block.
                let done = over.clone();
                let timers = heist::create_task(async move {
                    let mut late = Vec::new();
                    while !done.load(SeqCst) {
                        let due = Instant::now() + Duration::from_millis(20);
                        heist::sleep(Duration::from_millis(20)).await;
                        late.push(due.elapsed());
                    }
                    late
                });
                let done = over.clone();
                let spawner = heist::create_task(async move {
                    let mut took = Vec::new();
                    while !done.load(SeqCst) {
                        let asked = Instant::now();
                        heist::create_task(async { heist::yield_now().await }).await.unwrap();
                        took.push(asked.elapsed());
                        heist::sleep(Duration::from_millis(5)).await;
                    }
                    took
                });
                // A socket, asked from a plain thread.
                let listener = heist::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                drop(heist::create_task(async move {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let mut byte = [0];
                    while stream.read(&mut byte).await.unwrap() > 0 {
                        stream.write_all(&byte).await.unwrap();
                    }
                }));
                let done = over.clone();
                let client = std::thread::spawn(move || {
                    let mut stream = std::net::TcpStream::connect(address).unwrap();
                    let mut took = Vec::new();
                    while !done.load(SeqCst) {
                        let asked = Instant::now();
                        stream.write_all(b"x").unwrap();
                        stream.read_exact(&mut [0]).unwrap();
                        took.push(asked.elapsed());
                        std::thread::sleep(Duration::from_millis(7));
                    }
                    took
                });
                heist::sleep(Duration::from_millis(50)).await;
                let blockers: Vec<_> = (0..workers)
                    .map(|_| heist::create_task(async move { std::thread::sleep(blocked_for) }))
                    .collect();
                for blocker in blockers {
                    blocker.await.unwrap();
                }
                over.store(true, SeqCst);
                (timers.await.unwrap(), spawner.await.unwrap(), client.join().unwrap())
            })
            .unwrap();
        assert!(late.len() > 60, "{workers} workers: the timer task stood still: {} rounds", late.len());
        assert!(
            woken.len() > 100,
            "{workers} workers: the spawning task stood still: {} rounds",
            woken.len()
        );
        assert!(answered.len() > 100, "{workers} workers: the socket stood still: {} rounds", answered.len());
        let all = [late, woken, answered];
        let worst = all.each_ref().map(|times| times.iter().copied().max().unwrap());
        for times in all {
            assert!(median(times) < Duration::from_millis(10), "{workers} workers: worst {worst:?}");
        }
        assert!(worst.iter().all(|&time| time < LATE), "{workers} workers: worst {worst:?}");
    }
}
