//! How the layers of a network are wired, and whether what is wired fits.
//!
//! Without `Inputs` an element (a layer, a repeat, a block) takes the output of the element before it; the first one
//! takes what the network takes, or the repeat that it stands in. What is wired must agree in shape: feature maps
//! exactly (several producers of a one-operand layer are concatenated along C, an FC flattens), GEMM, LSTM and EINSUM
//! in the number of elements, because reshapes and transpositions between them are no layers. `external` fits
//! everything; among the producers of a concatenation it stands for the channels that are missing.
//! `Input x { M: 32, K: 64 }` is an input with a name and a shape: every layer with `Inputs: x` reads the same tensor, and
//! has to fit it.
//!
//! A repeat gives what its last layer gives, and takes that again the next time: its layers are wired as for the first
//! time, and [`Repeat::readers`](super::Repeat) are those that read the last layer from the second time on.

use super::agree::{Place, agree, fits, fits_input, follows_itself, gate_sums, operand, operands};
use super::body::property;
use super::error::HirError;
use super::eval::describe;
use super::network::{Element, Meaning, Members, Part};
use super::scope::Context;
use super::{NetworkInput, Persistent, Repeat, Source};
use crate::base::Span;
use crate::syntax::ast;
use std::collections::BTreeMap;

/// What is read, and the scopes whose input it is.
#[derive(Clone)]
struct Taken {
    source: Source,
    through: Vec<usize>,
}

impl From<Source> for Taken {
    fn from(source: Source) -> Taken {
        Taken {
            source,
            through: Vec::new(),
        }
    }
}

struct Wiring<'m, 'a> {
    members: &'m mut Members<'a>,
    /// By scope: what it takes.
    takes: BTreeMap<usize, Vec<Taken>>,
    /// By scope: which layers read that, as which of their inputs.
    readers: BTreeMap<usize, Vec<(usize, usize)>>,
    /// By scope that is wired: the layer whose output is that of the scope.
    gives: BTreeMap<usize, Option<usize>>,
    /// Where the network says that its layers are independent.
    unwired: Option<Span>,
}

/// Wires all layers.
pub(super) fn wire(cx: &mut Context<'_>, members: &mut Members<'_>, unwired: Option<Span>) {
    let mut wiring = Wiring {
        members,
        takes: BTreeMap::new(),
        readers: BTreeMap::new(),
        gives: BTreeMap::new(),
        unwired,
    };
    let outside = Taken {
        source: Source::External,
        through: vec![0],
    };
    let output = wiring.scope(cx, 0, vec![outside]);
    let entry = wiring.readers.remove(&0).unwrap_or_default();
    members.network.output = output;
    members.network.entry = entry;
}

/// What an element says about its inputs, and where.
fn said<'a>(element: &Element<'a>) -> Option<(&'a [ast::Expr], Span)> {
    let body = match element {
        Element::Layer { node, .. } => &node.body,
        Element::Repeat { node, .. } => &node.body,
        Element::Block { node, .. } => {
            let last = node.inputs.last()?.span;
            return Some((node.inputs.as_slice(), node.inputs.first()?.span.join(last)));
        }
    };
    let property = property(body, "Inputs")?;
    Some((property.values.as_slice(), property.span))
}

impl Wiring<'_, '_> {
    /// Wires the elements of a scope; the layer whose output is that of all.
    fn scope(&mut self, cx: &mut Context<'_>, scope: usize, outside: Vec<Taken>) -> Option<usize> {
        self.takes.insert(scope, outside.clone());
        let mut before = Some(outside);
        let mut output = None;
        for at in 0..self.members.scopes[scope].elements.len() {
            let element = self.members.scopes[scope].elements[at];
            let explicit = said(&element);
            let inputs = match explicit {
                Some((_, span)) if self.unwired.is_some() => self.external(cx, &element, span),
                Some((values, _)) => self.resolve(cx, scope, values),
                None if self.unwired.is_some() => Some(vec![Source::External.into()]),
                // The element before was wrong: nothing is known about it.
                None => Some(before.unwrap_or_else(|| vec![Source::External.into()])),
            };
            let span = explicit.map(|explicit| explicit.1);
            output = match element {
                Element::Layer { node, layer } => {
                    if let (Some(layer), Some(inputs)) = (layer, inputs) {
                        self.layer(cx, layer, node, &inputs, span);
                    }
                    layer
                }
                Element::Repeat { node, scope: inner } => {
                    self.repeat(cx, inner, node, inputs, span)
                }
                Element::Block { node, part } => {
                    part.and_then(|part| self.block(cx, scope, node, part, inputs, span))
                }
            };
            before = output.map(|layer| vec![Source::Layer(layer).into()]);
        }
        output
    }

    /// In a network without wiring only `external` may be named.
    fn external(
        &mut self,
        cx: &mut Context<'_>,
        element: &Element<'_>,
        span: Span,
    ) -> Option<Vec<Taken>> {
        let (values, _) = said(element)?;
        let is_external = |expr: &ast::Expr| {
            expr.as_name()
                .is_some_and(|name| name.as_str() == "external")
        };
        if let (Some(first), false) = (self.unwired, values.iter().all(is_external)) {
            cx.error(HirError::Exclusive {
                key: "Inputs".to_owned(),
                other: "unwired".to_owned(),
                why: "the layers of an `unwired` network are independent of each other",
                span,
                first,
                fix: (first, String::new(), "wire the network"),
            });
            return None;
        }
        Some(vec![Source::External.into(); values.len()])
    }

    fn layer(
        &mut self,
        cx: &mut Context<'_>,
        layer: usize,
        node: &ast::Layer,
        inputs: &[Taken],
        explicit: Option<Span>,
    ) {
        let sources: Vec<Source> = inputs.iter().map(|taken| taken.source).collect();
        if self.unwired.is_some() {
            let operands = operands(&self.members.network, layer, sources.len());
            self.members.network.layers[layer].inputs = vec![Source::External; operands];
            return;
        }
        for (at, taken) in inputs.iter().enumerate() {
            for scope in &taken.through {
                self.readers.entry(*scope).or_default().push((layer, at));
            }
        }
        let network = &mut self.members.network;
        let place = Place {
            consumer: layer,
            span: explicit.unwrap_or(node.name.span),
            insert: explicit.is_none().then(|| before_brace(node)),
        };
        gate_sums(cx, network, &sources, &place);
        network.layers[layer].inputs.clone_from(&sources);
        agree(cx, network, &sources, &place);
    }

    fn repeat(
        &mut self,
        cx: &mut Context<'_>,
        scope: usize,
        node: &ast::Repeat,
        inputs: Option<Vec<Taken>>,
        explicit: Option<Span>,
    ) -> Option<usize> {
        let mut inputs = inputs.unwrap_or_else(|| vec![Source::External.into()]);
        if let (Some(span), 2..) = (explicit, inputs.len()) {
            cx.error(HirError::OperandCount {
                consumer: node.name.value.clone(),
                layer_type: "repeat",
                needed: 1,
                found: inputs.len(),
                span,
            });
            inputs.truncate(1);
        }
        let sources: Vec<Source> = inputs.iter().map(|taken| taken.source).collect();
        for taken in &mut inputs {
            taken.through.push(scope);
        }
        let output = self.scope(cx, scope, inputs);
        self.gives.insert(scope, output);
        let readers = self.readers.get(&scope).cloned().unwrap_or_default();
        let span = explicit.unwrap_or(node.name.span);
        let input = self.members.scopes[scope].input.clone();
        let network = &self.members.network;
        if let Some(input) = &input {
            fits_input(cx, network, input, &sources, &node.name.value, span);
            for &(layer, at) in &readers {
                let consumer = &network.layers[layer];
                let (Some(needed), Some(found)) = (operand(network, layer, at), input.flow())
                else {
                    continue;
                };
                if !fits(found, needed, consumer.shape.flattens(), false) {
                    cx.error(HirError::ShapeMismatch {
                        consumer: consumer.name.clone(),
                        producers: input.name.clone(),
                        needed,
                        found,
                        input: Some(input.shape()),
                        parts: Vec::new(),
                        padding: None,
                        span: consumer.name_span,
                        producer_span: input.name_span,
                        insert: None,
                    });
                }
            }
        }
        let name = self.members.scopes[scope].prefix.trim_end_matches('.');
        let repeat = network
            .repeats
            .iter()
            .position(|known| known.name == name)?;
        if network.repeats[repeat].times > 1
            && self.unwired.is_none()
            && let Some(output) = output
        {
            follows_itself(cx, network, node, output, &readers);
        }
        let repeat = &mut self.members.network.repeats[repeat];
        repeat.output = output;
        if self.unwired.is_none() {
            repeat.readers = readers;
        }
        output
    }

    /// Puts what a block takes into the wiring of its copied layers.
    fn block(
        &mut self,
        cx: &mut Context<'_>,
        scope: usize,
        node: &ast::Instance,
        part: Part,
        inputs: Option<Vec<Taken>>,
        explicit: Option<Span>,
    ) -> Option<usize> {
        let base = part.layers;
        let known = cx.program.networks.get(part.network)?;
        let (named, entry) = (known.inputs.clone(), known.entry.clone());
        let wired: Vec<Vec<Source>> = known.layers.iter().map(|l| l.inputs.clone()).collect();
        let output = known.output.map(|output| output + base);
        let label = known.label();
        let unnamed = usize::from(!entry.is_empty());
        let takes = unnamed + named.len();
        let mut inputs = inputs.unwrap_or_default();
        // An element that takes nothing does not take what is before it.
        if explicit.is_none() && takes == 0 {
            inputs.clear();
        }
        let span = explicit.unwrap_or(node.name.span);
        let external = self.unwired.is_some() && explicit.is_none();
        if inputs.len() != takes && !external {
            let names = named.iter().map(|input| input.name.clone());
            let first = (unnamed > 0).then(|| "what its first layer takes".to_owned());
            cx.error(HirError::BlockInputs {
                block: node.name.value.clone(),
                network: label,
                takes: first.into_iter().chain(names).collect(),
                found: inputs.len(),
                span,
            });
        }
        inputs.resize(takes, Source::External.into());
        for (input, taken) in named.iter().zip(inputs.iter_mut().skip(unnamed)) {
            if let Some(span) = input.kept {
                self.keep((scope, node), input, taken, span);
            }
        }
        for (layer, sources) in wired.into_iter().enumerate() {
            for (at, source) in sources.into_iter().enumerate() {
                let taken: Taken = match source {
                    Source::Layer(layer) => Source::Layer(layer + base).into(),
                    Source::Input(input) => inputs.get(unnamed + input)?.clone(),
                    Source::Persistent(at) => Source::Persistent(at + part.persistents).into(),
                    Source::External if entry.contains(&(layer, at)) => inputs.first()?.clone(),
                    Source::External => Source::External.into(),
                };
                for scope in taken.through {
                    let readers = self.readers.entry(scope).or_default();
                    readers.push((layer + base, at));
                }
                let copy = self.members.network.layers.get_mut(layer + base)?;
                *copy.inputs.get_mut(at)? = taken.source;
            }
        }
        let network = &self.members.network;
        for (input, taken) in named.iter().zip(inputs.iter().skip(unnamed)) {
            fits_input(cx, network, input, &[taken.source], &node.name.value, span);
        }
        for &(layer, _) in &entry {
            let place = Place {
                consumer: layer + base,
                span,
                insert: None,
            };
            agree(cx, network, &network.layers[layer + base].inputs, &place);
        }
        output
    }

    /// What a block takes and calls persistent stays, whoever gives it.
    fn keep(
        &mut self,
        (scope, node): (usize, &ast::Instance),
        input: &NetworkInput,
        taken: &mut Taken,
        span: Span,
    ) {
        let network = &mut self.members.network;
        match taken.source {
            Source::Persistent(_) => {}
            Source::Layer(layer) => {
                if network.kept.iter().all(|known| known.0 != layer) {
                    network.kept.push((layer, span));
                }
            }
            Source::Input(at) => {
                network.inputs[at].kept.get_or_insert(span);
            }
            Source::External => {
                let around = &self.members.scopes[scope];
                let at = network.persistents.len();
                network.persistents.push(Persistent {
                    tensor: NetworkInput {
                        name: format!("{}{}.{}", around.prefix, node.name, input.name),
                        ..input.clone()
                    },
                    times: around.times,
                });
                *taken = Source::Persistent(at).into();
            }
        }
    }

    /// What the values of `Inputs` mean; `None` has been reported.
    fn resolve(
        &mut self,
        cx: &mut Context<'_>,
        scope: usize,
        values: &[ast::Expr],
    ) -> Option<Vec<Taken>> {
        let mut inputs = Vec::with_capacity(values.len());
        for expr in values {
            inputs.extend(self.producer(cx, scope, expr)?);
        }
        Some(inputs)
    }

    fn producer(
        &mut self,
        cx: &mut Context<'_>,
        scope: usize,
        expr: &ast::Expr,
    ) -> Option<Vec<Taken>> {
        let path = match &expr.kind {
            ast::ExprKind::Path(path) => path,
            ast::ExprKind::Error => return None,
            _ => {
                cx.error(HirError::WrongKind {
                    expected: "the name of a layer, or `external`".to_owned(),
                    found: describe(expr),
                    span: expr.span,
                });
                return None;
            }
        };
        let whole = path.to_string();
        let name = whole.strip_suffix(".Output").unwrap_or(&whole);
        if name == "external" {
            return Some(vec![Source::External.into()]);
        }
        // A name of this scope, then of those around it.
        match self.members.meaning(scope, name) {
            Some(Meaning::Layer(layer)) => {
                self.seen(cx, scope, layer, expr)?;
                Some(vec![Source::Layer(layer).into()])
            }
            Some(Meaning::Input(input)) => Some(vec![Source::Input(input).into()]),
            Some(Meaning::Persistent(at)) => Some(vec![Source::Persistent(at).into()]),
            Some(Meaning::Taken(of)) => self.takes.get(&of).cloned(),
            Some(Meaning::Repeat(of)) => match self.gives.get(&of) {
                Some(output) => Some(vec![Source::Layer((*output)?).into()]),
                None => {
                    cx.error(HirError::WrongKind {
                        expected: "an element before this one".to_owned(),
                        found: format!("the repeat `{name}`, which comes later or is around it"),
                        span: expr.span,
                    });
                    None
                }
            },
            Some(Meaning::Block(output)) => Some(vec![Source::Layer(output?).into()]),
            Some(Meaning::Broken) => None,
            None => {
                self.unknown(cx, scope, name, path.span);
                None
            }
        }
    }

    /// Of a repeat only what it gives can be read from outside.
    fn seen(
        &self,
        cx: &mut Context<'_>,
        scope: usize,
        layer: usize,
        expr: &ast::Expr,
    ) -> Option<()> {
        let network = &self.members.network;
        let inside = |repeat: &&Repeat| {
            let prefix = format!("{}.", repeat.name);
            let around = &self.members.scopes[scope].prefix;
            repeat.times > 1 && repeat.layers.contains(&layer) && !around.starts_with(&prefix)
        };
        let Some(repeat) = network.repeats.iter().find(inside) else {
            return Some(());
        };
        if repeat.output == Some(layer) {
            return Some(());
        }
        cx.error(HirError::InsideRepeat {
            layer: network.layers[layer].name.clone(),
            repeat: repeat.name.clone(),
            times: repeat.times,
            span: expr.span,
            definition: repeat.span,
        });
        None
    }

    fn unknown(&self, cx: &mut Context<'_>, scope: usize, name: &str, span: Span) {
        // A part of what was wrong has been reported with it.
        let is_broken = |broken: &String| name.starts_with(&format!("{broken}."));
        if self.members.network.broken.iter().any(is_broken) {
            cx.fail_silently();
            return;
        }
        let prefix = &self.members.scopes[scope].prefix;
        let known = self.members.names.keys();
        let own = known.map(|known| known.strip_prefix(prefix.as_str()).unwrap_or(known));
        let suggestion = cx.suggest(name, own);
        cx.error(HirError::UnknownName {
            expected: "layer",
            name: name.to_owned(),
            span,
            suggestion,
            found: None,
        });
    }
}

/// Where a statement can be put at the end of the layer's block.
fn before_brace(source: &ast::Layer) -> Span {
    let span = source.body.span;
    let at = span.hi().saturating_sub(1).max(span.lo());
    Span::new(span.file(), at, at)
}
