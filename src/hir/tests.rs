//! One mistake per case, by the code and the place that the language page promises.

mod fused;

use super::*;
use crate::base::FileId;
use crate::diag::{Diagnostic, Diagnostics};
use crate::syntax;

fn resolve(text: &str) -> (Program, Vec<Diagnostic>) {
    let parsed = syntax::parse(FileId::new(0), text);
    assert!(!parsed.has_errors(), "{:?}", parsed.diagnostics);
    let mut sink = Diagnostics::new();
    let module = Module {
        ast: parsed.ast,
        std_path: None,
        uses: Vec::new(),
        tainted: false,
    };
    let program = collect(&[module], &mut sink);
    (program, sink.iter().cloned().collect())
}

/// `code@text under the primary label`, in the order of reporting.
fn codes(text: &str) -> Vec<String> {
    resolve(text)
        .1
        .iter()
        .map(|found| {
            let span = found.primary().unwrap();
            format!("{}@{}", found.code, &text[span.range()])
        })
        .collect()
}

fn layer(body: &str) -> String {
    format!("Network n {{ Layer l {{ {body} }} }}")
}

fn first(text: &str) -> Layer {
    let (program, found) = resolve(text);
    assert!(found.is_empty(), "{found:?}");
    program.networks[0].layers[0].clone()
}

fn accelerator(body: &str) -> String {
    format!(
        "Accelerator a {{ {body} Array PE {{ Shape: [4] }} Memory RF {{ Size: 64 }} Compute MAC {{ Lanes: 1 }} }}"
    )
}

// Every row is one sentence of language.md section 4.
#[test]
fn mistakes_of_layers() {
    let conv = "Type: CONV; Dimensions { K: 4, C: 4, Y: 8, X: 8, R: 3, S: 3 }";
    for (body, expected) in [
        ("Dimensions { N: 1 }", "E0302@l"),
        ("Type: CONV;", "E0302@l"),
        ("Type: CONF; Dimensions { N: 1 }", "E0201@CONF"),
        (
            "Type: CONV; Dimensions { K: 4, C: 4, Y: 8, X: 8, R: 3 }",
            "E0302@Dimensions",
        ),
        (
            "Type: CONV; Dimensions { K: 4, C: 4, Y: 8, X: 8, R: 3, S: 0 }",
            "E0303@0",
        ),
        (
            "Type: CONV; Dimensions { K: 4, C: 4, Y: 8, X: 8, R: 3, S: 1 - 2 }",
            "E0303@1 - 2",
        ),
        (
            "Type: CONV; Dimensions { K: 4, C: 4, Y: 8, X: 8, R: 9, S: 3 }",
            "E0305@8",
        ),
        (
            "Type: CONV; Dimensions { K: 4, K: 5, C: 4, Y: 8, X: 8, R: 3, S: 3 }",
            "E0206@K",
        ),
        (
            "Type: CONV; Dimensions { K: 4, D: 5, C: 4, Y: 8, X: 8, R: 3, S: 3 }",
            "E0207@D",
        ),
        (
            "Type: CONV; Dimensions { K: 4, C: 4, Y: 8, Y': 7, X: 8, R: 3, S: 3 }",
            "E0306@7",
        ),
        (
            "Type: CONV; Dimensions { K: 4, C: 4, Y: 8, P: 6, Q: 6, R: 3, S: 3 } Padding { Y: 1 }",
            "E0306@6",
        ),
        (
            "Type: CONV; Dimensions { K: 4B, C: 4, Y: 8, X: 8, R: 3, S: 3 }",
            "E0308@4B",
        ),
        (
            "Type: CONV; Dimensions { K: 9223372036854775807 * 2, C: 4, Y: 8, X: 8, R: 3, S: 3 }",
            "E0307@9223372036854775807 * 2",
        ),
        (
            "Type: CONV; Dimensions { K: 4 / (2 - 2), C: 4, Y: 8, X: 8, R: 3, S: 3 }",
            "E0307@4 / (2 - 2)",
        ),
        (
            "Type: CONV; Dimensions { K: 7 / 2, C: 4, Y: 8, X: 8, R: 3, S: 3 }",
            "W0301@7 / 2",
        ),
        (
            "Type: CONV; Groups: 3; Dimensions { K: 6, C: 4, Y: 8, X: 8, R: 3, S: 3 }",
            "E0308@4",
        ),
        (
            "Type: CONV; Dimensions { K: T, C: 4, Y: 8, X: 8, R: 3, S: 3 }",
            "E0201@T",
        ),
        (
            "Type: FC; Dimensions { K: 4, C: 4 } Stride { Y: 2 }",
            "E0205@Stride",
        ),
        ("Type: FC; Dimensions { K: 4, C: 4 } Kind: 3", "E0205@Kind"),
        (
            "Type: CONV; Dimensions { K: 4, C: 4, Y: 8, X: 8, R: 3, S: 3 } Precision { Input: INT65 }",
            "E0308@INT65",
        ),
        (
            "Type: CONV; Dimensions { K: 4, C: 4, Y: 8, X: 8, R: 3, S: 3 } Density { Input: 1.5 }",
            "E0308@1.5",
        ),
        (
            "Type: CONV; Dimensions { K: 4, C: 4, Y: 8, X: 8, R: 3, S: 3 } Stride { Y: 2, Y: 3 }",
            "E0206@Y",
        ),
        (
            "Type: TRCONV; Dimensions { K: 4, C: 4, Y: 1, X: 1, R: 2, S: 2 } Padding { Y: 1, X: 1 }",
            "E0303@1",
        ),
        (&format!("{conv} Inputs: m;"), "E0201@m"),
        ("Type: ADD; Dimensions { C: 4, Y: 8, X: 8 }", "E0304@l"),
    ] {
        let found = codes(&layer(body));
        assert!(
            found.iter().any(|code| code == expected),
            "{body}: {found:?}"
        );
        let limit = if body.contains("Y: 1, X: 1, R: 2") {
            2
        } else {
            1
        };
        assert!(found.len() <= limit, "{body}: {found:?}");
    }
}

#[test]
fn sizes_of_layers() {
    let grouped = first(&layer(
        "Type: CONV; Groups: 2; Dimensions { K: 6, C: 4, Y': 6, X': 6, R: 3, S: 3 } Padding { Y: (0,1), X: 1 }",
    ));
    // Per group: K 3, C 2. Y = 6 + 2 - 1 = 7, X = 6 + 2 - 2 = 6.
    let sizes = |layer: &Layer| {
        let Shape::Typed(typed) = &layer.shape else {
            panic!("{:?}", layer.shape);
        };
        ["G", "K", "C", "Y", "X"].map(|name| typed.size(name).unwrap())
    };
    assert_eq!(sizes(&grouped), [2, 3, 2, 7, 6]);
    let rows = &grouped.shape.axes().unwrap()[0];
    assert_eq!((rows.pad_low, rows.pad_high), (0, 1));
    assert_eq!(grouped.type_name, "CONV");
    // GCONV declares the same per group.
    let gconv = first(&layer(
        "Type: NGCONV; Dimensions { G: 2, K: 3, C: 2, Y: 7, X: 6, R: 3, S: 3 } Padding { Y: (0,1), X: 1 }",
    ));
    assert_eq!(sizes(&gconv), sizes(&grouped));
    assert_eq!(gconv.shape.axes(), grouped.shape.axes());
    assert_eq!(gconv.type_name, "GCONV");
    // Four gates of H, inputs D + H, over 10 steps: 4*32 * (16+32) * 10.
    let lstm = first(&layer("Type: LSTM; Steps: 10; Dimensions { D: 16, H: 32 }"));
    assert_eq!(lstm.shape.macs(), Some(61_440));
}

#[test]
fn named_inputs() {
    let reader = "Layer a { Type: FC; Dimensions { N: 2, K: 4, C: 12 } Inputs: x; }";
    for (inputs, expected) in [
        ("Input x { N: 2, C: 12 }", &[][..]),
        // An FC flattens maps; anything else has to have the elements.
        ("Input x { C: 3, N: 2, Y: 2, X: 2 }", &[]),
        ("Input x { M: 2, K: 12 }", &[]),
        ("Input x { N: 12, C: 2 }", &["E0304@Inputs: x"]),
        ("Input x { M: 25 }", &["E0304@Inputs: x"]),
        ("Input x { N: 0, C: 12 }", &["E0303@0"]),
        ("Input x { }", &["E0308@x"]),
        ("Input x { N: 2, C: 12 } Input x { N: 2 }", &["E0204@x"]),
        ("Input x { N: 2, C: 12 } Input { N: 2 }", &["E0302@Input"]),
        (
            "Input x { N: 2, C: 12 } Input external { N: 2 }",
            &["E0104@external"],
        ),
    ] {
        let found = codes(&format!("Network n {{ {inputs} {reader} }}"));
        assert_eq!(found, expected, "{inputs}");
    }
}

#[test]
fn einsums() {
    let good = first(&layer(
        "Type: EINSUM; Ranks { B: 8, M: 512, N: 512, E: 64 } Compute: S[b,m,n] += Q[b,m,e] * K[b,n,e];",
    ));
    assert_eq!(good.shape.macs(), Some(8 * 512 * 512 * 64));
    let sliding = first(&layer(
        "Type: EINSUM; Ranks { P: 6, R: 3 } Extents { I: [12] } Compute: O[p] += I[2*p + r - 1] * W[r];",
    ));
    let Shape::Einsum(einsum) = &sliding.shape else {
        panic!("{:?}", sliding.shape);
    };
    // Indices -1 .. 2*5 + 2 - 1 = 11: twelve elements, and one that is padding.
    let index = &einsum.tensors[0].indices[0];
    assert_eq!(einsum.values(index), Some((-1, 11)));
    assert_eq!(einsum.extent(index), Some(12));
    for (ranks, compute, expected) in [
        ("M: 2, N: 2", "O[m] += I[m,k]", "E0207@k"),
        ("M: 2", "O[m] += I[m,m]", "E0308@m"),
        ("M: 2, N: 2", "O[m*n] += I[m]", "E0308@m*n"),
        ("M: 2, N: 2", "O[m] += I[m]", "E0207@Compute: O[m] += I[m]"),
        ("M: 2, m: 2", "O[m] += I[m]", "E0308@2"),
        ("M: 2, N: 2", "O[m,n] += I[m] * I[n]", "E0308@I[n]"),
        ("M: 2", "O[m] += O[m] * I[m]", "E0311@O[m]"),
        (
            "T: 4, H: 8, G: 8",
            "H[t,h] += U[h,g] * H[t - 1,g]",
            "E0311@H[t - 1,g]",
        ),
        ("T: 4", "H[t] = U[t] + H[t + 1]", "E0311@H[t + 1]"),
        ("M: 2, N: 2", "O[m] = I[m,n]", "E0308@O[m]"),
        ("M: 2", "O[m] = 3", "E0308@3"),
        ("M: 2", "O[m] = expo(I[m])", "E0201@expo"),
        ("M: 2", "O[m] = exp(I[m], 2)", "E0308@exp(I[m], 2)"),
        ("M: 2", "O[m] = I[m] % 2", "E0308@%"),
        ("M: 2", "O[m] += I[0 - m - 1]", "E0310@0 - m - 1"),
        ("M: 2", "O[m] += I[m, m - 1 - m]", "E0310@m - 1 - m"),
        (
            "M: 2",
            "O[m] += A[m] * B[m] * C[m] * D[m] * E[m]",
            "E0104@A[m] * B[m] * C[m] * D[m] * E[m]",
        ),
    ] {
        let text = layer(&format!(
            "Type: EINSUM; Ranks {{ {ranks} }} Compute: {compute};"
        ));
        let found = codes(&text);
        assert_eq!(found.len(), 1, "{compute}: {found:?}");
        assert!(found[0].starts_with(expected), "{compute}: {found:?}");
    }
    for (extents, expected) in [
        ("J: [6]", "E0201@J"),
        ("I: [6, 1]", "E0308@[6, 1]"),
        ("I: 0", "E0303@0"),
        ("I: [6], I: [7]", "E0206@I"),
        // From -1 to 6: a tensor of which nothing is touched is a slip too.
        ("O: [6], W: [3], I: [6, 2]", "E0308@[6, 2]"),
    ] {
        let text = layer(&format!(
            "Type: EINSUM; Ranks {{ P: 6, R: 3 }} Extents {{ {extents} }} Compute: O[p] += I[p + r] * W[r];"
        ));
        let found = codes(&text);
        assert_eq!(found.len(), 1, "{extents}: {found:?}");
        assert!(found[0].starts_with(expected), "{extents}: {found:?}");
    }
    let beyond = layer("Type: EINSUM; Ranks { P: 2 } Extents { I: 4 } Compute: O[p] = I[p + 4];");
    assert_eq!(codes(&beyond), ["E0310@p + 4"]);
}

#[test]
fn wiring() {
    let map = |name: &str, k: u64, c: u64, y: u64, rest: &str| {
        format!(
            "Layer {name} {{ Type: CONV; Dimensions {{ K: {k}, C: {c}, Y: {y}, X: {y}, R: 1, S: 1 }} {rest} }}"
        )
    };
    let network = |layers: &[String]| format!("Network n {{ {} }}", layers.concat());
    let a = map("a", 8, 3, 6, "");
    // In order, concatenated, flattened, by name.
    let fc = "Layer f { Type: FC; Dimensions { K: 2, C: 288 } Inputs: b; }".to_owned();
    let clean = network(&[
        a.clone(),
        map("b", 8, 8, 6, ""),
        map("c", 4, 16, 6, "Inputs: a, b;"),
        fc,
    ]);
    let (program, found) = resolve(&clean);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(
        program.networks[0].layers[2].inputs,
        [Source::Layer(0), Source::Layer(1)]
    );
    assert_eq!(program.networks[0].layers[0].inputs, [Source::External]);
    for (layers, expected) in [
        (vec![a.clone(), map("b", 8, 9, 6, "")], "E0304@b"),
        (vec![a.clone(), map("b", 8, 8, 7, "")], "E0304@b"),
        (
            vec![a.clone(), map("b", 8, 9, 6, "Inputs: a;")],
            "E0304@Inputs: a",
        ),
        (vec![a.clone(), map("a", 8, 8, 6, "")], "E0204@a"),
        (
            vec![
                map("x", 3, 3, 6, "Inputs: y;"),
                map("y", 3, 3, 6, "Inputs: x;"),
            ],
            "E0201@x",
        ),
        (vec![a.clone(), map("b", 8, 8, 6, "Inputs: A;")], "E0201@A"),
    ] {
        let found = codes(&network(&layers));
        assert_eq!(found, [expected]);
    }
    let both = resolve(&network(&[a, map("b", 8, 9, 6, "")])).1;
    let note = &both[0].notes[0];
    assert!(note.contains("N 1 x C 8 x Y 6 x X 6") && note.contains("N 1 x C 9 x Y 6 x X 6"));
    assert_eq!(
        both[0].fix.as_ref().unwrap().replacement,
        " Inputs: external;"
    );
}

#[test]
fn asserted_macs() {
    let text = |macs: u64| {
        format!(
            "Network n {{ Macs: {macs}; Layer f {{ Type: FC; Dimensions {{ K: 2, C: 288 }} }} }}"
        )
    };
    assert!(codes(&text(576)).is_empty());
    let (_, found) = resolve(&text(577));
    assert_eq!(found[0].message, "`n` has 576 MACs, not 577");
}

#[test]
fn constants() {
    assert!(
        codes("const T = 4; Constant S 2KiB; const U = T * (T - 1) + ceil_div(T, 3) * max(1, 2);")
            .is_empty()
    );
    assert_eq!(codes("const A = B; const B = 1;"), ["E0201@B"]);
    assert_eq!(codes("const A = A + 1;"), ["E0201@A"]);
    assert_eq!(codes("const A = 1; const A = 2;"), ["E0204@A"]);
    assert_eq!(codes("const A = 2KiB + 3pJ;"), ["E0308@2KiB + 3pJ"]);
    assert_eq!(codes("const A = mix(1, 2);"), ["E0201@mix"]);
    assert_eq!(codes("const A = Sz(K);"), ["E0308@Sz(K)"]);
}

// 1 GB/s at 200 MHz is 5 bytes, 40 bits a cycle; 1 GB/s at 3 GHz is 8/3 bits.
#[test]
fn bandwidths_are_exact() {
    for (clock, bits, cycles) in [("200MHz", 40, 1), ("3GHz", 8, 3), ("200", 40, 1)] {
        let text = accelerator(&format!(
            "Clock: {clock}; Memory DRAM {{ Bandwidth: 1GB/s }}"
        ));
        let (program, found) = resolve(&text);
        assert!(found.is_empty(), "{found:?}");
        let crate::hir::Ports::One(rate) = program.accelerators[0].memories[0].ports else {
            panic!("one port");
        };
        assert_eq!((rate.numerator(), rate.denominator()), (bits, cycles));
    }
}

// `tile` is a keyword of dataflows, and a value here.
#[test]
fn both_rules_of_refill_can_be_written() {
    for (rule, tile) in [("window", false), ("tile", true)] {
        let text = accelerator(&format!(
            "Memory DRAM {{}} Memory GLB {{ Refill: {rule}; }}"
        ));
        let (program, found) = resolve(&text);
        assert!(found.is_empty(), "{found:?}");
        assert_eq!(program.accelerators[0].memories[1].refill_tile, tile);
    }
}

#[test]
fn mistakes_of_accelerators() {
    for (body, expected) in [
        ("Memory DRAM { Bandwidth: 1GB/s }", "E0301@1GB/s"),
        ("Memory DRAM { Bandwidth: 64pJ }", "E0301@64pJ"),
        ("Clock: 2ns; Memory DRAM {}", "E0301@2ns"),
        ("Memory DRAM { Size: 0 }", "E0303@0"),
        ("Memory DRAM { Size: 0.1B }", "E0308@0.1B"),
        ("Memory DRAM { Sise: 4 }", "E0205@Sise"),
        ("Memory DRAM { Size: 4; Size: 5 }", "E0206@Size"),
        ("Memory DRAM { Holds: Input }", "E0308@DRAM"),
        ("Memory DRAM {} Memory DRAM {}", "E0204@DRAM"),
        ("Memory DRAM { Refill: line }", "E0308@line"),
        ("Memory DRAM {} Technology: nowhere;", "E0201@nowhere"),
        (
            "Memory DRAM {} Level L { Memory F { Holds: Weight } Memory G {} }",
            "E0308@G",
        ),
        ("", "E0302@a"),
    ] {
        assert_eq!(codes(&accelerator(body)), [expected], "{body}");
    }
    assert_eq!(
        codes("Accelerator a { PE { NumPEs: 0 } Buffer { GlobalL2: 9; LocalL1: 9 } }"),
        ["E0303@0"]
    );
}

#[test]
fn dataflows_and_their_uses() {
    let text = |usage: &str| {
        format!(
            "Network n {{ Layer f {{ Type: FC; Dimensions {{ K: 2, C: 8 }} Dataflow: {usage}; }} }}
             Dataflow d(a, b = Sz(K)) {{ TemporalMap(a, min(b, 2)) K; }}"
        )
    };
    assert!(codes(&text("d(3)")).is_empty());
    assert!(codes(&text("d(b = 1, a = Sz(C) / 4)")).is_empty());
    assert_eq!(codes(&text("d")), ["E0302@d"]);
    assert_eq!(codes(&text("d(3, 4, 5)")), ["E0205@5"]);
    assert_eq!(codes(&text("d(3, a = 4)")), ["E0206@a = 4"]);
    assert_eq!(codes(&text("d(3, c = 4)")), ["E0205@c"]);
    assert_eq!(codes(&text("e(3)")), ["E0201@e"]);
    assert_eq!(codes(&text("n")), ["E0201@n"]);
    assert_eq!(codes("Dataflow d(a, a) { }"), ["E0204@a"]);
    assert_eq!(
        codes("Dataflow d(part) { TemporalMap(prat, 1) K; }"),
        ["E0201@prat"]
    );
}

#[test]
fn maps() {
    let text = |entries: &str| {
        format!(
            "Network n {{ Layer f {{ Type: FC; Dimensions {{ K: 2, C: 8 }} Dataflow {{ TemporalMap(1,1) K }} }}
                          Layer g {{ Type: FC; Dimensions {{ K: 2, C: 2 }} }}
                          Layer h {{ Type: FC; Dimensions {{ K: 2, C: 2 }} }} }}
             Dataflow d(a = 1) {{ TemporalMap(a, a) K; }}
             {}
             Map n on a {{ {entries} }}",
            accelerator("Memory DRAM {}")
        )
    };
    let (program, found) = resolve(&text("default: d; default FC: d(2); h: d(a = 3);"));
    assert!(found.is_empty(), "{found:?}");
    let choices: Vec<Choice> = program.maps[0]
        .assignments
        .iter()
        .map(|assignment| assignment.choice)
        .collect();
    assert_eq!(choices, [Choice::Own, Choice::Default, Choice::Named]);
    assert_eq!(program.maps[0].name, "n on a");
    assert_eq!(
        codes(&text("default: d; default: d;")),
        ["E0206@default: d"]
    );
    assert_eq!(codes(&text("default FD: d;")), ["E0201@FD"]);
    assert_eq!(codes(&text("i: d;")), ["E0201@i"]);
    assert_eq!(codes(&text("h: d; h: d;")), ["E0206@h"]);
    // Without a map, layers that carry dataflows and one accelerator make one.
    let implicit = text("").replace("Map n on a {  }", "");
    let (program, found) = resolve(&implicit);
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(program.maps.len(), 1);
    assert_eq!(program.maps[0].assignments[1].choice, Choice::Absent);
}

#[test]
fn a_repeat_reads_what_is_before_it_and_then_itself() {
    let fc = |name: &str, k: u64, c: u64, inputs: &str| {
        format!("Layer {name} {{ Type: FC; Dimensions {{ K: {k}, C: {c} }} {inputs} }} ")
    };
    let body = [
        fc("up", 8, 4, "Inputs: x;"),
        fc("gate", 8, 4, "Inputs: x;"),
        fc("down", 4, 8, "Inputs: up;"),
    ];
    let inside = format!("repeat 2 part {{ Input x {{ C: 4 }} {} }}", body.concat());
    let text = format!(
        "Network n {{ {}repeat 3 block {{ {inside} {} }} {} }}",
        fc("stem", 4, 5, ""),
        fc("last", 4, 4, ""),
        fc("head", 2, 4, "Inputs: block;"),
    );
    let (program, found) = resolve(&text);
    assert!(found.is_empty(), "{found:?}");
    let network = &program.networks[0];
    let names: Vec<(&str, u64)> = network
        .layers
        .iter()
        .map(|layer| (layer.name.as_str(), layer.times))
        .collect();
    let part = |name: &'static str| (name, 6);
    assert_eq!(
        names,
        [
            ("stem", 1),
            part("block.part.up"),
            part("block.part.gate"),
            part("block.part.down"),
            ("block.last", 3),
            ("head", 1)
        ]
    );
    let inputs: Vec<Source> = network.layers.iter().map(|layer| layer.inputs[0]).collect();
    let layer = Source::Layer;
    assert_eq!(
        inputs,
        [
            Source::External,
            layer(0),
            layer(0),
            layer(1),
            layer(3),
            layer(4)
        ]
    );
    // The inner one reads `down`, the outer one `last` the next time; both through `up` and `gate`.
    let (inner, outer) = (&network.repeats[0], &network.repeats[1]);
    assert_eq!((inner.output, outer.output), (Some(3), Some(4)));
    assert_eq!(inner.readers, [(1, 0), (2, 0)]);
    assert_eq!(outer.readers, inner.readers);
    assert_eq!(network.macs(), Some(20 + 6 * 96 + 3 * 16 + 8));
}

#[test]
fn a_block_is_the_layers_of_its_network() {
    let text = "Network outer { Layer stem { Type: FC; Dimensions { K: 4, C: 3 } }
          Block a: inner(K = 6) Inputs: stem, stem; Block b: plain; }
        Network inner(K = 2) { Input y { C: 4 }
          Layer first { Type: FC; Dimensions { K: K, C: 4 } }
          Layer other { Type: FC; Dimensions { K: K, C: 4 } Inputs: y; }
          Layer sum { Type: ADD; Dimensions { C: K, Y: 1, X: 1 } Inputs: first, other; } }
        Network plain { Layer only { Type: FC; Dimensions { K: 1, C: 6 } } }";
    let (program, found) = resolve(text);
    assert!(found.is_empty(), "{found:?}");
    let network = program
        .networks
        .iter()
        .find(|known| known.name == "outer")
        .unwrap();
    let names: Vec<&str> = network
        .layers
        .iter()
        .map(|layer| layer.name.as_str())
        .collect();
    assert_eq!(names, ["stem", "a.first", "a.other", "a.sum", "b.only"]);
    let layer = Source::Layer;
    let inputs: Vec<&[Source]> = network
        .layers
        .iter()
        .map(|layer| layer.inputs.as_slice())
        .collect();
    assert_eq!(inputs[1..3], [&[layer(0)][..], &[layer(0)]]);
    assert_eq!(inputs[3..], [&[layer(1), layer(2)][..], &[layer(3)]]);
    assert_eq!(network.output, Some(4));
    // Without arguments only one input is given, and the block takes two.
    let wrong = text.replace(" Inputs: stem, stem;", ";");
    let found = codes(&wrong);
    assert!(found.contains(&"E0304@a".to_owned()), "{found:?}");
}
