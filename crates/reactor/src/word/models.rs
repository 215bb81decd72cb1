//! The races of the word, for loom: each test is named after its race, and fails by a deadlock (a lost edge), by an
//! access that races, or by its own assertion. The table of mutants is in `docs/design/reactor.md`.

use std::task::{Wake, Waker};

use heist_core::sync::Arc;
use heist_core::sync::atomic::{AtomicUsize, Ordering};
use heist_core::sync::model::{Sleeper, check as explore, side};

use crate::Direction;
use crate::record::{Key, Slab};
use crate::word::{Armed, Beyond, Link, Word, Words};

/// A waker of `sleeper` that is unlike every other one, so that arming has to write.
fn fresh_waker(sleeper: &std::sync::Arc<Sleeper>) -> Waker {
    struct Fresh(std::sync::Arc<Sleeper>);
    impl Wake for Fresh {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.clone().wake();
        }
    }
    Waker::from(std::sync::Arc::new(Fresh(sleeper.clone())))
}

/// The words of a record that lies in no slab.
struct Direct {
    words: Words,
    /// Dropped after the words, which point to it.
    _common: Box<Beyond>,
}

impl Direct {
    fn new() -> Self {
        let common = Box::new(Beyond::common(std::ptr::null()));
        // SAFETY: it is dropped after the words.
        let link = unsafe { Link::new(&raw const *common) };
        Self { words: Words::new(link), _common: common }
    }
}

impl std::ops::Deref for Direct {
    type Target = Words;

    fn deref(&self) -> &Words {
        &self.words
    }
}

/// Bytes that have arrived, as the kernel knows them. Relaxed: what the task sees of them must come through the word.
#[derive(Default)]
struct Kernel(AtomicUsize);

impl Kernel {
    fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    fn arrive(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn has(&self, bytes: usize) -> bool {
        self.0.load(Ordering::Relaxed) >= bytes
    }
}

/// What a lane holder does until so many bytes are there. Returns `false` when the reactor was closed first.
fn wait_in_lane(word: Word<'_>, kernel: &Kernel, bytes: usize, fresh: bool) -> bool {
    let sleeper = Sleeper::new();
    let kept = fresh_waker(&sleeper);
    loop {
        let seen = word.observe();
        if kernel.has(bytes) {
            return true;
        }
        let waker = if fresh { fresh_waker(&sleeper) } else { kept.clone() };
        // SAFETY: each model has one thread per lane.
        match unsafe { word.arm(seen, &waker) } {
            Armed::Waiting => sleeper.sleep(),
            Armed::Changed => {}
            Armed::Closed => return false,
        }
    }
}

/// What a sharer does until so many bytes are there.
fn wait_beside(word: Word<'_>, kernel: &Kernel, bytes: usize) {
    let sleeper = Sleeper::new();
    let waker = fresh_waker(&sleeper);
    let mut ticket = None;
    loop {
        let seen = word.observe();
        if kernel.has(bytes) {
            break;
        }
        match word.join(seen, &waker, &mut ticket) {
            Armed::Waiting => sleeper.sleep(),
            Armed::Changed => {}
            Armed::Closed => panic!("nobody closes here"),
        }
    }
    if let Some(ticket) = ticket {
        word.leave(ticket);
    }
}

/// Each edge is seen, whenever it comes between the system call and the wait.
fn two_events_against_arms(name: &str, changing_wakers: bool) {
    explore(name, None, move || {
        let shared = Arc::new((Direct::new(), Kernel::new()));
        let reactor = {
            let shared = shared.clone();
            side(move || {
                for _ in 0..2 {
                    shared.1.arrive();
                    shared.0.read().event(false);
                }
            })
        };
        assert!(wait_in_lane(shared.0.read(), &shared.1, 2, changing_wakers));
        reactor.join().unwrap();
    });
}

#[test]
fn event_against_arm() {
    two_events_against_arms("event_against_arm", false);
}

/// With another waker at each arming: no slot is written while a harvest reads it.
#[test]
fn events_against_changing_wakers() {
    two_events_against_arms("events_against_changing_wakers", true);
}

/// A task that waits already comes back with another waker, as a future that moved between tasks does.
#[test]
fn event_against_arming_again() {
    explore("event_against_arming_again", None, || {
        let shared = Arc::new((Direct::new(), Kernel::new()));
        let reactor = {
            let shared = shared.clone();
            side(move || {
                shared.1.arrive();
                shared.0.read().event(false);
            })
        };
        let (word, kernel) = (shared.0.read(), &shared.1);
        let (first, second) = (Sleeper::new(), Sleeper::new());
        let seen = word.observe();
        if !kernel.has(1) {
            // SAFETY: this is the only thread with the lane.
            let _ = unsafe { word.arm(seen, &fresh_waker(&first)) };
        }
        // Whatever came of that, the second task must be woken.
        let waker = fresh_waker(&second);
        loop {
            let seen = word.observe();
            if kernel.has(1) {
                break;
            }
            // SAFETY: as above.
            match unsafe { word.arm(seen, &waker) } {
                Armed::Waiting => second.sleep(),
                Armed::Changed => {}
                Armed::Closed => panic!("nobody closes here"),
            }
        }
        reactor.join().unwrap();
    });
}

/// A waiting source is dropped while a harvest is at work, and the record moves to a new source. Its wakers are dropped
/// once, and not while the harvest reads them.
#[test]
fn event_against_drop() {
    explore("event_against_drop", None, || {
        let slab = Arc::new(Slab::new());
        let (key, _) = slab.insert(std::ptr::null()).unwrap();
        let reactor = {
            let slab = slab.clone();
            side(move || {
                slab.begin_harvest();
                event(&slab, key);
                slab.end_harvest();
            })
        };
        let sleeper = Sleeper::new();
        let waker = fresh_waker(&sleeper);
        let word = slab.get(key.index).unwrap().word(Direction::Read);
        // SAFETY: this is the only thread with the lane.
        let _ = unsafe { word.arm(word.observe(), &waker) };
        // SAFETY: the key was handed out above and is given back once, by the lane's holder.
        unsafe { slab.remove(key) };
        reactor.join().unwrap();
        // What was late is clean after the next harvest at the latest.
        slab.begin_harvest();
        slab.end_harvest();
        drop(waker);
        assert_eq!(std::sync::Arc::strong_count(&sleeper), 1, "a free record keeps no waker");
        let (next, _) = slab.insert(std::ptr::null()).unwrap();
        assert!(next.index == key.index && next.generation != key.generation);
    });
}

/// What the harvest does with an event.
fn event(slab: &Slab, key: Key) {
    let record = slab.get(key.index).unwrap();
    if record.is_of(key.generation) {
        record.word(Direction::Read).event(false);
    }
}

/// Whoever waits when the loop is closed is woken; whoever comes later is refused; also while an edge comes in.
#[test]
fn close_against_arm_and_event() {
    explore("close_against_arm_and_event", Some(2), || {
        let slab = Arc::new(Slab::new());
        let (key, _) = slab.insert(std::ptr::null()).unwrap();
        let closer = {
            let slab = slab.clone();
            side(move || slab.close().into_iter().for_each(Waker::wake))
        };
        let reactor = {
            let slab = slab.clone();
            side(move || {
                slab.begin_harvest();
                event(&slab, key);
                slab.end_harvest();
            })
        };
        let word = slab.get(key.index).unwrap().word(Direction::Read);
        assert!(
            !wait_in_lane(word, &Kernel::new(), 1, true),
            "nothing arrives, so only the close can end it"
        );
        // SAFETY: the key was handed out above and is given back once, by the lane's holder.
        unsafe { slab.remove(key) };
        closer.join().unwrap();
        reactor.join().unwrap();
    });
}

/// The same with two threads, and unbounded.
#[test]
fn close_against_arm() {
    explore("close_against_arm", None, || {
        let slab = Arc::new(Slab::new());
        let (key, _) = slab.insert(std::ptr::null()).unwrap();
        let closer = {
            let slab = slab.clone();
            side(move || slab.close().into_iter().for_each(Waker::wake))
        };
        let word = slab.get(key.index).unwrap().word(Direction::Read);
        assert!(!wait_in_lane(word, &Kernel::new(), 1, true));
        closer.join().unwrap();
    });
}

/// One event for both directions, with a task waiting in each.
#[test]
fn event_against_two_directions() {
    explore("event_against_two_directions", Some(2), || {
        let shared = Arc::new((Direct::new(), Kernel::new()));
        let reactor = {
            let shared = shared.clone();
            side(move || {
                shared.1.arrive();
                shared.0.read().event(false);
                shared.0.write().event(false);
            })
        };
        let writer = {
            let shared = shared.clone();
            side(move || assert!(wait_in_lane(shared.0.write(), &shared.1, 1, false)))
        };
        assert!(wait_in_lane(shared.0.read(), &shared.1, 1, false));
        writer.join().unwrap();
        reactor.join().unwrap();
    });
}

/// The first who waits to write and the first who waits beside a lane make what both need at the same time: none of them is
/// forgotten with what was made in vain.
#[test]
fn first_waits_of_two_directions() {
    explore("first_waits_of_two_directions", Some(2), || {
        let shared = Arc::new((Direct::new(), Kernel::new()));
        let writer = {
            let shared = shared.clone();
            side(move || assert!(wait_in_lane(shared.0.write(), &shared.1, 1, false)))
        };
        let reader = {
            let shared = shared.clone();
            side(move || wait_beside(shared.0.read(), &shared.1, 1))
        };
        shared.1.arrive();
        shared.0.read().event(false);
        shared.0.write().event(false);
        writer.join().unwrap();
        reader.join().unwrap();
    });
}

/// A sharer waits beside the lane: an edge is not lost between its system call and its place in the list.
#[test]
fn event_against_join() {
    explore("event_against_join", None, || {
        let shared = Arc::new((Direct::new(), Kernel::new()));
        let reactor = {
            let shared = shared.clone();
            side(move || {
                for _ in 0..2 {
                    shared.1.arrive();
                    shared.0.read().event(false);
                }
            })
        };
        wait_beside(shared.0.read(), &shared.1, 2);
        reactor.join().unwrap();
    });
}

/// The lane's holder and a sharer wait in the same direction: one edge wakes both.
#[test]
fn event_against_arm_and_join() {
    explore("event_against_arm_and_join", Some(2), || {
        let shared = Arc::new((Direct::new(), Kernel::new()));
        let reactor = {
            let shared = shared.clone();
            side(move || {
                shared.1.arrive();
                shared.0.read().event(false);
            })
        };
        let sharer = {
            let shared = shared.clone();
            side(move || wait_beside(shared.0.read(), &shared.1, 1))
        };
        assert!(wait_in_lane(shared.0.read(), &shared.1, 1, false));
        sharer.join().unwrap();
        reactor.join().unwrap();
    });
}

/// A sharer that does not wait any more takes its place with it, whether or not an edge is just coming.
#[test]
fn event_against_leave() {
    explore("event_against_leave", None, || {
        let word = Arc::new(Direct::new());
        let reactor = {
            let word = word.clone();
            side(move || word.read().event(false))
        };
        let sleeper = Sleeper::new();
        let mut ticket = None;
        let _ = word.read().join(word.read().observe(), &fresh_waker(&sleeper), &mut ticket);
        if let Some(ticket) = ticket {
            word.read().leave(ticket);
        }
        reactor.join().unwrap();
        assert_eq!(std::sync::Arc::strong_count(&sleeper), 1, "nobody keeps the waker");
    });
}
