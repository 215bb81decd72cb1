#![cfg(not(heist_loom))]
//! Queues and channels between tasks: behaviours QUEUE of asyncio, with tasks that are really cancelled.

use std::time::Duration;

use heist::sync::{broadcast, mpmc, mpsc, watch};
use heist::{LifoQueue, PriorityQueue, Queue, QueueShutDown, Task, create_task, yield_now};
use support::{in_real_time, on_each_flavour};

mod support;

const SECOND: Duration = Duration::from_secs(1);

/// Starts a getter, and waits until it waits as number `place`.
async fn getter(queue: &Queue<i32>, place: usize) -> Task<Result<i32, QueueShutDown>> {
    let its = queue.clone();
    let task = create_task(async move { its.get().await });
    while queue.statistics().getters < place {
        yield_now().await;
    }
    task
}

/// Starts a putter, and waits until it waits as number `place`.
async fn putter(queue: &Queue<i32>, item: i32, place: usize) -> Task<Result<(), QueueShutDown<i32>>> {
    let its = queue.clone();
    let task = create_task(async move { its.put(item).await });
    while queue.statistics().putters < place {
        yield_now().await;
    }
    task
}

fn drain(queue: &Queue<i32>) -> Vec<i32> {
    std::iter::from_fn(|| queue.get_nowait().ok()).collect()
}

#[test]
fn b357_each_queue_has_its_order() {
    on_each_flavour(|| async {
        let (first, last, smallest) = (Queue::new(), LifoQueue::new(), PriorityQueue::new());
        for item in [3, 1, 2] {
            first.put(item).await.unwrap();
            last.put(item).await.unwrap();
            smallest.put(item).await.unwrap();
        }
        for expected in [(3, 2, 1), (1, 1, 2), (2, 3, 3)] {
            let got = (first.get().await, last.get().await, smallest.get().await);
            assert_eq!(got, (Ok(expected.0), Ok(expected.1), Ok(expected.2)));
        }
    });
}

#[test]
fn b358_put_waits_at_maxsize_and_goes_on_after_one_get() {
    on_each_flavour(|| async {
        let queue = Queue::bounded(1);
        queue.put(1).await.unwrap();
        let waiting = putter(&queue, 2, 1).await;
        assert!(!waiting.done());
        assert_eq!(queue.get().await, Ok(1));
        waiting.await.unwrap().unwrap();
        assert_eq!(queue.get().await, Ok(2));
    });
}

#[test]
fn b360_a_getter_cancelled_before_an_item_comes_takes_nothing() {
    on_each_flavour(|| async {
        let queue = Queue::new();
        let first = getter(&queue, 1).await;
        let second = getter(&queue, 2).await;
        first.cancel();
        assert!(first.await.unwrap_err().is_cancelled());
        queue.put_nowait(7).unwrap();
        assert_eq!(second.await.unwrap(), Ok(7));
    });
}

#[test]
fn b362_items_of_getters_cancelled_after_their_wake_reach_the_others() {
    on_each_flavour(|| async {
        let queue = Queue::new();
        let mut getters = Vec::new();
        for place in 1..=3 {
            getters.push(getter(&queue, place).await);
        }
        let last = getters.pop().unwrap();
        queue.put_nowait(1).unwrap();
        queue.put_nowait(2).unwrap();
        // Woken, perhaps run already: whoever is cancelled in time passes on, and nothing is lost or doubled.
        let mut got = Vec::new();
        for getter in getters {
            getter.cancel();
            got.extend(getter.await.ok().map(Result::unwrap));
        }
        queue.put_nowait(3).unwrap();
        got.push(last.await.unwrap().unwrap());
        got.extend(drain(&queue));
        // Who of them polls first is up to the workers.
        got.sort_unstable();
        assert_eq!(got, [1, 2, 3]);
    });
}

#[test]
fn b361_a_getter_cancelled_after_its_wake_loses_no_item() {
    // In the order of one thread, so that the cancel certainly comes between the wake and the getter's next turn.
    let mut runner = heist::Runner::builder().current_thread().build().unwrap();
    runner
        .run(async {
            let queue = Queue::new();
            let waiting = getter(&queue, 1).await;
            queue.put_nowait(1).unwrap();
            queue.put_nowait(2).unwrap();
            waiting.cancel();
            assert!(waiting.await.unwrap_err().is_cancelled());
            assert_eq!((queue.get().await, queue.get().await), (Ok(1), Ok(2)));
        })
        .unwrap();
}

#[test]
fn b363_b364_putters_that_are_cancelled_pass_their_place_on() {
    on_each_flavour(|| async {
        let queue = Queue::bounded(1);
        queue.put_nowait(0).unwrap();
        let mut putters = Vec::new();
        for item in 1..=4 {
            putters.push(putter(&queue, item, item as usize).await);
        }
        // One in the middle of the line.
        putters[1].cancel();
        assert!(putters.remove(1).await.unwrap_err().is_cancelled());
        let mut out = Vec::new();
        for _ in 0..4 {
            out.push(queue.get().await.unwrap());
        }
        assert_eq!(out, [0, 1, 3, 4]);
        for putter in putters {
            putter.await.unwrap().unwrap();
        }
    });
}

#[test]
fn b145_a092_who_gave_up_by_a_timeout_is_nowhere_registered() {
    on_each_flavour(|| async {
        let queue = Queue::bounded(1);
        assert!(heist::wait_for(queue.get(), SECOND).await.is_err());
        assert_eq!(queue.statistics().getters, 0);
        queue.put_nowait(1).unwrap();
        assert!(heist::wait_for(queue.put(2), SECOND).await.is_err());
        assert_eq!((queue.statistics().putters, queue.qsize()), (0, 1));
    });
}

#[test]
fn b365_join_returns_when_the_workers_have_done_all() {
    on_each_flavour(|| async {
        let queue = Queue::new();
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let queue = queue.clone();
                create_task(async move {
                    while queue.get().await.is_ok() {
                        heist::sleep(SECOND).await;
                        queue.task_done().unwrap();
                    }
                })
            })
            .collect();
        (0..7).for_each(|item| queue.put_nowait(item).unwrap());
        queue.join().await;
        assert_eq!((queue.statistics().unfinished, queue.qsize()), (0, 0));
        queue.shutdown(false);
        for worker in workers {
            worker.await.unwrap();
        }
        queue.join().await;
    });
}

#[test]
fn b367_b368_an_orderly_shutdown_lets_the_items_out() {
    on_each_flavour(|| async {
        let empty = Queue::new();
        let waiting = getter(&empty, 1).await;
        empty.shutdown(false);
        assert!(waiting.await.unwrap().is_err());
        empty.join().await;
        let queue = Queue::bounded(1);
        queue.put_nowait(1).unwrap();
        let waiting = putter(&queue, 2, 1).await;
        queue.shutdown(false);
        assert_eq!(waiting.await.unwrap(), Err(QueueShutDown(2)));
        assert_eq!((queue.get().await.ok(), queue.get().await.ok()), (Some(1), None));
        assert!(heist::wait_for(queue.join(), SECOND).await.is_err(), "it waits for task_done");
        queue.task_done().unwrap();
        queue.join().await;
    });
}

#[test]
fn b369_b370_an_immediate_shutdown_counts_what_is_left_as_done() {
    on_each_flavour(|| async {
        let queue = Queue::new();
        (0..3).for_each(|item| queue.put_nowait(item).unwrap());
        assert_eq!(queue.get().await, Ok(0));
        queue.shutdown(true);
        assert!(heist::wait_for(queue.join(), SECOND).await.is_err(), "one was taken before");
        queue.task_done().unwrap();
        queue.join().await;
        assert!(queue.task_done().is_err());
    });
}

#[test]
fn a_queue_whose_items_never_end_lets_other_tasks_have_their_turn() {
    let mut runner = heist::Runner::builder().current_thread().build().unwrap();
    runner
        .run(async {
            let (sender, mut receiver) = mpsc::unbounded_channel();
            sender.send(()).unwrap();
            let spinner = create_task(async move {
                while receiver.recv().await.is_some() {
                    sender.send(()).unwrap();
                }
            });
            // On one thread, and in turn: without a budget this one would never be run again.
            yield_now().await;
            spinner.cancel();
            assert!(spinner.await.unwrap_err().is_cancelled());
        })
        .unwrap();
}

#[test]
fn a_task_that_sends_is_cancelled_and_its_slot_passed_on() {
    on_each_flavour(|| async {
        let (sender, mut receiver) = mpsc::channel(1);
        sender.send(0).await.unwrap();
        let (first, second) = (sender.clone(), sender.clone());
        let first = create_task(async move { first.send(1).await });
        heist::sleep(SECOND).await;
        let second = create_task(async move { second.send(2).await });
        heist::sleep(SECOND).await;
        first.cancel();
        assert!(first.await.unwrap_err().is_cancelled());
        assert_eq!((receiver.recv().await, receiver.recv().await), (Some(0), Some(2)));
        second.await.unwrap().unwrap();
    });
}

#[test]
fn channels_carry_between_tasks() {
    on_each_flavour(|| async {
        let (jobs, queue) = mpmc::bounded(2);
        let (results, mut collected) = mpsc::channel(2);
        let (news, _) = broadcast::channel(4);
        let (progress, mut watched) = watch::channel(0);
        let progress = std::sync::Arc::new(progress);
        for _ in 0..3 {
            let (queue, results, progress) = (queue.clone(), results.clone(), progress.clone());
            let mut news = news.subscribe();
            drop(create_task(async move {
                assert_eq!(news.recv().await, Ok("go"));
                while let Ok(job) = queue.recv().await {
                    results.send(job * 10).await.unwrap();
                    progress.send_modify(|done| *done += 1);
                }
            }));
        }
        drop((results, queue));
        assert_eq!(news.send("go"), Ok(3));
        let feeder = create_task(async move {
            for job in 0..20 {
                jobs.send(job).await.unwrap();
            }
        });
        let mut sum = 0;
        while let Some(result) = collected.recv().await {
            sum += result;
        }
        feeder.await.unwrap();
        assert_eq!(sum, 1900);
        assert_eq!(*watched.wait_for(|done| *done == 20).await.unwrap(), 20);
    });
}

#[test]
fn the_blocking_forms_meet_tasks_on_the_other_side() {
    in_real_time(|| async {
        let queue = Queue::bounded(1);
        let threads = queue.clone();
        let putting = heist::to_thread(move || {
            (0..50).for_each(|item| threads.put_blocking(item).unwrap());
        });
        for item in 0..50 {
            assert_eq!(queue.get().await, Ok(item));
        }
        putting.await.unwrap();
        let (sender, mut receiver) = mpsc::channel(1);
        let receiving =
            heist::to_thread(move || std::iter::from_fn(|| receiver.blocking_recv()).collect::<Vec<i32>>());
        for value in 0..50 {
            sender.send(value).await.unwrap();
        }
        drop(sender);
        assert_eq!(receiving.await.unwrap(), (0..50).collect::<Vec<_>>());
    });
}
