//! The classes of a group, laid out for the engine's inner loop.
//!
//! Time needs, for every combination of classes, the product over groups of a few sizes per tensor. They
//! lie in one row per class, all sites after one another, so that a step is a product of rows. Where a
//! class has several kinds of instances at a site, each kind has a row of its own. Counts need only sums
//! over classes; they are made here once.

use super::classes::GroupClasses;
use super::crossing::{StepSizes, Transition};
use super::flows::{Flows, Site, Slot};
use smallvec::SmallVec;

/// Sums of one tensor's sizes over steps.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    pub tile_sum: u128,
    pub reused_sum: u128,
    pub needed: u128,
    pub needed_reused: u128,
    pub prev_held: u128,
    pub retained: u128,
    pub done_held: u128,
    pub done_retained: u128,
    pub own_done: u128,
    pub own_retained: u128,
}

impl Sum {
    /// Adds one step that happens `times` times; in `done` of them the step before was the last for its
    /// sums.
    pub fn add(&mut self, sizes: &StepSizes, times: u128, done: u128) {
        self.tile_sum += u128::from(sizes.tile_sum) * times;
        self.reused_sum += u128::from(sizes.reused_sum) * times;
        self.needed += u128::from(sizes.needed) * times;
        self.needed_reused += u128::from(sizes.needed_reused) * times;
        self.prev_held += u128::from(sizes.prev_held) * times;
        self.retained += u128::from(sizes.retained) * times;
        self.done_held += u128::from(sizes.done_held) * done;
        self.done_retained += u128::from(sizes.done_retained) * done;
        self.own_done += u128::from(sizes.own_done) * done;
        self.own_retained += u128::from(sizes.own_retained) * done;
    }

    /// Multiplies in the steps of another group; `None` past `u128`. Operands need no more than the first
    /// four.
    #[inline]
    pub fn multiply(&mut self, other: &Sum, is_result: bool) -> Option<()> {
        // The other fields are at most one of these.
        let most = |sum: &Sum| {
            let mut most = sum.tile_sum | sum.needed;
            if is_result {
                most |= sum.prev_held | sum.own_done;
            }
            most.leading_zeros()
        };
        let spare = most(self) + most(other);
        // Nearly always everything fits in 64 bits, where a product is cheap.
        macro_rules! all {
            ($product:expr; $($field:ident),*) => {
                $(self.$field = $product(self.$field, other.$field);)*
            };
        }
        if spare >= 192 {
            let product = |a: u128, b: u128| u128::from((a as u64).wrapping_mul(b as u64));
            all!(product; tile_sum, reused_sum, needed, needed_reused);
            if is_result {
                all!(product; prev_held, retained, done_held, done_retained, own_done, own_retained);
            }
        } else if spare >= 128 {
            all!(u128::wrapping_mul; tile_sum, reused_sum, needed, needed_reused);
            if is_result {
                all!(u128::wrapping_mul; prev_held, retained, done_held, done_retained, own_done, own_retained);
            }
        } else {
            return None;
        }
        Some(())
    }
}

/// Elements by the sorts of their instances, summed over steps: sort, per class and per instance.
pub(super) type SortSums = SmallVec<[(u8, u128, u128); 4]>;

/// How many columns a slot has in a row, and which: see [`append`].
pub(super) fn width(site: &Site, slot: &Slot, wide: bool) -> usize {
    if site.lanes {
        return if !slot.is_result {
            1
        } else {
            2 + 2 * usize::from(wide)
        };
    }
    if !slot.is_result {
        return 2;
    }
    let base = slot.is_base(site.depth);
    5 + 2 * usize::from(base && slot.separate)
        + 2 * usize::from(wide)
        + 2 * usize::from(wide && base)
}

/// Appends the columns of one slot; `last`: the step before (for the lanes: this one) was the last for its
/// sums.
pub(super) fn append(
    site: &Site,
    slot: &Slot,
    wide: bool,
    sizes: &StepSizes,
    last: bool,
    row: &mut Vec<u64>,
) {
    let done = |size: u64| if last { size } else { 0 };
    if site.lanes {
        row.push(sizes.needed);
        if slot.is_result {
            row.push(sizes.first_touch);
            if wide {
                row.extend([done(sizes.done_held), done(sizes.all_done)]);
            }
        }
        return;
    }
    row.extend([sizes.needed, sizes.needed_reused]);
    if slot.is_result {
        row.extend([sizes.first_touch, sizes.prev_held, sizes.retained]);
        let base = slot.is_base(site.depth);
        if base && slot.separate {
            row.extend([sizes.all_held, sizes.all_retained]);
        }
        if wide {
            row.extend([done(sizes.done_held), done(sizes.done_retained)]);
            if base {
                row.extend([done(sizes.all_done), done(sizes.all_done_retained)]);
            }
        }
    }
}

/// Rows of columns: one per class, and those of the kinds of instances where there are several.
#[derive(Default)]
pub(super) struct Rows {
    /// Per class the columns of all sites in a row (`Flows::column_starts`); nothing for a site with
    /// several kinds.
    pub lanes: Vec<u64>,
    /// Per class and site: the first kind and their number, of sites with several kinds.
    pub kinds: Vec<(u32, u32)>,
}

/// The kinds of instances of all classes.
#[derive(Default)]
pub(super) struct Kinds {
    /// Per kind where its columns begin, and the number of its variant.
    pub starts: Vec<(u32, u32)>,
    pub columns: Vec<u64>,
}

/// What the engine's inner loop reads of the classes of one group.
pub(super) struct Lines {
    /// Per node and per edge: the sizes that decide how much crosses.
    pub nodes: Rows,
    pub edges: Rows,
    pub kinds: Kinds,
}

impl GroupClasses {
    /// Lays out what the engine's inner loop reads.
    pub(super) fn lay_lines(&self, flows: &Flows) -> Lines {
        let depth = self.depth();
        let (mut nodes, mut edges) = (Rows::default(), Rows::default());
        let mut kinds = Kinds::default();
        for at in 0..=depth {
            for node in self.nodes_at(at) {
                let leaf = self.first_at(node, depth - at);
                for number in 0..flows.sites.len() {
                    let of = if number >= flows.lanes { leaf } else { node };
                    let transition = self.wraps[of * self.sites + number];
                    let last = self.nodes[of].last_count > 0;
                    self.line(flows, (number, transition, last), &mut nodes, &mut kinds);
                }
            }
        }
        for at in 0..depth {
            for edge in self.edges_at(at) {
                let class = &self.edges[edge];
                let leaf = self.first_at(class.child as usize, depth - at - 1);
                for number in 0..flows.sites.len() {
                    let (transition, last) = if number >= flows.lanes {
                        let transition = self.wraps[leaf * self.sites + number];
                        (transition, self.nodes[leaf].last_count > 0)
                    } else {
                        let transition = self.advances[edge * self.sites + number];
                        (transition, class.last_count > 0)
                    };
                    self.line(flows, (number, transition, last), &mut edges, &mut kinds);
                }
            }
        }
        Lines {
            nodes,
            edges,
            kinds,
        }
    }

    /// Adds up what the counts need.
    pub(super) fn line_up(&mut self, flows: &Flows) {
        self.single = (0..self.sites).map(|site| self.is_single(site)).collect();
        let slots = flows.slots;
        let depth = self.depth();
        let mut node_sums = vec![Sum::default(); (depth + 1) * slots];
        let mut edge_sums = vec![Sum::default(); depth * slots];
        let sorts = if self.table.sorts.is_empty() {
            0
        } else {
            slots
        };
        let mut node_sorts = vec![SortSums::new(); (depth + 1) * sorts];
        let mut edge_sorts = vec![SortSums::new(); depth * sorts];
        for at in 0..=depth {
            let sites = if at == depth { self.sites } else { flows.lanes };
            for node in self.nodes_at(at) {
                let class = &self.nodes[node];
                for number in 0..sites {
                    let transition = self.wraps[node * self.sites + number];
                    let times = (class.count, class.last_count);
                    let sums = &mut node_sums[at * slots..];
                    self.add_to(flows, (number, transition), times, sums);
                    let sums = &mut node_sorts[at * sorts..];
                    self.sort_to(flows, (number, transition), times.0, sums);
                }
            }
        }
        for at in 0..depth {
            for edge in self.edges_at(at) {
                let class = &self.edges[edge];
                let count = self.nodes[class.parent as usize].count * class.count;
                for number in 0..flows.lanes {
                    let transition = self.advances[edge * self.sites + number];
                    let times = (count, class.last_count);
                    let sums = &mut edge_sums[at * slots..];
                    self.add_to(flows, (number, transition), times, sums);
                    let sums = &mut edge_sorts[at * sorts..];
                    self.sort_to(flows, (number, transition), times.0, sums);
                }
            }
        }
        (self.node_sums, self.edge_sums) = (node_sums, edge_sums);
        (self.node_sorts, self.edge_sorts) = (node_sorts, edge_sorts);
        self.tiles = self.largest_tiles(flows);
        let leaves = &self.nodes[self.nodes_at(depth)];
        self.points = leaves.iter().try_fold(0u128, |sum, node| {
            sum.checked_add(u128::from(node.count).checked_mul(node.volume)?)
        });
        self.positions = (0..=depth)
            .map(|at| {
                let nodes = self.nodes[self.nodes_at(at)].iter();
                nodes.map(|node| u128::from(node.count)).sum()
            })
            .collect();
        self.used = self.used();
        self.list_firsts();
    }

    /// Whether all instances of a site are alike in every step, and nothing comes from neighbours.
    fn is_single(&self, site: usize) -> bool {
        let nodes = self.wraps.iter().skip(site).step_by(self.sites);
        let edges = self.advances.iter().skip(site).step_by(self.sites);
        nodes.chain(edges).all(|&transition| {
            let variants = self.table.variants(transition);
            variants.len() <= 1 && variants.iter().all(|variant| !variant.sorted)
        })
    }

    /// Appends the row of one class at one site.
    fn line(
        &self,
        flows: &Flows,
        (number, transition, last): (usize, Transition, bool),
        rows: &mut Rows,
        kinds: &mut Kinds,
    ) {
        let width = flows.column_starts[number + 1] - flows.column_starts[number];
        let site = &flows.sites[number];
        let variants = self.table.variants(transition);
        let append_row = |variant, row: &mut Vec<u64>| {
            for (slot, at) in site.slots.iter().enumerate() {
                append(
                    site,
                    at,
                    flows.wide,
                    self.table.sizes(variant, slot),
                    last,
                    row,
                );
            }
        };
        if width == 0 || self.single[number] {
            match variants.first() {
                Some(variant) if width > 0 => append_row(variant, &mut rows.lanes),
                _ => rows.lanes.resize(rows.lanes.len() + width, 0),
            }
            rows.kinds.push((0, 0));
            return;
        }
        rows.lanes.resize(rows.lanes.len() + width, 0);
        let first = kinds.starts.len();
        // Kinds that differ only in what takes no time are one; what neighbours lend is looked up by kind.
        let lends = site.slots.iter().any(|slot| slot.forwards);
        for (index, variant) in variants.iter().enumerate() {
            let start = kinds.columns.len();
            append_row(variant, &mut kinds.columns);
            let number = transition.first as usize + index;
            let known = kinds.starts[first..].iter().position(|&(known, _)| {
                let known = known as usize;
                kinds.columns[known..known + width] == kinds.columns[start..]
            });
            if let Some(known) = known.filter(|_| !lends) {
                // The busier one of them is the one that is handed a sum.
                let (_, other) = &mut kinds.starts[first + known];
                if !variant.late {
                    *other = number as u32;
                }
                kinds.columns.truncate(start);
                continue;
            }
            kinds.starts.push((start as u32, number as u32));
        }
        rows.kinds
            .push((first as u32, (kinds.starts.len() - first) as u32));
    }

    /// Adds the sizes of one class at one site to the sums of its depth.
    fn add_to(
        &self,
        flows: &Flows,
        (site, transition): (usize, Transition),
        times: (u64, u64),
        sums: &mut [Sum],
    ) {
        for variant in self.table.variants(transition) {
            let count = u128::from(variant.count);
            for slot in 0..flows.sites[site].slots.len() {
                sums[flows.slot_starts[site] + slot].add(
                    self.table.sizes(variant, slot),
                    count * u128::from(times.0),
                    count * u128::from(times.1),
                );
            }
        }
    }

    /// The same for elements that neighbours may have.
    fn sort_to(
        &self,
        flows: &Flows,
        (site, transition): (usize, Transition),
        times: u64,
        sums: &mut [SortSums],
    ) {
        for variant in self.table.variants(transition).iter().filter(|v| v.sorted) {
            let count = u128::from(variant.count) * u128::from(times);
            for slot in 0..flows.sites[site].slots.len() {
                let sorts = self.table.sizes(variant, slot).sorts as usize;
                let sums = &mut sums[flows.slot_starts[site] + slot];
                let mut add = |bits: u8, shared: u128, alone: u128| match sums
                    .iter_mut()
                    .find(|known| known.0 == bits)
                {
                    Some(known) => (known.1, known.2) = (known.1 + shared, known.2 + alone),
                    None => sums.push((bits, shared, alone)),
                };
                for &(bits, elements) in &self.table.sorts[sorts].shared {
                    add(bits, count * u128::from(elements), 0);
                }
                for &(bits, elements) in &self.table.sorts[sorts].alone {
                    add(bits, 0, count * u128::from(elements));
                }
            }
        }
    }

    /// Per slot the largest tile of one child instance.
    fn largest_tiles(&self, flows: &Flows) -> Vec<u64> {
        let mut tiles = vec![0; flows.slots];
        for number in 0..flows.lanes {
            let start = flows.slot_starts[number];
            for node in self.nodes_at(self.inside[number]) {
                for variant in self.table.variants(self.wrap_of(node, number)) {
                    for slot in 0..flows.sites[number].slots.len() {
                        let tile = self.table.sizes(variant, slot).tile;
                        tiles[start + slot] = tile.max(tiles[start + slot]);
                    }
                }
            }
        }
        tiles
    }
}
