//! Whether what is wired to a layer is what it takes.

use super::error::HirError;
use super::layer_type::{Inputs, Slides};
use super::scope::Context;
use super::shape::{Flow, Slide};
use super::{Layer, Network, NetworkInput, Source};
use crate::base::Span;
use crate::syntax::ast;

/// A repeat whose last layer does not give what the first ones take.
pub(super) fn follows_itself(
    cx: &mut Context<'_>,
    network: &Network,
    node: &ast::Repeat,
    output: usize,
    readers: &[(usize, usize)],
) {
    let Some(found) = network.layers[output].shape.output() else {
        return;
    };
    for &(layer, at) in readers {
        let consumer = &network.layers[layer];
        let Some(needed) = operand(network, layer, at) else {
            continue;
        };
        if !fits(found, needed, consumer.shape.flattens(), false) {
            cx.error(HirError::RepeatMismatch {
                repeat: node.name.value.clone(),
                reader: consumer.name.clone(),
                needed,
                reader_span: consumer.name_span,
                output: network.layers[output].name.clone(),
                found,
                output_span: network.layers[output].name_span,
                span: node.count.span,
            });
            return;
        }
    }
}

/// What input number `at` of a layer must be; `None` when it is a part of a concatenation.
pub(super) fn operand(network: &Network, layer: usize, at: usize) -> Option<Flow> {
    let layer = &network.layers[layer];
    match layer.shape.layer_type().inputs {
        Inputs::Each | Inputs::All => layer.shape.operand(at),
        Inputs::Joined if layer.inputs.len() == 1 => layer.shape.operand(0),
        Inputs::Joined => None,
    }
}

/// An input with a name, and what is given for it.
pub(super) fn fits_input(
    cx: &mut Context<'_>,
    network: &Network,
    input: &NetworkInput,
    sources: &[Source],
    consumer: &str,
    span: Span,
) {
    let [source] = sources else {
        return;
    };
    let (Some(found), Some(needed)) = (network.flow(*source), input.flow()) else {
        return;
    };
    if fits(found, needed, false, false) {
        return;
    }
    let (producer, producer_span) = match *source {
        Source::Layer(layer) => {
            let layer = &network.layers[layer];
            (layer.name.clone(), layer.name_span)
        }
        Source::Input(at) => {
            let known = &network.inputs[at];
            (known.name.clone(), known.name_span)
        }
        Source::Persistent(at) => {
            let known = &network.persistents[at].tensor;
            (known.name.clone(), known.name_span)
        }
        Source::External => return,
    };
    cx.error(HirError::ShapeMismatch {
        consumer: format!("{consumer} ({})", input.name),
        producers: producer,
        needed,
        found,
        input: None,
        parts: Vec::new(),
        padding: None,
        span,
        producer_span,
        insert: None,
    });
}

/// Whether what flows is what is needed; with more from outside it may be less.
pub(super) fn fits(found: Flow, needed: Flow, flatten: bool, more: bool) -> bool {
    let found = match found {
        // One value per (n, feature): a flattened map is one as well.
        Flow::Map { n, c, y, x } if flatten => {
            match c.checked_mul(y).and_then(|size| size.checked_mul(x)) {
                Some(c) => Flow::Map { n, c, y: 1, x: 1 },
                None => return true,
            }
        }
        other => other,
    };
    match (found, needed) {
        (
            Flow::Map { n, c, y, x },
            Flow::Map {
                n: needed_n,
                c: needed_c,
                y: needed_y,
                x: needed_x,
            },
        ) => {
            (n, y, x) == (needed_n, needed_y, needed_x) && (c == needed_c || (more && c < needed_c))
        }
        _ => match (found.elements(), needed.elements()) {
            (Some(found), Some(needed)) => found == needed || (more && found < needed),
            _ => true,
        },
    }
}

pub(super) struct Place {
    pub consumer: usize,
    pub span: Span,
    /// Where `Inputs: external;` can be put in, when nobody wrote an `Inputs`.
    pub insert: Option<Span>,
}

/// Says that what a reader takes of an LSTM is not what that writes.
pub(super) fn gate_sums(cx: &mut Context<'_>, network: &Network, inputs: &[Source], place: &Place) {
    let lstm = inputs.iter().find_map(|input| match input {
        Source::Layer(from) => {
            let from = &network.layers[*from];
            Some((from, from.shape.written_beside()?))
        }
        _ => None,
    });
    if let Some((lstm, written)) = lstm
        && let Some(read) = lstm.shape.output().and_then(Flow::elements)
    {
        cx.error(HirError::GateSums {
            consumer: network.layers[place.consumer].name.clone(),
            producer: lstm.name.clone(),
            read,
            written,
            span: place.span,
            producer_span: lstm.name_span,
        });
    }
}

/// How many operands a layer takes from others, when `given` are named.
pub(super) fn operands(network: &Network, layer: usize, given: usize) -> usize {
    let shape = &network.layers[layer].shape;
    let all = shape.tensors().count().saturating_sub(1);
    match shape.layer_type().inputs {
        Inputs::All => all,
        Inputs::Each => given.min(all),
        Inputs::Joined => 1,
    }
}

/// Checks the shapes of what is wired to one layer.
pub(super) fn agree(cx: &mut Context<'_>, network: &Network, inputs: &[Source], place: &Place) {
    let consumer = &network.layers[place.consumer];
    let operands = operands(network, place.consumer, inputs.len());
    let one_operand = consumer.shape.layer_type().inputs == Inputs::Joined;
    if !one_operand && inputs.len() != operands {
        // A residual ADD whose second input nobody named has nothing to add.
        cx.error(HirError::OperandCount {
            consumer: consumer.name.clone(),
            layer_type: consumer.shape.layer_type().name(),
            needed: operands,
            found: inputs.len(),
            span: place.span,
        });
        return;
    }
    if one_operand {
        if let Some(needed) = consumer.shape.operand(0) {
            concatenated(cx, network, inputs, needed, place);
        }
        return;
    }
    for (operand, &input) in inputs.iter().enumerate() {
        if let Some(needed) = consumer.shape.operand(operand) {
            concatenated(cx, network, &[input], needed, place);
        }
    }
}

/// Whether the producers together give what is needed.
fn concatenated(
    cx: &mut Context<'_>,
    network: &Network,
    inputs: &[Source],
    needed: Flow,
    place: &Place,
) {
    let consumer = &network.layers[place.consumer];
    let flatten = consumer.shape.flattens();
    let mut external = false;
    let mut all: Option<Flow> = None;
    let mut names = Vec::new();
    let mut parts = Vec::new();
    let mut producer_span = None;
    let mut fits = true;
    let mut named: Option<&NetworkInput> = None;
    for &input in inputs {
        let (name, name_span) = match input {
            Source::External => {
                external = true;
                continue;
            }
            Source::Input(at) => {
                let known = &network.inputs[at];
                named = Some(known);
                (known.name.as_str(), known.name_span)
            }
            Source::Persistent(at) => {
                let known = &network.persistents[at].tensor;
                named = Some(known);
                (known.name.as_str(), known.name_span)
            }
            Source::Layer(at) => {
                let known = &network.layers[at];
                (known.name.as_str(), known.name_span)
            }
        };
        names.push(name);
        producer_span.get_or_insert(name_span);
        let Some(flow) = network.flow(input) else {
            return;
        };
        let flow = match flow {
            // One value per (n, feature): a flattened map is one as well.
            Flow::Map { n, c, y, x } if flatten => {
                let features = c.checked_mul(y).and_then(|size| size.checked_mul(x));
                match features {
                    Some(c) => Flow::Map { n, c, y: 1, x: 1 },
                    None => return,
                }
            }
            other => other,
        };
        parts.push((flow, name_span));
        all = Some(match (all, flow) {
            (None, flow) => flow,
            (
                Some(Flow::Map { n, c, y, x }),
                Flow::Map {
                    n: other_n,
                    c: other_c,
                    y: other_y,
                    x: other_x,
                },
            ) => {
                if (n, y, x) != (other_n, other_y, other_x) {
                    fits = false;
                    producer_span = Some(name_span);
                    all = Some(flow);
                    names = vec![name];
                    parts.clear();
                    break;
                }
                match c.checked_add(other_c) {
                    Some(c) => Flow::Map { n, c, y, x },
                    None => return,
                }
            }
            (Some(left), right) => {
                let sum = left
                    .elements()
                    .zip(right.elements())
                    .and_then(|(left, right)| left.checked_add(right));
                match sum {
                    Some(sum) => Flow::Elements(sum),
                    None => return,
                }
            }
        });
    }
    // Only external inputs: nothing to compare with.
    let (Some(found), Some(producer_span)) = (all, producer_span) else {
        return;
    };
    if fits {
        // What was flattened stays so.
        fits = self::fits(found, needed, false, external);
    }
    if !fits {
        cx.error(HirError::ShapeMismatch {
            consumer: consumer.name.clone(),
            producers: names.join(", "),
            needed,
            found,
            input: named
                .filter(|known| names == [known.name.as_str()])
                .map(NetworkInput::shape),
            parts,
            padding: match inputs {
                [Source::Layer(from)] => padding(&network.layers[*from], found, needed),
                _ => None,
            },
            span: place.span,
            producer_span,
            insert: place.insert,
        });
    }
}

/// The padding with which a layer that has none would give what is needed: where it can be put, and its text.
fn padding(producer: &Layer, found: Flow, needed: Flow) -> Option<(Span, String, String)> {
    let (
        Flow::Map { n, c, .. },
        Flow::Map {
            n: needed_n,
            c: needed_c,
            y,
            x,
        },
    ) = (found, needed)
    else {
        return None;
    };
    if producer.shape.layer_type().slides != Slides::OverInput {
        return None;
    }
    let [rows, columns] = producer.shape.axes()?;
    let none = |slide: &Slide| slide.pad_low == 0 && slide.pad_high == 0;
    if (n, c) != (needed_n, needed_c) || !none(rows) || !none(columns) {
        return None;
    }
    let (top, left) = (padded_to(rows, y)?, padded_to(columns, x)?);
    let span = producer.span;
    let at = span.hi().saturating_sub(1).max(span.lo());
    let text = format!("Padding {{ Y: {top}, X: {left} }}");
    Some((Span::new(span.file(), at, at), text, producer.name.clone()))
}

/// The padding at both ends with which an axis has `output` places; that of a kernel that stays in its middle.
fn padded_to(slide: &Slide, output: u64) -> Option<u64> {
    let reach = slide.dilation.checked_mul(slide.kernel.checked_sub(1)?)?;
    let pad = reach / 2;
    let padded = slide.input.checked_add(pad.checked_mul(2)?)?;
    let places = padded.checked_sub(reach.checked_add(1)?)? / slide.stride + 1;
    (reach % 2 == 0 && places == output).then_some(pad)
}
