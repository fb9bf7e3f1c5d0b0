//! The pieces of a sweep on all cores.

use super::answer::Part;
use rayon::prelude::*;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Why a sweep ended before its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop<E> {
    /// Somebody asked for it.
    Asked,
    /// A design cannot be evaluated: nothing is said of the sweep.
    Failed(E),
}

/// What a sweep is about, cut into pieces.
pub trait Evaluator: Sync {
    /// Why a piece has no result.
    type Error: Send;

    /// The same for equal sweeps, whatever the machine.
    fn pieces(&self) -> u64;

    /// The designs of one piece. Of equal pieces equal parts.
    ///
    /// # Errors
    /// [`Stop::Failed`] where a design cannot be evaluated, [`Stop::Asked`] when `stop` was set.
    fn piece(&self, piece: u64, stop: &AtomicBool) -> Result<Part, Stop<Self::Error>>;
}

/// Whether all pieces that were asked for are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<E> {
    Complete,
    Stopped,
    /// The failure of the first piece of those that failed.
    Failed(E),
}

/// Evaluates these pieces; `done` is told of each, one at a time, in no order, and `false` of it ends the run.
pub fn run<T: Evaluator>(
    evaluator: &T,
    pieces: &[u64],
    stop: &AtomicBool,
    done: &mut (dyn FnMut(u64, Part) -> bool + Send),
) -> Outcome<T::Error> {
    let done = Mutex::new(done);
    let failed: Mutex<Option<(u64, T::Error)>> = Mutex::new(None);
    let broken = AtomicBool::new(false);
    // One after the other: a piece that is late must not hold back those behind it.
    pieces.par_iter().with_max_len(1).for_each(|&piece| {
        if stop.load(Ordering::Relaxed) || broken.load(Ordering::Relaxed) {
            return;
        }
        match evaluator.piece(piece, stop) {
            Ok(part) => {
                let Ok(mut done) = done.lock() else { return };
                if !done(piece, part) {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            Err(Stop::Asked) => stop.store(true, Ordering::Relaxed),
            Err(Stop::Failed(error)) => {
                broken.store(true, Ordering::Relaxed);
                let Ok(mut failed) = failed.lock() else {
                    return;
                };
                if failed.as_ref().is_none_or(|known| piece < known.0) {
                    *failed = Some((piece, error));
                }
            }
        }
    });
    match failed.into_inner().ok().flatten() {
        Some((_, error)) => Outcome::Failed(error),
        None if stop.load(Ordering::Relaxed) => Outcome::Stopped,
        None => Outcome::Complete,
    }
}
