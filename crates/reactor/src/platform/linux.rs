//! Linux: `polling` owns the epoll descriptor; registration and wait go to it directly.
//!
//! polling 3.11 makes five system calls a wait (two to set its timer, the wait, two to reset its wake-up descriptor) and
//! never asks for `EPOLLRDHUP`. Here sockets are added edge-triggered with `EPOLLRDHUP`, so nothing is ever re-armed, and
//! a look in passing, or a wait without limit, is one `epoll_pwait`, and a wait with a limit one `epoll_pwait2`. The wake-up is an
//! eventfd, edge-triggered and never read: each write is an edge.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use heist_core::sync::atomic::{AtomicU8, Ordering};
use polling::Poller;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;

use super::Event;
use crate::Direction;
use crate::record::Key;

/// A source that is registered is never armed again.
pub(crate) const EDGES: bool = true;

/// `EPOLLRDHUP` comes with the edge of the last bytes.
pub(crate) const HANGUP: bool = true;

/// The key of the wake-up descriptor; no record has this index.
const WAKE: u64 = Key { index: Key::RESERVED, generation: 0 }.to_u64();

/// How many events one wait takes in at most: 12 KiB of room, and enough that a full harvest is rare.
const ROOM: usize = 1024;

/// The kernel's queue.
#[derive(Debug)]
pub(crate) struct Selector {
    poller: Poller,
    wake: OwnedFd,
}

impl Selector {
    pub(crate) fn new() -> io::Result<Self> {
        let poller = Poller::new()?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&poller, &wake, EventData::new_u64(WAKE), EventFlags::IN | EventFlags::ET)?;
        Ok(Self { poller, wake })
    }

    /// Ends a wait, now or the next one. One system call.
    pub(crate) fn wake(&self) {
        let one = 1u64.to_ne_bytes();
        if let Err(error) = rustix::io::write(&self.wake, &one) {
            // Only after 2^64 - 2 writes the counter is full. Reading it makes room, and the write is an edge again.
            debug_assert_eq!(error, Errno::AGAIN);
            let _ = rustix::io::read(&self.wake, &mut [0; 8]);
            let _ = rustix::io::write(&self.wake, &one);
        }
    }

    /// Whether that very descriptor is in the queue: then it cannot be added. Two system calls at most.
    pub(crate) fn knows(&self, descriptor: BorrowedFd<'_>) -> bool {
        // What comes of it meanwhile carries a key that no record has.
        let data = EventData::new_u64(WAKE);
        match epoll::add(&self.poller, descriptor, data, EventFlags::empty()) {
            // It was added a moment ago.
            Ok(()) => epoll::delete(&self.poller, descriptor).is_err(),
            Err(error) => error == Errno::EXIST,
        }
    }

    /// Waits for at most `limit` (`None`: without limit) until at most `most` events are there. One system call. An
    /// interruption by a signal counts as no event.
    #[inline]
    pub(crate) fn wait(&self, events: &mut Events, limit: Option<Duration>, most: usize) -> io::Result<()> {
        let most = most.min(events.room.len());
        events.len = match wait::wait(self.poller.as_fd(), &mut events.room[..most], limit) {
            Ok(len) => len,
            Err(Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(())
    }
}

/// Room for what a wait returns.
pub(crate) struct Events {
    room: Vec<epoll::Event>,
    len: usize,
}

// SAFETY: an event of rustix belongs to a thread only because its data may be a pointer. Ours are keys.
unsafe impl Send for Events {}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { room: room(ROOM), len: 0 }
    }

    /// The events of the last wait. Wake-ups and polling's own have keys of no record.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.room[..self.len].iter().map(|event| {
            let epoll::Event { flags, data, .. } = *event;
            let failed = EventFlags::HUP | EventFlags::ERR;
            Event {
                key: Key::from_u64(data.u64()),
                readable: flags.intersects(EventFlags::IN | EventFlags::RDHUP | failed),
                writable: flags.intersects(EventFlags::OUT | failed),
                hung: flags.intersects(EventFlags::RDHUP | failed),
            }
        })
    }
}

/// Room for so many events.
fn room(len: usize) -> Vec<epoll::Event> {
    vec![epoll::Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; len]
}

/// What epoll has been told about a source.
#[derive(Debug)]
pub(crate) struct Arming {
    /// The directions asked for, as bits.
    directions: AtomicU8,
}

impl Arming {
    pub(crate) fn new() -> Self {
        Self { directions: AtomicU8::new(0) }
    }

    fn flags(directions: u8) -> EventFlags {
        let write = directions & Direction::Write.bit() != 0;
        EventFlags::IN
            | EventFlags::RDHUP
            | EventFlags::ET
            | if write { EventFlags::OUT } else { EventFlags::empty() }
    }

    /// A new source, wanted for one direction. Read interest is always there; write interest only on demand, since each
    /// fresh socket is writable and would cost an event. `Some` is what [`forget`](Self::forget) wants to be given.
    pub(crate) fn register(
        &self,
        selector: &Selector,
        source: &impl AsFd,
        key: Key,
        direction: Direction,
        may_have_duplicates: bool,
    ) -> io::Result<Option<u32>> {
        let directions = Direction::Read.bit() | direction.bit();
        let data = EventData::new_u64(key.to_u64());
        epoll::add(&selector.poller, source, data, Self::flags(directions))?;
        let leaves = if may_have_duplicates { u32::try_from(source.as_fd().as_raw_fd()).ok() } else { None };
        self.directions.store(directions, Ordering::Release);
        Ok(leaves)
    }

    /// Whether edges of `direction` are reported.
    #[inline]
    pub(crate) fn has(&self, direction: Direction) -> bool {
        // Registering asks for reading, and nobody asks here before. For writing, Acquire pairs with the Release stores: who
        // sees the bit comes after the system call that asked.
        direction == Direction::Read || self.directions.load(Ordering::Acquire) & direction.bit() != 0
    }

    /// Asks for edges of `direction` from now on, before the word is armed. If the source is ready already, an edge comes.
    #[inline]
    pub(crate) fn want<'a>(
        &self,
        selector: impl FnOnce() -> &'a Selector,
        source: &impl AsFd,
        key: impl FnOnce() -> Key,
        direction: Direction,
    ) -> io::Result<()> {
        if self.has(direction) { Ok(()) } else { self.add(selector(), source, key()) }
    }

    #[cold]
    fn add(&self, selector: &Selector, source: &impl AsFd, key: Key) -> io::Result<()> {
        let both = Direction::Read.bit() | Direction::Write.bit();
        epoll::modify(&selector.poller, source, EventData::new_u64(key.to_u64()), Self::flags(both))?;
        self.directions.store(both, Ordering::Release);
        Ok(())
    }

    /// The word has been armed. Nothing to do: edges come anyway.
    #[inline]
    pub(crate) fn armed<'a>(
        &self,
        _selector: impl FnOnce() -> &'a Selector,
        _source: &impl AsFd,
        _key: impl FnOnce() -> Key,
        _direction: Direction,
    ) -> io::Result<()> {
        Ok(())
    }

    /// An event is about to be dispatched. Nothing to do: the source stays registered.
    #[inline]
    pub(crate) fn fired(&self, _selector: &Selector, _event: Event) {}

    /// The source leaves the queue but lives on.
    pub(crate) fn remove(&self, selector: &Selector, source: &impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&selector.poller, source)?)
    }

    /// The source is about to be closed. Closing the last descriptor of an open file takes it out of epoll. Where there may be
    /// another one, the entry would stay, and a new descriptor of the same file and number could not be added: that is the
    /// one that `leaves`.
    pub(crate) fn forget(&self, selector: &Selector, leaves: Option<u32>) {
        if let Some(descriptor) = leaves.and_then(|leaves| RawFd::try_from(leaves).ok()) {
            // SAFETY: the source is dropped after its registration, so its descriptor is still open.
            let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
            // It fails only where it is not there any more.
            let _ = epoll::delete(&selector.poller, descriptor);
        }
    }
}

/// The wait itself. What has no limit, or none to wait for, is a plain system call; for a limit in nanoseconds there is one that
/// rustix does not make as we need it.
mod wait {
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::event::Timespec;
    use rustix::io::Result;

    use super::{AsRawFd, BorrowedFd, Duration, Errno, epoll};

    /// Set when the kernel (or a sandbox) refuses `epoll_pwait2`, which came with Linux 5.11.
    /// Bookkeeping: a late reader asks the kernel once more. Not from the shim: a static, which no model touches.
    static MILLISECONDS_ONLY: AtomicBool = AtomicBool::new(false);

    /// The kernel's `__kernel_timespec`: 64 bits each, also on 32-bit machines.
    #[repr(C)]
    struct KernelTimespec {
        seconds: i64,
        nanoseconds: i64,
    }

    #[inline]
    pub(super) fn wait(
        epoll: BorrowedFd<'_>,
        room: &mut [epoll::Event],
        limit: Option<Duration>,
    ) -> Result<usize> {
        // These need no nanoseconds, and the older call has the shorter way through the kernel.
        match limit {
            None => epoll::wait(epoll, room, None),
            Some(Duration::ZERO) => epoll::wait(epoll, room, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })),
            Some(limit) => wait_for(epoll, room, limit),
        }
    }

    #[inline(never)]
    fn wait_for(epoll: BorrowedFd<'_>, room: &mut [epoll::Event], limit: Duration) -> Result<usize> {
        if MILLISECONDS_ONLY.load(Ordering::Relaxed) {
            return wait_milliseconds(epoll, room, limit);
        }
        match wait_nanoseconds(epoll, room, shortened(limit)) {
            Err(Errno::NOSYS | Errno::PERM | Errno::INVAL) => {
                MILLISECONDS_ONLY.store(true, Ordering::Relaxed);
                wait_milliseconds(epoll, room, limit)
            }
            waited => waited,
        }
    }

    fn wait_nanoseconds(epoll: BorrowedFd<'_>, room: &mut [epoll::Event], limit: Duration) -> Result<usize> {
        let limit = KernelTimespec {
            seconds: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: i64::from(limit.subsec_nanos()),
        };
        // SAFETY: `room` has space for so many events, in the layout of the kernel, and stays borrowed; `limit` outlives the
        // call and has the layout that the kernel wants; a null signal mask is allowed, its size is ignored.
        let found = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                epoll.as_raw_fd(),
                room.as_mut_ptr(),
                room.len() as libc::c_int,
                &raw const limit,
                std::ptr::null::<libc::c_void>(),
                0usize,
            )
        };
        if found < 0 { Err(last_error()) } else { Ok(found as usize) }
    }

    fn last_error() -> Errno {
        Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)
    }

    /// Linux lets a wait for events end later by a thousandth of its length, whatever the thread's slack: 100 us of 100 ms. It
    /// does so nearly always, as the processor's timer is set to the end of that span. So what is asked for is a thousandth
    /// less. Where another interrupt ends it before its time, the worker looks at the clock and waits for the rest.
    fn shortened(limit: Duration) -> Duration {
        limit - limit / 1001
    }

    /// Milliseconds, rounded up, so that no wait ends early.
    pub(super) fn milliseconds(limit: Duration) -> Timespec {
        let millis = i64::try_from(limit.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX);
        // More than the call can tell would be an error.
        let millis = millis.min(i64::from(i32::MAX));
        Timespec { tv_sec: millis / 1000, tv_nsec: millis % 1000 * 1_000_000 }
    }

    pub(super) fn wait_milliseconds(
        epoll: BorrowedFd<'_>,
        room: &mut [epoll::Event],
        limit: Duration,
    ) -> Result<usize> {
        epoll::wait(epoll, room, Some(&milliseconds(limit)))
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_rounded_up() {
        let of = |limit| Duration::try_from(wait::milliseconds(limit)).unwrap().as_millis();
        let of_nanos = |nanos| of(Duration::from_nanos(nanos));
        assert_eq!([0, 1, 1_000_000, 1_000_001].map(of_nanos), [0, 1, 1, 2]);
        assert_eq!(of(Duration::from_millis(2001)), 2001);
        assert_eq!(of(Duration::MAX), i32::MAX as u128, "and no more than the call can tell");
    }

    #[test]
    fn each_wait_sees_the_wake_up_once() {
        let selector = Selector::new().unwrap();
        let mut room = room(4);
        let epoll = selector.poller.as_fd();
        let moment = Duration::from_nanos(1);
        for limit in [None, Some(Duration::ZERO), Some(Duration::from_secs(600))] {
            selector.wake();
            assert_eq!(wait::wait(epoll, &mut room, limit), Ok(1));
            assert_eq!(wait::wait(epoll, &mut room, Some(moment)), Ok(0), "an edge comes once");
        }
        selector.wake();
        assert_eq!(wait::wait_milliseconds(epoll, &mut room, Duration::from_secs(600)), Ok(1));
        assert_eq!(wait::wait_milliseconds(epoll, &mut room, moment), Ok(0));
    }
}
