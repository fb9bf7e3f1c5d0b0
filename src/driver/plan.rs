//! A map, layer by layer: which dataflow serves it, and the lowered mapping.

use super::Compiled;
use crate::diag::{Diagnostics, Mistake};
use crate::hir::{Application, Choice, DataflowBody, Map, Word};
use crate::lower::{self, LowerError, Lowered, LoweredGroup, NamedLayer, Options, Refusal};

/// Once there are so many errors no further layer is lowered: nobody reads more.
const MAX_ERRORS: usize = 10_000;

/// How the names of texts begin that a search has written.
pub const FOUND: &str = "<auto>/";

/// A map with its layers lowered, in the order of the network.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Index into [`Program::maps`].
    pub map: usize,
    pub name: String,
    pub layers: Vec<PlannedLayer>,
}

/// One layer, ready to be judged.
#[derive(Clone, Debug)]
pub struct PlannedLayer {
    /// Index into the network's layers.
    pub layer: usize,
    /// `None` when something was wrong, which has been reported.
    pub lowered: Option<Lowered>,
    /// Instead of `lowered`: the layer under a schedule without loops.
    pub named: Option<NamedLayer>,
    /// As written: `nvdla(c_tile = 3)`, `inline`, `streaming`.
    pub dataflow: String,
    /// Why another dataflow than the chosen one is used.
    pub note: Option<String>,
    /// No dataflow is given that serves the layer: by streaming, as the note says.
    pub fallback: bool,
}

impl Compiled {
    /// Lowers every layer of map number `map`; what is wrong goes to `sink`.
    #[must_use]
    pub fn plan(&self, map: usize, options: Options, sink: &mut Diagnostics) -> Option<Plan> {
        let program = &self.program;
        let known = program.maps.get(map)?;
        let layers = program.networks.get(known.network)?.layers.len();
        Some(Plan {
            map,
            name: known.name.clone(),
            layers: (0..layers)
                .filter_map(|layer| self.plan_layer(known, layer, options, sink))
                .collect(),
        })
    }

    /// Lowers one layer of a map.
    #[must_use]
    pub fn plan_layer(
        &self,
        map: &Map,
        layer: usize,
        options: Options,
        sink: &mut Diagnostics,
    ) -> Option<PlannedLayer> {
        if sink.error_count() >= MAX_ERRORS {
            return None;
        }
        let program = &self.program;
        let network = program.networks.get(map.network)?;
        let assignment = map.assignments.get(layer)?;
        let hardware = program.accelerators.get(map.accelerator)?;
        let accelerator = &*hardware.on_array(assignment.array);
        let array = assignment.array.and_then(|at| hardware.arrays.get(at));
        let on = array.map_or_else(String::new, |array| format!(" on {}", array.name));
        let source = network.layers.get(layer)?;
        let streaming = |note: Option<String>, sink: &mut Diagnostics| PlannedLayer {
            layer,
            lowered: lower::stream(source, accelerator, sink).ok(),
            named: None,
            dataflow: format!("streaming{on}"),
            fallback: note.is_some(),
            note,
        };
        let Some(application) = &assignment.application else {
            let note = (assignment.choice == Choice::Absent)
                .then(|| "no dataflow is given: mapped by std.dataflows.streaming".to_owned());
            if assignment.choice == Choice::Searched {
                // The search was not run, or found nothing, which has been reported.
                return Some(PlannedLayer {
                    layer,
                    lowered: None,
                    named: None,
                    dataflow: "auto".to_owned(),
                    note: assignment.note.clone(),
                    fallback: false,
                });
            }
            return Some(streaming(note, sink));
        };
        let dataflow = format!("{}{on}", self.spelling(application));
        if let Some(schedule) = self.schedule(application) {
            return Some(PlannedLayer {
                layer,
                lowered: None,
                named: lower::named(source, accelerator, schedule, sink).ok(),
                dataflow,
                note: None,
                fallback: false,
            });
        }
        let lowered = match lower::lower(program, source, application, accelerator, options, sink) {
            Ok(lowered) => Some(lowered),
            Err(Refusal::Invalid) => None,
            Err(Refusal::DoesNotServe { dim }) if assignment.choice == Choice::Default => {
                let note = format!(
                    "{} maps {}, which {} does not have: mapped by std.dataflows.streaming",
                    self.spelling(application),
                    dim.text,
                    lower::with_article(source.type_name)
                );
                return Some(streaming(Some(note), sink));
            }
            Err(Refusal::DoesNotServe { dim }) => {
                sink.push(LowerError::does_not_serve(&dim, source, accelerator).to_diagnostic());
                None
            }
        };
        Some(PlannedLayer {
            layer,
            lowered,
            named: None,
            dataflow,
            note: assignment.note.clone(),
            fallback: false,
        })
    }

    /// Lowers one fused group of a map; `None` when something was wrong, which has been reported.
    #[must_use]
    pub fn plan_group(
        &self,
        map: &Map,
        group: usize,
        sink: &mut Diagnostics,
    ) -> Option<LoweredGroup> {
        if sink.error_count() >= MAX_ERRORS {
            return None;
        }
        let program = &self.program;
        lower::fuse(
            program,
            program.networks.get(map.network)?,
            map,
            map.groups.get(group)?,
            program.accelerators.get(map.accelerator)?,
            sink,
        )
    }

    /// The schedule without loops that an application stands for, if it is one.
    fn schedule(&self, application: &Application) -> Option<&Word> {
        let dataflow = self.program.dataflows.get(application.dataflow)?;
        match &dataflow.body {
            DataflowBody::Schedule(word) => Some(word),
            DataflowBody::Streaming | DataflowBody::Statements(_) => None,
        }
    }

    /// A dataflow as it is written where it is used.
    #[must_use]
    pub fn spelling(&self, application: &Application) -> String {
        let dataflow = self.program.dataflows.get(application.dataflow);
        match dataflow {
            Some(dataflow) if dataflow.body == DataflowBody::Streaming => "streaming".to_owned(),
            Some(dataflow) if dataflow.name.is_none() => {
                if let Some(label) = self.labels.get(&application.span) {
                    return label.clone();
                }
                let file = self.sources.get(application.span.file());
                let is_found = file.is_some_and(|file| file.name().starts_with(FOUND));
                if is_found { "auto" } else { "inline" }.to_owned()
            }
            _ => self.sources.text_of(application.span).to_owned(),
        }
    }
}
