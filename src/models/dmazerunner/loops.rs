//! An execution method as loops, the way back from [`given`](super::given): for whoever found a method and wants the
//! mapping that it is.
//!
//! Example: DRAM `m:8 c:64`, SPM `c:8`, array `m:4 ox:7 oy:7` are the loops over K and C at the DRAM, the loop over C at
//! the SPM, and three spreads over the array; the tile of the register file is what they leave. Loops of one trip are
//! left out.

use super::layer::{DIMS, Factors};
use super::method::Method;
use super::subject::layer;
use super::unfit::Unfit;
use crate::ir::{Axis, Loop, LoopKind, Move, Operation, Origin, RankId, Schedule};

/// Memories of the architecture: DRAM, SPM, register file.
const MEMORIES: usize = 3;

/// The schedule of a method on the architecture that [`problem`](super::problem) accepts.
///
/// # Errors
///
/// The first condition of the profile that the operation does not keep.
pub fn schedule(operation: &Operation, method: &Method) -> Result<Schedule, Unfit> {
    let (layer, dims) = layer(operation)?;
    let mut nest = Nest {
        ranks: [None; DIMS],
        left: layer.bounds,
        loops: Vec::new(),
    };
    for (rank, dim) in dims.iter().enumerate() {
        if let Some(dim) = dim {
            nest.ranks[dim.index()] =
                Some(RankId(u8::try_from(rank).map_err(|_| Unfit::TooLarge)?));
        }
    }
    let mut positions = vec![0];
    for (factors, order) in [
        (&method.dram, method.dram_order),
        (&method.spm, method.spm_order),
    ] {
        for dim in order {
            nest.push(dim.index(), factors, |_| LoopKind::Temporal);
        }
        positions.push(nest.loops.len());
    }
    for d in 0..DIMS {
        nest.push(d, &method.spatial, |instances| LoopKind::Spatial {
            array: 0,
            instances,
        });
    }
    let steps = nest.loops.len();
    // The register file is filled by what the loops over the SPM's tiles and the array leave.
    positions[MEMORIES - 1] = steps;
    Ok(Schedule {
        positions: positions
            .into_iter()
            .map(|at| vec![Some(at); operation.tensors.len()])
            .collect(),
        steps,
        leaf: steps,
        loops: nest.loops,
    })
}

/// Loops from the outermost on.
struct Nest {
    ranks: [Option<RankId>; DIMS],
    left: Factors,
    loops: Vec<Loop>,
}

impl Nest {
    fn push(&mut self, d: usize, factors: &Factors, kind: impl Fn(u64) -> LoopKind) {
        let Some(rank) = self.ranks[d].filter(|_| factors[d] > 1) else {
            return;
        };
        self.left[d] /= factors[d];
        let step = Move {
            axis: Axis::Rank(rank),
            size: self.left[d],
            offset: self.left[d],
            origin: Origin::NONE,
        };
        self.loops.push(Loop {
            moves: std::iter::once(step).collect(),
            kind: kind(factors[d]),
            level: 0,
            origin: Origin::NONE,
        });
    }
}
