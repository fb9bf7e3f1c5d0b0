//! The model of the MAESTRO paper on exact counts: only the transfers into the innermost memory take time, and they
//! always overlap with computation.
//!
//! Its figures are what the paper's section 5.1 compares dataflows by: the bandwidth of the network that keeps the PEs busy,
//! the private buffer that a PE needs and the shared one, and the products of a cycle when nothing waits. The buffers are the
//! paper's (section 4.4: twice the tile of a step, twice the unique data of two steps); what the machine's memories must
//! hold, exactly, stands beside them in the report.

mod shared;

use super::exact::{count, needs_loops};
use super::{Estimate, Failure, Figure, Model, Steps, Subject, Why};
use crate::engine::{self, Counts, TimingRule};
use crate::ir::Mapping;

/// The model `maestro`.
#[derive(Clone, Copy, Debug)]
pub struct Maestro;

impl Model for Maestro {
    fn name(&self) -> &'static str {
        "maestro"
    }

    fn summary(&self) -> &'static str {
        "The model of the MAESTRO paper on exact counts"
    }

    fn applies(&self, subject: &Subject<'_>) -> Result<(), Why> {
        needs_loops(subject)
    }

    fn ignores_spare_capacity(&self) -> bool {
        true
    }

    fn estimate(&self, subject: &Subject<'_>) -> Result<Estimate, Failure> {
        let mut estimate = count(subject, TimingRule::Maestro)?;
        if let (Some(counts), Subject::Loops(mapping)) = (&estimate.counts, subject) {
            estimate.figures = figures(mapping, counts);
        }
        Ok(estimate)
    }

    fn keeps_steps(&self) -> bool {
        true
    }

    fn steps(&self, subject: &Subject<'_>) -> Option<Steps> {
        match subject {
            Subject::Loops(mapping) => engine::steps(mapping).ok()?,
            Subject::Named { .. } => None,
        }
    }
}

/// What the paper compares dataflows by.
fn figures(mapping: &Mapping, counts: &Counts) -> Vec<Figure> {
    let architecture = &mapping.architecture;
    let mut figures = Vec::new();
    let mut say = |name: &'static str, value: f64, unit: &'static str, from: &'static str| {
        let (name, from) = (name.into(), from.into());
        figures.push(Figure {
            name,
            value,
            unit,
            from,
        });
    };
    let Some(private) = architecture.memories.len().checked_sub(1) else {
        return figures;
    };
    let innermost = architecture.memories.last().zip(counts.memories.last());
    if let Some((memory, held)) = innermost {
        // Doubled already where the memory itself is.
        let tiles = if memory.double_buffered { 1.0 } else { 2.0 };
        let bytes = held.required_bits as f64 / 8.0 * tiles;
        let from = "section 4.4: twice the tile of a step";
        say("private_buffer", bytes, "B", from);
    }
    if let Some(bits) = shared::required(mapping) {
        let from = "section 4.4: twice the unique data of the array in two steps";
        say("shared_buffer", bits as f64 / 8.0, "B", from);
    }
    let compute = counts.timing.compute_cycles;
    if compute > 0 {
        let into = counts.boundaries.iter();
        let bits: u128 = into
            .filter(|boundary| boundary.child == Some(private))
            .map(|boundary| u128::from(boundary.down_bits) + u128::from(boundary.up_bits))
            .sum();
        let cycles = compute as f64;
        let from = "section 5.1: traffic of the innermost memories over the cycles of computation";
        say(
            "network_bandwidth",
            bits as f64 / 8.0 / cycles,
            "B/cycle",
            from,
        );
        let from = "section 5.1: products of a cycle when nothing waits";
        say(
            "roofline",
            counts.operations as f64 / cycles,
            "MAC/cycle",
            from,
        );
    }
    figures
}
