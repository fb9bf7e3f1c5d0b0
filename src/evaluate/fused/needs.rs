//! Do the memories hold the windows that a group keeps? And does a `retain` keep what it promises?
//!
//! A memory needs the sum of the windows that lie in it. At a `pipeline` also the largest part that one step makes
//! anew of every tensor between two stages: while the reader takes one, the producer makes the next. At a
//! `sequence` a tensor of which nothing is carried from step to step is there only from the stage that makes (or
//! first reads) it to the last that reads it: then the fullest stage counts. A double-buffered memory needs twice
//! as much, as for single layers. Memories inside of arrays count with all their instances together.

use super::error::{Fit, GroupError, Lost, Part};
use crate::base::{Span, limits};
use crate::engine::EngineLimit;
use crate::engine::fused::{Analysis, Flow, count};
use crate::hir::Accelerator;
use crate::ir::{BoxSet, Fate, FusedGroup, Overlap};
use crate::lower::{self, LoweredGroup};
use crate::report::fused::MemoryNeed;

/// Innermost loops whose sizes are tried when something does not fit.
const MOST_LOOPS: usize = 4;

/// What one memory keeps of the tensors of a group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Need {
    pub figures: MemoryNeed,
    pub double_buffered: bool,
    /// (tensor, bits of its window, bits of a second buffer, whether it counts in the fullest stage)
    pub parts: Vec<(usize, u128, u128, bool)>,
}

/// What every memory that keeps something needs, from the outside in.
pub(super) fn needs(group: &FusedGroup, flow: &Flow, accelerator: &Accelerator) -> Vec<Need> {
    let alone = accelerator.on_array(None);
    let architecture = lower::architecture(&alone);
    (1..accelerator.memories.len())
        .filter_map(|memory| {
            let mut need = Need {
                figures: MemoryNeed {
                    memory,
                    ..MemoryNeed::default()
                },
                double_buffered: false,
                parts: parts(group, flow, memory),
            };
            if need.parts.is_empty() {
                return None;
            }
            let windows = need.parts.iter().map(|part| part.1);
            need.figures.windows_bits = windows.sum();
            let counted = need.parts.iter().filter(|part| part.3);
            let sum: u128 = counted.map(|part| part.1 + part.2).sum();
            let known = accelerator.memories.get(memory)?;
            need.double_buffered = known.double_buffered;
            need.figures.required_bits = sum.saturating_mul(1 + u128::from(known.double_buffered));
            let instances = architecture.instances(memory);
            need.figures.capacity_bits = known
                .capacity_bits
                .map(|bits| bits.saturating_mul(instances.into()));
            Some(need)
        })
        .collect()
}

/// What the backing store must hold: whole what comes from outside of the group or is wanted outside. `None` when it
/// has no size.
pub(super) fn backing(group: &FusedGroup, accelerator: &Accelerator) -> Option<Need> {
    let capacity = accelerator.memories.first()?.capacity_bits?;
    let tensors = group.tensors.iter().enumerate();
    let parts: Vec<(usize, u128, u128, bool)> = tensors
        .filter(|(_, tensor)| {
            tensor.producer.is_none() || tensor.escapes || tensor.fate == Fate::Refetch
        })
        .map(|(index, tensor)| {
            let extents = tensor.extents.iter().copied();
            let elements = extents.fold(1, u64::saturating_mul);
            let bits = u128::from(elements) * u128::from(tensor.bits);
            (index, bits, 0, true)
        })
        .collect();
    let bits = parts.iter().map(|part| part.1);
    let required_bits = bits.fold(0u128, u128::saturating_add);
    Some(Need {
        figures: MemoryNeed {
            memory: 0,
            windows_bits: required_bits,
            required_bits,
            capacity_bits: Some(capacity),
            ..MemoryNeed::default()
        },
        double_buffered: false,
        parts,
    })
}

/// Bits of an element in the memory that keeps it: of a result that steps add to, of sums that are not complete.
pub(super) fn held_bits(group: &FusedGroup, flow: &Flow, tensor: usize) -> u32 {
    let (Some(known), Some(moved)) = (group.tensors.get(tensor), flow.tensors.get(tensor)) else {
        return 0;
    };
    if known.producer == Some(group.head()) && moved.required > 0 {
        known.bits.max(known.partial_bits)
    } else {
        known.bits
    }
}

fn parts(group: &FusedGroup, flow: &Flow, memory: usize) -> Vec<(usize, u128, u128, bool)> {
    let mut parts: Vec<(usize, u128, u128, bool)> = Vec::new();
    for (index, (tensor, moved)) in group.tensors.iter().zip(&flow.tensors).enumerate() {
        if tensor.memory != memory {
            continue;
        }
        let bits = u128::from(held_bits(group, flow, index));
        let between = tensor.producer.is_some_and(|stage| stage != group.head());
        let second = if between && group.overlap == Overlap::Pipeline {
            u128::from(moved.fresh) * bits
        } else {
            0
        };
        parts.push((index, u128::from(moved.window) * bits, second, true));
    }
    if group.overlap == Overlap::Sequence {
        let carried = |index: usize| {
            flow.tensors
                .get(index)
                .is_some_and(|moved| moved.reused > 0)
        };
        let there = |index: usize, stage: usize| {
            carried(index)
                || lifetime(group, index)
                    .is_some_and(|(first, last)| first <= stage && stage <= last)
        };
        let full = |stage: usize| -> u128 {
            let held = parts.iter().filter(|part| there(part.0, stage));
            held.map(|part| part.1).sum()
        };
        // The first of the fullest stages.
        let fullest = (0..group.stages.len())
            .rev()
            .max_by_key(|&stage| full(stage));
        if let Some(stage) = fullest {
            for part in &mut parts {
                part.3 = there(part.0, stage);
            }
        }
    }
    parts
}

/// The first and the last stage that touch a tensor.
fn lifetime(group: &FusedGroup, tensor: usize) -> Option<(usize, usize)> {
    let touches = |stage: &usize| {
        let known = group.stages.get(*stage);
        known.is_some_and(|known| known.accesses.iter().any(|access| access.tensor == tensor))
    };
    let first = (0..group.stages.len()).find(touches)?;
    let last = (0..group.stages.len()).rev().find(touches)?;
    Some((first, last))
}

/// Whether everything fits and nothing is lost.
fn holds(group: &FusedGroup, accelerator: &Accelerator) -> Result<bool, EngineLimit> {
    let flow = count(group, &[])?;
    let lost = group
        .tensors
        .iter()
        .zip(&flow.tensors)
        .any(|(tensor, moved)| {
            tensor.fate == Fate::Retain && moved.recomputed + moved.refetched > 0
        });
    let fits = needs(group, &flow, accelerator).iter().all(|need| {
        let capacity = need.figures.capacity_bits;
        capacity.is_none_or(|bits| need.figures.required_bits <= bits)
    });
    Ok(fits && !lost)
}

/// The memories that cannot keep what they must.
pub(super) fn overfull(
    lowered: &LoweredGroup,
    needs: &[Need],
    accelerator: &Accelerator,
    editable: impl Fn(Span) -> bool,
) -> Vec<GroupError> {
    let full = needs.iter().filter_map(|need| {
        let have = need.figures.capacity_bits?;
        (need.figures.required_bits > have).then_some((need, have))
    });
    full.map(|(need, have_bits)| {
        let memory = accelerator.memories.get(need.figures.memory);
        GroupError::Overfull {
            group: lowered.name.clone(),
            span: lowered.span,
            memory: memory.map_or_else(String::new, |memory| memory.name.clone()),
            memory_span: memory
                .map(|memory| memory.span)
                .filter(|&span| editable(span)),
            need_bits: need.figures.required_bits,
            have_bits,
            double_buffered: need.double_buffered,
            parts: need
                .parts
                .iter()
                .map(|&(tensor, window_bits, second_bits, counted)| {
                    let bits = lowered
                        .group
                        .tensors
                        .get(tensor)
                        .map_or(1, |t| t.bits.max(1));
                    Part {
                        tensor: tensor_name(lowered, tensor),
                        window: u64::try_from(window_bits / u128::from(bits)).unwrap_or(u64::MAX),
                        window_bits,
                        second_bits,
                        apart: !counted,
                    }
                })
                .collect(),
            whole: need.figures.memory == 0,
            // Whole tensors are as large as they are, whatever the tiles.
            fits: match need.figures.memory {
                0 => Vec::new(),
                _ => {
                    let find = || fits(lowered, accelerator, &editable);
                    limits::within(limits::ADVICE, None, find).0
                }
            },
            tiled: !lowered.group.loops.is_empty(),
        }
    })
    .collect()
}

/// Per loop, the innermost first: the largest smaller piece with which everything holds.
fn fits(
    lowered: &LoweredGroup,
    accelerator: &Accelerator,
    editable: impl Fn(Span) -> bool,
) -> Vec<Fit> {
    let loops = &lowered.group.loops;
    (0..loops.len())
        .rev()
        .take(MOST_LOOPS)
        .filter_map(|at| {
            let tile = loops.get(at)?;
            let source = lowered.loops.get(at)?;
            let (head, written) = source.label.rsplit_once(" by ")?;
            let written: u64 = written.parse().ok().filter(|&size| size > 0)?;
            // A loop over groups of channels is written in groups.
            let unit = (tile.size / written).max(1);
            let inner = loops
                .iter()
                .skip(at + 1)
                .find(|inner| inner.rank == tile.rank);
            let least = inner.map_or(1, |inner| inner.size / unit + 1);
            let with = |size: u64| {
                let mut group = lowered.group.clone();
                if let Some(tile) = group.loops.get_mut(at) {
                    tile.size = size.saturating_mul(unit);
                }
                holds(&group, accelerator).unwrap_or(false)
            };
            if least >= written || !with(least) {
                return None;
            }
            let (mut low, mut high) = (least, written);
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if with(middle) {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            Some(Fit {
                label: source.label.clone(),
                changed: format!("{head} by {low}"),
                size: low,
                span: source.size.filter(|&span| editable(span)),
            })
        })
        .collect()
}

pub(super) fn tensor_name(lowered: &LoweredGroup, tensor: usize) -> String {
    let known = lowered.tensors.get(tensor).map(|names| names.name.clone());
    known.unwrap_or_else(|| format!("tensor {tensor}"))
}

/// E0410 for every tensor that is only retained and yet wanted again after it left its window.
pub(super) fn lost(
    lowered: &LoweredGroup,
    analysis: &Analysis,
    accelerator: &Accelerator,
) -> Result<Vec<GroupError>, EngineLimit> {
    let mut errors = Vec::new();
    for (index, tensor) in lowered.group.tensors.iter().enumerate() {
        if tensor.fate != Fate::Retain {
            continue;
        }
        let Some(found) = analysis.lost(index)? else {
            continue;
        };
        let name = tensor_name(lowered, index);
        let backing = accelerator
            .memories
            .first()
            .map_or("", |memory| &memory.name);
        let made = tensor
            .producer
            .is_some_and(|stage| stage != lowered.group.head());
        let (word, fate) = if made {
            (format!("recompute {name}"), Fate::Recompute)
        } else {
            (format!("refetch {name} from {backing}"), Fate::Refetch)
        };
        let mut repaired = lowered.group.clone();
        if let Some(tensor) = repaired.tensors.get_mut(index) {
            tensor.fate = fate;
        }
        // Others may be lost as well: they have messages of their own.
        for other in &mut repaired.tensors {
            if other.fate == Fate::Retain {
                other.fate = match other.producer {
                    Some(stage) if stage != lowered.group.head() => Fate::Recompute,
                    _ => Fate::Refetch,
                };
            }
        }
        let statement = lowered
            .tensors
            .get(index)
            .and_then(|names| names.statements.first());
        let advise = || {
            let holds = holds(&repaired, accelerator).unwrap_or(false);
            (holds, outward(lowered, index, accelerator))
        };
        let ((repaired, outward), ..) = limits::within(limits::ADVICE, None, advise);
        errors.push(GroupError::Lost(Box::new(Lost {
            memory: accelerator
                .memories
                .get(tensor.memory)
                .map_or_else(String::new, |memory| memory.name.clone()),
            count: found.count,
            point: tensor
                .producer
                .and_then(|stage| point(lowered, stage, &found.element)),
            element: found.element,
            step: found
                .step
                .iter()
                .zip(&lowered.loops)
                .map(|(step, source)| format!("step {step} of `{}`", source.label))
                .collect(),
            made,
            word,
            repaired,
            outward,
            tensor: name,
            span: statement.map_or(lowered.span, |source| source.span),
        })));
    }
    Ok(errors)
}

/// The nearest place further out at which nothing is lost and everything fits.
fn outward(
    lowered: &LoweredGroup,
    tensor: usize,
    accelerator: &Accelerator,
) -> Option<(String, u128)> {
    let known = lowered.group.tensors.get(tensor)?;
    let depth = known.keep?;
    (0..depth).rev().find_map(|place| {
        let mut group = lowered.group.clone();
        group.tensors.get_mut(tensor)?.keep = Some(place);
        if !holds(&group, accelerator).ok()? {
            return None;
        }
        let flow = count(&group, &[]).ok()?;
        let window = flow.tensors.get(tensor)?.window;
        let bytes = (u128::from(window) * u128::from(known.bits)).div_ceil(8);
        let outside = place
            .checked_sub(1)
            .and_then(|outside| lowered.loops.get(outside));
        let place = match outside {
            Some(source) => format!("right inside `{}`", source.label),
            None => "above all loops".to_owned(),
        };
        Some((place, bytes))
    })
}

/// The ranks of the stage that makes an element.
fn point(lowered: &LoweredGroup, stage: usize, element: &[i64]) -> Option<String> {
    let known = lowered.group.stages.get(stage)?;
    let names = lowered.stages.get(stage)?;
    let parts: Vec<String> = known
        .accesses
        .last()?
        .dims
        .iter()
        .zip(element)
        .filter_map(|(index, at)| match index {
            crate::ir::Index::Affine { terms, .. } => {
                let rank = terms.first()?.rank;
                Some(format!("{} {at}", names.rank_names.get(rank)?))
            }
            crate::ir::Index::Whole => None,
        })
        .collect();
    Some(format!("{} of `{}`", parts.join(", "), names.name))
}

/// E0411: tensors that are wanted outside and not computed whole. `readers(stage)` are the layers outside.
pub(super) fn never_computed(
    lowered: &LoweredGroup,
    flow: &Flow,
    readers: impl Fn(usize) -> Vec<String>,
) -> Result<Vec<GroupError>, EngineLimit> {
    let group = &lowered.group;
    let mut errors = Vec::new();
    for (index, (tensor, moved)) in group.tensors.iter().zip(&flow.tensors).enumerate() {
        let Some(stage) = tensor.producer.filter(|&stage| stage != group.head()) else {
            continue;
        };
        let elements = tensor.extents.iter().fold(1u128, |product, &extent| {
            product.saturating_mul(extent.into())
        });
        let computed = moved.computed.saturating_sub(moved.recomputed);
        if !tensor.escapes || u128::from(computed) >= elements {
            continue;
        }
        let name = tensor_name(lowered, index);
        let known = lowered.stages.get(stage);
        let named = known.map_or_else(String::new, |stage| stage.name.clone());
        errors.push(GroupError::NeverComputed {
            readers: readers(stage),
            first: first_missing(group, stage, &tensor.extents)?,
            tensor: name,
            stage: named,
            computed,
            elements,
            group: lowered.span,
            span: known.map_or(lowered.span, |stage| stage.span),
        });
    }
    Ok(errors)
}

/// What is computed does not depend on the loops: all steps together compute what one single step would.
fn first_missing(
    group: &FusedGroup,
    stage: usize,
    extents: &[u64],
) -> Result<Option<Vec<i64>>, EngineLimit> {
    let mut whole = group.clone();
    whole.loops.clear();
    for tensor in &mut whole.tensors {
        tensor.keep = tensor.keep.map(|_| 0);
    }
    let tiles = Analysis::new(&whole)?.tiles(stage)?;
    let access = group
        .stages
        .get(stage)
        .and_then(|stage| stage.accesses.last());
    let (Some(tile), Some(access)) = (tiles.first(), access) else {
        return Ok(None);
    };
    let made = tile.boxes.image(&access.dims, extents);
    Ok(made.and_then(|made| BoxSet::whole(extents).subtract(&made).witness()))
}
