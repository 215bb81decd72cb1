//! Every order in which the things that end a task group can fall within one turn of the loop, against a small model of what
//! asyncio's TaskGroup does.
#![cfg(not(heist_loom))]

mod support;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use heist::{GroupError, TaskGroup, create_future, create_task, sleep, task_group};
use support::in_order;

const SECOND: Duration = Duration::from_secs(1);
const NAMES: [&str; 2] = ["A", "B"];

/// What happens, all in one turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// What this task waits for comes, and the task will fail.
    Fails(usize),
    /// Somebody cancels the parent.
    Outside,
    /// Somebody cancels the group.
    Cancel,
    /// What the body waits for comes.
    BodyEnds,
}

const EVENTS: [Event; 5] = [Event::Fails(0), Event::Fails(1), Event::Outside, Event::Cancel, Event::BodyEnds];

/// What the group comes to.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Value,
    Errors(Vec<&'static str>),
    /// The group lets the cancel pass.
    Cancelled,
}

/// What the parent sees of the group, and whether it is cancelled then or at its next suspension.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    group: Ended,
    parent_cancelled: bool,
}

/// All orders of all subsets.
fn orders() -> Vec<Vec<Event>> {
    let mut all = vec![Vec::new()];
    let mut longest = all.clone();
    for _ in 0..EVENTS.len() {
        longest = longest
            .iter()
            .flat_map(|order: &Vec<Event>| {
                EVENTS.iter().filter(|event| !order.contains(event)).map(|&event| {
                    let mut longer = order.clone();
                    longer.push(event);
                    longer
                })
            })
            .collect();
        all.extend(longest.clone());
    }
    all
}

// ---- the model -------------------------------------------------------------------------------------------------------

const PARENT: usize = usize::MAX;

#[derive(Clone, Copy, Default)]
struct Child {
    ended: bool,
    ready: bool,
    cancelled: bool,
}

#[derive(Default)]
struct Model {
    /// Who is ready, in order: the index of a child, or the parent.
    queue: VecDeque<usize>,
    /// The two that may fail, and one that waits for nothing.
    children: [Child; 3],
    aborting: bool,
    asked_from_outside: bool,
    cancelled_from_outside: bool,
    body_ready: bool,
    /// Whether the body has ended, and if so, with its value.
    body: Option<bool>,
    errors: Vec<&'static str>,
}

impl Model {
    fn wake(&mut self, who: usize) {
        if !self.queue.contains(&who) {
            self.queue.push_back(who);
        }
    }

    fn cancel_children(&mut self) {
        self.aborting = true;
        for index in 0..self.children.len() {
            if !self.children[index].ended {
                self.children[index].cancelled = true;
                self.wake(index);
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Fails(index) => {
                self.children[index].ready = true;
                self.wake(index);
            }
            Event::Outside => {
                self.asked_from_outside = true;
                self.wake(PARENT);
            }
            Event::Cancel if self.aborting => {}
            Event::Cancel => {
                self.cancel_children();
                self.wake(PARENT);
            }
            Event::BodyEnds => {
                self.body_ready = true;
                self.wake(PARENT);
            }
        }
    }

    fn step_child(&mut self, index: usize) {
        let child = &mut self.children[index];
        if child.ended || !(child.cancelled || child.ready) {
            return;
        }
        child.ended = true;
        // A request that comes before the step goes before what the step would find.
        if !child.cancelled {
            self.errors.push(NAMES[index]);
            self.aborting = true;
        }
        self.wake(PARENT);
    }

    fn step_parent(&mut self) {
        let asked = std::mem::take(&mut self.asked_from_outside);
        self.cancelled_from_outside |= asked;
        if self.body.is_none() {
            if asked || self.aborting {
                self.body = Some(false);
            } else if self.body_ready {
                self.body = Some(true);
            }
        }
        if asked || self.aborting {
            self.cancel_children();
        }
    }

    fn run(mut self, order: &[Event]) -> Outcome {
        for &event in order {
            self.event(event);
        }
        while let Some(who) = self.queue.pop_front() {
            if who == PARENT { self.step_parent() } else { self.step_child(who) }
        }
        // What is left ends by itself, and well.
        let value = self.body.unwrap_or(true);
        let parent_cancelled = self.cancelled_from_outside;
        let group = if !self.errors.is_empty() {
            Ended::Errors(self.errors)
        } else if parent_cancelled {
            Ended::Cancelled
        } else if value {
            Ended::Value
        } else {
            Ended::Errors(Vec::new())
        };
        Outcome { group, parent_cancelled }
    }
}

// ---- the group -------------------------------------------------------------------------------------------------------

/// The same with a group. `at_exit`: the body has ended before, and the group waits for its tasks.
async fn with_a_group(order: &[Event], at_exit: bool) -> Outcome {
    // `true`: fail.
    let gates = [create_future::<bool>(), create_future::<bool>(), create_future::<bool>()];
    let body_gate = create_future::<bool>();
    let seen = Arc::new(Mutex::new(Ended::Cancelled));
    let kept = Arc::new(Mutex::new(None));
    let level = u32::from(order.contains(&Event::Outside));

    let parent = {
        let (gates, body_gate) = (gates.clone(), body_gate.clone());
        let (seen, kept) = (seen.clone(), kept.clone());
        create_task(async move {
            let ended: Result<(), GroupError<&'static str>> = task_group(async |group: TaskGroup<_>| {
                *kept.lock().unwrap() = Some(group.clone());
                for (index, gate) in gates.into_iter().enumerate() {
                    drop(group.create_task(async move {
                        let fails = gate.await.expect("a cancel goes on to the task");
                        if fails { Err(NAMES[index]) } else { Ok(()) }
                    }));
                }
                if !at_exit {
                    body_gate.await.expect("a cancel goes on to the body");
                }
                Ok(())
            })
            .await;
            *seen.lock().unwrap() = match ended {
                Ok(()) => Ended::Value,
                Err(error) => Ended::Errors(error.iter().map(|failure| *failure.error().unwrap()).collect()),
            };
            assert_eq!(heist::current_task().unwrap().cancelling(), level);
            sleep(SECOND).await;
        })
    };
    sleep(SECOND).await;
    let group = kept.lock().unwrap().clone().expect("the body has begun");

    for event in order {
        match event {
            Event::Fails(index) => gates[*index].set_result(true).unwrap(),
            Event::Outside => assert!(parent.cancel_with("outside")),
            Event::Cancel => group.cancel(),
            Event::BodyEnds => {
                if !at_exit {
                    body_gate.set_result(true).unwrap();
                }
            }
        }
    }
    sleep(Duration::from_millis(1)).await;
    // What is left ends by itself, and well; what has ended refuses.
    for gate in gates.iter().chain([&body_gate]) {
        let _ = gate.set_result(false);
    }
    let parent_cancelled = match parent.await {
        Ok(()) => false,
        Err(error) => {
            assert_eq!(error.as_cancelled().expect("no panic").message(), Some("outside"), "{order:?}");
            true
        }
    };
    let group = std::mem::replace(&mut *seen.lock().unwrap(), Ended::Cancelled);
    Outcome { group, parent_cancelled }
}

#[test]
fn every_order_of_failures_cancels_and_the_bodys_end_in_one_turn() {
    let orders = orders();
    assert_eq!(orders.len(), 326, "all orders of all subsets of five events");
    in_order(async move {
        for at_exit in [false, true] {
            for order in &orders {
                if at_exit && order.contains(&Event::BodyEnds) {
                    continue;
                }
                let body = at_exit.then_some(true);
                let expected = Model { body, ..Model::default() }.run(order);
                let found = with_a_group(order, at_exit).await;
                assert_eq!(found, expected, "{order:?}, at the exit: {at_exit}");
            }
        }
    });
}
