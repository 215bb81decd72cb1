//! [`read_dir`].

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, FileType, Metadata};
use std::future::poll_fn;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::error::{Outcome, PathError, lost, run, start};
use futures_core::Stream;

/// How many entries are fetched by one trip to the pool.
const BATCH: usize = 64;

/// Opens a directory to see what is in it, in no particular order.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # async fn example() -> std::io::Result<()> {
/// let mut entries = heist::fs::read_dir(".").await?;
/// while let Some(entry) = entries.next_entry().await? {
///     println!("{}", entry.path().display());
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The system's, with the path.
pub async fn read_dir(path: impl AsRef<Path>) -> io::Result<ReadDir> {
    let path = path.as_ref();
    let entries = run("read the directory", path, |path| fs::read_dir(path)).await?;
    Ok(ReadDir { path: path.into(), fetched: VecDeque::new(), left: Some(entries), fetching: None })
}

/// The entries of a directory, also as a `Stream`; see [`read_dir`].
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::{Config, LocalScheduler};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let dir = std::env::temp_dir().join(format!("heist-doc-dir-pub-struct-ReadDir-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// use heist::fs;
///
/// fs::write(dir.join("a"), "").await?;
/// let mut entries = fs::read_dir(&dir).await?;
/// assert!(entries.next_entry().await?.is_some());
/// assert!(entries.next_entry().await?.is_none());
/// # std::fs::remove_dir_all(&dir)?;
/// # std::io::Result::Ok(())
/// # }).unwrap().unwrap();
/// ```
pub struct ReadDir {
    path: Arc<Path>,
    fetched: VecDeque<io::Result<fs::DirEntry>>,
    /// `None` while some are fetched, and at the end.
    left: Option<fs::ReadDir>,
    fetching: Option<Outcome<Batch>>,
}

struct Batch {
    fetched: VecDeque<io::Result<fs::DirEntry>>,
    left: Option<fs::ReadDir>,
}

impl fmt::Debug for ReadDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadDir").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ReadDir {
    /// The next entry; `None` at the end.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-dir-pub-async-fn-next_entry-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::write(dir.join("a"), "").await?;
    /// fs::write(dir.join("b"), "").await?;
    /// let (mut entries, mut names) = (fs::read_dir(&dir).await?, Vec::new());
    /// while let Some(entry) = entries.next_entry().await? {
    ///     names.push(entry.file_name());
    /// }
    /// names.sort();
    /// assert_eq!(names, ["a", "b"]);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    ///
    /// # Cancel safety
    ///
    /// No entry is lost.
    pub async fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        poll_fn(|cx| self.poll_entry(cx)).await.transpose()
    }

    fn poll_entry(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<DirEntry>>> {
        loop {
            if let Some(entry) = self.fetched.pop_front() {
                let entry = entry.map(|entry| DirEntry { entry: Arc::new(entry) });
                let what = "read the directory";
                return Poll::Ready(Some(entry.map_err(|error| PathError::into_io(what, &self.path, error))));
            }
            if let Some(fetching) = &mut self.fetching {
                let batch = ready!(Pin::new(fetching).poll(cx));
                self.fetching = None;
                match batch {
                    Ok(batch) => (self.fetched, self.left) = (batch.fetched, batch.left),
                    Err(_) => return Poll::Ready(Some(Err(lost()))),
                }
                continue;
            }
            let Some(left) = self.left.take() else { return Poll::Ready(None) };
            match start(move || fetch(left)) {
                Ok(task) => self.fetching = Some(task),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

/// Blocks.
fn fetch(mut left: fs::ReadDir) -> Batch {
    let fetched: VecDeque<_> = left.by_ref().take(BATCH).collect();
    let ended = fetched.len() < BATCH || fetched.iter().any(Result::is_err);
    Batch { fetched, left: (!ended).then_some(left) }
}

impl Stream for ReadDir {
    type Item = io::Result<DirEntry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_entry(cx)
    }
}

/// An entry of a directory.
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::{Config, LocalScheduler};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let dir = std::env::temp_dir().join(format!("heist-doc-dir-pub-struct-DirEntry-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// use heist::fs;
///
/// fs::write(dir.join("notes"), "remember").await?;
/// let entry = fs::read_dir(&dir).await?.next_entry().await?.unwrap();
/// assert_eq!(fs::read_to_string(entry.path()).await?, "remember");
/// # std::fs::remove_dir_all(&dir)?;
/// # std::io::Result::Ok(())
/// # }).unwrap().unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct DirEntry {
    entry: Arc<fs::DirEntry>,
}

impl DirEntry {
    /// The path: that of the directory with the name behind it.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-dir-pub-fn-path-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let entry = fs::read_dir(&dir).await?.next_entry().await?.unwrap();
    /// assert_eq!(entry.path(), dir.join("notes"));
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn path(&self) -> PathBuf {
        self.entry.path()
    }

    /// The name.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-dir-pub-fn-file_name-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let entry = fs::read_dir(&dir).await?.next_entry().await?.unwrap();
    /// assert_eq!(entry.file_name(), "notes");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn file_name(&self) -> OsString {
        self.entry.file_name()
    }

    /// What is known of the entry; of a symbolic link itself.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-dir-pub-async-fn-metadata-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let entry = fs::read_dir(&dir).await?.next_entry().await?.unwrap();
    /// assert_eq!(entry.metadata().await?.len(), 8);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let entry = self.entry.clone();
        run("look at", &self.path(), move |_| entry.metadata()).await
    }

    /// Whether it is a file, a directory, a link.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-dir-pub-async-fn-file_type-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let entry = fs::read_dir(&dir).await?.next_entry().await?.unwrap();
    /// assert!(entry.file_type().await?.is_file());
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    pub async fn file_type(&self) -> io::Result<FileType> {
        let entry = self.entry.clone();
        run("look at", &self.path(), move |_| entry.file_type()).await
    }
}
