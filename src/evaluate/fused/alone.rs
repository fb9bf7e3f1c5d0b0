//! The layers of a group one by one: what the group is compared with.
//!
//! A stage with a dataflow is compared with the same layer, whole, mapped by the same dataflow on the same array; a
//! stage at the peak rate with its operations at that rate, every tensor read once and written once.

use super::{Tiles, ledger};
use crate::cost::{self, group_energy};
use crate::diag::{Diagnostic, Diagnostics};
use crate::engine::fused::{Analysis, at_peak};
use crate::engine::{self, EngineLimit};
use crate::evaluate::{check_layer, limits};
use crate::hir::{Accelerator, Application, Layer, Map};
use crate::ir::{Fate, FusedGroup, Overlap};
use crate::lower::{self, LoweredGroup, Options};
use crate::models;
use crate::report::fused::{Alone, GroupNames, dram_bits, group_energy_map};
use crate::report::{LayerNames, build_layer};

impl crate::evaluate::Evaluator<'_> {
    /// One layer of a group by itself; else why that cannot be known.
    pub(super) fn alone(
        &self,
        map: &Map,
        lowered: &LoweredGroup,
        stage: usize,
        names: &GroupNames,
        options: Options,
    ) -> Result<Alone, String> {
        let program = &self.compiled.program;
        let known = lowered.stages.get(stage).ok_or("no such stage")?;
        let network = program.networks.get(map.network);
        let layer = network.and_then(|network| network.layers.get(known.layer));
        let accelerator = program.accelerators.get(map.accelerator);
        let (Some(layer), Some(accelerator)) = (layer, accelerator) else {
            return Err("no such layer".to_owned());
        };
        let reason = |why: &str| format!("`{}` alone is not evaluated: {why}", known.name);
        match &known.dataflow {
            None => self
                .at_peak(lowered, stage, accelerator, layer, names)
                .map_err(|limit| reason(&limits::reason(&limit))),
            Some(application) => {
                let target = accelerator.on_array(known.array);
                let whole = Whole {
                    map,
                    layer,
                    application,
                    accelerator: &target,
                };
                self.mapped(&whole, options).map_err(|why| reason(&why))
            }
        }
    }

    fn at_peak(
        &self,
        lowered: &LoweredGroup,
        stage: usize,
        accelerator: &Accelerator,
        layer: &Layer,
        names: &GroupNames,
    ) -> Result<Alone, EngineLimit> {
        let group = by_itself(&lowered.group, stage).ok_or(EngineLimit::Irregular)?;
        let peak = lowered
            .stages
            .get(stage)
            .map_or(1, |stage| stage.peak.max(1));
        let analysis = Analysis::new(&group)?;
        let memories = super::memories(accelerator);
        let flow = analysis.flow(&memories, &mut |_, tile: &engine::fused::Tile<'_>| {
            at_peak(&group, 0, peak, &memories, tile)
        })?;
        let tiles = [Tiles {
            tiles: analysis.tiles(0)?,
            cache: None,
            shapes: Vec::new(),
        }];
        let ledger = ledger::ledger(&group, &flow, &tiles)?;
        let time = ledger::time(&flow, flow.sequential, &memories);
        let mut actions = ledger.actions;
        actions.push(cost::GroupAction {
            component: cost::GroupComponent::Static,
            count: time.cycles.into(),
            bits: 1,
            density: 1.0,
        });
        let array = lowered.stages.get(stage).and_then(|stage| stage.array);
        let prices = group
            .stages
            .first()
            .and_then(|stage| self.prices_of(layer, accelerator, array, &stage.operation));
        let energy = prices.and_then(|prices| group_energy(&[prices], &actions).ok());
        Ok(Alone {
            cycles: time.cycles,
            dram_bits: dram_bits(&group, &flow),
            evaluated: false,
            energy_pj: energy.map(|energy| group_energy_map(names, &group, &energy)),
        })
    }

    /// As the layer would be evaluated outside of the group.
    fn mapped(&self, whole: &Whole<'_>, options: Options) -> Result<Alone, String> {
        let Whole {
            map,
            layer,
            application,
            accelerator,
        } = *whole;
        let mut messages = Diagnostics::new();
        let lowered = lower::lower(
            &self.compiled.program,
            layer,
            application,
            accelerator,
            options,
            &mut messages,
        );
        let first = |messages: &Diagnostics| {
            let error = messages.iter().find(|diagnostic| diagnostic.is_error());
            error.map_or_else(|| "its dataflow does not serve it".to_owned(), spoken)
        };
        let Ok(lowered) = lowered else {
            return Err(first(&messages));
        };
        let Some(checked) = check_layer(self.compiled, map, &lowered, &mut messages) else {
            return Err(first(&messages));
        };
        let counts =
            models::exact_counts(&checked.legal).map_err(|limit| limits::reason(&limit))?;
        let cost = self
            .cost(layer, accelerator, &checked, &counts)
            .map_err(|missing| missing.first().map_or_else(String::new, spoken))?;
        let names = LayerNames {
            times: 1,
            memories: lowered.names.memories.clone(),
            ..LayerNames::default()
        };
        let report = build_layer(&names, &checked.legal, &counts, cost.as_ref());
        let tensors = &checked.legal.operation.tensors;
        let moved = counts.memories.first().map_or(&[][..], |row| &row.tensors);
        let dram_bits = moved
            .iter()
            .map(|count| {
                let (bits, partial) = tensors
                    .get(count.tensor)
                    .map_or((8, 8), |tensor| (tensor.bits, tensor.partial_bits));
                let all = u128::from(count.reads) + u128::from(count.writes);
                if count.tensor + 1 < tensors.len() {
                    return all * u128::from(bits);
                }
                let complete = u128::from(count.complete_reads) + u128::from(count.complete_writes);
                complete * u128::from(bits) + all.saturating_sub(complete) * u128::from(partial)
            })
            .sum();
        Ok(Alone {
            cycles: counts.timing.cycles,
            dram_bits,
            evaluated: true,
            energy_pj: report.energy_pj,
        })
    }
}

/// A layer outside of its group.
#[derive(Clone, Copy)]
struct Whole<'a> {
    map: &'a Map,
    layer: &'a Layer,
    application: &'a Application,
    accelerator: &'a Accelerator,
}

fn spoken(diagnostic: &Diagnostic) -> String {
    format!("{}: {}", diagnostic.code, diagnostic.message)
}

/// One stage as a group without loops.
fn by_itself(group: &FusedGroup, stage: usize) -> Option<FusedGroup> {
    let mut only = group.stages.get(stage)?.clone();
    let mut tensors = Vec::with_capacity(only.accesses.len());
    let last = only.accesses.len().checked_sub(1)?;
    let mut numbers: Vec<usize> = Vec::new();
    for (at, access) in only.accesses.iter_mut().enumerate() {
        let number = numbers.iter().position(|&known| known == access.tensor);
        let number = match number {
            Some(number) => number,
            None => {
                let mut tensor = group.tensors.get(access.tensor)?.clone();
                tensor.producer = (at == last).then_some(0);
                tensor.escapes = at == last;
                tensor.keep = Some(0);
                tensor.fate = Fate::Refetch;
                tensors.push(tensor);
                numbers.push(access.tensor);
                numbers.len() - 1
            }
        };
        access.tensor = number;
    }
    Some(FusedGroup {
        stages: vec![only],
        tensors,
        loops: Vec::new(),
        overlap: Overlap::Sequence,
    })
}
