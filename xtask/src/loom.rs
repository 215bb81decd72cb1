//! `cargo xtask loom`: runs the models, and shows that they can fail.
//!
//! A model is a test in a module `models`, compiled under `--cfg heist_loom`. It prints one line
//! `model NAME: bound B, N iterations, T ms`. A mutant is a step of a protocol that can be left out at run time
//! (`heist_core::sync::mutant`, chosen by the variable `HEIST_MUTANT`); the design pages end with a table of the mutants
//! and the models that each must break.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
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

fn run_models(models: &Models, filter: &str) -> Result<(), String> {
    let began = Instant::now();
    let (mut count, mut failed) = (0, Vec::new());
    for (model, program) in models.iter().filter(|(model, _)| model.contains(filter)) {
        count += 1;
        let since = Instant::now();
        let output = sh::within(LIMIT, &mut command(model, program))?;
        let seconds = since.elapsed().as_secs_f64();
        let Some(output) = output else {
            println!("{model}: did not end within {} s", LIMIT.as_secs());
            failed.push(model.as_str());
            continue;
        };
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let said: Vec<&str> = text.lines().filter_map(|line| Some(&line[line.find("model ")?..])).collect();
        if !output.status.success() {
            println!("{text}\n{model}: FAILED");
            failed.push(model);
        } else if said.is_empty() {
            println!("{model}: passed in {seconds:.1} s, but does not print its bound and iterations");
            failed.push(model);
        } else {
            println!("{model} [{seconds:.1} s]\n    {}", said.join("\n    "));
        }
    }
    println!("{count} models in {:.0} s", began.elapsed().as_secs_f64());
    if count == 0 && !filter.is_empty() {
        return Err(format!("no model's name contains `{filter}`"));
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
    let mut passes = BTreeMap::new();
    let mut count = 0;
    for (mutant, name) in
        table.iter().filter(|(mutant, model)| mutant.contains(filter) || model.contains(filter))
    {
        let Some((model, program)) = models.iter().find(|(model, _)| names(model, name)) else {
            wrong.push(format!("{mutant}: there is no model `{name}`"));
            continue;
        };
        count += 1;
        if !passes.contains_key(model) {
            let output = sh::within(LIMIT, &mut command(model, program))?;
            passes.insert(model, output.is_some_and(|output| output.status.success()));
        }
        let since = Instant::now();
        let output = sh::within(LIMIT, command(model, program).env("HEIST_MUTANT", mutant))?;
        let verdict = match output {
            _ if !passes[model] => Err("fails without the mutant too"),
            Some(output) if !output.status.success() => Ok("fails, as it must"),
            Some(_) => Err("does not notice"),
            None => Err("did not end"),
        };
        let (Ok(said) | Err(said)) = verdict;
        println!("{mutant}: {model} {said} [{:.1} s]", since.elapsed().as_secs_f64());
        if verdict.is_err() {
            wrong.push(format!("{mutant}: {model} {said}"));
        }
    }
    println!("{count} pairs of mutant and model");
    if count == 0 && !filter.is_empty() {
        return Err(format!("no mutant and no model of the tables contains `{filter}`"));
    }
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
