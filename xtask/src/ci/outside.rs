//! A crate outside the workspace that depends on the facade alone: what a user has.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::{sh, tree};

/// The program may take this long.
const LIMIT: Duration = Duration::from_secs(60);

/// Compiles the README's first example in it with default features, with none, and with each feature, and runs each.
pub(crate) fn check() -> Result<(), String> {
    let readme = tree::read("README.md")?;
    let example =
        first_example(&readme).ok_or("README.md has no example: a block that begins with ```rust")?;
    let directory = tree::target()?.join("outside");
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    fs::create_dir_all(directory.join("src"))
        .map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
    write("src/main.rs", &example)?;
    // The same versions as the workspace, so that what it has fetched is enough.
    write("Cargo.lock", &tree::read("Cargo.lock")?)?;
    let features = features()?;
    let mut variants = vec![("default features".to_owned(), String::new())];
    variants.push(("no features".to_owned(), ", default-features = false".to_owned()));
    for feature in features.iter().filter(|feature| *feature != "default") {
        if feature == "pyo3" && !sh::is_there("python3", &["--version"]) {
            println!("-- feature pyo3: skipped, python3 is not installed, and it is built for one");
            continue;
        }
        variants.push((format!("feature {feature}"), format!(", features = [\"{feature}\"]")));
    }
    for (name, options) in variants {
        write("Cargo.toml", &manifest(&tree::root(), &options))?;
        println!("-- {name}");
        let mut build = sh::cargo(["build", "--quiet"]);
        build.current_dir(&directory).env("CARGO_TARGET_DIR", directory.join("target"));
        sh::run(&mut build)?;
        let output = sh::within(LIMIT, &mut Command::new(directory.join("target/debug/outside")))?;
        let output =
            output.ok_or_else(|| format!("with {name} it did not end within {} s", LIMIT.as_secs()))?;
        print!("{}", String::from_utf8_lossy(&output.stdout));
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("with {name} it ended with {}:\n{said}", output.status));
        }
    }
    Ok(())
}

fn manifest(root: &Path, options: &str) -> String {
    let path = root.join("crates").join("heist");
    format!(
        "[package]\nname = \"outside\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nheist = {{ path = {path:?}{options} }}\n"
    )
}

/// The features of the facade.
fn features() -> Result<Vec<String>, String> {
    let metadata = tree::metadata()?;
    let facade =
        metadata["packages"].as_array().into_iter().flatten().find(|package| package["name"] == "heist");
    let features =
        facade.and_then(|facade| facade["features"].as_object()).ok_or("the workspace has no `heist`")?;
    Ok(features.keys().cloned().collect())
}

/// The text of the first block that begins with ```rust.
fn first_example(readme: &str) -> Option<String> {
    let mut lines = readme.lines().skip_while(|line| !line.starts_with("```rust"));
    lines.next()?;
    let body: Vec<&str> = lines.take_while(|line| !line.starts_with("```")).collect();
    (!body.is_empty()).then(|| body.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rust_block_is_taken() {
        let readme = "x\n```sh\ny\n```\n```rust\nfn main() {}\n```\n```rust\nother\n```\n";
        assert_eq!(first_example(readme).as_deref(), Some("fn main() {}\n"));
        assert_eq!(first_example("nothing"), None);
    }
}
