//! The halves over an output that takes bytes only when it is told to.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use heist_core::Clock;
use heist_core::driver::NoDriver;
use heist_scheduler::{Config, LocalScheduler, yield_now};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, ServerConnection};

use super::machine::Machine;
use super::sides::sides;
use super::{TlsAcceptor, TlsConnector, TlsInfo};
use crate::wire::{Input, Output, ReadSide, StreamAddr, WriteSide};
use crate::{DEFAULT_LIMIT, StreamReader, StreamWriter};

/// Both directions of a connection, seen from one end.
#[derive(Debug, Default)]
struct Line {
    incoming: VecDeque<u8>,
    outgoing: VecDeque<u8>,
    full: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Debug, Clone, Default)]
struct Wire(Arc<Mutex<Line>>);

impl Wire {
    fn change(&self, change: impl FnOnce(&mut Line)) {
        let mut line = self.0.lock().unwrap();
        change(&mut line);
        let wakers = [line.reader.take(), line.writer.take()];
        drop(line);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// Passes on what `peer` has to say, and what there is for it.
    fn exchange(&self, peer: &mut ClientConnection) {
        let mut said = Vec::new();
        while peer.wants_write() {
            peer.write_tls(&mut said).unwrap();
        }
        self.change(|line| line.incoming.extend(said));
        let mut line = self.0.lock().unwrap();
        while !line.outgoing.is_empty() {
            peer.read_tls(&mut line.outgoing).unwrap();
            peer.process_new_packets().unwrap();
        }
    }
}

impl ReadSide for Wire {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut line = self.0.lock().unwrap();
        if line.incoming.is_empty() {
            line.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(line.incoming.read(buf))
    }
}

impl WriteSide for Wire {
    fn try_write(&mut self, data: &[u8]) -> io::Result<usize> {
        let mut line = self.0.lock().unwrap();
        if line.full { Err(ErrorKind::WouldBlock.into()) } else { line.outgoing.write(data) }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.try_write(data) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.0.lock().unwrap().writer = Some(cx.waker().clone());
                Poll::Pending
            }
            written => Poll::Ready(written),
        }
    }

    fn shutdown(&mut self, _how: Shutdown) -> io::Result<()> {
        Ok(())
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

/// The two ends of the protocol, at their beginning.
fn ends() -> (ClientConnection, ServerConnection) {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (identity.cert.pem(), identity.key_pair.serialize_pem());
    let connector = TlsConnector::builder().root_pem(&certificate).build().unwrap();
    let acceptor = TlsAcceptor::from_pem(&certificate, key).unwrap();
    let client = ClientConnection::new(connector.config, ServerName::try_from("localhost").unwrap()).unwrap();
    (client, ServerConnection::new(acceptor.config).unwrap())
}

/// Streams over a wire whose peer is `client`, once their handshake is done.
async fn streams(
    wire: &Wire,
    client: &mut ClientConnection,
    server: ServerConnection,
) -> (StreamReader, StreamWriter) {
    let mut reader = StreamReader::over(Input::other(wire.clone()), DEFAULT_LIMIT);
    let writer = StreamWriter::over(Output::other(wire.clone()), StreamAddr::Unnamed, None);
    let (loan, output) = writer.lend().await.unwrap();
    let (input, unread) = reader.lend();
    let mut machine = Machine::new(Connection::Server(server), input, output, unread);
    poll_fn(|cx| {
        wire.exchange(client);
        let shaken = machine.poll_handshake(cx);
        wire.exchange(client);
        shaken
    })
    .await
    .unwrap();
    let info = TlsInfo::of(machine.connection(), None);
    let (input, output) = sides(machine, writer.downgrade(), Duration::from_secs(1));
    reader.give_back(input);
    loan.give_back_protected(output, info);
    (reader, writer)
}

/// Lets the flusher come to where it waits.
async fn settle() {
    for _ in 0..10 {
        yield_now().await;
    }
}

/// What the peer reads.
fn heard(client: &mut ClientConnection) -> Vec<u8> {
    let mut heard = vec![0; 100];
    let n = client.reader().read(&mut heard).unwrap_or(0);
    heard.truncate(n);
    heard
}

/// The peer sends nonsense while the output is full and no flusher is at work: the alert waits in the machine, and nobody writes
/// any more who could take it along.
#[test]
fn what_reading_has_to_say_is_sent_once_there_is_room() {
    let scheduler = LocalScheduler::new(Config::new(1), Clock::virtual_time(), Arc::new(NoDriver));
    let test = async {
        let (wire, (mut client, server)) = (Wire::default(), ends());
        let (mut reader, writer) = streams(&wire, &mut client, server).await;
        writer.write(b"protected");
        writer.flushed().await.unwrap();
        wire.exchange(&mut client);
        assert_eq!(heard(&mut client), b"protected");

        // A record of the right form, whose content nobody can have encrypted.
        wire.change(|line| {
            line.full = true;
            line.incoming.extend([23, 3, 3, 0, 32]);
            line.incoming.extend([7; 32]);
        });
        assert_eq!(reader.read(100).await.unwrap_err().kind(), ErrorKind::InvalidData);
        settle().await;
        assert!(wire.0.lock().unwrap().writer.is_some(), "a flusher waits for room");

        wire.change(|line| line.full = false);
        settle().await;
        let mut line = wire.0.lock().unwrap();
        client.read_tls(&mut line.outgoing).unwrap();
        let alert = client.process_new_packets().unwrap_err();
        assert_eq!(alert, rustls::Error::AlertReceived(rustls::AlertDescription::BadRecordMac));
        drop(line);
        writer.abort();
    };
    scheduler.block_on(test).unwrap();
}
