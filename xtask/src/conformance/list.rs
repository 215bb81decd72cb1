//! The list of behaviours, as `docs/asyncio/behaviours.md` describes its form.
//!
//! ```text
//! ## SHIELD: shield (7 + 0)
//!
//! - b173 The inner task's value, or its error, comes
//!   through unchanged.
//! - a042 (not applicable: REASON) A delay that is not a number is refused.
//! ```

use std::collections::BTreeMap;

use super::number::{Kind, Number, ranges};

/// What stands between number and text where a behaviour cannot be had.
const NOT_APPLICABLE: &str = "(not applicable: ";

/// All areas, by their lowest number, and their behaviours.
#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) areas: Vec<Area>,
    pub(super) behaviours: BTreeMap<Number, Behaviour>,
}

impl List {
    pub(super) fn area(&self, code: &str) -> Option<&Area> {
        self.areas.iter().find(|area| area.code == code)
    }
}

/// A heading, and the numbers under it in the order of the list.
#[derive(Debug)]
pub(super) struct Area {
    pub(super) code: String,
    pub(super) title: String,
    pub(super) numbers: Vec<Number>,
    /// What the heading says of their number, direct and adapted.
    counts: (usize, usize),
    /// Where the heading is, for messages.
    place: String,
}

/// One item of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Behaviour {
    pub(super) not_applicable: Option<String>,
    text: String,
}

/// Reads the files (name, text); the second part of what it returns is everything that is wrong with them.
pub(super) fn parse(files: &[(String, String)]) -> (List, Vec<String>) {
    let (mut list, mut wrong) = (List::default(), Vec::new());
    for (file, text) in files {
        let before = list.areas.len();
        for (line, item) in items(text) {
            let place = format!("{file}:{line}");
            let read = match item.strip_prefix("## ") {
                Some(title) => heading(&mut list, title, &place),
                None if list.areas.len() == before => Err("a behaviour before the first area".to_owned()),
                None => behaviour(&mut list, item.trim_start_matches("- ")),
            };
            wrong.extend(read.err().map(|what| format!("{place}: {what}")));
        }
    }
    list.areas.sort_by_key(|area| area.numbers.iter().min().copied());
    wrong.extend(list.areas.iter().filter_map(miscounted));
    let missing: Vec<Number> = Number::all().filter(|number| !list.behaviours.contains_key(number)).collect();
    if !missing.is_empty() {
        wrong.push(format!("the list lacks {}", ranges(&missing)));
    }
    (list, wrong)
}

/// The headings and the list items, each with its further lines joined to it, and the number of its first line. Other text
/// is for the reader.
fn items(text: &str) -> Vec<(usize, String)> {
    let mut items: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("## ") || line.starts_with("- ") {
            items.push((index + 1, line.to_owned()));
            open = line.starts_with("- ");
        } else if let (true, Some(more), Some((_, item))) = (open, line.strip_prefix("  "), items.last_mut())
        {
            item.push(' ');
            item.push_str(more.trim());
        } else {
            open = false;
        }
    }
    items
}

/// `SHIELD: shield (7 + 0)`, or `TLS (7 + 1)`.
fn heading(list: &mut List, text: &str, place: &str) -> Result<(), String> {
    let form = || format!("`## {text}` is not of the form `## CODE: title (N + M)`");
    let (title, counts) = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")).ok_or_else(form)?;
    let (direct, adapted) = counts.split_once(" + ").ok_or_else(form)?;
    let counts = (direct.parse().map_err(|_| form())?, adapted.parse().map_err(|_| form())?);
    let (code, title) = title.split_once(": ").unwrap_or((title, title));
    if code.is_empty() || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(form());
    }
    if let Some(other) = list.area(code) {
        return Err(format!("the area {code} stands at {}, too", other.place));
    }
    let (code, title, place) = (code.to_owned(), title.to_owned(), place.to_owned());
    list.areas.push(Area { code, title, numbers: Vec::new(), counts, place });
    Ok(())
}

/// `b173 TEXT` or `a042 (not applicable: REASON) TEXT`.
fn behaviour(list: &mut List, text: &str) -> Result<(), String> {
    let form = || format!("`{text}` does not begin with a number (`b034`, `a034`) and a text");
    let (number, rest) = text.split_once(' ').ok_or_else(form)?;
    let number = Number::parse(number).ok_or_else(form)?;
    if number.number == 0 || number.number > number.kind.count() {
        return Err(format!("{number}: these numbers end at {}", number.kind.count()));
    }
    let (not_applicable, rest) = match rest.strip_prefix(NOT_APPLICABLE) {
        None if rest.starts_with('(') => {
            return Err(format!("{number}: in brackets only `{NOT_APPLICABLE}REASON)` can stand here"));
        }
        None => (None, rest),
        Some(rest) => {
            let end = closing(rest).ok_or_else(|| format!("{number}: the reason does not end"))?;
            (Some(rest[..end].trim().to_owned()), rest[end + 1..].trim())
        }
    };
    if rest.is_empty() || not_applicable.as_ref().is_some_and(String::is_empty) {
        return Err(format!("{number}: a text, and a reason where it is not applicable, must stand there"));
    }
    let new = Behaviour { not_applicable, text: rest.to_owned() };
    if let Some(old) = list.behaviours.get(&number) {
        return Err(format!("{number} stands twice: `{}` and `{}`", old.text, new.text));
    }
    list.behaviours.insert(number, new);
    if let Some(area) = list.areas.last_mut() {
        area.numbers.push(number);
    }
    Ok(())
}

/// Where the bracket closes that was opened before the text.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.char_indices().find_map(|(index, character)| match character {
        '(' => {
            depth += 1;
            None
        }
        ')' if depth == 0 => Some(index),
        ')' => {
            depth -= 1;
            None
        }
        _ => None,
    })
}

fn miscounted(area: &Area) -> Option<String> {
    let count = |kind| area.numbers.iter().filter(|number| number.kind == kind).count();
    let counts = (count(Kind::Direct), count(Kind::Adapted));
    (counts != area.counts).then(|| {
        format!(
            "{}: {} says {} + {}, but has {} + {}",
            area.place, area.code, area.counts.0, area.counts.1, counts.0, counts.1
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with it, but for what it lacks.
    fn wrong(text: &str) -> Vec<String> {
        let (_, mut wrong) = parse(&[("f.md".to_owned(), text.to_owned())]);
        assert!(wrong.pop().is_some_and(|last| last.starts_with("the list lacks ")));
        wrong
    }

    #[test]
    fn a_list_is_read() {
        let text = "# Title\n\nProse.\n\n## GATHER: gather (1 + 1)\n\n- b001 One\n  and more.\n\
                    - a002 (not applicable: f() is no g) Two.\n\nProse.\n  Indented.\n\n## TLS (0 + 0)\n";
        let (list, wrong) = parse(&[("f.md".to_owned(), text.to_owned())]);
        assert_eq!(wrong, ["the list lacks b002-b400; a001, a003-a093"]);
        let gather = list.area("GATHER").unwrap();
        assert_eq!((gather.title.as_str(), ranges(&gather.numbers).as_str()), ("gather", "b001; a002"));
        let behaviours: Vec<&Behaviour> = list.behaviours.values().collect();
        assert_eq!(*behaviours[0], Behaviour { not_applicable: None, text: "One and more.".into() });
        let (reason, text) = (Some("f() is no g".into()), "Two.".into());
        assert_eq!(*behaviours[1], Behaviour { not_applicable: reason, text });
        assert_eq!(list.area("TLS").unwrap().title, "TLS");
    }

    #[test]
    fn a_number_stands_once() {
        let found = wrong("## A: a (1 + 0)\n- b001 One.\n- b001 Two.\n");
        assert_eq!(found, ["f.md:3: b001 stands twice: `One.` and `Two.`"]);
    }

    #[test]
    fn an_area_counts_right_and_stands_once() {
        let found = wrong("## A: a (2 + 1)\n- b001 One.\n## A: b (0 + 0)\n");
        assert_eq!(
            found,
            ["f.md:3: the area A stands at f.md:1, too", "f.md:1: A says 2 + 1, but has 1 + 0"]
        );
    }

    #[test]
    fn what_has_another_form_is_named() {
        for (text, what) in [
            ("- b001 One.", "f.md:1: a behaviour before the first area"),
            ("## A (0 + 0)\n- b1 One.", "does not begin with a number"),
            ("## A (0 + 0)\n- b001", "does not begin with a number"),
            ("## A (0 + 0)\n- b401 One.", "b401: these numbers end at 400"),
            ("## A (0 + 0)\n- a000 One.", "a000: these numbers end at 93"),
            ("## A (0 + 0)\n- a001 (n/a) One.", "in brackets only"),
            ("## A (0 + 0)\n- a001 (not applicable: (x) One.", "the reason does not end"),
            ("## A (0 + 0)\n- a001 (not applicable: x)", "a text, and a reason"),
            ("## A (0 + 0)\n- a001 (not applicable: ) One.", "a text, and a reason"),
            ("## Other things", "is not of the form"),
            ("## Area (0 + 0)", "is not of the form"),
            ("## A: a (x + 0)", "is not of the form"),
        ] {
            let found = wrong(text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].contains(what), "{text}: {found:?}");
        }
    }
}
