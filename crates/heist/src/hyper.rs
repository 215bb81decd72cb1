//! What hyper asks of a runtime: [`Executor`], [`LocalExecutor`] and [`Timer`]. Needs the feature `hyper`.
//!
//! With this feature all streams have `hyper::rt::Read` and `hyper::rt::Write`: [`net::TcpStream`](crate::net::TcpStream),
//! and a [`StreamPair`](crate::StreamPair) for a reader and a writer of asyncio's kind, whatever they run over. So hyper's clients
//! and servers run on heist as they are; [`serve`](mod@crate::serve), with the feature of that name, is a whole server.
//!
//! ```
//! use hyper::body::Incoming;
//! use hyper::service::service_fn;
//! use hyper::{Request, Response};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! heist::run(async {
//!     let listener = heist::net::TcpListener::bind("127.0.0.1:0").await?;
//!     let address = listener.local_addr()?;
//!     let serving = heist::create_task(async move {
//!         let (stream, _) = listener.accept().await?;
//!         let hello = service_fn(async |_: Request<Incoming>| {
//!             Ok::<_, hyper::Error>(Response::new("hello".to_owned()))
//!         });
//!         let mut http = hyper::server::conn::http1::Builder::new();
//!         http.timer(heist::hyper::Timer).keep_alive(false).serve_connection(stream, hello).await?;
//!         Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
//!     });
//!     let (mut reader, writer) = heist::open_connection(address).await?;
//!     writer.write(b"GET / HTTP/1.1\r\nhost: example\r\n\r\n");
//!     let answer = String::from_utf8(reader.read_to_end().await?)?;
//!     assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("hello"));
//!     serving.await?.unwrap();
//!     Ok(())
//! })
//! # }
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ::hyper::rt;
use heist_core::{Clock, context};

/// Runs hyper's own tasks as tasks of the running loop.
///
/// For HTTP/2, whose requests run side by side. Its tasks are named in a dump as all others are; one that panics is reported to
/// the loop's exception handler.
///
/// ```
/// # #[derive(Clone)] struct Body;
/// use heist::hyper::{Executor, Timer};
///
/// let mut http = hyper::server::conn::http2::Builder::new(Executor);
/// http.timer(Timer).keep_alive_interval(std::time::Duration::from_secs(20));
/// ```
///
/// # Panics
///
/// Outside of a running loop.
#[derive(Debug, Clone, Copy, Default)]
pub struct Executor;

impl<F> rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        // It runs on by itself.
        drop(crate::create_task(future));
    }
}

/// As [`Executor`], for futures that are not `Send`, on the current-thread flavour.
///
/// ```
/// use heist::hyper::LocalExecutor;
/// use hyper::rt::Executor;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut runner = heist::Runner::builder().current_thread().build()?;
/// runner.run(async {
///     let (done, is_done) = heist::sync::oneshot::channel();
///     let shared = std::rc::Rc::new(1);
///     LocalExecutor.execute(async move { done.send(*shared).unwrap() });
///     assert_eq!(is_done.await.unwrap(), 1);
/// })?;
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// Outside of a running loop, and on the multi-thread flavour.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalExecutor;

impl<F> rt::Executor<F> for LocalExecutor
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        // It runs on by itself.
        drop(crate::spawn_local(future));
    }
}

/// hyper's timers, on the running loop's clock: with virtual time, hyper's limits keep that.
///
/// ```
/// use std::time::Duration;
/// use heist::hyper::Timer;
/// use hyper::rt::Timer as _;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut runner = heist::Runner::builder().virtual_time().build()?;
/// runner.run(async {
///     let before = Timer.now();
///     Timer.sleep(Duration::from_secs(3600)).await;
///     assert_eq!(Timer.now() - before, Duration::from_secs(3600));
/// })?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Timer;

impl rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep(heist_timer::sleep(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep(until(deadline)))
    }

    fn now(&self) -> Instant {
        with_clock(|clock| clock.instant(clock.now())).flatten().unwrap_or_else(Instant::now)
    }

    /// Moves the sleep that is there: no allocation.
    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, new_deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(sleep) => sleep.get_mut().0 = until(new_deadline),
            None => *sleep = self.sleep_until(new_deadline),
        }
    }
}

fn with_clock<R>(look: impl FnOnce(&Clock) -> R) -> Option<R> {
    context::with(|context| context.map(|context| look(context.clock())))
}

/// A sleep until `deadline` on the loop's clock.
fn until(deadline: Instant) -> heist_timer::Sleep {
    match with_clock(|clock| clock.deadline_at(deadline)) {
        Some(deadline) => heist_timer::sleep_until(deadline),
        None => heist_timer::sleep(deadline.saturating_duration_since(Instant::now())),
    }
}

/// A sleep of ours that gives nothing, as hyper wants it.
struct Sleep(heist_timer::Sleep);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx).map(drop)
    }
}

impl rt::Sleep for Sleep {}
