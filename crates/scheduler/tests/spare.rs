#![cfg(not(heist_loom))]
//! A spare worker that was chosen for a push does not leave with it.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Poll, Waker};
use std::time::Duration;

use heist_core::clock::NEVER;
use heist_core::{Clock, Driver, WorkerState};
use heist_scheduler::{Config, Scheduler, spawn};

/// A driver in which worker 0 alone waits, so that a spare waits on its parker and is preferred.
#[derive(Default)]
struct WorkerZeroWaits {
    token: Mutex<bool>,
    changed: Condvar,
    waiting: AtomicBool,
}

impl Driver for WorkerZeroWaits {
    fn worker_state(&self, _worker: usize) -> WorkerState {
        WorkerState::none()
    }
    fn io(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
    fn turn(&self, _worker: usize, _now: u64, _io: bool) {}
    fn next_deadline(&self, _worker: usize) -> u64 {
        NEVER
    }
    fn claim(&self, worker: usize) -> bool {
        worker == 0
    }
    fn park(&self, _worker: usize, _deadline: u64) {
        self.waiting.store(true, Ordering::SeqCst);
        let mut token = self.token.lock().unwrap();
        while !std::mem::take(&mut *token) {
            token = self.changed.wait(token).unwrap();
        }
        self.waiting.store(false, Ordering::SeqCst);
    }
    fn release(&self, _worker: usize) {}
    fn unpark(&self, _worker: usize) {
        *self.token.lock().unwrap() = true;
        self.changed.notify_all();
    }
    fn rescue(&self, _worker: usize, _now: u64) {}
    fn io_waiting(&self) -> bool {
        true
    }
    fn close(&self) {}
}

#[test]
fn a_spare_that_is_chosen_for_a_push_runs_it() {
    let config = Config { spares: 1, ..Config::new(1) };
    let driver = Arc::new(WorkerZeroWaits::default());
    let scheduler = Scheduler::new(config, Clock::real(), driver.clone());
    let handle = scheduler.handle();
    let (rescued, wait_rescued) = mpsc::channel();
    let (over, begin) = mpsc::channel::<()>();
    let (answer, answered) = mpsc::channel();
    let main: Arc<Mutex<Option<Waker>>> = Arc::default();
    let done = Arc::new(AtomicBool::new(false));
    let (its_main, its_done) = (main.clone(), done.clone());
    let foreign = std::thread::spawn(move || {
        begin.recv().unwrap();
        // The watchdog needs a tick to see that nobody is stuck any more, and worker 0 a moment to reach the driver.
        std::thread::sleep(Duration::from_millis(20));
        while !driver.waiting.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        let task = handle.create_task(async move { answer.send(()).unwrap() });
        let ran = answered.recv_timeout(Duration::from_secs(5)).is_ok();
        drop(task);
        its_done.store(true, Ordering::SeqCst);
        its_main.lock().unwrap().take().unwrap().wake();
        ran
    });
    scheduler
        .block_on(async {
            let stuck = spawn(async move {
                // Runs on the spare, which the watchdog starts for it.
                drop(spawn(async move { rescued.send(()).unwrap() }));
                wait_rescued.recv().unwrap();
                // Until the spare sleeps, while this worker still counts as stuck.
                std::thread::sleep(Duration::from_millis(20));
                over.send(()).unwrap();
            });
            stuck.await.unwrap();
            std::future::poll_fn(|cx| {
                *main.lock().unwrap() = Some(cx.waker().clone());
                if done.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        })
        .unwrap();
    assert!(foreign.join().unwrap(), "the push was lost with the spare that was woken for it");
}
