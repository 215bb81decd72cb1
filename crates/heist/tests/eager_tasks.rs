//! Tasks that start eagerly, inside `create_task`. Behaviours EAGER.
#![cfg(not(heist_loom))]

mod support;

use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heist::{ContextVar, Handle, Runner, create_task, current_task, sleep, task, yield_now};
use support::{for_each_flavour, in_order};

const LONG: Duration = Duration::from_secs(3600);

/// Runs a test on each flavour, on loops whose tasks start eagerly.
fn eagerly<F: Future>(test: impl Fn() -> F) {
    for_each_flavour(|builder| {
        builder.virtual_time().eager_tasks(true).build().unwrap().run(test()).unwrap();
    });
}

#[test]
fn b051_b054_a_task_that_never_blocks_has_ended_when_it_is_created() {
    eagerly(|| async {
        let task = create_task(async { 42 });
        assert!(task.done());
        assert!(!task.cancel());
        assert_eq!(task.await.unwrap(), 42);
    });
}

#[test]
fn b052_side_effects_of_the_first_step_show_at_once() {
    eagerly(|| async {
        let future = heist::create_future::<&str>();
        let setter = future.clone();
        let task = create_task(async move {
            setter.set_result("set").unwrap();
            sleep(LONG).await;
        });
        assert_eq!(future.result().unwrap(), "set");
        task.cancel();
    });
}

#[test]
fn b053_b058_a_task_that_blocks_becomes_an_ordinary_one() {
    eagerly(|| async {
        let task = create_task(async {
            sleep(Duration::from_secs(1)).await;
            42
        });
        assert!(!task.done());
        let id = task.id();
        let listed = || Handle::current().unwrap().all_tasks().iter().any(|task| task.id() == id);
        assert!(listed());
        assert_eq!(task.await.unwrap(), 42);
        assert!(!listed());
    });
}

#[test]
fn b055_cancelling_a_task_that_blocked_works_as_usual() {
    eagerly(|| async {
        let task = create_task(sleep(LONG));
        assert!(task.cancel_with("a message"));
        assert_eq!(task.cancelling(), 1);
        assert_eq!(task.await.unwrap_err().as_cancelled().unwrap().message(), Some("a message"));
    });
}

#[test]
fn b056_current_task_is_the_new_one_in_its_eager_step_and_the_creator_after_it() {
    eagerly(|| async {
        let me = current_task().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let keep = seen.clone();
        let task = create_task(async move {
            keep.lock().unwrap().push(current_task().unwrap().id());
            yield_now().await;
            keep.lock().unwrap().push(current_task().unwrap().id());
        });
        assert_eq!(current_task().unwrap(), me);
        let id = task.id();
        task.await.unwrap();
        assert_eq!(*seen.lock().unwrap(), [id, id]);
        assert_ne!(id, me.id());
    });
}

#[test]
fn b057_all_tasks_has_a_task_in_its_eager_step_and_no_longer_when_it_ended_there() {
    eagerly(|| async {
        let mut ids = create_task(async {
            let me = current_task().unwrap().id();
            (me, Handle::current().unwrap().all_tasks().iter().any(|task| task.id() == me))
        });
        (&mut ids).await;
        let (id, listed) = *ids.result().unwrap();
        assert!(listed);
        assert!(!Handle::current().unwrap().all_tasks().iter().any(|task| task.id() == id));
    });
}

#[test]
fn b059_what_an_eager_step_sets_stays_in_the_new_task() {
    eagerly(|| async {
        static VAR: ContextVar<u32> = ContextVar::new("eager");
        VAR.set(1);
        let task = create_task(async {
            assert_eq!(VAR.get(), Some(1));
            VAR.set(2);
            yield_now().await;
            VAR.get()
        });
        assert_eq!(VAR.get(), Some(1));
        assert_eq!(task.await.unwrap(), Some(2));
    });
}

#[test]
fn a023_groups_and_gathers_that_never_wait_queue_nothing() {
    // On one thread, a task that was queued beforehand runs only once everything before it has let go.
    Runner::builder()
        .current_thread()
        .virtual_time()
        .eager_tasks(true)
        .build()
        .unwrap()
        .run(async {
            let ran = Arc::new(AtomicU32::new(0));
            let seen = ran.clone();
            drop(task(async move { seen.fetch_add(1, SeqCst) }).eager(false).spawn());
            let sum = heist::task_group(async |group: heist::TaskGroup<std::convert::Infallible>| {
                let child = group.create_task(async {
                    let two = heist::gather((0..2).map(|_| async { 1 })).await.unwrap();
                    let inner =
                        heist::task_group(async |inner: heist::TaskGroup<std::convert::Infallible>| {
                            Ok(inner.create_task(async { Ok(5) }).await.unwrap())
                        });
                    Ok(two.iter().sum::<u32>() + inner.await.unwrap())
                });
                Ok(child.await.unwrap())
            });
            assert_eq!(sum.await.unwrap(), 7);
            assert_eq!(ran.load(SeqCst), 0, "nobody else had a turn");
        })
        .unwrap();
}

#[test]
fn one_task_can_start_eagerly_on_a_loop_of_others() {
    in_order(async {
        assert!(task(async {}).eager(true).spawn().done());
        assert!(!create_task(async {}).done());
    });
    let mut runner = Runner::builder().eager_tasks(true).build().unwrap();
    runner.run(async { assert!(!task(pending::<()>()).eager(false).spawn().done()) }).unwrap();
}
