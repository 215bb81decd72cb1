//! Writers over an output that is no socket: one that falls behind and has a farewell to say, as TLS has.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use heist_core::Clock;
use heist_core::driver::NoDriver;
use heist_scheduler::{Config, LocalScheduler, yield_now};

use super::StreamWriter;
use crate::wire::{Output, StreamAddr, WriteSide};

/// What the output has done, and may do.
#[derive(Debug, Default)]
struct Layer {
    /// How many bytes it takes before it is full.
    room: usize,
    taken: Vec<u8>,
    /// Where these lay, call by call.
    places: Vec<usize>,
    /// How many of them it has passed on.
    passed: usize,
    /// May pass on what it has taken.
    open: bool,
    events: Vec<&'static str>,
    waker: Option<Waker>,
}

#[derive(Debug, Clone, Default)]
struct Layered(Arc<Mutex<Layer>>);

impl Layered {
    fn change(&self, change: impl FnOnce(&mut Layer)) {
        let mut layer = self.0.lock().unwrap();
        change(&mut layer);
        let waker = layer.waker.take();
        drop(layer);
        waker.into_iter().for_each(Waker::wake);
    }

    fn events(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().events.clone()
    }

    fn writer(&self) -> StreamWriter {
        StreamWriter::over(Output::other(self.clone()), StreamAddr::Unnamed, None)
    }
}

impl Layer {
    fn wait<T>(&mut self, cx: &Context<'_>) -> Poll<T> {
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn take(&mut self, data: &[u8]) -> usize {
        let n = data.len().min(self.room);
        if n > 0 {
            self.places.push(data.as_ptr().addr());
        }
        self.room -= n;
        self.taken.extend_from_slice(&data[..n]);
        n
    }
}

impl WriteSide for Layered {
    fn try_write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self.0.lock().unwrap().take(data) {
            0 => Err(ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let mut layer = self.0.lock().unwrap();
        match layer.take(data) {
            0 => layer.wait(cx),
            n => Poll::Ready(Ok(n)),
        }
    }

    fn is_behind(&self) -> bool {
        let layer = self.0.lock().unwrap();
        layer.passed < layer.taken.len()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut layer = self.0.lock().unwrap();
        if !layer.open {
            return layer.wait(cx);
        }
        layer.passed = layer.taken.len();
        layer.events.push("flushed");
        Poll::Ready(Ok(()))
    }

    fn has_farewell(&self) -> bool {
        true
    }

    fn poll_farewell(&mut self, cx: &mut Context<'_>, _how: Shutdown) -> Poll<io::Result<()>> {
        let mut layer = self.0.lock().unwrap();
        if !layer.open {
            return layer.wait(cx);
        }
        layer.events.push("farewell");
        Poll::Ready(Ok(()))
    }

    fn shutdown(&mut self, how: Shutdown) -> io::Result<()> {
        self.0.lock().unwrap().events.push(if how == Shutdown::Both { "both" } else { "write" });
        Ok(())
    }

    fn can_write_eof(&self) -> bool {
        false
    }

    fn is_last(&self) -> bool {
        false
    }

    fn local_name(&self) -> io::Result<StreamAddr> {
        Ok(StreamAddr::Unnamed)
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }
}

fn run<F: Future>(future: F) -> F::Output {
    LocalScheduler::new(Config::new(1), Clock::virtual_time(), Arc::new(NoDriver)).block_on(future).unwrap()
}

async fn is_pending(future: impl Future) -> bool {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

/// Lets the flusher come to where it waits.
async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[test]
fn output_that_is_behind_is_flushed() {
    run(async {
        let layered = Layered::default();
        layered.change(|layer| layer.room = 100);
        let writer = layered.writer();
        writer.write(b"taken at once");
        assert_eq!(writer.write_buffer_size(), 0);
        settle().await;
        assert!(is_pending(writer.flushed()).await, "it was not passed on");
        writer.drain().await.unwrap();
        layered.change(|layer| layer.open = true);
        writer.flushed().await.unwrap();
        assert_eq!(layered.events(), ["flushed"]);
        assert_eq!(layered.0.lock().unwrap().passed, 13);
    });
}

#[test]
fn farewell_comes_after_everything_and_before_the_end() {
    run(async {
        let layered = Layered::default();
        layered.change(|layer| layer.room = 4);
        let writer = layered.writer();
        writer.write(b"some bytes");
        writer.close();
        settle().await;
        assert!(is_pending(writer.wait_closed()).await);
        layered.change(|layer| layer.room = 100);
        settle().await;
        assert!(is_pending(writer.wait_closed()).await, "it is behind");
        layered.change(|layer| layer.open = true);
        writer.wait_closed().await.unwrap();
        assert_eq!(layered.events(), ["flushed", "farewell", "both"]);
        assert_eq!(layered.0.lock().unwrap().taken, b"some bytes");
    });
}

/// A writer with nothing to send says farewell, too; one that is aborted does not.
#[test]
fn farewell_of_an_idle_writer() {
    run(async {
        let layered = Layered::default();
        layered.change(|layer| layer.open = true);
        drop(layered.writer());
        settle().await;
        assert_eq!(layered.events(), ["flushed", "farewell", "write"]);

        let layered = Layered::default();
        let writer = layered.writer();
        writer.close();
        settle().await;
        assert!(is_pending(writer.wait_closed()).await);
        writer.abort();
        writer.wait_closed().await.unwrap();
        assert_eq!(layered.events(), ["both"]);
    });
}

#[test]
fn write_eof_where_it_cannot_be() {
    run(async {
        let layered = Layered::default();
        layered.change(|layer| (layer.room, layer.open) = (100, true));
        let writer = layered.writer();
        assert!(!writer.can_write_eof());
        writer.write_eof();
        assert_eq!(writer.drain().await.unwrap_err().kind(), ErrorKind::Unsupported);
        assert!(layered.events().is_empty());
    });
}

#[test]
fn output_takes_bytes_from_where_their_owner_put_them() {
    run(async {
        let layered = Layered::default();
        layered.change(|layer| (layer.room, layer.open) = (10, true));
        let writer = layered.writer();
        let (first, second) = (vec![1; 1000], vec![2; 1000]);
        let places = [first.as_ptr().addr(), first.as_ptr().addr() + 10, second.as_ptr().addr()];
        writer.write_bytes(first);
        writer.write_bytes(second);
        writer.write(b"and a copy");
        assert_eq!(writer.write_buffer_size(), 2000);
        layered.change(|layer| layer.room = 5000);
        writer.flushed().await.unwrap();
        let layer = layered.0.lock().unwrap();
        assert_eq!(layer.places[..3], places);
        assert_eq!(layer.taken, [&[1; 1000][..], &[2; 1000], b"and a copy"].concat());
    });
}
