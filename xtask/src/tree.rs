//! The tree of files that make up the project.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::sh;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The directory that holds xtask/; a manifest directory always has a parent.
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// The directory for build results.
pub(crate) fn target() -> Result<PathBuf, String> {
    let metadata = metadata()?;
    metadata["target_directory"]
        .as_str()
        .map(PathBuf::from)
        .ok_or_else(|| "cargo metadata names no target".into())
}

/// `cargo metadata --no-deps`.
pub(crate) fn metadata() -> Result<Value, String> {
    let text = sh::read(&mut sh::cargo(["metadata", "--format-version", "1", "--no-deps"]))?;
    serde_json::from_str(&text).map_err(|error| format!("cargo metadata is not JSON: {error}"))
}

/// The text of a file, by its path from the root.
pub(crate) fn read(path: impl AsRef<Path>) -> Result<String, String> {
    let path = path.as_ref();
    fs::read_to_string(root().join(path)).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// The names of the directories in crates/, sorted.
pub(crate) fn crates() -> Result<Vec<String>, String> {
    let entries =
        fs::read_dir(root().join("crates")).map_err(|error| format!("cannot read crates/: {error}"))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// Every file below a directory (a path from the root) whose name ends so, as a path from the root, sorted. A directory
/// that is not there holds no file.
pub(crate) fn files(under: &str, ending: &str) -> Vec<PathBuf> {
    let root = root();
    let (mut found, mut left) = (Vec::new(), vec![root.join(under)]);
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("target") && !path.ends_with(".git") {
                    left.push(path);
                }
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path.strip_prefix(&root).map_or(path.clone(), Path::to_owned));
            }
        }
    }
    found.sort();
    found
}

/// Every file that git would commit; without git, every file outside target/.
pub(crate) fn committed() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .ok()
        .filter(|output| output.status.success());
    match listed {
        Some(output) => String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect(),
        None => files("", ""),
    }
}
