//! Every example builds and runs.
//!
//! An example says in one of its first lines how it is run here: `// ci: run ARGUMENTS`, or `// ci: build only, REASON`
//! (a server that runs for ever). One that says nothing is run without arguments. The seed programs are run by
//! `tests/seeds.rs`, with virtual time where they only sleep; here they are built.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::{sh, tree};

/// An example may take this long.
const LIMIT: Duration = Duration::from_secs(60);

/// How an example is run.
#[derive(Debug, PartialEq, Eq)]
enum Manner {
    Run(Vec<String>),
    BuildOnly(String),
}

/// Builds them all in one go, then runs them one by one. The build is the whole workspace's, since `cargo test` has that done
/// already: of one package alone, with fewer features, it would begin from nothing.
pub(crate) fn check() -> Result<(), String> {
    let examples = tree::files("crates/heist/examples", ".rs");
    if examples.is_empty() {
        println!("there are no examples yet");
        return Ok(());
    }
    sh::run(&mut sh::cargo(["build", "--quiet", "--workspace", "--examples"]))?;
    let built = tree::target()?.join("debug").join("examples");
    let mut failed = Vec::new();
    for path in &examples {
        let Some(name) = name(path) else { continue };
        if is_seed(path) {
            continue;
        }
        let arguments = match manner(&tree::read(path)?)? {
            Manner::Run(arguments) => arguments,
            Manner::BuildOnly(why) => {
                println!("{name}: built, not run: {why}");
                continue;
            }
        };
        let output =
            sh::within(LIMIT, Command::new(built.join(&name)).args(&arguments).current_dir(tree::root()))?;
        match output {
            Some(output) if output.status.success() => println!("{name}: ok"),
            Some(output) => {
                println!(
                    "{}{}",
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr)
                );
                failed.push(format!("{name} ended with {}", output.status));
            }
            None => failed.push(format!("{name} did not end within {} s", LIMIT.as_secs())),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join(", ")) }
}

/// The example whose root this file is: `NAME.rs`, `NAME/main.rs` or `seeds/NAME.rs`. Other files are modules.
fn name(path: &Path) -> Option<String> {
    let word = |part: Option<&OsStr>| part.map(|part| part.to_string_lossy().into_owned());
    let stem = word(path.file_stem());
    match word(path.parent().and_then(Path::file_name)).as_deref() {
        Some("examples" | "seeds") => stem,
        Some(directory) if stem.as_deref() == Some("main") => Some(directory.to_owned()),
        _ => None,
    }
}

/// Whether it is a seed program.
fn is_seed(path: &Path) -> bool {
    path.parent().and_then(Path::file_name) == Some(OsStr::new("seeds"))
}

fn manner(text: &str) -> Result<Manner, String> {
    let Some(line) = text.lines().take(20).find_map(|line| line.strip_prefix("// ci: ")) else {
        return Ok(Manner::Run(Vec::new()));
    };
    if let Some(why) = line.strip_prefix("build only, ") {
        return Ok(Manner::BuildOnly(why.to_owned()));
    }
    match line.strip_prefix("run") {
        Some(arguments) => Ok(Manner::Run(arguments.split_whitespace().map(str::to_owned).collect())),
        None => {
            Err(format!("I do not understand `// ci: {line}`: write `run ARGUMENTS` or `build only, REASON`"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_roots_are_examples() {
        let of = |path: &str| name(Path::new("crates/heist/examples").join(path).as_path());
        assert_eq!(of("echo.rs").as_deref(), Some("echo"));
        assert_eq!(of("crawler/main.rs").as_deref(), Some("crawler"));
        assert_eq!(of("seeds/s000_1.rs").as_deref(), Some("s000_1"));
        assert_eq!(of("crawler/http.rs"), None);

        assert!(is_seed(Path::new("crates/heist/examples/seeds/s000_1.rs")));
        assert!(!is_seed(Path::new("crates/heist/examples/echo.rs")));
    }

    #[test]
    fn an_example_says_how_it_is_run() {
        let arguments = |words: &[&str]| Manner::Run(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(manner("//! x\n// ci: run --pages 5\n"), Ok(arguments(&["--pages", "5"])));
        assert_eq!(manner("fn main() {}"), Ok(arguments(&[])));
        assert_eq!(
            manner("// ci: build only, serves for ever"),
            Ok(Manner::BuildOnly("serves for ever".into()))
        );
        assert!(manner("// ci: perhaps").is_err());
    }
}
