//! Bar charts as SVG: groups of bars beside each other, each bar of one or more parts on top of each other.
//!
//! A table of penalties of five schedules on five networks becomes five groups of five bars, with the networks' names below, a legend above, and every
//! value over its bar. The picture is as wide as its labels need, so that none overlaps another: texts are measured by an upper bound of the width of a
//! character before anything is placed. Colours are told apart by people who see fewer of them (Okabe and Ito), on white and on black; viewers
//! that know the reader's preference show the dark form.
//!
//! The same chart is always the same bytes.

use std::fmt::Write;

/// A chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BarChart {
    pub title: String,
    /// What the bars measure, with its unit.
    pub axis: String,
    /// Names of the bars of a group, in their order.
    pub series: Vec<String>,
    /// Names of the parts of a bar, from the bottom; empty where bars have one part.
    pub parts: Vec<String>,
    pub groups: Vec<BarGroup>,
}

/// Bars beside each other under one label.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BarGroup {
    pub label: String,
    /// One per series; `None` leaves its place empty.
    pub bars: Vec<Option<Bar>>,
}

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub height: Height,
    /// What stands over it.
    pub label: String,
}

/// How high a bar is.
#[derive(Debug, Clone, PartialEq)]
pub enum Height {
    /// Its parts, from the bottom; negative or undefined ones count as zero.
    Parts(Vec<f64>),
    /// Without bound: drawn to the top and open there.
    Unbounded,
}

/// A text and the room it takes, for placing and for the test that no two overlap.
#[derive(Debug, Clone, PartialEq)]
struct Text {
    content: String,
    /// The box that it lies in.
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    /// Reads upward.
    upright: bool,
    align: Align,
    class: &'static str,
}

/// Where a text stands in its box if it is narrower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Align {
    Start,
    Middle,
    End,
}

const BAR: f64 = 18.0;
const GAP: f64 = 22.0;
const PLOT: f64 = 240.0;
const MARGIN: f64 = 14.0;
const SIZE: f64 = 11.0;
const LINE: f64 = 16.0;
/// Okabe and Ito's colours without yellow, which is lost on white.
const COLOURS: [&str; 7] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#888888",
];

/// No character of the fonts in use is wider than this part of their size, but for a few capitals that the sum makes up for.
fn width(text: &str) -> f64 {
    0.62 * SIZE * text.chars().count() as f64
}

/// The least round number (1, 2 or 5 times a power of ten) so that five steps reach a value.
fn step(highest: f64) -> f64 {
    let rough = highest / 5.0;
    let power = 10_f64.powf(rough.log10().floor());
    for factor in [1.0, 2.0, 5.0] {
        if factor * power >= rough * (1.0 - 1e-9) {
            return factor * power;
        }
    }
    10.0 * power
}

impl Bar {
    fn total(&self) -> f64 {
        match &self.height {
            Height::Parts(parts) => parts
                .iter()
                .filter(|part| part.is_finite())
                .map(|part| part.max(0.0))
                .sum(),
            Height::Unbounded => 0.0,
        }
    }
}

/// Everything with its place.
struct Layout {
    width: f64,
    height: f64,
    /// The plot's edges.
    left: f64,
    top: f64,
    bottom: f64,
    /// Value at the plot's top, and distance of its lines.
    most: f64,
    step: f64,
    texts: Vec<Text>,
    /// Samples of the legend: left, top, colour, whether it is the light shade.
    samples: Vec<(f64, f64, usize, bool)>,
    /// Left edges of the groups' bars.
    groups: Vec<f64>,
}

impl Layout {
    fn new(chart: &BarChart) -> Self {
        let bars = || {
            chart
                .groups
                .iter()
                .flat_map(|group| group.bars.iter().flatten())
        };
        let highest = bars().map(Bar::total).fold(0.0, f64::max);
        let step = if highest > 0.0 { step(highest) } else { 1.0 };
        let most = (highest / step).ceil().max(1.0) * step;
        let ticks: Vec<(f64, String)> = (0..=(most / step).round() as u32)
            .map(|tick| {
                let value = f64::from(tick) * step;
                let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
                (value, format!("{value:.digits$}"))
            })
            .collect();
        // The axis label reads upward, left of the numbers.
        let numbers = ticks
            .iter()
            .map(|(_, text)| width(text))
            .fold(0.0, f64::max);
        let left = MARGIN + LINE + numbers + 8.0;
        let mut groups = Vec::new();
        let mut at = left + GAP / 2.0;
        for group in &chart.groups {
            let bars = BAR * chart.series.len().max(1) as f64;
            let room = bars.max(width(&group.label));
            groups.push(at + (room - bars) / 2.0);
            at += room + GAP;
        }
        let width_of_plot = (at - GAP / 2.0).max(left + 120.0);
        let mut layout = Self {
            width: width_of_plot.max(left + width(&chart.title)) + MARGIN,
            height: 0.0,
            left,
            top: 0.0,
            bottom: 0.0,
            most,
            step,
            texts: Vec::new(),
            samples: Vec::new(),
            groups,
        };
        let mut y = MARGIN;
        layout.text(&chart.title, left, y, Align::Start, "title");
        y += LINE + 4.0;
        y = layout.legend(chart, y);
        // Values stand upright over their bars; those of high bars reach past the top of the plot.
        let plot = PLOT.max(width(&chart.axis));
        let past = |bar: &Bar| {
            let below = match bar.height {
                Height::Unbounded => 0.0,
                Height::Parts(_) => plot * (1.0 - bar.total() / most),
            };
            width(&bar.label) + 3.0 - below
        };
        layout.top = y + bars().map(past).fold(0.0, f64::max) + 10.0;
        layout.bottom = layout.top + plot;
        for (value, text) in ticks {
            let line = layout.height_of(value);
            layout.text(
                &text,
                left - 6.0 - width(&text),
                line - LINE / 2.0,
                Align::End,
                "number",
            );
        }
        let length = width(&chart.axis);
        let middle = (layout.top + layout.bottom) / 2.0;
        layout.upright(&chart.axis, MARGIN, middle - length / 2.0, "number");
        for (group, &start) in chart.groups.iter().zip(&layout.groups.clone()) {
            let middle = start + BAR * chart.series.len().max(1) as f64 / 2.0;
            layout.text(
                &group.label,
                middle - width(&group.label) / 2.0,
                layout.bottom + 4.0,
                Align::Middle,
                "name",
            );
            for (place, bar) in group.bars.iter().enumerate().take(chart.series.len()) {
                let Some(bar) = bar else { continue };
                let top = if bar.height == Height::Unbounded {
                    layout.top
                } else {
                    layout.height_of(bar.total())
                };
                let x = start + BAR * place as f64 + (BAR - LINE) / 2.0;
                layout.upright(&bar.label, x, top - 3.0 - width(&bar.label), "value");
            }
        }
        layout.height = layout.bottom + 4.0 + LINE + MARGIN;
        layout
    }

    /// Places the legend in as many lines as it needs, and says where it ends.
    fn legend(&mut self, chart: &BarChart, top: f64) -> f64 {
        let mut entries: Vec<(&str, usize, bool)> = chart
            .series
            .iter()
            .enumerate()
            .map(|(place, name)| (name.as_str(), place, false))
            .collect();
        let grey = COLOURS.len() - 1;
        entries.extend(
            chart
                .parts
                .iter()
                .enumerate()
                .map(|(place, name)| (name.as_str(), grey, light(place, chart.parts.len()))),
        );
        let (mut x, mut y) = (self.left, top);
        for (name, colour, light) in entries {
            let room = 16.0 + width(name) + 14.0;
            if x > self.left && x + room > self.width - MARGIN {
                (x, y) = (self.left, y + LINE + 2.0);
            }
            self.width = self.width.max(x + room + MARGIN);
            self.samples.push((x, y + 3.0, colour, light));
            self.text(name, x + 16.0, y, Align::Start, "name");
            x += room;
        }
        y + LINE
    }

    fn height_of(&self, value: f64) -> f64 {
        self.bottom - (self.bottom - self.top) * (value / self.most).min(1.0)
    }

    /// A text whose box begins at `left`.
    fn text(&mut self, content: &str, left: f64, top: f64, align: Align, class: &'static str) {
        let (content, width) = (content.to_owned(), width(content));
        self.texts.push(Text {
            content,
            left,
            top,
            width,
            height: LINE,
            upright: false,
            align,
            class,
        });
    }

    /// A text that reads upward from the lower end of its box.
    fn upright(&mut self, content: &str, left: f64, top: f64, class: &'static str) {
        let (content, height) = (content.to_owned(), width(content));
        self.texts.push(Text {
            content,
            left,
            top,
            width: LINE,
            height,
            upright: true,
            align: Align::Start,
            class,
        });
    }
}

/// Of several parts all but the last are light.
fn light(place: usize, parts: usize) -> bool {
    place + 1 < parts
}

/// Text of an element: no markup, no control characters.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Draws a chart.
#[must_use]
pub fn bar_chart(chart: &BarChart) -> String {
    let layout = Layout::new(chart);
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = draw(chart, &layout, &mut out);
    out
}

fn draw(chart: &BarChart, layout: &Layout, out: &mut String) -> std::fmt::Result {
    let (w, h) = (layout.width, layout.height);
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w:.1} {h:.1}" width="{w:.1}" height="{h:.1}" role="img">"#
    )?;
    writeln!(out, "<title>{}</title>", escaped(&chart.title))?;
    writeln!(
        out,
        "<style>\n\
         text {{ font: {SIZE}px sans-serif; fill: #222222; }}\n\
         .title {{ font-weight: bold; }}\n\
         .ground {{ fill: #ffffff; }}\n\
         .line {{ stroke: #cccccc; }}\n\
         .axis {{ stroke: #555555; }}\n\
         @media (prefers-color-scheme: dark) {{\n\
         text {{ fill: #eeeeee; }}\n\
         .ground {{ fill: #111111; }}\n\
         .line {{ stroke: #444444; }}\n\
         .axis {{ stroke: #bbbbbb; }}\n\
         }}\n\
         </style>"
    )?;
    writeln!(
        out,
        r#"<rect class="ground" width="{w:.1}" height="{h:.1}"/>"#
    )?;
    let right = w - MARGIN;
    let mut value = 0.0;
    while value <= layout.most * (1.0 + 1e-9) {
        let y = layout.height_of(value);
        let class = if value == 0.0 { "axis" } else { "line" };
        writeln!(
            out,
            r#"<line class="{class}" x1="{:.1}" y1="{y:.1}" x2="{right:.1}" y2="{y:.1}"/>"#,
            layout.left
        )?;
        value += layout.step;
    }
    for (group, start) in chart.groups.iter().zip(&layout.groups) {
        for (place, bar) in group.bars.iter().enumerate().take(chart.series.len()) {
            if let Some(bar) = bar {
                draw_bar(layout, bar, start + BAR * place as f64, place, out)?;
            }
        }
    }
    for (x, y, colour, light) in &layout.samples {
        writeln!(
            out,
            r#"<rect x="{x:.1}" y="{y:.1}" width="11" height="11" {}/>"#,
            fill(*colour, *light)
        )?;
    }
    for text in &layout.texts {
        if text.content.is_empty() {
            continue;
        }
        let (class, content) = (text.class, escaped(&text.content));
        // The base line lies a quarter of the size above the lower edge of the box.
        if text.upright {
            let (x, y) = (text.left + LINE - 0.33 * LINE, text.top + text.height);
            writeln!(
                out,
                r#"<text class="{class}" transform="translate({x:.1} {y:.1}) rotate(-90)">{content}</text>"#
            )?;
        } else {
            let (x, y) = (text.left, text.top + LINE - 0.33 * LINE);
            let (x, anchor) = match text.align {
                Align::Start => (x, ""),
                Align::Middle => (x + text.width / 2.0, r#" text-anchor="middle""#),
                Align::End => (x + text.width, r#" text-anchor="end""#),
            };
            writeln!(
                out,
                r#"<text class="{class}" x="{x:.1}" y="{y:.1}"{anchor}>{content}</text>"#
            )?;
        }
    }
    writeln!(out, "</svg>")
}

fn fill(colour: usize, light: bool) -> String {
    let colour = COLOURS[colour % COLOURS.len()];
    let opacity = if light { r#" fill-opacity="0.45""# } else { "" };
    format!(r#"fill="{colour}"{opacity}"#)
}

fn draw_bar(
    layout: &Layout,
    bar: &Bar,
    x: f64,
    place: usize,
    out: &mut String,
) -> std::fmt::Result {
    let (x, width) = (x + 1.5, BAR - 3.0);
    match &bar.height {
        Height::Unbounded => {
            // Open at the top: an outline of dashes without a lid.
            let colour = COLOURS[place % COLOURS.len()];
            let (left, right, top, bottom) = (x + 1.0, x + width - 1.0, layout.top, layout.bottom);
            writeln!(
                out,
                r#"<path d="M{left:.1} {top:.1}V{bottom:.1}H{right:.1}V{top:.1}" fill="none" stroke="{colour}" stroke-dasharray="4 3"/>"#
            )
        }
        Height::Parts(parts) => {
            let mut sum = 0.0;
            for (part, value) in parts.iter().enumerate() {
                let value = if value.is_finite() {
                    value.max(0.0)
                } else {
                    0.0
                };
                let (lower, upper) = (layout.height_of(sum), layout.height_of(sum + value));
                sum += value;
                let fill = fill(place, light(part, parts.len()));
                writeln!(
                    out,
                    r#"<rect x="{x:.1}" y="{upper:.1}" width="{width:.1}" height="{:.1}" {fill}/>"#,
                    lower - upper
                )?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> BarChart {
        let bar = |value: f64| {
            Some(Bar {
                height: Height::Parts(vec![value / 4.0, value]),
                label: format!("{value:.1}"),
            })
        };
        let open = Some(Bar {
            height: Height::Unbounded,
            label: "no bound".to_owned(),
        });
        BarChart {
            title: "Penalty of one schedule for all layers".to_owned(),
            axis: "penalty in ED (%)".to_owned(),
            series: ["XYZiZo", "XZiYZo", "XYZoZi"].map(str::to_owned).to_vec(),
            parts: ["SRAM", "DRAM"].map(str::to_owned).to_vec(),
            groups: vec![
                BarGroup {
                    label: "a network with a name that is wider than its bars".to_owned(),
                    bars: vec![bar(12.0), bar(490.7), open],
                },
                BarGroup {
                    label: "b & <c>".to_owned(),
                    bars: vec![bar(0.0), None, bar(f64::NAN)],
                },
            ],
        }
    }

    #[test]
    fn no_text_overlaps_another_or_leaves_the_picture() {
        let layout = Layout::new(&chart());
        for (i, a) in layout.texts.iter().enumerate() {
            assert!(a.left >= 0.0 && a.top >= 0.0, "{a:?}");
            assert!(
                a.left + a.width <= layout.width && a.top + a.height <= layout.height,
                "{a:?}"
            );
            for b in &layout.texts[i + 1..] {
                let apart = a.left + a.width <= b.left + 0.01
                    || b.left + b.width <= a.left + 0.01
                    || a.top + a.height <= b.top + 0.01
                    || b.top + b.height <= a.top + 0.01;
                assert!(apart, "{a:?} overlaps {b:?}");
            }
        }
    }

    #[test]
    fn markup_in_names_is_text() {
        let svg = bar_chart(&chart());
        assert!(svg.contains("b &amp; &lt;c&gt;") && !svg.contains("<c>"));
        assert_eq!(svg, bar_chart(&chart()));
    }

    /// Six bars with two parts each but one open and one absent: 8 rectangles, and 5 samples, and the ground.
    #[test]
    fn every_part_is_drawn() {
        let svg = bar_chart(&chart());
        assert_eq!(svg.matches("<rect").count(), 8 + 5 + 1);
        assert_eq!(svg.matches("<path").count(), 1);
    }

    #[test]
    fn an_empty_chart_is_a_picture() {
        assert!(bar_chart(&BarChart::default()).ends_with("</svg>\n"));
    }

    #[test]
    fn steps_are_round() {
        assert_eq!(
            [490.0, 5.0, 0.9, 1.0, 26.0].map(step),
            [100.0, 1.0, 0.2, 0.2, 10.0]
        );
    }
}
