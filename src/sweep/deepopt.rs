//! `space deepopt`: rows, columns and three memories of a systolic array, all objectives in one pass.
//!
//! Problem: 70,631 designs of GoogleNet are 20 million evaluations of closed forms, most of them of the same terms; the
//! model has tables for that, which want lists of rows, columns and sizes. Here every axis of the sweep is found to be
//! one of these lists, by making the accelerator for each of its values, and a design is its places in the lists.
//!
//! Invariant: an axis changes one of the five and nothing else, and the machine at the far corner of the sweep is the one
//! that the lists say; else nothing is evaluated.

use super::Refused;
use super::design::{SUMMED, Sums, Totals, accelerator};
use super::prepare::{Merged, Sweep};
use crate::cost::{self, Area, AreaComponent, Technology};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::driver::Compiled;
use crate::explore::{Figure, Grid, Part};
use crate::hir::Accelerator;
use crate::hir::explore::Explore;
use crate::models::deepopt::{
    DenseEnergy, Found, Layer, Machine, MachineShape, MemorySize, PerTensor, Priced, Repeated,
    Visitor, visit,
};
use crate::models::{Pricing, Problem};
use crate::{lower, pricing};

/// Rows, columns, filter, ifmap and psum memory.
const LISTS: usize = 5;
const NAMES: [&str; LISTS] = [
    "rows",
    "columns",
    "the filter memory",
    "the ifmap memory",
    "the psum memory",
];

/// Combinations of the sizes of the three memories: the tables have a row for each, per layer.
const MOST_SIZES: usize = 1 << 15;
/// Values of one list: each is an accelerator that is made.
const MOST_VALUES: usize = 1 << 10;

/// The lists of a sweep, and where their values stand on its axes.
pub(super) struct Allocation<'a> {
    explore: &'a Explore,
    layers: Vec<Repeated>,
    sweep: crate::models::deepopt::Sweep,
    prices: crate::models::deepopt::Prices,
    /// Per list the axis that it is, and per value of the list its place on the axis.
    axes: [Option<(usize, Vec<usize>)>; LISTS],
}

/// What the model sees of a design.
#[derive(Clone, Debug)]
struct Facts {
    shape: MachineShape,
    /// Of one PE, and of each memory.
    pe_um2: f64,
    memory_um2: PerTensor<f64>,
    total_um2: f64,
    priced: Priced,
}

impl Facts {
    fn list(&self, at: usize) -> u64 {
        let memories = &self.shape.memories;
        match at {
            0 => self.shape.rows,
            1 => self.shape.columns,
            2 => memories.filter,
            3 => memories.ifmap,
            _ => memories.psum,
        }
    }

    /// Whether everything but the five lists is the same.
    fn differs_in_lists_only(&self, other: &Facts) -> bool {
        let rest = |facts: &Facts| {
            let prices = &facts.priced.prices;
            let shape = &facts.shape;
            let prices = (prices.mac, prices.register_bit, prices.dram_bit);
            (shape.words, shape.dram_bits_per_cycle, prices)
        };
        // The area of a PE is a quotient of the area of all.
        let drift = (self.pe_um2 - other.pe_um2).abs();
        rest(self) == rest(other) && drift <= 1e-12 * self.pe_um2
    }

    fn size(&self, at: usize) -> MemorySize {
        let sram = &self.priced.prices.sram_bit;
        let (area_um2, bit_pj) = match at {
            2 => (self.memory_um2.filter, sram.filter),
            3 => (self.memory_um2.ifmap, sram.ifmap),
            _ => (self.memory_um2.psum, sram.psum),
        };
        MemorySize {
            bits: self.list(at),
            area_um2,
            bit_pj,
        }
    }
}

/// Who makes designs and says what is wrong with them.
struct Maker<'a> {
    compiled: &'a Compiled,
    explore: &'a Explore,
    technology: &'a Technology,
    layer: &'a crate::hir::Layer,
}

impl Maker<'_> {
    fn refuse(&self, code: Code, message: String) -> Diagnostics {
        let mut sink = Diagnostics::new();
        sink.push(Diagnostic::new(code, message).at(self.explore.span, "this exploration"));
        sink
    }

    fn facts(&self, places: &[usize]) -> Result<Facts, Diagnostics> {
        let made: Accelerator = accelerator(self.compiled, self.explore, places)?;
        let label = made.label();
        let Some(desugared) = lower::operation(self.layer, &made) else {
            let message = format!("the layer `{}` is past what is counted", self.layer.name);
            return Err(self.refuse(Code::E0602, message));
        };
        let architecture = lower::architecture(&made);
        let not = |why: &dyn std::fmt::Display| {
            let message = format!("`{label}` is not hardware of the model `deepopt`: {why}");
            self.refuse(Code::E0612, message)
        };
        let shape =
            MachineShape::of(&architecture, &desugared.operation).map_err(|why| not(&why))?;
        Machine::new(&shape).map_err(|why| not(&why))?;
        let context = pricing::context(&made, lower::operand_precision(self.layer, &made));
        let pricing = Pricing {
            technology: self.technology,
            context: &context,
        };
        let problem = Problem {
            operation: &desugared.operation,
            architecture: &architecture,
        };
        let priced = Priced::of(problem, &pricing, dense(self.explore)).map_err(|errors| {
            let mut sink = Diagnostics::new();
            let source = made.technology;
            let source = source.and_then(|at| self.compiled.program.technologies.get(at));
            for error in &errors {
                sink.extend(source.map(|source| pricing::cost_diagnostic(error, &made, source)));
            }
            sink
        })?;
        let Some(priced) = priced else {
            let why = "its prices are not by the bit, or differ between reading and writing";
            return Err(not(&why));
        };
        let Area::Known { terms, total_um2 } = cost::area(self.technology, &context, &architecture)
        else {
            return Err(not(&"its area is not known"));
        };
        let of = |component: AreaComponent| -> f64 {
            let terms = terms.iter().filter(|term| term.component == component);
            terms.map(|term| term.value).sum()
        };
        let memories = &priced.memories;
        let pes = (shape.rows * shape.columns) as f64;
        Ok(Facts {
            pe_um2: of(AreaComponent::Compute) / pes,
            memory_um2: PerTensor {
                filter: of(AreaComponent::Memory(memories.filter)),
                ifmap: of(AreaComponent::Memory(memories.ifmap)),
                psum: of(AreaComponent::Memory(memories.psum)),
            },
            total_um2,
            shape,
            priced,
        })
    }
}

impl<'a> Allocation<'a> {
    /// The lists; `None` when the exploration is none of this kind, which has been reported.
    pub fn new(
        compiled: &'a Compiled,
        explore: &'a Explore,
        grid: &Grid,
        layers: &[Merged<'a>],
        technology: Option<&Technology>,
        sink: &mut Diagnostics,
    ) -> Option<Allocation<'a>> {
        let Some(technology) = technology else {
            let message = "the space `deepopt` needs a `Technology`, with areas and energies";
            sink.push(Diagnostic::new(Code::E0503, message).at(explore.span, "this exploration"));
            return None;
        };
        let maker = Maker {
            compiled,
            explore,
            technology,
            layer: layers.first()?.layer,
        };
        match Self::made(&maker, explore, grid, layers) {
            Ok(made) => Some(made),
            Err(refused) => {
                sink.extend(refused.iter().cloned());
                None
            }
        }
    }

    fn made(
        maker: &Maker<'_>,
        explore: &'a Explore,
        grid: &Grid,
        layers: &[Merged<'_>],
    ) -> Result<Allocation<'a>, Diagnostics> {
        let origin = vec![0; grid.lengths().len()];
        let base = maker.facts(&origin)?;
        // Per list the values that it has along its axis.
        let mut values: [Vec<(MemorySize, usize)>; LISTS] =
            std::array::from_fn(|at| vec![(base.size(at), 0)]);
        let mut axes: [Option<usize>; LISTS] = [None; LISTS];
        for (axis, known) in explore.axes.iter().enumerate() {
            if known.values.len() > MOST_VALUES {
                let message = format!(
                    "`{}` has {} values, and the space `deepopt` is swept over at most {MOST_VALUES} of each name",
                    known.name,
                    known.values.len()
                );
                return Err(maker.refuse(Code::E0604, message));
            }
            let mut list: Option<usize> = None;
            let mut along: Vec<Facts> = vec![base.clone()];
            for place in 1..known.values.len() {
                let mut places = origin.clone();
                places[axis] = place;
                let facts = maker.facts(&places)?;
                let changed: Vec<usize> = (0..LISTS)
                    .filter(|&at| facts.list(at) != base.list(at))
                    .collect();
                let same = facts.differs_in_lists_only(&base);
                match changed.as_slice() {
                    [one] if same && list.is_none_or(|list| list == *one) => list = Some(*one),
                    _ => {
                        let names: Vec<&str> = changed.iter().map(|&at| NAMES[at]).collect();
                        let what = if same {
                            names.join(" and ")
                        } else {
                            "something else".to_owned()
                        };
                        return Err(maker.refuse(
                            Code::E0612,
                            format!(
                                "`{}` changes {what}, and the space `deepopt` is swept over rows, columns and three memories, \
                                 each by a parameter of its own",
                                known.name
                            ),
                        ));
                    }
                }
                along.push(facts);
            }
            let Some(list) = list else { continue };
            if let Some(other) = axes[list] {
                let other = explore
                    .axes
                    .get(other)
                    .map_or("", |axis| axis.name.as_str());
                let message = format!("`{other}` and `{}` both change {}", known.name, NAMES[list]);
                return Err(maker.refuse(Code::E0612, message));
            }
            axes[list] = Some(axis);
            values[list] = along
                .iter()
                .enumerate()
                .map(|(at, facts)| (facts.size(list), at))
                .collect();
            // The tables of the model want them so.
            values[list].sort_by_key(|(size, _)| size.bits);
        }
        let sizes: usize = values.iter().skip(2).map(Vec::len).product();
        if sizes > MOST_SIZES {
            let message = format!(
                "{sizes} combinations of memory sizes, of which {MOST_SIZES} are tabulated at most"
            );
            return Err(maker.refuse(Code::E0604, message));
        }
        let sweep = crate::models::deepopt::Sweep {
            rows: values[0].iter().map(|(size, _)| size.bits).collect(),
            columns: values[1].iter().map(|(size, _)| size.bits).collect(),
            memories: PerTensor {
                filter: values[2].iter().map(|one| one.0).collect(),
                ifmap: values[3].iter().map(|one| one.0).collect(),
                psum: values[4].iter().map(|one| one.0).collect(),
            },
            words: base.shape.words,
            dram_bits_per_cycle: base.shape.dram_bits_per_cycle,
            pe_um2: base.pe_um2,
            budget_um2: budget(explore),
            aspect: (0, 1),
        };
        let last: Vec<usize> = grid.lengths().iter().map(|length| length - 1).collect();
        let corner = maker.facts(&last)?;
        let expected = |list: usize| {
            let place = axes[list].map_or(0, |axis| last[axis]);
            let mut known = values[list].iter();
            known
                .find(|(_, at)| *at == place)
                .map_or(0, |(size, _)| size.bits)
        };
        let agrees = (0..LISTS).all(|list| corner.list(list) == expected(list));
        let pes = (corner.shape.rows * corner.shape.columns) as f64 * base.pe_um2;
        let memories: f64 = (2..LISTS).map(|list| corner.size(list).area_um2).sum();
        let total = pes + memories;
        if !agrees || (total - corner.total_um2).abs() > 1e-9 * total {
            let message = "the parameters of this accelerator depend on each other, or its area is more than that of its PEs \
                           and three memories";
            return Err(maker.refuse(Code::E0612, message.to_owned()));
        }
        let mut repeated: Vec<Repeated> = Vec::new();
        let accelerator = maker.compiled.program.accelerators.get(explore.accelerator);
        for merged in layers {
            let operation = accelerator.and_then(|known| lower::operation(merged.layer, known));
            let layer = operation.map(|desugared| Layer::of(&desugared.operation));
            match layer {
                Some(Ok(layer)) => repeated.push((layer, merged.times)),
                Some(Err(why)) => {
                    let message = format!(
                        "the layer `{}` is not described by the model `deepopt`: {why}",
                        merged.layer.name
                    );
                    return Err(maker.refuse(Code::E0611, message));
                }
                None => {
                    let message =
                        format!("the layer `{}` is past what is counted", merged.layer.name);
                    return Err(maker.refuse(Code::E0602, message));
                }
            }
        }
        let mut order = values.into_iter();
        Ok(Allocation {
            explore,
            layers: repeated,
            sweep,
            prices: base.priced.prices,
            axes: axes.map(|axis| {
                let places: Vec<usize> = order
                    .next()
                    .unwrap_or_default()
                    .iter()
                    .map(|one| one.1)
                    .collect();
                axis.map(|axis| (axis, places))
            }),
        })
    }

    /// One per number of columns: what they share is tabulated once.
    pub fn pieces(&self) -> u64 {
        self.sweep.columns.len() as u64
    }

    pub fn piece(&self, sweep: &Sweep<'_>, piece: u64) -> Result<Part, Refused> {
        let mut collector = Collector {
            of: self,
            sweep,
            part: Part::empty(&sweep.question),
            places: vec![0; sweep.grid.lengths().len()],
        };
        let column = usize::try_from(piece).unwrap_or(usize::MAX);
        visit(
            &self.layers,
            &self.sweep,
            &self.prices,
            column,
            &mut collector,
        );
        Ok(collector.part)
    }
}

/// How fully connected layers of several images are charged.
fn dense(explore: &Explore) -> DenseEnergy {
    match explore.fc {
        Some(fc) if fc.corrected => DenseEnergy::Corrected,
        _ => DenseEnergy::Published,
    }
}

fn budget(explore: &Explore) -> f64 {
    let bounds = explore.budget.iter();
    let areas = bounds.filter(|bound| bound.figure == crate::hir::explore::Figure::Area);
    areas.map(|bound| bound.value).fold(f64::INFINITY, f64::min)
}

/// Takes the designs that belong to the sweep.
struct Collector<'a> {
    of: &'a Allocation<'a>,
    sweep: &'a Sweep<'a>,
    part: Part,
    places: Vec<usize>,
}

impl Visitor for Collector<'_> {
    fn wants(&self, rows: usize, columns: usize) -> bool {
        let mut known: Vec<Option<usize>> = vec![None; self.places.len()];
        for (list, place) in [(0, rows), (1, columns)] {
            if let Some((axis, places)) = &self.of.axes[list] {
                known[*axis] = places.get(place).copied();
            }
        }
        self.sweep.grid.may_admit(&known)
    }

    fn design(&mut self, lists: [usize; LISTS], found: Found<'_>) {
        for (list, place) in self.of.axes.iter().zip(lists) {
            if let Some((axis, places)) = list {
                self.places[*axis] = places.get(place).copied().unwrap_or(0);
            }
        }
        if !self.sweep.grid.admits(&self.places) {
            return;
        }
        match found {
            Found::TooLarge => self.part.counts.pruned_by_area += 1,
            Found::Unfed => self.part.unfit(1),
            Found::Evaluated { values, .. } if values[0].is_infinite() => self.part.unfit(1),
            Found::Evaluated { area_um2, values } => {
                let mut sums = Sums::new(self.of.explore.scope);
                sums.add(1, |figure| {
                    let at = SUMMED.iter().position(|known| *known == figure);
                    at.and_then(|at| values.get(at))
                        .copied()
                        .unwrap_or(f64::NAN)
                });
                let number = self.sweep.grid.number(&self.places);
                let design = sums.design(number, Totals::area(area_um2), None);
                debug_assert!(design.get(Figure::Energy).is_finite());
                self.part.design(&self.sweep.question, design);
            }
        }
    }
}
