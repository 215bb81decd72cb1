//! Who waits for whom: asyncio's call graph.
//!
//! A graph is drawn from what tasks say of themselves: the task or future that an await forwards its cancellation to, and
//! what waits that do not forward (`wait`, `shield`, groups) have noted. Drawing polls nothing and stops nobody, so on
//! several workers the parts of a graph may be from slightly different moments.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::panic::Location;

use heist_core::scope::Awaited;
use heist_scheduler::{Handle, Task, TaskRef};
use heist_sync::future::Future;

use crate::introspection::{current_task, running_loop};

/// What can stand in a call graph: a [`Task`], a [`TaskRef`], a [`future::Future`](crate::future::Future).
pub trait InCallGraph: sealed::Sealed {}

mod sealed {
    use super::{Handle, Node};

    pub trait Sealed {
        fn node(&self) -> Node;
        /// The loop whose tasks may wait for it.
        fn its_loop(&self) -> Option<Handle>;
    }
}

impl InCallGraph for TaskRef {}
impl sealed::Sealed for TaskRef {
    fn node(&self) -> Node {
        Node::Task(self.clone())
    }

    fn its_loop(&self) -> Option<Handle> {
        Some(self.get_loop())
    }
}

impl<T> InCallGraph for Task<T> {}
impl<T> sealed::Sealed for Task<T> {
    fn node(&self) -> Node {
        Node::Task(self.task_ref())
    }

    fn its_loop(&self) -> Option<Handle> {
        self.task_ref().its_loop()
    }
}

impl<T> InCallGraph for Future<T> {}
impl<T> sealed::Sealed for Future<T> {
    fn node(&self) -> Node {
        Node::Future(self.awaited())
    }

    fn its_loop(&self) -> Option<Handle> {
        None
    }
}

/// A task or a future in a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A task.
    Task(TaskRef),
    /// A future.
    Future(Awaited),
}

impl Node {
    fn key(&self) -> Awaited {
        match self {
            Self::Task(task) => Awaited::Task(task.id()),
            Self::Future(future) => *future,
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(task) => write!(f, "Task {:?} (id {})", &*task.name(), task.id()),
            Self::Future(Awaited::Future(address)) => write!(f, "Future (at {address:#x})"),
            Self::Future(_) => f.write_str("Future"),
        }
    }
}

/// One line of a task's stack in a graph; asyncio's `FrameCallGraphEntry`.
///
/// A Rust future says nothing of the calls inside it. So there are two kinds of entries: what the task awaits, and, as the
/// outermost one, the task's own future.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameCallGraphEntry {
    /// The task awaits something: its name in a graph.
    Awaits(String),
    /// The task's own future.
    Future {
        /// The name of its type: of an async function, the function's.
        name: &'static str,
        /// Where the task was created.
        created: &'static Location<'static>,
    },
}

impl fmt::Display for FrameCallGraphEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Awaits(what) => write!(f, "awaits {what}"),
            Self::Future { name, created } => write!(f, "async {name}, created at {created}"),
        }
    }
}

/// A task or future, and who waits for it; asyncio's `FutureCallGraph`.
///
/// Its text is that of [`format_call_graph`].
///
/// ```
/// heist::run(async {
///     let waits = heist::create_task(std::future::pending::<()>()).with_name("waits");
///     let graph = heist::capture_call_graph(Some(&waits.task_ref())).unwrap();
///     assert_eq!(&*graph.task().unwrap().name(), "waits");
///     assert!(graph.awaited_by().is_empty() && graph.cycles().is_empty());
///     println!("{graph}");
/// });
/// ```
#[derive(Clone)]
pub struct FutureCallGraph {
    node: Node,
    call_stack: Vec<FrameCallGraphEntry>,
    awaited_by: Vec<FutureCallGraph>,
    shown_above: bool,
    cycles: Vec<Vec<Node>>,
}

impl fmt::Debug for FutureCallGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FutureCallGraph")
            .field("of", &format_args!("{}", self.node))
            .field("call_stack", &self.call_stack)
            .field("awaited_by", &self.awaited_by)
            .finish_non_exhaustive()
    }
}

impl FutureCallGraph {
    /// The task that this is; `None` for a future.
    pub fn task(&self) -> Option<&TaskRef> {
        match &self.node {
            Node::Task(task) => Some(task),
            Node::Future(_) => None,
        }
    }

    /// What the task is at, innermost first; empty for a future, and for a task that has ended.
    pub fn call_stack(&self) -> &[FrameCallGraphEntry] {
        &self.call_stack
    }

    /// Who waits for this, in the order in which they were created, each with who waits for them. Empty where
    /// [`is_shown_above`](Self::is_shown_above) says that it was told before.
    pub fn awaited_by(&self) -> &[FutureCallGraph] {
        &self.awaited_by
    }

    /// Whether this task stands in the graph a second time, on another way: who waits for it is told at the first place.
    pub fn is_shown_above(&self) -> bool {
        self.shown_above
    }

    /// The cycles among those who wait: each a list of tasks, of which each waits for the next, and the last for the first.
    /// Tasks in a cycle wait for ever. Told by the graph that was captured, not by its parts.
    pub fn cycles(&self) -> Vec<Vec<TaskRef>> {
        let task_of = |node: &Node| match node {
            Node::Task(task) => Some(task.clone()),
            Node::Future(_) => None,
        };
        self.cycles.iter().map(|cycle| cycle.iter().filter_map(task_of).collect()).collect()
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, indent: usize) -> fmt::Result {
        let again = if self.shown_above { ", as above" } else { "" };
        writeln!(f, "{:indent$}* {}{again}", "", self.node)?;
        if self.shown_above {
            return Ok(());
        }
        if !self.call_stack.is_empty() {
            writeln!(f, "{:indent$}  + Call stack:", "")?;
            for entry in &self.call_stack {
                writeln!(f, "{:indent$}  |   {entry}", "")?;
            }
        }
        if !self.awaited_by.is_empty() {
            writeln!(f, "{:indent$}  + Awaited by:", "")?;
            for graph in &self.awaited_by {
                graph.write(f, indent + 4)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for FutureCallGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.cycles.is_empty() {
            return self.write(f, 0);
        }
        writeln!(f, "{} waits in a cycle, or for one, which never ends:", self.node)?;
        for cycle in &self.cycles {
            f.write_str("* ")?;
            for node in cycle {
                write!(f, "{node} -> ")?;
            }
            // Where it began.
            writeln!(f, "{}", cycle[0])?;
        }
        Ok(())
    }
}

/// Who waits for a task or a future, recursively; asyncio's `capture_call_graph`.
///
/// `None` asks for the current task, and gives `None` where there is none (in a callback of the loop). Waits through
/// `gather`, `wait`, `shield`, `timeout` and groups show the waiting task itself. Of a future, the waiting tasks of the
/// running loop are told.
///
/// Nothing is polled for it. It walks all tasks of the loop: for looking into a program, not for its daily work. From
/// another thread than that of a current-thread loop it waits as [`Handle::all_tasks`] does.
///
/// ```
/// heist::run(async {
///     let inner = heist::create_task(std::future::pending::<()>()).with_name("inner");
///     let inner_ref = inner.task_ref();
///     let _outer = heist::create_task(async { inner.await }).with_name("outer");
///     heist::sleep(std::time::Duration::from_millis(1)).await;
///
///     let graph = heist::capture_call_graph(Some(&inner_ref)).unwrap();
///     assert_eq!(&*graph.awaited_by()[0].task().unwrap().name(), "outer");
/// });
/// ```
///
/// # Panics
///
/// Outside of a running loop, unless a task is given.
#[track_caller]
pub fn capture_call_graph(of: Option<&dyn InCallGraph>) -> Option<FutureCallGraph> {
    let (node, its_loop) = match of {
        Some(of) => (of.node(), of.its_loop()),
        None => (Node::Task(current_task()?), None),
    };
    let its_loop = its_loop.unwrap_or_else(|| running_loop("capture_call_graph"));
    Some(Waits::of(&its_loop).graph(node))
}

/// The call graph of a task or a future as text; asyncio's `format_call_graph`.
///
/// Where tasks wait for one another in a cycle, each cycle is told instead of the graph. Empty where
/// [`capture_call_graph`] gives `None`.
///
/// ```
/// heist::run(async {
///     let waits = heist::create_task(std::future::pending::<()>()).with_name("waits");
///     assert!(heist::format_call_graph(Some(&waits.task_ref())).contains("waits"));
/// });
/// ```
///
/// # Panics
///
/// As [`capture_call_graph`].
#[track_caller]
pub fn format_call_graph(of: Option<&dyn InCallGraph>) -> String {
    capture_call_graph(of).map_or_else(String::new, |graph| graph.to_string())
}

/// Prints the call graph of a task or a future to stdout; asyncio's `print_call_graph`.
///
/// ```
/// heist::run(async {
///     let waits = heist::create_task(std::future::pending::<()>()).with_name("waits");
///     heist::print_call_graph(Some(&waits.task_ref()));
/// });
/// ```
///
/// # Panics
///
/// As [`capture_call_graph`], and when stdout cannot be written.
#[track_caller]
pub fn print_call_graph(of: Option<&dyn InCallGraph>) {
    print!("{}", format_call_graph(of));
}

/// Which task waits for what, at one moment of one loop.
struct Waits {
    tasks: BTreeMap<u64, TaskRef>,
    /// What each task awaits.
    awaits: HashMap<u64, Vec<Awaited>>,
    /// Who awaits it, in the order of their ids.
    awaited_by: HashMap<Awaited, Vec<u64>>,
}

impl Waits {
    fn of(its_loop: &Handle) -> Self {
        let tasks: BTreeMap<_, _> = its_loop.all_tasks().into_iter().map(|task| (task.id(), task)).collect();
        let awaits: HashMap<_, _> = tasks.iter().map(|(&id, task)| (id, task.awaits())).collect();
        let mut awaited_by: HashMap<_, Vec<_>> = HashMap::new();
        for &id in tasks.keys() {
            for &awaited in &awaits[&id] {
                awaited_by.entry(awaited).or_default().push(id);
            }
        }
        Self { tasks, awaits, awaited_by }
    }

    fn graph(&self, node: Node) -> FutureCallGraph {
        let mut drawing =
            Drawing { waits: self, path: Vec::new(), drawn: HashSet::new(), cycles: Vec::new() };
        let mut graph = drawing.draw(node);
        graph.cycles = drawing.cycles;
        graph
    }

    fn call_stack(&self, node: &Node) -> Vec<FrameCallGraphEntry> {
        let Node::Task(task) = node else { return Vec::new() };
        let Some(awaits) = self.awaits.get(&task.id()) else { return Vec::new() };
        // One that has ended since is no longer waited for.
        let awaited = awaits.iter().filter_map(|awaited| match awaited {
            Awaited::Task(id) => self.tasks.get(id).cloned().map(Node::Task),
            future => Some(Node::Future(*future)),
        });
        let own = FrameCallGraphEntry::Future { name: task.future_name(), created: task.location() };
        awaited.map(|node| FrameCallGraphEntry::Awaits(node.to_string())).chain([own]).collect()
    }
}

/// A graph that is being drawn, from what is awaited to those who wait.
struct Drawing<'a> {
    waits: &'a Waits,
    /// From the root to where we are.
    path: Vec<Node>,
    drawn: HashSet<Awaited>,
    cycles: Vec<Vec<Node>>,
}

impl Drawing<'_> {
    fn draw(&mut self, node: Node) -> FutureCallGraph {
        let key = node.key();
        let mut graph = FutureCallGraph {
            node: node.clone(),
            call_stack: Vec::new(),
            awaited_by: Vec::new(),
            shown_above: !self.drawn.insert(key),
            cycles: Vec::new(),
        };
        if graph.shown_above {
            if let Some(at) = self.path.iter().position(|before| before.key() == key) {
                // The path goes from the awaited to those who wait; a cycle is told the other way round.
                let mut cycle = self.path[at..].to_vec();
                cycle[1..].reverse();
                self.cycles.push(cycle);
            }
            return graph;
        }
        graph.call_stack = self.waits.call_stack(&node);
        self.path.push(node);
        for id in self.waits.awaited_by.get(&key).into_iter().flatten() {
            graph.awaited_by.push(self.draw(Node::Task(self.waits.tasks[id].clone())));
        }
        self.path.pop();
        graph
    }
}
