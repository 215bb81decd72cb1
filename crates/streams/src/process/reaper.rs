//! Who collects a child when it has ended: the loop that started it, by a pidfd; a thread, where the system has none; and a
//! thread, too, when the loop ends before the child.
//!
//! Each child that was started is looked after by exactly one of them from then on, whether the program has a handle of it
//! or not. So nothing has to be done when a wait is cancelled or a handle is dropped.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};

use heist_core::sync::Mutex;
use heist_reactor::{Direction, IoSource};
use heist_scheduler::Handle;

use super::child::{Child, Ended};
use crate::watch::{Watch, Watching};

/// The stack of a thread that waits for a child, in bytes: it makes one system call.
const STACK: usize = 64 << 10;

/// Children that ended up with nobody to wait for them, because no thread could be started.
static LEFT: LazyLock<Mutex<Vec<Arc<Child>>>> = LazyLock::new(|| Mutex::new(Vec::new()));

/// Has a child waited for and collected, by the loop of `handle`, which this thread runs.
pub(super) fn look_after(handle: Handle, child: &Arc<Child>, by_thread: bool) -> io::Result<()> {
    let pidfd = if by_thread { None } else { pidfd(child) };
    match pidfd {
        Some(pidfd) => {
            let watch = PidfdWatch { child: child.clone(), pidfd: IoSource::new(pidfd), ended: None };
            Watching::start(handle, watch);
            Ok(())
        }
        None => by_thread_alone(child.clone()),
    }
}

/// A descriptor that becomes readable when the child ends. Not to be had on other systems, on old kernels, in some sandboxes,
/// and without a descriptor left.
#[cfg(target_os = "linux")]
fn pidfd(child: &Child) -> Option<OwnedFd> {
    rustix::process::pidfd_open(child.pid()?, rustix::process::PidfdFlags::NONBLOCK).ok()
}

#[cfg(not(target_os = "linux"))]
fn pidfd(_child: &Child) -> Option<OwnedFd> {
    None
}

/// The loop's watch of a child.
struct PidfdWatch {
    child: Arc<Child>,
    pidfd: IoSource<OwnedFd>,
    ended: Option<Ended>,
}

impl Watch for PidfdWatch {
    fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { child, pidfd, ended } = self;
        let looked = pidfd.poll_io(cx, Direction::Read, |_| {
            *ended = Some(child.try_collect().ok_or(io::ErrorKind::WouldBlock)?);
            Ok(())
        });
        // An error: the loop is at its end, and `finish` finds nobody to tell.
        looked.map(drop)
    }

    fn finish(self: Box<Self>) {
        match self.ended {
            Some(ended) => ended.tell(),
            None => by_thread_or_later(self.child),
        }
    }

    fn abandon(self: Box<Self>) {
        by_thread_or_later(self.child);
    }
}

/// Starts a thread that waits for a child.
fn by_thread_alone(child: Arc<Child>) -> io::Result<()> {
    let collect = move || {
        child.wait_blocking();
        if let Some(ended) = child.try_collect() {
            ended.tell();
        }
    };
    std::thread::Builder::new().name("heist-child".to_owned()).stack_size(STACK).spawn(collect)?;
    Ok(())
}

/// As `by_thread_alone`; where that fails, the child is collected by a later [`sweep`].
pub(super) fn by_thread_or_later(child: Arc<Child>) {
    // Most often the end of a loop comes after that of its children.
    if let Some(ended) = child.try_collect() {
        return ended.tell();
    }
    if let Err(error) = by_thread_alone(child.clone()) {
        LEFT.lock().push(child.clone());
        child.lose(&error).tell();
    }
}

/// Collects what was left and has ended since.
pub(super) fn sweep() {
    LEFT.lock().retain(|child| !child.collect_left());
}
