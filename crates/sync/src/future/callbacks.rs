//! Done callbacks: closures that are called once the future is done, in the order of their registration.
//!
//! A callback belongs to the loop that its thread is a worker of when it is registered: that loop calls it, later, between
//! tasks. Those who wait and the callbacks stand in one order, as in asyncio: that of registration, where a wait is registered
//! by its first poll. So each registration has a number, and each wait knows (as what it wants, to the list) how many came
//! before it. One that is registered outside of any loop is called by the thread that completes the future, after everybody
//! has been woken and with no lock held, and with it those behind it.
//!
//! *Completion against registration.* Whoever completes the future hands its callbacks out after the unlock, because that
//! calls into other code. A registration that comes meanwhile finds the future done, and would overtake them if it handed
//! its own callback out at once. So `delivering` says, under the lock, that somebody is at it: then the callback goes into the
//! list as before, and the one who delivers looks into the list again until it finds it empty *and* clears the flag in the
//! same locked section.
//!
//! Protocol page: `docs/design/callbacks.md`.

use std::any::type_name;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::task::Waker;

use heist_core::ExceptionContext;
use heist_core::callback_id::CallbackId;
use heist_core::context;
use heist_core::services;
use heist_core::sync::mutant;
use heist_core::vars::Captured;

use super::Future;
use crate::waitlist::WaitList;

/// Brings a callback to where it is called.
type Deliver<T> = Box<dyn FnOnce(Future<T>) + Send>;

/// One registration.
pub(super) struct Registration<T> {
    id: CallbackId,
    /// How many came before it.
    number: u32,
    /// What the callback is called in the source, for debug texts.
    name: &'static str,
    /// Whether a loop calls it.
    on_loop: bool,
    deliver: Deliver<T>,
}

/// The registrations of one future.
pub(super) struct Callbacks<T> {
    list: Vec<Registration<T>>,
    /// How many were ever registered.
    came: u32,
    /// The future is done, and its callbacks are being handed out.
    delivering: bool,
}

impl<T> Callbacks<T> {
    pub(super) const fn new() -> Self {
        Self { list: Vec::new(), came: 0, delivering: false }
    }

    /// The future is done; `true` when there is something to [`deliver`].
    pub(super) fn begin(&mut self) -> bool {
        self.delivering = !self.list.is_empty();
        self.delivering
    }

    /// How many have been registered so far.
    pub(super) fn came(&self) -> u32 {
        self.came
    }

    fn push(&mut self, id: CallbackId, name: &'static str, on_loop: bool, deliver: Deliver<T>) {
        self.list.push(Registration { id, number: self.came, name, on_loop, deliver });
        self.came = self.came.saturating_add(1);
    }

    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &'static str> + '_ {
        self.list.iter().map(|registration| registration.name)
    }
}

/// One who waits, by how many callbacks were registered before.
pub(super) type Waits = Vec<(u32, Option<Waker>)>;

/// Grants a turn to everybody who waits, in order.
pub(super) fn grant_all(list: &mut WaitList) -> Waits {
    let mut waits = Waits::with_capacity(list.waiting());
    while let Some(behind) = list.first_want() {
        waits.push((behind, list.grant()));
    }
    waits
}

/// Wakes those who wait, and hands out the first callbacks, as far as loops call them, in one order: that of registration.
/// Called by the one who completed the future, and followed by [`deliver`].
pub(super) fn deliver_in_order<T>(future: &Future<T>, waits: Waits) {
    let first: Vec<_> = {
        let mut cell = future.cell.lock();
        let list = &mut cell.extra().callbacks.list;
        let length = list.iter().take_while(|registration| registration.on_loop).count();
        list.drain(..length).collect()
    };
    let mut waits = waits.into_iter().peekable();
    let deliver = || {
        for registration in first {
            while let Some((_, waker)) = waits.next_if(|(behind, _)| *behind <= registration.number) {
                wake(waker);
            }
            (registration.deliver)(future.clone());
        }
        waits.for_each(|(_, waker)| wake(waker));
    };
    context::with(|context| match context {
        Some(context) => context.in_order(deliver),
        None => deliver(),
    });
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Hands out the callbacks of a future that is done; called by the one who completed it.
pub(super) fn deliver<T>(future: &Future<T>) {
    loop {
        let mut cell = future.cell.lock();
        let list = std::mem::take(&mut cell.extra().callbacks.list);
        if list.is_empty() {
            if mutant("sync-future-last-look-and-end") {
                drop(cell);
                cell = future.cell.lock();
            }
            cell.extra().callbacks.delivering = false;
            return;
        }
        drop(cell);
        for registration in list {
            (registration.deliver)(future.clone());
        }
    }
}

impl<T: Send + 'static> Future<T> {
    /// Has `callback` called with this future once it is done; at once, but not on the spot, if it is. asyncio:
    /// `add_done_callback`.
    ///
    /// Callbacks are called in the order of their registration, each once, in a copy of the context variables of the
    /// registration: by the loop that this thread is running (see [`Services::call_soon`](heist_core::Services::call_soon)),
    /// never inside `set_result`; a loop that is closed drops them. Outside of any loop: by the thread that completes the future, after
    /// everybody has been woken (or here, if it is done). One that panics is reported to the loop's exception handler.
    ///
    /// ```
    /// # use heist_sync::create_future;
    /// use std::sync::mpsc::channel;
    ///
    /// let future = create_future();
    /// let (sender, receiver) = channel();
    /// future.add_done_callback(move |future| sender.send(future.result()).unwrap());
    /// future.set_result(7)?;
    /// assert_eq!(receiver.recv()??, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn add_done_callback<F>(&self, callback: F) -> CallbackId
    where
        F: FnOnce(&Future<T>) + Send + 'static,
    {
        let id = CallbackId::new();
        self.add_done_callback_as(id, callback);
        id
    }

    /// As [`add_done_callback`](Self::add_done_callback), under an id that other registrations may have too: they are
    /// removed together, as those of one function are in asyncio.
    ///
    /// ```
    /// # use heist_sync::{CallbackId, create_future};
    /// let future = create_future::<u32>();
    /// let id = CallbackId::new();
    /// future.add_done_callback_as(id, |_| println!("one"));
    /// future.add_done_callback_as(id, |_| println!("two"));
    /// assert_eq!(future.remove_done_callback(id), 2);
    /// ```
    #[track_caller]
    pub fn add_done_callback_as<F>(&self, id: CallbackId, callback: F)
    where
        F: FnOnce(&Future<T>) + Send + 'static,
    {
        let (on_loop, deliver) = delivery(callback, Location::caller());
        let mut cell = self.cell.lock();
        let done = cell.outcome.is_some();
        let delivering = cell.extra.as_ref().is_some_and(|extra| extra.callbacks.delivering);
        if done && (!delivering || mutant("sync-future-late-callback-waits")) {
            drop(cell);
            deliver(self.clone());
        } else {
            cell.extra().callbacks.push(id, type_name::<F>(), on_loop, deliver);
        }
    }

    /// Removes the callbacks that were registered under `id` and returns how many there were: 0 when the future is done,
    /// for then they are on their way. asyncio: `remove_done_callback`.
    ///
    /// ```
    /// # use heist_sync::create_future;
    /// let future = create_future::<u32>();
    /// let id = future.add_done_callback(|_| println!("done"));
    /// assert_eq!(future.remove_done_callback(id), 1);
    /// assert_eq!(future.remove_done_callback(id), 0);
    /// ```
    pub fn remove_done_callback(&self, id: CallbackId) -> usize {
        let mut cell = self.cell.lock();
        let Some(extra) = &mut cell.extra else { return 0 };
        let list = std::mem::take(&mut extra.callbacks.list);
        let (removed, left): (Vec<_>, Vec<_>) =
            list.into_iter().partition(|registration| registration.id == id);
        extra.callbacks.list = left;
        drop(cell);
        // The callbacks' own drops run with no lock held.
        removed.len()
    }
}

/// Remembers where, and with which variables, a callback is to be called; and whether a loop does.
fn delivery<T, F>(callback: F, location: &'static Location<'static>) -> (bool, Deliver<T>)
where
    T: Send + 'static,
    F: FnOnce(&Future<T>) + Send + 'static,
{
    let captured = Captured::current();
    let services = services::current();
    let on_loop = services.is_some();
    let deliver: Deliver<T> = match services {
        // The loop's order is the order of delivery. A closed loop drops the callback.
        Some(services) => Box::new(move |future| {
            let _ = services.call_soon(captured, Box::new(move || callback(&future)), location);
        }),
        None => Box::new(move |future| {
            captured.run(|| {
                if let Err(payload) = catch_unwind(AssertUnwindSafe(|| callback(&future))) {
                    let context = ExceptionContext::new("a done callback failed").with_panic(&*payload);
                    services::report(None, &context.with_source(location));
                }
            });
        }),
    };
    (on_loop, deliver)
}
