//! Hostile input: an error or a result, never a panic, never more than two seconds or a gigabyte.
//!
//! The program runs under limits of the system (`ulimit`): two seconds of processor time, which do not depend on what
//! else the machine does, and one gigabyte of addresses.

use std::path::PathBuf;
use std::process::{Command, Output};

pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

pub fn write(name: &str, text: impl AsRef<[u8]>) -> String {
    let path = path(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Runs the program under the limits.
pub fn limited(arguments: &[&str]) -> Output {
    Command::new("sh")
        .arg("-c")
        .arg("ulimit -t 2; ulimit -v 1048576; exec \"$0\" \"$@\"")
        .arg(env!("CARGO_BIN_EXE_dflowc"))
        .args(arguments)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

/// `check` and `eval` of `text` end by themselves; the codes of their errors, sorted.
fn codes(name: &str, text: impl AsRef<[u8]>) -> Vec<String> {
    let path = write(&format!("robust_{name}.dflow"), text);
    codes_of(name, &path)
}

fn codes_of(name: &str, path: &str) -> Vec<String> {
    let mut codes = Vec::new();
    for arguments in [
        &["check", path][..],
        &["eval", path, "--report", "json"],
        &["eval", path, "--model", "maestro", "--detail"],
        &["emit", path, "--stage", "ir"],
    ] {
        let output = limited(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        assert!(
            matches!(code, Some(0..=2)) && !stderr.contains("panicked"),
            "{name}: {arguments:?} ended with {:?}\n{}",
            output.status,
            stderr.chars().take(2000).collect::<String>()
        );
        if code != Some(0) {
            assert!(
                !stderr.is_empty(),
                "{name}: {arguments:?} failed in silence"
            );
        }
        for (at, _) in stderr.match_indices("[E0") {
            codes.push(stderr[at + 1..at + 6].to_owned());
        }
    }
    codes.sort();
    codes.dedup();
    codes
}

/// A convolution with these dimensions and this dataflow on an accelerator of `pes` PEs without limits.
fn conv(dimensions: &str, dataflow: &str, pes: &str) -> String {
    format!(
        "Network n {{ Layer l {{ Type: CONV; Dimensions {{ {dimensions} }} Dataflow {{ {dataflow} }} }} }}
         Accelerator a {{ PE {{ NumPEs: {pes} }} }}"
    )
}

const SMALL: &str = "N: 1, K: 4, C: 4, Y: 8, X: 8, R: 3, S: 3";

#[test]
fn sizes_of_two_to_the_63() {
    let huge = "9223372036854775808";
    let largest = "18446744073709551615";
    for (at, dim) in ["N", "K", "C", "Y", "X", "R", "S"].iter().enumerate() {
        for (size, number) in [("63", huge), ("64", largest)] {
            let old = ["N: 1", "K: 4", "C: 4", "Y: 8", "X: 8", "R: 3", "S: 3"][at];
            let dimensions = SMALL.replace(old, &format!("{dim}: {number}"));
            codes(
                &format!("dim_{dim}_{size}"),
                conv(&dimensions, "TemporalMap(1,1) K; SpatialMap(1,1) C", "4"),
            );
        }
    }
    let all = format!("N: {huge}, K: {huge}, C: {huge}, Y: {huge}, X: {huge}, R: 3, S: 3");
    let found = codes("dims_all", conv(&all, "", "4"));
    assert!(!found.is_empty());
    // 2^40 by 2^20 steps are counted, not walked.
    let long = "N: 1, K: 1048576, C: 1048576, Y: 1024, X: 1024, R: 3, S: 3";
    codes(
        "dims_long",
        conv(long, "TemporalMap(1,1) K; SpatialMap(1,1) C", "4"),
    );
    for gemm in [
        format!("M: {huge}, N: 2, K: 2"),
        format!("M: {huge}, N: {huge}, K: {huge}"),
        "M: 4294967296, N: 4294967296, K: 4294967296".to_owned(),
        "M: 1048576, N: 1048576, K: 1048576".to_owned(),
        "M: 1000003, N: 999983, K: 999979".to_owned(),
    ] {
        for dataflow in [
            "TemporalMap(1,1) M; SpatialMap(1,1) N; TemporalMap(1,1) K",
            "TemporalMap(7,7) M; SpatialMap(11,11) N; TemporalMap(13,13) K",
            "TemporalMap(7,5) M; SpatialMap(11,13) N; TemporalMap(13,12) K",
        ] {
            let name = format!("gemm_{}_{}", gemm.len(), dataflow.len());
            codes(
                &name,
                format!(
                    "Network n {{ Layer l {{ Type: GEMM; Dimensions {{ {gemm} }} Dataflow {{ {dataflow} }} }} }}
                     Accelerator a {{ PE {{ NumPEs: 1000 }} }}"
                ),
            );
        }
    }
}

/// README: an extent is at most 2^48.
#[test]
fn an_extent_of_two_to_the_48_is_counted() {
    let largest = 1u64 << 48;
    for (at, text) in [
        "Dimensions { N: 1, K: SIZE, C: 1 } Dataflow { }",
        "Dimensions { N: 1, K: SIZE, C: 1 } Dataflow { TemporalMap(SIZE,SIZE) K }",
        "Dimensions { N: 1, K: SIZE, C: 1 } Dataflow { TemporalMap(1,1) K }",
        "Dimensions { N: 1, K: 1, C: SIZE } Dataflow { SpatialMap(1,1) C }",
    ]
    .into_iter()
    .enumerate()
    {
        for (size, wanted) in [(largest, &[][..]), (largest + 1, &["E0307"])] {
            let layer = text.replace("SIZE", &size.to_string());
            let found = codes(
                &format!("extent_{at}_{size}"),
                format!(
                    "Network n {{ Layer l {{ Type: FC; {layer} }} }}
                     Accelerator a {{ Memory DRAM {{ }} Array PE {{ Shape: [2] }} Memory RF {{ }} Compute MAC {{ }} }}"
                ),
            );
            let errors: Vec<&str> = found
                .iter()
                .map(String::as_str)
                .filter(|code| code.starts_with('E'))
                .collect();
            assert_eq!(errors, wanted, "{layer}");
        }
    }
}

#[test]
fn strides_paddings_and_windows_past_all_bounds() {
    let huge = "9223372036854775808";
    for (at, extra) in [
        format!("Stride {{ Y: {huge}, X: {huge} }}"),
        format!("Dilation {{ R: {huge}, S: {huge} }}"),
        format!("Padding {{ Y: {huge}, X: {huge} }}"),
        "Padding { Y: 9223372036854775000, X: 9223372036854775000 }".to_owned(),
        "Padding { Y: 200, X: 200 }".to_owned(),
        format!("Groups: {huge};"),
        "Stride { Y: 1000000, X: 3 } Padding { Y: 10000000, X: 5 } Dilation { R: 99999, S: 2 }"
            .to_owned(),
        "Density { Input: 1e-300, Weight: 1e308 }".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        for dataflow in [
            "TemporalMap(1,1) K; SpatialMap(1,1) C",
            "SpatialMap(3,1) Y; TemporalMap(3,1) X",
            "SpatialMap(1,1) Y'; TemporalMap(1,1) X'; Cluster(3); SpatialMap(1,1) R",
        ] {
            codes(
                &format!("slide_{at}_{}", dataflow.len()),
                format!(
                    "Network n {{ Layer l {{ Type: CONV; Dimensions {{ {SMALL} }} {extra} Dataflow {{ {dataflow} }} }} }}
                     Accelerator a {{ PE {{ NumPEs: 64 }} }}"
                ),
            );
        }
    }
    for dataflow in [
        format!("TemporalMap({huge},{huge}) K"),
        format!("TemporalMap(1,{huge}) K"),
        format!("SpatialMap({huge},1) Y"),
        "TemporalMap(18446744073709551615,18446744073709551615) X'".to_owned(),
        "TemporalMap(0-9223372036854775807,1) K".to_owned(),
        "TemporalMap(1/0,1%0) K".to_owned(),
        format!("TemporalMap({huge}*{huge},1) K"),
    ] {
        let found = codes(
            &format!("window_{}", dataflow.len()),
            conv(SMALL, &dataflow, "64"),
        );
        assert!(!found.is_empty(), "{dataflow}");
    }
}

#[test]
fn two_hundred_parentheses_and_many_more() {
    for depth in [200, 512, 513, 5_000, 200_000] {
        let expression = format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
        let text = format!("const A = {expression};");
        let found = codes(&format!("parentheses_{depth}"), text);
        assert_eq!(found.is_empty(), depth <= 512, "{depth}: {found:?}");
        codes(
            &format!("open_{depth}"),
            format!("const A = {};", "(".repeat(depth)),
        );
        codes(
            &format!("min_{depth}"),
            format!(
                "const A = {}1{};",
                "min(1,".repeat(depth),
                ")".repeat(depth)
            ),
        );
        codes(
            &format!("minus_{depth}"),
            format!("const A = {}1;", "-".repeat(depth)),
        );
        codes(
            &format!("sum_{depth}"),
            format!("const A = {}1;", "1+".repeat(depth)),
        );
    }
}

#[test]
fn braces_without_end() {
    for depth in [200, 65_000, 500_000] {
        for text in ["{", "}", "Network n {", "Layer l {", "[", "]", "Dataflow {"] {
            let name = format!("braces_{depth}_{}", text.len());
            let found = codes(&name, text.repeat(depth.min(1_000_000 / text.len())));
            assert!(!found.is_empty(), "{text}");
        }
    }
}

#[test]
fn ten_megabytes() {
    let line = "const A = 1; // the same name again and again\n";
    let found = codes("ten_megabytes", line.repeat(10_000_000 / line.len()));
    assert_eq!(found, ["E0702"]);
    // The largest file that is read.
    codes("one_megabyte", line.repeat((1 << 20) / line.len()));
    codes("one_megabyte_of_one_name", "a".repeat(1 << 20));
    codes("one_megabyte_of_digits", "9".repeat(1 << 20));
    codes("one_megabyte_of_zeros", vec![0u8; 1 << 20]);
    codes("one_megabyte_of_quotes", "\"".repeat(1 << 20));
    codes("one_megabyte_of_stars", "/*".repeat(1 << 19));
    codes(
        "one_megabyte_of_layers",
        format!(
            "Network n {{ {} }}",
            "Layer a { Type: FC; Dimensions { K: 1, C: 1 } }\n".repeat(20_000)
        ),
    );
    codes(
        "one_megabyte_of_maps",
        "Map a on b { default: c; }\n".repeat(37_000),
    );
}

#[test]
fn many_layers_are_evaluated_in_time() {
    let mut text = String::from("Network n {");
    for layer in 0..5_000 {
        text += &format!("Layer l{layer} {{ Type: FC; Dimensions {{ K: 16, C: 16 }} }}\n");
    }
    text += "} use std.dataflows.gemm_os; Accelerator a { PE { NumPEs: 4 } } Map n on a { default: gemm_os; }";
    assert!(codes("many_layers", text).is_empty());
}

#[test]
fn bytes_that_are_no_text() {
    let found = codes("invalid_utf8", b"Network n \xff\xfe\xc3\x28 {}");
    assert!(found.contains(&"E0002".to_owned()), "{found:?}");
    let noise: Vec<u8> = (0..200_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    assert!(!codes("noise", noise).is_empty());
    codes("empty", "");
    codes("mark", "\u{feff}const A = 1;");
    let found = codes("comment", "Network n { } /* and no end");
    assert_eq!(found, ["E0003"]);
    codes("comment_only", "/*");
    codes("string", "use \"file.dflow");
}

#[test]
fn imports_in_circles() {
    let _ = write("robust_b.dflow", "use \"robust_a.dflow\";\nconst B = 1;");
    let found = codes("a", "use \"robust_b.dflow\";\nconst A = 1;");
    assert_eq!(found, ["E0203"]);
    let found = codes("self", "use \"robust_self.dflow\";");
    assert_eq!(found, ["E0203"]);
    // A folder is not a file.
    assert!(!codes("folder", "use \".\";").is_empty());
    // Nor is a device without end; and a pipe that nobody writes to is not waited for.
    if std::path::Path::new("/dev/zero").exists() {
        assert_eq!(codes("device", "use \"/dev/zero\";"), ["E0701"]);
    }
    let pipe = path("robust_pipe");
    let _ = std::fs::remove_file(&pipe);
    if Command::new("mkfifo")
        .arg(&pipe)
        .status()
        .is_ok_and(|made| made.success())
    {
        assert_eq!(codes("fifo", "use \"robust_pipe\";"), ["E0701"]);
    }
    for at in 0..200 {
        let _ = write(
            &format!("robust_chain_{at}.dflow"),
            format!("use \"robust_chain_{}.dflow\";", at + 1),
        );
    }
    let found = codes("chain_200", "const END = 1;");
    assert!(found.is_empty());
    let first = path("robust_chain_0.dflow");
    assert!(!codes_of("chain", first.to_str().unwrap()).is_empty());
}

#[test]
fn clusters_and_arrays_of_every_size() {
    let huge = "9223372036854775808";
    for cluster in ["0", "1", "3", "1000000", "1000000000000", huge] {
        for pes in ["0", "1", "256", "100000", huge] {
            for dataflow in [
                format!("SpatialMap(1,1) K; Cluster({cluster}); SpatialMap(1,1) C"),
                format!("SpatialMap(3,1) Y; Cluster({cluster}, P); SpatialMap(1,1) R"),
            ] {
                let name = format!("cluster_{cluster}_{pes}_{}", &dataflow[11..12]);
                let found = codes(&name, conv(SMALL, &dataflow, pes));
                let nothing = cluster == "0" || pes == "0";
                assert!(!(nothing && found.is_empty()), "{dataflow} on {pes}");
            }
        }
    }
    for shape in [
        "[10, 1000]",
        "[0, 4]",
        "[]",
        "[9223372036854775808, 9223372036854775808]",
    ] {
        let text = format!(
            "use std.networks.alexnet; use std.dataflows.{{nlr, streaming}};
             Accelerator a {{
               Memory DRAM {{ }} Memory GLB {{ Size: 1MB }}
               Array PE {{ Shape: {shape} }} Memory RF {{ Size: 1kB }} Compute MAC {{ Lanes: 1 }}
             }}
             Map alexnet on a {{ default: streaming; default CONV: nlr; }}"
        );
        codes(&format!("shape_{}", shape.len()), text);
    }
}

#[test]
fn arrays_of_a_billion() {
    for pes in ["1000000000", "1000000000000"] {
        for cluster in ["1", "3", "1000000000000"] {
            for dataflow in [
                format!("SpatialMap(1,1) K; Cluster({cluster}); SpatialMap(1,1) C"),
                format!("SpatialMap(3,1) Y; Cluster({cluster}, P); SpatialMap(1,1) R"),
            ] {
                let name = format!("billion_{cluster}_{pes}_{}", &dataflow[11..12]);
                codes(&name, conv(SMALL, &dataflow, pes));
            }
        }
    }
}

#[test]
fn padding_far_larger_than_the_input() {
    for (at, dataflow) in [
        "TemporalMap(1,1) K; SpatialMap(1,1) C",
        "SpatialMap(3,1) Y; TemporalMap(3,1) X",
        "SpatialMap(1,1) Y'; TemporalMap(1,1) X'; Cluster(3); SpatialMap(1,1) R",
    ]
    .iter()
    .enumerate()
    {
        let text = format!(
            "Network n {{ Layer l {{ Type: CONV; Dimensions {{ {SMALL} }} Padding {{ Y: 1000000, X: 1000000 }}
               Dataflow {{ {dataflow} }} }} }}
             Accelerator a {{ PE {{ NumPEs: 64 }} }}"
        );
        codes(&format!("padding_{at}"), text);
    }
}

// Table 2 of the MAESTRO paper, first row, as printed: single inputs under single kernel elements.
#[test]
fn irregular_windows_on_the_edge_of_what_is_executed() {
    let text = "Network n { Layer l { Type: CONV; Dimensions { N: 1, K: 16, C: 16, Y: 14, X: 14, R: 3, S: 3 }
        Padding { Y: 1, X: 1 }
        Dataflow { TemporalMap(1,1) K; TemporalMap(1,1) C; TemporalMap(1,1) Y;
                   TemporalMap(1,1) R; TemporalMap(1,1) S; SpatialMap(1,1) X } } }
        Accelerator a { PE { NumPEs: 64 } Buffer { GlobalL2: 1MiB; LocalL1: 2KiB } }";
    codes("irregular", text);
}

#[test]
fn nothing_to_compute_or_to_carry_with() {
    for (name, part) in [
        ("bandwidth", "NoC { Bandwidth: 0; AvgLatency: 2 }"),
        ("no_pes", "PE { NumPEs: 0 }"),
        ("no_lanes", "PE { NumPEs: 4; VectorWidth: 0 }"),
        (
            "no_l1",
            "PE { NumPEs: 4 } Buffer { GlobalL2: 64; LocalL1: 0 }",
        ),
        ("no_dram", "PE { NumPEs: 4 } OffChip { Bandwidth: 0 }"),
        (
            "slow",
            "PE { NumPEs: 4 } NoC { Bandwidth: 1e-18; AvgLatency: 2 }",
        ),
        (
            "late",
            "PE { NumPEs: 4 } NoC { Bandwidth: 1; AvgLatency: 9223372036854775808 }",
        ),
        ("wide", "PE { NumPEs: 4; VectorWidth: 9223372036854775808 }"),
        (
            "large",
            "PE { NumPEs: 4 } Buffer { GlobalL2: 9223372036854775808; LocalL1: 9223372036854775808 }",
        ),
    ] {
        let text = format!(
            "Network n {{ Layer l {{ Type: CONV; Dimensions {{ {SMALL} }} Dataflow {{ SpatialMap(1,1) K }} }} }}
             Accelerator a {{ {part} }}"
        );
        codes(name, text);
    }
}

#[test]
fn steps_without_end() {
    for steps in [
        "1000000",
        "9223372036854775808",
        "18446744073709551615",
        "0",
    ] {
        let text = format!(
            "Network n {{ Layer l {{ Type: LSTM; Dimensions {{ N: 1, D: 16, H: 16 }} Steps: {steps};
               Dataflow {{ SpatialMap(1,1) K }} }} }}
             Accelerator a {{ PE {{ NumPEs: 4 }} }}"
        );
        let found = codes(&format!("steps_{steps}"), text);
        // 16 * 4 * 32 products a step.
        assert_eq!(found.is_empty(), steps == "1000000", "{steps}: {found:?}");
    }
}

#[test]
fn a_million_directives() {
    let text = "TemporalMap(1,1) K;".repeat(50_000);
    let found = codes("directives", conv(SMALL, &text, "4"));
    assert!(!found.is_empty());
    let text = "TemporalMap(1,1) K;".repeat(1_000_000);
    assert_eq!(
        codes("million_directives", conv(SMALL, &text, "4")),
        ["E0702"]
    );
    let clusters = "SpatialMap(1,1) K; Cluster(2);".repeat(30);
    codes("clusters", conv(SMALL, &clusters, "1073741824"));
    let tiles: String = (0..60)
        .rev()
        .map(|at| format!("TemporalMap({0},{0}) K;", (at + 1) * 3))
        .collect();
    codes(
        "tiles",
        conv(&SMALL.replace("K: 4", "K: 100000"), &tiles, "4"),
    );
}

#[test]
fn fused_blocks_without_end() {
    let group = |block: &str| {
        format!(
            "Network n {{ Layer a {{ Type: FC; Dimensions {{ N: 8, K: 8, C: 8 }} }}
                          Layer b {{ Type: FC; Dimensions {{ N: 8, K: 8, C: 8 }} }} }}
             Accelerator x {{ Memory DRAM {{ }} Memory GLB {{ }} Array PE {{ Shape: [4] }} Memory RF {{ }} Compute MAC {{ }} }}
             Map n on x {{ {block} }}"
        )
    };
    let many = |text: &str| text.repeat(1_000_000 / text.len());
    let tile = |size: &str| {
        group(&format!(
            "Fuse a, b {{ tile b.N by {size} {{ retain b.Input in GLB; }} }}"
        ))
    };
    for (name, text) in [
        ("lists", group(&format!("Fuse {} b {{ }}", many("a, ")))),
        ("groups", group(&many("Fuse a, b { } "))),
        ("open", group(&many("Fuse a { tile a.N by 1 { "))),
        (
            "words",
            group(&format!("Fuse a, b {{ {} }}", many("recompute b.Input; "))),
        ),
        (
            "tensors",
            group(&format!(
                "Fuse a, b {{ retain {} b.Input in GLB }}",
                many("b.Input, ")
            )),
        ),
        (
            "unknown",
            group(&format!(
                "Fuse a, b {{ {} }}",
                many("retain c.Input in Z; ")
            )),
        ),
        (
            "runs",
            group(&format!(
                "Fuse a, b {{ sequence {{ {} }} }}",
                many("run a on PE; ")
            )),
        ),
        (
            "inline",
            group(&format!(
                "Fuse a, b {{ sequence {{ {} }} }}",
                many("run a using { } ")
            )),
        ),
        (
            "beside",
            group(&format!("Fuse a, b {{ {} }}", many("tile b.N by 1 { } "))),
        ),
        ("sizes", tile("9223372036854775807 * 9223372036854775807")),
        ("zero", tile("0")),
        ("nothing", tile("4 / (Sz(N) - 8)")),
        ("negative", tile("-9223372036854775807")),
        ("large", tile("9223372036854775807")),
        (
            "deep",
            group(&format!(
                "Fuse a, b {{ {} {} }}",
                "tile b.N by 1 { ".repeat(62),
                "}".repeat(62)
            )),
        ),
    ] {
        let found = codes(&format!("fused_{name}"), text);
        assert!(!found.is_empty(), "{name}");
    }
    let arrays = many("Array A { Shape: [4] } ");
    let text = format!(
        "Accelerator x {{ Memory DRAM {{ }} Level E {{ {arrays} }} Memory RF {{ }} Compute MAC {{ }} }}"
    );
    assert!(!codes("arrays_beside", text).is_empty());
}

#[test]
fn einsums_of_many_ranks_and_large_coefficients() {
    let einsum = |ranks: &str, compute: &str| {
        format!(
            "use std.dataflows.streaming;
             Network n {{ Layer l {{ Type: EINSUM; Ranks {{ {ranks} }} Compute: {compute}; }} }}
             Accelerator a {{ PE {{ NumPEs: 64 }} }}
             Map n on a {{ default: streaming; }}"
        )
    };
    for count in [8, 16, 17, 30] {
        let names: Vec<String> = (0..count).map(|at| format!("r{at}")).collect();
        let ranks: Vec<String> = names.iter().map(|name| format!("{name}: 4")).collect();
        let half = count / 2;
        let compute = format!(
            "O[{}] += A[{}] * B[{}]",
            names[..half].join(","),
            names.join(","),
            names.join(",")
        );
        codes(
            &format!("einsum_{count}"),
            einsum(&ranks.join(", "), &compute),
        );
        let sum = format!(
            "O[{}] += A[{}] * B[{}]",
            names[0],
            names.join("+"),
            names.join("+")
        );
        codes(
            &format!("einsum_sum_{count}"),
            einsum(&ranks.join(", "), &sum),
        );
    }
    for (at, (ranks, compute)) in [
        (
            "I: 100, J: 100",
            "O[i] += A[1000000007*i + 998244353*j] * B[j]",
        ),
        (
            "I: 100, J: 100",
            "O[i] += A[9223372036854775807*i + 9223372036854775807*j] * B[j]",
        ),
        (
            "I: 1000000, J: 1000000",
            "O[i] += A[1000*i + 999*j + 7] * B[j]",
        ),
        (
            "I: 1000, J: 1000, L: 1000",
            "O[i] += A[7*i + 5*j + 3*l] * B[j+l]",
        ),
        ("I: 9223372036854775808", "O[i] += A[i] * B[i]"),
        ("I: 0", "O[i] += A[i] * B[i]"),
        ("I: 4", "O[i] += O[i] * O[i]"),
    ]
    .into_iter()
    .enumerate()
    {
        codes(&format!("einsum_wide_{at}"), einsum(ranks, compute));
    }
}

#[test]
fn the_same_bytes_every_time() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/alexnet.dflow");
    for form in ["text", "json", "csv"] {
        let run = || {
            let output = Command::new(env!("CARGO_BIN_EXE_dflowc"))
                .args(["eval", example, "--detail", "--report", form])
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(0));
            output.stdout
        };
        let first = run();
        assert!(!first.is_empty());
        assert_eq!(first, run(), "{form}");
    }
}
