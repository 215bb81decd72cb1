//! `cargo xtask ci`: every check that a change must pass.

mod arrows;
mod dependencies;
mod documented;
mod examples;
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
    ("fmt", "cargo fmt --check", || passed(sh::run(&mut sh::cargo(["fmt", "--all", "--check"])))),
    ("clippy", "clippy on all targets, every warning an error, and the MSRV", || passed(clippy())),
    ("test", "unit, integration and doc tests", || {
        passed(sh::run(&mut sh::cargo(["test", "--quiet", "--workspace"])))
    }),
    ("features", "the tests of what is behind a feature", || passed(features())),
    (
        "one-shot",
        "the path of platforms without edge-triggered readiness, on polling's own poll backend",
        || passed(one_shot()),
    ),
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

/// What the workspace's tests leave out, since no feature is on.
fn features() -> Result<(), String> {
    let streams = ["test", "--quiet", "--package", "heist-streams", "--features", "tls"];
    sh::run(sh::cargo(streams).args(["--lib", "--tests"]))?;
    sh::run(sh::cargo(streams).args(["--doc", "tls"]))?;
    let facade = ["test", "--quiet", "--package", "heist", "--features", "serve,tls"];
    sh::run(sh::cargo(facade).args(["--test", "auto_traits", "--test", "tls", "--test", "tls_peers"]))?;
    sh::run(sh::cargo(facade).args(["--doc", "--", "serve", "hyper"]))
}

/// Linux has edges; its poll backend has none and stands for the platforms that have none.
fn one_shot() -> Result<(), String> {
    let mut command = sh::cargo([
        "test",
        "--quiet",
        "--package",
        "heist-reactor",
        "--package",
        "heist-streams",
        "--lib",
        "--tests",
    ]);
    command.env("RUSTFLAGS", "--cfg polling_test_poll_backend");
    // Other flags, another directory: the main one keeps its build.
    sh::run(command.arg("--target-dir").arg(tree::target()?.join("one-shot")))
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
