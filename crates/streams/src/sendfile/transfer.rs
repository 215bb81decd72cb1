//! Sending the part of a file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

#[cfg(target_os = "linux")]
use heist_core::budget;
use heist_scheduler::Handle;
#[cfg(target_os = "linux")]
use rustix::io::Errno;

use super::SendfileNotAvailableError;
use super::destination::Destination;

/// How much one system call is asked for: below what every kernel takes.
#[cfg(target_os = "linux")]
const AT_ONCE: u64 = 1 << 30;
/// How much is read at once where the kernel cannot; asyncio's figure, 256 KiB.
const CHUNK: usize = 256 << 10;

/// What is sent of a file.
#[derive(Debug)]
pub(super) struct Part<'a> {
    file: &'a File,
    pub(super) offset: u64,
    pub(super) count: Option<u64>,
    pub(super) fallback: bool,
}

impl<'a> Part<'a> {
    pub(super) fn new(file: &'a File) -> Self {
        Self { file, offset: 0, count: None, fallback: true }
    }
}

/// How far a transfer is. Dropping it, at whatever end, leaves the file's position there.
struct Progress<'a> {
    file: &'a File,
    at: u64,
    sent: u64,
    left: Option<u64>,
}

impl Progress<'_> {
    fn add(&mut self, n: usize) {
        let n = n as u64;
        self.at += n;
        self.sent += n;
        self.left = self.left.map(|left| left.saturating_sub(n));
    }

    /// How much of `most` is still to be sent.
    fn next(&self, most: u64) -> usize {
        usize::try_from(self.left.map_or(most, |left| left.min(most))).unwrap_or(usize::MAX)
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.sent > 0 {
            // What has no position, such as a pipe, refuses, and has read on by itself.
            let _ = self.file.seek(SeekFrom::Start(self.at));
        }
    }
}

/// Sends the part, and says how many bytes it was.
pub(super) async fn send(mut destination: Destination<'_>, part: Part<'_>) -> io::Result<u64> {
    if part.count == Some(0) {
        let message = "a count of 0 bytes: leave it out to send up to the end of the file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    destination.prepare().await?;
    let mut progress = Progress { file: part.file, at: part.offset, sent: 0, left: part.count };
    match by_kernel(&mut destination, &mut progress).await {
        Err(error) if progress.sent == 0 && is_not_available(&error) => {
            if !part.fallback {
                return Err(SendfileNotAvailableError::into_io(error));
            }
            by_reading(&mut destination, &mut progress).await?;
        }
        result => result?,
    }
    Ok(progress.sent)
}

#[cfg(target_os = "linux")]
async fn by_kernel(destination: &mut Destination<'_>, progress: &mut Progress<'_>) -> io::Result<()> {
    loop {
        let n = progress.next(AT_ONCE);
        if n == 0 {
            return Ok(());
        }
        let (file, at) = (progress.file, progress.at);
        let sent =
            destination.raw(|socket| Ok(rustix::fs::sendfile(socket, file, Some(&mut { at }), n)?)).await?;
        if sent == 0 {
            return Ok(());
        }
        budget::sent(sent);
        progress.add(sent);
    }
}

#[cfg(not(target_os = "linux"))]
async fn by_kernel(_destination: &mut Destination<'_>, _progress: &mut Progress<'_>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether the kernel cannot do it at all, for this pair.
fn is_not_available(error: &io::Error) -> bool {
    #[cfg(target_os = "linux")]
    if let Some(code) = error.raw_os_error() {
        let code = Errno::from_raw_os_error(code);
        return [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::SPIPE].contains(&code);
    }
    error.kind() == io::ErrorKind::Unsupported
}

/// Reads on the blocking pool, and writes.
async fn by_reading(destination: &mut Destination<'_>, progress: &mut Progress<'_>) -> io::Result<()> {
    let handle = Handle::current().ok_or_else(|| {
        io::Error::other("reading the file needs the threads of an event loop: await this inside heist::run")
    })?;
    let file = Arc::new(progress.file.try_clone()?);
    let mut buf = Vec::new();
    loop {
        let (file, at, n) = (file.clone(), progress.at, progress.next(CHUNK as u64));
        if n == 0 {
            return Ok(());
        }
        let reading = handle.to_thread(move || {
            buf.resize(n, 0);
            let read = read_at(&file, &mut buf, at)?;
            buf.truncate(read);
            io::Result::Ok(buf)
        });
        buf =
            reading.await.map_err(|error| io::Error::other(format!("the file was not read: {error}")))??;
        if buf.is_empty() {
            return Ok(());
        }
        destination.write(&buf).await?;
        progress.add(buf.len());
    }
}

/// Reads at a place, or, where there are no places, what comes next.
fn read_at(mut file: &File, buf: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        let read = match file.read_at(buf, at) {
            Err(error) if error.raw_os_error() == Some(libc::ESPIPE) => file.read(buf),
            read => read,
        };
        match read {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}
