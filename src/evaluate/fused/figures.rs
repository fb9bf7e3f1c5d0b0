//! The figures of a checked group, priced and named.

use super::{CheckedGroup, density, ledger};
use crate::base::Ratio;
use crate::cost::{GroupAction, GroupComponent, Prices, group_energy};
use crate::diag::{Diagnostic, Subject};
use crate::hir::{Accelerator, Layer, Map, Network};
use crate::ir::{Mapping, Operation, Overlap, Schedule};
use crate::lower::{self, LoweredGroup, Options};
use crate::pricing;
use crate::report::fused::{
    GroupFigures, GroupNames, GroupReport, MemoryNeed, StageNames, build_group,
};

impl crate::evaluate::Evaluator<'_> {
    /// The report of a checked group.
    ///
    /// # Errors
    /// When it cannot be counted or an action has no price.
    pub(crate) fn group(
        &self,
        map: &Map,
        checked: &CheckedGroup<'_>,
        options: Options,
    ) -> Result<GroupReport, Vec<Diagnostic>> {
        let program = &self.compiled.program;
        let (Some(network), Some(accelerator)) = (
            program.networks.get(map.network),
            program.accelerators.get(map.accelerator),
        ) else {
            return Err(Vec::new());
        };
        let (group, flow) = (&checked.lowered.group, &checked.flow);
        let ledger = ledger::ledger(group, flow, &checked.tiles)
            .map_err(|limit| vec![checked.failure(&limit.into())])?;
        let compute = match group.overlap {
            Overlap::Pipeline => flow.pipelined,
            Overlap::Sequence => flow.sequential,
        };
        let time = ledger::time(flow, compute, &checked.memories);
        let mut actions = ledger.actions.clone();
        actions.push(GroupAction {
            component: GroupComponent::Static,
            count: time.cycles.into(),
            bits: 1,
            density: 1.0,
        });
        let prices = self.prices(network, accelerator, checked.lowered);
        let dense = prices
            .as_ref()
            .and_then(|prices| group_energy(prices, &density::dense(&actions)).ok());
        let energy = match prices {
            None => None,
            Some(prices) => Some(group_energy(&prices, &actions).map_err(|errors| {
                let technology = accelerator.technology;
                let source = technology.and_then(|index| program.technologies.get(index));
                let needing = Subject {
                    kind: "group",
                    name: checked.lowered.name.clone(),
                    within: network.name.clone(),
                };
                let missing = source.into_iter().flat_map(|source| {
                    let errors = errors.iter();
                    errors.map(|error| pricing::cost_diagnostic(error, accelerator, source))
                });
                missing
                    .map(|one| one.needed_by(needing.clone()))
                    .collect::<Vec<_>>()
            })?),
        };
        let mut names = self.names(network, accelerator, checked);
        let density = density::report(
            group,
            flow,
            &names,
            &actions,
            dense.map(|energy| energy.total_pj),
        );
        let alone = (0..group.stages.len())
            .map(|stage| {
                let alone = self.alone(map, checked.lowered, stage, &names, options);
                match alone {
                    Ok(alone) => Some(alone),
                    Err(reason) => {
                        names.notes.push(reason);
                        None
                    }
                }
            })
            .collect();
        let memories = checked.needs.iter().map(|need| {
            let [reads, writes] = ledger
                .elements
                .get(need.figures.memory)
                .copied()
                .unwrap_or_default();
            let tensors: Vec<usize> = need.parts.iter().map(|part| part.0).collect();
            MemoryNeed {
                carried_bits: checked.analysis.carried_bits(&tensors).ok(),
                reads,
                writes,
                ..need.figures
            }
        });
        let figures = GroupFigures {
            group,
            flow,
            maps: &checked.maps,
            carried_bits: checked.carried_bits,
            time,
            macs_per_cycle: peak_of_all(checked.lowered, accelerator),
            shapes: checked
                .tiles
                .iter()
                .map(|tiles| match &tiles.cache {
                    Some(_) => tiles.shapes.len(),
                    None => tiles.tiles.len(),
                })
                .collect(),
            energy,
            density,
            memories: memories.collect(),
            alone,
        };
        Ok(build_group(&names, &figures))
    }

    /// By stage; `None` without a technology.
    fn prices(
        &self,
        network: &Network,
        accelerator: &Accelerator,
        lowered: &LoweredGroup,
    ) -> Option<Vec<Prices>> {
        lowered
            .stages
            .iter()
            .zip(&lowered.group.stages)
            .map(|(known, stage)| {
                let layer = network.layers.get(known.layer)?;
                self.prices_of(layer, accelerator, known.array, &stage.operation)
            })
            .collect()
    }

    /// Prices of one layer on one array; `None` without a technology.
    pub(super) fn prices_of(
        &self,
        layer: &Layer,
        accelerator: &Accelerator,
        array: Option<usize>,
        operation: &Operation,
    ) -> Option<Prices> {
        let technology = self.technologies.get(accelerator.technology?)?;
        let operand = crate::lower::operand_precision(layer, accelerator);
        let mapping = Mapping::new(
            operation.clone(),
            lower::architecture(&accelerator.on_array(array)),
            Schedule {
                loops: Vec::new(),
                positions: Vec::new(),
                steps: 0,
                leaf: 0,
            },
        );
        let context = pricing::context(accelerator, operand);
        Some(Prices::new(technology, &context, &mapping))
    }

    fn names(
        &self,
        network: &Network,
        accelerator: &Accelerator,
        checked: &CheckedGroup<'_>,
    ) -> GroupNames {
        let lowered = checked.lowered;
        let stages = lowered.stages.iter().map(|stage| {
            let layer = network.layers.get(stage.layer);
            let array = stage.array.and_then(|array| accelerator.arrays.get(array));
            StageNames {
                layer: stage.name.clone(),
                kind: layer.map_or_else(String::new, |layer| layer.type_name.to_owned()),
                array: array.map(|array| array.name.clone()),
                dataflow: stage
                    .dataflow
                    .as_ref()
                    .map(|application| self.compiled.spelling(application)),
            }
        });
        let tensors = lowered.tensors.iter();
        let first = lowered.stages.first();
        let first = first.and_then(|stage| network.layers.get(stage.layer));
        GroupNames {
            name: lowered.name.clone(),
            // All members stand in the same repeat.
            times: first.map_or(1, |layer| layer.times),
            stages: stages.collect(),
            tensors: tensors
                .map(|names| (names.name.clone(), names.aliases.clone()))
                .collect(),
            memories: accelerator
                .memories
                .iter()
                .map(|memory| memory.name.clone())
                .collect(),
            clock_hz: accelerator.clock.map(Ratio::to_f64),
            notes: checked
                .warnings
                .iter()
                .map(|warning| format!("{}: {}", warning.code, warning.message))
                .chain(taken_together(lowered, accelerator))
                .collect(),
        }
    }
}

/// MACs per cycle of the arrays that the stages run on: arrays side by side add up, one inside of another is part
/// of it.
fn peak_of_all(lowered: &LoweredGroup, accelerator: &Accelerator) -> u64 {
    let mut used: Vec<(usize, usize, u64)> = lowered
        .stages
        .iter()
        .map(|stage| {
            let array = stage.array.unwrap_or(0);
            let level = accelerator.arrays.get(array).map_or(0, |array| array.level);
            (level, array, stage.peak)
        })
        .collect();
    used.sort_unstable();
    used.dedup();
    let mut levels: Vec<(usize, u64)> = Vec::new();
    for (level, _, peak) in used {
        match levels.iter_mut().find(|known| known.0 == level) {
            Some(known) => known.1 = known.1.saturating_add(peak),
            None => levels.push((level, peak)),
        }
    }
    levels.iter().map(|known| known.1).max().unwrap_or(1)
}

/// Parts of a concatenated input that lie in different memories: a dataflow takes an input from one.
fn taken_together(lowered: &LoweredGroup, accelerator: &Accelerator) -> Vec<String> {
    let mut notes = Vec::new();
    for (index, stage) in lowered.stages.iter().enumerate() {
        let tensors = ledger::tensors_of(&lowered.group, index, 0);
        let place = |tensor: &usize| lowered.group.tensors.get(*tensor).map(|t| t.memory);
        let first = tensors.first().and_then(place);
        if stage.dataflow.is_some() && tensors.iter().any(|tensor| place(tensor) != first) {
            let memory = first.and_then(|memory| accelerator.memories.get(memory));
            notes.push(format!(
                "the parts of `{}.Input` lie in different memories; reads of all of them are counted in {}",
                stage.name,
                memory.map_or("?", |memory| memory.name.as_str())
            ));
        }
    }
    notes
}
