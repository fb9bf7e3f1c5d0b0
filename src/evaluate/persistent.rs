//! What stays from one run to the next: weights, and what the network calls persistent.
//!
//! A decoder reads its weights and its cache of keys and values for every token that it makes; activations are gone
//! after it. Where a network has `Persistent` tensors a report lists them apart, and the weights of its layers in one
//! row per format.

use crate::hir::{Accelerator, Layer, Network, Source};
use crate::ir::Role;
use crate::lower;
use crate::report::PersistentReport;

/// The rows of a network; none when it has no persistent tensors.
pub(super) fn persistent(network: &Network, accelerator: &Accelerator) -> Vec<PersistentReport> {
    if network.persistents.is_empty() {
        return Vec::new();
    }
    let weights = format_of_weights(accelerator);
    // By bits.
    let mut own: Vec<(u32, u128)> = Vec::new();
    let mut bits_of: Vec<Option<u32>> = vec![None; network.persistents.len()];
    for layer in &network.layers {
        let Some(operation) = lower::operation(layer, accelerator).map(|known| known.operation)
        else {
            continue;
        };
        for (at, tensor) in operation.tensors.iter().enumerate() {
            for source in layer.shape.sources(&layer.inputs, at) {
                if let Source::Persistent(read) = source
                    && let Some(bits) = bits_of.get_mut(*read)
                {
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
    let own = own.into_iter().map(|(bits, elements)| PersistentReport {
        tensor: "weights".to_owned(),
        elements,
        repeat: 1,
        bits,
        bytes: bytes(elements, bits),
    });
    let named = network.persistents.iter().zip(bits_of);
    let named = named.map(|(known, bits)| {
        let bits = bits.unwrap_or(weights);
        let extents = known.tensor.dims.iter().map(|dim| u128::from(dim.1));
        let elements = product(extents.chain([u128::from(known.times)]));
        PersistentReport {
            tensor: known.tensor.name.clone(),
            elements,
            repeat: known.times,
            bits,
            bytes: bytes(elements, bits),
        }
    });
    own.chain(named).collect()
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
