use super::*;

#[track_caller]
fn expect(text: &str, wanted: &[&str]) {
    assert_eq!(complaints(text), wanted, "in\n{text}");
}

#[test]
fn six_mistakes_six_messages() {
    expect(
        "use std.networks.vgg16
const T = ;
Network n {
  Layer a {
    Type CONV;
    Dimensions { N: 1, K: 64, C: 3 }
    Dataflow {
      tile K 64;
      TemporalMap(1,1) C
      tile P by 1;
    }
  }
}
Map n n {
}
",
        &[
            "E0101@1: expected `;` before the keyword `const`",
            "E0101@2: expected an expression, found `;`",
            "E0101@5: expected `:` between key and value",
            "E0101@8: expected `by`, found `64`",
            "E0101@9: expected `;` before the keyword `tile`",
            "E0101@14: expected `on`, found `n`",
        ],
    );
}

#[test]
fn mistakes_in_one_list() {
    expect(
        "Network n { Layer a { Dimensions { N 1, K: , C: 3 3, 5: 4, Y: 224 } Type: = ; } }",
        &[
            "E0101@1: expected `:` between key and value",
            "E0101@1: expected an expression, found `,`",
            "E0101@1: expected `;`, `,` or `}`, found `3`",
            "E0101@1: expected `;`, `,` or `}`, found `:`",
            "E0101@1: expected an expression, found `=`",
        ],
    );
}

#[test]
fn a_missing_brace_points_at_the_open_one() {
    let text = "Network n {
  Layer a {
    Type: CONV;
    Dimensions { N: 1, K: 4 }
  Layer b { Type: CONV }
}
Accelerator e { PE { NumPEs: 4 } }
";
    expect(text, &["E0102@2: this block is not closed"]);
    let repaired = fixed(text);
    assert!(
        repaired.contains("Dimensions { N: 1, K: 4 } }\n  Layer b"),
        "{repaired}"
    );
    clean(&repaired);

    let text = "Network n {\n  Layer a {\n    Type: CONV;\n  }\nMap n on e { default: d }\n";
    expect(text, &["E0102@1: this block is not closed"]);
    clean(&fixed(text));

    let text = "Network n { Layer a { Type: CONV";
    expect(
        text,
        &["E0102@1: this block and 1 around it are not closed"],
    );
    clean(&fixed(text));

    let text = "Network n {\n  Layer a {\n    Dimensions { N: 1\n    Type: CONV;\n  }\n}\n";
    expect(text, &["E0102@3: this block is not closed"]);
    clean(&fixed(text));
}

#[test]
fn a_brace_too_many() {
    let text = "Network n { Layer a { Type: CONV } } }\nconst A = 1;";
    expect(text, &["E0102@1: this brace closes nothing"]);
    clean(&fixed(text));
}

// No block is opened inside of a string, with or without an end.
#[test]
fn a_string_opens_no_block() {
    expect(
        "use \"C:\\nets\n  Memory DRAM { }\n  Memory GLB { }\n}\n",
        &[
            "E0004@1: this string has no end",
            "E0102@4: this brace closes nothing",
        ],
    );
    expect(
        "use \"nets.dflow\"\n  Memory DRAM { }\n  Memory GLB { }\n}\n",
        &[
            "E0101@2: expected `;`, found `Memory`",
            "E0102@4: this brace closes nothing",
        ],
    );
}

// The nearest word is said, and put in only where the statement goes on as one with that word does.
#[test]
fn a_word_is_put_in_where_it_fits() {
    let edits = |text: &str| {
        let parsed = parse(FileId::new(0), text);
        let edits = parsed.diagnostics.iter().filter_map(|one| one.fix.clone());
        edits.map(|fix| fix.replacement).collect::<Vec<_>>()
    };
    assert_eq!(edits("Dataflow d { TemporlMap(1,1) K; }"), ["TemporalMap"]);
    assert_eq!(edits("Dataflow d { sprad K by 1 over PE; }"), ["spread"]);
    assert!(edits("Dataflow d { TemporlMap 1,1) K; }").is_empty());
}

#[test]
fn fixes_repair() {
    for text in [
        "const A = 1",
        "const A = 1\nconst B = 2;",
        "Network n { Layer a { Type: CONV\n Groups: 2 } }",
        "Network n { Layer a { Dimensions { N: 1 K: 2 } } }",
        "Network n { Layer a { Dimensions { N: 1, K 2 } } }",
        "Netwrok n { Layer a { Type: CONV } }",
        "Network { Layer a { Type: CONV } }",
        "Network n { Layer { Type: CONV } }",
        "Dataflow d { Cluster(3, X); }",
        "const A = 64Kbit;",
        "const A = 2\u{b5}m;",
        "const A\u{a0}= 1;",
        "use \"a.dflow;",
        "const A = 1; /* no end",
    ] {
        clean(&fixed(text));
    }
}

#[test]
fn lexical_mistakes_do_not_cascade() {
    expect(
        "const A = 6 \u{a7}\u{a7}\u{a7};",
        &["E0001@1: unexpected character `\u{a7}\u{a7}\u{a7}`"],
    );
    expect(
        "Network n { Layer a { Dimensions { K @ 64 } } }",
        &["E0001@1: unexpected character `@`"],
    );
    expect(
        "Dataflow d { tile K @ 4; tile C by; }",
        &[
            "E0001@1: unexpected character `@`",
            "E0101@1: expected an expression, found `;`",
        ],
    );
    expect("const A = 64KB;", &["E0005@1: `KB` is not a unit"]);
    expect(
        "const A = 99999999999999999999999999999999999999999999;",
        &["E0005@1: number too large"],
    );
    expect(
        "Network n { Layer 3x3 { Type: CONV } }",
        &["E0005@1: a name does not begin with a digit"],
    );
    expect("use \"x\\q\";", &["E0004@1: unknown escape in a string"]);
    expect(
        "Network n { /* \n Layer a { Type: CONV } }",
        &["E0003@1: this comment has no end"],
    );
    let text = super::super::decode(b"const A = \xff\xfe 1; // \xc3");
    expect(
        &text,
        &[
            "E0002@1: the file is not valid UTF-8",
            "E0002@1: the file is not valid UTF-8",
        ],
    );
}

#[test]
fn words_that_are_no_names() {
    expect(
        "Network tile { }",
        &["E0101@1: expected `{` or a name, found the keyword `tile`"],
    );
}

#[test]
fn things_in_the_wrong_place() {
    expect(
        "Accelerator a { Layer x { } Dataflow { } Compute: A[i] = 1; Clock: B[i] += 1; 5; a.b: 3 }",
        &[
            "E0101@1: a layer can only stand in a network",
            "E0101@1: a dataflow can only stand in a layer",
            "E0101@1: an equation can only stand in a layer",
            "E0101@1: `Clock` takes a value, not an equation",
            "E0101@1: a value without a key",
            "E0101@1: a key is a single name",
        ],
    );
    expect(
        "Map n on a { default: 5; x: [d]; }",
        &[
            "E0101@1: expected a dataflow",
            "E0101@1: expected a dataflow",
        ],
    );
    expect(
        "some words; and more { } const A = 1;",
        &["E0101@1: expected an item, found `some`"],
    );
}

#[test]
fn nesting_is_bounded() {
    let deep = |open: &str, inner: &str, close: &str, n: usize| {
        format!("{}{inner}{}", open.repeat(n), close.repeat(n))
    };
    let parentheses = format!("const A = {};", deep("(", "1", ")", 200));
    clean(&parentheses);
    expect(
        &format!("const A = {};", deep("-(", "1", ")", 400)),
        &["E0103@1: this expression is nested too deeply"],
    );
    // 256 operations on top of each other are the most, as the page of E0103 says; numbers are none.
    for (operation, closed) in [("-", ""), ("f(", ")"), ("1 + (", ")")] {
        let high = |n: usize| format!("const A = {};", deep(operation, "1", closed, n));
        clean(&high(256));
        expect(
            &high(257),
            &["E0103@1: this expression is nested too deeply"],
        );
    }
    let sum = |n: usize| format!("const A = 1{};", " + 1".repeat(n));
    clean(&sum(256));
    expect(
        &sum(257),
        &["E0103@1: this expression is nested too deeply"],
    );
    expect(
        &format!("const A = 1{};", " + 1".repeat(5_000)),
        &["E0103@1: this expression is nested too deeply"],
    );
    expect(
        &format!("Accelerator a {{ {} }}", deep("B { ", "x: 1", "}", 5_000)),
        &["E0103@1: this block is nested too deeply"],
    );
    expect(
        &format!("const A = {};", deep("(", "1", ")", 5_000)),
        &["E0103@1: this expression is nested too deeply"],
    );
    assert!(!complaints(&"(".repeat(100_000)).is_empty());
    assert!(!complaints(&format!("const A = {}", "(".repeat(100_000))).is_empty());
    assert!(!complaints(&"{".repeat(100_000)).is_empty());
    assert!(!complaints(&"Network a {".repeat(10_000)).is_empty());
}

/// Any one token taken out of a good file is about one message, wherever it was.
#[test]
fn one_mistake_is_about_one_message() {
    let text = super::robust::GOOD;
    let lexed = crate::syntax::lexer::lex(FileId::new(0), text);
    let mut total = 0;
    for lexeme in &lexed.lexemes {
        let mut broken = text.to_owned();
        broken.replace_range(lexeme.lo as usize..lexeme.hi as usize, " ");
        let count = complaints(&broken).len();
        assert!(count <= 4, "{:?}\n{broken}", complaints(&broken));
        total += count;
    }
    assert!(total * 10 <= lexed.lexemes.len() * 12, "{total} messages");
}
