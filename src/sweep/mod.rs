//! The explorations of a program: from `Explore sizes { ... }` to the best designs as reports.
//!
//! Problem: `explore` knows points by number and asks what each costs. Here a resolved exploration becomes such a
//! question ([`Sweep`]): its grid, what is minimised, and who evaluates a design: any model with dataflows ([`counted`]),
//! or the optimizer of a model that has one ([`dmazerunner`], [`deepopt`]). What was found becomes reports with the
//! values of the parameters ([`report()`]).
//!
//! Invariants: a design is the accelerator that the program has with these arguments, no other; what needs no evaluation
//! (the area) is looked at first; equal programs and explorations have equal digests.

mod built;
mod counted;
mod deepopt;
mod design;
mod dmazerunner;
mod explain;
mod picture;
mod prepare;
mod rates;
mod report;
mod rows;
mod searched;
mod sizes;
mod uses;

pub use explain::explain;
pub use picture::picture;
pub use prepare::{Sweep, check, prepare};
pub use report::report;

use crate::diag::Diagnostics;
use crate::explore::{self, Evaluator, Outcome, Part, Stop};
use std::sync::atomic::AtomicBool;

/// Pieces of a sweep at most: a journal keeps what each of them says.
const MOST_PIECES: u64 = 1 << 16;

/// What ends a sweep.
type Refused = Stop<Diagnostics>;

/// All designs of a sweep, without a journal.
///
/// # Errors
/// Why a design cannot be evaluated.
pub fn whole(sweep: &Sweep<'_>) -> Result<Part, Diagnostics> {
    let pieces: Vec<u64> = (0..sweep.pieces()).collect();
    let mut parts: Vec<(u64, Part)> = Vec::with_capacity(pieces.len());
    let stop = AtomicBool::new(false);
    let outcome = explore::run(sweep, &pieces, &stop, &mut |piece, part| {
        parts.push((piece, part));
        true
    });
    if let Outcome::Failed(refused) = outcome {
        return Err(refused);
    }
    parts.sort_by_key(|one| one.0);
    let mut whole = Part::empty(&sweep.question);
    for (_, part) in &parts {
        whole.add(&sweep.question, part);
    }
    Ok(whole)
}

/// Who evaluates the designs of a sweep.
enum Engine<'a> {
    Counted(Box<counted::Counted<'a>>),
    DMazeRunner(dmazerunner::Optimizer<'a>),
    DeepOpt(Box<deepopt::Allocation<'a>>),
    Searched(Box<searched::Searched<'a>>),
}

impl Evaluator for Sweep<'_> {
    type Error = Diagnostics;

    fn pieces(&self) -> u64 {
        match &self.engine {
            Engine::Counted(engine) => engine.pieces(self),
            Engine::DMazeRunner(_) => dmazerunner::pieces(&self.grid),
            Engine::DeepOpt(engine) => engine.pieces(),
            Engine::Searched(_) => self.grid.points().min(MOST_PIECES),
        }
    }

    fn piece(&self, piece: u64, stop: &AtomicBool) -> Result<Part, Refused> {
        match &self.engine {
            Engine::Counted(engine) => engine.piece(self, piece, stop),
            Engine::DMazeRunner(engine) => engine.piece(self, piece, stop),
            Engine::DeepOpt(engine) => engine.piece(self, piece),
            Engine::Searched(engine) => engine.piece(self, piece, stop),
        }
    }
}
