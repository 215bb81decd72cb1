//! Models of transports: what the program changes meets a driver that is about to wait, or to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Count, Ordering as Std};
use std::task::{Context, Wake, Waker};
use std::time::Instant;

use heist_core::sync::thread;

use super::lending::{Borrower, Lending};
use super::pipe::no_writer;
use super::{Protocol, Transport};
use crate::StreamReader;

/// Runs a model with a transport whose reading is paused. It counts its protocols that were dropped.
fn check(name: &str, run: impl Fn(&Transport, &Arc<Count>) + Send + Sync + 'static) {
    let iterations = Arc::new(Count::new(0));
    let counted = iterations.clone();
    let begun = Instant::now();
    loom::model::Builder::new().check(move || {
        counted.fetch_add(1, Std::Relaxed);
        let transport = Transport::new(no_writer());
        transport.pause_reading();
        run(&transport, &Arc::default());
        transport.abort();
    });
    let iterations = iterations.load(Std::Relaxed);
    println!("model {name}: bound none, {iterations} iterations, {} ms", begun.elapsed().as_millis());
}

/// Wakes a thread of the model.
struct Unpark(loom::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits as the driver does, until reading is wanted.
fn wait_for_reading(transport: &Transport) {
    let waker = Waker::from(Arc::new(Unpark(loom::thread::current())));
    while !transport.attend(&waker).reading {
        loom::thread::park();
    }
}

/// The driver finds out that reading goes on, whether it has looked before or not.
#[test]
fn resume_against_attend() {
    check("transports::resume_against_attend", |transport, _| {
        let others = transport.clone();
        let driver = thread::spawn(move || wait_for_reading(&others));
        transport.resume_reading();
        driver.join().unwrap();
    });
}

/// Counts its drop.
struct Dropping(Arc<Count>);

impl Protocol for Dropping {
    fn data_received(&mut self, _data: &[u8]) {}
}

impl Drop for Dropping {
    fn drop(&mut self) {
        self.0.fetch_add(1, Std::Relaxed);
    }
}

/// A protocol that is set while the driver ends is not kept by the transport, whose handles may stay.
#[test]
fn set_protocol_against_leave() {
    check("transports::set_protocol_against_leave", |transport, dropped| {
        let others = transport.clone();
        let driver = thread::spawn(move || others.leave());
        drop(transport.set_protocol(Dropping(dropped.clone())));
        driver.join().unwrap();
        assert_eq!(dropped.load(Std::Relaxed), 1, "the transport keeps a protocol that nobody calls");
    });
}

/// The turns of a driver with a reader, until `is_done` says that of where the reader is.
fn drive(transport: &Transport, mut is_done: impl FnMut(Option<&StreamReader>) -> bool) {
    let waker = Waker::from(Arc::new(Unpark(loom::thread::current())));
    let mut reader = Some(StreamReader::from_bytes("x"));
    loop {
        transport.attend(&waker);
        transport.lend_reader(&mut reader);
        if is_done(reader.as_ref()) {
            return;
        }
        loom::thread::park();
    }
}

/// Waits as `start_tls` does for the driver's answer; whether the claim was granted.
fn wait_for_answer(claim: &mut Borrower<'_>) -> bool {
    let waker = Waker::from(Arc::new(Unpark(loom::thread::current())));
    while claim.poll_answer(&Context::from_waker(&waker)).is_pending() {
        loom::thread::park();
    }
    claim.reader().is_some()
}

/// A reader that is claimed goes to who claimed it, and comes back to a driver that waits meanwhile.
#[test]
fn claim_against_turn() {
    check("transports::claim_against_turn", |transport, _| {
        let others = transport.clone();
        let driver = thread::spawn(move || {
            let mut was_lent = false;
            drive(&others, |reader| {
                was_lent |= reader.is_none();
                was_lent && reader.is_some()
            });
        });
        let mut claim = Borrower::new(transport).expect("nobody else claims it");
        assert!(wait_for_answer(&mut claim), "a driver that has a reader lends it");
        drop(claim);
        driver.join().unwrap();
    });
}

/// A claim is answered, and nothing is kept for a driver that has ended.
#[test]
fn claim_against_leave() {
    check("transports::claim_against_leave", |transport, _| {
        let others = transport.clone();
        let driver = thread::spawn(move || {
            // One turn, and the end.
            drive(&others, |_| true);
            others.leave();
        });
        if let Some(mut claim) = Borrower::new(transport) {
            wait_for_answer(&mut claim);
        }
        driver.join().unwrap();
        transport.with_lending(|lending, over| {
            assert!(over && !matches!(lending, Lending::Offered(_) | Lending::Returned(_)));
        });
    });
}
