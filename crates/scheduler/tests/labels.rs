//! A task that is named by what lies in its cell.
#![cfg(not(heist_loom))]

use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use heist_core::Clock;
use heist_core::driver::NoDriver;
use heist_scheduler::task::{Body, Label, NamesTask};
use heist_scheduler::{Config, Handle, LocalScheduler, Scheduler, Task, TaskError, yield_now};

/// Says the name, and counts by its references who still has it.
struct Name(Arc<String>);

impl NamesTask for Name {
    fn task_name(&self) -> Option<Arc<str>> {
        (!self.0.is_empty()).then(|| Arc::from(self.0.as_str()))
    }
}

/// Ends at the second poll.
struct Named {
    name: Arc<String>,
    polled: bool,
}

impl Body for Named {
    type Output = u32;
    type Watch = Label<Name>;

    fn poll_body(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<u32, TaskError>> {
        if std::mem::replace(&mut self.polled, true) {
            return Poll::Ready(Ok(7));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn watch(&mut self) -> Label<Name> {
        Label(Name(self.name.clone()))
    }
}

fn create(name: &Arc<String>) -> Task<u32> {
    let named = Named { name: name.clone(), polled: false };
    Handle::current().unwrap().create_body(named, Default::default(), Location::caller())
}

/// Waits, not for ever, until so many others have the name: another worker may be about to let go.
async fn others_of(name: &Arc<String>, count: usize) {
    for _ in 0..1_000_000 {
        if Arc::strong_count(name) == count + 1 {
            return;
        }
        yield_now().await;
    }
    panic!("{} others have it", Arc::strong_count(name) - 1);
}

/// On either flavour.
fn run<F: Future<Output = ()> + Send + 'static>(test: impl Fn() -> F) {
    let (clock, config) = (Clock::real(), Config::new(2));
    Scheduler::new(config, clock, Arc::new(NoDriver)).block_on(test()).unwrap();
    LocalScheduler::new(Config::new(1), Clock::real(), Arc::new(NoDriver)).block_on(test()).unwrap();
}

#[test]
fn label_names_the_task_until_somebody_else_does() {
    run(|| async {
        let task = create(&Arc::new("by its label".to_owned()));
        assert_eq!(&*task.name(), "by its label");
        let other = task.task_ref();
        assert_eq!(&*std::thread::spawn(move || other.name()).join().unwrap(), "by its label");
        task.set_name("by its owner");
        assert_eq!(&*task.name(), "by its owner");
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn label_without_a_name_leaves_the_usual_one() {
    run(|| async {
        let task = create(&Arc::new("".to_owned()));
        assert!(task.name().starts_with("Task-"), "{}", task.name());
        task.await.unwrap();
    });
}

#[test]
fn label_lives_as_long_as_the_cell() {
    run(|| async {
        let name = Arc::new("kept".to_owned());
        let task = create(&name);
        let last = task.task_ref();
        assert_eq!(task.await.unwrap(), 7);
        others_of(&name, 1).await;
        assert_eq!(&*last.name(), "kept", "the task has ended, and the reference keeps its cell");
        drop(last);
        others_of(&name, 0).await;
    });
}

#[test]
fn label_of_a_task_that_never_ran_is_dropped() {
    let name = Arc::new("closed".to_owned());
    let scheduler = LocalScheduler::new(Config::new(1), Clock::real(), Arc::new(NoDriver));
    scheduler.block_on(async { drop(create(&name)) }).unwrap();
    drop(scheduler);
    assert_eq!(Arc::strong_count(&name), 1);
}
