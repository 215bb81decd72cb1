//! Models of watches: the edge and the end of the loop meet, and the watch ends once, whoever comes first.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Count, Ordering as Std};
use std::task::{Context, Poll, Waker};

use heist_core::sync::Mutex;
use heist_core::sync::model::{self, side};

use super::{Line, Watch, Watching};

type Callback = Box<dyn FnOnce() + Send>;

/// A loop with a line of callbacks and one source, closed in the order of a real one.
struct Loop {
    /// `None`: closed.
    line: Mutex<Option<VecDeque<Callback>>>,
    source: Mutex<Source>,
}

#[derive(Default)]
struct Source {
    is_ready: bool,
    is_closed: bool,
    waker: Option<Waker>,
}

impl Loop {
    fn new() -> Arc<Self> {
        Arc::new(Self { line: Mutex::new(Some(VecDeque::new())), source: Mutex::new(Source::default()) })
    }

    /// W1: what the watch waits for happens, once.
    fn edge(&self) {
        let waker = {
            let mut source = self.source.lock();
            source.is_ready = true;
            source.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// A worker calls what is in line.
    fn run(&self) {
        loop {
            let next = self.line.lock().as_mut().and_then(VecDeque::pop_front);
            match next {
                Some(callback) => callback(),
                None => return,
            }
        }
    }

    /// C1, C2.
    fn close(&self) {
        let line = self.line.lock().take();
        drop(line);
        let waker = {
            let mut source = self.source.lock();
            source.is_closed = true;
            source.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Line for Arc<Loop> {
    fn call_soon(&self, callback: impl FnOnce() + Send + 'static) {
        let mut callback: Option<Callback> = Some(Box::new(callback));
        if let Some(line) = self.line.lock().as_mut() {
            line.extend(callback.take());
        }
        drop(callback);
    }
}

/// Counts its ends.
struct Double {
    event_loop: Arc<Loop>,
    ends: Arc<Count>,
}

impl Watch for Double {
    fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut source = self.event_loop.source.lock();
        if source.is_ready || source.is_closed {
            return Poll::Ready(());
        }
        source.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn finish(self: Box<Self>) {
        self.ends.fetch_add(1, Std::Relaxed);
    }

    fn abandon(self: Box<Self>) {
        self.ends.fetch_add(1, Std::Relaxed);
    }
}

/// Runs a model with a loop, a watch whose first look is in line, and a count of its ends.
fn check(name: &str, run: impl Fn(&Arc<Loop>) + Send + Sync + 'static) {
    model::check(name, None, move || {
        let (event_loop, ends) = (Loop::new(), Arc::new(Count::new(0)));
        let double = Double { event_loop: event_loop.clone(), ends: ends.clone() };
        Watching::new(event_loop.clone(), double).look_soon();
        run(&event_loop);
        assert_eq!(ends.load(Std::Relaxed), 1, "a watch ends, and once");
    });
}

/// The edge, and the worker that follows it, meet the end of the loop, with the watch in line or with the reactor.
#[test]
fn edge_against_close() {
    for has_looked in [false, true] {
        check("watch::edge_against_close", move |event_loop| {
            if has_looked {
                event_loop.run();
            }
            let other = event_loop.clone();
            let closing = side(move || other.close());
            event_loop.edge();
            event_loop.run();
            closing.join().unwrap();
        });
    }
}

/// The first look meets the end of the loop; nothing ever happens to what is watched.
#[test]
fn look_against_close() {
    check("watch::look_against_close", |event_loop| {
        let other = event_loop.clone();
        let closing = side(move || other.close());
        event_loop.run();
        closing.join().unwrap();
    });
}
