//! What stays from one run to the next: weights, and what the network calls persistent.
//!
//! A decoder reads its weights and its cache of keys and values for every token that it makes; activations are gone
//! after it. Where a network has `Persistent` tensors a report lists them apart, and the weights of its layers in one
//! row per format.

use crate::hir::shape::Flow;
use crate::hir::{Accelerator, Layer, Network, NetworkInput, Source};
use crate::ir::Role;
use crate::lower;
use crate::report::PersistentReport;

/// The rows of a network; none when it has no persistent tensors.
pub(super) fn persistent(network: &Network, accelerator: &Accelerator) -> Vec<PersistentReport> {
    let is_kept = |input: &NetworkInput| input.kept.is_some();
    if network.persistents.is_empty()
        && network.kept.is_empty()
        && !network.inputs.iter().any(is_kept)
    {
        return Vec::new();
    }
    let weights = format_of_weights(accelerator);
    // By bits.
    let mut own: Vec<(u32, u128)> = Vec::new();
    // Persistent tensors, then inputs: of their readers.
    let inputs = network.persistents.len();
    let mut bits_of: Vec<Option<u32>> = vec![None; inputs + network.inputs.len()];
    let mut results = Vec::new();
    for (place, layer) in network.layers.iter().enumerate() {
        let Some(operation) = lower::operation(layer, accelerator).map(|known| known.operation)
        else {
            continue;
        };
        if network.kept.iter().any(|known| known.0 == place)
            && let Some(elements) = layer.shape.output().and_then(Flow::elements)
            && let Some(result) = operation.tensors.last()
        {
            let all = elements.saturating_mul(u128::from(layer.times));
            results.push(row(&layer.name, all, layer.times, result.bits));
        }
        for (at, tensor) in operation.tensors.iter().enumerate() {
            for source in layer.shape.sources(&layer.inputs, at) {
                let read = match *source {
                    Source::Persistent(read) => read,
                    Source::Input(read) => inputs + read,
                    Source::External | Source::Layer(_) => continue,
                };
                if let Some(bits) = bits_of.get_mut(read) {
                    *bits = Some(bits.map_or(tensor.bits, |known| known.max(tensor.bits)));
                }
            }
            if is_own_weight(layer, at, tensor.role) {
                let extents = tensor.dims.iter().map(|dim| u128::from(dim.extent));
                let all = product(extents.chain([u128::from(layer.times)]));
                match own.iter_mut().find(|known| known.0 == tensor.bits) {
                    Some(known) => known.1 = known.1.saturating_add(all),
                    None => own.push((tensor.bits, all)),
                }
            }
        }
    }
    let own = own
        .into_iter()
        .map(|(bits, elements)| row("weights", elements, 1, bits));
    let persistents = network.persistents.iter();
    let persistents = persistents.map(|known| (true, &known.tensor, known.times));
    let given = network.inputs.iter();
    let given = given.map(|input| (is_kept(input), input, 1));
    let named = persistents.chain(given).zip(bits_of);
    let named = named.filter(|((stays, ..), _)| *stays);
    let named = named.map(|((_, tensor, times), bits)| {
        let extents = tensor.dims.iter().map(|dim| u128::from(dim.1));
        let elements = product(extents.chain([u128::from(times)]));
        row(&tensor.name, elements, times, bits.unwrap_or(weights))
    });
    own.chain(named).chain(results).collect()
}

fn row(tensor: &str, elements: u128, repeat: u64, bits: u32) -> PersistentReport {
    PersistentReport {
        tensor: tensor.to_owned(),
        elements,
        repeat,
        bits,
        bytes: bytes(elements, bits),
    }
}

/// Of what no layer reads.
fn format_of_weights(accelerator: &Accelerator) -> u32 {
    let weight = accelerator.precision.weight;
    weight.unwrap_or(crate::base::Precision::INT8).bits()
}

/// Whether an operand is the layer's own weights: an EINSUM says nothing of its operands but where they are from.
fn is_own_weight(layer: &Layer, at: usize, role: Role) -> bool {
    let wired = layer.shape.sources(&layer.inputs, at);
    role == Role::Weight && wired.is_empty() && !layer.shape.layer_type().is_einsum()
}

/// Extents are at most 2^48, and the front end has counted the elements of every layer.
fn product(factors: impl Iterator<Item = u128>) -> u128 {
    factors.fold(1, u128::saturating_mul)
}

fn bytes(elements: u128, bits: u32) -> u128 {
    elements.saturating_mul(u128::from(bits)).div_ceil(8)
}
