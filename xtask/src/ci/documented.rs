//! Every public item shows an example.
//!
//! Which items are public is not written in any one place of the source: private modules, re-exports, macros and features
//! all have a say. rustdoc knows, so the pages that it writes are read, those of each crate in `crates/`. What has an
//! example on its page has one that the doc tests run.
//!
//! The methods of a trait are shown by the example of their trait. Items of the standard library that we re-export are not
//! ours to show. What is public only because another crate of ours needs it is `#[doc(hidden)]`, and has no page.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{sh, tree};

/// The kinds of pages that are looked at, by the first part of their file's name. Others are modules and lists.
const KINDS: &[&str] =
    &["attr", "constant", "derive", "enum", "fn", "macro", "static", "struct", "trait", "type", "union"];

/// Where a page goes over from what an item has of its own to what it has of others.
const ENDS: &[&str] = &[
    "id=\"trait-implementations\"",
    "id=\"deref-methods-",
    "id=\"synthetic-implementations\"",
    "id=\"blanket-implementations\"",
    "id=\"foreign-impls\"",
    "id=\"implementors\"",
];

/// Crates of others that we re-export whole: rustdoc has pages of theirs under our names, without links to a source.
const FOREIGN: &[&str] = &["heist::tls::rustls::"];

/// Something on a page that should show an example.
#[derive(Debug, PartialEq, Eq)]
struct Item {
    name: String,
    /// The link to its source, from the root of all pages; for an item of another crate without pages its name.
    place: String,
    has_example: bool,
}

/// Writes the pages, reads them, and names every item without an example.
pub(crate) fn check() -> Result<(), String> {
    document()?;
    let (mut seen, mut missing) = (BTreeSet::new(), Vec::new());
    for krate in tree::crates()? {
        let name = package(&krate).replace('-', "_");
        let found = items_of(&name)?;
        let shown = found.iter().filter(|item| item.has_example).count();
        if shown == 0 {
            let why = "has rustdoc changed their form?";
            return Err(format!("no example was found on the pages of {name}: {why}"));
        }
        println!("{name}: {shown} of {} items with an example", found.len());
        // A re-export is on several pages.
        let new = found.into_iter().filter(|item| seen.insert(item.place.clone()));
        missing.extend(new.filter(|item| !item.has_example));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = missing.iter().map(|item| format!("{} ({})", item.name, item.place)).collect();
    Err(format!(
        "public items without an example; write one, or hide what is no API:\n  {}",
        lines.join("\n  ")
    ))
}

/// The package in that directory of `crates/`.
fn package(krate: &str) -> String {
    if krate == "heist" { krate.to_owned() } else { format!("heist-{krate}") }
}

/// Everything that is ours on the pages of a crate.
fn items_of(name: &str) -> Result<Vec<Item>, String> {
    let directory = tree::target()?.join("doc").join(name);
    let mut found = Vec::new();
    for link in links(&tree::read(directory.join("all.html"))?) {
        let path = format!("{name}::{}", path_of(link));
        if !FOREIGN.iter().any(|foreign| path.starts_with(foreign)) {
            found.extend(items(&path, &tree::read(directory.join(link))?));
        }
    }
    Ok(found)
}

/// The pages as a reader gets them, without private items.
fn document() -> Result<(), String> {
    let mut command = sh::cargo(["doc", "--quiet", "--no-deps", "--all-features", "--lib"]);
    for krate in tree::crates()? {
        command.args(["--package", &package(&krate)]);
    }
    sh::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// The pages that a crate's `all.html` lists.
fn links(list: &str) -> Vec<&str> {
    let targets = list.split("<li><a href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    targets.filter(|link| link.ends_with(".html") && KINDS.contains(&kind_of(link))).collect()
}

/// `struct` for `sync/struct.Lock.html`.
fn kind_of(link: &str) -> &str {
    let file = Path::new(link).file_name().and_then(|name| name.to_str()).unwrap_or(link);
    file.split('.').next().unwrap_or(file)
}

/// `sync::Lock` for `sync/struct.Lock.html`.
fn path_of(link: &str) -> String {
    let link = link.strip_suffix(".html").unwrap_or(link);
    link.replace(&format!("{}.", kind_of(link)), "").replace('/', "::")
}

/// The item of a page, and its own methods.
fn items(name: &str, page: &str) -> Vec<Item> {
    let page = page.split_once("id=\"main-content\"").map_or(page, |(_, main)| main);
    let end = ENDS.iter().filter_map(|end| page.find(end)).min().unwrap_or(page.len());
    let page = &page[..end];
    let own = page.split_once("class=\"section-header\"").map_or(page, |(own, _)| own);
    let methods = page.split("<section id=\"method.").skip(1).filter_map(|text| {
        let (method, rest) = text.split_once("\" class=\"method\"")?;
        // A quote says that this is some other section: a method of a trait.
        (!method.contains('"')).then(|| item(format!("{name}::{method}"), rest))
    });
    let is_trait = own.contains("<h1>Trait <span");
    let found = [item(name.to_owned(), own)].into_iter().chain(methods.filter(|_| !is_trait));
    found.filter(|item| !item.place.starts_with("https://doc.rust-lang.org/")).collect()
}

/// What there is about an item up to the next one.
fn item(name: String, text: &str) -> Item {
    let text = text.split("<section id=\"").next().unwrap_or(text);
    let link = text.split_once("class=\"src").and_then(|(_, rest)| rest.split_once("href=\""));
    let source = link.and_then(|(_, rest)| rest.split('"').next()).map(|link| link.trim_start_matches("../"));
    let place = source.unwrap_or(&name).to_owned();
    Item { name, place, has_example: text.contains("class=\"example-wrap") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str =
        "<div class=\"example-wrap\"><pre class=\"rust rust-example-rendered\"></pre></div>";

    /// A page as rustdoc writes it, as far as we look: a struct, two methods, one of a trait's, one of what it derefs to.
    fn page(of_struct: &str, of_method: &str) -> String {
        format!(
            "<nav><section id=\"method.get\"></nav><section id=\"main-content\" class=\"content\">\
             <h1>Struct <span class=\"struct\">Lock</span></h1>\
             <a class=\"src\" href=\"../src/heist_sync/lock.rs.html#1-9\">Source</a>{of_struct}\
             <h2 id=\"implementations\" class=\"section-header\">Implementations</h2>\
             <section id=\"impl-Lock\" class=\"impl\"><a class=\"src rightside\" href=\"x\">Source</a></section>\
             <section id=\"method.get\" class=\"method\">\
             <a class=\"src rightside\" href=\"../src/heist_sync/lock.rs.html#20\">Source</a></section>{of_method}\
             <section id=\"method.set\" class=\"method\">\
             <a class=\"src rightside\" href=\"../src/heist_sync/lock.rs.html#30\">Source</a></section>{EXAMPLE}\
             <section id=\"method.fmt\" class=\"method trait-impl\"></section>\
             <h2 id=\"deref-methods-T\" class=\"section-header\"></h2><section id=\"method.len\" class=\"method\">"
        )
    }

    fn without_example(page: &str) -> Vec<String> {
        let missing = items("heist_sync::Lock", page).into_iter().filter(|item| !item.has_example);
        missing.map(|item| format!("{} {}", item.name, item.place)).collect()
    }

    #[test]
    fn items_with_examples_pass() {
        let page = page(EXAMPLE, EXAMPLE);
        assert_eq!(items("heist_sync::Lock", &page).len(), 3, "the struct and its own methods");
        assert_eq!(without_example(&page), [""; 0]);
    }

    #[test]
    fn a_struct_without_an_example_is_found() {
        assert_eq!(without_example(&page("", EXAMPLE)), ["heist_sync::Lock src/heist_sync/lock.rs.html#1-9"]);
    }

    #[test]
    fn a_method_without_an_example_is_found() {
        assert_eq!(
            without_example(&page(EXAMPLE, "<p>Only words.</p>")),
            ["heist_sync::Lock::get src/heist_sync/lock.rs.html#20"]
        );
    }

    #[test]
    fn the_standard_library_and_the_methods_of_traits_are_left_out() {
        let foreign = page("", "").replace("../src/heist_sync", "https://doc.rust-lang.org/1.95.0/src/std");
        assert_eq!(without_example(&foreign), [""; 0]);
        let of_trait = page(EXAMPLE, "").replace("<h1>Struct", "<h1>Trait");
        assert_eq!(without_example(&of_trait), [""; 0]);
    }

    #[test]
    fn pages_are_found_in_the_list_of_all() {
        let list = "<h3 id=\"structs\"></h3><li><a href=\"#structs\">x</a></li>\
                    <li><a href=\"struct.Event.html\">Event</a></li><li><a href=\"mpsc/fn.channel.html\">c</a></li>\
                    <li><a href=\"mpsc/index.html\">m</a></li>";
        assert_eq!(links(list), ["struct.Event.html", "mpsc/fn.channel.html"]);
        assert_eq!(path_of("mpsc/fn.channel.html"), "mpsc::channel");
    }
}
