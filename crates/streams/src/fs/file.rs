//! [`File`].
//!
//! A thread of the pool cannot write into the caller's buffer, which may be gone by then. So each operation takes a buffer of
//! the file's own with it and brings it back. An operation that is given up stays *in flight*; the next one waits for it
//! first, and finds what it has read, so no byte is lost and operations never overlap.

use std::fmt;
use std::fs::{self, Metadata, Permissions};
use std::future::poll_fn;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::OpenOptions;
use super::error::{Outcome, PathError, blocking, lost, start};

/// How much is read or written in one call at most: enough to pay for the way to the pool, and a buffer of this size is
/// kept as long as the file.
const MOST: usize = 256 << 10;

/// An open file; its operations are awaited, one at a time.
///
/// Dropping it closes it once what is in flight has ended. To be told of the last error of a write, await
/// [`sync_all`](Self::sync_all) or [`flush`](Self::flush) before.
///
/// ```
/// # use heist_streams as heist;
/// # #[cfg(not(heist_loom))]
/// # async fn example() -> std::io::Result<()> {
/// use std::io::SeekFrom;
/// use heist::fs::{File, OpenOptions};
///
/// let mut file = OpenOptions::new().read(true).write(true).create_new(true).open("new.txt").await?;
/// file.write_all(b"hello").await?;
/// file.seek(SeekFrom::Start(1)).await?;
/// let mut buf = [0; 4];
/// file.read_exact(&mut buf).await?;
/// assert_eq!(&buf, b"ello");
/// # Ok(())
/// # }
/// ```
pub struct File {
    file: Arc<fs::File>,
    path: Arc<Path>,
    /// What was read and not given out yet: `start..` of it.
    buf: Vec<u8>,
    start: usize,
    flight: Option<Outcome<Landed>>,
}

/// What an operation brings back.
struct Landed {
    buf: Vec<u8>,
    /// How many bytes were moved, or the new position.
    result: io::Result<u64>,
    what: &'static str,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("path", &self.path).field("in_flight", &self.flight.is_some()).finish()
    }
}

impl File {
    /// Opens a file to read it.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-open-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let mut text = Vec::new();
    /// File::open(dir.join("notes")).await?.read_to_end(&mut text).await?;
    /// assert_eq!(text, b"remember");
    /// assert!(File::open(dir.join("missing")).await.is_err());
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new().read(true).open(path).await
    }

    /// Opens a file to write it; it is made where it is missing, and emptied where it is there.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-create-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// fs::write(dir.join("notes"), "a long first draft").await?;
    /// File::create(dir.join("notes")).await?.write_all(b"short").await?;
    /// assert_eq!(fs::read(dir.join("notes")).await?, b"short");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path).await
    }

    /// How else a file may be opened.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-fn-options-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::File;
    ///
    /// File::options().create_new(true).write(true).open(dir.join("new")).await?;
    /// let twice = File::options().create_new(true).write(true).open(dir.join("new")).await;
    /// assert_eq!(twice.unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Takes over a file of the standard library; errors call it by `name`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-fn-from_std-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::File;
    ///
    /// let file = std::fs::File::create(dir.join("notes"))?;
    /// let mut file = File::from_std(file, "the notes");
    /// // It was opened to be written.
    /// assert!(file.read(&mut [0; 10]).await.unwrap_err().to_string().contains("the notes"));
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn from_std(file: fs::File, name: impl AsRef<Path>) -> Self {
        Self::of(file, name.as_ref())
    }

    pub(super) fn of(file: fs::File, path: &Path) -> Self {
        Self { file: Arc::new(file), path: path.into(), buf: Vec::new(), start: 0, flight: None }
    }

    /// Gives the file back to the standard library, after what is in flight.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-into_std-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::File;
    /// use std::io::Seek;
    /// let mut file = File::create(dir.join("notes")).await?;
    /// file.write_all(b"remember").await?;
    /// let mut file = file.into_std().await?;
    /// assert_eq!(file.stream_position()?, 8);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// That of what was in flight; the system's.
    pub async fn into_std(mut self) -> io::Result<fs::File> {
        self.flush().await?;
        self.unread().await?;
        match Arc::try_unwrap(self.file) {
            Ok(file) => Ok(file),
            // The thread that had it is about to let go.
            Err(file) => file.try_clone(),
        }
    }

    /// Reads into `buf` what comes next; 0 is the end of the file.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-fn-read--{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let mut file = File::open(dir.join("notes")).await?;
    /// let (mut buf, mut text) = ([0; 3], Vec::new());
    /// loop {
    ///     match file.read(&mut buf).await? {
    ///         0 => break,
    ///         n => text.extend_from_slice(&buf[..n]),
    ///     }
    /// }
    /// assert_eq!(text, b"remember");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path; that of a write that was given up before.
    ///
    /// # Cancel safety
    ///
    /// No byte is lost.
    pub fn read(&mut self, buf: &mut [u8]) -> impl Future<Output = io::Result<usize>> {
        poll_fn(|cx| self.poll_read(cx, buf))
    }

    /// Fills `buf`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-read_exact-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let mut file = File::open(dir.join("notes")).await?;
    /// let mut buf = [0; 5];
    /// file.read_exact(&mut buf).await?;
    /// assert_eq!(&buf, b"remem");
    /// let error = file.read_exact(&mut buf).await.unwrap_err();
    /// assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the file ends before; as [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: what was read by then is in `buf`, and nobody knows how much that is.
    pub async fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buf.len() {
            match self.read(&mut buf[filled..]).await? {
                0 => {
                    let early = io::ErrorKind::UnexpectedEof.into();
                    return Err(PathError::into_io("read as much as was asked for of", &self.path, early));
                }
                n => filled += n,
            }
        }
        Ok(())
    }

    /// Reads up to the end, behind what is in `buf`; says how many bytes.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-read_to_end-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let mut file = File::open(dir.join("notes")).await?;
    /// let mut text = b"do ".to_vec();
    /// assert_eq!(file.read_to_end(&mut text).await?, 8);
    /// assert_eq!(text, b"do remember");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// # Cancel safety
    ///
    /// What was read by then is in `buf`.
    pub async fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        let before = buf.len();
        loop {
            poll_fn(|cx| self.poll_fill(cx, MOST)).await?;
            if self.start == self.buf.len() {
                return Ok(buf.len() - before);
            }
            buf.extend_from_slice(&self.buf[self.start..]);
            self.start = self.buf.len();
        }
    }

    /// Writes some of `buf` and says how much, once that is done.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-write--{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// let mut file = File::create(dir.join("notes")).await?;
    /// let written = file.write(b"remember").await?;
    /// assert_eq!(fs::read(dir.join("notes")).await?, b"remember"[..written]);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path: a full disk, for one.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: once begun, it is done all the same.
    pub async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.unread().await?;
        let n = buf.len().min(MOST);
        let mut data = std::mem::take(&mut self.buf);
        data.clear();
        data.extend_from_slice(&buf[..n]);
        self.launch("write", data, |file, data| {
            let written = retrying(|| (&*file).write(data));
            // What is left in it would be taken for something read.
            data.clear();
            written.map(|n| n as u64)
        })?;
        Ok(poll_fn(|cx| self.poll_land(cx)).await? as usize)
    }

    /// Writes all of `buf`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-write_all-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// let mut file = File::create(dir.join("notes")).await?;
    /// file.write_all(b"remember ").await?;
    /// file.write_all(b"this").await?;
    /// assert_eq!(fs::read(dir.join("notes")).await?, b"remember this");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: nobody knows how much was written by then.
    pub async fn write_all(&mut self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            match self.write(buf).await? {
                0 => return Err(PathError::into_io("write", &self.path, io::ErrorKind::WriteZero.into())),
                n => buf = &buf[n..],
            }
        }
        Ok(())
    }

    /// Waits for a write that was given up, and gives its error.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-flush-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// let mut file = File::create(dir.join("notes")).await?;
    /// std::future::poll_fn(|cx| file.poll_write(cx, b"remember")).await?;
    /// file.flush().await?;
    /// assert_eq!(fs::read(dir.join("notes")).await?, b"remember");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// That of the write.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_land(cx)).await.map(drop)
    }

    /// Moves the position, and says where it is.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-seek-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    /// use std::io::SeekFrom;
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let mut file = File::open(dir.join("notes")).await?;
    /// assert_eq!(file.seek(SeekFrom::End(-3)).await?, 5);
    /// let mut buf = [0; 3];
    /// file.read_exact(&mut buf).await?;
    /// assert_eq!(&buf, b"ber");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path: a position before the beginning, a file that has none.
    ///
    /// # Cancel safety
    ///
    /// Once begun, it is done all the same.
    pub async fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.unread().await?;
        self.launch("seek in", Vec::new(), move |file, _| (&*file).seek(to))?;
        poll_fn(|cx| self.poll_land(cx)).await
    }

    /// Waits until the disk has what was written, with the file's metadata.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-sync_all-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// let mut file = File::create(dir.join("notes")).await?;
    /// file.write_all(b"remember").await?;
    /// file.sync_all().await?;
    /// assert_eq!(fs::metadata(dir.join("notes")).await?.len(), 8);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    pub async fn sync_all(&mut self) -> io::Result<()> {
        self.call("sync", |file| file.sync_all()).await
    }

    /// As [`sync_all`](Self::sync_all), without metadata that is not needed to read the file.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-sync_data-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// let mut file = File::create(dir.join("notes")).await?;
    /// file.write_all(b"remember").await?;
    /// file.sync_data().await?;
    /// assert_eq!(fs::read(dir.join("notes")).await?, b"remember");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    pub async fn sync_data(&mut self) -> io::Result<()> {
        self.call("sync", |file| file.sync_data()).await
    }

    /// Cuts the file, or extends it by zeros, to that length in bytes.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-set_len-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// let mut file = File::create(dir.join("notes")).await?;
    /// file.write_all(b"remember").await?;
    /// file.set_len(3).await?;
    /// assert_eq!(fs::read(dir.join("notes")).await?, b"rem");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    pub async fn set_len(&mut self, length: u64) -> io::Result<()> {
        self.call("set the length of", move |file| file.set_len(length)).await
    }

    /// What is known of the file.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-metadata-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let mut file = File::open(dir.join("notes")).await?;
    /// let found = file.metadata().await?;
    /// assert!(found.is_file() && found.len() == 8);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    pub async fn metadata(&mut self) -> io::Result<Metadata> {
        self.call("look at", |file| file.metadata()).await
    }

    /// Says who may do what with the file.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-set_permissions-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let mut file = File::open(dir.join("notes")).await?;
    /// let mut permissions = file.metadata().await?.permissions();
    /// permissions.set_readonly(true);
    /// file.set_permissions(permissions).await?;
    /// assert!(fs::metadata(dir.join("notes")).await?.permissions().readonly());
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    pub async fn set_permissions(&mut self, permissions: Permissions) -> io::Result<()> {
        self.call("set the permissions of", move |file| file.set_permissions(permissions)).await
    }

    /// A second handle of the same file, with the same position.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-async-fn-try_clone-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let mut file = File::open(dir.join("notes")).await?;
    /// let mut same = file.try_clone().await?;
    /// let mut buf = [0; 4];
    /// file.read_exact(&mut buf).await?;
    /// same.read_exact(&mut buf).await?;
    /// assert_eq!(&buf, b"mber");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The system's, with the path.
    pub async fn try_clone(&mut self) -> io::Result<Self> {
        let file = self.call("open once more", |file| file.try_clone()).await?;
        Ok(Self::of(file, &self.path))
    }

    /// [`read`](Self::read) for hand-written futures.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-fn-poll_read-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let mut file = File::open(dir.join("notes")).await?;
    /// let mut buf = [0; 20];
    /// let n = std::future::poll_fn(|cx| file.poll_read(cx, &mut buf)).await?;
    /// assert!(n > 0 && b"remember".starts_with(&buf[..n]));
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        ready!(self.poll_fill(cx, buf.len().min(MOST)))?;
        let there = &self.buf[self.start..];
        let n = there.len().min(buf.len());
        buf[..n].copy_from_slice(&there[..n]);
        self.start += n;
        Poll::Ready(Ok(n))
    }

    /// Takes some of `buf` at once, and has it written: for hand-written futures. Ready when what was in flight before has
    /// ended, not when this has; its error is given by the next operation, [`flush`](Self::flush) for one.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-fn-poll_write-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    ///
    /// let mut file = File::create(dir.join("notes")).await?;
    /// let taken = std::future::poll_fn(|cx| file.poll_write(cx, b"remember")).await?;
    /// file.flush().await?;
    /// assert_eq!(fs::read(dir.join("notes")).await?, b"remember"[..taken]);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_unread(cx))?;
        let n = buf.len().min(MOST);
        let mut data = std::mem::take(&mut self.buf);
        data.extend_from_slice(&buf[..n]);
        self.launch("write", data, |file, data| {
            // All of it: it was said to be taken.
            let written = (&*file).write_all(data);
            data.clear();
            written.map(|()| 0)
        })?;
        Poll::Ready(Ok(n))
    }

    /// [`flush`](Self::flush) for hand-written futures.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-file-pub-fn-poll_flush-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, File};
    /// use std::future::poll_fn;
    /// let mut file = File::create(dir.join("notes")).await?;
    /// poll_fn(|cx| file.poll_write(cx, b"remember")).await?;
    /// poll_fn(|cx| file.poll_flush(cx)).await?;
    /// assert_eq!(fs::read(dir.join("notes")).await?, b"remember");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_land(cx).map_ok(drop)
    }

    /// Reads up to `room` bytes, unless some are there already; none is the end.
    fn poll_fill(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<()>> {
        if self.flight.is_none() && self.start == self.buf.len() {
            let mut buf = std::mem::take(&mut self.buf);
            buf.clear();
            self.start = 0;
            self.launch("read", buf, move |file, buf| {
                buf.resize(room, 0);
                let n = retrying(|| (&*file).read(buf));
                buf.truncate(*n.as_ref().unwrap_or(&0));
                n.map(|n| n as u64)
            })?;
        }
        self.poll_land(cx).map_ok(drop)
    }

    /// Another operation, after what is in flight.
    async fn call<R: Send + 'static>(
        &mut self,
        what: &'static str,
        operation: impl FnOnce(&fs::File) -> io::Result<R> + Send + 'static,
    ) -> io::Result<R> {
        self.flush().await?;
        let file = self.file.clone();
        let result = blocking(move || operation(&file)).await;
        result.map_err(|error| PathError::into_io(what, &self.path, error))
    }

    /// Puts what was read and not given out back, for an operation that goes by the position.
    async fn unread(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_unread(cx)).await
    }

    /// As [`unread`](Self::unread); then nothing is in flight, and the buffer is empty.
    fn poll_unread(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_land(cx))?;
            let left = self.buf.len() - self.start;
            (self.start, _) = (0, self.buf.clear());
            if left == 0 {
                return Poll::Ready(Ok(()));
            }
            let back = SeekFrom::Current(-(left as i64));
            self.launch("seek in", Vec::new(), move |file, _| (&*file).seek(back))?;
        }
    }

    /// Sends an operation off; nothing is in flight.
    fn launch(
        &mut self,
        what: &'static str,
        mut buf: Vec<u8>,
        operation: impl FnOnce(Arc<fs::File>, &mut Vec<u8>) -> io::Result<u64> + Send + 'static,
    ) -> io::Result<()> {
        let file = self.file.clone();
        self.flight = Some(start(move || {
            let result = operation(file, &mut buf);
            Landed { buf, result, what }
        })?);
        Ok(())
    }

    /// Waits for what is in flight, and gives its outcome; 0 where there is nothing.
    fn poll_land(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let Some(flight) = &mut self.flight else { return Poll::Ready(Ok(0)) };
        let landed = ready!(Pin::new(flight).poll(cx));
        self.flight = None;
        match landed {
            Ok(Landed { buf, result, what }) => {
                (self.buf, self.start) = (buf, 0);
                Poll::Ready(result.map_err(|error| PathError::into_io(what, &self.path, error)))
            }
            Err(_) => Poll::Ready(Err(lost())),
        }
    }
}

/// Calls again where a signal came between.
fn retrying(mut op: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match op() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
