//! Queues and channels under every executor.

#![cfg(not(heist_loom))]

use std::sync::Arc;

use heist::sync::{broadcast, mpmc, mpsc, oneshot, watch};
use heist::{LifoQueue, PriorityQueue, Queue, create_future};
use heist_executors::on_each_executor;

/// Values of one sender; more than a channel holds.
const VALUES: u64 = 500;

const SENDERS: u64 = 4;

/// 0 + 1 + ... + (VALUES - 1).
const SUM: u64 = VALUES * (VALUES - 1) / 2;

#[test]
fn a_queue_hands_each_item_to_one_taker_and_joins() {
    on_each_executor(|executor| async move {
        let queue = Arc::new(Queue::bounded(3));
        let takers: Vec<_> = (0..SENDERS)
            .map(|_| {
                let queue = Arc::clone(&queue);
                executor.spawn(async move {
                    let mut sum = 0;
                    while let Ok(item) = queue.get().await {
                        sum += item;
                        queue.task_done().expect("it was taken");
                    }
                    sum
                })
            })
            .collect();
        for i in 0..VALUES {
            queue.put(i).await.expect("it is open");
        }
        queue.join().await;
        queue.shutdown(false);
        let mut sum = 0;
        for taker in takers {
            sum += taker.await.expect("a taker ends");
        }
        assert_eq!(sum, SUM);
    });
}

#[test]
fn a_priority_queue_yields_the_least_first() {
    on_each_executor(|executor| async move {
        let queue = Arc::new(PriorityQueue::new());
        let filled = Arc::clone(&queue);
        let filling = executor.spawn(async move {
            for i in (0..VALUES).rev() {
                filled.put(i).await.expect("it is open");
            }
        });
        assert_eq!(filling.await, Ok(()));
        for i in 0..VALUES {
            assert_eq!(queue.get().await, Ok(i));
        }
    });
}

#[test]
fn a_stack_yields_the_last_first() {
    on_each_executor(|executor| async move {
        let queue = Arc::new(LifoQueue::new());
        let filled = Arc::clone(&queue);
        let filling = executor.spawn(async move {
            for i in 0..VALUES {
                filled.put(i).await.expect("it is open");
            }
        });
        assert_eq!(filling.await, Ok(()));
        for i in (0..VALUES).rev() {
            assert_eq!(queue.get().await, Ok(i));
        }
    });
}

#[test]
fn a_future_tells_all_who_wait() {
    on_each_executor(|executor| async move {
        let future = create_future();
        let waiting: Vec<_> = (0..SENDERS)
            .map(|_| {
                let future = future.clone();
                executor.spawn(async move { future.wait().await.expect("it has a result") })
            })
            .collect();
        let filled = future.clone();
        let filling = executor.spawn(async move { filled.set_result(VALUES).is_ok() });
        assert_eq!(filling.await, Ok(true));
        for told in waiting {
            assert_eq!(told.await, Ok(VALUES));
        }
        assert!(!future.cancel(), "it is done");
    });
}

#[test]
fn a_bounded_channel_carries_every_value_and_ends() {
    on_each_executor(|executor| async move {
        let (sender, mut receiver) = mpsc::channel(5);
        for _ in 0..SENDERS {
            let sender = sender.clone();
            drop(executor.spawn(async move {
                for i in 0..VALUES {
                    sender.send(i).await.expect("it is received");
                }
            }));
        }
        drop(sender);
        let mut sum = 0;
        while let Some(value) = receiver.recv().await {
            sum += value;
        }
        assert_eq!(sum, SUM * SENDERS);
    });
}

#[test]
fn an_unbounded_channel_carries_every_value_in_order_and_ends() {
    on_each_executor(|executor| async move {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        drop(executor.spawn(async move {
            for i in 0..VALUES {
                sender.send(i).expect("it is received");
            }
        }));
        for i in 0..VALUES {
            assert_eq!(receiver.recv().await, Some(i));
        }
        assert_eq!(receiver.recv().await, None);
    });
}

#[test]
fn a_channel_of_many_receivers_hands_each_value_to_one() {
    on_each_executor(|executor| async move {
        let (sender, receiver) = mpmc::bounded(5);
        let receiving: Vec<_> = (0..SENDERS)
            .map(|_| {
                let receiver = receiver.clone();
                executor.spawn(async move {
                    let mut sum = 0;
                    while let Ok(value) = receiver.recv().await {
                        sum += value;
                    }
                    sum
                })
            })
            .collect();
        for i in 0..VALUES {
            sender.send(i).await.expect("it is received");
        }
        drop(sender);
        let mut sum = 0;
        for receiver in receiving {
            sum += receiver.await.expect("a receiver ends");
        }
        assert_eq!(sum, SUM);
    });
}

#[test]
fn a_broadcast_reaches_every_receiver() {
    on_each_executor(|executor| async move {
        let sender = broadcast::Sender::new(VALUES as usize);
        let receiving: Vec<_> = (0..SENDERS)
            .map(|_| {
                let mut receiver = sender.subscribe();
                executor.spawn(async move {
                    let mut sum = 0;
                    while let Ok(value) = receiver.recv().await {
                        sum += value;
                    }
                    sum
                })
            })
            .collect();
        for i in 0..VALUES {
            assert_eq!(sender.send(i), Ok(SENDERS as usize));
        }
        drop(sender);
        for receiver in receiving {
            assert_eq!(receiver.await, Ok(SUM));
        }
    });
}

#[test]
fn a_watcher_sees_the_last_value() {
    on_each_executor(|executor| async move {
        let (sender, mut receiver) = watch::channel(0);
        let watching = executor.spawn(async move {
            let last = receiver.wait_for(|value| *value == VALUES).await.expect("the sender lives");
            *last
        });
        for i in 1..=VALUES {
            sender.send_replace(i);
        }
        assert_eq!(watching.await, Ok(VALUES));
    });
}

#[test]
fn a_oneshot_tells_of_a_sender_that_went_away() {
    on_each_executor(|executor| async move {
        let (sender, receiver) = oneshot::channel::<u64>();
        let dropping = executor.spawn(async move { drop(sender) });
        assert!(receiver.await.is_err());
        assert_eq!(dropping.await, Ok(()));
    });
}
