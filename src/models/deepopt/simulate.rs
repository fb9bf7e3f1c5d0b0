//! Is the pruning of 24 orders to five sound? A block simulation of every order, which shares no formula with the closed forms.
//!
//! The four loops are walked step by step, each turning round at its end. Two memories hold what was used last (least recently used blocks leave
//! first): filters in blocks of all taps of the channels and filters side by side, inputs in blocks of one point and the channels side by side.
//! What is missing comes from DRAM. Partial sums stay on chip: the loops inside the one over channels are cut, innermost first, to what their memory
//! holds in whole sets of filters, and every piece starts with empty memories. The innermost loop decides what stands still in the array, and
//! so what the SRAMs deliver.
//!
//! Walking is slow; that is the point. Loops under which a block does not change are left out, and so is the walk if everything fits.

use std::collections::BTreeMap;
use std::fmt;

use super::estimate::{Prices, float};
use super::layer::{Layer, Machine, PerTensor};
use super::schedule::{Loop, Schedule};

/// What stands still in the array while the innermost loop moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stationary {
    /// Filters, while a row of results passes for one row of the filter (`X_a`, `Y_a`).
    Filter,
    /// Nothing: all taps of one result, then the next result (`X_b`, `Y_b`).
    Taps,
    /// Partial sums (`Zi`).
    Psum,
    /// Inputs, while filters pass (`Zo,a`).
    Ifmap,
    /// Nothing, while filters pass (`Zo,b`).
    Passing,
}

/// An order of the four loops, outermost first, and what stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Order {
    pub loops: [Loop; 4],
    pub stationary: Stationary,
}

impl Order {
    /// All orders, each with what may stand still under its innermost loop.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut orders = Vec::new();
        for loops in permutations() {
            let choices: &[Stationary] = match loops[3] {
                Loop::X | Loop::Y => &[Stationary::Filter, Stationary::Taps],
                Loop::Zi => &[Stationary::Psum],
                Loop::Zo => &[Stationary::Ifmap, Stationary::Passing],
            };
            orders.extend(choices.iter().map(|&stationary| Self { loops, stationary }));
        }
        orders
    }

    /// Whether it is one of the five.
    #[must_use]
    pub fn kept(&self) -> Option<Schedule> {
        Schedule::of_loops(&self.loops)
            .filter(|_| matches!(self.stationary, Stationary::Filter | Stationary::Psum))
    }

    /// Whether it is one of the nine that the first pruning step leaves: rows along X, filters or sums standing still.
    #[must_use]
    pub fn of_nine(&self) -> bool {
        let place = |wanted: Loop| self.loops.iter().position(|&l| l == wanted);
        match self.loops[3] {
            Loop::X => self.stationary == Stationary::Filter,
            Loop::Zi => place(Loop::X) > place(Loop::Y),
            Loop::Y | Loop::Zo => false,
        }
    }
}

fn permutations() -> Vec<[Loop; 4]> {
    let all = [Loop::X, Loop::Y, Loop::Zi, Loop::Zo];
    let mut list = Vec::new();
    for a in all {
        for b in all {
            for c in all {
                for d in all {
                    let mut sorted = [a, b, c, d];
                    sorted.sort_unstable();
                    if sorted == all {
                        list.push([a, b, c, d]);
                    }
                }
            }
        }
    }
    list
}

/// Words moved by one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moved {
    pub sram: PerTensor<i64>,
    pub dram_filter: i64,
    pub dram_ifmap: i64,
    pub dram_ofmap: i64,
}

impl Moved {
    /// Energy of the memories of one run, in pJ.
    #[must_use]
    pub fn energy(&self, machine: &Machine, prices: &Prices) -> f64 {
        let bits = machine.bits;
        float(self.sram.filter * bits.filter) * prices.sram_bit.filter
            + float(self.sram.ifmap * bits.ifmap) * prices.sram_bit.ifmap
            + float(self.sram.psum * bits.psum) * prices.sram_bit.psum
            + float(
                self.dram_filter * bits.filter + (self.dram_ifmap + self.dram_ofmap) * bits.ifmap,
            ) * prices.dram_bit
    }
}

/// Extents of a piece: columns, rows and filters of the result.
pub(super) type Extents = (i64, i64, i64);

/// Simulates one layer on one machine under any order.
#[derive(Debug)]
pub struct Simulation<'a> {
    layer: &'a Layer,
    machine: &'a Machine,
    /// Channels and filters side by side.
    cu: i64,
    /// Words of filters and of inputs of a piece, by the loops that matter to them and by its extents.
    filters: BTreeMap<(Vec<Loop>, Extents), i64>,
    inputs: BTreeMap<(Vec<Loop>, Extents), i64>,
}

/// Why a layer is not simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsimulated {
    /// A row of a filter does not fit the rows of the array.
    ArrayRows,
    /// More blocks or steps than a walk is made for.
    TooLarge,
    /// It fits under none of the five schedules.
    Unfit,
    /// Somebody stopped the run.
    Stopped,
}

impl fmt::Display for Unsimulated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::ArrayRows => "a row of a filter does not fit the rows of the array",
            Self::TooLarge => "it has more blocks or steps than are walked",
            Self::Unfit => "it fits under none of the five schedules",
            Self::Stopped => "the run was stopped",
        })
    }
}

/// Most blocks of input that are kept track of.
const MOST_BLOCKS: i64 = 1 << 24;

/// Most points that the windows of one walk touch; a minute or so.
const MOST_TOUCHES: i64 = 1 << 33;

impl<'a> Simulation<'a> {
    /// Prepares the simulation of a layer.
    ///
    /// # Errors
    /// A layer that does not fit the array, or is too large to be walked.
    pub fn new(layer: &'a Layer, machine: &'a Machine) -> Result<Self, Unsimulated> {
        let cu = (machine.j / layer.s).min(layer.c);
        if cu == 0 {
            return Err(Unsimulated::ArrayRows);
        }
        let fu = machine.k.min(layer.f);
        let (steps, sets) = ((layer.c + cu - 1) / cu, (layer.f + fu - 1) / fu);
        let within = |factors: &[i64], most: i64| {
            let product = factors
                .iter()
                .try_fold(1_i64, |product, &factor| product.checked_mul(factor));
            product.is_some_and(|product| product <= most)
        };
        let (w, h) = (
            (layer.g - 1) * layer.u + layer.s,
            (layer.e - 1) * layer.u + layer.r,
        );
        let walked = [layer.g, layer.e, layer.r, layer.s, steps, sets];
        if !within(&[w, h, steps], MOST_BLOCKS)
            || !within(&[steps, sets], MOST_BLOCKS)
            || !within(&walked, MOST_TOUCHES)
        {
            return Err(Unsimulated::TooLarge);
        }
        Ok(Self {
            layer,
            machine,
            cu,
            filters: BTreeMap::new(),
            inputs: BTreeMap::new(),
        })
    }

    /// Walks an order. `None` if a memory cannot hold what the order works on.
    pub fn run(&mut self, order: &Order) -> Option<Moved> {
        let fu = self.machine.k.min(self.layer.f);
        if self.layer.r * self.layer.s * self.cu * fu * self.machine.bits.filter
            > self.machine.sram.filter
        {
            return None;
        }
        let mut pieces = BTreeMap::new();
        self.cut(
            order,
            (self.layer.g, self.layer.e, self.layer.f),
            1,
            &mut pieces,
        )?;
        let mut sum = Moved::default();
        for (extents, copies) in pieces {
            let (filter, ifmap) = self.dram(order, extents)?;
            let sram = self.sram(order, extents);
            sum.sram.filter += copies * sram.filter;
            sum.sram.ifmap += copies * sram.ifmap;
            sum.sram.psum += copies * sram.psum;
            sum.dram_filter += copies * filter;
            sum.dram_ifmap += copies * ifmap;
            sum.dram_ofmap += copies * extents.0 * extents.1 * extents.2;
        }
        Some(sum)
    }

    /// Cuts a region into pieces whose partial sums fit.
    fn cut(
        &self,
        order: &Order,
        region: Extents,
        copies: i64,
        pieces: &mut BTreeMap<Extents, i64>,
    ) -> Option<()> {
        let (g, e, f) = region;
        if g == 0 || e == 0 || f == 0 {
            return Some(());
        }
        let (columns, rows, filters) = piece(self.machine, order, region)?;
        let whole = copies * (g / columns) * (e / rows) * (f / filters);
        *pieces.entry((columns, rows, filters)).or_default() += whole;
        self.cut(
            order,
            (g % columns, e, filters),
            copies * (f / filters),
            pieces,
        )?;
        self.cut(
            order,
            (columns, e % rows, filters),
            copies * (g / columns) * (f / filters),
            pieces,
        )?;
        self.cut(order, (g, e, f % filters), copies, pieces)
    }

    /// What the array takes from the three memories and gives to them.
    fn sram(&self, order: &Order, (g, e, f): Extents) -> PerTensor<i64> {
        let Layer { r, s, c, u, .. } = *self.layer;
        let (sets, steps) = (
            (f + self.machine.k.min(f) - 1) / self.machine.k.min(f),
            (c + self.cu - 1) / self.cu,
        );
        let (taps, results) = (r * s * c, g * e);
        // Windows that overlap by all but one line share it inside the array.
        let shared = u == 1 && r > 1 && s > 1;
        let along_row = r * if shared { (g - 1) * u + s } else { g * s } * c * e;
        let along_column = s * if shared { (e - 1) * u + r } else { e * r } * c * g;
        let input = match order.loops[3] {
            Loop::X => along_row,
            Loop::Y => along_column,
            Loop::Zi | Loop::Zo => taps * results,
        };
        match order.stationary {
            Stationary::Filter => {
                let (lines, turns) = if order.loops[3] == Loop::X {
                    (e, r)
                } else {
                    (g, s)
                };
                PerTensor {
                    filter: taps * f * lines,
                    ifmap: input * sets,
                    psum: results * f * (2 * turns * steps - 1),
                }
            }
            Stationary::Taps | Stationary::Passing => PerTensor {
                filter: taps * f * results,
                ifmap: input * sets,
                psum: results * f * (2 * steps - 1),
            },
            Stationary::Psum => PerTensor {
                filter: taps * f * results,
                ifmap: input * sets,
                psum: results * f,
            },
            Stationary::Ifmap => PerTensor {
                filter: taps * f * results,
                ifmap: input,
                psum: results * f * (2 * r * steps - 1),
            },
        }
    }

    /// Filter and input words that come from DRAM for one piece.
    fn dram(&mut self, order: &Order, extents: Extents) -> Option<(i64, i64)> {
        let (g, e, f) = extents;
        let fu = self.machine.k.min(f);
        let piece = Piece {
            g,
            e,
            f,
            fu,
            steps: (self.layer.c + self.cu - 1) / self.cu,
            sets: (f + fu - 1) / fu,
        };
        let loops = piece.loops(order, &[Loop::Zi, Loop::Zo]);
        let key = (loops, extents);
        let filter = match self.filters.get(&key) {
            Some(&known) => known,
            None => {
                let words = self.walk_filters(&key.0, &piece)?;
                self.filters.insert(key, words);
                words
            }
        };
        let (w, h) = self.plane(&piece);
        let working = match order.loops[3] {
            Loop::X => self.layer.r * w,
            Loop::Y => self.layer.s * h,
            Loop::Zi | Loop::Zo => self.layer.r * self.layer.s,
        };
        if working > self.points() {
            return None;
        }
        let loops = piece.loops(order, &[Loop::X, Loop::Y, Loop::Zi]);
        let key = (loops, extents);
        let ifmap = match self.inputs.get(&key) {
            Some(&known) => known,
            None => {
                let words = self.walk_inputs(&key.0, &piece)?;
                self.inputs.insert(key, words);
                words
            }
        };
        Some((filter, ifmap))
    }

    /// Columns and rows of the padded input under a piece.
    fn plane(&self, piece: &Piece) -> (i64, i64) {
        (
            (piece.g - 1) * self.layer.u + self.layer.s,
            (piece.e - 1) * self.layer.u + self.layer.r,
        )
    }

    /// Blocks of input that its memory holds.
    fn points(&self) -> i64 {
        self.machine.sram.ifmap / (self.cu * self.machine.bits.ifmap)
    }

    /// Channels of a step; the last may have fewer.
    fn channels(&self, zi: i64) -> i64 {
        self.cu.min(self.layer.c - zi * self.cu)
    }

    fn walk_filters(&self, loops: &[Loop], piece: &Piece) -> Option<i64> {
        let Layer { r, s, c, .. } = *self.layer;
        let capacity = self.machine.sram.filter / self.machine.bits.filter;
        if r * s * c * piece.f <= capacity {
            return Some(r * s * c * piece.f);
        }
        // The last channels and the last filters may be fewer: a block is as large as what is in it.
        let sizes = (0..piece.sets)
            .flat_map(|zo| (0..piece.steps).map(move |zi| (zo, zi)))
            .map(|(zo, zi)| r * s * self.channels(zi) * piece.fu.min(piece.f - zo * piece.fu))
            .collect();
        let mut memory = Lru::new(sizes, capacity)?;
        walk(loops, piece, |at| memory.touch(at[3] * piece.steps + at[2]));
        Some(memory.fetched)
    }

    fn walk_inputs(&self, loops: &[Loop], piece: &Piece) -> Option<i64> {
        let Layer { r, s, c, u, .. } = *self.layer;
        let (w, h) = self.plane(piece);
        let capacity = self.machine.sram.ifmap / self.machine.bits.ifmap;
        let fits = w * h * c <= capacity;
        // If all points fit, each is fetched once whatever the order: one walk over the plane finds those that a window touches.
        let (loops, steps) = if fits {
            (&[Loop::Y, Loop::X] as &[Loop], 1)
        } else {
            (loops, piece.steps)
        };
        let sizes = (0..steps)
            .flat_map(|zi| (0..w * h).map(move |_| zi))
            .map(|zi| if fits { c } else { self.channels(zi) })
            .collect();
        let mut memory = Lru::new(sizes, capacity)?;
        walk(loops, piece, |at| {
            let (x, y, zi) = (at[0], at[1], at[2]);
            for row in y * u..y * u + r {
                for column in x * u..x * u + s {
                    memory.touch((zi * h + row) * w + column);
                }
            }
        });
        Some(memory.fetched)
    }
}

/// The largest piece of a region whose partial sums fit, which is not empty. `None` if not one per column fits.
pub(super) fn piece(machine: &Machine, order: &Order, region: Extents) -> Option<Extents> {
    let (_, _, f) = region;
    let fu = machine.k.min(f);
    let mut room = machine.sram.psum / machine.bits.psum / fu;
    if room == 0 {
        return None;
    }
    let (mut columns, mut rows, mut filters) = region;
    // From the innermost loop outward, up to the loop over channels: what is inside comes round again before a sum is finished.
    for &inside in order.loops.iter().rev().take_while(|&&l| l != Loop::Zi) {
        let extent = match inside {
            Loop::X => &mut columns,
            Loop::Y => &mut rows,
            Loop::Zo | Loop::Zi => {
                let sets = room.min((f + fu - 1) / fu);
                filters = (sets * fu).min(f);
                room /= sets;
                continue;
            }
        };
        *extent = (*extent).min(room);
        room /= *extent;
    }
    Some((columns, rows, filters))
}

/// Extents and trips of a piece.
struct Piece {
    g: i64,
    e: i64,
    f: i64,
    /// Filters side by side.
    fu: i64,
    /// Trips over channels and over sets of filters.
    steps: i64,
    sets: i64,
}

impl Piece {
    const fn trips(&self, l: Loop) -> i64 {
        match l {
            Loop::X => self.g,
            Loop::Y => self.e,
            Loop::Zi => self.steps,
            Loop::Zo => self.sets,
        }
    }

    /// The loops that are walked, outermost first: those of one trip stand still, and innermost loops under which a block is none of `moving`
    /// would only touch the same blocks again.
    fn loops(&self, order: &Order, moving: &[Loop]) -> Vec<Loop> {
        let mut loops: Vec<Loop> = order
            .loops
            .into_iter()
            .filter(|&l| self.trips(l) > 1)
            .collect();
        while loops.last().is_some_and(|l| !moving.contains(l)) {
            loops.pop();
        }
        loops
    }
}

/// Walks loops, outermost first, each turning round at its end, and calls for every step with the places in X, Y, Zi and Zo.
fn walk(loops: &[Loop], piece: &Piece, mut step: impl FnMut(&[i64; 4])) {
    let slot = |l: Loop| match l {
        Loop::X => 0,
        Loop::Y => 1,
        Loop::Zi => 2,
        Loop::Zo => 3,
    };
    let mut at = [0_i64; 4];
    let mut direction = [1_i64; 4];
    loop {
        step(&at);
        // The innermost loop that can still move does; those inside it turn round where they stand.
        let mut moved = false;
        for &l in loops.iter().rev() {
            let i = slot(l);
            let next = at[i] + direction[i];
            if next >= 0 && next < piece.trips(l) {
                at[i] = next;
                moved = true;
                break;
            }
            direction[i] = -direction[i];
        }
        if !moved {
            return;
        }
    }
}

/// Least recently used blocks leave first: a list through an array, newest at one end.
#[derive(Debug)]
struct Lru {
    /// Neighbours of a block in the list; the last element stands for both ends.
    newer: Vec<u32>,
    older: Vec<u32>,
    held: Vec<bool>,
    /// Words of every block.
    sizes: Vec<i64>,
    /// Words that are free, and words that were fetched.
    free: i64,
    fetched: i64,
}

impl Lru {
    /// `None` if some block would not fit, or there are more blocks than a list is made for.
    fn new(sizes: Vec<i64>, capacity: i64) -> Option<Self> {
        let end = u32::try_from(sizes.len())
            .ok()
            .filter(|&count| count < 1 << 28)?;
        if sizes.iter().any(|&size| size > capacity) {
            return None;
        }
        let count = sizes.len();
        Some(Self {
            newer: vec![end; count + 1],
            older: vec![end; count + 1],
            held: vec![false; count],
            sizes,
            free: capacity,
            fetched: 0,
        })
    }

    /// Uses a block.
    fn touch(&mut self, block: i64) {
        let end = self.held.len();
        let block = usize::try_from(block).unwrap_or(end);
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        if self.held[block] {
            if self.older[end] as usize == block {
                return;
            }
            self.unlink(block);
        } else {
            let size = self.sizes[block];
            while self.free < size {
                let oldest = self.newer[end] as usize;
                self.unlink(oldest);
                self.held[oldest] = false;
                self.free += self.sizes[oldest];
            }
            self.free -= size;
            self.fetched += size;
            self.held[block] = true;
        }
        let newest = self.older[end];
        self.newer[newest as usize] = number(block);
        self.older[block] = newest;
        self.newer[block] = number(end);
        self.older[end] = number(block);
    }

    fn unlink(&mut self, block: usize) {
        let (newer, older) = (self.newer[block], self.older[block]);
        self.newer[older as usize] = newer;
        self.older[newer as usize] = older;
    }
}
