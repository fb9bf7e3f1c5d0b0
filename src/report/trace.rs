//! What memories hold step by step, as text, JSON (`dflow.trace/1`) and a picture.

use super::svg::{Timeline, TimelineBar, timeline};
use serde::Serialize;
use std::fmt::Write;

/// A traced layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trace {
    pub schema: &'static str,
    pub file: String,
    /// The map.
    pub map: String,
    pub layer: String,
    /// Names of the loops outside the leaf tile, outermost first.
    pub loops: Vec<String>,
    /// Those that were asked for.
    pub steps: Vec<TracedStep>,
}

/// One step of the lanes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TracedStep {
    pub step: u64,
    /// Of every loop, which of its windows (or folds) it is, from 0.
    pub index: Vec<u64>,
    pub memories: Vec<Held>,
}

/// What one instance of a memory holds of one tensor. Elements are lists of indices in the dimensions of the tensor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    pub memory: String,
    /// Number of the instance.
    pub instance: u64,
    pub tensor: String,
    /// Whether it works in this step.
    pub works: bool,
    /// `0..1 x 3 x 0..2`, or `9 elements` where they are no box.
    pub tile: String,
    pub held: Vec<Vec<i64>>,
    pub arrived: Vec<Arrived>,
    pub left: Vec<Vec<i64>>,
}

/// An element that arrived.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Arrived {
    pub element: Vec<i64>,
    /// `parent`, `multicast`, `neighbour`; of a result `begun` or `sum`.
    pub from: &'static str,
}

/// Where elements come from, in the order of the texts.
const SOURCES: [(&str, &str); 5] = [
    ("parent", "from the parent"),
    ("multicast", "shared with other instances"),
    ("neighbour", "from a neighbour"),
    ("begun", "begun"),
    ("sum", "sums that come back"),
];

/// A set of elements in a few letters.
#[must_use]
pub fn tile(elements: &[Vec<i64>]) -> String {
    let Some(first) = elements.first() else {
        return "nothing".to_owned();
    };
    let ranges: Vec<(i64, i64)> = (0..first.len())
        .map(|dim| {
            let all = elements.iter().map(|element| element[dim]);
            all.fold((i64::MAX, i64::MIN), |(lo, hi), x| (lo.min(x), hi.max(x)))
        })
        .collect();
    let volume = ranges
        .iter()
        .try_fold(1u64, |n, (lo, hi)| n.checked_mul((hi - lo + 1) as u64));
    if volume != Some(elements.len() as u64) {
        return format!("{} elements", elements.len());
    }
    let part = |&(lo, hi): &(i64, i64)| {
        if lo == hi {
            lo.to_string()
        } else {
            format!("{lo}..{hi}")
        }
    };
    ranges.iter().map(part).collect::<Vec<_>>().join(" x ")
}

impl Held {
    fn arrived_from(&self, source: &str) -> usize {
        self.arrived.iter().filter(|one| one.from == source).count()
    }

    /// `9 held: 6 kept, 3 from a neighbour; 3 left`
    fn figures(&self) -> String {
        let kept = self.held.len() - self.arrived.len();
        let mut parts = Vec::new();
        if kept > 0 {
            parts.push(format!("{kept} kept"));
        }
        for (source, words) in SOURCES {
            let count = self.arrived_from(source);
            if count > 0 {
                parts.push(format!("{count} {words}"));
            }
        }
        let mut out = format!("{} held", self.held.len());
        if !parts.is_empty() {
            let _ = write!(out, ": {}", parts.join(", "));
        }
        if !self.left.is_empty() {
            let _ = write!(out, "; {} left", self.left.len());
        }
        if !self.works {
            out.push_str(" (idle)");
        }
        out
    }
}

/// For people: a block per step.
#[must_use]
pub fn text(trace: &Trace) -> String {
    let mut out = format!("{}, layer {}\n", trace.map, trace.layer);
    let all = || trace.steps.iter().flat_map(|step| &step.memories);
    let longest = |text: &dyn Fn(&Held) -> String| {
        let lengths = all().map(|held| text(held).chars().count());
        lengths.max().unwrap_or(0)
    };
    let name = |held: &Held| format!("{} {}", held.memory, held.instance);
    let tensor = |held: &Held| held.tensor.clone();
    let tile = |held: &Held| held.tile.clone();
    let (names, tensors, tiles) = (longest(&name), longest(&tensor), longest(&tile));
    for step in &trace.steps {
        let index = trace.loops.iter().zip(&step.index);
        let index: Vec<String> = index.map(|(name, at)| format!("{name} {at}")).collect();
        let _ = writeln!(out, "\nstep {}: {}", step.step, index.join(", "));
        for held in &step.memories {
            let _ = writeln!(
                out,
                "  {:names$}  {:tensors$}  {:tiles$}  {}",
                name(held),
                tensor(held),
                tile(held),
                held.figures()
            );
        }
    }
    out
}

/// Rows are instances of memories, columns are steps, colours are tensors.
#[must_use]
pub fn picture(trace: &Trace) -> String {
    let mut of = Timeline {
        title: format!("{}, layer {}", trace.map, trace.layer),
        ..Timeline::default()
    };
    let number =
        |list: &mut Vec<String>, name: &str| match list.iter().position(|known| known == name) {
            Some(at) => at,
            None => {
                list.push(name.to_owned());
                list.len() - 1
            }
        };
    let mut names: Vec<(usize, u64, String)> = Vec::new();
    let mut order: Vec<String> = Vec::new();
    for held in trace.steps.iter().flat_map(|step| &step.memories) {
        let at = number(&mut order, &held.memory);
        let one = (
            at,
            held.instance,
            format!("{} {}", held.memory, held.instance),
        );
        if !names.contains(&one) {
            names.push(one);
        }
    }
    names.sort();
    of.rows = names.into_iter().map(|(.., name)| name).collect();
    for (column, step) in trace.steps.iter().enumerate() {
        of.columns.push(format!("step {}", step.step));
        for held in &step.memories {
            let colour = number(&mut of.colours, &held.tensor);
            let name = format!("{} {}", held.memory, held.instance);
            of.bars.push(TimelineBar {
                row: of.rows.iter().position(|row| *row == name).unwrap_or(0),
                column,
                colour,
                text: held.tile.clone(),
                new: held.arrived.len() as f64 / held.held.len().max(1) as f64,
            });
        }
    }
    timeline(&of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_ranges() {
        let element = |x: i64, y: i64| vec![x, y];
        assert_eq!(tile(&[]), "nothing");
        assert_eq!(tile(&[element(0, 3)]), "0 x 3");
        assert_eq!(tile(&[element(0, 3), element(0, 4)]), "0 x 3..4");
        assert_eq!(tile(&[element(0, 3), element(1, 4)]), "2 elements");
    }
}
