//! [`OpenOptions`].

use std::fs;
use std::io;
use std::path::Path;

use super::File;
use super::error::run;

/// How a file is opened; those of [`std::fs::OpenOptions`], awaited.
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// use heist_streams::fs::OpenOptions;
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
    pub fn new() -> Self {
        Self { options: fs::OpenOptions::new() }
    }

    options! {
        /// Whether it is read.
        read;
        /// Whether it is written.
        write;
        /// Whether each write goes to the end.
        append;
        /// Whether what is in it is thrown away.
        truncate;
        /// Whether it is made where it is missing.
        create;
        /// Whether it must be made: a file that is there is an error.
        create_new;
    }

    /// Who may do what with a file that is made, as in `chmod`.
    #[cfg(unix)]
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        use std::os::unix::fs::OpenOptionsExt;
        self.options.mode(mode);
        self
    }

    /// Opens the file.
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
