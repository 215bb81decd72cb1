//! The feature `metrics`: what arrives at a recorder.
#![cfg(all(unix, not(heist_loom)))]

#[path = "../../../crates/heist/tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use heist::metrics_exporter::{Exporter, describe};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use support::on_each_flavour;

/// Every metric of one worker, and of the loop, as the module's table has them.
const OF_THE_LOOP: usize = 10;
const OF_A_WORKER: usize = 8;

/// What a recorder was told: by the name and the labels `loop` and `worker`.
fn told(snapshots: &Snapshotter) -> BTreeMap<(String, Vec<String>), f64> {
    let entries = snapshots.snapshot().into_vec().into_iter();
    let entry = |(key, _, _, value): (metrics_util::CompositeKey, _, _, DebugValue)| {
        let labels = key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let value = match value {
            DebugValue::Counter(value) => value as f64,
            DebugValue::Gauge(value) => value.into_inner(),
            DebugValue::Histogram(_) => panic!("{key:?}: nothing is a histogram"),
        };
        ((key.key().name().to_owned(), labels), value)
    };
    entries.map(entry).collect()
}

#[test]
fn the_counts_of_the_loop_and_of_each_worker_arrive() {
    on_each_flavour(|| async {
        let recorder = DebuggingRecorder::new();
        let sleeper = heist::create_task(heist::sleep(Duration::from_secs(1)));
        heist::yield_now().await;
        let handle = heist::Handle::current().unwrap();
        let exporter = Exporter::new(handle.clone()).label("loop", "main");
        metrics::with_local_recorder(&recorder, || exporter.record());
        let told = told(&recorder.snapshotter());
        let of_loop = |name: &str| told[&(name.to_owned(), vec!["loop=main".to_owned()])];
        assert_eq!(of_loop("heist_live_tasks"), 2.0);
        assert_eq!(of_loop("heist_created_tasks_total"), handle.metrics().created_tasks as f64);
        let labels = vec!["loop=main".to_owned(), "worker=0".to_owned()];
        assert!(told[&("heist_worker_polls_total".to_owned(), labels)] >= 1.0);
        let expected = OF_THE_LOOP + OF_A_WORKER * handle.workers();
        assert_eq!(told.len(), expected, "nothing of spare workers that never ran: {told:#?}");
        sleeper.await.unwrap();
    });
}

#[test]
fn a_counter_goes_on_from_sample_to_sample() {
    on_each_flavour(|| async {
        let recorder = DebuggingRecorder::new();
        let exporter = Exporter::current().unwrap();
        let created = || {
            metrics::with_local_recorder(&recorder, || exporter.record());
            told(&recorder.snapshotter())[&("heist_created_tasks_total".to_owned(), vec![])]
        };
        let before = created();
        for _ in 0..10 {
            heist::create_task(async {}).await.unwrap();
        }
        assert_eq!(created(), before + 10.0);
    });
}

#[test]
fn each_has_a_unit_and_a_description() {
    on_each_flavour(|| async {
        let recorder = DebuggingRecorder::new();
        metrics::with_local_recorder(&recorder, || {
            describe();
            Exporter::current().unwrap().record();
        });
        for (key, unit, description, _) in recorder.snapshotter().snapshot().into_vec() {
            assert!(unit.is_some() && description.is_some(), "{key:?}");
        }
    });
}

#[test]
fn a_task_samples_at_intervals_until_the_loop_is_closed() {
    let other = heist::EventLoop::new().unwrap();
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    // For the whole process: the other tests have recorders of their own thread.
    recorder.install().unwrap();
    support::in_order(async {
        let exporter = Exporter::new(other.handle()).label("loop", "other");
        let samples = heist::create_task(exporter.run(Duration::from_secs(10)));
        heist::sleep(Duration::from_secs(1)).await;
        let name = ("heist_live_tasks".to_owned(), vec!["loop=other".to_owned()]);
        assert_eq!(told(&snapshots)[&name], 0.0);
        other.close().unwrap();
        samples.await.unwrap();
        assert!(heist::Handle::current().unwrap().time() >= Duration::from_secs(10));
    });
}

#[test]
fn without_a_loop_there_is_an_error() {
    assert!(Exporter::current().unwrap_err().to_string().contains("heist::run"));
}
