//! The sizes of an accelerator: which there are, what they are, and which helps.

use super::Advisor;
use crate::base::Ratio;
use crate::diag::Diagnostics;
use crate::engine::{Port, Resource};
use crate::hir::{Accelerator, Links, Ports};
use crate::ir::Role;
use crate::report::LayerReport;
use crate::report::advice::{Edit, Piece};
use crate::report::model::ResourceReport;

/// One number of an accelerator, by the indices of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setting {
    /// `Size` of a memory, in bytes.
    Size { memory: usize },
    /// `Bandwidth`, `ReadBandwidth` or `WriteBandwidth` of a memory, in bytes per cycle.
    Port { memory: usize, port: Port },
    /// `Bandwidth` of a network, of all tensors or of those of one role.
    Link { array: usize, role: Option<Role> },
    /// One of `Shape`.
    Axis { array: usize, axis: usize },
}

const ROLES: [Role; 3] = [Role::Input, Role::Weight, Role::Output];

impl Setting {
    /// All that an accelerator says, from the outside in: memories with their ports, then arrays with their links.
    fn all(accelerator: &Accelerator) -> Vec<Setting> {
        let memories = (0..accelerator.memories.len()).flat_map(|memory| {
            let ports = [Port::Both, Port::Read, Port::Write];
            let ports = ports.map(|port| Setting::Port { memory, port });
            [Setting::Size { memory }].into_iter().chain(ports)
        });
        let arrays = accelerator.arrays.iter().enumerate();
        let arrays = arrays.flat_map(|(array, known)| {
            let axes = (0..known.shape.len()).map(move |axis| Setting::Axis { array, axis });
            let roles = ROLES.map(Some).into_iter().chain([None]);
            axes.chain(roles.map(move |role| Setting::Link { array, role }))
        });
        memories
            .chain(arrays)
            .filter(|setting| setting.value(accelerator).is_some())
            .collect()
    }

    /// What it is now; `None` where nothing is said of it.
    fn value(self, accelerator: &Accelerator) -> Option<Ratio> {
        let bytes = |bits: Ratio| Ratio::new(bits.numerator(), bits.denominator().checked_mul(8)?);
        match self {
            Setting::Size { memory } => bytes(Ratio::new(
                accelerator.memories.get(memory)?.capacity_bits?,
                1,
            )?),
            Setting::Port { memory, port } => {
                let rate = match (accelerator.memories.get(memory)?.ports, port) {
                    (Ports::One(rate), Port::Both) => Some(rate),
                    (Ports::Two { read, .. }, Port::Read) => read,
                    (Ports::Two { write, .. }, Port::Write) => write,
                    _ => None,
                };
                bytes(rate?)
            }
            Setting::Link { array, role } => {
                let rate = match (accelerator.arrays.get(array)?.links, role) {
                    (Links::Shared(rate), None) => rate,
                    (Links::PerTensor(widths), Some(role)) => match role {
                        Role::Input => widths.input,
                        Role::Weight => widths.weight,
                        Role::Output => widths.output,
                    },
                    _ => None,
                };
                bytes(rate?)
            }
            Setting::Axis { array, axis } => {
                let instances = accelerator.arrays.get(array)?.shape.get(axis)?;
                Ratio::new(u128::from(*instances), 1)
            }
        }
    }

    pub(super) fn set(self, accelerator: &mut Accelerator, value: u64) -> Option<()> {
        let bits = u128::from(value).checked_mul(8)?;
        let rate = Ratio::new(bits, 1)?;
        match self {
            Setting::Size { memory } => {
                accelerator.memories.get_mut(memory)?.capacity_bits = Some(bits);
            }
            Setting::Port { memory, port } => {
                match (&mut accelerator.memories.get_mut(memory)?.ports, port) {
                    (Ports::One(now), Port::Both) => *now = rate,
                    (Ports::Two { read, .. }, Port::Read) => *read = Some(rate),
                    (Ports::Two { write, .. }, Port::Write) => *write = Some(rate),
                    _ => return None,
                }
            }
            Setting::Link { array, role } => {
                match (&mut accelerator.arrays.get_mut(array)?.links, role) {
                    (Links::Shared(now), None) => *now = Some(rate),
                    (Links::PerTensor(widths), Some(role)) => {
                        let now = match role {
                            Role::Input => &mut widths.input,
                            Role::Weight => &mut widths.weight,
                            Role::Output => &mut widths.output,
                        };
                        *now = Some(rate);
                    }
                    _ => return None,
                }
            }
            Setting::Axis { array, axis } => {
                *accelerator.arrays.get_mut(array)?.shape.get_mut(axis)? = value;
            }
        }
        Some(())
    }

    /// As the text says it; `accelerator` is the one that is not changed.
    pub(super) fn edit(self, accelerator: &Accelerator, value: u64) -> Option<Edit> {
        let now = self.value(accelerator)?;
        let memory = |memory: usize| Some(accelerator.memories.get(memory)?.name.clone());
        let array = |array: usize| Some(accelerator.arrays.get(array)?.name.clone());
        let bandwidth = |of, key: &str| Edit::Bandwidth {
            of,
            key: key.to_owned(),
            bytes_per_cycle: value,
            instead_of: now.to_f64(),
        };
        Some(match self {
            Setting::Size { memory: at } => Edit::Size {
                of: memory(at)?,
                bytes: value,
                instead_of: now.to_f64(),
            },
            Setting::Port { memory: at, port } => {
                let key = match port {
                    Port::Both => "Bandwidth",
                    Port::Read => "ReadBandwidth",
                    Port::Write => "WriteBandwidth",
                };
                bandwidth(memory(at)?, key)
            }
            Setting::Link { array: at, role } => {
                let key = match role {
                    None => "NoC Bandwidth",
                    Some(Role::Input) => "NoC Bandwidth Input",
                    Some(Role::Weight) => "NoC Bandwidth Weight",
                    Some(Role::Output) => "NoC Bandwidth Output",
                };
                bandwidth(array(at)?, key)
            }
            Setting::Axis { array: at, axis } => Edit::Shape {
                of: array(at)?,
                axis,
                instances: value,
                instead_of: now.as_integer()?,
            },
        })
    }

    fn is_bandwidth(self) -> bool {
        matches!(self, Setting::Port { .. } | Setting::Link { .. })
    }
}

impl Advisor<'_> {
    /// The setting that a port or link has its bandwidth from; `None` of links of arrays that the dataflow joins to one.
    fn setting_of(&self, resource: Resource) -> Option<Setting> {
        let map = self.compiled.program.maps.get(self.place.map)?;
        let mut said = Diagnostics::new();
        let planned = self
            .compiled
            .plan_layer(map, self.place.layer, self.options, &mut said)?;
        let lowered = planned.lowered?;
        let hardware = self.hardware()?;
        match resource {
            Resource::Port { memory, port } => {
                let name = lowered.names.memories.get(memory)?;
                let memory = hardware.memories.iter().position(|m| m.name == *name)?;
                Some(Setting::Port { memory, port })
            }
            Resource::Link { array, tensor, .. } => {
                let name = lowered.names.arrays.get(array)?;
                let array = hardware.arrays.iter().position(|a| a.name == *name)?;
                let role = match tensor {
                    None => None,
                    Some(tensor) => Some(lowered.mapping.operation.tensors.get(tensor)?.role),
                };
                Some(Setting::Link { array, role })
            }
        }
    }

    /// Of what binds the layer: the least bandwidth, in whole bytes per cycle, with which nothing that has it binds the layer; where there
    /// is none, because every step takes a cycle at least, the least with which no larger one saves a cycle.
    pub(super) fn bandwidth(&mut self) -> Option<Piece> {
        let mapping = self.report.mapping.as_ref()?;
        let resources = &mapping.resources;
        let named = resources.iter().find(|r| r.resource == self.report.bound);
        // A boundary that is busy for longer than each of its ports and links: the busiest of them.
        let is_boundary = mapping
            .boundaries
            .iter()
            .any(|known| known.name == self.report.bound);
        let busiest = resources.iter().rev().max_by_key(|r| r.busy_cycles);
        let binding = named.or(busiest.filter(|_| is_boundary))?;
        let setting = self.setting_of(binding.of)?;
        let (mut of_it, mut others) = (Vec::new(), Vec::new());
        for resource in resources {
            let same = self.setting_of(resource.of) == Some(setting);
            if same { &mut of_it } else { &mut others }.push(resource);
        }
        // In one cycle of this bandwidth passes all that passes in the run.
        let moved = |r: &ResourceReport| (r.bytes_per_cycle * r.roofline_cycles as f64) as u64;
        let enough = of_it.iter().map(|r| moved(r)).fold(0, u64::max) + 1;
        let bound = &self.report.bound;
        let binds = |then: &LayerReport| {
            then.bound == *bound || of_it.iter().any(|r| r.resource == then.bound)
        };
        // With less than passes in the time of everything else it takes longer.
        let compute = self.report.cycles_by.get("compute").copied().unwrap_or(0);
        let longest = others.iter().map(|r| r.busy_cycles).fold(compute, u64::max);
        let guess = moved(binding) / longest.max(1);

        let now = setting.value(self.hardware()?)?;
        let low = u64::try_from(now.numerator() / now.denominator()).ok()?;
        let best = self.with(setting, enough)?;
        let is_enough = |then: &LayerReport| match binds(&best) {
            true => then.cycles <= best.cycles,
            false => !binds(then),
        };
        if low >= enough || is_enough(self.report) {
            return None;
        }
        let (least, then) = self.least(setting, (low, guess, enough), &is_enough, &best)?;
        self.piece(setting, least, &then)
    }

    /// The least value above `low` that is enough, where `enough` is and so is whatever is more than one that is; it is looked
    /// for around `guess` first.
    fn least(
        &mut self,
        setting: Setting,
        (mut low, guess, enough): (u64, u64, u64),
        is_enough: &dyn Fn(&LayerReport) -> bool,
        best: &LayerReport,
    ) -> Option<(u64, LayerReport)> {
        let mut found = (enough, best.clone());
        let (mut next, mut step) = (guess, 1u64);
        while found.0 - low > 1 {
            let within = low + 1..found.0;
            let value = if within.contains(&next) {
                next
            } else {
                low + (found.0 - low) / 2
            };
            let then = self.with(setting, value)?;
            if is_enough(&then) {
                found = (value, then);
                next = value - 1;
            } else {
                low = value;
                next = value.saturating_add(step);
                step = step.saturating_mul(2);
            }
        }
        Some(found)
    }

    /// Each size a quarter, a half and the whole larger: the one that saves the largest part of the cycles for the part by which it
    /// grows. Where none saves any, of the energy.
    pub(super) fn best_growth(&mut self) -> Option<Piece> {
        let hardware = self.hardware()?.clone();
        let mut best: Option<Grown> = None;
        let compute = self.report.cycles_by.get("compute").copied();
        let stalls = compute.is_none_or(|compute| self.report.cycles > compute);
        for setting in Setting::all(&hardware) {
            // What computes all the time waits for no port.
            if setting.is_bandwidth() && !stalls {
                continue;
            }
            let Some(now) = setting.value(&hardware) else {
                continue;
            };
            let mut tried = 0;
            for quarters in [5, 6, 8] {
                let larger = now.numerator().checked_mul(quarters);
                let larger = larger.map(|all| all.div_ceil(now.denominator() * 4));
                let Some(value) = larger.and_then(|value| u64::try_from(value).ok()) else {
                    break;
                };
                if std::mem::replace(&mut tried, value) == value {
                    continue;
                }
                let growth = value as f64 / now.to_f64() - 1.0;
                let found = self.with(setting, value);
                let grown = found.and_then(|then| self.grown(setting, value, growth, then));
                if let Some(grown) = grown
                    && best.as_ref().is_none_or(|best| grown.is_better(best))
                {
                    best = Some(grown);
                }
            }
        }
        let best = best?;
        self.piece(best.setting, best.value, &best.then)
    }

    /// `None` where it does not help.
    fn grown(&self, setting: Setting, value: u64, growth: f64, then: LayerReport) -> Option<Grown> {
        let (now, cycles) = (self.report.cycles, then.cycles);
        let faster = cycles < now;
        let saved = if faster {
            (now - cycles) as f64 / now as f64
        } else if cycles == now {
            self.energy_saved(&then)?
        } else {
            return None;
        };
        Some(Grown {
            setting,
            value,
            faster,
            worth: saved / growth,
            then,
        })
    }
}

/// A size that helps.
struct Grown {
    setting: Setting,
    value: u64,
    /// Else it saves energy only.
    faster: bool,
    /// The part that it saves by the part that it grows.
    worth: f64,
    then: LayerReport,
}

impl Grown {
    /// Of equals the first that was tried is best.
    fn is_better(&self, other: &Grown) -> bool {
        let faster = self.faster.cmp(&other.faster);
        faster.then(self.worth.total_cmp(&other.worth)).is_gt()
    }
}
