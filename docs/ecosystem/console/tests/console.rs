//! What tokio-console sees of our tasks, through its own protocol: console-subscriber serves, and this asks.
#![cfg(not(heist_loom))]
#![cfg_attr(not(console_without_tokio_unstable), allow(unused, reason = "the test is skipped"))]

use std::collections::HashMap;
use std::time::Duration;

use console_api::instrument::instrument_client::InstrumentClient;
use console_api::instrument::{InstrumentRequest, Update};
use console_api::tasks::{Stats, Task};
use console_api::{Field, field};

/// Nothing here takes that long, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(not(console_without_tokio_unstable))]
#[test]
fn the_console_sees_our_tasks() {
    println!("skipped: it takes RUSTFLAGS=\"--cfg console_without_tokio_unstable\"");
}

#[cfg(console_without_tokio_unstable)]
#[test]
fn the_console_sees_our_tasks() {
    // A port that was free a moment ago: console-subscriber takes an address, and no socket.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let console = console_subscriber::ConsoleLayer::builder()
        .server_addr(address)
        .publish_interval(Duration::from_millis(20));
    console.init();
    for builder in [heist::Builder::new().workers(2), heist::Builder::new().current_thread()] {
        builder.build().unwrap().run(heist::wait_for(look(address), PATIENCE)).unwrap().expect("it hangs");
    }
}

/// Runs a task to be seen, and ends it once it was.
async fn look(address: std::net::SocketAddr) {
    let (line, ticker) = (line!(), heist::task(tick()).name("ticker").spawn());
    let id = ticker.id();
    let (task, stats) = heist::to_thread(move || seen(address, id)).await.unwrap();
    let fields = by_name(&task);
    assert_eq!(fields["task.name"], "\"ticker\"");
    assert!(fields["future"].contains("tick"));
    assert!(["\"task\"", "\"local\""].contains(&fields["kind"].as_str()));
    let location = task.location.unwrap();
    assert_eq!(location.line, Some(line));
    assert!(location.file.unwrap().ends_with("tests/console.rs"));
    // The first poll comes of the creation.
    let polls = stats.poll_stats.unwrap().polls;
    assert!(polls >= 3 && stats.wakes + 1 >= polls, "{polls} polls, {} wakes", stats.wakes);
    assert!(stats.waker_clones >= stats.waker_drops);
    ticker.cancel();
    assert!(ticker.await.unwrap_err().is_cancelled());
}

async fn tick() {
    loop {
        heist::sleep(Duration::from_millis(5)).await;
    }
}

/// The task of that id, and its counts when it was polled three times; by a client of tokio's own.
fn seen(address: std::net::SocketAddr, id: u64) -> (Task, Stats) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut client = loop {
            // Until the subscriber's thread listens.
            match InstrumentClient::connect(format!("http://{address}")).await {
                Ok(client) => break client,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        };
        let mut updates = client.watch_updates(InstrumentRequest {}).await.unwrap().into_inner();
        let mut found = None;
        loop {
            let Update { task_update, .. } = updates.message().await.unwrap().expect("the stream goes on");
            let Some(update) = task_update else { continue };
            let new = update.new_tasks.into_iter();
            found =
                found.or(new.into_iter().find(|task| by_name(task).get("task.id") == Some(&id.to_string())));
            let Some(task) = &found else { continue };
            let stats = task.id.as_ref().and_then(|id| update.stats_update.get(&id.id));
            if let Some(stats) =
                stats.filter(|stats| stats.poll_stats.as_ref().is_some_and(|poll| poll.polls >= 3))
            {
                return (task.clone(), *stats);
            }
        }
    })
}

/// The fields of a task, as text.
fn by_name(task: &Task) -> HashMap<String, String> {
    let text = |value: &field::Value| match value {
        field::Value::DebugVal(value) => value.clone(),
        field::Value::StrVal(value) => format!("{value:?}"),
        field::Value::U64Val(value) => value.to_string(),
        field::Value::I64Val(value) => value.to_string(),
        field::Value::BoolVal(value) => value.to_string(),
    };
    let entry = |field: &Field| {
        let Some(field::Name::StrName(name)) = &field.name else { return None };
        Some((name.clone(), text(field.value.as_ref()?)))
    };
    task.fields.iter().filter_map(entry).collect()
}
