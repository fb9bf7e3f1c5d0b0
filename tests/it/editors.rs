//! What editors know of the language, compared with what the compiler knows.
//!
//! The second grammar (`grammar/tree-sitter-dflow`), its queries, their copies in `editors/`, and the TextMate grammar
//! of VS Code are written by hand. These tests fail when a word, a unit or a rule of the language is missing there.
//! With the `tree-sitter` command on the path the second grammar is also run: its own tests, and every program that
//! the compiler's parser accepts.
//!
//! `DFLOW_BLESS=1` writes the copies of the queries anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dflowc::base::{FileId, Unit};
use dflowc::syntax::parse;
use dflowc::syntax::token::Token;

const GRAMMAR: &str = "grammar/tree-sitter-dflow";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Words of a text; in JSON, `\\b` in front of one is no part of it.
fn words(text: &str) -> BTreeSet<String> {
    text.replace("\\\\b", " ")
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_keyword_has_its_place_and_its_colour() {
    let grammar = read(&format!("{GRAMMAR}/grammar.js"));
    let queries = [
        format!("{GRAMMAR}/queries/highlights.scm"),
        "editors/helix/queries/dflow/highlights.scm".to_owned(),
        "editors/zed/languages/dflow/highlights.scm".to_owned(),
    ];
    let text_mate = read("editors/vscode/syntaxes/dflow.tmLanguage.json");
    let keywords = words(section(&text_mate, "\"definitions\"", "\"blocks\""));
    for word in Token::WORDS.iter().filter_map(|word| word.fixed_text()) {
        assert!(
            grammar.contains(&format!("'{word}'")),
            "grammar.js: `{word}`"
        );
        for query in &queries {
            assert!(
                read(query).contains(&format!("\"{word}\"")),
                "{query}: `{word}`"
            );
        }
        assert!(keywords.contains(word), "dflow.tmLanguage.json: `{word}`");
    }
}

/// From one text to the next.
fn section<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap_or_else(|| panic!("{from}"));
    let length = text[start..].find(to).unwrap_or_else(|| panic!("{to}"));
    &text[start..start + length]
}

#[test]
fn every_unit_is_known() {
    let scanner = read(&format!("{GRAMMAR}/src/scanner.c"));
    let text_mate = read("editors/vscode/syntaxes/dflow.tmLanguage.json");
    let numbers = words(section(&text_mate, "\"numbers\"", "\"definitions\""));
    let simple: BTreeSet<&str> = Unit::spellings()
        .filter(|unit| !unit.contains('/'))
        .collect();
    for unit in &simple {
        assert!(
            numbers.contains(*unit),
            "dflow.tmLanguage.json: unit `{unit}`"
        );
    }
    let listed: BTreeSet<&str> = section(&scanner, "SIZES", "RATES")
        .split('"')
        .skip(1)
        .step_by(2)
        .collect();
    assert_eq!(listed, simple, "scanner.c");
    for over in &simple {
        for under in ["s", "cycle", "cycles", "B", "b", "bit"] {
            let is_unit = Unit::parse(&format!("{over}/{under}")).is_some();
            let (units, unders) = if ["s", "cycle", "cycles"].contains(&under) {
                ("SIZES", "RATES")
            } else {
                ("ENERGIES", "PER_ENERGY")
            };
            let listed = |list: &str, unit: &str| {
                section(&scanner, &format!("*const {list}[]"), ";").contains(&format!("\"{unit}\""))
            };
            assert_eq!(
                listed(units, over) && listed(unders, under),
                is_unit,
                "scanner.c: `{over}/{under}`"
            );
        }
    }
}

/// Nonterminals that are no rule of their own in `grammar.js`: macros that are part of others there, and the words
/// that are names, which tree-sitter knows by itself.
const PART_OF_OTHERS: [&str; 4] = ["Complete", "Statement", "Located", "Word"];

#[test]
fn the_two_grammars_have_the_same_rules() {
    let grammar = read(&format!("{GRAMMAR}/grammar.js"));
    let mut missing = Vec::new();
    let mut count = 0;
    for name in read("grammar/dflow.lalrpop")
        .lines()
        .filter_map(nonterminal)
    {
        count += 1;
        let rule = snake_case(&name);
        let is_rule = ["    ", "    _", "const "].iter().any(|before| {
            grammar.lines().any(|line| {
                line.strip_prefix(&format!("{before}{rule}"))
                    .is_some_and(|rest| rest.starts_with([':', ' ']))
            })
        });
        if !is_rule && !PART_OF_OTHERS.contains(&name.as_str()) {
            missing.push(rule);
        }
    }
    assert!(count > 40, "found {count} nonterminals");
    assert!(missing.is_empty(), "not in grammar.js: {missing:?}");
}

/// `Item` in `pub Item: ast::Item = {`, `Comma` in `Comma<T>: Vec<T> = {`.
fn nonterminal(line: &str) -> Option<String> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let length = line.find(|c: char| !c.is_ascii_alphanumeric())?;
    let (name, rest) = line.split_at(length);
    let begins = name.starts_with(|c: char| c.is_ascii_uppercase());
    let defines = rest.starts_with(": ") || (rest.starts_with('<') && rest.contains(">: "));
    (begins && defines).then(|| name.to_owned())
}

fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// What Helix calls differently.
const HELIX: [(&str, &str); 9] = [
    ("@boolean", "@constant.builtin.boolean"),
    ("@function.call", "@function"),
    ("@keyword.import", "@keyword.control.import"),
    ("@module", "@namespace"),
    ("@number", "@constant.numeric"),
    ("@property", "@variable.other.member"),
    ("@string.escape", "@constant.character.escape"),
    ("@type.definition", "@type"),
    ("@variable.member", "@variable.other.member"),
];

#[test]
fn copies_of_the_queries_are_up_to_date() {
    let own = |name: &str| read(&format!("{GRAMMAR}/queries/{name}.scm"));
    for (path, wanted) in [
        (
            "editors/zed/languages/dflow/highlights.scm",
            own("highlights"),
        ),
        (
            "editors/helix/queries/dflow/highlights.scm",
            renamed(&own("highlights")),
        ),
    ] {
        let outdated = fs::read_to_string(root().join(path)).ok().as_ref() != Some(&wanted);
        if outdated && std::env::var_os("DFLOW_BLESS").is_some() {
            fs::write(root().join(path), &wanted).unwrap();
        }
        assert_eq!(read(path), wanted, "{path} (DFLOW_BLESS=1 writes it anew)");
    }
}

/// The query with the capture names of Helix, and no word about Neovim.
fn renamed(query: &str) -> String {
    let mut out = String::new();
    let mut rest = query.replace(
        "those of Neovim and of the tree-sitter CLI",
        "those of Helix",
    );
    while let Some(at) = rest.find('@') {
        out.push_str(&rest[..at]);
        let length = rest[at + 1..]
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_')
            .map_or(rest.len() - at, |length| length + 1);
        let capture = &rest[at..at + length];
        let helix = HELIX.iter().find(|(from, _)| *from == capture);
        out.push_str(helix.map_or(capture, |(_, to)| to));
        rest = rest[at + length..].to_owned();
    }
    out + &rest
}

#[test]
fn the_vs_code_extension_names_files_that_exist() {
    let package: serde_json::Value =
        serde_json::from_str(&read("editors/vscode/package.json")).unwrap();
    let contributes = &package["contributes"];
    // What `npm run package` bundles it from.
    let bundled = package["scripts"].to_string();
    assert!(bundled.contains(package["main"].as_str().unwrap().trim_start_matches("./")));
    assert!(bundled.contains("extension.js"), "{bundled}");
    let files = [
        &serde_json::Value::from("extension.js"),
        &contributes["languages"][0]["configuration"],
        &contributes["grammars"][0]["path"],
    ];
    for file in files {
        let path = root().join("editors/vscode").join(file.as_str().unwrap());
        let text = fs::read_to_string(&path).unwrap();
        if path.extension().is_some_and(|ending| ending == "json") {
            serde_json::from_str::<serde_json::Value>(&text).unwrap();
        }
    }
}

// With the command --------------------------------------------------------------------------------------------------

/// Whether there is a `tree-sitter`; without it a test says that it did nothing.
fn has_tree_sitter() -> bool {
    let found = Command::new("tree-sitter")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: no `tree-sitter` on the path (see {GRAMMAR}/README.md)");
    }
    found
}

fn tree_sitter(arguments: &[&str]) {
    let output = Command::new("tree-sitter")
        .current_dir(root().join(GRAMMAR))
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "tree-sitter {arguments:?}\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn tree_sitter_passes_its_tests() {
    if has_tree_sitter() {
        tree_sitter(&["test"]);
    }
}

#[test]
fn tree_sitter_reads_what_the_compiler_reads() {
    if !has_tree_sitter() {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("accepted");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let mut list = String::new();
    let mut count = 0;
    for (name, text) in programs() {
        if parse(FileId::new(0), &text).has_errors() {
            continue;
        }
        // Named after where it is from, so that a failure says so.
        let path = folder.join(format!("{}.dflow", name.replace(['/', '.', ':'], "_")));
        fs::write(&path, text).unwrap();
        list += &format!("{}\n", path.display());
        count += 1;
    }
    assert!(count > 200, "found {count} programs");
    let paths = folder.join("paths");
    fs::write(&paths, list).unwrap();
    tree_sitter(&["parse", "--quiet", "--paths", &paths.display().to_string()]);
}

/// Every program of the repository: files, and blocks in the manual and in the pages of the codes.
fn programs() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for folder in ["stdlib", "examples", "tests", "src/diag/explain"] {
        collect(&root().join(folder), &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<(String, String)>) {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths {
        let ending = path
            .extension()
            .map(|ending| ending.to_string_lossy().into_owned());
        let name = path
            .strip_prefix(root())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            collect(&path, found);
            continue;
        }
        let Ok(text) = fs::read_to_string(&path) else {
            // Some programs of the tests are not UTF-8.
            continue;
        };
        match ending.as_deref() {
            Some("dflow") => found.push((name, text)),
            Some("md") => {
                for (line, block) in blocks(&text) {
                    found.push((format!("{name}:{line}"), block));
                }
            }
            _ => {}
        }
    }
}

/// The blocks fenced as `dflow`, each with the line of its fence.
fn blocks(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(fence) = line.strip_prefix("```") {
            let block: Vec<&str> = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| !line.starts_with("```"))
                .collect();
            if fence.starts_with("dflow") {
                found.push((number + 1, block.join("\n") + "\n"));
            }
        }
    }
    found
}
