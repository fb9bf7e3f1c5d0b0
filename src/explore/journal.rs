//! Finished pieces as lines of a text that only grows.
//!
//! ```text
//! {"schema":"dflow.journal/2","exploration":"sizes","source_sha256":"..","sweep_sha256":"..","pieces":29,"designs":70631}
//! 1f0c..8a {"piece":4,"counts":{..},"answers":[..]}
//! ```
//!
//! The first line says what the pieces are of; every other is one piece behind the beginning of its digest. Whoever is
//! killed while he writes leaves half a line at the end, which counts for nothing; a line that is damaged elsewhere, a
//! piece that stands twice with different figures, and a journal of another sweep are refused.
//!
//! Invariant: numbers are kept to the bit, so that a sum that was resumed has the same bytes.

use super::answer::{Answer, Counts, Design, FIGURES, Part};
use super::cloud::Cloud;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The name of this form.
const SCHEMA: &str = "dflow.journal/2";
/// Hexadecimal digits of a digest that stand before a line.
const CHECK: usize = 16;

/// What the pieces of a journal are of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    schema: String,
    pub exploration: String,
    /// Of the texts of the program.
    pub source_sha256: String,
    /// Of the sweep: axes, values, conditions, questions.
    pub sweep_sha256: String,
    /// Into which the sweep is cut.
    pub pieces: u64,
    /// Of the whole sweep.
    pub designs: u64,
}

impl Heading {
    #[must_use]
    pub fn new(
        exploration: String,
        source_sha256: String,
        sweep_sha256: String,
        pieces: u64,
        designs: u64,
    ) -> Heading {
        Heading {
            schema: SCHEMA.to_owned(),
            exploration,
            source_sha256,
            sweep_sha256,
            pieces,
            designs,
        }
    }
}

/// What is wrong with a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// There is no first line, or it is none of a journal.
    NoHeading,
    /// Of another program.
    OtherSource,
    /// Of the same texts, but of another exploration of them or of other settings.
    OtherSweep,
    /// The line of this number is not what was written.
    Damaged(usize),
    /// The piece of this number stands there with different figures.
    Disagrees(u64),
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Flaw::NoHeading => f.write_str("it is not a journal of this version"),
            Flaw::OtherSource => {
                f.write_str("it is of another text: the program was changed since")
            }
            Flaw::OtherSweep => {
                f.write_str("it is of another sweep: another exploration, or other settings")
            }
            Flaw::Damaged(line) => write!(f, "line {line} is damaged"),
            Flaw::Disagrees(piece) => {
                write!(f, "piece {piece} stands there twice with different figures")
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Record {
    piece: u64,
    counts: Counts,
    answers: Vec<AnswerForm>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    clouds: Vec<Cloud>,
}

#[derive(Serialize, Deserialize)]
struct AnswerForm {
    best: Option<DesignForm>,
    worst: Option<DesignForm>,
    front: Vec<DesignForm>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    each: Vec<Option<DesignForm>>,
}

/// The number of a design and the bits of its figures.
#[derive(Serialize, Deserialize)]
struct DesignForm(u64, [u64; FIGURES]);

impl From<&Design> for DesignForm {
    fn from(design: &Design) -> DesignForm {
        DesignForm(design.number, design.figures.map(f64::to_bits))
    }
}

impl From<&DesignForm> for Design {
    fn from(form: &DesignForm) -> Design {
        Design {
            number: form.0,
            figures: form.1.map(f64::from_bits),
        }
    }
}

/// The finished pieces of a sweep.
#[derive(Clone, Debug)]
pub struct Journal {
    pub heading: Heading,
    /// The line of each, without its end.
    lines: BTreeMap<u64, String>,
    parts: BTreeMap<u64, Part>,
}

impl Journal {
    /// Without a piece.
    #[must_use]
    pub fn new(heading: Heading) -> Journal {
        Journal {
            heading,
            lines: BTreeMap::new(),
            parts: BTreeMap::new(),
        }
    }

    /// Reads a journal, and how many bytes of it hold: half a line at the end does not.
    ///
    /// # Errors
    /// The first [`Flaw`].
    pub fn read(text: &str) -> Result<(Journal, usize), Flaw> {
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let mut lines = text.get(..whole).unwrap_or("").lines().enumerate();
        let (_, first) = lines.next().ok_or(Flaw::NoHeading)?;
        let heading: Heading = serde_json::from_str(first).map_err(|_| Flaw::NoHeading)?;
        if heading.schema != SCHEMA {
            return Err(Flaw::NoHeading);
        }
        let mut journal = Journal::new(heading);
        for (at, line) in lines {
            let damaged = Flaw::Damaged(at + 1);
            let (check, record) = line.split_once(' ').ok_or(damaged.clone())?;
            if check != digest(record) {
                return Err(damaged);
            }
            let record: Record = serde_json::from_str(record).map_err(|_| damaged.clone())?;
            if record.piece >= journal.heading.pieces {
                return Err(damaged);
            }
            journal.take(record, line)?;
        }
        Ok((journal, whole))
    }

    /// Whether its pieces are of this sweep.
    ///
    /// # Errors
    /// Of what they are instead.
    pub fn is_of(&self, heading: &Heading) -> Result<(), Flaw> {
        if self.heading.source_sha256 != heading.source_sha256 {
            return Err(Flaw::OtherSource);
        }
        if self.heading != *heading {
            return Err(Flaw::OtherSweep);
        }
        Ok(())
    }

    fn take(&mut self, record: Record, line: &str) -> Result<(), Flaw> {
        if let Some(known) = self.lines.get(&record.piece) {
            return if known == line {
                Ok(())
            } else {
                Err(Flaw::Disagrees(record.piece))
            };
        }
        let answers = record.answers.iter().map(|answer| {
            let each = answer.each.iter();
            Answer::of(
                answer.best.as_ref().map(Design::from),
                answer.worst.as_ref().map(Design::from),
                answer.front.iter().map(Design::from).collect(),
                each.map(|one| one.as_ref().map(Design::from)).collect(),
            )
        });
        let part = Part {
            counts: record.counts,
            answers: answers.collect(),
            clouds: record.clouds,
        };
        self.parts.insert(record.piece, part);
        self.lines.insert(record.piece, line.to_owned());
        Ok(())
    }

    /// Adds a finished piece and returns its line, with its end. `None` if it cannot be written.
    pub fn finish(&mut self, piece: u64, part: Part) -> Option<String> {
        let answers = part.answers.iter().map(|answer| AnswerForm {
            best: answer.best.as_ref().map(DesignForm::from),
            worst: answer.worst.as_ref().map(DesignForm::from),
            front: answer.front.iter().map(DesignForm::from).collect(),
            each: answer
                .each
                .iter()
                .map(|one| one.as_ref().map(DesignForm::from))
                .collect(),
        });
        let record = Record {
            piece,
            counts: part.counts,
            answers: answers.collect(),
            clouds: part.clouds.clone(),
        };
        let record = serde_json::to_string(&record).ok()?;
        let line = format!("{} {record}", digest(&record));
        self.parts.insert(piece, part);
        self.lines.insert(piece, line.clone());
        Some(line + "\n")
    }

    /// Adds the pieces of another journal of the same sweep.
    ///
    /// # Errors
    /// It is of another sweep, or the two disagree.
    pub fn merge(&mut self, other: &Journal) -> Result<(), Flaw> {
        self.is_of(&other.heading)?;
        for (piece, line) in &other.lines {
            match (self.lines.get(piece), other.parts.get(piece)) {
                (Some(known), _) if known != line => return Err(Flaw::Disagrees(*piece)),
                (None, Some(part)) => {
                    self.parts.insert(*piece, part.clone());
                    self.lines.insert(*piece, line.clone());
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The first line, with its end.
    #[must_use]
    pub fn head(&self) -> String {
        serde_json::to_string(&self.heading).unwrap_or_default() + "\n"
    }

    /// The whole text, pieces in their order.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = self.head();
        for line in self.lines.values() {
            let _ = writeln!(out, "{line}");
        }
        out
    }

    /// Pieces that are done, with what they say, in their order.
    #[must_use]
    pub fn parts(&self) -> &BTreeMap<u64, Part> {
        &self.parts
    }
}

fn digest(text: &str) -> String {
    let mut out = String::with_capacity(CHECK);
    for byte in Sha256::digest(text).iter().take(CHECK / 2) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::{Aim, Figure, Question};

    fn question() -> Question {
        Question {
            aims: vec![Aim {
                figures: vec![Figure::Energy],
            }],
            most: Vec::new(),
            least: None,
            classes: None,
            planes: Vec::new(),
        }
    }

    fn part(number: u64) -> Part {
        let mut figures = [f64::NAN; FIGURES];
        // A third has no short decimal form.
        figures[0] = number as f64 / 3.0;
        let mut part = Part::empty(&question());
        part.design(&question(), Design { number, figures });
        part
    }

    fn heading() -> Heading {
        Heading::new("sizes".into(), "aa".into(), "bb".into(), 9, 9)
    }

    fn journal(pieces: &[u64]) -> Journal {
        let mut journal = Journal::new(heading());
        for &piece in pieces {
            journal.finish(piece, part(piece)).unwrap();
        }
        journal
    }

    #[test]
    fn what_is_written_is_read_to_the_bit() {
        let text = journal(&[4, 0, 7]).text();
        let (read, bytes) = Journal::read(&text).unwrap();
        assert_eq!(bytes, text.len());
        assert_eq!(read.text(), text);
        let bits = |part: &Part| part.answers[0].best.unwrap().figures.map(f64::to_bits);
        assert_eq!(bits(&read.parts()[&7]), bits(&part(7)));
    }

    #[test]
    fn every_beginning_is_read_or_has_no_heading() {
        let text = journal(&[1, 2, 3]).text();
        let head = text.find('\n').unwrap() + 1;
        for length in 0..=text.len() {
            match Journal::read(&text[..length]) {
                Ok((read, bytes)) => {
                    assert!(bytes <= length && text[..bytes].ends_with('\n'));
                    assert_eq!(read.parts().len(), text[head..bytes].lines().count());
                }
                Err(flaw) => assert!(length < head && flaw == Flaw::NoHeading, "{length}"),
            }
        }
    }

    #[test]
    fn a_damaged_line_is_refused_wherever_it_is() {
        let text = journal(&[1, 2]).text();
        let head = text.find('\n').unwrap() + 1;
        for at in head..text.len() - 1 {
            let mut bytes = text.clone().into_bytes();
            if bytes[at] == b'\n' {
                continue;
            }
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let damaged = String::from_utf8(bytes).unwrap();
            assert!(Journal::read(&damaged).is_err(), "byte {at}");
        }
    }

    #[test]
    fn journals_merge_in_any_order() {
        let (a, b, c) = (journal(&[1, 5]), journal(&[0, 5]), journal(&[8]));
        let joined = |order: [&Journal; 3]| {
            let mut all = order[0].clone();
            all.merge(order[1]).unwrap();
            all.merge(order[2]).unwrap();
            all.text()
        };
        assert_eq!(joined([&a, &b, &c]), joined([&c, &b, &a]));
        let mut other = heading();
        other.sweep_sha256 = "cc".into();
        let other = Journal::new(other);
        assert_eq!(a.clone().merge(&other), Err(Flaw::OtherSweep));
        let mut wrong = Journal::new(heading());
        wrong.finish(5, part(6)).unwrap();
        assert_eq!(a.clone().merge(&wrong), Err(Flaw::Disagrees(5)));
    }
}
