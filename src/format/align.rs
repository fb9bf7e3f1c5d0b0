//! Columns: what the author lined up over several lines stays lined up.
//!
//! ```text
//! Memory DRAM { Bandwidth: 1GB/s }        // off the chip
//! Array  PE   { Shape: [12, 14] }         // rows x columns
//! ```
//!
//! A line is parts; between two parts a column may begin: before a name and a brace at the start of a line,
//! between statements of the same kinds, and before a comment at the end. Neighbouring lines with the same kind
//! of gap at the same place are lined up if the author left two blanks or more in at least one of these gaps,
//! and not at all otherwise. An empty line parts what is lined up; a line that is only a comment does not.
//!
//! Formatting again changes nothing: lined up gaps are wide in some line unless all parts end in one column,
//! and then one blank everywhere says the same.

/// One line of a block, or several if a part of it is a block of several lines.
#[derive(Debug, Default)]
pub struct Line {
    /// Whether an empty line stands before it.
    pub apart: bool,
    pub parts: Vec<Part>,
    /// Whether it is a comment and nothing else.
    pub is_comment: bool,
}

#[derive(Debug)]
pub struct Part {
    pub text: String,
    /// What lies between the part before and this one; of the first part, nothing.
    pub gap: Gap,
    /// Whether the author left two blanks or more before it.
    pub wide: bool,
    /// Blanks before it.
    pub blanks: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Between `Array` and `PE`.
    Name,
    /// Before the `{` of the first statement of a line.
    Brace,
    /// Between two statements; the words that they begin with.
    Statement(String, String),
    /// Before the comment that ends a line.
    Comment,
}

impl Gap {
    /// Blanks in a column's widest line.
    fn least(&self) -> usize {
        match self {
            Gap::Name | Gap::Brace => 1,
            Gap::Statement(..) => 2,
            Gap::Comment => 3,
        }
    }
}

impl Part {
    pub fn new(text: String, gap: Gap, wide: bool) -> Part {
        Part {
            text,
            gap,
            wide,
            blanks: 1,
        }
    }
}

impl Line {
    /// Characters up to the end of part `index`, if these parts are all on one line.
    fn end(&self, index: usize) -> Option<usize> {
        let mut column = 0;
        for (at, part) in self.parts.get(..=index)?.iter().enumerate() {
            if part.text.contains('\n') {
                return None;
            }
            column += part.text.chars().count() + if at > 0 { part.blanks } else { 0 };
        }
        Some(column)
    }

    /// Characters of its first line without a comment at its end.
    pub fn width(&self) -> usize {
        let mut column = 0;
        let last = self.comment().unwrap_or(self.parts.len());
        for (at, part) in self.parts.iter().take(last).enumerate() {
            column += if at > 0 { part.blanks } else { 0 };
            let first = part.text.split('\n').next().unwrap_or_default();
            column += first.chars().count();
            if part.text.contains('\n') {
                break;
            }
        }
        column
    }

    fn has_gap(&self, index: usize, gap: &Gap) -> bool {
        self.parts.get(index).is_some_and(|part| part.gap == *gap)
    }

    fn comment(&self) -> Option<usize> {
        let last = self.parts.len().checked_sub(1)?;
        (last > 0 && self.has_gap(last, &Gap::Comment)).then_some(last)
    }
}

/// Lines up the columns of a block whose lines may have `width` characters.
pub fn align(lines: &mut [Line], width: usize) {
    let columns = lines.iter().map(|line| line.parts.len()).max().unwrap_or(0);
    for column in 1..columns {
        align_runs(lines, width, |line| {
            let gap = line.parts.get(column).map(|part| part.gap.clone());
            Some((column, gap.filter(|gap| *gap != Gap::Comment)?))
        });
    }
    align_runs(lines, width, |line| Some((line.comment()?, Gap::Comment)));
}

/// Lines up what `place` names (an index of a part and its gap), run by run.
fn align_runs(lines: &mut [Line], width: usize, place: impl Fn(&Line) -> Option<(usize, Gap)>) {
    let mut run: Vec<(usize, usize)> = Vec::new();
    let mut kind: Option<Gap> = None;
    for index in 0..lines.len() {
        let Some(line) = lines.get(index) else {
            break;
        };
        let here = place(line).filter(|(part, _)| {
            part.checked_sub(1)
                .is_some_and(|before| line.end(before).is_some())
        });
        let goes_on = !line.apart && here.as_ref().map(|(_, gap)| gap) == kind.as_ref();
        if line.is_comment && !line.apart {
            continue;
        }
        if !goes_on {
            align_run(lines, &run, width);
            run.clear();
            kind = None;
        }
        if let Some((part, gap)) = here {
            run.push((index, part));
            kind = Some(gap);
        }
    }
    align_run(lines, &run, width);
}

/// Lines up the given parts of the given lines, if one of them stands apart and all of them fit.
fn align_run(lines: &mut [Line], run: &[(usize, usize)], width: usize) {
    let part = |lines: &[Line], &(line, part): &(usize, usize)| -> Option<(usize, bool, usize)> {
        let line = lines.get(line)?;
        let own = line.parts.get(part)?;
        let end = line.end(part.checked_sub(1)?)?;
        Some((end, own.wide, own.gap.least()))
    };
    let parts: Vec<(usize, bool, usize)> =
        run.iter().filter_map(|place| part(lines, place)).collect();
    if parts.len() != run.len() || !parts.iter().any(|&(_, wide, _)| wide) {
        return;
    }
    let column = parts.iter().map(|&(end, _, least)| end + least).max();
    let Some(column) = column else {
        return;
    };
    set(lines, run, |end| column.saturating_sub(end));
    let too_wide =
        |&(line, _): &(usize, usize)| lines.get(line).is_some_and(|line| line.width() > width);
    if run.iter().any(too_wide) {
        set(lines, run, |_| 1);
    }
}

/// Gives every part of a run as many blanks as follow from where the part before it ends.
fn set(lines: &mut [Line], run: &[(usize, usize)], blanks: impl Fn(usize) -> usize) {
    for &(line, part) in run {
        if let Some(line) = lines.get_mut(line)
            && let Some(end) = part.checked_sub(1).and_then(|before| line.end(before))
            && let Some(part) = line.parts.get_mut(part)
        {
            part.blanks = blanks(end);
        }
    }
}
