//! `cargo package` for each crate, and a build of what the packages hold.
//!
//! Cargo's own verification is left out: it takes the crates that are not yet published from a registry that it makes up,
//! and cargo keeps what it once unpacked from a registry under that name and version for ever, so the second run would
//! verify the packages of the first. Here the packages are unpacked side by side and built from there.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::ci::Outcome;
use crate::{sh, tree};

/// Packages everything that can be published at once, so that the crates find one another unpublished; then unpacks and
/// builds it.
pub(crate) fn check() -> Result<Outcome, String> {
    let packages = published()?;
    let mut command = sh::cargo(["package", "--quiet", "--allow-dirty", "--no-verify"]);
    for (name, _) in &packages {
        command.args(["--package", name]);
    }
    sh::run(&mut command)?;
    if !sh::is_there("tar", &["--version"]) {
        return Ok(Outcome::Skipped(
            "packaged, but not built from the packages: tar is not installed".into(),
        ));
    }
    let target = tree::target()?;
    let unpacked = target.join("unpacked");
    let failed = |what: &Path, error: std::io::Error| format!("{}: {error}", what.display());
    if unpacked.exists() {
        fs::remove_dir_all(&unpacked).map_err(|error| failed(&unpacked, error))?;
    }
    fs::create_dir_all(&unpacked).map_err(|error| failed(&unpacked, error))?;
    for (name, version) in &packages {
        let package = target.join("package").join(format!("{name}-{version}.crate"));
        sh::run(Command::new("tar").arg("-xzf").arg(package).arg("-C").arg(&unpacked))?;
    }
    for (file, text) in [("Cargo.toml", manifest(&packages)), ("Cargo.lock", tree::read("Cargo.lock")?)] {
        let path = unpacked.join(file);
        fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    // What the crate outside the workspace has built of third parties is used again.
    let mut build = sh::cargo(["build", "--quiet", "--workspace"]);
    sh::run(build.current_dir(&unpacked).env("CARGO_TARGET_DIR", target.join("outside").join("target")))?;
    Ok(Outcome::Passed)
}

/// Name and version of every crate that is published.
fn published() -> Result<Vec<(String, String)>, String> {
    let metadata = tree::metadata()?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let packages = packages.filter(|package| !package["publish"].as_array().is_some_and(Vec::is_empty));
    let word = |package: &serde_json::Value, key: &str| package[key].as_str().unwrap_or_default().to_owned();
    Ok(packages.map(|package| (word(package, "name"), word(package, "version"))).collect())
}

/// A workspace of the unpacked crates, in which each stands for its published self.
fn manifest(packages: &[(String, String)]) -> String {
    let members: Vec<String> =
        packages.iter().map(|(name, version)| format!("\"{name}-{version}\"")).collect();
    let patches: Vec<String> = packages
        .iter()
        .map(|(name, version)| format!("{name} = {{ path = \"{name}-{version}\" }}\n"))
        .collect();
    format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n[patch.crates-io]\n{}",
        members.join(", "),
        patches.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unpacked_crates_stand_for_the_published_ones() {
        let packages = [("a".to_owned(), "1.0.0".to_owned()), ("b".to_owned(), "0.2.0".to_owned())];
        let text = manifest(&packages);
        assert!(text.contains("members = [\"a-1.0.0\", \"b-0.2.0\"]"));
        assert!(text.contains("b = { path = \"b-0.2.0\" }"));
    }
}
