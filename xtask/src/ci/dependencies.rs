//! How much of other people's code a user links.

use std::collections::BTreeSet;

use crate::sh;

/// Third-party crates linked with default features.
const LINKED: usize = 15;

/// Third-party crates that only run at build time, for our macros.
const BUILD_TIME: usize = 4;

/// Counts the third-party crates under the facade with default features, on this platform.
pub(crate) fn check() -> Result<(), String> {
    let linked = third_party("normal,no-proc-macro")?;
    let build_time: BTreeSet<String> = third_party("normal,build")?.difference(&linked).cloned().collect();
    println!("linked, {} of at most {LINKED}: {}", linked.len(), list(&linked));
    println!("build time, {} of at most {BUILD_TIME}: {}", build_time.len(), list(&build_time));
    if linked.len() > LINKED {
        return Err(format!("{} third-party crates are linked; at most {LINKED} may be", linked.len()));
    }
    if build_time.len() > BUILD_TIME {
        return Err(format!(
            "{} third-party crates run at build time; at most {BUILD_TIME} may",
            build_time.len()
        ));
    }
    Ok(())
}

fn list(names: &BTreeSet<String>) -> String {
    if names.is_empty() { "none".into() } else { names.iter().cloned().collect::<Vec<_>>().join(", ") }
}

/// `name vVERSION` of each, by the kinds of edges that are followed.
fn third_party(edges: &str) -> Result<BTreeSet<String>, String> {
    let arguments = ["tree", "--package", "heist", "--edges", edges, "--prefix", "none", "--format", "{p}"];
    let text = sh::read(&mut sh::cargo(arguments))?;
    // `(*)` marks what was named before, `(proc-macro)` a macro crate; a crate of the workspace has its path in brackets.
    let names = text.lines().map(|line| line.trim_end_matches(" (*)").replace(" (proc-macro)", ""));
    let names = names.filter(|line| !line.contains('('));
    Ok(names.filter(|name| !name.is_empty()).collect())
}
