//! Groups by hand over parsed networks: what they become, and that the invariants of the ir hold.

use super::*;
use crate::base::FileId;
use crate::hir::fused::{FateKind, FateWord, FusedGroup as Words, FusedTile};
use crate::hir::{Expr, ExprKind, Module, Word};
use crate::ir::{Access, Fate, FusedGroup, Index, IndexTerm};
use crate::syntax;

const HARDWARE: &str = "Accelerator edge { Memory DRAM { } Memory GLB { Size: 1MiB } \
     Array PE { Shape: [4, 8] } Memory RF { Size: 64 } Compute MAC { Lanes: 2 } } ";

/// A program of one network `n` and one accelerator, with a map without entries.
fn resolved(layers: &str) -> Program {
    let text = format!("{HARDWARE} Network n {{ {layers} }} Map n on edge {{ }}");
    let parsed = syntax::parse(FileId::new(0), &text);
    assert!(!parsed.has_errors(), "{:?}", parsed.diagnostics);
    let module = Module {
        ast: parsed.ast,
        std_path: None,
        uses: Vec::new(),
        tainted: false,
    };
    let mut sink = Diagnostics::new();
    let program = hir::collect(&[module], &mut sink);
    assert!(sink.is_empty(), "{:?}", sink.iter().collect::<Vec<_>>());
    program
}

fn here(at: u32) -> Span {
    Span::new(FileId::new(0), at, at + 1)
}

/// `a, b | tile b.P by 4 | retain a.Output in GLB @1 | recompute ...`; `@` is the number of loops around it.
fn words(program: &Program, text: &str) -> Words {
    let network = &program.networks[0];
    let mut parts = text.split('|').map(str::trim);
    let layers = parts.next().unwrap().split(", ");
    let mut group = Words {
        span: here(0),
        layers: layers
            .enumerate()
            .map(|(at, name)| (network.layer(name).unwrap(), here(at as u32)))
            .collect(),
        loops: Vec::new(),
        fates: Vec::new(),
        stages: None,
    };
    for (at, part) in parts.enumerate() {
        let span = here(100 + at as u32);
        let said: Vec<&str> = part.split([' ', '.']).collect();
        let layer = network.layer(said[1]).unwrap();
        let word = Word {
            text: said[2].to_owned(),
            span,
        };
        let kind = match said[0] {
            "tile" => {
                group.loops.push(FusedTile {
                    layer,
                    dim: word,
                    size: Expr {
                        kind: ExprKind::Integer(said[4].parse().unwrap()),
                        span,
                    },
                    span,
                });
                continue;
            }
            "retain" => FateKind::Retain,
            "recompute" => FateKind::Recompute,
            _ => FateKind::Refetch,
        };
        let memories = &program.accelerators[0].memories;
        let memory = said
            .get(4)
            .and_then(|name| memories.iter().position(|memory| memory.name == *name));
        group.fates.push(FateWord {
            kind,
            layer,
            tensor: word,
            span,
            memory: memory.map(|memory| (memory, span)),
            depth: said
                .last()
                .and_then(|last| last.strip_prefix('@'))
                .map_or(group.loops.len(), |depth| depth.parse().unwrap()),
            statement: span,
        });
    }
    group
}

fn lowered(layers: &str, text: &str) -> Result<LoweredGroup, Vec<String>> {
    let program = resolved(layers);
    let group = words(&program, text);
    let mut sink = Diagnostics::new();
    let lowered = fuse(
        &program,
        &program.networks[0],
        &program.maps[0],
        &group,
        &program.accelerators[0],
        &mut sink,
    );
    match lowered {
        Some(lowered) => {
            assert!(sink.is_empty(), "{:?}", sink.iter().collect::<Vec<_>>());
            consistent(&lowered);
            Ok(lowered)
        }
        None => Err(sink
            .iter()
            .map(|found| format!("{} {}", found.code, found.message))
            .collect()),
    }
}

/// The invariants in the head of `ir::fused`.
fn consistent(lowered: &LoweredGroup) {
    let FusedGroup {
        stages,
        tensors,
        loops,
        ..
    } = &lowered.group;
    let head = lowered.group.head();
    assert_eq!(lowered.stages.len(), stages.len());
    assert_eq!(lowered.tensors.len(), tensors.len());
    assert_eq!(lowered.loops.len(), loops.len());
    for (at, stage) in stages.iter().enumerate() {
        let named = &lowered.stages[at];
        assert_eq!(named.rank_names.len(), stage.ranks.len());
        assert_eq!(stage.kind, stage.operation.kind);
        assert!(named.peak >= 1);
        let mut covered = vec![0; stage.operation.ranks.len()];
        for rank in &stage.ranks {
            let ids = [Some(rank.outer), rank.inner];
            let extent: u64 = ids
                .iter()
                .flatten()
                .map(|id| {
                    covered[id.index()] += 1;
                    stage.operation.ranks[id.index()]
                })
                .product();
            assert_eq!(rank.extent, extent);
        }
        assert!(covered.iter().all(|&times| times == 1), "{covered:?}");
        for access in &stage.accesses {
            let tensor = &tensors[access.tensor];
            assert_eq!(access.dims.len(), tensor.extents.len());
            for index in &access.dims {
                if let Index::Affine { terms, .. } = index {
                    for term in terms {
                        assert!(term.rank < stage.ranks.len() && term.divisor >= 1);
                    }
                }
            }
            // Producers stand before their readers.
            assert!(tensor.producer.is_none_or(|producer| producer <= at));
        }
        let result = stage.accesses.last().unwrap();
        assert_eq!(tensors[result.tensor].producer, Some(at));
        let mut ranks = Vec::new();
        for (index, &extent) in result.dims.iter().zip(&tensors[result.tensor].extents) {
            let rank = plain(index).expect("a rank alone");
            assert!(!ranks.contains(&rank));
            assert_eq!(stage.ranks[rank].extent, extent);
            ranks.push(rank);
        }
        let read = stages
            .iter()
            .flat_map(|stage| operands(stage))
            .any(|access| access.tensor == result.tensor);
        assert_eq!(read, at != head);
    }
    for (at, tensor) in tensors.iter().enumerate() {
        let makers = stages.iter().enumerate();
        let makers: Vec<usize> = makers
            .filter(|(_, stage)| stage.accesses.last().unwrap().tensor == at)
            .map(|(at, _)| at)
            .collect();
        assert_eq!(makers, Vec::from_iter(tensor.producer));
        assert!(tensor.keep.is_none_or(|keep| keep <= loops.len()));
        assert!(tensor.memory >= 1);
        assert!(tensor.extents.iter().all(|&extent| extent >= 1));
        assert!(stages.iter().any(|stage| {
            let mut accesses = stage.accesses.iter();
            accesses.any(|access| access.tensor == at)
        }));
        if tensor.fate == Fate::Recompute {
            assert!(tensor.producer.is_some_and(|producer| producer != head));
        }
    }
    for tile in loops {
        assert!(tile.size >= 1 && tile.size < stages[head].ranks[tile.rank].extent);
    }
}

fn operands(stage: &Stage) -> &[Access] {
    stage.accesses.split_last().unwrap().1
}

fn plain(index: &Index) -> Option<usize> {
    match index {
        Index::Affine { terms, constant: 0 } => match terms.as_slice() {
            &[
                IndexTerm {
                    rank,
                    coefficient: 1,
                    divisor: 1,
                },
            ] => Some(rank),
            _ => None,
        },
        _ => None,
    }
}

/// `2*P + R - 1`, by the names of the stage.
fn spelled(lowered: &LoweredGroup, stage: usize, access: usize) -> Vec<String> {
    let names = &lowered.stages[stage].rank_names;
    let access = &lowered.group.stages[stage].accesses[access];
    let spell = |index: &Index| match index {
        Index::Whole => "*".to_owned(),
        Index::Affine { terms, constant } => {
            let mut text: Vec<String> = terms
                .iter()
                .map(|term| match (term.coefficient, term.divisor) {
                    (1, 1) => names[term.rank].clone(),
                    (n, 1) => format!("{n}{}", names[term.rank]),
                    (n, d) => format!("{n}({}/{d})", names[term.rank]),
                })
                .collect();
            if *constant != 0 || text.is_empty() {
                text.push(constant.to_string());
            }
            text.join("+")
        }
    };
    access.dims.iter().map(spell).collect()
}

fn tensor<'a>(lowered: &'a LoweredGroup, name: &str) -> &'a GroupTensor {
    let known = |names: &TensorNames| names.name == name || names.aliases.iter().any(|n| n == name);
    let at = lowered.tensors.iter().position(known);
    let at = at.unwrap_or_else(|| panic!("{name} in {:?}", lowered.tensors));
    &lowered.group.tensors[at]
}

fn conv(name: &str, k: u64, c: u64, extent: u64, kernel: u64, more: &str) -> String {
    let pad = kernel / 2;
    format!(
        "Layer {name} {{ Type: CONV; Dimensions {{ K: {k}, C: {c}, Y: {extent}, X: {extent}, R: {kernel}, \
         S: {kernel} }} Padding {{ Y: {pad}, X: {pad} }} {more} }} "
    )
}

// fused.md section 3: pointwise, depthwise, pointwise; one row at a time.
fn bottleneck() -> String {
    conv("expand", 32, 32, 112, 1, "")
        + "Layer depthwise { Type: DWCONV; Dimensions { C: 32, Y: 112, X: 112, R: 3, S: 3 } Padding { Y: 1, X: 1 } } "
        + &conv("project", 16, 32, 112, 1, "")
}

#[test]
fn a_bottleneck_by_rows() {
    let lowered = lowered(
        &bottleneck(),
        "project, expand, depthwise | retain expand.Weight in GLB | tile project.P by 1 \
         | retain depthwise.Input in GLB | tile project.Q by 4 | retain project.Input in GLB",
    )
    .unwrap();
    assert_eq!(lowered.name, "expand + depthwise + project");
    assert_eq!(lowered.group.tensors.len(), 7);
    assert_eq!(lowered.loops[1].label, "tile project.Q by 4");
    assert_eq!(spelled(&lowered, 0, 0), ["N", "C", "P+R", "Q+S"]);
    assert_eq!(spelled(&lowered, 1, 0), ["N", "C", "P+R+-1", "Q+S+-1"]);
    assert_eq!(spelled(&lowered, 1, 2), ["N", "C", "P", "Q"]);
    let row = tensor(&lowered, "expand.Output");
    assert_eq!(row, tensor(&lowered, "depthwise.Input"));
    assert_eq!((row.keep, row.fate, row.memory), (Some(1), Fate::Retain, 1));
    assert_eq!(tensor(&lowered, "project.Input").keep, Some(2));
    assert_eq!(tensor(&lowered, "expand.Weight").keep, Some(0));
    let input = tensor(&lowered, "expand.Input");
    assert_eq!((input.keep, input.fate), (Some(2), Fate::Refetch));
    assert!(tensor(&lowered, "project.Output").escapes && !row.escapes);
    // 4 x 8 PEs of 2 lanes.
    assert_eq!(lowered.stages[0].peak, 64);
}
