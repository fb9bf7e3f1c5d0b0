//! Which tensors a group has, and how its stages index them.
//!
//! Problem: `add` of a residual block reads `project.Output` and the block's input, which `expand` reads too. That
//! is three stages, weights, and feature maps of which some are made in the group and some come from outside.
//! Walking from the head to the first stage, every operand finds its tensors, its indices into them, and how much
//! of them the loops cut: a rank that a loop walks makes every dimension that it indexes move, and so the ranks
//! of that tensor's producer.
//!
//! Decisions: parts of a concatenation lie one behind the other along the channels; a reader sees part `i` at its
//! channel minus the channels before. `external` in a concatenation is the channels that nobody else gives. A named
//! input of the network is one tensor, whoever reads it; each `external` is another.

use super::loops::Tile;
use super::member::{AffineDim, Member};
use super::view::{Obstacle, Reader, affine, view};
use super::{FuseError, Request};
use crate::diag::{Diagnostics, Mistake};
use crate::hir::{Network, Source};
use crate::ir::{Access, Index, Role};

/// The tensors of a group and who touches them how.
pub(super) struct Wiring {
    pub tensors: Vec<Shared>,
    /// By stage.
    pub accesses: Vec<Vec<Access>>,
}

/// A tensor of the group without what is said of it.
pub(super) struct Shared {
    pub extents: Vec<u64>,
    pub bits: u32,
    pub producer: Option<usize>,
    pub escapes: bool,
    pub name: String,
    pub aliases: Vec<String>,
    /// What it is to whom: stage, tensor of its operation, role.
    pub users: Vec<User>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub stage: usize,
    pub tensor: usize,
    pub role: Role,
}

/// What makes two accesses touch one tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    /// The result of a stage.
    Made(usize),
    /// The result of a layer outside, or a named input of the network, in these dimensions.
    Outside(Source, Vec<u64>),
    /// Weights, and what comes from `external`: nobody else's.
    Own { stage: usize, tensor: usize },
}

struct Reading {
    key: Key,
    /// Tensor of the stage's operation.
    tensor: usize,
    extents: Vec<u64>,
    dims: Vec<Index>,
    /// The layer outside that makes this part of a concatenation, or `external`.
    part: Option<String>,
}

/// What the loops do to one dimension.
#[derive(Clone, Copy, Default)]
struct Cut {
    /// The loop that walks it.
    tiled: Option<usize>,
    /// Not all of it is wanted in every step.
    partial: bool,
}

/// `None` when something is wrong, which has been reported here or, for a wrong network, there.
pub(super) fn wire(
    request: &Request<'_>,
    members: &[Member<'_>],
    loops: &[Tile],
    sink: &mut Diagnostics,
) -> Option<Wiring> {
    let mut walk = Walk {
        request,
        members,
        loops,
        wanted: members
            .iter()
            .map(|member| vec![Cut::default(); member.ranks.len()])
            .collect(),
        readings: Vec::with_capacity(members.len()),
        failed: false,
        sink,
    };
    let head = members.len().checked_sub(1)?;
    for (at, tile) in loops.iter().enumerate() {
        if let Some(cut) = walk.wanted.get_mut(head)?.get_mut(tile.tile.rank) {
            cut.tiled.get_or_insert(at);
            cut.partial = true;
        }
    }
    for stage in (0..members.len()).rev() {
        let readings = walk.stage(stage)?;
        walk.readings.push(readings);
    }
    walk.readings.reverse();
    if walk.failed {
        return None;
    }
    Some(number(request.network, members, walk.readings))
}

struct Walk<'a, 'b> {
    request: &'b Request<'a>,
    members: &'b [Member<'a>],
    loops: &'b [Tile],
    /// By stage and rank; what readers have not asked for yet is not cut.
    wanted: Vec<Vec<Cut>>,
    /// From the head on.
    readings: Vec<Vec<Reading>>,
    failed: bool,
    sink: &'b mut Diagnostics,
}

impl Walk<'_, '_> {
    /// The operands of a stage whose readers have all been walked.
    fn stage(&mut self, stage: usize) -> Option<Vec<Reading>> {
        let member = self.members.get(stage)?;
        let mut readings = Vec::new();
        for tensor in 0..member.result() {
            let dims = member.tensors.get(tensor)?;
            match operand(member, tensor) {
                Operand::Own => readings.push(self.own(stage, tensor, dims, None)),
                Operand::Wired(sources) => {
                    for part in self.parts(stage, tensor, dims, sources)? {
                        let reading = match part.source {
                            Source::External => {
                                let name = part.alone.then(|| "external".to_owned());
                                self.own(stage, tensor, &part.dims, name)
                            }
                            Source::Input(_) | Source::Persistent(_) => {
                                self.outside(stage, tensor, &part)?
                            }
                            Source::Layer(from) => self.layer(stage, tensor, from, &part)?,
                        };
                        readings.push(reading);
                    }
                }
            }
        }
        for reading in &readings {
            self.two_tiled(stage, reading);
            self.ask(stage, reading);
        }
        Some(readings)
    }

    fn own(
        &self,
        stage: usize,
        tensor: usize,
        dims: &[AffineDim],
        part: Option<String>,
    ) -> Reading {
        Reading {
            key: Key::Own { stage, tensor },
            tensor,
            extents: dims.iter().map(|dim| dim.extent).collect(),
            dims: dims.iter().map(affine).collect(),
            part,
        }
    }

    /// A part that is there already: a layer outside of the group made it, or it is an input with a name.
    fn outside(&self, stage: usize, tensor: usize, part: &Part) -> Option<Reading> {
        let network = self.request.network;
        let (name, written) = match part.source {
            Source::External => return None,
            Source::Input(at) => {
                let input = network.inputs.get(at)?;
                let dims = input.dims.iter().map(|dim| dim.1);
                (&input.name, Some(dims.collect()))
            }
            Source::Persistent(at) => {
                let input = &network.persistents.get(at)?.tensor;
                let dims = input.dims.iter().map(|dim| dim.1);
                (&input.name, Some(dims.collect()))
            }
            Source::Layer(at) => {
                let layer = network.layers.get(at)?;
                (&layer.name, layer.shape.written())
            }
        };
        let member = self.members.get(stage)?;
        let partial: Vec<bool> = self
            .wanted
            .get(stage)?
            .iter()
            .map(|cut| cut.partial)
            .collect();
        let reader = Reader {
            ranks: &member.ranks,
            partial: &partial,
        };
        let own: Vec<u64> = part.dims.iter().map(|dim| dim.extent).collect();
        let seen = written.and_then(|written| {
            let dims = view(&part.dims, &written, &reader).ok()?;
            (!dims.contains(&Index::Whole)).then_some((written, dims))
        });
        let (extents, dims) = seen.unwrap_or_else(|| (own, part.dims.iter().map(affine).collect()));
        Some(Reading {
            key: Key::Outside(part.source, extents.clone()),
            tensor,
            extents,
            dims,
            part: part.alone.then(|| name.clone()),
        })
    }

    /// A part that another layer makes, inside of the group or outside.
    fn layer(&mut self, stage: usize, tensor: usize, from: usize, part: &Part) -> Option<Reading> {
        let member = self.members.get(stage)?;
        let partial: Vec<bool> = self
            .wanted
            .get(stage)?
            .iter()
            .map(|cut| cut.partial)
            .collect();
        let reader = Reader {
            ranks: &member.ranks,
            partial: &partial,
        };
        let producer = self.members.iter().position(|other| other.layer == from);
        let Some(producer) = producer else {
            return self.outside(stage, tensor, part);
        };
        let made = self.members.get(producer)?;
        let extents: Vec<u64> = made.tensors.last()?.iter().map(|dim| dim.extent).collect();
        match view(&part.dims, &extents, &reader) {
            Ok(dims) => Some(Reading {
                key: Key::Made(producer),
                tensor,
                extents,
                dims,
                part: None,
            }),
            Err(Obstacle::Count) => None,
            Err(Obstacle::Partial(dims)) => {
                let error = self.reshape(stage, tensor, producer, part, &dims)?;
                self.sink.push(error.to_diagnostic());
                None
            }
        }
    }

    fn reshape(
        &self,
        stage: usize,
        tensor: usize,
        producer: usize,
        part: &Part,
        dims: &[usize],
    ) -> Option<FuseError> {
        let (member, made) = (self.members.get(stage)?, self.members.get(producer)?);
        let wanted = self.wanted.get(stage)?;
        let mut ranks: Vec<usize> = dims
            .iter()
            .filter_map(|&dim| part.dims.get(dim))
            .flat_map(|dim| dim.terms.iter().map(|term| term.rank))
            .collect();
        ranks.sort_unstable();
        let cause = ranks
            .iter()
            .find_map(|&rank| wanted.get(rank)?.tiled)
            .and_then(|at| self.loops.get(at));
        Some(FuseError::Reshape {
            reader: member.tensor_name(tensor),
            reader_extents: part.dims.iter().map(|dim| dim.extent).collect(),
            made: made.tensor_name(made.result()),
            made_extents: made.tensors.last()?.iter().map(|dim| dim.extent).collect(),
            ranks: ranks
                .iter()
                .filter_map(|&rank| member.rank_names.get(rank).cloned())
                .collect(),
            span: member.span,
            cause: cause.map(|tile| (tile.source.label.clone(), tile.source.span)),
        })
    }

    /// Two ranks that loops walk must not meet in one index: their tiles would reach a sum of two intervals.
    fn two_tiled(&mut self, stage: usize, reading: &Reading) {
        let (Some(member), Some(wanted)) = (self.members.get(stage), self.wanted.get(stage)) else {
            return;
        };
        for dim in &reading.dims {
            let Index::Affine { terms, .. } = dim else {
                continue;
            };
            let mut tiled: Vec<(usize, usize)> = terms
                .iter()
                .filter_map(|term| Some((term.rank, wanted.get(term.rank)?.tiled?)))
                .collect();
            tiled.sort_unstable();
            tiled.dedup_by_key(|known| known.0);
            let &[(first, outer), (second, inner), ..] = tiled.as_slice() else {
                continue;
            };
            let name = |rank: usize| member.rank_names.get(rank).cloned().unwrap_or_default();
            let span = |at: usize| self.loops.get(at).map(|tile| tile.source.span);
            let (Some(outer), Some(inner)) = (span(outer), span(inner)) else {
                continue;
            };
            let error = FuseError::TwoTiled {
                tensor: member.tensor_name(reading.tensor),
                ranks: [name(first), name(second)],
                span: inner,
                first: outer,
            };
            self.sink.push(error.to_diagnostic());
            self.failed = true;
        }
    }

    /// What a reading wants of its tensor's producer.
    fn ask(&mut self, stage: usize, reading: &Reading) {
        let Key::Made(producer) = reading.key else {
            return;
        };
        let (Some(member), Some(made)) = (self.members.get(stage), self.members.get(producer))
        else {
            return;
        };
        let cuts: Vec<Cut> = self.wanted.get(stage).cloned().unwrap_or_default();
        let partial: Vec<bool> = cuts.iter().map(|cut| cut.partial).collect();
        let reader = Reader {
            ranks: &member.ranks,
            partial: &partial,
        };
        let result = made.tensors.last().map_or(&[][..], Vec::as_slice);
        for ((index, written), &extent) in reading.dims.iter().zip(result).zip(&reading.extents) {
            let Index::Affine { terms, constant } = index else {
                continue;
            };
            let dim = AffineDim {
                terms: terms.clone(),
                constant: *constant,
                extent,
            };
            let tiled = terms
                .iter()
                .find_map(|term| cuts.get(term.rank).and_then(|cut| cut.tiled));
            let Some(rank) = written.terms.first().map(|term| term.rank) else {
                continue;
            };
            let cut = self
                .wanted
                .get_mut(producer)
                .and_then(|wanted| wanted.get_mut(rank));
            if let Some(cut) = cut {
                cut.tiled = cut.tiled.or(tiled);
                cut.partial |= tiled.is_some() || !reader.covers(&dim);
            }
        }
    }

    /// The parts of an operand, in order; `None` when they are not what it needs.
    fn parts(
        &mut self,
        stage: usize,
        tensor: usize,
        dims: &[AffineDim],
        sources: &[Source],
    ) -> Option<Vec<Part>> {
        if let [source] = sources {
            return Some(vec![Part {
                source: *source,
                dims: dims.to_vec(),
                alone: false,
            }]);
        }
        let member = self.members.get(stage)?;
        // Only layers with channels concatenate: [N, C, Y, X] and [N, C].
        let (whole, image) = match dims {
            [_, channels, rows, columns] => (
                channels.extent,
                u128::from(rows.extent).checked_mul(u128::from(columns.extent))?,
            ),
            [_, channels] => (channels.extent, 1),
            _ => return None,
        };
        let image = image.checked_mul(u128::from(dims.first()?.extent))?;
        let mut given = Vec::with_capacity(sources.len());
        for source in sources {
            let network = self.request.network;
            let name = match *source {
                Source::External => {
                    given.push(None);
                    continue;
                }
                Source::Input(at) => &network.inputs.get(at)?.name,
                Source::Persistent(at) => &network.persistents.get(at)?.tensor.name,
                Source::Layer(at) => &network.layers.get(at)?.name,
            };
            let elements = network.flow(*source)?.elements()?;
            if !elements.is_multiple_of(image) {
                let error = FuseError::NoChannels {
                    reader: member.tensor_name(tensor),
                    part: name.clone(),
                    elements,
                    image,
                    span: member.span,
                };
                self.sink.push(error.to_diagnostic());
                return None;
            }
            given.push(Some(u64::try_from(elements / image).ok()?));
        }
        let known = given
            .iter()
            .flatten()
            .try_fold(0u64, |sum, &channels| sum.checked_add(channels))?;
        // All that is missing comes from the first `external`.
        let mut missing = whole.checked_sub(known)?;
        let mut parts = Vec::with_capacity(sources.len());
        let mut before = 0u64;
        for (source, channels) in sources.iter().zip(given) {
            let channels = channels.unwrap_or_else(|| std::mem::take(&mut missing));
            if channels == 0 {
                continue;
            }
            let mut own = dims.to_vec();
            let dim = own.get_mut(1)?;
            dim.extent = channels;
            dim.constant = dim.constant.checked_sub(i64::try_from(before).ok()?)?;
            before = before.checked_add(channels)?;
            parts.push(Part {
                source: *source,
                dims: own,
                alone: true,
            });
        }
        (before == whole).then_some(parts)
    }
}

/// One part of an operand.
struct Part {
    source: Source,
    /// The reader's indices, the channels counted from the part's first.
    dims: Vec<AffineDim>,
    /// One of several parts.
    alone: bool,
}

enum Operand<'a> {
    /// Weights, and what nothing is wired to.
    Own,
    Wired(&'a [Source]),
}

/// Where an operand of a layer comes from.
fn operand<'a>(member: &Member<'a>, tensor: usize) -> Operand<'a> {
    let source = member.source;
    match source.shape.sources(&source.inputs, tensor) {
        [] => Operand::Own,
        sources => Operand::Wired(sources),
    }
}

/// Numbers the tensors in the order of the stages, operands first.
fn number(network: &Network, members: &[Member<'_>], readings: Vec<Vec<Reading>>) -> Wiring {
    let mut tensors: Vec<Shared> = Vec::new();
    let mut keys: Vec<Key> = Vec::new();
    let mut accesses = Vec::with_capacity(members.len());
    for (stage, (member, readings)) in members.iter().zip(readings).enumerate() {
        let result = member.result();
        let dims = member.tensors.get(result).map_or(&[][..], Vec::as_slice);
        let own = Reading {
            key: Key::Made(stage),
            tensor: result,
            extents: dims.iter().map(|dim| dim.extent).collect(),
            dims: dims.iter().map(affine).collect(),
            part: None,
        };
        let mut touched = Vec::with_capacity(readings.len() + 1);
        for reading in readings.into_iter().chain([own]) {
            let known = keys.iter().position(|key| *key == reading.key);
            let at = known.unwrap_or(keys.len());
            let (role, bits) = member
                .desugared
                .operation
                .tensors
                .get(reading.tensor)
                .map_or((Role::Input, 8), |tensor| (tensor.role, tensor.bits));
            let mut name = member.tensor_name(reading.tensor);
            if let Some(part) = &reading.part {
                name = format!("{name} ({part})");
            }
            let user = User {
                stage,
                tensor: reading.tensor,
                role,
            };
            match tensors.get_mut(at) {
                Some(tensor) => {
                    tensor.users.push(user);
                    if tensor.producer.is_none() {
                        tensor.bits = tensor.bits.max(bits);
                    }
                    if tensor.name != name && !tensor.aliases.contains(&name) {
                        tensor.aliases.push(name);
                    }
                }
                None => {
                    let made = reading.key == Key::Made(stage);
                    tensors.push(Shared {
                        extents: reading.extents,
                        bits,
                        producer: made.then_some(stage),
                        escapes: made && escapes(network, members, stage),
                        name,
                        aliases: Vec::new(),
                        users: vec![user],
                    });
                    keys.push(reading.key);
                }
            }
            touched.push(Access {
                tensor: at,
                dims: reading.dims,
            });
        }
        accesses.push(touched);
    }
    Wiring { tensors, accesses }
}

/// Wanted outside: the head's result, and what a layer outside reads.
fn escapes(network: &Network, members: &[Member<'_>], stage: usize) -> bool {
    let Some(member) = members.get(stage) else {
        return false;
    };
    stage + 1 == members.len()
        || network.layers.iter().enumerate().any(|(at, layer)| {
            layer.inputs.contains(&Source::Layer(member.layer))
                && members.iter().all(|member| member.layer != at)
        })
}
