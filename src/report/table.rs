//! Columns of text.

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
    pub(super) fn write(&self, out: &mut String, indent: &str, left: &[usize]) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                self.rows
                    .iter()
                    .filter_map(|row| row.get(column))
                    .map(|cell| cell.chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1));
        for (index, row) in self.rows.iter().enumerate() {
            let total = self.last_is_total && index + 1 == self.rows.len();
            if index == 1 || total {
                line(out, indent, &rule);
            }
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .enumerate()
                .map(|(column, (cell, &width))| {
                    if left.contains(&column) {
                        format!("{cell:<width$}")
                    } else {
                        format!("{cell:>width$}")
                    }
                })
                .collect();
            line(out, indent, &cells.join("  "));
        }
    }
}

/// One line without trailing blanks.
pub(super) fn line(out: &mut String, indent: &str, text: &str) {
    let text = text.trim_end();
    if !text.is_empty() {
        out.push_str(indent);
        out.push_str(text);
    }
    out.push('\n');
}
