//! What heist says on stderr, read from copies of this process.

use std::process::Command;

use heist::EventLoop;

use super::{Copy, Lines, role};

/// Runs `child` in a copy for each flavour, and gives what it said on stderr.
pub fn said(test: &str, adapt: impl Fn(&mut Command), child: impl Fn(EventLoop)) -> Vec<Vec<String>> {
    if let Some(flavour) = role() {
        let builder = EventLoop::builder();
        let builder = if flavour == "workers" { builder.workers(2) } else { builder.current_thread() };
        child(builder.build_event_loop().unwrap());
        return Vec::new();
    }
    let said = ["workers", "current thread"].map(|flavour| {
        let mut copy = Copy::start_with(test, flavour, &adapt);
        assert!(copy.wait().success());
        let lines = std::mem::replace(&mut copy.stderr, Lines::none());
        lines.rest().into_iter().filter(|line| line.starts_with("heist:")).collect()
    });
    said.into()
}

/// Turns debug mode on in a copy.
pub fn debug_on(command: &mut Command) {
    command.env("HEIST_DEBUG", "1");
}
