//! Sites whose instances differ, or whose elements come from neighbours.
//!
//! Problem: at most sites one product per tensor tells what a step moves. Not where a clipped fold leaves
//! some instances with less than others: there every kind of instance is looked at, and the busiest sets the
//! time. And not with forwarding: a PE gets an element from the PE beside it if that one worked on it in
//! the step before, which depends on two PEs at once. There each group gives its elements by the sorts of
//! their instances, and all combinations of sorts are looked at.

use super::EngineLimit;
use super::classes::GroupClasses;
use super::crossing::{BESIDE, Elements, HELD, Sorts, Variant, WORKED};
use super::exact::{Engine, TimingRule};
use super::flows::Crossing;
use super::lanes::Kinds;
use super::late::Arrival;
use smallvec::SmallVec;

/// The kinds of instances of one group at one step.
enum Factor<'a> {
    /// All alike: the columns, and the class; `true`: of advances.
    One(&'a [u64], &'a GroupClasses, (usize, bool)),
    /// Kinds of the group, by their numbers.
    Several(&'a GroupClasses, &'a Kinds, std::ops::Range<usize>),
}

impl<'a> Factor<'a> {
    fn len(&self) -> usize {
        match self {
            Factor::One(..) => 1,
            Factor::Several(_, _, kinds) => kinds.len(),
        }
    }

    /// The columns of one of the kinds.
    #[inline]
    fn columns(&self, choice: usize, width: usize) -> &'a [u64] {
        match self {
            Factor::One(columns, ..) => columns,
            Factor::Several(_, all, kinds) => {
                let start = all.starts[kinds.start + choice].0 as usize;
                &all.columns[start..start + width]
            }
        }
    }

    /// The group, and its kind of instance; `None` where nothing passes.
    fn variant(
        &self,
        choice: usize,
        site: (usize, bool),
    ) -> Option<(&'a GroupClasses, &'a Variant)> {
        match self {
            Factor::One(_, classes, class) => {
                let transition = classes.entering(*class, site);
                Some((classes, classes.table.variants(transition).first()?))
            }
            Factor::Several(classes, all, kinds) => {
                let number = all.starts[kinds.start + choice].1 as usize;
                Some((classes, &classes.table.variants[number]))
            }
        }
    }
}

impl<'a> Engine<'a> {
    /// What every kind of instance of a site passes in one step. Without a context it is the rest that
    /// leaves: the sizes of the last step of all.
    pub(super) fn pass_kinds(
        &mut self,
        site: usize,
        advance: Option<usize>,
        context: Option<&[usize]>,
    ) -> Result<(), EngineLimit> {
        let own = advance.and_then(|l| self.loops[l].own).map(|(m, _)| m);
        let timer = &self.flows.site_timers[site];
        let width = timer.width;
        let mut factors: SmallVec<[Factor<'a>; 8]> = SmallVec::new();
        for (m, &g) in self.moving.iter().enumerate() {
            let class = context.map_or(0, |context| context[m]);
            let classes: &'a GroupClasses = &self.classes[g];
            factors.push(self.factor(classes, (class, own == Some(m)), site));
        }
        for (g, classes) in self.classes.iter().enumerate() {
            if !self.moving.contains(&g) {
                factors.push(self.factor(classes, (0, false), site));
            }
        }
        if factors.iter().any(|factor| factor.len() == 0) {
            return Ok(());
        }
        // What there is one of is multiplied once.
        factors.sort_by_key(Factor::len);
        let first = advance.is_none();
        let lends = timer.forwards && !first;
        let mut rows = std::mem::take(&mut self.work.rows);
        rows.clear();
        let column = self.flows.column_starts[site];
        rows.extend_from_slice(&self.still.row[column..column + width]);
        rows.resize((factors.len() + 1) * width, 0);
        let mut choice: SmallVec<[usize; 8]> = SmallVec::from_elem(0, factors.len());
        let mut turned = Some(0);
        self.work.clock.begin_site(timer);
        while let Some(from) = turned {
            for (f, factor) in factors.iter().enumerate().skip(from) {
                let own = factor.columns(choice[f], width);
                let (known, rest) = rows.split_at_mut((f + 1) * width);
                for ((to, from), own) in rest.iter_mut().zip(&known[f * width..]).zip(own) {
                    *to = from.wrapping_mul(*own);
                }
            }
            let row = &mut rows[factors.len() * width..];
            if context.is_none() {
                timer.slots.iter().for_each(|slot| slot.leave(row));
            } else {
                if lends {
                    self.lend(site, &factors, &choice, row)?;
                }
                self.begin_late(site, &factors, &choice, row)?;
            }
            let first = first && context.is_some();
            self.work.clock.pass_kind(timer, row, first);
            turned = (0..factors.len()).rev().find(|&f| {
                choice[f] += 1;
                let turns = choice[f] < factors[f].len();
                if !turns {
                    choice[f] = 0;
                }
                turns
            });
        }
        self.work.clock.end_site(timer);
        self.work.rows = rows;
        Ok(())
    }

    fn factor(
        &self,
        classes: &'a GroupClasses,
        (class, advances): (usize, bool),
        site: usize,
    ) -> Factor<'a> {
        let lines = classes.lines(self.flows);
        let rows = if advances { &lines.edges } else { &lines.nodes };
        if classes.single[site] {
            let all = self.flows.column_starts[self.flows.sites.len()];
            let start = class * all + self.flows.column_starts[site];
            let width = self.flows.site_timers[site].width;
            let columns = &rows.lanes[start..start + width];
            return Factor::One(columns, classes, (class, advances));
        }
        let (first, number) = rows.kinds[class * self.flows.sites.len() + site];
        Factor::Several(
            classes,
            &lines.kinds,
            first as usize..(first + number) as usize,
        )
    }

    /// Of a kind of instance that is late: the sums that begin in the step are those that begin since they came
    /// into the memory below the array.
    fn begin_late(
        &self,
        site: usize,
        factors: &[Factor],
        choice: &[usize],
        row: &mut [u64],
    ) -> Result<(), EngineLimit> {
        let is_late = |(factor, &choice): (&Factor, &usize)| match factor {
            Factor::One(..) => false,
            Factor::Several(classes, all, kinds) => {
                let number = all.starts[kinds.start + choice].1 as usize;
                classes.table.variants[number].late
            }
        };
        if !factors.iter().zip(choice).any(is_late) {
            return Ok(());
        }
        let seen = (site, site >= self.flows.lanes);
        let slots = self.flows.sites[site].slots.iter().enumerate();
        for (slot, at) in slots.filter(|(_, at)| at.is_result) {
            let mut begun = self.still.sizes[self.flows.slot_starts[site] + slot].begun;
            let chosen = factors.iter().zip(choice);
            for (classes, variant) in chosen.filter_map(|(f, &choice)| f.variant(choice, seen)) {
                // Elements that are touched one by one begin at steps of their own.
                let outside = |a: &Arrival| a.arrays.iter().filter(|a| a.1 <= at.above).count();
                let several = classes.arrival.as_ref().is_some_and(|a| outside(a) > 1);
                if several || classes.explicit || classes.plan.overlaps {
                    return Err(EngineLimit::Irregular);
                }
                begun = begun.wrapping_mul(classes.table.sizes(variant, slot).begun);
            }
            let column = self.flows.site_timers[site].slots[slot].column;
            let lanes = matches!(at.crossing, Crossing::Home(_));
            row[column + if lanes { 1 } else { 2 }] = begun;
        }
        Ok(())
    }

    /// Of the slots of a site whose elements may come from neighbours: what the parent is asked for takes
    /// the place of what is new.
    fn lend(
        &mut self,
        site: usize,
        factors: &[Factor],
        choice: &[usize],
        row: &mut [u64],
    ) -> Result<(), EngineLimit> {
        let none = Sorts::default();
        let slots = self.flows.sites[site].slots.iter().enumerate();
        for (slot, at) in slots.filter(|(_, at)| at.forwards) {
            let mut sorts: SmallVec<[&Sorts; 8]> = SmallVec::new();
            let whole = &self.still.sizes[self.flows.slot_starts[site] + slot];
            let (mut tile, mut tiles, mut reused) = (whole.tile, whole.tile_sum, whole.reused_sum);
            let mut sorted = false;
            for (factor, &choice) in factors.iter().zip(choice) {
                let Factor::Several(classes, all, kinds) = factor else {
                    sorts.push(&none);
                    continue;
                };
                let table = &classes.table;
                let number = all.starts[kinds.start + choice].1 as usize;
                let sizes = table.sizes(&table.variants[number], slot);
                tile = tile.wrapping_mul(sizes.tile);
                tiles = tiles.wrapping_mul(sizes.tile_sum);
                reused = reused.wrapping_mul(sizes.reused_sum);
                sorted |= sizes.sorts != 0;
                sorts.push(table.sorts.get(sizes.sorts as usize).unwrap_or(&none));
            }
            if !sorted {
                continue;
            }
            let count = |n: u128| u64::try_from(n).map_err(|_| EngineLimit::Overflow);
            let shared: SmallVec<[&Elements; 8]> =
                sorts.iter().map(|sorts| &sorts.shared).collect();
            let alone: SmallVec<[&Elements; 8]> = sorts.iter().map(|sorts| &sorts.alone).collect();
            let own = |sort: &(u8, u64)| (sort.0, u128::from(sort.1));
            // Elements of groups without loops are always held.
            let whole = u128::from(whole.needed);
            let all = asked(&shared, own).and_then(|n| n.checked_mul(whole));
            let each = asked(&alone, own).and_then(|n| n.checked_mul(whole));
            let (all, each) = all.zip(each).ok_or(EngineLimit::Overflow)?;
            let empty = sorts.iter().any(|sorts| sorts.alone.is_empty());
            let forwarded = if empty {
                0
            } else {
                tiles - reused - count(each)?
            };
            let timer = &self.flows.site_timers[site].slots[slot];
            row[timer.column] = count(all)?;
            row[timer.column + 1] = 0;
            // What one instance got of what all got.
            let instances = (tiles / tile.max(1)).max(1);
            let own = tile.saturating_sub(reused / instances);
            self.lent = self.lent.max(forwarded.min(own));
            if let (true, Crossing::Boundary(boundary)) = (forwarded > 0, at.crossing) {
                self.work.clock.borrows(boundary);
            }
        }
        Ok(())
    }

    /// Cycles in which partial sums pass from PE to PE in the MAESTRO model: "one-cycle delay for each
    /// spatio-temporally reused data point" (section 4.3). Those are the results of the busiest PE's tile,
    /// once for each further PE that holds them; different results pass over different wires.
    pub(super) fn passed(&self, position: usize, advance: Option<usize>, context: &[usize]) -> u64 {
        debug_assert!(self.timer.rule == TimingRule::Maestro);
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
            let mut product = self.still.sizes[self.flows.slot_starts[site] + slot];
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

/// Elements that must come from the parent: all but those that every instance that wants them held, or has
/// a neighbour for. Each group gives its elements by the sorts of their instances (`own`: bits and number);
/// an element of the tensor combines one of each group, its instances every combination of their instances.
/// `None` past `u128`.
pub(super) fn asked<T, const N: usize>(
    groups: &[&SmallVec<[T; N]>],
    own: impl Fn(&T) -> (u8, u128) + Copy,
) -> Option<u128>
where
    [T; N]: smallvec::Array<Item = T>,
{
    fn visit<T, const N: usize>(
        groups: &[&SmallVec<[T; N]>],
        own: impl Fn(&T) -> (u8, u128) + Copy,
        chosen: &mut SmallVec<[u8; 8]>,
        count: u128,
        sum: &mut u128,
    ) -> Option<()>
    where
        [T; N]: smallvec::Array<Item = T>,
    {
        let Some(sorts) = groups.get(chosen.len()) else {
            if !at_hand(chosen) {
                *sum = sum.checked_add(count)?;
            }
            return Some(());
        };
        for (bits, elements) in sorts.iter().map(own) {
            if elements == 0 {
                continue;
            }
            chosen.push(bits);
            visit(groups, own, chosen, count.checked_mul(elements)?, sum)?;
            chosen.pop();
        }
        Some(())
    }
    let mut sum = 0u128;
    visit(groups, own, &mut SmallVec::new(), 1, &mut sum)?;
    Some(sum)
}

/// Whether every combination of instances has the element at hand; `sets`: the sorts of each group.
fn at_hand(sets: &[u8]) -> bool {
    if sets.iter().any(|set| !set.is_power_of_two()) {
        return all_at_hand(sets, &mut SmallVec::new());
    }
    // One sort in each group.
    let sort = |set: &u8| set.trailing_zeros() as u8;
    let held = sets.iter().all(|set| sort(set) & HELD != 0);
    let mut idle = sets.iter().filter(|set| sort(set) & WORKED == 0);
    held || match (idle.next(), idle.next()) {
        (None, _) => sets.iter().any(|set| sort(set) & BESIDE != 0),
        // The neighbour may differ in the one group in which this instance did not work.
        (Some(set), None) => sort(set) & BESIDE != 0,
        (Some(_), Some(_)) => false,
    }
}

fn all_at_hand(sets: &[u8], instance: &mut SmallVec<[u8; 8]>) -> bool {
    match sets.get(instance.len()) {
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
            let all = all_at_hand(sets, instance);
            instance.pop();
            all
        }),
    }
}
