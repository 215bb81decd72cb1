//! The feature `tracing`: a span for each task, in the form that tokio-console reads, and the life of its wakers.
#![cfg(not(heist_loom))]

mod support;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use support::on_each_flavour;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

type Fields = BTreeMap<&'static str, String>;

/// What was told of one task.
#[derive(Clone, Debug, Default)]
struct Told {
    fields: Fields,
    entered: usize,
    inside: usize,
    closed: bool,
    /// How often each of a waker's operations came.
    ops: BTreeMap<String, usize>,
    /// What the program told inside.
    messages: Vec<String>,
}

impl Told {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    fn op(&self, name: &str) -> usize {
        self.ops.get(name).copied().unwrap_or(0)
    }
}

/// Writes down what tokio-console would read. By the span's number, which is a task's own.
#[derive(Clone, Default)]
struct Record(Arc<Mutex<BTreeMap<u64, Told>>>);

impl Record {
    fn on(&self, id: u64, note: impl FnOnce(&mut Told)) {
        if let Some(told) = self.0.lock().unwrap().get_mut(&id) {
            note(told);
        }
    }

    /// The tasks of that name, in the order of their making.
    fn named(&self, name: &str) -> Vec<Told> {
        let mut found: Vec<Told> =
            self.0.lock().unwrap().values().filter(|told| told.field("task.name") == name).cloned().collect();
        found.sort_by_key(|told| told.field("task.id").parse::<u64>().unwrap());
        found
    }
}

struct Read(Fields);

impl Visit for Read {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Record {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        if attributes.metadata().name() == "runtime.spawn" {
            let mut read = Read(Fields::new());
            attributes.record(&mut read);
            // A number comes again when its span was closed: those of tasks that have ended are kept by another.
            let mut record = self.0.lock().unwrap();
            if let Some(before) = record.remove(&id.into_u64()) {
                let other = u64::MAX - record.len() as u64;
                record.insert(other, before);
            }
            record.insert(id.into_u64(), Told { fields: read.0, ..Told::default() });
        }
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        self.on(id.into_u64(), |told| (told.entered, told.inside) = (told.entered + 1, told.inside + 1));
    }

    fn on_exit(&self, id: &Id, _: Context<'_, S>) {
        self.on(id.into_u64(), |told| told.inside -= 1);
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.on(id.into_u64(), |told| told.closed = true);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut read = Read(Fields::new());
        event.record(&mut read);
        if event.metadata().target() == "tokio::task::waker" {
            let id = read.0["task.id"].parse().unwrap();
            self.on(id, |told| *told.ops.entry(read.0["op"].clone()).or_default() += 1);
        } else if let (Some(span), Some(message)) = (context.event_span(event), read.0.get("message")) {
            self.on(span.id().into_u64(), |told| told.messages.push(message.clone()));
        }
    }
}

/// The record of this process: workers' threads have no subscriber of their own. Tests tell their tasks by name.
fn record() -> Record {
    static RECORD: OnceLock<Record> = OnceLock::new();
    let record = RECORD.get_or_init(|| {
        let record = Record::default();
        let subscriber = tracing_subscriber::registry().with(record.clone());
        tracing::subscriber::set_global_default(subscriber).unwrap();
        record
    });
    record.clone()
}

/// The one task of that name since the last look.
fn last(name: &str) -> Told {
    record().named(name).pop().unwrap_or_else(|| panic!("no task {name:?}"))
}

#[test]
fn a_task_is_a_span_with_its_name_and_its_place() {
    record();
    on_each_flavour(|| async {
        let line = line!() + 1;
        let task = heist::task(async {}).name("reader").spawn();
        let id = task.id();
        task.shared().await.unwrap();
        let told = last("reader");
        assert!(["task", "local"].contains(&told.field("kind")));
        assert_eq!(told.field("task.id"), id.to_string());
        assert_eq!(told.field("loc.line"), line.to_string());
        assert!(told.field("loc.file").ends_with("tests/tracing.rs"));
        assert!(told.field("loc.col").parse::<u32>().unwrap() > 0);
        assert!(told.field("future").contains("a_task_is_a_span"));
        assert_ne!(told.field("task.parent"), "0");
        assert_eq!((told.entered, told.inside, told.closed), (1, 0, true));
    });
}

#[test]
fn what_a_task_tells_is_inside_its_span() {
    record();
    on_each_flavour(|| async {
        let told = |text: &'static str| async move {
            tracing::info!("{text} before");
            heist::sleep(Duration::from_millis(1)).await;
            tracing::info!("{text} after");
        };
        let one = heist::task(told("one")).name("teller one").spawn();
        let two = heist::task(told("two")).name("teller two").spawn();
        one.await.unwrap();
        two.await.unwrap();
        assert_eq!(last("teller one").messages, ["one before", "one after"]);
        assert_eq!(last("teller two").messages, ["two before", "two after"]);
        assert_eq!(last("teller two").entered, 2);
    });
}

#[test]
fn each_waker_that_is_cloned_is_dropped_or_woken() {
    record();
    on_each_flavour(|| async {
        let event = Arc::new(heist::Event::new());
        let waits = event.clone();
        let task = heist::task(async move {
            waits.wait().await;
            heist::sleep(Duration::from_millis(1)).await;
        });
        let task = task.name("sleeper").spawn();
        heist::sleep(Duration::from_millis(1)).await;
        event.set();
        task.await.unwrap();
        let told = last("sleeper");
        assert!(told.op("waker.clone") >= 2, "{told:?}");
        assert!(told.op("waker.wake") + told.op("waker.wake_by_ref") >= 2, "{told:?}");
        // A wake by value is the end of that waker.
        assert_eq!(told.op("waker.clone"), told.op("waker.drop") + told.op("waker.wake"), "{told:?}");
    });
}

#[test]
fn a_yield_is_a_wake() {
    record();
    on_each_flavour(|| async {
        heist::task(async { heist::yield_now().await }).name("yielder").spawn().await.unwrap();
        assert_eq!(last("yielder").op("waker.wake_by_ref"), 1);
    });
}

#[test]
fn a_task_that_fails_or_is_cancelled_leaves_and_closes_its_span() {
    record();
    on_each_flavour(|| async {
        let panics = heist::task(async { panic!("as it is asked to") }).name("panics").spawn();
        assert!(panics.await.is_err());
        let told = last("panics");
        assert_eq!((told.entered, told.inside, told.closed), (1, 0, true));

        let waits = heist::task(std::future::pending::<()>()).name("is cancelled").spawn();
        heist::yield_now().await;
        waits.cancel();
        assert!(waits.await.is_err());
        let told = last("is cancelled");
        assert_eq!((told.inside, told.closed), (0, true));
    });
}

#[test]
fn tasks_that_the_loop_ends_close_their_spans() {
    record();
    on_each_flavour(|| async {
        drop(heist::task(std::future::pending::<()>()).name("left").spawn());
    });
    let left = record().named("left");
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|told| told.closed));
}

#[test]
fn a_closure_and_the_main_future_have_kinds_of_their_own() {
    record();
    on_each_flavour(|| async {
        let id = heist::current_task().unwrap().id();
        let main = last(&format!("Task-{id}"));
        assert_eq!((main.field("kind"), main.closed), ("block_on", false));
        let closure = heist::to_thread(|| tracing::info!("inside"));
        closure.set_name("a closure");
        let name = format!("Task-{}", closure.id());
        closure.await.unwrap();
        let told = last(&name);
        assert_eq!((told.field("kind"), told.closed), ("blocking", true));
        assert_eq!(told.messages, ["inside"]);
    });
}

#[test]
fn a_task_from_another_thread_has_its_name_too() {
    record();
    on_each_flavour(|| async {
        let handle = heist::Handle::current().unwrap();
        let made = std::thread::spawn(move || {
            let options = || {
                let mut options = heist::TaskOptions::default();
                options.name = Some("from afar".into());
                options
            };
            handle.create_body(async {}, options(), std::panic::Location::caller())
        });
        while !made.is_finished() {
            heist::yield_now().await;
        }
        made.join().unwrap().await.unwrap();
        let told = last("from afar");
        assert_eq!((told.entered, told.closed), (1, true));
    });
}

/// A subscriber that wants no spans of tasks, for this thread.
struct Deaf(Arc<Mutex<usize>>);

impl<S: Subscriber> Layer<S> for Deaf {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.name() != "runtime.spawn"
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        *self.0.lock().unwrap() += usize::from(event.metadata().target() == "tokio::task::waker");
    }
}

#[test]
fn where_nobody_wants_spans_no_waker_is_told_of() {
    let ops = Arc::new(Mutex::new(0));
    let subscriber = tracing_subscriber::registry().with(Deaf(ops.clone()));
    tracing::subscriber::with_default(subscriber, || {
        support::in_order(async {
            heist::task(heist::sleep(Duration::from_secs(1))).name("unseen").spawn().await.unwrap();
        });
    });
    assert_eq!(*ops.lock().unwrap(), 0);
    assert!(record().named("unseen").is_empty());
}
