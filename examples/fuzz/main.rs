//! Inputs that nobody wrote, and what must hold of every answer.
//!
//! `cargo run --release --example fuzz -- --seconds 60 [--seed N|today]`: every program of the repository is mutated,
//! and new ones are generated, with numbers that make sense and numbers that do not. Each is parsed, checked, evaluated
//! by all models, reported in every form, laid out, raised, and edited as in an editor (`checks`). A panic, a difference
//! between two runs or between one thread and two, a span outside its text, a fix that does not mend, a count that
//! breaks a law or differs from the oracle, work that takes long or much memory: each is a finding.
//!
//! A finding is written to `target/fuzz/` and said on standard error; the exit code is then 1. `--input FILE` looks at
//! one file, `--plant panic|count|hang` puts a mistake behind a rare condition, to see that it is found. One input in eight is
//! a file of the MAESTRO tool; with `--foreign` all are.

// The allocator that counts.
#![allow(unsafe_code)]
// Findings are files.
#![allow(clippy::disallowed_methods)]

mod checks;
mod dice;
mod generate;
mod memory;
mod mutate;
mod pieces;
mod searched;
mod watch;

use checks::{Checker, Finding, Plant};
use dice::Dice;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// After so many findings there is enough to do.
const MOST_FINDINGS: usize = 20;

struct Arguments {
    seconds: u64,
    /// At most so many, however fast the machine is.
    inputs: u64,
    seed: u64,
    input: Option<PathBuf>,
    /// Only files of the MAESTRO tool.
    foreign: bool,
    plant: Option<Plant>,
}

fn main() -> ExitCode {
    let arguments = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(wrong) => {
            eprintln!("{wrong}");
            eprintln!(
                "usage: fuzz [--seconds N] [--inputs N] [--seed N|today] [--input FILE] \
                 [--foreign] [--plant panic|count|hang]"
            );
            return ExitCode::from(2);
        }
    };
    checks::quiet();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
    watch::start(folder.clone());
    let mut checker = Checker::new(arguments.plant);
    if let Some(path) = &arguments.input {
        let bytes = std::fs::read(path).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let found = match path.extension().is_some_and(|ending| ending == "m") {
            true => checker.look_at_foreign(&text),
            false => checker.look_at(&text, &mut Dice::new(arguments.seed)),
        };
        found.iter().for_each(|finding| eprintln!("{finding}"));
        return ExitCode::from(u8::from(!found.is_empty()));
    }
    run(&arguments, &folder, &mut checker)
}

fn run(arguments: &Arguments, folder: &Path, checker: &mut Checker) -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (corpus, foreign) = (mutate::corpus(root), mutate::foreign(root));
    println!(
        "seed {}, {} programs of the repository, {} files of the MAESTRO tool",
        arguments.seed,
        corpus.len(),
        foreign.len()
    );
    let start = Instant::now();
    let end = start + Duration::from_secs(arguments.seconds);
    let (mut inputs, mut findings) = (0u64, 0usize);
    // What was found, by its first line: one of a kind is enough.
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    while inputs < arguments.inputs && findings < MOST_FINDINGS && Instant::now() < end {
        let mut dice = Dice::new(arguments.seed.wrapping_mul(1 << 32).wrapping_add(inputs));
        let is_foreign = arguments.foreign || dice.once_in(8);
        let (text, found) = if is_foreign && !foreign.is_empty() {
            let text = mutate::program(&mut dice, &foreign);
            let found = checker.look_at_foreign(&text);
            (text, found)
        } else {
            let text = match dice.once_in(2) {
                true => generate::program(&mut dice),
                false => mutate::program(&mut dice, &corpus),
            };
            let found = checker.look_at(&text, &mut dice);
            (text, found)
        };
        for finding in found {
            let count = kinds.entry(finding.kind()).or_insert(0);
            *count += 1;
            if *count == 1 {
                findings += 1;
                let ending = if is_foreign { "m" } else { "dflow" };
                keep(folder, arguments.seed, inputs, ending, &text, &finding);
            }
        }
        inputs += 1;
    }
    checker.summary(inputs, start.elapsed().as_secs());
    for (kind, count) in &kinds {
        println!("{count} times: {kind}");
    }
    ExitCode::from(u8::from(findings > 0))
}

/// Writes down an input, and what is wrong with the answer.
fn keep(folder: &Path, seed: u64, number: u64, ending: &str, text: &str, finding: &Finding) {
    let _ = std::fs::create_dir_all(folder);
    let path = folder.join(format!("{seed}-{number}.{ending}"));
    let _ = std::fs::write(&path, text);
    eprintln!("{}: {finding}", path.display());
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut known = Arguments {
        seconds: 60,
        inputs: u64::MAX,
        seed: 1,
        input: None,
        foreign: false,
        plant: None,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("`{word}` needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("`{text}` is no number"));
        match word.as_str() {
            "--seconds" => known.seconds = number(value()?)?,
            "--inputs" => known.inputs = number(value()?)?,
            "--seed" => {
                known.seed = match value()? {
                    text if text == "today" => today(),
                    text => number(text)?,
                }
            }
            "--input" => known.input = Some(PathBuf::from(value()?)),
            "--foreign" => known.foreign = true,
            "--plant" => known.plant = Some(Plant::parse(&value()?)?),
            _ => return Err(format!("what is `{word}`?")),
        }
    }
    Ok(known)
}

/// Days since 1970.
fn today() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() / 86_400)
}
