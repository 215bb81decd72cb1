//! What an mpsc channel promises, case by case.
#![cfg(not(heist_loom))]

mod support;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use heist_sync::mpsc::{self, SendError, TryRecvError, TrySendError};
use support::{Hand, block_on};

#[test]
fn values_come_in_the_order_of_sending() {
    let (sender, mut receiver) = mpsc::channel(16);
    for value in 0..10 {
        sender.try_send(value).unwrap();
    }
    let out: Vec<i32> = std::iter::from_fn(|| receiver.try_recv().ok()).collect();
    assert_eq!(out, (0..10).collect::<Vec<_>>());
}

#[test]
fn a_full_channel_lets_senders_wait_in_order() {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(0).unwrap();
    let mut first = Hand::waiting(sender.send(1));
    let mut second = Hand::waiting(sender.send(2));
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!(receiver.try_recv(), Ok(0));
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    assert_eq!(sender.try_send(3), Err(TrySendError::Full(3)), "the slot is promised");
    assert!(Hand::new(sender.send(3)).poll().is_pending(), "so a newcomer waits");
    assert_eq!(first.poll(), Poll::Ready(Ok(())));
    assert_eq!(receiver.try_recv(), Ok(1));
    assert_eq!((second.wakes(), second.poll()), (1, Poll::Ready(Ok(()))));
}

#[test]
fn a_slot_is_free_as_soon_as_its_value_is_received() {
    let (sender, mut receiver) = mpsc::channel(100);
    (0..100).for_each(|value| sender.try_send(value).unwrap());
    for value in 100..1000 {
        assert_eq!(sender.capacity(), 0);
        assert!(sender.try_send(value).is_err());
        assert_eq!(receiver.try_recv(), Ok(value - 100));
        assert_eq!((sender.capacity(), receiver.len()), (1, 99));
        sender.try_send(value).unwrap();
    }
}

#[test]
fn a_cancelled_send_keeps_nothing_and_passes_its_slot_on() {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(0).unwrap();
    let mut first = Hand::waiting(sender.send(1));
    let mut second = Hand::waiting(sender.send(2));
    assert_eq!(receiver.try_recv(), Ok(0));
    first.cancel();
    assert_eq!((first.wakers_kept(), second.wakes()), (0, 1));
    assert_eq!(second.poll(), Poll::Ready(Ok(())));
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(2), Err(TryRecvError::Empty)));
}

#[test]
fn a_cancelled_receive_loses_nothing_and_leaves_no_waker() {
    let (sender, mut receiver) = mpsc::channel(4);
    {
        let mut recv = Hand::waiting(receiver.recv());
        sender.try_send(1).unwrap();
        assert_eq!(recv.wakes(), 1);
        recv.cancel();
    }
    let mut recv = Hand::new(receiver.recv());
    assert_eq!(recv.poll(), Poll::Ready(Some(1)));
    drop(recv);
    let mut recv = Hand::waiting(receiver.recv());
    assert_eq!(recv.wakers_kept(), 1);
    recv.cancel();
    assert_eq!(recv.wakers_kept(), 0);
}

#[test]
fn a_receiver_that_is_awake_is_not_woken_again() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let recv = Hand::waiting(receiver.recv());
    (0..5).for_each(|value| sender.send(value).unwrap());
    assert_eq!(recv.wakes(), 1);
}

#[test]
fn a_value_for_a_receiver_that_waits_has_a_slot() {
    let (sender, mut receiver) = mpsc::channel(1);
    let mut receiving = Hand::waiting(receiver.recv());
    assert_eq!(sender.statistics().receivers_waiting, 1);
    sender.try_send("one").unwrap();
    assert_eq!((receiving.wakes(), receiving.wakers_kept()), (1, 0));
    assert_eq!((sender.capacity(), sender.statistics().values), (0, 1));
    assert_eq!(sender.try_send("two"), Err(TrySendError::Full("two")));
    assert!(sender.try_reserve().is_err());
    let mut second = Hand::waiting(sender.send("two"));
    assert_eq!(receiving.poll(), Poll::Ready(Some("one")));
    assert_eq!((second.wakes(), second.poll()), (1, Poll::Ready(Ok(()))));
    receiving.cancel();
    drop(receiving);
    assert_eq!(receiver.try_recv(), Ok("two"));
    assert_eq!((sender.capacity(), receiver.len()), (1, 0));
}

#[test]
fn a_receiver_that_closes_while_it_waits_ends() {
    let (sender, mut receiver) = mpsc::channel::<i32>(1);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(receiver.poll_recv(&mut cx).is_pending());
    receiver.close();
    assert_eq!(receiver.poll_recv(&mut cx), Poll::Ready(None), "its own waker is no reason to wait");
    assert_eq!(sender.try_send(1), Err(TrySendError::Closed(1)));
}

#[test]
fn a_value_that_came_before_the_close_is_received() {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(1).unwrap();
    receiver.close();
    assert_eq!(block_on(receiver.recv()), Some(1));
    assert_eq!(block_on(receiver.recv()), None);
}

/// Numbers that look random, the same ones each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[test]
fn any_order_of_steps_agrees_with_a_plain_queue() {
    for seed in 1..200 {
        let mut numbers = Numbers(seed * 0x9E37_79B9);
        let capacity = 1 + numbers.below(3) as usize;
        let (sender, mut receiver) = mpsc::channel(capacity);
        let (mut expected, mut permits) = (VecDeque::new(), Vec::new());
        let wakes = Arc::new(AtomicUsize::new(0));
        let waker = Waker::from(Arc::new(CountWakes(wakes.clone())));
        let mut waits = false;
        for value in 0..200 {
            let has_room = expected.len() + permits.len() < capacity;
            let mut sent = false;
            match numbers.below(6) {
                0 | 1 => {
                    sent = sender.try_send(value).is_ok();
                    assert_eq!(sent, has_room, "seed {seed}, step {value}");
                }
                2 => match sender.try_reserve() {
                    Ok(permit) => {
                        assert!(has_room, "seed {seed}, step {value}");
                        permits.push(permit);
                    }
                    Err(_) => assert!(!has_room, "seed {seed}, step {value}"),
                },
                3 => {
                    if let Some(permit) = permits.pop() {
                        sent = numbers.below(2) == 0;
                        if sent { permit.send(value) } else { drop(permit) }
                    }
                }
                4 => assert_eq!(receiver.try_recv().ok(), expected.pop_front(), "seed {seed}, step {value}"),
                _ => {
                    let polled = receiver.poll_recv(&mut Context::from_waker(&waker));
                    waits = polled.is_pending();
                    assert_eq!(
                        polled,
                        expected.pop_front().map_or(Poll::Pending, |value| Poll::Ready(Some(value)))
                    );
                }
            }
            if sent {
                expected.push_back(value);
                assert_eq!(wakes.swap(0, Ordering::Relaxed), usize::from(waits), "seed {seed}, step {value}");
                waits = false;
            }
            assert_eq!(receiver.len(), expected.len(), "seed {seed}, step {value}");
            assert_eq!(
                sender.capacity(),
                capacity - expected.len() - permits.len(),
                "seed {seed}, step {value}"
            );
        }
    }
}

struct CountWakes(Arc<AtomicUsize>);

impl std::task::Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn the_channel_ends_with_its_last_sender() {
    let (sender, mut receiver) = mpsc::channel(4);
    let second = sender.clone();
    assert_eq!((receiver.sender_strong_count(), receiver.is_closed()), (2, false));
    drop(sender);
    second.try_send(1).unwrap();
    let mut recv = Hand::new(receiver.recv());
    assert_eq!(recv.poll(), Poll::Ready(Some(1)));
    drop(recv);
    let mut recv = Hand::waiting(receiver.recv());
    drop(second);
    assert_eq!((recv.wakes(), recv.poll()), (1, Poll::Ready(None)));
    drop(recv);
    assert_eq!((receiver.try_recv(), receiver.is_closed()), (Err(TryRecvError::Disconnected), true));
}

#[test]
fn close_fails_the_senders_and_lets_the_values_out() {
    let (sender, mut receiver) = mpsc::channel(1);
    sender.try_send(1).unwrap();
    let mut waiting = Hand::waiting(sender.send(2));
    let mut closed = Hand::waiting(sender.closed());
    receiver.close();
    assert_eq!((waiting.wakes(), waiting.poll()), (1, Poll::Ready(Err(SendError(2)))));
    assert_eq!((closed.wakes(), closed.poll()), (1, Poll::Ready(())));
    assert_eq!(sender.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(Hand::new(sender.send(3)).poll(), Poll::Ready(Err(SendError(3))));
    assert!(matches!(Hand::new(sender.reserve()).poll(), Poll::Ready(Err(SendError(())))));
    assert!(sender.is_closed() && receiver.is_closed());
    assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(1), Err(TryRecvError::Disconnected)));
}

#[test]
fn a_permit_holds_its_slot_and_its_value_comes_even_after_close() {
    let (sender, mut receiver) = mpsc::channel(2);
    let Poll::Ready(Ok(permit)) = Hand::new(sender.reserve()).poll() else { panic!("there is a slot") };
    let other = sender.try_reserve().unwrap();
    assert_eq!((sender.capacity(), sender.try_send(9)), (0, Err(TrySendError::Full(9))));
    receiver.close();
    let mut recv = Hand::waiting(receiver.recv());
    permit.send(7);
    assert_eq!(recv.poll(), Poll::Ready(Some(7)));
    drop(recv);
    let mut recv = Hand::waiting(receiver.recv());
    drop(other);
    assert_eq!((recv.wakes(), recv.poll()), (1, Poll::Ready(None)));
}

#[test]
fn a_permit_that_is_dropped_gives_its_slot_to_the_next() {
    let (sender, mut receiver) = mpsc::channel(1);
    let permit = sender.try_reserve().unwrap();
    let mut waiting = Hand::waiting(sender.send(1));
    drop(permit);
    assert_eq!((waiting.wakes(), waiting.poll()), (1, Poll::Ready(Ok(()))));
    assert_eq!(receiver.try_recv(), Ok(1));
    let owned = block_on(sender.clone().reserve_owned()).unwrap();
    let Err(TrySendError::Full(back)) = sender.clone().try_reserve_owned() else {
        panic!("there is no slot")
    };
    assert!(back.same_channel(&sender));
    let back = owned.release();
    assert_eq!(block_on(back.reserve_owned()).unwrap().send(2).strong_count(), 3);
    assert_eq!(receiver.try_recv(), Ok(2));
}

#[test]
fn what_is_in_a_dropped_receiver_is_dropped() {
    let value = Arc::new(());
    let (sender, mut receiver) = mpsc::channel(8);
    (0..4).for_each(|_| sender.try_send(value.clone()).unwrap());
    drop(receiver.try_recv());
    let permit = sender.try_reserve().unwrap();
    assert_eq!(Arc::strong_count(&value), 4);
    drop(receiver);
    assert_eq!(Arc::strong_count(&value), 1);
    permit.send(value.clone());
    assert_eq!(Arc::strong_count(&value), 1, "nobody can receive it");
    assert!(sender.try_send(value).is_err());
}

#[test]
fn recv_many_takes_what_is_there_up_to_the_limit() {
    let (sender, mut receiver) = mpsc::channel(8);
    let mut buffer = Vec::new();
    assert_eq!(block_on(receiver.recv_many(&mut buffer, 0)), 0);
    assert!(Hand::new(receiver.recv_many(&mut buffer, 3)).poll().is_pending());
    (0..3).for_each(|value| sender.try_send(value).unwrap());
    assert_eq!(receiver.try_recv(), Ok(0));
    (3..8).for_each(|value| sender.try_send(value).unwrap());
    assert_eq!(block_on(receiver.recv_many(&mut buffer, 4)), 4, "over the border of two batches");
    assert_eq!((sender.capacity(), receiver.len()), (5, 3));
    drop(sender);
    assert_eq!(receiver.blocking_recv_many(&mut buffer, 100), 3);
    assert_eq!(receiver.blocking_recv_many(&mut buffer, 100), 0);
    assert_eq!(buffer, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn weak_senders_do_not_keep_the_channel_open() {
    let (sender, mut receiver) = mpsc::unbounded_channel::<i32>();
    let weak = sender.downgrade();
    assert_eq!((sender.strong_count(), sender.weak_count(), weak.strong_count()), (1, 1, 1));
    drop(weak.upgrade().unwrap());
    drop(sender);
    assert!(weak.clone().upgrade().is_none());
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_receiver_is_a_stream() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    sender.send(1).unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(Pin::new(&mut receiver).poll_next(&mut cx), Poll::Ready(Some(1)));
    assert!(Pin::new(&mut receiver).poll_next(&mut cx).is_pending());
    drop(sender);
    assert_eq!(Pin::new(&mut receiver).poll_next(&mut cx), Poll::Ready(None));
}

#[test]
fn the_blocking_forms_wait() {
    let (sender, mut receiver) = mpsc::channel(1);
    let other = std::thread::spawn(move || (0..100).for_each(|value| sender.blocking_send(value).unwrap()));
    let out: Vec<i32> = std::iter::from_fn(|| receiver.blocking_recv()).collect();
    other.join().unwrap();
    assert_eq!(out, (0..100).collect::<Vec<_>>());
    let (sender, receiver) = mpsc::channel(1);
    drop(receiver);
    assert_eq!(sender.blocking_send(1), Err(SendError(1)));
}

#[test]
fn a_capacity_of_zero_counts_as_one() {
    let (sender, receiver) = mpsc::channel(0);
    assert_eq!((sender.max_capacity(), receiver.max_capacity()), (1, 1));
    sender.try_send(1).unwrap();
}

#[test]
fn both_halves_go_to_other_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let (sender, mut receiver) = mpsc::channel::<std::cell::Cell<i32>>(1);
    shared(&sender);
    shared(&receiver);
    shared(&sender.downgrade());
    fn send<T: Send>(_: &T) {}
    send(&sender.send(0.into()));
    send(&receiver.recv());
}

/// Three senders, some of whose sends are given up, and a receiver that gives up too: what was sent comes, once, and in each
/// sender's order.
#[test]
fn stress_nothing_is_lost_or_doubled() {
    const EACH: usize = 20_000;
    let (sender, mut receiver) = mpsc::channel(5);
    let given_up = Arc::new(AtomicUsize::new(0));
    let senders: Vec<_> = (0..3)
        .map(|number| {
            let (sender, given_up) = (sender.clone(), given_up.clone());
            std::thread::spawn(move || {
                for value in 0..EACH {
                    let mut send = Hand::new(sender.send((number, value)));
                    if value % 3 != 0 {
                        block_on(sender.send((number, value))).unwrap();
                    } else if send.poll().is_pending() {
                        send.cancel();
                        given_up.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    drop(sender);
    let (mut next, mut received) = ([0; 3], 0);
    loop {
        let mut recv = Hand::new(receiver.recv());
        let value = match recv.poll() {
            Poll::Ready(value) => value,
            Poll::Pending => {
                recv.cancel();
                drop(recv);
                block_on(receiver.recv())
            }
        };
        let Some((number, value)) = value else { break };
        assert!(value >= next[number], "out of order");
        next[number] = value + 1;
        received += 1;
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    assert_eq!(received, 3 * EACH - given_up.load(Ordering::SeqCst));
}
