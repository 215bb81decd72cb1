//! The wheel against a sorted map, by random operations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use heist_core::Clock;
use heist_core::clock::NEVER;

use super::levels::SPREAD;
use super::{EntryRef, FIRED, Wheel};

/// Writes its number down when it is woken, and counts how many of its kind are alive.
struct Note {
    number: u64,
    log: Arc<Mutex<Vec<u64>>>,
    alive: Arc<AtomicUsize>,
}

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.log.lock().unwrap().push(self.number);
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// A timer as the test knows it.
struct Timer {
    entry: EntryRef,
    /// The key in the model while it is armed; of one in the nursery, its delay and nothing.
    key: (u64, u64),
}

struct Bench {
    wheel: Box<Wheel>,
    random: Random,
    log: Arc<Mutex<Vec<u64>>>,
    alive: Arc<AtomicUsize>,
    now: u64,
    /// Counts what was armed, as the wheel does: ties are decided by it.
    order: u64,
    /// (deadline, order) to the index of the timer.
    /// Those that perhaps have no deadline yet, and when the eldest of them was armed.
    young: BTreeSet<u64>,
    young_since: u64,
    model: BTreeMap<(u64, u64), u64>,
    timers: BTreeMap<u64, Timer>,
    numbers: u64,
}

impl Bench {
    fn new(seed: u64, clock: Arc<Clock>) -> Self {
        Self {
            wheel: Box::new(Wheel::new(clock)),
            random: Random(seed),
            log: Arc::default(),
            alive: Arc::default(),
            now: 0,
            order: 0,
            model: BTreeMap::new(),
            young: BTreeSet::new(),
            young_since: 0,
            timers: BTreeMap::new(),
            numbers: 0,
        }
    }

    /// Deadlines where wheels go wrong: equal ones, past ones, the edges of slots and levels, the end of time.
    fn deadline(&mut self) -> u64 {
        let tick = 1u64 << 20;
        match self.random.below(10) {
            0 => self.now,
            1 => self.now.saturating_sub(self.random.below(5 * tick)),
            2 => self.now.saturating_add(self.random.below(tick)),
            3 => self.now.saturating_add(self.random.below(64 * tick)),
            4 => self.now.saturating_add(self.random.below(64 * 64 * tick)),
            5 => {
                // One below, at and above the start of a slot of some level.
                let size = tick << (6 * self.random.below(7));
                let slots = 1 + self.random.below(70);
                let edge = (self.now / size).saturating_add(slots).saturating_mul(size);
                edge.saturating_add(self.random.below(3)).saturating_sub(1)
            }
            6 => NEVER - 1 - self.random.below(4),
            7 => (self.random.next() | (1 << 63)) & (NEVER - 1),
            8 => match self.model.keys().nth(self.random.below(8) as usize) {
                Some(&(deadline, _)) => deadline,
                None => self.now + 1,
            },
            _ => self.now.saturating_add(100 * tick),
        }
    }

    fn pick(&mut self) -> Option<u64> {
        let from = self.random.below(self.numbers + 1);
        self.timers.range(from..).next().or_else(|| self.timers.iter().next()).map(|(&number, _)| number)
    }

    fn arm(&mut self) {
        let deadline = self.deadline();
        self.arm_at(deadline);
    }

    fn arm_at(&mut self, deadline: u64) {
        let number = self.numbers;
        self.numbers += 1;
        self.alive.fetch_add(1, Ordering::Relaxed);
        let note = Note { number, log: self.log.clone(), alive: self.alive.clone() };
        let entry = self.wheel.arm(deadline, Waker::from(Arc::new(note))).expect("the wheel is open");
        let key = (deadline, self.order);
        self.order += 1;
        self.model.insert(key, number);
        self.timers.insert(number, Timer { entry, key });
    }

    /// Arms by a delay. What deadline comes of it shows when it is asked for, or when time goes on.
    fn arm_young(&mut self) {
        let (number, delay) = (self.numbers, self.deadline());
        self.numbers += 1;
        self.alive.fetch_add(1, Ordering::Relaxed);
        let note = Note { number, log: self.log.clone(), alive: self.alive.clone() };
        if self.young.is_empty() {
            self.young_since = self.wheel.clock().now();
        }
        let armed = self.wheel.arm_youngest(delay, Waker::from(Arc::new(note)));
        let entry = armed.or_else(|waker| self.wheel.arm_young(delay, waker).ok_or(()));
        let entry = entry.expect("the wheel is open");
        self.young.insert(number);
        self.timers.insert(number, Timer { entry, key: (delay, 0) });
        if self.wheel.clock().is_virtual() {
            self.settle();
        }
    }

    /// Learns the deadlines of those that were armed by a delay; among equals they stand by when they got them.
    fn settle(&mut self) {
        for number in std::mem::take(&mut self.young) {
            let timer = self.timers.get_mut(&number).unwrap();
            let (delay, _) = timer.key;
            let deadline = self.wheel.deadline_of(timer.entry);
            let latest = self.wheel.clock().now();
            assert!(
                deadline >= self.young_since.saturating_add(delay).min(NEVER - 1),
                "{deadline} is too early"
            );
            assert!(deadline <= latest.saturating_add(delay), "{deadline} is too late");
            timer.key = (deadline, self.order);
            self.order += 1;
            self.model.insert(timer.key, number);
        }
    }

    fn release(&mut self, remote: bool) {
        let Some(number) = self.pick() else { return };
        let timer = self.timers.remove(&number).unwrap();
        let armed = self.young.remove(&number) || self.model.remove(&timer.key).is_some();
        let waker = if remote {
            // SAFETY: the entry is of this wheel and is not used again; the wheel is never orphaned here.
            unsafe { Wheel::release_remote(std::ptr::NonNull::from(&*self.wheel), timer.entry) }
        } else {
            self.wheel.release_youngest(timer.entry).or_else(|| self.wheel.release_local(timer.entry))
        };
        assert_eq!(waker.is_some(), armed, "a waker comes back exactly from an armed timer");
    }

    fn reset(&mut self) {
        let Some(number) = self.pick() else { return };
        let deadline = self.deadline();
        let timer = self.timers.get_mut(&number).unwrap();
        let moved = self.wheel.move_local(timer.entry, deadline);
        let armed = self.young.remove(&number) || self.model.remove(&timer.key).is_some();
        assert_eq!(moved, armed);
        if armed {
            timer.key = (deadline, self.order);
            self.order += 1;
            self.model.insert(timer.key, number);
        }
    }

    fn advance(&mut self) {
        let tick = 1u64 << 20;
        let step = match self.random.below(8) {
            0 => 0,
            1 => self.random.below(1000),
            2 => self.random.below(3 * tick),
            3 => self.random.below(100 * tick),
            4 => self.random.below(64 * 64 * tick),
            5 => tick << (6 * self.random.below(6)),
            _ => match self.model.keys().next() {
                Some(&(deadline, _)) => deadline.saturating_sub(self.now).min(1 << 50),
                None => 1,
            },
        };
        // Leave room before the end of time, or all further deadlines are the same.
        self.now = self.now.saturating_add(step).min(NEVER / 4);
        self.fire_and_compare();
    }

    fn fire_and_compare(&mut self) {
        self.wheel.fire(self.now);
        self.settle();
        let mut expected = Vec::new();
        while let Some(entry) = self.model.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let number = entry.remove();
            assert_eq!(self.timers[&number].entry.state(), FIRED);
            expected.push(number);
        }
        assert_eq!(std::mem::take(&mut *self.log.lock().unwrap()), expected);
    }

    fn check(&mut self) {
        assert_eq!(self.wheel.armed(), self.model.len() + self.young.len());
        let next = self.wheel.next_deadline();
        self.settle();
        let earliest = self.model.keys().next().map_or(NEVER, |&(deadline, _)| deadline);
        if self.wheel.clock().is_virtual() {
            assert_eq!(next, earliest);
        } else {
            assert!(next <= earliest.saturating_add(SPREAD), "{next} would be too late for {earliest}");
            assert!(
                next >= earliest || self.model.len() > 64,
                "among so few timers nobody wakes for nothing"
            );
        }
        assert_eq!(self.alive.load(Ordering::Relaxed), self.model.len(), "only armed timers hold wakers");
    }
}

fn run(seed: u64, operations: u64, most: usize, clock: Arc<Clock>) {
    /// Prints the seed when an assertion unwinds.
    struct Seed(u64);
    impl Drop for Seed {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("failed with seed {:#x}", self.0);
            }
        }
    }
    let _seed = Seed(seed);
    let mut bench = Bench::new(seed, clock);
    for operation in 0..operations {
        match bench.random.below(16) {
            0..=4 if bench.timers.len() < most => bench.arm(),
            5..=6 if bench.timers.len() < most => bench.arm_young(),
            0..=9 => bench.release(false),
            10..=11 => bench.release(true),
            12..=13 => bench.reset(),
            _ => bench.advance(),
        }
        if operation % 16 == 0 {
            bench.check();
        }
    }
    bench.now = NEVER - 1;
    bench.fire_and_compare();
    assert_eq!(bench.wheel.next_deadline(), NEVER);
    while !bench.timers.is_empty() {
        bench.release(false);
    }
    bench.check();
}

#[test]
fn agrees_with_a_sorted_map_in_virtual_time() {
    for seed in 1..=20u64 {
        run(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15), 10_000, 40 * seed as usize, Clock::virtual_time());
    }
}

#[test]
fn agrees_with_a_sorted_map_in_real_time() {
    for seed in 1..=20u64 {
        run(seed.wrapping_mul(0xD1B5_4A32_D192_ED03), 10_000, 40 * seed as usize, Clock::real());
    }
}

/// A wake that never comes would be noticed only much later: whoever sleeps until what `next_deadline` says, again and
/// again, must see each timer at its own time, or with its crowd, and must not be woken for nothing more often than the
/// levels allow.
#[test]
fn following_the_published_deadline_reaches_each_timer_in_time() {
    let mut bench = Bench::new(0xA5A5_5A5A_1234_5678, Clock::real());
    for _ in 0..5_000 {
        bench.arm();
    }
    let (mut wakes, mut last) = (0, 0);
    loop {
        let next = bench.wheel.next_deadline();
        if next == NEVER {
            break;
        }
        assert!(next > last || wakes == 0, "the published deadline stands still at {next}");
        last = next.max(bench.now);
        bench.now = last;
        let earliest = bench.model.keys().next().map_or(NEVER, |&(deadline, _)| deadline);
        assert!(next <= earliest.saturating_add(SPREAD), "late for {earliest}");
        bench.fire_and_compare();
        wakes += 1;
    }
    assert!(bench.model.is_empty());
    assert!(wakes < 3 * 5_000, "{wakes} wakes for 5000 timers");
}

/// Twenty timers at intervals that make them a crowd, or just not: when a sleeper wakes for them.
#[test]
fn a_crowd_is_waited_for_and_single_timers_are_not() {
    for (interval, is_crowd, clock) in [
        (10_000, true, Clock::real()),
        (SPREAD / 15, true, Clock::real()),
        (SPREAD / 15 + 1, false, Clock::real()),
        (10_000, false, Clock::virtual_time()),
    ] {
        let mut bench = Bench::new(1, clock);
        // In the tick that has begun, whose order is known.
        let first = 100_000;
        for index in 0..20 {
            bench.arm_at(first + index * interval);
        }
        bench.arm_at(1);
        bench.now = 1;
        bench.fire_and_compare();
        let next = bench.wheel.next_deadline();
        assert_eq!(next, if is_crowd { first + SPREAD } else { first }, "{interval} ns apart");
        // An earlier one is not kept waiting.
        bench.arm_at(50_000);
        assert_eq!(bench.wheel.next_deadline(), 50_000);
        bench.now = next;
        bench.fire_and_compare();
        assert_eq!(bench.model.len() as u64, 19 - ((next - first) / interval).min(19));
    }
}

#[test]
fn garbage_is_swept_by_who_leaves_too_much_behind() {
    let mut bench = Bench::new(7, Clock::real());
    for _ in 0..1000 {
        bench.arm();
    }
    for left in (0..1000).rev() {
        bench.release(true);
        let linked = bench.wheel.with(|core| core.levels.linked());
        assert!(linked <= left + 65, "{linked} linked for {left} armed");
    }
}

#[test]
fn entries_are_used_again() {
    let wheel = Wheel::new(Clock::virtual_time());
    let first = wheel.arm(1 << 30, Waker::noop().clone()).unwrap();
    assert!(wheel.release_local(first).is_some());
    for round in 0..1000 {
        let again = wheel.arm((1 << 30) + round, Waker::noop().clone()).unwrap();
        assert_eq!(again, first, "the one free entry is taken again");
        assert!(wheel.release_local(again).is_some());
    }
}

#[test]
fn the_limit_that_was_armed_last_keeps_its_entry_for_the_next() {
    let wheel = Wheel::new(Clock::real());
    let arm = || wheel.arm_youngest(1 << 30, Waker::noop().clone());
    assert!(arm().is_err(), "there is no spare entry yet");
    let first = wheel.arm_young(1 << 30, Waker::noop().clone()).unwrap();
    assert!(arm().is_err(), "it is in use");
    assert!(wheel.release_youngest(first).is_some());
    assert_eq!((wheel.armed(), arm().unwrap()), (0, first));
    let second = wheel.arm_young(1 << 30, Waker::noop().clone()).unwrap();
    assert_ne!(second, first);
    assert!(wheel.release_youngest(first).is_none(), "it is not the youngest any more");
    assert!(wheel.release_youngest(second).is_some());
    wheel.fire(0);
    assert!(arm().is_err(), "who looks at what is due takes the spare entry away");
    assert_eq!(wheel.armed(), 1);
    assert!(wheel.release_local(first).is_some());
    let entries = [(); 3].map(|()| wheel.arm(1 << 40, Waker::noop().clone()).unwrap());
    assert!(entries.contains(&first) && entries.contains(&second), "both are free again");
    entries.into_iter().for_each(|entry| drop(wheel.release_local(entry)));
}

#[test]
fn without_timers_the_sign_says_so_once_somebody_has_looked() {
    for clock in [Clock::virtual_time(), Clock::real()] {
        let wheel = Wheel::new(clock);
        let sign = || wheel.sign().load(Ordering::Relaxed);
        assert!(!sign(), "nothing was ever armed");
        let arms: [&dyn Fn() -> EntryRef; 2] =
            [&|| wheel.arm(1 << 40, Waker::noop().clone()).unwrap(), &|| {
                wheel.arm_young(1 << 40, Waker::noop().clone()).unwrap()
            }];
        for arm in arms {
            let entry = arm();
            assert_ne!(wheel.next_deadline(), NEVER);
            assert!(sign());
            drop(wheel.release_local(entry));
            assert_eq!((wheel.next_deadline(), sign()), (NEVER, false));
        }
    }
}

#[test]
fn a_waker_that_panics_keeps_no_other_from_being_woken() {
    struct Bad;
    impl Wake for Bad {
        fn wake(self: Arc<Self>) {
            panic!("bad waker");
        }
    }
    let mut bench = Bench::new(3, Clock::virtual_time());
    let bad = bench.wheel.arm(0, Waker::from(Arc::new(Bad))).unwrap();
    bench.order += 1;
    for _ in 0..600 {
        bench.arm();
    }
    let now = NEVER - 1;
    let fired = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| bench.wheel.fire(now)));
    assert!(fired.is_err(), "the panic goes on");
    assert_eq!(bench.log.lock().unwrap().len(), 600);
    assert!(bench.wheel.release_local(bad).is_none());
}

#[test]
fn closing_drops_wakers_and_refuses_timers() {
    let mut bench = Bench::new(5, Clock::virtual_time());
    for _ in 0..300 {
        bench.arm();
    }
    bench.wheel.close();
    assert_eq!(bench.alive.load(Ordering::Relaxed), 0, "no waker outlives the loop");
    assert_eq!((bench.wheel.armed(), bench.wheel.next_deadline()), (0, NEVER));
    assert!(bench.wheel.arm(1, Waker::noop().clone()).is_none());
    bench.wheel.fire(NEVER);
    assert!(bench.log.lock().unwrap().is_empty(), "nobody is woken");
    bench.model.clear();
    while !bench.timers.is_empty() {
        bench.release(false);
        bench.release(true);
    }
}

#[test]
fn two_entries_fit_a_cache_line() {
    assert_eq!(size_of::<super::entry::Entry>(), 32);
}

/// More entries than small pages hold: all fire, come back, and serve again.
#[test]
fn a_wheel_of_many_entries_goes_on_in_large_pages() {
    const TIMERS: u64 = 300_000;
    let wheel = Wheel::new(Clock::virtual_time());
    for round in 0..2 {
        let start = round << 40;
        let deadline = |timer: u64| start + (timer * 7919 % TIMERS) * 1000;
        let arm = |timer| wheel.arm(deadline(timer), Waker::noop().clone()).expect("the wheel is open");
        let entries: Vec<EntryRef> = (0..TIMERS).map(arm).collect();
        let distinct: BTreeSet<usize> = entries.iter().map(|entry| entry.as_ptr().addr()).collect();
        assert_eq!((distinct.len(), wheel.armed()), (TIMERS as usize, TIMERS as usize));
        wheel.fire(start + TIMERS / 2 * 1000);
        assert_eq!(wheel.armed() as u64, TIMERS / 2 - 1);
        wheel.fire(start + TIMERS * 1000);
        assert_eq!((wheel.armed(), wheel.next_deadline()), (0, NEVER));
        for (timer, entry) in (0..).zip(entries) {
            assert!(wheel.has_fired(deadline(timer)) && entry.state() == FIRED);
            wheel.release_fired(entry);
        }
    }
}

/// What the array of a slot makes of many that come and go: gaps are closed, and none is lost.
#[test]
fn a_slot_whose_timers_come_and_go_stays_small_and_in_order() {
    let wheel = Wheel::new(Clock::virtual_time());
    let arm = |deadline| wheel.arm(deadline, Waker::noop().clone()).expect("the wheel is open");
    for tick in [0, 1 << 20] {
        let last = arm(tick + 1_000_000);
        for turn in 0..10_000 {
            let entry = arm(tick + 500_000 - turn % 7 * 1000);
            assert_eq!(wheel.next_deadline(), tick + 500_000 - turn % 7 * 1000);
            drop(wheel.release_local(entry));
        }
        assert_eq!((wheel.armed(), wheel.next_deadline()), (1, tick + 1_000_000));
        drop(wheel.release_local(last));
    }
}

/// An entry of a closed wheel has not fired, whatever its deadline.
#[test]
fn what_a_closed_wheel_held_has_not_fired() {
    let wheel = Wheel::new(Clock::virtual_time());
    let entry = wheel.arm(5, Waker::noop().clone()).expect("the wheel is open");
    assert!(!wheel.has_fired(5));
    wheel.close();
    assert!(!wheel.has_fired(5));
    assert!(wheel.release_local(entry).is_none());
}
