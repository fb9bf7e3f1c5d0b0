//! The kinds of reuse of one layer ([`crate::engine::reuse`]) with names, and as a table.

use super::build::LayerNames;
use super::model::MappingReport;
use super::table::{Page, Table, line};
use super::text::significant;
use crate::base::Ratio;
use crate::base::num::grouped;
use crate::engine::Counts;
use crate::engine::reuse::{self, Times};
use crate::ir::Mapping;
use serde::Serialize;

/// What is used at one memory, or at the lanes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReusePlace {
    /// Name of a memory, or of the `Compute`.
    pub memory: String,
    pub tensors: Vec<ReuseTensor>,
}

/// The kinds of reuse of one tensor at one place; a kind is absent where it cannot be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReuseTensor {
    pub tensor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temporal: Option<ReuseTimes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spatial_multicast: Option<ReuseTimes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spatial_reduction: Option<ReuseTimes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spatio_temporal: Option<ReuseTimes>,
}

/// `uses / of`: the two counts are exact.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReuseTimes {
    pub uses: u128,
    pub of: u128,
    pub times: f64,
}

impl From<Times> for ReuseTimes {
    fn from(Times { uses, of }: Times) -> ReuseTimes {
        ReuseTimes {
            uses,
            of,
            times: uses as f64 / of as f64,
        }
    }
}

impl ReuseTimes {
    /// `3`, or `2.25 = 9/4`.
    fn text(self) -> String {
        let Some(exact) = Ratio::new(self.uses, self.of) else {
            return "-".to_owned();
        };
        let (over, under) = (exact.numerator(), exact.denominator());
        if under == 1 {
            grouped(over)
        } else {
            format!("{} = {over}/{under}", significant(self.times))
        }
    }
}

pub(super) fn places(names: &LayerNames, mapping: &Mapping, counts: &Counts) -> Vec<ReusePlace> {
    let places = reuse::reuse(mapping, counts).into_iter();
    places
        .map(|place| ReusePlace {
            memory: place
                .memory
                .map_or_else(|| names.compute().to_owned(), |memory| names.memory(memory)),
            tensors: place
                .tensors
                .iter()
                .map(|known| ReuseTensor {
                    tensor: names.tensor(known.tensor),
                    temporal: known.temporal.map(Into::into),
                    spatial_multicast: known.multicast.map(Into::into),
                    spatial_reduction: known.reduction.map(Into::into),
                    spatio_temporal: known.neighbours.map(Into::into),
                })
                .collect(),
        })
        .collect()
}

pub(super) fn write(out: &mut Page, mapping: &MappingReport) {
    if mapping.reuse.is_empty() {
        return;
    }
    let mut table = Table::default();
    let head = [
        "reuse at",
        "tensor",
        "temporal",
        "spatial multicast",
        "spatial reduction",
        "spatio-temporal",
    ];
    table.row(head.map(str::to_owned).to_vec());
    for place in &mapping.reuse {
        for (index, known) in place.tensors.iter().enumerate() {
            let memory = if index == 0 { &place.memory } else { "" };
            let mut cells = vec![memory.to_owned(), known.tensor.clone()];
            let kinds = [
                known.temporal,
                known.spatial_multicast,
                known.spatial_reduction,
                known.spatio_temporal,
            ];
            cells.extend(kinds.map(|kind| kind.map_or_else(|| "-".to_owned(), ReuseTimes::text)));
            table.row(cells);
        }
    }
    line(out, "", "");
    table.write(out, "  ", &[0, 1]);
}
