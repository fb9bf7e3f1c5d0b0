//! What a report calls a layer and its parts.

use super::CheckedLayer;
use crate::base::Ratio;
use crate::driver::PlannedLayer;
use crate::hir::{Accelerator, Layer};
use crate::lower::Names;
use crate::report::LayerNames;

pub(super) fn layer_names(
    layer: &Layer,
    accelerator: &Accelerator,
    planned: &PlannedLayer,
    names: &Names,
    checked: Option<&CheckedLayer>,
) -> LayerNames {
    LayerNames {
        name: layer.name.clone(),
        times: layer.times,
        kind: layer.type_name.to_owned(),
        dimensions: layer.shape.dimensions(),
        dataflow: Some(planned.dataflow.clone()),
        clock_hz: accelerator.clock.map(Ratio::to_f64),
        tensors: names.tensors.clone(),
        memories: names.memories.clone(),
        arrays: names.arrays.clone(),
        compute: accelerator.compute.clone(),
        choices: checked.map_or_else(Vec::new, |checked| checked.choices.clone()),
        notes: planned
            .note
            .iter()
            .cloned()
            .chain(accelerator.first_beside().map(|array| {
                format!(
                    "runs on {}, the first of the arrays side by side",
                    array.name
                )
            }))
            .chain(
                checked
                    .iter()
                    .flat_map(|checked| &checked.warnings)
                    .map(|warning| {
                        let code = warning.code;
                        format!("{code}: {}", warning.message)
                    }),
            )
            .collect(),
    }
}
