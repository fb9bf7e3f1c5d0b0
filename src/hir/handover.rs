//! Layers that read the result of another in a different format than it was written.
//!
//! Problem: `Precision { Input: INT8, Weight: INT8, Output: INT32 }` on an accelerator makes every layer write 32 bits
//! of each result, and the next one read 8. Somewhere the results are requantised; nothing says where, and nothing
//! counts it. One message per map and pair of formats says so, with the first two layers that it is about.

use super::error::HirError;
use super::layer_type::{Inputs, Role};
use super::scope::Context;
use super::{Accelerator, Layer, Map, Network, Source};
use crate::base::Precision;

/// The format of a role: the layer's word, then the accelerator's, then INT8.
fn format(own: Option<Precision>, hardware: Option<Precision>) -> Precision {
    own.or(hardware).unwrap_or(Precision::INT8)
}

fn written(layer: &Layer, accelerator: &Accelerator) -> Precision {
    format(layer.precision.output, accelerator.precision.output)
}

/// The format of input number `at`: the second operand of a product counts as weights.
fn read(layer: &Layer, accelerator: &Accelerator, at: usize) -> Precision {
    let role = match layer.shape.layer_type().inputs {
        Inputs::Joined => Role::Input,
        Inputs::Each | Inputs::All => {
            let operand = layer.shape.tensors().nth(at);
            operand.map_or(Role::Input, |operand| operand.0)
        }
    };
    if role == Role::Weight {
        format(layer.precision.weight, accelerator.precision.weight)
    } else {
        format(layer.precision.input, accelerator.precision.input)
    }
}

/// Writer, reader, and which input of the reader; from one time of a repeat to the next too.
fn handovers(network: &Network) -> Vec<(usize, usize, usize)> {
    let mut found = Vec::new();
    for (reader, layer) in network.layers.iter().enumerate() {
        for (at, input) in layer.inputs.iter().enumerate() {
            if let Source::Layer(writer) = *input {
                found.push((writer, reader, at));
            }
            for repeat in &network.repeats {
                if let (true, Some(output)) =
                    (repeat.readers.contains(&(reader, at)), repeat.output)
                    && repeat.times > 1
                    && *input != Source::Layer(output)
                {
                    found.push((output, reader, at));
                }
            }
        }
    }
    found
}

/// Reports the handovers of a map.
pub(super) fn check(cx: &mut Context<'_>, map: &Map) {
    let network = &cx.program.networks[map.network];
    let accelerator = &cx.program.accelerators[map.accelerator];
    // In the order of the network: formats, the first writer and reader, further readers.
    let mut found: Vec<(Precision, Precision, usize, usize, Vec<usize>)> = Vec::new();
    for (writer, reader, at) in handovers(network) {
        let layer = &network.layers[reader];
        let (from, to) = (
            written(&network.layers[writer], accelerator),
            read(layer, accelerator, at),
        );
        if from == to {
            continue;
        }
        match found
            .iter_mut()
            .find(|known| (known.0, known.1) == (from, to))
        {
            None => found.push((from, to, writer, reader, Vec::new())),
            Some(known) if known.3 == reader || known.4.last() == Some(&reader) => {}
            Some(known) => known.4.push(reader),
        }
    }
    let errors: Vec<HirError> = found
        .into_iter()
        .map(|(from, to, writer, reader, more)| {
            let (writer, reader) = (&network.layers[writer], &network.layers[reader]);
            HirError::Handover {
                span: map.span,
                written: (writer.name.clone(), from, writer.name_span),
                read: (reader.name.clone(), to, reader.name_span),
                more: more
                    .into_iter()
                    .map(|layer| network.layers[layer].name.clone())
                    .collect(),
            }
        })
        .collect();
    for error in errors {
        cx.error(error);
    }
}
