//! Sites whose instances differ, or whose elements come from neighbours.
//!
//! Problem: at most sites one product per tensor tells what a step moves. Not where a clipped fold leaves
//! some instances with less than others: there every kind of instance is looked at, and the busiest sets the
//! time. And not with forwarding: a PE gets an element from the PE beside it if that one worked on it in
//! the step before, which depends on two PEs at once. There each group gives its elements by the sorts of
//! their instances, and all combinations of sorts are looked at.

use super::EngineLimit;
use super::classes::GroupClasses;
use super::crossing::{BESIDE, HELD, Sorts, StepSizes, Transition, Variant, WORKED};
use super::exact::{Engine, TimingRule};
use super::flows::Crossing;
use super::lanes;
use smallvec::SmallVec;

/// One group at one step: its classes, the transition, and whether the step before (for the lanes: this
/// one) was the last for its sums.
type Factor<'c> = (&'c GroupClasses, Transition, bool);

impl Engine<'_> {
    /// What every kind of instance of a site passes in one step.
    pub(super) fn pass_kinds(
        &mut self,
        site: usize,
        advance: Option<usize>,
        context: &[usize],
        at: &[(usize, usize)],
        count: u128,
    ) -> Result<(), EngineLimit> {
        let own = advance.and_then(|l| self.loops[l].own).map(|(m, _)| m);
        let to_lanes = self.flows.sites[site].lanes;
        let owned = std::mem::take(&mut self.classes);
        let mut factors: SmallVec<[Factor; 8]> = SmallVec::new();
        for (m, &class) in context.iter().enumerate() {
            let classes = &*owned[self.moving[m]];
            factors.push(if to_lanes {
                let (node, depth) = at[m];
                leaf_factor(classes, node, depth, site)
            } else if own == Some(m) {
                let last = classes.edges[class].last_count > 0;
                (classes, classes.advance_of(class, site), last)
            } else {
                let last = classes.nodes[class].last_count > 0;
                (classes, classes.wrap_of(class, site), last)
            });
        }
        for (g, classes) in owned.iter().enumerate() {
            if self.moving.contains(&g) {
                continue;
            }
            factors.push(if to_lanes {
                leaf_factor(classes, 0, 0, site)
            } else {
                (classes, classes.wrap_of(0, site), true)
            });
        }
        let passed = self.pass_factors(site, &factors, advance.is_none(), Some(count));
        drop(factors);
        self.classes = owned;
        passed
    }

    /// What is left leaves: the sizes of the last step of all.
    pub(super) fn pass_rest(&mut self, site: usize) -> Result<(), EngineLimit> {
        let owned = std::mem::take(&mut self.classes);
        let factors: SmallVec<[Factor; 8]> = owned
            .iter()
            .map(|classes| (&**classes, classes.wrap_of(0, site), true))
            .collect();
        let passed = self.pass_factors(site, &factors, false, None);
        drop(factors);
        self.classes = owned;
        passed
    }

    /// All combinations of kinds of instances. Without `count` it is the rest that leaves.
    fn pass_factors(
        &mut self,
        site: usize,
        factors: &[Factor],
        first: bool,
        count: Option<u128>,
    ) -> Result<(), EngineLimit> {
        let start = self.flows.slot_starts[site];
        let last = factors.iter().all(|factor| factor.2);
        let mut row = std::mem::take(&mut self.row);
        let mut choice: SmallVec<[usize; 8]> = SmallVec::from_elem(0, factors.len());
        if factors
            .iter()
            .any(|(classes, transition, _)| classes.table.variants(*transition).is_empty())
        {
            return Ok(());
        }
        loop {
            let mut instances = 1u128;
            let mut chosen: SmallVec<[(&GroupClasses, Variant); 8]> = SmallVec::new();
            for (&(classes, transition, _), &choice) in factors.iter().zip(&choice) {
                let variant = classes.table.variants(transition).get(choice);
                let variant = *variant.ok_or(EngineLimit::TooManyClasses)?;
                instances *= u128::from(variant.count);
                chosen.push((classes, variant));
            }
            row.clear();
            for slot in 0..self.flows.sites[site].slots.len() {
                let at = &self.flows.sites[site].slots[slot];
                let whole = self.whole[start + slot];
                let mut product = whole;
                for (classes, variant) in &chosen {
                    let own = classes.table.sizes(variant, slot);
                    product.multiply(own, at, self.flows.wide);
                }
                if count.is_none() {
                    // Nothing enters, and nothing stays.
                    product.needed = 0;
                    product.needed_reused = 0;
                    product.first_touch = 0;
                    product.retained = 0;
                    product.all_retained = 0;
                    product.done_retained = 0;
                    product.all_done_retained = 0;
                }
                let sorted = chosen
                    .iter()
                    .any(|(c, v)| c.table.sizes(v, slot).sorts != 0);
                let base = at.is_base(self.flows.sites[site].depth);
                let mut forwarded = 0;
                if sorted && !first && at.forwards && count.is_some() {
                    let sizes = whole.needed;
                    (product.needed, forwarded) = asked_of_parent(&chosen, slot, &product, sizes)?;
                    product.needed_reused = 0;
                    // What one instance got of what all got.
                    let instances = (product.tile_sum / product.tile.max(1)).max(1);
                    let own = product.tile.saturating_sub(product.reused_sum / instances);
                    self.lent = self.lent.max(forwarded.min(own));
                }
                if forwarded > 0
                    && let Crossing::Boundary(boundary) = at.crossing
                {
                    self.clock.borrows(boundary);
                }
                if base
                    && at.forwards
                    && let Some(count) = count
                {
                    let reused = if first { 0 } else { product.needed_reused };
                    let moved = &mut self.moved[start + slot];
                    moved.down += count * instances * u128::from(product.needed - reused);
                    moved.forwarded += count * instances * u128::from(forwarded);
                }
                lanes::append(
                    &self.flows.sites[site],
                    at,
                    self.flows.wide,
                    &product,
                    last,
                    &mut row,
                );
            }
            self.clock.pass_row(&self.flows, site, &row, first);
            // Next combination of instances, if any.
            let turned = choice
                .iter_mut()
                .zip(factors)
                .rev()
                .find_map(|(choice, factor)| {
                    *choice += 1;
                    if *choice == factor.0.table.variants(factor.1).len() {
                        *choice = 0;
                        return None;
                    }
                    Some(())
                });
            if turned.is_none() {
                self.row = row;
                return Ok(());
            }
        }
    }

    /// Cycles in which partial sums pass from PE to PE in the MAESTRO model: "one-cycle delay for each
    /// spatio-temporally reused data point" (section 4.3). Those are the results of the busiest PE's tile,
    /// once for each further PE that holds them; different results pass over different wires.
    pub(super) fn passed(&self, position: usize, advance: Option<usize>, context: &[usize]) -> u64 {
        debug_assert!(self.rule == TimingRule::Maestro);
        let (from, to) = self.flows.positions[position].sites;
        let own = advance.and_then(|l| self.loops[l].own).map(|(m, _)| m);
        for site in from..to {
            let at = &self.flows.sites[site];
            let Some(slot) = at
                .slots
                .iter()
                .position(|slot| slot.is_result && slot.is_base(at.depth))
            else {
                continue;
            };
            let mut product = self.whole[self.flows.slot_starts[site] + slot];
            for (g, classes) in self.classes.iter().enumerate() {
                let moving = self.moving.iter().position(|&moving| moving == g);
                let transition = match moving {
                    Some(m) if own == Some(m) => classes.advance_of(context[m], site),
                    Some(m) => classes.wrap_of(context[m], site),
                    None => classes.wrap_of(0, site),
                };
                let variants = classes.table.variants(transition);
                let Some(variant) = variants.first() else {
                    continue;
                };
                product = product.times(classes.table.sizes(variant, slot));
            }
            if product.needed > 0 {
                return product.tile * (product.tile_sum.div_ceil(product.needed) - 1);
            }
        }
        0
    }
}

fn leaf_factor(classes: &GroupClasses, node: usize, depth: usize, site: usize) -> Factor<'_> {
    let leaf = classes.first_at(node, classes.depth() - depth);
    let last = classes.nodes[leaf].last_count > 0;
    (classes, classes.wrap_of(leaf, site), last)
}

/// Elements that come from the parent and from neighbours.
fn asked_of_parent(
    chosen: &[(&GroupClasses, Variant)],
    slot: usize,
    product: &StepSizes,
    whole: u64,
) -> Result<(u64, u64), EngineLimit> {
    let none = Sorts::default();
    let sorts: SmallVec<[&Sorts; 8]> = chosen
        .iter()
        .map(|(classes, variant)| {
            let index = classes.table.sizes(variant, slot).sorts as usize;
            classes.table.sorts.get(index).unwrap_or(&none)
        })
        .collect();
    let shared: SmallVec<[&[(u8, u64)]; 8]> = sorts.iter().map(|s| s.shared.as_slice()).collect();
    let alone: SmallVec<[&[(u8, u64)]; 8]> = sorts.iter().map(|s| s.alone.as_slice()).collect();
    // Elements of groups without loops are always held.
    let enters = asked(&shared).ok_or(EngineLimit::Overflow)? * whole;
    let asked_alone = asked(&alone).ok_or(EngineLimit::Overflow)? * whole;
    Ok((enters, product.tile_sum - product.reused_sum - asked_alone))
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
