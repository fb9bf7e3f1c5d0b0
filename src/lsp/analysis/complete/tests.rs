//! Texts with a cursor, and what may stand there.

use super::*;
use crate::lsp::analysis::testing::cursor;

fn labels(text: &str) -> Vec<String> {
    let (snapshot, at) = cursor(text);
    complete(&snapshot, at)
        .1
        .into_iter()
        .map(|word| word.label)
        .collect()
}

const FILE: &str = "use std.dataflows.nvdla; use std.accelerators.eyeriss; const T = 4;
    Network net { Layer one { Type: CONV; Dimensions { K: 8, C: 4, Y: 6, X: 6, R: 3, S: 3 } }
                  Layer two { Type: FC; Dimensions { K: 8, C: 128 } } }
    Dataflow mine(t_k = 2) on eyeriss { tile K by 1; } ";

fn after(more: &str) -> Vec<String> {
    labels(&format!("{FILE}{more}"))
}

fn has(more: &str, wanted: &[&str], unwanted: &[&str]) {
    let found = after(more);
    for word in wanted {
        assert!(
            found.iter().any(|label| label == word),
            "{more}: no {word} in {found:?}"
        );
    }
    for word in unwanted {
        assert!(
            !found.iter().any(|label| label == word),
            "{more}: {word} in {found:?}"
        );
    }
}

#[test]
fn keywords_and_keys_in_context() {
    has(
        "$0",
        &["Network", "Map", "use"],
        &["TemporalMap", "Layer", "default"],
    );
    has("Network n { La$0", &["Layer", "Macs"], &["Network"]);
    has(
        "Accelerator a { $0",
        &["Memory", "Array", "Clock", "Buffer"],
        &["Size"],
    );
    has(
        "Accelerator a { Memory M { $0",
        &["Size", "DoubleBuffered"],
        &["Memory"],
    );
    has(
        "Accelerator a { Memory M { Holds: Input, $0",
        &["Weight"],
        &["Size"],
    );
    has(
        "Accelerator a { Memory RF { $0",
        &["Overlap", "Banks", "Area", "ReadBandwidth"],
        &["Skew"],
    );
    has(
        "Accelerator a { Array PE { Shape: [2]; NoC { $0",
        &["Skew", "Bandwidth"],
        &["Overlap"],
    );
    has(
        "Accelerator a { Array PE { Shape: [2]; NoC { Bandwidth { $0",
        &["Input", "Weight", "Output"],
        &["Skew"],
    );
    has("Accelerator a { Precision { $0", &["PartialSum"], &["Skew"]);
    has("Technology t { $0", &["mac", "extrapolate"], &[]);
    has(
        "Dataflow d { Te$0",
        &["TemporalMap", "spread"],
        &["Network"],
    );
    has(
        "Network n { Layer a { Type: POOL; $0",
        &["Op", "Stride", "Dimensions"],
        &["Groups"],
    );
    has(
        "Network n { Layer a { Type: $0",
        &["CONV", "EINSUM"],
        &["max"],
    );
    has(
        "Network n { Layer a { Type: GEMM; Dimensions { M: 2, $0",
        &["N", "B"],
        &["Y"],
    );
}

#[test]
fn names_of_the_file_and_of_the_library() {
    has(
        "Map $0",
        &["net", "std.networks.vgg16"],
        &["eyeriss", "nvdla"],
    );
    has(
        "Map net on $0",
        &["eyeriss", "std.accelerators.nvdla_small"],
        &["std.accelerators.eyeriss"],
    );
    has(
        "Map net on eyeriss { $0",
        &["one", "two", "default"],
        &["nvdla"],
    );
    has("Map net on eyeriss { default $0", &["FC", "CONV"], &["one"]);
    has(
        "Map net on eyeriss { one: $0",
        &["nvdla", "mine", "std.dataflows.streaming"],
        &["one"],
    );
    has(
        "Map net on eyeriss { one: nvdla($0",
        &["c_tile", "T", "min"],
        &["t_k"],
    );
    has("use std.$0", &["networks", "dataflows"], &["vgg16"]);
    has(
        "use std.dataflows.{nvdla, $0",
        &["row_stationary"],
        &["dataflows"],
    );
    has(
        "Network n { Layer a { Type: FC; } Layer b { Inputs: $0",
        &["a", "external"],
        &["b"],
    );
    has(
        "Network n { Input x { M: 4 } Layer a { Type: FC; } Persistent $0",
        &["a", "x"],
        &["external", "Layer"],
    );
}

#[test]
fn dimensions_and_memories() {
    has(
        "Map net on eyeriss { two: { TemporalMap(1,1) $0",
        &["K", "C"],
        &["Y", "R"],
    );
    has("Map net on eyeriss { one: { tile $0", &["Y'", "R"], &["B"]);
    has(
        "Map net on eyeriss { one: { at $0",
        &["DRAM", "GLB", "FS"],
        &["PE"],
    );
    has(
        "Map net on eyeriss { one: { spread K by 2 over $0",
        &["PE"],
        &["FS"],
    );
    has(
        "Map net on eyeriss { one: { retain $0",
        &["Weight"],
        &["FS"],
    );
    has("Dataflow d on eyeriss { retain Weight in $0", &["GLB"], &[]);
    has(
        "Dataflow d(t) { TemporalMap(Sz($0",
        &["K", "Y'", "M"],
        &["t"],
    );
    has("Dataflow d(t) { TemporalMap($0", &["t", "T", "Sz"], &["K"]);
}

#[test]
fn fused_blocks() {
    let fuse = "Map net on eyeriss { Fuse one, two {";
    has(
        "Map net on eyeriss { Fuse $0",
        &["one", "two"],
        &["default"],
    );
    has(
        &format!("{fuse} $0"),
        &["tile", "retain", "pipeline"],
        &["SpatialMap"],
    );
    has(&format!("{fuse} tile $0"), &["one", "two"], &["K"]);
    has(&format!("{fuse} tile two.$0"), &["K", "C"], &["Y", "Input"]);
    has(
        &format!("{fuse} retain one.$0"),
        &["Output", "Weight"],
        &["K"],
    );
    has(
        &format!("{fuse} tile two.K by 2 {{ retain one.Output in $0"),
        &["GLB"],
        &["PE"],
    );
    has(
        &format!("{fuse} refetch one.Input from $0"),
        &["DRAM"],
        &["PE"],
    );
    has(&format!("{fuse} pipeline {{ run $0"), &["one"], &["PE"]);
    has(
        &format!("{fuse} pipeline {{ run one on $0"),
        &["PE"],
        &["FS"],
    );
    has(
        &format!("{fuse} pipeline {{ run one on PE using $0"),
        &["nvdla"],
        &["one"],
    );
}

#[test]
fn nothing_where_nothing_may_stand() {
    assert_eq!(after("// Ma$0"), Vec::<String>::new());
    assert_eq!(after("Layer $0"), Vec::<String>::new());
    assert_eq!(labels(""), ITEMS.map(str::to_owned).to_vec());
}
