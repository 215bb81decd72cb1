//! [`PathError`], and running what blocks.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use heist_scheduler::Handle;
use heist_sync::oneshot;

/// What failed with which path. The payload of the [`io::Error`]s of this module, whose kind is that of the system's error:
///
/// ```
/// # use heist_streams as heist;
/// # fn look(error: std::io::Error) {
/// use heist::fs::PathError;
///
/// if let Some(error) = error.get_ref().and_then(|error| error.downcast_ref::<PathError>()) {
///     println!("{}: system code {:?}", error.path().display(), error.io_error().raw_os_error());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct PathError {
    what: &'static str,
    path: PathBuf,
    error: io::Error,
}

impl PathError {
    pub(super) fn into_io(what: &'static str, path: &Path, error: io::Error) -> io::Error {
        io::Error::new(error.kind(), Self { what, path: path.to_owned(), error })
    }

    /// The path.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::fs::{self, PathError};
    ///
    /// let error = fs::read("/no/such/file").await.unwrap_err();
    /// let error = error.get_ref().and_then(|error| error.downcast_ref::<PathError>()).unwrap();
    /// assert_eq!(error.path(), std::path::Path::new("/no/such/file"));
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The system's error.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// use heist::fs::{self, PathError};
    ///
    /// let error = fs::read("/no/such/file").await.unwrap_err();
    /// let error = error.get_ref().and_then(|error| error.downcast_ref::<PathError>()).unwrap();
    /// assert_eq!(error.io_error().kind(), std::io::ErrorKind::NotFound);
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn io_error(&self) -> &io::Error {
        &self.error
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {:?}: {}", self.what, self.path, self.error)
    }
}

impl Error for PathError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// What a thread of the pool brings back. Whoever gives it up leaves the thread to its work.
pub(super) type Outcome<R> = oneshot::Receiver<R>;

/// Starts what blocks on a thread of the pool.
pub(super) fn start<R: Send + 'static>(
    blocking: impl FnOnce() -> R + Send + 'static,
) -> io::Result<Outcome<R>> {
    let Some(handle) = Handle::current() else {
        return Err(io::Error::other(
            "files need the threads of an event loop, and none runs on this thread: await this inside heist::run",
        ));
    };
    let (sender, outcome) = oneshot::channel();
    drop(handle.to_thread(move || {
        // Given up, the outcome is dropped here, and what it holds is closed.
        let _ = sender.send(blocking());
    }));
    Ok(outcome)
}

/// The error where a thread brought nothing back.
pub(super) fn lost() -> io::Error {
    io::Error::other("the event loop ended before the operation did, or the operation panicked")
}

/// Runs what blocks on a thread of the pool.
pub(super) async fn blocking<R: Send + 'static>(
    blocking: impl FnOnce() -> io::Result<R> + Send + 'static,
) -> io::Result<R> {
    start(blocking)?.await.unwrap_or_else(|_| Err(lost()))
}

/// As [`blocking`]; an error names the path.
pub(super) async fn run<R: Send + 'static>(
    what: &'static str,
    path: &Path,
    operation: impl FnOnce(&Path) -> io::Result<R> + Send + 'static,
) -> io::Result<R> {
    let path = path.to_owned();
    blocking(move || operation(&path).map_err(|error| PathError::into_io(what, &path, error))).await
}
