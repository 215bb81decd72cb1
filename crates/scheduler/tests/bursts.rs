#![cfg(not(heist_loom))]
//! Bursts of tasks from threads that are no worker: each runs once, on either flavour, and whoever has the handle gets its value.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use heist_core::Clock;
use heist_core::driver::NoDriver;
use heist_scheduler::{Config, Handle, LocalScheduler, Scheduler, Task, yield_now};

/// Threads that create tasks at the same time.
const THREADS: u64 = 3;

/// Bursts of each, the later ones through what the earlier ones gave back.
const BURSTS: u64 = 4;

/// Tasks of a burst: several blocks of the injector.
const TASKS: u64 = 1_500;

/// Creates the bursts of one thread, and sends the handles of each on.
fn create(handle: &Handle, ran: &Arc<AtomicU64>, sender: &std::sync::mpsc::Sender<Vec<Task<u64>>>) {
    for _ in 0..BURSTS {
        let create = |task| {
            let ran = ran.clone();
            handle.create_task(async move {
                ran.fetch_add(1, Relaxed);
                task
            })
        };
        sender.send((0..TASKS).map(create).collect()).expect("the main future waits");
    }
}

/// Awaits every task that is sent, and adds up their values.
async fn sum(tasks: Receiver<Vec<Task<u64>>>) -> u64 {
    let mut sum = 0;
    loop {
        match tasks.try_recv() {
            Ok(burst) => {
                for task in burst {
                    sum += task.await.expect("no task fails");
                }
            }
            Err(TryRecvError::Empty) => yield_now().await,
            Err(TryRecvError::Disconnected) => return sum,
        }
    }
}

async fn bursts() {
    let (sender, tasks) = channel();
    let (handle, ran) = (Handle::current().expect("inside a loop"), Arc::new(AtomicU64::new(0)));
    let before = handle.metrics().created_tasks;
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (handle, ran, sender) = (handle.clone(), ran.clone(), sender.clone());
            thread::spawn(move || create(&handle, &ran, &sender))
        })
        .collect();
    drop(sender);
    assert_eq!(sum(tasks).await, THREADS * BURSTS * TASKS * (TASKS - 1) / 2, "each handle has its own value");
    assert_eq!(ran.load(Relaxed), THREADS * BURSTS * TASKS, "each task ran once");
    threads.into_iter().for_each(|thread| thread.join().expect("the threads are done"));
    let metrics = handle.metrics();
    assert_eq!(metrics.created_tasks - before, THREADS * BURSTS * TASKS);
    assert_eq!((metrics.live_tasks, metrics.shared_queue), (1, 0), "the main future is left");
}

#[test]
fn each_task_of_a_burst_runs_once() {
    for workers in [1, 2, 4] {
        let scheduler = Scheduler::new(Config::new(workers), Clock::real(), Arc::new(NoDriver));
        scheduler.block_on(bursts()).expect("the run ends");
    }
}

#[test]
fn each_task_of_a_burst_runs_once_on_a_current_thread_loop() {
    let scheduler = LocalScheduler::new(Config::new(1), Clock::real(), Arc::new(NoDriver));
    scheduler.block_on(bursts()).expect("the run ends");
}

/// The pauses between looks go by the loop's time, which stands still here while tasks are at hand.
#[test]
fn each_task_of_a_burst_runs_once_under_virtual_time() {
    let scheduler = Scheduler::new(Config::new(2), Clock::virtual_time(), Arc::new(NoDriver));
    scheduler.block_on(bursts()).expect("the run ends");
}
