//! `communicate`: feeds a child and reads both of its outputs at once, so that neither side waits for the other for ever.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;

use super::Process;
use crate::{StreamReader, StreamWriter};

/// What a child has written to stdout and to stderr; `None` for what is no pipe.
type Outputs = (Option<Vec<u8>>, Option<Vec<u8>>);

impl Process {
    /// Writes `input` to the child's stdin and closes it, reads both outputs to their ends, and waits for the child; asyncio's
    /// `communicate`. Without input stdin is closed at once.
    ///
    /// A child that closes its stdin before it has read all is no error. All is kept in memory: for outputs without an end, read
    /// the streams.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use heist::process::{Command, PIPE};
    ///
    /// let mut process = Command::new("tr").args(["a-z", "A-Z"]).stdin(PIPE).stdout(PIPE).spawn().await?;
    /// let (stdout, stderr) = process.communicate(Some(b"hello")).await?;
    /// assert_eq!(stdout.as_deref(), Some(&b"HELLO"[..]));
    /// assert_eq!(stderr, None);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of reading; that of [`wait`](Self::wait); `InvalidInput` for input where stdin is no pipe.
    ///
    /// # Cancel safety
    ///
    /// Given up, the outputs keep what was read, and `communicate(None)` goes on; input that was handed over is still sent.
    pub async fn communicate(&mut self, input: Option<&[u8]>) -> io::Result<Outputs> {
        if input.is_some() && self.stdin.is_none() {
            let message = "the child's stdin takes no input: start it with .stdin(PIPE)";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let fed = feed(self.stdin.as_ref(), input);
        let outputs = join(fed, read(self.stdout.as_mut()), read(self.stderr.as_mut())).await;
        self.wait_status().await?;
        let ((), stdout, stderr) = outputs;
        Ok((stdout?, stderr?))
    }
}

/// Writes all, and closes the stream. Errors are the child's decision not to read, or show in how it ends.
async fn feed(stdin: Option<&StreamWriter>, input: Option<&[u8]>) {
    let Some(stdin) = stdin else { return };
    if let Some(input) = input {
        stdin.write(input);
        let _ = stdin.drain().await;
    }
    stdin.close();
}

async fn read(output: Option<&mut StreamReader>) -> io::Result<Option<Vec<u8>>> {
    match output {
        Some(output) => output.read_to_end().await.map(Some),
        None => Ok(None),
    }
}

/// Runs three futures at once, in this task.
async fn join<A: Future, B: Future, C: Future>(a: A, b: B, c: C) -> (A::Output, B::Output, C::Output) {
    let (mut a, mut b, mut c) = (pin!(a), pin!(b), pin!(c));
    let mut ended = (None, None, None);
    poll_fn(move |cx| {
        macro_rules! poll {
            ($place:tt, $future:ident) => {
                if ended.$place.is_none() {
                    if let Poll::Ready(value) = $future.as_mut().poll(cx) {
                        ended.$place = Some(value);
                    }
                }
            };
        }
        poll!(0, a);
        poll!(1, b);
        poll!(2, c);
        match std::mem::take(&mut ended) {
            (Some(a), Some(b), Some(c)) => Poll::Ready((a, b, c)),
            partly => {
                ended = partly;
                Poll::Pending
            }
        }
    })
    .await
}
