//! `cargo xtask loom`: runs the models, and shows that they can fail.
//!
//! A model is a test in a module `models`, compiled under `--cfg heist_loom`. It prints one line
//! `model NAME: bound B, N iterations, T ms`. A mutant is a step of a protocol that can be left out at run time
//! (`heist_core::sync::mutant`, chosen by the variable `HEIST_MUTANT`); the design pages end with a table of the mutants
//! and the models that each must break.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{sh, tree};

/// One model may take this long.
const LIMIT: Duration = Duration::from_secs(600);

/// A model: the test program that holds it, and its full name there.
type Models = BTreeMap<String, PathBuf>;

/// Runs the models, or the mutants.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    let mutants = words.contains(&"--mutants");
    let names: Vec<&str> = words.iter().copied().filter(|word| *word != "--mutants").collect();
    if names.len() > 1 || names.iter().any(|name| name.starts_with('-')) {
        return Err(format!(
            "usage: cargo xtask loom [NAME] [--mutants]; I do not understand `{}`",
            words.join(" ")
        ));
    }
    let name = names.first().copied().unwrap_or_default();
    let models = build()?;
    if mutants { run_mutants(&models, name) } else { run_models(&models, name) }
}

/// Builds the test program of every crate that has models, and lists the models.
fn build() -> Result<Models, String> {
    let mut packages = Vec::new();
    for directory in tree::crates()? {
        let sources = tree::files(&format!("crates/{directory}/src"), ".rs");
        let has_models = |path: &PathBuf| tree::read(path).is_ok_and(|text| text.contains("mod models"));
        if sources.iter().any(has_models) {
            packages.push(if directory == "heist" { directory } else { format!("heist-{directory}") });
        }
    }
    if packages.is_empty() {
        println!("no crate has models yet");
        return Ok(Models::new());
    }
    let mut command =
        sh::cargo(["test", "--release", "--lib", "--no-run", "--message-format=json-render-diagnostics"]);
    for package in &packages {
        command.args(["--package", package]);
    }
    command.env("RUSTFLAGS", "--cfg heist_loom").env("CARGO_TARGET_DIR", tree::target()?.join("loom"));
    println!("$ {}", sh::shown(&command));
    let messages = sh::read(&mut command)?;
    let mut models = Models::new();
    for message in messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let Some(program) = message["executable"].as_str() else { continue };
        for line in sh::read(Command::new(program).arg("--list"))?.lines() {
            if let Some(name) = line.strip_suffix(": test").filter(|name| is_model(name)) {
                let package = message["target"]["name"].as_str().unwrap_or_default();
                models.insert(format!("{package}::{name}"), program.into());
            }
        }
    }
    Ok(models)
}

/// Whether the path of a test has a module `models`.
fn is_model(name: &str) -> bool {
    name.split("::").any(|part| part == "models")
}

/// The command for one model. The name of its test is the full one, without that of its crate.
fn command(model: &str, program: &PathBuf) -> Command {
    let test = model.split_once("::").map_or(model, |(_, test)| test);
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture", "--test-threads", "1"]).current_dir(tree::root());
    // Only what this run chooses may be left out.
    command.env_remove("HEIST_MUTANT");
    command
}

/// How one model ended.
enum Ending {
    /// It passed, and said this.
    Passed(String),
    /// It failed, and said this.
    Failed(String),
    /// It was still running at the limit.
    Endless,
}

fn end_of(model: &str, program: &PathBuf, mutant: Option<&str>) -> Result<Ending, String> {
    let mut command = command(model, program);
    if let Some(mutant) = mutant {
        command.env("HEIST_MUTANT", mutant);
    }
    let Some(output) = sh::within(LIMIT, &mut command)? else { return Ok(Ending::Endless) };
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok(if output.status.success() { Ending::Passed(text) } else { Ending::Failed(text) })
}

/// Does all jobs, as many at a time as there are cores; the results are in the order of the jobs.
fn side_by_side<J: Sync, R: Send>(jobs: &[J], work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<R>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { break };
                    let result = work(job);
                    *results[index].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                }
            });
        }
    });
    results
        .into_iter()
        .filter_map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner))
        .collect()
}

fn run_models(models: &Models, filter: &str) -> Result<(), String> {
    let began = Instant::now();
    let chosen: Vec<_> = models.iter().filter(|(model, _)| model.contains(filter)).collect();
    if chosen.is_empty() && !filter.is_empty() {
        return Err(format!("no model's name contains `{filter}`"));
    }
    let passed = side_by_side(&chosen, |(model, program)| -> Result<bool, String> {
        let since = Instant::now();
        let ending = end_of(model, program, None)?;
        let seconds = since.elapsed().as_secs_f64();
        let text = match ending {
            Ending::Passed(text) => text,
            Ending::Failed(text) => {
                println!("{text}\n{model}: FAILED");
                return Ok(false);
            }
            Ending::Endless => {
                println!("{model}: did not end within {} s", LIMIT.as_secs());
                return Ok(false);
            }
        };
        let said: Vec<&str> = text.lines().filter_map(|line| Some(&line[line.find("model ")?..])).collect();
        if said.is_empty() {
            println!("{model}: passed in {seconds:.1} s, but does not print its bound and iterations");
            return Ok(false);
        }
        println!("{model} [{seconds:.1} s]\n    {}", said.join("\n    "));
        Ok(true)
    });
    println!("{} models in {:.0} s", chosen.len(), began.elapsed().as_secs_f64());
    let mut failed = Vec::new();
    for ((model, _), passed) in chosen.iter().zip(passed) {
        if !passed? {
            failed.push(model.as_str());
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(format!("{} models failed: {}", failed.len(), failed.join(", ")))
    }
}

fn run_mutants(models: &Models, filter: &str) -> Result<(), String> {
    let mut table = Vec::new();
    for page in tree::files("docs/design", ".md") {
        table.extend(rows(&tree::read(&page)?));
    }
    let mut wrong = unlisted(&table)?;
    let mut pairs = Vec::new();
    for (mutant, name) in
        table.iter().filter(|(mutant, model)| mutant.contains(filter) || model.contains(filter))
    {
        match models.iter().find(|(model, _)| names(model, name)) {
            Some((model, program)) => pairs.push((mutant, model, program)),
            None => wrong.push(format!("{mutant}: there is no model `{name}`")),
        }
    }
    if pairs.is_empty() && wrong.is_empty() && !filter.is_empty() {
        return Err(format!("no mutant and no model of the tables contains `{filter}`"));
    }
    let unmutated: BTreeMap<&str, &PathBuf> =
        pairs.iter().map(|(_, model, program)| (model.as_str(), *program)).collect();
    let unmutated: Vec<_> = unmutated.into_iter().collect();
    let passes = side_by_side(&unmutated, |(model, program)| end_of(model, program, None));
    let mut broken = BTreeSet::new();
    for ((model, _), ending) in unmutated.iter().zip(passes) {
        if !matches!(ending?, Ending::Passed(_)) {
            broken.insert(*model);
            wrong.push(format!("{model} fails without any mutant"));
        }
    }
    let verdicts = side_by_side(&pairs, |(mutant, model, program)| {
        let since = Instant::now();
        let verdict = match end_of(model, program, Some(mutant.as_str()))? {
            _ if broken.contains(model.as_str()) => Err("fails without the mutant too"),
            Ending::Failed(_) => Ok("fails, as it must"),
            Ending::Passed(_) => Err("does not notice"),
            Ending::Endless => Err("did not end"),
        };
        let (Ok(said) | Err(said)) = verdict;
        println!("{mutant}: {model} {said} [{:.1} s]", since.elapsed().as_secs_f64());
        Ok::<_, String>(verdict.map_err(|said| format!("{mutant}: {model} {said}")))
    });
    for verdict in verdicts {
        wrong.extend(verdict?.err());
    }
    println!("{} pairs of mutant and model", pairs.len());
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n       ")) }
}

/// Whether the name in the table means this model: its last part, or as much of the path as is given.
fn names(model: &str, name: &str) -> bool {
    model.strip_suffix(name).is_some_and(|front| front.is_empty() || front.ends_with("::"))
}

/// Mutants that the code asks about and no table lists, and the other way round.
fn unlisted(table: &[(String, String)]) -> Result<Vec<String>, String> {
    let listed: BTreeSet<&str> = table.iter().map(|(mutant, _)| mutant.as_str()).collect();
    let mut asked = BTreeSet::new();
    for path in tree::files("crates", ".rs") {
        let text = tree::read(&path)?;
        let calls = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for call in calls.flat_map(|line| line.split("mutant(\"").skip(1)) {
            asked.extend(call.split_once('"').map(|(name, _)| name.to_owned()));
        }
    }
    let unlisted = asked.iter().filter(|name| !listed.contains(name.as_str()));
    let unlisted =
        unlisted.map(|name| format!("{name}: asked about in the code, in no table of docs/design"));
    let unknown = listed.iter().filter(|name| !asked.contains(**name));
    let unknown =
        unknown.map(|name| format!("{name}: in a table of docs/design, but the code never asks about it"));
    Ok(unlisted.chain(unknown).collect())
}

/// The rows of every table headed `| mutant | model |`; a cell may name several models, separated by commas.
fn rows(page: &str) -> Vec<(String, String)> {
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.replace('`', "").trim().to_owned()).collect()
    };
    let (mut rows, mut inside) = (Vec::new(), false);
    for line in page.lines() {
        if !line.trim_start().starts_with('|') {
            inside = false;
            continue;
        }
        let cells = cells(line);
        if cells.len() >= 2 && cells[0] == "mutant" && cells[1].starts_with("model") {
            inside = true;
        } else if inside && cells.len() >= 2 && !cells[0].starts_with('-') && !cells[0].starts_with(':') {
            let models = cells[1].split(',').map(str::trim).filter(|model| !model.is_empty());
            rows.extend(models.map(|model| (cells[0].clone(), model.to_owned())));
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_and_others_are_left() {
        let page = "# x\n| mutant | model |\n|---|---|\n| `a-b` | `one`, two |\n\n| file | model |\n|---|---|\n| c | d |\n";
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(rows(page), [pair("a-b", "one"), pair("a-b", "two")]);
    }

    #[test]
    fn a_name_means_whole_parts_of_the_path() {
        assert!(names("heist_core::park::models::wake_races_park", "wake_races_park"));
        assert!(names("heist_core::park::models::wake_races_park", "models::wake_races_park"));
        assert!(!names("heist_core::park::models::wake_races_park", "park"));
    }
}
