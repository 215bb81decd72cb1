//! What the attributes say about a mistake, and where: each case is compiled by rustc, which must fail with exactly one
//! error, at the given line and column.

#![cfg(not(heist_loom))]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// What the programs need of the facade.
const FACADE: &str = "\
extern crate self as heist;
pub use heist_macros::{main, test};
pub mod __private {
    pub struct MainConfig { pub workers: Option<usize>, pub current_thread: bool, pub virtual_time: bool }
    pub fn run_main<F: Future>(_: MainConfig, _: F) -> F::Output { loop {} }
    pub fn run_test<F: Future>(_: MainConfig, _: F) -> F::Output { loop {} }
}
";

/// The compiled macros: the newest of the libraries beside this test.
fn library() -> PathBuf {
    let directory = std::env::current_exe().unwrap();
    let directory = directory.parent().unwrap();
    let name = format!("{}heist_macros", std::env::consts::DLL_PREFIX);
    let changed =
        |path: &Path| path.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let found = std::fs::read_dir(directory).unwrap().flatten().map(|entry| entry.path()).filter(|path| {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        file.starts_with(&name) && file.ends_with(std::env::consts::DLL_SUFFIX)
    });
    found.max_by_key(|path| changed(path)).expect("cargo has built the macros")
}

/// What rustc says about the program: `line:column: message` of each error. The program begins at line 1.
fn errors_of(name: &str, program: &str) -> Vec<String> {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory).unwrap();
    let source = directory.join("case.rs");
    std::fs::write(&source, format!("{program}\n{FACADE}")).unwrap();
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition", "2024", "--crate-type", "bin", "--emit", "metadata", "--error-format", "short"]);
    // A test has a `main` of its own, which would hide that of the program.
    if !program.contains("#[heist::main") {
        rustc.arg("--test");
    }
    rustc.arg("--extern").arg(format!("heist_macros={}", library().display()));
    let output = rustc.arg("--out-dir").arg(&directory).arg(&source).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let place = format!("{}:", source.display());
    let errors = text.lines().filter(|line| line.contains(": error")).map(|line| line.replace(&place, ""));
    let errors: Vec<String> = errors.collect();
    assert_eq!(output.status.success(), errors.is_empty(), "{text}");
    errors
}

#[track_caller]
fn fails(name: &str, program: &str, place: &str, hint: &str) {
    let errors = errors_of(name, program);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(errors[0].starts_with(&format!("{place}: ")) && errors[0].contains(hint), "{errors:#?}");
}

#[test]
fn the_cases_without_a_mistake_compile() {
    assert_eq!(errors_of("good", "#[heist::main(workers = 2)]\nasync fn main() {}"), [""; 0]);
    assert_eq!(
        errors_of("good_test", "fn main() {}\n#[heist::test(virtual_time)]\nasync fn t() {}"),
        [""; 0]
    );
}

#[test]
fn a_function_that_is_not_async() {
    fails("not_async", "#[heist::test]\nfn t() {}\nfn main() {}", "2:1", "write `async fn t()`");
}

#[test]
fn a_parameter() {
    fails("parameter", "fn main() {}\n#[heist::test]\nasync fn t(count: u8) {}", "3:12", "std::env::args()");
}

#[test]
fn a_main_that_cannot_be_is_one_mistake() {
    fails("main_not_async", "#[heist::main]\nfn main() {}", "2:1", "write `async fn main()`");
    fails("main_parameter", "#[heist::main]\nasync fn main(count: u8) {}", "2:15", "std::env::args()");
    fails("main_option", "#[heist::main(threads = 2)]\nasync fn main() {}", "1:15", "there is no option");
}

#[test]
fn a_generic_function() {
    fails("generic", "fn main() {}\n#[heist::test]\nasync fn t<T>() {}", "3:11", "cannot be generic");
}

#[test]
fn an_unknown_option() {
    fails(
        "unknown",
        "#[heist::main(threads = 4)]\nasync fn main() {}",
        "1:15",
        "there is no option `threads`",
    );
}

#[test]
fn virtual_time_in_main() {
    fails("virtual", "#[heist::main(virtual_time)]\nasync fn main() {}", "1:15", "`#[heist::test]` only");
}

#[test]
fn no_workers() {
    fails("zero", "#[heist::main(workers = 0)]\nasync fn main() {}", "1:25", "write `workers = 4`");
    fails("word", "#[heist::main(workers = \"two\")]\nasync fn main() {}", "1:25", "write `workers = 4`");
    fails("nothing", "#[heist::main(workers)]\nasync fn main() {}", "1:15", "write `workers = 4`");
}

#[test]
fn options_that_contradict_one_another() {
    let program = "#[heist::main(workers = 2, current_thread)]\nasync fn main() {}";
    fails("contradiction", program, "1:28", "leave out `workers` or `current_thread`");
    fails(
        "twice",
        "#[heist::main(workers = 2, workers = 2)]\nasync fn main() {}",
        "1:28",
        "stands here twice",
    );
}

#[test]
fn options_without_a_comma() {
    let program = "fn main() {}\n#[heist::test(current_thread virtual_time)]\nasync fn t() {}";
    fails("comma", program, "2:30", "a comma");
}

#[test]
fn two_test_attributes() {
    fails("two", "fn main() {}\n#[heist::test]\n#[test]\nasync fn t() {}", "3:2", "leave out `#[test]`");
}

#[test]
fn something_that_is_no_function() {
    fails("struct", "fn main() {}\n#[heist::test]\nstruct S;", "3:1", "stands before an `async fn`");
}

#[test]
fn a_type_error_in_the_body_stays_where_it_is() {
    let program = "#[heist::main]\nasync fn main() -> Result<(), String> {\n    Ok(1)\n}";
    fails("mismatch", program, "3:8", "mismatched types");
}
