//! What the channels and the smaller primitives say of themselves, while somebody waits and afterwards.
#![cfg(not(heist_loom))]

mod support;

use std::future::pending;

use heist_sync::{ChannelStatistics, Notify, OnceCell, broadcast, mpmc, mpsc, watch};
use support::Hand;

/// Values, senders and receivers, and how many of each wait.
fn figures(now: ChannelStatistics) -> (usize, [usize; 2], [usize; 2]) {
    (now.values, [now.senders, now.receivers], [now.senders_waiting, now.receivers_waiting])
}

#[test]
fn notify_tells_what_is_kept_and_who_waits() {
    let notify = Notify::new();
    assert!(!notify.statistics().kept);
    notify.notify_one();
    assert!(notify.statistics().kept);
    assert!(Hand::new(notify.notified()).poll().is_ready());
    let waiting = [Hand::waiting(notify.notified()), Hand::waiting(notify.notified())];
    assert_eq!((notify.statistics().kept, notify.statistics().waiting), (false, 2));
    drop(waiting);
    assert_eq!(notify.statistics().waiting, 0);
}

#[test]
fn once_cell_tells_who_waits_for_the_one_who_makes_the_value() {
    let cell = OnceCell::<u8>::new();
    let making = Hand::waiting(cell.get_or_init(pending));
    assert_eq!(cell.statistics().waiting, 0, "who makes it does not wait");
    let waiting = Hand::waiting(cell.get_or_init(pending));
    assert_eq!(cell.statistics().waiting, 1);
    drop((waiting, making));
    assert_eq!(cell.statistics().waiting, 0);
}

#[test]
fn mpsc_tells_values_reserved_slots_and_who_waits() {
    let (sender, mut receiver) = mpsc::channel(2);
    {
        let waiting = Hand::waiting(receiver.recv());
        assert_eq!(figures(sender.statistics()), (0, [1, 1], [0, 1]));
        drop(waiting);
    }
    sender.try_send('a').unwrap();
    let reserved = sender.try_reserve().unwrap();
    let waiting = Hand::waiting(sender.send('c'));
    assert_eq!(sender.statistics().capacity, Some(2));
    assert_eq!(figures(sender.statistics()), (2, [1, 1], [1, 0]), "a reserved slot is one that is taken");
    assert_eq!(figures(receiver.statistics()), (1, [1, 1], [1, 0]), "and holds nothing for the receiver");
    drop((waiting, reserved));
    assert_eq!(receiver.try_recv(), Ok('a'));
    assert_eq!(figures(sender.statistics()), (0, [1, 1], [0, 0]));
    drop(sender);
    assert!(receiver.statistics().closed);
}

#[test]
fn unbounded_mpsc_has_no_capacity_and_knows_of_its_receiver() {
    let (sender, receiver) = mpsc::unbounded_channel();
    let second = sender.clone();
    second.send(1).unwrap();
    assert_eq!(sender.statistics().capacity, None);
    assert_eq!(figures(sender.statistics()), (1, [2, 1], [0, 0]));
    drop(receiver);
    assert_eq!(figures(sender.statistics()), (0, [2, 0], [0, 0]));
    assert!(sender.statistics().closed);
}

#[test]
fn mpmc_tells_of_both_sides() {
    let (sender, receiver) = mpmc::bounded(1);
    let second = receiver.clone();
    let waiting = [Hand::waiting(receiver.recv()), Hand::waiting(second.recv())];
    assert_eq!(figures(sender.statistics()), (0, [1, 2], [0, 2]));
    drop(waiting);
    sender.try_send(1).unwrap();
    let waiting = Hand::waiting(sender.send(2));
    assert_eq!(figures(receiver.statistics()), (1, [1, 2], [1, 0]));
    drop(waiting);
    sender.close();
    assert_eq!((receiver.statistics().closed, receiver.statistics().values), (true, 1));
}

#[test]
fn broadcast_tells_what_is_unseen_and_who_waits() {
    let (sender, mut first) = broadcast::channel(4);
    let mut second = sender.subscribe();
    {
        let waiting = Hand::waiting(first.recv());
        assert_eq!(figures(sender.statistics()), (0, [1, 2], [0, 1]));
        drop(waiting);
    }
    sender.send('x').unwrap();
    assert_eq!(first.try_recv(), Ok('x'));
    assert_eq!(figures(first.statistics()), (1, [1, 2], [0, 0]), "the other has yet to see it");
    assert_eq!(second.try_recv(), Ok('x'));
    assert_eq!((sender.statistics().values, sender.statistics().capacity), (0, Some(4)));
    drop(sender);
    assert!(second.statistics().closed);
}

#[test]
fn watch_tells_who_waits_for_a_change() {
    let (sender, mut receiver) = watch::channel(0);
    let other = receiver.clone();
    let waiting = Hand::waiting(receiver.changed());
    assert_eq!(figures(sender.statistics()), (1, [1, 2], [0, 1]));
    drop(waiting);
    assert_eq!(figures(other.statistics()), (1, [1, 2], [0, 0]));
    drop(sender);
    assert!(other.statistics().closed);
}
