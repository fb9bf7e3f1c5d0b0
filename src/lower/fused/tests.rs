//! Groups as they are written: what they become, and that the invariants of the ir hold for all of them.

mod written;

use super::*;
use crate::ir::Fate;
use written::{HARDWARE, consistent, lowered, on, refused, resolved, spelled, tensor};

fn sizes(lowered: &LoweredGroup) -> Vec<(usize, u64)> {
    let loops = lowered.group.loops.iter();
    loops.map(|tile| (tile.rank, tile.size)).collect()
}

fn conv(name: &str, k: u64, c: u64, extent: u64, kernel: u64, more: &str) -> String {
    let pad = kernel / 2;
    format!(
        "Layer {name} {{ Type: CONV; Dimensions {{ K: {k}, C: {c}, Y: {extent}, X: {extent}, R: {kernel}, \
         S: {kernel} }} Padding {{ Y: {pad}, X: {pad} }} {more} }} "
    )
}

fn add(name: &str, c: u64, extent: u64, inputs: &str) -> String {
    format!(
        "Layer {name} {{ Type: ADD; Dimensions {{ C: {c}, Y: {extent}, X: {extent} }} Inputs: {inputs}; }} "
    )
}

fn fc(name: &str, n: u64, k: u64, c: u64, more: &str) -> String {
    format!("Layer {name} {{ Type: FC; Dimensions {{ N: {n}, K: {k}, C: {c} }} {more} }} ")
}

fn gemm(name: &str, m: u64, n: u64, k: u64, more: &str) -> String {
    format!("Layer {name} {{ Type: GEMM; Dimensions {{ M: {m}, N: {n}, K: {k} }} {more} }} ")
}

// fused.md section 3: pointwise, depthwise, pointwise; rows, then four columns at a time.
fn bottleneck() -> String {
    conv("expand", 32, 32, 112, 1, "")
        + "Layer depthwise { Type: DWCONV; Dimensions { C: 32, Y: 112, X: 112, R: 3, S: 3 } \
           Padding { Y: 1, X: 1 } } "
        + &conv("project", 16, 32, 112, 1, "")
}

const BY_ROWS: &str = "Fuse project, expand, depthwise { retain expand.Weight in GLB; tile project.P by 1 { \
     retain depthwise.Input in GLB; tile project.Q by 4 { retain project.Input in GLB; } } }";

#[test]
fn a_bottleneck_by_rows() {
    let lowered = lowered(&bottleneck(), BY_ROWS);
    assert_eq!(lowered.name, "expand + depthwise + project");
    assert_eq!(lowered.group.tensors.len(), 7);
    assert_eq!(lowered.loops[1].label, "tile project.Q by 4");
    assert_eq!(spelled(&lowered, 0, 0), ["N", "C", "P+R", "Q+S"]);
    assert_eq!(spelled(&lowered, 1, 0), ["N", "C", "P+R-1", "Q+S-1"]);
    assert_eq!(spelled(&lowered, 1, 1), ["C", "R", "S"]);
    assert_eq!(spelled(&lowered, 1, 2), ["N", "C", "P", "Q"]);
    assert_eq!(spelled(&lowered, 2, 1), ["K", "C", "R", "S"]);
    let row = tensor(&lowered, "expand.Output");
    assert_eq!(row, tensor(&lowered, "depthwise.Input"));
    assert_eq!(row.extents, [1, 32, 112, 112]);
    assert_eq!((row.keep, row.fate, row.memory), (Some(1), Fate::Retain, 1));
    assert_eq!(tensor(&lowered, "project.Input").keep, Some(2));
    assert_eq!(tensor(&lowered, "expand.Weight").keep, Some(0));
    let input = tensor(&lowered, "expand.Input");
    assert_eq!((input.keep, input.fate), (Some(2), Fate::Refetch));
    assert!(tensor(&lowered, "project.Output").escapes && !row.escapes);
    assert_eq!(
        lowered.tensors[2].statements[0].label,
        "retain depthwise.Input in GLB"
    );
    // 4 x 8 PEs of 2 lanes.
    assert_eq!(lowered.stages[0].peak, 64);
    assert_eq!(lowered.group.overlap, Overlap::Sequence);
}

// Two groups of 3 input and 4 output channels: channel gk of the result reads 3 * floor(gk / 4) + c.
#[test]
fn groups_of_a_convolution_are_one_rank_with_their_channels() {
    let layers = conv("a", 6, 2, 8, 1, "")
        + "Layer g { Type: GCONV; Dimensions { G: 2, K: 4, C: 3, Y: 8, X: 8, R: 1, S: 1 } } "
        + &conv("b", 5, 8, 8, 1, "");
    let whole = lowered(
        &layers,
        "Fuse a, g, b { tile b.P by 1 { retain g.Input, b.Input in GLB; } }",
    );
    assert_eq!(
        whole.stages[1].rank_names,
        ["N", "K", "C", "P", "Q", "R", "S"]
    );
    assert_eq!(whole.group.stages[1].ranks[1].extent, 8);
    assert_eq!(spelled(&whole, 1, 0), ["N", "3(K/4)+C", "P+R", "Q+S"]);
    assert_eq!(spelled(&whole, 1, 1), ["K", "C", "R", "S"]);
    assert_eq!(spelled(&whole, 1, 2), ["N", "K", "P", "Q"]);
    assert_eq!(tensor(&whole, "g.Input").extents, [1, 6, 8, 8]);
    assert_eq!(tensor(&whole, "g.Weight").extents, [8, 3, 1, 1]);
    assert_eq!(tensor(&whole, "b.Input").extents, [1, 8, 8, 8]);
    // A group of the head is 4 channels of the joined rank.
    let by_group = lowered(
        &layers,
        "Fuse a, g { tile g.G by 1 { tile g.K by 2 { retain g.Input in GLB; } } }",
    );
    assert_eq!(sizes(&by_group), [(1, 4), (1, 2)]);
    for (map, code) in [
        ("tile g.K by 2", "E0603"),
        ("tile g.G by 2", "E0413"),
        ("tile g.G by 3", "E0401"),
        ("tile g.G by 1 { tile g.C by 1", "E0603"),
        ("tile g.G by 1 { tile g.K by 4", "E0413"),
        ("tile g.G by 1 { tile g.G by 1", "E0413"),
    ] {
        let close = "}".repeat(map.matches('{').count());
        let said = refused(
            &layers,
            &format!("Fuse a, g {{ {map} {{ retain g.Input in GLB; }} {close} }}"),
        );
        assert!(said.starts_with(code), "{map}: {said}");
    }
}

// A residual block: `expand` and `add` read the block's input, which a layer outside makes.
#[test]
fn the_input_of_a_block_is_one_tensor_for_all_its_readers() {
    let block = |input: &str| {
        conv("x", 4, 3, 8, 3, "")
            + &conv("expand", 8, 4, 8, 1, &format!("Inputs: {input};"))
            + &conv("project", 4, 8, 8, 3, "")
            + &add("sum", 4, 8, &format!("project, {input}"))
    };
    let map =
        "Fuse expand, project, sum { tile sum.Y by 2 { retain project.Input, sum.Input in GLB; } }";
    let inner = lowered(&block("x"), map);
    let names = inner
        .tensors
        .iter()
        .find(|names| names.name == "expand.Input");
    assert_eq!(names.unwrap().aliases, ["sum.Input2"]);
    assert_eq!(spelled(&inner, 2, 0), ["N", "C", "P", "Q"]);
    assert_eq!(tensor(&inner, "sum.Input").producer, Some(1));
    assert_eq!(inner.group.tensors.len(), 6);
    // `external` is not known to be the same thing twice.
    let outer = lowered(&block("external"), map);
    assert_eq!(outer.group.tensors.len(), 7);
    // With `x` in the group its result has two readers.
    let all = lowered(
        &block("x"),
        "Fuse x, expand, project, sum { tile sum.Y by 2 { retain x.Output, project.Input, sum.Input in GLB; } }",
    );
    let names = all.tensors.iter().find(|names| names.name == "x.Output");
    assert_eq!(names.unwrap().aliases, ["expand.Input", "sum.Input2"]);
}

#[test]
fn a_layer_may_add_its_input_to_itself() {
    let layers = conv("a", 4, 3, 8, 3, "") + &add("twice", 4, 8, "a, a");
    let lowered = lowered(
        &layers,
        "Fuse a, twice { tile twice.P by 1 { retain a.Output in GLB; } }",
    );
    let accesses = &lowered.group.stages[1].accesses;
    assert_eq!(accesses[0], accesses[1]);
    assert_eq!(lowered.tensors[2].aliases, ["twice.Input", "twice.Input2"]);
}

// Channels 0..4 are a's, 4..10 b's, 10..12 come from outside.
#[test]
fn parts_of_a_concatenation_lie_one_behind_the_other() {
    let layers = conv("a", 4, 3, 8, 1, "Inputs: external;")
        + &conv("o", 6, 3, 8, 1, "Inputs: external;")
        + &conv("cat", 2, 12, 8, 1, "Inputs: a, o, external;");
    let lowered = lowered(
        &layers,
        "Fuse a, cat { tile cat.P by 1 { retain cat.Input in GLB; } }",
    );
    assert_eq!(spelled(&lowered, 1, 0), ["N", "C", "P+R", "Q+S"]);
    assert_eq!(spelled(&lowered, 1, 1), ["N", "C-4", "P+R", "Q+S"]);
    assert_eq!(spelled(&lowered, 1, 2), ["N", "C-10", "P+R", "Q+S"]);
    assert_eq!(tensor(&lowered, "cat.Input (o)").extents, [1, 6, 8, 8]);
    let rest = tensor(&lowered, "cat.Input (external)");
    assert_eq!(rest.extents, [1, 2, 8, 8]);
    // `cat.Input` means all three.
    assert_eq!((rest.keep, rest.fate), (Some(1), Fate::Retain));
    assert_eq!(tensor(&lowered, "a.Output").fate, Fate::Retain);
}

// 6 channels of 2 x 2 are 24 features of an image.
#[test]
fn a_flattened_map_is_read_whole() {
    let layers = "Layer c { Type: CONV; Dimensions { N: 3, K: 6, C: 2, Y: 4, X: 4, R: 1, S: 1 } } \
         Layer p { Type: POOL; Dimensions { N: 3, C: 6, Y: 4, X: 4, R: 2, S: 2 } Stride { Y: 2, X: 2 } } "
        .to_owned()
        + &fc("f", 3, 10, 24, "")
        + &fc("g", 3, 5, 10, "");
    let map = |tile: &str| {
        format!("Fuse c, p, f, g {{ tile {tile} {{ retain p.Input, f.Input, g.Input in GLB; }} }}")
    };
    let images = lowered(&layers, &map("g.N by 1"));
    assert_eq!(spelled(&images, 1, 0), ["N", "C", "2P+R", "2Q+S"]);
    assert_eq!(images.group.stages[1].accesses.len(), 2);
    assert_eq!(spelled(&images, 2, 0), ["N", "*", "*", "*"]);
    assert_eq!(spelled(&images, 3, 0), ["N", "C"]);
    lowered(&layers, &map("g.K by 1"));
    // g.C are f.K: f still reads all of its C.
    lowered(&layers, &map("g.C by 5"));
    let f = "Fuse p, f { tile f.C by 8 { retain f.Input in GLB; } }";
    assert!(refused(&layers, f).starts_with("E0603 `f.Input` is `p.Output`"));
    // What comes from outside may be read in pieces: it lies there as the reader wants it.
    let outside = lowered(
        &layers,
        "Fuse f, g { tile g.K by 1 { retain g.Input in GLB; } }",
    );
    assert_eq!(tensor(&outside, "f.Input").extents, [3, 24]);
    assert_eq!(spelled(&outside, 0, 0), ["N", "C"]);
    // The product's names: rows M, columns N.
    assert_eq!(sizes(&lowered(&layers, &map("g.M by 1"))), [(0, 1)]);
    assert_eq!(sizes(&lowered(&layers, &map("g.N by 1"))), [(0, 1)]);
}

#[test]
fn dimensions_of_one_are_no_reshape() {
    // [N, K] as [N, C, 1, 1], and back.
    let layers = fc("f", 2, 6, 4, "")
        + &add("s", 6, 1, "f, f").replace("C: 6", "N: 2, C: 6")
        + &fc("g", 2, 5, 6, "");
    let lowered = lowered(
        &layers,
        "Fuse f, s, g { tile g.N by 1 { retain s.Input, g.Input in GLB; } }",
    );
    assert_eq!(spelled(&lowered, 1, 0), ["N", "C"]);
    assert_eq!(spelled(&lowered, 2, 0), ["N", "C", "0", "0"]);
}

#[test]
fn products_read_products() {
    let layers = gemm("a", 16, 8, 4, "")
        + &gemm("b", 16, 12, 8, "")
        + &gemm("c", 16, 12, 12, "Inputs: b, w;")
        + &gemm("w", 12, 12, 3, "Inputs: external;");
    let lowered = lowered(
        &layers,
        "Fuse a, b, w, c { tile c.M by 4 { retain b.Input, c.Input, c.Weight in GLB; } }",
    );
    assert_eq!(lowered.name, "a + b + w + c");
    assert_eq!(spelled(&lowered, 3, 0), ["B", "M", "K"]);
    // The second operand is a tensor of the group too.
    assert_eq!(spelled(&lowered, 3, 1), ["B", "K", "N"]);
    assert_eq!(tensor(&lowered, "c.Weight").producer, Some(2));
    // A map of 4 channels of 3 x 3 as 4 x 9: pixels are whole, channels may be cut.
    let layers = conv("a", 4, 2, 3, 1, "") + &gemm("b", 4, 5, 9, "");
    let map = |tile: &str| format!("Fuse a, b {{ tile {tile} {{ retain b.Input in GLB; }} }}");
    let by_rows = self::lowered(&layers, &map("b.M by 1"));
    assert_eq!(spelled(&by_rows, 1, 0), ["B", "M", "*", "*"]);
    assert!(refused(&layers, &map("b.K by 3")).starts_with("E0603"));
    // As 9 x 4 it is another matrix: only whole.
    let layers = conv("a", 4, 2, 3, 1, "") + &gemm("b", 9, 5, 4, "");
    assert_eq!(
        spelled(&self::lowered(&layers, &map("b.N by 1")), 1, 0),
        ["B", "*", "*", "*"]
    );
    assert!(refused(&layers, &map("b.M by 1")).starts_with("E0603"));
}

// QK, softmax as an element-wise layer, PV: tiles of rows of the first operand.
#[test]
fn attention() {
    let layers = "Layer qk { Type: EINSUM; Ranks { H: 2, M: 8, N: 6, E: 4 } \
           Compute: S[h,m,n] += Q[h,m,e] * K[h,n,e]; } \
         Layer softmax { Type: EINSUM; Ranks { H: 2, M: 8, N: 6 } Compute: P[h,m,n] = A[h,m,n]; } \
         Layer pv { Type: EINSUM; Ranks { H: 2, M: 8, N: 6, F: 4 } Compute: O[h,m,f] += P[h,m,n] * V[h,n,f]; }";
    let map = "Fuse qk, softmax, pv { tile pv.M by 2 { retain softmax.A, pv.P in GLB; retain qk.K in GLB; } }";
    let lowered = lowered(layers, map);
    assert_eq!(lowered.group.tensors.len(), 6);
    assert_eq!(tensor(&lowered, "qk.S"), tensor(&lowered, "softmax.A"));
    assert_eq!(tensor(&lowered, "softmax.P").producer, Some(1));
    assert_eq!(spelled(&lowered, 2, 0), ["H", "M", "N"]);
    assert_eq!(tensor(&lowered, "qk.K").fate, Fate::Retain);
    assert!(refused(layers, &map.replace("softmax.A", "qk.T")).starts_with("E0201"));
}

#[test]
fn outside_of_the_family() {
    let tail = "Layer b { Type: EINSUM; Ranks { P: 8, R: 3 } Compute: O[p] += I[p+r] * W[r]; }";
    let lstm = "Layer a { Type: LSTM; Dimensions { N: 1, D: 4, H: 10 } } ".to_owned() + tail;
    let sum = "Layer a { Type: EINSUM; Ranks { P: 8, R: 3 } Compute: O[p+r] += I[p] * W[r]; } "
        .to_owned()
        + tail;
    let part = "Layer a { Type: EINSUM; Ranks { P: 10 } Compute: O[2*p] = I[p]; } ".to_owned()
        + &tail.replace("8", "17");
    let map = "Fuse a, b { tile b.P by 2 { retain b.I in GLB; } }";
    for (layers, said) in [
        (lstm, "E0603 an LSTM"),
        (sum, "E0603 index 1 of `a.O`"),
        (part, "E0603 index 1 of `a.O`"),
    ] {
        let found = refused(&layers, map);
        assert!(found.starts_with(said), "{found}");
    }
    let chain =
        "Layer a { Type: EINSUM; Ranks { P: 10 } Compute: O[p] = I[p]; } ".to_owned() + tail;
    lowered(&chain, map);
    let both = "Fuse a, b { tile b.P by 2 { tile b.R by 1 { retain b.I in GLB; } } }";
    assert!(refused(&chain, both).starts_with("E0603 P and R"));
}

#[test]
fn words_and_what_holds_without_them() {
    let layers = bottleneck() + &conv("after", 1, 32, 112, 1, "Inputs: expand;");
    let fuse = |words: &str| {
        format!("Fuse expand, depthwise, project {{ tile project.P by 1 {{ {words} }} }}")
    };
    let all = lowered(
        &layers,
        &fuse(
            "recompute expand.Output; retain expand.Weight in GLB; refetch depthwise.Output from DRAM; \
             retain project.Input in GLB;",
        ),
    );
    let said = |name: &str| {
        let tensor = tensor(&all, name);
        (tensor.keep, tensor.fate)
    };
    assert_eq!(said("expand.Output"), (None, Fate::Recompute));
    assert_eq!(said("project.Input"), (Some(1), Fate::Refetch));
    assert_eq!(said("expand.Weight"), (Some(1), Fate::Retain));
    // No row indexes it: without a word it stands above the loop over rows.
    assert_eq!(said("project.Weight"), (Some(0), Fate::Refetch));
    assert_eq!(said("project.Output"), (Some(1), Fate::Refetch));
    // `after` reads it outside of the group.
    assert!(tensor(&all, "expand.Output").escapes);
    for (words, message) in [
        (
            "retain expand.Output in GLB;",
            "E0409 nothing is said of `depthwise.Output`",
        ),
        ("", "E0409 nothing is said of `expand.Output`"),
        (
            "retain expand.Output, depthwise.Input, depthwise.Output in GLB;",
            "E0409 `retain` is said twice of `expand.Output`",
        ),
        (
            "recompute expand.Output; refetch depthwise.Input from DRAM; retain project.Input in GLB;",
            "E0409 `expand.Output` cannot be both",
        ),
        (
            "retain expand.Output, depthwise.Output in GLB; recompute expand.Weight;",
            "E0409 `expand.Weight` cannot be computed again: nothing in the group makes it",
        ),
        (
            "retain expand.Output, depthwise.Output in GLB; recompute project.Output;",
            "E0409 `project.Output` cannot be computed again: nothing in the group reads it",
        ),
    ] {
        let found = refused(&layers, &fuse(words));
        assert!(found.starts_with(message), "{found}");
    }
}

// Precision of what the group makes is the producer's word, of what it reads the reader's.
#[test]
fn memories_and_bits() {
    let hardware = "Memory DRAM { } Level L { Memory F { Holds: Weight } Memory I { Holds: Input } \
         Memory O { Holds: Output } } Array PE { Shape: [4] } Memory RF { } Compute MAC { }";
    let layers = conv(
        "a",
        4,
        3,
        8,
        1,
        "Precision { Input: INT4, Weight: INT8, Output: INT32 }",
    ) + &conv(
        "b",
        4,
        4,
        8,
        1,
        "Precision { Input: INT16, Weight: INT8, Output: INT8 }",
    );
    let lowered = on(
        hardware,
        &layers,
        "Fuse a, b { tile b.P by 1 { retain b.Input in O; } }",
    )
    .unwrap();
    let memory = |name: &str| (tensor(&lowered, name).memory, tensor(&lowered, name).bits);
    assert_eq!(memory("a.Output"), (3, 32));
    assert_eq!(memory("a.Weight"), (1, 8));
    assert_eq!(memory("a.Input"), (2, 4));
    assert_eq!(memory("b.Output"), (3, 8));
    let wrong = on(
        hardware,
        &layers,
        "Fuse a, b { tile b.P by 1 { retain b.Input in F; } }",
    );
    assert_eq!(wrong.unwrap_err(), ["E0502 `F` does not hold `a.Output`"]);
    // Others follow the memory that the innermost `retain` names.
    let deep = "Memory DRAM { } Memory L3 { } Memory L2 { } Array PE { Shape: [4] } Memory RF { } Compute MAC { }";
    let inner = on(
        deep,
        &layers,
        "Fuse a, b { tile b.P by 1 { retain b.Input in L2; } }",
    )
    .unwrap();
    assert!(inner.group.tensors.iter().all(|tensor| tensor.memory == 2));
    let outer = on(
        deep,
        &layers,
        "Fuse a, b { retain b.Input in L2; tile b.P by 1 { } }",
    )
    .unwrap();
    let memories: Vec<usize> = outer
        .group
        .tensors
        .iter()
        .map(|tensor| tensor.memory)
        .collect();
    assert_eq!(memories, [1, 1, 2, 1, 1]);
}

#[test]
fn arrays_and_dataflows() {
    let hardware = "Memory DRAM { } Memory GLB { } Array ROWS { Shape: [2] } \
         Level A { Array PE { Shape: [4, 8] } Array PW { Shape: [3] } } Memory RF { } Compute MAC { Lanes: 2 }";
    let own = "Dataflow { TemporalMap(1,1) K }";
    let layers =
        conv("a", 4, 3, 8, 1, own) + &conv("b", 4, 4, 8, 1, own) + &conv("c", 4, 4, 8, 1, "");
    let fuse = |stages: &str| {
        format!(
            "default: std_like; b: std_like; Fuse a, b, c {{ tile c.P by 1 {{ \
             retain b.Input, c.Input in GLB; {stages} }} }} }} Dataflow std_like {{ TemporalMap(1,1) C"
        )
    };
    let shared = on(
        hardware,
        &layers,
        &fuse("sequence { run b on PW; run a using std_like; run c on PE; }"),
    )
    .unwrap();
    // Two rows of all of PE (nobody chose), of PW; PE alone.
    let peaks: Vec<u64> = shared.stages.iter().map(|stage| stage.peak).collect();
    assert_eq!(peaks, [2 * 32 * 2, 3 * 2, 32 * 2]);
    let flows: Vec<Option<usize>> = shared
        .stages
        .iter()
        .map(|stage| stage.dataflow.as_ref().map(|known| known.dataflow))
        .collect();
    assert_eq!(flows[0], flows[1], "a by its stage, b by the map");
    assert!(
        flows[0].is_some() && flows[2].is_none(),
        "the default is not for fused layers"
    );
    let alone = on(hardware, &layers, &fuse("")).unwrap();
    assert_ne!(alone.stages[0].dataflow, None, "its own");
    assert_ne!(alone.stages[0].dataflow, shared.stages[0].dataflow);
    let pipeline = |last: &str| {
        on(
            hardware,
            &layers,
            &fuse(&format!("pipeline {{ run a on PE; run b on PW; {last} }}")),
        )
    };
    for last in ["run c;", "run c on PE;", "run c on ROWS;"] {
        let said = pipeline(last).unwrap_err().join("");
        assert!(said.starts_with("E0412"), "{said}");
    }
    let two = conv("a", 4, 3, 8, 1, own) + &conv("b", 4, 4, 8, 1, own);
    let map = "Fuse a, b { tile b.P by 1 { retain b.Input in GLB; pipeline { run a on PE; run b on PW; } } }";
    assert_eq!(
        on(hardware, &two, map).unwrap().group.overlap,
        Overlap::Pipeline
    );
}

#[test]
fn what_is_no_group() {
    let chain = conv("a", 4, 4, 8, 1, "")
        + &conv("b", 4, 4, 8, 1, "")
        + &conv("c", 4, 4, 8, 1, "")
        + &add("d", 4, 8, "c, a")
        + &conv("e", 4, 4, 8, 1, "Inputs: b;");
    for (list, message) in [
        (
            "a, c",
            "E0408 the layers of the group are 2 unconnected pieces",
        ),
        (
            "a, b, d",
            "E0407 the group ends in 2 layers: `b` and `d`; E0408 `d` needs",
        ),
        ("a, d", "E0408 `d` needs a layer outside"),
        (
            "a, b, c, d, e",
            "E0407 the group ends in 2 layers: `d` and `e`",
        ),
    ] {
        let found = refused(&chain, &format!("Fuse {list} {{ }}"));
        assert!(found.starts_with(message), "{found}");
    }
    // One layer is a group, without loops as well.
    let single = lowered(&chain, "Fuse c { }");
    assert_eq!((single.group.stages.len(), single.name.as_str()), (1, "c"));
    lowered(
        &chain,
        "Fuse d, a, c, b { retain b.Input, c.Input, d.Input in GLB; }",
    );
}

// A network that was reported is lowered without a word and without a panic.
#[test]
fn a_wrong_network_is_reported_once() {
    let circle = conv("a", 4, 4, 8, 1, "Inputs: b;") + &conv("b", 4, 4, 8, 1, "");
    let mismatch = conv("a", 4, 4, 8, 1, "") + &conv("b", 4, 5, 8, 1, "");
    let operands = conv("a", 4, 4, 8, 1, "") + &add("b", 4, 8, "a");
    for layers in [circle, mismatch, operands] {
        let map = "Fuse a, b { tile b.P by 1 { retain b.Input in GLB; } }";
        let (program, found) = resolved(HARDWARE, &layers, map);
        assert!(found.has_errors());
        let Some(map) = program.maps.first() else {
            continue;
        };
        for group in &map.groups {
            let mut sink = Diagnostics::new();
            let (network, accelerator) = (&program.networks[0], &program.accelerators[0]);
            let lowered = fuse(&program, network, map, group, accelerator, &mut sink);
            assert!(sink.is_empty(), "{:?}", sink.iter().collect::<Vec<_>>());
            if let Some(lowered) = lowered {
                consistent(&lowered);
            }
        }
    }
}
