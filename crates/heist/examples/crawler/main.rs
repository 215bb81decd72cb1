//! The crawler: a hundred tasks fetch a thousand pages from a queue.
//!
//! ```sh
//! cargo run --release --example crawler
//! ```
//!
//! The original is sample 000-6, which crawls a public site with aiohttp. What differs: the site is our own, started here
//! on 127.0.0.1 (`server`), with pages that are slow, broken or reset; HTTP is spoken by hand over `open_connection`
//! (`http`); and instead of the bodies there is a progress bar, then a summary (`summary`). A page that fails is
//! reported, and counted: pages and errors together are always as many as were asked for. Ctrl-C ends the crawl with the
//! summary of what there is, and the exit status 130.
// ci: run --pages 100 --workers 20

#![forbid(unsafe_code)]

#[path = "../support/args.rs"]
pub(crate) mod args;
pub(crate) mod http;
mod limits;
pub(crate) mod server;
pub(crate) mod summary;

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use server::Site;
use summary::{Fetched, Summary};

const HELP: &str = "\
Fetches pages over HTTP from a server of its own on 127.0.0.1, and says how it went.

  --pages N     how many pages; 1000 unless given
  --workers N   how many tasks fetch them, each one page at a time; 100 unless given,
                4096 at most
  --port N      the port of the server; any free one unless given
  --seed N      which pages are slow, broken or reset; 7 unless given
  --help        show this

Ctrl-C ends the crawl with the summary of what there is.";

/// What the command line chooses.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) pages: u64,
    pub(crate) workers: u64,
    pub(crate) port: u64,
    pub(crate) seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { pages: 1000, workers: 100, port: 0, seed: 7 }
    }
}

/// One worker: fetches page after page until the queue is empty.
async fn get(site: SocketAddr, queue: heist::Queue<u64>, progress: Progress) {
    // get_nowait, as in the original: an empty queue (`QueueEmpty`) is the end of the work.
    while let Ok(page) = queue.get_nowait() {
        let begun = Instant::now();
        let outcome = http::get(site, &format!("/page/{page}")).await;
        let latency = begun.elapsed();
        progress.note(page, latency, outcome.map(|page| Fetched::of(&page)));
    }
}

/// Crawls the site, until all is fetched or Ctrl-C comes.
pub(crate) async fn crawl(options: &Options) -> io::Result<Summary> {
    // From here on Ctrl-C is ours.
    let ctrl_c = heist::ctrl_c();
    let site = Site::start(options.port as u16, options.seed).await?;
    println!("Crawling {} pages of http://{} with {} workers", options.pages, site.address, options.workers);

    let queue = heist::Queue::new();
    for page in 0..options.pages {
        queue.put_nowait(page).expect("a queue without limit that nobody shuts down");
    }
    let progress = Progress::new(options.pages);
    let tasks: Vec<_> = (0..options.workers)
        .map(|_| heist::create_task(get(site.address, queue.clone(), progress.clone())))
        .collect();

    let workers: Vec<_> = tasks.iter().map(heist::Task::task_ref).collect();
    let interrupt = heist::create_task(async move {
        ctrl_c.await?;
        for worker in workers {
            worker.cancel();
        }
        io::Result::Ok(())
    });
    let (done, _) = heist::wait(tasks).await;

    let interrupted = interrupt.done();
    if interrupted {
        // Without descriptors for the signal there is no interrupt, but a failure.
        interrupt.await.map_err(io::Error::other)??;
    }
    for worker in done {
        match worker.await {
            Err(error) if !error.is_cancelled() => return Err(io::Error::other(error)),
            _ => {}
        }
    }
    Ok(progress.finish(interrupted))
}

/// What all workers write to: the summary and the bar.
#[derive(Clone)]
struct Progress {
    bar: ProgressBar,
    summary: Arc<Mutex<Summary>>,
}

impl Progress {
    fn new(pages: u64) -> Self {
        // Silent where standard error is no terminal.
        let bar = ProgressBar::new(pages);
        let style = "{bar:40} {pos}/{len} pages, {elapsed} so far, {eta} left  {msg}";
        bar.set_style(ProgressStyle::with_template(style).expect("a fixed template").progress_chars("=> "));
        Self { bar, summary: Arc::new(Mutex::new(Summary::new(pages))) }
    }

    fn note(&self, page: u64, latency: Duration, outcome: Result<Fetched, http::FetchError>) {
        if let Err(error) = &outcome {
            self.bar.suspend(|| eprintln!("page {page}: {error}"));
        }
        let errors = {
            let mut summary = self.summary.lock().unwrap();
            summary.add(latency, outcome);
            summary.errors()
        };
        if errors > 0 {
            self.bar.set_message(format!("{errors} errors"));
        }
        self.bar.inc(1);
    }

    fn finish(self, interrupted: bool) -> Summary {
        self.bar.finish_and_clear();
        let mut summary = self.summary.lock().unwrap().clone();
        summary.end(interrupted);
        summary
    }
}

/// The program, given its command line.
pub(crate) fn program(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut options = Options::default();
    let wish = args::read(
        args,
        &mut [
            args::number("--pages", 1..=1_000_000, &mut options.pages),
            args::number("--workers", 1..=4096, &mut options.workers),
            args::number("--port", 0..=65535, &mut options.port),
            args::number("--seed", 0..=u64::MAX, &mut options.seed),
        ],
    );
    match wish {
        Ok(args::Wish::Run) => {}
        Ok(args::Wish::Help) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("crawler: {message}");
            return ExitCode::from(2);
        }
    }
    let fitting = limits::fitting_workers(options.workers);
    if fitting < options.workers {
        eprintln!(
            "crawler: the limit of open files has room for {fitting} of {} workers; `ulimit -n` raises it",
            options.workers
        );
        options.workers = fitting;
    }
    let outcome = heist::Runner::new().and_then(|mut runner| {
        runner.run(crawl(&options)).unwrap_or_else(|error| Err(io::Error::other(error)))
    });
    match outcome {
        Ok(summary) => {
            print!("{summary}");
            // As a shell shows a program that Ctrl-C has ended.
            if summary.interrupted { ExitCode::from(130) } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("crawler: {error}");
            ExitCode::FAILURE
        }
    }
}

fn main() -> ExitCode {
    program(std::env::args_os().skip(1))
}
