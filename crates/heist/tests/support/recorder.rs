//! [`Recorder`]: a protocol that tells a test of each callback.

#![allow(dead_code, reason = "each test file takes what it needs")]

use std::io;

use heist::{Protocol, Queue, StreamReader, StreamWriter, Transport, create_connection};

/// A callback, or the end of the protocol.
#[derive(Debug)]
pub enum Called {
    Made(Transport),
    Data(Vec<u8>),
    Ended,
    Paused,
    Resumed,
    Lost(Option<io::Error>),
    /// The protocol itself was dropped: nothing can come any more.
    Dropped,
}

/// What has been called, in order.
#[derive(Debug, Clone, Default)]
pub struct Calls(Queue<Called>);

impl Calls {
    pub async fn next(&self) -> Called {
        self.0.get().await.unwrap()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn add(&self, called: Called) {
        self.0.put_nowait(called).unwrap();
    }

    pub async fn made(&self) -> Transport {
        match self.next().await {
            Called::Made(transport) => transport,
            other => panic!("{other:?} before connection_made"),
        }
    }

    /// Data of that length, in however many calls.
    pub async fn data(&self, len: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < len {
            match self.next().await {
                Called::Data(data) => all.extend(data),
                other => panic!("{other:?} instead of data, after {} bytes", all.len()),
            }
        }
        assert_eq!(all.len(), len);
        all
    }

    pub async fn ended(&self) {
        let next = self.next().await;
        assert!(matches!(next, Called::Ended), "{next:?}");
    }

    pub async fn paused(&self) {
        let next = self.next().await;
        assert!(matches!(next, Called::Paused), "{next:?}");
    }

    pub async fn resumed(&self) {
        let next = self.next().await;
        assert!(matches!(next, Called::Resumed), "{next:?}");
    }

    /// The loss of the connection, and then nothing. A flush before it may have resumed the writing.
    pub async fn lost(&self) -> Option<io::Error> {
        let error = loop {
            match self.next().await {
                Called::Lost(error) => break error,
                Called::Resumed => {}
                other => panic!("{other:?} instead of connection_lost"),
            }
        };
        let last = self.next().await;
        assert!(matches!(last, Called::Dropped), "{last:?} after connection_lost");
        error
    }
}

/// What a test has the protocol do when bytes come.
type Answer = Box<dyn FnMut(&Transport, &[u8]) + Send>;

/// Records what is called. Closes at the end of the bytes, unless it is to keep writing.
#[derive(Default)]
pub struct Recorder {
    pub calls: Calls,
    keep_writing: bool,
    /// Reading is paused as soon as there is a transport.
    paused: bool,
    answer: Option<Answer>,
    transport: Option<Transport>,
}

impl Recorder {
    pub fn to(calls: &Calls) -> Self {
        let mut recorder = Self::default();
        recorder.calls = calls.clone();
        recorder
    }

    pub fn keep_writing(mut self) -> Self {
        self.keep_writing = true;
        self
    }

    pub fn paused(mut self) -> Self {
        self.paused = true;
        self
    }

    pub fn answer(mut self, answer: impl FnMut(&Transport, &[u8]) + Send + 'static) -> Self {
        self.answer = Some(Box::new(answer));
        self
    }

    /// One that sends everything back.
    pub fn echo() -> Self {
        Self::default().answer(|transport, data| transport.write(data))
    }
}

impl Protocol for Recorder {
    fn connection_made(&mut self, transport: Transport) {
        if self.paused {
            transport.pause_reading();
        }
        self.transport = Some(transport.clone());
        self.calls.add(Called::Made(transport));
    }

    fn data_received(&mut self, data: &[u8]) {
        self.calls.add(Called::Data(data.to_vec()));
        if let (Some(answer), Some(transport)) = (&mut self.answer, &self.transport) {
            answer(transport, data);
        }
    }

    fn eof_received(&mut self) -> bool {
        self.calls.add(Called::Ended);
        self.keep_writing
    }

    fn connection_lost(&mut self, error: Option<io::Error>) {
        self.calls.add(Called::Lost(error));
    }

    fn pause_writing(&mut self) {
        self.calls.add(Called::Paused);
    }

    fn resume_writing(&mut self) {
        self.calls.add(Called::Resumed);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.calls.add(Called::Dropped);
    }
}

/// A transport that connects, its callbacks, and the far end's streams.
pub async fn transport() -> io::Result<(Transport, Calls, StreamReader, StreamWriter)> {
    let listener = heist::net::TcpListener::bind("127.0.0.1:0").await?;
    let calls = Calls::default();
    let recorder = Recorder::to(&calls);
    let (transport, _) = create_connection(|| recorder, listener.local_addr()?).await?;
    calls.made().await;
    let (far, far_writer) = listener.accept().await?.0.into_streams();
    Ok((transport, calls, far, far_writer))
}
