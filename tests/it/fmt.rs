//! `dflowc fmt`: on every file of the package, on generated programs, and as a command.
//!
//! What must hold everywhere: the same tree up to places, the same comments in the same order, and nothing to
//! change in the result.

mod generate;

use dflowc::base::FileId;
use dflowc::syntax::{self, Parsed};
use proptest::prelude::*;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn parse(text: &str) -> Parsed {
    syntax::parse(FileId::new(0), text)
}

/// The tree without places.
fn tree(parsed: &Parsed) -> String {
    let debug = format!("{:?}", parsed.ast);
    let mut out = String::with_capacity(debug.len() / 2);
    let mut rest = debug.as_str();
    while let Some((before, span)) = rest.split_once("Span {") {
        out.push_str(before);
        rest = span.split_once('}').unwrap().1;
    }
    out + rest
}

/// Comments without blanks at the ends of their lines.
fn comments(text: &str, parsed: &Parsed) -> Vec<String> {
    let lines = |comment: &str| -> Vec<String> {
        comment
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect()
    };
    let spans = parsed.comments.iter();
    spans.flat_map(|span| lines(&text[span.range()])).collect()
}

/// Formats a text without mistakes and checks what must hold of every one.
fn formatted(text: &str, name: &str) -> String {
    let out = dflowc::format::format(text)
        .unwrap_or_else(|mistakes| panic!("{name} is refused: {mistakes:?}\n{text}"));
    let (before, after) = (parse(text), parse(&out));
    assert!(
        !after.has_errors(),
        "{name}: {:?}\n{out}",
        after.diagnostics
    );
    assert_eq!(
        tree(&after),
        tree(&before),
        "{name}: another tree\n{text}\n->\n{out}"
    );
    assert_eq!(
        comments(&out, &after),
        comments(text, &before),
        "{name}: other comments\n{text}\n->\n{out}"
    );
    let again = dflowc::format::format(&out).unwrap();
    assert_eq!(again, out, "{name}: formatted again\n{text}");
    out
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder of the package with one of these endings, in order.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut folders = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if endings
                .iter()
                .any(|ending| path.extension().is_some_and(|own| own == *ending))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_library_and_the_examples_are_formatted() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for folder in ["stdlib", "examples"] {
        for path in files(folder, &["dflow"]) {
            let text = fs::read_to_string(&path).unwrap();
            if formatted(&text, &path.display().to_string()) != text {
                wrong.push(path.display().to_string());
            }
            count += 1;
        }
    }
    assert!(
        wrong.is_empty(),
        "run `dflowc fmt` on\n{}",
        wrong.join("\n")
    );
    assert!(count > 40, "{count} files");
}

#[test]
fn every_text_of_the_tests_keeps_its_meaning() {
    let mut accepted = 0;
    let mut refused = 0;
    let mut check = |text: &str, name: &str| {
        if parse(text).has_errors() {
            assert!(dflowc::format::format(text).is_err(), "{name}");
            refused += 1;
        } else {
            formatted(text, name);
            accepted += 1;
        }
    };
    for path in files("tests", &["dflow"]) {
        let name = path.display().to_string();
        check(&syntax::decode(&fs::read(&path).unwrap()), &name);
    }
    // The manual and the pages of the codes.
    for path in [files("tests", &["md"]), files("src/diag", &["md"])].concat() {
        let name = path.display().to_string();
        for block in fs::read_to_string(&path).unwrap().split("```dflow").skip(1) {
            let block = block.split_once('\n').map_or("", |(_, block)| block);
            check(block.split("```").next().unwrap_or_default(), &name);
        }
    }
    assert!(accepted > 100, "{accepted} accepted");
    assert!(refused > 20, "{refused} refused");
}

/// A layout for people to look at; `DFLOW_BLESS=1` writes it anew.
#[test]
fn golden_layouts() {
    for path in files("tests/golden/fmt", &["dflow"]) {
        let name = path.display().to_string();
        let out = formatted(&fs::read_to_string(&path).unwrap(), &name);
        let wanted = path.with_extension("formatted");
        if std::env::var_os("DFLOW_BLESS").is_some() {
            fs::write(&wanted, &out).unwrap();
        }
        assert_eq!(
            out,
            fs::read_to_string(&wanted).unwrap_or_default(),
            "{name}"
        );
    }
}

/// How many programs are generated; 200,000 take some minutes.
fn cases() -> u32 {
    let wanted = std::env::var("DFLOW_CASES").ok();
    wanted
        .and_then(|wanted| wanted.parse().ok())
        .unwrap_or(2000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_programs_keep_their_meaning(
        program in prop::collection::vec(any::<u32>(), 0..400),
        blanks in prop::collection::vec(any::<u32>(), 0..600),
    ) {
        let text = generate::text(&program, &blanks);
        let parsed = parse(&text);
        prop_assert!(!parsed.has_errors(), "the generator is wrong: {:?}\n{text}", parsed.diagnostics);
        formatted(&text, "generated");
    }

    /// Texts with a hole or a piece of something else in them are refused, or right.
    #[test]
    fn broken_programs_are_refused(
        program in prop::collection::vec(any::<u32>(), 0..200),
        at in any::<prop::sample::Index>(),
        length in 0usize..9,
        piece in prop::sample::select(&["", ";", ",", "{", "}", "(", ")", "-", "x", "4", "//", "/*", "\n", " "][..]),
    ) {
        let mut text = generate::text(&program, &[]);
        let lo = at.index(text.len() + 1);
        let hi = (lo + length).min(text.len());
        // The generator writes ASCII.
        text.replace_range(lo..hi, piece);
        if parse(&text).has_errors() {
            prop_assert!(dflowc::format::format(&text).is_err());
        } else {
            formatted(&text, "damaged");
        }
    }
}

/// A mebibyte of anything is laid out within seconds, in an unoptimised build on a busy machine.
#[test]
fn time_is_linear() {
    let start = std::time::Instant::now();
    let repeat = |piece: &str| piece.repeat((syntax::MAX_SOURCE_BYTES - 100) / piece.len());
    for text in [
        format!(
            "Network n {{ {} }}",
            repeat("Layer a { Type: CONV; Dimensions { N: 1, K: 64 } } ")
        ),
        format!(
            "Network n {{ {} }}",
            repeat("Layer a { Type:  CONV;  K:  1 }  // c\n")
        ),
        format!("const A = [{}];", repeat("1,")),
        format!("const A = {} 1;", repeat("/**/")),
        format!("const A = 1 {};", repeat("//\n")),
        format!("Network n {{ {} }}", repeat("/**/  ")),
        format!("Network n {{ {} }}", repeat("A;  B;  ")),
        format!(
            "Technology t {{ {} }}",
            repeat("A;  B;  A;  B;  A;  B;  A;  B;\n")
        ),
        repeat("/**/"),
        repeat("//\n"),
        repeat(";"),
    ] {
        assert!(dflowc::format::format(&text).is_ok(), "{}", &text[..60]);
    }
    assert!(start.elapsed().as_secs() < 60, "took {:?}", start.elapsed());
}

// The command ----------------------------------------------------------------------------------------

fn dflowc(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dflowc"))
        .arg("fmt")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that reads no input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A file of this test alone.
fn scratch(name: &str, content: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fmt");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, content).unwrap();
    path.to_string_lossy().into_owned()
}

const MESS: &str = "const A=1 ;  // one\nconst B =A;\n";
const NEAT: &str = "const A = 1;   // one\nconst B = A;\n";

#[test]
fn files_are_rewritten() {
    let mess = scratch("mess.dflow", MESS);
    let neat = scratch("neat.dflow", NEAT);
    let output = dflowc(&[&mess, &neat], "");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
    assert_eq!(fs::read_to_string(&mess).unwrap(), NEAT);
    assert_eq!(fs::read_to_string(&neat).unwrap(), NEAT);
}

#[test]
fn a_folder_stands_for_its_files() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fmt_folder");
    fs::create_dir_all(folder.join("inner/.hidden")).unwrap();
    let files = [
        "a.dflow",
        "inner/b.dflow",
        "inner/note.txt",
        "inner/.hidden/c.dflow",
    ];
    for name in files {
        fs::write(folder.join(name), MESS).unwrap();
    }
    let output = dflowc(&[&folder.to_string_lossy()], "");
    assert_eq!(output.status.code(), Some(0));
    let now = files.map(|name| fs::read_to_string(folder.join(name)).unwrap());
    assert_eq!(now, [NEAT, NEAT, MESS, MESS]);
}

#[test]
fn check_shows_and_changes_nothing() {
    let mess = scratch("check_mess.dflow", MESS);
    let neat = scratch("check_neat.dflow", NEAT);
    let output = dflowc(&["--check", &mess, &neat], "");
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(shown.contains(&format!("--- {mess}\n")), "{shown}");
    assert!(
        shown.contains("-const B =A;\n") && shown.contains("+const B = A;\n"),
        "{shown}"
    );
    assert!(!shown.contains(&neat), "{shown}");
    assert_eq!(fs::read_to_string(&mess).unwrap(), MESS);
    let output = dflowc(&["--check", &neat], "");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty());
    let output = dflowc(&["--check", "--message-format", "json", &mess], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).ends_with("\"formatted\":false}\n"));
}

#[test]
fn standard_input_to_standard_output() {
    for arguments in [&["-"][..], &["--stdin"]] {
        let output = dflowc(arguments, MESS);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(text(&output.stdout), NEAT);
    }
    assert_eq!(dflowc(&["-", "--check"], MESS).status.code(), Some(1));
    assert_eq!(dflowc(&["-", "--check"], NEAT).status.code(), Some(0));
}

#[test]
fn mistakes_leave_the_file_alone_and_the_others_are_formatted() {
    let broken = scratch("broken.dflow", "const A = ;\n");
    let mess = scratch("beside_broken.dflow", MESS);
    let output = dflowc(&[&broken, &mess], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("E01"));
    assert_eq!(fs::read_to_string(&broken).unwrap(), "const A = ;\n");
    assert_eq!(fs::read_to_string(&mess).unwrap(), NEAT);
    let output = dflowc(&["-"], "const A = ;\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
}

#[test]
fn bytes_that_are_no_text_are_not_replaced() {
    let path = scratch("latin1.dflow", "");
    fs::write(&path, b"const A=1; // \xb5\n").unwrap();
    assert_eq!(dflowc(&[&path], "").status.code(), Some(1));
    assert_eq!(fs::read(&path).unwrap(), b"const A=1; // \xb5\n");
}

#[test]
fn unreadable_files_and_wrong_usage_are_two() {
    let mess = scratch("beside_unreadable.dflow", MESS);
    let output = dflowc(&["no/such/file.dflow", &mess], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no/such/file.dflow"));
    assert_eq!(fs::read_to_string(&mess).unwrap(), NEAT);
    for arguments in [&[][..], &["-", "a.dflow"], &["--stdin", "a.dflow"]] {
        assert_eq!(
            dflowc(arguments, "").status.code(),
            Some(2),
            "{arguments:?}"
        );
    }
}
