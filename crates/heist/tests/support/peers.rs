//! Programs that nobody here wrote, for tests that talk to them: `.ci/peers` installs them, and a test whose peer is missing
//! says so and passes.

use std::path::{Path, PathBuf};

/// Where a program is. `None`, and a line that says so, where it is not on this machine: the test returns then.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Servers are not on everybody's path.
    let directories = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let found = directories.map(|directory| directory.join(program)).find(|file| Path::is_file(file));
    if found.is_none() {
        println!("skipped: {program} is not on this machine; .ci/peers installs it");
    }
    found
}
