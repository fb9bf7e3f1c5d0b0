//! One instance's place in a small group, as plain numbers.
//!
//! Problem: a search evaluates a hundred thousand mappings a second, and nearly all groups of nearly all
//! layers have at most two ranks and one input window (`{K}`, `{C}`, `{P,R}`). For these a place of the
//! nest is six numbers, and a footprint is one interval, clipped at the tensor's border. This module does
//! the arithmetic of [`crate::ir::Group`] and [`crate::ir::Footprint`] for that case only, without allocation; where a
//! footprint is no single interval it says so, and the caller counts with sets instead.

use crate::ir::{Group, GroupAxis, GroupLoop, GroupState, Interval, Mapping, window_count};

/// Intervals of up to two ranks and one input window; unused ones are `0..1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub ranks: [Interval; 2],
    pub rows: Interval,
}

const UNIT: Interval = Interval { lo: 0, hi: 1 };

/// The input window of a small group.
#[derive(Clone, Copy, Debug)]
struct Rows {
    output: usize,
    kernel: usize,
    stride: i64,
    dilation: i64,
}

/// The arithmetic of one small group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground {
    rows: Option<Rows>,
    whole: Spot,
}

impl Ground {
    /// `None` when the group has more than two ranks or more than one window.
    pub fn new(group: &Group) -> Option<Ground> {
        if group.ranks.len() > 2 || group.windows.len() > 1 {
            return None;
        }
        let state = group.whole();
        let rank = |n: usize| state.ranks.get(n).copied().unwrap_or(UNIT);
        Some(Ground {
            rows: group.windows.first().map(|w| Rows {
                output: w.output,
                kernel: w.kernel,
                stride: w.stride,
                dilation: w.dilation,
            }),
            whole: Spot {
                ranks: [rank(0), rank(1)],
                rows: state.windows.first().copied().unwrap_or(UNIT),
            },
        })
    }

    pub fn whole(&self) -> Spot {
        self.whole
    }

    /// The output rank of the input window, and its stride.
    #[inline]
    pub fn output(&self) -> Option<(usize, i64)> {
        self.rows.map(|rows| (rows.output, rows.stride))
    }

    /// How far the input rows lie from those that begin the windows of the outputs.
    pub fn skew(&self, spot: &Spot) -> i64 {
        self.rows.map_or(0, |rows| {
            let (output, kernel) = (spot.ranks[rows.output & 1], spot.ranks[rows.kernel & 1]);
            spot.rows.lo - rows.stride * output.lo - rows.dilation * kernel.lo
        })
    }

    /// `Group::windows_in`.
    #[inline]
    pub fn windows_in(&self, spot: &Spot, l: &GroupLoop) -> u64 {
        let mut most = 0;
        for m in &l.moves {
            most = most.max(window_count(
                spot.extent(m.axis).len(),
                m.size as u64,
                m.offset as u64,
            ));
        }
        most
    }

    /// `Group::advance`.
    #[inline]
    pub fn advance(&self, spot: &Spot, l: &GroupLoop, window: u64) -> Spot {
        let mut piece = self.piece(spot, l, window);
        if let Some(rows) = &self.rows
            && l.moves_window
            && !l.ends_level
        {
            rows.produce(&mut piece);
        }
        self.end(&mut piece, l);
        piece
    }

    /// `Group::step`.
    pub fn step(&self, spot: &Spot, l: &GroupLoop, window: u64) -> Spot {
        let mut piece = self.piece(spot, l, window);
        self.end(&mut piece, l);
        piece
    }

    #[inline]
    fn end(&self, spot: &mut Spot, l: &GroupLoop) {
        if let Some(rows) = &self.rows
            && l.ends_level
        {
            rows.produce(spot);
            rows.hand_down(spot);
        }
    }

    #[inline]
    fn piece(&self, spot: &Spot, l: &GroupLoop, window: u64) -> Spot {
        let mut piece = *spot;
        for m in &l.moves {
            let extent = spot.extent(m.axis);
            let reach = window_count(extent.len(), m.size as u64, m.offset as u64);
            let narrowed = if window < reach {
                let start = extent.lo + window as i64 * m.offset;
                Interval::new(start, extent.hi.min(start.saturating_add(m.size)))
            } else {
                Interval::EMPTY
            };
            match m.axis {
                GroupAxis::Rank(rank) => piece.ranks[rank & 1] = narrowed,
                GroupAxis::Window(_) => piece.rows = narrowed,
            }
        }
        piece
    }
}

impl Rows {
    fn produce(&self, spot: &mut Spot) {
        let kernel = spot.ranks[self.kernel & 1];
        let output = &mut spot.ranks[self.output & 1];
        if spot.rows.is_empty() || kernel.is_empty() {
            *output = Interval::EMPTY;
            return;
        }
        let first = spot.rows.lo - self.dilation * kernel.lo;
        let last = spot.rows.hi - 1 - self.dilation * (kernel.hi - 1);
        let (first, last) = if self.stride == 1 {
            (first, last + 1)
        } else {
            (
                -(-first).div_euclid(self.stride),
                last.div_euclid(self.stride) + 1,
            )
        };
        *output = output.intersect(Interval::new(first, last));
    }

    fn hand_down(&self, spot: &mut Spot) {
        let (output, kernel) = (spot.ranks[self.output & 1], spot.ranks[self.kernel & 1]);
        spot.rows = if output.is_empty() || kernel.is_empty() {
            Interval::EMPTY
        } else {
            Interval::new(
                self.stride * output.lo + self.dilation * kernel.lo,
                self.stride * (output.hi - 1) + self.dilation * (kernel.hi - 1) + 1,
            )
        };
    }
}

impl Spot {
    #[inline]
    pub fn extent(&self, axis: GroupAxis) -> Interval {
        match axis {
            GroupAxis::Rank(rank) => self.ranks[rank & 1],
            GroupAxis::Window(_) => self.rows,
        }
    }

    /// The same place as the ir has it.
    pub fn state(&self, group: &Group) -> GroupState {
        GroupState {
            ranks: self.ranks.iter().copied().take(group.ranks.len()).collect(),
            windows: group.windows.iter().map(|_| self.rows).collect(),
        }
    }

    #[inline]
    pub fn volume(&self) -> u64 {
        self.ranks[0].len().saturating_mul(self.ranks[1].len())
    }
}

/// A tensor's index in a small group, where it is one interval.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shadow {
    /// No index here: present or not.
    Absent,
    /// `coefficient * rank + constant`: counted in the rank's own numbers, inside `bounds`.
    One { rank: usize, bounds: Interval },
    /// `main * rank + other * rank' + constant` inside `0..extent`, both coefficients positive.
    Two {
        coefficients: [i64; 2],
        constant: i64,
        extent: i64,
    },
    /// Not one interval.
    Scattered,
}

impl Shadow {
    pub fn new(mapping: &Mapping, group: &Group, tensor: usize) -> Shadow {
        let operation = &mapping.operation;
        let mut shadow = Shadow::Absent;
        for dim in &operation.tensors[tensor].dims {
            let mut coefficients = [0i64; 2];
            let mut indexed = false;
            for term in &dim.terms {
                if let Some(local) = group.ranks.iter().position(|&r| r == term.rank) {
                    indexed = true;
                    // A rank of extent 1 is always at 0.
                    if operation.ranks[term.rank.index()] > 1 {
                        coefficients[local & 1] = term.coefficient;
                    }
                }
            }
            if !indexed {
                continue;
            }
            if !matches!(shadow, Shadow::Absent) {
                return Shadow::Scattered;
            }
            let extent = dim.extent as i64;
            shadow = match coefficients {
                [0, 0] => Shadow::One {
                    rank: 0,
                    bounds: if (0..extent).contains(&dim.constant) {
                        Interval::new(i64::MIN, i64::MAX)
                    } else {
                        Interval::EMPTY
                    },
                },
                [one, 0] | [0, one] => {
                    let stride = one.abs();
                    let bounds = if one > 0 {
                        Interval::new(
                            -(dim.constant.div_euclid(stride)),
                            (extent - 1 - dim.constant).div_euclid(stride) + 1,
                        )
                    } else {
                        Interval::new(
                            -((extent - 1 - dim.constant).div_euclid(stride)),
                            dim.constant.div_euclid(stride) + 1,
                        )
                    };
                    Shadow::One {
                        rank: usize::from(coefficients[0] == 0),
                        bounds,
                    }
                }
                [a, b] if a > 0 && b > 0 => Shadow::Two {
                    coefficients,
                    constant: dim.constant,
                    extent,
                },
                _ => Shadow::Scattered,
            };
            // A rank of extent 1 alone says nothing about which of its values: treat it as present.
            if coefficients == [0, 0] {
                shadow = match shadow {
                    Shadow::One { bounds, .. } if !bounds.is_empty() => Shadow::Absent,
                    other => other,
                };
                if matches!(shadow, Shadow::Absent) {
                    // Keep looking: further indices in this group make it scattered.
                    continue;
                }
            }
        }
        shadow
    }

    /// The footprint of a spot that is not empty, and before clipping at the border; `None` when it is not
    /// one interval.
    #[inline]
    pub fn interval(&self, spot: &Spot) -> Option<(Interval, Interval)> {
        match *self {
            Shadow::Absent => Some((UNIT, UNIT)),
            Shadow::One { rank, bounds } => {
                let open = spot.ranks[rank & 1];
                Some((open.intersect(bounds), open))
            }
            Shadow::Two {
                coefficients: [a, b],
                constant,
                extent,
            } => {
                let (x, y) = (spot.ranks[0], spot.ranks[1]);
                let (steps_x, steps_y) = (x.len() as i64 - 1, y.len() as i64 - 1);
                // One rank makes a run without holes, and the other moves it by no more than its length.
                let whole = (steps_x == 0 || a == 1 && (steps_y == 0 || b <= steps_x + 1))
                    && (steps_y == 0 || b == 1 || steps_x > 0 && a == 1 && b <= steps_x + 1)
                    || b == 1 && a <= steps_y + 1;
                if !whole {
                    return None;
                }
                let lo = a * x.lo + b * y.lo + constant;
                let hi = a * (x.hi - 1) + b * (y.hi - 1) + constant + 1;
                let open = Interval::new(lo, hi);
                Some((open.intersect(Interval::new(0, extent)), open))
            }
            Shadow::Scattered => None,
        }
    }

    /// The first and last value of the open footprint that lies inside the tensor; `None` without bounds.
    #[inline]
    pub fn bounds(&self) -> Option<(i64, i64)> {
        match *self {
            Shadow::Absent | Shadow::Scattered => None,
            Shadow::One { bounds, .. } => Some((bounds.lo, bounds.hi - 1)),
            Shadow::Two { extent, .. } => Some((0, extent - 1)),
        }
    }

    /// How far the open footprint moves when the local rank moves by one.
    #[inline]
    pub fn slope(&self, rank: usize) -> i64 {
        match *self {
            Shadow::Absent | Shadow::Scattered => 0,
            Shadow::One { rank: own, .. } => i64::from(own == rank),
            Shadow::Two { coefficients, .. } => coefficients[rank & 1],
        }
    }
}
