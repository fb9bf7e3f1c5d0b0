//! Fused blocks and arrays side by side, resolved.

use super::*;
use crate::hir::fused::{FateKind, FusedGroup};

const NETWORK: &str = "Network n {
  Layer first { Type: FC; Dimensions { N: 4, K: 8, C: 8 } }
  Layer second { Type: FC; Dimensions { N: 4, K: 8, C: 8 } }
  Layer third { Type: FC; Dimensions { N: 4, K: 8, C: 8 } }
}
Accelerator a {
  Memory DRAM { } Memory GLB { }
  Level Engine { Array PE { Shape: [4] } Array PEdw { Shape: [2] } }
  Memory RF { } Compute MAC { }
}
Dataflow own(t) { TemporalMap(t, t) K; }
";

fn map(entries: &str) -> String {
    format!("{NETWORK}Map n on a {{ {entries} }}")
}

fn groups(entries: &str) -> Vec<FusedGroup> {
    let (program, found) = resolve(&map(entries));
    assert!(found.is_empty(), "{found:?}");
    program.maps[0].groups.clone()
}

#[test]
fn the_nest_is_laid_flat() {
    let entries = "third: own(2); Fuse first, second {
      retain first.Weight, second.Weight in GLB;
      tile second.N by 2 {
        recompute second.Input;
        tile second.K by Sz(K) / 2 {
          pipeline { run first on PE using own(t = 4); run second on PEdw; }
          retain second.Input in RF;
        }
        refetch first.Input from DRAM;
      }
    }
    Fuse third { }";
    let groups = groups(entries);
    let [group, alone] = groups.as_slice() else {
        panic!("{groups:?}")
    };
    let text = map(entries);
    assert_eq!(&text[group.span.range()], "Fuse first, second");
    assert_eq!(
        group.layers.iter().map(|layer| layer.0).collect::<Vec<_>>(),
        [0, 1]
    );
    assert_eq!(
        alone.layers.iter().map(|layer| layer.0).collect::<Vec<_>>(),
        [2]
    );
    assert!(alone.loops.is_empty() && alone.stages.is_none());
    let loops: Vec<_> = group
        .loops
        .iter()
        .map(|tile| (tile.layer, tile.dim.text.as_str(), &text[tile.span.range()]))
        .collect();
    assert_eq!(
        loops,
        [
            (1, "N", "tile second.N by 2"),
            (1, "K", "tile second.K by Sz(K) / 2")
        ]
    );
    let fates: Vec<_> = group
        .fates
        .iter()
        .map(|fate| {
            let memory = fate.memory.map(|memory| memory.0);
            (
                fate.kind,
                fate.layer,
                fate.tensor.text.as_str(),
                memory,
                fate.depth,
            )
        })
        .collect();
    assert_eq!(
        fates,
        [
            (FateKind::Retain, 0, "Weight", Some(1), 0),
            (FateKind::Retain, 1, "Weight", Some(1), 0),
            (FateKind::Recompute, 1, "Input", None, 1),
            (FateKind::Retain, 1, "Input", Some(2), 2),
            (FateKind::Refetch, 0, "Input", Some(0), 1),
        ]
    );
    let stages = group.stages.as_ref().unwrap();
    assert!(stages.pipeline && stages.depth == 2);
    let runs: Vec<_> = stages
        .runs
        .iter()
        .map(|run| {
            (
                run.layer,
                run.array.map(|array| array.0),
                run.application.is_some(),
            )
        })
        .collect();
    assert_eq!(runs, [(0, Some(0), true), (1, Some(1), false)]);
}

#[test]
fn mistakes() {
    for (entries, expected) in [
        // Each place has its edit; where there is none, the name is said once.
        (
            "Fuse first, secnd { retain secnd.Input in GLB; }",
            &["E0201@secnd", "E0201@secnd"][..],
        ),
        (
            "Fuse first, zebra { retain zebra.Input in GLB; }",
            &["E0201@zebra"],
        ),
        (
            "Fuse first, secnd { sequence { run first; run second } }",
            &["E0201@secnd"],
        ),
        ("Fuse first, first { }", &["E0206@first"]),
        ("Fuse first { } Fuse second, first { }", &["E0206@first"]),
        (
            "Fuse first { retain second.Input in GLB; }",
            &["E0201@second"],
        ),
        ("Fuse first { tile second.N by 1 { } }", &["E0201@second"]),
        ("Fuse first { recompute thrid.Output; }", &["E0201@thrid"]),
        ("Fuse first { recompute Output; }", &["E0308@Output"]),
        ("Fuse first { recompute first; }", &["E0308@first"]),
        (
            "Fuse first { recompute first.Output.x; }",
            &["E0308@first.Output.x"],
        ),
        ("Fuse first { tile N by 1 { } }", &["E0308@N"]),
        ("Fuse first { tile a.first.N by 1 { } }", &["E0201@a.first"]),
        ("Fuse first { tile first.N by T { } }", &["E0201@T"]),
        ("Fuse first { retain first.Input in GBL; }", &["E0502@GBL"]),
        (
            "Fuse first { retain first.Input in DRAM; }",
            &["E0308@DRAM"],
        ),
        (
            "Fuse first { refetch first.Input from GLB; }",
            &["E0308@GLB"],
        ),
        (
            "Fuse first { tile first.N by 1 { } tile first.K by 1 { } }",
            &["E0206@tile first.K by 1"],
        ),
        (
            "Fuse first { sequence { run first } pipeline { run first } }",
            &["E0206@pipeline"],
        ),
        (
            "Fuse first { sequence { run first } tile first.N by 1 { } }",
            &["E0308@sequence"],
        ),
        (
            "Fuse first { sequence { run first on GLB } }",
            &["E0502@GLB"],
        ),
        (
            "Fuse first { sequence { run first using onw(t = 1) } }",
            &["E0201@onw"],
        ),
        (
            "Fuse first { sequence { run first using own } }",
            &["E0302@own"],
        ),
        (
            "Fuse first { sequence { run first using { tile K by T } } }",
            &["E0201@T"],
        ),
        (
            "Fuse first, second { sequence { run second } }",
            &["E0415@sequence"],
        ),
        ("Fuse first { pipeline { } }", &["E0415@pipeline"]),
        (
            "Fuse first { sequence { run first; run first } }",
            &["E0415@run first"],
        ),
        (
            "Fuse first { sequence { run first; run second } }",
            &["E0415@second"],
        ),
        (
            "Fuse first, third { sequence { run first; run second } }",
            &["E0415@second"],
        ),
        // Several mistakes, each said once.
        (
            "Fuse first, second { retain second.Input in GBL; tile second.N by 1 { recompute Input; sequence { run first on P } } }",
            &["E0502@GBL", "E0308@Input", "E0502@P", "E0415@sequence"],
        ),
    ] {
        assert_eq!(codes(&map(entries)), expected, "{entries}");
    }
}

/// A list too long to be meant is refused before it costs anything.
#[test]
fn sizes_are_bounded() {
    let many = "recompute first.Output; ".repeat(2_000);
    assert_eq!(codes(&map(&format!("Fuse first {{ {many} }}"))).len(), 1);
    let names = vec!["first"; 300].join(", ");
    let found = codes(&map(&format!("Fuse {names} {{ }}")));
    assert!(found.contains(&"E0104@first".to_owned()), "{found:?}");
}

#[test]
fn arrays_side_by_side() {
    let (program, found) = resolve(NETWORK);
    assert!(found.is_empty(), "{found:?}");
    let accelerator = &program.accelerators[0];
    let levels: Vec<usize> = accelerator.arrays.iter().map(|array| array.level).collect();
    assert_eq!(levels, [0, 0]);
    assert_eq!(accelerator.memories[2].arrays_above, 2);
    for (chosen, name) in [(None, "PE"), (Some(0), "PE"), (Some(1), "PEdw")] {
        let alone = accelerator.on_array(chosen);
        let names: Vec<&str> = alone
            .arrays
            .iter()
            .map(|array| array.name.as_str())
            .collect();
        assert_eq!(names, [name]);
        let above: Vec<usize> = alone
            .memories
            .iter()
            .map(|memory| memory.arrays_above)
            .collect();
        assert_eq!(above, [0, 0, 1]);
    }

    // An array outside of both and one inside stay; an array without others beside it leaves nothing out.
    let (program, found) = resolve(
        "Accelerator a { Memory DRAM { } Array Tile { Shape: [3] } Memory L1 { }
           Level Engine { Array A { Shape: [4] } Array B { Shape: [2] } } Array Lane { Shape: [5] }
           Memory RF { } Compute MAC { } }
         Accelerator b { Memory DRAM { } Level E { Array A { Shape: [4] } } Memory RF { } Compute MAC { } }",
    );
    assert!(found.is_empty(), "{found:?}");
    let names = |array: Option<usize>| {
        let alone = program.accelerators[0].on_array(array);
        let above: Vec<usize> = alone
            .memories
            .iter()
            .map(|memory| memory.arrays_above)
            .collect();
        assert_eq!(above, [0, 1, 3]);
        alone
            .arrays
            .iter()
            .map(|array| array.name.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(None), ["Tile", "A", "Lane"]);
    assert_eq!(names(Some(2)), ["Tile", "B", "Lane"]);
    assert_eq!(names(Some(3)), ["Tile", "A", "Lane"]);
    assert!(matches!(
        program.accelerators[1].on_array(Some(0)),
        std::borrow::Cow::Borrowed(_)
    ));

    assert_eq!(
        codes(
            "Accelerator a { Memory DRAM { } Level E { Array A { Shape: [4] } Memory L1 { } } Memory RF { } Compute MAC { } }"
        ),
        ["E0308@Memory"]
    );
    assert_eq!(
        codes(
            "Accelerator a { Memory DRAM { } Level E { Array A { Shape: [4] } Array A { Shape: [2] } } Memory RF { } Compute MAC { } }"
        ),
        ["E0204@A"]
    );
}

/// Any token taken out of a fused block, or written twice, is at most one message of parser and resolver together.
#[test]
fn one_slip_is_one_message() {
    let text = format!(
        "{NETWORK}Map n on a {{
  Fuse first, second {{
    retain first.Weight, second.Weight in GLB;
    tile second.N by 2 {{
      recompute second.Input; refetch first.Input from DRAM;
      tile second.K by Sz(K) / 2 {{
        pipeline {{
          run first on PE using own(t = 4);
          run second on PEdw using {{ TemporalMap(1,1) K }};
        }}
      }}
    }}
  }}
}}
"
    );
    let start = text.find("Fuse").unwrap_or_default();
    let lexed = syntax::lexer::lex(FileId::new(0), &text);
    for lexeme in &lexed.lexemes {
        let range = lexeme.lo as usize..lexeme.hi as usize;
        if range.start < start {
            continue;
        }
        for count in [0, 2] {
            let mut broken = text.clone();
            broken.replace_range(
                range.clone(),
                &format!(" {} ", &text[range.clone()]).repeat(count),
            );
            let parsed = syntax::parse(FileId::new(0), &broken);
            let mut sink = Diagnostics::new();
            let tainted = parsed.has_errors();
            sink.extend(parsed.diagnostics);
            let module = Module {
                ast: parsed.ast,
                std_path: None,
                uses: Vec::new(),
                tainted,
            };
            let _ = collect(&[module], &mut sink);
            let said: Vec<String> = sink.iter().map(|found| found.message.clone()).collect();
            // A brace too many is one, and so is what it opens inside a line.
            let most = 1 + usize::from(lexeme.token == syntax::token::Token::LeftBrace);
            assert!(said.len() <= most, "{said:?} in\n{broken}");
        }
    }
}
