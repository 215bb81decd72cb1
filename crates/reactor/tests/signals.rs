#![cfg(all(unix, not(heist_loom)))]
//! Who takes a signal, and what comes back afterwards. A process has one handler for each signal, so each test has a
//! signal of its own, of those that nobody else sends.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use heist_core::SignalSafe;
use heist_reactor::{FirstSignal, SignalSource};

/// Counts deliveries.
#[derive(Default)]
struct Count(AtomicUsize);

// SAFETY: one atomic operation.
unsafe impl SignalSafe for Count {
    fn signal(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A handler of somebody else's.
static OTHERS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn others_handler(_signal: libc::c_int) {
    OTHERS.fetch_add(1, Ordering::Relaxed);
}

fn raise(signal: libc::c_int) {
    // SAFETY: takes a plain number.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

fn handler_of(signal: libc::c_int) -> libc::sighandler_t {
    // SAFETY: all zero is a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: nothing is set, and there is a place for the present action.
    assert_eq!(unsafe { libc::sigaction(signal, std::ptr::null(), &mut action) }, 0);
    action.sa_sigaction
}

fn set_handler(signal: libc::c_int, handler: libc::sighandler_t) -> libc::sighandler_t {
    // SAFETY: the handler is the default, or one of the functions above, which do nothing that a handler may not.
    unsafe { libc::signal(signal, handler) }
}

#[test]
fn the_last_taker_leaves_the_default_action_behind() {
    let signal = libc::SIGURG;
    assert_eq!(handler_of(signal), libc::SIG_DFL);
    let first = SignalSource::new(signal).unwrap();
    let second = SignalSource::new(signal).unwrap();
    let ours = handler_of(signal);
    assert_ne!(ours, libc::SIG_DFL);
    drop(first);
    assert_eq!(handler_of(signal), ours);
    drop(second);
    assert_eq!(handler_of(signal), libc::SIG_DFL);
    // And again.
    drop(SignalSource::new(signal).unwrap());
    assert_eq!(handler_of(signal), libc::SIG_DFL);
}

#[test]
fn a_source_goes_before_who_takes_the_first_alone() {
    // Ignored by default, so that a mistake does not end the test.
    let signal = libc::SIGWINCH;
    let count = Arc::new(Count::default());
    let first = FirstSignal::take(signal, count.clone()).unwrap().unwrap();
    let source = SignalSource::new(signal).unwrap();
    raise(signal);
    assert_eq!((count.get(), first.arrived()), (0, false));
    drop(source);
    raise(signal);
    assert_eq!((count.get(), first.arrived()), (1, true));
    // The next one takes the default way, which is put back for that.
    raise(signal);
    assert_eq!((count.get(), handler_of(signal)), (1, libc::SIG_DFL));
    drop(first);
    assert_eq!(handler_of(signal), libc::SIG_DFL);
}

#[test]
fn a_handler_that_was_there_is_called_and_comes_back() {
    let signal = libc::SIGUSR1;
    let others = others_handler as *const () as libc::sighandler_t;
    set_handler(signal, others);
    let count = Arc::new(Count::default());
    assert!(FirstSignal::take(signal, count.clone()).unwrap().is_none(), "somebody else handles it");
    let source = SignalSource::new(signal).unwrap();
    assert_ne!(handler_of(signal), others);
    let before = OTHERS.load(Ordering::Relaxed);
    raise(signal);
    assert_eq!(OTHERS.load(Ordering::Relaxed), before + 1);
    drop(source);
    assert_eq!(handler_of(signal), others);
    set_handler(signal, libc::SIG_DFL);
}

#[test]
fn a_handler_that_was_put_over_ours_stays() {
    let signal = libc::SIGUSR2;
    let others = others_handler as *const () as libc::sighandler_t;
    let source = SignalSource::new(signal).unwrap();
    let ours = set_handler(signal, others);
    drop(source);
    assert_eq!(handler_of(signal), others);
    // It may call ours, which nobody uses any more: nothing happens, and the process lives.
    let call_ours: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
        // SAFETY: ours is installed with SA_SIGINFO, so its address is that of such a function.
        unsafe { std::mem::transmute(ours as *const ()) };
    call_ours(signal, std::ptr::null_mut(), std::ptr::null_mut());
    assert_eq!(handler_of(signal), others);
    assert!(FirstSignal::take(signal, Arc::new(Count::default())).unwrap().is_none());
    set_handler(signal, libc::SIG_DFL);
}

#[test]
fn what_cannot_be_taken_is_refused() {
    for signal in [libc::SIGKILL, libc::SIGSTOP, libc::SIGSEGV, 0, -1, 100_000] {
        let error = SignalSource::new(signal).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{signal}");
        assert!(error.to_string().contains("choose another"), "{error}");
    }
}

#[test]
fn signals_that_come_while_takers_change_are_told_to_who_is_there() {
    let signal = libc::SIGIO;
    let kept = Arc::new(Count::default());
    struct Keep(Arc<Count>);
    // SAFETY: as for `Count`.
    unsafe impl SignalSafe for Keep {
        fn signal(&self) {
            self.0.signal();
        }
    }
    let taken = FirstSignal::take(signal, Arc::new(Keep(kept.clone()))).unwrap().unwrap();
    let source = SignalSource::new(signal).unwrap();
    std::thread::scope(|scope| {
        let changing = scope.spawn(|| {
            for _ in 0..2000 {
                drop(SignalSource::new(signal).unwrap());
            }
        });
        while !changing.is_finished() {
            raise(signal);
        }
    });
    // The source was there all the time, so no delivery went further.
    assert_eq!((kept.get(), taken.arrived()), (0, false));
    drop(source);
    raise(signal);
    assert_eq!(kept.get(), 1);
    drop(taken);
}

#[test]
fn b236_a_signal_sent_to_a_forked_child_is_not_told_to_the_parent() {
    let signal = libc::SIGVTALRM;
    let mut source = SignalSource::new(signal).unwrap();
    let mut is_told = || {
        // Outside of a loop: an answer if a delivery has come, an error for want of a loop if not.
        match source.poll_recv(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(told) => told.is_ok(),
            std::task::Poll::Pending => unreachable!("there is no loop to wait in"),
        }
    };
    // SAFETY: the child of this process with several threads makes system calls and nothing else.
    let child = unsafe { libc::fork() };
    if child == 0 {
        raise(signal);
        // SAFETY: ends the process, and nothing of the parent's runs.
        unsafe { libc::_exit(7) };
    }
    let mut status = 0;
    // SAFETY: a place for the status, and the number of a child of ours.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 7, "{status}");
    assert!(!is_told());
    raise(signal);
    assert!(is_told());
}
