//! Every public type stands in the table of what may go to another thread.

use std::collections::BTreeSet;

use crate::public::Crates;
use crate::tree;

/// Where the tables are.
const TABLES: &str = "crates/heist/tests/auto_traits";

/// Compares the public types of the facade with the rows `PATH<..> => ".."` of the tables. What each row says is compared by
/// the test itself.
pub(crate) fn check() -> Result<(), String> {
    let mut rows = BTreeSet::new();
    for path in tree::files(TABLES, ".rs") {
        rows.extend(tree::read(&path)?.lines().filter_map(row).map(str::to_owned));
    }
    let types = Crates::read()?.types_of("heist");
    let missing: Vec<&str> = types
        .paths()
        .filter(|paths| paths.is_disjoint(&rows))
        .filter_map(|paths| paths.iter().min_by_key(|path| path.len()))
        .map(String::as_str)
        .collect();
    println!("{} public types, {} rows", types.paths().count(), rows.len());
    if types.paths().next().is_none() {
        return Err("the facade seems to have no types at all: the scan does not work any more".into());
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("the tables in {TABLES} have no row for these:\n  {}", missing.join("\n  ")))
}

/// The type of a row, without its parameters.
fn row(line: &str) -> Option<&str> {
    let (named, _) = line.trim().split_once(" => \"")?;
    let path = named.split_once('<').map_or(named, |(path, _)| path);
    path.starts_with("heist::").then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_from_other_lines() {
        assert_eq!(row("        heist::Task<u8> => \"Send\","), Some("heist::Task"));
        assert_eq!(row("heist::net::TcpStream => \"\","), Some("heist::net::TcpStream"));
        assert_eq!(row("is_send(heist::fs::read(\"nowhere\"));"), None);
        assert_eq!(row("Err(error) => \"Send\","), None);
    }
}
