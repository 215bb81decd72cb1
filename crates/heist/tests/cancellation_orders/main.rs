//! Small trees of everything that can be cancelled, under every order in which the things that end it can come, within one
//! turn of the loop or one after the other, against a model that knows only the rules of `docs/design/cancellation.md`.
#![cfg(not(heist_loom))]

mod model;
mod programs;
mod really;
#[path = "../support/mod.rs"]
mod support;

use model::Model;
use programs::{Event, ONE, Program, TWO, append, orders, programs};
use really::really;
use support::in_order;

fn compare(programs: &[Program], orders: &[Vec<Event>]) {
    let cases = programs.iter().flat_map(|program| orders.iter().map(move |order| (program, order)));
    compare_cases(&cases.collect::<Vec<_>>());
}

fn compare_cases(cases: &[(&Program, &Vec<Event>)]) {
    let mut wrong = Vec::new();
    in_order(async {
        for (program, order) in cases {
            let (found, expected) = (really(program, order).await, Model::run(program, order));
            if found != expected {
                wrong
                    .push(format!("{program:?}\n  {order:?}\n  found    {found:?}\n  expected {expected:?}"));
            }
        }
    });
    wrong.sort_by_key(String::len);
    wrong.truncate(10);
    assert!(wrong.is_empty(), "of {} cases:\n{}", cases.len(), wrong.join("\n"));
}

#[test]
fn small_trees_under_every_order_of_three_events() {
    compare(&programs(2), &orders(3));
}

#[test]
fn larger_trees_under_every_order_of_three_events() {
    compare(&programs(3), &orders(3));
}

#[test]
fn deep_trees_chosen_at_random_under_orders_of_four_events() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut random = Random(seed);
    let (parts, mut programs, mut cases) = (programs(2), Vec::new(), Vec::new());
    for _ in 0..6000 {
        let mut program = parts[random.below(parts.len())].clone();
        for _ in 0..1 + random.below(3) {
            let first = program.len() - 1;
            let of_two = random.below(2) == 0;
            program = if of_two {
                let other = &parts[random.below(parts.len())];
                let mut pair = [program, other.clone()];
                pair.rotate_left(random.below(2));
                let [mut whole, second] = pair;
                let first = whole.len() - 1;
                let second = append(&mut whole, &second);
                whole.push(TWO[random.below(TWO.len())](first, second));
                whole
            } else {
                program.push(ONE[random.below(ONE.len())](first));
                program
            };
        }
        programs.push(program);
    }
    let orders = orders(4);
    for program in &programs {
        for _ in 0..3 {
            cases.push((program, &orders[random.below(orders.len())]));
        }
    }
    compare_cases(&cases);
}

/// Numbers that are the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}
