//! The command line: exit codes, channels, help.

use std::io::Read;
use std::process::{Command, Output, Stdio};

/// Runs the program where the tests are run, without colours.
pub fn dflowc(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(arguments)
        .env_remove("NO_COLOR")
        .output()
        .unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn help_and_version_are_clean() {
    for arguments in [&["--help"][..], &["eval", "--help"], &["--version"]] {
        let output = dflowc(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(!output.stdout.is_empty());
    }
    assert!(stdout(&dflowc(&["eval", "--help"])).contains("Examples:"));
}

#[test]
fn wrong_usage_is_two() {
    for arguments in [
        &[][..],
        &["evaluate"],
        &["check"],
        &["eval", "f.dflow", "--report", "xml"],
        &["explain", "E9999"],
        &["check", "no/such/file.dflow"],
        &["eval", "no/such/file.dflow"],
    ] {
        let output = dflowc(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn explain_lists_and_explains() {
    let list = stdout(&dflowc(&["explain"]));
    assert!(list.contains("E0402  computation not covered\n"));
    let page = dflowc(&["explain", "e0402"]);
    assert_eq!(page.status.code(), Some(0));
    assert!(stdout(&page).contains("E0402"));
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&dflowc(&["completions", shell]));
        for command in [
            "check", "compare", "eval", "explain", "emit", "fmt", "oracle", "search", "verify",
        ] {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn a_closed_pipe_is_no_panic() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut text = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(text, "");
}

/// A file in the temporary folder of this test run.
fn file(name: &str, text: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Two matrix products on four PEs; the second has twice the columns.
const SMALL: &str = "
Network net {
  Layer one { Type: GEMM; Dimensions { M: 4, N: 8, K: 16 } }
  Layer two { Type: GEMM; Dimensions { M: 4, N: 16, K: 16 } Inputs: external; }
}
Dataflow rows { SpatialMap(1,1) M; TemporalMap(1,1) N; TemporalMap(1,1) K }
Accelerator small {
  Technology: t;
  Memory DRAM { }
  Memory GLB { Size: 4KiB }
  Array PE { Shape: [4] }
  Memory RF { Size: 64B }
  Compute MAC { Lanes: 1 }
}
Technology t {
  mac(INT8): 0.25pJ; hop: 0pJ;
  read(DRAM, 64b): 128pJ; write(DRAM, 64b): 128pJ;
  read(SRAM, 4KiB, 32b): 32pJ; write(SRAM, 4KiB, 32b): 32pJ;
  read(RF, 64B, 8b): 1pJ; write(RF, 64B, 8b): 1pJ;
}
Map net on small { default: rows; }
";

#[test]
fn eval_reports_closed_forms_in_every_format() {
    let path = file("small.dflow", SMALL);
    let output = dflowc(&["eval", &path, "--report", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["schema"], "dflow.report/1");
    let layers = &report["evaluations"][0]["layers"];
    // M * N * K products, all rows at once on four PEs.
    assert_eq!(layers[0]["macs"], 4 * 8 * 16);
    assert_eq!(layers[1]["macs"], 4 * 16 * 16);
    assert_eq!(layers[0]["steps"], 8 * 16);
    assert_eq!(layers[0]["pes_used"], 4);
    assert_eq!(layers[0]["energy_pj"]["mac"], 0.25 * 512.0);
    // Every element comes from DRAM once and the result goes there once: 4*16 + 16*8 read, 4*8 written, 16 pJ per byte.
    assert_eq!(layers[0]["energy_pj"]["DRAM.read"], 16.0 * 192.0);
    assert_eq!(layers[0]["energy_pj"]["DRAM.write"], 16.0 * 32.0);
    assert_eq!(report["evaluations"][0]["totals"]["macs"], 1536);

    let text = stdout(&dflowc(&["eval", &path, "--report"]));
    assert!(text.starts_with("net on small (exact model)\n"), "{text}");
    assert!(text.contains("t: mac(INT8)"), "{text}");
    let csv = stdout(&dflowc(&["eval", &path, "--report", "csv"]));
    assert_eq!(csv.lines().count(), 3);
    let one = stdout(&dflowc(&[
        "eval", &path, "--layer", "two", "--report", "csv",
    ]));
    assert_eq!(one.lines().count(), 2);
    let all = stdout(&dflowc(&[
        "eval", &path, "--model", "all", "--report", "csv",
    ]));
    assert_eq!(all.lines().count(), 5);
}

#[test]
fn the_report_goes_to_a_file_and_is_the_same_every_time() {
    let path = file("small_out.dflow", SMALL);
    let out = file("small_out.json", "");
    let mut texts = Vec::new();
    for _ in 0..2 {
        let output = dflowc(&["eval", &path, "--report", "json", "-o", &out]);
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stdout.is_empty());
        texts.push(std::fs::read_to_string(&out).unwrap());
    }
    assert_eq!(texts[0], texts[1]);
    let nowhere = dflowc(&["eval", &path, "-o", "/no/such/folder/out"]);
    assert_eq!(nowhere.status.code(), Some(2));
}

#[test]
fn no_figures_for_a_layer_with_errors() {
    // Column windows of 2 at distance 3 leave every third column out.
    let gap = "Map net on small { default: rows; two: gap; }
      Dataflow gap { SpatialMap(1,1) M; TemporalMap(2,3) N; TemporalMap(1,1) K }";
    let path = file(
        "gap.dflow",
        &SMALL.replace("Map net on small { default: rows; }", gap),
    );
    let check = dflowc(&["check", &path]);
    assert_eq!(check.status.code(), Some(1));
    assert!(stderr(&check).contains("E0402"), "{}", stderr(&check));
    let stop = dflowc(&["eval", &path]);
    assert_eq!(stop.status.code(), Some(1));
    assert!(stop.stdout.is_empty());
    let on = dflowc(&["eval", &path, "--keep-going", "--report", "json"]);
    assert_eq!(on.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_str(&stdout(&on)).unwrap();
    assert_eq!(report["evaluations"][0]["layers"][0]["name"], "one");
    assert_eq!(
        report["evaluations"][0]["failed"],
        serde_json::json!(["two"])
    );
}

#[test]
fn a_missing_price_is_an_error_not_zero() {
    let path = file("unpriced.dflow", &SMALL.replace("mac(INT8): 0.25pJ;", ""));
    let output = dflowc(&["eval", &path]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains("E0503") && text.contains("mac(INT8)"),
        "{text}"
    );
    let small = file("outside.dflow", &SMALL.replace("Size: 4KiB", "Size: 8KiB"));
    assert!(stderr(&dflowc(&["eval", &small])).contains("E0504"));
    let bold = SMALL
        .replace("Size: 4KiB", "Size: 8KiB")
        .replace("mac(INT8)", "extrapolate; mac(INT8)");
    let bold = file("bold.dflow", &bold);
    assert_eq!(dflowc(&["eval", &bold]).status.code(), Some(0));
}

#[test]
fn oracle_and_engine_agree() {
    let path = file("small_oracle.dflow", SMALL);
    let output = dflowc(&["oracle", &path, "--compare"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).ends_with("engine and oracle agree on 2 layers\n"));
    let refused = dflowc(&["oracle", &path, "--limit", "600"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("E0602"));
}

#[test]
fn unknown_selections_and_models_are_refused() {
    let path = file("small_select.dflow", SMALL);
    for arguments in [["--layer", "oen"], ["--map", "nets"]] {
        let output = dflowc(&["eval", &path, arguments[0], arguments[1]]);
        assert_eq!(output.status.code(), Some(2));
    }
    let hint = stderr(&dflowc(&["eval", &path, "--layer", "oen"]));
    assert!(hint.contains("did you mean `one`?"), "{hint}");
    let model = dflowc(&["eval", &path, "--model", "exakt"]);
    assert_eq!(model.status.code(), Some(2));
    let models = stderr(&model);
    assert!(models.contains("exact, maestro"), "{models}");
}

#[test]
fn every_stage_can_be_seen() {
    let path = file("small_emit.dflow", SMALL);
    for (stage, part) in [
        ("tokens", "Identifier(\"net\")"),
        ("ast", "File {"),
        ("hir", "Program {"),
        ("ir", "level 0 spatial over 4 of PE: M (1,1)"),
    ] {
        let output = dflowc(&["emit", &path, "--stage", stage]);
        assert_eq!(output.status.code(), Some(0), "{stage}");
        assert!(
            stdout(&output).contains(part),
            "{stage}: {}",
            stdout(&output)
        );
    }
}

#[test]
fn warnings_can_be_denied() {
    let idle = SMALL.replace("Shape: [4]", "Shape: [8]");
    let path = file("idle.dflow", &idle);
    let plain = dflowc(&["check", &path]);
    assert_eq!(plain.status.code(), Some(0));
    assert!(stderr(&plain).contains("W0401"));
    let denied = dflowc(&["check", "-D", "warnings", &path]);
    assert_eq!(denied.status.code(), Some(1));
    assert!(stdout(&dflowc(&["eval", &path])).contains("W0401"));
    assert_eq!(
        dflowc(&["eval", "-D", "warnings", &path]).status.code(),
        Some(1)
    );
}

#[test]
fn failures_follow_the_message_format() {
    let output = dflowc(&["check", "--message-format", "json", "no/such/file.dflow"]);
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output) + &stdout(&output);
    assert!(
        serde_json::from_str::<serde_json::Value>(&text).is_ok(),
        "{text}"
    );
}

#[test]
fn compare_prints_what_differs() {
    let path = file(
        "compare.dflow",
        "Network net {
           Layer one { Type: GEMM; Dimensions { M: 4, N: 8, K: 16 } }
           Layer two { Type: GEMM; Dimensions { M: 4, N: 16, K: 16 } Inputs: external; }
         }
         Dataflow rows { SpatialMap(1,1) M; TemporalMap(1,1) N; TemporalMap(1,1) K }
         Dataflow single { TemporalMap(1,1) M; TemporalMap(1,1) N; TemporalMap(1,1) K }
         Accelerator a { Memory DRAM { } Array PE { Shape: [4] } Memory RF { Size: 64B } Compute MAC { } }
         Map net on a as wide { default: rows; }
         Map net on a as narrow { default: rows; one: single; }",
    );
    let output = dflowc(&["compare", &path, "--maps", "wide,narrow", "--report", "csv"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    // One of four PEs works on 4 * 8 * 16 products: four times the cycles of all four, 128. Of all, 128 + 256.
    assert!(text.contains("one,cycles,128,512,3\n"), "{text}");
    assert!(text.contains("total,cycles,384,768,1\n"), "{text}");
    assert!(!text.contains("two"), "{text}");
    // As a shell passes `--maps wide, narrow`.
    let spaced = dflowc(&[
        "compare",
        &path,
        "--maps",
        "wide,",
        "narrow",
        "--fail-over",
        "250%",
    ]);
    assert_eq!(spaced.status.code(), Some(1), "{}", stderr(&spaced));
    let enough = dflowc(&[
        "compare",
        &path,
        "--maps",
        "wide,narrow",
        "--fail-over",
        "300%",
    ]);
    assert_eq!(enough.status.code(), Some(0));
    // Equal sides say nothing; two reports are as good as two maps.
    let reports = ["left", "right"].map(|name| {
        let text = stdout(&dflowc(&[
            "eval", &path, "--map", "wide", "--report", "json",
        ]));
        file(&format!("{name}.json"), &text)
    });
    let equal = dflowc(&["compare", &reports[0], &reports[1], "--fail-over", "0"]);
    assert_eq!(
        (equal.status.code(), stdout(&equal).as_str()),
        (Some(0), "")
    );
    let wrong = dflowc(&["compare", &path, "--maps", "wide,nrrow"]);
    assert!(stderr(&wrong).contains("did you mean `narrow`?"));
    assert_eq!(wrong.status.code(), Some(2));
}

const MAPS: &str = "const T = 4;
Network net(M = 4) { Layer l { Type: GEMM; Dimensions { M: M, N: T, K: 2 } } }
Accelerator a { PE { NumPEs: 1 } }
Map net on a { }
Map net(M = 6) on a as six { }
";

/// MACs of every evaluation.
fn macs(path: &str, arguments: &[&str]) -> Vec<u64> {
    let all = [&["eval", path, "--report", "json"], arguments].concat();
    let report: serde_json::Value = serde_json::from_slice(&dflowc(&all).stdout).unwrap();
    let evaluations = report["evaluations"].as_array().unwrap().iter();
    evaluations
        .map(|one| one["totals"]["macs"].as_u64().unwrap())
        .collect()
}

#[test]
fn set_gives_constants_and_defaults_other_values() {
    let path = file("set.dflow", MAPS);
    assert_eq!(macs(&path, &[]), [4 * 4 * 2, 6 * 4 * 2]);
    let both = ["--set", "T=8", "--set", "net.M=2"];
    assert_eq!(macs(&path, &both), [2 * 8 * 2, 6 * 8 * 2]);
    // The last one counts, and a bare name means the parameter as well.
    let twice = ["--set", "M=3", "--set", "M=5", "--map", "net on a"];
    assert_eq!(macs(&path, &twice), [5 * 4 * 2]);
    let output = dflowc(&["check", &path, "--set", "T=1kB"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("a whole number for `T`"));
}

#[test]
fn maps_are_chosen_by_name() {
    let path = file("maps.dflow", MAPS);
    assert_eq!(macs(&path, &["--map", "six"]), [6 * 4 * 2]);
    let output = dflowc(&["eval", &path, "--map", "sx"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean `six`?"));
    let output = dflowc(&["eval", &path, "--map", "nothing like it"]);
    assert!(stderr(&output).contains("it has net on a, six"));
}

/// A folder of its own, empty.
fn folder(name: &str) -> std::path::PathBuf {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

const TWO_SLIPS: &str = "\
Network n { Layer conv { Type: CONV; Dimensions: { K: 4, C: 3, H: 8, X: 8, R: 3, S: 3 } } }
Accelerator pe { Memory DRAM { } Memory RF { } Compute MAC { } }
Map n on pe { }
";

/// With input on its standard input.
fn piped(arguments: &[&str], input: &str) -> Output {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(input.as_bytes()).unwrap();
    drop(pipe);
    child.wait_with_output().unwrap()
}

#[test]
fn safe_edits_are_applied() {
    let folder = folder("fixes");
    let path = folder.join("two.dflow");
    std::fs::write(&path, TWO_SLIPS).unwrap();
    let path = path.to_str().unwrap();
    let before = dflowc(&["check", path]);
    assert_eq!(before.status.code(), Some(1));
    let output = dflowc(&["check", "--fix", path]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("2 edits in"),
        "{}",
        stderr(&output)
    );
    let mended = TWO_SLIPS
        .replace("Dimensions:", "Dimensions")
        .replace("H: 8", "Y: 8");
    assert_eq!(std::fs::read_to_string(path).unwrap(), mended);
    // Nothing is left to do, and nothing is done.
    let again = dflowc(&["check", "--fix", path]);
    assert_eq!(
        (again.status.code(), stderr(&again).as_str()),
        (Some(0), "")
    );
    let refused = piped(&["check", "--fix", "-"], TWO_SLIPS);
    assert_eq!(refused.status.code(), Some(2));
}

/// A size that is too large has no edit that is certain to be meant: the file stays as it is.
#[test]
fn what_no_edit_mends_stays() {
    let folder = folder("unfixed");
    let path = folder.join("one.dflow");
    let text = "Network n { Layer fc { Type: FC; Dimensions { N: 1, K: 0, C: 3 } } }\n";
    std::fs::write(&path, text).unwrap();
    let output = dflowc(&["check", "--fix", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn folders_and_standard_input_are_read() {
    let folder = folder("designs");
    std::fs::create_dir(folder.join("inner")).unwrap();
    let good = "Network n { Layer fc { Type: FC; Dimensions { N: 1, K: 4, C: 3 } } }\n\
                Accelerator pe { Memory DRAM { } Memory RF { } Compute MAC { } }\nMap n on pe { }\n";
    std::fs::write(folder.join("a.dflow"), good).unwrap();
    std::fs::write(folder.join("inner/b.dflow"), TWO_SLIPS).unwrap();
    std::fs::write(folder.join("inner/c.txt"), "no program").unwrap();
    let path = folder.to_str().unwrap();
    let output = dflowc(&["check", path]);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    assert!(
        said.contains("b.dflow:1:") && !said.contains("a.dflow:"),
        "{said}"
    );
    std::fs::remove_file(folder.join("inner/b.dflow")).unwrap();
    let network = "Network alone { Layer fc { Type: FC; Dimensions { N: 1, K: 4, C: 3 } } }\n";
    std::fs::write(folder.join("inner/b.dflow"), network).unwrap();
    let output = dflowc(&["eval", path]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    // The file without maps is none that was asked for by name.
    assert_eq!(stdout(&output).matches("(exact model)").count(), 1);
    let output = piped(&["eval", "-"], good);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("n on pe (exact model)"));
    let output = piped(&["check", "-"], TWO_SLIPS);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("<stdin>:1:"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn messages_have_forms_for_programs() {
    let path = file("forms.dflow", TWO_SLIPS);
    let short = dflowc(&["check", "--message-format", "short", &path]);
    let lines = stderr(&short);
    let first = format!("{path}:1:48: error[E0101]: ");
    assert!(
        lines.starts_with(&first) && lines.lines().count() == 2,
        "{lines}"
    );
    let github = dflowc(&["check", "--message-format", "github", &path]);
    let commands = stdout(&github);
    assert_eq!(
        commands
            .lines()
            .filter(|line| line.starts_with("::error file="))
            .count(),
        2
    );
    let sarif = dflowc(&["check", "--message-format", "sarif", &path, &path]);
    assert_eq!(sarif.status.code(), Some(1));
    let log: serde_json::Value = serde_json::from_slice(&sarif.stdout).unwrap();
    assert_eq!(log["version"], "2.1.0");
    assert_eq!(log["runs"][0]["results"].as_array().unwrap().len(), 4);
    // A run without a mistake is a log, too.
    let clean = dflowc(&["explain", "E0402"]);
    assert_eq!(clean.status.code(), Some(0));
}

#[test]
fn the_library_is_listed() {
    let all = stdout(&dflowc(&["list"]));
    for path in [
        "std.networks.vgg16",
        "std.accelerators.npu(",
        "std.dataflows.deepopt.XYZiZo",
    ] {
        assert!(all.contains(path), "{path}: {all}");
    }
    let networks = stdout(&dflowc(&["list", "networks"]));
    assert!(networks.contains("std.networks.llama3_8b(B = 1, S = 2048, L = S)\n"));
    assert!(!networks.contains("std.accelerators"));
    let one = stdout(&dflowc(&["list", "networks.llama3_8b"]));
    assert!(one.contains("8 030 261 248 parameters"), "{one}");
    let wrong = dflowc(&["list", "networks.llama3"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        stderr(&wrong).contains("did you mean"),
        "{}",
        stderr(&wrong)
    );
}

#[test]
fn there_is_a_manual_page() {
    let page = stdout(&dflowc(&["man"]));
    assert!(
        page.contains(".TH dflowc 1") && page.contains("check"),
        "{page}"
    );
}

/// `check` says what `eval` would miss, which is no mistake.
#[test]
fn check_says_what_is_missing_for_eval() {
    let network = "Network n { Layer fc { Type: FC; Dimensions { N: 1, K: 4, C: 3 } } }\n";
    let machine = |name: &str| format!("Accelerator {name} {{ PE {{ NumPEs: 4 }} }}\n");
    for (text, said) in [
        (network.to_owned(), "has no accelerator to run on"),
        (network.to_owned() + &machine("a"), "add `Map n on a { }`"),
        (
            network.to_owned() + &machine("a") + &machine("b"),
            "2 accelerators are known (a, b)",
        ),
    ] {
        let output = dflowc(&["check", &file("missing.dflow", &text)]);
        assert_eq!(output.status.code(), Some(0));
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
    let whole = network.to_owned() + &machine("a") + "Map n on a { }\n";
    assert_eq!(
        stderr(&dflowc(&["check", &file("whole.dflow", &whole)])),
        ""
    );
}
