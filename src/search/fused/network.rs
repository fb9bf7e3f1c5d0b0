//! A chain of layers in groups: which layers are fused, and which maps between groups stay on the chip.
//!
//! Problem: two products of 128^3 move 311,296 bytes in 2 KiB however they are fused, and 294,912 one after the other; all of
//! MobileNetV2 fits no single tree. A cut between two groups puts the map there into the backing store, or leaves it whole
//! on the chip while both groups run. With the state of the first and the last map given, layers `a..=e` cost the least
//! of one group and of any two parts, so that a group is searched only below what its parts cost: what is not
//! less than that is of no use to any network. Equal groups are searched once.

use super::request::{Answer, Request, search};
use crate::ir::{FusedLayer, FusedProblem, FusedTensor};
use std::collections::HashMap;

/// A chain, and what else reads its maps.
#[derive(Clone, Debug)]
pub struct Chain {
    pub problem: FusedProblem,
    /// A tensor from outside is the same as a map of the chain (a residual connection): that tensor, and the layer before
    /// which the map stands.
    pub residuals: Vec<(usize, usize)>,
}

/// How a network is cut into groups.
#[derive(Clone, Debug)]
pub struct Network {
    pub groups: Vec<Fused>,
    pub moved_bits: u64,
    pub proved: bool,
}

/// Layers `first..=last` as one group.
#[derive(Clone, Debug)]
pub struct Fused {
    pub first: usize,
    pub last: usize,
    /// Whether the map before the first layer, and that of the last, stand on the chip.
    pub held: [bool; 2],
    /// Of the layers from `first` on, tensors numbered as they occur.
    pub answer: Answer,
}

/// The least that a chain moves, in groups of at most `longest` layers. `stay`: maps between groups may stay on the chip.
#[must_use]
pub fn network(chain: &Chain, request: &Request, longest: usize, stay: bool) -> Option<Network> {
    let count = chain.problem.layers.len();
    let mut search = Search {
        chain,
        request,
        known: HashMap::new(),
        best: HashMap::new(),
        proved: true,
        whole: u64::MAX,
        once: Vec::new(),
    };
    search.once = (0..=count).map(|at| search.compulsory(at)).collect();
    if count <= longest {
        // What all layers in one group move bounds the rest.
        let fused = search.group(0, count - 1, [false; 2], u64::MAX);
        if let Some(fused) = fused {
            search.whole = cost(&fused.answer);
            if search.whole <= search.least(0, count - 1) {
                return Some(Network {
                    moved_bits: search.whole,
                    groups: vec![fused],
                    proved: true,
                });
            }
        }
    }
    let states: &[bool] = if stay { &[false, true] } else { &[false] };
    for length in 1..=longest.min(count) {
        for first in 0..=count - length {
            let last = first + length - 1;
            for &before in states {
                for &after in states {
                    let ends = (before && first == 0) || (after && last + 1 == count);
                    if !ends {
                        search.range(first, last, [before, after], states);
                    }
                }
            }
        }
    }
    let proved = search.proved;
    let groups = search.whole(states)?;
    let moved_bits = groups.iter().map(|group| cost(&group.answer)).sum();
    Some(Network {
        groups,
        moved_bits,
        proved,
    })
}

fn cost(answer: &Answer) -> u64 {
    u64::try_from(answer.counts.moved_bits).unwrap_or(u64::MAX)
}

/// First and last layer, and whether the maps before and behind stand on the chip.
type Range = (usize, usize, [bool; 2]);

struct Search<'a> {
    chain: &'a Chain,
    request: &'a Request,
    /// By group: the rooms and limits that were asked, and the answers.
    known: HashMap<FusedProblem, Vec<(Request, Option<Answer>)>>,
    /// By first and last layer and the state of both maps: least cost and, if one group has it, its design.
    best: HashMap<Range, (u64, Option<Fused>)>,
    proved: bool,
    /// What all layers in one group move.
    whole: u64,
    /// By layer: what the layers before it move at least, of what no other layer touches.
    once: Vec<u64>,
}

impl Search<'_> {
    /// What comes from outside of the first layers, and the last result, once.
    fn compulsory(&self, layers: usize) -> u64 {
        let all = &self.chain.problem;
        let tensors = all.tensors.iter().enumerate().filter(|(tensor, known)| {
            let touches = |layer: &FusedLayer| {
                let mut accesses = layer.accesses.iter();
                accesses.any(|access| access.tensor == *tensor)
            };
            let residual = self
                .chain
                .residuals
                .iter()
                .any(|(known, _)| known == tensor);
            let last = known
                .producer
                .is_none_or(|maker| maker + 1 == all.layers.len());
            last && !residual && all.layers.iter().take(layers).any(touches)
        });
        let bits = tensors.map(|(_, known)| {
            known
                .extents
                .iter()
                .product::<u64>()
                .saturating_mul(u64::from(known.bits))
        });
        bits.fold(0, u64::saturating_add)
    }

    /// What layers move at least, of what no other layer touches.
    fn least(&self, first: usize, last: usize) -> u64 {
        self.once[last + 1] - self.once[first]
    }
    fn range(&mut self, first: usize, last: usize, held: [bool; 2], states: &[bool]) {
        let mut least = u64::MAX;
        for cut in first..last {
            for &state in states {
                let left = self.best.get(&(first, cut, [held[0], state]));
                let right = self.best.get(&(cut + 1, last, [state, held[1]]));
                if let (Some((left, _)), Some((right, _))) = (left, right) {
                    least = least.min(left.saturating_add(*right));
                }
            }
        }
        // What is around the group moves at least this.
        let around = self.once[self.once.len() - 1] - self.least(first, last);
        let limit = least.min(self.whole.saturating_sub(around).saturating_add(1));
        let fused = self.group(first, last, held, limit);
        let value = fused.as_ref().map_or(least, |fused| cost(&fused.answer));
        if value < u64::MAX {
            self.best.insert((first, last, held), (value, fused));
        }
    }

    /// One group that moves less than `limit`.
    fn group(&mut self, first: usize, last: usize, held: [bool; 2], limit: u64) -> Option<Fused> {
        let (problem, room) = self.part(first, last, held)?;
        let request = Request {
            room,
            limit,
            ..*self.request
        };
        let known = self.known.entry(problem.clone()).or_default();
        let found = known.iter().find_map(|(asked, found)| {
            let same = asked.room == room;
            match found {
                Some(answer) if same => Some((cost(answer) < limit).then(|| answer.clone())),
                None if same && limit <= asked.limit => Some(None),
                _ => None,
            }
        });
        let answer = match found {
            Some(known) => known,
            None => {
                let outcome = search(&problem, &request).ok();
                self.proved &= outcome.as_ref().is_none_or(|outcome| outcome.proved);
                let answer = outcome.and_then(|outcome| outcome.best);
                known.push((request, answer.clone()));
                answer
            }
        };
        Some(Fused {
            first,
            last,
            held,
            answer: answer?,
        })
    }

    /// The layers as a problem of their own, and the room that is left; `None` if they are not to be one group.
    fn part(&self, first: usize, last: usize, held: [bool; 2]) -> Option<(FusedProblem, u64)> {
        let all = &self.chain.problem;
        let mut room = self.request.room;
        // A map inside that is read once more, or one on the chip that is read after the group.
        for &(tensor, source) in &self.chain.residuals {
            let reader = all
                .layers
                .iter()
                .position(|layer| layer.accesses.iter().any(|access| access.tensor == tensor))?;
            let inside = first < source && source <= last;
            let beyond = held[0] && source == first && reader > last;
            let after = held[1] && source == last + 1 && reader <= last;
            if inside || beyond || after {
                return None;
            }
        }
        let mut names: Vec<usize> = Vec::new();
        let mut tensors: Vec<FusedTensor> = Vec::new();
        let mut layers: Vec<FusedLayer> = Vec::new();
        for (at, layer) in all.layers.iter().enumerate().take(last + 1).skip(first) {
            let mut layer = layer.clone();
            for access in &mut layer.accesses {
                let tensor = all.tensors.get(access.tensor)?;
                let name = names.iter().position(|&known| known == access.tensor);
                let residual = self
                    .chain
                    .residuals
                    .iter()
                    .any(|&(known, source)| known == access.tensor && source == first);
                if name.is_none() {
                    let maker = tensor.producer.filter(|&maker| maker >= first);
                    let is_input = maker.is_none() && tensor.producer.is_some();
                    let stands = (is_input && held[0]) || (maker == Some(last) && held[1]);
                    let bits = tensor.extents.iter().product::<u64>() * u64::from(tensor.bits);
                    if stands {
                        room = room.checked_sub(bits)?;
                    }
                    names.push(access.tensor);
                    tensors.push(FusedTensor {
                        bits: if stands || (residual && held[0]) {
                            0
                        } else {
                            tensor.bits
                        },
                        producer: maker.map(|maker| maker - first),
                        ..tensor.clone()
                    });
                }
                access.tensor = name.unwrap_or(names.len() - 1);
            }
            debug_assert!(at >= first);
            layers.push(layer);
        }
        Some((FusedProblem { layers, tensors }, room))
    }

    /// The best list of groups.
    fn whole(&self, states: &[bool]) -> Option<Vec<Fused>> {
        let count = self.chain.problem.layers.len();
        // By cut and state: least cost up to there, and the last group.
        let mut least: HashMap<(usize, bool), (u64, Option<&Fused>)> = HashMap::new();
        least.insert((0, false), (0, None));
        for end in 1..=count {
            for &after in states {
                let mut best: Option<(u64, &Fused)> = None;
                for first in 0..end {
                    for &before in states {
                        let known = self.best.get(&(first, end - 1, [before, after]));
                        let (Some((_, Some(fused))), Some((sum, _))) =
                            (known, least.get(&(first, before)))
                        else {
                            continue;
                        };
                        let sum = sum.saturating_add(cost(&fused.answer));
                        if best.is_none_or(|(known, _)| sum < known) {
                            best = Some((sum, fused));
                        }
                    }
                }
                if let Some((sum, fused)) = best {
                    least.insert((end, after), (sum, Some(fused)));
                }
            }
        }
        let mut groups = Vec::new();
        let mut at = (count, false);
        while at.0 > 0 {
            let fused = least.get(&at)?.1?;
            at = (fused.first, fused.held[0]);
            groups.push(fused.clone());
        }
        groups.reverse();
        Some(groups)
    }
}
