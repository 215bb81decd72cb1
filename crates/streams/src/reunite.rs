//! Taking a pair of streams apart: into the plain socket that they run over, or for a layer that goes under them.

use std::error::Error;
use std::fmt;
use std::io;

use heist_reactor::IoSource;

use crate::net;
use crate::wire::{Input, Output, SocketHalf, StreamAddr};
use crate::writer::Ending;
use crate::{StreamReader, StreamWriter};

/// A pair of streams could not be taken apart. Has them both, so that nothing is lost.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # #[allow(unused_mut, unused_variables)]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let near = std::net::TcpStream::connect(listener.local_addr()?)?;
/// # let (mut far, _) = listener.accept()?;
/// # let (mut reader, writer) = heist_streams::open_connection_on(near).await?;
/// // They are not of one connection.
/// let (reader, _feeder) = heist::StreamReader::fed(1024)?;
/// let Err(error) = reader.reunite(writer).await else { panic!("they cannot be one socket") };
/// assert_eq!(error.error.kind(), std::io::ErrorKind::Unsupported);
/// assert_eq!(error.reader.limit(), 1024);
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct ReuniteError {
    /// The reader, as it was.
    pub reader: StreamReader,
    /// The writer, as it was.
    pub writer: StreamWriter,
    /// Why.
    pub error: io::Error,
}

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot take the streams apart: {}", self.error)
    }
}

impl Error for ReuniteError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.error.source()
    }
}

/// What a pair of streams is made of.
#[allow(dead_code, reason = "a plain socket needs less of it than a layer does")]
pub(crate) struct Parts {
    pub(crate) input: Input,
    pub(crate) output: Output,
    /// What had come and was not read.
    pub(crate) unread: Vec<u8>,
    pub(crate) peer: StreamAddr,
    pub(crate) limit: usize,
    /// To be kept as long as the connection is.
    pub(crate) ending: Option<Ending>,
}

/// Waits until all is sent that was written, then takes the pair apart, with the connection still open. Whether the two belong
/// together is for the caller to see.
pub(crate) async fn take_apart(reader: StreamReader, writer: StreamWriter) -> Result<Parts, ReuniteError> {
    match writer.hand_over().await {
        Ok((output, ending)) => {
            let (peer, limit) = (writer.peer_name(), reader.limit());
            let (input, unread) = reader.into_parts();
            Ok(Parts { input, output, unread, peer, limit, ending })
        }
        Err(error) => Err(ReuniteError { reader, writer, error }),
    }
}

impl StreamReader {
    /// Makes a plain socket of a pair of streams over TCP again, once all is sent that was written; beside it, what had come
    /// and was not read.
    ///
    /// ```no_run
    /// # use heist_streams as heist;
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let (reader, writer) = heist::open_connection("127.0.0.1:8888").await?;
    /// writer.write(b"Hello World!\n");
    /// let (stream, unread) = reader.reunite(writer).await?;
    /// println!("{} bytes came early; {:?}", unread.len(), stream.into_std());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Both streams and the reason: they are not of one connection, it is not TCP, or it has failed or was closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the streams.
    pub async fn reunite(self, writer: StreamWriter) -> Result<(net::TcpStream, Vec<u8>), ReuniteError> {
        if let Err(error) = check_pair(&self, &writer) {
            return Err(ReuniteError { reader: self, writer, error });
        }
        let parts = take_apart(self, writer).await?;
        match (parts.input, parts.output) {
            (Input::Socket(input), Output::Socket(output)) => match input.reunite(output) {
                Ok(source) => {
                    Ok((net::TcpStream::from_nonblocking(IoSource::into_inner(source)), parts.unread))
                }
                Err(_) => unreachable!("checked before they were taken apart"),
            },
            _ => unreachable!("checked before they were taken apart"),
        }
    }
}

/// Whether it is not a socket of Unix.
fn is_tcp(half: &SocketHalf) -> bool {
    half.get_ref().local_addr().is_ok()
}

fn check_pair(reader: &StreamReader, writer: &StreamWriter) -> io::Result<()> {
    let refused = |kind, message| Err(io::Error::new(kind, message));
    writer
        .with_output(|output| match (reader.input(), output) {
            (Input::Socket(input), Output::Socket(output)) if is_tcp(input) && is_tcp(output) => {
                if input.is_pair_of(output) {
                    return Ok(());
                }
                refused(io::ErrorKind::InvalidInput, "the reader and the writer are of two connections")
            }
            _ => refused(io::ErrorKind::Unsupported, "the streams do not run over TCP"),
        })
        .unwrap_or_else(|| refused(io::ErrorKind::NotConnected, "the connection is closed"))
}
