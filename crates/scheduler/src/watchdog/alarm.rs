//! An alarm that one thread sleeps on, and that others put off without waking it.
//!
//! On Linux a timer of the system behind a descriptor: to put it off is one system call, and who sleeps sleeps on. Where there is none (other
//! systems, no descriptor to be had) a condition variable, whose sleeper wakes up to find that the time was put off.

use std::time::{Duration, Instant};

use heist_core::sync::{Condvar, Mutex};

/// See the module's text.
#[derive(Debug)]
pub(super) struct Alarm {
    #[cfg(target_os = "linux")]
    timer: std::sync::OnceLock<rustix::fd::OwnedFd>,
    /// When it goes off, where there is no timer.
    at: Mutex<Option<Instant>>,
    changed: Condvar,
}

impl Alarm {
    pub(super) fn new() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            timer: std::sync::OnceLock::new(),
            at: Mutex::new(None),
            changed: Condvar::new(),
        }
    }

    /// It goes off after this time, whatever was set before.
    pub(super) fn set(&self, after: Duration) {
        #[cfg(target_os = "linux")]
        if self.set_timer(after) {
            return;
        }
        let at = Instant::now() + after;
        let before = self.at.lock().replace(at);
        if before.is_none_or(|before| at < before) {
            self.changed.notify_one();
        }
    }

    /// Sleeps until it goes off. For one thread.
    pub(super) fn wait(&self) {
        #[cfg(target_os = "linux")]
        if self.wait_for_timer() {
            return;
        }
        let mut at = self.at.lock();
        loop {
            let now = Instant::now();
            at = match *at {
                None => self.changed.wait(at),
                // A model has no time.
                Some(when) if when <= now || cfg!(heist_loom) => break,
                Some(when) => self.changed.wait_timeout(at, when - now).0,
            };
        }
        *at = None;
    }
}

#[cfg(target_os = "linux")]
impl Alarm {
    /// Has the system's timer used from now on, if there is one to be had. Before anybody waits.
    pub(super) fn use_timer(&self) {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        if let (false, Ok(timer)) =
            (cfg!(heist_loom), timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC))
        {
            let _ = self.timer.set(timer);
        }
    }

    /// `false` where there is no timer.
    fn set_timer(&self, after: Duration) -> bool {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let Some(timer) = self.timer.get() else { return false };
        // All zeroes would be never.
        let after = after.max(Duration::from_nanos(1));
        let it_value = Timespec {
            tv_sec: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: after.subsec_nanos().into(),
        };
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        timerfd_settime(timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval, it_value }).is_ok()
    }

    /// `false` where there is no timer.
    fn wait_for_timer(&self) -> bool {
        let Some(timer) = self.timer.get() else { return false };
        let mut times = [0; 8];
        while rustix::io::read(timer, &mut times) == Err(rustix::io::Errno::INTR) {}
        true
    }
}

#[cfg(not(target_os = "linux"))]
impl Alarm {
    /// There is none.
    pub(super) fn use_timer(&self) {}
}

#[cfg(all(test, not(heist_loom)))]
mod tests {
    use super::*;

    /// Both kinds, and how long each took to go off.
    fn each(go: impl Fn(&Alarm)) -> [Duration; 2] {
        [false, true].map(|timer| {
            let alarm = Alarm::new();
            if timer {
                alarm.use_timer();
            }
            let begun = Instant::now();
            go(&alarm);
            begun.elapsed()
        })
    }

    #[test]
    fn an_alarm_that_is_put_off_goes_off_later() {
        let took = each(|alarm| {
            std::thread::scope(|scope| {
                alarm.set(Duration::from_secs(600));
                alarm.set(Duration::ZERO);
                // Whether or not it went off already: it is set for later.
                alarm.set(Duration::from_millis(30));
                let waits = scope.spawn(|| alarm.wait());
                waits.join().unwrap();
            });
        });
        assert!(took.iter().all(|took| *took >= Duration::from_millis(30)), "{took:?}");
    }

    #[test]
    fn an_alarm_that_is_set_to_now_ends_a_wait() {
        each(|alarm| {
            std::thread::scope(|scope| {
                let waits = scope.spawn(|| alarm.wait());
                alarm.set(Duration::from_secs(600));
                alarm.set(Duration::ZERO);
                waits.join().unwrap();
            });
        });
    }
}
