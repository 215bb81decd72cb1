//! What the loop counts, through the crate `metrics`: a program installs a recorder (here one that prints), and an exporter
//! copies the counts to it.
//!
//! `cargo run -p heist-ecosystem --example metrics`
use std::sync::Mutex;
use std::time::Duration;

use heist::metrics_exporter::Exporter;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

#[heist::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let recorder = DebuggingRecorder::new();
    let snapshots = Mutex::new(recorder.snapshotter());
    // In a service this is the recorder of metrics-exporter-prometheus or its like.
    recorder.install()?;
    drop(heist::create_task(Exporter::current()?.run(Duration::from_millis(50))));

    let work = heist::gather((0..1000).map(|n| async move {
        heist::sleep(Duration::from_millis(n % 100)).await;
    }));
    work.await?;
    print(&snapshots.lock().expect("nobody else has it"));
    Ok(())
}

fn print(snapshots: &Snapshotter) {
    for (key, _, what, value) in snapshots.snapshot().into_vec() {
        let value = match value {
            DebugValue::Counter(value) => value.to_string(),
            DebugValue::Gauge(value) => value.to_string(),
            DebugValue::Histogram(values) => format!("{values:?}"),
        };
        println!("{} {value} ({})", key.key(), what.unwrap_or_default());
    }
}
