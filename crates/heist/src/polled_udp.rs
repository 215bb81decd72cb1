//! UDP sockets for libraries that poll through a shared reference: [`PolledUdp`].

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::net::{Direction, UdpSocket};

/// A UDP socket that waits for one task in each direction, whose last waker counts.
///
/// The socket's own waits are futures, which leave its lists when they are dropped; here each is kept from one poll to the next.
#[derive(Debug)]
pub(crate) struct PolledUdp {
    udp: Arc<UdpSocket>,
    reads: Wait,
    writes: Wait,
}

impl PolledUdp {
    pub(crate) fn new(udp: UdpSocket) -> Self {
        Self { udp: Arc::new(udp), reads: Wait::default(), writes: Wait::default() }
    }

    #[cfg(feature = "quinn")]
    pub(crate) fn udp(&self) -> &Arc<UdpSocket> {
        &self.udp
    }

    /// Tries `op`; where it would block, has `cx` woken when it may not, and is Pending.
    pub(crate) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        mut op: impl FnMut(&std::net::UdpSocket) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            match self.udp.try_io(direction, &mut op) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.poll_ready(cx, direction))?;
                }
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_ready(&self, cx: &mut Context<'_>, direction: Direction) -> Poll<io::Result<()>> {
        match direction {
            Direction::Read => self.reads.poll(cx, || Box::pin(readable(self.udp.clone()))),
            Direction::Write => self.writes.poll(cx, || Box::pin(writable(self.udp.clone()))),
        }
    }
}

/// The wait of one direction; nothing is allocated before the first.
#[derive(Default)]
struct Wait(Mutex<Option<Pin<Box<dyn Readiness>>>>);

impl Wait {
    fn poll(
        &self,
        cx: &mut Context<'_>,
        make: impl FnOnce() -> Pin<Box<dyn Readiness>>,
    ) -> Poll<io::Result<()>> {
        // A panic inside leaves a wait that is still good.
        let mut wait = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wait.get_or_insert_with(make).as_mut().poll_ready(cx)
    }
}

impl std::fmt::Debug for Wait {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wait")
    }
}

/// A wait for readiness that can be had again and again.
pub(crate) trait Readiness: Send {
    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

pin_project! {
    /// Waits with a future of its own each time, all in one place: no allocation a wait.
    pub(crate) struct Waiting<M, F> {
        make: M,
        #[pin]
        wait: Option<F>,
    }
}

/// Waits until there is something to receive.
fn readable(udp: Arc<UdpSocket>) -> impl Readiness {
    Waiting::new(move || {
        let udp = udp.clone();
        async move { udp.readable().await }
    })
}

/// Waits until there is room to send.
fn writable(udp: Arc<UdpSocket>) -> impl Readiness {
    Waiting::new(move || {
        let udp = udp.clone();
        async move { udp.writable().await }
    })
}

impl<M, F> Waiting<M, F>
where
    M: Fn() -> F,
{
    pub(crate) fn new(make: M) -> Self {
        Self { make, wait: None }
    }
}

impl<M, F> Readiness for Waiting<M, F>
where
    M: Fn() -> F + Send,
    F: Future<Output = io::Result<()>> + Send,
{
    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        if this.wait.is_none() {
            this.wait.set(Some((this.make)()));
        }
        let result = this.wait.as_mut().as_pin_mut().map_or(Poll::Ready(Ok(())), |wait| wait.poll(cx));
        if result.is_ready() {
            this.wait.set(None);
        }
        result
    }
}

impl<M, F> std::fmt::Debug for Waiting<M, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("waits", &self.wait.is_some()).finish_non_exhaustive()
    }
}
