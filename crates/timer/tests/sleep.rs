//! Sleeps and timeouts as a task sees them, on workers entered by hand in virtual time.
#![cfg(not(heist_loom))]

use std::any::Any;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use heist_core::clock::NEVER;
use heist_core::{Clock, Driver, WorkerState, context};
use heist_timer::{Sleep, TimeoutError, TimerService, limit, sleep, sleep_until, timeout, timeout_at};

/// A driver with timers and nothing else.
struct TimersOnly(Arc<TimerService>);

impl Driver for TimersOnly {
    fn worker_state(&self, worker: usize) -> WorkerState {
        self.0.worker_state(worker)
    }
    fn io(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        None
    }
    fn turn(&self, worker: usize, now: u64, _io: bool) {
        self.0.fire(worker, now);
    }
    fn next_deadline(&self, worker: usize) -> u64 {
        self.0.next_deadline(worker)
    }
    fn claim(&self, _worker: usize) -> bool {
        false
    }
    fn park(&self, _worker: usize, _deadline: u64) {}
    fn release(&self, _worker: usize) {}
    fn unpark(&self, _worker: usize) {}
    fn rescue(&self, worker: usize, now: u64) {
        self.0.rescue(worker, now);
    }
    fn io_waiting(&self) -> bool {
        false
    }
    fn close(&self) {
        self.0.close();
    }
}

/// A loop of two workers, of which this thread can be either, or none.
struct Loop {
    clock: Arc<Clock>,
    service: Arc<TimerService>,
    workers: [heist_core::Context; 2],
}

impl Loop {
    fn new() -> Self {
        Self::with_clock(Clock::virtual_time())
    }

    fn with_clock(clock: Arc<Clock>) -> Self {
        let service = TimerService::new(clock.clone(), 2);
        let driver = Arc::new(TimersOnly(service.clone()));
        let worker = |number| heist_core::Context::new(number, 1, clock.clone(), driver.clone());
        let workers = [worker(0), worker(1)];
        Self { clock, service, workers }
    }

    fn on<R>(&self, worker: usize, f: impl FnOnce() -> R) -> R {
        // SAFETY: the context outlives the guard, which is dropped in this function.
        let _entered = unsafe { context::enter(&self.workers[worker]) };
        f()
    }

    fn advance(&self, deadline: u64) {
        self.clock.advance_to(deadline);
        for worker in 0..2 {
            self.service.fire(worker, deadline);
        }
    }
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wakes {
    fn new() -> (Arc<Self>, Waker) {
        let wakes = Arc::new(Self::default());
        (wakes.clone(), wakes.into())
    }
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(waker))
}

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_worker_without_timers_knows_it_without_asking_the_driver() {
    let el = Loop::new();
    let (_, waker) = Wakes::new();
    let may = |worker: usize| el.workers[worker].may_have_timers();
    assert_eq!([may(0), may(1)], [false, false]);
    let mut sleep = sleep_until(SECOND);
    assert!(el.on(0, || poll(&mut sleep, &waker)).is_pending());
    assert_eq!([may(0), may(1)], [true, false], "where it was armed");
    el.advance(SECOND);
    assert!(el.on(0, || poll(&mut sleep, &waker)).is_ready());
    assert_eq!((el.service.next_deadline(0), may(0)), (NEVER, false));
}

#[test]
fn is_never_early_and_exact_to_the_nanosecond() {
    let el = Loop::new();
    let (wakes, waker) = Wakes::new();
    let mut nap = el.on(0, || sleep(Duration::from_nanos(1_500_000_001)));
    assert_eq!(nap.deadline(), Some(1_500_000_001));
    assert!(el.on(0, || poll(&mut nap, &waker)).is_pending());
    assert_eq!(el.service.next_deadline(0), 1_500_000_001);
    el.advance(1_500_000_000);
    assert_eq!((wakes.count(), nap.is_elapsed()), (0, false));
    assert!(el.on(0, || poll(&mut nap, &waker)).is_pending());
    el.advance(1_500_000_001);
    assert_eq!((wakes.count(), nap.is_elapsed()), (1, true));
    assert!(el.on(0, || poll(&mut nap, &waker)).is_ready());
    assert!(el.on(0, || poll(&mut nap, &waker)).is_ready(), "ready at every poll afterwards");
    assert_eq!((el.service.armed(), el.service.next_deadline(0)), (0, NEVER));
}

#[test]
fn b181_a_zero_sleep_yields_exactly_once() {
    let el = Loop::new();
    for mut nap in [el.on(0, || sleep(Duration::ZERO)), sleep(Duration::ZERO), sleep_until(0)] {
        let (wakes, waker) = Wakes::new();
        assert!(el.on(0, || poll(&mut nap, &waker)).is_pending());
        assert_eq!((wakes.count(), el.service.armed()), (1, 0), "queued again, no timer armed");
        assert!(el.on(0, || poll(&mut nap, &waker)).is_ready());
    }
}

#[test]
fn a_past_deadline_yields_once() {
    let el = Loop::new();
    el.advance(10 * SECOND);
    let (wakes, waker) = Wakes::new();
    let mut nap = sleep_until(9 * SECOND);
    assert!(el.on(1, || poll(&mut nap, &waker)).is_pending());
    assert_eq!((wakes.count(), el.service.armed()), (1, 0));
    assert!(el.on(1, || poll(&mut nap, &waker)).is_ready());
}

#[test]
fn the_delay_counts_from_the_call_on_a_worker_and_from_the_first_poll_elsewhere() {
    let el = Loop::new();
    let mut inside = el.on(0, || sleep(Duration::from_secs(2)));
    let mut outside = sleep(Duration::from_secs(2));
    assert_eq!((inside.deadline(), outside.deadline()), (Some(2 * SECOND), None));
    el.advance(SECOND);
    el.on(0, || {
        assert!(poll(&mut inside, Waker::noop()).is_pending());
        assert!(poll(&mut outside, Waker::noop()).is_pending());
    });
    assert_eq!((inside.deadline(), outside.deadline()), (Some(2 * SECOND), Some(3 * SECOND)));
}

#[test]
fn a_sleep_made_long_before_its_first_poll_is_found_by_the_next_turn() {
    let el = Loop::new();
    let (wakes, waker) = Wakes::new();
    let mut nap = el.on(0, || sleep(Duration::from_secs(1)));
    el.advance(5 * SECOND);
    assert!(el.on(0, || poll(&mut nap, &waker)).is_pending());
    el.advance(5 * SECOND);
    assert_eq!(wakes.count(), 1);
    assert!(el.on(0, || poll(&mut nap, &waker)).is_ready());
}

#[test]
fn an_endless_sleep_arms_nothing() {
    let el = Loop::new();
    el.advance(SECOND);
    let mut nap = el.on(0, || sleep(Duration::MAX));
    assert_eq!(nap.deadline(), Some(NEVER));
    assert!(el.on(0, || poll(&mut nap, Waker::noop())).is_pending());
    assert!(el.on(0, || poll(&mut nap, Waker::noop())).is_pending());
    assert_eq!((el.service.armed(), el.service.next_deadline(0)), (0, NEVER));
    el.on(0, || nap.reset(2 * SECOND));
    assert!(el.on(0, || poll(&mut nap, Waker::noop())).is_pending());
    assert_eq!(el.service.next_deadline(0), 2 * SECOND);
}

#[test]
fn drop_disarms_on_the_own_worker_on_another_and_on_a_foreign_thread() {
    let el = Loop::new();
    for place in 0..3 {
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(wakes.clone());
        let mut nap = el.on(0, || sleep(Duration::from_secs(1)));
        assert!(el.on(0, || poll(&mut nap, &waker)).is_pending());
        assert_eq!(el.service.armed(), 1);
        drop(waker);
        match place {
            2 => std::thread::spawn(move || drop(nap)).join().unwrap(),
            worker => el.on(worker, || drop(nap)),
        }
        assert_eq!(Arc::strong_count(&wakes), 1, "the waker is dropped with the sleep, not with the sweep");
        assert_eq!(el.service.next_deadline(0), NEVER, "virtual time must not jump to a cancelled timer");
        assert_eq!(el.service.armed(), 0);
        assert_eq!(wakes.count(), 0);
    }
}

#[test]
fn the_same_waker_on_another_worker_leaves_the_timer_where_it_is() {
    let el = Loop::new();
    let (wakes, waker) = Wakes::new();
    let mut nap = el.on(0, || sleep(Duration::from_secs(1)));
    assert!(el.on(0, || poll(&mut nap, &waker)).is_pending());
    assert!(el.on(1, || poll(&mut nap, &waker)).is_pending());
    assert_eq!((el.service.next_deadline(0), el.service.next_deadline(1)), (SECOND, NEVER));
    el.advance(SECOND);
    assert_eq!(wakes.count(), 1);
    assert!(el.on(1, || poll(&mut nap, &waker)).is_ready());
    assert_eq!(el.service.armed(), 0);
}

#[test]
fn another_waker_takes_the_timer_over() {
    let el = Loop::new();
    let ((first, first_waker), (second, second_waker)) = (Wakes::new(), Wakes::new());
    let (third, third_waker) = Wakes::new();
    let mut nap = el.on(0, || sleep(Duration::from_secs(1)));
    assert!(el.on(0, || poll(&mut nap, &first_waker)).is_pending());
    // On the same worker the waker is exchanged in place.
    assert!(el.on(0, || poll(&mut nap, &second_waker)).is_pending());
    assert_eq!((el.service.next_deadline(0), el.service.armed()), (SECOND, 1));
    // On another worker the timer moves.
    assert!(el.on(1, || poll(&mut nap, &third_waker)).is_pending());
    assert_eq!((el.service.next_deadline(0), el.service.next_deadline(1)), (NEVER, SECOND));
    // Without a worker the waker is exchanged in place.
    assert!(poll(&mut nap, &second_waker).is_pending());
    assert_eq!((el.service.next_deadline(1), el.service.armed()), (SECOND, 1));
    el.advance(SECOND);
    assert_eq!((first.count(), second.count(), third.count()), (0, 1, 0));
    assert!(poll(&mut nap, &second_waker).is_ready(), "an armed sleep may be polled anywhere");
}

#[test]
fn a_timer_that_fired_for_the_old_waker_is_ready_for_the_new_one() {
    let el = Loop::new();
    let mut nap = el.on(0, || sleep(Duration::from_secs(1)));
    assert!(el.on(0, || poll(&mut nap, Waker::noop())).is_pending());
    el.advance(SECOND);
    let (_wakes, waker) = Wakes::new();
    assert!(el.on(1, || poll(&mut nap, &waker)).is_ready());
}

#[test]
fn a_rescuer_fires_for_a_stuck_worker() {
    let el = Loop::new();
    let (wakes, waker) = Wakes::new();
    let mut nap = el.on(0, || sleep(Duration::from_secs(1)));
    assert!(el.on(0, || poll(&mut nap, &waker)).is_pending());
    el.clock.advance_to(SECOND);
    std::thread::scope(|scope| {
        scope.spawn(|| el.service.rescue(0, SECOND));
    });
    assert_eq!(wakes.count(), 1);
    assert!(el.on(0, || poll(&mut nap, &waker)).is_ready());
}

#[test]
fn timers_fire_by_deadline_and_ties_in_arming_order() {
    struct Numbered(usize, Arc<std::sync::Mutex<Vec<usize>>>);
    impl Wake for Numbered {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }
    let el = Loop::new();
    let order = Arc::new(std::sync::Mutex::new(Vec::new()));
    // The first two stand in a far slot and cascade, the last two are armed when their slot is near.
    let mut naps: Vec<Sleep> = Vec::new();
    let arm = |naps: &mut Vec<Sleep>, number, deadline| {
        let waker = Waker::from(Arc::new(Numbered(number, order.clone())));
        let mut nap = sleep_until(deadline);
        assert!(el.on(0, || poll(&mut nap, &waker)).is_pending());
        naps.push(nap);
    };
    arm(&mut naps, 2, 10 * SECOND);
    arm(&mut naps, 3, 10 * SECOND);
    el.advance(10 * SECOND - 3_000_000);
    arm(&mut naps, 4, 10 * SECOND);
    arm(&mut naps, 1, 10 * SECOND - 1);
    el.advance(11 * SECOND);
    assert_eq!(*order.lock().unwrap(), [1, 2, 3, 4]);
}

#[test]
fn reset_moves_a_waiting_timer_with_its_waker() {
    let el = Loop::new();
    let (wakes, waker) = Wakes::new();
    let mut nap = el.on(0, || sleep(Duration::from_secs(5)));
    assert!(el.on(0, || poll(&mut nap, &waker)).is_pending());
    el.on(0, || nap.reset(SECOND));
    assert_eq!((nap.deadline(), el.service.next_deadline(0)), (Some(SECOND), SECOND));
    el.advance(SECOND);
    assert_eq!(wakes.count(), 1, "without another poll");
    el.on(0, || nap.reset(3 * SECOND));
    assert!(!nap.is_elapsed(), "a sleep that has ended can be used again");
    assert!(el.on(0, || poll(&mut nap, &waker)).is_pending());
    // Reset where it does not wait: disarmed until it is polled.
    nap.reset(4 * SECOND);
    assert_eq!(el.service.armed(), 0);
    assert!(el.on(1, || poll(&mut nap, &waker)).is_pending());
    assert_eq!(el.service.next_deadline(1), 4 * SECOND);
}

#[test]
fn polled_outside_a_loop_the_panic_says_what_to_do() {
    let result = std::panic::catch_unwind(|| poll(&mut sleep(Duration::from_secs(1)), Waker::noop()));
    let payload = result.expect_err("there is no loop");
    let message = payload.downcast_ref::<&str>().copied().unwrap_or_default();
    assert!(message.contains("heist::run"), "{message}");
}

#[test]
fn after_close_sleeps_stay_pending_until_their_time_and_hold_no_waker() {
    let el = Loop::new();
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let mut armed = el.on(0, || sleep(Duration::from_secs(1)));
    let mut late = el.on(0, || sleep(Duration::from_secs(1)));
    assert!(el.on(0, || poll(&mut armed, &waker)).is_pending());
    el.service.close();
    assert_eq!(Arc::strong_count(&wakes), 2);
    assert!(el.on(0, || poll(&mut late, &waker)).is_pending());
    assert!(el.on(0, || poll(&mut armed, &waker)).is_pending());
    el.advance(SECOND);
    assert_eq!((wakes.count(), Arc::strong_count(&wakes)), (0, 2));
    assert!(el.on(0, || poll(&mut late, &waker)).is_ready());
    assert!(el.on(0, || poll(&mut armed, &waker)).is_ready());
}

#[test]
fn sleeps_may_outlive_their_loop() {
    let el = Loop::new();
    let mut naps: Vec<Sleep> = (1..=100).map(sleep_until).collect();
    for nap in &mut naps {
        assert!(el.on(0, || poll(nap, Waker::noop())).is_pending());
    }
    el.advance(50);
    drop(el);
    let elapsed = naps.iter().filter(|nap| nap.is_elapsed()).count();
    assert_eq!(elapsed, 50);
    let threads = naps.into_iter().map(|nap| std::thread::spawn(move || drop(nap)));
    for thread in threads.collect::<Vec<_>>() {
        thread.join().unwrap();
    }
}

#[test]
fn a_timeout_gives_the_value_or_drops_the_body() {
    struct Dropped<'a>(&'a AtomicUsize);
    impl Drop for Dropped<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let el = Loop::new();
    let drops = AtomicUsize::new(0);
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);

    let mut ready = pin!(timeout(Duration::ZERO, async { 7 }));
    assert_eq!(ready.as_mut().poll(&mut cx), Poll::Ready(Ok(7)), "no loop is needed for a ready body");

    let held = Dropped(&drops);
    let body = async move {
        let _held = held;
        std::future::pending::<()>().await;
    };
    let mut limited = pin!(el.on(0, || timeout(Duration::from_secs(1), body)));
    assert!(el.on(0, || limited.as_mut().poll(&mut cx)).is_pending());
    el.advance(SECOND);
    assert_eq!((wakes.count(), drops.load(Ordering::SeqCst)), (1, 0));
    assert_eq!(el.on(0, || limited.as_mut().poll(&mut cx)), Poll::Ready(Err(TimeoutError)));
    assert_eq!(drops.load(Ordering::SeqCst), 1, "dropped when the time is up, not with the timeout");

    let mut done = pin!(timeout_at(9 * SECOND, sleep_until(2 * SECOND)));
    assert!(el.on(0, || done.as_mut().poll(&mut cx)).is_pending());
    assert_eq!(el.service.armed(), 2);
    el.advance(2 * SECOND);
    assert_eq!(el.on(0, || done.as_mut().poll(&mut cx)), Poll::Ready(Ok(())));
}

#[test]
fn a_zero_timeout_ends_a_body_at_its_first_suspension() {
    let el = Loop::new();
    let mut cx = Context::from_waker(Waker::noop());
    let mut yields = pin!(timeout(Duration::ZERO, sleep(Duration::ZERO)));
    assert!(el.on(0, || yields.as_mut().poll(&mut cx)).is_pending());
    let ended = el.on(0, || yields.as_mut().poll(&mut cx));
    assert_eq!(ended, Poll::Ready(Err(TimeoutError)), "a deadline that has passed goes first");
    let mut ready = pin!(timeout(Duration::ZERO, async {}));
    assert_eq!(
        el.on(0, || ready.as_mut().poll(&mut cx)),
        Poll::Ready(Ok(())),
        "but not before the first poll"
    );
    let mut never = pin!(timeout(Duration::ZERO, std::future::pending::<()>()));
    assert!(el.on(0, || never.as_mut().poll(&mut cx)).is_pending());
    assert_eq!(el.on(0, || never.as_mut().poll(&mut cx)), Poll::Ready(Err(TimeoutError)));
}

#[test]
fn sizes_and_auto_traits() {
    fn send_sync<T: Send + Sync + Unpin>() {}
    send_sync::<Sleep>();
    send_sync::<TimerService>();
    assert_eq!(size_of::<Sleep>(), 24);
}

/// Real threads: two workers that arm, poll, move and drop each other's sleeps in real time.
#[test]
fn workers_trade_sleeps() {
    let clock = Clock::real();
    let service = TimerService::new(clock.clone(), 2);
    let driver = Arc::new(TimersOnly(service.clone()));
    let fired = AtomicUsize::new(0);
    let (to_one, from_zero) = std::sync::mpsc::channel::<Sleep>();
    let (to_zero, from_one) = std::sync::mpsc::channel::<Sleep>();
    std::thread::scope(|scope| {
        for (worker, out, incoming) in [(0, to_one, from_one), (1, to_zero, from_zero)] {
            let (clock, driver, service, fired) = (clock.clone(), driver.clone(), service.clone(), &fired);
            scope.spawn(move || {
                let me = heist_core::Context::new(worker, 1, clock.clone(), driver);
                // SAFETY: `me` outlives the guard.
                let _entered = unsafe { context::enter(&me) };
                let wakers: [Waker; 2] = [Wakes::new().1, Wakes::new().1];
                for round in 0..20_000u64 {
                    let mut nap = sleep(Duration::from_nanos(1 + round * 7919 % 3_000_000));
                    let started = clock.now();
                    if poll(&mut nap, &wakers[0]).is_ready() {
                        panic!("ready at the first poll");
                    }
                    assert!(nap.deadline() > Some(0) && started < u64::MAX);
                    let _gone = out.send(nap);
                    service.fire(worker, clock.now());
                    if round % 64 == 0 {
                        service.rescue(1 - worker, clock.now());
                        assert!(service.next_deadline(worker) > 0);
                    }
                    if let Ok(mut other) = incoming.try_recv() {
                        let deadline = other.deadline().unwrap();
                        if poll(&mut other, &wakers[round as usize % 2]).is_ready() {
                            assert!(clock.now() >= deadline, "early");
                            fired.fetch_add(1, Ordering::SeqCst);
                        } else if round % 3 == 0 {
                            let _gone = out.send(other);
                        }
                    }
                }
            });
        }
    });
    assert_eq!(service.armed(), 0, "all handles are gone");
    assert!(fired.load(Ordering::SeqCst) > 0, "some were seen fired");
}

#[test]
fn a_long_limit_gets_its_deadline_late_and_keeps_it() {
    let el = Loop::with_clock(Clock::real());
    let (wakes, waker) = Wakes::new();
    let (_, other) = Wakes::new();
    let mut limited = pin!(el.on(0, || limit(Duration::from_secs(1))));
    assert_eq!(limited.deadline(), None, "it counts from when it waits");
    let before = el.clock.now();
    assert!(el.on(0, || limited.as_mut().poll(&mut Context::from_waker(&waker))).is_pending());
    assert_eq!(el.service.armed(), 1);
    let deadline = limited.deadline().unwrap();
    assert!(deadline >= before + SECOND && deadline <= el.clock.now() + SECOND);
    assert_eq!(el.service.next_deadline(0), deadline);
    assert_eq!(limited.deadline(), Some(deadline), "it is the same for ever");
    // Another task takes it over, on another worker.
    assert!(el.on(1, || limited.as_mut().poll(&mut Context::from_waker(&other))).is_pending());
    assert_eq!((limited.deadline(), el.service.next_deadline(1)), (Some(deadline), deadline));
    assert_eq!(wakes.count(), 0);
    el.on(1, || limited.as_mut().reset(deadline + 5));
    assert_eq!((limited.deadline(), el.service.next_deadline(1)), (Some(deadline + 5), deadline + 5));
}

#[test]
fn a_long_limit_ends_when_its_time_has_come() {
    let el = Loop::with_clock(Clock::real());
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    let mut limited = pin!(el.on(0, || limit(Duration::from_secs(1))));
    assert!(el.on(0, || limited.as_mut().poll(&mut cx)).is_pending());
    // The look that gives it its deadline finds that it has not come.
    el.service.fire(0, el.clock.now());
    let deadline = el.service.next_deadline(0);
    el.service.fire(0, deadline - 1);
    assert_eq!((wakes.count(), limited.is_elapsed()), (0, false));
    el.service.fire(0, deadline);
    assert_eq!((wakes.count(), limited.is_elapsed()), (1, true));
    assert!(el.on(0, || limited.as_mut().poll(&mut cx)).is_ready());
    assert_eq!(limited.deadline(), Some(deadline));
    assert_eq!(el.service.armed(), 0);
}

#[test]
fn a_long_limit_is_disarmed_closed_or_endless_like_any_sleep() {
    let el = Loop::with_clock(Clock::real());
    let (_, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    let armed = |cx: &mut Context<'_>| {
        let mut limited = Box::pin(el.on(0, || limit(Duration::from_secs(7))));
        assert!(el.on(0, || limited.as_mut().poll(cx)).is_pending());
        limited
    };
    let [here, elsewhere, mut closed] = [armed(&mut cx), armed(&mut cx), armed(&mut cx)];
    assert_eq!(el.service.armed(), 3);
    el.on(0, || drop(here));
    drop(elsewhere);
    assert_eq!(el.service.armed(), 1);
    let mut endless = Box::pin(el.on(0, || limit(Duration::MAX)));
    assert!(el.on(0, || endless.as_mut().poll(&mut cx)).is_pending());
    assert_eq!((el.service.armed(), endless.deadline()), (1, Some(NEVER)));
    el.service.close();
    let deadline = closed.deadline().unwrap();
    assert!(deadline > 7 * SECOND && deadline < 60 * SECOND);
    assert!(el.on(0, || closed.as_mut().poll(&mut cx)).is_pending(), "its time has not come");
    let mut late = Box::pin(el.on(0, || limit(Duration::from_secs(7))));
    assert!(el.on(0, || late.as_mut().poll(&mut cx)).is_pending());
    assert!(late.deadline().unwrap() >= deadline);
}
