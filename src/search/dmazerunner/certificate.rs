//! The proof of an optimum, in a form that another program can check, and that check.
//!
//! The classes of a certificate are the tiles of the SPM. A *closed* class is not looked into: any method in it costs
//! at least its bound, and the bound exceeds the best. An *open* class was looked into. [`verify`] takes
//! neither on trust. It lists the classes itself, counts the tilings of each, recomputes each bound from
//! splits that it lists itself, tries every method of a sample of closed classes, and every method of every
//! open class; it shares with the search only the model and [`super::plain`].
//!
//! The bound of a class, from the problem alone: over all tiles `a` of the array that have a split and divide the
//! class's tile `q`, over each tensor that may stay, let E be the energy of the deliveries of `a` if that tensor
//! moved only when a loop that indexes it advances, with the least network energy, and the least reduction, of any
//! split of `a`, and let C be the cycles of all passes of `a` if deliveries and computation of the fastest split were
//! the only cost. With E* and C* the least of these, and per order of the DRAM's loops the energy of the
//! DRAM and the cycles of the DMA with all PEs computing, the bound is the least score over those orders of
//! (E* + DRAM, max(C*, DMA)).

use super::optimum::{Found, Objective, Score};
use super::plain::{self, Orders};
use super::problem::Join;
use super::space::Limits;
use crate::models::dmazerunner::method::check_spm;
use crate::models::dmazerunner::{
    Factors, Layer, Machine, Method, Operator, TENSORS, Tensor, dma, energy, evaluate, reuse,
};
use rayon::prelude::*;
use std::collections::BTreeMap;

const O: usize = Tensor::O.index();

/// A class that was not looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    pub tile: Factors,
    pub tilings: u64,
    pub bound: Score,
}

/// The proof of an optimum, or of a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    pub objective: Objective,
    pub limits: Limits,
    /// The best method, with its orders, and its score.
    pub best: Option<(Method, Score)>,
    /// No method scores less; equal to the best's score if the best is proved.
    pub lower_bound: Option<Score>,
    /// Tilings of the space.
    pub candidates: u64,
    pub evaluated: u64,
    pub dominated: u64,
    pub bounded: u64,
    /// Open classes.
    pub open: Vec<Factors>,
    pub closed: Vec<Closed>,
}

impl Certificate {
    /// The certificate of a search.
    #[must_use]
    pub fn new(join: &Join, objective: Objective, found: &Found) -> Certificate {
        let mut open = Vec::new();
        let mut closed = Vec::new();
        for (place, (bound, opened)) in found.tiles.iter().enumerate() {
            let tile = join.lattice.vector(join.tiles[place].index);
            if *opened {
                open.push(tile);
            } else {
                closed.push(Closed {
                    tile,
                    tilings: join.tilings[place],
                    bound: *bound,
                });
            }
        }
        Certificate {
            objective,
            limits: join.limits,
            best: found.best.map(|best| (join.method(&best), best.score)),
            lower_bound: found.lower_bound(),
            candidates: found.coverage.candidates,
            evaluated: found.coverage.evaluated,
            dominated: found.coverage.dominated,
            bounded: found.coverage.bounded,
            open,
            closed,
        }
    }
}

/// What a certificate gets wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refuted {
    /// The best method does not fit, does not reach the limits, or has another score.
    Best,
    /// The lower bound is not the least of the best's score and the closed classes' bounds.
    LowerBound,
    /// The parts do not add up to the candidates.
    Sum { parts: u64, candidates: u64 },
    /// This class is not of the space, or is listed twice.
    Unknown(Factors),
    /// The space has this class; the certificate has it not.
    Missing(Factors),
    /// A class has another number of tilings.
    Tilings {
        tile: Factors,
        stated: u64,
        counted: u64,
    },
    /// A class has another bound.
    Bound {
        tile: Factors,
        stated: u128,
        recomputed: u128,
    },
    /// A class contains a method that scores less than the certificate says is possible.
    Better { tile: Factors, value: u128 },
}

/// What the least of all splits of one tile of the array is.
#[derive(Clone, Copy)]
struct Least {
    tilings: u64,
    compute: u64,
    copies: [u64; 2],
    reduction: u64,
}

/// Closed classes that [`verify`] tries in full.
pub const SAMPLE: usize = 100;

/// Checks a certificate against layer and architecture. `seed` draws the closed classes that are tried in full.
///
/// # Errors
///
/// The first thing that is wrong.
pub fn verify(
    certificate: &Certificate,
    layer: &Layer,
    machine: &Machine,
    seed: u64,
) -> Result<(), Refuted> {
    let c = certificate;
    check_best(c, layer, machine)?;
    let arrays = array_tiles(layer, machine, &c.limits);
    let mut classes: BTreeMap<Factors, u64> = plain::vectors(&layer.bounds)
        .into_par_iter()
        .filter(|q| class_admitted(layer, machine, &c.limits, q))
        .map(|q| {
            let tilings = plain::vectors(&q)
                .iter()
                .filter_map(|a| arrays.get(a))
                .map(|least| least.tilings)
                .sum();
            (q, tilings)
        })
        .filter(|(_, tilings)| *tilings > 0)
        .collect();
    let mut parts = c
        .evaluated
        .saturating_add(c.dominated)
        .saturating_add(c.bounded);
    let mut opened = 0_u64;
    for tile in &c.open {
        opened = opened.saturating_add(classes.remove(tile).ok_or(Refuted::Unknown(*tile))?);
    }
    if parts != opened {
        return Err(Refuted::Sum {
            parts,
            candidates: opened,
        });
    }
    for class in &c.closed {
        let counted = classes
            .remove(&class.tile)
            .ok_or(Refuted::Unknown(class.tile))?;
        if counted != class.tilings {
            return Err(Refuted::Tilings {
                tile: class.tile,
                stated: class.tilings,
                counted,
            });
        }
        parts = parts.saturating_add(counted);
    }
    if let Some(tile) = classes.keys().next() {
        return Err(Refuted::Missing(*tile));
    }
    if parts != c.candidates {
        return Err(Refuted::Sum {
            parts,
            candidates: c.candidates,
        });
    }
    c.closed.par_iter().try_for_each(|class| {
        let recomputed = bound(layer, machine, c.objective, &arrays, &class.tile);
        if recomputed == class.bound {
            Ok(())
        } else {
            Err(Refuted::Bound {
                tile: class.tile,
                stated: class.bound.value,
                recomputed: recomputed.value,
            })
        }
    })?;
    let least = c
        .closed
        .iter()
        .map(|class| class.bound)
        .chain(c.best.map(|best| best.1))
        .min();
    if least != c.lower_bound {
        return Err(Refuted::LowerBound);
    }
    let objective = Objective::ALL
        .iter()
        .position(|o| *o == c.objective)
        .expect("all objectives are listed");
    let sample = draw(&c.closed, seed);
    let tries: Vec<(Factors, Option<Score>)> = sample
        .iter()
        .map(|class| (class.tile, Some(class.bound)))
        .chain(c.open.iter().map(|tile| (*tile, c.best.map(|best| best.1))))
        .collect();
    tries.par_iter().try_for_each(|(tile, least)| {
        match (
            plain::in_tile(layer, machine, &c.limits, tile, Orders::Classes).best[objective],
            least,
        ) {
            (Some(score), Some(least)) if score < *least => Err(Refuted::Better {
                tile: *tile,
                value: score.value,
            }),
            (Some(score), None) => Err(Refuted::Better {
                tile: *tile,
                value: score.value,
            }),
            _ => Ok(()),
        }
    })
}

fn check_best(c: &Certificate, layer: &Layer, machine: &Machine) -> Result<(), Refuted> {
    let Some((method, score)) = c.best else {
        return Ok(());
    };
    let profile = evaluate(layer, machine, &method).map_err(|_| Refuted::Best)?;
    let real = c
        .objective
        .score(profile.energy.total(), profile.cycles, profile.unit);
    let admitted = plain::admitted(layer, machine, &c.limits, &method, &profile.sizes);
    if admitted && real == score {
        Ok(())
    } else {
        Err(Refuted::Best)
    }
}

fn class_admitted(layer: &Layer, machine: &Machine, limits: &Limits, q: &Factors) -> bool {
    let sizes = layer.footprints(q);
    let bytes = sizes
        .iter()
        .sum::<u64>()
        .saturating_mul(machine.element_bytes);
    check_spm(&sizes, machine).is_ok()
        && limits.spm.reached(bytes, machine.spm_bytes())
        && !(limits.no_feature_dram && q[5..] != layer.bounds[5..])
}

/// Every tile of the array that the SPM holds, with the least of its splits.
fn array_tiles(layer: &Layer, machine: &Machine, limits: &Limits) -> BTreeMap<Factors, Least> {
    let tiles: Vec<Factors> = plain::vectors(&layer.bounds)
        .into_iter()
        .filter(|a| check_spm(&layer.footprints(a), machine).is_ok())
        .collect();
    tiles
        .into_par_iter()
        .filter_map(|a| {
            let mut least: Option<Least> = None;
            for spatial in plain::vectors(&a) {
                let pes: u64 = spatial.iter().product();
                let rf: Factors = std::array::from_fn(|d| a[d] / spatial[d]);
                let sizes = layer.footprints(&rf);
                let filled: u64 = sizes.iter().sum();
                let (idle, _) = layer.idle_products(&spatial);
                if pes > machine.pes
                    || filled > machine.rf_elements
                    || !limits.pe.reached(pes, machine.pes)
                    || !limits.rf.reached(filled, machine.rf_elements)
                    || (limits.no_spatial_reduction && idle[O] > 1)
                {
                    continue;
                }
                let reduction = energy::reduction(layer, &rf, &spatial);
                let this = Least {
                    tilings: 1,
                    compute: rf.iter().product(),
                    copies: [sizes[0] * pes, sizes[1] * pes],
                    reduction,
                };
                least = Some(least.map_or(this, |old| Least {
                    tilings: old.tilings + 1,
                    compute: old.compute.min(this.compute),
                    copies: [
                        old.copies[0].min(this.copies[0]),
                        old.copies[1].min(this.copies[1]),
                    ],
                    reduction: old.reduction.min(reduction),
                }));
            }
            least.map(|least| (a, least))
        })
        .collect()
}

/// The bound of a class, as the module's head defines it.
fn bound(
    layer: &Layer,
    machine: &Machine,
    objective: Objective,
    arrays: &BTreeMap<Factors, Least>,
    q: &Factors,
) -> Score {
    let e = machine.energies_in_units();
    let macs = layer.macs();
    let mut least_energy = u64::MAX;
    let mut least_cycles = u64::MAX;
    for a in plain::vectors(q) {
        let Some(least) = arrays.get(&a) else {
            continue;
        };
        let size = layer.footprints(&a);
        let passes = macs / a.iter().product::<u64>();
        let whole: Factors = std::array::from_fn(|d| layer.bounds[d] / a[d]);
        let (loops, _) = layer.idle_products(&whole);
        let copies = [least.copies[0], least.copies[1], size[O]];
        let depthwise = layer.operator == Operator::Depthwise;
        for stays in 0..TENSORS + usize::from(depthwise) {
            let mut energy = 0;
            let mut slowest = 0;
            for x in 0..TENSORS {
                let once = copies[x] * e.noc + size[x] * e.spm;
                let sum = least.reduction * (3 * e.rf + e.noc + e.mac);
                let (count, ways) = if x == stays {
                    (passes / loops[x], 1)
                } else {
                    slowest = slowest.max(size[x]);
                    (passes, if x == O { 2 } else { 1 })
                };
                energy += count * (ways * once + if x == O { sum } else { 0 });
            }
            let cycles = if stays == O {
                least.compute.max(slowest)
            } else {
                slowest + least.compute + least.reduction
            };
            least_energy = least_energy.min(energy);
            least_cycles = least_cycles.min(passes * cycles);
        }
    }
    let dram: Factors = std::array::from_fn(|d| layer.bounds[d] / q[d]);
    let passes: u64 = dram.iter().product();
    let (loops, common) = layer.idle_products(&dram);
    let size = layer.footprints(q);
    let move_one = dma::all_bursts(layer, machine, q).map(|b| b.cycles);
    let pass = q.iter().product::<u64>().div_ceil(machine.pes);
    reuse::classes(&loops, common)
        .map(|reuse| {
            let outputs = passes / loops[O];
            let dram = energy::dram(&e, &size, passes, &reuse, outputs);
            let every: u64 = (0..TENSORS)
                .filter(|x| reuse[*x] == 1)
                .map(|x| move_one[x] * if x == O { 2 } else { 1 })
                .sum();
            let base = every.max(pass);
            let mut dma = base * passes;
            for x in (0..TENSORS).filter(|x| reuse[*x] > 1) {
                let more = (every + move_one[x]).saturating_sub(base);
                dma += more * if x == O { 2 } else { 1 } * (passes / reuse[x]);
            }
            let fixed = macs * (e.mac + 4 * e.rf);
            objective.score(
                least_energy + fixed + dram,
                least_cycles.max(dma),
                machine.energy_unit(),
            )
        })
        .min()
        .expect("a level has at least one order")
}

/// Up to [`SAMPLE`] of the closed classes, drawn without order but always the same for one seed.
fn draw(closed: &[Closed], seed: u64) -> Vec<Closed> {
    let mut keyed: Vec<(u64, usize)> = (0..closed.len())
        .map(|i| (mix(seed ^ i as u64), i))
        .collect();
    keyed.sort_unstable();
    keyed
        .into_iter()
        .take(SAMPLE)
        .map(|(_, i)| closed[i])
        .collect()
}

/// A well-mixed number (the finalizer of SplitMix64).
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
