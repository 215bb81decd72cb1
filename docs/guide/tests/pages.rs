//! The pages hang together: each is in the table of contents and among the tests, and each link leads somewhere.
#![cfg(not(heist_loom))]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The Markdown files in a directory and those below it.
fn pages_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => pages_in(&path),
            false if path.extension().is_some_and(|extension| extension == "md") => vec![path],
            false => Vec::new(),
        })
        .collect()
}

/// A page without what stands between fences.
fn prose(page: &Path) -> String {
    let mut fenced = false;
    let text = fs::read_to_string(page).unwrap();
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The targets of a page's links to other pages, and within itself.
fn links(page: &Path) -> Vec<String> {
    let text = prose(page);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
    targets.filter(|target| !target.contains("://")).map(str::to_owned).collect()
}

/// The anchors that a forge, and mdBook, give a page's headings.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = prose(page);
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#'));
    headings
        .map(|heading| {
            let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect()
}

/// Whether a link of `page` leads to something that is there.
fn leads_somewhere(page: &Path, link: &str) -> bool {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() { page.to_owned() } else { page.parent().unwrap().join(path) };
    target.exists() && (anchor.is_empty() || anchors(&target).contains(anchor))
}

#[test]
fn each_link_leads_somewhere() {
    let mut pages = pages_in(&root().join("docs"));
    pages.push(root().join("README.md"));
    let dead: Vec<_> = pages
        .iter()
        .flat_map(|page| links(page).into_iter().map(move |link| (page, link)))
        .filter(|(page, link)| !leads_somewhere(page, link))
        .map(|(page, link)| format!("{}: {link}", page.display()))
        .collect();
    assert!(pages.len() > 40 && dead.is_empty(), "links to nowhere:\n{}", dead.join("\n"));
}

#[test]
fn each_page_is_in_the_table_of_contents() {
    let docs = root().join("docs");
    let summary = docs.join("SUMMARY.md");
    let listed: BTreeSet<_> = links(&summary).iter().map(|link| docs.join(link)).collect();
    let all: BTreeSet<_> = pages_in(&docs).into_iter().filter(|page| *page != summary).collect();
    let missing: Vec<_> = all.difference(&listed).collect();
    assert!(missing.is_empty(), "not in docs/SUMMARY.md: {missing:#?}");
}

#[test]
fn each_page_of_the_guide_is_among_the_doc_tests() {
    let guide = root().join("docs/guide");
    let tested = fs::read_to_string(guide.join("lib.rs")).unwrap();
    for page in pages_in(&guide) {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(tested.contains(&format!("\"{name}\"")), "{name} is not in docs/guide/lib.rs");
    }
}

#[test]
fn no_page_elsewhere_has_code_that_is_not_tested() {
    let guide = root().join("docs/guide");
    // The pages on other people's libraries are tested where these are at hand.
    let tested = fs::read_to_string(root().join("docs/ecosystem/src/lib.rs")).unwrap();
    for page in pages_in(&root().join("docs")).iter().filter(|page| !page.starts_with(&guide)) {
        let text = fs::read_to_string(page).unwrap();
        let is_tested =
            tested.contains(&format!("include_str!(\"../../{}\")", page.file_name().unwrap().display()));
        assert!(
            is_tested || !text.contains("```rust"),
            "{} has Rust code: the crates of docs/guide and docs/ecosystem test pages",
            page.display()
        );
    }
}
