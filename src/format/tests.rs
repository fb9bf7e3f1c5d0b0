//! What the layout looks like, and that it is only a layout.

use super::*;
use crate::syntax::lexer;

/// The tree without places.
fn tree(text: &str) -> String {
    let parsed = syntax::parse(FileId::new(0), text);
    assert!(!parsed.has_errors(), "{:?} in\n{text}", parsed.diagnostics);
    let debug = format!("{:?}", parsed.ast);
    let mut out = String::with_capacity(debug.len() / 2);
    let mut rest = debug.as_str();
    while let Some(at) = rest.find("Span {") {
        out.push_str(&rest[..at]);
        let end = rest[at..].find('}').unwrap();
        rest = &rest[at + end + 1..];
    }
    out + rest
}

/// Comments, without blanks at the ends of their lines.
fn comments(text: &str) -> Vec<String> {
    let lexed = lexer::lex(FileId::new(0), text);
    let clean = |comment: &str| {
        comment
            .lines()
            .map(str::trim_end)
            .collect::<Vec<_>>()
            .join("\n")
    };
    lexed
        .comments
        .iter()
        .map(|span| clean(&text[span.range()]))
        .collect()
}

/// The layout of a text that parses, after every check that holds for all of them.
fn laid_out(text: &str) -> String {
    let out = format(text).unwrap_or_else(|wrong| panic!("{wrong:?} in\n{text}"));
    assert_eq!(tree(&out), tree(text), "another tree:\n{text}\n->\n{out}");
    assert_eq!(
        comments(&out),
        comments(text),
        "other comments:\n{text}\n->\n{out}"
    );
    let again = format(&out).unwrap();
    assert_eq!(
        again, out,
        "formatted again:\n{text}\n->\n{out}\n->\n{again}"
    );
    assert!(out.is_empty() || out.ends_with('\n') && !out.ends_with("\n\n"));
    out
}

#[track_caller]
fn expect(text: &str, wanted: &str) {
    let out = laid_out(text);
    assert_eq!(out, wanted, "\n{out}");
}

#[track_caller]
fn stays(text: &str) {
    expect(text, text);
}

#[test]
fn a_mess_becomes_lines() {
    expect(
        "const   T=4 ;const U = -T+ 2*( 3 -1);use std.x . {a,b as  c,} ;;Constant V -4;
Network n{Layer a{Type:CONV;Dimensions {N:1,
K : 4 }Inputs:external// the image
} Layer b { Type: FC; Dataflow : d ( t=2 , - 1 ) } }
Map n on e { default: d; a, b: f }",
        "const T = 4;
const U = -T + 2 * (3 - 1);
use std.x.{a, b as c};
Constant V -4;
Network n {
  Layer a {
    Type: CONV; Dimensions { N: 1, K: 4 } Inputs: external; // the image
  }
  Layer b { Type: FC; Dataflow: d(t = 2, -1) }
}
Map n on e { default: d; a, b: f }
",
    );
}

#[test]
fn what_was_on_one_line_and_does_not_fit_gets_a_line_each() {
    expect(
        "Network m { Layer a { Type: CONV; Dimensions { N: 1, K: 64, C: 3, Y: 224, X: 224, R: 3, S: 3 } \
         Stride { Y: 2, X: 2 } Padding { Y: (0 , 1), X: (0,1) } Inputs: external } }",
        "Network m {
  Layer a {
    Type: CONV;
    Dimensions { N: 1, K: 64, C: 3, Y: 224, X: 224, R: 3, S: 3 }
    Stride { Y: 2, X: 2 }
    Padding { Y: (0,1), X: (0,1) }
    Inputs: external;
  }
}
",
    );
}

#[test]
fn lines_of_the_author_stay() {
    stays(
        "Dataflow d {
  TemporalMap(1,1) N; TemporalMap(1,1) G;
  TemporalMap(min(c, Sz(C)), min(c, Sz(C))) C;

  Cluster(3, P);
  at GLB { tile K by 64; tile C by 8; }
}
",
    );
    stays("Dataflow none { }\n");
}

#[test]
fn short_lists_of_a_layer_are_joined_and_long_ones_filled() {
    let rank = |letter: &str| letter.repeat(28);
    let (a, b, c, d) = (rank("A"), rank("B"), rank("C"), rank("D"));
    expect(
        &format!(
            "Network n {{\n  Layer a {{\n    Ranks {{\n {a}: 1,\n {b}: 2,\n {c}: 3,\n {d}: 4 }}\n    Stride {{\n Y: 2\n }}\n  }}\n}}"
        ),
        &format!(
            "Network n {{
  Layer a {{
    Ranks {{
      {a}: 1, {b}: 2, {c}: 3,
      {d}: 4,
    }}
    Stride {{ Y: 2 }}
  }}
}}
"
        ),
    );
}

#[test]
fn long_lists_are_wrapped_behind_commas() {
    let name = |letter: &str| letter.repeat(30);
    let (a, b, c, d) = (name("a"), name("b"), name("c"), name("d"));
    expect(
        &format!("Network n {{\n  Layer x {{\n Inputs: {a},{b},{c},{d};\n  }}\n}}"),
        &format!(
            "Network n {{
  Layer x {{
    Inputs: {a}, {b}, {c},
        {d};
  }}
}}
"
        ),
    );
    expect(
        &format!("const A = min({a}, {b}) + {c} * {d};"),
        &format!("const A = min({a}, {b})\n    + {c} * {d};\n"),
    );
}

#[test]
fn columns_of_the_author_are_lined_up() {
    expect(
        "Accelerator e {
  Memory DRAM { Bandwidth: 1GB/s }
  Memory  RF { Size: 520B }
  // not in the way
  Array  PE {
    Shape: [12, 14];
  }

  Compute MAC { Lanes: 1 }
}
Technology t {
  read(RF, 16b): 1pJ;    write(RF, 16b): 1pJ;  // measured
  read(DRAM, 16b): 200pJ; write(DRAM, 16b): 200pJ; // not
  hop(16b): 2pJ;  // alone
}
",
        "Accelerator e {
  Memory DRAM { Bandwidth: 1GB/s }
  Memory RF { Size: 520B }
  // not in the way
  Array  PE {
    Shape: [12, 14];
  }

  Compute MAC { Lanes: 1 }
}
Technology t {
  read(RF, 16b): 1pJ;      write(RF, 16b): 1pJ;       // measured
  read(DRAM, 16b): 200pJ;  write(DRAM, 16b): 200pJ;   // not
  hop(16b): 2pJ;                                      // alone
}
",
    );
    expect(
        "Accelerator {\n  PE { NumPEs: 4 }\n  Buffer   { L1: 4 }\n  NoC { Bandwidth: 64 }\n}\n",
        "Accelerator {\n  PE     { NumPEs: 4 }\n  Buffer { L1: 4 }\n  NoC    { Bandwidth: 64 }\n}\n",
    );
}

#[test]
fn fused_groups() {
    expect(
        "Map k on e { Fuse q,r , s { retain q.Weight,r.Weight in GLB ;
tile s.P by 2*T { recompute r . Input; refetch q.Output from DRAM;
pipeline{run q on PE using d(c=3);run r using {tile K by 1} run s} } }
default POOL,ADD: streaming; }",
        "Map k on e {
  Fuse q, r, s {
    retain q.Weight, r.Weight in GLB;
    tile s.P by 2 * T {
      recompute r.Input; refetch q.Output from DRAM;
      pipeline { run q on PE using d(c = 3); run r using { tile K by 1 } run s }
    }
  }
  default POOL, ADD: streaming;
}
",
    );
}

#[test]
fn comments_stay_where_they_were() {
    expect(
        "/* a
   b  */ Network k { // k
// own


  // second
  Layer q { Inputs: a /* x */, b // y
  , c; Compute: S[b, m,n] += Q [b,m , e]*K[b,n,2*e+ 1]; /* z */ }
  Layer s // tail
  { Type: FC /* t */ ; }
  Layer r /* why */ { /* in */ Type: FC; }
  // last
}
// end",
        "/* a
   b  */
Network k { // k
  // own

  // second
  Layer q {
    Inputs: a /* x */, b, // y
        c;
    Compute: S[b,m,n] += Q[b,m,e] * K[b, n, 2 * e + 1]; /* z */
  }
  Layer s { // tail
    Type: FC; /* t */
  }
  Layer r /* why */ { /* in */ Type: FC; }
  // last
}
// end
",
    );
    expect("// only", "// only\n");
    expect(" \n\n", "");
}

#[test]
fn numbers_and_line_ends_stay_as_they_were() {
    expect(
        "const A=1_000 ;\r\nconst B=25.6 GB/s;// c \r\n",
        "const A = 1_000;\r\nconst B = 25.6 GB/s; // c\r\n",
    );
}

#[test]
fn a_unit_before_a_brace_is_no_name() {
    expect(
        "Map n on e { Fuse a { tile a.P by 2 B // c\n { } } }",
        "Map n on e {\n  Fuse a {\n    tile a.P by 2B { // c\n    }\n  }\n}\n",
    );
}

#[test]
fn a_size_that_gives_way_is_no_call() {
    expect(
        "Dataflow d { TemporalMap(upto 4,upto(a+b)) K; tile K by upto (2*a) }",
        "Dataflow d { TemporalMap(upto 4, upto (a + b)) K; tile K by upto (2 * a) }\n",
    );
}

#[test]
fn signs_that_say_nothing_go() {
    expect(
        "Network n { ;; Layer a { Type: CONV;; (Flag); Holds: A, B,,; C,; Op: max,; }; };",
        "Network n {\n  Layer a { Type: CONV; (Flag); Holds: A, B, C; Op: max; }\n}\n",
    );
}

#[test]
fn mistakes_are_given_back() {
    for text in [
        "Network n {",
        "const A = ;",
        "/* c",
        "const A = 4 @;",
        "\u{fffd}",
    ] {
        let mistakes = format(text).unwrap_err();
        assert!(mistakes.iter().any(Diagnostic::is_error), "{text}");
    }
}
