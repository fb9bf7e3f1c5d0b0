//! Why the exact engine counts other figures of the same method.
//!
//! Both see the same loops. The profile moves boxes: the rows that two neighbouring tiles share are moved twice, zeros
//! of the padding are data, and what a stride skips lies in the box. It keeps a tile only if no loop in between needs
//! another; it reads an output back in every visit of the array; it has bursts, and neither a first fill nor a last drain.
//! Here every count that is not the same is named with the habits that the method at hand has, and no others.
//!
//! Example: of conv5_2 the profile reads 4 * 512 * 9 * 9 inputs per round of the filters and the engine 4 * 512 * 7 * 7,
//! because the padding of one row and column on every side counts as data.

use super::layer::{Dim, Factors, Layer, Tensor};
use super::model::{DRAM, RF, SPM};
use super::profile::{Bottleneck, Profile};
use super::subject::Given;
use crate::engine::Counts;
use crate::ir::Mapping;
use crate::models::{Difference, Quantity};

const HALO: &str = "rows and columns that neighbouring tiles share are moved again";
const PADDING: &str = "zeros of the padding count as data";
const BOX: &str = "a tile is the box around it, with what the stride skips";
const KEPT: &str = "a tile is kept only if the whole pass needs it, and sent again else";
const ONWARD: &str = "moving finished outputs on to the DRAM reads nothing";
const READ_BACK: &str = "an output is read back in every visit, also in its first";
const FILLS: &str = "writing what arrives from outside is not counted";
const FOUR: &str = "four accesses per MAC: input, weight and output read, output written";
const BURSTS: &str = "every burst of the DMA takes 91 ns before its first byte";
const ROWS: &str = "a tile of the input never spans the padded image, so that every row is a burst";
const FIRST_LAST: &str = "no first fill and no last drain";
const SERIAL: &str = "outputs that leave in every pass are not overlapped with anything";
const REDUCTION: &str = "sums pass from PE to PE one after the other";
const AVERAGE: &str = "a delivery of every i-th pass lengthens the passes on average";

/// Every count that differs, with its reasons: cycles first, then memories from the outside in.
pub(super) fn differences(
    mapping: &Mapping,
    given: &Given,
    profile: &Profile,
    cycles: u64,
    exact: &Counts,
) -> Vec<Difference> {
    let all = [(Quantity::Cycles, cycles, exact.timing.cycles)]
        .into_iter()
        .chain(accesses(profile, exact));
    all.filter(|(_, here, exact)| here != exact)
        .map(|(of, here, exact)| {
            let mut why = reasons(of, mapping, given, profile);
            if why.is_empty() {
                why.push(KEPT);
            }
            Difference {
                of,
                here,
                exact,
                why: why.into_iter().map(Into::into).collect(),
            }
        })
        .collect()
}

/// Reads and writes of every memory: the profile's and the engine's.
fn accesses<'a>(
    profile: &Profile,
    exact: &'a Counts,
) -> impl Iterator<Item = (Quantity, u64, u64)> + use<'a> {
    let a = profile.accesses;
    let reads = [a.dram_reads, a.spm_reads, a.rf_reads];
    let writes = [a.dram_writes, a.spm_writes, a.rf_writes];
    let memories = exact
        .memories
        .iter()
        .enumerate()
        .zip(reads.into_iter().zip(writes));
    memories.flat_map(|((memory, row), (reads, writes))| {
        row.tensors.iter().flat_map(move |count| {
            let tensor = count.tensor;
            let read = reads.get(tensor).copied().unwrap_or(0);
            let written = if tensor == Tensor::O.index() {
                writes
            } else {
                0
            };
            [
                (Quantity::Reads { memory, tensor }, read, count.reads),
                (Quantity::Writes { memory, tensor }, written, count.writes),
            ]
        })
    })
}

fn reasons(of: Quantity, mapping: &Mapping, given: &Given, profile: &Profile) -> Vec<&'static str> {
    const I: usize = Tensor::I.index();
    const O: usize = Tensor::O.index();
    let method = &given.method;
    match of {
        Quantity::Cycles => of_cycles(given, profile),
        Quantity::Reads {
            memory: DRAM,
            tensor: I,
        } => boxes(mapping, &given.layer, &method.spm_tile(), &method.dram),
        Quantity::Reads {
            memory: SPM,
            tensor: I,
        } => {
            let outside = std::array::from_fn(|d| method.dram[d] * method.spm[d]);
            boxes(mapping, &given.layer, &method.array_tile(), &outside)
        }
        Quantity::Reads {
            memory: SPM,
            tensor: O,
        } if profile.pass.kept == Some(O) => vec![ONWARD],
        Quantity::Reads {
            memory: SPM,
            tensor: O,
        } => vec![READ_BACK, ONWARD],
        Quantity::Reads { memory: RF, .. }
        | Quantity::Writes {
            memory: RF,
            tensor: O,
        } => {
            let mut list = vec![FOUR];
            list.extend((profile.pass.reduction > 0).then_some(REDUCTION));
            list
        }
        Quantity::Writes { tensor, memory } if tensor != O || memory == SPM => vec![FILLS],
        Quantity::Reads { .. } | Quantity::Writes { .. } => vec![KEPT],
    }
}

/// Why boxes of the input have another size than what the tile needs, or move more often.
fn boxes(mapping: &Mapping, layer: &Layer, tile: &Factors, outside: &Factors) -> Vec<&'static str> {
    let sides = [(Dim::Ox, Dim::Fx), (Dim::Oy, Dim::Fy)].map(|(o, f)| (o.index(), f.index()));
    let mut list = Vec::new();
    let shared =
        |&(o, f): &(usize, usize)| (outside[o] > 1 && tile[f] > layer.stride) || outside[f] > 1;
    list.extend(sides.iter().any(shared).then_some(HALO));
    list.extend(is_padded(mapping).then_some(PADDING));
    let skips = |&(o, f): &(usize, usize)| tile[o] > 1 && tile[f] < layer.stride;
    list.extend(sides.iter().any(skips).then_some(BOX));
    list
}

/// Whether a window reaches beyond the tensor.
fn is_padded(mapping: &Mapping) -> bool {
    let operation = &mapping.operation;
    let input = operation.tensors.first();
    let dims = input.map_or(&[][..], |input| &input.dims);
    operation.windows.iter().any(|window| {
        let moved = dims.iter().filter(|dim| {
            let mut terms = dim.terms.iter();
            terms.any(|term| term.rank == window.output || term.rank == window.kernel)
        });
        moved.into_iter().any(|dim| dim.extent < window.extent)
    })
}

fn of_cycles(given: &Given, profile: &Profile) -> Vec<&'static str> {
    const I: usize = Tensor::I.index();
    const O: usize = Tensor::O.index();
    let pass = &profile.pass;
    let mut list = vec![BURSTS];
    let rows = given.layer.stride > 1 && profile.bursts[I].count > 1;
    list.extend((rows && profile.bottleneck() == Bottleneck::Dma).then_some(ROWS));
    list.extend((pass.reduction > 0).then_some(REDUCTION));
    let serial = pass.kept != Some(O) && pass.reuse[O] == 1;
    list.extend(serial.then_some(SERIAL));
    let rare = |x: usize| pass.kept != Some(x) && pass.reuse[x] > 1;
    list.extend((0..3).any(rare).then_some(AVERAGE));
    list.push(FIRST_LAST);
    list
}
