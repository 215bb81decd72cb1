//! Sample 001-11: which task this is, and which there are.
//!
//! The original, made runnable: `python/s001_11_introspection.py`.
//!
//! What differs from the Python text: it has no program, only what the two functions give; here they are asked.

#![forbid(unsafe_code)]

async fn worker() {
    if let Some(task) = heist::current_task() {
        println!("current_task in the worker: {}", task.name());
    }
}

fn print_names() {
    let mut names: Vec<_> = heist::all_tasks().iter().map(|task| task.name()).collect();
    names.sort();
    println!("all_tasks: {}", names.join(" "));
}

fn callback() {
    println!(
        "current_task in a callback: {}",
        heist::current_task().map_or("None".into(), |task| task.name())
    );
}

#[heist::main(current_thread)]
pub(crate) async fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(task) = heist::current_task() {
        task.set_name("main");
    }
    let task = heist::create_task(worker()).with_name("worker");
    print_names();
    task.await?;
    print_names();
    heist::get_running_loop().call_soon(callback)?;
    heist::yield_now().await;
    Ok(())
}
