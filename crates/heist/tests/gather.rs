//! Waiting for several tasks and taking their values. Behaviours GATHER.
#![cfg(not(heist_loom))]

mod support;

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::Poll;
use std::time::Duration;

use heist::{TaskRef, catch_cancelled, create_future, create_task, ensure_future, gather, sleep};
use support::on_each_flavour;

const LONG: Duration = Duration::from_secs(3600);

/// Lets every other task come to rest: with virtual time, a moment passes only when nothing can run.
async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

async fn after(seconds: u64, value: u32) -> u32 {
    sleep(Duration::from_secs(seconds)).await;
    value
}

#[test]
fn b146_values_are_in_the_order_of_the_arguments_once_all_are_there() {
    on_each_flavour(|| async {
        let (first, second, third) = (create_future(), create_future(), create_future());
        let mut all = gather([first.wait(), second.wait(), third.wait()]);
        settle().await;
        second.set_result(2).unwrap();
        settle().await;
        first.set_result(1).unwrap();
        settle().await;
        assert!(!all.done());
        third.set_result(3).unwrap();
        (&mut all).await;
        assert!(all.done());
        let values: Vec<u32> = all.await.unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!(values, [1, 2, 3]);

        let (number, text, list) =
            heist::gather!(after(3, 1), async { "two" }, create_task(async { vec![3] })).await.unwrap();
        assert_eq!((number, text, list), (1, "two", vec![3]));
    });
}

#[test]
fn b147_no_tasks_give_an_empty_list_at_once() {
    on_each_flavour(|| async {
        let none = gather(Vec::<std::future::Ready<u32>>::new());
        assert!(none.done());
        assert!(!none.cancel(), "there is nothing to cancel");
        assert_eq!(none.await.unwrap(), [0_u32; 0]);
        assert_eq!(gather(Vec::<std::future::Ready<u32>>::new()).return_exceptions().await.len(), 0);
    });
}

#[test]
fn b148_the_first_error_completes_it_and_the_others_go_on() {
    on_each_flavour(|| async {
        let ended = Arc::new(AtomicU32::new(0));
        let end = ended.clone();
        let slow = create_task(async move {
            sleep(Duration::from_secs(10)).await;
            end.fetch_add(1, SeqCst);
        });
        let watched = slow.task_ref();
        let failing = create_task(async {
            sleep(Duration::from_secs(1)).await;
            panic!("the first");
        });
        let later = create_task(async {
            sleep(Duration::from_secs(2)).await;
            panic!("the second");
        });
        let second = later.task_ref();
        let error = gather([slow, later, failing]).await.unwrap_err();
        assert_eq!(error.panic_message(), Some("the first"));
        assert!(!watched.done() && !second.done());
        assert_eq!(watched.cancelling(), 0);
        sleep(Duration::from_secs(20)).await;
        assert!(watched.done() && !watched.cancelled());
        assert_eq!(ended.load(SeqCst), 1);
    });
}

#[test]
fn b148_a_task_that_has_failed_before_completes_it_at_once() {
    on_each_flavour(|| async {
        let mut failed = create_task(async { panic!("before") });
        (&mut failed).await;
        let all = gather([create_task(pending::<()>()), failed]);
        assert!(all.done());
        assert_eq!(all.await.unwrap_err().panic_message(), Some("before"));
    });
}

#[test]
fn b149_in_collect_mode_errors_are_in_their_places() {
    on_each_flavour(|| async {
        let tasks = [
            create_task(after(3, 1)),
            create_task(async { panic!("in its place") }),
            create_task(after(1, 3)),
        ];
        let mut all = gather(tasks).return_exceptions();
        settle().await;
        assert!(!all.done(), "it waits for everybody");
        (&mut all).await;
        let outcomes = all.await;
        assert_eq!(*outcomes[0].as_ref().unwrap(), 1);
        assert_eq!(outcomes[1].as_ref().unwrap_err().panic_message(), Some("in its place"));
        assert_eq!(*outcomes[2].as_ref().unwrap(), 3);
    });
}

#[test]
fn b150_a_cancelled_child_is_an_error_and_cancels_neither_the_gather_nor_its_siblings() {
    on_each_flavour(|| async {
        let (first, second) = (create_task(sleep(LONG)), create_task(after(5, 7)));
        let (cancelled, sibling) = (first.task_ref(), second.task_ref());
        let waiting = create_task(async move {
            let mut all = heist::gather!(first, second);
            // Nothing is raised: what follows runs.
            (&mut all).await;
            let was_cancelled = all.cancelled();
            (was_cancelled, all.await.unwrap_err())
        });
        settle().await;
        cancelled.cancel_with("only this one");
        let (gather_cancelled, error) = waiting.await.unwrap();
        assert!(!gather_cancelled);
        assert_eq!(error.as_cancelled().unwrap().message(), Some("only this one"));
        assert!(!sibling.done() && sibling.cancelling() == 0);
        sleep(Duration::from_secs(10)).await;
        assert!(sibling.done() && !sibling.cancelled());
    });
}

#[test]
fn b151_in_collect_mode_a_cancelled_child_is_a_value() {
    on_each_flavour(|| async {
        let (first, second) = (create_task(sleep(LONG)), create_task(after(5, 7)));
        let cancelled = first.task_ref();
        let all = heist::gather!(first, second).return_exceptions();
        settle().await;
        cancelled.cancel();
        let (first, second) = all.await;
        assert!(first.unwrap_err().is_cancelled());
        assert_eq!(second.unwrap(), 7);
    });
}

/// A task that counts its cancellation, and ends cancelled after a moment of cleaning up.
fn careful(cleaned: &Arc<AtomicU32>) -> heist::Task<()> {
    let cleaned = cleaned.clone();
    create_task(async move {
        if let Err(error) = catch_cancelled(sleep(LONG)).await {
            sleep(Duration::from_secs(1)).await;
            cleaned.fetch_add(1, SeqCst);
            error.resume().await
        }
    })
}

#[test]
fn b152_cancelling_who_awaits_cancels_every_child_and_waits_for_their_ends() {
    on_each_flavour(|| async {
        let cleaned = Arc::new(AtomicU32::new(0));
        let (first, second) = (careful(&cleaned), careful(&cleaned));
        let children = [first.task_ref(), second.task_ref()];
        let all = gather([first, second]);
        let its = all.gather_ref();
        let passed = Arc::new(AtomicU32::new(0));
        let beyond = passed.clone();
        let outer = create_task(async move {
            let _ = all.await;
            beyond.fetch_add(1, SeqCst);
        });
        settle().await;
        assert!(outer.cancel_with("stop all"));
        let error = outer.await.unwrap_err();
        assert_eq!(error.as_cancelled().unwrap().message(), Some("stop all"));
        assert!(children.iter().all(TaskRef::cancelled));
        assert_eq!(cleaned.load(SeqCst), 2, "their clean-up has run before");
        assert_eq!(passed.load(SeqCst), 0, "what follows the await does not run");
        assert!(its.done() && its.cancelled());
        assert!(!its.cancel(), "it is over");
    });
}

#[test]
fn b152_a_scope_around_the_gather_gets_the_request_after_the_children_have_ended() {
    on_each_flavour(|| async {
        let cleaned = Arc::new(AtomicU32::new(0));
        let (first, second) = (careful(&cleaned), careful(&cleaned));
        let seen = cleaned.clone();
        let outer = create_task(async move {
            let error = catch_cancelled(heist::gather!(first, second)).await.unwrap_err();
            (error, seen.load(SeqCst))
        });
        settle().await;
        outer.cancel_with("scoped");
        let (error, cleaned) = outer.await.unwrap();
        assert_eq!((error.message(), cleaned), (Some("scoped"), 2));
    });
}

#[test]
fn b152_cancelling_the_gather_itself_is_an_error_for_who_awaits_it() {
    on_each_flavour(|| async {
        let children = [create_task(sleep(LONG)), create_task(sleep(LONG))];
        let refs = children.each_ref().map(heist::Task::task_ref);
        let all = gather(children);
        settle().await;
        assert!(all.cancel_with("by its handle"));
        assert!(!all.done(), "the children have yet to end");
        settle().await;
        assert!(all.done() && all.cancelled() && refs.iter().all(TaskRef::cancelled));
        let error = all.await.unwrap_err();
        assert_eq!(error.as_cancelled().unwrap().message(), Some("by its handle"));
    });
}

#[test]
fn b152_a_child_that_answers_with_a_panic_answers_for_all() {
    on_each_flavour(|| async {
        let answering = create_task(async {
            let _ = catch_cancelled(sleep(LONG)).await;
            panic!("no");
        });
        let other = create_task(sleep(LONG));
        let outer = create_task(async move { gather([answering, other]).await.unwrap_err() });
        settle().await;
        outer.cancel();
        assert_eq!(outer.await.unwrap().panic_message(), Some("no"));
    });
}

#[test]
fn b153_once_all_children_are_done_it_refuses_to_be_cancelled() {
    on_each_flavour(|| async {
        let (first, second) = (create_future(), create_future());
        let all = gather([first.wait(), second.wait()]);
        first.set_result(1).unwrap();
        second.set_result(2).unwrap();
        settle().await;
        assert!(!all.cancel());
        let values: Vec<u32> = all.await.unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!(values, [1, 2]);
    });
}

#[test]
fn b154_in_collect_mode_a_cancel_reaches_the_caller_with_its_message() {
    on_each_flavour(|| async {
        let cleaned = Arc::new(AtomicU32::new(0));
        let tasks = [careful(&cleaned), careful(&cleaned)];
        let passed = Arc::new(AtomicU32::new(0));
        let beyond = passed.clone();
        let outer = create_task(async move {
            let _ = gather(tasks).return_exceptions().await;
            beyond.fetch_add(1, SeqCst);
        });
        settle().await;
        outer.cancel_with("also in collect mode");
        let error = outer.await.unwrap_err();
        assert_eq!(error.as_cancelled().unwrap().message(), Some("also in collect mode"));
        assert_eq!((cleaned.load(SeqCst), passed.load(SeqCst)), (2, 0));
    });
}

#[test]
fn b154_a_collecting_gather_that_was_cancelled_by_its_handle_raises_where_it_is_awaited() {
    on_each_flavour(|| async {
        let all = gather([create_task(sleep(LONG))]).return_exceptions();
        assert!(all.cancel_with("by its handle"));
        let error = catch_cancelled(all).await.unwrap_err();
        assert_eq!(error.message(), Some("by its handle"));
    });
}

#[test]
fn a006_ensure_future_gives_a_task_back_as_it_is() {
    on_each_flavour(|| async {
        let task = create_task(async { 1 });
        let id = task.id();
        let same = ensure_future(task);
        assert_eq!(same.id(), id);
        assert_eq!(same.await.unwrap(), 1);
    });
}

#[test]
fn a007_ensure_future_makes_a_task_of_any_awaitable() {
    on_each_flavour(|| async {
        assert_eq!(ensure_future(after(1, 2)).await.unwrap(), 2);
        assert_eq!(ensure_future(gather([after(1, 3)])).await.unwrap(), [3]);
        let error = ensure_future(gather([async { panic!("inside") }])).await.unwrap_err();
        assert_eq!(error.panic_message(), Some("inside"), "a failure stays the failure that it is");
    });
}

#[test]
fn gathers_nest_and_a_cancel_goes_all_the_way_down() {
    on_each_flavour(|| async {
        let pairs = [gather([after(2, 1), after(1, 2)]), gather([after(1, 3), after(2, 4)])];
        assert_eq!(gather(pairs).await.unwrap(), [[1, 2], [3, 4]]);

        let leaf = create_task(sleep(LONG));
        let watched = leaf.task_ref();
        let outer = create_task(async move { gather([gather([leaf])]).await });
        settle().await;
        outer.cancel();
        assert!(outer.await.unwrap_err().is_cancelled());
        assert!(watched.cancelled());
    });
}

#[test]
fn a_gather_that_is_dropped_lets_its_tasks_run() {
    on_each_flavour(|| async {
        let task = create_task(after(5, 1));
        let watched = task.task_ref();
        let mut all = Box::pin(std::future::IntoFuture::into_future(gather([task])));
        std::future::poll_fn(|cx| {
            assert!(all.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(all);
        sleep(Duration::from_secs(10)).await;
        assert!(watched.done() && !watched.cancelled());
    });
}

#[test]
fn a_cancelled_closure_on_the_pool_is_not_waited_for() {
    on_each_flavour(|| async {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (begin, begun) = std::sync::mpsc::channel::<()>();
        let closure = heist::to_thread(move || {
            begin.send(()).unwrap();
            held.recv().is_ok()
        });
        let outer = create_task(async move { gather([closure]).await });
        settle_real().await;
        begun.recv().unwrap();
        outer.cancel();
        assert!(outer.await.unwrap_err().is_cancelled());
        release.send(()).unwrap();

        // One that was cancelled before.
        let (release, held) = std::sync::mpsc::channel::<()>();
        let closure = heist::to_thread(move || held.recv().is_ok());
        closure.cancel();
        assert!(gather([closure]).await.unwrap_err().is_cancelled());
        drop(release);
    });
}

/// As many turns as others may want; virtual time stands while a closure runs.
async fn settle_real() {
    for _ in 0..10 {
        heist::yield_now().await;
    }
}

#[test]
fn one_that_waits_for_a_hundred_tasks_is_polled_at_the_beginning_and_at_the_end() {
    support::in_order(async {
        let polls = Arc::new(AtomicU32::new(0));
        let seen = polls.clone();
        let waiting = create_task(async move {
            let all = gather((0..100).map(|n| after(1 + n % 7, n as u32)));
            let mut all = std::pin::pin!(std::future::IntoFuture::into_future(all));
            std::future::poll_fn(|cx| {
                seen.fetch_add(1, SeqCst);
                all.as_mut().poll(cx)
            })
            .await
        });
        assert_eq!(waiting.await.unwrap().unwrap(), (0..100).collect::<Vec<u32>>());
        assert_eq!(polls.load(SeqCst), 2);
    });
}

/// What the loop's exception handler was told while `future` ran, and all else came to rest.
async fn told(future: impl Future<Output = ()>) -> Vec<String> {
    let handle = heist::Handle::current().unwrap();
    let reports = Arc::new(std::sync::Mutex::new(Vec::new()));
    let list = reports.clone();
    handle.set_exception_handler(Some(Arc::new(move |_, report| {
        list.lock().unwrap().extend(report.panic.clone());
    })));
    future.await;
    sleep(Duration::from_secs(60)).await;
    handle.set_exception_handler(None);
    let mut told = std::mem::take(&mut *reports.lock().unwrap());
    told.sort();
    told
}

async fn fail_after(seconds: u64, text: &'static str) {
    sleep(Duration::from_secs(seconds)).await;
    std::panic::resume_unwind(Box::new(text));
}

#[test]
fn a036_failures_after_the_first_count_as_read() {
    on_each_flavour(|| async {
        let told = told(async {
            // The same without a gather is told of.
            drop(create_task(fail_after(1, "alone")));
            let tasks = [fail_after(2, "first"), fail_after(3, "second"), fail_after(4, "third")];
            assert_eq!(gather(tasks).await.unwrap_err().panic_message(), Some("first"));
            let (one, other) = (fail_after(2, "one"), fail_after(3, "other"));
            assert_eq!(heist::gather!(other, one).await.unwrap_err().panic_message(), Some("one"));
        })
        .await;
        assert_eq!(told, ["alone"]);
    });
}

/// The ids of those who await the task, as the graph tells them.
fn awaited_by(task: &TaskRef) -> Vec<u64> {
    let graph = heist::capture_call_graph(Some(task)).unwrap();
    graph.awaited_by().iter().filter_map(|graph| graph.task()).map(TaskRef::id).collect()
}

#[test]
fn b204_gather_wait_shield_and_as_completed_show_the_waiting_task() {
    on_each_flavour(|| async {
        let mut waiting = Vec::new();
        let child = || {
            let task = create_task(sleep(LONG));
            (task.task_ref(), task)
        };
        let (first, task) = child();
        waiting.push((first, create_task(async move { drop(gather([task]).await) })));
        let (first, task) = child();
        waiting.push((first, create_task(async move { drop(heist::wait([task]).await) })));
        let (first, task) = child();
        waiting.push((first, create_task(async move { drop(heist::shield(task).await) })));
        let (first, task) = child();
        waiting.push((first, create_task(async move { drop(heist::as_completed([task]).next().await) })));
        settle().await;
        for (child, waiting) in &waiting {
            assert_eq!(awaited_by(child), [waiting.id()]);
        }
        for (_, waiting) in waiting {
            waiting.cancel();
            assert!(waiting.await.is_err());
        }
    });
}

/// The programs of old: what is gathered is made before the loop runs.
#[test]
fn what_is_made_before_the_loop_runs_begins_with_it() {
    support::for_each_flavour(|builder| {
        let first = gather([after(1, 1), after(2, 2)]);
        let second = gather([after(2, 3), after(1, 4)]);
        let all = gather([first, second]);
        assert!(!all.done());
        let tuple = heist::gather!(after(1, 5), async { "six" });
        let waiting = heist::wait([after(1, 7), after(2, 8)]);
        let shielded = heist::shield(after(1, 9));
        let mut ends = heist::as_completed([after(2, 10), after(1, 11)]);
        let fallible = heist::try_gather([async { Ok::<_, String>(12) }]);
        let mut runner = builder.virtual_time().build().unwrap();
        assert_eq!(runner.run(all).unwrap().unwrap(), [[1, 2], [3, 4]]);
        assert_eq!(runner.run(tuple).unwrap().unwrap(), (5, "six"));
        assert_eq!(runner.run(waiting).unwrap().0.len(), 2);
        assert_eq!(runner.run(shielded).unwrap().unwrap(), 9);
        assert_eq!(runner.run(ends.next()).unwrap().unwrap().unwrap(), 11);
        assert_eq!(runner.run(fallible).unwrap().unwrap(), [12]);
    });
}

#[test]
fn a_gather_that_is_cancelled_before_the_loop_runs_ends_cancelled_in_it() {
    support::for_each_flavour(|builder| {
        let all = gather([async { unreachable!("it must not run") }]);
        let its = all.gather_ref();
        assert!(its.cancel_with("early"));
        let error = builder.build().unwrap().run(all).unwrap().unwrap_err();
        assert_eq!(error.as_cancelled().unwrap().message(), Some("early"));
        assert!(its.cancelled() && !its.cancel());
    });
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[test]
fn a_tuple_of_results_gives_its_values_or_the_first_error() {
    support::for_each_flavour(|builder| {
        let mut runner = builder.virtual_time().build().unwrap();
        // A boxed error goes on through `?`, as any other does.
        let main: Result<(), BoxError> = runner
            .run(async {
                let fails = async |seconds, text: &'static str| {
                    heist::sleep(Duration::from_secs(seconds)).await;
                    Err::<u32, BoxError>(text.into())
                };
                let begun = heist::get_running_loop().time();
                let values = heist::try_gather!(async { Ok::<_, BoxError>(1) }, async { Ok("two") }).await?;
                assert_eq!(values, (1, "two"));

                let first = heist::try_gather!(fails(2, "later"), fails(1, "first"), async { Ok("fine") });
                let error = first.await.unwrap_err();
                assert_eq!(error.to_string(), "first");
                assert_eq!(heist::get_running_loop().time() - begun, Duration::from_secs(1));

                let panics = heist::create_task(async { panic!("a bug") as Result<u32, BoxError> });
                let error = heist::try_gather!(panics, fails(1, "later")).await.unwrap_err();
                let heist::TryGatherError::Task(error) = error else { panic!("{error}") };
                let _: (u32, u32) = match error.panic_message() {
                    Some("a bug") => heist::try_gather!(fails(0, "the end"), async { Ok(3) }).await?,
                    other => panic!("{other:?}"),
                };
                unreachable!("the last one fails");
            })
            .unwrap();
        assert_eq!(main.unwrap_err().to_string(), "the end");
    });
}

#[test]
fn a_tuple_of_results_that_is_cancelled_cancels_its_tasks() {
    support::in_order(async {
        let forever = heist::create_task(std::future::pending::<Result<(), BoxError>>());
        let its = forever.task_ref();
        let both = heist::try_gather!(forever, async { Ok(7) });
        assert!(both.cancel() && !both.done());
        assert!(matches!(both.await, Err(heist::TryGatherError::Task(error)) if error.is_cancelled()));
        assert!(its.done());
    });
}
