//! The process's side: who takes which signal, the handler, and the way back to what was there before.
//!
//! A signal's handler is ours while somebody takes the signal. What was there before comes back with the last taker; a
//! handler of somebody else's that was there is called first, each time. Where somebody else has put a handler over ours
//! meanwhile (and calls ours from it, as the usual libraries do), it stays, and ours does nothing any more.

use std::io;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use heist_core::SignalSafe;
use heist_core::sync::atomic::AtomicBool;

use super::snapshots::Snapshots;

/// Who wants to hear of a signal.
#[derive(Clone)]
struct Taker {
    id: u64,
    hook: Arc<dyn SignalSafe>,
    /// Set by the first delivery, for one who takes that alone; `None`: takes every one.
    first: Option<Arc<AtomicBool>>,
}

/// A signal that is taken.
#[derive(Clone)]
struct Taken {
    signal: libc::c_int,
    before: libc::sigaction,
    takers: Vec<Taker>,
}

/// All that the handler looks at.
type Table = Vec<Taken>;

#[cfg(not(heist_loom))]
static TABLE: Snapshots<Table> = Snapshots {
    current: heist_core::sync::atomic::AtomicPtr::new(ptr::null_mut()),
    readers: heist_core::sync::atomic::AtomicUsize::new(0),
    lock: heist_core::sync::Mutex::new(()),
};
// Only to compile: models take their own.
#[cfg(heist_loom)]
static TABLE: std::sync::LazyLock<Snapshots<Table>> = std::sync::LazyLock::new(|| Snapshots {
    current: heist_core::sync::atomic::AtomicPtr::new(ptr::null_mut()),
    readers: heist_core::sync::atomic::AtomicUsize::new(0),
    lock: heist_core::sync::Mutex::new(()),
});

/// Bookkeeping: numbers for takers.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A place among the takers of a signal; dropping it gives it up.
#[derive(Debug)]
pub(super) struct Place {
    signal: libc::c_int,
    id: u64,
}

impl Place {
    /// Takes every delivery of a signal, ahead of those who take the first alone.
    pub(super) fn every(signal: libc::c_int, hook: Arc<dyn SignalSafe>) -> io::Result<Self> {
        match take(signal, hook, None)? {
            Some(place) => Ok(place),
            None => unreachable!("only who takes the first alone makes a condition"),
        }
    }

    /// Takes the first delivery that nobody takes by [`every`](Self::every); the next one ends the process. Where the
    /// signal's action is not the default: `None`, and all stays as it is.
    pub(super) fn first(
        signal: libc::c_int,
        hook: Arc<dyn SignalSafe>,
        arrived: Arc<AtomicBool>,
    ) -> io::Result<Option<Self>> {
        take(signal, hook, Some(arrived))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        leave(self);
    }
}

fn take(
    signal: libc::c_int,
    hook: Arc<dyn SignalSafe>,
    first: Option<Arc<AtomicBool>>,
) -> io::Result<Option<Place>> {
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let only_default = first.is_some();
    let taker = Taker { id, hook, first };
    let mut changes = TABLE.lock();
    let mut next = changes.get().cloned().unwrap_or_default();
    if let Some(taken) = next.iter_mut().find(|taken| taken.signal == signal) {
        // Also when nobody takes the signal, but another handler has come to stand over ours.
        if only_default && !(is(&taken.before, libc::SIG_DFL) && is_ours(signal)) {
            return Ok(None);
        }
        taken.takers.push(taker);
        let old = changes.set(Some(next));
        drop(changes);
        drop(old);
        return Ok(Some(Place { signal, id }));
    }
    let before = action_of(signal)?;
    if only_default && !is(&before, libc::SIG_DFL) {
        return Ok(None);
    }
    let unchanged = changes.get().cloned();
    next.push(Taken { signal, before, takers: vec![taker] });
    // First the table, then the handler that looks into it.
    let mut old = vec![changes.set(Some(next))];
    let installed = set_action(signal, &ours());
    if installed.is_err() {
        old.push(changes.set(unchanged));
    }
    drop(changes);
    drop(old);
    installed.map(|()| Some(Place { signal, id }))
}

fn leave(place: &Place) {
    let mut changes = TABLE.lock();
    let mut next = changes.get().cloned().unwrap_or_default();
    if let Some(at) = next.iter().position(|taken| taken.signal == place.signal) {
        next[at].takers.retain(|taker| taker.id != place.id);
        if next[at].takers.is_empty() && is_ours(place.signal) {
            // From here on as before; a delivery that is under way finds nobody and does what is done by default.
            let _ = set_action(place.signal, &next[at].before);
            next.swap_remove(at);
        }
    }
    let old = changes.set((!next.is_empty()).then_some(next));
    drop(changes);
    drop(old);
}

/// Our handler, as an action.
fn ours() -> libc::sigaction {
    // SAFETY: all zero is a valid `sigaction`: the default action, no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_signal as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    action
}

/// The handler. Async-signal-safe: it reads a snapshot, calls hooks that are, and makes system calls that are.
extern "C" fn on_signal(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let errno = errno::get();
    let by_default = TABLE.read(|table| {
        let Some(taken) = table.and_then(|table| table.iter().find(|taken| taken.signal == signal)) else {
            return true;
        };
        call(&taken.before, signal, info, context);
        let mut every = taken.takers.iter().filter(|taker| taker.first.is_none()).peekable();
        if every.peek().is_some() {
            every.for_each(|taker| taker.hook.signal());
            return false;
        }
        for taker in &taken.takers {
            // AcqRel: two threads may get the signal at once, and the second must not count as the first.
            match &taker.first {
                Some(arrived) if arrived.swap(true, Ordering::AcqRel) => return true,
                _ => taker.hook.signal(),
            }
        }
        taken.takers.is_empty() && is(&taken.before, libc::SIG_DFL)
    });
    if by_default {
        take_default(signal);
    }
    errno::set(errno);
}

/// Has a signal take its default way, unless somebody else handles it. Async-signal-safe. Inside the signal's handler the
/// effect comes when that returns.
pub(super) fn take_default(signal: libc::c_int) {
    if is_ours(signal) {
        // SAFETY: all zero is a valid `sigaction`: the default action.
        let default: libc::sigaction = unsafe { std::mem::zeroed() };
        let _ = set_action(signal, &default);
    }
    if action_of(signal).is_ok_and(|action| is(&action, libc::SIG_DFL)) {
        // SAFETY: takes a plain number; a signal that does not exist is an error, which tells nothing new.
        unsafe { libc::raise(signal) };
    }
}

/// Calls the handler that was there before, if it is one.
fn call(
    before: &libc::sigaction,
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    if is(before, libc::SIG_DFL) || is(before, libc::SIG_IGN) {
        return;
    }
    let handler = before.sa_sigaction as *const ();
    if before.sa_flags & libc::SA_SIGINFO == 0 {
        // SAFETY: the action was installed with this address as a handler of this type, as its flags say.
        let handler: extern "C" fn(libc::c_int) = unsafe { std::mem::transmute(handler) };
        handler(signal);
    } else {
        type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
        // SAFETY: as above, with the other type.
        let handler: Handler = unsafe { std::mem::transmute(handler) };
        handler(signal, info, context);
    }
}

fn is(action: &libc::sigaction, what: libc::sighandler_t) -> bool {
    action.sa_sigaction == what
}

/// Whether the handler of a signal is ours now.
fn is_ours(signal: libc::c_int) -> bool {
    action_of(signal).is_ok_and(|action| is(&action, on_signal as *const () as usize))
}

/// What is done about a signal now. Async-signal-safe.
fn action_of(signal: libc::c_int) -> io::Result<libc::sigaction> {
    // SAFETY: all zero is a valid `sigaction`.
    let mut action = unsafe { std::mem::zeroed() };
    // SAFETY: no new action is given, and `action` is a place for the present one.
    let failed = unsafe { libc::sigaction(signal, ptr::null(), &mut action) };
    if failed == 0 { Ok(action) } else { Err(io::Error::last_os_error()) }
}

/// Sets what is done about a signal. Async-signal-safe.
fn set_action(signal: libc::c_int, action: &libc::sigaction) -> io::Result<()> {
    // SAFETY: the action is the default one, one that was there before, or our handler, which is async-signal-safe.
    let failed = unsafe { libc::sigaction(signal, action, ptr::null_mut()) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The error number of the thread: a handler leaves it as it was.
mod errno {
    #[cfg(any(target_os = "solaris", target_os = "illumos"))]
    use libc::___errno as location;
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    use libc::__errno as location;
    #[cfg(any(target_os = "linux", target_os = "emscripten", target_os = "redox"))]
    use libc::__errno_location as location;
    #[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "dragonfly"))]
    use libc::__error as location;

    pub(super) fn get() -> i32 {
        // SAFETY: takes nothing, and returns the address of the thread's own number.
        let location = unsafe { location() };
        // SAFETY: the number is valid as long as the thread runs.
        unsafe { *location }
    }

    pub(super) fn set(number: i32) {
        // SAFETY: as in `get`.
        let location = unsafe { location() };
        // SAFETY: as in `get`.
        unsafe { *location = number };
    }
}
