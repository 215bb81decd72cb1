//! Where warnings go with the feature `tracing`: to the subscriber, and without one to stderr.
#![cfg(not(heist_loom))]

mod support;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use heist::EventLoop;
use support::said::{debug_on, said};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

const SLOW: Duration = Duration::from_millis(5);
/// A part of what is said of each of the mistakes of [`make_mistakes`].
const SAID: [&str; 4] = [
    "was never awaited, and did nothing",
    "executing task snail (created at ",
    "a task that nobody awaits has failed: the disk is full; task writer",
    "a server on 127.0.0.1:",
];

/// Makes one mistake of each kind.
fn make_mistakes(event_loop: &EventLoop) {
    event_loop.set_slow_callback_duration(SLOW);
    let mistakes = async {
        drop(heist::sleep(SLOW));
        heist::create_task(async { thread::sleep(SLOW) }).with_name("snail").await.unwrap();
        let task = heist::create_task(async { Err::<(), _>("the disk is full") }).with_name("writer");
        drop(task.report_unread());
        heist::sleep(SLOW).await;
        let server = heist::start_server(async |_, _| (), "127.0.0.1:0").start_serving(false);
        drop(server.await.unwrap());
    };
    event_loop.run_until_complete(mistakes).unwrap();
    event_loop.close().unwrap();
}

#[track_caller]
fn each_once(lines: &[String]) {
    for what in SAID {
        assert_eq!(lines.iter().filter(|line| line.contains(what)).count(), 1, "{what}: {lines:?}");
    }
}

/// Keeps the messages of heist's warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Visit for Warnings {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0.lock().unwrap().push(format!("{value:?}"));
        }
    }
}

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "heist" && *event.metadata().level() == Level::WARN {
            event.record(&mut self.clone());
        }
    }
}

#[test]
fn a_subscriber_is_told_of_what_debug_mode_sees() {
    let warnings = Warnings::default();
    let subscriber = tracing_subscriber::registry().with(warnings.clone());
    tracing::subscriber::with_default(subscriber, || {
        make_mistakes(&EventLoop::builder().current_thread().debug(true).build_event_loop().unwrap());
    });
    each_once(&warnings.0.lock().unwrap());
}

#[test]
fn stderr_is_told_where_nobody_subscribes() {
    for lines in
        said("stderr_is_told_where_nobody_subscribes", debug_on, |event_loop| make_mistakes(&event_loop))
    {
        each_once(&lines);
    }
}
