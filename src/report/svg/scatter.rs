//! Clouds of points: two panels a row, dots in a few colours, and marks on those that matter.
//!
//! A sweep of 252 million designs becomes two panels: area against throughput and buffers against throughput, the dots in
//! the colour of their number of PEs, with a star on the design of most throughput. Dots that would lie on each other are
//! one.

use super::{Align, COLOURS, LINE, MARGIN, Text, begin, fill, step, ticks, width};
use std::collections::BTreeMap;
use std::fmt::Write;

/// A picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scatter {
    pub title: String,
    /// What the colours mean, in their order.
    pub colours: Vec<String>,
    /// What the marks mean: a star, a cross, a square, a ring.
    pub marks: Vec<String>,
    /// Two in a row.
    pub panels: Vec<Panel>,
}

/// A cloud.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Panel {
    pub title: String,
    /// What lies along the axes, with units.
    pub across: String,
    pub up: String,
    pub dots: Vec<Dot>,
    pub marks: Vec<Mark>,
}

/// A point with a colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dot {
    pub across: f64,
    pub up: f64,
    /// Of several on one place the least is drawn.
    pub colour: usize,
}

/// A point with a sign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mark {
    pub across: f64,
    pub up: f64,
    /// Index into [`Scatter::marks`].
    pub sign: usize,
}

const ACROSS: f64 = 360.0;
const UP: f64 = 240.0;
const DOT: f64 = 3.0;
/// Half of a sign.
const REACH: f64 = 6.0;

/// An axis from 0.
#[derive(Clone, Copy)]
struct Axis {
    most: f64,
    step: f64,
    length: f64,
}

impl Axis {
    fn new(values: impl Iterator<Item = f64>, length: f64) -> Axis {
        let highest = values.filter(|value| value.is_finite()).fold(0.0, f64::max);
        let step = if highest > 0.0 { step(highest) } else { 1.0 };
        Axis {
            most: (highest / step).ceil().max(1.0) * step,
            step,
            length,
        }
    }

    fn at(self, value: f64) -> f64 {
        self.length * (value / self.most).clamp(0.0, 1.0)
    }
}

/// A panel with its place.
struct Placed<'a> {
    panel: &'a Panel,
    across: Axis,
    up: Axis,
    left: f64,
    bottom: f64,
}

struct Layout<'a> {
    width: f64,
    height: f64,
    texts: Vec<Text>,
    panels: Vec<Placed<'a>>,
    /// Of the legend: left, top, colour.
    samples: Vec<(f64, f64, usize)>,
    /// Of the legend: middle, sign.
    signs: Vec<(f64, f64, usize)>,
}

impl<'a> Layout<'a> {
    fn new(of: &'a Scatter) -> Layout<'a> {
        let axes: Vec<(Axis, Axis)> = of
            .panels
            .iter()
            .map(|panel| {
                let dots = || panel.dots.iter();
                let marks = || panel.marks.iter();
                let across = dots().map(|dot| dot.across);
                let up = dots().map(|dot| dot.up);
                (
                    Axis::new(across.chain(marks().map(|mark| mark.across)), ACROSS),
                    Axis::new(up.chain(marks().map(|mark| mark.up)), UP),
                )
            })
            .collect();
        // The numbers beside the axis that is upright, of the panel with the longest.
        let numbers = axes
            .iter()
            .flat_map(|axes| ticks(axes.1.most, axes.1.step))
            .map(|(_, text)| width(&text))
            .fold(0.0, f64::max);
        let before = LINE + numbers + 8.0;
        let column = before + ACROSS + 2.0 * MARGIN;
        let columns = of.panels.len().clamp(1, 2);
        let longest = of.panels.iter().map(|panel| width(&panel.title));
        let column = column.max(before + longest.fold(0.0, f64::max) + MARGIN);
        let mut layout = Layout {
            width: (MARGIN + columns as f64 * column).max(2.0 * MARGIN + width(&of.title)),
            height: 0.0,
            texts: Vec::new(),
            panels: Vec::new(),
            samples: Vec::new(),
            signs: Vec::new(),
        };
        let title = Text::flat(&of.title, (MARGIN, MARGIN), Align::Start, "title");
        layout.texts.push(title);
        let top = layout.legend(of, MARGIN + LINE + 4.0) + MARGIN;
        let row = 2.0 * LINE + UP + 2.0 * LINE + MARGIN;
        for (number, (panel, (across, up))) in of.panels.iter().zip(axes).enumerate() {
            let left = MARGIN + (number % 2) as f64 * column + before;
            let head = top + (number / 2) as f64 * row;
            let bottom = head + 2.0 * LINE + UP;
            layout.panel(Placed {
                panel,
                across,
                up,
                left,
                bottom,
            });
        }
        layout.height = top + of.panels.len().div_ceil(2) as f64 * row;
        layout
    }

    /// Places the legend in as many lines as it needs, and says where it ends.
    fn legend(&mut self, of: &Scatter, top: f64) -> f64 {
        let (mut x, mut y) = (MARGIN, top);
        let colours = of.colours.iter().enumerate().map(|one| (one, false));
        let marks = of.marks.iter().enumerate().map(|one| (one, true));
        for ((number, name), is_sign) in colours.chain(marks) {
            let room = 18.0 + width(name) + 14.0;
            if x > MARGIN && x + room > self.width - MARGIN {
                (x, y) = (MARGIN, y + LINE + 2.0);
            }
            self.width = self.width.max(x + room + MARGIN);
            if is_sign {
                self.signs.push((x + 6.0, y + 8.0, number));
            } else {
                self.samples.push((x, y + 3.0, number));
            }
            let text = Text::flat(name, (x + 18.0, y), Align::Start, "name");
            self.texts.push(text);
            x += room;
        }
        y + LINE
    }

    fn panel(&mut self, placed: Placed<'a>) {
        let Placed {
            panel,
            across,
            up,
            left,
            bottom,
        } = placed;
        let head = (left, bottom - UP - LINE - 6.0);
        self.texts
            .push(Text::flat(&panel.title, head, Align::Start, "title"));
        for (value, text) in ticks(up.most, up.step) {
            let at = (
                left - 6.0 - width(&text),
                bottom - up.at(value) - LINE / 2.0,
            );
            self.texts.push(Text::flat(&text, at, Align::End, "number"));
        }
        let all = ticks(across.most, across.step);
        // Numbers that are too wide to stand side by side: every second or third.
        let widest = all.iter().map(|one| width(&one.1)).fold(0.0, f64::max);
        let apart = across.at(across.step).max(1.0);
        let every = ((widest + 4.0) / apart).ceil().max(1.0) as usize;
        for (value, text) in all.iter().step_by(every) {
            let at = (left + across.at(*value) - width(text) / 2.0, bottom + 4.0);
            self.texts
                .push(Text::flat(text, at, Align::Middle, "number"));
        }
        let middle = left + (ACROSS - width(&panel.across)) / 2.0;
        let at = (middle, bottom + 4.0 + LINE);
        self.texts
            .push(Text::flat(&panel.across, at, Align::Middle, "number"));
        let numbers = ticks(up.most, up.step);
        let widest = numbers.iter().map(|one| width(&one.1)).fold(0.0, f64::max);
        let at = (
            left - 8.0 - widest - LINE,
            bottom - (UP + width(&panel.up)) / 2.0,
        );
        self.texts.push(Text::upright(&panel.up, at, "number"));
        self.panels.push(placed);
    }
}

/// Draws a picture.
#[must_use]
pub fn scatter(of: &Scatter) -> String {
    let layout = Layout::new(of);
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = draw(of, &layout, &mut out);
    out
}

fn draw(of: &Scatter, layout: &Layout<'_>, out: &mut String) -> std::fmt::Result {
    begin(out, (layout.width, layout.height), &of.title)?;
    for placed in &layout.panels {
        draw_panel(placed, out)?;
    }
    for &(x, y, colour) in &layout.samples {
        let fill = fill(colour, 1.0);
        writeln!(
            out,
            r#"<rect x="{x:.1}" y="{y:.1}" width="11" height="11" {fill}/>"#
        )?;
    }
    for &(x, y, number) in &layout.signs {
        sign(out, (x, y), number)?;
    }
    for text in &layout.texts {
        text.write(out)?;
    }
    writeln!(out, "</svg>")
}

fn draw_panel(placed: &Placed<'_>, out: &mut String) -> std::fmt::Result {
    let (left, bottom) = (placed.left, placed.bottom);
    let right = left + ACROSS;
    for (value, _) in ticks(placed.up.most, placed.up.step) {
        let y = bottom - placed.up.at(value);
        let class = if value == 0.0 { "axis" } else { "line" };
        writeln!(
            out,
            r#"<line class="{class}" x1="{left:.1}" y1="{y:.1}" x2="{right:.1}" y2="{y:.1}"/>"#
        )?;
    }
    for (value, _) in ticks(placed.across.most, placed.across.step) {
        let (x, above) = (left + placed.across.at(value), bottom - UP);
        let class = if value == 0.0 { "axis" } else { "line" };
        writeln!(
            out,
            r#"<line class="{class}" x1="{x:.1}" y1="{above:.1}" x2="{x:.1}" y2="{bottom:.1}"/>"#
        )?;
    }
    // Per place of a dot its colour; per colour its places.
    let mut places: BTreeMap<(i64, i64), usize> = BTreeMap::new();
    for dot in &placed.panel.dots {
        if !(dot.across.is_finite() && dot.up.is_finite()) {
            continue;
        }
        let column = (placed.across.at(dot.across) / DOT).round() as i64;
        let line = (placed.up.at(dot.up) / DOT).round() as i64;
        let known = places.entry((line, column)).or_insert(dot.colour);
        *known = (*known).min(dot.colour);
    }
    let mut paths: BTreeMap<usize, String> = BTreeMap::new();
    for ((line, column), colour) in places {
        let x = left + column as f64 * DOT - DOT / 2.0;
        let y = bottom - line as f64 * DOT - DOT / 2.0;
        let path = paths.entry(colour % COLOURS.len()).or_default();
        write!(path, "M{x:.1} {y:.1}h{DOT}v{DOT}h-{DOT}z")?;
    }
    for (colour, path) in paths {
        writeln!(out, r#"<path d="{path}" {}/>"#, fill(colour, 1.0))?;
    }
    for mark in &placed.panel.marks {
        let x = left + placed.across.at(mark.across);
        let y = bottom - placed.up.at(mark.up);
        sign(out, (x, y), mark.sign)?;
    }
    Ok(())
}

/// A star, a cross, a square, a ring.
fn sign(out: &mut String, (x, y): (f64, f64), number: usize) -> std::fmt::Result {
    let (r, d) = (REACH, REACH * 0.7);
    let path = match number % 4 {
        0 => format!(
            "M{x:.1} {:.1}V{:.1}M{:.1} {y:.1}H{:.1}M{:.1} {:.1}L{:.1} {:.1}M{:.1} {:.1}L{:.1} {:.1}",
            y - r,
            y + r,
            x - r,
            x + r,
            x - d,
            y - d,
            x + d,
            y + d,
            x - d,
            y + d,
            x + d,
            y - d
        ),
        1 => format!(
            "M{:.1} {:.1}L{:.1} {:.1}M{:.1} {:.1}L{:.1} {:.1}",
            x - r,
            y - r,
            x + r,
            y + r,
            x - r,
            y + r,
            x + r,
            y - r
        ),
        2 => format!(
            "M{:.1} {:.1}h{side}v{side}h-{side}z",
            x - r,
            y - r,
            side = 2.0 * r
        ),
        _ => {
            return writeln!(
                out,
                r#"<circle class="mark" cx="{x:.1}" cy="{y:.1}" r="{r}"/>"#
            );
        }
    };
    writeln!(out, r#"<path class="mark" d="{path}"/>"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Scatter {
        let panel = |scale: f64| Panel {
            title: "a panel whose title is long, for a panel".to_owned(),
            across: "area [mm2]".to_owned(),
            up: "throughput [MAC/cycle]".to_owned(),
            dots: (0..50)
                .map(|n| Dot {
                    across: scale * f64::from(n),
                    up: 1e4 * f64::from(n % 7),
                    colour: n as usize % 5,
                })
                .collect(),
            marks: (0..4)
                .map(|sign| Mark {
                    across: scale * 3.0,
                    up: 1e4,
                    sign,
                })
                .collect(),
        };
        Scatter {
            title: "four clouds".to_owned(),
            colours: (0..5).map(|n| format!("pes {n}..{}", n + 20)).collect(),
            marks: ["least cycles", "least energy", "least edp", "best"]
                .map(str::to_owned)
                .to_vec(),
            panels: [0.3, 100_000.0, 7.0].map(panel).to_vec(),
        }
    }

    #[test]
    fn no_text_overlaps_another_or_leaves_the_picture() {
        let picture = picture();
        let layout = Layout::new(&picture);
        super::super::tests::are_apart(&layout.texts, (layout.width, layout.height));
    }

    /// Dots 3 wide on a plot of 360: those of one place are one, and the least colour is drawn.
    #[test]
    fn dots_of_one_place_are_one() {
        let dot = |across, colour| Dot {
            across,
            up: 1.0,
            colour,
        };
        let picture = Scatter {
            panels: vec![Panel {
                dots: vec![dot(100.0, 1), dot(50.0, 3), dot(50.1, 2)],
                ..Panel::default()
            }],
            ..Scatter::default()
        };
        let svg = scatter(&picture);
        assert_eq!(svg.matches("h3v3h-3z").count(), 2);
        assert!(svg.contains(COLOURS[2]) && !svg.contains(COLOURS[3]));
        assert_eq!(svg, scatter(&picture));
    }

    #[test]
    fn an_empty_picture_is_a_picture() {
        assert!(scatter(&Scatter::default()).ends_with("</svg>\n"));
    }
}
