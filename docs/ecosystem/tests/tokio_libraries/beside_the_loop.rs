//! tokio itself, found by everything that the loop runs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::{Duration, Instant};

use heist::{Builder, EventLoop, TimeoutError, create_task, gather, to_thread};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;

use crate::support::for_each_flavour;
use crate::with_tokio;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(5);

fn finds_tokio() -> bool {
    Handle::try_current().is_ok()
}

/// Tells when it is dropped, and whether tokio was there.
struct Told(mpsc::Sender<bool>);

impl Drop for Told {
    fn drop(&mut self) {
        // The test may have its answer already.
        let _ = self.0.send(finds_tokio());
    }
}

#[test]
fn main_tasks_callbacks_and_closures_find_it() {
    with_tokio(|| async {
        assert!(finds_tokio());
        tokio::time::sleep(SHORT).await;
        let tasks = (0..64).map(|_| create_task(async { tokio::time::sleep(SHORT).await }));
        gather(tasks).await.unwrap();
        assert!(to_thread(finds_tokio).await.unwrap());
        let slept = to_thread(|| Handle::current().block_on(tokio::time::sleep(SHORT)));
        slept.await.unwrap();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        heist::get_running_loop().call_soon(move || sender.send(finds_tokio()).unwrap()).unwrap();
        assert!(receiver.await.unwrap());
    });
}

#[test]
fn every_worker_finds_it() {
    const WORKERS: usize = 3;
    let mut runner = Builder::new().workers(WORKERS).tokio_compat().build().unwrap();
    runner
        .run(async {
            let together = Arc::new(Barrier::new(WORKERS));
            let tasks = (0..WORKERS).map(|_| {
                let together = together.clone();
                create_task(async move {
                    // All of them are inside of a poll now.
                    together.wait();
                    finds_tokio()
                })
            });
            assert_eq!(gather(tasks).await.unwrap(), [true; WORKERS]);
        })
        .unwrap();
}

#[test]
fn nobody_finds_it_who_has_not_asked() {
    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        runner
            .run(async {
                assert!(!finds_tokio());
                assert!(!create_task(async { finds_tokio() }).await.unwrap());
                assert!(!to_thread(finds_tokio).await.unwrap());
            })
            .unwrap();
    });
}

#[test]
fn it_is_gone_from_the_thread_after_the_run() {
    with_tokio(|| async {});
    assert!(!finds_tokio());
}

#[heist::test(tokio_compat)]
async fn an_attribute_asks_for_it() {
    assert!(create_task(async { finds_tokio() }).await.unwrap());
}

#[heist::test(tokio_compat, current_thread)]
async fn an_attribute_asks_for_it_on_one_thread() {
    assert!(heist::spawn_local(async { finds_tokio() }).await.unwrap());
}

/// Sockets of tokio's, waited for by tasks of ours: the wakes cross threads, both ways.
#[test]
fn an_echo_over_tokio_s_sockets() {
    with_tokio(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = create_task(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 8];
            while socket.read_exact(&mut buffer).await.is_ok() {
                socket.write_all(&buffer).await.unwrap();
            }
        });
        let mut socket = TcpStream::connect(address).await.unwrap();
        for round in 0..2000_u64 {
            socket.write_all(&round.to_le_bytes()).await.unwrap();
            let mut buffer = [0; 8];
            socket.read_exact(&mut buffer).await.unwrap();
            assert_eq!(u64::from_le_bytes(buffer), round);
        }
        drop(socket);
        server.await.unwrap();
    });
}

#[test]
fn tasks_of_both_kinds_talk_to_each_other() {
    with_tokio(|| async {
        let (to_tokio, mut from_heist) = tokio::sync::mpsc::channel(1);
        let (to_heist, mut from_tokio) = tokio::sync::mpsc::channel(1);
        let there = tokio::spawn(async move {
            let mut sum = 0;
            while let Some(number) = from_heist.recv().await {
                sum += number;
                to_heist.send(number + 1).await.unwrap();
            }
            sum
        });
        let here = create_task(async move {
            let mut number = 0;
            while number < 2000 {
                to_tokio.send(number).await.unwrap();
                number = from_tokio.recv().await.unwrap();
            }
        });
        here.await.unwrap();
        assert_eq!(there.await.unwrap(), (0..2000).sum::<i32>());
    });
}

#[test]
fn a_cancelled_task_lets_go_of_its_socket() {
    with_tokio(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, dropped) = mpsc::channel();
        let reads = create_task(async move {
            let _told = Told(sender);
            let mut socket = TcpStream::connect(address).await.unwrap();
            socket.read_u8().await
        });
        let (mut peer, _) = listener.accept().await.unwrap();
        assert!(reads.cancel());
        assert!(reads.await.unwrap_err().is_cancelled());
        assert!(dropped.recv().unwrap(), "it was dropped where tokio is");
        assert_eq!(peer.read(&mut [0]).await.unwrap(), 0, "the socket is closed");
    });
}

#[test]
fn our_timeouts_and_groups_end_what_waits_for_tokio() {
    with_tokio(|| async {
        let ended = heist::timeout(SHORT, tokio::time::sleep(LONG)).await;
        assert!(matches!(ended, Err(TimeoutError { .. })));
        let begun = Instant::now();
        let failed: Result<(), _> = heist::task_group(async |group| {
            let _child = group.create_task(async {
                tokio::time::sleep(LONG).await;
                Ok(())
            });
            Err("the body fails")
        })
        .await;
        assert!(failed.is_err() && begun.elapsed() < LONG / 2);
    });
}

#[test]
fn block_in_place_is_a_plain_call() {
    with_tokio(|| async {
        assert_eq!(create_task(async { tokio::task::block_in_place(|| 7) }).await.unwrap(), 7);
    });
}

#[test]
fn the_loop_s_tasks_end_first_and_find_it_until_then() {
    for_each_flavour(|builder| {
        let event_loop = builder.tokio_compat().build_event_loop().unwrap();
        let (sender, dropped) = mpsc::channel();
        let (theirs, dropped_there) = mpsc::channel();
        let (begins, begun) = heist::sync::oneshot::channel();
        let task = event_loop.create_task(async move {
            let _told = Told(sender);
            begins.send(()).unwrap();
            heist::try_finally(
                (),
                async |()| std::future::pending::<()>().await,
                |()| async {
                    // A clean-up of a loop that closes, on tokio's timer.
                    tokio::time::sleep(SHORT).await;
                },
            )
            .await;
        });
        event_loop
            .run_until_complete(async {
                begun.await.unwrap();
                let running = Arc::new(AtomicBool::new(false));
                let runs = running.clone();
                tokio::spawn(async move {
                    let _told = Told(theirs);
                    runs.store(true, Ordering::Release);
                    std::future::pending::<()>().await;
                });
                while !running.load(Ordering::Acquire) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            })
            .unwrap();
        assert!(event_loop.close().unwrap().is_clean());
        assert!(task.cancelled());
        assert!(dropped.try_recv().unwrap(), "a task of ours ends before tokio");
        assert!(dropped_there.try_recv().is_ok(), "a task of tokio's has ended when the close returns");
    });
}

#[test]
fn closures_of_tokio_s_are_waited_for() {
    let done = Arc::new(AtomicUsize::new(0));
    for_each_flavour(|builder| {
        let count = done.clone();
        let mut runner = builder.tokio_compat().build().unwrap();
        runner
            .run(async move {
                let (begins, begun) = mpsc::channel();
                tokio::task::spawn_blocking(move || {
                    begins.send(()).unwrap();
                    std::thread::sleep(Duration::from_millis(30));
                    count.fetch_add(1, Ordering::Relaxed);
                });
                to_thread(move || begun.recv().unwrap()).await.unwrap();
            })
            .unwrap();
        runner.close();
    });
    assert_eq!(done.load(Ordering::Relaxed), 2);
}

#[test]
fn a_closure_of_tokio_s_that_does_not_end_is_waited_for_no_longer_than_the_limit() {
    let (release, held) = mpsc::channel::<()>();
    let mut runner =
        Builder::new().workers(1).executor_timeout(Duration::from_millis(50)).tokio_compat().build().unwrap();
    runner
        .run(async move {
            let (begins, begun) = mpsc::channel();
            tokio::task::spawn_blocking(move || {
                begins.send(()).unwrap();
                let _ = held.recv();
            });
            begun.recv().unwrap();
        })
        .unwrap();
    let begun = Instant::now();
    runner.close();
    assert!(begun.elapsed() < Duration::from_secs(30));
    drop(release);
}

/// tokio refuses to wait inside of its own context, where a loop may be closed all the same.
#[test]
fn a_loop_may_be_closed_inside_of_tokio() {
    let outer = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    outer.block_on(async {
        let mut runner = Builder::new().current_thread().tokio_compat().build().unwrap();
        assert!(runner.run(async { create_task(async { finds_tokio() }).await.unwrap() }).unwrap());
        assert!(runner.close().is_clean());
    });
}

#[test]
fn a_loop_inside_of_another_has_its_own() {
    with_tokio(|| async {
        let outer = Handle::current().id();
        let inner = to_thread(|| {
            let mut runner = Builder::new().current_thread().tokio_compat().build().unwrap();
            runner.run(async { Handle::current().id() }).unwrap()
        });
        assert_ne!(inner.await.unwrap(), outer);
        assert_eq!(Handle::current().id(), outer);
    });
}

/// The dependency-free way, with a runtime that the program has.
#[test]
fn a_runtime_of_the_program_s_serves_as_well() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for_each_flavour(|builder| {
        let handle = runtime.handle().clone();
        let builder = builder.wrap_worker(move |work| {
            let _entered = handle.enter();
            work();
        });
        let mut runner = builder.build().unwrap();
        let id = runner.run(async { create_task(async { Handle::current().id() }).await.unwrap() });
        assert_eq!(id.unwrap(), runtime.handle().id());
    });
    assert_eq!(runtime.block_on(async { 7 }), 7, "it is the program's, and goes on");
}

#[test]
fn runs_and_loops_follow_one_another() {
    for_each_flavour(|builder| {
        for _ in 0..3 {
            let event_loop: EventLoop = builder.clone().tokio_compat().build_event_loop().unwrap();
            for _ in 0..3 {
                event_loop.run_until_complete(tokio_sleep()).unwrap();
            }
            event_loop.close().unwrap();
        }
    });
}

async fn tokio_sleep() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
