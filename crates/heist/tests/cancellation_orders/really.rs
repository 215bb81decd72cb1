//! The programs for real: parts are futures on a loop.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use heist::{catch_cancelled, create_task, current_task, sleep, timeout_at, try_finally, yield_now};

use crate::programs::{Answer, End, Event, Op, Outcome, Program, Seen};

#[derive(Default)]
struct World {
    /// Which gates are open, and who waits.
    gates: Mutex<[(bool, Vec<Waker>); 2]>,
    seen: Mutex<Vec<Seen>>,
    deadline: Duration,
    dropped: AtomicBool,
    root: Mutex<Option<Waker>>,
}

impl World {
    fn see(&self, seen: Seen) {
        self.seen.lock().unwrap().push(seen);
    }

    fn open(&self, gate: usize) {
        let wakers = {
            let mut gates = self.gates.lock().unwrap();
            gates[gate].0 = true;
            std::mem::take(&mut gates[gate].1)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    async fn pass(&self, gate: usize) {
        poll_fn(|cx| {
            let (open, waiting) = &mut self.gates.lock().unwrap()[gate];
            if *open {
                return Poll::Ready(());
            }
            if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

type Part = Pin<Box<dyn Future<Output = ()> + Send>>;

fn build(world: &Arc<World>, program: &Arc<Program>, at: usize) -> Part {
    let part = |at: usize| build(world, program, at);
    let world = world.clone();
    match program[at] {
        Op::Gate(gate) => Box::pin(async move { world.pass(gate).await }),
        Op::Catch(answer, body) => {
            let body = part(body);
            Box::pin(async move {
                let Err(error) = catch_cancelled(body).await else { return };
                world.see(Seen::Caught(at));
                match answer {
                    Answer::Value => {}
                    Answer::Resume => error.resume().await,
                    Answer::Uncancel => {
                        current_task().unwrap().uncancel();
                    }
                    Answer::Wait => {
                        world.pass(1).await;
                        error.resume().await
                    }
                }
            })
        }
        Op::Join(a, b) => {
            let mut parts = [Some(part(a)), Some(part(b))];
            Box::pin(poll_fn(move |cx| poll_all(&mut parts, cx)))
        }
        Op::Inner(a, b) => Box::pin(inner([part(a), part(b)])),
        Op::Select(a, b) => {
            let (mut a, mut b) = (part(a), part(b));
            Box::pin(async move {
                poll_fn(move |cx| {
                    let ended = a.as_mut().poll(cx).is_ready() || b.as_mut().poll(cx).is_ready();
                    if ended { Poll::Ready(()) } else { Poll::Pending }
                })
                .await
            })
        }
        Op::Leave(a, b) => {
            let (mut a, b) = (part(a), part(b));
            Box::pin(async move {
                poll_fn(|cx| Poll::Ready(a.as_mut().poll(cx).is_ready())).await;
                yield_now().await;
                b.await;
                drop(a);
            })
        }
        Op::Spawn(body) => {
            let body = part(body);
            Box::pin(async move { drop(create_task(body).await) })
        }
        Op::Limit(body) => {
            let body = part(body);
            Box::pin(async move {
                if timeout_at(world.deadline, body).await.is_err() {
                    world.see(Seen::TimedOut(at));
                }
            })
        }
        Op::Finally(body) => {
            let body = part(body);
            Box::pin(try_finally(
                (),
                async move |()| body.await,
                move |()| async move { world.see(Seen::Cleaned(at)) },
            ))
        }
    }
}

fn poll_all(parts: &mut [Option<Part>], cx: &mut Context<'_>) -> Poll<()> {
    let mut ended = true;
    for slot in parts {
        if slot.as_mut().is_some_and(|part| part.as_mut().poll(cx).is_ready()) {
            *slot = None;
        }
        ended &= slot.is_none();
    }
    if ended { Poll::Ready(()) } else { Poll::Pending }
}

/// The waker of one part of an inner executor: notes the wake, and wakes the executor.
struct Note {
    woken: AtomicBool,
    outer: Mutex<Waker>,
}

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Relaxed);
        let outer = self.outer.lock().unwrap().clone();
        outer.wake();
    }
}

async fn inner(parts: [Part; 2]) {
    let mut parts = parts.map(|part| {
        let note = Note { woken: AtomicBool::new(true), outer: Mutex::new(Waker::noop().clone()) };
        (Some(part), Arc::new(note))
    });
    poll_fn(move |cx| {
        let mut ended = true;
        for (slot, note) in &mut parts {
            note.outer.lock().unwrap().clone_from(cx.waker());
            if note.woken.swap(false, Ordering::Relaxed) {
                let waker = Waker::from(note.clone());
                poll_all(std::slice::from_mut(slot), &mut Context::from_waker(&waker)).is_ready();
            }
            ended &= slot.is_none();
        }
        if ended { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

async fn rest() {
    sleep(Duration::from_millis(1)).await;
}

/// Runs a program: what can be seen after the events, and what once all gates are open.
pub async fn really(program: &Program, order: &[Event]) -> [Outcome; 2] {
    let now = heist::Handle::current().unwrap().time();
    let world = Arc::new(World { deadline: now + Duration::from_secs(1), ..World::default() });
    // Armed before all others, so it goes off before them, and what follows falls into the same turn.
    let mut expiry = pin!(sleep(Duration::from_secs(1)));
    poll_fn(|cx| Poll::Ready(expiry.as_mut().poll(cx).is_ready())).await;

    let task = {
        let world = world.clone();
        let mut whole = Some(build(&world, &Arc::new(program.clone()), program.len() - 1));
        create_task(poll_fn(move |cx| {
            *world.root.lock().unwrap() = Some(cx.waker().clone());
            if world.dropped.load(Ordering::Relaxed) {
                whole = None;
            }
            whole.as_mut().map_or(Poll::Ready(()), |whole| whole.as_mut().poll(cx))
        }))
    };
    rest().await;
    for event in order {
        match event {
            Event::Cancel => {
                task.cancel();
            }
            Event::Open(gate) => world.open(*gate),
            Event::Expire => expiry.as_mut().await,
            Event::Drop => {
                world.dropped.store(true, Ordering::Relaxed);
                if let Some(waker) = world.root.lock().unwrap().take() {
                    waker.wake();
                }
            }
            Event::Rest => rest().await,
        }
    }
    let look = || {
        let mut seen = world.seen.lock().unwrap().clone();
        seen.sort();
        let end = match (task.done(), task.cancelled()) {
            (false, _) => End::Pending,
            (true, false) => End::Value,
            (true, true) => End::Cancelled,
        };
        Outcome { end, cancelling: task.cancelling(), seen }
    };
    rest().await;
    let first = look();
    for gate in 0..2 {
        world.open(gate);
    }
    rest().await;
    [first, look()]
}
