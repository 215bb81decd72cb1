//! [`OpenOptions`].

use std::fs;
use std::io;
use std::path::Path;

use super::File;
use super::error::run;

/// How a file is opened; those of [`std::fs::OpenOptions`], awaited.
///
/// ```no_run
/// # use heist_streams as heist;
/// # async fn example() -> std::io::Result<()> {
/// use heist::fs::OpenOptions;
///
/// let log = OpenOptions::new().append(true).create(true).open("program.log").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct OpenOptions {
    options: fs::OpenOptions,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! options {
    ($($(#[$meta:meta])* $name:ident;)*) => {$(
        $(#[$meta])*
        pub fn $name(&mut self, wanted: bool) -> &mut Self {
            self.options.$name(wanted);
            self
        }
    )*};
}

impl OpenOptions {
    /// Nothing is allowed yet.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-options-pub-fn-new-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, OpenOptions};
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// assert!(OpenOptions::new().open(dir.join("notes")).await.is_err());
    /// assert!(OpenOptions::new().read(true).open(dir.join("notes")).await.is_ok());
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    pub fn new() -> Self {
        Self { options: fs::OpenOptions::new() }
    }

    options! {
        /// Whether it is read.
        ///
        /// ```
        /// # use heist_streams as heist;
        /// # use heist_scheduler::{Config, LocalScheduler};
        /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
        /// # scheduler.block_on(async {
        /// # let dir = std::env::temp_dir().join(format!("heist-doc-options-read--{}", std::process::id()));
        /// # std::fs::create_dir_all(&dir)?;
        /// use heist::fs::{self, OpenOptions};
        ///
        /// fs::write(dir.join("notes"), "remember").await?;
        /// let mut buf = [0; 8];
        /// OpenOptions::new().read(true).open(dir.join("notes")).await?.read_exact(&mut buf).await?;
        /// assert_eq!(&buf, b"remember");
        /// # std::fs::remove_dir_all(&dir)?;
        /// # std::io::Result::Ok(())
        /// # }).unwrap().unwrap();
        /// ```
        read;
        /// Whether it is written.
        ///
        /// ```
        /// # use heist_streams as heist;
        /// # use heist_scheduler::{Config, LocalScheduler};
        /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
        /// # scheduler.block_on(async {
        /// # let dir = std::env::temp_dir().join(format!("heist-doc-options-write--{}", std::process::id()));
        /// # std::fs::create_dir_all(&dir)?;
        /// use heist::fs::{self, OpenOptions};
        ///
        /// fs::write(dir.join("notes"), "remember").await?;
        /// OpenOptions::new().write(true).open(dir.join("notes")).await?.write_all(b"SEPT").await?;
        /// assert_eq!(fs::read(dir.join("notes")).await?, b"SEPTmber");
        /// # std::fs::remove_dir_all(&dir)?;
        /// # std::io::Result::Ok(())
        /// # }).unwrap().unwrap();
        /// ```
        write;
        /// Whether each write goes to the end.
        ///
        /// ```
        /// # use heist_streams as heist;
        /// # use heist_scheduler::{Config, LocalScheduler};
        /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
        /// # scheduler.block_on(async {
        /// # let dir = std::env::temp_dir().join(format!("heist-doc-options-append--{}", std::process::id()));
        /// # std::fs::create_dir_all(&dir)?;
        /// use heist::fs::{self, OpenOptions};
        ///
        /// fs::write(dir.join("log"), "one, ").await?;
        /// OpenOptions::new().append(true).open(dir.join("log")).await?.write_all(b"two").await?;
        /// assert_eq!(fs::read(dir.join("log")).await?, b"one, two");
        /// # std::fs::remove_dir_all(&dir)?;
        /// # std::io::Result::Ok(())
        /// # }).unwrap().unwrap();
        /// ```
        append;
        /// Whether what is in it is thrown away.
        ///
        /// ```
        /// # use heist_streams as heist;
        /// # use heist_scheduler::{Config, LocalScheduler};
        /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
        /// # scheduler.block_on(async {
        /// # let dir = std::env::temp_dir().join(format!("heist-doc-options-truncate--{}", std::process::id()));
        /// # std::fs::create_dir_all(&dir)?;
        /// use heist::fs::{self, OpenOptions};
        ///
        /// fs::write(dir.join("notes"), "remember").await?;
        /// OpenOptions::new().write(true).truncate(true).open(dir.join("notes")).await?;
        /// assert_eq!(fs::metadata(dir.join("notes")).await?.len(), 0);
        /// # std::fs::remove_dir_all(&dir)?;
        /// # std::io::Result::Ok(())
        /// # }).unwrap().unwrap();
        /// ```
        truncate;
        /// Whether it is made where it is missing.
        ///
        /// ```
        /// # use heist_streams as heist;
        /// # use heist_scheduler::{Config, LocalScheduler};
        /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
        /// # scheduler.block_on(async {
        /// # let dir = std::env::temp_dir().join(format!("heist-doc-options-create--{}", std::process::id()));
        /// # std::fs::create_dir_all(&dir)?;
        /// use heist::fs::{self, OpenOptions};
        ///
        /// assert!(OpenOptions::new().write(true).open(dir.join("new")).await.is_err());
        /// OpenOptions::new().write(true).create(true).open(dir.join("new")).await?;
        /// assert!(fs::exists(dir.join("new")).await?);
        /// # std::fs::remove_dir_all(&dir)?;
        /// # std::io::Result::Ok(())
        /// # }).unwrap().unwrap();
        /// ```
        create;
        /// Whether it must be made: a file that is there is an error.
        ///
        /// ```
        /// # use heist_streams as heist;
        /// # use heist_scheduler::{Config, LocalScheduler};
        /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
        /// # scheduler.block_on(async {
        /// # let dir = std::env::temp_dir().join(format!("heist-doc-options-create_new--{}", std::process::id()));
        /// # std::fs::create_dir_all(&dir)?;
        /// use heist::fs::{self, OpenOptions};
        ///
        /// let mut options = OpenOptions::new();
        /// options.write(true).create_new(true);
        /// assert!(options.open(dir.join("new")).await.is_ok());
        /// let twice = options.open(dir.join("new")).await.unwrap_err();
        /// assert_eq!(twice.kind(), std::io::ErrorKind::AlreadyExists);
        /// # assert!(fs::exists(dir.join("new")).await?);
        /// # std::fs::remove_dir_all(&dir)?;
        /// # std::io::Result::Ok(())
        /// # }).unwrap().unwrap();
        /// ```
        create_new;
    }

    /// Who may do what with a file that is made, as in `chmod`.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-options-pub-fn-mode-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, OpenOptions};
    ///
    /// use std::os::unix::fs::PermissionsExt;
    /// OpenOptions::new().write(true).create(true).mode(0o600).open(dir.join("secret")).await?;
    /// assert_eq!(fs::metadata(dir.join("secret")).await?.permissions().mode() & 0o777, 0o600);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        use std::os::unix::fs::OpenOptionsExt;
        self.options.mode(mode);
        self
    }

    /// Opens the file.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-options-pub-async-fn-open-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs::{self, OpenOptions};
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let mut options = OpenOptions::new();
    /// let mut file = options.read(true).open(dir.join("notes")).await?;
    /// assert_eq!(file.metadata().await?.len(), 8);
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
    /// A file that was opened by then is closed.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let options = self.options.clone();
        let path = path.as_ref();
        let file = run("open", path, move |path| options.open(path)).await?;
        Ok(File::of(file, path))
    }
}

impl From<fs::OpenOptions> for OpenOptions {
    fn from(options: fs::OpenOptions) -> Self {
        Self { options }
    }
}
