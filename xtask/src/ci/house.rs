//! House rules that are a matter of text.

use std::path::Path;

use crate::tree;

/// Lints that the workspace must set.
const LINTS: &[&str] = &[
    "missing_docs",
    "missing_debug_implementations",
    "unsafe_op_in_unsafe_fn",
    "undocumented_unsafe_blocks",
    "multiple_unsafe_ops_per_block",
    "incompatible_msrv = \"deny\"",
];

/// The roots that must forbid unsafe code. The benches deny it, with named exceptions.
const FORBID_UNSAFE: &[&str] = &[
    "crates/streams/src/lib.rs",
    "crates/heist/src/lib.rs",
    "crates/macros/src/lib.rs",
    "docs/guide/lib.rs",
    "xtask/src/main.rs",
];

/// Parts of paths that exist on one machine only. In two pieces, so that this file does not name them.
const MACHINE_PATHS: &[(&str, &str)] =
    &[("/ho", "me/"), ("/ro", "ot/"), ("/Us", "ers/"), ("/wo", "rk/"), ("C:\\Us", "ers"), ("/bui", "lds/")];

/// How a tree names a registry other than the default one. In two pieces, as above.
const REGISTRIES: &[(&str, &str)] = &[
    ("replace", "-with"),
    ("[regis", "tries"),
    ("spar", "se+"),
    ("static.", "crates.io"),
    ("index.", "crates.io"),
];

/// The source of every package in Cargo.lock.
const DEFAULT_SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Checks them all, and names every breach.
pub(crate) fn check() -> Result<(), String> {
    let mut breaches = Vec::new();
    let manifest = tree::read("Cargo.toml")?;
    breaches
        .extend(LINTS.iter().filter(|lint| !manifest.contains(**lint)).map(|lint| format!("no lint {lint}")));
    for path in tree::committed() {
        let Ok(text) = tree::read(&path) else { continue };
        breaches.extend(breaches_of(&path, &text));
    }
    for root in FORBID_UNSAFE {
        if !tree::read(root)?.contains("#![forbid(unsafe_code)]") {
            breaches.push(format!("{root}: no #![forbid(unsafe_code)]"));
        }
    }
    if breaches.is_empty() { Ok(()) } else { Err(format!("\n  {}", breaches.join("\n  "))) }
}

fn breaches_of(path: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let at = |line: usize, what: String| format!("{}:{}: {what}", path.display(), line + 1);
    for (number, line) in text.lines().enumerate() {
        for (front, back) in MACHINE_PATHS {
            let word = format!("{front}{back}");
            // Part of a longer path or of a URL is something else.
            let starts = |index: usize| {
                !line[..index].ends_with(|c: char| {
                    c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '~' | '}' | '*')
                })
            };
            if line.match_indices(&word).any(|(index, _)| starts(index)) {
                found.push(at(number, format!("names a path of one machine, {word}")));
            }
        }
        for (front, back) in REGISTRIES {
            let word = format!("{front}{back}");
            if line.contains(&word) {
                found.push(at(number, format!("names a package registry, {word}")));
            }
        }
        if line.trim_start().starts_with("//") && line.contains("# #[path") {
            let what =
                "a module with a file in an example: all examples of its crate are then compiled one by one";
            found.push(at(number, what.into()));
        }
        if path.ends_with("Cargo.lock") && line.starts_with("source = ") && !line.contains(DEFAULT_SOURCE) {
            found.push(at(number, "a package from another source than the default registry".into()));
        }
    }
    if path.ends_with("Cargo.toml") && text.contains("[package]") {
        for wanted in
            ["[lints]\nworkspace = true", "rust-version.workspace = true", "license.workspace = true"]
        {
            if !text.contains(wanted) {
                found.push(format!("{}: no `{}`", path.display(), wanted.replace('\n', " ")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_path_is_found_and_a_relative_one_is_not() {
        let bad = format!("see {}{}me/x", "/ho", "me/");
        assert_eq!(breaches_of(Path::new("a.md"), &bad).len(), 1);
        assert!(breaches_of(Path::new("a.md"), "src/work/x and https://a.b/work/x").is_empty());
    }

    #[test]
    fn a_foreign_source_in_the_lock_file_is_found() {
        let bad = "source = \"git+https://example.org/x\"";
        assert_eq!(breaches_of(Path::new("Cargo.lock"), bad).len(), 1);
        assert!(breaches_of(Path::new("Cargo.lock"), &format!("source = \"{DEFAULT_SOURCE}\"")).is_empty());
    }

    #[test]
    fn a_file_in_an_example_is_found() {
        let bad = format!("    /// # {}", "#[path = \"support.rs\"]");
        assert_eq!(breaches_of(Path::new("a.rs"), &bad).len(), 1);
        assert!(breaches_of(Path::new("a.rs"), "#[path = \"support.rs\"]\nmod support;").is_empty());
    }

    #[test]
    fn a_manifest_without_our_lints_is_found() {
        let breaches = breaches_of(Path::new("x/Cargo.toml"), "[package]\nname = \"x\"\n");
        assert_eq!(breaches.len(), 3);
    }
}
