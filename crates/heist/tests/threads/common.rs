//! What these tests share.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use heist::Handle;

pub fn current() -> Handle {
    Handle::current().expect("inside a run")
}

/// A gate that closures wait at: the sender opens it by being dropped.
pub fn gate() -> (Sender<()>, Mutex<Receiver<()>>) {
    let (open, wait) = channel();
    (open, Mutex::new(wait))
}

pub fn pass(gate: &Mutex<Receiver<()>>) {
    let opened = gate.lock().unwrap().recv();
    assert!(opened.is_err(), "a gate is opened by dropping it");
}
