//! Modules use each other in one direction only. Cargo does not see that inside one package, so a test does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Module, and what it may use. Whoever stands further down may use what stands further up, never the reverse.
const MAY_USE: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("stdlib", &[]),
    ("ir", &["base"]),
    ("diag", &["base"]),
    ("syntax", &["base", "diag"]),
    ("format", &["base", "diag", "syntax"]),
    ("import", &["base", "diag", "syntax"]),
    ("hir", &["base", "diag", "syntax"]),
    ("lower", &["base", "diag", "syntax", "hir", "ir"]),
    ("legality", &["base", "ir"]),
    ("engine", &["base", "ir", "legality"]),
    ("cost", &["base", "ir", "engine", "legality"]),
    ("models", &["base", "ir", "engine", "legality", "cost"]),
    (
        "search",
        &["base", "ir", "engine", "legality", "cost", "models"],
    ),
    ("explore", &["base"]),
    ("pricing", &["base", "diag", "hir", "ir", "engine", "cost"]),
    (
        "report",
        &["base", "ir", "engine", "legality", "cost", "models"],
    ),
    (
        "driver",
        &[
            "base", "diag", "ir", "syntax", "import", "hir", "lower", "stdlib",
        ],
    ),
    (
        "optimize",
        &[
            "base", "diag", "ir", "syntax", "hir", "lower", "engine", "legality", "cost", "models",
            "search", "pricing", "report", "driver", "stdlib",
        ],
    ),
    (
        "evaluate",
        &[
            "base", "diag", "ir", "hir", "lower", "engine", "legality", "cost", "models",
            "pricing", "report", "driver", "optimize",
        ],
    ),
    (
        "sweep",
        &[
            "base", "diag", "ir", "syntax", "hir", "lower", "legality", "cost", "models", "search",
            "explore", "pricing", "report", "driver", "optimize", "evaluate",
        ],
    ),
    (
        "lsp",
        &[
            "base", "diag", "ir", "syntax", "format", "import", "hir", "lower", "engine",
            "legality", "cost", "models", "report", "driver", "evaluate", "stdlib", "optimize",
            "search", "explore", "sweep",
        ],
    ),
    (
        "cli",
        &[
            "base", "diag", "ir", "syntax", "format", "import", "hir", "lower", "engine",
            "legality", "cost", "models", "report", "driver", "evaluate", "stdlib", "lsp",
            "optimize", "search", "explore", "sweep",
        ],
    ),
];

#[test]
fn the_table_is_one_direction() {
    let mut known = BTreeSet::new();
    for (module, uses) in MAY_USE {
        for used in *uses {
            assert!(
                known.contains(used),
                "{module} may not use {used}, which stands below it"
            );
        }
        known.insert(*module);
    }
}

#[test]
fn nothing_points_back() {
    let mut wrong = Vec::new();
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let module = module_of(&path);
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let Some((_, allowed)) = MAY_USE.iter().find(|known| known.0 == module) else {
            wrong.push(format!("the module {module} is not in the table"));
            continue;
        };
        for used in used_by(&program(&fs::read_to_string(&path).unwrap())) {
            if used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{} uses {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What evaluation and search share reaches no name, no file and no text, by whatever way.
#[test]
fn the_core_reaches_no_source() {
    let uses = |module: &str| {
        let known = MAY_USE.iter().find(|known| known.0 == module);
        known.map_or(&[][..], |known| known.1)
    };
    for core in [
        "ir", "legality", "engine", "cost", "models", "search", "explore",
    ] {
        let mut reached = BTreeSet::new();
        let mut open = vec![core];
        while let Some(module) = open.pop() {
            open.extend(
                uses(module)
                    .iter()
                    .copied()
                    .filter(|used| reached.insert(*used)),
            );
        }
        for source in ["hir", "syntax", "lower", "diag", "report"] {
            assert!(!reached.contains(source), "{core} reaches {source}");
        }
    }
}

/// How time is reckoned is a matter of the models that have a rule for it, and of the search, which is told by which.
#[test]
fn only_models_name_a_rule_of_time() {
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        if !matches!(module_of(&path).as_str(), "engine" | "models" | "search") {
            let text = program(&fs::read_to_string(&path).unwrap());
            assert!(
                !text.contains("TimingRule"),
                "{} has a rule",
                path.display()
            );
        }
    }
}

/// The model of hardware and cost sees no name, no file and no place in a text.
#[test]
fn the_model_sees_no_source() {
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        if matches!(
            module_of(&path).as_str(),
            "ir" | "engine" | "legality" | "models" | "search"
        ) {
            let text = program(&fs::read_to_string(&path).unwrap());
            for word in ["Span", "FileId", "SourceMap", "Diagnostic"] {
                assert!(!text.contains(word), "{} knows {word}", path.display());
            }
        }
    }
}

/// Files of the program; tests may use anything.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if name == "tests" || name.ends_with("_tests") || name == "examples" {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// `hir` for `src/hir/layer.rs` and for `src/hir.rs`.
fn module_of(path: &Path) -> String {
    let inside = path
        .strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
        .unwrap();
    let first = inside.components().next().unwrap();
    let first = first.as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The text without comments and without the test module at its end.
fn program(text: &str) -> String {
    let text = match text.find("#[cfg(test)]\nmod tests {") {
        Some(at) => &text[..at],
        None => text,
    };
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The modules after `crate::`, also in a list.
fn used_by(text: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => {
                used.insert(word(rest));
            }
            Some(list) => {
                let mut depth = 0usize;
                let mut start = true;
                for (at, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && depth == 0 && !c.is_whitespace() => {
                            used.insert(word(&list[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    used
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

#[test]
fn lists_are_read() {
    let text = "use crate::{hir, base::{Span, x}, \n  syntax::ast};\nuse crate::diag::Code;";
    let used: Vec<String> = used_by(text).into_iter().collect();
    assert_eq!(used, ["base", "diag", "hir", "syntax"]);
}
