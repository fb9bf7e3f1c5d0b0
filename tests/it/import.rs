//! Files of the MAESTRO tool: read, evaluated, written in dflow, and mutilated.
//!
//! The small files of `tests/maestro` are our own. With `DFLOW_MAESTRO_FILES=FOLDER` the published ones of a folder are
//! looked at too, and with `DFLOW_MAESTRO_MUTATIONS=N` so many mutations are tried instead of a few hundred.

use crate::pieces::pieces;
use dflowc::base::FileId;
use dflowc::diag::{Code, Diagnostics, Mistake};
use dflowc::driver::{Compiled, MemoryFiles, Session};
use dflowc::evaluate::{self, Cache, Request, Selection, Until};
use dflowc::format;
use dflowc::lower::Options;
use dflowc::models;
use dflowc::report::{LayerReport, Report, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const SEPARATORS: &str = include_str!("../maestro/separators.m");
const STRIDES: &str = include_str!("../maestro/strides.m");
const TYPES: &str = include_str!("../maestro/types.m");
const HARDWARE: &str = include_str!("../maestro/hardware.m");

fn session(text: &str) -> Session<MemoryFiles> {
    let files = MemoryFiles::new();
    Session::new(files.with("a.m", text).with("hw.m", HARDWARE))
}

/// What `eval` says: messages and figures.
fn evaluated(mut compiled: Compiled) -> (Compiled, Diagnostics, Report) {
    let mut sink = std::mem::take(&mut compiled.diagnostics);
    let request = Request {
        selection: &Selection::all(&compiled),
        models: &[models::DEFAULT],
        until: Until::Evaluated,
        options: Options::default(),
        warnings: false,
    };
    let evaluations = evaluate::run(&compiled, &request, &mut Cache::default(), &mut sink);
    (compiled, sink, Report::new("a", evaluations))
}

fn layers(report: &Report) -> Vec<&LayerReport> {
    let all = report.evaluations.iter();
    all.flat_map(|evaluation| &evaluation.layers).collect()
}

fn codes(sink: &Diagnostics) -> Vec<Code> {
    sink.iter().map(|one| one.code).collect()
}

/// The text in dflow, laid out.
fn written(text: &str, hardware: Option<&str>) -> String {
    let (_, written) = session(text).import("a.m", hardware);
    format::format(&written.unwrap()).unwrap()
}

/// The imported text gives the same figures, under the same names, as the file itself.
fn comes_back(text: &str, hardware: Option<&str>) {
    let (_, sink, direct) = evaluated(session(text).load_on("a.m", &[], hardware));
    let written = written(text, hardware);
    let files = MemoryFiles::new().with("a.dflow", &written);
    let (_, own, again) = evaluated(Session::new(files).load("a.dflow"));
    assert_eq!(json::write(&direct).unwrap(), json::write(&again).unwrap());
    let errors = |sink: &Diagnostics| {
        let errors = sink.iter().filter(|one| one.is_error());
        let mut codes: Vec<Code> = errors.map(|one| one.code).collect();
        codes.sort();
        codes.dedup();
        codes
    };
    assert_eq!(errors(&sink), errors(&own));
}

#[test]
fn separators_and_names() {
    let (_, sink, report) = evaluated(session(SEPARATORS).load("a.m"));
    assert_eq!(codes(&sink), [Code::W0602]);
    assert_eq!(report.evaluations[0].network, "sep_a_1");
    let layers = layers(&report);
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["res_2a_conv", "_3x3", "tile_"]);
    for layer in &layers {
        // 8 x 8 outputs of 3 x 3 kernels on 8 x 6 channels; the last layer has the list of the one before.
        assert_eq!(layer.macs, 8 * 6 * 8 * 8 * 9);
        assert_eq!(layer.cycles, layers[0].cycles);
    }
}

#[test]
fn written_in_dflow() {
    let text = written(SEPARATORS, Some("hw.m"));
    assert_eq!(text, include_str!("../maestro/separators.dflow"));
}

#[test]
fn strides_and_clipped_windows() {
    let (_, sink, report) = evaluated(session(STRIDES).load("a.m"));
    // The windows of 10 columns have 4 outputs at stride 2: the tool counts 7 of each (9 - 3 + 1).
    assert_eq!(codes(&sink), [Code::W0602, Code::W0601]);
    let layers = layers(&report);
    let macs: Vec<u64> = layers.iter().map(|layer| layer.macs).collect();
    assert_eq!(macs, [8 * 3 * 36 * 9, 16 * 32 * 36 * 9, 4 * 4 * 5 * 11 * 9]);
    // No step is empty: 8 of K over 64 clusters of 4, 6 x 6 windows, 9 products a PE.
    assert_eq!(layers[0].cycles, 6 * 6 * 9);
    let text = written(STRIDES, None);
    for part in [
        "TemporalMap(upto 16, upto 16) C;",
        "TemporalMap(Sz(R), Stride(Y)) Y;",
        "TemporalMap(9,8) X;",
        "SpatialMap(1,1) Y';",
        "first, second: kc_partitioned;",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn layer_types() {
    let (_, sink, report) = evaluated(session(TYPES).load("a.m"));
    let found: Vec<String> = sink.iter().map(|one| one.message.clone()).collect();
    // 4 * 4 * 2 * 2 kernels on 4 x 4 positions inside the input; an upsampled output has all 5 x 5 of them.
    let transposed = "the public tool prints 1,024 MACs for layer `up`, which has 1,600";
    assert_eq!(found, [transposed]);
    let macs: Vec<u64> = layers(&report).iter().map(|layer| layer.macs).collect();
    assert_eq!(
        macs,
        [
            16 * 9 * 100,
            4 * 4 * 4 * 9 * 36,
            10 * 12 * 20,
            10 * 32,
            10 * 8 * 16,
            0,
            4 * 4 * 4 * 25,
            4 * 4 * (6 + 4),
        ]
    );
    assert_eq!(report.evaluations[0].accelerator, "hw");
}

#[test]
fn imported_files_give_the_same_report() {
    for text in [SEPARATORS, STRIDES] {
        comes_back(text, None);
        comes_back(text, Some("hw.m"));
    }
    comes_back(TYPES, None);
    // Without any list: mapped by std.dataflows.streaming, in both.
    let bare = "Network n { Layer a { Type: CONV Dimensions { K 4 C 3 R 3 S 3 Y 9 X 9 } } }";
    comes_back(bare, Some("hw.m"));
}

#[test]
fn hardware_files() {
    let text = "Network n { Layer g { Type: GEMM Dimensions { M: 4, N: 4, K: 64 } Dataflow { SpatialMap(1,1) M } } }";
    let with = |hardware: &str| {
        let files = MemoryFiles::new();
        let files = files.with("a.m", text).with("small.m", hardware);
        let compiled = Session::new(files).load_on("a.m", &[], Some("small.m"));
        let (_, sink, _) = evaluated(compiled);
        codes(&sink)
    };
    assert_eq!(with("num_pes: 4"), []);
    assert_eq!(with("num_pes 4 l1_size_cstr:10000"), []);
    // A row of M: 64 inputs, 64 x 4 weights and 4 sums, twice: 648 bytes.
    assert_eq!(with("num_pes: 4\nl1_size_cstr: 648"), []);
    assert_eq!(with("num_pes: 4\nl1_size_cstr: 647"), [Code::E0501]);
    assert_eq!(with("num_pes: 4\nnum_pes: 5"), [Code::E0206]);
    assert_eq!(with("num_pes: 4\nl3_size: 5"), [Code::E0205]);
    assert_eq!(with("num_pes: four"), [Code::E0101, Code::W0602]);
    assert_eq!(with("l1_size_cstr: 4"), [Code::E0302, Code::W0602]);
    // A program has its own.
    let files = MemoryFiles::new()
        .with("a.dflow", "const A = 1;")
        .with("hw.m", HARDWARE);
    let compiled = Session::new(files).load_on("a.dflow", &[], Some("hw.m"));
    assert_eq!(codes(&compiled.diagnostics), [Code::E0309]);
}

#[test]
fn a_program_may_import_a_file_of_the_tool() {
    let program = "use \"a.m\";
        Accelerator own { PE { NumPEs: 64 } }
        Map strides on own { }";
    let files = MemoryFiles::new()
        .with("a.m", STRIDES)
        .with("b.dflow", program);
    let (_, _, report) = evaluated(Session::new(files).load("b.dflow"));
    assert_eq!(layers(&report).len(), 3);
    assert_eq!(report.evaluations[0].accelerator, "own");
}

fn on_eight(text: &str) -> Compiled {
    let files = MemoryFiles::new().with("a.m", text);
    Session::new(files.with("small.m", "num_pes: 8")).load_on("a.m", &[], Some("small.m"))
}

/// What mends a mapping in dflow is offered only where it is a word of the file's own format.
#[test]
fn edits_fit_the_file() {
    let text = "Network n { Layer l { Type: CONV Dimensions { K 8 C 64 R 3 S 3 Y 9 X 9 }
        Dataflow { SpatialMap(1,1) K; TemporalMap(32,64) C; } } }";
    let (compiled, mut sink, _) = evaluated(on_eight(text));
    dflowc::driver::drop_foreign_fixes(&compiled.sources, &mut sink);
    assert_eq!(codes(&sink), [Code::W0601, Code::E0402]);
    for one in sink.iter() {
        let Some(fix) = &one.fix else { continue };
        let (lo, hi) = (fix.span.lo() as usize, fix.span.hi() as usize);
        let mended = format!("{}{}{}", &text[..lo], fix.replacement, &text[hi..]);
        let (_, sink, _) = evaluated(on_eight(&mended));
        assert_eq!(codes(&sink), [], "{mended}");
    }
}

const ODD: [&str; 24] = [
    "0",
    "1",
    "2",
    "3",
    "64",
    "4000000000",
    "18446744073709551616",
    "-",
    "{",
    "}",
    "//",
    "/",
    "\u{fc}",
    "\u{0}",
    "Sz(R)",
    "Sz",
    "Y'",
    "Cluster(3,P);",
    "SpatialMap(2,1) K",
    "Layer",
    "Network",
    "Dataflow",
    "1.5",
    "Stride",
];

/// Mutations of a text: numbers and words exchanged, pieces left out and doubled, the end cut off.
#[test]
fn mutations_never_panic_and_end() {
    let number = |name: &str, default: usize| {
        let value = std::env::var(name).ok();
        value
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    };
    let mut texts: Vec<String> = [SEPARATORS, STRIDES, TYPES].map(str::to_owned).to_vec();
    texts.extend(
        published()
            .iter()
            .map(|path| std::fs::read_to_string(path).unwrap()),
    );
    let mut state = 20_191_012u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    let (mut clean, mut figures) = (0, 0);
    for round in 0..number("DFLOW_MAESTRO_MUTATIONS", 300) {
        let text = &texts[round % texts.len()];
        let mut words = pieces(text);
        for _ in 0..=random(4) {
            let at = random(words.len());
            match random(6) {
                0 => {
                    words.remove(at);
                }
                1 => words.insert(at, words[random(words.len())]),
                2 => words[at] = words[random(words.len())],
                3 if random(6) == 0 => words.truncate(at.max(1)),
                _ => words[at] = ODD[random(ODD.len())],
            }
        }
        let text = words.concat();
        let start = Instant::now();
        let (compiled, sink, report) = evaluated(session(&text).load_on("a.m", &[], Some("hw.m")));
        for label in sink.iter().flat_map(|one| &one.labels) {
            let file = compiled.sources.get(label.span.file()).unwrap();
            assert!(file.text().get(label.span.range()).is_some(), "{text}");
        }
        // A file that is read without a mistake can be written, and what is written can be read.
        let (loaded, dflow) = session(&text).import("a.m", Some("hw.m"));
        if !loaded.diagnostics.has_errors() {
            clean += 1;
            let dflow = dflow.unwrap();
            assert!(format::format(&dflow).is_ok(), "{text}\n{dflow}");
        }
        figures += usize::from(!layers(&report).is_empty());
        assert!(start.elapsed() < Duration::from_secs(20), "{text}");
    }
    // They must reach the later stages, or they would test the parser alone.
    assert!(clean > 20 && figures > 20, "{clean} {figures}");
}

/// Files that are neither words nor numbers.
#[test]
fn no_text_is_too_strange() {
    let deep = "Accelerator ".to_owned() + &"{ a ".repeat(5_000);
    let many = "Network n { ".to_owned() + &"Layer a { Type: CONV } ".repeat(3_000);
    let open = "Network n { Layer l { Dimensions ".repeat(3_000);
    for text in [
        deep.as_str(),
        &many,
        &open,
        "",
        "\u{feff}",
        "{{{{",
        "}}}}",
        "- - -1",
        "//",
        "/",
    ] {
        let imported = dflowc::import::maestro::import(FileId::new(0), text, Default::default());
        assert!(!imported.errors.is_empty(), "{text:.20}");
        let _ = dflowc::import::maestro::written(FileId::new(0), text, Default::default());
    }
}

/// A short text may ask for much: layers that all take one long list, networks by the thousand.
#[test]
fn much_from_a_short_text_is_bounded() {
    let list = "TemporalMap(1,1) K; ".repeat(200);
    let inherited = format!(
        "Network n {{ Layer a {{ Dataflow {{ {list} }} }} {} }}",
        "Layer b { } ".repeat(15_000)
    );
    let networks = "Network n { Layer a { } } ".repeat(15_000);
    let layers = format!("Network n {{ {} }}", "Layer a { } ".repeat(25_000));
    let long = format!(
        "Network n {{ Layer a {{ Dataflow {{ {} }} }} }}",
        list.repeat(100)
    );
    for (text, is_refused) in [
        (inherited, true),
        (networks, false),
        (layers, true),
        (long, true),
    ] {
        let start = Instant::now();
        let imported = dflowc::import::maestro::import(FileId::new(0), &text, Default::default());
        let refused = imported
            .errors
            .iter()
            .any(|error| error.code() == Code::E0104);
        assert_eq!(refused, is_refused, "{text:.60}");
        let _ = dflowc::import::maestro::written(FileId::new(0), &text, Default::default());
        assert!(start.elapsed() < Duration::from_secs(20), "{text:.60}");
    }
}

/// The files of the folder that the environment names.
fn published() -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("DFLOW_MAESTRO_FILES") else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(Path::new(&folder)).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "m"));
    files.sort();
    files
}

/// Every published file evaluates with the MACs of its layers' closed form, or is refused; and comes back.
#[test]
fn published_files() {
    for path in published() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let (_, sink, report) = evaluated(session(&text).load("a.m"));
        let errors: Vec<Code> = sink
            .iter()
            .filter(|one| one.is_error())
            .map(|one| one.code)
            .collect();
        let mut total = 0u128;
        for layer in layers(&report) {
            let size = |dim: &str| {
                let known = layer.dimensions.0.iter().find(|known| known.0 == dim);
                known.map_or(1, |known| u128::from(known.1))
            };
            let dims: &[&str] = match layer.kind.as_str() {
                "GEMM" => &["M", "N", "K"],
                _ => &["N", "G", "K", "C", "Y'", "X'", "R", "S"],
            };
            let macs: u128 = dims.iter().map(|dim| size(dim)).product();
            assert_eq!(u128::from(layer.macs), macs, "{name}: {}", layer.name);
            total += macs;
        }
        match name.as_str() {
            // Its inner level spreads X with R.
            "vgg16_rs" => assert_eq!(errors, [Code::E0404; 13]),
            // Hardware, and no network.
            "hw_accelerator_1" => assert_eq!(errors, [Code::E0101]),
            _ => assert_eq!(errors, [], "{name}"),
        }
        match name.as_str() {
            "alexnet_rs_validation" => assert_eq!(total, 2_663_139_456),
            // The closed form of the 13 layers without padding.
            name if name.starts_with("vgg16") && name != "vgg16_rs" => {
                assert_eq!(total, 13_884_537_600, "{name}");
            }
            _ => {}
        }
        if name != "hw_accelerator_1" {
            comes_back(&text, None);
        }
    }
}
