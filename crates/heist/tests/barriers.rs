//! Barriers. Behaviours BARRIER.
#![cfg(not(heist_loom))]

mod support;

use std::sync::Arc;
use std::time::Duration;

use heist::{Barrier, BrokenBarrierError, Task, create_task, sleep};
use support::{in_order, on_each_flavour};

type Party = Task<Result<usize, BrokenBarrierError>>;

async fn settle() {
    sleep(Duration::from_millis(1)).await;
}

fn barrier(parties: usize) -> Arc<Barrier> {
    Arc::new(Barrier::new(parties).unwrap())
}

fn come(barrier: &Arc<Barrier>) -> Party {
    let barrier = barrier.clone();
    create_task(async move { barrier.wait().await })
}

/// So many, one after the other.
async fn come_many(barrier: &Arc<Barrier>, many: usize) -> Vec<Party> {
    let mut parties = Vec::new();
    for _ in 0..many {
        parties.push(come(barrier));
        settle().await;
    }
    parties
}

async fn outcomes(parties: Vec<Party>) -> Vec<Result<usize, BrokenBarrierError>> {
    let mut outcomes = Vec::new();
    for party in parties {
        outcomes.push(party.await.unwrap());
    }
    outcomes
}

const BROKEN: Result<usize, BrokenBarrierError> = Err(BrokenBarrierError);

#[test]
fn b348_all_are_released_together_each_with_an_index_again_and_again() {
    on_each_flavour(|| async {
        let barrier = barrier(5);
        for _round in 0..3 {
            let mut parties = come_many(&barrier, 4).await;
            assert!(parties.iter().all(|party| !party.done()), "one is missing");
            parties.push(come(&barrier));
            let mut indices: Vec<_> = outcomes(parties).await.into_iter().map(Result::unwrap).collect();
            indices.sort_unstable();
            assert_eq!(indices, [0, 1, 2, 3, 4]);
            assert_eq!(barrier.n_waiting(), 0);
        }
    });
}

#[test]
fn b349_a_barrier_for_one_never_waits() {
    on_each_flavour(|| async {
        let barrier = barrier(1);
        for _ in 0..3 {
            assert_eq!(barrier.wait().await, Ok(0));
        }
        assert_eq!(barrier.parties(), 1);
    });
}

#[test]
fn b350_n_waiting_counts_only_while_it_fills() {
    in_order(async {
        let barrier = barrier(3);
        let parties = come_many(&barrier, 2).await;
        assert_eq!(barrier.n_waiting(), 2);
        assert_eq!(barrier.wait().await, Ok(2));
        assert_eq!(barrier.n_waiting(), 0, "two are still leaving");
        assert_eq!(outcomes(parties).await, [Ok(0), Ok(1)]);
    });
}

#[test]
fn b351_who_comes_back_while_others_are_leaving_waits_for_the_next_round() {
    in_order(async {
        let barrier = barrier(2);
        let first = come_many(&barrier, 1).await;
        assert_eq!(barrier.wait().await, Ok(1));
        // The first has not left yet.
        let next = come(&barrier);
        assert_eq!(outcomes(first).await, [Ok(0)]);
        settle().await;
        assert!(!next.done());
        assert_eq!(barrier.n_waiting(), 1);
        assert_eq!(barrier.wait().await, Ok(1));
        assert_eq!(next.await.unwrap(), Ok(0));
    });
}

#[test]
fn b352_a_cancelled_one_lowers_the_count_and_another_takes_the_place() {
    on_each_flavour(|| async {
        let barrier = barrier(3);
        let mut parties = come_many(&barrier, 2).await;
        parties[0].cancel();
        settle().await;
        assert_eq!(barrier.n_waiting(), 1);
        let cancelled = parties.remove(0);
        assert!(cancelled.await.unwrap_err().is_cancelled());
        parties.extend(come_many(&barrier, 1).await);
        assert!(parties.iter().all(|party| !party.done()));
        parties.push(come(&barrier));
        assert_eq!(outcomes(parties).await, [Ok(0), Ok(1), Ok(2)]);
    });
}

#[test]
fn b353_reset_lets_those_who_wait_fail_and_leaves_it_usable() {
    on_each_flavour(|| async {
        let barrier = barrier(3);
        let parties = come_many(&barrier, 2).await;
        barrier.reset();
        assert_eq!(outcomes(parties).await, [BROKEN; 2]);
        assert!(!barrier.broken());
        assert_eq!(barrier.n_waiting(), 0);
        let mut parties = come_many(&barrier, 2).await;
        parties.push(come(&barrier));
        assert_eq!(outcomes(parties).await, [Ok(0), Ok(1), Ok(2)]);
    });
}

#[test]
fn b354_reset_while_a_round_leaves_fails_those_inside_and_not_those_outside() {
    in_order(async {
        let barrier = barrier(3);
        let inside = come_many(&barrier, 2).await;
        assert_eq!(barrier.wait().await, Ok(2));
        let mut outside = vec![come(&barrier), come(&barrier)];
        barrier.reset();
        assert_eq!(outcomes(inside).await, [BROKEN; 2]);
        settle().await;
        assert_eq!(barrier.n_waiting(), 2, "those outside are in now");
        outside.push(come(&barrier));
        assert_eq!(outcomes(outside).await, [Ok(0), Ok(1), Ok(2)]);
    });
}

#[test]
fn b355_abort_fails_those_who_wait_those_outside_and_those_who_come() {
    in_order(async {
        let barrier = barrier(3);
        let inside = come_many(&barrier, 2).await;
        assert_eq!(barrier.wait().await, Ok(2));
        let outside = vec![come(&barrier)];
        // Outside it waits, once those inside have had their turn it would be in.
        barrier.abort();
        assert_eq!(outcomes(inside).await, [BROKEN; 2]);
        assert_eq!(outcomes(outside).await, [BROKEN]);
        assert!(barrier.broken());
        assert_eq!(barrier.wait().await, BROKEN);
        assert_eq!(barrier.n_waiting(), 0);
    });
}

#[test]
fn b356_reset_after_abort_makes_it_usable_again() {
    on_each_flavour(|| async {
        let barrier = barrier(2);
        let parties = come_many(&barrier, 1).await;
        barrier.abort();
        assert_eq!(outcomes(parties).await, [BROKEN]);
        barrier.reset();
        assert!(!barrier.broken());
        let parties = come_many(&barrier, 2).await;
        assert_eq!(outcomes(parties).await, [Ok(0), Ok(1)]);
    });
}

#[test]
fn a091_a_barrier_for_nobody_is_refused() {
    assert!(Barrier::new(0).unwrap_err().to_string().contains("at least 1"));
}

#[test]
fn rounds_on_many_workers_never_mix() {
    on_each_flavour(|| async {
        const ROUNDS: usize = 50;
        let barrier = barrier(4);
        let rounds = Arc::new(std::sync::Mutex::new([0; ROUNDS]));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (barrier, rounds) = (barrier.clone(), rounds.clone());
                create_task(async move {
                    for round in 0..ROUNDS {
                        rounds.lock().unwrap()[round] += 1;
                        barrier.wait().await.unwrap();
                        assert_eq!(rounds.lock().unwrap()[round], 4, "somebody was ahead");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}
