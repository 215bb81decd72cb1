//! Sending from where the bytes are: nothing is kept, so nothing is copied and no flusher is needed.
//!
//! Where the system takes less than all, the writer lends its output to the future until the rest is sent. Both happens under one
//! hold of the lock, so that nobody's bytes come between.

use std::future::poll_fn;
use std::io;

use super::StreamWriter;
use super::loan::{Lent, Loan};
use super::state::{Phase, State};

/// What has become of the begin of a `write_all`.
enum Begun<'a> {
    /// Somebody else's bytes wait.
    Not,
    All,
    /// So many bytes; the others are to be sent over this.
    Part(usize, Lent<'a>),
}

impl StreamWriter {
    /// Sends all of `data` from where it is, waiting while the system takes no more. What was written before is sent before, what
    /// others write meanwhile is kept and sent after it.
    ///
    /// The call for bytes in bulk: [`write`](Self::write) must copy what the system does not take, and have another task send it.
    /// A call that the system takes whole costs one system call, four atomic read-modify-writes and no allocation; waiting allocates
    /// nothing but once for each writer.
    ///
    /// ```
    /// # #[cfg(not(heist_loom))]
    /// # #[allow(unused_mut, unused_variables)]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
    /// # let (mut far, _) = listener.accept()?;
    /// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
    /// use std::io::Read;
    ///
    /// writer.write_all(b"Hello World!").await?;
    /// let mut received = [0; 12];
    /// far.read_exact(&mut received)?;
    /// assert_eq!(&received, b"Hello World!");
    /// # Ok::<_, Box<dyn std::error::Error>>(()) })?
    /// # }
    /// # #[cfg(heist_loom)] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// The first one of the connection, as [`drain`](Self::drain); `ConnectionReset` after [`close`](Self::close).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future half-way leaves a part of `data` sent and the rest not; what is written after it follows that part.
    pub async fn write_all(&self, data: &[u8]) -> io::Result<()> {
        loop {
            self.shared.wait(State::flush_outcome).await?;
            match self.begin_all(data)? {
                // Somebody else has written since.
                Begun::Not => {}
                Begun::All => return Ok(()),
                Begun::Part(sent, lent) => return self.send_rest(lent, &data[sent..]).await,
            }
        }
    }

    /// Sends what the system takes at once.
    #[inline]
    fn begin_all(&self, data: &[u8]) -> io::Result<Begun<'_>> {
        let mut state = self.shared.state.lock();
        if !state.accepts() {
            return Err(state.refusal());
        }
        if state.flushing {
            return Ok(Begun::Not);
        }
        let (begun, afterwards) = match state.send_now(data) {
            Ok(sent) if sent == data.len() => (Ok(Begun::All), state.settle()),
            Ok(sent) => (self.lend_now(&mut state, sent), None),
            Err(error) => {
                let afterwards = state.fail(&error);
                (Err(error), afterwards)
            }
        };
        drop(state);
        if let Some(afterwards) = afterwards {
            self.shared.follow(afterwards);
        }
        begun
    }

    fn lend_now(&self, state: &mut State, sent: usize) -> io::Result<Begun<'_>> {
        let output = state.lend().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Begun::Part(sent, Lent::new(None, (Loan::of(&self.shared), output))))
    }

    /// Sends the rest, and gives the output back.
    async fn send_rest(&self, mut lent: Lent<'_>, mut rest: &[u8]) -> io::Result<()> {
        let sent = poll_fn(|cx| lent.poll_send(cx, &mut rest)).await;
        drop(lent);
        if let Err(error) = &sent {
            // One that was aborted has ended well.
            self.shared.change(|state| if state.phase == Phase::Closed { None } else { state.fail(error) });
        }
        sent
    }
}
