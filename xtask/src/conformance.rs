//! Which of asyncio's numbered behaviours a test shows.
//!
//! A test that shows behaviour 17 is called `b017_...`; one that shows number 5 of the additional list is called
//! `a005_...`; one that shows several begins with all of them, `b277_b279_...`.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree;

/// How many behaviours each list has.
const LISTS: &[(char, &str, usize)] = &[('b', "behaviours", 400), ('a', "additional behaviours", 93)];

/// Prints them by file, then what is missing.
pub(crate) fn run() -> Result<(), String> {
    let mut shown: BTreeMap<String, BTreeSet<(char, usize)>> = BTreeMap::new();
    for path in tree::files("crates", ".rs") {
        let numbers: BTreeSet<_> = tree::read(&path)?.lines().flat_map(behaviours).collect();
        if !numbers.is_empty() {
            shown.insert(path.display().to_string(), numbers);
        }
    }
    for (path, numbers) in &shown {
        println!("{path}: {}", numbers.len());
    }
    for (letter, name, count) in LISTS {
        let all: BTreeSet<usize> =
            shown.values().flatten().filter(|(list, _)| list == letter).map(|(_, number)| *number).collect();
        let outside: Vec<usize> =
            all.iter().copied().filter(|number| !(1..=*count).contains(number)).collect();
        if !outside.is_empty() {
            return Err(format!("{letter}{outside:?}: there are only {count} {name}"));
        }
        let missing: Vec<usize> = (1..=*count).filter(|number| !all.contains(number)).collect();
        println!("{name}: {} of {count} shown; missing: {}", all.len(), ranges(&missing));
    }
    Ok(())
}

/// The behaviours that the line's function shows: the numbers at the front of its name.
fn behaviours(line: &str) -> Vec<(char, usize)> {
    let Some((_, name)) = line.split_once("fn ") else { return Vec::new() };
    name.split('_').map_while(number).collect()
}

/// `b017` is behaviour 17.
fn number(word: &str) -> Option<(char, usize)> {
    let letter = word.chars().next().filter(|letter| LISTS.iter().any(|(list, ..)| list == letter))?;
    let digits = word.get(1..).filter(|digits| digits.len() == 3)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((letter, digits.parse().ok()?))
}

/// `1-3, 7` for `[1, 2, 3, 7]`.
fn ranges(numbers: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let shown = |(first, last): &(usize, usize)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    if runs.is_empty() { "none".into() } else { runs.iter().map(shown).collect::<Vec<_>>().join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_recognised() {
        assert_eq!(behaviours("    async fn b017_gather_keeps_order() {"), [('b', 17)]);
        assert_eq!(behaviours("fn b277_b279_a082_read() {"), [('b', 277), ('b', 279), ('a', 82)]);
        assert_eq!(behaviours("fn barrier() {"), []);
        assert_eq!(behaviours("fn b17_short() {"), []);
        assert_eq!(behaviours("let b017_x = 1;"), []);
        assert_eq!(behaviours("fn b"), []);
    }

    #[test]
    fn ranges_are_joined() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1-3, 7, 9-10");
        assert_eq!(ranges(&[]), "none");
    }
}
