//! `cargo xtask ci`: every check that a change must pass.

mod arrows;
mod auto_traits;
mod dependencies;
mod documented;
mod examples;
mod features;
mod house;
mod outside;
mod package;

use std::time::{Duration, Instant};

use crate::{conformance, sh, tree};

/// What a step found.
enum Outcome {
    /// All is well.
    Passed,
    /// It could not be checked here, and why.
    Skipped(String),
}

type Step = fn() -> Result<Outcome, String>;

/// The steps, cheap ones first; those that share a build stand side by side.
const STEPS: &[(&str, &str, Step)] = &[
    ("arrows", "which crate may use which (from cargo metadata)", || passed(arrows::check())),
    ("dependencies", "at most 15 third-party crates are linked, 4 run at build time", || {
        passed(dependencies::check())
    }),
    ("house", "lints, unsafe code, versions, no machine's path and no registry's host in the tree", || {
        passed(house::check())
    }),
    ("conformance", "the list of behaviours, and that no test contradicts it", || {
        passed(conformance::check())
    }),
    ("auto-traits", "every public type stands in the table of Send, Sync and Unpin", || {
        passed(auto_traits::check())
    }),
    ("fmt", "cargo fmt --check", || passed(sh::run(&mut sh::cargo(["fmt", "--all", "--check"])))),
    ("clippy", "clippy on all targets, every warning an error, and the MSRV", || passed(clippy())),
    ("test", "unit, integration and doc tests", || {
        passed(sh::run(&mut sh::cargo(["test", "--quiet", "--workspace"])))
    }),
    ("features", "the workspace's tests have each feature of the facade on", || passed(features::check())),
    (
        "one-shot",
        "the path of platforms without edge-triggered readiness, on polling's own poll backend",
        || passed(one_shot()),
    ),
    ("console", "what tokio-console sees of tasks, which takes a flag", || passed(console())),
    ("examples", "every example builds and runs", || passed(examples::check())),
    ("doc", "the documentation, every warning an error", || passed(doc())),
    ("documented", "every public item shows an example", || passed(documented::check())),
    ("outside", "the README's example in a crate of its own, with each feature", || passed(outside::check())),
    ("package", "cargo package for each crate, and a build from the packages", package::check),
    ("deny", "licences, bans and sources (cargo-deny)", deny),
];

fn passed(result: Result<(), String>) -> Result<Outcome, String> {
    result.map(|()| Outcome::Passed)
}

/// Runs all steps, or the named ones, to the end; then says what each took.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    let (mut wanted, mut skipped) = (Vec::new(), Vec::new());
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "--list" => {
                for (name, what, _) in STEPS {
                    println!("{name:13} {what}");
                }
                return Ok(());
            }
            "--skip" => skipped.extend(words.next().ok_or("`--skip` wants names")?.split(',')),
            name => wanted.push(name),
        }
    }
    if let Some(unknown) =
        wanted.iter().chain(&skipped).find(|name| !STEPS.iter().any(|(step, ..)| step == *name))
    {
        return Err(format!("there is no step `{unknown}`; see `cargo xtask ci --list`"));
    }
    let mut summary = Vec::new();
    let mut failed = Vec::new();
    for (name, what, step) in STEPS {
        if skipped.contains(name) || !(wanted.is_empty() || wanted.contains(name)) {
            continue;
        }
        println!("\n== {name}: {what}");
        let since = Instant::now();
        let verdict = match step() {
            Ok(Outcome::Passed) => "ok".to_owned(),
            Ok(Outcome::Skipped(why)) => format!("skipped: {why}"),
            Err(why) => {
                println!("{name} failed: {why}");
                failed.push(*name);
                "FAILED".to_owned()
            }
        };
        summary.push((name, since.elapsed(), verdict));
    }
    println!();
    for (name, took, verdict) in &summary {
        println!("{name:13} {:7.1} s  {verdict}", Duration::as_secs_f64(took));
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("these steps failed: {}", failed.join(", "))) }
}

fn clippy() -> Result<(), String> {
    let arguments =
        ["clippy", "--quiet", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    sh::run(&mut sh::cargo(arguments))
}

/// Linux has edges; its poll backend has none and stands for the platforms that have none.
fn one_shot() -> Result<(), String> {
    let what = ["--package", "heist-reactor", "--package", "heist-streams", "--lib", "--tests"];
    test_with("polling_test_poll_backend", "one-shot", &what)
}

/// console-subscriber refuses to begin where it was not built with `tokio_unstable` or with this flag.
fn console() -> Result<(), String> {
    test_with("console_without_tokio_unstable", "console", &["--package", "heist-ecosystem-console"])
}

/// Runs tests that are built with a flag, in a directory for that build: the main one keeps its own.
fn test_with(flag: &str, directory: &str, what: &[&str]) -> Result<(), String> {
    let mut command = sh::cargo(["test", "--quiet"]);
    command.args(what).env("RUSTFLAGS", format!("--cfg {flag}"));
    sh::run(command.arg("--target-dir").arg(tree::target()?.join(directory)))
}

fn doc() -> Result<(), String> {
    let mut command = sh::cargo([
        "doc",
        "--quiet",
        "--workspace",
        "--all-features",
        "--no-deps",
        "--document-private-items",
    ]);
    sh::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

fn deny() -> Result<Outcome, String> {
    if !sh::is_there("cargo", &["deny", "--version"]) {
        return Ok(Outcome::Skipped("cargo-deny is not installed".into()));
    }
    // Advisories need the network; they are asked for separately.
    passed(sh::run(&mut sh::cargo(["deny", "check", "licenses", "bans", "sources"])))
}
