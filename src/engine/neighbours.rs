//! Boundaries whose parent instances differ, or whose elements come from neighbours.
//!
//! Problem: at most boundaries one product per tensor tells what a step moves. Not where a clipped fold
//! leaves some parent instances with less than others: there every kind of parent instance is looked at,
//! and the busiest sets the time. And not with forwarding: a PE gets an element from the PE beside it if
//! that one worked on it in the step before, which depends on two PEs at once. There each group gives its
//! elements by the sorts of their instances, and all combinations of sorts are looked at.

use super::EngineLimit;
use super::classes::GroupClasses;
use super::clock::StepTime;
use super::crossing::{BESIDE, Cross, HELD, Sorts, Transition, Variant, WORKED};
use super::exact::Engine;
use smallvec::SmallVec;

impl Engine<'_> {
    /// Adds up one kind of step at one boundary.
    pub(super) fn crossing(
        &mut self,
        boundary: usize,
        advance: Option<usize>,
        context: &[usize],
        count: u128,
    ) -> Result<StepTime, EngineLimit> {
        let own = advance.and_then(|l| self.loops[l].own).map(|(m, _)| m);
        let mut factors: SmallVec<[(&GroupClasses, Transition); 8]> = SmallVec::new();
        for (m, &class) in context.iter().enumerate() {
            let classes = &self.classes[self.moving[m]];
            factors.push((
                classes,
                if own == Some(m) {
                    classes.advance_of(class, boundary)
                } else {
                    classes.wrap_of(class, boundary)
                },
            ));
        }
        for (g, classes) in self.classes.iter().enumerate() {
            if !self.moving.contains(&g) {
                factors.push((classes, classes.wrap_of(0, boundary)));
            }
        }
        let at = &self.boundaries[boundary];
        let step = Step {
            first: advance.is_none(),
            result: self.mapping.operation.result(),
            count,
        };
        let totals = &mut self.totals[boundary];
        let link = &self.links[boundary];
        let mut time = StepTime {
            ingress: 0,
            egress: 0,
        };
        let mut peak = 0u64;
        let mut choice: SmallVec<[usize; 8]> = SmallVec::from_elem(0, factors.len());
        loop {
            let mut parents = 1u128;
            let mut chosen: SmallVec<[(&GroupClasses, Variant); 8]> = SmallVec::new();
            for (&(classes, transition), &choice) in factors.iter().zip(&choice) {
                let variant = classes.table.variants(transition).get(choice);
                let variant = *variant.ok_or(EngineLimit::TooManyClasses)?;
                parents *= u128::from(variant.count);
                chosen.push((classes, variant));
            }
            let mut down: SmallVec<[u64; 3]> = SmallVec::new();
            let mut up: SmallVec<[u64; 3]> = SmallVec::new();
            for (slot, &tensor) in at.tensors.iter().enumerate() {
                let mut product = Cross::whole(self.whole[tensor]);
                for (classes, variant) in &chosen {
                    let cross = classes.table.cross(variant, slot);
                    product = product.times(cross);
                }
                let sorted = chosen
                    .iter()
                    .any(|(c, v)| c.table.cross(v, slot).sorts != 0);
                let (enters, leaves, forwarded) = if sorted && !step.first && tensor != step.result
                {
                    step.asked_of_parent(&chosen, slot, &product, self.whole[tensor])?
                } else {
                    let (enters, leaves) = step.moves(&product, tensor);
                    (enters, leaves, 0)
                };
                let moved = &mut totals.tensors[slot];
                let times = step.count * parents;
                let kept = if step.first { 0 } else { product.kept };
                moved.fills += times * u128::from(product.tiles - kept);
                moved.down += times * u128::from(enters);
                moved.up += times * u128::from(leaves);
                moved.forwarded += times * u128::from(forwarded);
                let bits = u64::from(self.mapping.operation.tensors[tensor].bits);
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
            totals.down_bits += step.count * parents * u128::from(d);
            totals.up_bits += step.count * parents * u128::from(u);
            peak = peak.max(d.saturating_add(u));
            // Next combination of parent instances, if any.
            let turned = choice
                .iter_mut()
                .zip(&factors)
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
                break;
            }
        }
        totals.peak_bits = totals.peak_bits.max(peak);
        totals.transfer_cycles += count * u128::from(time.ingress.max(time.egress));
        Ok(time)
    }
}

/// What all tensors of one step share.
struct Step {
    /// The first of the run: nothing was held before.
    first: bool,
    result: usize,
    count: u128,
}

impl Step {
    /// Elements that cross inwards and outwards.
    #[inline]
    fn moves(&self, product: &Cross, tensor: usize) -> (u64, u64) {
        let at_hand = if self.first { 0 } else { product.at_hand };
        let enters = product.wanted - at_hand;
        if tensor != self.result {
            return (enters, 0);
        }
        let leaves = if self.first {
            0
        } else {
            product.held - product.staying
        };
        (enters - product.fresh, leaves)
    }

    /// Elements that come from the parent and from neighbours.
    fn asked_of_parent(
        &self,
        chosen: &[(&GroupClasses, Variant)],
        slot: usize,
        product: &Cross,
        whole: u64,
    ) -> Result<(u64, u64, u64), EngineLimit> {
        let none = Sorts::default();
        let sorts: SmallVec<[&Sorts; 8]> = chosen
            .iter()
            .map(|(classes, variant)| {
                let index = classes.table.cross(variant, slot).sorts as usize;
                classes.table.sorts.get(index).unwrap_or(&none)
            })
            .collect();
        let shared: SmallVec<[&[(u8, u64)]; 8]> =
            sorts.iter().map(|s| s.shared.as_slice()).collect();
        let alone: SmallVec<[&[(u8, u64)]; 8]> = sorts.iter().map(|s| s.alone.as_slice()).collect();
        // Elements of groups without loops are always held.
        let enters = asked(&shared).ok_or(EngineLimit::Overflow)? * whole;
        let asked_alone = asked(&alone).ok_or(EngineLimit::Overflow)? * whole;
        Ok((enters, 0, product.tiles - product.kept - asked_alone))
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
