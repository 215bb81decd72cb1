//! heist's locks and channels need no event loop of heist around them. The tests of this package run each of them under
//! every executor here: heist's two flavours, tokio's two, smol, and plain threads that each block on one future.

#![forbid(unsafe_code)]
#![cfg(not(heist_loom))]

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use heist_sync::oneshot;

/// Whoever polls futures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executor {
    /// heist with two workers.
    Heist,
    /// heist on the calling thread.
    HeistCurrent,
    /// tokio with two workers.
    Tokio,
    /// tokio on the calling thread.
    TokioCurrent,
    /// smol's global executor.
    Smol,
    /// A thread for each future, which parks while it waits.
    Threads,
}

/// All of them.
pub const EXECUTORS: [Executor; 6] = [
    Executor::Heist,
    Executor::HeistCurrent,
    Executor::Tokio,
    Executor::TokioCurrent,
    Executor::Smol,
    Executor::Threads,
];

/// A test that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(30);

impl Executor {
    /// Runs a future to its end.
    fn run(self, body: impl Future<Output = ()> + Send + 'static) {
        match self {
            Self::Heist => {
                let mut runner = heist::Runner::builder().workers(2).build().expect("heist starts");
                runner.run(body).expect("nobody cancels it");
            }
            Self::HeistCurrent => {
                let mut runner = heist::Runner::builder().current_thread().build().expect("heist starts");
                runner.run(body).expect("nobody cancels it");
            }
            Self::Tokio => {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
                runtime.expect("tokio starts").block_on(body);
            }
            Self::TokioCurrent => {
                tokio::runtime::Builder::new_current_thread().build().expect("tokio starts").block_on(body);
            }
            Self::Smol | Self::Threads => smol::future::block_on(body),
        }
    }

    /// Starts a future from inside the body; what it yields can be awaited under any executor. A receiver that gets
    /// nothing says that the future panicked.
    pub fn spawn<T: Send + 'static>(
        self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        let sending = async move {
            // Whoever does not want the output has dropped the receiver.
            let _ = sender.send(future.await);
        };
        match self {
            Self::Heist | Self::HeistCurrent => drop(heist::create_task(sending)),
            Self::Tokio | Self::TokioCurrent => drop(tokio::spawn(sending)),
            Self::Smol => smol::spawn(sending).detach(),
            Self::Threads => drop(thread::spawn(|| smol::future::block_on(sending))),
        }
        receiver
    }
}

/// Runs the body under each executor. Panics if one hangs, or if the body panics under it.
pub fn on_each_executor<F, Fut>(body: F)
where
    F: Fn(Executor) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    for executor in EXECUTORS {
        let body = body(executor);
        let (ended, ends) = mpsc::channel();
        let thread = thread::spawn(move || {
            executor.run(body);
            // Nobody waits any more only if the limit has passed.
            let _ = ended.send(());
        });
        match ends.recv_timeout(LIMIT) {
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("{executor:?} hangs"),
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => {
                if let Err(panic) = thread.join() {
                    eprintln!("under {executor:?}:");
                    resume_unwind(panic);
                }
            }
        }
    }
}
