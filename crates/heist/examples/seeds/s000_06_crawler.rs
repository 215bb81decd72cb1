//! Sample 000-6: a crawler, with a hundred workers that take a thousand pages from a queue and print each one's text.
//!
//! The original, made runnable: `python/s000_06_crawler.py`.
//!
//! What differs from the Python text: the pages come from a server that this program starts (the original's is somebody's on
//! the internet), and `ClientSession` is a few lines over the streams in `support/session.rs`, for Python's aiohttp. In
//! Python it is an error since 3.11 (`wait` takes no bare coroutines any more).

#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::Arc;

#[path = "../support/session.rs"]
mod session;
#[path = "../support/site.rs"]
mod site;
use session::ClientSession;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

async fn get(session: ClientSession, queue: Arc<heist::Queue<u32>>, template: String) -> Outcome {
    loop {
        let Ok(page) = queue.get_nowait() else {
            return Ok(());
        };
        let url = template.replace("{page}", &page.to_string());
        let resp = session.get(&url).await?;
        println!("{}", resp.text().await?);
    }
}

async fn crawl() -> Outcome {
    let site = site::serve().await?;
    let template = format!("http://{}/exercise_middleware_ip/{{page}}", site.address()?);

    let session = ClientSession::new();
    let queue = Arc::new(heist::Queue::new());
    for page in 0..1000 {
        queue.put_nowait(page)?;
    }
    let mut tasks = Vec::new();
    for _ in 0..100 {
        let task = get(session.clone(), queue.clone(), template.clone());
        tasks.push(task);
    }
    let (done, _pending) = heist::wait(tasks).await;
    for task in done {
        task.await??;
    }
    Ok(())
}

pub(crate) fn main() -> Outcome {
    let event_loop = heist::get_event_loop();
    event_loop.run_until_complete(crawl())?
}
