//! Hardware allocation: rows, columns and three memories under an area budget, all objectives in one sweep.
//!
//! Every legal design is evaluated: there is no bound and no sampling. What makes it fast is what the terms depend on. Channels and filters side by side
//! follow from rows and columns, how a layer is cut from the psum memory as well; then filter reads depend on the filter memory alone, input reads on
//! the ifmap memory alone, and only the waiting on both. So per layer and array the counts are made once per size of one memory, and a design costs
//! the waiting, three sums and five products. Rows that leave the same number of channels side by side share a table: with 3x3 filters, 30, 31 and 32
//! rows all take ten channels.
//!
//! Designs are compared by value, then area, then their place in the sweep, whatever the number of threads.

use super::access::{self, Geometry};
use super::cover::{Array, Cover, cover};
use super::delay::{self, Loads, Port, Sizes};
use super::dense;
use super::estimate::{Prices, Totals, charged_macs, float, guard, register_bits};
use super::layer::{Layer, Machine, MachineShape, PerTensor};
use super::objective::all;
use super::parallel;
use super::schedule::Schedule;

/// One size that a memory may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemorySize {
    pub bits: u64,
    /// Area in square micrometres.
    pub area_um2: f64,
    /// Energy of one bit, in pJ.
    pub bit_pj: f64,
}

/// The designs that are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    pub rows: Vec<u64>,
    pub columns: Vec<u64>,
    pub memories: PerTensor<Vec<MemorySize>>,
    pub words: PerTensor<u64>,
    pub dram_bits_per_cycle: u64,
    /// Area of one PE in square micrometres.
    pub pe_um2: f64,
    /// Largest area of PEs and memories, in square micrometres.
    pub budget_um2: f64,
    /// Least ratio of the shorter to the longer side of the array.
    pub aspect: (u64, u64),
}

/// One design: places in the lists of a [`Sweep`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Design {
    pub rows: u64,
    pub columns: u64,
    pub memories: PerTensor<u64>,
    pub area_um2: f64,
}

/// A design and the sum of an objective over the layers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Valued {
    pub design: Design,
    pub value: f64,
}

/// What a sweep found.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    /// Best design per objective, in the order of `Objective::ALL`.
    pub best: [Option<Valued>; 5],
    /// Per objective and area floor of the request, the worst design that runs all layers.
    pub worst: Vec<[Option<Valued>; 5]>,
    /// Designs inside the budget that the array can be fed in.
    pub designs: u64,
    /// Of these, the designs on which some layer fits under no schedule.
    pub unfit: u64,
    /// Layers times schedules that were evaluated, feasible ones; equal layers, and rows that make no difference to a layer, once.
    pub evaluations: u64,
}

/// A layer and how often the network has it.
pub type Repeated = (Layer, u64);

/// What is found of a design.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Found<'a> {
    /// Over the budget: not evaluated.
    TooLarge,
    /// A memory cannot feed the array for one cycle: not evaluated.
    Unfed,
    /// Its area, and the least sum of every objective over the layers, in the order of `Objective::ALL`; infinite where a layer
    /// fits under no schedule, or none has a bound.
    Evaluated { area_um2: f64, values: &'a [f64; 5] },
}

/// Who is told of designs. A design is its places in the lists of the sweep: row, column, filter, ifmap and psum memory.
pub trait Visitor {
    /// Whether designs with so many rows (a place) and columns (likewise) are wanted at all.
    fn wants(&self, rows: usize, columns: usize) -> bool;

    /// Told of every design of the arrays that are wanted.
    fn design(&mut self, places: [usize; 5], found: Found<'_>);
}

/// Evaluates all designs with one number of columns (a place in the list of the sweep), rows ascending. Rows and memories must
/// be in ascending order. Returns the number of evaluations, as [`Allocation::evaluations`] counts them.
pub fn visit(
    layers: &[Repeated],
    sweep: &Sweep,
    prices: &Prices,
    column: usize,
    visitor: &mut dyn Visitor,
) -> u64 {
    let Some(&columns) = sweep.columns.get(column) else {
        return 0;
    };
    Column {
        layers,
        sweep,
        prices,
        columns,
        place: column,
    }
    .run(visitor)
}

/// Evaluates all designs for a network. `floors_um2` are the least areas among which a worst design is looked for, one answer each.
#[must_use]
pub fn allocate(
    layers: &[Repeated],
    sweep: &Sweep,
    prices: &Prices,
    floors_um2: &[f64],
) -> Allocation {
    let columns: Vec<usize> = (0..sweep.columns.len()).collect();
    let per_column = parallel::map(&columns, |&column| {
        let mut best = Best {
            sweep,
            floors_um2,
            found: Allocation {
                best: [None; 5],
                worst: vec![[None; 5]; floors_um2.len()],
                designs: 0,
                unfit: 0,
                evaluations: 0,
            },
        };
        let evaluations = visit(layers, sweep, prices, column, &mut best);
        best.found.evaluations = evaluations;
        best.found
    });
    let mut sum = Allocation {
        best: [None; 5],
        worst: vec![[None; 5]; floors_um2.len()],
        designs: 0,
        unfit: 0,
        evaluations: 0,
    };
    for part in per_column {
        for (best, candidate) in sum.best.iter_mut().zip(part.best) {
            candidate
                .into_iter()
                .for_each(|candidate| better(best, candidate));
        }
        for (worst, candidates) in sum.worst.iter_mut().zip(part.worst) {
            for (worst, candidate) in worst.iter_mut().zip(candidates) {
                candidate
                    .into_iter()
                    .for_each(|candidate| worse(worst, candidate));
            }
        }
        sum.designs += part.designs;
        sum.unfit += part.unfit;
        sum.evaluations += part.evaluations;
    }
    sum
}

fn place(design: &Design) -> (u64, u64, u64, u64, u64) {
    (
        design.rows,
        design.columns,
        design.memories.filter,
        design.memories.ifmap,
        design.memories.psum,
    )
}

fn better(best: &mut Option<Valued>, candidate: Valued) {
    if best
        .as_ref()
        .is_some_and(|best| candidate.value > best.value)
    {
        return;
    }
    let key = |v: &Valued| (v.value, v.design.area_um2, place(&v.design));
    if best.as_ref().is_none_or(|best| key(&candidate) < key(best)) {
        *best = Some(candidate);
    }
}

fn worse(worst: &mut Option<Valued>, candidate: Valued) {
    if worst
        .as_ref()
        .is_some_and(|worst| candidate.value < worst.value)
    {
        return;
    }
    let key = |v: &Valued| (-v.value, v.design.area_um2, place(&v.design));
    if worst
        .as_ref()
        .is_none_or(|worst| key(&candidate) < key(worst))
    {
        *worst = Some(candidate);
    }
}

/// Keeps the best and the worst designs.
struct Best<'a> {
    sweep: &'a Sweep,
    floors_um2: &'a [f64],
    found: Allocation,
}

impl Visitor for Best<'_> {
    fn wants(&self, rows: usize, columns: usize) -> bool {
        let (Some(&rows), Some(&columns)) =
            (self.sweep.rows.get(rows), self.sweep.columns.get(columns))
        else {
            return false;
        };
        let (least, most) = (rows.min(columns), rows.max(columns));
        let (part, whole) = self.sweep.aspect;
        u128::from(least) * u128::from(whole) >= u128::from(most) * u128::from(part)
    }

    fn design(&mut self, [rows, columns, filter, ifmap, psum]: [usize; 5], found: Found<'_>) {
        let Found::Evaluated { area_um2, values } = found else {
            return;
        };
        self.found.designs += 1;
        if values[0].is_infinite() {
            self.found.unfit += 1;
        }
        let memories = &self.sweep.memories;
        let bits = |list: &[MemorySize], at: usize| list.get(at).map_or(0, |size| size.bits);
        let design = Design {
            rows: self.sweep.rows.get(rows).copied().unwrap_or(0),
            columns: self.sweep.columns.get(columns).copied().unwrap_or(0),
            memories: PerTensor {
                filter: bits(&memories.filter, filter),
                ifmap: bits(&memories.ifmap, ifmap),
                psum: bits(&memories.psum, psum),
            },
            area_um2,
        };
        let finite = values
            .iter()
            .enumerate()
            .filter(|(_, value)| value.is_finite());
        for (objective, &value) in finite {
            better(&mut self.found.best[objective], Valued { design, value });
            let floors = self.found.worst.iter_mut().zip(self.floors_um2);
            for (worst, _) in floors.filter(|&(_, &floor)| area_um2 >= floor) {
                worse(&mut worst[objective], Valued { design, value });
            }
        }
    }
}

/// The designs with one number of columns.
struct Column<'a> {
    layers: &'a [Repeated],
    sweep: &'a Sweep,
    prices: &'a Prices,
    columns: u64,
    /// In the list of the sweep.
    place: usize,
}

/// What is legal with one array, for all sizes of the memories: `((psum * ifmaps) + ifmap) * filters + filter`.
struct Legal {
    rows: u64,
    /// Area, infinite where the design is over the budget or a memory cannot feed the array for one cycle.
    areas: Vec<f64>,
    /// Where it is over the budget.
    too_large: Vec<bool>,
}

/// Values of the objectives of one layer, for all sizes of the memories in the order of [`Legal`].
struct Table {
    /// Channels side by side that it was made for.
    cu: i64,
    values: Vec<[f64; 5]>,
}

impl Column<'_> {
    fn legal(&self, rows: u64) -> Legal {
        let memories = &self.sweep.memories;
        // PEs first: the order of a floating-point sum decides ties.
        let pes = rows as f64 * self.columns as f64 * self.sweep.pe_um2;
        let all = memories.psum.len() * memories.ifmap.len() * memories.filter.len();
        let mut areas = Vec::with_capacity(all);
        let mut too_large = Vec::with_capacity(all);
        for psum in &memories.psum {
            for ifmap in &memories.ifmap {
                for filter in &memories.filter {
                    let area = pes + (filter.area_um2 + ifmap.area_um2 + psum.area_um2);
                    let fed = self
                        .machine(rows, [filter, ifmap, psum])
                        .is_some_and(|machine| {
                            let guard = guard(&machine);
                            guard.filter <= machine.sram.filter
                                && guard.ifmap <= machine.sram.ifmap
                                && guard.psum <= machine.sram.psum
                        });
                    let fits = area <= self.sweep.budget_um2;
                    too_large.push(!fits);
                    areas.push(if fed && fits { area } else { f64::INFINITY });
                }
            }
        }
        Legal {
            rows,
            areas,
            too_large,
        }
    }

    fn machine(&self, rows: u64, sizes: [&MemorySize; 3]) -> Option<Machine> {
        Machine::new(&MachineShape {
            rows,
            columns: self.columns,
            memories: PerTensor {
                filter: sizes[0].bits,
                ifmap: sizes[1].bits,
                psum: sizes[2].bits,
            },
            words: self.sweep.words,
            dram_bits_per_cycle: self.sweep.dram_bits_per_cycle,
        })
        .ok()
    }

    fn run(&self, visitor: &mut dyn Visitor) -> u64 {
        let mut evaluations = 0;
        let mut tables: Vec<Option<Table>> = self.layers.iter().map(|_| None).collect();
        let mut sums: Vec<[f64; 5]> = Vec::new();
        let mut line = Line::default();
        for (row, &rows) in self.sweep.rows.iter().enumerate() {
            if !visitor.wants(row, self.place) {
                continue;
            }
            let legal = self.legal(rows);
            sums.clear();
            sums.resize(legal.areas.len(), [0.0; 5]);
            for (&(layer, times), table) in self.layers.iter().zip(&mut tables) {
                let cu = i64::try_from(rows).map_or(0, |j| (j / layer.s).min(layer.c));
                // More rows cost area and take more of the memories: what is legal shrinks as they grow, so a table made for fewer rows serves.
                if table.as_ref().is_none_or(|table| table.cu != cu) {
                    *table = Some(self.table(&layer, &legal, cu, &mut line, &mut evaluations));
                }
                let times = times as f64;
                for (sum, values) in sums
                    .iter_mut()
                    .zip(table.iter().flat_map(|table| &table.values))
                {
                    for (sum, value) in sum.iter_mut().zip(values) {
                        *sum += times * value;
                    }
                }
            }
            self.tell(&legal, row, &sums, visitor);
        }
        evaluations
    }

    /// Tells of the designs of one array.
    fn tell(&self, legal: &Legal, row: usize, sums: &[[f64; 5]], visitor: &mut dyn Visitor) {
        let memories = &self.sweep.memories;
        let mut designs = legal.areas.iter().zip(&legal.too_large).zip(sums);
        for psum in 0..memories.psum.len() {
            for ifmap in 0..memories.ifmap.len() {
                for filter in 0..memories.filter.len() {
                    let Some(((&area_um2, &too_large), values)) = designs.next() else {
                        return;
                    };
                    let found = if too_large {
                        Found::TooLarge
                    } else if area_um2.is_infinite() {
                        Found::Unfed
                    } else {
                        Found::Evaluated { area_um2, values }
                    };
                    visitor.design([row, self.place, filter, ifmap, psum], found);
                }
            }
        }
    }

    /// The least value of each objective of one layer, for all legal sizes of the memories.
    fn table(
        &self,
        layer: &Layer,
        legal: &Legal,
        cu: i64,
        line: &mut Line,
        evaluations: &mut u64,
    ) -> Table {
        let memories = &self.sweep.memories;
        let (filters, ifmaps) = (memories.filter.len(), memories.ifmap.len());
        let mut values = vec![[f64::INFINITY; 5]; legal.areas.len()];
        if cu > 0 {
            let schedules: &[Schedule] = if layer.dense {
                &[Schedule::XYZiZo, Schedule::XYZoZi]
            } else {
                &Schedule::ALL
            };
            for &schedule in schedules {
                let job = Job {
                    column: self,
                    layer,
                    schedule,
                    rows: legal.rows,
                    cu,
                };
                line.forget();
                let chunks = values
                    .chunks_mut(ifmaps * filters)
                    .zip(legal.areas.chunks(ifmaps * filters));
                for (psum, (values, areas)) in memories.psum.iter().zip(chunks) {
                    line.fill(&job, psum, areas, values, evaluations);
                }
            }
        }
        Table { cu, values }
    }
}

/// One layer, one schedule and one array.
struct Job<'a> {
    column: &'a Column<'a>,
    layer: &'a Layer,
    schedule: Schedule,
    rows: u64,
    cu: i64,
}

/// What a covering fixes, kept from one psum memory to the next. One for all layers, so that its lists are allocated once.
#[derive(Default)]
struct Line {
    cover: Option<Cover>,
    pieces: Vec<(Geometry, Loads)>,
    totals: Totals,
    /// Energy of multiplications, registers and results, in pJ.
    fixed: f64,
    /// Energy of filters per size of their memory.
    filter_energy: Vec<f64>,
    /// Energy of inputs per size of their memory.
    ifmap_energy: Vec<f64>,
    /// Cycles by `ifmap * filters + filter`.
    delays: Vec<Delay>,
}

/// Cycles under one pair of sizes of the filter and ifmap memories.
#[derive(Clone, Copy, PartialEq)]
enum Delay {
    /// The schedule does not fit.
    Unfit,
    /// The model gives no bound.
    Unbounded,
    Cycles(f64),
}

impl Line {
    fn forget(&mut self) {
        self.cover = None;
    }

    /// Lowers the values of one psum memory by this schedule's.
    fn fill(
        &mut self,
        job: &Job<'_>,
        psum: &MemorySize,
        areas: &[f64],
        values: &mut [[f64; 5]],
        evaluations: &mut u64,
    ) {
        let sweep = job.column.sweep;
        let (Some(first_filter), Some(first_ifmap)) =
            (sweep.memories.filter.first(), sweep.memories.ifmap.first())
        else {
            return;
        };
        let Some(machine) = job
            .column
            .machine(job.rows, [first_filter, first_ifmap, psum])
        else {
            return;
        };
        if guard(&machine).psum > machine.sram.psum {
            return;
        }
        let array = Array {
            cu: job.cu,
            ..Array::of(&machine, job.layer)
        };
        let cover = cover(job.layer, job.schedule, &array);
        if cover.needs.psum > machine.sram.psum {
            return;
        }
        // A larger psum memory that changes no piece changes the price of its accesses only; and it leaves less area for the other two.
        if self.cover.as_ref() != Some(&cover) || job.layer.is_single_dense() {
            self.prepare(job, &machine, &array, &cover, areas);
            self.cover = Some(cover);
        }
        let per_image = float(job.layer.runs) / float(job.layer.images);
        let base = self.fixed
            + per_image * float(self.totals.sram.psum) * float(machine.bits.psum) * psum.bit_pj;
        let mut cells = self.delays.iter().zip(areas).zip(values);
        for ifmap_energy in &self.ifmap_energy {
            for filter_energy in &self.filter_energy {
                let Some(((&delay, area), values)) = cells.next() else {
                    return;
                };
                if area.is_infinite() || delay == Delay::Unfit {
                    continue;
                }
                *evaluations += 1;
                let energy = base + ifmap_energy + filter_energy;
                if let Delay::Cycles(delay) = delay {
                    for (least, value) in values.iter_mut().zip(all(energy, delay)) {
                        *least = if value < *least { value } else { *least };
                    }
                } else if energy < values[0] {
                    values[0] = energy;
                }
            }
        }
    }

    /// Counts, cycles and prices that the pieces of a covering fix.
    fn prepare(
        &mut self,
        job: &Job<'_>,
        machine: &Machine,
        array: &Array,
        cover: &Cover,
        areas: &[f64],
    ) {
        let (layer, schedule, prices) = (job.layer, job.schedule, job.column.prices);
        let memories = &job.column.sweep.memories;
        let bits = machine.bits;
        let port = Port {
            bits,
            bandwidth: machine.bandwidth,
        };
        let single = layer.is_single_dense();
        self.pieces.clear();
        self.totals = Totals {
            filter_divisor: 1,
            ..Totals::default()
        };
        for piece in cover.pieces.iter().filter(|_| !single) {
            let p = Geometry::new(layer, array, &piece);
            self.totals.add_fixed(schedule, &p, &port);
            self.pieces.push((p, Loads::new(&p, &port)));
        }
        if single {
            let one = dense::single(layer, machine, schedule);
            let results = layer.f;
            self.totals = Totals {
                sram: one.sram,
                filter_divisor: 1,
                results,
                compute: one.compute,
                write: one.write,
                ..Totals::default()
            };
        }
        let per_image = float(layer.runs) / float(layer.images);
        self.fixed = float(layer.runs)
            * charged_macs(layer, prices.dense)
            * (prices.mac + float(register_bits(&bits)) * prices.register_bit)
            + per_image * float(self.totals.results) * float(bits.ifmap) * prices.dram_bit;
        let size = |memory: &MemorySize| i64::try_from(memory.bits).unwrap_or(i64::MAX);
        let pieces = &self.pieces;
        let energy = |sram: i64, dram: f64, bits: i64, memory: &MemorySize| {
            per_image * float(bits) * (float(sram) * memory.bit_pj + dram * prices.dram_bit)
        };
        self.filter_energy.clear();
        for memory in &memories.filter {
            let dram = if single {
                float(layer.c * layer.f)
            } else {
                let read = |p: &Geometry| {
                    p.copies * access::filter_dram(schedule, p, bits.filter, size(memory))
                };
                float(pieces.iter().map(|(p, _)| read(p)).sum()) / float(self.totals.filter_divisor)
            };
            self.filter_energy
                .push(energy(self.totals.sram.filter, dram, bits.filter, memory));
        }
        let alone = |filter: i64, ifmap: i64| {
            let sram = PerTensor {
                filter,
                ifmap,
                psum: machine.sram.psum,
            };
            dense::single(layer, &Machine { sram, ..*machine }, schedule)
        };
        let per_image = |cycles: i64| access::ceil(cycles, layer.images);
        let busy = per_image(self.totals.compute) + per_image(self.totals.write);
        self.ifmap_energy.clear();
        self.delays.clear();
        let mut areas = areas.iter();
        for ifmap in &memories.ifmap {
            let dram = if single {
                alone(0, size(ifmap)).ifmap_dram
            } else {
                pieces
                    .iter()
                    .map(|(p, _)| {
                        p.copies * access::ifmap_dram(schedule, p, bits.ifmap, size(ifmap))
                    })
                    .sum()
            };
            self.ifmap_energy.push(energy(
                self.totals.sram.ifmap,
                float(dram),
                bits.ifmap,
                ifmap,
            ));
            for filter in &memories.filter {
                let sizes = Sizes {
                    filter: size(filter),
                    ifmap: size(ifmap),
                };
                let legal = areas.next().is_some_and(|area| area.is_finite());
                if !legal || cover.needs.filter > sizes.filter || cover.needs.ifmap > sizes.ifmap {
                    self.delays.push(Delay::Unfit);
                    continue;
                }
                let mut stall = Some(if single {
                    alone(sizes.filter, sizes.ifmap).stall
                } else {
                    0
                });
                for (p, loads) in pieces {
                    stall = stall
                        .zip(delay::stall(schedule, p, loads, &sizes))
                        .map(|(sum, more)| sum + p.copies * more);
                }
                self.delays.push(match stall {
                    Some(stall) => Delay::Cycles(float(layer.runs * (busy + per_image(stall)))),
                    None => Delay::Unbounded,
                });
            }
        }
    }
}
