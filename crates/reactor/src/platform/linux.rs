//! Linux: `polling` owns the epoll descriptor; registration and wait go to it directly.
//!
//! polling 3.11 makes five system calls a wait (two to set its timer, the wait, two to reset its wake-up descriptor) and
//! never asks for `EPOLLRDHUP`. Here sockets are added edge-triggered with `EPOLLRDHUP`, so nothing is ever re-armed, and
//! a wait is one `epoll_pwait2`, a look in passing one `epoll_pwait`. The wake-up is an eventfd, edge-triggered and never read: each write is an edge.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use heist_core::sync::atomic::{AtomicU8, Ordering};
use polling::Poller;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};

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
            debug_assert_eq!(error, rustix::io::Errno::AGAIN);
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
            Err(error) => error == rustix::io::Errno::EXIST,
        }
    }

    /// Waits for at most `limit` (`None`: without limit) until at most `most` events are there. One system call. An
    /// interruption by a signal counts as no event.
    pub(crate) fn wait(&self, events: &mut Events, limit: Option<Duration>, most: usize) -> io::Result<()> {
        events.len = 0;
        match wait::wait(self.poller.as_fd().as_raw_fd(), &mut events.room, limit, most) {
            Ok(len) => events.len = len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Room for what a wait returns.
pub(crate) struct Events {
    room: Vec<libc::epoll_event>,
    len: usize,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("len", &self.len).finish_non_exhaustive()
    }
}

impl Events {
    pub(crate) fn new() -> Self {
        Self { room: vec![libc::epoll_event { events: 0, u64: 0 }; ROOM], len: 0 }
    }

    /// The events of the last wait; wake-ups and polling's own are left out.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.room[..self.len].iter().filter_map(|event| {
            let libc::epoll_event { events: flags, u64: data } = *event;
            let key = Key::from_u64(data);
            if key.index >= Key::RESERVED {
                return None;
            }
            const FAILED: libc::c_int = libc::EPOLLHUP | libc::EPOLLERR;
            let has = |wanted: libc::c_int| flags & wanted as u32 != 0;
            Some(Event {
                key,
                readable: has(libc::EPOLLIN | libc::EPOLLRDHUP | FAILED),
                writable: has(libc::EPOLLOUT | FAILED),
                hung: has(libc::EPOLLRDHUP | FAILED),
            })
        })
    }
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

/// The wait itself, through `libc`: the one system call that neither polling nor rustix makes as we need it.
mod wait {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::{Duration, io};

    /// Set when the kernel (or a sandbox) refuses `epoll_pwait2`, which came with Linux 5.11.
    /// Bookkeeping: a late reader asks the kernel once more. Not from the shim: a static, which no model touches.
    static MILLISECONDS_ONLY: AtomicBool = AtomicBool::new(false);

    /// The kernel's `__kernel_timespec`: 64 bits each, also on 32-bit machines.
    #[repr(C)]
    struct Timespec {
        seconds: i64,
        nanoseconds: i64,
    }

    pub(super) fn wait(
        epoll: libc::c_int,
        room: &mut [libc::epoll_event],
        limit: Option<Duration>,
        most: usize,
    ) -> io::Result<usize> {
        let most = most.clamp(1, room.len()) as libc::c_int;
        // A zero limit needs no nanoseconds, and the older call has the shorter way through the kernel.
        if limit == Some(Duration::ZERO) || MILLISECONDS_ONLY.load(Ordering::Relaxed) {
            return wait_milliseconds(epoll, room, limit, most);
        }
        let timespec = limit.map(shortened).map(|limit| Timespec {
            seconds: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: i64::from(limit.subsec_nanos()),
        });
        let timeout = timespec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: `room` has space for `most` events and stays borrowed; `timeout` is null or points to a local that
        // outlives the call and has the layout the kernel wants; a null signal mask is allowed, its size is ignored.
        let found = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                epoll,
                room.as_mut_ptr(),
                most,
                timeout,
                std::ptr::null::<libc::c_void>(),
                0usize,
            )
        };
        if found >= 0 {
            return Ok(found as usize);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::ENOSYS | libc::EPERM | libc::EINVAL) => {
                MILLISECONDS_ONLY.store(true, Ordering::Relaxed);
                wait_milliseconds(epoll, room, limit, most)
            }
            _ => Err(error),
        }
    }

    /// Linux lets a wait for events end later by a thousandth of its length, whatever the thread's slack: 100 us of 100 ms. It
    /// does so nearly always, as the processor's timer is set to the end of that span. So what is asked for is a thousandth
    /// less. Where another interrupt ends it before its time, the worker looks at the clock and waits for the rest.
    fn shortened(limit: Duration) -> Duration {
        limit - limit / 1001
    }

    /// Milliseconds, rounded up, so that no wait ends early.
    pub(super) fn milliseconds(limit: Option<Duration>) -> libc::c_int {
        match limit {
            None => -1,
            Some(limit) => {
                libc::c_int::try_from(limit.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX)
            }
        }
    }

    pub(super) fn wait_milliseconds(
        epoll: libc::c_int,
        room: &mut [libc::epoll_event],
        limit: Option<Duration>,
        most: libc::c_int,
    ) -> io::Result<usize> {
        // By its number: the C library's function is a cancellation point, which costs some 60 instructions.
        // SAFETY: `room` has space for `most` events and stays borrowed during the call; a null signal mask is allowed,
        // its size is ignored.
        let found = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait,
                epoll,
                room.as_mut_ptr(),
                most,
                milliseconds(limit),
                std::ptr::null::<libc::c_void>(),
                0usize,
            )
        };
        if found < 0 { Err(io::Error::last_os_error()) } else { Ok(found as usize) }
    }
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_rounded_up() {
        let of = |nanos| wait::milliseconds(Some(Duration::from_nanos(nanos)));
        assert_eq!((of(0), of(1), of(1_000_000), of(1_000_001)), (0, 1, 1, 2));
        assert_eq!(wait::milliseconds(None), -1);
        assert_eq!(wait::milliseconds(Some(Duration::MAX)), libc::c_int::MAX);
    }

    #[test]
    fn both_waits_see_the_wake_up_once() {
        let selector = Selector::new().unwrap();
        let mut room = vec![libc::epoll_event { events: 0, u64: 0 }; 4];
        let epoll = selector.poller.as_fd().as_raw_fd();
        selector.wake();
        assert_eq!(wait::wait(epoll, &mut room, None, 4).unwrap(), 1);
        assert_eq!(
            wait::wait(epoll, &mut room, Some(Duration::from_nanos(1)), 4).unwrap(),
            0,
            "an edge comes once"
        );
        selector.wake();
        assert_eq!(wait::wait_milliseconds(epoll, &mut room, None, 4).unwrap(), 1);
        assert_eq!(wait::wait_milliseconds(epoll, &mut room, Some(Duration::ZERO), 4).unwrap(), 0);
    }
}
