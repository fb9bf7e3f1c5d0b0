//! What makes a tile fit that no directive makes smaller: one more loop.
//!
//! `SpatialMap(1,1) K; TemporalMap(3,1) Y` of a layer with 64 channels maps C whole; that is 576 weights for a PE, and no
//! size of the directives changes it. A loop over C outside of them does.

use super::capacity::required;
use super::covers;
use super::violation::Whole;
use crate::base::limits;
use crate::ir::{Axis, Loop, LoopKind, Mapping, Move, Origin, RankId};

/// The first rank that nothing cuts and that makes it fit in pieces; kernels stay whole.
pub(super) fn cut_whole(mapping: &Mapping, memory: usize, have: u128) -> Option<Whole> {
    let windows = &mapping.operation.windows;
    let moved = |rank: RankId| {
        let mut moves = mapping.schedule.loops.iter().flat_map(|l| &l.moves);
        moves.any(|m| match m.axis {
            Axis::Rank(other) => other == rank,
            Axis::Window(window) => {
                let window = windows[usize::from(window)];
                [window.output, window.kernel].contains(&rank)
            }
        })
    };
    let kept_outside = mapping.schedule.positions[memory].contains(&Some(0));
    let is_kernel = |rank: RankId| windows.iter().any(|window| window.kernel == rank);
    let ranks = (0..mapping.operation.ranks.len()).filter_map(|at| u8::try_from(at).ok());
    ranks
        .map(RankId)
        .filter(|&rank| !moved(rank) && !is_kernel(rank))
        .take_while(|_| !limits::is_spent())
        .find_map(|rank| {
            let need = |size: u64| required(&cut(mapping, rank, size), memory).map(|found| found.0);
            let mut low = 1;
            let mut high = mapping.operation.ranks[rank.index()];
            if high <= 1 || need(low)? > have {
                return None;
            }
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                match need(middle)? <= have {
                    true => low = middle,
                    false => high = middle,
                }
            }
            covers(&cut(mapping, rank, low)).then_some(Whole {
                rank,
                size: low,
                need: need(low)?,
                kept_outside,
            })
        })
}

/// The mapping with one more loop in time outside all others.
fn cut(mapping: &Mapping, rank: RankId, size: u64) -> Mapping {
    let mut cut = mapping.clone();
    let piece = Move {
        axis: Axis::Rank(rank),
        size,
        offset: size,
        origin: Origin::NONE,
    };
    let schedule = &mut cut.schedule;
    schedule.loops.insert(
        0,
        Loop {
            moves: [piece].into_iter().collect(),
            kind: LoopKind::Temporal,
            level: 0,
            origin: Origin::NONE,
        },
    );
    (schedule.steps, schedule.leaf) = (schedule.steps + 1, schedule.leaf + 1);
    let inner = schedule.positions.iter_mut().skip(1);
    for position in inner.flatten().flatten() {
        *position += 1;
    }
    cut
}
