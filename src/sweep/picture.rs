//! A sweep as a picture: area and buffers against throughput, as Fig. 13 of the MAESTRO paper has them.
//!
//! Problem: which designs of a sweep lie where is known of cells of the plane ([`crate::explore::Cloud`]), in cycles and square
//! micrometres. Here cycles become products a cycle, and the least cycles, energy and EDP become marks.

use super::prepare::{Sweep, name};
use crate::driver::Compiled;
use crate::explore::{Cell, Design, Figure, Part, Plane};
use crate::report::svg::{Dot, Mark, Panel, Scatter};

/// What is drawn against throughput: the figure, its name, and how many of its unit are one.
const ACROSS: [(Figure, &str, &str, f64); 2] = [
    (Figure::Area, "area", "mm2", 1e6),
    (Figure::Buffer, "buffers", "KiB", 1024.0),
];
/// What is marked, where it is asked for.
const MARKED: [Figure; 3] = [Figure::Cycles, Figure::Energy, Figure::Edp];
/// Ranges of values on the first axis that have a colour.
const COLOURS: usize = 6;

impl Sweep<'_> {
    /// Has its parts keep what [`picture`] needs.
    pub fn draw(&mut self) {
        let stride = self.grid.stride(0);
        let plane = |(across, ..): (Figure, &str, &str, f64)| Plane {
            across,
            up: Figure::Cycles,
            stride,
        };
        self.question.planes = ACROSS.map(plane).to_vec();
    }

    /// Multiply-accumulates of all layers.
    fn macs(&self) -> f64 {
        let layers = self.layers.iter();
        layers
            .map(|merged| {
                let macs = merged.layer.shape.macs().unwrap_or(0);
                macs as f64 * merged.times as f64
            })
            .sum()
    }
}

/// The picture of some sweeps; one without a design that is known in both figures has no panel.
#[must_use]
pub fn picture(compiled: &Compiled, sweeps: &[(&Sweep<'_>, &Part)]) -> Scatter {
    let mut drawn = Scatter {
        title: "designs within the budget".to_owned(),
        marks: MARKED
            .map(|figure| format!("least {}", name(figure)))
            .to_vec(),
        ..Scatter::default()
    };
    // A colour is the same part of the first axis in all of them.
    let mut legend: Vec<Vec<String>> = Vec::new();
    for (sweep, _) in sweeps {
        for (number, range) in ranges(sweep).into_iter().enumerate() {
            match legend.get_mut(number) {
                None => legend.push(vec![range]),
                Some(known) if known.contains(&range) => {}
                Some(known) => known.push(range),
            }
        }
    }
    drawn.colours = legend.iter().map(|ranges| ranges.join(" or ")).collect();
    for (sweep, part) in sweeps {
        let own = ranges(sweep).len();
        for (cloud, (figure, word, unit, scale)) in part.clouds.iter().zip(ACROSS) {
            let macs = sweep.macs();
            let length = sweep.grid.lengths().first().copied().unwrap_or(1).max(1);
            let dot = |cell: Cell| Dot {
                across: cell.across / scale,
                up: macs / cell.up,
                colour: usize::try_from(cell.place).map_or(0, |place| place * own / length),
            };
            let dots: Vec<Dot> = cloud.cells().map(dot).collect();
            if dots.is_empty() {
                continue;
            }
            let mark = |(sign, &marked): (usize, &Figure)| {
                let design = best(sweep, part, marked)?;
                Some(Mark {
                    across: design.get(figure) / scale,
                    up: macs / design.get(Figure::Cycles),
                    sign,
                })
            };
            drawn.panels.push(Panel {
                title: format!("{}: {word}", title(compiled, sweep)),
                across: format!("{word} [{unit}]"),
                up: "throughput [MAC/cycle]".to_owned(),
                dots,
                marks: MARKED.iter().enumerate().filter_map(mark).collect(),
            });
        }
    }
    drawn
}

fn title(compiled: &Compiled, sweep: &Sweep<'_>) -> String {
    let explore = sweep.explore;
    let network = compiled.program.networks.get(explore.network);
    let name = network.map(|network| network.label()).unwrap_or_default();
    let layer = |at: &usize| Some(network?.layers.get(*at)?.name.clone());
    match explore.layers.as_slice() {
        [one] => {
            let layer = layer(one).unwrap_or_default();
            format!("{}, {name}.{layer}", explore.name)
        }
        several => format!("{}, {name}, {} layers", explore.name, several.len()),
    }
}

/// The ranges of values on the first axis, in words.
fn ranges(sweep: &Sweep<'_>) -> Vec<String> {
    let Some(axis) = sweep.explore.axes.first() else {
        return vec![String::new()];
    };
    let length = axis.values.len();
    let ranges = COLOURS.min(length).max(1);
    let first = |range: usize| (range * length).div_ceil(ranges);
    (0..ranges)
        .map(|range| {
            let (low, high) = (first(range), first(range + 1).max(1) - 1);
            let at = |place: usize| axis.values.get(place).map(ToString::to_string);
            let (low, high) = (at(low).unwrap_or_default(), at(high).unwrap_or_default());
            if low == high {
                format!("{} {low}", axis.name)
            } else {
                format!("{} {low}..{high}", axis.name)
            }
        })
        .collect()
}

/// The best design by a figure, if it was asked for.
fn best(sweep: &Sweep<'_>, part: &Part, figure: Figure) -> Option<Design> {
    let mut both = sweep.question.aims.iter().zip(&part.answers);
    both.find(|(aim, _)| aim.figures == [figure])?.1.best
}
