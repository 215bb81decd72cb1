//! The plain limit: the simplest single-threaded executor that does the job, without one atomic instruction.
//!
//! It is a yardstick and no runtime: nothing can wake it from another thread, there is no fairness against timers while
//! tasks are ready, and a program that waits for nothing is an error. Sockets have their own plain form, an epoll loop
//! (`echo::plain`).

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::thread;
use std::time::{Duration, Instant};

use crate::peer::{Flavour, Peer};

/// The plain executor.
#[derive(Debug)]
pub(crate) struct Plain;

type Body = Pin<Box<dyn Future<Output = u64>>>;

/// A task, by its place in the table and how often that place has been used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskKey {
    index: u32,
    generation: u32,
}

impl TaskKey {
    fn to_data(self) -> *const () {
        std::ptr::without_provenance((u64::from(self.generation) << 32 | u64::from(self.index)) as usize)
    }

    fn from_data(data: *const ()) -> Self {
        let bits = data.addr() as u64;
        Self { index: bits as u32, generation: (bits >> 32) as u32 }
    }

    #[expect(unsafe_code, reason = "a waker without atomics can only be made from a vtable")]
    fn waker(self) -> Waker {
        const VTABLE: RawWakerVTable =
            RawWakerVTable::new(|data| RawWaker::new(data, &VTABLE), wake_data, wake_data, |_| {});
        // SAFETY: the data is a number that is never read through, and each function of the table touches only the
        // calling thread's own STATE: no thread can do harm with it.
        unsafe { Waker::from_raw(RawWaker::new(self.to_data(), &VTABLE)) }
    }
}

fn wake_data(data: *const ()) {
    STATE.with_borrow_mut(|state| state.wake(TaskKey::from_data(data)));
}

#[derive(Default)]
struct Slot {
    generation: u32,
    queued: bool,
    detached: bool,
    body: Option<Body>,
    output: Option<u64>,
    waiter: Option<Waker>,
}

/// A oneshot channel.
#[derive(Default)]
struct Channel {
    value: Option<u64>,
    waiter: Option<Waker>,
}

#[derive(Default)]
struct State {
    slots: Vec<Slot>,
    free: Vec<u32>,
    queue: VecDeque<TaskKey>,
    timers: BTreeMap<(Instant, u64), Waker>,
    timer_count: u64,
    channels: Vec<Channel>,
    free_channels: Vec<u32>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

impl State {
    fn wake(&mut self, key: TaskKey) {
        if let Some(slot) = self.slots.get_mut(key.index as usize) {
            if slot.generation == key.generation && !slot.queued {
                slot.queued = true;
                self.queue.push_back(key);
            }
        }
    }

    fn insert(&mut self, body: Body, detached: bool) -> TaskKey {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.body = Some(body);
        slot.detached = detached;
        slot.queued = true;
        let key = TaskKey { index, generation: slot.generation };
        self.queue.push_back(key);
        key
    }

    fn remove(&mut self, key: TaskKey) {
        let slot = &mut self.slots[key.index as usize];
        *slot = Slot { generation: slot.generation.wrapping_add(1), ..Slot::default() };
        self.free.push(key.index);
    }

    /// The next task with its body, which leaves the table while it is polled.
    fn next(&mut self) -> Option<(TaskKey, Body)> {
        while let Some(key) = self.queue.pop_front() {
            let slot = &mut self.slots[key.index as usize];
            if slot.generation == key.generation {
                slot.queued = false;
                if let Some(body) = slot.body.take() {
                    return Some((key, body));
                }
            }
        }
        None
    }

    fn finish(&mut self, key: TaskKey, output: u64) -> Option<Waker> {
        if self.slots[key.index as usize].detached {
            self.remove(key);
            return None;
        }
        let slot = &mut self.slots[key.index as usize];
        slot.output = Some(output);
        slot.waiter.take()
    }
}

fn poll_output(key: TaskKey, waker: &Waker) -> Poll<u64> {
    STATE.with_borrow_mut(|state| {
        let slot = &mut state.slots[key.index as usize];
        match slot.output.take() {
            Some(output) => {
                state.remove(key);
                Poll::Ready(output)
            }
            None => {
                slot.waiter = Some(waker.clone());
                Poll::Pending
            }
        }
    })
}

/// Fires what is due, or sleeps until something is.
fn wait_for_timers() {
    let first = STATE.with_borrow(|state| state.timers.first_key_value().map(|((deadline, _), _)| *deadline));
    let deadline = first.expect("the plain executor has work, or a timer to wait for");
    thread::sleep(deadline.saturating_duration_since(Instant::now()));
    let now = Instant::now();
    STATE.with_borrow_mut(|state| {
        while let Some(entry) = state.timers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let key = TaskKey::from_data(entry.remove().data());
            state.wake(key);
        }
    });
}

/// An armed timer; dropped, it is disarmed.
struct Sleep {
    deadline: Instant,
    number: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.number.is_some() && Instant::now() >= self.deadline {
            return Poll::Ready(());
        }
        STATE.with_borrow_mut(|state| {
            let number = *self.number.get_or_insert_with(|| {
                state.timer_count += 1;
                state.timer_count
            });
            state.timers.insert((self.deadline, number), context.waker().clone());
        });
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            // A sleep that outlives `run` is dropped with the table, which then has no timers left to remove.
            let _ = STATE.try_with(|state| state.borrow_mut().timers.remove(&(self.deadline, number)));
        }
    }
}

impl Peer for Plain {
    type Join = TaskKey;
    type Remote = ();
    type RemoteJoin = ();
    type Thread = ();
    type Sender = u32;
    type Receiver = u32;
    type Listener = ();
    type Stream = ();

    fn run<F>(_: Flavour, main: F) -> u64
    where
        F: Future<Output = u64> + Send + 'static,
    {
        let main = Self::spawn(main);
        loop {
            while let Some((key, mut body)) = STATE.with_borrow_mut(State::next) {
                match body.as_mut().poll(&mut Context::from_waker(&key.waker())) {
                    Poll::Pending => {
                        STATE.with_borrow_mut(|state| state.slots[key.index as usize].body = Some(body))
                    }
                    Poll::Ready(output) => {
                        // The body may own handles of this executor: it is dropped while the table is not borrowed.
                        drop(body);
                        if let Some(waiter) = STATE.with_borrow_mut(|state| state.finish(key, output)) {
                            waiter.wake();
                        }
                    }
                }
            }
            if let Poll::Ready(output) = poll_output(main, Waker::noop()) {
                return output;
            }
            wait_for_timers();
        }
    }

    fn spawn<F>(future: F) -> Self::Join
    where
        F: Future<Output = u64> + Send + 'static,
    {
        let body = Box::pin(future);
        STATE.with_borrow_mut(|state| state.insert(body, false))
    }

    fn spawn_detached<F>(future: F)
    where
        F: Future<Output = u64> + Send + 'static,
    {
        let body = Box::pin(future);
        STATE.with_borrow_mut(|state| state.insert(body, true));
    }

    fn join(handle: Self::Join) -> impl Future<Output = u64> + Send {
        poll_fn(move |context| poll_output(handle, context.waker()))
    }

    fn to_thread<F>(_: F) -> Self::Thread
    where
        F: FnOnce() -> u64 + Send + 'static,
    {
        unreachable!("the catalogue measures plain threads in its place")
    }

    async fn join_thread((): Self::Thread) -> u64 {
        unreachable!("the catalogue measures plain threads in its place")
    }

    fn remote() -> Self::Remote {}

    fn spawn_remote<F>((): &Self::Remote, _: F) -> Self::RemoteJoin
    where
        F: Future<Output = u64> + Send + 'static,
    {
        unreachable!("the catalogue keeps this workload from the plain executor")
    }

    fn join_remote((): Self::RemoteJoin) -> u64 {
        unreachable!("the catalogue keeps this workload from the plain executor")
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        let mut yielded = false;
        poll_fn(move |context| {
            if yielded {
                return Poll::Ready(());
            }
            yielded = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send {
        Sleep { deadline: Instant::now() + duration, number: None }
    }

    async fn timeout<F>(duration: Duration, future: F) -> Option<u64>
    where
        F: Future<Output = u64> + Send,
    {
        let mut future = pin!(future);
        let mut sleep = pin!(Self::sleep(duration));
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => sleep.as_mut().poll(context).map(|()| None),
        })
        .await
    }

    fn oneshot() -> (Self::Sender, Self::Receiver) {
        STATE.with_borrow_mut(|state| {
            let index = state.free_channels.pop().unwrap_or_else(|| {
                state.channels.push(Channel::default());
                (state.channels.len() - 1) as u32
            });
            (index, index)
        })
    }

    fn send(sender: Self::Sender, value: u64) {
        let waiter = STATE.with_borrow_mut(|state| {
            let channel = &mut state.channels[sender as usize];
            channel.value = Some(value);
            channel.waiter.take()
        });
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    fn receive(receiver: Self::Receiver) -> impl Future<Output = u64> + Send {
        poll_fn(move |context| {
            STATE.with_borrow_mut(|state| {
                let channel = &mut state.channels[receiver as usize];
                match channel.value.take() {
                    Some(value) => {
                        state.free_channels.push(receiver);
                        Poll::Ready(value)
                    }
                    None => {
                        channel.waiter = Some(context.waker().clone());
                        Poll::Pending
                    }
                }
            })
        })
    }

    async fn bind(_: SocketAddr) -> io::Result<(Self::Listener, SocketAddr)> {
        Err(no_sockets())
    }

    async fn accept((): &Self::Listener) -> io::Result<Self::Stream> {
        Err(no_sockets())
    }

    async fn read<'a>((): &'a mut Self::Stream, _: &'a mut [u8]) -> io::Result<usize> {
        Err(no_sockets())
    }

    async fn write_all<'a>((): &'a mut Self::Stream, _: &'a [u8]) -> io::Result<()> {
        Err(no_sockets())
    }
}

fn no_sockets() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the plain executor has no sockets; the plain echo server is an epoll loop",
    )
}
