//! Which statements share a line.
//!
//! * A block stands on one line if the author had it on one and it fits. `Dimensions` and other short lists of a
//!   layer do whenever they fit. A line comment, a layer or a fused group in a block make it tall.
//! * In a tall block the author's lines stay: statements that shared a line still do as long as they fit, what
//!   does not fit goes on to the next line, and a statement with a tall block has its lines for itself.
//! * A block that the author had on one line, and that cannot stay there, gets one statement per line.
//! * Empty lines stay, one at a time, but not at the ends of a block.
//!
//! Every rule looks only at what it leaves alone (which tokens there are, which of them begin a line, where one
//! line is empty), so that a second run finds everything in place.

use super::align::{Gap, Line, Part, align};
use super::outline::{Block, Element, Sign, Statement, Tail};
use super::pieces::Piece;
use super::spacing::{self, Atom, Wrap};
use super::{CONTINUATION, INDENT, WIDTH};

/// The text of a file.
pub fn file(pieces: &[Piece<'_>], elements: &[Element]) -> String {
    let layout = Layout { pieces };
    let mut out = String::new();
    layout.lines(elements, 0, Mode::Author, &mut out);
    if !out.is_empty() {
        out.push('\n');
    }
    // Lines begin with the end of the one before.
    out.trim_start_matches('\n').to_owned()
}

/// What decides on line ends between the statements of a tall block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// The lines of the source.
    Author,
    /// Every statement has a line.
    Single,
    /// As many statements on a line as fit.
    Fill,
}

struct Layout<'a> {
    pieces: &'a [Piece<'a>],
}

/// The lines of one block while they are made.
struct Lines {
    /// Blanks before each.
    indent: usize,
    done: Vec<Line>,
    /// What may follow on the last line.
    room: Room,
    /// Characters of the last line, without the indent.
    column: usize,
    /// The word that the last statement begins with.
    last_word: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Room {
    Anything,
    Comments,
    Nothing,
}

impl Layout<'_> {
    fn newlines(&self, index: usize) -> u8 {
        self.pieces.get(index).map_or(0, |piece| piece.newlines)
    }

    fn is_wide(&self, index: usize) -> bool {
        self.pieces.get(index).is_some_and(|piece| piece.wide)
    }

    // On one line -------------------------------------------------------------------------------------

    /// The statement on one line, if it can stand there and has at most as many characters as a line.
    fn flat(&self, statement: &Statement, last: bool) -> Option<String> {
        let head = self.pieces.get(statement.head.clone())?;
        if !is_short(head) {
            return None;
        }
        let mut out = spacing::flat(&self.atoms(statement));
        match &statement.tail {
            // A comma behind the last element on a line says nothing.
            Tail::Separator(Some(Sign::Comma)) if last => {}
            Tail::Separator(Some(sign)) => out.push_str(sign.text()),
            Tail::Separator(None) => {}
            Tail::Block(block) => {
                out.push(' ');
                out.push_str(&self.flat_block(block)?);
            }
        }
        Some(out)
    }

    fn flat_block(&self, block: &Block) -> Option<String> {
        let inside = self.pieces.get(block.open..block.close)?;
        if !is_short(inside) || !block.joins && self.is_author_tall(block) {
            return None;
        }
        let mut out = "{ ".to_owned();
        for (index, element) in block.elements.iter().enumerate() {
            match element {
                Element::Comment(comment) => {
                    // It may have stood before the brace.
                    let piece = self
                        .pieces
                        .get(*comment)
                        .filter(|piece| !piece.ends_line())?;
                    out.push_str(&piece.text);
                }
                Element::Statement(statement) if statement.alone => return None,
                Element::Statement(statement) => {
                    let last = index + 1 == block.elements.len();
                    out.push_str(&self.flat(statement, last)?);
                }
            }
            out.push(' ');
        }
        out.push('}');
        Some(out)
    }

    /// Whether the author began a line in the block (not in a block in it).
    fn is_author_tall(&self, block: &Block) -> bool {
        let begins = |element: &Element| match element {
            Element::Comment(index) => *index,
            Element::Statement(statement) => statement.head.start,
        };
        self.newlines(block.close) > 0
            || block
                .elements
                .iter()
                .any(|element| self.newlines(begins(element)) > 0)
    }

    fn atoms(&self, statement: &Statement) -> Vec<Atom<'_>> {
        spacing::atoms(self.pieces, statement.head.clone())
    }

    // On several lines --------------------------------------------------------------------------------

    /// Appends the elements of a tall block or of a file, every line after a line end.
    fn lines<'e>(
        &self,
        elements: impl IntoIterator<Item = &'e Element>,
        level: usize,
        mode: Mode,
        out: &mut String,
    ) {
        let mut lines = Lines::new(level * INDENT);
        // What ends the last statement if the author left it out: what ends the others.
        let mut sign = Sign::Semicolon;
        for element in elements {
            match element {
                Element::Comment(index) => self.comment(*index, &mut lines),
                Element::Statement(statement) => {
                    if let Tail::Separator(Some(own)) = statement.tail {
                        sign = own;
                    }
                    self.statement(statement, sign, level, mode, &mut lines);
                }
            }
        }
        lines.write(out);
    }

    fn comment(&self, index: usize, lines: &mut Lines) {
        let Some(piece) = self.pieces.get(index) else {
            return;
        };
        let stays = piece.newlines == 0
            && lines.room < Room::Nothing
            && (piece.ends_line() || lines.fits(piece.width()));
        if !stays {
            lines.begin(piece.newlines > 1);
        }
        lines.push(Part::new(piece.text.to_string(), Gap::Comment, piece.wide));
        if piece.ends_line() {
            lines.room = Room::Nothing;
        }
    }

    fn statement(
        &self,
        statement: &Statement,
        sign: Sign,
        level: usize,
        mode: Mode,
        lines: &mut Lines,
    ) {
        let newlines = self.newlines(statement.head.start);
        let begins = match mode {
            Mode::Author => newlines > 0,
            Mode::Single => lines.has_statement(),
            Mode::Fill => false,
        };
        let begins =
            begins || lines.room > Room::Anything || statement.alone && lines.has_statement();
        let word = self.word(statement);
        let flat = self.flat(statement, false).map(|mut text| {
            if matches!(statement.tail, Tail::Separator(None)) {
                text.push_str(sign.text());
            }
            text
        });
        match flat {
            Some(text) if !begins && lines.fits(text.chars().count()) => {
                let gap = Gap::Statement(lines.last_word.clone(), word.clone());
                lines.push(Part::new(text, gap, self.is_wide(statement.head.start)));
                lines.room = lines.room.max(room_behind(statement));
            }
            Some(text) if lines.indent + text.chars().count() <= WIDTH => {
                lines.begin(newlines > 1);
                lines.extend(self.parts(statement, &text));
                lines.room = room_behind(statement);
            }
            _ => {
                lines.begin(newlines > 1);
                let text = self.tall(statement, sign, level);
                lines.extend(self.parts(statement, &text));
                lines.room = Room::Comments;
            }
        }
        lines.last_word = word;
    }

    /// What columns are made of when a statement begins a line: kind, name and block of `Memory RF { ... }`.
    fn parts(&self, statement: &Statement, text: &str) -> Vec<Part> {
        let whole = || vec![Part::new(text.to_owned(), Gap::Brace, false)];
        let Tail::Block(block) = &statement.tail else {
            return whole();
        };
        let atoms = self.atoms(statement);
        let second = atoms.iter().skip(1).position(|atom| atom.blank);
        let names = second.map_or(&atoms[..], |at| &atoms[..at + 1]);
        let rest = atoms.get(names.len()..).unwrap_or_default();
        let further = rest.iter().skip(1).any(|atom| atom.blank);
        if further || atoms.iter().any(|atom| atom.piece.is_comment()) {
            return whole();
        }
        let mut parts = vec![Part::new(spacing::flat(names), Gap::Name, false)];
        if !rest.is_empty() {
            let index = statement.head.start + names.len();
            parts.push(Part::new(
                spacing::flat(rest),
                Gap::Name,
                self.is_wide(index),
            ));
        }
        let head: usize = parts.iter().map(|part| part.text.len() + 1).sum();
        let behind = text.get(head..).unwrap_or_default();
        if !behind.starts_with('{') {
            return whole();
        }
        parts.push(Part::new(
            behind.to_owned(),
            Gap::Brace,
            self.is_wide(block.open),
        ));
        parts
    }

    /// The statement on several lines, the first without its indent.
    fn tall(&self, statement: &Statement, sign: Sign, level: usize) -> String {
        let indent = level * INDENT;
        let wrap = Wrap {
            width: WIDTH,
            first: indent,
            others: indent + CONTINUATION,
            suffix: match statement.tail {
                Tail::Block(_) => " {".len(),
                Tail::Separator(_) => sign.text().len(),
            },
        };
        let line_end = format!("\n{}", " ".repeat(wrap.others));
        let mut out = wrap.lines(&self.atoms(statement)).join(&line_end);
        match &statement.tail {
            Tail::Separator(_) => out.push_str(sign.text()),
            Tail::Block(block) => {
                out.push(' ');
                self.tall_block(block, level, &mut out);
            }
        }
        out
    }

    fn tall_block(&self, block: &Block, level: usize, out: &mut String) {
        out.push('{');
        let mut column = out
            .rsplit('\n')
            .next()
            .map_or(0, |line| line.chars().count());
        column += level * INDENT;
        let mut elements = block.elements.as_slice();
        // Comments on the line of the brace.
        while let [Element::Comment(index), rest @ ..] = elements
            && let Some(piece) = self.pieces.get(*index)
            && piece.newlines == 0
            && (piece.ends_line() || column + 1 + piece.width() <= WIDTH)
        {
            out.push(' ');
            out.push_str(&piece.text);
            column += 1 + piece.width();
            elements = rest;
            if piece.ends_line() {
                break;
            }
        }
        let has_comments = block
            .elements
            .iter()
            .any(|element| matches!(element, Element::Comment(_)));
        let mode = match () {
            () if block.joins && !has_comments => Mode::Fill,
            () if self.is_author_tall(block) => Mode::Author,
            () => Mode::Single,
        };
        self.lines(elements, level + 1, mode, out);
        out.push('\n');
        out.push_str(&" ".repeat(level * INDENT));
        out.push('}');
    }

    /// The word that a statement begins with.
    fn word(&self, statement: &Statement) -> String {
        let first = self.pieces.get(statement.head.start);
        first.map_or_else(String::new, |piece| piece.text.to_string())
    }
}

/// Whether a line with nothing but these pieces could be short enough, and none of them ends it.
fn is_short(pieces: &[Piece<'_>]) -> bool {
    let mut width = 0;
    for piece in pieces {
        width += piece.width();
        if width > WIDTH || piece.ends_line() {
            return false;
        }
    }
    true
}

fn room_behind(statement: &Statement) -> Room {
    if statement.alone {
        Room::Comments
    } else {
        Room::Anything
    }
}

impl Lines {
    fn new(indent: usize) -> Lines {
        Lines {
            indent,
            done: Vec::new(),
            room: Room::Nothing,
            column: 0,
            last_word: String::new(),
        }
    }

    /// Whether so many characters fit on the last line, behind a blank.
    fn fits(&self, width: usize) -> bool {
        self.indent + self.column + 1 + width <= WIDTH
    }

    fn has_statement(&self) -> bool {
        self.done.last().is_some_and(|line| !line.is_comment)
    }

    fn begin(&mut self, apart: bool) {
        self.done.push(Line {
            apart: apart && !self.done.is_empty(),
            parts: Vec::new(),
            is_comment: true,
        });
        self.column = 0;
        self.room = Room::Anything;
    }

    fn push(&mut self, part: Part) {
        if let Some(line) = self.done.last_mut() {
            self.column += part.text.chars().count() + usize::from(!line.parts.is_empty());
            line.is_comment &= part.gap == Gap::Comment;
            line.parts.push(part);
        }
    }

    fn extend(&mut self, parts: Vec<Part>) {
        for part in parts {
            self.push(part);
        }
    }

    /// Appends the lines, each after a line end.
    fn write(mut self, out: &mut String) {
        align(&mut self.done, WIDTH.saturating_sub(self.indent));
        for line in &self.done {
            out.push_str(if line.apart { "\n\n" } else { "\n" });
            out.push_str(&" ".repeat(self.indent));
            for (index, part) in line.parts.iter().enumerate() {
                let blanks = if index > 0 { part.blanks } else { 0 };
                out.push_str(&" ".repeat(blanks));
                out.push_str(&part.text);
            }
        }
    }
}
