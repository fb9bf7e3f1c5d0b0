//! `retain`, `recompute`, `refetch`: how long a tensor is kept, where, and what happens after that.
//!
//! | words | kept | fate |
//! |---|---|---|
//! | `retain T in M` | from there on | nothing leaves: asserted |
//! | `retain T in M` and `recompute T` | from there on | computed again |
//! | `retain T in M` and `refetch T from DRAM` | from there on | read back |
//! | `recompute T` | never | computed again |
//! | `refetch T from DRAM` | never | read back |
//! | none; not of what is made and read in the group | from the innermost place on which its tile depends ([`crate::ir::FusedGroup::innermost`]) | read back |

use super::member::Member;
use super::wiring::{Shared, Wiring};
use super::{FuseError, Request};
use crate::base::Span;
use crate::diag::suggest::nearest;
use crate::diag::{Diagnostic, Diagnostics, Mistake};
use crate::hir::fused::{FateKind, FateWord};
use crate::ir::{Fate, Role};
use crate::lower::{LowerError, Source};

/// What is said of one tensor.
#[derive(Clone, Debug)]
pub(super) struct Keeping {
    pub keep: Option<usize>,
    pub fate: Fate,
    pub memory: usize,
    pub statements: Vec<Source>,
}

/// By tensor; `None` when something is wrong, which has been reported.
pub(super) fn fates(
    request: &Request<'_>,
    members: &[Member<'_>],
    wiring: &Wiring,
    sink: &mut Diagnostics,
) -> Option<Vec<Keeping>> {
    let before = sink.error_count();
    let judge = Judge {
        request,
        members,
        tensors: &wiring.tensors,
    };
    let mut words: Vec<Vec<&FateWord>> = vec![Vec::new(); wiring.tensors.len()];
    for word in &request.group.fates {
        match judge.named(word) {
            Ok(named) => {
                for tensor in named {
                    if let Some(words) = words.get_mut(tensor) {
                        words.push(word);
                    }
                }
            }
            Err(error) => sink.push(error),
        }
    }
    // A word that was not understood may be the one that is missed below.
    if sink.error_count() != before {
        return None;
    }
    let mut fates = Vec::with_capacity(wiring.tensors.len());
    for (shared, words) in wiring.tensors.iter().zip(&words) {
        match judge.keeping(shared, words) {
            Ok(keeping) => fates.push(keeping),
            Err(error) => sink.push(error),
        }
    }
    if sink.error_count() == before {
        sink.extend(judge.inside_arrays(&fates, &words));
    }
    (sink.error_count() == before).then_some(fates)
}

/// Made in the group and read in it.
fn is_intermediate(shared: &Shared) -> bool {
    let mut users = shared.users.iter();
    shared
        .producer
        .is_some_and(|producer| users.any(|user| user.stage != producer))
}

struct Judge<'a, 'b> {
    request: &'b Request<'a>,
    members: &'b [Member<'a>],
    tensors: &'b [Shared],
}

impl Judge<'_, '_> {
    /// The tensors that `layer.Tensor` means: of a concatenated input all of its parts.
    fn named(&self, word: &FateWord) -> Result<Vec<usize>, Diagnostic> {
        let stage = self
            .members
            .iter()
            .position(|member| member.layer == word.layer);
        let member = stage.and_then(|stage| self.members.get(stage));
        let (Some(stage), Some(member)) = (stage, member) else {
            // The front end has seen to it that the layer is one of the group.
            return Ok(Vec::new());
        };
        let names = &member.desugared.tensor_names;
        let place = names.iter().position(|name| *name == word.tensor.text);
        // An EINSUM has names of its own; its result and its one operand are called by their roles as well.
        let place = place.or_else(|| match word.tensor.text.as_str() {
            "Output" => Some(member.result()),
            "Input" if member.result() == 1 => Some(0),
            _ => None,
        });
        let Some(place) = place else {
            let name = &word.tensor.text;
            return Err(FuseError::UnknownTensor {
                layer: member.source.name.clone(),
                name: name.clone(),
                span: word.tensor.span,
                suggestion: nearest(name, names.iter().map(String::as_str)).map(str::to_owned),
                known: names.clone(),
            }
            .to_diagnostic());
        };
        let uses = |shared: &Shared| {
            let mut users = shared.users.iter();
            users.any(|user| user.stage == stage && user.tensor == place)
        };
        Ok((0..self.tensors.len())
            .filter(|&tensor| self.tensors.get(tensor).is_some_and(uses))
            .collect())
    }

    fn keeping(&self, shared: &Shared, words: &[&FateWord]) -> Result<Keeping, Diagnostic> {
        let mut retained: Option<&FateWord> = None;
        let mut again: Option<&FateWord> = None;
        for &word in words {
            let known = match word.kind {
                FateKind::Retain => &mut retained,
                FateKind::Recompute | FateKind::Refetch => &mut again,
            };
            if let Some(first) = known {
                return Err(FuseError::TwoWords {
                    tensor: shared.name.clone(),
                    words: [first.kind, word.kind],
                    span: word.span,
                    first: first.span,
                }
                .to_diagnostic());
            }
            *known = Some(word);
        }
        let inner = is_intermediate(shared);
        let fate = match again.map(|word| (word.kind, word)) {
            Some((FateKind::Recompute, word)) if !inner => {
                return Err(self.not_recomputable(shared, word).to_diagnostic());
            }
            Some((FateKind::Recompute, _)) => Fate::Recompute,
            Some(_) => Fate::Refetch,
            None if retained.is_some() => Fate::Retain,
            None if inner => return Err(self.no_word(shared).to_diagnostic()),
            None => Fate::Refetch,
        };
        let keep = match (retained, again) {
            (Some(word), _) => Some(word.depth),
            (None, Some(_)) => None,
            // As far inside as its tile depends on a loop: `fuse` knows when all indices are there.
            (None, None) => Some(self.request.group.loops.len()),
        };
        let memory = match retained {
            Some(word) => self.retained_in(shared, word)?,
            None => self.memory_without_word(shared),
        };
        Ok(Keeping {
            keep,
            fate,
            memory,
            statements: words.iter().map(|word| self.source(word)).collect(),
        })
    }

    fn source(&self, word: &FateWord) -> Source {
        let named = |(memory, _): (usize, Span)| self.memory_name(memory);
        let memory = word.memory.map(named).unwrap_or_default();
        let layer = self.request.network.layers.get(word.layer);
        let tensor = format!(
            "{}.{}",
            layer.map_or("?", |layer| layer.name.as_str()),
            word.tensor.text
        );
        Source {
            span: word.statement,
            label: match word.kind {
                FateKind::Retain => format!("retain {tensor} in {memory}"),
                FateKind::Recompute => format!("recompute {tensor}"),
                FateKind::Refetch => format!("refetch {tensor} from {memory}"),
            },
            size: None,
            offset: None,
            by_layer: false,
        }
    }

    // ---- memories ----

    fn memory_name(&self, memory: usize) -> String {
        let known = self.request.accelerator.memories.get(memory);
        known.map_or_else(String::new, |memory| memory.name.clone())
    }

    fn holds(&self, memory: usize, shared: &Shared) -> bool {
        let Some(memory) = self.request.accelerator.memories.get(memory) else {
            return false;
        };
        shared.users.iter().any(|user| match user.role {
            Role::Input => memory.holds.input,
            Role::Weight => memory.holds.weight,
            Role::Output => memory.holds.output,
        })
    }

    fn retained_in(&self, shared: &Shared, word: &FateWord) -> Result<usize, Diagnostic> {
        let Some((memory, span)) = word.memory else {
            return Ok(self.memory_without_word(shared));
        };
        if !self.holds(memory, shared) {
            return Err(LowerError::NotHeld {
                tensor: shared.name.clone(),
                memory: self.memory_name(memory),
                span,
            }
            .to_diagnostic());
        }
        Ok(memory)
    }

    /// How many there are of a memory.
    fn instances(&self, memory: usize) -> u64 {
        let accelerator = self.request.accelerator.on_array(None);
        let above = accelerator
            .memories
            .get(memory)
            .map_or(0, |m| m.arrays_above);
        let arrays = accelerator.arrays.iter().take(above);
        arrays
            .flat_map(|array| &array.shape)
            .fold(1, |product, &size| product.saturating_mul(size))
    }

    /// One error for every memory of which there are several.
    fn inside_arrays(&self, fates: &[Keeping], words: &[Vec<&FateWord>]) -> Vec<Diagnostic> {
        let accelerator = self.request.accelerator.on_array(None);
        let memories = accelerator.memories.iter().enumerate();
        let several = memories.filter(|(memory, _)| self.instances(*memory) > 1);
        several
            .filter_map(|(memory, known)| {
                let here: Vec<usize> = fates
                    .iter()
                    .enumerate()
                    .filter(|(_, keeping)| keeping.memory == memory)
                    .map(|(tensor, _)| tensor)
                    .collect();
                let tensors = here.iter().filter_map(|&tensor| self.tensors.get(tensor));
                let tensors: Vec<&Shared> = tensors.collect();
                if tensors.is_empty() {
                    return None;
                }
                let words = here
                    .iter()
                    .filter_map(|&tensor| words.get(tensor))
                    .flatten();
                let mut spans: Vec<Span> = words
                    .filter(|word| word.kind == FateKind::Retain)
                    .filter_map(|word| Some(word.memory?.1))
                    .collect();
                spans.dedup();
                let arrays = accelerator.arrays.iter().take(known.arrays_above);
                let wide = arrays.filter(|array| array.shape.iter().any(|&size| size > 1));
                let all = |other: &usize| tensors.iter().all(|shared| self.holds(*other, shared));
                let outside = (1..accelerator.memories.len())
                    .find(|other| self.instances(*other) == 1 && all(other));
                let error = FuseError::InsideArray {
                    tensors: tensors.iter().map(|shared| shared.name.clone()).collect(),
                    memory: known.name.clone(),
                    instances: self.instances(memory),
                    arrays: wide.map(|array| array.name.clone()).collect(),
                    group: self.request.group.span,
                    words: spans,
                    outside: outside.map(|memory| self.memory_name(memory)),
                    store: self.memory_name(0),
                };
                Some(error.to_diagnostic())
            })
            .collect()
    }

    /// What other words of the innermost place name, else the outermost on chip.
    fn memory_without_word(&self, shared: &Shared) -> usize {
        let group = self.request.group;
        let beside = group
            .fates
            .iter()
            .filter(|word| word.kind == FateKind::Retain && word.depth == group.loops.len())
            .filter_map(|word| Some(word.memory?.0));
        let inside = 1..self.request.accelerator.memories.len();
        beside
            .chain(inside)
            .find(|&memory| memory != 0 && self.holds(memory, shared))
            .unwrap_or(1)
    }

    // ---- mistakes ----

    fn layer_of(&self, shared: &Shared) -> (String, Span) {
        let stage = shared.users.first().map(|user| user.stage);
        let member = stage.and_then(|stage| self.members.get(stage));
        member.map_or((String::new(), self.request.group.span), |member| {
            (member.source.name.clone(), member.span)
        })
    }

    fn no_word(&self, shared: &Shared) -> FuseError {
        let (producer, span) = self.layer_of(shared);
        let mut readers: Vec<String> = Vec::new();
        for user in &shared.users {
            let member = self.members.get(user.stage);
            if let Some(member) = member.filter(|_| Some(user.stage) != shared.producer)
                && !readers.contains(&member.source.name)
            {
                readers.push(member.source.name.clone());
            }
        }
        let memory = self.memory_name(self.memory_without_word(shared));
        FuseError::NoFate {
            tensor: shared.name.clone(),
            producer,
            readers,
            memory,
            span,
            insert: self.innermost(),
        }
    }

    /// Where a statement can be put, as far inside as a place is known.
    fn innermost(&self) -> Option<Span> {
        let group = self.request.group;
        let stages = group.stages.as_ref();
        let stages = stages.map(|stages| (stages.depth, stages.keyword));
        let words = group.fates.iter().map(|word| (word.depth, word.statement));
        let mut best: Option<(usize, Span)> = None;
        for place in words.chain(stages) {
            if best.is_none_or(|best| place.0 > best.0) {
                best = Some(place);
            }
        }
        best.map(|best| best.1.start())
    }

    fn not_recomputable(&self, shared: &Shared, word: &FateWord) -> FuseError {
        let statement = |other: &&FateWord| other.statement == word.statement;
        let alone = self.request.group.fates.iter().filter(statement).count() == 1;
        let store = self.memory_name(0);
        FuseError::NotRecomputable {
            tensor: shared.name.clone(),
            made: shared.producer.is_some(),
            span: word.span,
            fix: alone.then(|| {
                let text = format!("refetch {} from {store}", shared.name);
                (word.statement, text)
            }),
        }
    }
}
