//! A group from its text, and what must be true of every one.

use super::super::*;
use crate::base::FileId;
use crate::hir::Module;
use crate::ir::{Access, Fate, Index, IndexTerm};
use crate::syntax;

pub(super) const HARDWARE: &str = "Memory DRAM { } Memory GLB { Size: 1MiB } Array PE { Shape: [4, 8] } \
     Memory RF { Size: 64 } Compute MAC { Lanes: 2 }";

pub(super) fn resolved(hardware: &str, layers: &str, map: &str) -> (Program, Diagnostics) {
    let text = format!(
        "Accelerator edge {{ {hardware} }} Network n {{ {layers} }} Map n on edge {{ {map} }}"
    );
    let parsed = syntax::parse(FileId::new(0), &text);
    assert!(!parsed.has_errors(), "{text}: {:?}", parsed.diagnostics);
    let module = Module {
        ast: parsed.ast,
        std_path: None,
        uses: Vec::new(),
        tainted: false,
    };
    let mut sink = Diagnostics::new();
    let program = hir::collect(&[module], &mut sink);
    (program, sink)
}

/// Code and message of what was said; the front end has nothing to say.
pub(super) type Said = Vec<String>;

pub(super) fn on(hardware: &str, layers: &str, map: &str) -> Result<LoweredGroup, Said> {
    let (program, found) = resolved(hardware, layers, map);
    // Formats that differ are told, and no mistake.
    let told = |d: &crate::diag::Diagnostic| d.code == crate::diag::Code::W0302;
    assert!(
        found.iter().all(told),
        "{:?}",
        found.iter().collect::<Vec<_>>()
    );
    let mut sink = Diagnostics::new();
    let map = &program.maps[0];
    let lowered = fuse(
        &program,
        &program.networks[0],
        map,
        &map.groups[0],
        &program.accelerators[0],
        &mut sink,
    );
    let said = sink
        .iter()
        .map(|found| format!("{} {}", found.code, found.message));
    let said: Said = said.collect();
    match lowered {
        Some(lowered) => {
            assert!(said.is_empty(), "{said:?}");
            consistent(&lowered);
            Ok(lowered)
        }
        None => {
            assert!(!said.is_empty());
            Err(said)
        }
    }
}

pub(super) fn lowered(layers: &str, map: &str) -> LoweredGroup {
    on(HARDWARE, layers, map).unwrap_or_else(|said| panic!("{said:?}"))
}

pub(super) fn refused(layers: &str, map: &str) -> String {
    match on(HARDWARE, layers, map) {
        Ok(lowered) => panic!("{lowered:?}"),
        Err(said) => said.join("; "),
    }
}

/// The invariants in the head of `ir::fused`.
pub(super) fn consistent(lowered: &LoweredGroup) {
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
            .flat_map(operands)
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

pub(super) fn operands(stage: &Stage) -> &[Access] {
    stage.accesses.split_last().unwrap().1
}

pub(super) fn plain(index: &Index) -> Option<usize> {
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
pub(super) fn spelled(lowered: &LoweredGroup, stage: usize, access: usize) -> Vec<String> {
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
            text.join("+").replace("+-", "-")
        }
    };
    access.dims.iter().map(spell).collect()
}

pub(super) fn tensor<'a>(lowered: &'a LoweredGroup, name: &str) -> &'a GroupTensor {
    let known = |names: &TensorNames| names.name == name || names.aliases.iter().any(|n| n == name);
    let at = lowered.tensors.iter().position(known);
    let at = at.unwrap_or_else(|| panic!("{name} in {:?}", lowered.tensors));
    &lowered.group.tensors[at]
}
