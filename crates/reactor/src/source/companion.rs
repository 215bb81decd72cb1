//! [`Companion`]: something of the user's in the same allocation as a source that was split.

use std::fmt;
use std::ops::Deref;

use super::joint::{Beside, Joint, WeakBeside};
use super::shared::Shared;
use super::{Half, IoSafe, IoSource};

/// Something of the user's that lies in the same allocation as the two [`Half`]s of a source, made by
/// [`IoSource::into_split_beside`]: of a million connections each then has one allocation for its source and for what their
/// owners share about it. It lives as long as anybody points to it or has a half; the source is closed with its second half.
///
/// A companion that keeps a half of its own source keeps itself, until it gives that up.
///
/// ```
/// # use std::os::unix::net::UnixStream;
/// use heist_reactor::IoSource;
///
/// let (near, _far) = UnixStream::pair()?;
/// near.set_nonblocking(true)?;
/// let (reads, writes, name) = IoSource::new(near).into_split_beside("the left one");
/// drop((reads, writes));
/// // The socket is closed.
/// assert_eq!(*name, "the left one");
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Companion<T: IoSafe, C>(Beside<Shared<T>, C>);

/// Points to a [`Companion`] without keeping it.
///
/// ```
/// use std::net::TcpStream;
/// use heist_reactor::{Companion, WeakCompanion};
///
/// let companion = Companion::<TcpStream, _>::alone(7);
/// let weak = companion.downgrade();
/// assert_eq!(weak.upgrade().as_deref(), Some(&7));
/// drop(companion);
/// assert!(weak.upgrade().is_none());
/// # assert!(WeakCompanion::<TcpStream, u32>::new().upgrade().is_none());
/// ```
pub struct WeakCompanion<T: IoSafe, C>(WeakBeside<Shared<T>, C>);

impl<T: IoSafe> IoSource<T> {
    /// As [`into_split`](Self::into_split), with `companion` in the same allocation.
    ///
    /// ```
    /// # use std::os::unix::net::UnixStream;
    /// use std::cell::Cell;
    /// use heist_reactor::IoSource;
    ///
    /// let (near, _far) = UnixStream::pair()?;
    /// near.set_nonblocking(true)?;
    /// let (reads, writes, requests) = IoSource::new(near).into_split_beside(Cell::new(0));
    /// requests.set(requests.get() + 1);
    /// assert!(reads.is_pair_of(&writes));
    /// assert_eq!(requests.get(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn into_split_beside<C>(self, companion: C) -> (Half<T, C>, Half<T, C>, Companion<T, C>) {
        let (read, write) = Joint::hold(self.shared, companion);
        let companion = Companion(read.companion());
        (Half { lane: self.read, shared: read }, Half { lane: self.write, shared: write }, companion)
    }
}

impl<T: IoSafe, C> Companion<T, C> {
    /// One of no source, for those who have only some with one.
    ///
    /// ```
    /// use heist_reactor::Companion;
    ///
    /// assert_eq!(*Companion::<std::net::TcpStream, _>::alone(7), 7);
    /// ```
    pub fn alone(companion: C) -> Self {
        Self(Beside::nothing(companion))
    }

    /// Something that points to it without keeping it.
    ///
    /// ```
    /// use heist_reactor::Companion;
    ///
    /// let companion = Companion::<std::net::TcpStream, _>::alone(7);
    /// assert!(companion.downgrade().upgrade().is_some());
    /// ```
    pub fn downgrade(&self) -> WeakCompanion<T, C> {
        WeakCompanion(self.0.downgrade())
    }
}

impl<T: IoSafe, C> WeakCompanion<T, C> {
    /// One that points to nothing, without an allocation.
    ///
    /// ```
    /// use heist_reactor::WeakCompanion;
    ///
    /// assert!(WeakCompanion::<std::net::TcpStream, u32>::new().upgrade().is_none());
    /// ```
    pub const fn new() -> Self {
        Self(WeakBeside::none())
    }

    /// The companion, while it is there.
    ///
    /// ```
    /// use heist_reactor::Companion;
    ///
    /// let companion = Companion::<std::net::TcpStream, _>::alone(7);
    /// let weak = companion.downgrade();
    /// drop(companion);
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn upgrade(&self) -> Option<Companion<T, C>> {
        self.0.upgrade().map(Companion)
    }

    /// Whether it points to that one.
    ///
    /// ```
    /// use heist_reactor::Companion;
    ///
    /// let (seven, other) = (Companion::<std::net::TcpStream, _>::alone(7), Companion::alone(7));
    /// assert!(seven.downgrade().points_to(&seven) && !seven.downgrade().points_to(&other));
    /// ```
    pub fn points_to(&self, companion: &Companion<T, C>) -> bool {
        self.0.points_to(&companion.0)
    }
}

impl<T: IoSafe, C> Deref for Companion<T, C> {
    type Target = C;

    #[inline(always)]
    fn deref(&self) -> &C {
        &self.0
    }
}

impl<T: IoSafe, C> Clone for Companion<T, C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: IoSafe, C> Clone for WeakCompanion<T, C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: IoSafe, C> Default for WeakCompanion<T, C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: IoSafe, C: fmt::Debug> fmt::Debug for Companion<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Companion").field(&**self).finish()
    }
}

impl<T: IoSafe, C> fmt::Debug for WeakCompanion<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakCompanion").finish_non_exhaustive()
    }
}
