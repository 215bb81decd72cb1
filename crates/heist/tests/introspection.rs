#![cfg(not(heist_loom))]
//! Which tasks there are and who waits for whom: behaviours INTRO of asyncio.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use std::time::Duration;

use heist::{FrameCallGraphEntry, FutureCallGraph, capture_call_graph, format_call_graph};
use support::{for_each_flavour, on_each_flavour};

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
fn b200_current_task_is_the_task_that_is_polled_and_none_in_callbacks() {
    on_each_flavour(|| async {
        let (sender, seen) = heist::sync::oneshot::channel();
        let handle = heist::Handle::current().unwrap();
        let call = handle.call_soon(move || drop(sender.send(heist::current_task()))).unwrap();
        assert_eq!(seen.await.unwrap(), None);
        drop(call);
    });
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
        let other = builder.clone().build_event_loop().unwrap();
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
        other.close().unwrap();
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

/// Lets every task that can run have a few turns.
async fn settle() {
    for _ in 0..10 {
        heist::sleep(Duration::from_millis(1)).await;
    }
}

fn name(graph: &FutureCallGraph) -> String {
    graph.task().unwrap().name().to_string()
}

/// The names of those who wait for it.
fn awaiters(graph: &FutureCallGraph) -> Vec<String> {
    graph.awaited_by().iter().map(name).collect()
}

/// Gives the current task a name.
fn call_me(name: &str) {
    heist::current_task().unwrap().set_name(name);
}

/// Runs `waits` as a task called "waits" on both flavours, and `looks` beside it when all has settled.
fn beside<W, L>(waits: impl Fn() -> W, looks: impl Fn(heist::TaskRef) -> L)
where
    W: Future<Output = ()> + Send + 'static,
    L: Future<Output = ()>,
{
    on_each_flavour(|| async {
        let task = heist::create_task(waits()).with_name("waits");
        settle().await;
        looks(task.task_ref()).await;
        task.cancel();
    });
}

/// The task of that name.
fn find(name: &str) -> heist::TaskRef {
    let found = heist::all_tasks().into_iter().find(|task| &*task.name() == name);
    found.unwrap_or_else(|| panic!("there is no task {name}"))
}

fn graph_of(task: &str) -> FutureCallGraph {
    capture_call_graph(Some(&find(task))).unwrap()
}

#[test]
fn b203_a_graph_shows_the_own_stack_and_who_waits_recursively() {
    async fn innermost() {
        call_me("inner");
        std::future::pending::<()>().await;
    }
    async fn middle() {
        call_me("middle");
        heist::create_task(innermost()).await.unwrap();
    }
    beside(
        || async { heist::create_task(middle()).await.unwrap() },
        async |_| {
            let graph = graph_of("inner");
            assert_eq!(name(&graph), "inner");
            let [FrameCallGraphEntry::Future { name: future, created }] = graph.call_stack() else {
                panic!("{graph:?}")
            };
            assert!(future.ends_with("innermost"), "{future}");
            assert_eq!(created.file(), file!());
            assert_eq!(awaiters(&graph), ["middle"]);
            // Innermost first: what it waits for, then itself.
            let [FrameCallGraphEntry::Awaits(what), FrameCallGraphEntry::Future { name: future, .. }] =
                graph.awaited_by()[0].call_stack()
            else {
                panic!("{graph:?}")
            };
            assert!(what.contains("\"inner\"") && future.ends_with("middle"), "{what} {future}");
            assert_eq!(awaiters(&graph.awaited_by()[0]), ["waits"]);
            assert!(graph.awaited_by()[0].awaited_by()[0].awaited_by().is_empty());
            assert!(graph.cycles().is_empty());
        },
    );
}

#[test]
fn b204_gather_wait_and_timeout_are_transparent() {
    async fn child(name: &'static str) {
        call_me(name);
        std::future::pending::<()>().await;
    }
    type Waits = fn() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
    let cases: [(&str, Waits); 5] = [
        ("gather!", || Box::pin(async { drop(heist::gather!(child("first"), child("second")).await) })),
        ("gather", || Box::pin(async { drop(heist::gather(["first", "second"].map(child)).await) })),
        ("wait", || {
            Box::pin(async {
                let tasks = ["first", "second"].map(|name| heist::create_task(child(name)));
                let limit = Duration::from_secs(3600);
                drop(heist::wait(tasks).timeout(limit).return_when(heist::FIRST_COMPLETED).await);
            })
        }),
        ("timeout", || {
            Box::pin(async {
                let gathers = heist::gather(["first", "second"].map(child));
                drop(heist::timeout(Duration::from_secs(3600), gathers).await);
            })
        }),
        ("catch_cancelled", || {
            Box::pin(async {
                let gathers = heist::gather(["first", "second"].map(child));
                drop(heist::catch_cancelled(gathers).await);
            })
        }),
    ];
    for (case, waits) in cases {
        beside(waits, async |_| {
            for child in ["first", "second"] {
                assert_eq!(awaiters(&graph_of(child)), ["waits"], "{case}");
            }
        });
    }
}

#[test]
fn an_edge_goes_with_the_wait() {
    let wait = || async {
        let task = heist::create_task(async {
            call_me("child");
            std::future::pending::<()>().await;
        });
        drop(heist::wait([task]).timeout(Duration::from_secs(1)).await);
        std::future::pending::<()>().await;
    };
    beside(wait, async |task| {
        assert_eq!(awaiters(&graph_of("child")), ["waits"]);
        heist::sleep(Duration::from_secs(2)).await;
        assert!(awaiters(&graph_of("child")).is_empty());
        assert!(task.awaits().is_empty());
    });
}

#[test]
fn b205_the_graph_of_a_future_lists_every_task_that_waits_for_it() {
    on_each_flavour(|| async {
        let future = heist::create_future::<()>();
        assert!(capture_call_graph(Some(&future)).unwrap().awaited_by().is_empty());
        let tasks = ["first", "second", "third"].map(|name| {
            let future = future.clone();
            heist::create_task(async move { future.await.unwrap() }).with_name(name)
        });
        settle().await;
        let graph = capture_call_graph(Some(&future)).unwrap();
        assert!(graph.task().is_none() && graph.call_stack().is_empty());
        assert_eq!(awaiters(&graph), ["first", "second", "third"]);
        for waits in graph.awaited_by() {
            assert!(
                matches!(waits.call_stack(), [FrameCallGraphEntry::Awaits(what), _] if what.contains("Future"))
            );
        }
        assert!(graph.to_string().starts_with("* Future (at 0x"), "{graph}");

        future.set_result(()).unwrap();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(capture_call_graph(Some(&future)).unwrap().awaited_by().is_empty());
    });
}

#[test]
fn b203_several_who_wait_are_all_shown_and_each_is_told_once() {
    let gathers = |future: heist::future::Future<()>| async move {
        let wait = |name: &'static str| {
            let future = future.clone();
            async move {
                call_me(name);
                future.await.unwrap();
            }
        };
        drop(heist::gather(["first", "second"].map(wait)).await);
    };
    on_each_flavour(|| async {
        let future = heist::create_future::<()>();
        let task = heist::create_task(gathers(future.clone())).with_name("gathers");
        settle().await;
        let graph = capture_call_graph(Some(&future)).unwrap();
        assert_eq!(awaiters(&graph), ["first", "second"]);
        let [first, second] = graph.awaited_by() else { panic!("{graph:?}") };
        assert_eq!((awaiters(first), awaiters(second)), (vec!["gathers".into()], vec!["gathers".into()]));
        let (told, again) = (&first.awaited_by()[0], &second.awaited_by()[0]);
        assert!(!told.is_shown_above() && again.is_shown_above());
        assert_eq!((told.call_stack().len(), again.call_stack().len()), (3, 0));
        assert!(graph.to_string().contains(", as above\n"), "{graph}");
        assert!(graph.cycles().is_empty());
        future.set_result(()).unwrap();
        task.await.unwrap();
    });
}

#[test]
fn a_stack_ends_at_the_task_itself_also_when_asked_from_inside() {
    async fn outermost() -> FutureCallGraph {
        call_me("outermost");
        nested().await
    }
    async fn nested() -> FutureCallGraph {
        heist::yield_now().await;
        capture_call_graph(None).unwrap()
    }
    on_each_flavour(|| async {
        let graph = heist::create_task(outermost()).await.unwrap();
        assert_eq!(name(&graph), "outermost");
        let Some(FrameCallGraphEntry::Future { name: future, .. }) = graph.call_stack().last() else {
            panic!("{graph:?}")
        };
        assert!(future.ends_with("outermost"), "{future}");
    });
}

#[test]
fn b206_names_are_shown() {
    let wait = || async {
        heist::create_task(async {
            call_me("a child with a name");
            std::future::pending::<()>().await;
        })
        .await
        .unwrap();
    };
    beside(wait, async |task| {
        let child = find("a child with a name");
        let text = format_call_graph(Some(&child));
        let expected = format!(
            "* Task \"a child with a name\" (id {})\n\
             \x20 + Call stack:\n\
             \x20 |   async {}, created at {}\n\
             \x20 + Awaited by:\n\
             \x20   * Task \"waits\" (id {})\n\
             \x20     + Call stack:\n\
             \x20     |   awaits Task \"a child with a name\" (id {})\n\
             \x20     |   async {}, created at {}\n",
            child.id(),
            child.future_name(),
            child.location(),
            task.id(),
            child.id(),
            task.future_name(),
            task.location(),
        );
        assert_eq!(text, expected);
        // Another thread may ask, of a task whose loop runs.
        let asked = heist::to_thread(move || format_call_graph(Some(&child)));
        assert_eq!(asked.await.unwrap(), text);
        // And the current task of itself.
        call_me("main");
        let own = format_call_graph(None);
        assert!(own.starts_with("* Task \"main\""), "{own}");
    });
}

#[test]
fn b207_cycles_are_told_instead_of_a_graph() {
    let tie = || async {
        // Each waits for the other's handle, without passing its own cancellation on; a third waits for one of them.
        let (first_handle, second_handle) = (heist::Queue::new(), heist::Queue::new());
        let waits_for = |name: &'static str, handles: heist::Queue<heist::Task<()>>| async move {
            call_me(name);
            let other = handles.get().await.unwrap();
            drop(heist::wait([other]).await);
        };
        let first = heist::create_task(waits_for("first", second_handle.clone()));
        let second = heist::create_task(waits_for("second", first_handle.clone()));
        settle().await;
        first_handle.put_nowait(first).unwrap();
        second_handle.put_nowait(second).unwrap();
        std::future::pending::<()>().await;
    };
    beside(tie, async |_| {
        settle().await;
        for (of, cycle) in [("first", ["first", "second"]), ("second", ["second", "first"])] {
            let graph = graph_of(of);
            let cycles = graph.cycles();
            let names: Vec<Vec<_>> = cycles
                .iter()
                .map(|cycle| cycle.iter().map(|task| task.name().to_string()).collect())
                .collect();
            assert_eq!(names, [cycle]);
            // Each waits for the next.
            for (task, next) in cycles[0].iter().zip(cycles[0].iter().cycle().skip(1)) {
                assert_eq!(awaiters(&capture_call_graph(Some(next)).unwrap()), [&*task.name()]);
            }
            let text = graph.to_string();
            assert!(!text.contains("Awaited by"), "{text}");
            let [first, second] = &cycles[0][..] else { unreachable!() };
            let line = format!(
                "* Task {of:?} (id {}) -> Task {:?} (id {}) -> Task {of:?} (id {})\n",
                first.id(),
                cycle[1],
                second.id(),
                first.id()
            );
            assert!(text.ends_with(&line), "{text}");
        }
        // The flat list has them all the same.
        assert!(heist::all_tasks().len() >= 3);
    });
}
