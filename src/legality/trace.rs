//! Who performs one point, and who could have: looked up, not enumerated.
//!
//! Problem: for a witness ("C = 1 is done in step 0 and in step 1") and for extents of 2^40 one needs the
//! windows around a single point. Along an axis the windows that contain a coordinate are consecutive and
//! computed directly, so the search goes only into windows that contain the point.

use super::cover::common_windows;
use crate::base::limits;
use crate::ir::{Group, GroupAxis, GroupLoop, GroupState};

/// [`limits::LOOKED_UP_WINDOWS`].
const WORK: u32 = limits::LOOKED_UP_WINDOWS;

/// Per loop of the group, the window that contains the point.
pub(super) type Path = Vec<u64>;

/// Where the search for a point ends without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Miss {
    /// Index into `Group::loops`.
    pub depth: usize,
    /// Index into the loop's moves.
    pub number: usize,
    /// The windows contain the point's row, but not its complete kernel window: index into
    /// `Group::windows`, rows at hand, rows that the kernel window spans.
    pub incomplete: Option<(usize, u64, u64)>,
}

struct Search<'a> {
    group: &'a Group,
    point: &'a [i64],
    wanted: usize,
    work: u32,
    path: Path,
    found: Vec<Path>,
    deepest: Option<Miss>,
}

/// Up to `wanted` performances of `point`; `None` when there is too much to look at.
pub(super) fn performances(group: &Group, point: &[i64], wanted: usize) -> Option<Vec<Path>> {
    let search = search(group, point, wanted);
    (search.work > 0 || search.found.len() >= wanted).then_some(search.found)
}

/// The innermost loop that passes `point` by.
pub(super) fn deepest(group: &Group, point: &[i64]) -> Option<Miss> {
    search(group, point, 1).deepest
}

fn search<'a>(group: &'a Group, point: &'a [i64], wanted: usize) -> Search<'a> {
    let mut search = Search {
        group,
        point,
        wanted,
        work: WORK,
        path: Vec::new(),
        found: Vec::new(),
        deepest: None,
    };
    search.enter(0, &group.whole());
    search
}

impl Search<'_> {
    fn enter(&mut self, depth: usize, state: &GroupState) {
        let group = self.group;
        let Some(l) = group.loops.get(depth) else {
            self.found.push(self.path.clone());
            return;
        };
        let (mut first, mut end) = (0, common_windows(state, l) as i64);
        for (number, m) in l.moves.iter().enumerate() {
            let (x, lo) = match m.axis {
                GroupAxis::Rank(rank) => (self.point[rank], state.ranks[rank].lo),
                GroupAxis::Window(w) => (self.row(w), state.windows[w].lo),
            };
            // Window w starts at lo + w * offset and ends before lo + w * offset + size.
            first = first.max((x - lo - m.size).div_euclid(m.offset) + 1);
            end = end.min((x - lo).div_euclid(m.offset) + 1);
            if first >= end {
                self.miss(Miss {
                    depth,
                    number,
                    incomplete: None,
                });
                return;
            }
        }
        for window in first..end {
            if self.found.len() >= self.wanted {
                return;
            }
            let Some(left) = self.work.checked_sub(1) else {
                return;
            };
            self.work = left;
            if limits::spend(1).is_err() {
                self.work = 0;
                return;
            }
            let mut piece = group.piece(state, l, window as u64);
            let rows = piece.windows.clone();
            let kernels: Vec<u64> = group
                .windows
                .iter()
                .map(|w| piece.ranks[w.kernel].len())
                .collect();
            if l.ends_level {
                group.end_level(&mut piece);
            }
            let inside =
                |(range, x): (&crate::ir::Interval, &i64)| (range.lo..range.hi).contains(x);
            if piece.ranks.iter().zip(self.point).all(inside) {
                self.path.push(window as u64);
                self.enter(depth + 1, &piece);
                self.path.pop();
            } else {
                let w = (0..group.windows.len())
                    .find(|&w| {
                        let output = group.windows[w].output;
                        let range = piece.ranks[output];
                        !(range.lo..range.hi).contains(&self.point[output])
                    })
                    .unwrap_or(0);
                let (depth, number) = self.narrower(depth, l, w);
                let dilation = group.windows.get(w).map_or(1, |w| w.dilation as u64);
                let kernel = kernels.get(w).copied().unwrap_or(1);
                self.miss(Miss {
                    depth,
                    number,
                    incomplete: Some((
                        w,
                        rows.get(w).map_or(0, |rows| rows.len()),
                        dilation * kernel.saturating_sub(1) + 1,
                    )),
                });
            }
        }
    }

    /// The input row of the point.
    fn row(&self, window: usize) -> i64 {
        let w = self.group.windows[window];
        w.stride * self.point[w.output] + w.dilation * self.point[w.kernel]
    }

    /// The innermost loop up to `depth` that moves over the rows of window `w`.
    fn narrower(&self, depth: usize, last: &GroupLoop, w: usize) -> (usize, usize) {
        let number = |l: &GroupLoop| l.moves.iter().position(|m| m.axis == GroupAxis::Window(w));
        if let Some(number) = number(last) {
            return (depth, number);
        }
        (0..depth)
            .rev()
            .find_map(|depth| number(&self.group.loops[depth]).map(|number| (depth, number)))
            .unwrap_or((depth, 0))
    }

    fn miss(&mut self, miss: Miss) {
        if self.deepest.is_none_or(|best| miss.depth > best.depth) {
            self.deepest = Some(miss);
        }
    }
}
