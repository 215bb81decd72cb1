//! What is asked of the system about pipes.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use heist_reactor::IoSource;

/// The two ends of a new pipe, the one to read first; closed when another program is run, and in blocking mode.
pub(crate) fn raw_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    #[cfg(not(target_vendor = "apple"))]
    let ends = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    #[cfg(target_vendor = "apple")]
    let ends = {
        let ends = rustix::pipe::pipe()?;
        for end in [&ends.0, &ends.1] {
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
        }
        ends
    };
    Ok(ends)
}

/// A source over a descriptor, which is put in non-blocking mode.
pub(crate) fn source(descriptor: OwnedFd) -> io::Result<IoSource<File>> {
    set_nonblocking(&descriptor)?;
    Ok(IoSource::new(File::from(descriptor)))
}

/// Puts the open file of a descriptor in non-blocking mode, for all who share it.
pub(crate) fn set_nonblocking(descriptor: impl AsFd) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(descriptor, true)?)
}

/// What is behind a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Pipe,
    Socket,
    /// A terminal, or another device.
    Device,
    /// A file, a directory: always ready, so there is nothing to await.
    File,
}

impl Kind {
    pub(crate) fn of(descriptor: impl AsFd) -> io::Result<Self> {
        let mode = rustix::fs::fstat(descriptor)?.st_mode;
        Ok(match rustix::fs::FileType::from_raw_mode(mode) {
            rustix::fs::FileType::Fifo => Self::Pipe,
            rustix::fs::FileType::Socket => Self::Socket,
            rustix::fs::FileType::CharacterDevice => Self::Device,
            _ => Self::File,
        })
    }

    /// The kind of what can be a stream.
    pub(super) fn of_stream(descriptor: impl AsFd) -> io::Result<Self> {
        match Self::of(descriptor)? {
            Self::File => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a stream runs over a pipe, a socket or a terminal: read and write files with to_thread",
            )),
            kind => Ok(kind),
        }
    }
}
