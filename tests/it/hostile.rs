//! Small inputs that once cost minutes or gigabytes: an answer, or a refusal that names the bound, under two seconds of
//! processor time and one gigabyte (`robust`).

use crate::robust::{limited, path, write};
use std::path::Path;
use std::process::Output;

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn case(name: &str) -> String {
    format!("{}/tests/hostile/{name}.dflow", env!("CARGO_MANIFEST_DIR"))
}

/// The command ends by itself with this code; what it says on standard error.
fn ends(arguments: &[&str], code: i32) -> String {
    let output = limited(arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// Both commands refuse a program with this code.
fn refused(name: &str, code: &str) -> String {
    let path = case(name);
    let said = ends(&["check", &path], 1);
    assert!(said.contains(&format!("[{code}]")), "{name}: {said}");
    assert!(ends(&["eval", &path], 1).contains(&format!("[{code}]")));
    said
}

/// 24 levels of `Cluster(2)` on 2^24 PEs: every level doubled the time.
#[test]
fn levels_of_clusters() {
    refused("levels_of_clusters", "E0602");
}

/// 10 tiles around a group that loses data: the verdict does not wait for the sizes of the windows.
#[test]
fn a_group_that_loses_data_in_nested_tiles() {
    let said = refused("lost_in_nested_tiles", "E0410");
    assert!(said.contains("l2.Input"), "{said}");
}

/// Five convolutions with six tiles.
#[test]
fn a_legal_group_of_five() {
    let path = case("group_of_five");
    for command in ["check", "eval"] {
        let output = limited(&[command, &path]);
        let said = stderr(&output);
        match output.status.code() {
            Some(0) => {}
            Some(1) => assert!(said.contains("[E0604]"), "{said}"),
            other => panic!("{command}: {other:?} {said}"),
        }
    }
}

/// Two dimensions that nothing couples, in eight cluster levels: the verdict needs no complete witness.
#[test]
fn uncoupled_in_eight_levels() {
    refused("uncoupled_in_eight_levels", "E0404");
}

/// 24 MACs: 2 outputs rows of 1 by 4, of a kernel of 6, on 100,000,000 PEs. Those without work cost nothing.
#[test]
fn instances_without_work() {
    let path = case("irregular_on_a_large_array");
    assert!(ends(&["check", &path], 0).contains("[W0401]"));
    let output = limited(&["eval", &path, "--report", "csv"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains(",24,"), "{}", stdout(&output));
}

#[test]
fn one_line_of_half_a_megabyte() {
    for (name, text) in [
        ("constants", "const A = 1; ".repeat(44_000)),
        ("blanks", format!("const A = 1;{}", " ".repeat(570_000))),
        ("comment", format!("// {}", "\u{e4}".repeat(280_000))),
        ("brackets", "[".repeat(570_000)),
    ] {
        let path = write(&format!("hostile_{name}.dflow"), text);
        for arguments in [
            &["emit", &path, "--stage", "tokens"][..],
            &["emit", &path, "--stage", "ast"],
            &["fmt", "--check", &path],
            &["check", &path],
        ] {
            let output = limited(arguments);
            assert!(
                matches!(output.status.code(), Some(0 | 1)),
                "{arguments:?}: {}",
                stderr(&output)
            );
        }
    }
}

#[test]
fn calls_in_calls_are_shown_in_linear_space() {
    let output = limited(&["emit", &case("nested_calls"), "--stage", "ast"]);
    assert_eq!(output.status.code(), Some(0));
    // 120 calls; indented like their depth they may take some ten lines each.
    assert!(output.stdout.len() < 4 << 20, "{}", output.stdout.len());
}

/// One limit for every command, and only regular files.
#[cfg(unix)]
#[test]
fn what_is_too_large_or_no_file_is_not_read() {
    let sparse = path("hostile_sparse.dflow");
    let file = std::fs::File::create(&sparse).unwrap();
    file.set_len(1 << 30).unwrap();
    let sparse = sparse.to_str().unwrap();
    let pipe = path("hostile_pipe");
    let _ = std::fs::remove_file(&pipe);
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    let pipe = pipe.to_str().unwrap();
    for (path, says) in [
        (sparse, "larger than"),
        ("/dev/zero", "regular file"),
        (pipe, "regular file"),
    ] {
        if !Path::new(path).exists()
            || (path == pipe && !made.as_ref().is_ok_and(|made| made.success()))
        {
            continue;
        }
        for arguments in [
            &["check", path][..],
            &["eval", path],
            &["emit", path],
            &["emit", path, "--stage", "tokens"],
            &["oracle", path],
            &["fmt", "--check", path],
        ] {
            let said = ends(arguments, 2);
            assert!(said.contains(says), "{arguments:?}: {said}");
        }
        let program = case("irregular_on_a_large_array");
        assert!(
            ends(&["compare", path, &program], 2).contains(if path == sparse {
                "larger than"
            } else {
                says
            })
        );
    }
    std::fs::remove_file(sparse).unwrap();
}

/// The name of a file is what the system says it is.
#[cfg(unix)]
#[test]
fn names_that_are_no_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;
    let folder = path("hostile_names").join(OsStr::from_bytes(b"folder\xff"));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join(OsStr::from_bytes(b"main\xfe.dflow"));
    let imported =
        "const A   = 1;\nNetwork n { Layer l { Type: FC; Dimensions { N: 1, K: 4, C: 6 } } }";
    std::fs::write(folder.join("other.dflow"), imported).unwrap();
    let text = "use \"other.dflow\";\nAccelerator a { PE { NumPEs: 1 } }\nMap n on a { }\n";
    std::fs::write(&file, text).unwrap();
    let dflowc = |arguments: &[&OsStr]| {
        let program = env!("CARGO_BIN_EXE_dflowc");
        Command::new(program)
            .args(arguments)
            .env("NO_COLOR", "1")
            .output()
            .unwrap()
    };
    let name = file.as_os_str();
    for arguments in [
        &[OsStr::new("check"), name][..],
        &[OsStr::new("eval"), name],
        &[OsStr::new("emit"), name],
        &[
            OsStr::new("emit"),
            name,
            OsStr::new("--stage"),
            OsStr::new("ast"),
        ],
        &[OsStr::new("fmt"), name],
    ] {
        let output = dflowc(arguments);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    // In a message it is shown with a character in the place of what is none; over a source nothing is written.
    let over = dflowc(&[OsStr::new("eval"), name, OsStr::new("-o"), name]);
    assert_eq!(over.status.code(), Some(2));
    assert!(stderr(&over).contains("main\u{fffd}.dflow") && stderr(&over).contains("E0703"));
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .contains("Accelerator a")
    );
}

/// Descriptions, comments and names go to a terminal without what commands it.
#[test]
fn control_characters_are_shown_harmless() {
    let path = case("control_characters");
    for arguments in [&["eval", &path][..], &["check", &path], &["emit", &path]] {
        let output = limited(arguments);
        let text = stdout(&output) + &stderr(&output);
        let harmful = |c: char| matches!(c, '\u{1b}' | '\u{7}' | '\u{202e}');
        assert!(!text.contains(harmful), "{arguments:?}: {text:?}");
    }
}

/// Text and JSON name the same line, whatever separators a comment holds.
#[test]
fn one_idea_of_a_line() {
    let path = case("separators_of_lines");
    assert!(ends(&["check", &path], 1).contains("separators_of_lines.dflow:2:11"));
    let output = limited(&["check", &path, "--message-format", "json"]);
    assert!(
        stdout(&output).contains("\"line\":2"),
        "{}",
        stdout(&output)
    );
}

/// No edit inside a string that does not end, and none that makes more mistakes than it mends.
#[test]
fn no_fix_is_better_than_a_wrong_one() {
    for name in ["string_without_end", "block_without_brace"] {
        let text = std::fs::read_to_string(case(name)).unwrap();
        let output = limited(&["check", &case(name), "--message-format", "json"]);
        let before: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let before = before["diagnostics"].as_array().unwrap();
        for fix in before
            .iter()
            .map(|one| &one["fix"])
            .filter(|fix| !fix.is_null())
        {
            let at = |key: &str| usize::try_from(fix[key].as_u64().unwrap()).unwrap();
            let new = fix["replacement"].as_str().unwrap();
            let mended = format!(
                "{}{new}{}",
                &text[..at("byte_start")],
                &text[at("byte_end")..]
            );
            let path = write(&format!("hostile_fixed_{name}.dflow"), mended);
            let output = limited(&["check", &path, "--message-format", "json"]);
            let after: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            let after = after["diagnostics"].as_array().unwrap().len();
            assert!(
                after <= before.len(),
                "{name}: {fix} makes {} mistakes {after}",
                before.len()
            );
        }
    }
}

/// Numbers of loops, levels, arrays, dimensions, repeats, layers, lengths of names and sizes, each absurd by itself.
#[test]
fn every_parameter_absurd() {
    let fc = |body: &str, accelerator: &str| {
        format!(
            "Network n {{ Layer l {{ Type: FC; Dimensions {{ N: 7, K: 1000003, C: 999983 }} }} }}
             Accelerator a {{ {accelerator} }} Map n on a {{ l: {{ {body} }} }}"
        )
    };
    let memories = "Memory DRAM { } Memory GLB { Size: 64KiB } Array PE { Shape: [1000003] } Memory RF { Size: 64 } Compute MAC { }";
    let uneven = |count: u64| -> String {
        let loops = (0..count).map(|at| {
            format!(
                "tile K by {}; tile C by {}; ",
                900_001 - at * 13_007,
                900_007 - at * 12_911
            )
        });
        loops.collect()
    };
    let clipped = |levels: u64| -> String {
        let level = |at: u64| {
            format!(
                "SpatialMap({0},{0}) K; TemporalMap({1},{1}) C; Cluster(3); ",
                600_011 >> at,
                555_557 >> at
            )
        };
        (0..levels).map(level).collect::<String>() + "SpatialMap(1,1) K;"
    };
    let overlapping = |levels: u64| -> String {
        let level = |at: u64| {
            format!(
                "TemporalMap({},{}) K; Cluster(2); ",
                900_001 >> at,
                800_001 >> at
            )
        };
        (0..levels).map(level).collect()
    };
    let mut programs: Vec<(String, String)> = Vec::new();
    for count in [5, 14, 31, 60] {
        programs.push((format!("loops_{count}"), fc(&uneven(count), memories)));
    }
    for levels in [3, 9, 19] {
        programs.push((
            format!("clipped_{levels}"),
            fc(&clipped(levels), "PE { NumPEs: 1162261467 }"),
        ));
        programs.push((
            format!("overlapping_{levels}"),
            fc(&overlapping(levels), "PE { NumPEs: 1048576 }"),
        ));
    }
    let many = "Layer l { Type: FC; Dimensions { N: 1, K: 4, C: 6 } }";
    let layers: String = (0..3000)
        .map(|at| many.replace(" l ", &format!(" l{at} ")))
        .collect();
    programs.push((
        "layers".into(),
        format!("Network n {{ {layers} }} Accelerator a {{ PE {{ NumPEs: 4 }} }} Map n on a {{ }}"),
    ));
    let long = "x".repeat(200_000);
    programs.push(("name".into(), format!("Network {long} {{ {many} }} Accelerator a {{ PE {{ NumPEs: 4 }} }} Map {long} on a {{ l: {{ TemporalMap(3,2) K; }} }}")));
    for (name, text) in programs {
        let path = write(&format!("hostile_{name}.dflow"), text);
        for arguments in [&["check", &path][..], &["eval", &path]] {
            let output = limited(arguments);
            let said = stderr(&output);
            assert!(
                matches!(output.status.code(), Some(0 | 1)) && !said.contains("panicked"),
                "{arguments:?}: {:?} {}",
                output.status,
                said.chars().take(500).collect::<String>()
            );
        }
    }
}

/// A run is bounded too: hundreds of layers, each of which takes all that one layer may.
#[test]
fn many_hard_layers_are_left_out() {
    let layer = |at: u64| {
        format!(
            "Layer l{at} {{ Type: CONV; Dimensions {{ K: 1, C: 1, Y: {0}, X: {0}, R: 11, S: 11 }} Inputs: external;
             Dataflow {{ TemporalMap(5003,4994) Y; Cluster(1); TemporalMap(3737,3728) Y; Cluster(1); TemporalMap(519,511) Y; }} }}",
            1_000_000 + at
        )
    };
    let layers: String = (0..4).map(layer).collect();
    let path = write(
        "hostile_hard.dflow",
        format!("Network n {{ {layers} }} Accelerator a {{ PE {{ NumPEs: 4 }} }} Map n on a {{ }}"),
    );
    let output = limited(&["check", &path]);
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{:?} {}",
        output.status,
        stderr(&output)
    );
}

/// Counts of 2^40 channels on 4,096 register files may pass 64 bits in any schedule: none of 10^11 is tried.
#[test]
fn a_search_of_what_cannot_be_counted() {
    let path = write(
        "hostile_search.dflow",
        "Network n { Layer l { Type: POOL; Dimensions { N: 1, C: 1099511627776, Y: 10, X: 16, R: 3, S: 1 } } }
         Accelerator a {
           Memory DRAM { } Memory GLB { Size: 64KiB } Array Core { Shape: [4] } Memory L1 { Size: 176 } Array PE { Shape: [1024] }
           Memory RF { Size: 512 } Compute MAC { Lanes: 2 }
         }
         Search s { network: n; on: a; minimize: cycles; budget: 40ms; }",
    );
    let said = ends(&["search", &path], 1);
    assert!(
        said.contains("its counts may be larger than 2^64"),
        "{said}"
    );
}

/// Every piece of 2^48 + 1 channels was listed: two petabytes. `eval` refuses the extent, and so does a search.
#[test]
fn a_search_of_an_extent_that_is_too_large() {
    let path = write(
        "hostile_extent.dflow",
        "Network n { Layer l { Type: FC; Dimensions { N: 1, K: 7, C: 281474976710657 } } }
         Accelerator a { Memory DRAM { } Memory GLB { } Array PE { Shape: [12] } Memory RF { } Compute MAC { } }
         Search s { network: n; on: a; minimize: cycles; space { tiles: imperfect; } }",
    );
    let said = ends(&["search", &path], 1);
    assert!(said.contains("[E0307]"), "{said}");
}
