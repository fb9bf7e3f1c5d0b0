//! Bar charts: groups of bars beside each other, each bar of one or more parts on top of each other.
//!
//! A table of penalties of five schedules on five networks becomes five groups of five bars, with the networks' names below, a legend above, and every
//! value over its bar. The picture is as wide as its labels need, so that none overlaps another.

use super::{Align, COLOURS, LINE, MARGIN, Text, begin, fill, step, ticks, width};
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

const BAR: f64 = 18.0;
const GAP: f64 = 22.0;
const PLOT: f64 = 240.0;

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
    /// Samples of the legend: left, top, colour, shade.
    samples: Vec<(f64, f64, usize, f64)>,
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
        let ticks = ticks(most, step);
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
        let mut entries: Vec<(&str, usize, f64)> = chart
            .series
            .iter()
            .enumerate()
            .map(|(place, name)| (name.as_str(), place, 1.0))
            .collect();
        let grey = COLOURS.len() - 1;
        entries.extend(
            chart
                .parts
                .iter()
                .enumerate()
                .map(|(place, name)| (name.as_str(), grey, shade(place, chart.parts.len()))),
        );
        let (mut x, mut y) = (self.left, top);
        for (name, colour, shade) in entries {
            let room = 16.0 + width(name) + 14.0;
            if x > self.left && x + room > self.width - MARGIN {
                (x, y) = (self.left, y + LINE + 2.0);
            }
            self.width = self.width.max(x + room + MARGIN);
            self.samples.push((x, y + 3.0, colour, shade));
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
        self.texts
            .push(Text::flat(content, (left, top), align, class));
    }

    /// A text that reads upward from the lower end of its box.
    fn upright(&mut self, content: &str, left: f64, top: f64, class: &'static str) {
        self.texts.push(Text::upright(content, (left, top), class));
    }
}

/// How dark a part is: of several the last one is full.
fn shade(place: usize, parts: usize) -> f64 {
    match parts {
        0 | 1 => 1.0,
        _ => 0.3 + 0.7 * place as f64 / (parts - 1) as f64,
    }
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
    let w = layout.width;
    begin(out, (w, layout.height), &chart.title)?;
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
    for (x, y, colour, shade) in &layout.samples {
        writeln!(
            out,
            r#"<rect x="{x:.1}" y="{y:.1}" width="11" height="11" {}/>"#,
            fill(*colour, *shade)
        )?;
    }
    for text in &layout.texts {
        text.write(out)?;
    }
    writeln!(out, "</svg>")
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
                let fill = fill(place, shade(part, parts.len()));
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
        super::super::tests::are_apart(&layout.texts, (layout.width, layout.height));
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
}
