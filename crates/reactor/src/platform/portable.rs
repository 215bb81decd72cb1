//! Every system that `polling` runs on, in one-shot mode: the one mode that all of its backends have.
//!
//! Here each wait tells the queue again what it waits for. In one-shot mode an event disarms the whole source, so the
//! harvest re-arms it for the direction that did not fire. Readiness is looked at anew at each arming, so there is no
//! edge to lose; a source ready at that moment is reported by the next wait.

use std::io;
use std::time::Duration;

use heist_core::sync::Mutex;
use polling::{AsSource, Event as Interest, Poller};

use super::Event;
use crate::Direction;
use crate::record::Key;

/// An event disarms its source.
pub(crate) const EDGES: bool = false;

/// polling does not report half-closed peers.
pub(crate) const HANGUP: bool = false;

#[cfg(unix)]
type Raw = std::os::fd::RawFd;
#[cfg(unix)]
type Borrowed<'a> = std::os::fd::BorrowedFd<'a>;
#[cfg(windows)]
type Raw = std::os::windows::io::RawSocket;
#[cfg(windows)]
type Borrowed<'a> = std::os::windows::io::BorrowedSocket<'a>;

#[cfg(unix)]
fn raw(source: &impl AsSource) -> Raw {
    use std::os::fd::AsRawFd;
    source.source().as_raw_fd()
}

#[cfg(windows)]
fn raw(source: &impl AsSource) -> Raw {
    use std::os::windows::io::AsRawSocket;
    source.source().as_raw_socket()
}

/// # Safety
///
/// `raw` must be open, and stay so as long as the result is used.
unsafe fn borrow<'a>(raw: Raw) -> Borrowed<'a> {
    // SAFETY: passed on from the caller.
    unsafe { Borrowed::borrow_raw(raw) }
}

/// The system's queue.
#[derive(Debug)]
pub(crate) struct Selector {
    poller: Poller,
}

impl Selector {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { poller: Poller::new()? })
    }

    /// Ends a wait, now or the next one.
    pub(crate) fn wake(&self) {
        // Fails only where the queue itself is broken; then the wait reports it.
        let _ = self.poller.notify();
    }

    /// Whether that very descriptor is in the queue: polling does not tell.
    #[cfg(unix)]
    pub(crate) fn knows(&self, _descriptor: Borrowed<'_>) -> bool {
        false
    }

    /// Waits for at most `limit` (`None`: without limit). polling takes in as much as there is room for.
    pub(crate) fn wait(&self, events: &mut Events, limit: Option<Duration>, _most: usize) -> io::Result<()> {
        events.0.clear();
        self.poller.wait(&mut events.0, limit)?;
        Ok(())
    }
}

/// Room for what a wait returns.
#[derive(Debug)]
pub(crate) struct Events(polling::Events);

impl Events {
    pub(crate) fn new() -> Self {
        Self(polling::Events::new())
    }

    /// The events of the last wait.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.0.iter().map(|event| Event {
            key: Key::from_u64(event.key as u64),
            readable: event.readable,
            writable: event.writable,
            hung: event.is_interrupt(),
        })
    }
}

/// What the queue has been told about a source.
#[derive(Debug)]
pub(crate) struct Arming(Mutex<Option<Armed>>);

#[derive(Debug)]
struct Armed {
    /// Open as long as this value stands: the source is taken out before it closes.
    raw: Raw,
    key: Key,
    /// Directions that the queue is armed for, as bits.
    directions: u8,
}

fn interest(key: Key, directions: u8) -> Interest {
    let has = |direction: Direction| directions & direction.bit() != 0;
    Interest::new(key.to_u64() as usize, has(Direction::Read), has(Direction::Write))
}

impl Arming {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// A new source, armed for one direction. `Some` would be what [`forget`](Self::forget) wants to be given.
    pub(crate) fn register(
        &self,
        selector: &Selector,
        source: &impl AsSource,
        key: Key,
        direction: Direction,
        _may_have_duplicates: bool,
    ) -> io::Result<Option<u32>> {
        let mut armed = self.0.lock();
        let raw = raw(source);
        // SAFETY: `remove` or `forget` deletes the source before it is closed: `IoSource` drops its registration first,
        // and `IoSafe` promises that the descriptor stays the same.
        unsafe { selector.poller.add(raw, interest(key, direction.bit())) }?;
        *armed = Some(Armed { raw, key, directions: direction.bit() });
        Ok(None)
    }

    /// Whether readiness of `direction` has ever been asked for: here it is asked for at each arming.
    pub(crate) fn has(&self, _direction: Direction) -> bool {
        true
    }

    /// Nothing to do before the word is armed.
    pub(crate) fn want<'a>(
        &self,
        _selector: impl FnOnce() -> &'a Selector,
        _source: &impl AsSource,
        _key: impl FnOnce() -> Key,
        _direction: Direction,
    ) -> io::Result<()> {
        Ok(())
    }

    /// The word has been armed: arm the queue.
    pub(crate) fn armed<'a>(
        &self,
        selector: impl FnOnce() -> &'a Selector,
        source: &impl AsSource,
        key: impl FnOnce() -> Key,
        direction: Direction,
    ) -> io::Result<()> {
        let mut armed = self.0.lock();
        let Some(armed) = armed.as_mut() else { return Ok(()) };
        if armed.directions & direction.bit() == 0 {
            selector().poller.modify(source.source(), interest(key(), armed.directions | direction.bit()))?;
            armed.directions |= direction.bit();
        }
        Ok(())
    }

    /// An event is about to be dispatched, and it disarmed the whole source: arm again for what did not fire.
    pub(crate) fn fired(&self, selector: &Selector, event: Event) {
        let mut armed = self.0.lock();
        // A late event of an earlier source must not arm this one with the wrong key.
        let Some(armed) = armed.as_mut().filter(|armed| armed.key == event.key) else { return };
        let mut fired = 0;
        if event.readable {
            fired |= Direction::Read.bit();
        }
        if event.writable {
            fired |= Direction::Write.bit();
        }
        armed.directions &= !fired;
        if armed.directions != 0 {
            // SAFETY: the source stands in `self.0`, whose lock is held, so it has not been closed.
            let source = unsafe { borrow(armed.raw) };
            if selector.poller.modify(source, interest(event.key, armed.directions)).is_err() {
                // The next wait of that direction arms again and sees the error.
                armed.directions = 0;
            }
        }
    }

    /// The source leaves the queue but lives on.
    pub(crate) fn remove(&self, selector: &Selector, source: &impl AsSource) -> io::Result<()> {
        match self.0.lock().take() {
            None => Ok(()),
            Some(_) => selector.poller.delete(source.source()),
        }
    }

    /// The source is about to be closed.
    pub(crate) fn forget(&self, selector: &Selector, _leaves: Option<u32>) {
        let mut armed = self.0.lock();
        if let Some(Armed { raw, .. }) = armed.take() {
            // SAFETY: the source closes after this call, which its owner makes first.
            let source = unsafe { borrow(raw) };
            // A source that the queue does not know any more is what was wanted.
            let _ = selector.poller.delete(source);
        }
    }
}
