//! What these tests share.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use heist::{Builder, EventLoop, TimerHandle};

pub const SECOND: Duration = Duration::from_secs(1);

/// A list that callbacks write to.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    pub fn add(&self, what: &'static str) -> impl FnOnce() + Send + 'static + use<> {
        let log = self.clone();
        move || log.push(what)
    }

    pub fn push(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    pub fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }

    /// What came since the last look.
    pub fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub fn virtual_loop(builder: Builder) -> EventLoop {
    builder.virtual_time().build_event_loop().unwrap()
}

pub fn in_order() -> EventLoop {
    virtual_loop(EventLoop::builder().current_thread())
}

/// Has the loop stop once what is before it was called.
pub fn stop_soon(event_loop: &EventLoop) {
    let handle = event_loop.handle();
    event_loop.call_soon(move || handle.stop()).unwrap();
}

pub fn stop_later(event_loop: &EventLoop, delay: Duration) -> TimerHandle {
    let handle = event_loop.handle();
    event_loop.call_later(delay, move || handle.stop()).unwrap()
}
