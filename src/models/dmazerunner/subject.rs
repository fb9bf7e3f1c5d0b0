//! A legal mapping as an execution method of this profile, if it is one.
//!
//! Example: on an accelerator DRAM, SPM, array, RF the loops
//!
//! ```text
//! at DRAM { tile K by 64; tile C by 8; }
//! at SPM  { tile C by 1; spread K by 16 over PE; spread P by 1 over PE; spread Q by 1 over PE; }
//! ```
//!
//! of a layer with K = C = 512 and P = Q = 7 are the method with DRAM `m:8 c:64`, SPM `c:8`, array `m:4 ox:7 oy:7`, and
//! the rest in the register file. What the profile cannot say is refused, each condition by itself
//! ([`Unfit`]); nothing of a mapping is left out of account.
//!
//! The DMA is the published one, which takes 291 cycles of its own clock per burst and 0.24 per byte: a burst's setup is
//! as long as 1212.5 bytes. Its clock follows from the bandwidth of the DRAM.

use super::layer::{Dim, Factors, Layer, Operator, Tensor};
use super::machine::{Energies, Machine};
use super::method::{Level, Method};
use super::unfit::Unfit;
use crate::ir::{
    Architecture, Axis, Links, Loop, LoopKind, Mapping, Operation, OperationKind, Ports, RankId,
    Role, RoleSet, window_count,
};

/// A mapping in the words of the profile. The machine's energies are zero: a technology says them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Given {
    pub layer: Layer,
    pub machine: Machine,
    pub method: Method,
}

/// The layer and the machine of an operation on an architecture, for whoever looks for methods.
///
/// # Errors
///
/// The first condition of the profile that does not hold.
pub fn problem(
    operation: &Operation,
    architecture: &Architecture,
) -> Result<(Layer, Machine), Unfit> {
    let (layer, _) = layer(operation)?;
    let machine = machine(architecture, element_bytes(operation)?)?;
    Ok((layer, machine))
}

/// The mapping as an execution method.
///
/// # Errors
///
/// The first condition of the profile that does not hold.
pub fn given(mapping: &Mapping) -> Result<Given, Unfit> {
    let (layer, dims) = layer(&mapping.operation)?;
    let element_bytes = element_bytes(&mapping.operation)?;
    let machine = machine(&mapping.architecture, element_bytes)?;
    let method = method(mapping, &layer, &dims)?;
    Ok(Given {
        layer,
        machine,
        method,
    })
}

/// The layer, and the loop that each rank is; none for ranks of extent 1.
pub(super) fn layer(operation: &Operation) -> Result<(Layer, Vec<Option<Dim>>), Unfit> {
    let roles: Vec<Role> = operation.tensors.iter().map(|tensor| tensor.role).collect();
    if operation.kind != OperationKind::MultiplyAccumulate
        || roles != [Role::Input, Role::Weight, Role::Output]
    {
        return Err(Unfit::NotAProduct);
    }
    if operation.repeat != 1 {
        return Err(Unfit::Repeated(operation.repeat));
    }
    if operation.tensors.iter().any(|tensor| tensor.density < 1.0) {
        return Err(Unfit::Sparse);
    }
    if let Some(groups) = groups(operation) {
        return Err(Unfit::Groups(groups));
    }
    let mut bounds: Factors = [1; 7];
    let mut dims = vec![None; operation.ranks.len()];
    let mut common = 1;
    for (index, extent) in operation
        .ranks
        .iter()
        .enumerate()
        .filter(|rank| *rank.1 > 1)
    {
        let rank = RankId(u8::try_from(index).map_err(|_| Unfit::TooLarge)?);
        let dim = dim_of(operation, rank)?;
        if bounds[dim.index()] != 1 {
            return Err(Unfit::TwoRanks(dim));
        }
        if indexes(operation, rank) == [true; 3] {
            common = *extent;
        }
        bounds[dim.index()] = *extent;
        dims[index] = Some(dim);
    }
    let [rows, columns] = match operation.windows.as_slice() {
        [] => [None, None],
        [rows, columns] => [Some(rows), Some(columns)],
        _ => return Err(Unfit::NotAProduct),
    };
    let mut image = [1, 1];
    let mut strides = [1, 1];
    for (at, window) in [rows, columns].into_iter().enumerate() {
        let Some(window) = window else { continue };
        if window.dilation != 1 && operation.ranks[window.kernel.index()] > 1 {
            return Err(Unfit::Dilation(window.dilation));
        }
        image[at] = window.extent;
        strides[at] = window.stride;
    }
    if strides[0] != strides[1] {
        return Err(Unfit::Strides(strides));
    }
    let operator = if common > 1 {
        if bounds[Dim::M.index()] > 1 {
            return Err(Unfit::Groups(common));
        }
        Operator::Depthwise
    } else if rows.is_none() && reduction_first(operation, &dims) {
        Operator::Product
    } else {
        Operator::Convolution
    };
    let layer = Layer {
        operator,
        bounds,
        stride: strides[0],
        image,
    };
    Ok((layer, dims))
}

/// Groups of channels, if the channels of a group are more than one.
fn groups(operation: &Operation) -> Option<u64> {
    let mut apart = None;
    let mut channels = false;
    for (index, extent) in operation.ranks.iter().enumerate() {
        let rank = RankId(u8::try_from(index).ok()?);
        if *extent == 1 || operation.window_of(rank).is_some() {
            continue;
        }
        match indexes(operation, rank) {
            [true, true, true] => apart = Some(*extent),
            [true, true, false] | [false, true, true] => channels = true,
            _ => {}
        }
    }
    apart.filter(|_| channels)
}

/// Whether the rank indexes input, weight and output.
fn indexes(operation: &Operation, rank: RankId) -> [bool; 3] {
    let mut found = [false; 3];
    for (found, tensor) in found.iter_mut().zip(&operation.tensors) {
        let mut terms = tensor.dims.iter().flat_map(|dim| &dim.terms);
        *found = terms.any(|term| term.rank == rank);
    }
    found
}

fn dim_of(operation: &Operation, rank: RankId) -> Result<Dim, Unfit> {
    let window = operation.window_of(rank);
    match (indexes(operation, rank), window) {
        ([true, false, true], None) => Ok(Dim::N),
        ([true, false, true], Some(0)) => Ok(Dim::Ox),
        ([true, false, true], Some(_)) => Ok(Dim::Oy),
        ([true, true, _], None) => Ok(Dim::C),
        ([true, true, false], Some(0)) => Ok(Dim::Fx),
        ([true, true, false], Some(_)) => Ok(Dim::Fy),
        ([false, true, true], None) => Ok(Dim::M),
        _ => Err(Unfit::StrangeRank(rank.0)),
    }
}

/// Whether the weight is stored with the reduction outside of the columns, as the right factor of a product is.
fn reduction_first(operation: &Operation, dims: &[Option<Dim>]) -> bool {
    let place = |wanted: Dim| {
        let mut weight = operation.tensors[Tensor::W.index()].dims.iter();
        weight.position(|dim| {
            let mut terms = dim.terms.iter();
            terms.any(|term| dims[term.rank.index()] == Some(wanted))
        })
    };
    place(Dim::C)
        .zip(place(Dim::M))
        .is_some_and(|(reduction, column)| reduction < column)
}

fn element_bytes(operation: &Operation) -> Result<u64, Unfit> {
    let bits = operation.tensors[0].bits;
    let same = operation
        .tensors
        .iter()
        .all(|tensor| tensor.bits == bits && tensor.partial_bits == bits);
    if same && bits > 0 && bits.is_multiple_of(8) {
        Ok(u64::from(bits / 8))
    } else {
        Err(Unfit::Widths)
    }
}

fn machine(architecture: &Architecture, element_bytes: u64) -> Result<Machine, Unfit> {
    let ([dram, spm, rf], [array]) = (
        architecture.memories.as_slice(),
        architecture.arrays.as_slice(),
    ) else {
        return Err(Unfit::Shape {
            memories: architecture.memories.len(),
            arrays: architecture.arrays.len(),
        });
    };
    if [dram.level, spm.level, rf.level] != [0, 1, 2]
        || spm.arrays_above != 0
        || rf.arrays_above != 1
    {
        return Err(Unfit::Shape {
            memories: 3,
            arrays: 1,
        });
    }
    if architecture.lanes != 1 {
        return Err(Unfit::Lanes(architecture.lanes));
    }
    for (memory, level) in [(spm, Level::Spm), (rf, Level::Rf)] {
        if memory.holds != RoleSet::ALL {
            return Err(Unfit::Holds(level));
        }
        if !memory.double_buffered {
            return Err(Unfit::SingleBuffer(level));
        }
    }
    let bytes = |bits: Option<u128>| {
        bits.filter(|bits| bits.is_multiple_of(16))
            .and_then(|bits| u64::try_from(bits / 16).ok())
    };
    // Half of each is usable.
    let rf_bytes = bytes(rf.capacity_bits).ok_or(Unfit::Size(Level::Rf))?;
    let spm_bytes = bytes(spm.capacity_bits).ok_or(Unfit::Size(Level::Spm))?;
    if spm.banks > 1 && !spm.banks.is_multiple_of(2) {
        return Err(Unfit::OddBanks(spm.banks));
    }
    // One bank is no bank: tensors share its bytes.
    let (banks, bank_bytes) = if spm.banks > 1 {
        (spm.banks / 2, spm_bytes / (spm.banks / 2))
    } else {
        (spm_bytes, 1)
    };
    if banks * bank_bytes != spm_bytes || rf.banks > 1 || !rf_bytes.is_multiple_of(element_bytes) {
        return Err(Unfit::Size(if rf.banks > 1 {
            Level::Rf
        } else {
            Level::Spm
        }));
    }
    let Ports::One(rate) = dram.ports else {
        return Err(Unfit::DmaRate);
    };
    network(&array.network, element_bytes)?;
    // (1212.5 + b) bytes at `bits / cycles` bits per cycle.
    let per_byte = rate.cycles.checked_mul(8).ok_or(Unfit::TooLarge)?;
    let setup = rate.cycles.checked_mul(9700).ok_or(Unfit::TooLarge)?;
    Ok(Machine {
        pes: array.size(),
        rf_elements: rf_bytes / element_bytes,
        spm_banks: banks,
        bank_bytes,
        element_bytes,
        dma_setup: setup,
        dma_per_byte: per_byte,
        dma_scale: rate.bits,
        energy: Energies {
            rf: 0,
            noc: 0,
            spm: 0,
            dram: 0,
            mac: 0,
        },
    })
}

fn network(network: &crate::ir::Network, element_bytes: u64) -> Result<(), Unfit> {
    let Links::PerTensor { .. } = network.links else {
        return Err(Unfit::Network);
    };
    for role in [Role::Input, Role::Weight, Role::Output] {
        let rate = network.links.rate(role).ok_or(Unfit::Network)?;
        if Some(rate.bits) != rate.cycles.checked_mul(8 * element_bytes) {
            return Err(Unfit::Network);
        }
    }
    let plain = network.multicast
        && network.reduction
        && !network.forwarding
        && network.skew == 0
        && network.latency.unwrap_or(0) == 0;
    if plain {
        Ok(())
    } else {
        Err(Unfit::NetworkKind)
    }
}

fn method(mapping: &Mapping, layer: &Layer, dims: &[Option<Dim>]) -> Result<Method, Unfit> {
    let schedule = &mapping.schedule;
    let place = |memory: usize, level: Level| {
        let row = schedule
            .positions
            .get(memory)
            .map_or(&[][..], Vec::as_slice);
        match row {
            [Some(first), rest @ ..] if rest.iter().all(|other| *other == Some(*first)) => {
                Ok(*first)
            }
            _ => Err(Unfit::Uneven(level)),
        }
    };
    let (spm_place, rf_place) = (place(1, Level::Spm)?, place(2, Level::Rf)?);
    let mut walk = Walk {
        mapping,
        dims,
        left: layer.bounds,
    };
    let mut levels = [Nest::default(), Nest::default()];
    let mut spatial = [1; 7];
    for (at, step) in schedule.loops.iter().enumerate() {
        let Some((dim, trips)) = walk.step(step)? else {
            continue;
        };
        let level = if at < spm_place {
            Level::Dram
        } else if at < rf_place {
            Level::Spm
        } else {
            Level::Rf
        };
        let d = dim.index();
        match (step.kind, level) {
            // What one PE does in which order has no cost; its tile is what the loops leave outside.
            (LoopKind::Temporal, Level::Rf) => walk.left[d] *= trips,
            (LoopKind::Temporal, _) => {
                if spatial != [1; 7] {
                    return Err(Unfit::SpreadOutside(level));
                }
                let nest = &mut levels[usize::from(level == Level::Spm)];
                if nest.factors[d] != 1 {
                    return Err(Unfit::Twice { dim, level });
                }
                nest.factors[d] = trips;
                nest.order.push(dim);
            }
            (LoopKind::Spatial { .. }, Level::Spm) => spatial[d] *= trips,
            (LoopKind::Spatial { .. }, _) => return Err(Unfit::SpreadOutside(level)),
        }
    }
    let [dram, spm] = levels;
    Ok(Method {
        dram: dram.factors,
        spm: spm.factors,
        rf: walk.left,
        spatial,
        dram_order: dram.full_order(),
        spm_order: spm.full_order(),
    })
}

/// The loops of one level with more than one trip, from the outermost on.
struct Nest {
    factors: Factors,
    order: Vec<Dim>,
}

impl Default for Nest {
    fn default() -> Self {
        Nest {
            factors: [1; 7],
            order: Vec::new(),
        }
    }
}

impl Nest {
    /// With the loops of one trip outside.
    fn full_order(&self) -> [Dim; 7] {
        let mut order = Dim::ALL;
        let idle = Dim::ALL.into_iter().filter(|dim| !self.order.contains(dim));
        let all = idle.chain(self.order.iter().copied());
        for (place, dim) in order.iter_mut().zip(all) {
            *place = dim;
        }
        order
    }
}

struct Walk<'a> {
    mapping: &'a Mapping,
    dims: &'a [Option<Dim>],
    /// What the loops so far leave of each loop.
    left: Factors,
}

impl Walk<'_> {
    /// The loop that `step` is and its trips; none if it has only one.
    fn step(&mut self, step: &Loop) -> Result<Option<(Dim, u64)>, Unfit> {
        let [only] = step.moves.as_slice() else {
            return Err(Unfit::Together);
        };
        let rank = match only.axis {
            Axis::Rank(rank) => rank,
            Axis::Window(window) => {
                let window = &self.mapping.operation.windows[usize::from(window)];
                return if window_count(window.extent, only.size, only.offset) == 1 {
                    Ok(None)
                } else {
                    Err(Unfit::InputWindow)
                };
            }
        };
        let Some(dim) = self.dims[rank.index()] else {
            return Ok(None);
        };
        let left = &mut self.left[dim.index()];
        let (extent, size) = (*left, only.size.min(*left));
        let pieces = window_count(extent, only.size, only.offset);
        if pieces == 1 {
            return Ok(None);
        }
        if only.size != only.offset || !extent.is_multiple_of(size) {
            return Err(Unfit::Imperfect {
                dim,
                extent,
                size: only.size,
                offset: only.offset,
            });
        }
        let instances = step.instances();
        if step.array().is_some() && pieces > instances {
            return Err(Unfit::Folded {
                dim,
                pieces,
                instances,
            });
        }
        *left = size;
        Ok(Some((dim, pieces)))
    }
}
