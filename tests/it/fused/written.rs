//! Groups as they are written: what lowering makes of them, the engine and the oracle count alike, and it is the
//! work of the layers.

use super::equality::judge;
use dflowc::diag::Diagnostics;
use dflowc::driver::{MemoryFiles, Session};
use dflowc::engine::fused::{Flow, count};
use dflowc::lower::LoweredGroup;

const HARDWARE: &str = "Memory DRAM { } Memory GLB { } \
     Level ENGINES { Array A { Shape: [128] } Array B { Shape: [32] } Array C { Shape: [128] } } \
     Memory RF { } Compute MAC { Lanes: 1 }";

/// The first group of a program.
fn written(layers: &str, fuse: &str) -> LoweredGroup {
    let text = format!(
        "Accelerator acc {{ {HARDWARE} }} Network n {{ {layers} }} Map n on acc {{ {fuse} }}"
    );
    let compiled = Session::new(MemoryFiles::new().with("g.dflow", &text)).load("g.dflow");
    let mut sink: Diagnostics = compiled.diagnostics.clone();
    let map = compiled.program.maps.first();
    let lowered = map.and_then(|map| compiled.plan_group(map, 0, &mut sink));
    let said: Vec<_> = sink.iter().map(|found| &found.message).collect();
    assert!(said.is_empty(), "{text}\n{said:#?}");
    lowered.expect("a group without a message")
}

fn counted(lowered: &LoweredGroup) -> Flow {
    let rates: Vec<u64> = lowered.stages.iter().map(|stage| stage.peak).collect();
    count(&lowered.group, &rates).unwrap_or_else(|limit| panic!("{}: {limit:?}", lowered.name))
}

/// Engine and oracle agree, nothing is refused, and every operation of every layer is done: the shapes of these
/// tests skip no element.
fn sound(lowered: &LoweredGroup) {
    let rates: Vec<u64> = lowered.stages.iter().map(|stage| stage.peak).collect();
    let name = &lowered.name;
    judge(&lowered.group, &rates).unwrap_or_else(|wrong| panic!("{name}\n{wrong}"));
    let flow = counted(lowered);
    for (stage, done) in lowered.group.stages.iter().zip(&flow.stages) {
        let volume = stage.operation.volume();
        assert_eq!(Some(u128::from(done.unique)), volume, "{name}: {done:?}");
    }
    for (tensor, moved) in lowered.group.tensors.iter().zip(&flow.tensors) {
        let elements: u64 = tensor.extents.iter().product();
        if tensor.producer.is_none() {
            assert_eq!(moved.first_fetch, elements, "{name}: {tensor:?}");
        } else if tensor.escapes {
            assert!(moved.dram_writes >= elements, "{name}: {tensor:?}");
        }
    }
}

fn conv(name: &str, k: u64, c: u64, extent: u64, kernel: u64, more: &str) -> String {
    format!(
        "Layer {name} {{ Type: CONV; Dimensions {{ K: {k}, C: {c}, Y: {extent}, X: {extent}, R: {kernel}, \
         S: {kernel} }} {more} }} "
    )
}

/// `fused.md` section 4: two 3x3 convolutions, 16x16 outputs, channels 4 -> 8 -> 8, tiles of 4x4, no padding.
#[test]
fn two_convolutions_by_tiles() {
    let layers = conv("a", 8, 4, 20, 3, "") + &conv("b", 8, 8, 18, 3, "");
    let flow = |rows: &str, tile: &str| {
        let lowered = written(
            &layers,
            &format!("Fuse a, b {{ tile b.P by 4 {{ {rows} tile b.Q by 4 {{ {tile} }} }} }}"),
        );
        let middle = lowered
            .tensors
            .iter()
            .position(|tensor| tensor.name == "a.Output");
        let flow = counted(&lowered);
        (
            flow.tensors[middle.expect("the middle map")],
            flow.stages[0],
        )
    };
    // All of the first layer: 18 * 18 * 8 results of 4 * 9 products.
    let all = 18 * 18 * 8 * 36;
    let (map, stage) = flow("retain a.Output in GLB;", "");
    assert_eq!((map.recomputed, map.window), (0, 864));
    assert_eq!(stage.operations, all);
    let (map, stage) = flow("", "retain b.Input in GLB; recompute a.Output;");
    assert_eq!(map.recomputed, 864);
    assert_eq!(stage.operations, all + 864 * 36);
    let (map, stage) = flow("", "recompute a.Output;");
    assert_eq!((map.recomputed, map.reused), (2016, 0));
    assert_eq!(stage.operations, all + 2016 * 36);
    let (map, stage) = flow("", "retain b.Input in GLB; refetch b.Input from DRAM;");
    assert_eq!((map.refetched, map.dram_writes), (864, 2592));
    assert_eq!(stage.operations, all);
}

/// Table I of LoopTree (`fused.md` section 3): 115,136 cycles by rows, 113,736 with Q by 4, 603,936 bytes.
#[test]
fn the_bottleneck_of_table_1() {
    let layers = conv("expand", 32, 32, 112, 1, "")
        + "Layer depthwise { Type: DWCONV; Dimensions { C: 32, Y: 112, X: 112, R: 3, S: 3 } Padding { Y: 1, X: 1 } } "
        + &conv("project", 16, 32, 112, 1, "");
    let stages = "pipeline { run expand on A; run depthwise on B; run project on C; }";
    let weights = "retain expand.Weight, depthwise.Weight, project.Weight in GLB;";
    let rows = written(
        &layers,
        &format!(
            "Fuse expand, depthwise, project {{ {weights} tile project.P by 1 {{ \
             retain depthwise.Input, project.Input in GLB; {stages} }} }}"
        ),
    );
    let flow = counted(&rows);
    assert_eq!((flow.pipelined, flow.sequential), (115_136, 263_424));
    let moved: u64 = flow
        .tensors
        .iter()
        .map(|tensor| tensor.dram_reads + tensor.dram_writes)
        .sum();
    assert_eq!(moved, 603_936);
    let pixels = written(
        &layers,
        &format!(
            "Fuse expand, depthwise, project {{ {weights} tile project.P by 1 {{ retain depthwise.Input in GLB; \
             tile project.Q by 4 {{ retain project.Input in GLB; {stages} }} }} }}"
        ),
    );
    assert_eq!(counted(&pixels).pipelined, 113_736);
}

#[test]
fn groups_of_convolutions() {
    let layers = conv("a", 6, 2, 5, 1, "")
        + "Layer g { Type: GCONV; Dimensions { G: 2, K: 4, C: 3, Y: 5, X: 5, R: 3, S: 3 } Padding { Y: 1, X: 1 } } "
        + &conv("b", 3, 8, 5, 1, "");
    for (layers_of, tile) in [
        ("a, g, b", "b.P by 2"),
        ("a, g, b", "b.C by 3"),
        ("a, g, b", "b.K by 2"),
        ("a, g", "g.G by 1"),
        ("a, g", "g.P by 2"),
        ("g, b", "b.C by 4"),
    ] {
        let middle = match layers_of {
            "a, g, b" => "retain g.Input, b.Input in GLB; recompute g.Input, b.Input;",
            "a, g" => "retain g.Input in GLB; recompute g.Input;",
            _ => "retain b.Input in GLB; recompute b.Input;",
        };
        sound(&written(
            &layers,
            &format!("Fuse {layers_of} {{ tile {tile} {{ {middle} }} }}"),
        ));
    }
    let nested = "Fuse a, g { tile g.G by 1 { tile g.K by 3 { retain g.Input in GLB; recompute a.Output; } } }";
    sound(&written(&layers, nested));
}

#[test]
fn concatenations_residuals_and_flattening() {
    let parts = conv("a", 2, 3, 6, 1, "Inputs: external;")
        + &conv("o", 3, 3, 6, 1, "Inputs: external;")
        + &conv("cat", 2, 6, 6, 3, "Inputs: a, o, external;");
    for tile in ["cat.P by 2", "cat.C by 4", "cat.K by 1"] {
        let fuse = format!(
            "Fuse a, cat {{ tile {tile} {{ retain cat.Input in GLB; recompute a.Output; }} }}"
        );
        sound(&written(&parts, &fuse));
        sound(&written(
            &parts,
            &format!(
                "Fuse a, cat {{ tile {tile} {{ retain a.Output in GLB; refetch cat.Input from DRAM; }} }}"
            ),
        ));
    }
    let block = conv("x", 2, 3, 6, 1, "")
        + &conv("expand", 4, 2, 6, 1, "")
        + &conv("project", 2, 4, 6, 3, "Padding { Y: 1, X: 1 }")
        + "Layer sum { Type: ADD; Dimensions { C: 2, Y: 6, X: 6 } Inputs: project, x; } ";
    for layers in ["expand, project, sum", "x, expand, project, sum"] {
        for tile in ["sum.P by 2", "sum.C by 1", "sum.Q by 4"] {
            let x = if layers.starts_with('x') {
                "recompute x.Output;"
            } else {
                ""
            };
            sound(&written(
                &block,
                &format!(
                    "Fuse {layers} {{ tile {tile} {{ {x} retain expand.Output in GLB; recompute project.Input; \
                     recompute project.Output; }} }}"
                ),
            ));
        }
    }
    let tail = "Layer c { Type: CONV; Dimensions { N: 3, K: 4, C: 2, Y: 4, X: 4, R: 1, S: 1 } } \
         Layer p { Type: POOL; Dimensions { N: 3, C: 4, Y: 4, X: 4, R: 2, S: 2 } Stride { Y: 2, X: 2 } } \
         Layer f { Type: FC; Dimensions { N: 3, K: 6, C: 16 } } Layer g { Type: FC; Dimensions { N: 3, K: 5, C: 6 } } \
         Layer s { Type: ADD; Dimensions { N: 3, C: 5, Y: 1, X: 1 } Inputs: g, g; }";
    for tile in ["s.N by 1", "s.C by 2", "s.N by 2 { tile s.C by 3"] {
        let words = ["p", "f", "g", "s"].map(|layer| format!("recompute {layer}.Input;"));
        let close = "}".repeat(tile.matches('{').count());
        sound(&written(
            tail,
            &format!(
                "Fuse c, p, f, g, s {{ tile {tile} {{ {} }} {close} }}",
                words.join(" ")
            ),
        ));
    }
}

#[test]
fn products_and_attention() {
    let layers = "Layer a { Type: CONV; Dimensions { K: 4, C: 2, Y: 3, X: 3, R: 1, S: 1 } } \
         Layer b { Type: GEMM; Dimensions { M: 4, N: 5, K: 9 } } \
         Layer c { Type: GEMM; Dimensions { M: 4, N: 6, K: 5 } } \
         Layer d { Type: GEMM; Dimensions { M: 6, N: 3, K: 4 } }";
    for (list, tile) in [
        ("a, b, c", "c.M by 1"),
        ("a, b, c", "c.K by 2"),
        ("a, b, c, d", "d.N by 2"),
    ] {
        let words = ["b", "c", "d"]
            .iter()
            .filter(|layer| list.contains(**layer))
            .map(|layer| format!("recompute {layer}.Input;"));
        let words: Vec<String> = words.collect();
        sound(&written(
            layers,
            &format!("Fuse {list} {{ tile {tile} {{ {} }} }}", words.join(" ")),
        ));
    }
    let attention = "Layer qk { Type: EINSUM; Ranks { H: 2, M: 6, N: 5, E: 3 } \
           Compute: S[h,m,n] += Q[h,m,e] * K[h,n,e]; } \
         Layer softmax { Type: EINSUM; Ranks { H: 2, M: 6, N: 5 } Compute: P[h,m,n] = A[h,m,n]; } \
         Layer pv { Type: EINSUM; Ranks { H: 2, M: 6, N: 5, F: 3 } Compute: O[h,m,f] += P[h,m,n] * V[h,n,f]; }";
    for tile in ["pv.M by 4", "pv.H by 1", "pv.N by 2", "pv.F by 2"] {
        sound(&written(
            attention,
            &format!(
                "Fuse qk, softmax, pv {{ retain qk.K, pv.V in GLB; tile {tile} {{ retain qk.S in GLB; \
                 recompute qk.S; recompute softmax.P; }} }}"
            ),
        ));
    }
}
