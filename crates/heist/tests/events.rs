//! Events. Behaviours EVENT.
#![cfg(not(heist_loom))]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use heist::{Event, Task, create_task, sleep};
use support::{in_order, on_each_flavour};

type Log = Arc<Mutex<Vec<usize>>>;

async fn waiter(event: &Arc<Event>, log: &Log, number: usize) -> Task<()> {
    let (event, log) = (event.clone(), log.clone());
    let task = create_task(async move {
        event.wait().await;
        log.lock().unwrap().push(number);
    });
    sleep(Duration::from_millis(1)).await;
    task
}

#[test]
fn b328_set_wakes_all_in_their_order_and_wait_on_a_set_event_is_ready() {
    in_order(async {
        let (event, log) = (Arc::new(Event::new()), Log::default());
        let mut tasks = Vec::new();
        for number in 0..10 {
            tasks.push(waiter(&event, &log, number).await);
        }
        event.set();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*log.lock().unwrap(), (0..10).collect::<Vec<_>>());
        event.wait().await;
    });
}

#[test]
fn b329_set_and_clear_right_after_it_wakes_all_who_waited() {
    on_each_flavour(|| async {
        let (event, log) = (Arc::new(Event::new()), Log::default());
        let tasks = [waiter(&event, &log, 1).await, waiter(&event, &log, 2).await];
        event.set();
        event.clear();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(!event.is_set());
        let late = waiter(&event, &log, 3).await;
        assert!(!late.done());
    });
}

#[test]
fn b330_a_cancelled_waiter_is_gone_from_the_line() {
    on_each_flavour(|| async {
        let (event, log) = (Arc::new(Event::new()), Log::default());
        let first = waiter(&event, &log, 1).await;
        let second = waiter(&event, &log, 2).await;
        first.cancel();
        assert!(first.await.unwrap_err().is_cancelled());
        event.set();
        second.await.unwrap();
        assert_eq!(*log.lock().unwrap(), [2]);
    });
}
