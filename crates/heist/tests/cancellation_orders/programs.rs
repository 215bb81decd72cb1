//! The programs, what happens to them, and what can be seen of one at rest.

/// What a scope does with the error that it catches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Goes on with a value.
    Value,
    Resume,
    /// Takes the request back, and goes on with a value.
    Uncancel,
    /// Waits for gate 1, then resumes.
    Wait,
}

/// A part of a program; the parts inside it are indices into the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Waits for a gate.
    Gate(usize),
    Catch(Answer, usize),
    /// Polls both until both have ended.
    Join(usize, usize),
    /// As a join, by an executor that polls only what was woken, with a waker for each.
    Inner(usize, usize),
    /// Polls both until one has ended, and drops the other.
    Select(usize, usize),
    /// Polls the first once, and leaves it lying until the second has ended.
    Leave(usize, usize),
    /// Awaits a task.
    Spawn(usize),
    Limit(usize),
    Finally(usize),
}

/// The last part is the whole.
pub type Program = Vec<Op>;

/// What happens to a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Cancel,
    Open(usize),
    /// The time of all limits is up; everything comes to rest before.
    Expire,
    /// The program is dropped, by its task.
    Drop,
    /// Everything comes to rest.
    Rest,
}

/// What can be seen of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// A scope has caught an error.
    Caught(usize),
    /// A clean-up has run.
    Cleaned(usize),
    /// A limit gave its own error.
    TimedOut(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Pending,
    Value,
    Cancelled,
}

/// What can be seen of a program at rest.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub end: End,
    pub cancelling: u32,
    pub seen: Vec<Seen>,
}

/// Puts `program` behind `into`, and says where its whole is.
pub fn append(into: &mut Program, program: &Program) -> usize {
    let base = into.len();
    let gates = into.iter().filter(|op| matches!(op, Op::Gate(_))).count();
    into.extend(program.iter().map(|&op| match op {
        Op::Gate(gate) => Op::Gate((gate + gates) % 2),
        Op::Catch(answer, body) => Op::Catch(answer, body + base),
        Op::Join(a, b) => Op::Join(a + base, b + base),
        Op::Inner(a, b) => Op::Inner(a + base, b + base),
        Op::Select(a, b) => Op::Select(a + base, b + base),
        Op::Leave(a, b) => Op::Leave(a + base, b + base),
        Op::Spawn(body) => Op::Spawn(body + base),
        Op::Limit(body) => Op::Limit(body + base),
        Op::Finally(body) => Op::Finally(body + base),
    }));
    into.len() - 1
}

pub const ONE: [fn(usize) -> Op; 7] = [
    |body| Op::Catch(Answer::Value, body),
    |body| Op::Catch(Answer::Resume, body),
    |body| Op::Catch(Answer::Uncancel, body),
    |body| Op::Catch(Answer::Wait, body),
    Op::Spawn,
    Op::Limit,
    Op::Finally,
];

pub const TWO: [fn(usize, usize) -> Op; 4] = [Op::Join, Op::Inner, Op::Select, Op::Leave];

/// All programs of at most that depth.
pub fn programs(depth: usize) -> Vec<Program> {
    let mut all = vec![vec![Op::Gate(0)]];
    if depth == 1 {
        return all;
    }
    let parts = programs(depth - 1);
    for part in &parts {
        for make in ONE {
            let mut program = part.clone();
            program.push(make(part.len() - 1));
            all.push(program);
        }
        for other in &parts {
            for make in TWO {
                let mut program = part.clone();
                let second = append(&mut program, other);
                program.push(make(part.len() - 1, second));
                all.push(program);
            }
        }
    }
    all
}

/// All orders of one to `longest` events that make sense.
pub fn orders(longest: usize) -> Vec<Vec<Event>> {
    use Event::{Cancel, Drop, Expire, Open, Rest};
    const EVENTS: [Event; 6] = [Cancel, Open(0), Open(1), Expire, Drop, Rest];
    let mut all = Vec::new();
    let mut last = vec![Vec::new()];
    for _ in 0..longest {
        last = last
            .iter()
            .flat_map(|order: &Vec<Event>| {
                let fits = |event: &&Event| match event {
                    Cancel => true,
                    Rest => order.last().is_some_and(|last| *last != Rest),
                    event => !order.contains(event),
                };
                let longer = |&event: &Event| {
                    let mut longer = order.clone();
                    longer.push(event);
                    longer
                };
                EVENTS.iter().filter(fits).map(longer).collect::<Vec<_>>()
            })
            .collect();
        all.extend(last.iter().filter(|order| order.last() != Some(&Rest)).cloned());
    }
    all
}
