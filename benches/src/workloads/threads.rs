//! The same on plain threads with the standard library's tools, as a yardstick.

use std::hint::black_box;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::measure::{Batches, Timing};
use crate::os::Placement;
use crate::workloads::programs::PROGRAM;
use crate::workloads::tasks::sum_below;

/// What is done on threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// `std::sync::Mutex`, one thread.
    Lock,
    /// `std::sync::Mutex`, eight threads.
    LockContended,
    /// `std::sync::mpsc::sync_channel(1000)`, from so many threads to one.
    Bounded(u64),
    /// `std::sync::mpsc::channel`, from so many threads to one.
    Unbounded(u64),
    /// Two threads that unpark each other by turns, there and back.
    Parking(Placement),
    /// A thread that is handed calls, one at a time.
    CallAlone,
    /// A thread that is handed a thousand calls at once.
    CallBulk,
    /// A thread that is handed ten thousand calls at once.
    CallBatch,
    /// `std::process::Command`.
    Program,
}

/// Threads that contend for the lock.
const THREADS: u64 = 8;

/// Places of the bounded channel.
const CAPACITY: usize = 1_000;

/// Round trips of a batch.
const TRIPS: u64 = 500;

/// Wall and processor time of one operation.
pub(crate) fn measure(op: Op, timing: Timing) -> Batches {
    let n = match op {
        Op::Lock | Op::LockContended => 16_000,
        Op::Bounded(_) | Op::Unbounded(_) => 16_000,
        Op::Parking(_) => TRIPS,
        Op::CallAlone => 200,
        Op::CallBulk => 1_000,
        Op::CallBatch => 10_000,
        Op::Program => 20,
    };
    let mut measured = Batches::new(n);
    match op {
        Op::Lock => measured.run(timing, || lock(1, n)),
        Op::LockContended => measured.run(timing, || lock(THREADS, n / THREADS)),
        Op::Bounded(senders) => measured.run(timing, || bounded(senders, n / senders)),
        Op::Unbounded(senders) => measured.run(timing, || unbounded(senders, n / senders)),
        Op::Parking(placement) => {
            placement.bind_first();
            measured.run(timing, || parking(placement, n));
        }
        Op::Program => measured.run(timing, || programs(n)),
        Op::CallAlone | Op::CallBulk | Op::CallBatch => {
            let calls = Calls::start();
            let at_once = if op == Op::CallAlone { 1 } else { n };
            measured.run(timing, || calls.make(n, at_once));
        }
    }
    measured
}

fn lock(threads: u64, each: u64) {
    let number = Mutex::new(0);
    let count = || {
        for _ in 0..each {
            let mut number = number.lock().unwrap_or_else(PoisonError::into_inner);
            *number = black_box(*number + 1);
        }
    };
    if threads == 1 {
        count();
    } else {
        thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(count))));
    }
    assert_eq!(number.into_inner().unwrap_or_else(PoisonError::into_inner), threads * each);
}

fn bounded(senders: u64, each: u64) {
    let (sender, receiver) = mpsc::sync_channel(CAPACITY);
    fan_in(senders, each, &sender, SyncSender::send, &receiver);
}

fn unbounded(senders: u64, each: u64) {
    let (sender, receiver) = mpsc::channel();
    fan_in(senders, each, &sender, mpsc::Sender::send, &receiver);
}

fn fan_in<S: Clone + Send>(
    senders: u64,
    each: u64,
    sender: &S,
    send: fn(&S, u64) -> Result<(), mpsc::SendError<u64>>,
    receiver: &Receiver<u64>,
) {
    thread::scope(|scope| {
        for _ in 0..senders {
            let sender = sender.clone();
            scope.spawn(move || (0..each).for_each(|i| send(&sender, black_box(i)).expect("it receives")));
        }
        let sum: u64 = receiver.iter().take((senders * each) as usize).sum();
        assert_eq!(sum, sum_below(each) * senders, "a value was lost or changed");
    });
}

/// By `thread::park` alone: a number says whose turn it is.
fn parking(placement: Placement, trips: u64) {
    use std::sync::atomic::{AtomicU64, Ordering};
    let passes = Arc::new(AtomicU64::new(0));
    let wait_for = |passes: &AtomicU64, side: u64| {
        // Acquire: pairs with the addition of the other side.
        while passes.load(Ordering::Acquire) % 2 != side {
            thread::park();
        }
    };
    let asking = thread::current();
    let answering = thread::spawn({
        let passes = Arc::clone(&passes);
        move || {
            placement.bind_second();
            for _ in 0..trips {
                wait_for(&passes, 1);
                passes.fetch_add(1, Ordering::Release);
                asking.unpark();
            }
        }
    });
    for _ in 0..trips {
        passes.fetch_add(1, Ordering::Release);
        answering.thread().unpark();
        wait_for(&passes, 0);
    }
    answering.join().expect("it has answered");
    assert_eq!(passes.load(Ordering::Acquire), 2 * trips);
}

fn programs(n: u64) {
    for _ in 0..n {
        let status = Command::new(PROGRAM).status().expect("the program starts");
        assert!(status.success(), "`{PROGRAM}` failed");
    }
}

type Call = (u64, mpsc::Sender<u64>);

/// One thread, one channel of calls, one channel of answers.
struct Calls {
    calls: mpsc::Sender<Call>,
}

impl Calls {
    /// The thread ends with `calls`.
    fn start() -> Self {
        let (calls, made) = mpsc::channel::<Call>();
        thread::spawn(move || {
            for (number, answer) in made {
                let _ = answer.send(black_box(number));
            }
        });
        Self { calls }
    }

    fn make(&self, n: u64, at_once: u64) {
        let (answer, answers) = mpsc::channel();
        let mut sum = 0;
        for begin in (0..n).step_by(at_once as usize) {
            for i in begin..begin + at_once {
                self.calls.send((i, answer.clone())).expect("the thread takes calls");
            }
            sum += answers.iter().take(at_once as usize).sum::<u64>();
        }
        assert_eq!(sum, sum_below(n), "a call was lost");
    }
}
