//! A worker: takes tasks, and those of workers that are silent; does them; ends in good order.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use heist::{Event, OwnedPermit, Semaphore, TaskGroup};
use redis::RedisResult;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamAutoClaimReply, StreamId, StreamReadReply};

use super::broker::Broker;
use super::tasks::{self, GROUP, STREAM, Task};
use super::{Failure, Work, stop};

/// How long a request for tasks waits at the server. Whoever is to end waits for it, so that no task is handed to nobody.
const WAIT: Duration = Duration::from_millis(200);
/// A request that is not answered for so long, and longer than it waits, has no server any more.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the parts of a worker share.
struct Shared {
    options: Work,
    /// Entries that it is at.
    at: Mutex<BTreeSet<String>>,
    slots: Arc<Semaphore>,
    ending: Event,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    done: u64,
    taken_over: u64,
    repeated: u64,
}

/// Works until Ctrl-C or SIGTERM, or until the server is gone.
pub(super) async fn work(options: Work) -> Result<(), Failure> {
    let stop = stop::signals()?;
    // One that waits for tasks holds up whatever comes behind it, so the rest has a connection of its own.
    let (asking, telling) = (Broker::connect(&options.redis).await?, Broker::connect(&options.redis).await?);
    let mut connection = telling.connection.clone();
    tasks::prepare(&mut connection).await?;
    println!("{} works", options.name);

    let shared = Arc::new(Shared {
        at: Mutex::default(),
        slots: Arc::new(Semaphore::new(options.at_once)),
        ending: Event::new(),
        counts: Mutex::default(),
        options,
    });
    let ended = heist::task_group({
        let shared = shared.clone();
        async move |group: TaskGroup<Failure>| {
            let ending = shared.clone();
            let heartbeat = group.create_task(say_that_we_live(shared.clone(), telling.connection.clone()));
            let stopper = group.create_task(async move {
                stop.await?;
                ending.ending.set();
                Ok(())
            });
            let fed = feed(&shared, &group, asking.connection, telling.connection).await;
            // All slots back: all tasks done.
            let _all = shared.slots.acquire_many(shared.options.at_once as u32).await;
            heartbeat.cancel();
            stopper.cancel();
            fed
        }
    });
    ended.await.map_err(|error| error.to_string())?;
    farewell(&shared, &mut connection).await?;
    Ok(())
}

/// Takes tasks and starts them, as many at a time as there are slots, until it is to end.
async fn feed(
    shared: &Arc<Shared>,
    group: &TaskGroup<Failure>,
    mut asking: MultiplexedConnection,
    telling: MultiplexedConnection,
) -> Result<(), Failure> {
    loop {
        let slots = shared.free_slots().await;
        if shared.ending.is_set() {
            return Ok(());
        }
        let (entries, taken_over) = next(shared, &mut asking, slots.len()).await?;
        for (entry, slot) in entries.into_iter().zip(slots) {
            let Some(task) = Task::of(&entry) else {
                eprintln!("{} is no task", entry.id);
                tasks::discard(&mut asking, &entry.id).await?;
                continue;
            };
            shared.begin(&task, taken_over);
            drop(group.create_task(perform(shared.clone(), telling.clone(), task, slot)));
        }
    }
}

/// Up to so many entries: those of workers that are silent, else new ones. Whether they were another's.
async fn next(
    shared: &Shared,
    connection: &mut MultiplexedConnection,
    most: usize,
) -> Result<(Vec<StreamId>, bool), Failure> {
    let name = &*shared.options.name;
    let silent = shared.options.take_over.0.as_millis() as u64;
    let mut claim = redis::cmd("XAUTOCLAIM");
    claim.arg(STREAM).arg(GROUP).arg(name).arg(silent).arg("0-0").arg("COUNT").arg(most);
    let claimed: StreamAutoClaimReply = within(PATIENCE, claim.query_async(connection)).await?;
    if !claimed.claimed.is_empty() {
        return Ok((claimed.claimed, true));
    }
    let mut read = redis::cmd("XREADGROUP");
    read.arg("GROUP").arg(GROUP).arg(name).arg("COUNT").arg(most);
    read.arg("BLOCK").arg(WAIT.as_millis() as u64).arg("STREAMS").arg(STREAM).arg(">");
    let reply: Option<StreamReadReply> = within(WAIT + PATIENCE, read.query_async(connection)).await?;
    Ok((reply.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids).collect(), false))
}

async fn within<T>(limit: Duration, request: impl Future<Output = RedisResult<T>>) -> Result<T, Failure> {
    Ok(heist::timeout(limit, request).await??)
}

/// Does a task and enters its result.
async fn perform(
    shared: Arc<Shared>,
    mut connection: MultiplexedConnection,
    task: Task,
    _slot: OwnedPermit,
) -> Result<(), Failure> {
    println!("begins {}", task.number);
    heist::sleep(shared.options.seconds.0).await;
    let result = tasks::stir(task.number);
    let is_first = within(PATIENCE, tasks::finish(&mut connection, &task, result)).await?;
    shared.end(&task, is_first);
    Ok(())
}

/// Claims what it is at again and again, so that nobody else does.
async fn say_that_we_live(shared: Arc<Shared>, mut connection: MultiplexedConnection) -> Result<(), Failure> {
    let mut beat = heist::interval(shared.options.take_over.0 / 4);
    loop {
        beat.tick().await;
        let at: Vec<_> = shared.at().iter().cloned().collect();
        if at.is_empty() {
            continue;
        }
        let mut claim = redis::cmd("XCLAIM");
        claim.arg(STREAM).arg(GROUP).arg(&shared.options.name).arg(0).arg(at).arg("JUSTID");
        within(PATIENCE, claim.query_async::<()>(&mut connection)).await?;
    }
}

/// Leaves the group, and says what was done.
async fn farewell(shared: &Shared, connection: &mut MultiplexedConnection) -> Result<(), Failure> {
    let name = &*shared.options.name;
    // One with entries left must stay known: with it they would be forgotten.
    if within(PATIENCE, tasks::pending(connection, Some(name))).await? == 0 {
        let mut leave = redis::cmd("XGROUP");
        leave.arg("DELCONSUMER").arg(STREAM).arg(GROUP).arg(name);
        within(PATIENCE, leave.query_async::<()>(connection)).await?;
    }
    let counts = shared.counts.lock().unwrap_or_else(PoisonError::into_inner);
    println!(
        "{name} ends: {} done, {} taken over, {} repeated",
        counts.done, counts.taken_over, counts.repeated
    );
    Ok(())
}

impl Shared {
    fn at(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One slot at least, and all that are free: whoever is not at a task has none, or is about to give it back.
    async fn free_slots(&self) -> Vec<OwnedPermit> {
        let mut slots = vec![self.slots.clone().acquire_owned().await];
        let busy = self.at().len();
        for _ in busy + 1..self.options.at_once {
            slots.push(self.slots.clone().acquire_owned().await);
        }
        slots
    }

    fn begin(&self, task: &Task, taken_over: bool) {
        self.at().insert(task.entry.clone());
        self.count(|counts| counts.taken_over += u64::from(taken_over));
    }

    fn end(&self, task: &Task, is_first: bool) {
        self.at().remove(&task.entry);
        self.count(|counts| {
            counts.done += 1;
            counts.repeated += u64::from(!is_first);
        });
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
