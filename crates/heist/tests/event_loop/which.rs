//! Which loop is the one of a thread, and when it is closed.

use std::panic::catch_unwind;
use std::sync::mpsc::channel;
use std::thread;

use heist::{EventLoop, RunError, get_running_loop};

use crate::common::in_order;
use crate::support::for_each_flavour;

#[test]
fn b225_get_running_loop_works_in_tasks_and_callbacks_and_nowhere_else() {
    let outside = || catch_unwind(|| drop(get_running_loop())).unwrap_err();
    let message = |payload: Box<dyn std::any::Any + Send>| payload.downcast::<String>().unwrap();
    assert!(message(outside()).contains("outside of a running event loop"));
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let (sender, seen) = channel();
        let in_callback = sender.clone();
        event_loop.call_soon(move || in_callback.send(get_running_loop()).unwrap()).unwrap();
        let task = event_loop.create_task(async move { sender.send(get_running_loop()).unwrap() });
        event_loop
            .run_until_complete(async {
                task.await.unwrap();
                assert!(get_running_loop().same_loop(&event_loop));
                assert!(heist::get_event_loop().same_loop(&event_loop));
            })
            .unwrap();
        assert_eq!(seen.iter().take(2).filter(|handle| handle.same_loop(&event_loop)).count(), 2);
        outside();
    });
}

#[test]
fn get_event_loop_keeps_one_for_the_thread() {
    thread::spawn(|| {
        let first = heist::get_event_loop();
        assert!(first.same_loop(&heist::get_event_loop()));
        let other = heist::new_event_loop().unwrap();
        heist::set_event_loop(Some(other.clone()));
        assert!(heist::get_event_loop().same_loop(&other));
        heist::set_event_loop(None);
        assert!(!heist::get_event_loop().same_loop(&other));
        let elsewhere = first.handle();
        assert!(thread::spawn(move || !heist::get_event_loop().same_loop(&elsewhere)).join().unwrap());
        let kept = heist::get_event_loop().handle();
        let _waits = kept.create_task(std::future::pending::<()>());
        kept
    })
    .join()
    .map(|kept| assert!(kept.is_closed(), "a loop that is kept for a thread ends with it"))
    .unwrap();
}

#[test]
fn a_loop_is_closed_with_the_last_value_that_owns_it() {
    for_each_flavour(|builder| {
        let event_loop = builder.build_event_loop().unwrap();
        let handle = event_loop.handle();
        let clone = event_loop.clone();
        drop(event_loop);
        assert!(!handle.is_closed());
        let inside = clone.run_until_complete(async { heist::get_event_loop() }).unwrap();
        assert!(matches!(inside.run_until_complete(async {}), Err(RunError::NotOwned)));
        assert!(matches!(inside.close(), Err(RunError::NotOwned)));
        drop(clone);
        assert!(handle.is_closed());
    });
}

#[test]
fn futures_that_are_not_send_wait_for_the_next_run() {
    let event_loop = in_order();
    let shared = std::rc::Rc::new(3);
    let task = event_loop.spawn_local(async move { *shared }).unwrap();
    assert_eq!(event_loop.run_until_complete(task).unwrap().unwrap(), 3);
    let several = EventLoop::builder().workers(1).build_event_loop().unwrap();
    assert!(matches!(several.spawn_local(async {}), Err(RunError::SeveralWorkers)));
}
