//! Sample 003-3: what the text names without a program: a callback with an argument, a gather as a future that can be
//! cancelled, the `call_*` family, a lock and a queue.
//!
//! The original, made runnable: `python/s003_03_concepts.py`.
//!
//! What differs from the Python text: there is no program in it; this is a small one that uses each.

#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

async fn coroutine(seconds: u64) -> u64 {
    heist::sleep(Duration::from_secs(seconds)).await;
    seconds
}

fn callback(argument: &str, task: heist::TaskRef) {
    println!("{argument}: {} is done", task.name());
}

/// `partial` is a closure.
async fn callbacks() -> Outcome {
    let task = heist::create_task(coroutine(1)).with_name("task");
    task.add_done_callback(|task| callback("callback", task));
    println!("result {}", task.await?);
    Ok(())
}

async fn cancels_a_gather() -> Outcome {
    let group = heist::gather([coroutine(10), coroutine(20)]);
    heist::sleep(Duration::from_secs(1)).await;
    group.cancel();
    match group.await {
        Err(error) if error.is_cancelled() => println!("the gather was cancelled"),
        other => println!("{:?}", other?),
    }
    Ok(())
}

async fn call_family() -> Outcome {
    let event_loop = heist::get_running_loop();
    event_loop.call_later(Duration::from_secs(1), || println!("call_later"))?;
    event_loop.call_at(event_loop.time() + Duration::from_secs(2), || println!("call_at"))?;
    event_loop.call_soon(|| println!("call_soon"))?;
    event_loop.call_soon_threadsafe(|| println!("call_soon_threadsafe"))?;
    heist::sleep(Duration::from_secs(3)).await;
    Ok(())
}

async fn produces(queue: Arc<heist::Queue<u32>>, lock: Arc<heist::Lock<()>>) -> Outcome {
    for n in 1..=2 {
        queue.put(n).await?;
        let _guard = lock.lock().await;
        println!("put {n}");
    }
    Ok(())
}

async fn lock_and_queue() -> Outcome {
    let (queue, lock) = (Arc::new(heist::Queue::new()), Arc::new(heist::Lock::new(())));
    let producer = heist::create_task(produces(queue.clone(), lock.clone()));
    let first = queue.get().await?;
    let second = queue.get().await?;
    producer.await??;
    println!("got {first} and {second}");
    Ok(())
}

#[heist::main(current_thread)]
pub(crate) async fn main() -> Outcome {
    callbacks().await?;
    cancels_a_gather().await?;
    call_family().await?;
    lock_and_queue().await
}
