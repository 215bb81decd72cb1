//! Files and directories, on the loop's blocking pool: systems offer no wait for them. asyncio has none of this; its
//! programs write `to_thread(open(..).read)`.
//!
//! The functions are those of [`std::fs`], awaited. Errors name the path and what was tried. Each call is one closure on a
//! thread of the pool; a call that is given up ends there by itself, and closes what it had opened.
//!
//! ```
//! # use heist_streams as heist;
//! # #[cfg(not(heist_loom))]
//! # async fn example() -> std::io::Result<()> {
//! use heist::fs;
//!
//! fs::write("notes.txt", "remember").await?;
//! assert_eq!(fs::read_to_string("notes.txt").await?, "remember");
//! fs::remove_file("notes.txt").await?;
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | `calls` | the functions that take a path |
//! | `file`, `options` | [`File`] and [`OpenOptions`] |
//! | `directory` | [`read_dir`] |
//! | `error` | [`PathError`] |

mod calls;
mod directory;
mod error;
mod file;
mod options;

#[cfg(unix)]
pub use calls::symlink;
pub use calls::{
    append, canonicalize, copy, create_dir, create_dir_all, exists, hard_link, metadata, read, read_link,
    read_to_string, remove_dir, remove_dir_all, remove_file, rename, set_permissions, symlink_metadata,
    write,
};
pub use directory::{DirEntry, ReadDir, read_dir};
pub use error::PathError;
pub use file::File;
pub use options::OpenOptions;
pub use std::fs::{FileType, Metadata, Permissions};
