//! Does every memory hold what it must? (E0501)
//!
//! Problem: a memory's tile is what all PEs below one of its instances touch until the loops outside its
//! position advance. `TemporalMap(3,1) Y` under `R: 3` at stride 2 with a 1x1 kernel keeps every second row:
//! a bounding box would ask for twice the memory. So tiles are measured as the exact sets of elements that
//! the counting engine uses, one group of ranks at a time; a tile is the product over the groups, and so is
//! the largest tile, because windows of different groups meet in every combination.
//!
//! In a group whose loops are regular (`Group::is_regular`) all windows of a loop are translates of the
//! first, so only where padding is cut off does another than the first one have to be looked at.
//! Irregular groups are enumerated, within a limit of work.
//!
//! The backing store holds every tensor whole, whether all of it is touched or not.

use super::violation::{Change, Directive, Fit, Need, Overfull, Repair, Violation};
use super::{covers, fast, repair, sums, whole};
use crate::base::limits;
use crate::ir::Footprint as Elements;
use crate::ir::{
    Axis, Group, GroupAxis, GroupState, Intervals, Mapping, Memory, Problem, Role, groups,
};
use smallvec::SmallVec;

/// [`limits::TILE_STATES`].
const LIMIT: u64 = limits::TILE_STATES;
/// [`limits::CLIPPED_WINDOWS`].
const MOST_CLIPPED: u64 = limits::CLIPPED_WINDOWS;

/// The groups of a mapping, ready to measure tiles at any position.
pub struct Footprint<'a> {
    mapping: &'a Mapping,
    groups: Vec<Measured>,
}

struct Measured {
    group: Group,
    regular: bool,
    /// Per tensor.
    elements: Vec<Elements>,
    /// Per tensor: whether padding is cut off.
    clips: Vec<bool>,
    /// Per tensor: whether some index of it has a rank of the group.
    touches: Vec<bool>,
}

/// Elements of the largest tile of `tensor` in one instance of `memory` if the tile lay at `position`;
/// `None` when it is too irregular to measure. The mapping covers every point exactly once.
#[must_use]
pub fn footprint(mapping: &Mapping, memory: usize, tensor: usize, position: usize) -> Option<u64> {
    Footprint::new(mapping).largest(memory, tensor, position)
}

/// Bits that one instance of `memory` must hold, double buffering counted, and the tiles that make them
/// up; `None` when a tile is too irregular to measure.
#[must_use]
pub fn required(mapping: &Mapping, memory: usize) -> Option<(u128, Vec<Need>)> {
    Footprint::new(mapping).required(memory, &mapping.schedule.positions[memory])
}

impl<'a> Footprint<'a> {
    /// Prepares the groups of `mapping`.
    #[must_use]
    pub fn new(mapping: &'a Mapping) -> Footprint<'a> {
        let unproved = fast::unproved(mapping);
        let groups = groups(mapping)
            .into_iter()
            .map(|group| {
                let whole = group.whole();
                // Only loops that partition have the union of their windows for a tile.
                let proved = group.ranks.iter().all(|rank| !unproved[rank.index()]);
                let elements: Vec<Elements> = (0..mapping.operation.tensors.len())
                    .map(|tensor| Elements::new(mapping, &group, tensor))
                    .collect();
                Measured {
                    regular: proved
                        && apart(&group)
                        && group.is_regular(&group.loops, mapping.schedule.leaf),
                    touches: elements
                        .iter()
                        .map(|e| !e.reach(&whole, 0).is_empty())
                        .collect(),
                    clips: elements.iter().map(|e| e.clips(&group)).collect(),
                    elements,
                    group,
                }
            })
            .collect();
        Footprint { mapping, groups }
    }

    /// As [`required`], with the tile of each tensor at the position in `row`.
    #[must_use]
    pub fn required(&self, memory: usize, row: &[Option<usize>]) -> Option<(u128, Vec<Need>)> {
        let architecture = &self.mapping.architecture;
        let mut needs = Vec::new();
        let mut sum = 0u128;
        let bank = bank_bits(&architecture.memories[memory]);
        for (tensor, position) in row.iter().enumerate() {
            let Some(position) = *position else { continue };
            let elements = self.largest(memory, tensor, position)?;
            let width = self.width(memory, tensor);
            let bits = u128::from(elements) * u128::from(width);
            let taken = match bank {
                Some(bank) => bits.div_ceil(bank).checked_mul(bank)?,
                None => bits,
            };
            sum = sum.checked_add(taken)?;
            needs.push(Need {
                tensor,
                elements,
                bits,
                taken,
            });
        }
        let buffers = 1 + u128::from(architecture.memories[memory].double_buffered);
        Some((sum.checked_mul(buffers)?, needs))
    }

    /// Bits of an element of `tensor` in `memory`: of a partial sum where one can lie there.
    fn width(&self, memory: usize, tensor: usize) -> u32 {
        let known = &self.mapping.operation.tensors[tensor];
        if known.role == Role::Output
            && known.partial_bits != known.bits
            && sums::incomplete(self.mapping, memory)
        {
            known.partial_bits.max(known.bits)
        } else {
            known.bits
        }
    }

    /// As [`footprint`].
    #[must_use]
    pub fn largest(&self, memory: usize, tensor: usize, position: usize) -> Option<u64> {
        let above = self.mapping.architecture.memories[memory].arrays_above;
        let leaf = self.mapping.schedule.leaf;
        self.groups.iter().try_fold(1u64, |product, measured| {
            if !measured.touches[tensor] {
                return Some(product);
            }
            let loops = &measured.group.loops;
            let before = |place: usize| loops.iter().take_while(|l| l.index < place).count();
            let mut walk = Walk {
                measured,
                tensor,
                above,
                end: before(position),
                leaf: before(leaf),
                budget: LIMIT,
            };
            product.checked_mul(walk.largest(0, vec![measured.group.whole()])?)
        })
    }
}

/// Bits of one bank, where a memory has more than one.
pub(super) fn bank_bits(memory: &Memory) -> Option<u128> {
    let bits = memory.capacity_bits? / u128::from(memory.banks.max(1));
    (memory.banks > 1 && bits > 0).then_some(bits)
}

/// Whether no level tiles both input rows and the outputs that follow from them. If one does, an instance
/// can have no part in a window of the outputs although later ones are its own.
fn apart(group: &Group) -> bool {
    let mut rows = [false; 8];
    let mut outputs = [false; 8];
    if group.windows.len() > rows.len() {
        return false;
    }
    group.loops.iter().all(|l| {
        for m in &l.moves {
            for (w, window) in group.windows.iter().enumerate() {
                rows[w] |= m.axis == GroupAxis::Window(w);
                outputs[w] |= m.axis == GroupAxis::Rank(window.output);
            }
        }
        let apart = rows
            .iter()
            .zip(&outputs)
            .all(|(&rows, &outputs)| !(rows && outputs));
        if l.ends_level {
            (rows, outputs) = ([false; 8], [false; 8]);
        }
        apart
    })
}

struct Walk<'a> {
    measured: &'a Measured,
    tensor: usize,
    /// Arrays above the memory.
    above: usize,
    /// Loops of the group outside the position, and outside the leaf.
    end: usize,
    leaf: usize,
    budget: u64,
}

impl Walk<'_> {
    /// The largest tile; `states`: what the instances below one instance of the memory have at this point.
    fn largest(&mut self, depth: usize, states: Vec<GroupState>) -> Option<u64> {
        if depth == self.end {
            return self.size(&states);
        }
        let group = &self.measured.group;
        let l = &group.loops[depth];
        let together = match l.array {
            Some(array) if array >= self.above => l.instances.max(1),
            _ => 1,
        };
        let reach = states.iter().map(|state| group.windows_in(state, l)).max();
        let trips = reach.unwrap_or(0).div_ceil(together);
        if trips == 0 {
            return Some(0);
        }
        if self.measured.regular {
            if let [state] = states.as_slice()
                && self.spreads_to_the_end(depth, state)
            {
                return self.gathered(depth, state, trips, together);
            }
            let first = self.pieces(depth, &states, 0, together, reach.unwrap_or(0))?;
            // With a clipped last piece of the kernel more outputs fit into a window of rows further in.
            let kernel = |m: &crate::ir::GroupMove| {
                let moved = |rank| group.windows.iter().any(|w| w.kernel == rank);
                matches!(m.axis, GroupAxis::Rank(rank) if moved(rank))
            };
            let uneven = trips > 1
                && l.moves.iter().any(kernel)
                && group.loops[depth + 1..self.end]
                    .iter()
                    .any(|l| l.moves_window);
            if trips == 1 || !(uneven || self.measured.clips[self.tensor]) {
                return self.largest(depth + 1, first);
            }
            // A full window with no padding is as large as any.
            let shape = |states: &[GroupState]| -> Vec<u64> {
                let ranks = states.iter().flat_map(|state| &state.ranks);
                ranks.map(|range| range.len()).collect()
            };
            let full = shape(&first);
            let samples = if uneven { 0 } else { trips.min(8) };
            for trip in (0..samples).chain((!uneven).then_some(trips / 2)) {
                let states = self.pieces(depth, &states, trip, together, reach.unwrap_or(0))?;
                if shape(&states) == full && self.inside(&states) {
                    return self.largest(depth + 1, states);
                }
            }
            if trips > MOST_CLIPPED {
                return None;
            }
        }
        let mut largest = 0;
        for trip in 0..trips {
            let states = self.pieces(depth, &states, trip, together, reach.unwrap_or(0))?;
            largest = largest.max(self.largest(depth + 1, states)?);
        }
        Some(largest)
    }

    /// Whether the loops from `depth` to the position only spread `state` over instances below the memory,
    /// those after the first without folds: then what they have together is a box again.
    fn spreads_to_the_end(&self, depth: usize, state: &GroupState) -> bool {
        let group = &self.measured.group;
        let mut state = state.clone();
        group.loops[depth..self.end]
            .iter()
            .enumerate()
            .all(|(number, l)| {
                let below = l.array.is_some_and(|array| array >= self.above);
                let once = number == 0 || group.windows_in(&state, l) <= l.instances;
                state = group.advance(&state, l, 0);
                below && once
            })
    }

    /// The largest tile of such loops: that of the largest fold of the first one.
    fn gathered(
        &mut self,
        depth: usize,
        state: &GroupState,
        trips: u64,
        together: u64,
    ) -> Option<u64> {
        let group = &self.measured.group;
        let l = &group.loops[depth];
        let reach = group.windows_in(state, l);
        let clips = self.measured.clips[self.tensor];
        if clips && trips > MOST_CLIPPED {
            return None;
        }
        let mut largest = 0;
        for trip in 0..if clips { trips } else { 1 } {
            self.spend()?;
            let last = (trip + 1).saturating_mul(together).min(reach) - 1;
            let mut together = group.advance(state, l, trip * together);
            let end = group.advance(state, l, last);
            for (range, end) in together.ranks.iter_mut().zip(&end.ranks) {
                range.lo = range.lo.min(end.lo);
                range.hi = range.hi.max(end.hi);
            }
            let full = trip + 1 < trips;
            largest = largest.max(self.size(std::slice::from_ref(&together))?);
            if full && self.inside(std::slice::from_ref(&together)) {
                break;
            }
        }
        Some(largest)
    }

    /// What the instances have in one trip of loop `depth`; idle ones are left out.
    fn pieces(
        &mut self,
        depth: usize,
        states: &[GroupState],
        trip: u64,
        together: u64,
        reach: u64,
    ) -> Option<Vec<GroupState>> {
        let (group, regular) = (&self.measured.group, self.measured.regular);
        let l = &group.loops[depth];
        let windows = trip * together..(trip + 1).saturating_mul(together).min(reach);
        let mut pieces = Vec::new();
        for state in states {
            for window in windows.clone() {
                self.spend()?;
                let piece = if regular {
                    group.advance(state, l, window)
                } else {
                    group.step(state, l, window)
                };
                if !piece.is_empty() {
                    pieces.push(piece);
                }
            }
        }
        Some(pieces)
    }

    /// One more state is visited.
    fn spend(&mut self) -> Option<()> {
        self.budget = self.budget.checked_sub(1)?;
        limits::spend(1).ok()
    }

    fn inside(&self, states: &[GroupState]) -> bool {
        let elements = &self.measured.elements[self.tensor];
        states.iter().all(|state| {
            let reach = elements.reach(state, 0);
            reach
                .iter()
                .all(|&(lo, hi, extent, _)| lo >= 0 && hi < extent)
        })
    }

    /// Distinct elements that `states` touch.
    fn size(&mut self, states: &[GroupState]) -> Option<u64> {
        let mut pieces = SmallVec::new();
        for state in states {
            if self.measured.regular {
                self.measured.elements[self.tensor].pieces(state, &mut pieces)?;
            } else {
                self.touch(self.end, state, &mut pieces)?;
            }
        }
        Some(Intervals::union_of(pieces).len())
    }

    /// The elements of the leaf tiles inside `state`.
    fn touch(
        &mut self,
        depth: usize,
        state: &GroupState,
        pieces: &mut SmallVec<[crate::ir::Interval; 8]>,
    ) -> Option<()> {
        let group = &self.measured.group;
        if depth == self.leaf {
            let mut tile = state.clone();
            group.end_level(&mut tile);
            return self.measured.elements[self.tensor].pieces(&tile, pieces);
        }
        let l = &group.loops[depth];
        for window in 0..super::cover::common_windows(state, l) {
            self.spend()?;
            let piece = group.step(state, l, window);
            if !piece.is_empty() {
                self.touch(depth + 1, &piece, pieces)?;
            }
        }
        Some(())
    }
}

/// The memories that hold more than they can (E0501). The mapping covers every point exactly once.
#[must_use]
pub fn check(mapping: &Mapping) -> Vec<Violation> {
    let memories = &mapping.architecture.memories;
    let bounded = |memory: &usize| memories[*memory].capacity_bits.is_some();
    let bounded: Vec<usize> = (1..memories.len()).filter(bounded).collect();
    let outermost = backing(mapping);
    if bounded.is_empty() {
        return outermost.into_iter().collect();
    }
    let footprint = Footprint::new(mapping);
    let inner = bounded.into_iter().filter_map(|memory| {
        let capacity = memories[memory].capacity_bits?;
        match footprint.required(memory, &mapping.schedule.positions[memory]) {
            None => Some(Violation::Unmeasured { memory }),
            Some((need, _)) if need <= capacity => None,
            Some((need, tensors)) => Some(overfull(mapping, memory, capacity, need, tensors)),
        }
    });
    outermost.into_iter().chain(inner).collect()
}

/// E0501 when the backing store is too small for the whole tensors. No loop makes them smaller.
pub(super) fn backing(mapping: &Problem) -> Option<Violation> {
    let have = mapping.architecture.memories.first()?.capacity_bits?;
    let tensors: Vec<Need> = mapping
        .operation
        .tensors
        .iter()
        .enumerate()
        .map(|(tensor, known)| {
            let extents = known.dims.iter().map(|dim| dim.extent);
            let elements = extents.fold(1, u64::saturating_mul);
            let bits = u128::from(elements) * u128::from(known.bits);
            Need {
                tensor,
                elements,
                bits,
                taken: bits,
            }
        })
        .collect();
    let need = tensors
        .iter()
        .fold(0u128, |sum, need| sum.saturating_add(need.bits));
    (need > have).then(|| {
        Violation::Overfull(Box::new(Overfull {
            memory: 0,
            need,
            have,
            banks: 1,
            double_buffered: false,
            tensors,
            fits: Vec::new(),
            repair: None,
            whole: None,
        }))
    })
}

/// E0501, with the sizes that would fit.
pub(super) fn overfull(
    mapping: &Mapping,
    memory: usize,
    have: u128,
    need: u128,
    tensors: Vec<Need>,
) -> Violation {
    let row = &mapping.schedule.positions[memory];
    let innermost = row.iter().flatten().copied().max().unwrap_or(0);
    let advise = || {
        let fits: Vec<Fit> = super::directives(mapping)
            .filter(|directive| !directive.spatial && directive.index < innermost)
            .take_while(|_| !limits::is_spent())
            .filter_map(|directive| fit(mapping, memory, have, directive))
            .collect();
        let is_cut = !fits.is_empty();
        // A piece is no smaller than the pieces that it is cut into.
        let fits: Vec<Fit> = fits
            .into_iter()
            .filter(|fit| !repair::is_cut_larger(mapping, fit.directive, fit.size))
            .collect();
        let repair = fits.iter().find_map(|fit| {
            let change = Change::Resize {
                size: fit.size,
                offset: fit.offset,
            };
            let repaired = repair::apply(mapping, fit.directive, change)?;
            covers(&repaired).then_some(Repair {
                directive: fit.directive,
                change,
            })
        });
        let whole = match is_cut {
            true => None,
            false => whole::cut_whole(mapping, memory, have),
        };
        (fits, repair, whole)
    };
    let ((fits, repair, whole), ..) = limits::within(limits::ADVICE, None, advise);
    Violation::Overfull(Box::new(Overfull {
        memory,
        need,
        have,
        double_buffered: mapping.architecture.memories[memory].double_buffered,
        banks: mapping.architecture.memories[memory].banks,
        tensors,
        fits,
        repair,
        whole,
    }))
}

/// The largest size of `directive` with which `memory` fits, its offset scaled likewise.
fn fit(mapping: &Mapping, memory: usize, have: u128, directive: Directive) -> Option<Fit> {
    let fits = |size: u64| -> Option<bool> {
        let change = Change::Resize {
            size,
            offset: scaled(mapping, directive, size)?,
        };
        let changed = repair::apply(mapping, directive, change)?;
        let (need, _) = required(&changed, memory)?;
        Some(need <= have)
    };
    // The smallest that makes sense, and binary search between it and the size that does not fit.
    let mut low = match directive.axis {
        Axis::Rank(_) => 1,
        Axis::Window(window) => span(mapping, usize::from(window)),
    };
    let mut high = directive
        .size
        .min(super::extent_of(mapping, directive.axis));
    if low >= high || !fits(low)? {
        return None;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(Fit {
        directive,
        size: low,
        offset: scaled(mapping, directive, low)?,
    })
}

fn span(mapping: &Mapping, window: usize) -> u64 {
    let window = mapping.operation.windows[window];
    let kernel = mapping.operation.ranks[window.kernel.index()];
    window.dilation * kernel.saturating_sub(1) + 1
}

/// The offset with which windows of `size` abut as those of the directive do.
fn scaled(mapping: &Mapping, directive: Directive, size: u64) -> Option<u64> {
    match directive.axis {
        Axis::Rank(_) if directive.offset == directive.size => Some(size),
        Axis::Rank(_) => Some((directive.offset * size / directive.size).max(1)),
        Axis::Window(window) => {
            let slack = size.checked_sub(span(mapping, usize::from(window)))?;
            let stride = mapping.operation.windows[usize::from(window)].stride;
            Some((slack / stride + 1) * stride)
        }
    }
}
