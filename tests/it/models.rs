//! The registry of the models, as users meet it.

use std::process::Command;

/// Everything of the manual's table is from the registry; `DFLOW_BLESS=1` writes it anew.
#[test]
fn the_manual_lists_the_models() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spec/10_report.md");
    let manual = std::fs::read_to_string(path).unwrap();
    let (before, rest) = manual.split_once("<!-- models -->\n").unwrap();
    let (table, after) = rest.split_once("<!-- /models -->\n").unwrap();
    let mut wanted = "| `--model` | |\n|---|---|\n".to_owned();
    for model in dflowc::models::REGISTRY {
        wanted += &format!("| `{}` | {} |\n", model.name(), model.summary());
    }
    if std::env::var_os("DFLOW_BLESS").is_some_and(|value| value == "1") {
        let blessed = format!("{before}<!-- models -->\n{wanted}<!-- /models -->\n{after}");
        std::fs::write(path, blessed).unwrap();
    } else {
        assert_eq!(table, wanted, "{path} (DFLOW_BLESS=1 writes it anew)");
    }
}

/// The values of `--model` with their meanings are in the help.
#[test]
fn the_help_lists_the_models() {
    let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(["eval", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let words: String = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for model in dflowc::models::REGISTRY {
        let line = format!("- {}: {}", model.name(), model.summary());
        assert!(words.contains(&line), "{line} is not in\n{help}");
    }
    assert!(words.contains("- all: "), "{help}");
}
