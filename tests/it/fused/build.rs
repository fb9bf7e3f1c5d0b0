//! Fused groups written by hand, in the terms of the IR: tensors, then stages from the inputs on, then loops.

use dflowc::ir::{
    Access, Dim, Fate, FusedGroup, GroupTensor, Index, IndexTerm, Operation, OperationKind,
    Overlap, RankId, Role, Stage, StageRank, Tensor, Term, TileLoop, Window,
};

/// `sum of coefficient * rank + constant`
pub fn affine(terms: &[(usize, i64)], constant: i64) -> Index {
    let terms = terms.iter().map(|&(rank, coefficient)| IndexTerm {
        rank,
        coefficient,
        divisor: 1,
    });
    Index::Affine {
        terms: terms.collect(),
        constant,
    }
}

/// Every given rank alone, with coefficient 1.
pub fn plain(ranks: &[usize]) -> Vec<Index> {
    ranks.iter().map(|&rank| affine(&[(rank, 1)], 0)).collect()
}

#[derive(Default)]
pub struct Builder {
    pub tensors: Vec<GroupTensor>,
    roles: Vec<Role>,
    stages: Vec<Stage>,
}

impl Builder {
    /// A tensor that comes from outside; kept for the whole group until something else is said.
    pub fn outside(&mut self, role: Role, extents: &[u64]) -> usize {
        self.roles.push(role);
        self.tensors.push(GroupTensor {
            extents: extents.to_vec(),
            bits: 8,
            partial_bits: 8,
            producer: None,
            escapes: false,
            keep: Some(0),
            fate: Fate::Retain,
            memory: 1,
        });
        self.tensors.len() - 1
    }

    pub fn input(&mut self, extents: &[u64]) -> usize {
        self.outside(Role::Input, extents)
    }

    pub fn weight(&mut self, extents: &[u64]) -> usize {
        self.outside(Role::Weight, extents)
    }

    /// A stage over ranks `(outer, inner)`, one rank of extent outer * inner each; its result is indexed by the
    /// ranks `result`. Gives the result's tensor.
    pub fn stage_of(
        &mut self,
        kind: OperationKind,
        ranks: &[(u64, Option<u64>)],
        operands: Vec<(usize, Vec<Index>)>,
        result: &[usize],
    ) -> usize {
        let extent = |&(outer, inner): &(u64, Option<u64>)| outer * inner.unwrap_or(1);
        let extents: Vec<u64> = result.iter().map(|&rank| extent(&ranks[rank])).collect();
        let made = self.outside(Role::Output, &extents);
        self.tensors[made].producer = Some(self.stages.len());
        let mut next = 0;
        let mut id = || {
            next += 1;
            RankId(next - 1)
        };
        let stage_ranks: Vec<StageRank> = ranks
            .iter()
            .map(|rank| StageRank {
                extent: extent(rank),
                outer: id(),
                inner: rank.1.map(|_| id()),
            })
            .collect();
        let accesses = operands.into_iter().chain([(made, plain(result))]);
        let accesses: Vec<Access> = accesses
            .map(|(tensor, dims)| Access { tensor, dims })
            .collect();
        let operation = self.operation(kind, ranks, &stage_ranks, &accesses, result);
        self.stages.push(Stage {
            ranks: stage_ranks,
            accesses,
            kind,
            operation,
        });
        made
    }

    /// A stage of products over plain ranks.
    pub fn stage(
        &mut self,
        ranks: &[u64],
        operands: Vec<(usize, Vec<Index>)>,
        result: &[usize],
    ) -> usize {
        let ranks: Vec<_> = ranks.iter().map(|&extent| (extent, None)).collect();
        self.stage_of(OperationKind::MultiplyAccumulate, &ranks, operands, result)
    }

    pub fn group(self, loops: &[(usize, u64)]) -> FusedGroup {
        let mut group = FusedGroup {
            stages: self.stages,
            tensors: self.tensors,
            loops: loops
                .iter()
                .map(|&(rank, size)| TileLoop { rank, size })
                .collect(),
            overlap: Overlap::Pipeline,
        };
        if let Some(head) = group.result(group.head()) {
            group.tensors[head].escapes = true;
        }
        group
    }

    /// The stage as one layer alone.
    fn operation(
        &self,
        kind: OperationKind,
        ranks: &[(u64, Option<u64>)],
        stage_ranks: &[StageRank],
        accesses: &[Access],
        result: &[usize],
    ) -> Operation {
        let extents = ranks
            .iter()
            .flat_map(|&(outer, inner)| [Some(outer), inner])
            .flatten();
        let mut operation = Operation {
            ranks: extents.collect(),
            windows: vec![],
            tensors: vec![],
            kind,
            repeat: 1,
        };
        for access in accesses {
            let tensor = &self.tensors[access.tensor];
            let mut dims: Vec<Dim> = vec![];
            let mut flat = None;
            for (index, &extent) in access.dims.iter().zip(&tensor.extents) {
                match index {
                    // All dimensions that are read whole are one, along the last rank.
                    Index::Whole => flat = Some(flat.unwrap_or(1) * extent),
                    Index::Affine { terms, constant } => {
                        let ids = |term: &IndexTerm| terms_of(term, ranks, stage_ranks);
                        dims.push(Dim {
                            terms: terms.iter().flat_map(ids).collect(),
                            constant: *constant,
                            extent,
                        });
                        if let [slide, kernel] = terms[..]
                            && result.contains(&slide.rank)
                            && !result.contains(&kernel.rank)
                        {
                            let window = Window {
                                output: stage_ranks[slide.rank].outer,
                                kernel: stage_ranks[kernel.rank].outer,
                                stride: slide.coefficient.unsigned_abs(),
                                dilation: kernel.coefficient.unsigned_abs(),
                                extent: extent + 2 * constant.unsigned_abs(),
                            };
                            if !operation.windows.contains(&window) {
                                operation.windows.push(window);
                            }
                        }
                    }
                }
            }
            if let (Some(extent), Some(last)) = (flat, stage_ranks.last()) {
                dims.push(Dim {
                    terms: vec![Term {
                        rank: last.outer,
                        coefficient: 1,
                    }],
                    constant: 0,
                    extent,
                });
            }
            operation.tensors.push(Tensor {
                role: self.roles[access.tensor],
                dims,
                bits: tensor.bits,
                partial_bits: tensor.bits,
                density: 1.0,
            });
        }
        let last = operation.tensors.len() - 1;
        for (at, tensor) in operation.tensors.iter_mut().enumerate() {
            // What another stage made is an input of this one.
            if at < last && tensor.role == Role::Output {
                tensor.role = Role::Input;
            }
        }
        operation
    }
}

/// A term over a rank of a stage in the ranks of its operation: `floor((inner * outer + i) / inner) = outer`.
fn terms_of(
    term: &IndexTerm,
    ranks: &[(u64, Option<u64>)],
    stage_ranks: &[StageRank],
) -> Vec<Term> {
    let rank = &stage_ranks[term.rank];
    let of = |rank, coefficient| Term { rank, coefficient };
    match (ranks[term.rank].1, rank.inner) {
        (Some(extent), Some(inner)) if term.divisor == 1 => vec![
            of(rank.outer, term.coefficient * extent as i64),
            of(inner, term.coefficient),
        ],
        _ => vec![of(rank.outer, term.coefficient)],
    }
}
