use super::*;
use crate::syntax::ast::{
    ClusterKind, DataflowUse, DirectiveKind, Entry, ExprKind, Item, MapEntry, Pieces, SearchEntry,
    UseSource,
};

/// language.md section 1, after Fig. 8 of the MAESTRO paper.
const FIGURE_8: &str = "
    Network VGG16 {
      Layer CONV1 {
        Type: CONV;
        Dimensions { N: 1, K: 64, C: 3, Y: 224, X: 224, R: 3, S: 3 }
        Dataflow {
          TemporalMap(1,1) N; TemporalMap(2,2) K; TemporalMap(3,3) C;
          SpatialMap(3,1) Y; TemporalMap(3,1) X; Cluster(3, P);
          SpatialMap(1,1) Y; SpatialMap(1,1) R; TemporalMap(3,3) S
        }
      }
    }
    Accelerator {
      PE     { NumPEs: 256; VectorWidth: 4; MultPrecision: INT8; AddPrecision: INT16 }
      Buffer { GlobalL2: 2048; LocalL1: 64 }          // bytes
      NoC    { Bandwidth: 64; AvgLatency: 2 }         // bytes per cycle; cycles
    }
";

#[test]
fn figure_8_as_printed() {
    clean(FIGURE_8);
    let parsed = read(FIGURE_8);
    let [Item::Network(network), Item::Accelerator(accelerator)] = parsed.ast.items.as_slice()
    else {
        panic!("{:?}", parsed.ast.items)
    };
    let layer = network.layers().into_iter().next().unwrap();
    assert_eq!(layer.name.as_str(), "CONV1");
    assert_eq!(layer.body.properties().count(), 1);
    assert_eq!(
        layer
            .body
            .blocks()
            .next()
            .unwrap()
            .body
            .properties()
            .count(),
        7
    );
    let dataflow = layer.dataflows().next().unwrap();
    let DataflowUse::Inline(body) = &dataflow.dataflow else {
        panic!("inline")
    };
    assert_eq!(body.directives.len(), 9);
    let DirectiveKind::Cluster { kind, .. } = &body.directives[5].kind else {
        panic!("cluster")
    };
    assert_eq!(kind.as_ref().unwrap().value, ClusterKind::Physical);
    assert!(accelerator.name.is_none());
    let kinds: Vec<&str> = accelerator
        .body
        .blocks()
        .map(|block| block.kind.as_str())
        .collect();
    assert_eq!(kinds, ["PE", "Buffer", "NoC"]);
    assert_eq!(parsed.comments.len(), 2);
}

#[test]
fn every_span_is_the_text_of_its_node() {
    let parsed = read(FIGURE_8);
    let text = |span: crate::base::Span| &FIGURE_8[span.range()];
    let Item::Network(network) = &parsed.ast.items[0] else {
        panic!()
    };
    assert!(text(network.span).starts_with("Network VGG16 {") && text(network.span).ends_with('}'));
    let layer = network.layers().into_iter().next().unwrap();
    let block = layer.body.blocks().next().unwrap();
    assert_eq!(
        text(block.span),
        "Dimensions { N: 1, K: 64, C: 3, Y: 224, X: 224, R: 3, S: 3 }"
    );
    assert_eq!(text(block.body.properties().nth(1).unwrap().span), "K: 64");
    let DataflowUse::Inline(body) = &layer.dataflows().next().unwrap().dataflow else {
        panic!()
    };
    assert_eq!(text(body.directives[3].span), "SpatialMap(3,1) Y");
}

#[test]
fn imports_constants_and_maps() {
    let text = "use std.networks.vgg16;
use std.dataflows.{nvdla, row_stationary as rs,};
use \"dir/own.dflow\";
use std.networks.vgg16 as net;
const T = 4;
Constant U 2 * T + 1;
Map vgg16 on eyeriss {
  default: row_stationary;
  default POOL, ADD: streaming;
  conv1_1: nvdla(c_tile = 3);
  conv1_2, conv2_1: { TemporalMap(1, 1) N; }
  fc6: std.dataflows.gemm_os(3, k = T)
};
";
    clean(text);
    let parsed = read(text);
    let Item::Use(first) = &parsed.ast.items[0] else {
        panic!()
    };
    let UseSource::Names { prefix, names } = &first.source else {
        panic!()
    };
    assert_eq!(prefix.len(), 2);
    assert_eq!(names[0].local().as_str(), "vgg16");
    let Item::Use(third) = &parsed.ast.items[2] else {
        panic!()
    };
    let UseSource::File(path) = &third.source else {
        panic!()
    };
    assert_eq!(path.as_str(), "dir/own.dflow");
    let Item::Map(map) = &parsed.ast.items[6] else {
        panic!()
    };
    assert_eq!(map.entries.len(), 5);
    let MapEntry::Default { types, .. } = &map.entries[1] else {
        panic!()
    };
    assert_eq!(types.len(), 2);
    let MapEntry::Layers {
        layers, dataflow, ..
    } = &map.entries[3]
    else {
        panic!()
    };
    assert_eq!(layers.len(), 2);
    assert!(matches!(dataflow, DataflowUse::Inline(_)));
}

#[test]
fn layers_of_every_kind() {
    let text = "Network n {
  Description: \"two \\\"kinds\\\"\";
  Layer conv2_dw {
    Type: DWCONV;
    Dimensions { N: 1, C: 32, Y': 112, X': 112, R: 3, S: 3 }
    Stride { Y: 2, X: 2 }  Padding { Y: (0,1), X: 1 }  Dilation { R: 1, S: 1 }
    Precision { Input: INT8, Weight: INT8, Output: INT32 }
    Density { Input: 0.6, Weight: 0.35 }
    Inputs: conv1, other;
    Groups: 2;
    Dataflow: row_stationary(k_tile = 2);
  }
  Layer scores {
    Type: EINSUM;
    Ranks { B: 8, M: 512, N: 512, E: 64 }
    Compute: S[b,m,n] += Q[b,m,e] * K[b,n,e];
  }
  Layer window { Type: EINSUM; Ranks { P: 4 } Compute: O[p] = I[2*p + r - 1, -p, 0]; Dataflow: { tile P by Sz(R) + 1 } }
}";
    let printed = clean(text);
    assert!(
        printed.contains("Compute: O[p] = I[2 * p + r - 1, -p, 0];"),
        "{printed}"
    );
    assert!(printed.contains("Padding { Y: (0, 1), X: 1 }"), "{printed}");
    let parsed = read(text);
    let Item::Network(network) = &parsed.ast.items[0] else {
        panic!()
    };
    let inputs = network
        .layers()
        .into_iter()
        .next()
        .unwrap()
        .body
        .properties()
        .nth(1)
        .unwrap();
    assert_eq!((inputs.key.as_str(), inputs.values.len()), ("Inputs", 2));
    assert_eq!(
        network
            .layers()
            .into_iter()
            .nth(1)
            .unwrap()
            .computes()
            .count(),
        1
    );
}

#[test]
fn hierarchies_and_technologies() {
    let text = "Accelerator eyeriss {
  Clock: 200MHz;  Precision: INT16;  Technology: std.technology.eyeriss65;
  Memory DRAM { Bandwidth: 1GB/s }
  Memory GLB  { Size: 108kB; Bandwidth: 64 B/cycle; DoubleBuffered; Holds: Input, Output; Refill: window }
  Level SRAM { Memory F { Holds: Weight } Memory I { Holds: Input } }
  Array  PE   { Shape: [12, 14]; NoC { Bandwidth: 64B/cycle; Latency: 2cycles; Multicast: true } }
  Compute MAC { Lanes: 1 }
}
Technology t {
  Node: 28nm; mac(INT8): 0.23pJ; read(SRAM, 64KiB): 9.99pJ; area(SRAM): [(1KiB, 0.01mm2), (64KiB, 0.5mm2)]; extrapolate
}";
    let printed = clean(text);
    assert!(printed.contains("Holds: Input, Output;"), "{printed}");
    let parsed = read(text);
    let Item::Accelerator(accelerator) = &parsed.ast.items[0] else {
        panic!()
    };
    let glb = accelerator.body.blocks().nth(1).unwrap();
    assert_eq!(glb.body.flags().next().unwrap().as_str(), "DoubleBuffered");
    let bandwidth = glb.body.properties().nth(1).unwrap();
    let ExprKind::Number(number) = &bandwidth.values[0].kind else {
        panic!()
    };
    assert_eq!(number.unit.unwrap().to_string(), "B/cycle");
    let Item::Technology(technology) = &parsed.ast.items[1] else {
        panic!()
    };
    assert_eq!(
        technology.body.properties().nth(2).unwrap().arguments.len(),
        2
    );
    assert!(matches!(
        technology.body.entries.last(),
        Some(Entry::Flag(_))
    ));
}

#[test]
fn units_touch_or_follow_one_blank() {
    let text = "const A = 64 KiB; const B = 2 cycles; const C = 25.6GB/s; const D = 1_000 B/cycle; const E = 16 mm2;";
    assert_eq!(
        clean(text),
        "const A = 64KiB;\nconst B = 2cycles;\nconst C = 25.6GB/s;\nconst D = 1000B/cycle;\nconst E = 16mm2;\n"
    );
    // Two blanks, a word that is no unit, and a key are not units.
    assert!(read("const A = 64  KiB;").has_errors());
    assert!(
        read("Network n { Layer a { Dimensions { N: 2 B: 8 } } }").diagnostics[0]
            .message
            .contains("before `B`")
    );
    clean("Dataflow d { spread K by 16 over PE[0]; }");
}

#[test]
fn a_broken_value_keeps_its_key() {
    let parsed = read("Network n { Layer a { Dimensions { N: 1 1, K: , C: 3 } } }");
    assert_eq!(parsed.diagnostics.len(), 2);
    let Item::Network(network) = &parsed.ast.items[0] else {
        panic!()
    };
    let layer = network.layers().into_iter().next().unwrap();
    let dimensions = layer.body.blocks().next().unwrap();
    let keys: Vec<&str> = dimensions
        .body
        .properties()
        .map(|property| property.key.as_str())
        .collect();
    assert_eq!(keys, ["N", "K", "C"]);
    assert_eq!(
        dimensions.body.properties().nth(1).unwrap().values[0].kind,
        ExprKind::Error
    );
}

#[test]
fn loop_form() {
    let text = "Dataflow os_example(p = 3, q) on dmaze {
  at DRAM { tile K by 64; tile C by min(64, Sz(C)) }
  at SPM { tile C by 8; }
  spread K by 16 over PE[0]; spread P by 1 over PE;
  retain conv1.Weight, Input in RF;
  bypass Output in RF;
  SpatialMap(Sz(R), 1) Y';
  Cluster(ceil_div(p, 2) % q);
}";
    let printed = clean(text);
    assert!(printed.contains("SpatialMap(Sz(R), 1) Y';"), "{printed}");
}

#[test]
fn sizes_that_give_way() {
    let printed = clean(
        "Dataflow d(upto = 4) { TemporalMap(upto 64, upto(2 * T)) K; tile K by upto upto; tile C by upto; tile C by upto % 2 }",
    );
    for part in [
        "TemporalMap(upto 64, upto 2 * T) K;",
        "by upto upto;",
        "by upto;",
        "by upto % 2;",
    ] {
        assert!(printed.contains(part), "{printed}");
    }
    // A size and nothing else.
    for text in [
        "const A = upto 4;",
        "Dataflow d { tile K by min(upto 4, 2) }",
    ] {
        assert!(read(text).has_errors(), "{text}");
    }
}

#[test]
fn parentheses_are_kept_where_they_mean_something() {
    let printed = clean("const A = (1 + 2) * 3 - (4 - 5) - -(6 * 7) / (8 / 9);");
    assert_eq!(
        printed,
        "const A = (1 + 2) * 3 - (4 - 5) - -(6 * 7) / (8 / 9);\n"
    );
}

#[test]
fn the_embedded_library_parses() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("stdlib");
    let mut seen = 0;
    for folder in std::fs::read_dir(root).into_iter().flatten().flatten() {
        for file in std::fs::read_dir(folder.path())
            .into_iter()
            .flatten()
            .flatten()
        {
            if file
                .path()
                .extension()
                .is_some_and(|extension| extension == "dflow")
            {
                clean(&std::fs::read_to_string(file.path()).unwrap());
                seen += 1;
            }
        }
    }
    assert!(seen > 0);
}

#[test]
fn explorations() {
    let text = "
        const vary = 3;
        Explore sizes {
          network: net; layers: a, b.c; on: npu(n, bw = vary);
          vary n: 8..64 by 8; vary glb: {32KiB, 64KiB}; vary rf: powers(2, 64B, 1KiB);
          where { n * glb <= 1MiB; n != vary; }
          space deepopt; budget: area <= 16mm2, power <= 450mW; minimize: edp, pareto(cycles, energy)
        }
    ";
    clean(text);
    let parsed = read(text);
    let [Item::Const(_), Item::Explore(node)] = parsed.ast.items.as_slice() else {
        panic!("{:?}", parsed.ast.items)
    };
    let varied = node.entries.iter().filter_map(|entry| match entry {
        SearchEntry::Vary(vary) => Some((vary.name.as_str(), &vary.pieces, vary.step.is_some())),
        _ => None,
    });
    let varied: Vec<_> = varied.collect();
    assert!(matches!(
        varied.as_slice(),
        [
            ("n", Pieces::Range { .. }, true),
            ("glb", Pieces::Set { .. }, false),
            ("rf", Pieces::One(_), false)
        ]
    ));
    assert_eq!(node.properties().count(), 5);
}
