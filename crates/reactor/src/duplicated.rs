//! [`Duplicated`]: watching what nobody vouches for.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::IoSafe;

/// A value with a duplicate of its descriptor: the duplicate is what the reactor watches.
///
/// Whether the value keeps its own descriptor for life does not matter then, so any type that lends one will do, without
/// an `unsafe impl` of [`IoSafe`]. It costs a descriptor and two system calls in its life. Should the value exchange its
/// descriptor, the old file is watched on.
///
/// ```
/// # #[cfg(not(heist_loom))] {
/// use std::os::fd::{AsFd, BorrowedFd};
/// use heist_reactor::{Duplicated, IoSource};
///
/// struct Device(std::os::unix::net::UnixDatagram);
///
/// impl AsFd for Device {
///     fn as_fd(&self) -> BorrowedFd<'_> {
///         self.0.as_fd()
///     }
/// }
///
/// let (device, _other_end) = std::os::unix::net::UnixDatagram::pair()?;
/// device.set_nonblocking(true)?;
/// let source = IoSource::new(Duplicated::new(Device(device))?);
/// // In a task: `source.readable().await?`
/// # let _ = source;
/// # }
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Duplicated<T> {
    descriptor: OwnedFd,
    value: T,
}

// SAFETY: the duplicate is private, kept until the drop, and never lent to be closed or exchanged.
unsafe impl<T> IoSafe for Duplicated<T> {
    const MAY_HAVE_DUPLICATES: bool = true;
}

impl<T: AsFd> Duplicated<T> {
    /// Duplicates the descriptor of `value`. One system call.
    ///
    /// # Errors
    ///
    /// The system's: no descriptor is free.
    pub fn new(value: T) -> io::Result<Self> {
        let descriptor = value.as_fd().try_clone_to_owned()?;
        Ok(Self { descriptor, value })
    }
}

impl<T> Duplicated<T> {
    /// Gives the value back, and closes the duplicate.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Duplicated<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The duplicate.
impl<T> AsFd for Duplicated<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl<T: fmt::Debug> fmt::Debug for Duplicated<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Duplicated").field(&self.value).finish()
    }
}
