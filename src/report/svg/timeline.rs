//! Tiles over time: a row per PE or memory, a column per step, a bar per tensor.
//!
//! What is new in a step is full, what was there before is pale, side by side in the part of the bar that it takes; the
//! tile stands on it as far as there is room.

use super::{Align, LINE, MARGIN, Text, begin, fill, width};
use std::fmt::Write;

/// A picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timeline {
    pub title: String,
    /// What the colours mean, in their order.
    pub colours: Vec<String>,
    pub rows: Vec<String>,
    pub columns: Vec<String>,
    pub bars: Vec<TimelineBar>,
}

/// What one row has of one colour in one column.
#[derive(Debug, Clone, PartialEq)]
pub struct TimelineBar {
    pub row: usize,
    pub column: usize,
    pub colour: usize,
    pub text: String,
    /// The part that is new, from 0 to 1.
    pub new: f64,
}

/// The picture fits a page of 800 pixels.
const PAGE: f64 = 800.0;
const BAR: f64 = LINE + 1.0;
const GAP: f64 = 5.0;

/// The picture of the tiles as SVG.
#[must_use]
pub fn timeline(of: &Timeline) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = draw(of, &mut out);
    out
}

fn draw(of: &Timeline, out: &mut String) -> std::fmt::Result {
    let names = of.rows.iter().map(|row| width(row));
    let left = MARGIN + names.fold(0.0, f64::max) + GAP;
    let top = MARGIN + 3.0 * LINE;
    let column = (PAGE - left - MARGIN) / of.columns.len().max(1) as f64;
    // The colours that a row has, in their order.
    let used: Vec<Vec<usize>> = (0..of.rows.len())
        .map(|row| {
            let own = of.bars.iter().filter(|bar| bar.row == row);
            let mut colours: Vec<usize> = own.map(|bar| bar.colour).collect();
            colours.sort_unstable();
            colours.dedup();
            colours
        })
        .collect();
    let mut tops = Vec::new();
    let mut y = top;
    for colours in &used {
        tops.push(y);
        y += colours.len().max(1) as f64 * BAR + GAP;
    }
    begin(out, (PAGE, y + MARGIN), &of.title)?;
    let mut texts = vec![Text::flat(
        &of.title,
        (MARGIN, MARGIN),
        Align::Start,
        "title",
    )];
    let mut x = MARGIN;
    for (number, name) in of.colours.iter().enumerate() {
        let fill = fill(number, 1.0);
        let at = MARGIN + LINE + 3.0;
        writeln!(
            out,
            r#"<rect x="{x:.1}" y="{at:.1}" width="11" height="11" {fill}/>"#
        )?;
        texts.push(Text::flat(
            name,
            (x + 15.0, MARGIN + LINE),
            Align::Start,
            "label",
        ));
        x += 15.0 + width(name) + 3.0 * GAP;
    }
    let legend = "full: new in the step, pale: kept";
    texts.push(Text::flat(
        legend,
        (x, MARGIN + LINE),
        Align::Start,
        "label",
    ));
    for (number, name) in of.columns.iter().enumerate() {
        let x = left + number as f64 * column;
        let shown = cut(name, column - GAP);
        texts.push(Text::flat(&shown, (x, top - LINE), Align::Start, "label"));
        writeln!(
            out,
            r#"<line class="line" x1="{:.1}" y1="{top:.1}" x2="{:.1}" y2="{y:.1}"/>"#,
            x - GAP / 2.0,
            x - GAP / 2.0
        )?;
    }
    for (name, at) in of.rows.iter().zip(&tops) {
        texts.push(Text::flat(name, (MARGIN, *at), Align::Start, "label"));
    }
    for bar in &of.bars {
        let (Some(row), Some(colours)) = (tops.get(bar.row), used.get(bar.row)) else {
            continue;
        };
        let line = colours.iter().position(|&colour| colour == bar.colour);
        let (x, y) = (
            left + bar.column as f64 * column,
            row + line.unwrap_or(0) as f64 * BAR,
        );
        let whole = column - GAP;
        let new = whole * bar.new.clamp(0.0, 1.0);
        for (from, length, shade) in [(x, new, 0.75), (x + new, whole - new, 0.25)] {
            if length > 0.0 {
                let fill = fill(bar.colour, shade);
                writeln!(
                    out,
                    r#"<rect x="{from:.1}" y="{y:.1}" width="{length:.1}" height="{LINE:.1}" {fill}/>"#
                )?;
            }
        }
        texts.push(Text::flat(
            &cut(&bar.text, whole - 2.0),
            (x + 2.0, y),
            Align::Start,
            "label",
        ));
    }
    for text in &texts {
        text.write(out)?;
    }
    writeln!(out, "</svg>")
}

/// As much of a text as there is room for.
fn cut(text: &str, room: f64) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let letters = (room / width("x")).floor() as usize;
    let begun: String = text.chars().take(letters.saturating_sub(1)).collect();
    if letters < 2 {
        return String::new();
    }
    format!("{begun}\u{2026}")
}
