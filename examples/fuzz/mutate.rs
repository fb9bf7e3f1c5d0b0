//! Programs of the repository with something else in them.

use crate::dice::Dice;
use crate::pieces::pieces;
use std::path::Path;

/// Larger files are of networks that take long, and teach nothing new.
const MOST_BYTES: u64 = 6_000;

/// Every program of the repository, in the order of their names.
pub fn corpus(root: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    for folder in ["tests", "examples", "stdlib", "src/diag/explain"] {
        collect(&root.join(folder), &["dflow", "md"], &mut paths);
    }
    paths.sort();
    let mut programs = Vec::new();
    for path in paths {
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if path.extension().is_some_and(|extension| extension == "md") {
            let blocks = text
                .split("```dflow")
                .skip(1)
                .filter_map(|rest| rest.split_once('\n'));
            programs
                .extend(blocks.filter_map(|(_, rest)| Some(rest.split_once("```")?.0.to_owned())));
        } else {
            programs.push(text);
        }
    }
    programs
}

/// Every file of the MAESTRO tool in the repository, and in the folder that `DFLOW_MAESTRO_FILES` names.
pub fn foreign(root: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    for folder in ["tests", "examples"] {
        collect(&root.join(folder), &["m"], &mut paths);
    }
    if let Some(folder) = std::env::var_os("DFLOW_MAESTRO_FILES") {
        collect(Path::new(&folder), &["m"], &mut paths);
    }
    paths.sort();
    let texts = paths.iter().filter_map(|path| std::fs::read(path).ok());
    texts
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

fn collect(folder: &Path, endings: &[&str], paths: &mut Vec<std::path::PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_program = path
            .extension()
            .is_some_and(|known| endings.iter().any(|ending| known == *ending));
        if path.is_dir() {
            collect(&path, endings, paths);
        } else if is_program && entry.metadata().is_ok_and(|known| known.len() < MOST_BYTES) {
            paths.push(path);
        }
    }
}

/// One to four changes of one program.
pub fn program(dice: &mut Dice, corpus: &[String]) -> String {
    let mut text = dice.one(corpus).clone();
    for _ in 0..dice.within(1, 4) {
        text = change(dice, corpus, &text);
    }
    text
}

fn change(dice: &mut Dice, corpus: &[String], text: &str) -> String {
    let mut all: Vec<String> = pieces(text).into_iter().map(str::to_owned).collect();
    if all.is_empty() {
        return dice.one(corpus).clone();
    }
    let at = dice.index(all.len());
    let some = (at + 1 + dice.index(12)).min(all.len());
    let numbers = |all: &[String]| -> Vec<usize> {
        let is_number = |piece: &String| piece.bytes().all(|byte| byte.is_ascii_digit());
        (0..all.len()).filter(|&at| is_number(&all[at])).collect()
    };
    match dice.within(0, 11) {
        // Numbers are what most mistakes are about.
        0..=4 => {
            let known = numbers(&all);
            if !known.is_empty() {
                all[*dice.one(&known)] = dice.number().to_string();
            }
        }
        5 => drop(all.drain(at..some)),
        6 => {
            let again: Vec<String> = all[at..some].to_vec();
            all.splice(at..at, again);
        }
        7 => {
            let other = dice.index(all.len());
            all.swap(at, other);
        }
        8 => {
            let other = dice.one(corpus);
            let words = pieces(other);
            if !words.is_empty() {
                all[at] = (*dice.one(&words)).to_owned();
            }
        }
        // A statement or a block from elsewhere.
        9 => {
            let other = dice.one(corpus);
            let lines: Vec<&str> = other.lines().collect();
            if !lines.is_empty() {
                let from = dice.index(lines.len());
                let to = (from + 1 + dice.index(6)).min(lines.len());
                all.insert(at, format!("\n{}\n", lines[from..to].join("\n")));
            }
        }
        10 => {
            const ODD: &[&str] = &[
                "\u{0}",
                "\"",
                "/*",
                "//",
                "\r",
                "\u{2028}",
                "\u{1f600}",
                "{",
                "}",
                "(",
                ")",
                ";",
                "'",
                "-",
                "min(",
                "1e99",
                "0x",
                ".",
                "\u{feff}",
                "\u{202e}",
            ];
            all.insert(at, (*dice.one(ODD)).to_owned());
        }
        _ => all.truncate(at),
    }
    all.concat()
}
