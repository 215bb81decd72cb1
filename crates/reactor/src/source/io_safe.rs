//! [`IoSafe`]: what may be a source.

use polling::AsSource;

/// Types whose descriptor or socket stays the same as long as the value lives.
///
/// ```
/// # use std::os::fd::{AsFd, BorrowedFd};
/// # use heist_reactor::IoSafe;
/// /// A device, opened once.
/// struct Device(std::fs::File);
///
/// impl AsFd for Device {
///     fn as_fd(&self) -> BorrowedFd<'_> {
///         self.0.as_fd()
///     }
/// }
///
/// // SAFETY: the file is never exchanged, and keeps its descriptor until the device is dropped.
/// unsafe impl IoSafe for Device {
///     const MAY_HAVE_DUPLICATES: bool = true;
/// }
/// ```
///
/// # Safety
///
/// `as_fd` (`as_socket` on Windows) must return the same open descriptor at each call until the value is dropped, and no
/// shared borrow may close or exchange it: where the system needs a source taken out of its queue before it is closed,
/// the reactor does that with the descriptor it saw first.
pub unsafe trait IoSafe: AsSource {
    /// Whether the source is a stream of bytes: then a read that fills less than its buffer found the source drained.
    /// Not so for datagrams.
    const IS_BYTE_STREAM: bool = false;

    /// Whether the source is a connected socket that is read and written by plain system calls: then the calls are made
    /// without going through its `Read` and `Write`.
    const IS_PLAIN_SOCKET: bool = false;

    /// Whether other descriptors of the same open file are to be expected, in this process or a child: then the source is
    /// taken out of its queue by a system call of its own before it is closed.
    const MAY_HAVE_DUPLICATES: bool = false;
}

// SAFETY, for all of these: the standard library's owners keep their descriptor for life.
// SAFETY: as said above.
unsafe impl IoSafe for std::net::TcpStream {
    const IS_BYTE_STREAM: bool = true;
    const IS_PLAIN_SOCKET: bool = true;
}
// SAFETY: as said above.
unsafe impl IoSafe for std::net::TcpListener {}
// SAFETY: as said above.
unsafe impl IoSafe for std::net::UdpSocket {}

#[cfg(unix)]
mod unix {
    use super::IoSafe;

    // SAFETY: the standard library's owners keep their descriptor for life.
    unsafe impl IoSafe for std::os::unix::net::UnixStream {
        const IS_BYTE_STREAM: bool = true;
        const IS_PLAIN_SOCKET: bool = true;
    }
    // SAFETY: as above.
    unsafe impl IoSafe for std::os::unix::net::UnixListener {}
    // SAFETY: as above.
    unsafe impl IoSafe for std::os::unix::net::UnixDatagram {}
    // SAFETY: as above.
    unsafe impl IoSafe for std::os::fd::OwnedFd {
        const MAY_HAVE_DUPLICATES: bool = true;
    }
    // SAFETY: as above.
    unsafe impl IoSafe for std::fs::File {
        const MAY_HAVE_DUPLICATES: bool = true;
    }
    // SAFETY: as above.
    unsafe impl IoSafe for std::process::ChildStdin {}
    // SAFETY: as above.
    unsafe impl IoSafe for std::process::ChildStdout {}
    // SAFETY: as above.
    unsafe impl IoSafe for std::process::ChildStderr {}
}
