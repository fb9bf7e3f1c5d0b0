//! The separable exact engine: counts and time from step classes, not from steps.
//!
//! Problem: a layer has billions of steps, and the report must be exact. A step is entered when one loop
//! advances and all loops inside wrap to their first windows. What moves in it is a difference of two
//! products over groups (see `crossing`), and each factor depends only on the class of the group's own
//! position (see `classes`). So all steps with the same advancing loop and the same classes are equal:
//! they are evaluated once and multiplied.
//!
//! Time is found the same way from the inside out. A *region* is everything that happens from one advance
//! of a loop to the next: its time is the delay of the step at every boundary inside, around the sum of
//! the regions of the loops inside. There are as many different regions as classes.
//!
//! For TemporalMap K (2 windows, equal), TemporalMap X (222 windows: first, interior, last) there are one
//! region of K times three of X, and two of X below each.

use super::classes::GroupClasses;
use super::clock::{Link, StepTime};
use super::counts::{
    Bound, BoundaryCounts, Counts, CrossingCounts, MemoryCounts, TensorCounts, Timing,
};
use super::crossing::{BESIDE, Cross, HELD, Transition, WORKED};
use super::{Boundary, EngineLimit, bound_of, boundaries};
use crate::ir::{Mapping, groups};
use smallvec::SmallVec;

/// More regions than this: not countable in reasonable time.
const MOST_REGIONS: usize = 1 << 22;

/// How delays follow from transfers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimingRule {
    /// Every boundary, as `semantics.md` section 4 states.
    Exact,
    /// Only the boundary of the innermost memory counts (the shared buffer is never waited for), transfers
    /// always overlap, and partial sums pass from PE to PE in one cycle each (MAESTRO section 4.3).
    Maestro,
}

struct Engine<'a> {
    mapping: &'a Mapping,
    boundaries: Vec<Boundary>,
    links: Vec<Link>,
    classes: Vec<GroupClasses>,
    /// Per loop before the leaf: its group, and its number within the group.
    loops: Vec<(usize, usize)>,
    rule: TimingRule,
    totals: Vec<Totals>,
    compute: u128,
}

/// Sums over the run at one boundary.
#[derive(Clone)]
struct Totals {
    tensors: SmallVec<[Moved; 3]>,
    down_bits: u128,
    up_bits: u128,
    peak_bits: u64,
    transfer_cycles: u128,
}

/// One tensor's traffic.
#[derive(Clone, Default)]
struct Moved {
    fills: u128,
    down: u128,
    up: u128,
    forwarded: u128,
}

/// Counts one regular, legal mapping.
///
/// # Errors
/// [`EngineLimit`] when the mapping is irregular, has too many classes, or a count passes `u64`.
pub(super) fn run(mapping: &Mapping, rule: TimingRule) -> Result<Counts, EngineLimit> {
    let leaf = mapping.schedule.leaf;
    let found = groups(mapping);
    if !found.iter().all(|group| group.is_regular(leaf)) {
        return Err(EngineLimit::Irregular);
    }
    let boundaries = boundaries(mapping);
    let classes = found
        .into_iter()
        .map(|group| GroupClasses::new(mapping, group, &boundaries))
        .collect::<Result<Vec<_>, _>>()?;
    let mut loops = vec![(0, 0); leaf];
    for (g, group) in classes.iter().enumerate() {
        for (number, l) in group.group.loops[..group.depth].iter().enumerate() {
            loops[l.index] = (g, number);
        }
    }
    let links = boundaries
        .iter()
        .map(|b| Link::new(&mapping.architecture, b.parent, b.child))
        .collect();
    let totals = boundaries
        .iter()
        .map(|b| Totals {
            tensors: b.tensors.iter().map(|_| Moved::default()).collect(),
            down_bits: 0,
            up_bits: 0,
            peak_bits: 0,
            transfer_cycles: 0,
        })
        .collect();
    let mut engine = Engine {
        mapping,
        boundaries,
        links,
        classes,
        loops,
        rule,
        totals,
        compute: 0,
    };
    let cycles = engine.time()?;
    engine.counts(cycles)
}

impl Engine<'_> {
    /// Depth of group `g` just outside loop `l`.
    fn depth(&self, g: usize, l: usize) -> usize {
        self.classes[g].depth_at(l)
    }

    /// Time of the whole run; adds up all counts on the way.
    fn time(&mut self) -> Result<u64, EngineLimit> {
        let leaf = self.loops.len();
        // `times[l][context]`: the region entered by an advance of loop `l`.
        let mut times: Vec<Vec<u64>> = vec![Vec::new(); leaf];
        let mut regions = 0usize;
        for l in (0..leaf).rev() {
            let (own, number) = self.loops[l];
            if self.classes[own].edges[number].is_empty() {
                continue;
            }
            let radices = self.radices(l);
            let size = radices
                .iter()
                .try_fold(1usize, |size, &r| size.checked_mul(r));
            let size = size.filter(|&size| size <= MOST_REGIONS);
            let size = size.ok_or(EngineLimit::TooManyClasses)?;
            regions += size;
            if regions > MOST_REGIONS {
                return Err(EngineLimit::TooManyClasses);
            }
            let mut here = Vec::with_capacity(size);
            let mut context: SmallVec<[usize; 8]> = SmallVec::from_elem(0, radices.len());
            for _ in 0..size {
                here.push(self.region(Some(l), &context, &times)?);
                // The last group is the fastest digit.
                for (digit, &radix) in context.iter_mut().zip(&radices).rev() {
                    *digit += 1;
                    if *digit < radix {
                        break;
                    }
                    *digit = 0;
                }
            }
            times[l] = here;
        }
        let start: SmallVec<[usize; 8]> = SmallVec::from_elem(0, self.classes.len());
        let run = self.region(None, &start, &times)?;
        run.checked_add(self.drain()?).ok_or(EngineLimit::Overflow)
    }

    /// Number of classes of every group for an advance of loop `l`.
    fn radices(&self, l: usize) -> SmallVec<[usize; 8]> {
        let (own, number) = self.loops[l];
        (0..self.classes.len())
            .map(|g| {
                if g == own {
                    self.classes[g].edges[number].len()
                } else {
                    self.classes[g].nodes[self.depth(g, l)].len()
                }
            })
            .collect()
    }

    /// Time from the advance of loop `advance` (or from the start) until the next advance of it or of a
    /// loop outside it, for the classes in `context`.
    fn region(
        &mut self,
        advance: Option<usize>,
        context: &[usize],
        times: &[Vec<u64>],
    ) -> Result<u64, EngineLimit> {
        let leaf = self.loops.len();
        let outside = advance.map_or(0, |l| l + 1);
        // The node that every group is at after the advance, its depth, and how often this happens.
        let mut at: SmallVec<[(usize, usize); 8]> = SmallVec::new();
        let mut count = 1u128;
        for (g, &class) in context.iter().enumerate() {
            let classes = &self.classes[g];
            match advance {
                Some(l) if self.loops[l].0 == g => {
                    let number = self.loops[l].1;
                    let edge = &classes.edges[number][class];
                    count *= u128::from(classes.nodes[number][edge.parent].count)
                        * u128::from(edge.count);
                    at.push((edge.child, number + 1));
                }
                _ => {
                    let depth = advance.map_or(0, |l| self.depth(g, l));
                    count *= u128::from(classes.nodes[depth][class].count);
                    at.push((class, depth));
                }
            }
        }
        let mut busiest = 1u64;
        for (classes, &(node, depth)) in self.classes.iter().zip(&at) {
            let leaf = classes.first_at(node, depth, classes.depth);
            busiest = busiest
                .checked_mul(classes.nodes[classes.depth][leaf].busiest)
                .ok_or(EngineLimit::Overflow)?;
        }
        let mut time = busiest.div_ceil(self.mapping.architecture.lanes.max(1));
        self.compute += count * u128::from(time);

        let mut boundary = self.boundaries.len();
        for position in (outside..=leaf).rev() {
            while boundary > 0 && self.boundaries[boundary - 1].position == position {
                boundary -= 1;
                let crossed = self.crossing(boundary, advance, context, count)?;
                time = self.delay(boundary, time, crossed, advance.is_none())?;
            }
            if position > outside {
                time = self.loop_time(position - 1, &at, times, time)?;
            }
        }
        // Boundaries outside the advancing loop do not change; at the start all of them do.
        Ok(time)
    }

    /// Adds the regions of all further windows of loop `l`.
    fn loop_time(
        &self,
        l: usize,
        at: &[(usize, usize)],
        times: &[Vec<u64>],
        time: u64,
    ) -> Result<u64, EngineLimit> {
        let (own, number) = self.loops[l];
        if self.classes[own].edges[number].is_empty() {
            return Ok(time);
        }
        // Index of the context, but for the own group's digit.
        let mut index = 0usize;
        let mut scale_own = 1usize;
        let radices = self.radices(l);
        for (g, &(node, depth)) in at.iter().enumerate() {
            index *= radices[g];
            scale_own *= radices[g];
            if g == own {
                scale_own = 1;
            } else {
                let classes = &self.classes[g];
                index += classes.first_at(node, depth, self.depth(g, l));
            }
        }
        let classes = &self.classes[own];
        let (node, depth) = at[own];
        let parent = classes.first_at(node, depth, number);
        let mut sum = time;
        for edge in classes.nodes[number][parent].advances.clone() {
            let count = classes.edges[number][edge].count;
            let region = times[l][index + edge * scale_own];
            sum = region
                .checked_mul(count)
                .and_then(|all| sum.checked_add(all))
                .ok_or(EngineLimit::Overflow)?;
        }
        Ok(sum)
    }

    fn delay(
        &self,
        boundary: usize,
        inner: u64,
        crossed: StepTime,
        first: bool,
    ) -> Result<u64, EngineLimit> {
        let child = self.boundaries[boundary].child;
        let memory = &self.mapping.architecture.memories[child];
        match self.rule {
            TimingRule::Exact => Ok(crossed.delay(inner, first || !memory.double_buffered)),
            TimingRule::Maestro => {
                let innermost = self.mapping.architecture.memories.len() - 1;
                Ok(if child == innermost {
                    crossed.delay(inner, first)
                } else {
                    inner
                })
            }
        }
    }

    /// Adds up one kind of step at one boundary.
    fn crossing(
        &mut self,
        boundary: usize,
        advance: Option<usize>,
        context: &[usize],
        count: u128,
    ) -> Result<StepTime, EngineLimit> {
        let mut factors: SmallVec<[&Transition; 8]> = SmallVec::new();
        for (g, &class) in context.iter().enumerate() {
            let classes = &self.classes[g];
            let transition = match advance {
                Some(l) if self.loops[l].0 == g => {
                    &classes.edges[self.loops[l].1][class].advance[boundary]
                }
                _ => {
                    let depth = advance.map_or(0, |l| self.depth(g, l));
                    &classes.nodes[depth][class].wrap[boundary]
                }
            };
            factors.push(transition.as_ref().ok_or(EngineLimit::Irregular)?);
        }
        let at = &self.boundaries[boundary];
        let result = self.mapping.operation.result();
        let totals = &mut self.totals[boundary];
        let link = &self.links[boundary];
        let mut time = StepTime {
            ingress: 0,
            egress: 0,
        };
        let mut peak = 0u64;
        let mut choice: SmallVec<[usize; 8]> = SmallVec::from_elem(0, factors.len());
        loop {
            let parents = factors.iter().zip(&choice).try_fold(1u128, |n, (f, &c)| {
                n.checked_mul(u128::from(f.variants.get(c)?.count))
            });
            // A group without a working parent instance cannot be: some PE works in every step.
            let Some(parents) = parents else { break };
            let times = count.checked_mul(parents).ok_or(EngineLimit::Overflow)?;
            let mut down: SmallVec<[u64; 3]> = SmallVec::new();
            let mut up: SmallVec<[u64; 3]> = SmallVec::new();
            for (slot, &tensor) in at.tensors.iter().enumerate() {
                let cross = |f: &usize| &factors[*f].variants[choice[*f]].tensors[slot];
                let product = |size: &dyn Fn(&Cross) -> u64| -> Result<u64, EngineLimit> {
                    (0..factors.len())
                        .try_fold(1u64, |p, f| p.checked_mul(size(cross(&f))))
                        .ok_or(EngineLimit::Overflow)
                };
                let first = advance.is_none();
                let tiles = product(&|c| c.tiles)?;
                let kept = if first { 0 } else { product(&|c| c.kept)? };
                let wanted = product(&|c| c.wanted)?;
                let at_hand = if first { 0 } else { product(&|c| c.at_hand)? };
                let moved = &mut totals.tensors[slot];
                moved.fills += times * u128::from(tiles - kept);
                let bits = u64::from(self.mapping.operation.tensors[tensor].bits);
                let (mut enters, mut leaves) = (wanted - at_hand, 0);
                if tensor == result {
                    enters -= product(&|c| c.fresh)?;
                    if !first {
                        leaves = product(&|c| c.held)? - product(&|c| c.staying)?;
                    }
                } else if !first
                    && factors
                        .iter()
                        .enumerate()
                        .any(|(f, _)| !cross(&f).sorts.is_empty())
                {
                    let sorts: SmallVec<[&[(u8, u64)]; 8]> = (0..factors.len())
                        .map(|f| cross(&f).sorts.as_slice())
                        .collect();
                    enters = asked(&sorts).ok_or(EngineLimit::Overflow)?;
                    let alone: SmallVec<[&[(u8, u64)]; 8]> = (0..factors.len())
                        .map(|f| cross(&f).sorts_alone.as_slice())
                        .collect();
                    let asked_alone = asked(&alone).ok_or(EngineLimit::Overflow)?;
                    moved.forwarded += times * u128::from(tiles - kept - asked_alone);
                }
                moved.down += times * u128::from(enters);
                moved.up += times * u128::from(leaves);
                down.push(enters.checked_mul(bits).ok_or(EngineLimit::Overflow)?);
                up.push(leaves.checked_mul(bits).ok_or(EngineLimit::Overflow)?);
            }
            time.ingress = time
                .ingress
                .max(link.down_cycles(&down).ok_or(EngineLimit::Overflow)?);
            time.egress = time
                .egress
                .max(link.up_cycles(&up).ok_or(EngineLimit::Overflow)?);
            let (d, u) = (down.iter().sum::<u64>(), up.iter().sum::<u64>());
            totals.down_bits += times * u128::from(d);
            totals.up_bits += times * u128::from(u);
            peak = peak.max(d.saturating_add(u));
            // Next combination of parent instances, if any.
            let turned = choice
                .iter_mut()
                .zip(&factors)
                .rev()
                .find_map(|(choice, factor)| {
                    *choice += 1;
                    if *choice == factor.variants.len() {
                        *choice = 0;
                        return None;
                    }
                    Some(())
                });
            if turned.is_none() {
                break;
            }
        }
        totals.peak_bits = totals.peak_bits.max(peak);
        totals.transfer_cycles += count * u128::from(time.ingress.max(time.egress));
        Ok(time)
    }

    /// After the last step the remaining results leave through every boundary.
    fn drain(&mut self) -> Result<u64, EngineLimit> {
        let result = self.mapping.operation.result();
        let mut drain = 0u64;
        for (index, boundary) in self.boundaries.iter().enumerate() {
            let Some(slot) = boundary.tensors.iter().position(|&t| t == result) else {
                continue;
            };
            let factors: Vec<&Transition> = self
                .classes
                .iter()
                .filter_map(|classes| classes.nodes[0][0].wrap[index].as_ref())
                .collect();
            let mut combinations: Vec<(u128, u64)> = vec![(1, 1)];
            for factor in factors {
                combinations = combinations
                    .iter()
                    .flat_map(|&(count, size)| {
                        factor.variants.iter().map(move |v| {
                            (
                                count * u128::from(v.count),
                                size.saturating_mul(v.tensors[slot].held),
                            )
                        })
                    })
                    .collect();
            }
            let bits = u64::from(self.mapping.operation.tensors[result].bits);
            let totals = &mut self.totals[index];
            let mut longest = 0;
            for (count, elements) in combinations {
                let width = elements.checked_mul(bits).ok_or(EngineLimit::Overflow)?;
                totals.tensors[slot].up += count * u128::from(elements);
                totals.up_bits += count * u128::from(width);
                totals.peak_bits = totals.peak_bits.max(width);
                let cycles = self.links[index]
                    .up_cycles(&[width])
                    .ok_or(EngineLimit::Overflow)?;
                longest = longest.max(cycles);
            }
            totals.transfer_cycles += u128::from(longest);
            let counts = match self.rule {
                TimingRule::Exact => true,
                TimingRule::Maestro => {
                    boundary.child + 1 == self.mapping.architecture.memories.len()
                }
            };
            if counts {
                drain = drain.checked_add(longest).ok_or(EngineLimit::Overflow)?;
            }
        }
        Ok(drain)
    }

    /// Puts the sums together.
    fn counts(&self, cycles: u64) -> Result<Counts, EngineLimit> {
        let mapping = self.mapping;
        let operation = &mapping.operation;
        let result = operation.result();
        let small = |n: u128| u64::try_from(n).map_err(|_| EngineLimit::Overflow);
        let (mut performed, mut steps, mut pes_used) = (1u128, 1u128, 1u128);
        for classes in &self.classes {
            let leaves = &classes.nodes[classes.depth];
            let sum = |size: &dyn Fn(&super::classes::Node) -> u128| -> u128 {
                leaves
                    .iter()
                    .map(|node| u128::from(node.count) * size(node))
                    .sum()
            };
            performed = performed
                .checked_mul(sum(&|n| n.volume))
                .ok_or(EngineLimit::Overflow)?;
            steps = steps
                .checked_mul(sum(&|_| 1))
                .ok_or(EngineLimit::Overflow)?;
            let start = classes.first_at(0, 0, classes.depth);
            pes_used *= u128::from(leaves[start].working);
        }
        let expected = operation.volume().ok_or(EngineLimit::Overflow)?;
        if performed != expected {
            return Err(EngineLimit::Mismatch {
                performed,
                expected,
            });
        }

        let mut memories = Vec::new();
        for (memory, row) in mapping.schedule.positions.iter().enumerate() {
            let mut tensors = Vec::new();
            for tensor in (0..operation.tensors.len()).filter(|&t| row[t].is_some()) {
                tensors.push(self.tensor(memory, tensor)?);
            }
            let buffers = if mapping.architecture.memories[memory].double_buffered {
                2
            } else {
                1
            };
            let bits: u128 = tensors
                .iter()
                .map(|c| u128::from(c.tile) * u128::from(operation.tensors[c.tensor].bits))
                .sum();
            memories.push(MemoryCounts {
                required_bits: if memory == 0 {
                    0
                } else {
                    small(bits * buffers)?
                },
                tensors,
            });
        }
        let mut crossings = Vec::new();
        for (index, boundary) in self.boundaries.iter().enumerate() {
            let totals = &self.totals[index];
            let above = mapping.architecture.memories[boundary.parent].arrays_above;
            let below = mapping.architecture.memories[boundary.child].arrays_above;
            let mut tensors = Vec::new();
            for (slot, &tensor) in boundary.tensors.iter().enumerate() {
                let moved = &totals.tensors[slot];
                let arrivals = if tensor == result { 2 } else { 1 };
                tensors.push(CrossingCounts {
                    tensor,
                    down: small(moved.down)?,
                    up: small(moved.up)?,
                    forwarded: small(moved.forwarded)?,
                    hops: if above < below {
                        small(moved.fills * arrivals)?
                    } else {
                        0
                    },
                });
            }
            crossings.push(BoundaryCounts {
                parent: boundary.parent,
                child: boundary.child,
                position: boundary.position,
                tensors,
                down_bits: small(totals.down_bits)?,
                up_bits: small(totals.up_bits)?,
                peak_bits: totals.peak_bits,
                transfer_cycles: small(totals.transfer_cycles)?,
            });
        }
        let mut counts = Counts {
            operations: small(performed)?,
            steps: small(steps)?,
            pes_used: small(pes_used)?,
            memories,
            boundaries: crossings,
            timing: Timing {
                cycles,
                compute_cycles: small(self.compute)?,
                bound: Bound::Compute,
            },
        };
        counts
            .repeat(operation.repeat)
            .ok_or(EngineLimit::Overflow)?;
        counts.timing.bound = bound_of(&counts);
        Ok(counts)
    }

    /// One tensor in one memory: what the boundaries on both sides and the PEs move.
    fn tensor(&self, memory: usize, tensor: usize) -> Result<TensorCounts, EngineLimit> {
        let operation = &self.mapping.operation;
        let result = operation.result();
        let small = |n: u128| u64::try_from(n).map_err(|_| EngineLimit::Overflow);
        let slot_of = |b: &Boundary| b.tensors.iter().position(|&t| t == tensor);
        let outside = self.boundaries.iter().enumerate().find_map(|(i, b)| {
            (b.child == memory)
                .then(|| slot_of(b).map(|s| (i, s)))
                .flatten()
        });
        let inside = self.boundaries.iter().enumerate().find_map(|(i, b)| {
            (b.parent == memory)
                .then(|| slot_of(b).map(|s| (i, s)))
                .flatten()
        });

        let (mut unique, mut touching) = (1u128, 1u128);
        for classes in &self.classes {
            let whole = classes.group.whole();
            let footprint = &classes.footprints[tensor];
            let size = footprint.size(&whole).ok_or(EngineLimit::TooManyClasses)?;
            unique *= u128::from(size);
            let points = footprint
                .touching(&whole)
                .ok_or(EngineLimit::TooManyClasses)?;
            touching = touching
                .checked_mul(u128::from(points))
                .ok_or(EngineLimit::Overflow)?;
        }
        let (mut fills, mut reads, mut writes, mut updates) = (0u128, 0u128, 0u128, 0u128);
        let mut tile: u128 = operation.tensors[tensor]
            .dims
            .iter()
            .map(|dim| u128::from(dim.extent))
            .product();
        if let Some((boundary, slot)) = outside {
            let moved = &self.totals[boundary].tensors[slot];
            fills = moved.fills;
            tile = self.tile(boundary, slot);
            if tensor == result {
                // All that entered leaves again; what comes back is written once.
                reads += fills;
                writes += moved.down;
            } else {
                writes += fills;
            }
        }
        match inside {
            Some((boundary, slot)) => {
                let moved = &self.totals[boundary].tensors[slot];
                reads += moved.down;
                writes += moved.up;
                if tensor == result {
                    updates += moved.down;
                }
            }
            None if tensor == result => {
                let first = match outside {
                    Some((boundary, slot)) => self.first_accumulations(boundary, slot),
                    None => unique,
                };
                writes += touching;
                updates += touching - first;
                reads += touching - first;
            }
            None => reads += touching,
        }
        Ok(TensorCounts {
            tensor,
            tile: small(tile)?,
            fills: small(fills)?,
            reads: small(reads)?,
            writes: small(writes)?,
            updates: small(updates)?,
            unique: small(unique)?,
        })
    }

    /// Largest tile of one child instance.
    fn tile(&self, boundary: usize, slot: usize) -> u128 {
        let position = self.boundaries[boundary].position;
        self.classes
            .iter()
            .map(|classes| {
                let tiles = classes.nodes[classes.depth_at(position)]
                    .iter()
                    .filter_map(|node| node.wrap[boundary].as_ref())
                    .flat_map(|transition| &transition.variants)
                    .map(|variant| variant.tensors[slot].tile);
                u128::from(tiles.max().unwrap_or(0))
            })
            .product()
    }

    /// Elements of the result that each instance of the innermost memory accumulates for the first time,
    /// summed over instances.
    fn first_accumulations(&self, boundary: usize, slot: usize) -> u128 {
        let position = self.boundaries[boundary].position;
        self.classes
            .iter()
            .map(|classes| {
                if classes.overlaps {
                    return u128::from(classes.distinct[boundary]);
                }
                classes.nodes[classes.depth_at(position)]
                    .iter()
                    .filter(|node| node.fresh)
                    .map(|node| {
                        let tiles: u64 = node.wrap[boundary]
                            .iter()
                            .flat_map(|transition| &transition.variants)
                            .map(|variant| variant.count * variant.tensors[slot].tiles)
                            .sum();
                        u128::from(node.count) * u128::from(tiles)
                    })
                    .sum::<u128>()
            })
            .product()
    }
}

/// Elements that must come from the parent: all but those that every instance that wants them held, or has
/// a neighbour for. Each group gives its elements by the sorts of their instances; an element of the
/// tensor combines one of each group, its instances every combination of their instances.
fn asked(groups: &[&[(u8, u64)]]) -> Option<u64> {
    let mut sum = 0u64;
    let mut chosen: SmallVec<[u8; 8]> = SmallVec::new();
    fn visit(
        groups: &[&[(u8, u64)]],
        chosen: &mut SmallVec<[u8; 8]>,
        count: u64,
        sum: &mut u64,
    ) -> Option<()> {
        match groups.get(chosen.len()) {
            None => {
                if !at_hand(chosen, &mut SmallVec::new()) {
                    *sum = sum.checked_add(count)?;
                }
            }
            Some(sorts) => {
                for &(sort, elements) in *sorts {
                    chosen.push(sort);
                    visit(groups, chosen, count.checked_mul(elements)?, sum)?;
                    chosen.pop();
                }
            }
        }
        Some(())
    }
    visit(groups, &mut chosen, 1, &mut sum)?;
    Some(sum)
}

/// Whether every combination of instances has the element at hand.
fn at_hand(sorts: &[u8], instance: &mut SmallVec<[u8; 8]>) -> bool {
    match sorts.get(instance.len()) {
        None => {
            let held = instance.iter().all(|sort| sort & HELD != 0);
            let beside = |g: usize| {
                instance
                    .iter()
                    .enumerate()
                    .all(|(h, sort)| sort & (if h == g { BESIDE } else { WORKED }) != 0)
            };
            held || (0..instance.len()).any(beside)
        }
        Some(&bits) => (0..8u8).filter(|sort| bits & (1 << sort) != 0).all(|sort| {
            instance.push(sort);
            let all = at_hand(sorts, instance);
            instance.pop();
            all
        }),
    }
}
