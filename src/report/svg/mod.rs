//! Pictures of reports as SVG.
//!
//! Problem: a table of five dataflows on two layers, or of a hundred thousand designs, is read better as a picture; and a
//! picture with two labels on top of each other is not read at all. So texts are measured by an upper bound of the width of
//! a character before anything is placed. Colours are told apart by people who see fewer of them (Okabe and Ito), on
//! white and on black; viewers that know the reader's preference show the dark form.
//!
//! The same picture is always the same bytes.

mod bars;
mod scatter;
mod timeline;

pub use bars::{Bar, BarChart, BarGroup, Height, bar_chart};
pub use scatter::{Dot, Mark, Panel, Scatter, scatter};
pub use timeline::{Timeline, TimelineBar, timeline};

use std::fmt::Write;

const MARGIN: f64 = 14.0;
const SIZE: f64 = 11.0;
const LINE: f64 = 16.0;
/// Okabe and Ito's colours without yellow, which is lost on white.
const COLOURS: [&str; 7] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#888888",
];

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

impl Text {
    /// Its box begins at `at`, left and top.
    fn flat(content: &str, at: (f64, f64), align: Align, class: &'static str) -> Text {
        Text {
            content: content.to_owned(),
            left: at.0,
            top: at.1,
            width: width(content),
            height: LINE,
            upright: false,
            align,
            class,
        }
    }

    /// Reads upward from the lower end of its box.
    fn upright(content: &str, at: (f64, f64), class: &'static str) -> Text {
        Text {
            content: content.to_owned(),
            left: at.0,
            top: at.1,
            width: LINE,
            height: width(content),
            upright: true,
            align: Align::Start,
            class,
        }
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        if self.content.is_empty() {
            return Ok(());
        }
        let (class, content) = (self.class, escaped(&self.content));
        // The base line lies a quarter of the size above the lower edge of the box.
        if self.upright {
            let (x, y) = (self.left + LINE - 0.33 * LINE, self.top + self.height);
            return writeln!(
                out,
                r#"<text class="{class}" transform="translate({x:.1} {y:.1}) rotate(-90)">{content}</text>"#
            );
        }
        let (x, y) = (self.left, self.top + LINE - 0.33 * LINE);
        let (x, anchor) = match self.align {
            Align::Start => (x, ""),
            Align::Middle => (x + self.width / 2.0, r#" text-anchor="middle""#),
            Align::End => (x + self.width, r#" text-anchor="end""#),
        };
        writeln!(
            out,
            r#"<text class="{class}" x="{x:.1}" y="{y:.1}"{anchor}>{content}</text>"#
        )
    }
}

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

/// The beginning of a picture: its size, its title, its styles and its ground.
fn begin(out: &mut String, (w, h): (f64, f64), title: &str) -> std::fmt::Result {
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w:.1} {h:.1}" width="{w:.1}" height="{h:.1}" role="img">"#
    )?;
    writeln!(out, "<title>{}</title>", escaped(title))?;
    writeln!(
        out,
        "<style>\n\
         text {{ font: {SIZE}px sans-serif; fill: #222222; }}\n\
         .title {{ font-weight: bold; }}\n\
         .ground {{ fill: #ffffff; }}\n\
         .line {{ stroke: #cccccc; }}\n\
         .axis {{ stroke: #555555; }}\n\
         .mark {{ stroke: #222222; fill: none; stroke-width: 2; }}\n\
         @media (prefers-color-scheme: dark) {{\n\
         text {{ fill: #eeeeee; }}\n\
         .ground {{ fill: #111111; }}\n\
         .line {{ stroke: #444444; }}\n\
         .axis {{ stroke: #bbbbbb; }}\n\
         .mark {{ stroke: #eeeeee; }}\n\
         }}\n\
         </style>"
    )?;
    writeln!(
        out,
        r#"<rect class="ground" width="{w:.1}" height="{h:.1}"/>"#
    )
}

fn fill(colour: usize, shade: f64) -> String {
    let colour = COLOURS[colour % COLOURS.len()];
    if shade < 1.0 {
        format!(r#"fill="{colour}" fill-opacity="{shade:.2}""#)
    } else {
        format!(r#"fill="{colour}""#)
    }
}

/// The numbers beside an axis up to `most`, one `step` apart.
fn ticks(most: f64, step: f64) -> Vec<(f64, String)> {
    (0..=(most / step).round() as u32)
        .map(|tick| {
            let value = f64::from(tick) * step;
            let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
            (value, format!("{value:.digits$}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No text overlaps another or leaves the picture.
    pub(super) fn are_apart(texts: &[Text], (w, h): (f64, f64)) {
        for (i, a) in texts.iter().enumerate() {
            assert!(a.left >= 0.0 && a.top >= 0.0, "{a:?}");
            assert!(
                a.left + a.width <= w && a.top + a.height <= h,
                "{a:?} in {w} x {h}"
            );
            for b in &texts[i + 1..] {
                let apart = a.left + a.width <= b.left + 0.01
                    || b.left + b.width <= a.left + 0.01
                    || a.top + a.height <= b.top + 0.01
                    || b.top + b.height <= a.top + 0.01;
                assert!(apart, "{a:?} overlaps {b:?}");
            }
        }
    }

    #[test]
    fn steps_are_round() {
        assert_eq!(
            [490.0, 5.0, 0.9, 1.0, 26.0].map(step),
            [100.0, 1.0, 0.2, 0.2, 10.0]
        );
    }
}
