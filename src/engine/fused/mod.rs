//! Fused groups: [`crate::ir::FusedGroup`] to [`Flow`].
//!
//! Problem: `tile project.P by 1 { tile project.Q by 4 { ... } }` makes 112 x 28 steps, and in each every layer of the
//! group requires, reuses, fetches and computes another set of elements. All of it follows from the definition in
//! `ir::fused`; [`oracle`] executes that with masks, [`Analysis`] finds the sets of all steps at once, as products of
//! functions of one loop each (`table`, `term`), and counts them in a time that does not grow with the maps.
//!
//! Invariants: `required = reused + first_fetch + refetched + computed` for every tensor; whatever cannot be counted
//! exactly is refused ([`crate::engine::EngineLimit`]).

mod analysis;
mod boxset;
mod counts;
mod flow;
mod grid;
mod live;
pub mod oracle;
mod pipeline;
mod table;
mod term;

pub use analysis::Analysis;
pub use boxset::BoxSet;
pub use counts::{Flow, StageFlow, TensorFlow};
pub use flow::{Lost, Tile, count};
#[cfg(test)]
mod scratch {
    use super::*;
    use crate::ir::*;
    pub fn conv(dims: &[(u64, u64, u64)], inp: usize, w: usize, out: usize) -> Stage {
        // dims: (m, c) first entry (m,c,_), then (p, r, stride)
        let mut ranks = vec![];
        let (m, c, _) = dims[0];
        ranks.push(m);
        ranks.push(c);
        for d in &dims[1..] {
            ranks.push(d.0);
        }
        let np = dims.len() - 1;
        for d in &dims[1..] {
            ranks.push(d.1);
        }
        let t = |rank, coefficient| IndexTerm {
            rank,
            coefficient,
            divisor: 1,
        };
        let aff = |terms: Vec<IndexTerm>| Index::Affine { terms, constant: 0 };
        let mut i = vec![aff(vec![t(1, 1)])];
        let mut o = vec![aff(vec![t(0, 1)])];
        let mut ww = vec![aff(vec![t(0, 1)]), aff(vec![t(1, 1)])];
        for k in 0..np {
            i.push(aff(vec![t(2 + k, dims[1 + k].2 as i64), t(2 + np + k, 1)]));
            o.push(aff(vec![t(2 + k, 1)]));
            ww.push(aff(vec![t(2 + np + k, 1)]));
        }
        Stage {
            ranks: ranks
                .iter()
                .enumerate()
                .map(|(n, &e)| StageRank {
                    extent: e,
                    outer: RankId(n as u8),
                    inner: None,
                })
                .collect(),
            accesses: vec![
                Access {
                    tensor: inp,
                    dims: i,
                },
                Access {
                    tensor: w,
                    dims: ww,
                },
                Access {
                    tensor: out,
                    dims: o,
                },
            ],
            kind: OperationKind::MultiplyAccumulate,
            operation: Operation {
                ranks,
                windows: vec![],
                tensors: vec![],
                kind: OperationKind::MultiplyAccumulate,
                repeat: 1,
            },
        }
    }
    fn tensor(
        e: &[u64],
        p: Option<usize>,
        keep: Option<usize>,
        fate: Fate,
        esc: bool,
    ) -> GroupTensor {
        GroupTensor {
            extents: e.to_vec(),
            bits: 8,
            producer: p,
            escapes: esc,
            keep,
            fate,
            memory: 1,
        }
    }
    pub fn lt(
        n: u64,
        keep1: Option<usize>,
        keep2: Option<usize>,
        fate: Fate,
        tp: u64,
        tq: u64,
    ) -> FusedGroup {
        FusedGroup {
            stages: vec![
                conv(&[(8, 4, 0), (n + 2, 3, 1), (n + 2, 3, 1)], 0, 1, 2),
                conv(&[(8, 8, 0), (n, 3, 1), (n, 3, 1)], 2, 3, 4),
            ],
            tensors: vec![
                tensor(&[4, n + 4, n + 4], None, keep1, Fate::Refetch, false),
                tensor(&[8, 4, 3, 3], None, Some(0), Fate::Refetch, false),
                tensor(&[8, n + 2, n + 2], Some(0), keep2, fate, false),
                tensor(&[8, 8, 3, 3], None, Some(0), Fate::Refetch, false),
                tensor(&[8, n, n], Some(1), Some(2), Fate::Refetch, true),
            ],
            loops: vec![
                TileLoop { rank: 2, size: tp },
                TileLoop { rank: 3, size: tq },
            ],
            overlap: Overlap::Pipeline,
        }
    }
    #[test]
    fn scratch() {
        for g in [
            lt(16, Some(2), Some(2), Fate::Recompute, 4, 4),
            lt(16, Some(1), Some(1), Fate::Retain, 4, 4),
            lt(16, Some(1), None, Fate::Refetch, 3, 5),
            lt(7, Some(0), Some(0), Fate::Retain, 1, 1),
        ] {
            let f = count(&g, &[1, 1]).unwrap();
            let o = oracle::run(&g, &[1, 1], 1 << 40).unwrap();
            if f != o {
                println!("{f:#?}\n{o:#?}");
                panic!();
            }
        }
    }
}
