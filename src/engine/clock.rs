//! How long a step takes: what passes through every port and link, and what hides behind what
//! (`semantics.md` section 4.2).
//!
//! Problem: `DRAM -> GLB` and `DRAM -> RF` share one DRAM port of 1 byte a cycle. In a step of the GLB the
//! port brings the GLB's tile and, in the steps inside, everything that goes past it: the step takes no less
//! than both together. So a region (all that happens in one step of a position) is its time and, for every
//! resource that is used at several positions, how long that resource was busy:
//!
//! ```text
//! region = max( serial + inside, own, max over r of busy_r )
//! ```
//!
//! A resource that is used at one position only can never be busy for longer than `own` and the regions
//! inside, so it is not tracked.
//!
//! Invariants: what passes is given site by site, the kinds of instances of a site one by one; the busiest
//! instance counts. Bits of the issues stay bits until the leaf region ends and are rounded once.

use super::TimingRule;
use super::flows::{Crossing, Flows, Passing};
use crate::ir::{Mapping, Rate};
use smallvec::SmallVec;

/// Time of a region, and the busy time of the tracked resources (bits while inside a leaf region).
pub(super) struct Elapsed {
    pub time: u64,
    /// Behind them, while the issues of a leaf region are spread over several leaf steps, what every home
    /// put on every resource.
    busy: SmallVec<[u64; 8]>,
}

impl Elapsed {
    /// Writes the region into the list of times.
    pub fn store(&self, times: &mut [u64]) {
        if let Some((time, busy)) = times.split_first_mut() {
            *time = self.time;
            busy.copy_from_slice(&self.busy);
        }
    }

    /// Adds a region that happens `times` times; `None` past `u64`.
    pub fn add(&mut self, region: &[u64], times: u64) -> Option<()> {
        let (&time, busy) = region.split_first()?;
        self.time = time
            .checked_mul(times)
            .and_then(|all| self.time.checked_add(all))?;
        for (sum, &own) in self.busy.iter_mut().zip(busy) {
            *sum = own
                .checked_mul(times)
                .and_then(|all| sum.checked_add(all))?;
        }
        Some(())
    }
}

/// What passes in one step: bits by resource and by boundary.
#[derive(Default)]
struct Now {
    /// Per resource, of the busiest instance.
    bits: SmallVec<[u64; 16]>,
    /// Of the kind of instance at hand, and the largest of the site so far.
    kind: SmallVec<[u64; 16]>,
    site: SmallVec<[u64; 16]>,
    /// Per home and resource the bits that its issues put there in the leaf step at hand.
    issued: SmallVec<[u64; 8]>,
    /// Per boundary: down and up of its busiest parent, and of the parent at hand.
    moves: SmallVec<[(u64, u64); 4]>,
    peak: SmallVec<[u64; 4]>,
}

pub(super) struct Clock {
    lanes: u64,
    rule: TimingRule,
    rates: SmallVec<[Rate; 8]>,
    /// Per resource its number among the tracked ones.
    tracked: SmallVec<[Option<usize>; 8]>,
    tracks: usize,
    times_issues: bool,
    /// The issues of a leaf region are spread over several leaf steps.
    several: bool,
    wave: u64,
    wave_each: bool,
    bits_of: SmallVec<[(u64, u64); 4]>,
    now: Now,
    /// Sums over the run.
    pub compute: u128,
    pub bits: Vec<u128>,
    pub busy: Vec<u128>,
    /// Per boundary, then per home.
    pub transfer_cycles: Vec<u128>,
    pub peaks: Vec<u64>,
}

impl Clock {
    pub fn new(mapping: &Mapping, flows: &Flows, rule: TimingRule) -> Clock {
        let architecture = &mapping.architecture;
        let resources = flows.resources.len();
        let several = mapping.schedule.steps < mapping.schedule.leaf;
        let exact = rule == TimingRule::Exact;
        let mut tracks = 0;
        let tracked = (0..resources)
            .map(|r| {
                let uses = flows.at_position.iter().filter(|used| used.contains(&r));
                let places = uses.count();
                let issues = exact && flows.at_issue.contains(&r);
                let shared = places + usize::from(issues) > 1 || issues && several;
                (shared && rule == TimingRule::Exact).then(|| {
                    tracks += 1;
                    tracks - 1
                })
            })
            .collect();
        let wave = architecture
            .arrays
            .iter()
            .flat_map(|array| {
                let skew = array.network.skew;
                array
                    .shape
                    .iter()
                    .map(move |&extent| extent.saturating_sub(1).saturating_mul(skew))
            })
            .fold(0u64, u64::saturating_add);
        let last = architecture
            .memories
            .last()
            .map_or(0, |memory| memory.level);
        let wave_each = architecture
            .memories
            .iter()
            .any(|memory| memory.level == last && !memory.overlaps());
        Clock {
            lanes: architecture.lanes.max(1),
            rule,
            rates: flows.resources.iter().map(|r| r.1).collect(),
            tracked,
            tracks,
            times_issues: exact,
            several,
            wave: if rule == TimingRule::Exact { wave } else { 0 },
            wave_each,
            bits_of: mapping
                .operation
                .tensors
                .iter()
                .map(|tensor| (u64::from(tensor.bits), u64::from(tensor.partial_bits)))
                .collect(),
            now: Now {
                bits: SmallVec::from_elem(0, resources),
                kind: SmallVec::from_elem(0, resources),
                site: SmallVec::from_elem(0, resources),
                issued: SmallVec::from_elem(0, flows.homes.len() * resources),
                moves: SmallVec::from_elem((0, 0), flows.boundaries.len()),
                peak: SmallVec::from_elem(0, flows.boundaries.len()),
            },
            compute: 0,
            bits: vec![0; resources],
            busy: vec![0; resources],
            transfer_cycles: vec![0; flows.boundaries.len() + flows.homes.len()],
            peaks: vec![0; flows.boundaries.len()],
        }
    }

    pub fn start(&self) -> Elapsed {
        Elapsed {
            time: 0,
            busy: SmallVec::from_elem(0, self.stride() - 1),
        }
    }

    /// Numbers per region in the list of times.
    pub fn stride(&self) -> usize {
        let puts = if self.several {
            self.now.issued.len()
        } else {
            0
        };
        1 + self.tracks + puts
    }

    /// The wave of skewed arrays that is paid once per run.
    pub fn wave_of_the_run(&mut self) -> u64 {
        if self.wave_each {
            return 0;
        }
        self.compute += u128::from(self.wave);
        self.wave
    }

    /// Begins a leaf step: the busiest PE performs `busiest` points.
    #[inline]
    pub fn issue(&mut self, elapsed: &mut Elapsed, busiest: u64, count: u128) -> Option<()> {
        elapsed.time = if self.lanes == 1 {
            busiest
        } else {
            busiest.div_ceil(self.lanes)
        };
        self.compute = self
            .compute
            .checked_add(count.checked_mul(u128::from(elapsed.time))?)?;
        elapsed.busy.fill(0);
        Some(())
    }

    #[inline]
    pub fn begin_site(&mut self) {
        if !self.rates.is_empty() {
            self.now.site.fill(0);
        }
    }

    /// What one kind of instance of a site passes; the busiest counts. `row`: the site's columns.
    pub fn pass_row(&mut self, flows: &Flows, number: usize, row: &[u64], first: bool) {
        let site = &flows.sites[number];
        let mut values: SmallVec<[[u64; 4]; 4]> = SmallVec::new();
        let mut at = 0;
        for slot in &site.slots {
            let (bits, partial) = self.bits_of[slot.tensor];
            let (passed, columns) = if site.lanes {
                issues(&row[at..], slot.is_result, flows.wide, bits, partial)
            } else if !slot.is_result {
                let reused = if first { 0 } else { row[at + 1] };
                let down = (row[at] - reused).saturating_mul(bits);
                ([down, 0, 0, 0], 2)
            } else {
                let base = slot.is_base(site.depth);
                sums(
                    &row[at..],
                    (base, base && slot.separate),
                    flows.wide,
                    (bits, partial),
                    first,
                )
            };
            at += columns;
            if let Crossing::Boundary(b) = slot.crossing
                && slot.is_base(site.depth)
            {
                let (down, up) = &mut self.now.moves[b];
                *down = (*down).max(passed[0]);
                *up = (*up).max(passed[1]);
            }
            values.push(passed);
        }
        // The largest sum of one parent in one step.
        for (slot, passed) in site.slots.iter().zip(&values) {
            if let Crossing::Boundary(b) = slot.crossing
                && slot.is_base(site.depth)
            {
                self.now.peak[b] = self.now.peak[b].saturating_add(passed[0] + passed[1]);
            }
        }
        for slot in &site.slots {
            if let Crossing::Boundary(b) = slot.crossing
                && slot.is_base(site.depth)
            {
                self.peaks[b] = self.peaks[b].max(self.now.peak[b]);
                self.now.peak[b] = 0;
            }
        }
        let uses = &flows.uses[number];
        for one in uses {
            self.now.kind[one.resource] = 0;
        }
        for one in uses {
            let value = values[one.slot][match one.passing {
                Passing::Down => 0,
                Passing::UpLink => 1,
                Passing::UpPort => 2,
                Passing::Add => 3,
            }];
            let sum = &mut self.now.kind[one.resource];
            *sum = sum.saturating_add(value);
            if let Crossing::Home(home) = site.slots[one.slot].crossing {
                let put = &mut self.now.issued[home * self.rates.len() + one.resource];
                *put = put.saturating_add(value);
            }
        }
        for one in uses {
            let most = &mut self.now.site[one.resource];
            *most = (*most).max(self.now.kind[one.resource]);
        }
    }

    /// The site is done: its busiest instance counts.
    #[inline]
    pub fn end_site(&mut self) {
        for (sum, &site) in self.now.bits.iter_mut().zip(&self.now.site) {
            *sum = sum.saturating_add(site);
        }
    }

    /// The issues of a leaf step are done; they are rounded when the leaf region ends.
    #[inline]
    pub fn end_issues(&mut self, elapsed: &mut Elapsed, flows: &Flows, count: u128) -> Option<()> {
        if !self.times_issues {
            return Some(());
        }
        for &r in &flows.at_issue {
            self.bits[r] = self.bits[r].checked_add(count * u128::from(self.now.bits[r]))?;
            if self.several
                && let Some(track) = self.tracked[r]
            {
                elapsed.busy[track] = self.now.bits[r];
                self.now.bits[r] = 0;
            }
        }
        if self.several {
            for (put, now) in elapsed.busy[self.tracks..]
                .iter_mut()
                .zip(&mut self.now.issued)
            {
                *put = std::mem::take(now);
            }
        }
        Some(())
    }

    /// All leaf steps of a leaf region are done.
    pub fn end_leaf(&mut self, elapsed: &mut Elapsed, flows: &Flows, count: u128) -> Option<()> {
        if self.times_issues && !flows.at_issue.is_empty() {
            let mut cycles: SmallVec<[u64; 8]> = SmallVec::from_elem(0, self.rates.len());
            for &r in &flows.at_issue {
                let bits = match self.tracked[r] {
                    Some(track) if self.several => elapsed.busy[track],
                    _ => self.now.bits[r],
                };
                cycles[r] = self.rates[r].cycles_for(u128::from(bits))?;
                self.now.bits[r] = 0;
                if let Some(track) = self.tracked[r] {
                    elapsed.busy[track] = cycles[r];
                }
                self.busy[r] += count * u128::from(cycles[r]);
                elapsed.time = elapsed.time.max(cycles[r]);
            }
            let boundaries = flows.boundaries.len();
            for (home, taken) in flows.issues.iter().enumerate() {
                let mut longest = 0;
                for &r in taken {
                    let at = home * self.rates.len() + r;
                    let put = if self.several {
                        std::mem::take(&mut elapsed.busy[self.tracks + at])
                    } else {
                        std::mem::take(&mut self.now.issued[at])
                    };
                    if put > 0 {
                        longest = longest.max(cycles[r]);
                    }
                }
                self.transfer_cycles[boundaries + home] += count * u128::from(longest);
            }
        }
        if self.wave_each && self.wave > 0 {
            elapsed.time = elapsed.time.checked_add(self.wave)?;
            self.compute += count * u128::from(self.wave);
        }
        Some(())
    }

    /// The busy times of what passed at a position, and the times of its transfers: the longest, and the
    /// longest of those that do not overlap.
    fn transfers(
        &mut self,
        flows: &Flows,
        position: usize,
        count: u128,
        busy: &mut SmallVec<[u64; 8]>,
    ) -> Option<(u64, u64)> {
        busy.resize(self.rates.len(), 0);
        for &r in &flows.at_position[position] {
            let bits = std::mem::take(&mut self.now.bits[r]);
            busy[r] = self.rates[r].cycles_for(u128::from(bits))?;
            self.bits[r] += count * u128::from(bits);
            self.busy[r] += count * u128::from(busy[r]);
        }
        let (mut own, mut serial) = (0u64, 0u64);
        let (from, to) = flows.positions[position].boundaries;
        for boundary in from..to {
            let transfer = &flows.transfers[boundary];
            let (down, up) = std::mem::take(&mut self.now.moves[boundary]);
            let slowest = |taken: &[usize]| taken.iter().map(|&r| busy[r]).max().unwrap_or(0);
            let timed = |time: u64| {
                if transfer.timed {
                    time.max(1).checked_add(transfer.latency)
                } else {
                    Some(time)
                }
            };
            let mut time = 0;
            if down > 0 {
                time = timed(slowest(&transfer.down).max(transfer.rows))?;
            }
            if up > 0 {
                time = time.max(timed(slowest(&transfer.up))?);
            }
            self.transfer_cycles[boundary] += count * u128::from(time);
            own = own.max(time);
            if !transfer.overlaps {
                serial = serial.max(time);
            }
        }
        Some((own, serial))
    }

    fn forget(&mut self, flows: &Flows, position: usize) {
        for &r in &flows.at_position[position] {
            self.now.bits[r] = 0;
        }
        let (from, to) = flows.positions[position].boundaries;
        for boundary in from..to {
            self.now.moves[boundary] = (0, 0);
        }
    }

    /// Puts the transfers of one step at a position around what is inside.
    pub fn end_step(
        &mut self,
        elapsed: &mut Elapsed,
        flows: &Flows,
        position: usize,
        first: bool,
        count: u128,
    ) -> Option<()> {
        if self.rule == TimingRule::Maestro && position + 1 < flows.positions.len() {
            self.forget(flows, position);
            return Some(());
        }
        let mut busy = SmallVec::new();
        let (own, serial) = self.transfers(flows, position, count, &mut busy)?;
        for &r in &flows.at_position[position] {
            if let Some(track) = self.tracked[r] {
                elapsed.busy[track] = elapsed.busy[track].checked_add(busy[r])?;
            }
        }
        elapsed.time = if first {
            elapsed.time.checked_add(own)?
        } else if self.rule == TimingRule::Maestro {
            elapsed.time.max(own)
        } else {
            let inside = elapsed.time.checked_add(serial)?;
            let busiest = elapsed.busy.iter().copied().max().unwrap_or(0);
            inside.max(own).max(busiest)
        };
        Some(())
    }

    /// What remains after the last step leaves through a position; how long that takes.
    pub fn drain(&mut self, flows: &Flows, position: usize) -> Option<u64> {
        if self.rule == TimingRule::Maestro && position + 1 < flows.positions.len() {
            self.forget(flows, position);
            return Some(0);
        }
        let mut busy = SmallVec::new();
        let (own, _) = self.transfers(flows, position, 1, &mut busy)?;
        // What is read to be added to takes a read port that no transfer upwards takes.
        let longest = flows.at_position[position].iter().map(|&r| busy[r]).max();
        Some(own.max(longest.unwrap_or(0)))
    }

    /// Something of a boundary comes from neighbours: the child is filled even if its parent sends nothing.
    pub fn borrows(&mut self, boundary: usize) {
        let down = &mut self.now.moves[boundary].0;
        *down = (*down).max(1);
    }
}

/// Bits of one result in one step: down, up over the link, up into the port, read to be added to; and how
/// many columns say so.
#[inline]
fn sums(
    row: &[u64],
    (base, separate): (bool, bool),
    wide: bool,
    (bits, partial): (u64, u64),
    first: bool,
) -> ([u64; 4], usize) {
    let reused = if first { 0 } else { row[1] };
    let down = (row[0] - reused)
        .saturating_sub(row[2])
        .saturating_mul(partial);
    let up = if first { 0 } else { row[3] - row[4] };
    let mut at = 5;
    let mut added = 0;
    if separate {
        added = up.saturating_sub(row[at] - row[at + 1]);
        at += 2;
    }
    let added = if first {
        0
    } else {
        added.saturating_mul(partial)
    };
    if !wide {
        let up = up.saturating_mul(bits);
        return ([down, up, up, added], at);
    }
    let width = |done: u64| {
        let done = if first { 0 } else { done };
        (up - done.min(up))
            .saturating_mul(partial)
            .saturating_add(done.saturating_mul(bits))
    };
    let link = width(row[at] - row[at + 1]);
    at += 2;
    let mut port = link;
    if base {
        port = width(row[at] - row[at + 1]);
        at += 2;
    }
    ([down, link, port, added], at)
}

/// Bits of one tensor in the issues of a leaf tile.
#[inline]
fn issues(row: &[u64], is_result: bool, wide: bool, bits: u64, partial: u64) -> ([u64; 4], usize) {
    let crossing = row[0];
    if !is_result {
        return ([crossing.saturating_mul(bits), 0, 0, 0], 1);
    }
    let added = crossing.saturating_sub(row[1]).saturating_mul(partial);
    if !wide {
        let up = crossing.saturating_mul(bits);
        return ([0, up, up, added], 2);
    }
    let width = |done: u64| {
        (crossing - done.min(crossing))
            .saturating_mul(partial)
            .saturating_add(done.saturating_mul(bits))
    };
    ([0, width(row[2]), width(row[3]), added], 4)
}
