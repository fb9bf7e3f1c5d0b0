//! The fused design of a group that a search found.

use super::model::Report;
use super::table::{Page, Table, line, verbatim};
use crate::base::num::grouped;

/// One search over the designs of a group. Bytes may have a fraction where values have a part of one.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct FusedSearchReport {
    pub name: String,
    pub network: String,
    /// Makers before their readers.
    pub layers: Vec<String>,
    pub accelerator: String,
    /// The buffer in which all designs lie.
    pub memory: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_bytes: Option<f64>,
    /// `perfect` or `imperfect`
    pub tiles: String,
    /// `allowed` or `never`
    pub recompute: String,
    /// Lists of loops that were looked at.
    pub evaluated: u64,
    /// Only when times were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Whether no design of the space moves less.
    pub proved: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub best: Option<DesignReport>,
    /// Bytes; no design of the space moves less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower_bound: Option<f64>,
    /// `1 - lower bound / moved`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<f64>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DesignReport {
    /// To and from the backing store.
    pub dram_bytes: f64,
    /// Of the buffer: the windows of what stands in it.
    pub needed_bytes: f64,
    pub tensors: Vec<PlaceReport>,
    pub stages: Vec<StageReport>,
    /// The tree in the words of a fused block.
    pub design: String,
    /// Whether a program can say it: no loops of one layer, no blocks in blocks.
    pub sayable: bool,
}

/// A tensor at its place, in elements.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct PlaceReport {
    pub tensor: String,
    /// `retain`, `recompute` or `refetch`
    pub fate: String,
    /// From and to the backing store.
    pub reads: u64,
    pub writes: u64,
    pub window: u64,
    pub window_bytes: f64,
    pub dram_bytes: f64,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct StageReport {
    pub layer: String,
    /// Performed, and without what is done again.
    pub operations: u64,
    pub operations_unique: u64,
}

/// The searches over groups as text of `width` columns.
#[must_use]
pub fn text(report: &Report, width: usize) -> String {
    let mut out = Page::new(width);
    for (at, search) in report.fused_searches.iter().enumerate() {
        if at > 0 || !report.searches.is_empty() {
            line(&mut out, "", "");
        }
        write(&mut out, search);
    }
    out.finish()
}

fn write(out: &mut Page, search: &FusedSearchReport) {
    let title = format!(
        "{}: {} of {} on {}, least traffic of a fused group",
        search.name,
        search.layers.join(" + "),
        search.network,
        search.accelerator
    );
    line(out, "", &title);
    line(out, "", "");
    let size = search.capacity_bytes.map_or_else(
        || "of any size".to_owned(),
        |bytes| format!("of {} B", amount(bytes)),
    );
    line(out, "  ", &format!("buffer    {}, {size}", search.memory));
    let tiles = match search.tiles.as_str() {
        "imperfect" => "tiles of any size",
        _ => "tiles that divide",
    };
    let recompute = match search.recompute.as_str() {
        "never" => "nothing is computed twice",
        _ => "maps may be computed again",
    };
    line(
        out,
        "  ",
        &format!("space     trees of blocks, {tiles}; {recompute}"),
    );
    let evaluated = grouped(search.evaluated.into());
    line(out, "  ", &format!("looked at {evaluated} lists of loops"));
    let Some(best) = &search.best else {
        let reason = search.reason.as_deref().unwrap_or("none");
        line(out, "  ", &format!("no answer: {reason}"));
        return;
    };
    let found = format!(
        "found     {} B to and from the backing store, with {} B of {}",
        amount(best.dram_bytes),
        amount(best.needed_bytes),
        search.memory
    );
    line(out, "  ", &found);
    let proof = match (search.proved, search.gap, search.lower_bound) {
        (false, Some(gap), Some(bound)) => format!(
            "gap {:.1} %: no design moves less than {} B",
            gap * 100.0,
            amount(bound)
        ),
        _ => "no design of the space moves less".to_owned(),
    };
    line(out, "  ", &format!("proof     {proof}"));
    line(out, "", "");
    let mut table = Table::default();
    let header = [
        "tensor",
        "what leaves",
        "reads",
        "writes",
        "window",
        "window (B)",
    ];
    table.row(header.map(str::to_owned).to_vec());
    for tensor in &best.tensors {
        let fate = match tensor.fate.as_str() {
            "retain" => "nothing",
            "recompute" => "is made again",
            _ => "is fetched again",
        };
        table.row(vec![
            tensor.tensor.clone(),
            fate.to_owned(),
            grouped(tensor.reads.into()),
            grouped(tensor.writes.into()),
            grouped(tensor.window.into()),
            amount(tensor.window_bytes),
        ]);
    }
    table.write(out, "  ", &[0, 1]);
    for stage in best
        .stages
        .iter()
        .filter(|stage| stage.operations > stage.operations_unique)
    {
        let again = stage.operations - stage.operations_unique;
        let text = format!(
            "{}: {} operations are done again",
            stage.layer,
            grouped(again.into())
        );
        line(out, "  ", &text);
    }
    line(out, "", "");
    if !best.sayable {
        let words = "in the words of fused groups, loops of one layer behind its `run`, which a program cannot say:";
        line(out, "  ", words);
        line(out, "", "");
    }
    for text in best.design.lines() {
        verbatim(out, "  ", text);
    }
}

/// Whole bytes grouped, others with their fraction.
fn amount(bytes: f64) -> String {
    if bytes.fract() == 0.0 && bytes < 1e18 {
        grouped(bytes as u128)
    } else {
        format!("{bytes}")
    }
}
