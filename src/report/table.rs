//! Pages of text: lines and tables that fit a width.
//!
//! Problem: a table of a network with fused groups has names of 130 characters, one of its tensors twelve columns; on 120
//! columns both break in the middle of a row. A line that is too long goes on in the next one, two blanks further in. A
//! table that is too wide becomes narrower in this order, and no further than it has to:
//!
//! 1. headings take several lines,
//! 2. columns are one blank apart instead of two,
//! 3. a last column of words goes on in further lines,
//! 4. names are shortened in the middle (`conv1_1 + c…v3_1`), the longest first,
//! 5. columns that still do not fit stand in a table below, beside the same names.
//!
//! Numbers are never cut.

use crate::base::harmless::harmless_lines;

/// Names are not shortened to less.
const SHORTEST_NAME: usize = 12;
/// Words at the end of a row get at least that much.
const NARROWEST_WORDS: usize = 24;

/// A text under construction, and how wide it may be.
pub(super) struct Page {
    text: String,
    width: usize,
}

impl Page {
    pub(super) fn new(width: usize) -> Page {
        Page {
            text: String::new(),
            width,
        }
    }

    /// The text; names and descriptions in it are of the file.
    pub(super) fn finish(self) -> String {
        harmless_lines(&self.text).into_owned()
    }
}

/// One line without trailing blanks, or several when it is too long.
pub(super) fn line(out: &mut Page, indent: &str, text: &str) {
    let deeper = format!("{indent}  ");
    let room = out.width.saturating_sub(length(indent));
    for (at, part) in wrapped(text, room, room.saturating_sub(2))
        .into_iter()
        .enumerate()
    {
        verbatim(out, if at == 0 { indent } else { &deeper }, part);
    }
}

/// One line as it is, whatever its length: program text.
pub(super) fn verbatim(out: &mut Page, indent: &str, text: &str) {
    let text = text.trim_end();
    if !text.is_empty() {
        out.text.push_str(indent);
        out.text.push_str(text);
    }
    out.text.push('\n');
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// A text broken at blanks into a first line of at most `first` characters and others of at most `others`; a word that
/// is longer is not broken.
fn wrapped(text: &str, first: usize, others: usize) -> Vec<&str> {
    let mut rest = text.trim_end();
    let mut lines = Vec::new();
    let mut room = first;
    while length(rest) > room {
        // Blanks at the beginning are a part of the line.
        let start = rest.len() - rest.trim_start().len();
        let blanks = rest.char_indices().enumerate();
        let blanks = blanks.filter(|(_, (byte, c))| *c == ' ' && *byte > start);
        let mut broken = None;
        for (column, (byte, _)) in blanks {
            if column > room && broken.is_some() {
                break;
            }
            broken = Some(byte);
            if column > room {
                break;
            }
        }
        let Some(at) = broken else {
            break;
        };
        let (line, more) = rest.split_at(at);
        lines.push(line.trim_end());
        rest = more.trim_start();
        room = others;
    }
    lines.push(rest);
    lines
}

/// The two ends of a text that is too long.
fn shortened(text: &str, width: usize) -> String {
    let all = length(text);
    if all <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let end = kept / 2;
    let begin = text.chars().take(kept - end);
    let end = text.chars().skip(all - end);
    begin.chain(['…']).chain(end).collect()
}

/// A table: the first row is the header.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
    last_is_total: bool,
}

impl Table {
    /// A table whose last row is parted from the others by a rule.
    pub(super) fn with_total() -> Table {
        Table {
            last_is_total: true,
            ..Table::default()
        }
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Columns named in `left` are flush left, the others right; no line ends in blanks.
    pub(super) fn write(&self, out: &mut Page, indent: &str, left: &[usize]) {
        let room = out.width.saturating_sub(length(indent));
        for (at, part) in self.parts(left, room).iter().enumerate() {
            if at > 0 {
                line(out, "", "");
            }
            part.write(out, indent);
        }
    }

    /// The table, or its columns over several ones that each begin with the names.
    fn parts<'a>(&'a self, left: &'a [usize], room: usize) -> Vec<Columns<'a>> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let whole = Columns::fitting(self, (0..columns).collect(), left, room);
        let names = (0..columns)
            .take_while(|column| left.contains(column))
            .count();
        if whole.total() <= room || names == columns {
            return vec![whole];
        }
        let mut parts: Vec<Columns<'a>> = Vec::new();
        for column in names..columns {
            if let Some(last) = parts.last_mut() {
                let mut more = last.chosen.clone();
                more.push(column);
                let wider = Columns::fitting(self, more, left, room);
                if wider.total() <= room {
                    *last = wider;
                    continue;
                }
            }
            let chosen = (0..names).chain([column]).collect();
            parts.push(Columns::fitting(self, chosen, left, room));
        }
        parts
    }
}

/// Some columns of a table, and how wide each is.
struct Columns<'a> {
    table: &'a Table,
    chosen: Vec<usize>,
    widths: Vec<usize>,
    left: &'a [usize],
    gap: usize,
}

impl<'a> Columns<'a> {
    fn fitting(
        table: &'a Table,
        chosen: Vec<usize>,
        left: &'a [usize],
        room: usize,
    ) -> Columns<'a> {
        let mut columns = Columns {
            table,
            chosen,
            widths: Vec::new(),
            left,
            gap: 2,
        };
        let widest = |column: usize| columns.longest(column, 0, length);
        columns.widths = columns
            .chosen
            .iter()
            .map(|&column| widest(column))
            .collect();
        if columns.total() > room {
            columns.narrow_headings();
        }
        if columns.total() > room {
            columns.gap = 1;
        }
        if columns.total() > room {
            columns.narrow_words(room);
        }
        if columns.total() > room {
            columns.shorten_names(room);
        }
        columns
    }

    /// The largest measure of the cells of a column, from row `first` on.
    fn longest(&self, column: usize, first: usize, of: impl Fn(&str) -> usize) -> usize {
        let rows = self.table.rows.iter().skip(first);
        let cells = rows.filter_map(|row| row.get(column));
        cells.map(|cell| of(cell)).max().unwrap_or(0)
    }

    fn heading(&self, column: usize) -> &'a str {
        let cell = self.table.rows.first().and_then(|row| row.get(column));
        cell.map_or("", String::as_str)
    }

    fn total(&self) -> usize {
        let gaps = self.gap * self.widths.len().saturating_sub(1);
        self.widths.iter().sum::<usize>() + gaps
    }

    fn narrow_headings(&mut self) {
        for at in 0..self.chosen.len() {
            let column = self.chosen[at];
            let cells = self.longest(column, 1, length);
            self.widths[at] = cells.max(longest_word(self.heading(column)));
        }
    }

    /// Whether the column is the last one and of words.
    fn goes_on(&self, column: usize) -> bool {
        self.chosen.last() == Some(&column) && column > 0 && self.left.contains(&column)
    }

    fn narrow_words(&mut self, room: usize) {
        let Some(&column) = self.chosen.last().filter(|column| self.goes_on(**column)) else {
            return;
        };
        let least = self.longest(column, 0, longest_word).max(NARROWEST_WORDS);
        let over = self.total().saturating_sub(room);
        if let Some(width) = self.widths.last_mut() {
            *width = width.saturating_sub(over).max(least).min(*width);
        }
    }

    /// The longest column of names first, to the length of the next one, and so on.
    fn shorten_names(&mut self, room: usize) {
        let least = |at: usize| SHORTEST_NAME.max(longest_word(self.heading(self.chosen[at])));
        let names: Vec<(usize, usize)> = (0..self.chosen.len())
            .filter(|&at| self.left.contains(&self.chosen[at]) && !self.goes_on(self.chosen[at]))
            .map(|at| (at, least(at)))
            .collect();
        loop {
            let over = self.total().saturating_sub(room);
            let longest = names.iter().filter(|(at, least)| self.widths[*at] > *least);
            let longest = longest.max_by_key(|(at, _)| self.widths[*at]);
            let (Some(&(at, least)), 1..) = (longest, over) else {
                return;
            };
            let own = self.widths[at];
            let others = names.iter().map(|(at, _)| self.widths[*at]);
            let next = others.filter(|&width| width < own).max().unwrap_or(0);
            self.widths[at] = own.saturating_sub(over).max(next).max(least).min(own - 1);
        }
    }

    fn write(&self, out: &mut Page, indent: &str) {
        let rule = "-".repeat(self.total());
        for (index, row) in self.table.rows.iter().enumerate() {
            let total = self.table.last_is_total && index + 1 == self.table.rows.len();
            if index == 1 || total {
                verbatim(out, indent, &rule);
            }
            self.write_row(out, indent, row, index == 0);
        }
    }

    fn write_row(&self, out: &mut Page, indent: &str, row: &[String], heading: bool) {
        let cells: Vec<Vec<String>> = self
            .chosen
            .iter()
            .zip(&self.widths)
            .filter_map(|(&column, &width)| Some((column, width, row.get(column)?)))
            .map(|(column, width, cell)| {
                if heading || self.goes_on(column) {
                    let lines = wrapped(cell, width, width);
                    lines.into_iter().map(str::to_owned).collect()
                } else if self.left.contains(&column) {
                    vec![shortened(cell, width)]
                } else {
                    vec![cell.clone()]
                }
            })
            .collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(1);
        for at in 0..height {
            let mut text = Vec::with_capacity(cells.len());
            for ((&column, &width), cell) in self.chosen.iter().zip(&self.widths).zip(&cells) {
                // Headings stand on the rule.
                let above = if heading { height - cell.len() } else { 0 };
                let part = at.checked_sub(above).and_then(|at| cell.get(at));
                let part = part.map_or("", String::as_str);
                text.push(if self.left.contains(&column) {
                    format!("{part:<width$}")
                } else {
                    format!("{part:>width$}")
                });
            }
            verbatim(out, indent, &text.join(&" ".repeat(self.gap)));
        }
    }
}

fn longest_word(text: &str) -> usize {
    text.split(' ').map(length).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(width: usize, left: &[usize], rows: &[&[&str]]) -> Vec<String> {
        let mut table = Table::default();
        for row in rows {
            table.row(row.iter().map(|&cell| cell.to_owned()).collect());
        }
        let mut page = Page::new(width);
        table.write(&mut page, "", left);
        page.finish().lines().map(str::to_owned).collect()
    }

    const ROWS: &[&[&str]] = &[
        &["tensor name", "first fetch", "window [B]", "decided by"],
        &["stage.expand.Input", "1,024", "3,584", "the weights of GLB"],
    ];

    #[test]
    fn what_fits_is_left_alone() {
        let lines = written(69, &[0, 3], ROWS);
        assert_eq!(
            lines,
            [
                "tensor name         first fetch  window [B]  decided by",
                "---------------------------------------------------------------",
                "stage.expand.Input        1,024       3,584  the weights of GLB",
            ]
        );
    }

    /// The steps one after another: each width is the narrowest of its step.
    #[test]
    fn steps_in_their_order() {
        // Headings: 18 + 5 + 6 + 18 and three gaps of two.
        assert_eq!(
            written(53, &[0, 3], ROWS),
            [
                "                    first  window",
                "tensor name         fetch     [B]  decided by",
                "-----------------------------------------------------",
                "stage.expand.Input  1,024   3,584  the weights of GLB",
            ]
        );
        assert_eq!(
            written(50, &[0, 3], ROWS)[3],
            "stage.expand.Input 1,024  3,584 the weights of GLB"
        );
        // The words at the end are short already; the name is not.
        assert_eq!(
            written(46, &[0, 3], ROWS)[3],
            "stage.e….Input 1,024  3,584 the weights of GLB"
        );
        // No name gets shorter than twelve: two tables, each with the names.
        let parts = written(26, &[0], ROWS);
        assert!(parts.iter().all(|line| length(line) <= 33), "{parts:#?}");
        let named = parts.iter().filter(|line| line.contains("stage."));
        assert_eq!(named.count(), 2);
        let numbers = ["1,024", "3,584", "the weights of GLB"];
        for number in numbers {
            assert!(parts.iter().any(|line| line.contains(number)));
        }
    }

    #[test]
    fn words_at_the_end_go_on() {
        let rows: &[&[&str]] = &[
            &["n", "because"],
            &["1", "every element is read by the one after it in the row"],
        ];
        assert_eq!(
            written(30, &[1], rows),
            [
                "n because",
                "------------------------------",
                "1 every element is read by the",
                "  one after it in the row",
            ]
        );
    }

    #[test]
    fn long_lines_go_on() {
        let mut page = Page::new(20);
        line(&mut page, "  ", "one two three four five six");
        line(&mut page, "", "a/path/that/has/no/blank/in/it");
        line(&mut page, "", "");
        assert_eq!(
            page.finish(),
            "  one two three four\n    five six\na/path/that/has/no/blank/in/it\n\n"
        );
    }
}
