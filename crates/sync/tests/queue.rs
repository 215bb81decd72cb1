//! asyncio's queue behaviours, by their numbers, and what Rust adds.
#![cfg(not(heist_loom))]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use heist_sync::{
    GetNowaitError, LifoQueue, PriorityQueue, PutNowaitError, Queue, QueueEmpty, QueueFull, QueueShutDown,
    TaskDoneError,
};
use support::{Hand, block_on};

const EMPTY: GetNowaitError = GetNowaitError::Empty(QueueEmpty);
const SHUT: QueueShutDown = QueueShutDown(());

fn filled(items: impl IntoIterator<Item = i32>) -> Queue<i32> {
    let queue = Queue::new();
    for item in items {
        queue.put_nowait(item).unwrap();
    }
    queue
}

#[test]
fn b357_is_first_in_first_out() {
    let queue = filled([1, 3, 2]);
    let out: Vec<i32> = std::iter::from_fn(|| queue.get_nowait().ok()).collect();
    assert_eq!(out, [1, 3, 2]);
}

#[test]
fn b357_the_stack_gives_the_last_first_and_the_priority_queue_the_smallest() {
    let (stack, smallest) = (LifoQueue::new(), PriorityQueue::new());
    for item in [1, 3, 2] {
        stack.put_nowait(item).unwrap();
        smallest.put_nowait(item).unwrap();
    }
    let out: Vec<i32> = std::iter::from_fn(|| stack.get_nowait().ok()).collect();
    assert_eq!(out, [2, 3, 1]);
    let out: Vec<i32> = std::iter::from_fn(|| smallest.get_nowait().ok()).collect();
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn b357_the_order_is_that_of_the_moment_of_getting() {
    let queue = PriorityQueue::bounded(2);
    let mut getter = Hand::waiting(queue.get());
    queue.put_nowait((2, "later")).unwrap();
    queue.put_nowait((1, "first")).unwrap();
    let mut putter = Hand::waiting(queue.put((0, "too late for the first")));
    assert_eq!(getter.poll(), Poll::Ready(Ok((1, "first"))));
    assert_eq!(putter.poll(), Poll::Ready(Ok(())));
    assert_eq!(queue.get_nowait().unwrap().0, 0);
}

#[test]
fn b358_put_waits_at_maxsize_and_goes_on_after_one_get() {
    let queue = Queue::bounded(2);
    assert_eq!((queue.maxsize(), queue.is_full()), (2, false));
    block_on(async {
        queue.put(1).await.unwrap();
        queue.put(2).await.unwrap();
    });
    let mut third = Hand::waiting(queue.put(3));
    assert!(queue.is_full());
    assert_eq!(queue.get_nowait(), Ok(1));
    assert_eq!(third.wakes(), 1);
    assert_eq!(third.poll(), Poll::Ready(Ok(())));
    assert_eq!((queue.get_nowait(), queue.get_nowait()), (Ok(2), Ok(3)));
}

#[test]
fn b358_size_zero_never_fills() {
    let queue = filled(0..1000);
    assert_eq!((queue.maxsize(), queue.is_full(), queue.qsize(), queue.len()), (0, false, 1000, 1000));
}

#[test]
fn b359_nowait_on_empty_and_full_are_errors() {
    let queue = Queue::bounded(1);
    assert_eq!(queue.get_nowait(), Err(EMPTY));
    queue.put_nowait(1).unwrap();
    assert_eq!(queue.put_nowait(2), Err(PutNowaitError::Full(QueueFull(2))));
    assert_eq!(queue.put_nowait(2).unwrap_err().into_item(), 2, "the item comes back");
}

#[test]
fn b360_a_getter_cancelled_before_an_item_comes_consumes_nothing() {
    let queue = Queue::new();
    let mut first = Hand::waiting(queue.get());
    let mut second = Hand::waiting(queue.get());
    first.cancel();
    queue.put_nowait(7).unwrap();
    assert_eq!((first.wakes(), second.wakes()), (0, 1));
    assert_eq!(second.poll(), Poll::Ready(Ok(7)));
}

#[test]
fn b361_a_getter_cancelled_after_its_wake_loses_nothing_and_keeps_the_order() {
    let queue = Queue::new();
    let mut getter = Hand::waiting(queue.get());
    queue.put_nowait(1).unwrap();
    queue.put_nowait(2).unwrap();
    assert_eq!(getter.wakes(), 1);
    getter.cancel();
    assert_eq!((queue.get_nowait(), queue.get_nowait()), (Ok(1), Ok(2)));
}

#[test]
fn b362_of_several_getters_one_is_cancelled_after_its_wake() {
    let queue = Queue::new();
    let mut getters: Vec<_> = (0..4).map(|_| Hand::waiting(queue.get())).collect();
    for item in 0..3 {
        queue.put_nowait(item).unwrap();
    }
    assert_eq!(getters.iter().map(Hand::wakes).collect::<Vec<_>>(), [1, 1, 1, 0]);
    getters[1].cancel();
    assert_eq!(getters[3].wakes(), 1, "the turn is passed on");
    let got: Vec<_> = [0, 2, 3].into_iter().map(|i| getters[i].poll()).collect();
    assert_eq!(got, [Poll::Ready(Ok(0)), Poll::Ready(Ok(1)), Poll::Ready(Ok(2))]);
}

#[test]
fn b363_a_putter_cancelled_after_its_wake_passes_the_slot_on() {
    let queue = Queue::bounded(1);
    queue.put_nowait(1).unwrap();
    let mut second = Hand::waiting(queue.put(2));
    let mut third = Hand::waiting(queue.put(3));
    assert_eq!(queue.get_nowait(), Ok(1));
    assert_eq!((second.wakes(), third.wakes()), (1, 0));
    second.cancel();
    assert_eq!(third.wakes(), 1);
    assert_eq!(third.poll(), Poll::Ready(Ok(())));
    assert_eq!((queue.get_nowait(), queue.get_nowait()), (Ok(3), Err(EMPTY)));
}

#[test]
fn b364_a_putter_cancelled_among_several_leaves_the_others_in_order() {
    let queue = Queue::bounded(1);
    queue.put_nowait(0).unwrap();
    let mut putters: Vec<_> = (1..4).map(|item| Hand::waiting(queue.put(item))).collect();
    putters[1].cancel();
    let mut out = Vec::new();
    for putter in [0, 2] {
        out.push(queue.get_nowait().unwrap());
        assert_eq!(putters[putter].poll(), Poll::Ready(Ok(())));
    }
    out.push(queue.get_nowait().unwrap());
    assert_eq!(out, [0, 1, 3]);
}

#[test]
fn b365_join_returns_when_all_items_are_done() {
    let queue = filled([1, 2]);
    let mut join = Hand::waiting(queue.join());
    for item in 1..=2 {
        assert_eq!(queue.get_nowait(), Ok(item));
        assert!(join.poll().is_pending(), "taken is not done");
        queue.task_done().unwrap();
    }
    assert_eq!((join.wakes(), join.poll()), (1, Poll::Ready(())));
    assert_eq!(Hand::new(queue.join()).poll(), Poll::Ready(()), "at once when nothing is outstanding");
}

#[test]
fn b365_a_join_whose_time_has_come_is_ready_whatever_is_put_since() {
    let queue = filled([1]);
    let mut join = Hand::waiting(queue.join());
    queue.task_done().unwrap();
    queue.put_nowait(2).unwrap();
    assert_eq!(join.poll(), Poll::Ready(()));
    assert!(Hand::new(queue.join()).poll().is_pending());
}

#[test]
fn b366_too_many_task_done_is_an_error() {
    let queue = filled([1]);
    assert_eq!((queue.task_done(), queue.task_done()), (Ok(()), Err(TaskDoneError)));
}

#[test]
fn b367_shutdown_of_an_empty_queue_fails_getters_and_frees_join() {
    let queue = Queue::<i32>::new();
    let mut getters: Vec<_> = (0..40).map(|_| Hand::waiting(queue.get())).collect();
    queue.shutdown(false);
    for getter in &mut getters {
        assert_eq!((getter.wakes(), getter.poll()), (1, Poll::Ready(Err(SHUT))));
    }
    assert_eq!(Hand::new(queue.get()).poll(), Poll::Ready(Err(SHUT)));
    assert_eq!(queue.get_nowait(), Err(GetNowaitError::ShutDown(SHUT)));
    assert_eq!(Hand::new(queue.put(1)).poll(), Poll::Ready(Err(QueueShutDown(1))));
    assert_eq!(queue.put_nowait(2), Err(PutNowaitError::ShutDown(QueueShutDown(2))));
    assert_eq!(Hand::new(queue.join()).poll(), Poll::Ready(()));
    assert!(queue.is_shut_down());
}

#[test]
fn b368_orderly_shutdown_lets_the_items_out() {
    let queue = Queue::bounded(2);
    queue.put_nowait(1).unwrap();
    queue.put_nowait(2).unwrap();
    let mut putter = Hand::waiting(queue.put(3));
    let mut join = Hand::waiting(queue.join());
    queue.shutdown(false);
    assert_eq!((putter.wakes(), putter.poll()), (1, Poll::Ready(Err(QueueShutDown(3)))));
    assert_eq!(queue.get_nowait(), Ok(1));
    assert_eq!(Hand::new(queue.get()).poll(), Poll::Ready(Ok(2)));
    assert_eq!(Hand::new(queue.get()).poll(), Poll::Ready(Err(SHUT)));
    queue.task_done().unwrap();
    assert!(join.poll().is_pending());
    queue.task_done().unwrap();
    assert_eq!(join.poll(), Poll::Ready(()));
}

#[test]
fn b369_immediate_shutdown_discards_items_and_counts_them_done() {
    let queue = filled([1, 2, 3]);
    let mut join = Hand::waiting(queue.join());
    queue.shutdown(true);
    assert_eq!((join.wakes(), join.poll(), queue.qsize()), (1, Poll::Ready(()), 0));
    assert_eq!(queue.task_done(), Err(TaskDoneError));
    assert_eq!(queue.get_nowait(), Err(GetNowaitError::ShutDown(SHUT)));
}

#[test]
fn b370_immediate_shutdown_does_not_count_what_was_taken() {
    let queue = filled([1, 2, 3]);
    assert_eq!(queue.get_nowait(), Ok(1));
    let mut join = Hand::waiting(queue.join());
    queue.shutdown(true);
    assert!(join.poll().is_pending());
    queue.task_done().unwrap();
    assert_eq!(join.poll(), Poll::Ready(()));
    assert_eq!(queue.task_done(), Err(TaskDoneError));
}

#[test]
fn a92_b145_who_gave_up_leaves_nothing_behind() {
    let queue = Queue::bounded(1);
    let mut getter = Hand::waiting(queue.get());
    assert_eq!(getter.wakers_kept(), 1);
    getter.cancel();
    assert_eq!(getter.wakers_kept(), 0);
    queue.put_nowait(1).unwrap();
    let mut putter = Hand::waiting(queue.put(2));
    let mut join = Hand::waiting(queue.join());
    putter.cancel();
    join.cancel();
    assert_eq!((putter.wakers_kept(), join.wakers_kept()), (0, 0));
    assert_eq!((queue.get_nowait(), queue.get_nowait()), (Ok(1), Err(EMPTY)), "the put never happened");
}

#[test]
fn a_newcomer_does_not_overtake_a_getter_that_has_its_turn() {
    let queue = Queue::new();
    let mut first = Hand::waiting(queue.get());
    queue.put_nowait(1).unwrap();
    let mut newcomer = Hand::waiting(queue.get());
    assert_eq!(first.poll(), Poll::Ready(Ok(1)));
    queue.put_nowait(2).unwrap();
    assert_eq!(newcomer.poll(), Poll::Ready(Ok(2)));
}

#[test]
fn a_newcomer_does_not_overtake_a_putter_that_has_its_turn() {
    let queue = Queue::bounded(1);
    queue.put_nowait(0).unwrap();
    let mut first = Hand::waiting(queue.put(1));
    assert_eq!(queue.get_nowait(), Ok(0));
    let mut newcomer = Hand::waiting(queue.put(2));
    assert_eq!(first.poll(), Poll::Ready(Ok(())));
    assert!(newcomer.poll().is_pending());
    assert_eq!(queue.get_nowait(), Ok(1));
    assert_eq!(newcomer.poll(), Poll::Ready(Ok(())));
}

#[test]
fn a_getter_robbed_by_get_nowait_keeps_its_place() {
    let queue = Queue::new();
    let mut first = Hand::waiting(queue.get());
    let mut second = Hand::waiting(queue.get());
    queue.put_nowait(1).unwrap();
    assert_eq!(queue.get_nowait(), Ok(1));
    assert!(first.poll().is_pending());
    queue.put_nowait(2).unwrap();
    assert_eq!((first.poll(), second.poll()), (Poll::Ready(Ok(2)), Poll::Pending));
}

#[test]
fn a_putter_robbed_by_put_nowait_keeps_its_place() {
    let queue = Queue::bounded(1);
    queue.put_nowait(0).unwrap();
    let mut first = Hand::waiting(queue.put(1));
    let mut second = Hand::waiting(queue.put(2));
    assert_eq!(queue.get_nowait(), Ok(0));
    queue.put_nowait(9).unwrap();
    assert!(first.poll().is_pending());
    assert_eq!(queue.get_nowait(), Ok(9));
    assert_eq!((first.poll(), second.poll()), (Poll::Ready(Ok(())), Poll::Pending));
}

#[test]
fn the_blocking_forms_wait() {
    let queue = Queue::bounded(1);
    let putter = queue.clone();
    let other = std::thread::spawn(move || {
        (0..100).for_each(|item| putter.put_blocking(item).unwrap());
        putter.shutdown(false);
    });
    let out: Vec<i32> = std::iter::from_fn(|| queue.get_blocking().ok()).collect();
    other.join().unwrap();
    assert_eq!(out, (0..100).collect::<Vec<_>>());
    assert_eq!(queue.put_blocking(1), Err(QueueShutDown(1)));
}

#[test]
fn statistics_tell_who_waits() {
    let queue = LifoQueue::bounded(1);
    let getter = Hand::waiting(queue.get());
    assert_eq!((queue.statistics().getters, queue.statistics().items), (1, 0));
    drop(getter);
    queue.put_nowait(1).unwrap();
    let _putters = [Hand::waiting(queue.put(2)), Hand::waiting(queue.put(3))];
    let _join = Hand::waiting(queue.join());
    let now = queue.statistics();
    assert_eq!((now.items, now.maxsize, now.getters, now.putters), (1, 1, 0, 2));
    assert_eq!((now.joiners, now.unfinished, now.shut_down), (1, 1, false));
    assert!(format!("{queue:?}").starts_with("LifoQueue { maxsize: 1, items: 1"), "{queue:?}");
}

#[test]
fn items_are_a_stream_that_ends_with_the_queue() {
    let queue = filled([1, 2]);
    let mut items = Box::pin(queue.items());
    let mut next = || {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        futures_core::Stream::poll_next(items.as_mut(), &mut cx)
    };
    assert_eq!((next(), next(), next()), (Poll::Ready(Some(1)), Poll::Ready(Some(2)), Poll::Pending));
    queue.put_nowait(3).unwrap();
    queue.shutdown(false);
    assert_eq!((next(), next()), (Poll::Ready(Some(3)), Poll::Ready(None)));
}

#[test]
fn a_waiter_moves_to_the_waker_of_its_last_poll() {
    let queue = Queue::new();
    let mut get = std::pin::pin!(queue.get());
    let (old, new) = (Hand::new(async {}), Hand::new(async {}));
    for hand in [&old, &new] {
        let waker = hand.waker();
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(std::future::Future::poll(get.as_mut(), &mut cx).is_pending());
    }
    queue.put_nowait(1).unwrap();
    assert_eq!((old.wakes(), new.wakes(), old.wakers_kept()), (0, 1, 0));
}

#[test]
fn errors_say_what_to_do_and_need_nothing_of_the_item() {
    struct Opaque;
    let queue = Queue::bounded(1);
    queue.put_nowait(Opaque).unwrap();
    let error: Box<dyn std::error::Error> = queue.put_nowait(Opaque).unwrap_err().into();
    assert!(error.to_string().contains("await put()"), "{error}");
    assert!(EMPTY.to_string().contains("await get()"));
    assert!(TaskDoneError.to_string().contains("once for each item"));
}

#[test]
fn futures_are_send_where_the_items_are() {
    fn send<T: Send>(_: &T) {}
    let queue = Queue::<i32>::new();
    send(&queue.get());
    send(&queue.put(1));
    send(&queue.join());
    fn shared<T: Send + Sync>() {}
    shared::<Queue<i32>>();
}

/// Producers and consumers on threads, with getters and putters dropped at random while they wait: every item that went
/// in comes out once.
#[test]
fn nothing_is_lost_or_doubled_under_random_cancelling() {
    const ITEMS: usize = 4_000;
    let queue = Arc::new(Queue::bounded(3));
    let seen: Arc<Vec<AtomicUsize>> = Arc::new((0..2 * ITEMS).map(|_| AtomicUsize::new(0)).collect());
    let added = Arc::new(AtomicUsize::new(0));
    let producers: Vec<_> = (0..2)
        .map(|producer| {
            let (queue, added) = (queue.clone(), added.clone());
            std::thread::spawn(move || {
                for item in producer * ITEMS..(producer + 1) * ITEMS {
                    if item % 3 == 0 {
                        // Begun, perhaps granted, and dropped: not added.
                        let mut put = Hand::new(queue.put(usize::MAX));
                        if put.poll().is_pending() {
                            std::thread::yield_now();
                            put.cancel();
                        } else {
                            added.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                    block_on(queue.put(item)).unwrap();
                    added.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    let consumers: Vec<_> = (0..2)
        .map(|_| {
            let (queue, seen) = (queue.clone(), seen.clone());
            std::thread::spawn(move || {
                let mut taken = 0;
                let mut note = |item: usize| {
                    taken += 1;
                    if let Some(count) = seen.get(item) {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                };
                for round in 0.. {
                    if round % 3 == 0 {
                        let mut get = Hand::new(queue.get());
                        match get.poll() {
                            Poll::Ready(Ok(item)) => note(item),
                            Poll::Ready(Err(_)) => break,
                            Poll::Pending => {
                                std::thread::yield_now();
                                get.cancel();
                            }
                        }
                    }
                    match block_on(queue.get()) {
                        Ok(item) => note(item),
                        Err(_) => break,
                    }
                }
                taken
            })
        })
        .collect();
    for producer in producers {
        producer.join().unwrap();
    }
    queue.shutdown(false);
    let taken: usize = consumers.into_iter().map(|consumer| consumer.join().unwrap()).sum();
    assert_eq!(taken, added.load(Ordering::SeqCst));
    assert!(seen.iter().all(|count| count.load(Ordering::SeqCst) == 1), "each item once");
}
