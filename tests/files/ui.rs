//! `tests/ui`: wrong programs and what a user reads about them.

use crate::compile::{self, Outcome, Overlay};
use crate::header::{Expected, FixKind, Header};
use dflowc::diag::{Code, Diagnostic, Fix};
use libtest_mimic::{Failed, Trial};
use std::process::Command;

/// The code that a file is named after: `E0402` for `e0402_gap.dflow`.
pub fn code_of(path: &str) -> Option<Code> {
    Code::parse(path.rsplit('/').next()?.get(..5)?)
}

/// Programs, and files of the MAESTRO tool.
pub fn programs() -> Vec<String> {
    let mut programs = crate::files("tests/ui", "dflow");
    programs.extend(crate::files("tests/ui", "m"));
    programs
}

/// Where the messages about a program are kept.
fn messages(path: &str) -> String {
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    format!("{stem}.stderr")
}

/// One test per program whose name begins with a code, and per program in `many`; others are imported by them.
pub fn trials() -> Vec<Trial> {
    programs()
        .into_iter()
        .filter(|path| code_of(path).is_some() || path.contains("/many/"))
        .map(|path| Trial::test(path.clone(), move || test(&path)))
        .collect()
}

fn test(path: &str) -> Result<(), Failed> {
    let mut bytes = std::fs::read(crate::root().join(path))?;
    let header = Header::parse(&String::from_utf8_lossy(&bytes))?;
    if let Some(arguments) = &header.run {
        return run(path, arguments, &header);
    }
    if bytes.len() < header.pad {
        bytes.resize(header.pad, b' ');
    }
    let files = compile::package().with(path, bytes);
    let outcome = compile::evaluate(&files, path, &header);
    expect(path, &header, &outcome.found(), &outcome.rendered())?;
    crate::compare(&messages(path), &outcome.rendered())?;
    fixes(path, &header, &files, &outcome)
}

fn expect(path: &str, header: &Header, found: &[Expected], rendered: &str) -> Result<(), Failed> {
    if let Some(code) = code_of(path)
        && found.iter().any(|found| found.code != code.as_str())
    {
        return Err(format!("{path} is about {code} alone:\n{rendered}").into());
    }
    if header.expected.as_slice() != found || found.is_empty() {
        let found: String = found
            .iter()
            .map(|found| format!("// error: {found}\n"))
            .collect();
        return Err(format!("found\n{found}\n{rendered}").into());
    }
    Ok(())
}

/// Every edit that is offered makes its mistake go away; all of them together leave no error.
fn fixes(path: &str, header: &Header, files: &Overlay, outcome: &Outcome) -> Result<(), Failed> {
    let single = code_of(path).is_some();
    for diagnostic in &outcome.diagnostics {
        match &diagnostic.fix {
            None if single && header.fix != FixKind::None => {
                return Err(format!("no fix is offered:\n{}", outcome.rendered()).into());
            }
            Some(_) if single && header.fix == FixKind::None => {
                return Err("a fix is offered: drop `fix: none`".into());
            }
            None => {}
            Some(fix) => {
                mended(path, header, files, outcome, diagnostic, fix)?;
            }
        }
    }
    if !single || header.fix != FixKind::Clean {
        return Ok(());
    }
    // Several mistakes of one code: one edit after the other.
    let mut files = files.clone();
    let mut last = compile::evaluate(&files, path, header);
    while let Some((diagnostic, fix)) = last
        .diagnostics
        .iter()
        .find_map(|diagnostic| Some((diagnostic, diagnostic.fix.as_ref()?)))
    {
        (files, last) = mended(path, header, &files, &last, diagnostic, fix)?;
    }
    let code = code_of(path);
    let still = |d: &Diagnostic| d.is_error() || Some(d.code) == code;
    if last.diagnostics.iter().any(still) {
        return Err(format!("after all fixes\n{}", last.rendered()).into());
    }
    Ok(())
}

/// The program after one edit, with one message of that code less.
fn mended(
    path: &str,
    header: &Header,
    files: &Overlay,
    outcome: &Outcome,
    diagnostic: &Diagnostic,
    fix: &Fix,
) -> Result<(Overlay, Outcome), Failed> {
    let (name, text) = apply(outcome, fix).ok_or("the fix is in no file")?;
    let files = files.clone().with(&name, text.clone());
    let again = compile::evaluate(&files, path, header);
    let number = |outcome: &Outcome| {
        let of_code = outcome
            .diagnostics
            .iter()
            .filter(|d| d.code == diagnostic.code);
        of_code.count()
    };
    if number(&again) >= number(outcome) {
        return Err(format!("after the fix\n{text}\n{}", again.rendered()).into());
    }
    Ok((files, again))
}

/// The file of an edit and its text after it.
fn apply(outcome: &Outcome, fix: &Fix) -> Option<(String, String)> {
    let file = outcome.sources.get(fix.span.file())?;
    let (lo, hi) = (fix.span.lo() as usize, fix.span.hi() as usize);
    let text = file.text();
    let edited = format!("{}{}{}", text.get(..lo)?, fix.replacement, text.get(hi..)?);
    Some((file.name().to_owned(), edited))
}

/// Programs about the command line itself.
fn run(path: &str, arguments: &[String], header: &Header) -> Result<(), Failed> {
    let dflowc = |extra: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_dflowc"))
            .current_dir(crate::root())
            .args(arguments)
            .args(extra)
            .arg(path)
            .output()
    };
    let text = String::from_utf8(dflowc(&["--color", "never"])?.stderr)?;
    let json = dflowc(&["--message-format", "json"])?;
    let json: serde_json::Value = serde_json::from_slice(if json.stdout.is_empty() {
        &json.stderr
    } else {
        &json.stdout
    })?;
    let found: Vec<Expected> = json["diagnostics"]
        .as_array()
        .ok_or("no list of diagnostics")?
        .iter()
        .map(|entry| Expected {
            code: entry["code"].as_str().unwrap_or_default().to_owned(),
            at: entry["line"]
                .as_u64()
                .zip(entry["column"].as_u64())
                .and_then(|(line, column)| Some((line.try_into().ok()?, column.try_into().ok()?))),
        })
        .collect();
    expect(path, header, &found, &text)?;
    crate::compare(&messages(path), &text)
}
