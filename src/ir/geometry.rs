//! The shape of a schedule, group by group.
//!
//! Problem: a mapping is a nest over all ranks at once, but nothing in one *group* of ranks depends on the
//! loops of another. A convolution's groups are `{N} {G} {K} {C} {P,R} {Q,S}`: the windows over `K` are the
//! same whatever `Y` does. So legality and counting work on one group at a time, and every box of the
//! iteration space is the product of its groups' boxes.
//!
//! A [`GroupState`] is one instance's part of one group at one place of the nest: an interval per rank and
//! per input window. [`Group::piece`] narrows it to one window of a loop; [`Group::end_level`] applies the
//! rule of the end of a cluster level: an instance produces the outputs whose complete input window it
//! has, and hands down exactly the input rows that these outputs need.
//!
//! Invariant: groups share no rank, no window and no loop; their union is the whole mapping.

use super::{Axis, Interval, Loop, Mapping, Operation, RankId, window_count};
use smallvec::SmallVec;

/// Ranks that meet in an index of some tensor, in an input window, or in one spatial loop.
#[derive(Clone, Debug)]
pub struct Group {
    /// In rank order.
    pub ranks: SmallVec<[RankId; 4]>,
    pub windows: SmallVec<[GroupWindow; 1]>,
    /// The schedule's loops over this group, outermost first.
    pub loops: GroupLoops,
    extents: SmallVec<[i64; 4]>,
}

/// An input window in terms of the group's own rank numbers.
#[derive(Clone, Copy, Debug)]
pub struct GroupWindow {
    /// Index into `Operation::windows`.
    pub window: u8,
    pub output: usize,
    pub kernel: usize,
    pub stride: i64,
    pub dilation: i64,
}

/// One loop of the schedule, seen from its group.
#[derive(Clone, Debug)]
pub struct GroupLoop {
    /// Index into `Schedule::loops`.
    pub index: usize,
    pub moves: SmallVec<[GroupMove; 2]>,
    /// 1 for a temporal loop.
    pub instances: u64,
    /// The array of a spatial loop.
    pub array: Option<usize>,
    /// The group's next loop belongs to another cluster level, or there is none.
    pub ends_level: bool,
    /// Some move of the loop walks over an input window.
    pub moves_window: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupMove {
    pub axis: GroupAxis,
    pub size: i64,
    pub offset: i64,
}

/// An axis by its number within the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupAxis {
    Rank(usize),
    Window(usize),
}

impl GroupAxis {
    /// Different for different axes of a group.
    #[must_use]
    pub fn number(self) -> u64 {
        match self {
            GroupAxis::Rank(rank) => (rank as u64) << 1,
            GroupAxis::Window(window) => (window as u64) << 1 | 1,
        }
    }
}

/// An interval per rank and per input window of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupState {
    pub ranks: SmallVec<[Interval; 2]>,
    pub windows: SmallVec<[Interval; 1]>,
}

impl GroupState {
    /// Whether the instance has nothing to do in this group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranks.iter().any(|r| r.is_empty())
    }

    /// Points of the group's box; 0 when empty.
    #[must_use]
    pub fn volume(&self) -> u64 {
        self.ranks
            .iter()
            .fold(1u64, |product, r| product.saturating_mul(r.len()))
    }

    /// The interval of one axis.
    #[must_use]
    pub fn extent(&self, axis: GroupAxis) -> Interval {
        match axis {
            GroupAxis::Rank(rank) => self.ranks[rank],
            GroupAxis::Window(window) => self.windows[window],
        }
    }
}

/// The groups of a mapping, ordered by their first rank.
#[must_use]
pub fn groups(mapping: &Mapping) -> Vec<Group> {
    let mut grouping = Grouping::new(&mapping.operation, &mapping.schedule.loops);
    if let Some(loops) = grouping.loops(&mapping.schedule.loops) {
        for (group, loops) in grouping.groups.iter_mut().zip(loops) {
            group.loops = loops;
        }
    }
    grouping.groups
}

/// Loops of one group.
pub type GroupLoops = SmallVec<[GroupLoop; 2]>;

/// The groups of an operation, and to which of them each axis belongs.
#[derive(Clone, Debug)]
pub struct Grouping {
    /// Ordered by their first rank; without loops.
    pub groups: Vec<Group>,
    /// Per rank: its group and its number there.
    ranks: Vec<(usize, usize)>,
    /// Per window likewise.
    windows: Vec<(usize, usize)>,
}

impl Grouping {
    /// Ranks that meet in an index of a tensor, in an input window, or in one of `loops` share a group.
    #[must_use]
    pub fn new(operation: &Operation, loops: &[Loop]) -> Grouping {
        let rank_of = |axis: Axis| match axis {
            Axis::Rank(rank) => rank.index(),
            Axis::Window(window) => operation.windows[usize::from(window)].output.index(),
        };
        let mut leader: Vec<usize> = (0..operation.ranks.len()).collect();
        let mut join = |a: usize, b: usize| {
            let (low, high) = (leader[a].min(leader[b]), leader[a].max(leader[b]));
            for l in &mut leader {
                if *l == high {
                    *l = low;
                }
            }
        };
        for window in &operation.windows {
            join(window.output.index(), window.kernel.index());
        }
        for dim in operation.tensors.iter().flat_map(|tensor| &tensor.dims) {
            for pair in dim.terms.windows(2) {
                join(pair[0].rank.index(), pair[1].rank.index());
            }
        }
        for l in loops {
            for pair in l.moves.windows(2) {
                join(rank_of(pair[0].axis), rank_of(pair[1].axis));
            }
        }
        let mut leaders = leader.clone();
        leaders.sort_unstable();
        leaders.dedup();
        let groups: Vec<Group> = leaders
            .iter()
            .map(|&lead| Group::new(operation, |rank| leader[rank] == lead))
            .collect();
        let mut ranks = vec![(0, 0); operation.ranks.len()];
        let mut windows = vec![(0, 0); operation.windows.len()];
        for (number, group) in groups.iter().enumerate() {
            for (local, rank) in group.ranks.iter().enumerate() {
                ranks[rank.index()] = (number, local);
            }
            for (local, window) in group.windows.iter().enumerate() {
                windows[usize::from(window.window)] = (number, local);
            }
        }
        Grouping {
            groups,
            ranks,
            windows,
        }
    }

    /// The loops of every group, outermost first; `None` when a loop moves several groups.
    #[must_use]
    pub fn loops(&self, loops: &[Loop]) -> Option<Vec<GroupLoops>> {
        let mut own = Vec::new();
        self.loops_into(loops, &mut own)?;
        Some(own)
    }

    /// As [`Grouping::loops`], into lists that are filled again.
    #[must_use]
    pub fn loops_into(&self, loops: &[Loop], own: &mut Vec<GroupLoops>) -> Option<()> {
        own.resize_with(self.groups.len(), GroupLoops::new);
        own.iter_mut().for_each(GroupLoops::clear);
        for (index, l) in loops.iter().enumerate() {
            let mut moves: SmallVec<[GroupMove; 2]> = SmallVec::new();
            let mut group = None;
            let mut moves_window = false;
            for m in &l.moves {
                let (number, axis) = match m.axis {
                    Axis::Rank(rank) => {
                        let (group, local) = self.ranks[rank.index()];
                        (group, GroupAxis::Rank(local))
                    }
                    Axis::Window(window) => {
                        moves_window = true;
                        let (group, local) = self.windows[usize::from(window)];
                        (group, GroupAxis::Window(local))
                    }
                };
                if *group.get_or_insert(number) != number {
                    return None;
                }
                moves.push(GroupMove {
                    axis,
                    size: m.size as i64,
                    offset: m.offset as i64,
                });
            }
            let Some(group) = group else { continue };
            if let Some(last) = own[group].last_mut() {
                last.ends_level = loops[last.index].level != l.level;
            }
            own[group].push(GroupLoop {
                index,
                moves,
                instances: l.instances(),
                array: l.array(),
                ends_level: true,
                moves_window,
            });
        }
        Some(())
    }
}

impl Group {
    fn new(operation: &Operation, contains: impl Fn(usize) -> bool) -> Group {
        let ranks: SmallVec<[RankId; 4]> = (0..operation.ranks.len())
            .filter(|&rank| contains(rank))
            .map(|rank| RankId(rank as u8))
            .collect();
        let local = |rank: RankId| ranks.iter().position(|&r| r == rank).unwrap_or(0);
        let windows: SmallVec<[GroupWindow; 1]> = operation
            .windows
            .iter()
            .enumerate()
            .filter(|(_, window)| contains(window.output.index()))
            .map(|(index, window)| GroupWindow {
                window: index as u8,
                output: local(window.output),
                kernel: local(window.kernel),
                stride: window.stride as i64,
                dilation: window.dilation as i64,
            })
            .collect();
        let extents = ranks
            .iter()
            .map(|rank| operation.ranks[rank.index()] as i64)
            .collect();
        Group {
            ranks,
            windows,
            loops: GroupLoops::new(),
            extents,
        }
    }

    /// The whole group: every rank from 0 to its extent, and the input rows that this needs.
    #[must_use]
    pub fn whole(&self) -> GroupState {
        let mut state = GroupState {
            ranks: self
                .extents
                .iter()
                .map(|&extent| Interval::new(0, extent))
                .collect(),
            windows: self.windows.iter().map(|_| Interval::EMPTY).collect(),
        };
        self.hand_down(&mut state);
        state
    }

    /// How many windows each move of `l` has in `state`; the largest counts for the loop.
    #[must_use]
    pub fn windows_in(&self, state: &GroupState, l: &GroupLoop) -> u64 {
        l.moves.iter().map(|m| reach(state, m)).max().unwrap_or(0)
    }

    /// `state` narrowed to window number `window` of `l`; moves that do not reach so far become empty.
    /// Without [`Group::end_level`].
    #[must_use]
    pub fn piece(&self, state: &GroupState, l: &GroupLoop, window: u64) -> GroupState {
        let mut piece = state.clone();
        for m in &l.moves {
            let extent = state.extent(m.axis);
            let narrowed = if window < reach(state, m) {
                let start = extent.lo + window as i64 * m.offset;
                Interval::new(start, extent.hi.min(start.saturating_add(m.size)))
            } else {
                Interval::EMPTY
            };
            match m.axis {
                GroupAxis::Rank(rank) => piece.ranks[rank] = narrowed,
                GroupAxis::Window(window) => piece.windows[window] = narrowed,
            }
        }
        piece
    }

    /// Keeps the outputs whose complete input window lies in `state`.
    pub fn produce(&self, state: &mut GroupState) {
        for (number, window) in self.windows.iter().enumerate() {
            let (rows, kernel) = (state.windows[number], state.ranks[window.kernel]);
            let output = &mut state.ranks[window.output];
            if rows.is_empty() || kernel.is_empty() {
                *output = Interval::EMPTY;
                continue;
            }
            let first = rows.lo - window.dilation * kernel.lo;
            let last = rows.hi - 1 - window.dilation * (kernel.hi - 1);
            *output = output.intersect(Interval::new(
                div_ceil(first, window.stride),
                last.div_euclid(window.stride) + 1,
            ));
        }
    }

    /// Makes the input rows exactly those that the outputs need.
    fn hand_down(&self, state: &mut GroupState) {
        for (number, window) in self.windows.iter().enumerate() {
            let (output, kernel) = (state.ranks[window.output], state.ranks[window.kernel]);
            state.windows[number] = if output.is_empty() || kernel.is_empty() {
                Interval::EMPTY
            } else {
                Interval::new(
                    window.stride * output.lo + window.dilation * kernel.lo,
                    window.stride * (output.hi - 1) + window.dilation * (kernel.hi - 1) + 1,
                )
            };
        }
    }

    /// The rule of the end of a cluster level. Idempotent.
    pub fn end_level(&self, state: &mut GroupState) {
        self.produce(state);
        self.hand_down(state);
    }

    /// `state` narrowed to one window, with the level's end applied where the loop is the level's last.
    #[must_use]
    pub fn step(&self, state: &GroupState, l: &GroupLoop, window: u64) -> GroupState {
        let mut piece = self.piece(state, l, window);
        if l.ends_level {
            self.end_level(&mut piece);
        }
        piece
    }

    /// Whether the boxes of this group follow from one loop at a time: every window of every loop is a
    /// translate of the first or clipped at the end, and an instance works in a prefix of its windows.
    /// The counting engine needs it. Not so: kernel and input rows tiled by different loops of one level
    /// (`TemporalMap(1,1) Y; TemporalMap(1,1) R`), or input windows that move by less than the stride.
    #[must_use]
    pub fn is_regular(&self, loops: &[GroupLoop], leaf: usize) -> bool {
        // Without input windows only gaps and overlaps of plain loops could be irregular.
        if loops.iter().all(|l| {
            !l.moves_window && l.moves.len() == 1 && l.moves.iter().all(|m| m.size == m.offset)
        }) {
            return true;
        }
        let mut state = self.whole();
        // Per input window, what the loops of this level have narrowed so far.
        let mut rows = [false; 4];
        let mut kernel = [false; 4];
        let mut output = [false; 4];
        // Some pieces of the kernel are smaller than others.
        let mut uneven = [false; 4];
        if self.windows.len() > rows.len() {
            return false;
        }
        for l in loops {
            let narrows = |m: &GroupMove| reach(&state, m) > 1;
            for m in l.moves.iter().filter(|m| narrows(m)) {
                match m.axis {
                    GroupAxis::Rank(rank) => {
                        if m.size != m.offset && !l.moves_window {
                            return false;
                        }
                        for (w, window) in self.windows.iter().enumerate() {
                            kernel[w] |= rank == window.kernel && !l.moves_window;
                            output[w] |= rank == window.output;
                            if rank == window.kernel {
                                uneven[w] |= !state.ranks[rank].len().is_multiple_of(m.size as u64);
                            }
                        }
                    }
                    GroupAxis::Window(w) => {
                        let window = &self.windows[w];
                        rows[w] = true;
                        // A kernel row with its input row leaves the outputs as they are. Kernels of different
                        // size finish different outputs in the same window.
                        let alone = l.moves.len() == 1;
                        let apart = m.offset % window.stride != 0 || uneven[w];
                        if l.index >= leaf || alone && apart {
                            return false;
                        }
                    }
                }
            }
            let narrowing = l.moves.iter().filter(|m| narrows(m)).count();
            if narrowing > 1 && !self.moves_together(l) {
                return false;
            }
            if (0..self.windows.len()).any(|w| rows[w] && (kernel[w] || output[w])) {
                return false;
            }
            if l.ends_level {
                (rows, kernel, output) = ([false; 4], [false; 4], [false; 4]);
            }
            // Within a level a map of outputs sees them before the input rows narrow them.
            state = self.step(&state, l, 0);
        }
        true
    }

    /// One input-row map and the map of its kernel rank, a kernel row for an input row: the pair of the
    /// row-stationary dataflow.
    fn moves_together(&self, l: &GroupLoop) -> bool {
        let [a, b] = l.moves.as_slice() else {
            return false;
        };
        let (rows, rank) = match (a.axis, b.axis) {
            (GroupAxis::Window(_), GroupAxis::Rank(_)) => (a, b),
            (GroupAxis::Rank(_), GroupAxis::Window(_)) => (b, a),
            _ => return false,
        };
        let (GroupAxis::Window(w), GroupAxis::Rank(kernel)) = (rows.axis, rank.axis) else {
            return false;
        };
        let window = &self.windows[w];
        window.kernel == kernel
            && rank.size == rank.offset
            && rows.offset == window.dilation * rank.offset
    }

    /// [`Group::step`] for a regular group: outputs follow at once from a narrowed input window, which
    /// for these is the same at the end of the level.
    #[must_use]
    pub fn advance(&self, state: &GroupState, l: &GroupLoop, window: u64) -> GroupState {
        let mut piece = self.piece(state, l, window);
        if l.moves_window {
            self.produce(&mut piece);
        }
        if l.ends_level {
            self.end_level(&mut piece);
        }
        piece
    }
}

fn reach(state: &GroupState, m: &GroupMove) -> u64 {
    window_count(state.extent(m.axis).len(), m.size as u64, m.offset as u64)
}

fn div_ceil(a: i64, b: i64) -> i64 {
    -(-a).div_euclid(b)
}
