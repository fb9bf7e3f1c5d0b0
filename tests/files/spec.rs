//! `tests/spec`: the reference manual, of which every example is executed.
//!
//! A block fenced as `dflow` is a program. What is wrong in it says so on its line,
//! `// error: [E0402]` (or `// warning: [W0401]`, several codes with commas); every other message fails the
//! test. The blocks right after it, fenced as
//!
//! * `expect`: lines `layer.key = closed form`, looked up in the JSON report: `conv.macs = 64*3*9`,
//!   `conv.levels.GLB.Input.fills = 12`, `conv.boundaries.DRAM -> GLB.Input.down = 12`, `totals.macs = 5`,
//!   `conv.bound = "compute"`; of fused groups `groups.a + b.stages.a.macs = 12`; `map/layer.key`, `network/layer.key` or
//!   `accelerator/layer.key` where there are several evaluations; `check: ok` when there is nothing to count;
//! * `message`: the whole text of the messages;
//! * `search`: the text of `dflowc search`, `explore`: of `dflowc explore`;
//! * `report`: the text of the report, `report csv` as CSV, `report detail` by level and tensor,
//!   `report advice` of it what would help.
//!
//! `dflow shared` is no program of its own: it is added to the end of every later program of the page, up to
//! the next `dflow shared`. `dflow maestro` is evaluated by that model, `dflow clip` as with `--clip`, `dflow advice` with what
//! would help every layer.

use crate::arithmetic;
use crate::compile::{self, Outcome};
use crate::header::Header;
use dflowc::models;
use dflowc::report::{WIDTH, csv, explore_text, fused_search, search_text, text};
use libtest_mimic::{Failed, Trial};
use serde_json::Value;

pub fn trials() -> Vec<Trial> {
    crate::files("tests/spec", "md")
        .into_iter()
        .flat_map(|path| {
            let text = crate::text(&path).unwrap_or_default();
            let programs = programs(&text);
            programs.into_iter().map(move |program| {
                let name = format!("{path}:{}", program.line);
                Trial::test(name, move || test(&program))
            })
        })
        .collect()
}

/// A program and what is to be true of it.
struct Program {
    /// Of its fence, from 1.
    line: usize,
    kind: String,
    text: String,
    /// Added to its end.
    shared: String,
    /// (fence, text)
    after: Vec<(String, String)>,
}

fn programs(text: &str) -> Vec<Program> {
    let mut programs: Vec<Program> = Vec::new();
    let mut shared = String::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(fence) = line.strip_prefix("```") else {
            continue;
        };
        let mut block = String::new();
        for (_, line) in lines.by_ref() {
            if line.starts_with("```") {
                break;
            }
            block += line;
            block.push('\n');
        }
        match fence.split_once(' ').map_or((fence, ""), |parts| parts) {
            ("dflow", "shared") => shared = block,
            ("dflow", kind) => programs.push(Program {
                line: number + 1,
                kind: kind.to_owned(),
                text: block,
                shared: shared.clone(),
                after: Vec::new(),
            }),
            ("expect" | "message" | "report" | "search" | "explore", _) => {
                if let Some(program) = programs.last_mut() {
                    program.after.push((fence.to_owned(), block));
                }
            }
            _ => {}
        }
    }
    programs
}

/// The codes that a program says it gives: (line, code).
fn asserted(text: &str) -> Vec<(u32, String)> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for mark in ["// error: [", "// warning: ["] {
            let Some((_, after)) = line.split_once(mark) else {
                continue;
            };
            let codes = after.split(']').next().unwrap_or_default();
            found.extend(
                codes
                    .split(',')
                    .map(|code| (number, code.trim().to_owned())),
            );
        }
    }
    found.sort();
    found
}

fn test(program: &Program) -> Result<(), Failed> {
    let header = Header {
        clip: program.kind == "clip",
        advice: program.kind == "advice",
        model: models::by_name(&program.kind).map(|model| model.name().to_owned()),
        ..Header::default()
    };
    let source = format!("{}{}", program.text, program.shared);
    let files = compile::package().with("example.dflow", source);
    let outcome = compile::evaluate(&files, "example.dflow", &header);
    let mut found: Vec<(u32, String)> = outcome
        .found()
        .into_iter()
        .map(|found| (found.at.map_or(0, |at| at.0), found.code))
        .collect();
    found.sort();
    if found != asserted(&program.text) {
        return Err(format!("{}\nmessages: {}", program.text, outcome.rendered()).into());
    }
    let mut wrong = Vec::new();
    for (fence, text) in &program.after {
        match fence.as_str() {
            "expect" => wrong.extend(text.lines().filter_map(|line| expect(line, &outcome).err())),
            _ => wrong.extend(whole(fence, text, &outcome).err()),
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(wrong.join("\n").into())
}

fn whole(fence: &str, expected: &str, outcome: &Outcome) -> Result<(), String> {
    let report = || outcome.report.as_ref().ok_or_else(|| outcome.rendered());
    let actual = match fence {
        "message" => outcome.rendered(),
        "report csv" => csv::write(report()?),
        "search" => search_text::text(report()?, WIDTH) + &fused_search::text(report()?, WIDTH),
        "explore" => explore_text::text(report()?, WIDTH),
        "report advice" => advice(&text::write(report()?, true, WIDTH)),
        "report detail" => text::write(report()?, true, WIDTH),
        _ => text::write(report()?, false, WIDTH),
    };
    if actual.trim_end() == expected.trim_end() {
        return Ok(());
    }
    Err(format!("the {fence} is\n{actual}"))
}

/// What a report says would help its layers.
fn advice(report: &str) -> String {
    let blocks = report.split("\n\n");
    let advice = blocks.filter(|block| block.trim_start().starts_with("advice:"));
    advice.collect::<Vec<_>>().join("\n\n")
}

fn expect(line: &str, outcome: &Outcome) -> Result<(), String> {
    let line = line.split("//").next().unwrap_or_default().trim();
    if line.is_empty() || line == "check: ok" {
        return Ok(());
    }
    let (path, expected) = line
        .split_once(" = ")
        .ok_or_else(|| format!("`{line}` should be `path = value`"))?;
    let report = outcome.report.as_ref().ok_or_else(|| outcome.rendered())?;
    let json = serde_json::to_value(report).map_err(|error| error.to_string())?;
    let actual = look_up(&json, path.trim()).ok_or_else(|| format!("there is no `{path}`"))?;
    let expected = expected.trim();
    let equal = match actual {
        Value::String(actual) => *actual == expected.trim_matches('"'),
        Value::Null => expected == "none",
        Value::Number(number) => {
            let (actual, expected) = (
                number.as_f64().unwrap_or(f64::NAN),
                arithmetic::value(expected)?,
            );
            // Counts are exact; energies are sums of rounded products.
            let slack = if number.is_u64() {
                0.0
            } else {
                1e-9 * expected.abs()
            };
            (actual - expected).abs() <= slack
        }
        other => {
            let text = other.to_string();
            text == expected
        }
    };
    if equal {
        return Ok(());
    }
    Err(format!("{path} is {actual}, not {expected}"))
}

/// The value at `layer.key.key`, `groups.group.key`, `totals.key`, or any of them after `network/`.
fn look_up<'a>(report: &'a Value, path: &str) -> Option<&'a Value> {
    let evaluations = report["evaluations"].as_array()?;
    let (evaluation, path) = match path.split_once('/') {
        Some((name, path)) => (
            evaluations.iter().find(|known| {
                ["map", "network", "accelerator"]
                    .iter()
                    .any(|key| known[*key] == *name)
            })?,
            path,
        ),
        None => (evaluations.first()?, path),
    };
    match path.split_once('.') {
        Some((key @ ("totals" | "groups"), keys)) => at(&evaluation[key], keys),
        // A layer of a repeat or a block has stops in its name.
        Some(_) => evaluation["layers"].as_array()?.iter().find_map(|known| {
            let keys = path.strip_prefix(known["name"].as_str()?)?;
            at(known, keys.strip_prefix('.')?)
        }),
        None => None,
    }
}

/// Objects by key, lists by the name of what they list, which may have blanks and stops in it.
fn at<'a>(value: &'a Value, keys: &str) -> Option<&'a Value> {
    if keys.is_empty() {
        return Some(value);
    }
    if let Value::Array(list) = value {
        return list.iter().find_map(|entry| {
            if let Value::String(_) = entry {
                return None;
            }
            let name = ["tensor", "memory", "name", "layer", "resource"]
                .iter()
                .find_map(|key| entry[*key].as_str())?;
            let rest = keys.strip_prefix(name)?;
            let rest = match rest.strip_prefix('.') {
                Some(rest) => rest,
                None if rest.is_empty() => rest,
                None => return None,
            };
            // `levels.GLB.Input` is short for `levels.GLB.tensors.Input`.
            at(entry, rest).or_else(|| at(entry.get("tensors")?, rest))
        });
    }
    let object = value.as_object()?;
    object.iter().find_map(|(key, value)| {
        let rest = keys.strip_prefix(key.as_str())?;
        match rest.strip_prefix('.') {
            Some(rest) => at(value, rest),
            None if rest.is_empty() => Some(value),
            None => None,
        }
    })
}
