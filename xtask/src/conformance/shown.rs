//! Which tests show a behaviour.
//!
//! A test shows the behaviours whose numbers stand at the front of its name. A test is a function right behind an attribute
//! whose last word is `test` (`#[test]`, `#[heist::test(virtual_time)]`), or a name that is handed directly to a macro whose
//! definition makes such functions (`on_both_flavours! { async fn b034_x() { .. } }`, `tests!(b034_x => ..)`). One that is
//! ignored shows nothing; neither does a helper, a text, or a macro's definition.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::number::Number;
use crate::tokens::{Token, group, tokens};

/// Words that may stand between a function's attributes and its name.
const BEFORE_A_NAME: &[&str] =
    &["pub", "crate", "super", "self", "in", "const", "async", "unsafe", "extern", "fn"];

/// A test, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Test {
    file: String,
    name: String,
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.name)
    }
}

/// The tests in these sources (name of the file, text), by what they show.
pub(super) fn tests(sources: &[(String, String)]) -> BTreeMap<Number, Vec<Test>> {
    let sources: Vec<(&String, Vec<Token>)> =
        sources.iter().map(|(file, text)| (file, tokens(text))).collect();
    let macros = test_macros(sources.iter().map(|(_, tokens)| tokens.as_slice()));
    let mut found: BTreeMap<Number, Vec<Test>> = BTreeMap::new();
    for (file, tokens) in &sources {
        let mut names = Vec::new();
        test_names(tokens, &macros, false, &mut names);
        for name in names {
            for number in Number::at_front(&name) {
                found.entry(number).or_default().push(Test { file: (*file).clone(), name: name.clone() });
            }
        }
    }
    found
}

/// The macros whose definitions hold a test's attribute, or call such a macro.
fn test_macros<'a>(sources: impl Iterator<Item = &'a [Token]>) -> BTreeSet<String> {
    let definitions: Vec<(&str, &[Token])> = sources.flat_map(definitions).collect();
    let mut macros = BTreeSet::new();
    loop {
        let before = macros.len();
        for (name, body) in &definitions {
            let calls_one = |index: usize| called(body, index).is_some_and(|name| macros.contains(name));
            let has_attribute =
                |index: usize| attribute(&body[index..]).is_some_and(|(name, _)| name == "test");
            if (0..body.len()).any(|index| has_attribute(index) || calls_one(index)) {
                macros.insert((*name).to_owned());
            }
        }
        if macros.len() == before {
            return macros;
        }
    }
}

/// Name and body of each `macro_rules!`.
fn definitions(tokens: &[Token]) -> Vec<(&str, &[Token])> {
    let definition = |index| {
        let (name, length) = definition(&tokens[index..])?;
        Some((name, &tokens[index..index + length]))
    };
    (0..tokens.len()).filter_map(definition).collect()
}

/// The name and length of the `macro_rules!` at the front.
fn definition(tokens: &[Token]) -> Option<(&str, usize)> {
    match tokens {
        [Token::Word(word), Token::Sign('!'), Token::Word(name), rest @ ..] if word == "macro_rules" => {
            Some((name, 3 + group(rest)?))
        }
        _ => None,
    }
}

/// The macro that is called here.
fn called(tokens: &[Token], index: usize) -> Option<&str> {
    match tokens.get(index..)? {
        [Token::Word(name), Token::Sign('!'), Token::Sign('(' | '[' | '{'), ..] => Some(name),
        _ => None,
    }
}

/// The last word of the path of the attribute at the front, and the length of the attribute.
fn attribute(tokens: &[Token]) -> Option<(&str, usize)> {
    let [Token::Sign('#'), rest @ ..] = tokens else { return None };
    if !rest.first()?.is('[') {
        return None;
    }
    let path = rest[1..].iter().take_while(|token| token.word().is_some() || token.is(':'));
    let name = path.filter_map(Token::word).last().unwrap_or_default();
    Some((name, 1 + group(rest)?))
}

/// Adds the names of the tests; `handed_over`: these are a test macro's arguments, in which each name on the outermost level
/// counts.
fn test_names(tokens: &[Token], macros: &BTreeSet<String>, handed_over: bool, names: &mut Vec<String>) {
    let (mut test, mut ignored) = (false, false);
    let mut at = 0;
    while at < tokens.len() {
        if let Some((name, length)) = attribute(&tokens[at..]) {
            test |= name == "test";
            ignored |= name == "ignore";
            at += length;
            continue;
        }
        if let Some((_, length)) = definition(&tokens[at..]) {
            at += length;
            continue;
        }
        if called(tokens, at).is_some_and(|name| macros.contains(name)) {
            let length = group(&tokens[at + 2..]).unwrap_or(0);
            let arguments = tokens.get(at + 3..at + 1 + length).unwrap_or_default();
            test_names(arguments, macros, true, names);
            (test, ignored) = (false, false);
            at += 2 + length;
            continue;
        }
        if let (Token::Sign('(' | '[' | '{'), true) = (&tokens[at], handed_over) {
            at += group(&tokens[at..]).unwrap_or(1);
            (test, ignored) = (false, false);
            continue;
        }
        match tokens[at].word() {
            Some(word) if BEFORE_A_NAME.contains(&word) => {}
            Some(word) => {
                let function = at > 0 && tokens[at - 1].word() == Some("fn");
                if !ignored && (handed_over || (test && function)) {
                    names.push(word.to_owned());
                }
                (test, ignored) = (false, false);
            }
            // `pub(crate)`, `extern "C"`.
            None if tokens[at].is('(') || tokens[at].is(')') || tokens[at] == Token::Literal => {}
            None => (test, ignored) = (false, false),
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::super::number::ranges;
    use super::*;

    fn shown(source: &str) -> String {
        let found = tests(&[("t.rs".to_owned(), source.to_owned())]);
        ranges(&found.keys().copied().collect::<Vec<_>>())
    }

    #[test]
    fn a_test_has_an_attribute() {
        assert_eq!(shown("#[test]\nfn b001_x() {}"), "b001");
        assert_eq!(shown("#[test]\n#[should_panic]\nfn b001_b002_a003_x() {}"), "b001-b002; a003");
        assert_eq!(shown("#[heist::test(virtual_time)]\npub(crate) async fn b001_x() {}"), "b001");
        assert_eq!(shown("#[ :: heist :: test]\nasync unsafe extern \"C\" fn b001_x() {}"), "b001");
        assert_eq!(shown("mod m { use x::y; #[cfg(unix)] #[test] fn b001_x() {} }"), "b001");
    }

    #[test]
    fn what_is_no_test_shows_nothing() {
        for source in [
            "fn b001_x() {}",
            "#[cfg(test)] fn b001_x() {}",
            "#[test] fn other() { fn b001_x() {} }",
            "#[test] const N: u8 = 1; fn b001_x() {}",
            "#[test] fn other() {} async fn b001_x() {}",
            "// #[test] fn b001_x() {}",
            "const T: &str = \"#[test] fn b001_x() {}\";",
            "#[test] #[ignore] fn b001_x() {}",
            "#[ignore = \"slow\"] #[test] fn b001_x() {}",
            "#[test] fn shows_b001() {}",
            "macro_rules! m { () => { #[test] fn b001_x() {} } }",
            "assert!(b001_x);",
            "other! { fn b001_x() {} }",
            "#![test] fn b001_x() {}",
        ] {
            assert_eq!(shown(source), "", "{source}");
        }
    }

    #[test]
    fn a_macro_makes_tests() {
        let definition = "macro_rules! both { ($n:ident, $b:expr) => { mod $n { #[test] fn one() {} } } }\n";
        assert_eq!(shown(&format!("{definition} both!(b001_x, async {{ b002_y() }});")), "b001");
        assert_eq!(shown(&format!("{definition} support::both! {{ b001_x, f(b002_y) }}")), "b001");
        assert_eq!(
            shown(&format!("{definition} both! {{ async fn b001_x() {{ b002_y }} fn b003_z() {{}} }}")),
            "b001, b003"
        );
        assert_eq!(shown(&format!("{definition} both! {{ #[ignore] async fn b001_x() {{}} }}")), "");
        let outer = "macro_rules! outer { ($n:ident) => { both!($n, 1); } }\n";
        assert_eq!(shown(&format!("{outer} {definition} outer!(b001_x);")), "b001");
        assert_eq!(shown(&format!("{outer} outer!(b001_x);")), "");
    }

    #[test]
    fn a_macro_of_another_file_is_known() {
        let files = [
            ("a.rs".to_owned(), "both!(b001_x);".to_owned()),
            (
                "b.rs".to_owned(),
                "macro_rules! both { ($n:ident) => { #[heist::test] async fn $n() {} } }".to_owned(),
            ),
        ];
        let found = tests(&files);
        let shown: Vec<String> = found.values().flatten().map(Test::to_string).collect();
        assert_eq!(shown, ["a.rs: b001_x"]);
    }

    #[test]
    fn sources_that_do_not_compile_do_no_harm() {
        for source in ["#[test", "#[", "macro_rules! m {", "both!(", "#[test] fn", "}", "r#\"", "'"] {
            shown(source);
        }
    }
}
