//! `cargo xtask conformance`: which of asyncio's numbered behaviours a test shows.
//!
//! The [`list`] in `docs/asyncio/behaviours/` says what there is, by area, and what is not applicable in Rust. A test shows
//! a behaviour by its name, see [`shown`]. This module sets one against the other.

mod list;
mod number;
mod shown;

use std::collections::BTreeMap;
use std::io::Write;

use crate::tree;
use list::{Area, List};
use number::{Kind, Number, ranges};
use shown::Test;

/// Where the list is.
const DIRECTORY: &str = "docs/asyncio/behaviours";

const HELP: &str = "\
usage: cargo xtask conformance [--area A,B] [--require A,B] [--tests]

  --area A,B     these areas only (TASK, CANCEL, ...)
  --require A,B  fail if a behaviour of these areas is missing
  --tests        name the tests that show each behaviour
";

/// What the words of the command ask for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    /// Empty: all of them.
    areas: Vec<String>,
    required: Vec<String>,
    tests: bool,
}

/// Prints what is shown, not applicable and missing, by area.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    if words.contains(&"--help") {
        print!("{HELP}");
        return Ok(());
    }
    let options = options(words)?;
    let standing = Standing::read()?;
    for code in options.areas.iter().chain(&options.required) {
        standing.list.area(code).ok_or_else(|| {
            let known: Vec<&str> = standing.list.areas.iter().map(|area| area.code.as_str()).collect();
            format!("there is no area `{code}`; there are {}", known.join(", "))
        })?;
    }
    let wanted = |area: &&Area| options.areas.is_empty() || options.areas.contains(&area.code);
    let areas: Vec<&Area> = standing.list.areas.iter().filter(wanted).collect();
    let mut text: String = areas.iter().map(|area| standing.report(area, options.tests)).collect();
    text.push_str(&standing.totals(&areas));
    text.push('\n');
    // One that reads the first lines only, `head`, is no reason to panic.
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| format!("cannot print the list: {error}"))?;
    let missing = options.required.iter().filter_map(|code| {
        let missing = standing.missing(standing.list.area(code)?);
        (!missing.is_empty()).then(|| format!("{code}: {}", ranges(&missing)))
    });
    let missing: Vec<String> = missing.collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("no test shows these: {}", missing.join("; "))) }
}

/// The areas that are built: nothing is missing there.
const BUILT: &str = "RUN,TASK,CANCEL,EAGER,FUT,TG,TIMEOUT,WAITFOR,GATHER,WAIT,ASCOMP,SHIELD,SLEEP,THREAD,CTX,INTRO,\
    LOOP,EXC,SIG,SOCK,NET,TRANS,READER,WRITER,TLS,LOCK,EVENT,COND,SEM,BARRIER,QUEUE,SUBPROC,PIPE,SENDFILE";

/// For `cargo xtask ci`: the list has its form, the tests and the list do not contradict one another, and the areas that
/// are built are whole.
pub(crate) fn check() -> Result<(), String> {
    run(&["--require", BUILT])
}

fn options(words: &[&str]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let into = match word {
            "--area" => &mut options.areas,
            "--require" => &mut options.required,
            "--tests" => {
                options.tests = true;
                continue;
            }
            other => return Err(format!("I do not know `{other}`\n\n{HELP}")),
        };
        let codes = words.next().ok_or_else(|| format!("`{word}` wants areas, with commas between"))?;
        into.extend(codes.split(',').map(|code| code.trim().to_uppercase()));
    }
    Ok(options)
}

/// The list and the tests.
struct Standing {
    list: List,
    tests: BTreeMap<Number, Vec<Test>>,
}

impl Standing {
    /// Reads both; an error names everything that is wrong with them.
    fn read() -> Result<Self, String> {
        let mut files = Vec::new();
        for path in tree::files(DIRECTORY, ".md") {
            files.push((path.display().to_string(), tree::read(&path)?));
        }
        let (list, mut wrong) = list::parse(&files);
        let mut sources = Vec::new();
        for path in tree::files("crates", ".rs") {
            if path.components().any(|part| matches!(part.as_os_str().to_str(), Some("src" | "tests"))) {
                sources.push((path.display().to_string(), tree::read(&path)?));
            }
        }
        let standing = Self { list, tests: shown::tests(&sources) };
        wrong.extend(standing.contradictions());
        if wrong.is_empty() { Ok(standing) } else { Err(format!("\n  {}", wrong.join("\n  "))) }
    }

    /// Tests for what the list does not know, or calls not applicable.
    fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (number, tests) in &self.tests {
            let what = match self.list.behaviours.get(number) {
                None => "the list has no such behaviour".to_owned(),
                Some(behaviour) => match &behaviour.not_applicable {
                    None => continue,
                    Some(reason) => format!("the list says that it is not applicable: {reason}"),
                },
            };
            found.extend(tests.iter().map(|test| format!("{test} shows {number}, but {what}")));
        }
        found
    }

    fn is_shown(&self, number: Number) -> bool {
        self.tests.contains_key(&number)
    }

    fn reason(&self, number: Number) -> Option<&str> {
        self.list.behaviours.get(&number)?.not_applicable.as_deref()
    }

    fn missing(&self, area: &Area) -> Vec<Number> {
        let missing = |number: &Number| !self.is_shown(*number) && self.reason(*number).is_none();
        area.numbers.iter().copied().filter(missing).collect()
    }

    /// The lines about one area.
    fn report(&self, area: &Area, with_tests: bool) -> String {
        let mut lines = vec![format!("{}: {}", area.code, area.title)];
        let shown: Vec<Number> =
            area.numbers.iter().copied().filter(|number| self.is_shown(*number)).collect();
        let mut line = |name: &str, numbers: &[Number]| {
            if !numbers.is_empty() {
                lines.push(format!("  {name:14}  {}", ranges(numbers)));
            }
        };
        line("shown", &shown);
        line("missing", &self.missing(area));
        for number in &area.numbers {
            if let Some(reason) = self.reason(*number) {
                lines.push(format!("  {:14}  {number}: {reason}", "not applicable"));
            }
            for test in self.tests.get(number).into_iter().flatten().filter(|_| with_tests) {
                lines.push(format!("    {number}  {test}"));
            }
        }
        lines.join("\n") + "\n"
    }

    /// The last line: `shown N, not applicable N, missing N of 400; adapted: N, N, N of 93`.
    fn totals(&self, areas: &[&Area]) -> String {
        let count = |kind: Kind| {
            let numbers = || areas.iter().flat_map(|area| &area.numbers).filter(move |n| n.kind == kind);
            let shown = numbers().filter(|number| self.is_shown(**number)).count();
            let not_applicable = numbers().filter(|number| self.reason(**number).is_some()).count();
            let all = numbers().count();
            (shown, not_applicable, all - shown - not_applicable, all)
        };
        let (shown, not_applicable, missing, all) = count(Kind::Direct);
        let adapted = count(Kind::Adapted);
        format!(
            "shown {shown}, not applicable {not_applicable}, missing {missing} of {all}; adapted: {}, {}, {} of {}",
            adapted.0, adapted.1, adapted.2, adapted.3
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(list: &str, source: &str) -> Standing {
        let (list, _) = list::parse(&[("list.md".to_owned(), list.to_owned())]);
        Standing { list, tests: shown::tests(&[("t.rs".to_owned(), source.to_owned())]) }
    }

    const LIST: &str = "\
## ONE: first (3 + 1)

- b001 This.
- b002 That.
- b003 (not applicable: it is impossible) Nothing.
- a001 Other.

## TWO: second (1 + 0)

- b004 More.
";

    #[test]
    fn an_area_says_what_is_shown_missing_and_not_applicable() {
        let standing = standing(LIST, "#[test] fn b001_a001_x() {}");
        let areas: Vec<&Area> = standing.list.areas.iter().collect();
        assert_eq!(
            standing.report(areas[0], true),
            "ONE: first\n  shown           b001; a001\n  missing         b002\n    b001  t.rs: b001_a001_x\n  \
             not applicable  b003: it is impossible\n    a001  t.rs: b001_a001_x\n"
        );
        assert_eq!(
            standing.totals(&areas),
            "shown 1, not applicable 1, missing 2 of 4; adapted: 1, 0, 0 of 1"
        );
        assert_eq!(
            standing.totals(&areas[1..]),
            "shown 0, not applicable 0, missing 1 of 1; adapted: 0, 0, 0 of 0"
        );
        assert_eq!(standing.contradictions(), [""; 0]);
    }

    #[test]
    fn a_test_for_what_cannot_be_is_an_error() {
        let standing = standing(LIST, "#[test] fn b003_x() {} #[test] fn b009_y() {}");
        assert_eq!(
            standing.contradictions(),
            [
                "t.rs: b003_x shows b003, but the list says that it is not applicable: it is impossible",
                "t.rs: b009_y shows b009, but the list has no such behaviour",
            ]
        );
    }

    #[test]
    fn the_words_of_the_command() {
        let words = options(&["--area", "task,CANCEL", "--require", "TASK"]).unwrap();
        assert_eq!((words.areas.len(), words.required), (2, vec!["TASK".to_owned()]));
        assert_eq!(words.areas[0], "TASK");
        assert!(options(&["--area"]).unwrap_err().contains("wants areas"));
        assert!(options(&["--ares", "x"]).unwrap_err().contains("I do not know `--ares`"));
    }

    #[test]
    fn the_list_of_the_project_is_whole() {
        check().unwrap();
    }
}
