//! Producers before consumers, and whether the layers are one group at all.
//!
//! Problem: `Fuse c, a, b` lists layers in any order. They must hang together, end in one layer (the head, whose
//! output the loops cut into tiles) and leave nothing outside between them: a layer outside that reads from the
//! group and feeds it would have to run in the middle of a step.

use super::{FuseError, Request};
use crate::base::Span;
use crate::diag::{Diagnostics, Mistake};
use crate::hir::{Network, Source};
use petgraph::unionfind::UnionFind;
use std::collections::{BTreeSet, VecDeque};

/// A layer of the group and where it stands in the list.
pub(super) type Listed = (usize, Span);

/// Producers first, the head last; ties in the order of the network. `None` when the group is none.
pub(super) fn order(request: &Request<'_>, sink: &mut Diagnostics) -> Option<Vec<Listed>> {
    let listed = &request.group.layers;
    let wires = Wires::new(request.network, listed);
    let before = sink.error_count();
    let parts = wires.parts(listed);
    if parts.len() > 1 {
        sink.push(unconnected(request, &parts).to_diagnostic());
    } else if let Some(error) = several_heads(request, &wires) {
        sink.push(error.to_diagnostic());
    }
    if let Some(error) = detour(request, &wires) {
        sink.push(error.to_diagnostic());
    }
    if sink.error_count() != before {
        return None;
    }
    wires.sorted(listed)
}

/// Who reads whom, and who is in the group.
struct Wires {
    /// By layer of the network: its readers, ascending, each once.
    readers: Vec<Vec<usize>>,
    /// By layer of the network: its place in the list.
    place: Vec<Option<usize>>,
}

impl Wires {
    fn new(network: &Network, listed: &[Listed]) -> Wires {
        let mut readers = vec![Vec::new(); network.layers.len()];
        for (at, layer) in network.layers.iter().enumerate() {
            for input in &layer.inputs {
                if let Source::Layer(from) = input
                    && let Some(known) = readers.get_mut(*from)
                    && known.last() != Some(&at)
                {
                    known.push(at);
                }
            }
        }
        let mut place = vec![None; network.layers.len()];
        for (at, (layer, _)) in listed.iter().enumerate() {
            if let Some(known) = place.get_mut(*layer) {
                *known = Some(at);
            }
        }
        Wires { readers, place }
    }

    fn readers(&self, layer: usize) -> &[usize] {
        self.readers.get(layer).map_or(&[], Vec::as_slice)
    }

    fn place(&self, layer: usize) -> Option<usize> {
        self.place.get(layer).copied().flatten()
    }

    /// Readers of `layer` in the group.
    fn inner(&self, layer: usize) -> impl Iterator<Item = usize> {
        self.readers(layer)
            .iter()
            .copied()
            .filter(|&reader| self.place(reader).is_some())
    }

    /// The pieces of the group that hang together, in the order of the list.
    fn parts(&self, listed: &[Listed]) -> Vec<Vec<Listed>> {
        let mut sets = UnionFind::<usize>::new(listed.len());
        for (at, (layer, _)) in listed.iter().enumerate() {
            for reader in self.inner(*layer) {
                if let Some(other) = self.place(reader) {
                    sets.union(at, other);
                }
            }
        }
        let mut parts: Vec<(usize, Vec<Listed>)> = Vec::new();
        for (at, &layer) in listed.iter().enumerate() {
            let set = sets.find(at);
            match parts.iter_mut().find(|part| part.0 == set) {
                Some(part) => part.1.push(layer),
                None => parts.push((set, vec![layer])),
            }
        }
        parts.into_iter().map(|part| part.1).collect()
    }

    /// `None` for a circle, which the network has reported.
    fn sorted(&self, listed: &[Listed]) -> Option<Vec<Listed>> {
        let mut waits = vec![0usize; listed.len()];
        for (layer, _) in listed {
            for reader in self.inner(*layer) {
                *waits.get_mut(self.place(reader)?)? += 1;
            }
        }
        let mut ready: BTreeSet<usize> = listed
            .iter()
            .zip(&waits)
            .filter(|(_, waits)| **waits == 0)
            .map(|(listed, _)| listed.0)
            .collect();
        let mut sorted = Vec::with_capacity(listed.len());
        while let Some(layer) = ready.pop_first() {
            sorted.push(*listed.get(self.place(layer)?)?);
            for reader in self.inner(layer) {
                let left = waits.get_mut(self.place(reader)?)?;
                *left = left.checked_sub(1)?;
                if *left == 0 {
                    ready.insert(reader);
                }
            }
        }
        (sorted.len() == listed.len()).then_some(sorted)
    }

    /// The layers of the group that `layer` needs, itself included.
    fn needed(&self, network: &Network, layer: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::from([layer]);
        let mut todo = vec![layer];
        while let Some(layer) = todo.pop() {
            let inputs = network.layers.get(layer).map_or(&[][..], |l| &l.inputs);
            for input in inputs {
                if let Source::Layer(from) = *input
                    && self.place(from).is_some()
                    && found.insert(from)
                {
                    todo.push(from);
                }
            }
        }
        found
    }
}

fn name(network: &Network, layer: usize) -> String {
    network
        .layers
        .get(layer)
        .map_or_else(String::new, |layer| layer.name.clone())
}

fn unconnected(request: &Request<'_>, parts: &[Vec<Listed>]) -> FuseError {
    let named = parts
        .iter()
        .map(|part| {
            part.iter()
                .map(|(layer, _)| name(request.network, *layer))
                .collect()
        })
        .collect();
    let first = |part: Option<&Vec<Listed>>| {
        part.and_then(|part| part.first())
            .map_or(request.group.span, |layer| layer.1)
    };
    FuseError::Unconnected {
        parts: named,
        span: first(parts.get(1)),
        first: first(parts.first()),
    }
}

fn several_heads(request: &Request<'_>, wires: &Wires) -> Option<FuseError> {
    let (network, group) = (request.network, request.group);
    let heads: Vec<Listed> = group
        .layers
        .iter()
        .copied()
        .filter(|(layer, _)| wires.inner(*layer).next().is_none())
        .collect();
    if heads.len() < 2 {
        return None;
    }
    // The head that a loop names is meant, else the one that needs most of the group.
    let named = group
        .loops
        .iter()
        .map(|tile| tile.layer)
        .find(|layer| heads.iter().any(|head| head.0 == *layer));
    let (kept, needed) = heads
        .iter()
        .map(|(layer, _)| (*layer, wires.needed(network, *layer)))
        .max_by_key(|(layer, needed)| (Some(*layer) == named, needed.len(), *layer))?;
    let removed = |layer: usize| !needed.contains(&layer);
    let runs = group.stages.iter().flat_map(|stages| &stages.runs);
    let spoken_of = group.loops.iter().any(|tile| removed(tile.layer))
        || group.fates.iter().any(|word| removed(word.layer))
        || runs.into_iter().any(|run| removed(run.layer));
    let list = group
        .layers
        .iter()
        .map(|layer| layer.1)
        .reduce(|list, layer| list.join(layer))?;
    let left: Vec<String> = group
        .layers
        .iter()
        .filter(|(layer, _)| !removed(*layer))
        .map(|(layer, _)| name(network, *layer))
        .collect();
    Some(FuseError::SeveralHeads {
        kept: name(network, kept),
        heads: heads
            .iter()
            .map(|(layer, span)| (name(network, *layer), *span))
            .collect(),
        fix: (!spoken_of).then(|| (list, left.join(", "))),
    })
}

/// The shortest way out of the group and back into it.
fn detour(request: &Request<'_>, wires: &Wires) -> Option<FuseError> {
    let network = request.network;
    let mut from: Vec<Option<usize>> = vec![None; network.layers.len()];
    let mut todo = VecDeque::new();
    for &(layer, _) in &request.group.layers {
        for &reader in wires.readers(layer) {
            if wires.place(reader).is_none() && from.get(reader) == Some(&None) {
                *from.get_mut(reader)? = Some(layer);
                todo.push_back(reader);
            }
        }
    }
    while let Some(outside) = todo.pop_front() {
        for &reader in wires.readers(outside) {
            if let Some(place) = wires.place(reader) {
                let mut path = vec![reader, outside];
                let mut at = outside;
                // The way back ends in the group; a network has fewer layers than that.
                while let Some(before) = from.get(at).copied().flatten() {
                    path.push(before);
                    at = before;
                }
                path.reverse();
                return Some(FuseError::Detour {
                    path: path.iter().map(|&layer| name(network, layer)).collect(),
                    span: request.group.layers.get(place)?.1,
                    outside: network.layers.get(outside)?.name_span,
                });
            }
            if from.get(reader) == Some(&None) {
                *from.get_mut(reader)? = Some(outside);
                todo.push_back(reader);
            }
        }
    }
    None
}
