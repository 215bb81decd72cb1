//! Which crate may use which.

use crate::tree;

/// A crate and what it may use; what it may not is everything else of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("heist-core", &[]),
    ("heist-timer", &["heist-core"]),
    ("heist-reactor", &["heist-core"]),
    ("heist-scheduler", &["heist-core"]),
    ("heist-sync", &["heist-core"]),
    ("heist-macros", &[]),
    ("heist-streams", &["heist-sync", "heist-timer", "heist-reactor", "heist-scheduler", "heist-core"]),
    (
        "heist",
        &[
            "heist-streams",
            "heist-sync",
            "heist-timer",
            "heist-reactor",
            "heist-scheduler",
            "heist-core",
            "heist-macros",
        ],
    ),
];

/// Every edge of the workspace's published crates is one of [`ARROWS`]. Dev-dependencies are free: a test may look at a
/// crate from above.
pub(crate) fn check() -> Result<(), String> {
    let metadata = tree::metadata()?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let mut forbidden = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        if package["publish"].as_array().is_some_and(Vec::is_empty) {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(krate, _)| *krate == name) else {
            forbidden.push(format!("`{name}` has no row in xtask/src/ci/arrows.rs"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let used = dependency["name"].as_str().unwrap_or_default();
            let ours = ARROWS.iter().any(|(krate, _)| *krate == used) || dependency["path"].is_string();
            let dev = dependency["kind"] == "dev";
            if ours && !dev && !allowed.contains(&used) {
                forbidden.push(format!("{name} -> {used}"));
            }
        }
    }
    if forbidden.is_empty() { Ok(()) } else { Err(format!("forbidden arrows: {}", forbidden.join(", "))) }
}
