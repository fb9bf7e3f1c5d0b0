//! Fused blocks: what is read, and that one mistake in them is one message.

use super::*;
use crate::syntax::ast::{
    DataflowUse, Fuse, FuseStatementKind, Item, MapEntry, StageEntry, Stages,
};

const BLOCK: &str = "Map block on edge {
  Fuse expand, depthwise, project {
    retain expand.Weight, depthwise.Weight, project.Weight in GLB;
    tile project.P by 1 {
      retain depthwise.Input in GLB;
      tile project.Q by 4 {
        retain project.Input in GLB;
        pipeline {
          run expand on PE using pointwise_ws;
          run depthwise on PEdw using std.dataflows.depthwise_os(t = 2);
          run project;
        }
      }
    }
  }
}
";

#[track_caller]
fn expect(text: &str, wanted: &[&str]) {
    assert_eq!(complaints(text), wanted, "in\n{text}");
}

fn fuse(text: &str) -> Fuse {
    let parsed = read(text);
    let found = parsed.ast.items.iter().find_map(|item| match item {
        Item::Map(map) => map.entries.iter().find_map(|entry| match entry {
            MapEntry::Fuse(fuse) => Some(fuse.clone()),
            _ => None,
        }),
        _ => None,
    });
    found.expect("a fused block")
}

/// A fused block of two layers with these statements in its one `tile` block.
fn inside(statements: &str) -> String {
    format!(
        "Map n on a {{\n  Fuse x, y {{\n    tile y.P by 1 {{\n{statements}\n    }}\n  }}\n  default: d;\n}}\n"
    )
}

fn stages(text: &str) -> Option<Stages> {
    fn find(body: &crate::syntax::ast::FuseBody) -> Option<Stages> {
        body.statements
            .iter()
            .find_map(|statement| match &statement.kind {
                FuseStatementKind::Tile { body, .. } => find(body),
                FuseStatementKind::Stages(stages) => Some(stages.clone()),
                _ => None,
            })
    }
    find(&fuse(text).body)
}

#[test]
fn every_statement() {
    assert_eq!(clean(BLOCK), BLOCK);
    let node = fuse(BLOCK);
    assert_eq!(node.layers.len(), 3);
    let text = |span: crate::base::Span| &BLOCK[span.range()];
    assert_eq!(text(node.keyword), "Fuse");
    assert_eq!(
        text(node.body.statements[0].span),
        BLOCK.lines().nth(2).unwrap().trim().trim_end_matches(';')
    );
    let FuseStatementKind::Tile { target, .. } = &node.body.statements[1].kind else {
        panic!()
    };
    assert_eq!(target.to_string(), "project.P");
    let stages = stages(BLOCK).unwrap();
    assert!(stages.pipeline && stages.entries.len() == 3);
    assert_eq!(text(stages.keyword), "pipeline");
    let runs = node.runs();
    assert_eq!(text(runs[0].span), "run expand on PE using pointwise_ws");
    assert!(
        matches!(&runs[1].dataflow, Some(DataflowUse::Named(named)) if named.arguments.len() == 1)
    );
    assert!(runs[2].array.is_none() && runs[2].dataflow.is_none());

    let text = inside(
        "recompute x.Output, y.Input; refetch x.Output from DRAM;;
         sequence { run x using { TemporalMap(1,1) K } run y on PE using { }; }",
    );
    let printed = clean(&text);
    assert!(
        printed.contains("recompute x.Output, y.Input;\n"),
        "{printed}"
    );
    assert!(
        printed.contains("refetch x.Output from DRAM;\n"),
        "{printed}"
    );
    assert!(printed.contains("run y on PE using { }\n"), "{printed}");
    clean("Map n on a { Fuse x { } }");
    clean("Map n on a { Fuse x, y { sequence { } } }");
}

/// Only `Fuse` is reserved: a file that calls its things so stays valid, and may use fused blocks.
#[test]
fn words_of_fused_blocks_are_names() {
    let text = "const sequence = 512;
const run = sequence * 2;
Network pipeline {
  Layer from { Type: FC; Dimensions { N: run, K: sequence, C: 4 } }
  Layer run { Type: FC; Dimensions { N: 1, K: 4, C: 4 } Inputs: from; }
}
Accelerator using { Memory refetch { } Memory recompute { } Array run { Shape: [sequence] } }
Dataflow run(from = 1, using = sequence) { TemporalMap(from, using) K; retain Input in recompute; }
Map pipeline on using {
  default: run(using = 2);
  from: run(from = run);
  Fuse from, run {
    retain from.Weight, run.Weight in recompute;
    tile run.N by run {
      recompute run.Input;
      refetch run.Input from refetch;
      sequence {
        run from on run using run(from = 1, using = 2);
        run run using { retain Input in recompute }
      }
    }
  }
}
";
    clean(text);
    assert_eq!(fuse(text).runs().len(), 2);
}

#[test]
fn one_mistake_is_one_message() {
    for (statements, wanted) in [
        (
            "retain x.Output in GLB\nsequence { run x; run y }",
            "E0101@4: expected `;` before the keyword `sequence`",
        ),
        (
            "retain x.Output, y.Weight in GLB tile y.Q by 1 { }",
            "E0101@4: expected `;` before the keyword `tile`",
        ),
        (
            "recompute x.Output retain y.Weight in GLB;",
            "E0101@4: expected `;` before the keyword `retain`",
        ),
        (
            "sequence { run x on PE run y }",
            "E0101@4: expected `;` before the keyword `run`",
        ),
        (
            "sequence { run x using d\nrun y }",
            "E0101@4: expected `;` before the keyword `run`",
        ),
        (
            "retain x.Output GLB;",
            "E0101@4: expected `,` or `in`, found `GLB`",
        ),
        (
            "retain in GLB;",
            "E0101@4: expected a name, found the keyword `in`",
        ),
        ("retain x.Output in;", "E0101@4: expected a name, found `;`"),
        ("recompute;", "E0101@4: expected a name, found `;`"),
        (
            "recompute x.Output in GLB;",
            "E0101@4: expected `;`, `,` or `}`, found the keyword `in`",
        ),
        (
            "refetch x.Output in DRAM;",
            "E0101@4: expected `,` or `from`, found the keyword `in`",
        ),
        (
            "refetch x.Output;",
            "E0101@4: expected `,` or `from`, found `;`",
        ),
        (
            "tile y.Q 4 { recompute x.Output; }",
            "E0101@4: expected `by`, found `4`",
        ),
        (
            "tile y.Q by { recompute x.Output; }",
            "E0101@4: expected an expression, found `{`",
        ),
        ("tile y.Q by 4;", "E0101@4: expected `{`, found `;`"),
        (
            "sequence { x; run y }",
            "E0101@4: expected `run` or `}`, found `x`",
        ),
        (
            "sequence { Run x; run y }",
            "E0101@4: expected `run` or `}`, found `Run`",
        ),
        (
            "sequence { run x on using d; run y }",
            "E0101@4: expected `;`, `using` or `}`, found `d`",
        ),
        (
            "sequence { run x using 5; run y }",
            "E0101@4: expected a dataflow",
        ),
        (
            "pipeline run x; run y;",
            "E0101@4: expected `{`, found the keyword `run`",
        ),
        (
            "recompue x.Output;",
            "E0101@4: expected a statement of a fused block or `}`, found `recompue`",
        ),
        (
            "TemporalMap(1,1) K;",
            "E0101@4: expected a statement of a fused block or `}`, found the keyword `TemporalMap`",
        ),
        (
            "retain x.Output in GLB@;",
            "E0001@4: unexpected character `@`",
        ),
        ("retain x.Output in 5MX;", "E0005@4: `MX` is not a unit"),
        (
            "run x;",
            "E0101@4: expected a statement of a fused block or `}`, found the keyword `run`",
        ),
    ] {
        expect(&inside(statements), &[wanted]);
    }
    expect(
        "Map n on a { Fuse { } default: d }",
        &["E0101@1: expected a name, found `{`"],
    );
    expect(
        "Map n on a { Fuse x y { } default: d }",
        &["E0101@1: expected `,` or `{`, found `y`"],
    );
    expect(
        "Map n on a { default: d Fuse x { } }",
        &["E0101@1: expected `;` before the keyword `Fuse`"],
    );
    expect(
        "Network n { Fuse x { } Layer a { } }",
        &[
            "E0101@1: expected an expression, `Dataflow`, `Layer`, `Technology` or `}`, found the keyword `Fuse`",
        ],
    );
}

#[test]
fn several_mistakes_are_told_apart() {
    let text = inside(
        "retain x.Output GLB;
recompute y.Weight
retain y.Output in GLB;
sequence { run x on; run y using d }",
    );
    expect(
        &text,
        &[
            "E0101@4: expected `,` or `in`, found `GLB`",
            "E0101@5: expected `;` before the keyword `retain`",
            "E0101@7: expected a name, found `;`",
        ],
    );
    // What is right is kept.
    let node = fuse(&text);
    assert!(node.body.is_damaged());
    let stages = stages(&text).unwrap();
    assert!(stages.is_damaged());
    assert!(matches!(
        stages.entries.as_slice(),
        [StageEntry::Error(_), StageEntry::Run(_)]
    ));
}

#[test]
fn repairs() {
    for statements in [
        "retain x.Output in GLB\nsequence { run x; run y }",
        "recompue x.Output;",
        "sequence { run x on PE run y }",
        "sequence { Run x; run y }",
    ] {
        clean(&fixed(&inside(statements)));
    }
}

#[test]
fn braces_that_are_missing() {
    for gone in [3, 5, 7, 11, 12, 13] {
        let mut lines: Vec<&str> = BLOCK.lines().collect();
        if lines[gone].trim() == "}" {
            lines.remove(gone);
        } else {
            lines[gone] = lines[gone].trim_end_matches(" {");
        }
        let text = lines.join("\n");
        assert_eq!(
            complaints(&text).len(),
            1,
            "{:?} in\n{text}",
            complaints(&text)
        );
    }
    let text = "Map n on a {
  Fuse x, y {
    tile y.P by 1 {
      recompute x.Output;
  Fuse z, w {
    tile w.P by 1 {
      recompute z.Output;
    }
  }
  default: d;
}
";
    expect(
        text,
        &["E0102@3: this block and 1 around it are not closed"],
    );
    clean(&fixed(text));
    let text = "Map n on a {
  Fuse x, y {
    tile y.P by 1 {
      recompute x.Output;
    retain x.Weight in GLB;
  }
}
";
    expect(text, &["E0102@3: this block is not closed"]);
    clean(&fixed(text));
}

#[test]
fn nesting_is_bounded() {
    let nest = |depth: usize| {
        format!(
            "Map n on a {{ Fuse x {{ {} recompute x.Output; {} }} }}",
            "tile x.P by 1 { ".repeat(depth),
            "} ".repeat(depth)
        )
    };
    clean(&nest(62));
    expect(&nest(63), &["E0103@1: this block is nested too deeply"]);
    assert_eq!(complaints(&nest(10_000)).len(), 1);
}
