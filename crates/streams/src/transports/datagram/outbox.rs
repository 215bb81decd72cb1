//! [`Outbox`]: what a datagram transport keeps behind its lock.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};

use heist_reactor::Half;

use super::DatagramSocket;
use crate::writer::HIGH_WATER;

/// What a datagram counts beside its bytes, so that many empty ones are not kept without bound: UDP's header, in bytes. So in
/// asyncio.
const HEADER: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// Nothing more is taken or received; what is kept is being sent.
    Closing,
    /// The socket is given back.
    Closed,
}

/// A copy of a datagram that waits for room, and where it goes.
struct Datagram<A> {
    data: Vec<u8>,
    to: Option<A>,
}

/// What there is to tell the protocol.
#[derive(Debug)]
pub(super) enum Event {
    Error(io::Error),
    Paused,
    Resumed,
    Lost,
}

pub(super) struct Outbox<S: DatagramSocket> {
    pub(super) phase: Phase,
    /// `None` from `Closed` on.
    socket: Option<Half<S::Inner>>,
    queue: VecDeque<Datagram<S::Addr>>,
    /// How many bytes are in the queue, headers counted.
    pub(super) kept: usize,
    paused: bool,
    /// The protocol knows of it.
    told: bool,
    high: usize,
    low: usize,
    /// For the protocol.
    errors: VecDeque<io::Error>,
    /// Sends since nothing is taken any more.
    pub(super) in_vain: u32,
    /// The driver's.
    waker: Option<Waker>,
}

impl<S: DatagramSocket> Outbox<S> {
    pub(super) fn new(socket: Half<S::Inner>) -> Self {
        Self {
            phase: Phase::Open,
            socket: Some(socket),
            queue: VecDeque::new(),
            kept: 0,
            paused: false,
            told: false,
            high: HIGH_WATER,
            low: HIGH_WATER / 4,
            errors: VecDeque::new(),
            in_vain: 0,
            waker: None,
        }
    }

    pub(super) fn socket(&self) -> Option<&S::Inner> {
        self.socket.as_ref().map(Half::get_ref)
    }

    /// Sends at once, or keeps a copy behind those that wait. Whom to wake outside the lock.
    #[must_use = "wake it outside the lock"]
    pub(super) fn send(&mut self, data: &[u8], to: Option<&S::Addr>) -> Option<Waker> {
        let Some(socket) = &mut self.socket else { return None };
        if self.queue.is_empty() {
            match socket.try_io(|socket| S::send(socket, data, to)) {
                Ok(_) => return None,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    self.errors.push_back(error);
                    return self.waker.take();
                }
            }
        }
        self.queue.push_back(Datagram { data: data.to_vec(), to: to.cloned() });
        self.kept += data.len() + HEADER;
        self.paused |= self.kept > self.high;
        self.waker.take()
    }

    pub(super) fn marks(&self) -> (usize, usize) {
        (self.low, self.high)
    }

    /// Sets the marks. Whom to wake outside the lock.
    #[must_use = "wake it outside the lock"]
    pub(super) fn set_marks(&mut self, high: usize, low: usize) -> Option<Waker> {
        (self.high, self.low) = (high, low);
        self.paused |= self.kept > high;
        self.settle();
        self.waker.take()
    }

    fn settle(&mut self) {
        self.paused &= self.kept > self.low;
    }

    /// Takes no more. Whom to wake outside the lock.
    #[must_use = "wake it outside the lock"]
    pub(super) fn close(&mut self, abort: bool) -> Option<Waker> {
        if abort {
            self.queue.clear();
            self.kept = 0;
        }
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
        }
        self.waker.take()
    }

    /// The driver's turn: sends what is kept, as far as there is room, and says what the protocol is to be told. Pending with
    /// the driver's waker left behind.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Some(error) = self.errors.pop_front() {
            return Poll::Ready(Event::Error(error));
        }
        if let Poll::Ready(error) = self.poll_flush(cx) {
            return Poll::Ready(Event::Error(error));
        }
        if self.phase == Phase::Closing && self.queue.is_empty() {
            self.phase = Phase::Closed;
            self.socket = None;
            // Handles may stay; nothing of the task stays with them.
            self.waker = None;
            return Poll::Ready(Event::Lost);
        }
        if self.paused != self.told {
            self.told = self.paused;
            return Poll::Ready(if self.paused { Event::Paused } else { Event::Resumed });
        }
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Sends what is kept. Ready with the error of a datagram, which is given up.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let Some(socket) = &mut self.socket else { return Poll::Pending };
        while let Some(Datagram { data, to }) = self.queue.front() {
            let Poll::Ready(sent) = socket.poll_io(cx, |socket| S::send(socket, data, to.as_ref())) else {
                break;
            };
            self.kept -= data.len() + HEADER;
            self.queue.pop_front();
            if let Err(error) = sent {
                self.settle();
                return Poll::Ready(error);
            }
        }
        self.settle();
        Poll::Pending
    }
}
