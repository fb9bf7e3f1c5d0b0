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
use super::flows::{Flows, Transfer};
use super::steps::{Kind, Sent};
use super::timer::{SiteTimer, Timer};
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
    bits: Vec<u64>,
    /// Of the kind of instance at hand, and the largest of the site so far.
    kind: Vec<u64>,
    site: Vec<u64>,
    /// Cycles of what passed at the position at hand.
    busy: Vec<u64>,
    /// Per home and resource the bits that its issues put there in the leaf step at hand.
    issued: Vec<u64>,
    /// Per boundary: down and up of its busiest parent, and of the parent at hand.
    moves: Vec<(u64, u64)>,
    peak: Vec<u64>,
}

/// Time and what passes, step by step; made ready by [`Clock::wind`].
#[derive(Default)]
pub(super) struct Clock {
    now: Now,
    /// Sums over the run.
    pub compute: u128,
    /// Of what passes from PE to PE, in the MAESTRO model.
    pub neighbours: u128,
    pub bits: Vec<u128>,
    pub busy: Vec<u128>,
    /// Per boundary, then per home.
    pub transfer_cycles: Vec<u128>,
    pub peaks: Vec<u64>,
    /// Every step of the MAESTRO rule, where somebody wants them.
    pub kept: Option<Vec<Kind>>,
}

/// What a transfer moves one way.
fn sent(bits: &[u64], transfer: &Transfer, taken: &[usize], least: u64) -> Sent {
    let bits = taken.iter().map(|&r| (r, bits[r]));
    Sent {
        bits: bits.filter(|one| one.1 > 0).collect(),
        least,
        latency: transfer.timed.then_some(transfer.latency),
    }
}

fn zeros<T: Copy>(list: &mut Vec<T>, zero: T, len: usize) {
    list.clear();
    list.resize(len, zero);
}

impl Clock {
    /// Sets everything to the time before the first step.
    pub fn wind(&mut self, flows: &Flows) {
        let (resources, boundaries) = (flows.resources.len(), flows.boundaries.len());
        let homes = flows.homes.len();
        for list in [
            &mut self.now.bits,
            &mut self.now.kind,
            &mut self.now.site,
            &mut self.now.busy,
        ] {
            zeros(list, 0, resources);
        }
        zeros(&mut self.now.issued, 0, homes * resources);
        zeros(&mut self.now.moves, (0, 0), boundaries);
        zeros(&mut self.now.peak, 0, boundaries);
        self.compute = 0;
        self.neighbours = 0;
        zeros(&mut self.bits, 0, resources);
        zeros(&mut self.busy, 0, resources);
        zeros(&mut self.transfer_cycles, 0, boundaries + homes);
        zeros(&mut self.peaks, 0, boundaries);
        if let Some(kept) = &mut self.kept {
            kept.clear();
        }
    }

    pub fn start(&self, timer: &Timer) -> Elapsed {
        Elapsed {
            time: 0,
            busy: SmallVec::from_elem(0, timer.stride - 1),
        }
    }

    /// The wave of skewed arrays that is paid once per run.
    pub fn wave_of_the_run(&mut self, timer: &Timer) -> u64 {
        if timer.wave_each {
            return 0;
        }
        self.compute += u128::from(timer.wave);
        timer.wave
    }

    /// Begins a leaf step: the busiest PE performs `busiest` points.
    #[inline]
    pub fn issue(
        &mut self,
        timer: &Timer,
        elapsed: &mut Elapsed,
        busiest: u64,
        count: u128,
    ) -> Option<()> {
        elapsed.time = if timer.lanes == 1 {
            busiest
        } else {
            busiest.div_ceil(timer.lanes)
        };
        self.compute = self
            .compute
            .checked_add(count.checked_mul(u128::from(elapsed.time))?)?;
        elapsed.busy.fill(0);
        Some(())
    }

    /// What the instances of a site pass, all alike. `row`: the site's columns.
    #[inline]
    pub fn pass(&mut self, timer: &SiteTimer, row: &[u64], first: bool) {
        for slot in &timer.slots {
            let passed = slot.passes(row, first);
            if let Some(boundary) = slot.boundary {
                self.crosses(boundary, &passed);
            }
            for &(resource, which) in &slot.uses {
                let value = passed[usize::from(which)];
                let sum = &mut self.now.bits[resource];
                *sum = sum.saturating_add(value);
                if let Some(home) = slot.home {
                    let put = &mut self.now.issued[home + resource];
                    *put = put.saturating_add(value);
                }
            }
        }
        self.end_peaks(timer);
    }

    #[inline]
    fn crosses(&mut self, boundary: usize, passed: &[u64; 4]) {
        let (down, up) = &mut self.now.moves[boundary];
        *down = (*down).max(passed[0]);
        *up = (*up).max(passed[1]);
        let peak = &mut self.now.peak[boundary];
        *peak = peak.saturating_add(passed[0].saturating_add(passed[1]));
    }

    /// The largest sum of one parent in one step.
    #[inline]
    fn end_peaks(&mut self, timer: &SiteTimer) {
        for &boundary in &timer.boundaries {
            let peak = std::mem::take(&mut self.now.peak[boundary]);
            self.peaks[boundary] = self.peaks[boundary].max(peak);
        }
    }

    /// Begins a site with several kinds of instances.
    #[inline]
    pub fn begin_site(&mut self, timer: &SiteTimer) {
        for &resource in &timer.resources {
            self.now.site[resource] = 0;
        }
    }

    /// What one kind of instance of a site passes; the busiest counts. `row`: the site's columns.
    pub fn pass_kind(&mut self, timer: &SiteTimer, row: &[u64], first: bool) {
        for &resource in &timer.resources {
            self.now.kind[resource] = 0;
        }
        for slot in &timer.slots {
            let passed = slot.passes(row, first);
            if let Some(boundary) = slot.boundary {
                self.crosses(boundary, &passed);
            }
            for &(resource, which) in &slot.uses {
                let value = passed[usize::from(which)];
                let sum = &mut self.now.kind[resource];
                *sum = sum.saturating_add(value);
                if let Some(home) = slot.home {
                    let put = &mut self.now.issued[home + resource];
                    *put = put.saturating_add(value);
                }
            }
        }
        self.end_peaks(timer);
        for &resource in &timer.resources {
            let most = &mut self.now.site[resource];
            *most = (*most).max(self.now.kind[resource]);
        }
    }

    /// The site is done: its busiest instance counts.
    #[inline]
    pub fn end_site(&mut self, timer: &SiteTimer) {
        for &resource in &timer.resources {
            let sum = &mut self.now.bits[resource];
            *sum = sum.saturating_add(self.now.site[resource]);
        }
    }

    /// The issues of a leaf step are done; they are rounded when the leaf region ends.
    #[inline]
    pub fn end_issues(
        &mut self,
        (timer, flows): (&Timer, &Flows),
        elapsed: &mut Elapsed,
        count: u128,
    ) -> Option<()> {
        if !timer.times_issues {
            return Some(());
        }
        for &r in &flows.at_issue {
            self.bits[r] = self.bits[r].checked_add(count * u128::from(self.now.bits[r]))?;
            if timer.several
                && let Some(track) = timer.tracked[r]
            {
                elapsed.busy[track] = self.now.bits[r];
                self.now.bits[r] = 0;
            }
        }
        if timer.several {
            for (put, now) in elapsed.busy[timer.tracks..]
                .iter_mut()
                .zip(&mut self.now.issued)
            {
                *put = std::mem::take(now);
            }
        }
        Some(())
    }

    /// All leaf steps of a leaf region are done.
    pub fn end_leaf(
        &mut self,
        (timer, flows): (&Timer, &Flows),
        elapsed: &mut Elapsed,
        count: u128,
    ) -> Option<()> {
        if timer.times_issues && !flows.at_issue.is_empty() {
            let mut cycles: SmallVec<[u64; 8]> = SmallVec::from_elem(0, timer.rates.len());
            for &r in &flows.at_issue {
                let bits = match timer.tracked[r] {
                    Some(track) if timer.several => elapsed.busy[track],
                    _ => self.now.bits[r],
                };
                cycles[r] = timer.rates[r].cycles_for(u128::from(bits))?;
                self.now.bits[r] = 0;
                if let Some(track) = timer.tracked[r] {
                    elapsed.busy[track] = cycles[r];
                }
                self.busy[r] += count * u128::from(cycles[r]);
                elapsed.time = elapsed.time.max(cycles[r]);
            }
            let boundaries = flows.boundaries.len();
            for (home, taken) in flows.issues.iter().enumerate() {
                let mut longest = 0;
                for &r in taken {
                    let at = home * timer.rates.len() + r;
                    let put = if timer.several {
                        std::mem::take(&mut elapsed.busy[timer.tracks + at])
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
        if timer.wave_each && timer.wave > 0 {
            elapsed.time = elapsed.time.checked_add(timer.wave)?;
            self.compute += count * u128::from(timer.wave);
        }
        Some(())
    }

    /// The busy times of what passed at a position, and the times of its transfers: the longest, and the
    /// longest of those that do not overlap.
    fn transfers(
        &mut self,
        (timer, flows): (&Timer, &Flows),
        position: usize,
        count: u128,
    ) -> Option<(u64, u64)> {
        for &r in &flows.at_position[position] {
            let bits = std::mem::take(&mut self.now.bits[r]);
            if bits == 0 {
                self.now.busy[r] = 0;
                continue;
            }
            let cycles = timer.rates[r].cycles_for(u128::from(bits))?;
            self.now.busy[r] = cycles;
            self.bits[r] += count * u128::from(bits);
            self.busy[r] += count * u128::from(cycles);
        }
        let (mut own, mut serial) = (0u64, 0u64);
        let (from, to) = flows.positions[position].boundaries;
        for boundary in from..to {
            let transfer = &flows.transfers[boundary];
            let (down, up) = std::mem::take(&mut self.now.moves[boundary]);
            if (down, up) == (0, 0) {
                continue;
            }
            // Every resource of a transfer is used at its position.
            let busy = &self.now.busy;
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

    /// Keeps a step, before its transfers are timed.
    fn keep(&mut self, flows: &Flows, position: usize, step: (bool, u64, u128)) {
        let Some(kept) = &mut self.kept else { return };
        let (waits, compute, times) = step;
        let mut transfers = SmallVec::new();
        let (from, to) = flows.positions[position].boundaries;
        for boundary in from..to {
            let transfer = &flows.transfers[boundary];
            let (down, up) = self.now.moves[boundary];
            if down > 0 {
                transfers.push(sent(
                    &self.now.bits,
                    transfer,
                    &transfer.down,
                    transfer.rows,
                ));
            }
            if up > 0 {
                transfers.push(sent(&self.now.bits, transfer, &transfer.up, 0));
            }
        }
        transfers.sort_unstable();
        kept.push(Kind {
            waits,
            compute,
            neighbours: 0,
            transfers,
            times,
        });
    }

    /// Keeps what leaves after the last step: all resources count, as in [`Clock::drain`].
    fn keep_rest(&mut self, flows: &Flows, position: usize) {
        self.keep(flows, position, (true, 0, 1));
        let Some(kept) = &mut self.kept else { return };
        let bits = flows.at_position[position]
            .iter()
            .map(|&r| (r, self.now.bits[r]));
        if let Some(last) = kept.last_mut() {
            last.transfers.push(Sent {
                bits: bits.filter(|one| one.1 > 0).collect(),
                least: 0,
                latency: None,
            });
        }
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
        (timer, flows): (&Timer, &Flows),
        elapsed: &mut Elapsed,
        position: usize,
        first: bool,
        count: u128,
    ) -> Option<()> {
        if timer.rule == TimingRule::Maestro && position + 1 < flows.positions.len() {
            self.forget(flows, position);
            return Some(());
        }
        self.keep(flows, position, (first, elapsed.time, count));
        let (own, serial) = self.transfers((timer, flows), position, count)?;
        if timer.tracks > 0 {
            for &r in &flows.at_position[position] {
                if let Some(track) = timer.tracked[r] {
                    let busy = self.now.busy[r];
                    elapsed.busy[track] = elapsed.busy[track].checked_add(busy)?;
                }
            }
        }
        elapsed.time = if first {
            elapsed.time.checked_add(own)?
        } else if timer.rule == TimingRule::Maestro {
            elapsed.time.max(own)
        } else {
            let inside = elapsed.time.checked_add(serial)?;
            let busiest = elapsed.busy.iter().copied().max().unwrap_or(0);
            inside.max(own).max(busiest)
        };
        Some(())
    }

    /// What remains after the last step leaves through a position; how long that takes.
    pub fn drain(&mut self, (timer, flows): (&Timer, &Flows), position: usize) -> Option<u64> {
        if timer.rule == TimingRule::Maestro && position + 1 < flows.positions.len() {
            self.forget(flows, position);
            return Some(0);
        }
        self.keep_rest(flows, position);
        let (own, _) = self.transfers((timer, flows), position, 1)?;
        // What is read to be added to takes a read port that no transfer upwards takes.
        let taken = flows.at_position[position].iter();
        let longest = taken.map(|&r| self.now.busy[r]).max();
        Some(own.max(longest.unwrap_or(0)))
    }

    /// What passes from PE to PE takes `cycles` of each of `count` steps; it hides behind the rest.
    pub fn passes_on(&mut self, elapsed: &mut Elapsed, cycles: u64, count: u128) -> Option<()> {
        let all = count.checked_mul(u128::from(cycles))?;
        self.neighbours = self.neighbours.checked_add(all)?;
        elapsed.time = elapsed.time.max(cycles);
        if let Some(last) = self.kept.as_mut().and_then(|kept| kept.last_mut()) {
            last.neighbours = cycles;
        }
        Some(())
    }

    /// Something of a boundary comes from neighbours: the child is filled even if its parent sends nothing.
    pub fn borrows(&mut self, boundary: usize) {
        let down = &mut self.now.moves[boundary].0;
        *down = (*down).max(1);
    }
}
