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
    read() -> Vec<u8>, "read";
    /// The whole content of a file, as text.
    read_to_string() -> String, "read";
    /// What is known of a file; of what a symbolic link leads to.
    metadata() -> Metadata, "look at";
    /// What is known of a file; of a symbolic link itself.
    symlink_metadata() -> Metadata, "look at";
    /// Makes a directory.
    create_dir() -> (), "create the directory";
    /// Makes a directory, and those above it that are missing.
    create_dir_all() -> (), "create the directory";
    /// Removes a file.
    remove_file() -> (), "remove";
    /// Removes an empty directory.
    remove_dir() -> (), "remove the directory";
    /// Removes a directory with all that is in it.
    remove_dir_all() -> (), "remove the directory";
    /// The full path, with every symbolic link followed.
    canonicalize() -> PathBuf, "resolve";
    /// Where a symbolic link leads to.
    read_link() -> PathBuf, "read the link";
    /// Says who may do what with a file.
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
    rename -> (), "rename", fs::rename;
    /// Copies a file with its permissions, over a file that is there; says how many bytes.
    copy -> u64, "copy", fs::copy;
    /// Gives a file a second name.
    hard_link -> (), "link", fs::hard_link;
}

#[cfg(unix)]
of_two_paths! {
    /// Makes a symbolic link `to` that leads to the first path.
    symlink -> (), "link", std::os::unix::fs::symlink;
}

/// Whether a path leads to something.
///
/// # Errors
///
/// The system's, with the path, where it cannot tell.
pub async fn exists(path: impl AsRef<Path>) -> io::Result<bool> {
    run("look at", path.as_ref(), |path| path.try_exists()).await
}

/// Makes a file of this content, in place of what was in it. A full disk is an error.
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
