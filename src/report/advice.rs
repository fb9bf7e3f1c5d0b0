//! What would help one layer: changes of its program, each with the figures that the changed program has.

use super::build::ratio;
use super::model::LayerReport;
use super::table::{Page, line};
use super::text::{EnergyUnit, count, percent, significant};
use crate::base::num::grouped;
use serde::Serialize;

/// What was found by evaluating changed programs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// Cycles of the layer above those of its computation.
    pub stall_cycles: u64,
    /// The least bandwidth, in whole bytes per cycle, with which the port or link that binds the layer does not (of a boundary
    /// that binds, the busiest of its ports and links); where every bandwidth binds (then [`Piece::bound`] is that of the
    /// layer), the least that no larger one betters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<Piece>,
    /// The place for one tensor in one memory as large as it is that saves most energy (without a technology: most bytes
    /// of the backing store).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retain: Option<Piece>,
    /// The same with a memory that is enlarged to hold it, where that saves more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retain_larger: Option<Piece>,
    /// The size (of a memory, a bandwidth, an axis of an array) that saves the largest part of the cycles for the part by which it
    /// grows; where none saves any, of the energy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Piece>,
    /// Changed programs that were evaluated.
    pub evaluations: u64,
    /// Whether everything was tried that is tried; else there were too many programs, or they cost too much.
    pub complete: bool,
}

/// A change and what the layer costs with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Piece {
    /// Made together.
    pub edits: Vec<Edit>,
    pub cycles: u64,
    /// The total; absent without a technology.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_pj: Option<f64>,
    /// Read from and written to the backing store.
    pub backing_bytes: u64,
    /// What binds the layer then.
    pub bound: String,
}

impl Piece {
    /// Of the layer as it is evaluated.
    #[must_use]
    pub fn new(edits: Vec<Edit>, layer: &LayerReport) -> Piece {
        Piece {
            edits,
            cycles: layer.cycles,
            energy_pj: energy_of(layer),
            backing_bytes: backing_bytes(layer),
            bound: layer.bound.clone(),
        }
    }
}

/// A change of the text.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Edit {
    /// `Bandwidth: 8B/cycle` of a memory, or of the `NoC` of an array.
    Bandwidth {
        /// Name of the memory or the array.
        of: String,
        /// `Bandwidth`, `ReadBandwidth`, `NoC Bandwidth`, `NoC Bandwidth Input`.
        key: String,
        bytes_per_cycle: u64,
        instead_of: f64,
    },
    /// `Size: 64B` of a memory.
    Size {
        of: String,
        bytes: u64,
        instead_of: f64,
    },
    /// One axis of `Shape` of an array.
    Shape {
        of: String,
        axis: usize,
        instances: u64,
        instead_of: u64,
    },
    /// `retain T in M` in the dataflow of the layer.
    Retain {
        tensor: String,
        memory: String,
        /// The statement that it is to stand before, as written, and its line.
        before: String,
        line: u32,
        /// Where that is no file of the user: the dataflow of the library, of which a copy is to be changed.
        #[serde(skip_serializing_if = "Option::is_none")]
        library: Option<String>,
        /// Whether the dataflow places the tensor in this memory already: that `retain` or `bypass` is replaced.
        moved: bool,
    },
}

impl Edit {
    /// `Bandwidth: 21B/cycle of DRAM (now 5)`
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Edit::Bandwidth {
                of,
                key,
                bytes_per_cycle,
                instead_of,
            } => format!(
                "{key}: {bytes_per_cycle}B/cycle of {of} (now {})",
                significant(*instead_of)
            ),
            Edit::Size {
                of,
                bytes,
                instead_of,
            } => format!("Size: {bytes}B of {of} (now {})", significant(*instead_of)),
            Edit::Shape {
                of,
                axis,
                instances,
                instead_of,
            } => format!("{instances} along {of}[{axis}] (now {instead_of})"),
            Edit::Retain {
                tensor,
                memory,
                before,
                line,
                library,
                moved,
            } => {
                let of = library.as_ref();
                let of = of.map_or_else(String::new, |file| format!(" of {file}"));
                let moved = if *moved {
                    " instead of where it is"
                } else {
                    ""
                };
                format!("retain {tensor} in {memory} before `{before}` (line {line}{of}){moved}")
            }
        }
    }
}

/// The total energy of a layer.
fn energy_of(layer: &LayerReport) -> Option<f64> {
    layer.energy_pj.as_ref()?.get("total").copied()
}

/// Read from and written to the backing store.
fn backing_bytes(layer: &LayerReport) -> u64 {
    let mapping = layer.mapping.as_ref();
    let boundaries = mapping
        .map_or(&[][..], |mapping| &mapping.boundaries)
        .iter();
    boundaries
        .filter(|boundary| boundary.parent == 0)
        .map(|boundary| boundary.down_bytes.saturating_add(boundary.up_bytes))
        .fold(0, u64::saturating_add)
}

/// What a piece changes of a layer: `451,000 cycles (-12.5%), 3.2 uJ (-4.0%), 1,024 B of DRAM (-50.0%)`.
fn figures(layer: &LayerReport, piece: &Piece) -> String {
    let change = |now: f64, then: f64| {
        if now == then {
            "unchanged".to_owned()
        } else {
            let sign = if then < now { '-' } else { '+' };
            format!("{sign}{}%", percent(ratio((then - now).abs(), now)))
        }
    };
    let mut parts = vec![format!(
        "{} cycles ({})",
        count(piece.cycles),
        change(layer.cycles as f64, piece.cycles as f64)
    )];
    if let (Some(now), Some(then)) = (energy_of(layer), piece.energy_pj) {
        let unit = EnergyUnit::for_largest(now);
        let shown = unit.show(Some(then));
        parts.push(format!("{shown} {} ({})", unit.name, change(now, then)));
    }
    let now = backing_bytes(layer);
    let mapping = layer.mapping.as_ref();
    if let Some(level) = mapping.and_then(|mapping| mapping.levels.first()) {
        parts.push(format!(
            "{} B of {} ({})",
            grouped(u128::from(piece.backing_bytes)),
            level.memory,
            change(now as f64, piece.backing_bytes as f64)
        ));
    }
    parts.join(", ")
}

fn edits(piece: &Piece) -> String {
    let texts: Vec<String> = piece.edits.iter().map(Edit::text).collect();
    texts.join(" and ")
}

/// The line of an editor: what binds, and the first thing that helps with it.
#[must_use]
pub fn short(layer: &LayerReport, advice: &Advice) -> String {
    let stall = advice.stall_cycles;
    let mut said = format!("bound by {}", layer.bound);
    if stall > 0 {
        said += &format!(", {} cycles more than the computation", count(stall));
    }
    let pieces = [
        &advice.bandwidth,
        &advice.size,
        &advice.retain,
        &advice.retain_larger,
    ];
    if let Some(piece) = pieces.into_iter().flatten().next() {
        said += &format!("; {}: {}", edits(piece), figures(layer, piece));
    }
    said
}

pub(super) fn write(out: &mut Page, layer: &LayerReport) {
    let Some(advice) = &layer.advice else {
        return;
    };
    line(out, "", "");
    line(out, "  ", "advice:");
    line(
        out,
        "    ",
        &format!(
            "bound by {}: {} cycles more than the computation",
            layer.bound,
            count(advice.stall_cycles)
        ),
    );
    let still = |piece: &Piece| piece.bound == layer.bound;
    let bandwidth = match advice.bandwidth.as_ref().is_some_and(still) {
        true => "bandwidth that no larger one betters",
        false => "least bandwidth that does not bind",
    };
    let pieces = [
        (bandwidth, &advice.bandwidth),
        ("tensor kept", &advice.retain),
        ("tensor kept in a larger memory", &advice.retain_larger),
        ("one size, most for its growth", &advice.size),
    ];
    for (what, piece) in pieces {
        if let Some(piece) = piece {
            line(out, "    ", &format!("{what}: {}", edits(piece)));
            let then = match still(piece) {
                true => String::new(),
                false => format!(", bound by {}", piece.bound),
            };
            line(out, "      ", &format!("{}{then}", figures(layer, piece)));
        }
    }
    let tried = count(advice.evaluations);
    let left = match advice.complete {
        true => "",
        false => "; not everything was tried, it would cost too much",
    };
    let nothing = match pieces.iter().all(|(_, piece)| piece.is_none()) {
        true => "nothing that was tried helps: ",
        false => "",
    };
    line(
        out,
        "    ",
        &format!("{nothing}{tried} changed programs evaluated{left}"),
    );
}
