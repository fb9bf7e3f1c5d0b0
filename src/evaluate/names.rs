//! What a report calls a layer and its parts.

use super::CheckedLayer;
use crate::base::Ratio;
use crate::driver::PlannedLayer;
use crate::hir::shape::{Shape, Slide};
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
        dimensions: dimensions(&layer.shape),
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

/// The sizes of a layer by their names in the language; `Y'` and `X'` are the output's. Groups of 1 are left
/// out.
#[must_use]
pub fn dimensions(shape: &Shape) -> Vec<(String, u64)> {
    let mut list: Vec<(&str, u64)> = Vec::new();
    let slides = |list: &mut Vec<(&str, u64)>, rows: &Slide, columns: &Slide| {
        list.extend([
            ("Y", rows.input),
            ("X", columns.input),
            ("Y'", rows.output),
            ("X'", columns.output),
            ("R", rows.kernel),
            ("S", columns.kernel),
        ]);
    };
    match shape {
        Shape::Conv {
            n,
            g,
            k,
            c,
            rows,
            columns,
        }
        | Shape::Transposed {
            n,
            g,
            k,
            c,
            rows,
            columns,
        } => {
            list.push(("N", *n));
            list.extend((*g > 1).then_some(("G", *g)));
            list.extend([("K", *k), ("C", *c)]);
            slides(&mut list, rows, columns);
        }
        Shape::Depthwise {
            n,
            c,
            rows,
            columns,
        }
        | Shape::Pool {
            n,
            c,
            rows,
            columns,
            ..
        } => {
            list.extend([("N", *n), ("C", *c)]);
            slides(&mut list, rows, columns);
        }
        Shape::Fc { n, k, c } => list.extend([("N", *n), ("K", *k), ("C", *c)]),
        Shape::Gemm { b, m, n, k } => {
            list.extend((*b > 1).then_some(("B", *b)));
            list.extend([("M", *m), ("N", *n), ("K", *k)]);
        }
        Shape::Add { n, c, y, x } => list.extend([("N", *n), ("C", *c), ("Y", *y), ("X", *x)]),
        Shape::Lstm { n, d, h, steps } => {
            list.extend([("N", *n), ("D", *d), ("H", *h), ("Steps", *steps)]);
        }
        Shape::Einsum(einsum) => return einsum.ranks.clone(),
    }
    list.into_iter()
        .map(|(name, extent)| (name.to_owned(), extent))
        .collect()
}
