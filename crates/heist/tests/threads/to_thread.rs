//! `to_thread`.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use heist::to_thread;

use crate::support::in_real_time;

#[test]
fn b182_to_thread_gives_the_value() {
    in_real_time(|| async { assert_eq!(to_thread(|| 6 * 7).await.unwrap(), 42) });
}

#[test]
fn b183_to_thread_gives_the_error_and_the_panic() {
    in_real_time(|| async {
        let error = to_thread(|| "x".parse::<u8>()).await.unwrap();
        assert!(error.is_err());
        let panic = to_thread(|| -> u8 { panic!("on the thread") }).await.unwrap_err();
        assert_eq!(panic.panic_message(), Some("on the thread"));
    });
}

#[test]
fn b184_each_call_runs_its_closure_once() {
    in_real_time(|| async {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = || {
            let calls = calls.clone();
            move || calls.fetch_add(1, Ordering::SeqCst)
        };
        let tasks: Vec<_> = (0..10).map(|_| to_thread(count())).collect();
        let mut seen = HashSet::new();
        for task in tasks {
            seen.insert(task.await.unwrap());
        }
        assert_eq!((seen.len(), calls.load(Ordering::SeqCst)), (10, 10));
    });
}
