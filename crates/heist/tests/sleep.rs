#![cfg(not(heist_loom))]
//! `sleep` and `interval`: behaviours SLEEP of asyncio.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use heist::MissedTickBehavior::{Burst, Delay, Skip};
use support::{for_each_flavour, on_each_flavour};

mod support;

const SECOND: Duration = Duration::from_secs(1);

fn now() -> Duration {
    Duration::from_nanos(heist::Handle::current().unwrap().clock().now())
}

#[test]
fn b180_sleeps_add_up_and_give_their_result() {
    on_each_flavour(|| async {
        heist::sleep(SECOND).await;
        let value = heist::sleep(2 * SECOND).result("value").await;
        assert_eq!((value, now()), ("value", 3 * SECOND));
    });
}

#[test]
fn b181_a_zero_sleep_gives_every_ready_task_one_turn_and_its_result() {
    // Turns are counted, so in the order of one thread.
    let mut runner = heist::Runner::builder().current_thread().virtual_time().build().unwrap();
    runner
        .run(async {
            let turns: [Rc<Cell<u32>>; 3] = Default::default();
            for turns in turns.clone() {
                drop(heist::spawn_local(async move {
                    loop {
                        turns.set(turns.get() + 1);
                        heist::sleep(Duration::ZERO).await;
                    }
                }));
            }
            for round in 1..4 {
                assert_eq!(heist::sleep(Duration::ZERO).result(round).await, round);
                assert!(turns.iter().all(|turns| turns.get() == round), "round {round}: {turns:?}");
            }
            assert_eq!(now(), Duration::ZERO);
        })
        .unwrap();
}

#[test]
fn a043_tiny_sleeps_do_not_spin() {
    // In real time: virtual time stands in nobody's way.
    for builder in [heist::Runner::builder().workers(2), heist::Runner::builder().current_thread()] {
        builder
            .build()
            .unwrap()
            .run(async {
                let mut polls = 0;
                let mut sleeps = pin!(async {
                    for nanos in [1_000_000, 10_000, 100, 10, 1] {
                        heist::sleep(Duration::from_nanos(nanos)).await;
                    }
                });
                poll_fn(|cx| {
                    polls += 1;
                    sleeps.as_mut().poll(cx)
                })
                .await;
                assert!(polls <= 20, "{polls}");
            })
            .unwrap();
    }
}

/// When the ticks come, on the loop's clock, and for when they were set, in tenths of a second, while the first one's
/// work takes 2.5 periods.
async fn ticks(behavior: heist::MissedTickBehavior) -> Vec<(u128, u128)> {
    let mut interval = heist::interval(SECOND).missed_tick_behavior(behavior);
    assert_eq!(interval.period(), SECOND);
    let mut seen = Vec::new();
    for tick in 0..6 {
        let set_for = interval.tick().await;
        seen.push((now().as_millis() / 100, set_for.as_millis() / 100));
        if tick == 1 {
            heist::sleep(SECOND * 5 / 2).await;
        }
    }
    seen
}

#[test]
fn an_interval_ticks_at_once_and_makes_up_for_missed_ticks() {
    on_each_flavour(|| async {
        assert_eq!(ticks(Burst).await, [(0, 0), (10, 10), (35, 20), (35, 30), (40, 40), (50, 50)]);
    });
}

#[test]
fn an_interval_may_delay_the_ticks_after_a_missed_one() {
    on_each_flavour(|| async {
        assert_eq!(ticks(Delay).await, [(0, 0), (10, 10), (35, 20), (45, 45), (55, 55), (65, 65)]);
    });
}

#[test]
fn an_interval_may_skip_missed_ticks() {
    on_each_flavour(|| async {
        assert_eq!(ticks(Skip).await, [(0, 0), (10, 10), (35, 20), (40, 40), (50, 50), (60, 60)]);
    });
}

#[test]
fn a_tick_that_is_due_just_now_was_not_missed() {
    on_each_flavour(|| async {
        for behavior in [Burst, Delay, Skip] {
            let start = now();
            let mut interval = heist::interval(SECOND).missed_tick_behavior(behavior);
            assert_eq!(interval.tick().await, start);
            heist::sleep(SECOND).await;
            assert_eq!(interval.tick().await, start + SECOND);
            assert_eq!(interval.tick().await, start + 2 * SECOND);
        }
        let start = now();
        let mut interval = heist::interval(SECOND).missed_tick_behavior(Skip);
        interval.tick().await;
        heist::sleep(3 * SECOND).await;
        assert_eq!(interval.tick().await, start + SECOND);
        assert_eq!((interval.tick().await, now()), (start + 3 * SECOND, start + 3 * SECOND));
    });
}

#[test]
fn an_interval_starts_when_it_is_told_and_loses_no_tick_to_a_wait_that_is_given_up() {
    on_each_flavour(|| async {
        let mut interval = heist::interval_at(3 * SECOND, SECOND);
        assert!(heist::timeout(SECOND, interval.tick()).await.is_err());
        assert_eq!((interval.tick().await, now()), (3 * SECOND, 3 * SECOND));
        heist::sleep(SECOND / 2).await;
        interval.reset();
        assert_eq!(interval.tick().await, SECOND * 9 / 2);
    });
}

#[test]
fn an_interval_is_a_stream_and_may_be_made_outside_of_a_loop() {
    for_each_flavour(|builder| {
        let mut interval = heist::interval(SECOND);
        let mut runner = builder.virtual_time().build().unwrap();
        runner.run(heist::sleep(SECOND)).unwrap();
        let seen = runner.run(async {
            let mut seen = Vec::new();
            for _ in 0..2 {
                let next = poll_fn(|cx| futures_core::Stream::poll_next(Pin::new(&mut interval), cx)).await;
                seen.push(next.unwrap());
            }
            seen
        });
        assert_eq!(seen.unwrap(), [SECOND, 2 * SECOND]);
    });
}

#[test]
fn an_interval_without_a_period_ticks_at_every_await_and_starves_nobody() {
    let mut runner = heist::Runner::builder().current_thread().virtual_time().build().unwrap();
    runner
        .run(async {
            for behavior in [Burst, Delay, Skip] {
                let other = heist::create_task(async {});
                let mut interval = heist::interval(Duration::ZERO).missed_tick_behavior(behavior);
                for _ in 0..1000 {
                    assert_eq!(interval.tick().await, Duration::ZERO);
                }
                assert!(other.done());
            }
        })
        .unwrap();
}

#[test]
fn an_interval_of_the_greatest_period_ticks_once() {
    on_each_flavour(|| async {
        let mut interval = heist::interval(Duration::MAX);
        interval.tick().await;
        assert!(heist::timeout(1000 * SECOND, interval.tick()).await.is_err());
    });
}
