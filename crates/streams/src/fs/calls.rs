//! The functions that take a path: those of [`std::fs`], awaited.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::error::run;

/// Functions of one path that do what the one of the same name in [`std::fs`] does.
macro_rules! of_a_path {
    ($($(#[$meta:meta])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty, $what:literal;)*) => {$(
        $(#[$meta])*
        ///
        /// # Errors
        ///
        /// The system's, with the path.
        ///
        /// # Cancel safety
        ///
        /// Once begun, it is done all the same.
        pub async fn $name(path: impl AsRef<Path>, $($argument: $type),*) -> io::Result<$result> {
            run($what, path.as_ref(), move |path| fs::$name(path, $($argument),*)).await
        }
    )*};
}

of_a_path! {
    /// The whole content of a file.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-read-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::write(dir.join("data"), [1, 2, 3]).await?;
    /// assert_eq!(fs::read(dir.join("data")).await?, [1, 2, 3]);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    read() -> Vec<u8>, "read";
    /// The whole content of a file, as text.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-read_to_string-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// assert_eq!(fs::read_to_string(dir.join("notes")).await?, "remember");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    read_to_string() -> String, "read";
    /// What is known of a file; of what a symbolic link leads to.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-metadata-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// let found = fs::metadata(dir.join("notes")).await?;
    /// assert!(found.is_file() && found.len() == 8);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    metadata() -> Metadata, "look at";
    /// What is known of a file; of a symbolic link itself.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-symlink_metadata-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// # #[cfg(unix)] {
    /// fs::symlink("nowhere", dir.join("link")).await?;
    /// assert!(fs::symlink_metadata(dir.join("link")).await?.is_symlink());
    /// assert!(fs::metadata(dir.join("link")).await.is_err());
    /// # }
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    symlink_metadata() -> Metadata, "look at";
    /// Makes a directory.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-create_dir-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::create_dir(dir.join("new")).await?;
    /// let twice = fs::create_dir(dir.join("new")).await.unwrap_err();
    /// assert_eq!(twice.kind(), std::io::ErrorKind::AlreadyExists);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    create_dir() -> (), "create the directory";
    /// Makes a directory, and those above it that are missing.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-create_dir_all-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::create_dir_all(dir.join("a/b/c")).await?;
    /// assert!(fs::metadata(dir.join("a/b/c")).await?.is_dir());
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    create_dir_all() -> (), "create the directory";
    /// Removes a file.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-remove_file-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::write(dir.join("notes"), "forget").await?;
    /// fs::remove_file(dir.join("notes")).await?;
    /// assert!(!fs::exists(dir.join("notes")).await?);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    remove_file() -> (), "remove";
    /// Removes an empty directory.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-remove_dir-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::create_dir_all(dir.join("full/empty")).await?;
    /// assert!(fs::remove_dir(dir.join("full")).await.is_err());
    /// fs::remove_dir(dir.join("full/empty")).await?;
    /// assert!(!fs::exists(dir.join("full/empty")).await?);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    remove_dir() -> (), "remove the directory";
    /// Removes a directory with all that is in it.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-remove_dir_all-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::create_dir_all(dir.join("a/b/c")).await?;
    /// fs::remove_dir_all(dir.join("a")).await?;
    /// assert!(!fs::exists(dir.join("a")).await?);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    remove_dir_all() -> (), "remove the directory";
    /// The full path, with every symbolic link followed.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-canonicalize-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::create_dir(dir.join("a")).await?;
    /// let straight = fs::canonicalize(&dir).await?;
    /// assert_eq!(fs::canonicalize(dir.join("a/..")).await?, straight);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    canonicalize() -> PathBuf, "resolve";
    /// Where a symbolic link leads to.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-read_link-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// # #[cfg(unix)] {
    /// fs::symlink("notes", dir.join("link")).await?;
    /// assert_eq!(fs::read_link(dir.join("link")).await?, std::path::Path::new("notes"));
    /// # }
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    read_link() -> PathBuf, "read the link";
    /// Says who may do what with a file.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-set_permissions-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::write(dir.join("notes"), "keep").await?;
    /// let mut permissions = fs::metadata(dir.join("notes")).await?.permissions();
    /// permissions.set_readonly(true);
    /// fs::set_permissions(dir.join("notes"), permissions).await?;
    /// assert!(fs::metadata(dir.join("notes")).await?.permissions().readonly());
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    set_permissions(permissions: Permissions) -> (), "set the permissions of";
}

/// Functions of two paths; an error names the first one, and the second in its own words.
macro_rules! of_two_paths {
    ($($(#[$meta:meta])* $name:ident -> $result:ty, $what:literal, $function:path;)*) => {$(
        $(#[$meta])*
        ///
        /// # Errors
        ///
        /// The system's, with both paths.
        ///
        /// # Cancel safety
        ///
        /// Once begun, it is done all the same.
        pub async fn $name(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<$result> {
            let to = to.as_ref().to_owned();
            run($what, from.as_ref(), move |from| {
                $function(from, &to)
                    .map_err(|error| io::Error::new(error.kind(), format!("to {to:?}: {error}")))
            })
            .await
        }
    )*};
}

of_two_paths! {
    /// Gives a file another name, in place of a file that has it.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-rename-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::write(dir.join("draft"), "text").await?;
    /// fs::rename(dir.join("draft"), dir.join("final")).await?;
    /// assert_eq!(fs::read_to_string(dir.join("final")).await?, "text");
    /// assert!(!fs::exists(dir.join("draft")).await?);
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    rename -> (), "rename", fs::rename;
    /// Copies a file with its permissions, over a file that is there; says how many bytes.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-copy-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// assert_eq!(fs::copy(dir.join("notes"), dir.join("copy")).await?, 8);
    /// assert_eq!(fs::read_to_string(dir.join("copy")).await?, "remember");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    copy -> u64, "copy", fs::copy;
    /// Gives a file a second name.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-hard_link-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::write(dir.join("notes"), "first").await?;
    /// fs::hard_link(dir.join("notes"), dir.join("same")).await?;
    /// fs::append(dir.join("same"), ", second").await?;
    /// assert_eq!(fs::read_to_string(dir.join("notes")).await?, "first, second");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    hard_link -> (), "link", fs::hard_link;
}

#[cfg(unix)]
of_two_paths! {
    /// Makes a symbolic link `to` that leads to the first path.
    ///
    /// ```
    /// # use heist_streams as heist;
    /// # use heist_scheduler::{Config, LocalScheduler};
    /// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
    /// # scheduler.block_on(async {
    /// # let dir = std::env::temp_dir().join(format!("heist-doc-symlink-{}", std::process::id()));
    /// # std::fs::create_dir_all(&dir)?;
    /// use heist::fs;
    ///
    /// fs::write(dir.join("notes"), "remember").await?;
    /// fs::symlink("notes", dir.join("link")).await?;
    /// assert_eq!(fs::read_to_string(dir.join("link")).await?, "remember");
    /// # std::fs::remove_dir_all(&dir)?;
    /// # std::io::Result::Ok(())
    /// # }).unwrap().unwrap();
    /// ```
    symlink -> (), "link", std::os::unix::fs::symlink;
}

/// Whether a path leads to something.
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::{Config, LocalScheduler};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let dir = std::env::temp_dir().join(format!("heist-doc-exists-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// use heist::fs;
///
/// assert!(fs::exists(&dir).await?);
/// assert!(!fs::exists(dir.join("missing")).await?);
/// # std::fs::remove_dir_all(&dir)?;
/// # std::io::Result::Ok(())
/// # }).unwrap().unwrap();
/// ```
///
/// # Errors
///
/// The system's, with the path, where it cannot tell.
pub async fn exists(path: impl AsRef<Path>) -> io::Result<bool> {
    run("look at", path.as_ref(), |path| path.try_exists()).await
}

/// Makes a file of this content, in place of what was in it. A full disk is an error.
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::{Config, LocalScheduler};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let dir = std::env::temp_dir().join(format!("heist-doc-write-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// use heist::fs;
///
/// fs::write(dir.join("notes"), "a long first draft").await?;
/// fs::write(dir.join("notes"), "short").await?;
/// assert_eq!(fs::read_to_string(dir.join("notes")).await?, "short");
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
/// Once begun, it is done all the same.
pub async fn write(path: impl AsRef<Path>, content: impl Into<Vec<u8>>) -> io::Result<()> {
    let content = content.into();
    run("write", path.as_ref(), move |path| fs::write(path, content)).await
}

/// Adds to the end of a file, which is made where it is missing.
///
/// ```
/// # use heist_streams as heist;
/// # use heist_scheduler::{Config, LocalScheduler};
/// # let scheduler = LocalScheduler::new(Config::new(1), heist_core::Clock::real(), std::sync::Arc::new(heist_core::driver::NoDriver));
/// # scheduler.block_on(async {
/// # let dir = std::env::temp_dir().join(format!("heist-doc-append-{}", std::process::id()));
/// # std::fs::create_dir_all(&dir)?;
/// use heist::fs;
///
/// fs::append(dir.join("log"), "one\n").await?;
/// fs::append(dir.join("log"), "two\n").await?;
/// assert_eq!(fs::read_to_string(dir.join("log")).await?, "one\ntwo\n");
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
/// Once begun, it is done all the same.
pub async fn append(path: impl AsRef<Path>, content: impl Into<Vec<u8>>) -> io::Result<()> {
    let content = content.into();
    let add =
        move |path: &Path| fs::File::options().append(true).create(true).open(path)?.write_all(&content);
    run("append to", path.as_ref(), add).await
}
