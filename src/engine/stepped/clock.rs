//! How long the executed steps take (`semantics.md` section 4), and what passes through what.
//!
//! What moves at a position is gathered instance by instance; the busiest instance of every port and link
//! counts. A region is closed from the inside out, as the step that it began with said.

use super::tally::add;
use crate::engine::flows::Flows;
use crate::engine::{EngineLimit, TimingRule};
use crate::ir::Mapping;
use smallvec::SmallVec;

type PerResource = SmallVec<[u64; 8]>;

/// What moves in one step at one position, or in the issues of one leaf tile.
#[derive(Default)]
struct Moved {
    /// Per resource, per instance of it.
    through: Vec<Vec<u64>>,
    touched: Vec<(usize, usize)>,
}

impl Moved {
    fn pass(&mut self, resource: usize, instance: usize, bits: u64) {
        let through = &mut self.through[resource];
        if through.len() <= instance {
            through.resize(instance + 1, 0);
        }
        if through[instance] == 0 {
            self.touched.push((resource, instance));
        }
        through[instance] = through[instance].saturating_add(bits);
    }

    /// Bits through the busiest instance of every resource; forgets them.
    fn take(&mut self, bits: &mut PerResource) {
        bits.fill(0);
        for (resource, instance) in self.touched.drain(..) {
            let own = std::mem::take(&mut self.through[resource][instance]);
            bits[resource] = bits[resource].max(own);
        }
    }
}

/// The step that a region began with, until the region ends.
pub(super) struct Begun {
    own: u64,
    serial: u64,
    busy: PerResource,
    /// Of the model without ports: what passes from PE to PE takes so long.
    least: u64,
    first: bool,
    counts: bool,
}

/// Time of a region, and how long each resource was busy in it.
pub(super) struct Region {
    pub cycles: u64,
    busy: PerResource,
}

/// The issues of several leaf tiles, not rounded yet.
pub(super) struct Issued {
    cycles: u64,
    bits: PerResource,
    /// Per home and resource: whether its issues passed there.
    uses: SmallVec<[bool; 16]>,
}

pub(super) struct Clock {
    rule: TimingRule,
    lanes: u64,
    wave: u64,
    wave_each: bool,
    at: Vec<Moved>,
    issues: Moved,
    home_uses: SmallVec<[bool; 16]>,
    /// Per boundary: bits at each parent instance, and whether something goes down and up.
    crossed: Vec<Moved>,
    ways: Vec<(bool, bool)>,
    pub least: u64,
    pub compute: u128,
    /// Of what passes from PE to PE, in the MAESTRO model.
    pub neighbours: u128,
    pub bits: Vec<u128>,
    pub busy: Vec<u128>,
    pub transfer_cycles: Vec<u128>,
    pub peaks: Vec<u64>,
}

impl Clock {
    pub fn new(mapping: &Mapping, flows: &Flows, rule: TimingRule) -> Clock {
        let architecture = &mapping.architecture;
        let resources = flows.resources.len();
        let moved = |resources: usize| Moved {
            through: vec![Vec::new(); resources],
            touched: Vec::new(),
        };
        let last = architecture.memories.last().map_or(0, |m| m.level);
        let wave = architecture
            .arrays
            .iter()
            .flat_map(|array| {
                let skew = array.network.skew;
                let axes = array.shape.iter();
                axes.map(move |&extent| extent.saturating_sub(1).saturating_mul(skew))
            })
            .fold(0u64, u64::saturating_add);
        Clock {
            rule,
            lanes: architecture.lanes.max(1),
            wave: if rule == TimingRule::Exact { wave } else { 0 },
            wave_each: architecture
                .memories
                .iter()
                .any(|memory| memory.level == last && !memory.overlaps()),
            at: flows.positions.iter().map(|_| moved(resources)).collect(),
            issues: moved(resources),
            home_uses: SmallVec::from_elem(false, flows.homes.len() * resources),
            crossed: flows.boundaries.iter().map(|_| moved(1)).collect(),
            ways: vec![(false, false); flows.boundaries.len()],
            least: 0,
            compute: 0,
            neighbours: 0,
            bits: vec![0; resources],
            busy: vec![0; resources],
            transfer_cycles: vec![0; flows.boundaries.len() + flows.homes.len()],
            peaks: vec![0; flows.boundaries.len()],
        }
    }

    /// Bits through one instance of a resource, if it is one.
    #[inline]
    pub fn pass(&mut self, position: usize, resource: Option<usize>, instance: usize, bits: u64) {
        if let Some(resource) = resource
            && bits > 0
        {
            self.at[position].pass(resource, instance, bits);
        }
    }

    /// Bits between one parent instance and its children.
    #[inline]
    pub fn cross(&mut self, boundary: usize, parent: usize, bits: u64) {
        if bits > 0 {
            self.crossed[boundary].pass(0, parent, bits);
        }
    }

    pub fn goes_down(&mut self, boundary: usize) {
        self.ways[boundary].0 = true;
    }

    pub fn goes_up(&mut self, boundary: usize) {
        self.ways[boundary].1 = true;
    }

    /// Bits of the issues of a home through one instance of a resource.
    #[inline]
    pub fn issue(&mut self, home: usize, resource: Option<usize>, instance: usize, bits: u64) {
        if let Some(resource) = resource
            && bits > 0
        {
            self.issues.pass(resource, instance, bits);
            self.home_uses[home * self.bits.len() + resource] = true;
        }
    }

    /// Whether sums that pass from PE to PE take time.
    pub fn passes_sums(&self) -> bool {
        self.rule == TimingRule::Maestro
    }

    fn is_timed(&self, flows: &Flows, position: usize) -> bool {
        self.rule == TimingRule::Exact || position + 1 == flows.positions.len()
    }

    /// All that moves in a step at `position` is known.
    pub fn begin(
        &mut self,
        flows: &Flows,
        position: usize,
        first: bool,
        weight: u128,
    ) -> Result<Begun, EngineLimit> {
        let mut bits: PerResource = SmallVec::from_elem(0, self.bits.len());
        self.at[position].take(&mut bits);
        let (from, to) = flows.positions[position].boundaries;
        for boundary in from..to {
            let mut peak: PerResource = SmallVec::from_elem(0, 1);
            self.crossed[boundary].take(&mut peak);
            self.peaks[boundary] = self.peaks[boundary].max(peak[0]);
        }
        let counts = self.is_timed(flows, position);
        let mut begun = Begun {
            own: 0,
            serial: 0,
            busy: SmallVec::from_elem(0, self.bits.len()),
            least: std::mem::take(&mut self.least),
            first,
            counts,
        };
        if !counts {
            self.ways[from..to].fill((false, false));
            return Ok(begun);
        }
        if self.rule == TimingRule::Maestro {
            add(&mut self.neighbours, weight, begun.least);
        }
        for (resource, &bits) in bits.iter().enumerate() {
            let rate = flows.resources[resource].1;
            let cycles = rate
                .cycles_for(u128::from(bits))
                .ok_or(EngineLimit::Overflow)?;
            begun.busy[resource] = cycles;
            add(&mut self.bits[resource], weight, bits);
            add(&mut self.busy[resource], weight, cycles);
        }
        for boundary in from..to {
            let transfer = &flows.transfers[boundary];
            let (down, up) = std::mem::take(&mut self.ways[boundary]);
            let slowest = |taken: &[usize]| {
                let times = taken.iter().map(|&r| begun.busy[r]);
                times.max().unwrap_or(0)
            };
            let timed = |time: u64| {
                if transfer.timed {
                    time.max(1).checked_add(transfer.latency)
                } else {
                    Some(time)
                }
            };
            let mut time = 0;
            if down {
                let fill = slowest(&transfer.down).max(transfer.rows);
                time = timed(fill).ok_or(EngineLimit::Overflow)?;
            }
            if up {
                let leaves = timed(slowest(&transfer.up)).ok_or(EngineLimit::Overflow)?;
                time = time.max(leaves);
            }
            add(&mut self.transfer_cycles[boundary], weight, time);
            begun.own = begun.own.max(time);
            if !transfer.overlaps {
                begun.serial = begun.serial.max(time);
            }
        }
        Ok(begun)
    }

    /// The region of a step around what is inside.
    pub fn around(&self, mut inside: Region, begun: &Begun) -> Result<Region, EngineLimit> {
        let too_long = EngineLimit::Overflow;
        if !begun.counts {
            return Ok(inside);
        }
        for (busy, own) in inside.busy.iter_mut().zip(&begun.busy) {
            *busy = busy.checked_add(*own).ok_or(too_long.clone())?;
        }
        let cycles = inside.cycles;
        inside.cycles = if begun.first {
            cycles.checked_add(begun.own).ok_or(too_long)?
        } else if self.rule == TimingRule::Maestro {
            cycles.max(begun.own)
        } else {
            let serial = cycles.checked_add(begun.serial).ok_or(too_long)?;
            let busiest = inside.busy.iter().copied().max().unwrap_or(0);
            serial.max(begun.own).max(busiest)
        };
        if self.rule == TimingRule::Maestro {
            inside.cycles = inside.cycles.max(begun.least);
        }
        Ok(inside)
    }

    pub fn nothing(&self) -> Region {
        Region {
            cycles: 0,
            busy: SmallVec::from_elem(0, self.bits.len()),
        }
    }

    pub fn not_issued(&self) -> Issued {
        Issued {
            cycles: 0,
            bits: SmallVec::from_elem(0, self.bits.len()),
            uses: SmallVec::from_elem(false, self.home_uses.len()),
        }
    }

    /// The issues of one leaf tile are known; the busiest PE performs `busiest` points.
    pub fn end_issues(&mut self, busiest: u64, weight: u128) -> Issued {
        let mut issued = self.not_issued();
        issued.cycles = busiest.div_ceil(self.lanes);
        add(&mut self.compute, weight, issued.cycles);
        self.issues.take(&mut issued.bits);
        if self.rule == TimingRule::Maestro {
            issued.bits.fill(0);
            self.home_uses.fill(false);
        }
        for (sum, &bits) in self.bits.iter_mut().zip(&issued.bits) {
            add(sum, weight, bits);
        }
        issued.uses.copy_from_slice(&self.home_uses);
        self.home_uses.fill(false);
        issued
    }

    /// All issues of a leaf region are done; they are rounded once.
    pub fn end_leaf(
        &mut self,
        flows: &Flows,
        issued: &Issued,
        weight: u128,
    ) -> Result<Region, EngineLimit> {
        let mut region = self.nothing();
        region.cycles = issued.cycles;
        for (resource, &bits) in issued.bits.iter().enumerate() {
            let rate = flows.resources[resource].1;
            let cycles = rate
                .cycles_for(u128::from(bits))
                .ok_or(EngineLimit::Overflow)?;
            region.busy[resource] = cycles;
            region.cycles = region.cycles.max(cycles);
            add(&mut self.busy[resource], weight, cycles);
        }
        for home in 0..flows.homes.len() {
            let uses = &issued.uses[home * self.bits.len()..(home + 1) * self.bits.len()];
            let used = region.busy.iter().zip(uses).filter(|(_, uses)| **uses);
            let longest = used.map(|(&busy, _)| busy).max().unwrap_or(0);
            let sum = &mut self.transfer_cycles[flows.boundaries.len() + home];
            add(sum, weight, longest);
        }
        if self.wave_each && self.wave > 0 {
            region.cycles = region
                .cycles
                .checked_add(self.wave)
                .ok_or(EngineLimit::Overflow)?;
            add(&mut self.compute, weight, self.wave);
        }
        Ok(region)
    }

    /// How long it takes until what remains has left through a position.
    pub fn drain(&mut self, flows: &Flows, position: usize) -> Result<u64, EngineLimit> {
        let begun = self.begin(flows, position, false, 1)?;
        // What is read to be added to takes a read port that no transfer upwards takes.
        let longest = begun.busy.iter().copied().max().unwrap_or(0);
        Ok(begun.own.max(longest))
    }

    /// The wave of skewed arrays that is paid once per run.
    pub fn wave_of_the_run(&mut self) -> u64 {
        if self.wave_each {
            return 0;
        }
        add(&mut self.compute, 1, self.wave);
        self.wave
    }
}

impl Region {
    /// Adds a region that happens `times` times.
    pub fn add(&mut self, other: &Region, times: u64) -> Result<(), EngineLimit> {
        let sum = |sum: u64, own: u64| own.checked_mul(times)?.checked_add(sum);
        self.cycles = sum(self.cycles, other.cycles).ok_or(EngineLimit::Overflow)?;
        for (busy, &own) in self.busy.iter_mut().zip(&other.busy) {
            *busy = sum(*busy, own).ok_or(EngineLimit::Overflow)?;
        }
        Ok(())
    }
}

impl Issued {
    /// Adds issues that happen `times` times.
    pub fn add(&mut self, other: &Issued, times: u64) -> Result<(), EngineLimit> {
        let sum = |sum: u64, own: u64| own.checked_mul(times)?.checked_add(sum);
        self.cycles = sum(self.cycles, other.cycles).ok_or(EngineLimit::Overflow)?;
        for (bits, &own) in self.bits.iter_mut().zip(&other.bits) {
            *bits = sum(*bits, own).ok_or(EngineLimit::Overflow)?;
        }
        for (uses, &own) in self.uses.iter_mut().zip(&other.uses) {
            *uses |= own;
        }
        Ok(())
    }
}
