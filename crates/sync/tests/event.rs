//! asyncio's event behaviours, by their numbers.
#![cfg(not(heist_loom))]

mod support;

use std::sync::Arc;
use std::task::Poll;

use heist_sync::Event;
use support::{Hand, block_on};

#[test]
fn b328_set_wakes_all_who_wait_and_wait_on_a_set_event_is_ready() {
    let event = Event::new();
    let mut waiting: Vec<_> = (0..50).map(|_| Hand::waiting(event.wait())).collect();
    event.set();
    for hand in &mut waiting {
        assert_eq!((hand.wakes(), hand.poll()), (1, Poll::Ready(())));
    }
    assert_eq!(Hand::new(event.wait()).poll(), Poll::Ready(()));
}

#[test]
fn after_clear_wait_waits_again() {
    let event = Event::new();
    event.set();
    event.clear();
    assert!(!event.is_set());
    let mut hand = Hand::waiting(event.wait());
    event.set();
    assert_eq!(hand.poll(), Poll::Ready(()));
}

#[test]
fn b329_set_then_clear_in_one_turn_still_wakes_those_who_waited() {
    let event = Event::new();
    let mut waited = Hand::waiting(event.wait());
    event.set();
    event.clear();
    assert_eq!((waited.wakes(), waited.poll()), (1, Poll::Ready(())));
    assert!(Hand::new(event.wait()).poll().is_pending());
}

#[test]
fn b330_who_gave_up_leaves_nothing_behind() {
    let event = Event::new();
    let mut hand = Hand::waiting(event.wait());
    hand.cancel();
    assert_eq!(hand.wakers_kept(), 0);
}

#[test]
fn threads_see_what_was_done_before_set() {
    let event = Arc::new(Event::new());
    let setter = event.clone();
    let thread = std::thread::spawn(move || setter.set());
    block_on(event.wait());
    thread.join().unwrap();
}
