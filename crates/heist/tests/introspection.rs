#![cfg(not(heist_loom))]
//! Which tasks there are and who waits for whom: behaviours INTRO of asyncio.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use support::for_each_flavour;

mod support;

fn ids(tasks: &[heist::TaskRef]) -> HashSet<u64> {
    tasks.iter().map(heist::TaskRef::id).collect()
}

/// The message of the panic that `f` must end in.
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else { panic!("this should have panicked") };
    payload.downcast_ref::<String>().expect("a message").clone()
}

#[test]
fn b200_current_task_is_the_task_that_is_polled_also_after_interleaving() {
    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        runner
            .run(async {
                let main = heist::current_task().unwrap();
                let tasks: Vec<_> = (0..20)
                    .map(|_| {
                        heist::create_task(async {
                            let me = heist::current_task().unwrap();
                            for _ in 0..10 {
                                heist::yield_now().await;
                                assert_eq!(heist::current_task(), Some(me.clone()));
                            }
                            me.id()
                        })
                    })
                    .collect();
                for task in tasks {
                    let id = task.id();
                    assert_eq!(task.await.unwrap(), id);
                    assert_eq!(heist::current_task(), Some(main.clone()));
                }
            })
            .unwrap();
    });
}

#[test]
fn b201_current_task_and_all_tasks_need_a_running_loop() {
    for (name, message) in [
        ("current_task", panic_of(heist::current_task)),
        ("all_tasks", panic_of(heist::all_tasks)),
        (
            "current_task",
            heist::run(async { heist::to_thread(|| panic_of(heist::current_task)).await.unwrap() }),
        ),
    ] {
        assert!(message.contains(name) && message.contains("heist::run"), "{message}");
    }
    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        runner.run(async {}).unwrap();
        panic_of(heist::current_task);
    });
}

#[test]
fn b202_all_tasks_are_the_unfinished_tasks_of_the_loop() {
    for_each_flavour(|builder| {
        let mut other = builder.clone().build_event_loop().unwrap();
        let others = other.create_task(std::future::pending::<()>());

        let mut runner = builder.build().unwrap();
        let (handle, waiting, task) = runner
            .run(async {
                let main = heist::current_task().unwrap();
                let ended = heist::create_task(async {});
                let waiting = heist::create_task(std::future::pending::<()>());
                let ended = {
                    let id = ended.id();
                    ended.await.unwrap();
                    id
                };
                let found = ids(&heist::all_tasks());
                assert_eq!(found, HashSet::from([main.id(), waiting.id()]));
                assert!(!found.contains(&ended) && !found.contains(&others.id()));
                (heist::Handle::current().unwrap(), waiting.id(), waiting)
            })
            .unwrap();
        // Between runs the main future is gone, and any thread may ask.
        assert_eq!(ids(&runner.get_loop().unwrap().all_tasks()), HashSet::from([waiting]));
        std::thread::scope(|scope| {
            let found = scope.spawn(|| ids(&handle.all_tasks())).join().unwrap();
            assert_eq!(found, HashSet::from([waiting]));
        });
        assert_eq!(ids(&other.all_tasks()), HashSet::from([others.id()]));
        runner.close();
        assert!(handle.all_tasks().is_empty());
        drop(task);
        other.close();
    });
}

#[test]
fn b195_other_threads_read_all_tasks_while_tasks_are_created() {
    for_each_flavour(|builder| {
        let mut runner = builder.build().unwrap();
        runner
            .run(async {
                let handle = heist::Handle::current().unwrap();
                let done = Arc::new(AtomicBool::new(false));
                // What is created already when the other thread asks must be in its answer.
                let (created, asks) = mpsc::channel::<u64>();
                let reader = std::thread::spawn({
                    let done = done.clone();
                    move || {
                        let (mut known, mut reads) = (HashSet::new(), 0);
                        while !done.load(Ordering::Acquire) || reads == 0 {
                            known.extend(asks.try_iter());
                            let found = ids(&handle.all_tasks());
                            assert!(known.is_subset(&found), "{:?} are missing", known.difference(&found));
                            reads += 1;
                        }
                        reads
                    }
                });
                let mut tasks = Vec::new();
                for _ in 0..300 {
                    let task = heist::create_task(std::future::pending::<()>());
                    created.send(task.id()).unwrap();
                    tasks.push(task);
                    heist::yield_now().await;
                }
                done.store(true, Ordering::Release);
                while !reader.is_finished() {
                    heist::yield_now().await;
                }
                assert!(reader.join().unwrap() > 0);
                assert_eq!(heist::all_tasks().len(), tasks.len() + 1);
            })
            .unwrap();
    });
}
