//! loom models of the timer protocol; see `docs/design/timers.md`.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Count, Ordering};
use std::task::{Wake, Waker};

use heist_core::Clock;
use heist_core::clock::NEVER;
use heist_core::sync::model::{check as explore, side};
use heist_core::sync::thread;

use crate::wheel::{CLOSED, EntryRef, FIRED, Wheel};

/// Counts wakes in a loom cell, so that a wake is an access that the models order, and drops in a plain count.
struct Probe {
    wakes: heist_core::sync::atomic::AtomicUsize,
    alive: Count,
}

struct ProbeWaker(Arc<Probe>);

impl Wake for ProbeWaker {
    fn wake(self: Arc<Self>) {
        self.0.wakes.fetch_add(1, Ordering::AcqRel);
    }
}

impl Drop for ProbeWaker {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Probe {
    fn new() -> Arc<Self> {
        Arc::new(Self { wakes: heist_core::sync::atomic::AtomicUsize::new(0), alive: Count::new(0) })
    }
    fn waker(self: &Arc<Self>) -> Waker {
        self.alive.fetch_add(1, Ordering::Relaxed);
        Arc::new(ProbeWaker(self.clone())).into()
    }
    fn wakes(&self) -> usize {
        self.wakes.load(Ordering::Acquire)
    }
    fn alive(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }
}

/// A wheel as the service holds it: a pointer that is orphaned in the end.
#[derive(Clone, Copy)]
struct Service(NonNull<Wheel>);

// SAFETY: a shared wheel.
unsafe impl Send for Service {}
// SAFETY: as for Send.
unsafe impl Sync for Service {}

impl Service {
    fn new() -> Self {
        Self(NonNull::from(Box::leak(Box::new(Wheel::new(Clock::virtual_time())))))
    }
    /// One whose timers may wait for their deadlines.
    fn with_nursery(clock: Arc<Clock>) -> Self {
        let wheel = Box::leak(Box::new(Wheel::new(clock)));
        wheel.use_nursery();
        Self(NonNull::from(wheel))
    }
    fn wheel(&self) -> &Wheel {
        // SAFETY: the models orphan the wheel last, or leave it alone afterwards.
        unsafe { self.0.as_ref() }
    }
    fn release_remote(self, entry: EntryRef) -> Option<Waker> {
        // SAFETY: the models give each entry back once.
        unsafe { Wheel::release_remote(self.0, entry) }
    }
    fn orphan(self) {
        // SAFETY: the models call it once, when only handles are left.
        unsafe { Wheel::orphan(self.0) };
    }
}

/// The owner fires while the handle is dropped on another thread: the waker goes to exactly one of them, and the entry
/// comes back.
#[test]
fn fire_x_remote_cancel() {
    explore("fire_x_remote_cancel", None, || {
        let (service, probe) = (Service::new(), Probe::new());
        let entry = service.wheel().arm(5, probe.waker()).unwrap();
        let other = side(move || service.release_remote(entry).is_some());
        service.wheel().fire(5);
        let cancelled = other.join().unwrap();
        assert_eq!(probe.wakes(), usize::from(!cancelled), "woken or cancelled, not both, not neither");
        assert_eq!(probe.alive(), 0);
        assert_eq!(service.wheel().armed(), 0);
        assert_eq!(service.wheel().next_deadline(), NEVER);
        let again = service.wheel().arm(6, probe.waker()).unwrap();
        assert_eq!(again, entry, "the entry is free again");
        drop(service.wheel().release_local(again));
        service.orphan();
    });
}

/// A rescuer fires while the handle asks whether it has fired, without a look at the entry: the entry that comes back at once is
/// linked nowhere, and serves the next timer.
#[test]
fn rescue_x_known() {
    explore("rescue_x_known", None, || {
        let (service, probe, next) = (Service::new(), Probe::new(), Probe::new());
        let entry = service.wheel().arm(5, probe.waker()).unwrap();
        let rescuer = thread::spawn(move || service.wheel().fire(5));
        let known = service.wheel().has_fired(5);
        if known {
            service.wheel().release_fired(entry);
        } else {
            drop(service.wheel().release_local(entry));
        }
        let again = service.wheel().arm(6, next.waker()).unwrap();
        rescuer.join().unwrap();
        assert!(!known || probe.wakes() == 1, "what is known to have fired was woken");
        assert_eq!((probe.alive(), next.wakes(), next.alive()), (0, 0, 1));
        assert_eq!((service.wheel().armed(), service.wheel().next_deadline()), (1, 6));
        drop(service.wheel().release_local(again));
        service.orphan();
    });
}

/// A task that moved takes its timer to its own wheel while the old owner fires: it is woken by one of the two, or knows
/// that its time has come.
#[test]
fn fire_x_migrate() {
    explore("fire_x_migrate", None, || {
        let (old, new, probe) = (Service::new(), Service::new(), Probe::new());
        let entry = old.wheel().arm(5, probe.waker()).unwrap();
        let mover = probe.clone();
        let other =
            side(move || old.release_remote(entry).map(|_waker| new.wheel().arm(5, mover.waker()).unwrap()));
        old.wheel().fire(5);
        let moved = other.join().unwrap();
        new.wheel().fire(5);
        assert_eq!(probe.wakes(), 1, "woken once, in one of the wheels");
        if let Some(entry) = moved {
            assert_eq!(entry.state(), FIRED);
            assert!(new.wheel().release_local(entry).is_none());
        }
        assert_eq!(probe.alive(), 0);
        old.orphan();
        new.orphan();
    });
}

/// The owner and a rescuer fire at the same time: each timer once.
#[test]
fn rescue_x_owner() {
    explore("rescue_x_owner", None, || {
        let (service, probe) = (Service::new(), Probe::new());
        let entry = service.wheel().arm(5, probe.waker()).unwrap();
        let rescuer = side(move || service.wheel().fire(5));
        service.wheel().fire(5);
        rescuer.join().unwrap();
        assert_eq!((probe.wakes(), probe.alive()), (1, 0));
        assert!(service.wheel().release_local(entry).is_none());
        service.orphan();
    });
}

/// The owner arms a timer while a rescuer fires another one.
#[test]
fn rescue_x_arm() {
    explore("rescue_x_arm", None, || {
        let (service, probe) = (Service::new(), Probe::new());
        let due = service.wheel().arm(5, probe.waker()).unwrap();
        let rescuer = side(move || service.wheel().fire(5));
        let next = service.wheel().arm(9 << 20, probe.waker()).unwrap();
        rescuer.join().unwrap();
        assert_eq!((probe.wakes(), probe.alive()), (1, 1));
        assert_eq!(service.wheel().next_deadline(), 9 << 20, "the new deadline is not lost");
        drop(service.wheel().release_local(due));
        assert!(service.wheel().release_local(next).is_some());
        service.orphan();
    });
}

/// Two handles are dropped on foreign threads while the owner sweeps: no entry is lost or freed twice.
#[test]
fn cancel_x_cancel_x_sweep() {
    explore("cancel_x_cancel_x_sweep", Some(2), || {
        let (service, probe) = (Service::new(), Probe::new());
        let [first, second] = [5, 6].map(|deadline| service.wheel().arm(deadline, probe.waker()).unwrap());
        let others = [first, second].map(|entry| side(move || drop(service.release_remote(entry))));
        // Arming sweeps what is there and may use it again at once.
        let third = service.wheel().arm(7, probe.waker()).unwrap();
        for other in others {
            other.join().unwrap();
        }
        assert_eq!(service.wheel().armed(), 1);
        assert_eq!(service.wheel().next_deadline(), 7);
        assert!(service.wheel().release_local(third).is_some());
        assert_eq!((probe.wakes(), probe.alive()), (0, 0));
        service.orphan();
    });
}

/// The owner fires, a rescuer fires, the handle is dropped elsewhere.
#[test]
fn fire_x_rescue_x_cancel() {
    explore("fire_x_rescue_x_cancel", Some(2), || {
        let (service, probe) = (Service::new(), Probe::new());
        let entry = service.wheel().arm(5, probe.waker()).unwrap();
        let rescuer = side(move || service.wheel().fire(5));
        let handle = side(move || service.release_remote(entry).is_some());
        service.wheel().fire(5);
        rescuer.join().unwrap();
        let cancelled = handle.join().unwrap();
        assert_eq!((probe.wakes(), probe.alive()), (usize::from(!cancelled), 0));
        service.orphan();
    });
}

/// The waker is exchanged while the owner fires: the one that is in the entry is woken, the other one dropped.
#[test]
fn replace_waker_x_fire() {
    explore("replace_waker_x_fire", None, || {
        let (service, old, new) = (Service::new(), Probe::new(), Probe::new());
        let entry = service.wheel().arm(5, old.waker()).unwrap();
        let waker = new.waker();
        let other = side(move || {
            assert!(!entry.holds(&waker));
            service.wheel().replace_waker(entry, waker).is_ok()
        });
        service.wheel().fire(5);
        let replaced = other.join().unwrap();
        assert_eq!((old.wakes(), new.wakes()), if replaced { (0, 1) } else { (1, 0) });
        assert_eq!((old.alive(), new.alive()), (0, 0));
        drop(service.release_remote(entry));
        service.orphan();
    });
}

/// The loop closes while a handle is dropped elsewhere.
#[test]
fn close_x_cancel() {
    explore("close_x_cancel", None, || {
        let (service, probe) = (Service::new(), Probe::new());
        let [kept, dropped] = [5, 6].map(|deadline| service.wheel().arm(deadline, probe.waker()).unwrap());
        let other = side(move || drop(service.release_remote(dropped)));
        service.wheel().close();
        other.join().unwrap();
        assert_eq!(kept.state(), CLOSED);
        assert_eq!((probe.wakes(), probe.alive()), (0, 0));
        drop(service.release_remote(kept));
        service.orphan();
    });
}

/// The service goes while handles are dropped elsewhere: whoever comes last frees the wheel. (Three threads that spin for
/// one word can starve each other in a model without fairness, so the race of three is split into two of two.)
#[test]
fn orphan_x_drop() {
    explore("orphan_x_drop", None, || {
        let (service, probe) = (Service::new(), Probe::new());
        let entries = [5, 6].map(|deadline| service.wheel().arm(deadline, probe.waker()).unwrap());
        let clock = Arc::downgrade(service.wheel().clock());
        let other = side(move || {
            for entry in entries {
                drop(service.release_remote(entry));
            }
        });
        service.orphan();
        other.join().unwrap();
        assert_eq!((probe.wakes(), probe.alive()), (0, 0));
        assert_eq!(clock.strong_count(), 0, "the wheel is gone, and its clock with it");
    });
}

/// The service is gone; of two handles that are dropped at the same time the last one frees the wheel.
#[test]
fn orphaned_drop_x_drop() {
    explore("orphaned_drop_x_drop", None, || {
        let (service, probe) = (Service::new(), Probe::new());
        let [first, second] = [5, 6].map(|deadline| service.wheel().arm(deadline, probe.waker()).unwrap());
        let clock = Arc::downgrade(service.wheel().clock());
        service.orphan();
        let other = side(move || drop(service.release_remote(first)));
        drop(service.release_remote(second));
        other.join().unwrap();
        assert_eq!(clock.strong_count(), 0, "the wheel is gone, and its clock with it");
    });
}

/// A timer without a deadline is cancelled elsewhere while the owner looks at what is due, which gives it its deadline.
#[test]
fn settle_x_remote_cancel() {
    explore("settle_x_remote_cancel", None, || {
        let (service, probe) = (Service::with_nursery(Clock::virtual_time()), Probe::new());
        let entry = service.wheel().arm_young(5, probe.waker()).unwrap();
        let other = side(move || service.release_remote(entry).is_some());
        service.wheel().fire(5);
        let cancelled = other.join().unwrap();
        assert_eq!(probe.wakes(), usize::from(!cancelled), "woken or cancelled, not both, not neither");
        assert_eq!((service.wheel().armed(), service.wheel().next_deadline()), (0, NEVER));
        let again = service.wheel().arm_young(6, probe.waker()).unwrap();
        assert_eq!(again, entry, "the entry is free again");
        drop(service.wheel().release_local(again));
        assert_eq!(probe.alive(), 0);
        service.orphan();
    });
}

/// A rescuer settles while the owner disarms a limit and arms the next: the one that has a deadline by then is taken out of its
/// slot, and the other is in place.
#[test]
fn settle_x_release_youngest() {
    explore("settle_x_release_youngest", None, || {
        let (service, probe, next) =
            (Service::with_nursery(Clock::virtual_time()), Probe::new(), Probe::new());
        let entry = service.wheel().arm_young(5, probe.waker()).unwrap();
        let rescuer = side(move || service.wheel().fire(0));
        let release = || service.wheel().release_youngest(entry);
        drop(release().or_else(|| service.wheel().release_local(entry)).expect("it is armed"));
        let again = service.wheel().arm_youngest(6, next.waker());
        let again = again.or_else(|waker| service.wheel().arm_young(6, waker).ok_or(())).unwrap();
        rescuer.join().unwrap();
        assert_eq!((service.wheel().armed(), service.wheel().next_deadline()), (1, 6));
        service.wheel().fire(6);
        assert_eq!((probe.wakes(), probe.alive(), next.wakes(), next.alive()), (0, 0, 1, 0));
        drop(service.wheel().release_local(again));
        service.orphan();
    });
}

/// Somebody else finds that there is no timer while the owner arms one: the sign stands for what is armed.
#[test]
fn sign_x_arm() {
    explore("sign_x_arm", None, || {
        let (service, probe) = (Service::with_nursery(Clock::virtual_time()), Probe::new());
        let early = service.wheel().arm(1, probe.waker()).unwrap();
        drop(service.wheel().release_local(early));
        let looker = side(move || service.wheel().next_deadline());
        let entry = service.wheel().arm(5, probe.waker()).unwrap();
        let seen = looker.join().unwrap();
        assert!(seen == 5 || seen == NEVER, "{seen}: as it was before the arming, or after it");
        assert_eq!(service.wheel().next_deadline(), 5, "what is armed is not overlooked");
        drop(service.wheel().release_local(entry));
        service.orphan();
    });
}

/// A rescuer knows the time before the owner arms: the delay must not count from that earlier time.
#[test]
fn settle_x_arm() {
    explore("settle_x_arm", None, || {
        let clock = Clock::virtual_time();
        let (service, probe) = (Service::with_nursery(clock.clone()), Probe::new());
        let early = service.wheel().arm(1, probe.waker()).unwrap();
        clock.advance_to(1);
        let rescuers = clock.clone();
        let rescuer = side(move || service.wheel().fire(rescuers.now()));
        // The clock is no object of loom's: this is where the rescuer may read it first.
        thread::yield_now();
        clock.advance_to(10);
        let entry = service.wheel().arm_young(5, probe.waker()).unwrap();
        rescuer.join().unwrap();
        assert_eq!(service.wheel().deadline_of(entry), 15, "five after it was armed");
        assert_eq!(service.wheel().next_deadline(), 15);
        assert!(service.wheel().release_local(entry).is_some());
        drop(service.wheel().release_local(early));
        assert_eq!((probe.wakes(), probe.alive()), (1, 0));
        service.orphan();
    });
}

/// The owner and a handle on another thread settle at the same time: both find the one deadline.
#[test]
fn settle_x_settle() {
    explore("settle_x_settle", None, || {
        let (service, probe) = (Service::with_nursery(Clock::virtual_time()), Probe::new());
        let entry = service.wheel().arm_young(5, probe.waker()).unwrap();
        let other = side(move || {
            let deadline = service.wheel().deadline_of(entry);
            drop(service.release_remote(entry));
            deadline
        });
        service.wheel().fire(4);
        assert_eq!(other.join().unwrap(), 5);
        assert_eq!((service.wheel().armed(), probe.wakes(), probe.alive()), (0, 0, 0));
        service.orphan();
    });
}
