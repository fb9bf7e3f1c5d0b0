//! How much work a part of a program may cost, and how work is given up.
//!
//! Problem: a text of 1 kB can describe 2^24 instances, or a group whose steps follow no pattern. What an analysis of
//! it costs is seen only while it is done. So whoever starts an analysis opens an allowance with [`within`], and the
//! loops inside it [`spend`] what they do, in units of one window, instance, piece or cell that is looked at (some
//! 20 to 100 ns). When nothing is left every further `spend` fails, the analysis ends as it ends at any other limit,
//! and the caller learns that it did from the [`Outcome`]. A [`Stop`] ends it the same way from outside, such as when
//! an editor has changed the text meanwhile.
//!
//! Units are counted, not seconds: the same text gets the same answer on every machine.
//!
//! The allowance belongs to the thread, for as long as the closure of `within` runs: hundreds of functions between the
//! command and the innermost loop would have to hand it on. Outside of any allowance `spend` never fails.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

// Allowances.

/// The verdict on one layer, and again its counts: half a second or less, and some seconds where the steps of a thousand
/// PEs are executed one by one, which costs more than the units that are counted for it.
pub const LAYER: u64 = 1 << 22;
/// The verdict on one fused group with its counts, and again each of its estimates.
pub const GROUP: u64 = 1 << 22;
/// What helps with a mistake that is found already: how often it happens, which numbers would do. A mistake is reported
/// with the same code and place without it.
pub const ADVICE: u64 = 1 << 18;
/// All changed programs that are evaluated to say what would help one layer: what two of its evaluations may cost, and
/// more than a hundred do.
pub const ADVISED: u64 = 1 << 23;
/// The same while an editor waits for the text about one layer: some dozens of evaluations, or a handful where steps are
/// executed one by one.
pub const ADVISED_AT_ONCE: u64 = 1 << 19;
/// The sizes of the tiles of one layer, that an editor shows beside its loops.
pub const TILES: u64 = 1 << 20;
/// All layers and groups of one run. Each has its own limit; this one is for thousands of them in one text, and some
/// hundred times what the largest network of the library costs.
pub const RUN: u64 = 1 << 28;

// What one analysis may have of something: it bounds memory, and says so before the allowance is spent.

/// Windows that are visited to decide whether every point is performed once; some 100 ns each. Beyond, single points are
/// looked up.
pub const COVER_WINDOWS: u64 = 2_000_000;
/// Windows that are entered to look up one point. A point lies in few of them, unless windows overlap wildly.
pub const LOOKED_UP_WINDOWS: u32 = 50_000;
/// States that are visited to measure one tile whose loops follow no pattern.
pub const TILE_STATES: u64 = 1 << 18;
/// Windows of one loop that are measured one by one where padding is cut off.
pub const CLIPPED_WINDOWS: u64 = 4096;
/// As [`COVER_WINDOWS`] for a repair that is tried: less, as it is a courtesy.
pub const REPAIR_WINDOWS: u64 = 100_000;
/// Repairs that are tried for one mistake.
pub const REPAIRS: usize = 64;
/// Kinds of steps of a fused group: more are no kinds but the steps themselves.
pub const GRID_CELLS: u128 = 1 << 22;
/// Sizes that are looked up for all kinds of steps of a fused group together, some ns each.
pub const GRID_SIZES: u128 = 1 << 25;
/// Steps at which it is looked how much a fused group holds, of loops that belong together.
pub const LIVE_STEPS: usize = 1 << 20;
/// Boxes of one tensor of a fused group; a regular one has a handful.
pub const TERMS: usize = 256;
/// Runs of trips with like sets, of one dimension along one loop; a regular one has a handful.
pub const TABLE_PIECES: usize = 1 << 13;
/// Steps times PEs that are executed one by one where sums follow no pattern: some 100 ns each.
pub const EXECUTED_STEPS: u64 = 1 << 24;
/// Runs of elements of one tensor that an execution keeps apart: it has a few words for each.
pub const EXECUTED_ELEMENTS: usize = 1 << 21;
/// Kinds of windows of one group of dimensions, and instances that differ in them: a few hundred bytes each.
pub const GROUP_STATES: u64 = 1 << 16;
/// Instances that are listed for all transitions of one group of dimensions, where they are not alike.
pub const LISTED_INSTANCES: usize = 1 << 20;
/// Combinations of kinds of steps that are timed: some 100 ns and some words each.
pub const REGIONS: usize = 1 << 22;
/// Instances of all windows of a group of dimensions that follows no pattern.
pub const WALKED_INSTANCES: u64 = 1 << 19;
/// Points times lanes of one step that are looked at one by one.
pub const LEAF_ISSUES: u64 = 1 << 20;
/// Runs of elements that one set of a tensor may have.
pub const SET_PIECES: u64 = 1 << 16;
/// Shapes of the tiles of one fused layer that are evaluated; more than a few dozen come from no program that means
/// something.
pub const TILE_SHAPES: usize = 2048;

/// Layers of a group that is searched: which of the maps between them are refetched is tried in all ways.
pub const SEARCHED_LAYERS: usize = 12;
/// Tensors of a group that is searched; a set of them is a word.
pub const SEARCHED_TENSORS: usize = 64;
/// Steps that loops of 1 over the ranks of one layer that move together would make, in a group that is searched.
pub const SEARCHED_STEPS: u64 = 1 << 17;
/// Steps that such a search remembers of all layers, for each group of ranks: some 200 bytes each.
pub const REMEMBERED_STEPS: usize = 1 << 21;

/// A report that is read again, to be compared: some thousand bytes for each of the most layers of a network.
pub const REPORT_BYTES: usize = 1 << 26;

/// Units between two looks at a [`Stop`]: well below a millisecond.
const UNITS_PER_LOOK: u64 = 1 << 10;

/// Ends analyses from outside, from any thread.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whatever runs under it ends soon.
    pub fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// What is started from now on runs again.
    pub fn clear(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// Whether it is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// How the work of an allowance ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By itself.
    Finished,
    /// It cost more than it was allowed: what it says is "so far".
    Exhausted,
    /// It was stopped from outside: it says nothing.
    Stopped,
}

/// There is no allowance left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent;

/// The allowance of this thread.
struct Meter {
    left: Cell<u64>,
    /// Until the next look at `stop`.
    unseen: Cell<u64>,
    outcome: Cell<Outcome>,
    stop: RefCell<Option<Stop>>,
}

thread_local! {
    static METER: Meter = const {
        Meter {
            left: Cell::new(u64::MAX),
            unseen: Cell::new(0),
            outcome: Cell::new(Outcome::Finished),
            stop: RefCell::new(None),
        }
    };
}

/// Puts the allowance around back, also when the work inside panics.
struct Around {
    left: u64,
    outcome: Outcome,
    /// What the inner work began with.
    began: u64,
    stop: Option<Option<Stop>>,
}

impl Drop for Around {
    fn drop(&mut self) {
        METER.with(|meter| {
            let used = self.began - meter.left.get().min(self.began);
            let around = if self.left == u64::MAX { 0 } else { used };
            meter.left.set(self.left - around.min(self.left));
            // Whoever is around is stopped too, but not poorer than by what was used.
            if meter.outcome.get() != Outcome::Stopped || self.stop.is_some() {
                meter.outcome.set(self.outcome);
            }
            if let Some(stop) = self.stop.take() {
                meter.stop.replace(stop);
            }
        });
    }
}

/// Runs `work` with at most `units`, and no more than the allowance around it has left; ended early by `stop`, or by
/// that of the allowance around it. Returns also how it ended, and the units that it used.
pub fn within<R>(units: u64, stop: Option<&Stop>, work: impl FnOnce() -> R) -> (R, Outcome, u64) {
    let around = METER.with(|meter| {
        let around = Around {
            left: meter.left.get(),
            outcome: meter.outcome.get(),
            began: meter.left.get().min(units),
            stop: stop.map(|stop| meter.stop.replace(Some(stop.clone()))),
        };
        meter.left.set(around.began);
        meter.unseen.set(0);
        if around.outcome != Outcome::Stopped || stop.is_some() {
            meter.outcome.set(Outcome::Finished);
        }
        around
    });
    let result = work();
    let (outcome, left) = METER.with(|meter| (meter.outcome.get(), meter.left.get()));
    let used = around.began - left.min(around.began);
    drop(around);
    (result, outcome, used)
}

/// Takes so many units from the allowance.
///
/// # Errors
/// [`Spent`], when it has fewer left or was stopped; and from then on always.
#[inline]
pub fn spend(units: u64) -> Result<(), Spent> {
    METER.with(|meter| {
        let left = meter.left.get();
        if left == u64::MAX {
            return Ok(());
        }
        let unseen = meter.unseen.get();
        if units <= left && units < unseen {
            meter.left.set(left - units);
            meter.unseen.set(unseen - units);
            return Ok(());
        }
        meter.look(left, units)
    })
}

/// Whether the work was stopped from outside: then what it found says nothing.
#[must_use]
pub fn is_stopped() -> bool {
    METER.with(|meter| meter.outcome.get() == Outcome::Stopped)
}

/// Whether the allowance is spent, or was stopped.
#[must_use]
pub fn is_spent() -> bool {
    METER.with(|meter| meter.outcome.get() != Outcome::Finished)
}

impl Meter {
    /// The rare part of [`spend`].
    #[cold]
    fn look(&self, left: u64, units: u64) -> Result<(), Spent> {
        self.unseen.set(UNITS_PER_LOOK);
        if self.outcome.get() == Outcome::Finished {
            let stopped = self.stop.borrow().as_ref().is_some_and(Stop::is_set);
            if stopped {
                self.outcome.set(Outcome::Stopped);
            } else if units > left {
                self.outcome.set(Outcome::Exhausted);
            } else {
                self.left.set(left - units);
                return Ok(());
            }
        }
        self.left.set(0);
        self.unseen.set(0);
        Err(Spent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used_up(most: u64) -> u64 {
        (0..most).take_while(|_| spend(1).is_ok()).count() as u64
    }

    #[test]
    fn an_allowance_ends_and_the_one_around_pays() {
        assert_eq!(used_up(10_000), 10_000);
        let (inner, outcome, used) = within(5_000, None, || {
            let (first, outcome, used) = within(3_000, None, || used_up(9_000));
            assert_eq!((first, outcome, used), (3_000, Outcome::Exhausted, 3_000));
            assert!(!is_spent());
            // A mean part cannot be cut: what does not fit is refused, and all after it.
            assert!(spend(2_001).is_err() && spend(1).is_err() && is_spent());
            first
        });
        assert_eq!((inner, outcome, used), (3_000, Outcome::Exhausted, 5_000));
        assert_eq!(used_up(10_000), 10_000);
        let (_, outcome, used) = within(100, None, || within(50, None, || used_up(10)).0);
        assert_eq!((outcome, used), (Outcome::Finished, 10));
    }

    #[test]
    fn a_stop_reaches_all_that_runs_under_it() {
        let stop = Stop::default();
        let (_, outcome, _) = within(1 << 40, Some(&stop), || {
            let (done, outcome, _) = within(1 << 30, None, || {
                assert_eq!(used_up(100), 100);
                stop.set();
                used_up(1 << 20)
            });
            assert!(done <= UNITS_PER_LOOK);
            assert_eq!(outcome, Outcome::Stopped);
            assert!(is_spent() && spend(1).is_err());
        });
        assert_eq!(outcome, Outcome::Stopped);
        stop.clear();
        let (done, outcome, _) = within(1 << 20, Some(&stop), || used_up(100_000));
        assert_eq!((done, outcome), (100_000, Outcome::Finished));
        let panicked = std::panic::catch_unwind(|| within(10, None, || panic!("inside")));
        assert!(panicked.is_err());
        assert_eq!(used_up(1000), 1000);
    }
}
