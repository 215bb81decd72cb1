//! This process' own standard streams, as streams of a loop: [`stdin`], [`stdout`], [`stderr`].
//!
//! A standard stream is shared: with the shell, with other programs of a pipeline, with `println!`. Non-blocking mode belongs to
//! the open file that all of them share, so it must not be set there: a neighbour's blocking reads and writes would begin to
//! fail, some time after this program has ended, too. What is done instead:
//!
//! | what it is | reading | writing |
//! |---|---|---|
//! | pipe, terminal, device, on Linux | opened again through `/proc`: an open file of our own, non-blocking | the same |
//! | file | a thread | as `println!` does: files take what they are given |
//! | all else: sockets, a terminal of another user's, other systems | a thread | as `println!` does, so it may block the loop |
//!
//! The thread copies stdin into a pipe, whose other end the loop reads; it is detached, one for the process, and no reason for a
//! program not to end. It reads ahead as much as the pipe holds, and that waits there for the next reader.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::LazyLock;

use heist_core::sync::Mutex;
use heist_reactor::IoSource;

use crate::pipe::{Kind, raw_pipe, read_side, source};
use crate::wire::{Input, Output, StreamAddr};
use crate::{DEFAULT_LIMIT, StreamReader, StreamWriter};

/// How much the thread copies at once, in bytes.
const COPIED: usize = 8 << 10;

/// A reader of this process' stdin; in asyncio `connect_read_pipe` with `sys.stdin`, which this also has for files.
///
/// Neither waiting nor a line that was read in part keeps the program from ending. What a reader has in its buffer when it is
/// dropped is lost to the next one, and so is what `std::io::stdin` has in its own.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// let mut stdin = heist::stdin()?;
/// while let Some(line) = stdin.next_line().await? {
///     print!("> {}", String::from_utf8_lossy(&line));
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The system's, when stdin is closed, or no descriptors or threads are left.
pub fn stdin() -> io::Result<StreamReader> {
    let stdin = io::stdin();
    let side = match own_open_file(stdin.as_fd(), false)? {
        Some(file) => read_side(IoSource::new(file))?,
        None => Box::new(source(pumped()?)?),
    };
    Ok(StreamReader::over(Input::Other(Box::new(side)), DEFAULT_LIMIT))
}

/// A writer to this process' stdout; in asyncio `connect_write_pipe` with `sys.stdout`.
///
/// What is kept when the program ends is lost: [`close`](StreamWriter::close) it and await
/// [`wait_closed`](StreamWriter::wait_closed), which leaves the process' stdout open.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let stdout = heist::stdout()?;
/// stdout.write(b"Hello World!\n");
/// stdout.close();
/// stdout.wait_closed().await?;
/// assert!(stdout.is_closing());
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// The system's, when stdout is closed, or no descriptors are left.
pub fn stdout() -> io::Result<StreamWriter> {
    // What `print!` has kept comes first.
    io::stdout().flush()?;
    writer(io::stdout().as_fd())
}

/// A writer to this process' stderr; otherwise as [`stdout`].
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scheduler = heist_scheduler::LocalScheduler::new(heist_scheduler::Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// let stderr = heist::stderr()?;
/// stderr.write(b"something went wrong\n");
/// stderr.flushed().await?;
/// assert_eq!(stderr.write_buffer_size(), 0);
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?
/// # }
/// # #[cfg(heist_loom)] fn main() {}
/// ```
///
/// # Errors
///
/// As [`stdout`].
pub fn stderr() -> io::Result<StreamWriter> {
    writer(io::stderr().as_fd())
}

fn writer(stream: BorrowedFd<'_>) -> io::Result<StreamWriter> {
    let file = match own_open_file(stream, true)? {
        Some(file) => file,
        // In blocking mode, it takes all it is given.
        None => File::from(stream.try_clone_to_owned()?),
    };
    Ok(StreamWriter::over(Output::other(IoSource::new(file)), StreamAddr::Unnamed, None))
}

/// A non-blocking open file of our own for what a stream is, where that can be had.
#[cfg(target_os = "linux")]
fn own_open_file(stream: BorrowedFd<'_>, write: bool) -> io::Result<Option<File>> {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;

    // A file that is opened again begins at its beginning.
    if !matches!(Kind::of(stream)?, Kind::Pipe | Kind::Device) {
        return Ok(None);
    }
    let mut options = File::options();
    options.read(!write).write(write).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    // Refused for a terminal that belongs to somebody else, and where there is no /proc.
    Ok(options.open(format!("/proc/self/fd/{}", stream.as_raw_fd())).ok())
}

#[cfg(not(target_os = "linux"))]
fn own_open_file(stream: BorrowedFd<'_>, _write: bool) -> io::Result<Option<File>> {
    // The error of a stream that is closed comes now, not at the first read.
    Kind::of(stream).map(|_| None)
}

/// A descriptor of the pipe into which the thread copies stdin. The thread is started by the first call.
fn pumped() -> io::Result<OwnedFd> {
    static PUMP: LazyLock<Mutex<Option<OwnedFd>>> = LazyLock::new(|| Mutex::new(None));

    let mut pump = PUMP.lock();
    if let Some(read) = &*pump {
        return read.try_clone();
    }
    let (read, write) = raw_pipe()?;
    let copy = move || copy_stdin(File::from(write));
    std::thread::Builder::new().name("heist-stdin".to_owned()).spawn(copy)?;
    let own = read.try_clone()?;
    *pump = Some(read);
    Ok(own)
}

/// Copies stdin until its end. An error ends it, too: there is nobody to tell but the reader, which finds the end.
fn copy_stdin(mut into: File) {
    let stdin = io::stdin();
    let mut buffer = [0; COPIED];
    loop {
        let read = match rustix::io::read(&stdin, &mut buffer) {
            Ok(0) => return,
            Ok(read) => read,
            Err(rustix::io::Errno::INTR) => continue,
            // Somebody has made stdin non-blocking for all.
            Err(rustix::io::Errno::AGAIN) => {
                let mut waiting = [rustix::event::PollFd::new(&stdin, rustix::event::PollFlags::IN)];
                let _ = rustix::event::poll(&mut waiting, None);
                continue;
            }
            Err(_) => return,
        };
        if into.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
}
