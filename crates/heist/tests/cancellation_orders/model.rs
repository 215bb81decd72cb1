//! The model: it knows the rules of `docs/design/cancellation.md`, and nothing of futures.

use std::collections::VecDeque;

use crate::programs::{Answer, End, Event, Op, Outcome, Program, Seen};

/// A request that was delivered: by the task, or by a limit for its own body.
#[derive(Clone, Copy, Default)]
struct Request {
    limit: Option<usize>,
    answered: bool,
}

#[derive(Clone, Copy, Default)]
struct Node {
    /// The part around it, in the same task.
    around: Option<usize>,
    task: usize,
    begun: bool,
    over: bool,
    /// It is a node that was Pending: it can be asked.
    stands: bool,
    /// The request that it is to answer.
    asked: Option<usize>,
    /// An error was raised to it, or it is to end by its own.
    raised: bool,
    /// The number of its task's poll in which it was last polled.
    polled: usize,
    by_executor: bool,
    /// A scope that has answered and waits; a part that was left.
    stage: usize,
    /// For a limit: the requests around it when it began, whether its time is up, and whether it has said so.
    before: u32,
    up: bool,
    own: bool,
    /// For an await: the task, and whether a request went there.
    target: usize,
    forwarded: bool,
}

#[derive(Clone, Default)]
struct Task {
    whole: usize,
    cancelling: u32,
    fresh: bool,
    requests: Vec<Request>,
    raised: bool,
    polls: usize,
    end: Option<End>,
    awaited_by: Option<usize>,
}

pub struct Model<'a> {
    program: &'a Program,
    nodes: Vec<Node>,
    tasks: Vec<Task>,
    queue: VecDeque<usize>,
    gates: [(bool, Vec<usize>); 2],
    /// Limits, in the order in which they began to count.
    timers: Vec<usize>,
    seen: Vec<Seen>,
    dropped: bool,
    /// The task that is being polled, and whether it was woken meanwhile.
    polled: Option<usize>,
    again: bool,
}

impl Model<'_> {
    pub fn run(program: &Program, order: &[Event]) -> [Outcome; 2] {
        let mut model = Model {
            program,
            nodes: vec![Node::default(); program.len()],
            tasks: Vec::new(),
            queue: VecDeque::new(),
            gates: Default::default(),
            timers: Vec::new(),
            seen: Vec::new(),
            dropped: false,
            polled: None,
            again: false,
        };
        model.spawn(program.len() - 1);
        model.rest();
        for event in order {
            match *event {
                Event::Cancel => drop(model.cancel(0)),
                Event::Open(gate) => model.open(gate),
                Event::Expire => {
                    model.rest();
                    for limit in std::mem::take(&mut model.timers) {
                        if !model.nodes[limit].over {
                            model.nodes[limit].up = true;
                            model.wake(model.nodes[limit].task);
                        }
                    }
                }
                Event::Drop => {
                    model.dropped = true;
                    model.wake(0);
                }
                Event::Rest => model.rest(),
            }
        }
        model.rest();
        let first = model.look();
        model.open(0);
        model.open(1);
        model.rest();
        [first, model.look()]
    }

    fn look(&self) -> Outcome {
        let mut seen = self.seen.clone();
        seen.sort();
        let task = &self.tasks[0];
        Outcome { end: task.end.unwrap_or(End::Pending), cancelling: task.cancelling, seen }
    }

    fn spawn(&mut self, whole: usize) -> usize {
        let task = self.tasks.len();
        self.tasks.push(Task { whole, ..Task::default() });
        self.wake(task);
        task
    }

    fn wake(&mut self, task: usize) {
        if self.polled == Some(task) {
            self.again = true;
        } else if self.tasks[task].end.is_none() && !self.queue.contains(&task) {
            self.queue.push_back(task);
        }
    }

    fn open(&mut self, gate: usize) {
        self.gates[gate].0 = true;
        for task in std::mem::take(&mut self.gates[gate].1) {
            self.wake(task);
        }
    }

    /// A request is counted, and comes with the task's next poll.
    fn cancel(&mut self, task: usize) -> bool {
        if self.tasks[task].end.is_some() {
            return false;
        }
        self.tasks[task].cancelling += 1;
        self.tasks[task].fresh = true;
        self.wake(task);
        true
    }

    fn rest(&mut self) {
        while let Some(task) = self.queue.pop_front() {
            self.polled = Some(task);
            self.again = false;
            self.turn(task);
            self.polled = None;
            // Woken by itself, it comes behind all others.
            if self.again {
                self.wake(task);
            }
        }
    }

    // ---- a turn of a task

    fn turn(&mut self, task: usize) {
        if self.tasks[task].end.is_some() {
            return;
        }
        if std::mem::take(&mut self.tasks[task].fresh) && !self.ask(task, None) {
            return self.drop_root(task);
        }
        loop {
            self.tasks[task].polls += 1;
            let whole = self.tasks[task].whole;
            let ended = if task == 0 && self.dropped {
                self.drop_part(whole);
                true
            } else {
                self.step(whole, None, task, false)
            };
            // An error that has come to the root ends the task, whatever else has happened in that poll.
            if self.tasks[task].raised {
                return self.drop_root(task);
            }
            if ended {
                return self.end(task, End::Value);
            }
            // It is polled again anyway.
            if self.again {
                return;
            }
            match self.go_up(task) {
                None => return,
                Some(true) => {}
                Some(false) => return self.drop_root(task),
            }
        }
    }

    fn drop_root(&mut self, task: usize) {
        for request in &mut self.tasks[task].requests {
            request.answered = true;
        }
        self.drop_part(self.tasks[task].whole);
        self.end(task, End::Cancelled);
    }

    fn end(&mut self, task: usize, end: End) {
        self.tasks[task].end = Some(end);
        if let Some(waiter) = self.tasks[task].awaited_by {
            self.wake(waiter);
        }
    }

    /// Nobody has answered, and nobody is polled any more: those around are asked. `None`: there was nobody to ask.
    fn go_up(&mut self, task: usize) -> Option<bool> {
        let mut moved = None;
        for request in 0..self.tasks[task].requests.len() {
            let Request { limit, answered } = self.tasks[task].requests[request];
            if answered {
                continue;
            }
            let asked: Vec<usize> =
                self.in_task(task).filter(|&at| self.nodes[at].asked == Some(request)).collect();
            for at in asked {
                self.nodes[at].asked = None;
                let to_node = self.pass_to_parent(at, request, limit);
                moved = Some(moved.unwrap_or(false) | to_node);
            }
        }
        moved
    }

    fn in_task(&self, task: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).filter(move |&at| {
            let node = &self.nodes[at];
            node.begun && !node.over && node.task == task
        })
    }

    /// `false`: that is the root.
    fn pass_to_parent(&mut self, at: usize, request: usize, limit: Option<usize>) -> bool {
        let mut next = self.nodes[at].around;
        while let Some(around) = next {
            if Some(around) == limit {
                self.nodes[around].raised = true;
                return true;
            }
            if self.nodes[around].stands && self.is_scope(around) {
                self.nodes[around].asked = Some(request);
                return true;
            }
            next = self.nodes[around].around;
        }
        false
    }

    fn is_scope(&self, at: usize) -> bool {
        matches!(self.program[at], Op::Catch(..) | Op::Finally(_))
    }

    fn is_below(&self, at: usize, top: Option<usize>) -> bool {
        let Some(top) = top else { return true };
        let mut next = self.nodes[at].around;
        while let Some(around) = next {
            if around == top {
                return true;
            }
            next = self.nodes[around].around;
        }
        false
    }

    /// Asks the innermost nodes of a task, or below a limit; `false` when there is none.
    fn ask(&mut self, task: usize, limit: Option<usize>) -> bool {
        let awake = |model: &Self, at: usize| {
            let node = &model.nodes[at];
            // A limit is polled before what is in it: its body was last polled with it, in an earlier poll.
            let last = limit.map_or(model.tasks[task].polls, |limit| model.nodes[limit].stage);
            node.stands && (model.is_scope(at) || node.by_executor || node.polled >= last)
        };
        let nodes: Vec<usize> =
            self.in_task(task).filter(|&at| awake(self, at) && self.is_below(at, limit)).collect();
        let leaves: Vec<usize> = nodes
            .iter()
            .copied()
            .filter(|&at| !nodes.iter().any(|&other| self.is_below(other, Some(at))))
            .collect();
        let request = self.tasks[task].requests.len();
        self.tasks[task].requests.push(Request { limit, answered: false });
        let (mut asked, mut refused) = (false, Vec::new());
        for at in leaves {
            if self.is_scope(at) {
                asked = true;
                if limit.is_none() || self.nodes[at].asked.is_none() {
                    self.nodes[at].asked = Some(request);
                }
            } else if self.cancel(self.nodes[at].target) {
                asked = true;
                self.nodes[at].forwarded = true;
                self.tasks[task].requests[request].answered = true;
            } else {
                refused.push(at);
            }
        }
        for at in refused {
            if !self.tasks[task].requests[request].answered && !self.is_asked_around(at, request) {
                let to_node = self.pass_to_parent(at, request, limit);
                asked |= to_node && limit.is_none_or(|limit| !self.nodes[limit].raised);
            }
        }
        asked
    }

    /// Whether somebody else below the nearest scope around this one has the request.
    fn is_asked_around(&self, at: usize, request: usize) -> bool {
        let mut parent = self.nodes[at].around;
        while let Some(around) = parent.filter(|&around| !self.is_scope(around)) {
            parent = self.nodes[around].around;
        }
        self.in_task(self.nodes[at].task).any(|other| {
            other != at && self.nodes[other].asked == Some(request) && self.is_below(other, parent)
        })
    }

    // ---- a poll of a part

    fn drop_part(&mut self, at: usize) {
        let node = self.nodes[at];
        if !node.begun || node.over {
            self.nodes[at].over = true;
            return;
        }
        match self.program[at] {
            Op::Gate(_) => {}
            // The task runs on.
            Op::Spawn(_) => self.tasks[node.target].awaited_by = None,
            Op::Catch(_, body) | Op::Limit(body) => self.drop_part(body),
            Op::Finally(body) => {
                self.drop_part(body);
                if node.stage == 0 {
                    self.seen.push(Seen::Cleaned(at));
                }
            }
            Op::Join(a, b) | Op::Inner(a, b) | Op::Select(a, b) | Op::Leave(a, b) => {
                self.drop_part(a);
                self.drop_part(b);
            }
        }
        self.leave(at);
        self.nodes[at].over = true;
    }

    /// A node goes; a request before it goes to what is around.
    fn leave(&mut self, at: usize) {
        self.nodes[at].stands = false;
        let Some(request) = self.nodes[at].asked.take() else { return };
        let task = self.nodes[at].task;
        let Request { limit, answered } = self.tasks[task].requests[request];
        if !answered && !self.is_asked_around(at, request) && !self.pass_to_parent(at, request, limit) {
            self.tasks[task].raised = true;
        }
    }

    /// Raises to the nearest scope or limit around.
    fn raise(&mut self, at: usize) {
        let mut next = self.nodes[at].around;
        while let Some(around) = next {
            if self.is_scope(around) && self.nodes[around].stage == 0
                || matches!(self.program[around], Op::Limit(_))
            {
                self.nodes[around].raised = true;
                return;
            }
            next = self.nodes[around].around;
        }
        self.tasks[self.nodes[at].task].raised = true;
    }

    fn requests_around(&self, at: usize) -> u32 {
        let mut requests = self.tasks[self.nodes[at].task].cancelling;
        let mut next = self.nodes[at].around;
        while let Some(around) = next {
            requests += u32::from(self.nodes[around].own);
            next = self.nodes[around].around;
        }
        requests
    }

    /// Polls a part; `true` when it has ended.
    fn step(&mut self, at: usize, around: Option<usize>, task: usize, by_executor: bool) -> bool {
        if self.nodes[at].over {
            return true;
        }
        if !self.nodes[at].begun {
            self.nodes[at] = Node { around, task, by_executor, begun: true, ..self.nodes[at] };
            self.nodes[at].before = self.requests_around(at);
        }
        self.nodes[at].polled = self.tasks[task].polls;
        let (op, stage) = (self.program[at], self.nodes[at].stage);
        let by_executor = by_executor || matches!(op, Op::Inner(..));
        let mut part = |part: usize| self.step(part, Some(at), task, by_executor);
        let ended = match op {
            Op::Gate(gate) => self.pass(gate, task),
            Op::Join(a, b) | Op::Inner(a, b) => part(a) & part(b),
            Op::Select(a, b) => part(a) || part(b),
            Op::Leave(a, b) => match stage {
                0 => {
                    part(a);
                    self.nodes[at].stage = 1;
                    self.wake(task);
                    false
                }
                _ => part(b),
            },
            Op::Spawn(body) => self.wait(at, body, task),
            Op::Catch(_, body) | Op::Finally(body) => self.scope(at, body),
            Op::Limit(body) => self.limit(at, body),
        };
        if ended {
            // What is left in it goes first.
            if !matches!(self.program[at], Op::Spawn(_)) {
                if let Op::Finally(_) = self.program[at] {
                    self.nodes[at].stage = 1;
                }
                self.drop_part(at);
            }
            self.leave(at);
            self.nodes[at].over = true;
        }
        ended
    }

    fn pass(&mut self, gate: usize, task: usize) -> bool {
        let (open, waiting) = &mut self.gates[gate];
        if !*open && !waiting.contains(&task) {
            waiting.push(task);
        }
        *open
    }

    fn wait(&mut self, at: usize, body: usize, task: usize) -> bool {
        // It has passed a cancellation on.
        if self.nodes[at].stage == 2 {
            return false;
        }
        if self.nodes[at].stage == 0 {
            self.nodes[at].stage = 1;
            let target = self.spawn(body);
            self.nodes[at].target = target;
        }
        let target = self.nodes[at].target;
        let Some(end) = self.tasks[target].end else {
            self.tasks[target].awaited_by = Some(task);
            self.nodes[at].stands = true;
            return false;
        };
        if end == End::Cancelled && self.nodes[at].forwarded {
            self.nodes[at].stage = 2;
            self.leave(at);
            self.raise(at);
            return false;
        }
        true
    }

    /// Whether a request or an error is before a scope or a limit; it answers.
    fn take(&mut self, at: usize) -> bool {
        let raised = std::mem::take(&mut self.nodes[at].raised);
        let asked = self.nodes[at].asked.take();
        if let Some(request) = asked {
            self.tasks[self.nodes[at].task].requests[request].answered = true;
        }
        raised || asked.is_some()
    }

    fn scope(&mut self, at: usize, body: usize) -> bool {
        let task = self.nodes[at].task;
        if self.nodes[at].stage == 0 {
            if !self.take(at) {
                let ended = self.step(body, Some(at), task, self.nodes[at].by_executor);
                // What has come up to the scope is given, also where another part of the body has ended it.
                if !self.take(at) {
                    if ended {
                        if let Op::Finally(_) = self.program[at] {
                            self.seen.push(Seen::Cleaned(at));
                        }
                        return true;
                    }
                    self.nodes[at].stands = true;
                    return false;
                }
            }
            // It answers for all that is in it.
            for other in 0..self.nodes.len() {
                let node = self.nodes[other];
                if let Some(request) =
                    node.asked.filter(|_| node.task == task && self.is_below(other, Some(at)))
                {
                    self.tasks[task].requests[request].answered = true;
                }
            }
            self.drop_part(body);
            self.leave(at);
            self.nodes[at].stage = 1;
            self.seen.push(match self.program[at] {
                Op::Finally(_) => Seen::Cleaned(at),
                _ => Seen::Caught(at),
            });
        }
        match (self.program[at], self.nodes[at].stage) {
            (Op::Catch(Answer::Value, _), _) => return true,
            (Op::Catch(Answer::Uncancel, _), _) => {
                let cancelling = &mut self.tasks[task].cancelling;
                *cancelling = cancelling.saturating_sub(1);
                return true;
            }
            (Op::Catch(Answer::Wait, _), 1) if !self.pass(1, task) => {}
            (_, 1) => {
                self.nodes[at].stage = 2;
                self.raise(at);
            }
            _ => {}
        }
        false
    }

    fn limit(&mut self, at: usize, body: usize) -> bool {
        let task = self.nodes[at].task;
        // It has passed a cancellation on.
        if self.nodes[at].stage == usize::MAX {
            return false;
        }
        if self.nodes[at].up && !self.nodes[at].own {
            self.nodes[at].own = true;
            if !self.ask(task, Some(at)) {
                self.nodes[at].raised = true;
            }
        }
        self.nodes[at].stage = self.tasks[task].polls;
        let mut raised = self.take(at);
        if !raised {
            let ended = self.step(body, Some(at), task, self.nodes[at].by_executor);
            raised = self.take(at);
            if ended && !raised {
                return true;
            }
        }
        if raised {
            self.drop_part(body);
            if !self.nodes[at].own || self.requests_around(at) > self.nodes[at].before {
                self.nodes[at].stage = usize::MAX;
                self.raise(at);
                return false;
            }
            self.seen.push(Seen::TimedOut(at));
            return true;
        }
        if !self.nodes[at].up && !self.timers.contains(&at) {
            self.timers.push(at);
        }
        false
    }
}
