//! Models of transports: what the program changes meets a driver that is about to wait, or to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize as Count, Ordering as Std};
use std::task::Context;

use heist_core::sync::model::{self, Sleeper, side};

use super::lending::{Borrower, Lending};
use super::pipe::no_writer;
use super::{Protocol, Transport};
use crate::StreamReader;

/// Runs a model with a transport whose reading is paused. It counts its protocols that were dropped.
fn check(name: &str, run: impl Fn(&Transport, &Arc<Count>) + Send + Sync + 'static) {
    model::check(name, None, move || {
        let transport = Transport::new(no_writer());
        transport.pause_reading();
        run(&transport, &Arc::default());
        transport.abort();
    });
}

/// Waits as the driver does, until reading is wanted.
fn wait_for_reading(transport: &Transport) {
    let sleeper = Sleeper::new();
    while !transport.attend(&sleeper.waker()).reading {
        sleeper.sleep();
    }
}

/// The driver finds out that reading goes on, whether it has looked before or not.
#[test]
fn resume_against_attend() {
    check("transports::resume_against_attend", |transport, _| {
        let others = transport.clone();
        let driver = side(move || wait_for_reading(&others));
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
        let driver = side(move || others.leave());
        drop(transport.set_protocol(Dropping(dropped.clone())));
        driver.join().unwrap();
        assert_eq!(dropped.load(Std::Relaxed), 1, "the transport keeps a protocol that nobody calls");
    });
}

fn a_reader() -> Option<StreamReader> {
    Some(StreamReader::from_bytes("x"))
}

/// The turns of a driver with `reader`, until `is_done` says that of where the reader is.
fn drive(
    transport: &Transport,
    reader: &mut Option<StreamReader>,
    is_done: impl Fn(Option<&StreamReader>) -> bool,
) {
    let sleeper = Sleeper::new();
    loop {
        transport.attend(&sleeper.waker());
        transport.lend_reader(reader);
        if is_done(reader.as_ref()) {
            return;
        }
        sleeper.sleep();
    }
}

/// Waits as `start_tls` does for the driver's answer; whether the claim was granted.
fn wait_for_answer(claim: &mut Borrower<'_>) -> bool {
    let sleeper = Sleeper::new();
    let waker = sleeper.waker();
    while claim.poll_answer(&Context::from_waker(&waker)).is_pending() {
        sleeper.sleep();
    }
    claim.reader().is_some()
}

/// A reader that is claimed goes to who claimed it, whether the driver waits already or not.
#[test]
fn claim_against_turn() {
    check("transports::claim_against_turn", |transport, _| {
        let others = transport.clone();
        let driver = side(move || drive(&others, &mut a_reader(), |reader| reader.is_none()));
        let mut claim = Borrower::new(transport).expect("nobody else claims it");
        assert!(wait_for_answer(&mut claim), "a driver that has a reader lends it");
        driver.join().unwrap();
    });
}

/// A reader that was lent, or is about to be, comes back to a driver that waits meanwhile.
#[test]
fn return_against_turn() {
    check("transports::return_against_turn", |transport, _| {
        let mut claim = Borrower::new(transport).expect("nobody else claims it");
        let mut reader = a_reader();
        transport.lend_reader(&mut reader);
        let others = transport.clone();
        let driver = side(move || drive(&others, &mut reader, |reader| reader.is_some()));
        assert!(wait_for_answer(&mut claim), "the driver has lent it");
        drop(claim);
        driver.join().unwrap();
    });
}

/// A claim is answered, and nothing is kept for a driver that has ended.
#[test]
fn claim_against_leave() {
    check("transports::claim_against_leave", |transport, _| {
        let others = transport.clone();
        let driver = side(move || {
            // One turn, and the end.
            drive(&others, &mut a_reader(), |_| true);
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
