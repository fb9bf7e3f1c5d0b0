//! No text may break the front end, and none may take long.

use proptest::prelude::*;

use super::*;
use crate::syntax::MAX_SOURCE_BYTES;

const PIECES: &[&str] = &[
    "use",
    "as",
    "const",
    "on",
    "default",
    "at",
    "tile",
    "spread",
    "by",
    "over",
    "retain",
    "bypass",
    "in",
    "Constant",
    "Technology",
    "Accelerator",
    "Network",
    "Layer",
    "Dataflow",
    "Map",
    "Search",
    "Explore",
    "Fuse",
    "TemporalMap",
    "SpatialMap",
    "Cluster",
    "recompute",
    "refetch",
    "from",
    "pipeline",
    "sequence",
    "run",
    "using",
    "Map n on e { Fuse a, b {",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    ":",
    ".",
    "+=",
    "=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "K",
    "Y'",
    "conv1",
    "Compute",
    "Type",
    "64",
    "0.96pJ",
    "64KiB",
    "64 B/cycle",
    "3x",
    "1e99",
    "\"s\"",
    "\"s",
    "@",
    "\u{b5}",
    "\u{fffd}",
    "// c\n",
    "/* c */",
    "/*",
    "\n",
    "\n  ",
    "\u{feff}",
];

fn check(text: &str) {
    let parsed = read(text);
    for diagnostic in &parsed.diagnostics {
        for label in &diagnostic.labels {
            assert!(
                text.get(label.span.range()).is_some(),
                "label outside the text or inside a character"
            );
        }
        if let Some(fix) = &diagnostic.fix {
            assert!(
                text.get(fix.span.range()).is_some(),
                "fix outside the text or inside a character"
            );
        }
    }
    if !parsed.has_errors() {
        clean(text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn token_soup(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        check(&pieces.join(" "));
    }

    #[test]
    fn any_text(text in "\\PC{0,80}") {
        check(&text);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        check(&crate::syntax::decode(&bytes));
    }

    /// A good file with one piece taken out or put in at a random place.
    #[test]
    fn nearly_right(at in any::<prop::sample::Index>(), remove in 0usize..12, piece in prop::sample::select(PIECES)) {
        let mut text = GOOD.to_owned();
        let at = at.index(text.len());
        let end = (at + remove).min(text.len());
        text.replace_range(at..end, piece);
        check(&text);
    }

    #[test]
    fn printed_expressions_mean_the_same(text in expression()) {
        let printed = clean(&format!("const A = {text};"));
        // Equal up to blanks and redundant parentheses: fully parenthesised forms are the same.
        prop_assert_eq!(shape(&printed), shape(&format!("const A = {text};")));
    }
}

pub const GOOD: &str = "use std.dataflows.{nvdla, rs as r};
Network n {
  Layer a {
    Type: CONV; Dimensions { N: 1, K: 64 } Stride { Y: 2 }
    Inputs: x, y;
    Compute: O[p] += I[2*p + r - 1] * W[r];
    Dataflow { TemporalMap(1,1) N; Cluster(3, P); at DRAM { tile K by Sz(K) / 2 } spread K by 4 over PE[0]; retain I in RF }
  }
}
Accelerator e { Memory GLB { Size: 108kB; DoubleBuffered; Holds: Input, Output } }
Map n on e {
  default: nvdla(c = 3); a: { tile K by 1 }
  Fuse a, b {
    retain a.Weight, b.Weight in GLB; refetch a.Output from DRAM;
    tile b.P by 2 * T {
      recompute b.Input;
      pipeline { run a on PE using nvdla(c = 3); run b on Q using { tile K by 1 } run c }
    }
  }
}
";

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("a".to_owned()),
        Just("2".to_owned()),
        Just("64KiB".to_owned()),
        Just("std.x".to_owned())
    ];
    leaf.prop_recursive(6, 40, 3, |inner| {
        prop_oneof![
            (
                inner.clone(),
                prop::sample::select(&["+", "-", "*", "/", "%"][..]),
                inner.clone()
            )
                .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.clone().prop_map(|a| format!("-{a}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("min({a}, {b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("[{a}, ({a}, {b})]")),
        ]
    })
}

/// The tree of the value of the first constant, as nested lists without spans.
fn shape(text: &str) -> String {
    use crate::syntax::ast::{Expr, ExprKind, Item};
    fn walk(expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Negate(inner) => format!("(neg {})", walk(inner)),
            ExprKind::Binary { op, left, right } => {
                format!("({} {} {})", op.value.sign(), walk(left), walk(right))
            }
            ExprKind::Call { arguments, .. } => {
                let inner: Vec<String> = arguments.iter().map(|a| walk(&a.value)).collect();
                format!("(call {})", inner.join(" "))
            }
            ExprKind::List(items) | ExprKind::Tuple(items) => {
                let inner: Vec<String> = items.iter().map(walk).collect();
                format!("(list {})", inner.join(" "))
            }
            _ => print::print_expr(expr),
        }
    }
    let parsed = read(text);
    let Some(Item::Const(node)) = parsed.ast.items.first() else {
        panic!("{text}")
    };
    walk(&node.value)
}

#[test]
fn long_lines_and_long_literals() {
    check(&format!("const A = {};", "9".repeat(100_000)));
    check(&format!("use \"{}\";", "\\n".repeat(100_000)));
    check(&format!("/* {} */", "\u{b5}".repeat(100_000)));
    check(&format!("// {}", "\u{b5}".repeat(100_000)));
    check(&"\u{b5}".repeat(100_000));
    check(&"a'".repeat(100_000));
}

/// A million of anything is read or refused within seconds, in an unoptimised build on a busy machine.
#[test]
fn time_is_linear() {
    let start = std::time::Instant::now();
    let repeat = |piece: &str| piece.repeat((MAX_SOURCE_BYTES - 100) / piece.len());
    for text in [
        format!(
            "Network n {{ {} }}",
            repeat("Layer a { Type: CONV; Dimensions { N: 1, K: 64 } } ")
        ),
        format!("Network n {{ {} }}", repeat("Layer a { Type CONV; K: } ")),
        repeat("const A = 1\n"),
        repeat("{"),
        repeat("} "),
        repeat("junk "),
        format!("const A = [{}];", repeat("1,")),
        format!("const A = {};", repeat("-")),
        format!("Network n {{\n{} }}", repeat("{ \n")),
        format!(
            "Map n on a {{ {} }}",
            repeat("Fuse a { tile a.P by 1 { run a } retain a.Output GLB } ")
        ),
        format!(
            "Map n on a {{ Fuse a {{ {} }} }}",
            repeat("recompute a b; ")
        ),
        format!("Map n on a {{ Fuse a {}", repeat("{ tile a.P by 1 ")),
    ] {
        let _ = read(&text);
    }
    assert!(start.elapsed().as_secs() < 60, "took {:?}", start.elapsed());
    assert_eq!(complaints(&" ".repeat(MAX_SOURCE_BYTES + 1)).len(), 1);
}
