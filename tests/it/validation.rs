//! The page of validation: its tables are what the commands print, and the errors are within the bounds that it states.
//!
//! `DFLOW_BLESS=1` writes the tables anew.

use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn dflowc(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dflowc"));
    let output = command
        .current_dir(root())
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The page with what every command prints below it.
fn filled(page: &str) -> String {
    let mut out = String::new();
    let mut rest = page;
    while let Some(at) = rest.find("```console\n$ dflowc ") {
        let (before, block) = rest.split_at(at);
        out.push_str(before);
        let block = &block["```console\n".len()..];
        let end = block.find("```").unwrap();
        let command = block[..end].lines().next().unwrap();
        let words: Vec<&str> = command.split(' ').skip(2).collect();
        out.push_str(&format!("```console\n{command}\n{}```", dflowc(&words)));
        rest = &block[end + 3..];
    }
    out + rest
}

#[test]
fn the_page_says_what_the_commands_print() {
    let path = root().join("docs/validation.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let now = filled(&page);
    if std::env::var_os("DFLOW_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &now).unwrap();
        return;
    }
    assert!(
        page == now,
        "docs/validation.md: DFLOW_BLESS=1 writes it anew; now it is\n{now}"
    );
}

/// Mean and largest error of a map of `file` against measurements.
fn errors(file: &str, map: &str, measured: &str) -> (f64, f64) {
    let measured = format!("examples/validation/{measured}.csv");
    let text = dflowc(&[
        "compare",
        file,
        "--map",
        map,
        "--measured",
        &measured,
        "--report",
        "json",
    ]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let of = |key: &str| json[key].as_f64().unwrap();
    (of("mean_error"), of("largest_error"))
}

const EYERISS: &str = "examples/validation/eyeriss.dflow";

// The bounds of the page.
#[test]
fn eyeriss_in_one_style() {
    let (mean, largest) = errors(EYERISS, "alexnet_b4", "eyeriss_alexnet");
    assert!(mean <= 0.08 && largest <= 0.12, "{mean} {largest}");
    let (mean, largest) = errors(EYERISS, "vgg16_b3", "eyeriss_vgg16");
    assert!(mean <= 0.05 && largest <= 0.09, "{mean} {largest}");
    let text = std::fs::read_to_string(root().join(EYERISS)).unwrap();
    let style = text.split_once("Dataflow row_stationary").unwrap().1;
    let lines = style.split_once("\n}").unwrap().0.lines().count();
    assert!(lines <= 40, "{lines}");
}

/// Agreement is not slack: with one fact of the chip taken away the comparison fails by far.
#[test]
fn another_machine_is_told_apart() {
    let text = std::fs::read_to_string(root().join(EYERISS)).unwrap();
    let scratchpads = text.split_once("  Level   SPAD {").unwrap().1;
    let scratchpads = scratchpads.split_once("\n  }\n").unwrap().0;
    let scratchpads = format!("  Level   SPAD {{{scratchpads}\n  }}\n");
    for (name, from, to, of_alexnet, of_vgg16) in [
        (
            "links",
            "Bandwidth { Input: 2B/cycle, Weight: 8B/cycle, Output: 8B/cycle }",
            "",
            0.0,
            0.40,
        ),
        (
            "buffer",
            "Bandwidth: 200B/cycle",
            "Bandwidth: 8B/cycle",
            0.20,
            0.70,
        ),
        (
            "register_file",
            &scratchpads,
            "  Memory  RF   { Size: 520B }\n",
            0.40,
            0.40,
        ),
    ] {
        assert!(text.contains(from), "{name}");
        let path = std::env::temp_dir().join(format!("dflowc_validation_{name}.dflow"));
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let file = path.to_str().unwrap();
        let (alexnet, _) = errors(file, "alexnet_b4", "eyeriss_alexnet");
        let (vgg16, _) = errors(file, "vgg16_b3", "eyeriss_vgg16");
        assert!(
            alexnet > of_alexnet && vgg16 > of_vgg16,
            "{name}: {alexnet} {vgg16}"
        );
    }
}

#[test]
fn nvdla_in_one_style() {
    let mut sum = 0.0;
    for macs in [2048, 1024, 512, 256, 128, 64, 32] {
        let name = format!("nvdla_{macs}");
        let (error, _) = errors(
            "examples/validation/nvdla.dflow",
            &format!("nv_{macs}"),
            &name,
        );
        assert!(error <= 0.20, "{macs}: {error}");
        sum += error;
    }
    assert!(sum / 7.0 <= 0.15, "{}", sum / 7.0);
}

/// ceil(K / floor(64 / 9)) * C * Y' * X' steps of one cycle, in every layer.
#[test]
fn maeri_folds_exactly() {
    let (_, largest) = errors("examples/validation/maeri.dflow", "compute", "maeri");
    assert_eq!(largest, 0.0);
    let (mean, _) = errors("examples/validation/maeri.dflow", "network", "maeri");
    assert!(mean > 1.0, "{mean}");
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dflowc"));
        let output = command
            .current_dir(root())
            .arg("compare")
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    let csv = "examples/validation/eyeriss_alexnet.csv";
    let (status, said) = run(&[EYERISS, "--measured", csv]);
    assert_eq!(status, Some(2));
    assert!(said.contains("say which with `--map`"), "{said}");
    let (status, said) = run(&[EYERISS, "--map", "vgg16_b3", "--measured", csv]);
    assert_eq!(status, Some(2));
    assert!(said.contains("there is no layer `conv1`"), "{said}");
    let (status, _) = run(&[
        EYERISS,
        "--map",
        "alexnet_b4",
        "--measured",
        csv,
        "--fail-over",
        "5%",
    ]);
    assert_eq!(status, Some(1));
}
