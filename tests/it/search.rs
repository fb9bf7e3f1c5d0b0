//! `dflowc search`, `dflowc verify`, and maps whose dataflows are searched.

use crate::cli::{dflowc, stderr, stdout};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of its own for one test.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("search_{name}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

pub fn text(path: &Path) -> String {
    path.display().to_string()
}

/// One buffer of 48 bytes in front of the products.
const BUFFER: &str = "
    Network net unwired {
      Layer product { Type: GEMM; Dimensions { M: 8, N: 8, K: 8 } }
      Layer again { Type: GEMM; Dimensions { M: 8, N: 8, K: 8 } }
      Layer fc { Type: FC; Dimensions { N: 1, K: 12, C: 6 } }
    }
    Accelerator one { Memory DRAM { } Memory Buf { Size: 48B } Compute MAC { } }
";

pub fn program(name: &str, source: &str) -> PathBuf {
    let path = folder(name).join("design.dflow");
    fs::write(&path, source).unwrap();
    path
}

fn json(file: &Path, more: &[&str]) -> Value {
    let file = text(file);
    let output = dflowc(&[&["search", &file, "--format", "json"], more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What `eval` says of the emitted map is what the search has printed, to the digit: figures that a schedule has twice,
/// by the search's own prices and by the report's.
pub fn emitted_is_the_same(file: &Path, more: &[&str]) -> Value {
    let found = file.with_file_name("found.dflow");
    let emit = text(&found);
    let report = json(file, &[&["--emit", &emit], more].concat());
    let evaluated = dflowc(&["eval", &emit, "--report", "json"]);
    assert_eq!(evaluated.status.code(), Some(0), "{}", stderr(&evaluated));
    let evaluated: Value = serde_json::from_slice(&evaluated.stdout).unwrap();
    let mut compared = 0;
    for search in report["searches"].as_array().unwrap() {
        let name = search["name"].as_str().unwrap();
        let maps = evaluated["evaluations"].as_array().unwrap();
        let map = maps.iter().find(|map| map["map"] == *name).unwrap();
        let mut names = vec![search["layer"].clone()];
        names.extend(search["same_as"].as_array().into_iter().flatten().cloned());
        for layer in names {
            let layers = map["layers"].as_array().unwrap();
            let layer = layers.iter().find(|known| known["name"] == layer).unwrap();
            let best = &search["best"];
            assert_eq!(layer["cycles"], best["cycles"]);
            assert_eq!(layer["energy_pj"]["total"], best["energy_pj"], "{name}");
            compared += 1;
        }
    }
    assert!(compared > 0);
    report
}

#[test]
fn what_is_found_evaluates_to_the_same_figures() {
    let source = "
        use std.accelerators.{eyeriss, tpu_like};
        Network net unwired {
          Layer fc { Type: FC; Dimensions { N: 1, K: 6, C: 4 } }
          Layer conv { Type: CONV; Dimensions { N: 1, K: 2, C: 2, Y: 4, X: 4, R: 3, S: 3 } Padding { Y: 1, X: 1 } }
          Layer same { Type: CONV; Dimensions { N: 1, K: 2, C: 2, Y: 4, X: 4, R: 3, S: 3 } Padding { Y: 1, X: 1 } }
        }
        Search rows { network: net; on: eyeriss; minimize: edp; strategy: adaptive; budget: 4s; }
        Search systolic { layer: net.fc, net.conv; on: tpu_like; minimize: cycles; strategy: adaptive; budget: 4s; }
        Search drawn { layer: net.fc; on: eyeriss; minimize: energy; strategy: random(50, seed = 3); }";
    emitted_is_the_same(&program("emitted", source), &[]);
}

/// A block of m x n results stays while k runs, 8 x 4 of them with 8 + 4 operands in 48 bytes: one operand is read twice
/// (2 * 64 bytes), the other once, and the results are written once.
#[test]
fn one_buffer_reaches_the_closed_form() {
    let source = format!(
        "{BUFFER} Search least {{ layer: net.product, net.again; on: one; minimize: traffic(DRAM); }}"
    );
    let report = json(&program("closed", &source), &[]);
    let searches = report["searches"].as_array().unwrap();
    assert_eq!(searches.len(), 1, "equal layers are searched once");
    let search = &searches[0];
    assert_eq!(search["same_as"], serde_json::json!(["again"]));
    // Each of three dimensions is cut by 1, 2 or 4 or not at all; k loops have k! orders: 1 + 9 + 54 + 162.
    assert_eq!(search["candidates"], "226");
    assert_eq!(search["proved"], true);
    assert_eq!(search["gap"], 0.0);
    assert_eq!(
        search["best"]["values"],
        serde_json::json!([128.0 + 64.0 + 64.0])
    );
}

#[test]
fn threads_make_no_difference() {
    let source = format!(
        "{BUFFER} Search least {{ network: net; on: one; minimize: traffic(DRAM); space {{ tiles: imperfect; }} }}"
    );
    let file = text(&program("threads", &source));
    let run = |threads: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
            .args(["search", &file, "--format", "json"])
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        output.stdout
    };
    assert_eq!(run("1"), run("2"));
}

#[test]
fn a_front_has_its_two_ends() {
    let source = format!(
        "{BUFFER} Search front {{ layer: net.product; on: one; minimize: pareto(capacity(Buf), traffic(DRAM)); }}"
    );
    let file = program("front", &source);
    let report = json(&file, &[]);
    let front = report["searches"][0]["front"].as_array().unwrap();
    // One element of each tensor: every product reads two operands, and its sum comes and goes but the first time.
    let ends = |at: usize| front[at]["values"].clone();
    assert_eq!(ends(0)[0], 3.0);
    assert_eq!(ends(front.len() - 1)[1], 128.0 + 64.0 + 64.0);
    assert_eq!(report["searches"][0]["proved"], true);
}

#[test]
fn statements_of_the_space_are_kept() {
    let source = format!(
        "{BUFFER} Search some {{ layer: net.product; on: one; minimize: traffic(DRAM);
           space {{ at DRAM {{ order K, M; tile M by {{2, 4}}; tile K by 1..2; tile * by divisors; }} }} }}"
    );
    let report = json(&program("kept", &source), &[]);
    let dataflow = report["searches"][0]["best"]["dataflow"].as_str().unwrap();
    assert!(
        dataflow.contains("tile K by 2;") || dataflow.contains("tile K by 1;"),
        "{dataflow}"
    );
    assert!(
        dataflow.contains("tile M by 2;") || dataflow.contains("tile M by 4;"),
        "{dataflow}"
    );
    assert!(
        dataflow.find("tile K") < dataflow.find("tile M"),
        "{dataflow}"
    );
}

#[test]
fn an_empty_space_says_what_excludes_all() {
    let source = format!(
        "{BUFFER} Search none {{ layer: net.product; on: one; minimize: traffic(DRAM);
           where {{ traffic(DRAM) <= 191B; }} }}"
    );
    let output = dflowc(&["search", &text(&program("empty", &source))]);
    assert_eq!(output.status.code(), Some(1));
    // What one_buffer_reaches_the_closed_form has.
    assert!(
        stdout(&output).contains("nothing keeps traffic(DRAM) <= 191: the least is 256 B"),
        "{}",
        stdout(&output)
    );
    let source = BUFFER.replace("48B", "2B")
        + "Search none { layer: net.product; on: one; minimize: cycles; }";
    let output = dflowc(&["search", &text(&program("small", &source))]);
    assert_eq!(output.status.code(), Some(1));
    // One element of each tensor.
    assert!(
        stdout(&output).contains("nothing fits into Buf (it has 2 B): the smallest tiles need 3 B"),
        "{}",
        stdout(&output)
    );
}

/// Parts that are enumerated again have only schedules whose spreads fit the array together: 5 x 10 x 5 pieces do not
/// fit 64 places, and no schedule with them is better.
#[test]
fn a_certificate_holds_where_spreads_share_an_axis() {
    let file = program(
        "axes",
        "Network n { Layer l { Type: GEMM; Dimensions { M: 5, N: 10, K: 5 } } }
         Accelerator a {
           Memory DRAM { Bandwidth: 8B/cycle } Memory GLB { Size: 32768 } Array PE { Shape: [64, 4] } Memory RF { } Compute MAC { }
         }
         Search s { network: n; on: a; minimize: cycles; }",
    );
    let proof = Path::new(&file).with_file_name("proof.json");
    let proof = proof.display().to_string();
    json(&file, &["--certificate", &proof]);
    let holds = dflowc(&["verify", &proof]);
    assert_eq!(holds.status.code(), Some(0), "{}", stdout(&holds));
}

/// A budget leaves a true gap: what a search to its end finds lies in it.
#[test]
fn a_budget_leaves_a_true_gap() {
    let source = "
        use std.accelerators.eyeriss;
        Network net { Layer conv { Type: CONV; Dimensions { N: 1, K: 6, C: 4, Y: 6, X: 6, R: 3, S: 3 } } }
        Search best { layer: net.conv; on: eyeriss; minimize: energy; space { spread K by any over PE[1]; spread Q by any over PE[0]; } }";
    let file = program("budget", source);
    let short = json(&file, &["--budget", "1ms"]);
    let long = json(&file, &["--budget", "300s"]);
    let value = |report: &Value| report["searches"][0]["best"]["values"][0].as_f64();
    let bound = |report: &Value| report["searches"][0]["lower_bound"].as_f64();
    let best = value(&long).unwrap();
    assert_eq!(long["searches"][0]["proved"], true);
    let (found, least) = (value(&short).unwrap(), bound(&short).unwrap());
    assert!(least <= best * (1.0 + 1e-9) && best <= found * (1.0 + 1e-9));
}

#[test]
fn a_certificate_holds_until_it_is_altered() {
    let source =
        format!("{BUFFER} Search least {{ network: net; on: one; minimize: traffic(DRAM); }}");
    let file = program("certificate", &source);
    let proof = file.with_file_name("proof.json");
    let path = text(&proof);
    json(&file, &["--certificate", &path]);
    let holds = dflowc(&["verify", &path]);
    assert_eq!(
        holds.status.code(),
        Some(0),
        "{}{}",
        stdout(&holds),
        stderr(&holds)
    );
    assert!(
        stdout(&holds).contains("the certificate holds: 2 of 2"),
        "{}",
        stdout(&holds)
    );
    let honest: Value = serde_json::from_str(&fs::read_to_string(&proof).unwrap()).unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut altered = honest.clone();
        change(&mut altered);
        fs::write(&proof, altered.to_string()).unwrap();
        let output = dflowc(&["verify", &path]);
        assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
        assert!(stdout(&output).contains("refused:"), "{}", stdout(&output));
    };
    refused(&|proof| proof["source_sha256"] = "0".into());
    refused(&|proof| proof["searches"][0]["space"]["candidates"] = "1".into());
    refused(&|proof| proof["searches"][0]["best"][0]["values"][0] = 1.0.into());
    refused(&|proof| proof["searches"][0]["best"][0]["dataflow"] = "{ }".into());
    refused(&|proof| {
        let joined = proof["searches"][0]["joined"].as_array_mut().unwrap();
        joined.pop();
    });
    refused(&|proof| proof["searches"][0]["covered"]["pruned_by"]["join"] = "0".into());
    refused(&|proof| proof["searches"][0]["joined"][0]["candidates"] = "2".into());
    // A part that its bound cut off: the bound, the count, the class, and the part itself.
    refused(&|proof| proof["searches"][0]["pruned"][0]["bound"][0] = 1e9.into());
    refused(&|proof| proof["searches"][0]["pruned"][0]["candidates"] = "1000003".into());
    refused(&|proof| proof["searches"][0]["pruned"][0]["skeleton"] = 1.into());
    refused(&|proof| {
        let pruned = proof["searches"][0]["pruned"].as_array_mut().unwrap();
        pruned.pop();
    });
    refused(&|proof| {
        let pruned = proof["searches"][0]["pruned"].as_array_mut().unwrap();
        let first = pruned[0].clone();
        pruned.push(first);
    });
    refused(&|proof| proof["searches"][0]["lower_bound"] = 1e9.into());
    refused(&|proof| proof["searches"][0]["gap"] = 0.5.into());
}

/// Three PEs and ten results of two products each: tiles that divide spread two results at a time, or the two products
/// of one, 20 / 2 = 10 cycles; a dataflow of the library that spreads three has ceil(10 / 3) = 4 folds of 2 cycles.
#[test]
fn a_dataflow_of_the_library_may_be_better() {
    let source = "
        Network net { Layer fc { Type: FC; Dimensions { N: 1, K: 10, C: 2 } } }
        Accelerator three { Memory DRAM { } Array PE { Shape: [3] } Memory RF { } Compute MAC { } }
        Search all { layer: net.fc; on: three; minimize: cycles; }
        Search dividing { layer: net.fc; on: three; minimize: cycles; space { tiles: perfect; } }
        Map net on three as automatic { default: auto(minimize = cycles, strategy = optimal); }";
    let file = program("library", source);
    let proof = file.with_file_name("proof.json");
    let path = text(&proof);
    let report = json(&file, &["--certificate", &path]);
    let [all, dividing] = [0, 1].map(|at| &report["searches"][at]);
    assert_eq!(all["best"]["cycles"], 4 * 2);
    let library = all["best"]["library"].as_str().unwrap();
    assert!(library.starts_with("std.dataflows."), "{library}");
    assert_eq!((&all["proved"], &all["gap"]), (&true.into(), &0.0.into()));
    assert_eq!(dividing["best"]["cycles"], 20 / 2);
    assert_eq!(dividing["best"].get("library"), None);
    // The emitted map is that dataflow, written out.
    let found = text(&file.with_file_name("found.dflow"));
    json(&file, &["--search", "all", "--emit", &found]);
    for (file, map) in [(&found, "all"), (&text(&file), "automatic")] {
        let output = dflowc(&["eval", file, "--map", map, "--report", "json"]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let evaluated: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(evaluated["evaluations"][0]["layers"][0]["cycles"], 8);
    }
    let holds = dflowc(&["verify", &path]);
    assert_eq!(holds.status.code(), Some(0), "{}", stdout(&holds));
    let mut altered: Value = serde_json::from_str(&fs::read_to_string(&proof).unwrap()).unwrap();
    altered["searches"][0]["library"]["values"][0] = 7.0.into();
    fs::write(&proof, altered.to_string()).unwrap();
    let output = dflowc(&["verify", &path]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
}

/// On the three PEs of above tiles that divide need 10 cycles, 20 / (10 * 3) = 0.67 of what the PEs could do, and the
/// library 8, 0.83 of it. At least 0.7 of it are 20 / (0.7 * 3) = 9.5 cycles at most.
#[test]
fn busy_pes_are_a_condition() {
    let source = "
        Network net { Layer fc { Type: FC; Dimensions { N: 1, K: 10, C: 2 } } }
        Accelerator three { Memory DRAM { } Array PE { Shape: [3] } Memory RF { } Compute MAC { } }
        Search a { layer: net.fc; on: three; minimize: cycles; space { tiles: perfect; } where { utilization(PE) >= 0.6; } }
        Search b { layer: net.fc; on: three; minimize: cycles; space { tiles: perfect; } where { utilization >= 0.7; } }
        Search c { layer: net.fc; on: three; minimize: cycles; where { utilization >= 0.8; } }";
    let file = program("utilization", source);
    for (name, cycles) in [("a", 10), ("c", 8)] {
        let report = json(&file, &["--search", name]);
        assert_eq!(report["searches"][0]["best"]["cycles"], cycles, "{name}");
    }
    let output = dflowc(&["search", &text(&file), "--search", "b"]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert!(
        stdout(&output).contains("nothing keeps cycles <= 9: the least is 10"),
        "{}",
        stdout(&output)
    );
}

/// A convolution on 65,536 PEs: the schedules are 10^13, and neither counting them nor their parts takes longer than
/// the search (it took minutes).
#[test]
fn large_arrays_are_counted_in_time() {
    let source = "
        use std.accelerators.tpu_like;
        Network net {
          Layer conv { Type: CONV; Dimensions { K: 64, C: 3, Y: 230, X: 230, R: 7, S: 7 } Stride { Y: 2, X: 2 } }
        }
        Search large { layer: net.conv; on: tpu_like; minimize: edp; strategy: adaptive; budget: 1s; }";
    let start = std::time::Instant::now();
    let report = json(&program("large", source), &[]);
    let taken = start.elapsed();
    assert!(report["searches"][0]["best"].is_object());
    // 12 s of grace for tables and a first answer are in it, and an unoptimised build on a busy machine.
    assert!(taken.as_secs() < 60, "{taken:?}");
}

/// The README of the examples has the head of what this one prints, which does not depend on the machine.
#[test]
fn an_example_prints_what_its_readme_says() {
    let readme = fs::read_to_string("examples/search/README.md").unwrap();
    let output = dflowc(&["search", "examples/search/constrained.dflow"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let printed = stdout(&output);
    let proved = "no schedule of the space is better\n";
    let end = printed.find(proved).map_or(0, |at| at + proved.len());
    let head = printed[..end].split_inclusive('\n');
    let head: String = head
        .map(|line| match line.trim_end() {
            "" => line.to_owned(),
            _ => format!("    {line}"),
        })
        .collect();
    assert!(
        head.trim_end()
            .ends_with("no schedule of the space is better"),
        "{printed}"
    );
    assert!(readme.contains(&head), "{printed}");
}

#[test]
fn maps_take_what_a_search_finds() {
    let source = BUFFER.replace(
        "Compute MAC { } }",
        "Compute MAC { } }
         Map net on one { default: auto(minimize = traffic(DRAM), strategy = optimal); }",
    );
    let file = text(&program("auto", &source));
    let checked = dflowc(&["check", &file]);
    assert_eq!(checked.status.code(), Some(0), "{}", stderr(&checked));
    let output = dflowc(&["eval", &file, "--report", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let layers = report["evaluations"][0]["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 3);
    for layer in layers {
        assert_eq!(layer["dataflow"], "auto");
        let notes = layer["notes"].to_string();
        assert!(
            notes.contains("found by a search for the least traffic(DRAM)"),
            "{notes}"
        );
    }
}

#[test]
fn commands_refuse_what_they_cannot_do() {
    let file = text(&program("refused", BUFFER));
    let output = dflowc(&["search", &file]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("has no Search"),
        "{}",
        stderr(&output)
    );
    let source = format!("{BUFFER} Search best {{ layer: net.fc; on: one; minimize: cycles; }}");
    let file = text(&program("named", &source));
    let output = dflowc(&["search", &file, "--search", "bets"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("did you mean `best`?"),
        "{}",
        stderr(&output)
    );
    let output = dflowc(&["search", &file, "--budget", "soon"]);
    assert_eq!(output.status.code(), Some(2));
    let output = dflowc(&["search", &file, "--emit", &file]);
    assert_eq!(output.status.code(), Some(2), "it would replace its source");
    let output = dflowc(&["verify", &file]);
    assert_eq!(output.status.code(), Some(2));
}
